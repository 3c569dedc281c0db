//! Roles, groups, permissions and organizations: what a person may do, and for which applications.
//!
//! A person is a member of the issuer as a whole, of organizations, or of both. A membership gives roles, some of them
//! through groups; roles give permissions; and the membership itself allows single permissions or denies them. What is
//! denied anywhere is denied.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Names of roles, groups and organizations have at most so many bytes, and permissions too.
pub const MAX_NAME: usize = 128;
/// An issuer has at most so many roles, so many groups and so many organizations.
pub const MAX_ENTRIES: usize = 10_000;
/// A person is a member of at most so many organizations.
pub const MAX_MEMBERSHIPS: usize = 256;
/// A role has at most so many permissions, and a membership so many of its own.
pub const MAX_PERMISSIONS: usize = 1000;

/// All roles, groups and organizations of an issuer, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Directory {
    /// Raised with every change.
    pub revision: u64,
    /// Roles.
    pub roles: BTreeMap<String, Role>,
    /// Groups.
    pub groups: BTreeMap<String, Group>,
    /// Organizations.
    pub organizations: BTreeMap<String, Organization>,
}

/// A set of permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Role {
    /// For operators.
    pub description: Option<String>,
    /// What it permits.
    pub permissions: BTreeSet<String>,
}

/// A set of roles that its members have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// For operators.
    pub description: Option<String>,
    /// The roles of its members.
    pub roles: BTreeSet<String>,
}

/// A tenant: a company, a team, a school.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Organization {
    /// What people call it.
    pub name: String,
    /// Nobody acts for it any more.
    pub disabled: bool,
}

/// What a person is and may do: in an organization, or everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Membership {
    /// The organization; none for the issuer as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// It is there but does not count: an invitation that was not taken, a member who was turned away.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inactive: bool,
    /// Roles.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<String>,
    /// Groups.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
    /// Permissions beside those of the roles.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub allowed: BTreeSet<String>,
    /// Permissions that are taken away, whatever gives them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub denied: BTreeSet<String>,
}

/// What somebody may do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effective {
    /// For whom they act.
    pub organization: Option<String>,
    /// Their roles, also those of their groups. Only such as exist.
    pub roles: BTreeSet<String>,
    /// Their groups. Only such as exist.
    pub groups: BTreeSet<String>,
    /// Role permissions, plus allowed ones, minus denied ones.
    pub permissions: BTreeSet<String>,
}

impl Directory {
    /// What a member may do, acting for an organization or for none. None: they cannot act for that one.
    #[must_use]
    pub fn effective(
        &self,
        memberships: &[Membership],
        organization: Option<&str>,
    ) -> Option<Effective> {
        if organization.is_some_and(|id| !self.may_act_for(memberships, id)) {
            return None;
        }
        let mut out = Effective {
            organization: organization.map(str::to_owned),
            ..Effective::default()
        };
        let mut denied = BTreeSet::new();
        let counts = |membership: &&Membership| {
            !membership.inactive
                && (membership.organization.is_none()
                    || membership.organization.as_deref() == organization)
        };
        for membership in memberships.iter().filter(counts) {
            for (name, group) in &self.groups {
                if membership.groups.contains(name) {
                    out.groups.insert(name.clone());
                    out.roles.extend(group.roles.iter().cloned());
                }
            }
            out.roles.extend(membership.roles.iter().cloned());
            out.permissions.extend(membership.allowed.iter().cloned());
            denied.extend(&membership.denied);
        }
        out.roles.retain(|role| self.roles.contains_key(role));
        for role in out.roles.iter().filter_map(|name| self.roles.get(name)) {
            out.permissions.extend(role.permissions.iter().cloned());
        }
        out.permissions.retain(|name| !denied.contains(name));
        Some(out)
    }

    fn may_act_for(&self, memberships: &[Membership], id: &str) -> bool {
        self.organizations.get(id).is_some_and(|o| !o.disabled)
            && memberships
                .iter()
                .any(|m| !m.inactive && m.organization.as_deref() == Some(id))
    }

    /// The organizations that a member can act for: identifier and name, in order of the names.
    #[must_use]
    pub fn choices<'d>(&'d self, memberships: &[Membership]) -> Vec<(&'d str, &'d str)> {
        let mut choices: Vec<(&str, &str)> = self
            .organizations
            .iter()
            .filter(|(id, _)| self.may_act_for(memberships, id))
            .map(|(id, organization)| (id.as_str(), organization.name.as_str()))
            .collect();
        choices.sort_by_key(|(id, name)| (*name, *id));
        choices
    }
}

/// Whether somebody may less after a change than before: then what was granted before is over.
#[must_use]
pub fn takes_away(before: &[Membership], after: &[Membership]) -> bool {
    before.iter().filter(|held| !held.inactive).any(|held| {
        let same = |other: &&Membership| other.organization == held.organization;
        after.iter().find(same).is_none_or(|now| {
            now.inactive
                || !held.roles.is_subset(&now.roles)
                || !held.groups.is_subset(&now.groups)
                || !held.allowed.is_subset(&now.allowed)
                || !now.denied.is_subset(&held.denied)
        })
    })
}

/// Who may use a client. Empty lists: everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restriction {
    /// Members of one of these groups.
    pub groups: Vec<String>,
    /// Holders of one of these roles.
    pub roles: Vec<String>,
}

impl Restriction {
    /// Whether everybody may.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.groups.is_empty() && self.roles.is_empty()
    }

    /// Whether a member may.
    #[must_use]
    pub fn admits(&self, member: &Effective) -> bool {
        self.is_open()
            || self.groups.iter().any(|g| member.groups.contains(g))
            || self.roles.iter().any(|r| member.roles.contains(r))
    }
}

/// The claims in which clients learn of it. They are released by the scopes that list them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Roles, as a list.
    pub roles: String,
    /// Groups, as a list.
    pub groups: String,
    /// Permissions, as a list.
    pub permissions: String,
    /// The identifier of the organization.
    pub organization: String,
    /// Its name.
    pub organization_name: String,
}

/// RFC 9068 §2.2.3.1 knows `roles` and `groups`.
impl Default for AccessClaims {
    fn default() -> Self {
        Self {
            roles: "roles".to_owned(),
            groups: "groups".to_owned(),
            permissions: "permissions".to_owned(),
            organization: "organization".to_owned(),
            organization_name: "organization_name".to_owned(),
        }
    }
}

impl AccessClaims {
    /// Every name.
    #[must_use]
    pub fn names(&self) -> [&str; 5] {
        let Self {
            roles,
            groups,
            permissions,
            organization,
            organization_name,
        } = self;
        [roles, groups, permissions, organization, organization_name]
    }

    /// The claims of a member.
    #[must_use]
    pub fn of(&self, member: &Effective, directory: &Directory) -> Map<String, Value> {
        let list = |names: &BTreeSet<String>| {
            let names = names.iter().cloned().map(Value::String);
            Value::Array(names.collect())
        };
        let mut claims = Map::new();
        claims.insert(self.roles.clone(), list(&member.roles));
        claims.insert(self.groups.clone(), list(&member.groups));
        claims.insert(self.permissions.clone(), list(&member.permissions));
        if let Some(id) = &member.organization {
            claims.insert(self.organization.clone(), Value::String(id.clone()));
            if let Some(organization) = directory.organizations.get(id) {
                let name = Value::String(organization.name.clone());
                claims.insert(self.organization_name.clone(), name);
            }
        }
        claims
    }
}

/// Whether a text can name a role, a group, an organization or a permission: like a scope, since it may become one.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_plain = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests;
