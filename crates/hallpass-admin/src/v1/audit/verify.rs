//! Looks whether the audit log is what was written.

use std::sync::atomic::{AtomicBool, Ordering};

use hallpass_core::admin::Permission;
use hallpass_jose::base64url;
use hallpass_store::{AuditRecord, MAX_PAGE};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Context, Info, Kind, Operation, Problem};

/// Looks whether the audit log is what was written.
#[derive(Debug)]
pub struct Verify;

/// Nothing more is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

/// What was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Verified {
    /// Whether every line follows from the one before.
    pub intact: bool,
    /// How many lines were looked at.
    pub lines: u64,
    /// The first line that does not follow.
    pub broken_at: Option<u64>,
    /// The chain of the last line. Who notes it elsewhere sees later whether lines at the end are gone.
    pub head: Option<String>,
}

impl Operation for Verify {
    const INFO: Info = Info::get(
        "audit.verify",
        "/projects/{project}/audit/verify",
        Permission::ReadAudit,
    )
    .does("Looks whether every line of the audit log follows from the one before.");
    type Input = Input;
    type Output = Verified;

    async fn run(cx: &Context, _: Input) -> Result<Verified, Problem> {
        // It reads the whole log: one at a time, so that nobody can have it read many times at once.
        let turn = Turn::take();
        let _turn = turn.ok_or_else(|| Problem::new(Kind::Unavailable).after(5))?;
        let mut before: Option<AuditRecord> = None;
        let mut lines = 0_u64;
        loop {
            let after = before.as_ref().map_or(0, |line| line.seq);
            let found = cx.store().audit_after(cx.issuer(), after, MAX_PAGE).await?;
            if found.is_empty() {
                break;
            }
            for line in found {
                lines = lines.saturating_add(1);
                if !cx.provider().follows(before.as_ref(), &line) {
                    return Ok(Verified {
                        intact: false,
                        lines,
                        broken_at: Some(line.seq),
                        head: None,
                    });
                }
                before = Some(line);
            }
        }
        let head = before.map(|line| base64url::encode(line.chain).as_str().to_owned());
        Ok(Verified {
            intact: true,
            lines,
            broken_at: None,
            head,
        })
    }
}

/// The one reading of a whole log that this process does at a time.
struct Turn;

/// Whether somebody has a log read.
static TAKEN: AtomicBool = AtomicBool::new(false);

impl Turn {
    fn take() -> Option<Self> {
        (!TAKEN.swap(true, Ordering::AcqRel)).then_some(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TAKEN.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_log_is_read_at_a_time() {
        let first = Turn::take();
        assert!(first.is_some());
        assert!(Turn::take().is_none());
        drop(first);
        assert!(Turn::take().is_some());
    }
}
