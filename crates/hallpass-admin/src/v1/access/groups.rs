//! Groups.

use hallpass_core::{access::Group, admin::Permission};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{GroupView, Which, delete, named, names, put, to_change};
use crate::{Change, Context, Info, Kind, Method, Nothing, Operation, Problem};

/// Makes or replaces a group.
#[derive(Debug)]
pub struct SetGroup;

/// Deletes a group.
#[derive(Debug)]
pub struct DeleteGroup;

/// What it is to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name: 1 to 128 visible characters.
    pub name: String,
    /// For operators.
    #[serde(default)]
    pub description: Option<String>,
    /// The roles of its members.
    #[serde(default)]
    pub roles: Vec<String>,
}

impl Operation for SetGroup {
    const INFO: Info = Info::new(
        "groups.set",
        Method::Put,
        "/projects/{project}/groups/{name}",
        Permission::ChangeAccess,
    )
    .fails(&[Kind::Unfit])
    .does("Makes a group, or replaces it.");
    type Input = Input;
    type Output = GroupView;

    async fn run(cx: &Context, input: Input) -> Result<GroupView, Problem> {
        named(&input.name)?;
        let mut directory = to_change(cx).await?;
        let made = Group {
            description: input.description.clone(),
            roles: names("roles", input.roles)?,
        };
        if !made
            .roles
            .iter()
            .all(|role| directory.roles.contains_key(role))
        {
            return Err(Problem::unfit("roles", "names a role that is not there"));
        }
        let view = GroupView {
            name: input.name,
            description: input.description,
            roles: made.roles.iter().cloned().collect(),
        };
        let said = Change::of("group", &view.name);
        directory.groups.insert(view.name.clone(), made);
        put(cx, directory, said, &view).await?;
        Ok(view)
    }
}

impl Operation for DeleteGroup {
    const INFO: Info = Info::new(
        "groups.delete",
        Method::Delete,
        "/projects/{project}/groups/{name}",
        Permission::ChangeAccess,
    )
    .does("Deletes a group: it gives nobody anything any more.");
    type Input = Which;
    type Output = Nothing;

    async fn run(cx: &Context, input: Which) -> Result<Nothing, Problem> {
        delete(cx, "group", input, |directory| &mut directory.groups).await
    }
}
