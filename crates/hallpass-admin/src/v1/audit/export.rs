//! Hands the audit log out.

use hallpass_core::admin::Permission;
use hallpass_store::MAX_PAGE;
use schemars::JsonSchema;
use serde::Deserialize;

use super::LineView;
use crate::{Context, Info, Operation, Problem};

/// Hands the audit log out.
#[derive(Debug)]
pub struct Export;

/// From where on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// The number of the last line that is known already.
    pub after: Option<u64>,
}

impl Operation for Export {
    const INFO: Info = Info::get(
        "audit.export",
        "/projects/{project}/audit/export",
        Permission::ReadAudit,
    )
    .lines()
    .does("Hands out lines of the audit log in their order, five thousand at most; ask again after the last one.");
    type Input = Input;
    type Output = Vec<LineView>;

    async fn run(cx: &Context, input: Input) -> Result<Vec<LineView>, Problem> {
        let mut after = input.after.unwrap_or_default();
        let mut lines: Vec<LineView> = Vec::new();
        while lines.len() < MOST {
            let found = cx.store().audit_after(cx.issuer(), after, MAX_PAGE).await?;
            let Some(last) = found.last() else { break };
            after = last.seq;
            lines.extend(found.into_iter().map(LineView::from));
        }
        Ok(lines)
    }
}

const MOST: usize = 5_000;
