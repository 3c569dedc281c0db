//! What decides about a token, read together. While the first statement stands on its row, all of them read the same moment and
//! the file is locked once.

use hallpass_store::{CodeWithUser, SessionWithUser, Standing, UserRecord};
use hallpass_types::{ClientId, Code, GrantId, IssuerId, Key, Session, Timestamp, TokenId};
use rusqlite::Connection;

use crate::{
    people,
    read::{self, Read},
};

pub(crate) fn code(
    db: &Connection,
    issuer: IssuerId,
    key: Key<Code>,
) -> Read<Option<CodeWithUser>> {
    read::code_and(db, issuer, key, |code| {
        let grant = &code.record.grant;
        let user = read::user(db, issuer, &grant.subject)?;
        let session_alive = people::is_session_alive(db, issuer, grant)?;
        Ok(CodeWithUser {
            code,
            user,
            session_alive,
        })
    })
}

pub(crate) fn standing(
    db: &Connection,
    issuer: IssuerId,
    grant: Option<GrantId>,
    token: TokenId,
    expires_at: Timestamp,
) -> Read<(Standing, Option<UserRecord>)> {
    read::standing_and(db, issuer, (grant, token, expires_at), |standing| {
        let user = match &standing.grant {
            Some(found) => read::user(db, issuer, &found.record.subject)?,
            None => None,
        };
        Ok((standing, user))
    })
}

pub(crate) fn session(
    db: &Connection,
    issuer: IssuerId,
    key: Key<Session>,
    client: Option<&ClientId>,
) -> Read<Option<SessionWithUser>> {
    people::session_and(db, issuer, key, |session| {
        let user = read::user(db, issuer, &session.subject)?;
        let consent = match client {
            Some(client) => read::consent(db, issuer, &session.subject, client)?,
            None => None,
        };
        Ok(SessionWithUser {
            session,
            user,
            consent,
        })
    })
}
