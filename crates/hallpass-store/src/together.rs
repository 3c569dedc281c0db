//! What is read in one question where a database can.

use hallpass_core::record::{ConsentRecord, FoundCode, SessionRecord};
use hallpass_types::{ClientId, Code, GrantId, IssuerId, Key, Session, Timestamp, TokenId};

use crate::{Standing, Store, StoreError, UserRecord};

/// A code with those who decide about it.
#[derive(Clone, Debug, PartialEq)]
pub struct CodeWithUser {
    /// The code, spent or not.
    pub code: FoundCode,
    /// The user whom it was for.
    pub user: Option<UserRecord>,
    /// Whether the session is there that its grant ends with; true when it ends with none.
    pub session_alive: bool,
}

/// A session with its user and with what the user allowed a client.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionWithUser {
    /// The session.
    pub session: SessionRecord,
    /// Its user.
    pub user: Option<UserRecord>,
    /// Remembered consent, if a client was named.
    pub consent: Option<ConsentRecord>,
}

pub(crate) async fn code<S: Store + ?Sized>(
    store: &S,
    issuer: IssuerId,
    key: Key<Code>,
) -> Result<Option<CodeWithUser>, StoreError> {
    let Some(code) = store.code(issuer, key).await? else {
        return Ok(None);
    };
    let grant = &code.record.grant;
    let user = store.user(issuer, &grant.subject).await?;
    let session_alive = match grant.session {
        Some(session) if grant.session_bound => store.session(issuer, session).await?.is_some(),
        Some(_) | None => true,
    };
    Ok(Some(CodeWithUser {
        code,
        user,
        session_alive,
    }))
}

pub(crate) async fn standing<S: Store + ?Sized>(
    store: &S,
    issuer: IssuerId,
    grant: Option<GrantId>,
    token: TokenId,
    expires_at: Timestamp,
) -> Result<(Standing, Option<UserRecord>), StoreError> {
    let standing = store.standing(issuer, grant, token, expires_at).await?;
    let user = match &standing.grant {
        Some(found) => store.user(issuer, &found.record.subject).await?,
        None => None,
    };
    Ok((standing, user))
}

pub(crate) async fn session<S: Store + ?Sized>(
    store: &S,
    issuer: IssuerId,
    key: Key<Session>,
    client: Option<&ClientId>,
) -> Result<Option<SessionWithUser>, StoreError> {
    let Some(session) = store.session(issuer, key).await? else {
        return Ok(None);
    };
    let user = store.user(issuer, &session.subject).await?;
    let consent = match client {
        Some(client) => store.consent(issuer, &session.subject, client).await?,
        None => None,
    };
    Ok(Some(SessionWithUser {
        session,
        user,
        consent,
    }))
}
