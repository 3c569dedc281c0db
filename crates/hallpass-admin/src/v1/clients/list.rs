//! Lists applications.

use hallpass_core::admin::Permission;
use hallpass_store::MAX_PAGE;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ClientView, Origin};
use crate::{
    Context, Info, Operation, Problem,
    v1::page::{self, Listed},
};

/// Lists applications.
#[derive(Debug)]
pub struct List;

/// Which applications.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// Only those that have this in their name or identifier, in whatever case.
    pub q: Option<String>,
    /// Only those that came from there.
    pub origin: Option<Origin>,
    /// Only those that are disabled, or that are not.
    pub disabled: Option<bool>,
    /// Only those that registered themselves and have more, or other, than their registration policies allow by now; or only the
    /// others.
    pub exceeds: Option<bool>,
    /// The page that follows another one.
    pub cursor: Option<String>,
    /// How many at most: 1 to 200, usually 50.
    pub limit: Option<u32>,
}

impl Input {
    fn wants(&self, q: Option<&str>, client: &ClientView) -> bool {
        let has = |q: &str| {
            let name = client.name.as_deref().unwrap_or_default();
            name.to_lowercase().contains(q) || client.client_id.to_lowercase().contains(q)
        };
        self.origin.is_none_or(|origin| origin == client.origin)
            && self.disabled.is_none_or(|d| d == client.disabled)
            && self.exceeds.is_none_or(|e| e != client.exceeds.is_empty())
            && q.is_none_or(has)
    }

    const fn searches(&self) -> bool {
        self.q.is_some()
            || self.origin.is_some()
            || self.disabled.is_some()
            || self.exceeds.is_some()
    }
}

impl Operation for List {
    const INFO: Info = Info::get(
        "clients.list",
        "/projects/{project}/clients",
        Permission::ReadClients,
    )
    .does("Lists and searches applications, by their identifiers.");
    type Input = Input;
    type Output = Listed<ClientView>;

    async fn run(cx: &Context, input: Input) -> Result<Listed<ClientView>, Problem> {
        let limit = page::limit(input.limit)?;
        let mut after = page::after(input.cursor.as_deref())?;
        let q = input.q.as_deref().map(str::to_lowercase);
        let mut items: Vec<ClientView> = Vec::new();
        let mut looked = 0_usize;
        loop {
            let left = limit.saturating_sub(items.len());
            let ask = if input.searches() { MAX_PAGE } else { left };
            let found = cx
                .store()
                .clients(cx.issuer(), after.as_deref(), ask)
                .await?;
            for record in &found.items {
                looked = looked.saturating_add(1);
                after = Some(record.client_id.as_str().to_owned());
                let view = ClientView::of(cx.provider().policy(), record);
                if input.wants(q.as_deref(), &view) {
                    items.push(view);
                }
                if items.len() >= limit {
                    break;
                }
            }
            let seen_all = found.next.is_none()
                && after.as_deref() == found.items.last().map(|r| r.client_id.as_str());
            if seen_all || found.items.is_empty() {
                return Ok(Listed { items, next: None });
            }
            if items.len() >= limit || looked >= page::SEARCHED {
                let next = after.as_deref().map(page::cursor);
                return Ok(Listed { items, next });
            }
        }
    }
}
