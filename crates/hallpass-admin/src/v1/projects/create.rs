//! Makes a project.

use hallpass_core::admin::Permission;
use hallpass_store::{IssuerWork, NewIssuer};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::ProjectView;
use crate::{Change, Context, Info, Kind, Method, Operation, Place, Problem, Uncommitted};

/// Makes a project.
#[derive(Debug)]
pub struct Create;

/// What is to be made.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What operators call it: 1 to 63 of a-z, 0-9, - and _, beginning with a letter or a digit.
    pub name: String,
    /// Its issuer identifier; by default the name in the path of the configuration's host.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Settings that differ from those of the configuration, by section.
    #[serde(default)]
    pub settings: Map<String, Value>,
}

impl Operation for Create {
    const INFO: Info = Info::new(
        "projects.create",
        Method::Post,
        "/projects",
        Permission::CreateProject,
    )
    .at(Place::Platform)
    .answers(201)
    .fails(&[Kind::Taken, Kind::Unfit])
    .does("Makes a project, which answers within a second.");
    type Input = Input;
    type Output = ProjectView;

    async fn run(cx: &Context, input: Input) -> Result<ProjectView, Problem> {
        let Input {
            name,
            issuer,
            settings,
        } = input;
        let identifier = cx
            .platform()
            .check_new(&name, issuer.as_deref(), &settings)?;
        let new = NewIssuer {
            name,
            identifier,
            settings,
            at: cx.now(),
        };
        let store = cx.store();
        let taken = store.issuer_named(&new.name).await?.is_some()
            || store.issuer_at(new.place()).await?.is_some();
        if taken {
            return Err(Kind::Taken.into());
        }
        let change = Change::of("project", &new.name).saying("issuer", new.identifier.as_str());
        let expected = ProjectView::from(new.clone().record(cx.issuer(), 0));
        let made = cx.commit_issuer(IssuerWork::Create(new), change, &expected);
        match made.await {
            Ok(made) => {
                cx.platform().changed().await;
                Ok(made.into())
            }
            Err(Uncommitted::TooLate(_)) => Err(Kind::Taken.into()),
            Err(Uncommitted::Problem(problem)) => Err(problem),
        }
    }
}
