//! Shows roles, groups and organizations.

use hallpass_core::admin::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GroupView, OrganizationView, RoleView, directory};
use crate::{Context, Info, Operation, Problem};

/// Shows roles, groups and organizations.
#[derive(Debug)]
pub struct Show;

/// Nothing more is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

/// Everything by name.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Access {
    /// Whether the project uses them (`access.enabled` of the configuration).
    pub enabled: bool,
    /// Roles.
    pub roles: Vec<RoleView>,
    /// Groups.
    pub groups: Vec<GroupView>,
    /// Organizations.
    pub organizations: Vec<OrganizationView>,
    /// Changes with every change.
    pub revision: String,
}

impl Operation for Show {
    const INFO: Info = Info::get(
        "access.show",
        "/projects/{project}/access",
        Permission::ReadAccess,
    )
    .does("Shows the roles, groups and organizations of a project.");
    type Input = Input;
    type Output = Access;

    async fn run(cx: &Context, _: Input) -> Result<Access, Problem> {
        let directory = directory(cx).await?;
        let roles = directory.roles.into_iter().map(|(name, role)| RoleView {
            name,
            description: role.description,
            permissions: role.permissions.into_iter().collect(),
        });
        let groups = directory.groups.into_iter().map(|(name, group)| GroupView {
            name,
            description: group.description,
            roles: group.roles.into_iter().collect(),
        });
        let all = directory.organizations.into_iter();
        let organizations = all.map(|(name, organization)| OrganizationView {
            name,
            title: organization.name,
            disabled: organization.disabled,
        });
        Ok(Access {
            enabled: cx.provider().policy().access.enabled,
            roles: roles.collect(),
            groups: groups.collect(),
            organizations: organizations.collect(),
            revision: directory.revision.to_string(),
        })
    }
}
