//! Says what somebody may do.

use std::collections::BTreeMap;

use hallpass_core::admin::{Permission, Role};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Found, OperatorView, check_project, held, may_give, principal, put, roles_of};
use crate::{
    ALL_PROJECTS, Context, Info, Kind, Method, Operation, Operator, Place, Problem, RoleName,
};

/// Says what somebody may do in all projects.
#[derive(Debug)]
pub struct Set;

/// Says what somebody may do in a project.
#[derive(Debug)]
pub struct SetInProject;

/// Who may what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// `user:` and a subject, `name:` and a user name, or `client:` and a client identifier, of the home project.
    pub operator: String,
    /// The role in each project, by its name; `*` for all. Whoever has none is no operator.
    pub roles: BTreeMap<String, RoleName>,
}

/// Who may what in this project.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputInProject {
    /// `user:` and a subject, `name:` and a user name, or `client:` and a client identifier, of the home project.
    pub operator: String,
    /// The role.
    pub role: RoleName,
}

impl Operation for Set {
    const INFO: Info = Info::new(
        "operators.set",
        Method::Put,
        "/operators/{operator}",
        Permission::ChangeOperators,
    )
    .at(Place::Platform)
    .fails(&[Kind::Unfit, Kind::WrongState])
    .does("Says what somebody may do, in each project or in all.");
    type Input = Input;
    type Output = OperatorView;

    async fn run(cx: &Context, input: Input) -> Result<OperatorView, Problem> {
        may_give(cx, ALL_PROJECTS)?;
        let Found {
            principal: who,
            name,
            stays,
        } = principal(cx, &input.operator).await?;
        let key = who.key().ok_or_else(|| Problem::new(Kind::NotFound))?;
        for project in input.roles.keys() {
            check_project(cx, project).await?;
        }
        let before = held(cx, &key).await?;
        if let Some(before) = &before {
            cx.matches(&before.revision.to_string())?;
        }
        let roles = input.roles.into_iter();
        let roles: BTreeMap<String, Role> = roles.map(|(p, r)| (p, r.into())).collect();
        let next = Operator { name, roles };
        let view = put(cx, key, before.as_ref(), &next, Some(stays), None).await?;
        view.ok_or_else(|| Problem::new(Kind::Internal))
    }
}

impl Operation for SetInProject {
    const INFO: Info = Info::new(
        "project_operators.set",
        Method::Put,
        "/projects/{project}/operators/{operator}",
        Permission::ChangeOperators,
    )
    .at(Place::Record)
    .fails(&[Kind::Unfit])
    .does("Says what somebody may do in this project.");
    type Input = InputInProject;
    type Output = OperatorView;

    async fn run(cx: &Context, input: InputInProject) -> Result<OperatorView, Problem> {
        let project = cx.name().to_owned();
        check_project(cx, &project).await?;
        let Found {
            principal: who,
            name,
            stays,
        } = principal(cx, &input.operator).await?;
        let key = who.key().ok_or_else(|| Problem::new(Kind::NotFound))?;
        let before = held(cx, &key).await?;
        if let Some(before) = &before {
            cx.matches(&before.revision.to_string())?;
        }
        let mut roles = roles_of(before.as_ref())?;
        roles.insert(project.clone(), input.role.into());
        let next = Operator { name, roles };
        let within = Some(project.as_str());
        let view = put(cx, key, before.as_ref(), &next, Some(stays), within).await?;
        view.ok_or_else(|| Problem::new(Kind::Internal))
    }
}
