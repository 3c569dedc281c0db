//! Projects: all that the operator has a role in, and how one is made.

use hallpass_admin::{ALL_PROJECTS, Terms, v1::projects};
use hallpass_core::admin::Permission;
use hallpass_types::Params;
use minijinja::{Value, context};

use super::typed;
use crate::{
    gate::{Visit, segment},
    render::{Answer, Stop, ser},
};

/// So many on a page.
const PAGE: u32 = 24;

pub(crate) async fn list(visit: &Visit) -> Result<Answer, Stop> {
    let q = typed(&visit.query, "q");
    let input = projects::list::Input {
        q: q.clone(),
        cursor: typed(&visit.query, "cursor"),
        limit: Some(PAGE),
    };
    let terms = Terms::default();
    let found = visit
        .desk
        .call::<projects::List>(&visit.caller, terms, input)
        .await?;
    let view = context! {
        items => ser(&found.items),
        next => found.next,
        q,
        paged => visit.query.get("cursor").is_some(),
        done => typed(&visit.query, "done"),
        may_see_operators => visit.caller.may(Permission::ReadOperators, ALL_PROJECTS),
        may_create => visit.caller.may(Permission::CreateProject, ALL_PROJECTS),
    };
    Ok(Answer::shown("projects.html", "Projects", view))
}

/// What was typed so far.
#[derive(Default)]
struct Typed {
    name: String,
    issuer: String,
}

fn asked(step: &str, typed: &Typed, issuer: Option<&str>, stop: Option<&Stop>) -> Value {
    context! {
        step,
        name => typed.name.as_str(),
        issuer => typed.issuer.as_str(),
        becomes => issuer,
        alert => stop.map(Stop::alert),
    }
}

pub(crate) async fn new(visit: &Visit) -> Result<Answer, Stop> {
    let step = match visit.query.get("type") {
        Some("oidc") => "name",
        Some(_) | None => "type",
    };
    let view = asked(step, &Typed::default(), None, None);
    Ok(Answer::shown("project_new.html", "New project", view))
}

pub(crate) async fn create(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    let typed = Typed {
        name: typed(form, "name").unwrap_or_default(),
        issuer: typed(form, "issuer").unwrap_or_default(),
    };
    let issuer = Some(typed.issuer.clone()).filter(|issuer| !issuer.is_empty());
    let none = serde_json::Map::new();
    let platform = visit.desk.platform();
    let checked = platform.check_new(&typed.name, issuer.as_deref(), &none);
    let done = match checked.map_err(Stop::from) {
        Ok(becomes) if form.get("confirm") != Some("yes") => {
            let view = asked("confirm", &typed, Some(&becomes), None);
            return Ok(Answer::shown("project_new.html", "New project", view));
        }
        Ok(_) => {
            let input = projects::create::Input {
                name: typed.name.clone(),
                issuer,
                settings: none,
            };
            let terms = Terms::default();
            let made = visit
                .desk
                .call::<projects::Create>(&visit.caller, terms, input)
                .await;
            made.map_err(Stop::from)
        }
        Err(stop) => Err(stop),
    };
    match done {
        Ok(made) => Ok(Answer::GoTo(format!(
            "/p/{}/settings?created=yes",
            segment(&made.name)
        ))),
        Err(stop) if stop.is_typed() => {
            let view = asked("name", &typed, None, Some(&stop));
            Ok(Answer::with_status(
                stop.status(),
                "project_new.html",
                "New project",
                view,
            ))
        }
        Err(stop) => Err(stop),
    }
}
