//! Shows a project.

use hallpass_core::admin::Permission;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ProjectView, home};
use crate::{Context, Info, Kind, Operation, Place, Problem};

/// Shows a project.
#[derive(Debug)]
pub struct Show;

/// Nothing more is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

impl Operation for Show {
    const INFO: Info = Info::get(
        "projects.show",
        "/projects/{project}",
        Permission::ReadProject,
    )
    .at(Place::Record)
    .does("Shows a project.");
    type Input = Input;
    type Output = ProjectView;

    async fn run(cx: &Context, _: Input) -> Result<ProjectView, Problem> {
        let own = home(cx);
        if cx.name() == own.name {
            return Ok(own);
        }
        let found = cx.store().issuer_named(cx.name()).await?;
        found
            .map(ProjectView::from)
            .ok_or_else(|| Kind::NotFound.into())
    }
}
