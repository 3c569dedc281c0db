//! Questions that are answered together: those of the token and authorization endpoints.

use hallpass_store::{
    CodeWithUser, SessionWithUser, Standing, StoreError, UserRecord,
    encoding::{decode, decode_again},
};
use hallpass_types::{
    ClientId, Code, GrantId, IssuerId, Key, Session, Subject, Timestamp, TokenId,
};
use tokio_postgres::Row;

use crate::{
    people::session_of,
    read::{Params, Place, Readers, standing_of},
    row::{Read, blob, code_of, flag, get, optional_blob},
    sql,
};

impl Readers {
    pub(crate) async fn code_with_user(
        &self,
        issuer: IssuerId,
        key: Key<Code>,
    ) -> Read<Option<CodeWithUser>> {
        let place = Place::of(issuer, key);
        self.one(sql::CODE_WITH_USER, &place.params(), |row| {
            let code = code_of(issuer, key, row)?;
            let grant = &code.record.grant;
            Ok(CodeWithUser {
                user: user(issuer, &grant.subject, row, 3)?,
                session_alive: !grant.session_bound || flag(row, 2)?,
                code,
            })
        })
        .await
    }

    pub(crate) async fn standing_with_user(
        &self,
        issuer: IssuerId,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Read<(Standing, Option<UserRecord>)> {
        let row = self
            .standing_row(sql::STANDING_WITH_USER, issuer, grant, token, expires_at)
            .await?;
        let standing = standing_of(issuer, grant, &row)?;
        let user = match &standing.grant {
            Some(found) => user(issuer, &found.record.subject, &row, 7)?,
            None => None,
        };
        Ok((standing, user))
    }

    pub(crate) async fn session_with_user(
        &self,
        issuer: IssuerId,
        key: Key<Session>,
        client: Option<&ClientId>,
    ) -> Read<Option<SessionWithUser>> {
        let place = Place::of(issuer, key);
        // No client has an empty identifier.
        let client = client.map_or("", ClientId::as_str).as_bytes();
        let params: Params<'_> = &[&place.issuer, &place.bucket, &place.id, &client];
        self.one(sql::SESSION_WITH_USER, params, |row| {
            let session = session_of(issuer, key, blob(row, 0)?, get(row, 1)?)?;
            let consent = optional_blob(row, 4)?
                .map(|bytes| {
                    decode(
                        issuer,
                        &[session.subject.as_str().as_bytes(), client],
                        bytes,
                    )
                })
                .transpose()?;
            Ok(SessionWithUser {
                user: user(issuer, &session.subject, row, 2)?,
                consent,
                session,
            })
        })
        .await
    }
}

/// The user in two columns from `column` on, which were joined by a column that is not under a record's checksum.
fn user(issuer: IssuerId, subject: &Subject, row: &Row, column: usize) -> Read<Option<UserRecord>> {
    let Some(key) = optional_blob(row, column)? else {
        return Ok(None);
    };
    if key != subject.as_str().as_bytes() {
        return Err(StoreError::corrupt("a record leads to another user"));
    }
    let record = blob(row, column.saturating_add(1))?;
    decode_again(issuer, &[key], record).map(Some)
}
