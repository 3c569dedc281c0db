//! Lists operators.

use hallpass_core::admin::Permission;
use hallpass_store::AdminKind;
use schemars::JsonSchema;
use serde::Deserialize;

use super::OperatorView;
use crate::{
    Context, Info, Operation, Place, Problem,
    v1::page::{self, Listed},
};

/// Lists operators.
#[derive(Debug)]
pub struct List;

/// Lists the operators of a project.
#[derive(Debug)]
pub struct InProject;

/// Which part of the list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// The page that follows another one.
    pub cursor: Option<String>,
    /// How many at most: 1 to 200, usually 50.
    pub limit: Option<u32>,
}

impl Operation for List {
    const INFO: Info = Info::get("operators.list", "/operators", Permission::ReadOperators)
        .at(Place::Platform)
        .does("Lists everybody who may administer something.");
    type Input = Input;
    type Output = Listed<OperatorView>;

    async fn run(cx: &Context, input: Input) -> Result<Listed<OperatorView>, Problem> {
        listed(cx, &input, Some).await
    }
}

impl Operation for InProject {
    const INFO: Info = Info::get(
        "project_operators.list",
        "/projects/{project}/operators",
        Permission::ReadOperators,
    )
    .at(Place::Record)
    .does("Lists those who have a role in this project alone or beside others.");
    type Input = Input;
    type Output = Listed<OperatorView>;

    async fn run(cx: &Context, input: Input) -> Result<Listed<OperatorView>, Problem> {
        listed(cx, &input, |view| view.narrowed(cx.name())).await
    }
}

async fn listed(
    cx: &Context,
    input: &Input,
    shown: impl Fn(OperatorView) -> Option<OperatorView> + Send,
) -> Result<Listed<OperatorView>, Problem> {
    let limit = page::limit(input.limit)?;
    let mut after = page::after(input.cursor.as_deref())?;
    let home = cx.platform().home().provider;
    let mut items: Vec<OperatorView> = Vec::new();
    loop {
        let (store, kind) = (home.store(), AdminKind::Operator);
        let found = store
            .admin_records(home.issuer_id(), kind, after.as_deref(), limit)
            .await?;
        for record in &found.items {
            if items.len() >= limit {
                // Who is not shown is not named by the cursor, either.
                let next = items.last().map(|shown| page::cursor(&shown.id));
                return Ok(Listed { items, next });
            }
            after = Some(record.id.clone());
            items.extend(shown(OperatorView::of(record)?));
        }
        if found.next.is_none() {
            return Ok(Listed { items, next: None });
        }
    }
}
