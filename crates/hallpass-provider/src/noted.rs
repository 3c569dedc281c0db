//! Changes with their line in the audit log.

use std::net::IpAddr;

use hallpass_store::{
    Actor, AuditRecord, Commit, Committed, IssuerDone, IssuerRecord, IssuerWork, Spend, StoreError,
};
use serde_json::{Map, Value};

use crate::Provider;

/// What the audit log says about a change. Nothing in it is secret.
#[derive(Clone, Debug)]
pub struct Said {
    /// Who changes.
    pub actor: Actor,
    /// What they do: the identifier of an operation.
    pub action: String,
    /// To what kind of thing.
    pub target: Option<String>,
    /// To which of them.
    pub target_id: Option<String>,
    /// What about it.
    pub details: Map<String, Value>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
}

/// How a change with its line ended.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "whoever asks looks at every end")]
pub enum Noted {
    /// Everything is written and durable, and the issuer that was made or changed is as it says.
    Done(Option<Box<IssuerRecord>>),
    /// Nothing is written: the name or the place of the issuer is taken, or it has another revision.
    Late,
    /// Nothing is written: the spend of the commit at this index came too late.
    TooLate(usize),
    /// Nothing is written: other nodes wrote lines all the time.
    Busy,
}

impl Provider {
    /// Commits a change, that of an issuer with it if there is one, and the line of the audit log that tells of it.
    ///
    /// A line follows from the one before, so that of two that are written at once one comes too late and is made anew. Within a
    /// process everybody waits for their turn, first come, first served: what is left are the other nodes, one change of each.
    ///
    /// # Errors
    /// The store fails.
    pub async fn commit_noted(
        &self,
        said: Said,
        commit: Commit,
        work: Option<IssuerWork>,
    ) -> Result<Noted, StoreError> {
        let inner = &self.inner;
        let line_at = commit.spends.len();
        let _turn = inner.audit_turn.lock().await;
        for _ in 0..ROUNDS {
            let before = inner.store.audit_before(inner.issuer_id, None, 1).await?;
            let line = self.line_after(before.first(), said.clone());
            let Commit {
                mut spends,
                mut writes,
            } = commit.clone();
            writes.extend(self.told_of_line(&line).await?);
            spends.push(Spend::Audit(Box::new(line)));
            let commit = Commit { spends, writes };
            let late = match &work {
                None => match self.commit(commit).await? {
                    Committed::Done => return Ok(Noted::Done(None)),
                    Committed::TooLate(place) => place,
                },
                Some(work) => match self.commit_issuer(work.clone(), commit).await? {
                    IssuerDone::Done(record) => return Ok(Noted::Done(Some(record))),
                    IssuerDone::Late => return Ok(Noted::Late),
                    IssuerDone::TooLate(place) => place,
                },
            };
            // Behind the spends is the line: another node wrote one.
            if late < line_at {
                return Ok(Noted::TooLate(late));
            }
        }
        Ok(Noted::Busy)
    }

    fn line_after(&self, before: Option<&AuditRecord>, said: Said) -> AuditRecord {
        let Said {
            actor,
            action,
            target,
            target_id,
            details,
            address,
        } = said;
        let line = AuditRecord {
            seq: before.map_or(1, |before| before.seq.saturating_add(1)),
            at: self.now(),
            actor,
            action,
            target,
            target_id,
            details,
            address,
            chain: [0; 32],
        };
        let chain = self.chain(before, &line);
        AuditRecord { chain, ..line }
    }

    /// Whether a line of the audit log is what follows from the one before.
    #[must_use]
    pub fn follows(&self, before: Option<&AuditRecord>, line: &AuditRecord) -> bool {
        let expected = before.map_or(1, |before| before.seq.saturating_add(1));
        line.seq == expected && self.chain(before, line) == line.chain
    }

    fn chain(&self, before: Option<&AuditRecord>, line: &AuditRecord) -> [u8; 32] {
        let before = before.map_or([0; 32], |before| before.chain);
        self.inner.secrets.audit_chain(before, &line.chained())
    }
}

/// Tries to write a line while other nodes write lines.
const ROUNDS: usize = 24;
