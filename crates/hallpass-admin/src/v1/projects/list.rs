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
    /// Only those that have this in their name or URL; first those whose names begin with it.
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
        let Some(q) = input.q.as_deref().map(str::to_lowercase) else {
            return pages(cx, limit, items, after).await;
        };
        let beyond = after
            .as_deref()
            .and_then(|after| after.strip_prefix(ELSEWHERE));
        let mut rest = match (beyond, &after) {
            (Some(beyond), _) => Some(beyond.to_owned()).filter(|name| !name.is_empty()),
            (None, after) => {
                let begun = after.clone().filter(|after| after != UNBEGUN);
                let next = beginning(cx, &q, limit, &mut items, begun).await?;
                if next.is_some() {
                    return Ok(Listed { items, next });
                }
                if !items.is_empty() {
                    // Whoever looked for one of these has it, and did not wait for all others.
                    let next = Some(page::cursor(&ELSEWHERE.to_string()));
                    return Ok(Listed { items, next });
                }
                None
            }
        };
        // Behind those whose names begin so all others are looked through.
        let mut looked = 0_usize;
        loop {
            let found = cx.store().issuers(rest.as_deref(), MAX_PAGE).await?;
            let more = found.next.is_some();
            for record in found.items {
                if items.len() >= limit || looked >= page::SEARCHED {
                    let at = format!("{ELSEWHERE}{}", rest.as_deref().unwrap_or_default());
                    return Ok(Listed {
                        items,
                        next: Some(page::cursor(&at)),
                    });
                }
                looked = looked.saturating_add(1);
                rest = Some(record.name.clone());
                let seen = record.name.starts_with(&q);
                items.extend(Some(ProjectView::from(record)).filter(|one| !seen && wanted(one)));
            }
            if !more {
                return Ok(Listed { items, next: None });
            }
        }
    }
}

/// Where a search goes on behind the names that begin with what is looked for. No name has it in it.
const ELSEWHERE: char = '~';

/// Where it goes on before the first of them.
const UNBEGUN: &str = "!";

/// All projects behind one of that name.
async fn pages(
    cx: &Context,
    limit: usize,
    mut items: Vec<ProjectView>,
    after: Option<String>,
) -> Result<Listed<ProjectView>, Problem> {
    let mut after = after;
    loop {
        let ask = limit.saturating_sub(items.len());
        if ask == 0 {
            let next = Some(page::cursor(after.as_deref().unwrap_or_default()));
            return Ok(Listed { items, next });
        }
        let found = cx.store().issuers(after.as_deref(), ask).await?;
        let more = found.next.is_some();
        after = found
            .items
            .last()
            .map(|record| record.name.clone())
            .or(after);
        items.extend(found.items.into_iter().map(ProjectView::from));
        if !more {
            return Ok(Listed { items, next: None });
        }
    }
}

/// Adds projects whose names begin so and come after another one; the cursor if there may be more of them.
async fn beginning(
    cx: &Context,
    q: &str,
    limit: usize,
    items: &mut Vec<ProjectView>,
    after: Option<String>,
) -> Result<Option<String>, Problem> {
    let mut after = match after {
        Some(after) => after,
        None if items.len() >= limit => return Ok(Some(page::cursor(UNBEGUN))),
        None => {
            // Names come after their beginning, and the beginning may be a name itself.
            let exact = cx.store().issuer_named(q).await?;
            items.extend(exact.map(ProjectView::from));
            q.to_owned()
        }
    };
    loop {
        let ask = limit.saturating_sub(items.len());
        if ask == 0 {
            return Ok(Some(page::cursor(&after)));
        }
        let found = cx.store().issuers(Some(&after), ask).await?;
        for record in found.items {
            if !record.name.starts_with(q) {
                return Ok(None);
            }
            after.clone_from(&record.name);
            items.push(record.into());
        }
        if found.next.is_none() {
            return Ok(None);
        }
    }
}
