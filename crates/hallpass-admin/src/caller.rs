//! Who calls, and what they may do.

use std::{collections::BTreeMap, net::IpAddr};

use hallpass_core::admin::{Permission, Role};
use hallpass_store::{Actor, AdminKind, Store, StoreError, operator_of_client, operator_of_person};
use hallpass_types::{ClientId, IssuerId, Subject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Kind, Problem};

/// Every project.
pub const ALL_PROJECTS: &str = "*";

/// Somebody who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever writes down who acted looks at every kind"
)]
pub enum Principal {
    /// A person with an account in the home project.
    User(Subject),
    /// A client of the home project that acts for itself.
    Client(ClientId),
    /// Whoever runs a command on the machine, by their name there.
    Command(String),
}

impl Principal {
    /// Under which an operator is kept; none for those who need no record.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        match self {
            Self::User(subject) => Some(operator_of_person(subject)),
            Self::Client(client) => Some(operator_of_client(client)),
            Self::Command(_) => None,
        }
    }
}

/// What an operator may do, as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Operator {
    /// What they are called.
    pub name: String,
    /// The role in each project, by its name; `*` for all.
    pub roles: BTreeMap<String, Role>,
}

/// Somebody who calls operations, with their roles.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who acts.
    pub principal: Principal,
    /// The client through which a person acts; none for pages of our own.
    pub client: Option<ClientId>,
    /// The role in each project, by its name; `*` for all.
    pub roles: BTreeMap<String, Role>,
    /// Their token lets them look and nothing else.
    pub only_looks: bool,
    /// Where they are.
    pub address: Option<IpAddr>,
}

impl Caller {
    /// Who runs a command on the machine may do everything: they could open the database as well.
    #[must_use]
    pub fn command(user: &str) -> Self {
        Self {
            principal: Principal::Command(user.to_owned()),
            client: None,
            roles: BTreeMap::from([(ALL_PROJECTS.to_owned(), Role::Owner)]),
            only_looks: false,
            address: None,
        }
    }

    /// An operator, read from the home project. None: they are none.
    ///
    /// # Errors
    /// The store fails.
    pub async fn find(
        store: &dyn Store,
        home: IssuerId,
        principal: Principal,
    ) -> Result<Option<Self>, StoreError> {
        let Some(key) = principal.key() else {
            return Ok(None);
        };
        let found = store.admin_record(home, AdminKind::Operator, &key).await?;
        let Some(found) = found else { return Ok(None) };
        let operator: Operator = serde_json::from_value(found.value)
            .map_err(|error| StoreError::Corrupt(error.into()))?;
        Ok(Some(Self {
            principal,
            client: None,
            roles: operator.roles,
            only_looks: false,
            address: None,
        }))
    }

    /// With where they are.
    #[must_use]
    pub fn at(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }

    /// Their roles in a project: that of the project, and that for all.
    fn roles_in(&self, project: &str) -> impl Iterator<Item = Role> {
        let own = self.roles.get(project);
        let all = self.roles.get(ALL_PROJECTS);
        own.into_iter().chain(all).copied()
    }

    /// Whether they have any role in a project.
    #[must_use]
    pub fn knows(&self, project: &str) -> bool {
        self.roles_in(project).next().is_some()
    }

    /// Whether they may do something in a project ([`ALL_PROJECTS`] for something that is about all of them).
    #[must_use]
    pub fn may(&self, permission: Permission, project: &str) -> bool {
        (permission.only_looks() || !self.only_looks)
            && self.roles_in(project).any(|role| role.may(permission))
    }

    /// Refuses what they may not do. Who has no role in a project learns nothing about it, not even that it is there.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::ScopeMissing`], [`Kind::Forbidden`]
    pub fn check(&self, permission: Permission, project: &str) -> Result<(), Problem> {
        if project != ALL_PROJECTS && !self.knows(project) {
            return Err(Kind::NotFound.into());
        }
        if self.only_looks && !permission.only_looks() {
            return Err(Kind::ScopeMissing.into());
        }
        if !self.may(permission, project) {
            return Err(Kind::Forbidden.into());
        }
        Ok(())
    }

    pub(crate) fn actor(&self) -> Actor {
        let (kind, id) = match &self.principal {
            Principal::User(subject) => ("user", subject.as_str()),
            Principal::Client(client) => ("client", client.as_str()),
            Principal::Command(user) => ("command", user.as_str()),
        };
        Actor {
            kind: kind.to_owned(),
            id: id.to_owned(),
            client: self.client.as_ref().map(|c| c.as_str().to_owned()),
        }
    }
}

/// The name of a role on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "the same as the roles of the rules"
)]
pub enum RoleName {
    /// Looks at everything that is not secret.
    ReadOnly,
    /// Helps people. No secrets, no keys.
    Support,
    /// Everything but to say who else may, and to delete the project.
    Administrator,
    /// Everything.
    Owner,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::ReadOnly => Self::ReadOnly,
            RoleName::Support => Self::Support,
            RoleName::Administrator => Self::Administrator,
            RoleName::Owner => Self::Owner,
        }
    }
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::ReadOnly => Self::ReadOnly,
            Role::Support => Self::Support,
            Role::Administrator => Self::Administrator,
            Role::Owner => Self::Owner,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(roles: &[(&str, Role)]) -> Caller {
        Caller {
            principal: Principal::User(Subject::parse("u").unwrap()),
            roles: roles.iter().map(|(p, r)| ((*p).to_owned(), *r)).collect(),
            ..Caller::command("x")
        }
    }

    #[test]
    fn a_role_in_one_project_is_nothing_in_another() {
        let one = caller(&[("acme", Role::Owner)]);
        assert!(one.check(Permission::ChangeClients, "acme").is_ok());
        let other = one.check(Permission::ReadProject, "other").unwrap_err();
        assert_eq!(other.kind(), Kind::NotFound);
        let all = one.check(Permission::CreateProject, ALL_PROJECTS);
        assert_eq!(all.unwrap_err().kind(), Kind::Forbidden);
    }

    #[test]
    fn a_role_for_all_adds_to_that_of_a_project() {
        let both = caller(&[("*", Role::Support), ("acme", Role::ReadOnly)]);
        assert!(both.may(Permission::HelpUsers, "acme"));
        assert!(both.may(Permission::ReadKeys, "acme"));
        assert!(!both.may(Permission::ReadKeys, "other"));
    }

    #[test]
    fn a_token_that_only_looks_changes_nothing_whatever_the_role() {
        let mut owner = caller(&[("*", Role::Owner)]);
        owner.only_looks = true;
        assert!(owner.check(Permission::ReadUsers, "acme").is_ok());
        let refused = owner.check(Permission::HelpUsers, "acme").unwrap_err();
        assert_eq!(refused.kind(), Kind::ScopeMissing);
    }

    #[test]
    fn who_has_no_role_is_nobody() {
        let nobody = caller(&[]);
        assert!(!nobody.knows("acme"));
        assert!(!nobody.may(Permission::ReadProject, "acme"));
    }
}
