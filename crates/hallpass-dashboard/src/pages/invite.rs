//! Invites somebody to make an account, and links that are shown once.

use hallpass_admin::v1::users;
use hallpass_types::Params;
use http::StatusCode;
use minijinja::{Value, context};

use super::typed;
use crate::{
    gate::{Visit, segment},
    render::{Answer, Stop},
};

fn asked(form: Option<&Params>, stop: Option<&Stop>) -> Value {
    let email = form
        .and_then(|form| typed(form, "email"))
        .unwrap_or_default();
    context! {
        email,
        mail => form.is_none_or(|form| form.get("mail") == Some("yes")),
        alert => stop.map(Stop::alert),
    }
}

pub(crate) async fn new(_: &Visit) -> Result<Answer, Stop> {
    let view = asked(None, None);
    Ok(Answer::shown("user_invite.html", "Invite somebody", view))
}

pub(crate) async fn create(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    let input = users::invite::Input {
        email: typed(form, "email").unwrap_or_default(),
        mail: form.get("mail") == Some("yes"),
    };
    match visit.call::<users::Invite>(input).await {
        Ok(invited) => Ok(match &invited.link {
            Some(link) => {
                let does = "makes an account with this address";
                shown_once(visit, &invited.email, does, link, invited.expires_at)
            }
            None => Answer::GoTo(format!(
                "/p/{}/users?done=invited",
                segment(visit.project())
            )),
        }),
        Err(stop) if stop.is_typed() => Ok(Answer::with_status(
            stop.status(),
            "user_invite.html",
            "Invite somebody",
            asked(Some(form), Some(&stop)),
        )),
        Err(stop) => Err(stop),
    }
}

/// A link, which is shown this once. What follows is the page of the person, or that of all of them.
pub(super) fn shown_once(visit: &Visit, name: &str, does: &str, link: &str, until: i64) -> Answer {
    let view = context! { name, does, link, until, user => visit.name("user") };
    Answer::with_status(StatusCode::OK, "link.html", "Link", view)
}
