//! Takes roles away.

use hallpass_core::admin::Permission;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{OperatorView, held, key_of, put, roles_of};
use crate::{Context, Info, Kind, Method, Nothing, Operation, Operator, Place, Problem};

/// Takes every role from somebody.
#[derive(Debug)]
pub struct Delete;

/// Takes the role in a project from somebody.
#[derive(Debug)]
pub struct Remove;

/// From whom.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// `user:` and a subject, `name:` and a user name, or `client:` and a client identifier, of the home project.
    pub operator: String,
}

impl Operation for Delete {
    const INFO: Info = Info::new(
        "operators.delete",
        Method::Delete,
        "/operators/{operator}",
        Permission::ChangeOperators,
    )
    .at(Place::Platform)
    .fails(&[Kind::WrongState])
    .does("Takes every role from somebody, at once. The last owner of all projects stays one.");
    type Input = Input;
    type Output = Nothing;

    async fn run(cx: &Context, input: Input) -> Result<Nothing, Problem> {
        let key = key_of(cx, &input.operator).await?;
        let before = held(cx, &key).await?;
        let before = before.ok_or_else(|| Problem::new(Kind::NotFound))?;
        cx.matches(&before.revision.to_string())?;
        let nobody = Operator::default();
        put(cx, key, Some(&before), &nobody, None, None).await?;
        Ok(Nothing {})
    }
}

impl Operation for Remove {
    const INFO: Info = Info::new(
        "project_operators.delete",
        Method::Delete,
        "/projects/{project}/operators/{operator}",
        Permission::ChangeOperators,
    )
    .at(Place::Record)
    .does("Takes the role in this project from somebody, at once.");
    type Input = Input;
    type Output = Nothing;

    async fn run(cx: &Context, input: Input) -> Result<Nothing, Problem> {
        let key = key_of(cx, &input.operator).await?;
        let before = held(cx, &key).await?;
        let mut roles = roles_of(before.as_ref())?;
        if roles.remove(cx.name()).is_none() {
            return Err(Kind::NotFound.into());
        }
        if let Some(before) = &before {
            cx.matches(&before.revision.to_string())?;
        }
        let name = match &before {
            Some(record) => OperatorView::of(record)?.name,
            None => String::new(),
        };
        let next = Operator { name, roles };
        let within = Some(cx.name());
        put(cx, key, before.as_ref(), &next, None, within).await?;
        Ok(Nothing {})
    }
}
