//! Who may administer a project.

use hallpass_admin::{RoleName, Terms, v1::operators};
use hallpass_core::admin::{Permission, Role};
use hallpass_types::Params;
use minijinja::{Value, context};

use super::typed;
use crate::{
    gate::{Visit, segment},
    render::{Answer, Stop},
};

async fn view(visit: &Visit, form: Option<&Params>, stop: Option<&Stop>) -> Result<Value, Stop> {
    let input = operators::list::Input {
        cursor: typed(&visit.query, "cursor"),
        limit: Some(100),
    };
    let found = visit.call::<operators::InProject>(input).await?;
    let items: Vec<Value> = found
        .items
        .iter()
        .map(|one| {
            let role = one
                .roles
                .get(visit.project())
                .map(|role| Role::from(*role).as_str());
            context! { id => one.id.as_str(), name => one.name.as_str(), role }
        })
        .collect();
    Ok(context! {
        items,
        next => found.next,
        paged => visit.query.get("cursor").is_some(),
        username => form.and_then(|form| typed(form, "username")).unwrap_or_default(),
        may_change => visit.may(Permission::ChangeOperators),
        done => typed(&visit.query, "done"),
        alert => stop.map(Stop::alert),
    })
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    Ok(Answer::shown(
        "operators.html",
        "Operators",
        view(visit, None, None).await?,
    ))
}

pub(crate) async fn take(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    match done(visit, form).await {
        Ok(()) => Ok(Answer::GoTo(format!(
            "/p/{}/operators?done=saved",
            segment(visit.project())
        ))),
        Err(stop) if stop.is_typed() || stop.status() == http::StatusCode::NOT_FOUND => {
            let stop = if stop.is_typed() {
                stop
            } else {
                Stop::of(
                    422,
                    "unknown_person",
                    "Nobody of the main project has that user name.",
                )
            };
            let view = view(visit, Some(form), Some(&stop)).await?;
            Ok(Answer::with_status(
                stop.status(),
                "operators.html",
                "Operators",
                view,
            ))
        }
        Err(stop) => Err(stop),
    }
}

async fn done(visit: &Visit, form: &Params) -> Result<(), Stop> {
    let terms = Terms::project(visit.project());
    match form.get("do") {
        Some("set") => {
            let role = form.get("role").and_then(Role::parse).map(RoleName::from);
            let role = role.ok_or_else(|| Stop::of(400, "decision_missing", "Choose a role."))?;
            let who = typed(form, "username").unwrap_or_default();
            let operator = if who.contains(':') {
                who
            } else {
                format!("name:{who}")
            };
            let input = operators::set::InputInProject { operator, role };
            visit
                .desk
                .call::<operators::SetInProject>(&visit.caller, terms, input)
                .await?;
        }
        Some("remove") => {
            let operator = form.get("operator").unwrap_or_default().to_owned();
            let input = operators::delete::Input { operator };
            visit
                .desk
                .call::<operators::Remove>(&visit.caller, terms, input)
                .await?;
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
