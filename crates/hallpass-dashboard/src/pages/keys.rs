//! Signing keys of a project, with their phases.

use hallpass_admin::{Terms, v1::keys};
use hallpass_core::admin::Permission;
use hallpass_types::Params;
use minijinja::{Value, context};

use super::typed;
use crate::{
    gate::{Visit, segment},
    render::{Answer, Stop, ser},
};

async fn view(visit: &Visit, stop: Option<&Stop>) -> Result<Value, Stop> {
    let found = visit.call::<keys::List>(keys::list::Input {}).await?;
    let provider = visit.provider().await?;
    Ok(context! {
        items => ser(&found.items),
        now => visit.now.0,
        may_change => visit.may(Permission::ChangeKeys),
        jwks => provider.policy().issuer.url(hallpass_provider::endpoints::discovery::JWKS),
        done => typed(&visit.query, "done"),
        alert => stop.map(Stop::alert),
    })
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    Ok(Answer::shown("keys.html", "Keys", view(visit, None).await?))
}

pub(crate) async fn take(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    match done(visit, form).await {
        Ok(answer) => Ok(answer),
        Err(stop) if stop.is_typed() => {
            let view = view(visit, Some(&stop)).await?;
            Ok(Answer::with_status(
                stop.status(),
                "keys.html",
                "Keys",
                view,
            ))
        }
        Err(stop) => Err(stop),
    }
}

async fn done(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    let here = format!("/p/{}/keys", segment(visit.project()));
    let terms = Terms::project(visit.project());
    match form.get("do") {
        Some("rotate") => {
            let input = keys::change::Input {
                alg: typed(form, "alg"),
                now: form.get("now") == Some("yes"),
            };
            let rotated = visit
                .desk
                .call::<keys::Rotate>(&visit.caller, terms, input)
                .await?;
            let what = if rotated.done.rotated.is_empty() {
                "waiting"
            } else {
                "rotated"
            };
            Ok(Answer::GoTo(format!("{here}?done={what}")))
        }
        Some("retire") => {
            if form.get("confirm") != Some("yes") {
                return Err(Stop::of(
                    400,
                    "not_confirmed",
                    "Say that you mean it by the box beside the button.",
                ));
            }
            let input = keys::change::Which {
                kid: form.get("kid").unwrap_or_default().to_owned(),
            };
            visit
                .desk
                .call::<keys::Retire>(&visit.caller, terms, input)
                .await?;
            Ok(Answer::GoTo(format!("{here}?done=retired")))
        }
        Some(_) | None => Err(Stop::of(
            400,
            "decision_missing",
            "The form carries no decision.",
        )),
    }
}
