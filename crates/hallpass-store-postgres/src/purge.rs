//! Purging, on a connection of its own: expired rows lie together, and go in bites.

use hallpass_store::StoreError;
use hallpass_types::{Bucket, IssuerId};
use tokio::time::timeout;
use tokio_postgres::{Row, types::ToSql};

use crate::{
    failure::Failure,
    link::{Dialer, Link, Slot, Tries},
    row::{int, small},
    sql::{DELETE_ISSUER, ERASING, EXPIRING, Expiring, FORGET_INITIAL_ACCESS},
};

/// What does not stand in the way of requests.
#[derive(Debug)]
pub(crate) struct Background {
    slot: Slot,
    dialer: std::sync::Arc<Dialer>,
}

impl Background {
    pub(crate) fn new(dialer: &std::sync::Arc<Dialer>) -> Self {
        Self {
            slot: Slot::new(dialer.clone()),
            dialer: dialer.clone(),
        }
    }

    /// Deletes at most `limit` rows below a bucket. Many nodes may do it at once: none waits for another.
    pub(crate) async fn purge(&self, below: Bucket, limit: usize) -> Result<u64, StoreError> {
        let mut left = limit;
        for table in EXPIRING {
            let mut after = BEFORE_ALL;
            while left > 0 {
                let rows = self.query(table.next_issuers, &[&after]).await?;
                let Some(last) = rows.last() else { break };
                after = int(last, 0)?;
                for row in &rows {
                    if left > 0 && small(row, 1)? < below.0 {
                        left = self
                            .purge_one(table, int(row, 0)?, below.0.into(), left)
                            .await?;
                    }
                }
            }
        }
        Ok(limit.saturating_sub(left) as u64)
    }

    /// Answers what is left of the limit.
    async fn purge_one(
        &self,
        table: &Expiring,
        issuer: i64,
        below: i64,
        mut left: usize,
    ) -> Result<usize, StoreError> {
        while left > 0 {
            let bite = left.min(BITE);
            let limit = i64::try_from(bite).unwrap_or(i64::MAX);
            let params: [&(dyn ToSql + Sync); 3] = [&issuer, &below, &limit];
            let gone = self.execute(table.delete, &params).await?;
            let gone = usize::try_from(gone).unwrap_or(usize::MAX);
            left = left.saturating_sub(gone);
            if gone < bite {
                break;
            }
        }
        Ok(left)
    }

    /// Deletes at most `limit` rows of what an issuer has handed out, whenever it expires.
    pub(crate) async fn forget_issued(
        &self,
        issuer: IssuerId,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let issuer = i64::from(issuer.0);
        let mut left = limit;
        for table in EXPIRING {
            left = self.purge_one(table, issuer, AFTER_ALL, left).await?;
        }
        if left > 0 {
            let most = i64::try_from(left).unwrap_or(i64::MAX);
            let gone = self
                .execute(FORGET_INITIAL_ACCESS, &[&issuer, &most])
                .await?;
            left = left.saturating_sub(usize::try_from(gone).unwrap_or(usize::MAX));
        }
        Ok(limit.saturating_sub(left) as u64)
    }

    /// Deletes some rows of an issuer that goes, or at last its record.
    pub(crate) async fn erase(&self, issuer: IssuerId, limit: usize) -> Result<u64, StoreError> {
        let issuer = i64::from(issuer.0);
        let limit = limit.max(1) as u64;
        let mut gone = 0_u64;
        for sql in ERASING {
            let left = limit.saturating_sub(gone);
            if left == 0 {
                break;
            }
            let left = i64::try_from(left).unwrap_or(i64::MAX);
            gone = gone.saturating_add(self.execute(sql, &[&issuer, &left]).await?);
        }
        if gone == 0 {
            self.execute(DELETE_ISSUER, &[&issuer]).await?;
        }
        Ok(gone)
    }

    pub(crate) async fn query(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        let mut tries = Tries::default();
        loop {
            let link = self.slot.link().await?;
            let asking = async {
                let statement = link.prepared(sql).await?;
                Ok(link.client.query(&statement, params).await?)
            };
            let asked = self.in_time(&link, asking).await;
            let gave_in = matches!(asked, Err(Failure::Again));
            if !tries.again(gave_in, &self.dialer.stats).await {
                return asked;
            }
        }
    }

    /// How many rows changed.
    pub(crate) async fn execute(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Failure> {
        let mut tries = Tries::default();
        loop {
            let link = self.slot.link().await?;
            let asking = async {
                let statement = link.prepared(sql).await?;
                Ok(link.client.execute(&statement, params).await?)
            };
            let asked = self.in_time(&link, asking).await;
            let gave_in = matches!(asked, Err(Failure::Again));
            if !tries.again(gave_in, &self.dialer.stats).await {
                return asked;
            }
        }
    }

    async fn in_time<T>(
        &self,
        link: &Link,
        asking: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, Failure> {
        let asked = match timeout(self.most(), asking).await {
            Ok(asked) => asked,
            Err(_) => Err(Failure::Lost("the database does not answer".to_owned())),
        };
        if asked.as_ref().is_err_and(Failure::spoils_connection) {
            link.spoil();
        }
        asked
    }

    fn most(&self) -> std::time::Duration {
        self.dialer.options.statement_timeout.saturating_mul(2)
    }
}

const BEFORE_ALL: i64 = -1;
/// No bucket is as late.
const AFTER_ALL: i64 = i64::MAX;
/// Rows per statement.
const BITE: usize = 1000;
