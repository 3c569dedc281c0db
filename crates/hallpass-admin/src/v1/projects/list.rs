//! Lists projects.

use hallpass_core::admin::Permission;
use hallpass_store::MAX_PAGE;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ProjectView, home};
use crate::{
    ALL_PROJECTS, Context, Info, Operation, Place, Problem,
    v1::page::{self, Listed},
};

/// Lists projects.
#[derive(Debug)]
pub struct List;

/// Which projects.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// Only those that have this in their name or URL.
    pub q: Option<String>,
    /// The page that follows another one.
    pub cursor: Option<String>,
    /// How many at most: 1 to 200, usually 50.
    pub limit: Option<u32>,
}

impl Operation for List {
    const INFO: Info = Info::get("projects.list", "/projects", Permission::ReadProject)
        .at(Place::Anybody)
        .does("Lists the projects that the caller has a role in, by their names.");
    type Input = Input;
    type Output = Listed<ProjectView>;

    async fn run(cx: &Context, input: Input) -> Result<Listed<ProjectView>, Problem> {
        let limit = page::limit(input.limit)?;
        let after = page::after(input.cursor.as_deref())?;
        let caller = cx.caller();
        let wanted = |project: &ProjectView| {
            input.q.as_deref().is_none_or(|q| {
                let q = q.to_lowercase();
                project.name.contains(&q) || project.issuer.contains(&q)
            })
        };
        let mut items = Vec::new();
        let own = home(cx);
        if after.is_none() && caller.may(Permission::ReadProject, &own.name) && wanted(&own) {
            items.push(own);
        }
        if !caller.may(Permission::ReadProject, ALL_PROJECTS) {
            let names = caller.roles.keys();
            let later = names.filter(|name| after.as_deref().is_none_or(|a| name.as_str() > a));
            let mut last = None;
            for name in later {
                if items.len() >= limit {
                    let next = last.map(|last: &String| page::cursor(last));
                    return Ok(Listed { items, next });
                }
                last = Some(name);
                if let Some(record) = cx.store().issuer_named(name).await? {
                    items.extend(Some(ProjectView::from(record)).filter(&wanted));
                }
            }
            return Ok(Listed { items, next: None });
        }
        let mut after = after;
        let mut looked = 0_usize;
        loop {
            let ask = if input.q.is_some() {
                MAX_PAGE
            } else {
                limit.saturating_sub(items.len()).max(1)
            };
            let found = cx.store().issuers(after.as_deref(), ask).await?;
            looked = looked.saturating_add(found.items.len());
            let more = found.next.is_some();
            let mut last = None;
            for record in found.items {
                if items.len() >= limit {
                    let next = last.or(after).map(|last: String| page::cursor(&last));
                    return Ok(Listed {
                        items,
                        next: Some(next.unwrap_or_else(|| page::cursor(""))),
                    });
                }
                last = Some(record.name.clone());
                items.extend(Some(ProjectView::from(record)).filter(&wanted));
            }
            after = last.or(after);
            if !more {
                return Ok(Listed { items, next: None });
            }
            if items.len() >= limit || looked >= page::SEARCHED {
                let next = after.as_deref().map(page::cursor);
                return Ok(Listed { items, next });
            }
        }
    }
}
