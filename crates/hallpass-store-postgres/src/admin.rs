//! What operators keep, and what they did.

use hallpass_store::{
    AdminKind, AdminRecord, AuditRecord, Day, MOST_COUNTED, Page, StoreError, encoding::decode,
};
use hallpass_types::{Bucket, IssuerId};
use tokio_postgres::Row;

use crate::{
    read::{Params, Readers, most, number, page},
    row::{Read, blob, int, small},
    sql,
};

impl Readers {
    pub(crate) async fn admin_record(
        &self,
        issuer: IssuerId,
        kind: AdminKind,
        id: &str,
    ) -> Read<Option<AdminRecord>> {
        let kind = kind.number();
        let params: Params<'_> = &[&number(issuer), &i64::from(kind), &id.as_bytes()];
        self.one(sql::ADMIN_RECORD, params, |row| {
            decode(issuer, &[&[kind], id.as_bytes()], blob(row, 0)?)
        })
        .await
    }

    pub(crate) async fn admin_records(
        &self,
        issuer: IssuerId,
        kind: AdminKind,
        after: Option<&str>,
        limit: usize,
    ) -> Read<Page<AdminRecord>> {
        let kind = kind.number();
        // No identifier is empty.
        let after = after.unwrap_or_default().as_bytes();
        let more = most(limit).saturating_add(1);
        let params: Params<'_> = &[&number(issuer), &i64::from(kind), &after, &more];
        let rows = self.ask(sql::ADMIN_RECORDS, params).await?;
        let of = |row: &Row| decode(issuer, &[&[kind], blob(row, 0)?], blob(row, 1)?);
        page(&rows, limit, of, |record: &AdminRecord| record.id.clone())
    }

    pub(crate) async fn audit_after(
        &self,
        issuer: IssuerId,
        after: u64,
        limit: usize,
    ) -> Read<Vec<AuditRecord>> {
        self.lines(issuer, sql::AUDIT_AFTER, after, limit).await
    }

    pub(crate) async fn audit_before(
        &self,
        issuer: IssuerId,
        before: Option<u64>,
        limit: usize,
    ) -> Read<Vec<AuditRecord>> {
        let before = before.unwrap_or(u64::MAX);
        self.lines(issuer, sql::AUDIT_BEFORE, before, limit).await
    }

    async fn lines(
        &self,
        issuer: IssuerId,
        sql: &'static str,
        beside: u64,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let beside = i64::try_from(beside).unwrap_or(i64::MAX);
        let params: Params<'_> = &[&number(issuer), &beside, &most(limit)];
        self.all(sql, params, |row| {
            let seq = int(row, 0)?;
            decode(issuer, &[&seq.to_be_bytes()], blob(row, 1)?)
        })
        .await
    }

    pub(crate) async fn tallies(
        &self,
        issuer: IssuerId,
        from: Day,
        to: Day,
    ) -> Read<Vec<(Day, String, u64)>> {
        let (from, to) = (from.tally_bucket().0, to.tally_bucket().0);
        let params: Params<'_> = &[&number(issuer), &i64::from(from), &i64::from(to)];
        self.all(sql::TALLIES, params, |row| {
            let name = String::from_utf8_lossy(blob(row, 1)?).into_owned();
            let day = Day::of_tally(Bucket(small(row, 0)?));
            Ok((day, name, int(row, 2)?.unsigned_abs()))
        })
        .await
    }

    pub(crate) async fn count_active(&self, issuer: IssuerId, period: Bucket) -> Read<u64> {
        let params: Params<'_> = &[&number(issuer), &i64::from(period.0)];
        let counted = self
            .one(sql::COUNT_ACTIVE, params, |row| int(row, 0))
            .await?;
        Ok(counted.unwrap_or_default().unsigned_abs())
    }

    pub(crate) async fn count_sessions(&self, issuer: IssuerId, from: Bucket) -> Read<u64> {
        let params: Params<'_> = &[
            &number(issuer),
            &i64::from(from.0),
            &i64::from(MOST_COUNTED),
        ];
        let counted = self
            .one(sql::COUNT_SESSIONS, params, |row| int(row, 0))
            .await?;
        Ok(counted.unwrap_or_default().unsigned_abs())
    }
}
