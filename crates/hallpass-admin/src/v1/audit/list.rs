//! Searches the audit log.

use hallpass_core::admin::Permission;
use hallpass_store::{AuditRecord, MAX_PAGE};
use schemars::JsonSchema;
use serde::Deserialize;

use super::LineView;
use crate::{
    Context, Info, Kind, Operation, Problem,
    v1::page::{self, Listed},
};

/// Searches the audit log.
#[derive(Debug)]
pub struct List;

/// Which lines.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// Only what this one did: a subject, a client identifier or a user of the operating system.
    pub actor: Option<String>,
    /// Only this: the identifier of an operation, or what it begins with, such as `clients.`.
    pub action: Option<String>,
    /// Only what was done to things of this kind, such as `client`.
    pub target: Option<String>,
    /// Only what was done to this: the identifier of a thing.
    pub target_id: Option<String>,
    /// Only since then, in seconds since 1970.
    pub since: Option<u64>,
    /// Only before then.
    pub until: Option<u64>,
    /// The page that follows another one.
    pub cursor: Option<String>,
    /// How many at most: 1 to 200, usually 50.
    pub limit: Option<u32>,
}

impl Input {
    /// Whether a line, and so all before it, is too old.
    pub(super) fn is_before(&self, line: &AuditRecord) -> bool {
        let at = u64::try_from(line.at.0).unwrap_or_default();
        // Clocks of several nodes may differ a little.
        self.since
            .is_some_and(|since| at.saturating_add(SKEW) < since)
    }

    pub(super) fn wants(&self, line: &AuditRecord) -> bool {
        let at = u64::try_from(line.at.0).unwrap_or_default();
        self.actor.as_ref().is_none_or(|a| *a == line.actor.id)
            && self
                .action
                .as_ref()
                .is_none_or(|a| line.action.starts_with(a.as_str()))
            && self
                .target
                .as_ref()
                .is_none_or(|t| Some(t) == line.target.as_ref())
            && self
                .target_id
                .as_ref()
                .is_none_or(|t| Some(t) == line.target_id.as_ref())
            && self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at < until)
    }
}

impl Operation for List {
    const INFO: Info = Info::get(
        "audit.list",
        "/projects/{project}/audit",
        Permission::ReadAudit,
    )
    .does("Searches the audit log, the newest first.");
    type Input = Input;
    type Output = Listed<LineView>;

    async fn run(cx: &Context, input: Input) -> Result<Listed<LineView>, Problem> {
        let limit = page::limit(input.limit)?;
        let wrong =
            || Problem::new(Kind::InvalidParameter).about("cursor", "is none that was given out");
        let mut before: Option<u64> = match page::after(input.cursor.as_deref())? {
            Some(text) => Some(text.parse().map_err(|_| wrong())?),
            None => None,
        };
        let mut items = Vec::new();
        let mut looked = 0_usize;
        loop {
            let found = cx
                .store()
                .audit_before(cx.issuer(), before, MAX_PAGE)
                .await?;
            let end = found.len() < MAX_PAGE;
            for line in found {
                if items.len() >= limit {
                    let next = before.map(|seq| page::cursor(&seq.to_string()));
                    return Ok(Listed { items, next });
                }
                looked = looked.saturating_add(1);
                before = Some(line.seq);
                if input.is_before(&line) {
                    return Ok(Listed { items, next: None });
                }
                if input.wants(&line) {
                    items.push(LineView::from(line));
                }
            }
            if end {
                return Ok(Listed { items, next: None });
            }
            if looked >= page::SEARCHED {
                let next = before.map(|seq| page::cursor(&seq.to_string()));
                return Ok(Listed { items, next });
            }
        }
    }
}

/// Lines may be so much out of order, in seconds.
const SKEW: u64 = 3_600;
