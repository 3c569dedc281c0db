//! What people see of themselves.

use hallpass_core::record::{ActivityRecord, ConsentRecord, SessionRecord};
use hallpass_store::{ActivityPlace, MAX_PAGE, StoreError, encoding::decode};
use hallpass_types::{Bucket, ClientId, IssuerId, Key, Session, Subject, Timestamp};
use tokio_postgres::Row;

use crate::{
    read::{Params, Place, Readers, most, number},
    row::{Read, blob, client_id, decode_at, digest, get, small},
    sql,
};

/// From the record and its last use, with the newer of the two notes of that.
pub(crate) fn session_of(
    issuer: IssuerId,
    key: Key<Session>,
    record: &[u8],
    seen: Option<i64>,
) -> Read<SessionRecord> {
    let mut record: SessionRecord = decode_at(issuer, key.bucket, &key.digest, record)?;
    record.seen_at = record.seen_at.max(Timestamp(seen.unwrap_or_default()));
    Ok(record)
}

impl Readers {
    pub(crate) async fn session(
        &self,
        issuer: IssuerId,
        key: Key<Session>,
    ) -> Read<Option<SessionRecord>> {
        let place = Place::of(issuer, key);
        self.one(sql::SESSION, &place.params(), |row| {
            session_of(issuer, key, blob(row, 0)?, get(row, 1)?)
        })
        .await
    }

    pub(crate) async fn account_sessions(
        &self,
        issuer: IssuerId,
        subject: &Subject,
    ) -> Read<Vec<(Key<Session>, SessionRecord)>> {
        let subject = subject.as_str().as_bytes();
        let params: Params<'_> = &[&number(issuer), &subject, &most(MAX_PAGE)];
        self.all(sql::ACCOUNT_SESSIONS, params, |row| {
            let key = Key::from_parts(Bucket(small(row, 0)?), digest(row, 1)?);
            let record = session_of(issuer, key, blob(row, 2)?, get(row, 3)?)?;
            Ok((key, record))
        })
        .await
    }

    pub(crate) async fn consents_of(
        &self,
        issuer: IssuerId,
        subject: &Subject,
    ) -> Read<Vec<(ClientId, ConsentRecord)>> {
        let subject = subject.as_str().as_bytes();
        let params: Params<'_> = &[&number(issuer), &subject, &most(MAX_PAGE)];
        self.all(sql::CONSENTS_OF, params, |row: &Row| {
            let record = decode(issuer, &[subject, blob(row, 0)?], blob(row, 1)?)?;
            Ok((client_id(row)?, record))
        })
        .await
    }

    pub(crate) async fn activity_of(
        &self,
        issuer: IssuerId,
        subject: &Subject,
        limit: usize,
    ) -> Read<Vec<ActivityRecord>> {
        let subject = subject.as_str().as_bytes();
        let params: Params<'_> = &[&number(issuer), &subject, &most(limit)];
        self.all(sql::ACTIVITY_OF, params, |row| {
            decode_at(issuer, Bucket(small(row, 0)?), blob(row, 1)?, blob(row, 2)?)
        })
        .await
    }

    pub(crate) async fn activity_before(
        &self,
        issuer: IssuerId,
        before: Option<ActivityPlace>,
        limit: usize,
    ) -> Read<Vec<(ActivityPlace, ActivityRecord)>> {
        // No bucket is that one.
        let (bucket, id) = before.map_or((i64::MAX, [0; 16]), |(Bucket(bucket), id)| {
            (i64::from(bucket), id)
        });
        let id = id.as_slice();
        let params: Params<'_> = &[&number(issuer), &bucket, &id, &most(limit)];
        self.all(sql::ACTIVITY_BEFORE, params, |row| {
            let (bucket, id) = (Bucket(small(row, 0)?), blob(row, 1)?);
            let record = decode_at(issuer, bucket, id, blob(row, 2)?)?;
            let id = id.try_into();
            let id = id.map_err(|_| StoreError::corrupt("an identifier has another length"))?;
            Ok(((bucket, id), record))
        })
        .await
    }
}
