//! Deletes a project.

use hallpass_core::admin::Permission;
use hallpass_store::{IssuerRecord, IssuerState};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{change, record};
use crate::{Change, Context, Info, Method, Nothing, Operation, Place, Problem};

/// Deletes a project.
#[derive(Debug)]
pub struct Delete;

/// Nothing more is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

impl Operation for Delete {
    const INFO: Info = Info::new(
        "projects.delete",
        Method::Delete,
        "/projects/{project}",
        Permission::DeleteProject,
    )
    .at(Place::Record)
    .does("Deletes a project with its people, applications, keys and tokens, for ever.");
    type Input = Input;
    type Output = Nothing;

    async fn run(cx: &Context, _: Input) -> Result<Nothing, Problem> {
        let before = record(cx).await?;
        let next = IssuerRecord {
            state: IssuerState::Deleting,
            ..before.clone()
        };
        change(cx, &before, next, Change::of("project", &before.name)).await?;
        Ok(Nothing {})
    }
}
