//! `hallpass role`, `group`, `organization` and `member`

use std::collections::BTreeSet;

use hallpass_core::access::{
    Directory, Group, MAX_ENTRIES, MAX_MEMBERSHIPS, MAX_PERMISSIONS, Membership, Organization,
    Role, is_name,
};
use hallpass_store::{Commit, Committed, Spend, StoreError, UserRecord};
use serde_json::{Value, json};

use crate::cli;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Engine;

pub(super) async fn role(
    command: cli::Role,
    engine: Engine,
    output: Output,
) -> Result<(), Failure> {
    match command {
        cli::Role::List => {
            let directory = read(&engine).await?;
            let roles = directory.roles.iter();
            let values: Vec<Value> = roles.clone().map(|(n, r)| role_value(n, r)).collect();
            let rows: Vec<Vec<String>> = roles
                .map(|(name, role)| vec![name.clone(), joined(&role.permissions)])
                .collect();
            output.table(&values, &["ROLE", "PERMISSIONS"], &rows)
        }
        cli::Role::Set(options) => {
            named(&options.name)?;
            let permissions = names(&options.permissions)?;
            let role = Role {
                description: options.description,
                permissions,
            };
            change(&engine, |directory| {
                directory.roles.insert(options.name.clone(), role.clone());
                fits(directory.roles.len())
            })
            .await?;
            let text = format!(
                "role {} permits {}",
                options.name,
                listed(&role.permissions)
            );
            output.say(&role_value(&options.name, &role), text)
        }
        cli::Role::Delete(which) => {
            change(&engine, |directory| {
                let gone = directory.roles.remove(&which.name);
                gone.map(drop).ok_or_else(|| unknown("role", &which.name))
            })
            .await?;
            deleted("role", &which.name, output)
        }
    }
}

pub(super) async fn group(
    command: cli::Group,
    engine: Engine,
    output: Output,
) -> Result<(), Failure> {
    match command {
        cli::Group::List => {
            let directory = read(&engine).await?;
            let groups = directory.groups.iter();
            let values: Vec<Value> = groups.clone().map(|(n, g)| group_value(n, g)).collect();
            let rows: Vec<Vec<String>> = groups
                .map(|(name, group)| vec![name.clone(), joined(&group.roles)])
                .collect();
            output.table(&values, &["GROUP", "ROLES"], &rows)
        }
        cli::Group::Set(options) => {
            named(&options.name)?;
            let group = Group {
                description: options.description,
                roles: names(&options.roles)?,
            };
            change(&engine, |directory| {
                known(&group.roles, "role", |name| {
                    directory.roles.contains_key(name)
                })?;
                directory.groups.insert(options.name.clone(), group.clone());
                fits(directory.groups.len())
            })
            .await?;
            let text = format!("members of {} have {}", options.name, listed(&group.roles));
            output.say(&group_value(&options.name, &group), text)
        }
        cli::Group::Delete(which) => {
            change(&engine, |directory| {
                let gone = directory.groups.remove(&which.name);
                gone.map(drop).ok_or_else(|| unknown("group", &which.name))
            })
            .await?;
            deleted("group", &which.name, output)
        }
    }
}

pub(super) async fn organization(
    command: cli::Organization,
    engine: Engine,
    output: Output,
) -> Result<(), Failure> {
    match command {
        cli::Organization::List => {
            let directory = read(&engine).await?;
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
            named(&options.id)?;
            let shown = change(&engine, |directory| {
                let held = directory.organizations.get(&options.id);
                let name = options
                    .name
                    .clone()
                    .or_else(|| held.map(|o| o.name.clone()));
                let disabled = match (options.disable, options.enable) {
                    (true, _) => true,
                    (false, true) => false,
                    (false, false) => held.is_some_and(|o| o.disabled),
                };
                let organization = Organization {
                    name: name.unwrap_or_else(|| options.id.clone()),
                    disabled,
                };
                let value = organization_value(&options.id, &organization);
                directory
                    .organizations
                    .insert(options.id.clone(), organization);
                fits(directory.organizations.len())?;
                Ok(value)
            })
            .await?;
            output.say(&shown, format!("organization {} is written", options.id))
        }
        cli::Organization::Delete(which) => {
            change(&engine, |directory| {
                let gone = directory.organizations.remove(&which.name);
                gone.map(drop)
                    .ok_or_else(|| unknown("organization", &which.name))
            })
            .await?;
            deleted("organization", &which.name, output)
        }
    }
}

pub(super) async fn member(
    command: cli::Member,
    engine: Engine,
    output: Output,
) -> Result<(), Failure> {
    let issuer = engine.provider.issuer_id();
    match command {
        cli::Member::Show(which) => {
            let user = user(&which.username, &engine).await?;
            let directory = read(&engine).await?;
            let rows: Vec<Vec<String>> = user.memberships.iter().map(row).collect();
            let values = shown(&user, &directory);
            output.table(
                &values,
                &["ORGANIZATION", "ROLES", "GROUPS", "ALLOWED", "DENIED"],
                &rows,
            )
        }
        cli::Member::Set(options) => {
            let membership = Membership {
                organization: options.organization,
                inactive: options.inactive,
                roles: names(&options.roles)?,
                groups: names(&options.groups)?,
                allowed: names(&options.allow)?,
                denied: names(&options.deny)?,
            };
            let directory = read(&engine).await?;
            known(&membership.roles, "role", |name| {
                directory.roles.contains_key(name)
            })?;
            known(&membership.groups, "group", |name| {
                directory.groups.contains_key(name)
            })?;
            if let Some(id) = &membership.organization
                && !directory.organizations.contains_key(id)
            {
                return Err(unknown("organization", id));
            }
            let before = user(&options.username, &engine).await?;
            if before.memberships.len() >= MAX_MEMBERSHIPS {
                return Err(Failure::new(
                    "this account has as many memberships as it can",
                ));
            }
            let user = engine
                .accounts
                .set_memberships(issuer, &before.subject, |held| {
                    held.retain(|m| m.organization != membership.organization);
                    held.push(membership.clone());
                })
                .await
                .map_err(failed)?;
            ended(&before, &user, &engine).await?;
            let text = format!("user {} is a member", user.username);
            output.say(&json!(shown(&user, &directory)), text)
        }
        cli::Member::Remove(options) => {
            let before = user(&options.username, &engine).await?;
            let is_it = |m: &Membership| m.organization == options.organization;
            if !before.memberships.iter().any(is_it) {
                return Err(Failure::new("this account has no such membership"));
            }
            let user = engine
                .accounts
                .set_memberships(issuer, &before.subject, |held| held.retain(|m| !is_it(m)))
                .await
                .map_err(failed)?;
            ended(&before, &user, &engine).await?;
            let directory = read(&engine).await?;
            let text = format!("user {} is no member any more", user.username);
            output.say(&json!(shown(&user, &directory)), text)
        }
    }
}

/// Clients that want to be told of the end of sessions are told.
async fn ended(before: &UserRecord, after: &UserRecord, engine: &Engine) -> Result<(), Failure> {
    if before.epoch != after.epoch {
        let ended = engine.provider.end_sessions_of(&after.subject).await;
        ended.map_err(|error| store(&error))?;
    }
    Ok(())
}

async fn user(username: &str, engine: &Engine) -> Result<UserRecord, Failure> {
    let issuer = engine.provider.issuer_id();
    let found = engine.accounts.by_name(issuer, username).await;
    found
        .map_err(|error| store(&error))?
        .ok_or_else(|| unknown("user", username))
}

async fn read(engine: &Engine) -> Result<Directory, Failure> {
    let provider = &engine.provider;
    let found = provider.store().directory(provider.issuer_id()).await;
    found.map_err(|error| store(&error))
}

/// Reads, changes and writes back, anew when somebody else was faster.
async fn change<T>(
    engine: &Engine,
    change: impl Fn(&mut Directory) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let provider = &engine.provider;
    for _ in 0..ROUNDS {
        let mut directory = read(engine).await?;
        let from = directory.revision;
        let out = change(&mut directory)?;
        directory.revision = from.saturating_add(1);
        let record = Box::new(directory);
        let commit = Commit {
            spends: vec![Spend::Directory { from, record }],
            writes: Vec::new(),
        };
        let done = provider.store().commit(provider.issuer_id(), commit).await;
        if done.map_err(|error| store(&error))? == Committed::Done {
            return Ok(out);
        }
    }
    Err(Failure::new("somebody else changes the same; try again"))
}

const ROUNDS: usize = 8;

fn fits(len: usize) -> Result<(), Failure> {
    if len > MAX_ENTRIES {
        return Err(Failure::new(format!(
            "there are {MAX_ENTRIES} of them at most"
        )));
    }
    Ok(())
}

fn named(name: &str) -> Result<(), Failure> {
    if is_name(name) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{name:?} is no name: 1 to 128 printable ASCII characters without space, quote and backslash"
    )))
}

fn names(list: &[String]) -> Result<BTreeSet<String>, Failure> {
    list.iter().try_for_each(|name| named(name))?;
    if list.len() > MAX_PERMISSIONS {
        return Err(Failure::new(format!("there are {MAX_PERMISSIONS} at most")));
    }
    Ok(list.iter().cloned().collect())
}

fn known(
    names: &BTreeSet<String>,
    what: &str,
    is_known: impl Fn(&str) -> bool,
) -> Result<(), Failure> {
    match names.iter().find(|name| !is_known(name)) {
        Some(name) => Err(unknown(what, name)),
        None => Ok(()),
    }
}

fn unknown(what: &str, name: &str) -> Failure {
    Failure::new(format!("there is no {what} {name:?}"))
}

fn failed(error: hallpass_accounts::AccountError) -> Failure {
    Failure::doing("account", &error)
}

fn store(error: &StoreError) -> Failure {
    Failure::doing("store", error)
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
