//! Switches a project off and on.

use hallpass_core::admin::Permission;
use hallpass_store::{IssuerRecord, IssuerState};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ProjectView, change, record};
use crate::{Change, Context, Info, Method, Operation, Place, Problem};

/// Switches a project on.
#[derive(Debug)]
pub struct Enable;

/// Switches a project off: it is as if it were not there.
#[derive(Debug)]
pub struct Disable;

/// Nothing more is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

impl Operation for Enable {
    const INFO: Info = Info::new(
        "projects.enable",
        Method::Post,
        "/projects/{project}/enable",
        Permission::ChangeProject,
    )
    .at(Place::Record)
    .does("Switches a project on.");
    type Input = Input;
    type Output = ProjectView;

    async fn run(cx: &Context, _: Input) -> Result<ProjectView, Problem> {
        turned(cx, IssuerState::Enabled).await
    }
}

impl Operation for Disable {
    const INFO: Info = Info::new(
        "projects.disable",
        Method::Post,
        "/projects/{project}/disable",
        Permission::ChangeProject,
    )
    .at(Place::Record)
    .does("Switches a project off: it is as if it were not there, until it is switched on again.");
    type Input = Input;
    type Output = ProjectView;

    async fn run(cx: &Context, _: Input) -> Result<ProjectView, Problem> {
        turned(cx, IssuerState::Disabled).await
    }
}

async fn turned(cx: &Context, state: IssuerState) -> Result<ProjectView, Problem> {
    let before = record(cx).await?;
    let next = IssuerRecord {
        state,
        ..before.clone()
    };
    change(cx, &before, next, Change::of("project", &before.name)).await
}
