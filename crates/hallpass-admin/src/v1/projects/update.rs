//! Changes the settings of a project.

use hallpass_core::admin::Permission;
use hallpass_store::IssuerRecord;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{ProjectView, change, record};
use crate::{Change, Context, Info, Kind, Method, Operation, Place, Problem};

/// Changes the settings of a project.
#[derive(Debug)]
pub struct Update;

/// What is to be changed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Settings that differ from those of the configuration, by section: all of them.
    pub settings: Map<String, Value>,
}

impl Operation for Update {
    const INFO: Info = Info::new(
        "projects.update",
        Method::Patch,
        "/projects/{project}",
        Permission::ChangeProject,
    )
    .at(Place::Settings)
    .fails(&[Kind::Unfit])
    .does("Replaces the settings of a project.");
    type Input = Input;
    type Output = ProjectView;

    async fn run(cx: &Context, input: Input) -> Result<ProjectView, Problem> {
        let before = record(cx).await?;
        cx.platform()
            .check_settings(&before.identifier, &input.settings)?;
        let sections: Vec<&str> = input.settings.keys().map(String::as_str).collect();
        let said = Change::of("project", &before.name).saying("sections", sections);
        let next = IssuerRecord {
            settings: input.settings,
            ..before.clone()
        };
        change(cx, &before, next, said).await
    }
}
