//! `hallpass role`, `group`, `organization` and `member`

use std::collections::BTreeSet;

use hallpass_admin::{
    Kind, Problem,
    v1::{
        access::{self, GroupView, OrganizationView, RoleView, Which},
        users,
    },
};
use hallpass_core::access::{Directory, Group, Membership, Organization, Role};
use hallpass_store::{StoreError, UserRecord};
use serde_json::{Value, json};

use super::office::{Office, ROUNDS, refused};
use super::operator::failed;
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;

pub(super) async fn role(
    command: cli::Role,
    office: Office,
    output: Output,
) -> Result<(), Failure> {
    match command {
        cli::Role::List => {
            let directory = read(&office).await?;
            let roles = directory.roles.iter();
            let values: Vec<Value> = roles.clone().map(|(n, r)| role_value(n, r)).collect();
            let rows: Vec<Vec<String>> = roles
                .map(|(name, role)| vec![name.clone(), joined(&role.permissions)])
                .collect();
            output.table(&values, &["ROLE", "PERMISSIONS"], &rows)
        }
        cli::Role::Set(options) => {
            let set = office.repeat::<access::SetRole>(|| access::roles::Input {
                name: options.name.clone(),
                description: options.description.clone(),
                permissions: options.permissions.clone(),
            });
            let RoleView {
                name,
                description,
                permissions,
            } = set.await.map_err(|problem| failed(&problem))?;
            let role = Role {
                description,
                permissions: permissions.into_iter().collect(),
            };
            let text = format!("role {name} permits {}", listed(&role.permissions));
            output.say(&role_value(&name, &role), text)
        }
        cli::Role::Delete(which) => {
            let deleted = office.repeat::<access::DeleteRole>(|| named(&which));
            gone("role", &which.name, deleted.await, output)
        }
    }
}

pub(super) async fn group(
    command: cli::Group,
    office: Office,
    output: Output,
) -> Result<(), Failure> {
    match command {
        cli::Group::List => {
            let directory = read(&office).await?;
            let groups = directory.groups.iter();
            let values: Vec<Value> = groups.clone().map(|(n, g)| group_value(n, g)).collect();
            let rows: Vec<Vec<String>> = groups
                .map(|(name, group)| vec![name.clone(), joined(&group.roles)])
                .collect();
            output.table(&values, &["GROUP", "ROLES"], &rows)
        }
        cli::Group::Set(options) => {
            let set = office.repeat::<access::SetGroup>(|| access::groups::Input {
                name: options.name.clone(),
                description: options.description.clone(),
                roles: options.roles.clone(),
            });
            let set = match set.await {
                Ok(set) => set,
                Err(problem) => {
                    let directory = read(&office).await?;
                    let known = |name: &str| directory.roles.contains_key(name);
                    return Err(unfit(&problem, "roles", "role", &options.roles, known));
                }
            };
            let GroupView {
                name,
                description,
                roles,
            } = set;
            let group = Group {
                description,
                roles: roles.into_iter().collect(),
            };
            let text = format!("members of {name} have {}", listed(&group.roles));
            output.say(&group_value(&name, &group), text)
        }
        cli::Group::Delete(which) => {
            let deleted = office.repeat::<access::DeleteGroup>(|| named(&which));
            gone("group", &which.name, deleted.await, output)
        }
    }
}

pub(super) async fn organization(
    command: cli::Organization,
    office: Office,
    output: Output,
) -> Result<(), Failure> {
    match command {
        cli::Organization::List => {
            let directory = read(&office).await?;
            let all = directory.organizations.iter();
            let values: Vec<Value> = all.clone().map(|(n, o)| organization_value(n, o)).collect();
            let rows: Vec<Vec<String>> = all
                .map(|(id, organization)| {
                    let state = if organization.disabled {
                        "disabled"
                    } else {
                        "enabled"
                    };
                    vec![id.clone(), organization.name.clone(), state.to_owned()]
                })
                .collect();
            output.table(&values, &["ID", "NAME", "STATE"], &rows)
        }
        cli::Organization::Set(options) => {
            let set = set_organization(&options, &office).await?;
            let OrganizationView {
                name: id,
                title,
                disabled,
            } = set;
            let organization = Organization {
                name: title,
                disabled,
            };
            let text = format!("organization {id} is written");
            output.say(&organization_value(&id, &organization), text)
        }
        cli::Organization::Delete(which) => {
            let deleted = office.repeat::<access::DeleteOrganization>(|| named(&which));
            gone("organization", &which.name, deleted.await, output)
        }
    }
}

/// What is not said stays, if it stays while this is written.
async fn set_organization(
    options: &cli::OrganizationSet,
    office: &Office,
) -> Result<OrganizationView, Failure> {
    for _ in 0..ROUNDS {
        let directory = read(office).await?;
        let held = directory.organizations.get(&options.id);
        let title = options.name.clone();
        let disabled = match (options.disable, options.enable) {
            (true, _) => true,
            (false, true) => false,
            (false, false) => held.is_some_and(|o| o.disabled),
        };
        let input = access::organizations::Input {
            name: options.id.clone(),
            title: title.or_else(|| held.map(|o| o.name.clone())),
            disabled,
        };
        let seen = directory.revision.to_string();
        let set = office.call_if::<access::SetOrganization>(&seen, input);
        match set.await {
            Err(problem) if overtaken(&problem) => {}
            set => return set.map_err(|problem| failed(&problem)),
        }
    }
    Err(busy())
}

pub(super) async fn member(
    command: cli::Member,
    office: Office,
    output: Output,
) -> Result<(), Failure> {
    match command {
        cli::Member::Show(which) => {
            let user = office.user(&which.username).await?;
            let directory = read(&office).await?;
            let rows: Vec<Vec<String>> = user.memberships.iter().map(row).collect();
            let values = shown(&user, &directory);
            output.table(
                &values,
                &["ORGANIZATION", "ROLES", "GROUPS", "ALLOWED", "DENIED"],
                &rows,
            )
        }
        cli::Member::Set(options) => {
            let membership = users::MembershipView {
                organization: options.organization.clone(),
                inactive: options.inactive,
                roles: options.roles.clone(),
                groups: options.groups.clone(),
                allowed: options.allow.clone(),
                denied: options.deny.clone(),
            };
            let change = |held: &mut Vec<users::MembershipView>| {
                held.retain(|m| m.organization != membership.organization);
                held.push(membership.clone());
                Ok(())
            };
            let (user, directory) = match set_memberships(&options.username, &office, change).await
            {
                Ok(set) => set,
                Err(Unset::Problem(problem)) => {
                    return Err(unset(&problem, &membership, &office).await?);
                }
                Err(Unset::Failure(failure)) => return Err(failure),
            };
            let text = format!("user {} is a member", user.username);
            output.say(&json!(shown(&user, &directory)), text)
        }
        cli::Member::Remove(options) => {
            let change = |held: &mut Vec<users::MembershipView>| {
                let before = held.len();
                held.retain(|m| m.organization != options.organization);
                if held.len() == before {
                    return Err(Failure::new("this account has no such membership"));
                }
                Ok(())
            };
            let set = set_memberships(&options.username, &office, change).await;
            let (user, directory) = set.map_err(|unset| match unset {
                Unset::Problem(problem) => failed(&problem),
                Unset::Failure(failure) => failure,
            })?;
            let text = format!("user {} is no member any more", user.username);
            output.say(&json!(shown(&user, &directory)), text)
        }
    }
}

/// Why memberships are as they were.
enum Unset {
    Problem(Problem),
    Failure(Failure),
}

impl From<Failure> for Unset {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Reads memberships, changes them and writes them back, anew when somebody else was faster.
async fn set_memberships(
    username: &str,
    office: &Office,
    change: impl Fn(&mut Vec<users::MembershipView>) -> Result<(), Failure>,
) -> Result<(UserRecord, Directory), Unset> {
    for _ in 0..ROUNDS {
        let before = office.user(username).await?;
        let mut memberships = before.memberships.iter().map(Into::into).collect();
        change(&mut memberships)?;
        let input = users::update::Input {
            user: before.subject.as_str().to_owned(),
            username: None,
            claims: serde_json::Map::new(),
            memberships: Some(memberships),
        };
        let seen = before.revision.to_string();
        match office.call_if::<users::Update>(&seen, input).await {
            Err(problem) if overtaken(&problem) => {}
            Err(problem) => return Err(Unset::Problem(problem)),
            Ok(_) => return Ok((office.user(username).await?, read(office).await?)),
        }
    }
    Err(busy().into())
}

/// Why a membership was not written, with the name that is not known.
async fn unset(
    problem: &Problem,
    membership: &users::MembershipView,
    office: &Office,
) -> Result<Failure, Failure> {
    let directory = read(office).await?;
    let organization: Vec<String> = membership.organization.iter().cloned().collect();
    let lists = [
        ("memberships.roles", "role", &membership.roles),
        ("memberships.groups", "group", &membership.groups),
        ("memberships.organization", "organization", &organization),
    ];
    let about = lists
        .iter()
        .find(|(field, ..)| problem.field() == Some(field));
    let Some((field, what, names)) = about else {
        return Ok(failed(problem));
    };
    Ok(unfit(problem, field, what, names, |name| match *what {
        "role" => directory.roles.contains_key(name),
        "group" => directory.groups.contains_key(name),
        _ => directory.organizations.contains_key(name),
    }))
}

async fn read(office: &Office) -> Result<Directory, Failure> {
    let provider = &office.provider;
    let found = provider.store().directory(provider.issuer_id()).await;
    found.map_err(|error| store(&error))
}

fn overtaken(problem: &Problem) -> bool {
    matches!(problem.kind(), Kind::Changed | Kind::PreconditionFailed)
}

fn busy() -> Failure {
    Failure::new("somebody else changes the same; try again")
}

fn named(which: &cli::Named) -> Which {
    Which {
        name: which.name.clone(),
    }
}

/// Why something was not written, with the name that is not known where that is why.
fn unfit(
    problem: &Problem,
    field: &str,
    what: &str,
    names: &[String],
    is_known: impl Fn(&str) -> bool,
) -> Failure {
    let unknown = names.iter().find(|name| !is_known(name));
    match unknown.filter(|_| problem.field() == Some(field)) {
        Some(name) => Failure::new(format!("there is no {what} {name:?}")),
        None => failed(problem),
    }
}

fn store(error: &StoreError) -> Failure {
    Failure::doing("store", error)
}

fn gone<T>(
    what: &str,
    name: &str,
    done: Result<T, Problem>,
    output: Output,
) -> Result<(), Failure> {
    done.map_err(|problem| {
        refused(&problem, Kind::NotFound, || {
            format!("there is no {what} {name:?}")
        })
    })?;
    deleted(what, name, output)
}

fn deleted(what: &str, name: &str, output: Output) -> Result<(), Failure> {
    output.say(
        &json!({ "name": name, "deleted": true }),
        format!("{what} {name} is deleted"),
    )
}

fn joined(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

fn listed(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        joined(names)
    }
}

fn role_value(name: &str, role: &Role) -> Value {
    json!({ "name": name, "description": role.description, "permissions": role.permissions })
}

fn group_value(name: &str, group: &Group) -> Value {
    json!({ "name": name, "description": group.description, "roles": group.roles })
}

fn organization_value(id: &str, organization: &Organization) -> Value {
    json!({ "id": id, "name": organization.name, "disabled": organization.disabled })
}

fn row(membership: &Membership) -> Vec<String> {
    let organization = membership.organization.clone().unwrap_or_default();
    let mark = if membership.inactive {
        " (inactive)"
    } else {
        ""
    };
    vec![
        format!("{organization}{mark}"),
        joined(&membership.roles),
        joined(&membership.groups),
        joined(&membership.allowed),
        joined(&membership.denied),
    ]
}

/// Memberships with what comes of them.
fn shown(user: &UserRecord, directory: &Directory) -> Vec<Value> {
    user.memberships
        .iter()
        .map(|membership| {
            let organization = membership.organization.as_deref();
            let effective = directory.effective(&user.memberships, organization);
            json!({
                "username": user.username,
                "organization": membership.organization,
                "inactive": membership.inactive,
                "roles": membership.roles,
                "groups": membership.groups,
                "allowed": membership.allowed,
                "denied": membership.denied,
                "permissions": effective.map(|effective| effective.permissions),
            })
        })
        .collect()
}
