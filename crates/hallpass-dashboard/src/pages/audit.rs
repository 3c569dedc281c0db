//! The audit log of a project.

use hallpass_admin::v1::audit;
use minijinja::{Value, context};

use super::typed;
use crate::{
    gate::Visit,
    render::{Answer, Stop, ser},
};

/// So many on a page.
const PAGE: u32 = 50;

/// What `verify` says where the log is looked at from its first line.
const BEGINNING: &str = "yes";

/// What can be picked from, by what actions begin with.
const ACTIONS: &[(&str, &str)] = &[
    ("clients.", "Applications"),
    ("users.", "Users"),
    ("sessions.", "Sessions"),
    ("credentials.", "Credentials"),
    ("keys.", "Keys"),
    ("operators.", "Operators"),
    ("project", "Project"),
    ("roles.", "Roles"),
];

pub(crate) async fn list(visit: &Visit) -> Result<Answer, Stop> {
    let action = typed(&visit.query, "action");
    let actor = typed(&visit.query, "actor");
    let target = typed(&visit.query, "target");
    let input = audit::list::Input {
        actor: actor.clone(),
        action: action.clone(),
        target_id: target.clone(),
        cursor: typed(&visit.query, "cursor"),
        limit: Some(PAGE),
        ..Default::default()
    };
    let found = visit.call::<audit::List>(input).await?;
    // Some thousands at a time; what follows is looked at by who wants to know more.
    let checked = match typed(&visit.query, "verify") {
        Some(word) => {
            let cursor = Some(word).filter(|word| word != BEGINNING);
            let input = audit::verify::Input {
                cursor,
                limit: None,
            };
            Some(visit.call::<audit::Verify>(input).await?)
        }
        None => None,
    };
    let items: Vec<Value> = found
        .items
        .iter()
        .map(|line| {
            let details: Vec<Value> = line
                .details
                .iter()
                .map(|(name, value)| context! { name, value => value.as_str().map_or_else(|| value.to_string(), str::to_owned) })
                .collect();
            context! { said => details, ..ser(line) }
        })
        .collect();
    let actions: Vec<Value> = ACTIONS
        .iter()
        .map(|(value, label)| context! { value => *value, label => *label, current => action.as_deref() == Some(*value) })
        .collect();
    let view = context! {
        items,
        next => found.next,
        paged => visit.query.get("cursor").is_some(),
        action,
        actor,
        target,
        actions,
        checked => checked.map(ser),
    };
    Ok(Answer::shown("audit.html", "Audit log", view))
}
