//! Who may administer anything: operators of all projects and of each.

use std::collections::BTreeMap;

use hallpass_admin::{
    ALL_PROJECTS, RoleName, Terms,
    v1::{
        operators::{self, OperatorView},
        users,
    },
};
use hallpass_core::admin::{Permission, Role};
use hallpass_types::Params;
use minijinja::{Value, context};

use super::typed;
use crate::{
    gate::Visit,
    render::{Answer, Stop},
};

/// So many on a page.
const PAGE: u32 = 100;

async fn view(visit: &Visit, form: Option<&Params>, stop: Option<&Stop>) -> Result<Value, Stop> {
    let input = operators::list::Input {
        cursor: typed(&visit.query, "cursor"),
        limit: Some(PAGE),
    };
    let found = visit
        .desk
        .call::<operators::List>(&visit.caller, Terms::default(), input)
        .await?;
    let items: Vec<Value> = found
        .items
        .iter()
        .map(|one| {
            let roles: Vec<Value> = one
                .roles
                .iter()
                .map(|(project, role)| {
                    context! { project, all => project == ALL_PROJECTS, role => Role::from(*role).as_str() }
                })
                .collect();
            context! {
                id => one.id.as_str(),
                name => one.name.as_str(),
                machine => one.id.starts_with("client:"),
                own => visit.caller.principal.key().as_deref() == Some(one.id.as_str()),
                roles,
                revision => one.revision.as_str(),
            }
        })
        .collect();
    let value = |name: &str| form.and_then(|form| typed(form, name)).unwrap_or_default();
    Ok(context! {
        items,
        next => found.next,
        paged => visit.query.get("cursor").is_some(),
        may_change => visit.caller.may(Permission::ChangeOperators, ALL_PROJECTS),
        username => value("username"),
        in_project => value("project"),
        done => typed(&visit.query, "done"),
        alert => stop.map(Stop::alert),
    })
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    let view = view(visit, None, None).await?;
    Ok(Answer::shown("everybody.html", "Operators", view))
}

pub(crate) async fn take(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    match done(visit, form).await {
        Ok(()) => Ok(Answer::GoTo("/operators?done=saved".to_owned())),
        Err(stop) if stop.is_typed() || stop.status() == http::StatusCode::NOT_FOUND => {
            let stop = if stop.is_typed() {
                stop
            } else {
                Stop::of(
                    422,
                    "unknown_person",
                    "There is no such user name, application or project. Operators have an account in the main project.",
                )
            };
            let view = view(visit, Some(form), Some(&stop)).await?;
            Ok(Answer::with_status(
                stop.status(),
                "everybody.html",
                "Operators",
                view,
            ))
        }
        Err(stop) => Err(stop),
    }
}

/// Somebody of the home project by what was typed: their user name, or `client:` and an identifier. An operator's name is what they
/// were called when they were made one, and somebody else may be called so by now: the account decides.
async fn somebody(visit: &Visit, typed: String) -> Result<String, Stop> {
    let name = match typed.split_once(':') {
        Some(("name", name)) => name.to_lowercase(),
        Some(_) => return Ok(typed),
        None => typed.to_lowercase(),
    };
    let input = users::list::Input {
        q: Some(name.clone()),
        limit: Some(1),
        ..users::list::Input::default()
    };
    let home = Terms::project(&visit.desk.platform().home().name);
    let found = visit
        .desk
        .call::<users::List>(&visit.caller, home, input)
        .await?;
    let user = found.items.into_iter().next();
    let user = user.filter(|user| user.username.to_lowercase() == name);
    user.map(|user| format!("user:{}", user.subject))
        .ok_or_else(|| hallpass_admin::Problem::from(hallpass_admin::Kind::NotFound).into())
}

/// What somebody may do now. None: nothing.
async fn held(visit: &Visit, id: &str) -> Result<Option<OperatorView>, Stop> {
    let mut cursor = None;
    loop {
        let input = operators::list::Input {
            cursor,
            limit: Some(200),
        };
        let found = visit
            .desk
            .call::<operators::List>(&visit.caller, Terms::default(), input)
            .await?;
        let one = found.items.into_iter().find(|one| one.id == id);
        match (one, found.next) {
            (Some(one), _) => return Ok(Some(one)),
            (None, None) => return Ok(None),
            (None, next) => cursor = next,
        }
    }
}

async fn done(visit: &Visit, form: &Params) -> Result<(), Stop> {
    let (desk, caller) = (&visit.desk, &visit.caller);
    let terms = match form.get("revision") {
        Some(revision) => Terms::default().if_match(revision),
        None => Terms::default(),
    };
    match form.get("do") {
        Some("set") => {
            let role = form.get("role").and_then(Role::parse).map(RoleName::from);
            let role = role.ok_or_else(|| Stop::of(400, "decision_missing", "Choose a role."))?;
            let who = typed(form, "username").unwrap_or_default();
            let operator = if who.contains(':') {
                who
            } else {
                format!("name:{}", who.to_lowercase())
            };
            let project = typed(form, "project").unwrap_or_else(|| ALL_PROJECTS.to_owned());
            if project != ALL_PROJECTS {
                let input = operators::set::InputInProject { operator, role };
                let terms = Terms::project(&project);
                desk.call::<operators::SetInProject>(caller, terms, input)
                    .await?;
                return Ok(());
            }
            let operator = somebody(visit, operator).await?;
            let before = held(visit, &operator).await?;
            let terms = match &before {
                Some(before) => Terms::default().if_match(&before.revision),
                None => Terms::default(),
            };
            let mut roles: BTreeMap<String, RoleName> =
                before.map(|before| before.roles).unwrap_or_default();
            roles.insert(project, role);
            let input = operators::set::Input { operator, roles };
            desk.call::<operators::Set>(caller, terms, input).await?;
        }
        Some("remove") => {
            let operator = form.get("operator").unwrap_or_default().to_owned();
            if caller.principal.key().as_deref() == Some(operator.as_str()) {
                return Err(Stop::of(
                    409,
                    "yourself",
                    "Nobody takes away what they may themselves; let another owner do it.",
                ));
            }
            let input = operators::delete::Input { operator };
            desk.call::<operators::Delete>(caller, terms, input).await?;
        }
        Some(_) | None => {
            return Err(Stop::of(
                400,
                "decision_missing",
                "The form carries no decision.",
            ));
        }
    }
    Ok(())
}
