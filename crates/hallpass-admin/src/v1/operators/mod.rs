//! Who may administer: people and clients of the home project, with a role in a project or in all.

pub mod delete;
pub mod list;
pub mod set;

use std::collections::BTreeMap;

use hallpass_core::admin::{Permission, Role};
use hallpass_store::{AdminKind, AdminRecord, MAX_PAGE, Spend, UserRecord};
use hallpass_types::{ClientId, Subject};
use schemars::JsonSchema;
use serde::Serialize;

pub use delete::{Delete, Remove};
pub use list::{InProject, List};
pub use set::{Set, SetInProject};

use crate::{ALL_PROJECTS, Context, Kind, Operator, Principal, Problem, RoleName, context::Change};

/// An operator.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OperatorView {
    /// `user:` and a subject, or `client:` and a client identifier.
    pub id: String,
    /// What they are called.
    pub name: String,
    /// The role in each project, by its name; `*` for all.
    pub roles: BTreeMap<String, RoleName>,
    /// Changes with every change.
    pub revision: String,
}

impl OperatorView {
    fn of(record: &AdminRecord) -> Result<Self, Problem> {
        let operator: Operator = serde_json::from_value(record.value.clone()).map_err(|error| {
            tracing::error!(%error, operator = record.id, "an operator cannot be read");
            Problem::new(Kind::Internal)
        })?;
        Ok(Self {
            id: record.id.clone(),
            name: operator.name,
            roles: operator
                .roles
                .into_iter()
                .map(|(project, role)| (project, role.into()))
                .collect(),
            revision: record.revision.to_string(),
        })
    }

    /// What those see who may see one project alone.
    fn narrowed(mut self, project: &str) -> Option<Self> {
        self.roles.retain(|name, _| name == project);
        (!self.roles.is_empty()).then_some(self)
    }
}

/// Somebody of the home project.
struct Found {
    principal: Principal,
    /// The name that they have there.
    name: String,
    /// Asserts that they are still there: whoever goes loses what they may, and nobody gets it afterwards.
    stays: Spend,
}

impl Found {
    fn person(record: UserRecord) -> Self {
        Self {
            principal: Principal::User(record.subject.clone()),
            name: record.username.clone(),
            stays: Spend::User {
                revision: record.revision,
                record: Box::new(UserRecord {
                    revision: record.revision.saturating_add(1),
                    ..record
                }),
            },
        }
    }
}

/// Somebody of the home project, by `user:SUBJECT`, `name:USERNAME` or `client:IDENTIFIER`.
async fn principal(cx: &Context, text: &str) -> Result<Found, Problem> {
    let home = cx.platform().home().provider;
    let (store, issuer) = (home.store(), home.issuer_id());
    let unknown = || Problem::new(Kind::NotFound);
    let (kind, id) = text.split_once(':').ok_or_else(unknown)?;
    match kind {
        "user" => {
            let subject = Subject::parse(id).map_err(|_| unknown())?;
            let found = store.user(issuer, &subject).await?.ok_or_else(unknown)?;
            Ok(Found::person(found))
        }
        "name" => {
            let found = store.user_by_name(issuer, &id.to_lowercase()).await?;
            let found = found.ok_or_else(unknown)?;
            Ok(Found::person(found))
        }
        "client" => {
            let id = ClientId::parse(id).map_err(|_| unknown())?;
            let found = store.client(issuer, &id).await?.ok_or_else(unknown)?;
            let name = found.metadata.get("client_name").and_then(|n| n.as_str());
            let name = name.unwrap_or(id.as_str()).to_owned();
            Ok(Found {
                principal: Principal::Client(id),
                name,
                stays: Spend::Client {
                    expected: Box::new(found.clone()),
                    record: Box::new(found),
                },
            })
        }
        _ => Err(unknown()),
    }
}

/// Under what somebody's roles are held. Who is named by a user name has an account; everybody else may be gone already.
async fn key_of(cx: &Context, text: &str) -> Result<String, Problem> {
    if !text.starts_with("name:") {
        return Ok(text.to_owned());
    }
    let key = principal(cx, text).await?.principal.key();
    key.ok_or_else(|| Problem::new(Kind::NotFound))
}

/// Replaces what an operator may do; without any role they are none. The record lives in the home project. What is answered, now
/// and to who sends the same again, is what one may see who may see no more than the project.
async fn put(
    cx: &Context,
    key: String,
    held: Option<&AdminRecord>,
    operator: &Operator,
    stays: Option<Spend>,
    within: Option<&str>,
) -> Result<Option<OperatorView>, Problem> {
    let from = held.map(|record| record.revision);
    let other_owner = other_owner(cx, &key, held, operator).await?;
    let record = AdminRecord {
        id: key.clone(),
        revision: from.unwrap_or_default().saturating_add(1),
        value: serde_json::to_value(operator).map_err(|_| Problem::new(Kind::Internal))?,
    };
    let view = OperatorView::of(&record)?;
    let view = match within {
        Some(project) => view.narrowed(project),
        None => Some(view),
    };
    let roles: serde_json::Map<String, serde_json::Value> = operator
        .roles
        .iter()
        .map(|(project, role)| (project.clone(), role.as_str().into()))
        .collect();
    let next = (!operator.roles.is_empty()).then(|| Box::new(record));
    if next.is_none() && from.is_none() {
        return Err(Kind::NotFound.into());
    }
    let change = Change::of("operator", &key)
        .saying("roles", roles)
        .spending([Spend::Admin {
            kind: AdminKind::Operator,
            id: key,
            from,
            next,
        }])
        .spending(stays)
        .spending(other_owner);
    cx.commit(change, &view).await?;
    Ok(view)
}

/// Where somebody is an owner of everything no more: that another one is and stays one, since nobody else could say who may do
/// what. Of two who take it from each other at once, one comes too late.
async fn other_owner(
    cx: &Context,
    key: &str,
    held: Option<&AdminRecord>,
    operator: &Operator,
) -> Result<Option<Spend>, Problem> {
    let owns = |roles: &BTreeMap<String, Role>| roles.get(ALL_PROJECTS) == Some(&Role::Owner);
    if !owns(&roles_of(held)?) || owns(&operator.roles) {
        return Ok(None);
    }
    let home = cx.platform().home().provider;
    let (store, kind) = (home.store(), AdminKind::Operator);
    let mut after: Option<String> = None;
    loop {
        let found = store
            .admin_records(home.issuer_id(), kind, after.as_deref(), MAX_PAGE)
            .await?;
        for record in found.items {
            if record.id != key && owns(&roles_of(Some(&record))?) {
                return Ok(Some(Spend::Admin {
                    kind,
                    id: record.id.clone(),
                    from: Some(record.revision),
                    next: Some(Box::new(AdminRecord {
                        revision: record.revision.saturating_add(1),
                        ..record
                    })),
                }));
            }
        }
        after = found.next;
        if after.is_none() {
            let text = "they are the last owner of all projects";
            return Err(Problem::new(Kind::WrongState).because(text));
        }
    }
}

/// The roles that the caller may give: in this project, or anywhere.
fn may_give(cx: &Context, project: &str) -> Result<(), Problem> {
    if cx.caller().may(Permission::ChangeOperators, project) {
        return Ok(());
    }
    Err(Kind::Forbidden.into())
}

/// What takes the roles along with an account that goes, since nobody is an owner without one. The last owner of all projects stays.
pub(super) async fn gone_with(cx: &Context, subject: &Subject) -> Result<Vec<Spend>, Problem> {
    let key = Principal::User(subject.clone()).key();
    let Some(key) = key.filter(|_| cx.is_home()) else {
        return Ok(Vec::new());
    };
    let Some(before) = held(cx, &key).await? else {
        return Ok(Vec::new());
    };
    let other = other_owner(cx, &key, Some(&before), &Operator::default()).await?;
    let mut spends = vec![Spend::Admin {
        kind: AdminKind::Operator,
        id: key,
        from: Some(before.revision),
        next: None,
    }];
    spends.extend(other);
    Ok(spends)
}

async fn held(cx: &Context, key: &str) -> Result<Option<AdminRecord>, Problem> {
    let home = cx.platform().home().provider;
    let found = home
        .store()
        .admin_record(home.issuer_id(), AdminKind::Operator, key);
    Ok(found.await?)
}

fn roles_of(record: Option<&AdminRecord>) -> Result<BTreeMap<String, Role>, Problem> {
    let Some(record) = record else {
        return Ok(BTreeMap::new());
    };
    let view = OperatorView::of(record)?;
    Ok(view
        .roles
        .into_iter()
        .map(|(project, role)| (project, role.into()))
        .collect())
}

/// A project that somebody can have a role in.
async fn check_project(cx: &Context, name: &str) -> Result<(), Problem> {
    let home = cx.platform().home();
    if name == ALL_PROJECTS || name == home.name {
        return Ok(());
    }
    match home.provider.store().issuer_named(name).await? {
        Some(_) => Ok(()),
        None => Err(Problem::unfit("roles", "names a project that is not there")),
    }
}
