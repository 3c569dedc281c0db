//! Searches the audit logs of all projects.

use hallpass_core::admin::Permission;
use hallpass_store::MAX_PAGE;
use hallpass_types::IssuerId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LineView, list};
use crate::{
    Context, Info, Kind, Operation, Place, Problem,
    v1::page::{self, Listed},
};

/// Searches the audit logs of all projects.
#[derive(Debug)]
pub struct Search;

/// A line of some project's audit log.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FoundLine {
    /// In which project it was.
    pub project: String,
    /// The line.
    #[serde(flatten)]
    pub line: LineView,
}

/// What is looked for.
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

impl Operation for Search {
    const INFO: Info = Info::get("audit.search", "/audit", Permission::ReadAudit)
        .at(Place::Platform)
        .does("Searches the audit logs of all projects: project by project, in each the newest first.");
    type Input = Input;
    type Output = Listed<FoundLine>;

    async fn run(cx: &Context, input: Input) -> Result<Listed<FoundLine>, Problem> {
        let limit = page::limit(input.limit)?;
        let wrong =
            || Problem::new(Kind::InvalidParameter).about("cursor", "is none that was given out");
        // Where the page begins: in a project behind a line, or at the first project.
        let begin = match page::after(input.cursor.as_deref())? {
            None => None,
            Some(text) => {
                let (name, seq) = text.split_once('/').ok_or_else(wrong)?;
                let seq: u64 = seq.parse().map_err(|_| wrong())?;
                Some((name.to_owned(), seq))
            }
        };
        let wanted = list::Input {
            actor: input.actor,
            action: input.action,
            target: input.target,
            target_id: input.target_id,
            since: input.since,
            until: input.until,
            ..list::Input::default()
        };
        let mut found = Found {
            cx,
            wanted: &wanted,
            limit,
            looked: 0,
            items: Vec::new(),
        };
        let home = cx.platform().home();
        let mut after = None;
        let mut before = None;
        match begin {
            Some((name, seq)) if name != home.name => {
                // The project may be gone by now: then the next one begins.
                if let Some(record) = cx.store().issuer_named(&name).await?
                    && let Some(next) = found.look(&name, record.id, Some(seq)).await?
                {
                    return Ok(found.page(next));
                }
                after = Some(name);
            }
            Some((_, seq)) => before = Some(seq),
            None => {}
        }
        if after.is_none() {
            let issuer = home.provider.issuer_id();
            if let Some(next) = found.look(&home.name, issuer, before).await? {
                return Ok(found.page(next));
            }
        }
        loop {
            let page = cx.store().issuers(after.as_deref(), MAX_PAGE).await?;
            for record in &page.items {
                if let Some(next) = found.look(&record.name, record.id, None).await? {
                    return Ok(found.page(next));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(Listed {
                    items: found.items,
                    next: None,
                });
            }
        }
    }
}

struct Found<'c> {
    cx: &'c Context,
    wanted: &'c list::Input,
    limit: usize,
    looked: usize,
    items: Vec<FoundLine>,
}

impl Found<'_> {
    fn page(self, next: String) -> Listed<FoundLine> {
        Listed {
            items: self.items,
            next: Some(page::cursor(&next)),
        }
    }

    /// Looks through a project. Some: enough was found or looked at, and there the next page begins.
    async fn look(
        &mut self,
        name: &str,
        issuer: IssuerId,
        before: Option<u64>,
    ) -> Result<Option<String>, Problem> {
        let mut before = before;
        // A project costs as much as some lines.
        self.looked = self.looked.saturating_add(10);
        if self.looked >= page::SEARCHED {
            let seq = before.unwrap_or(u64::MAX);
            return Ok(Some(format!("{name}/{seq}")));
        }
        loop {
            let lines = self.cx.store().audit_before(issuer, before, MAX_PAGE);
            let lines = lines.await?;
            let end = lines.len() < MAX_PAGE;
            for line in lines {
                if self.items.len() >= self.limit || self.looked >= page::SEARCHED {
                    let seq = before.unwrap_or(u64::MAX);
                    return Ok(Some(format!("{name}/{seq}")));
                }
                self.looked = self.looked.saturating_add(1);
                before = Some(line.seq);
                if self.wanted.is_before(&line) {
                    // Lines are in their order: nothing behind it is wanted.
                    return Ok(None);
                }
                if self.wanted.wants(&line) {
                    let project = name.to_owned();
                    let line = LineView::from(line);
                    self.items.push(FoundLine { project, line });
                }
            }
            if end {
                return Ok(None);
            }
        }
    }
}
