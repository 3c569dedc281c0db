//! Roles.

use hallpass_core::{access::Role, admin::Permission};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{RoleView, Which, delete, named, names, put, to_change};
use crate::{Change, Context, Info, Kind, Method, Nothing, Operation, Problem};

/// Makes or replaces a role.
#[derive(Debug)]
pub struct SetRole;

/// Deletes a role.
#[derive(Debug)]
pub struct DeleteRole;

/// What it is to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name: 1 to 128 visible characters.
    pub name: String,
    /// For operators.
    #[serde(default)]
    pub description: Option<String>,
    /// What it permits.
    #[serde(default)]
    pub permissions: Vec<String>,
}

impl Operation for SetRole {
    const INFO: Info = Info::new(
        "roles.set",
        Method::Put,
        "/projects/{project}/roles/{name}",
        Permission::ChangeAccess,
    )
    .fails(&[Kind::Unfit])
    .does("Makes a role, or replaces it.");
    type Input = Input;
    type Output = RoleView;

    async fn run(cx: &Context, input: Input) -> Result<RoleView, Problem> {
        named(&input.name)?;
        let mut directory = to_change(cx).await?;
        let made = Role {
            description: input.description.clone(),
            permissions: names("permissions", input.permissions)?,
        };
        let view = RoleView {
            name: input.name,
            description: input.description,
            permissions: made.permissions.iter().cloned().collect(),
        };
        let said = Change::of("role", &view.name);
        directory.roles.insert(view.name.clone(), made);
        put(cx, directory, said, &view).await?;
        Ok(view)
    }
}

impl Operation for DeleteRole {
    const INFO: Info = Info::new(
        "roles.delete",
        Method::Delete,
        "/projects/{project}/roles/{name}",
        Permission::ChangeAccess,
    )
    .does("Deletes a role: it gives nobody anything any more.");
    type Input = Which;
    type Output = Nothing;

    async fn run(cx: &Context, input: Which) -> Result<Nothing, Problem> {
        delete(cx, "role", input, |directory| &mut directory.roles).await
    }
}
