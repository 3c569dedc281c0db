//! Adds an application.

use hallpass_admin::{Kind, Terms, v1::clients};
use hallpass_jose::base64url;
use hallpass_types::Params;
use http::StatusCode;
use minijinja::{Value, context};
use serde_json::{Map, json};

use super::{form::Typed, keys};
use crate::{
    gate::{Visit, segment},
    pages::typed,
    render::{Answer, Stop},
};

/// How an application authenticates.
fn authentication(form: &Params) -> &'static str {
    match form.get("authentication") {
        Some("key") => "key",
        Some("secret") => "secret",
        Some(_) | None => "public",
    }
}

async fn page(
    visit: &Visit,
    typed: &Typed,
    chosen: &str,
    id: &str,
    key: &str,
    stop: Option<&Stop>,
) -> Result<Value, Stop> {
    Ok(context! {
        client_id => id,
        authentication => chosen,
        public_key => key,
        fields => typed.view(visit).await?,
        alert => stop.map(Stop::alert),
        revision => Value::from(()),
    })
}

pub(crate) async fn new(visit: &Visit) -> Result<Answer, Stop> {
    let provider = visit.provider().await?;
    // Made with the form: the same form sent twice makes one application.
    let id = base64url::encode(provider.random::<16>());
    let view = page(visit, &Typed::usual(), "public", &id, "", None).await?;
    Ok(Answer::shown(
        "application_new.html",
        "Add application",
        view,
    ))
}

pub(crate) async fn create(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    let what = Typed::read(form);
    let chosen = authentication(form);
    let id = typed(form, "client_id").unwrap_or_default();
    match made(visit, form, &what, chosen, &id).await {
        Ok(made) => {
            let here = format!(
                "/p/{}/applications/{}",
                segment(visit.project()),
                segment(&id)
            );
            match made {
                Some(secret) => Ok(shown_once(&what.name, &id, &secret, StatusCode::OK)),
                None => Ok(Answer::GoTo(format!("{here}?done=created"))),
            }
        }
        Err(stop) if stop.is_typed() => {
            let key = typed(form, "public_key").unwrap_or_default();
            let view = page(visit, &what, chosen, &id, &key, Some(&stop)).await?;
            Ok(Answer::with_status(
                stop.status(),
                "application_new.html",
                "Add application",
                view,
            ))
        }
        Err(stop) => Err(stop),
    }
}

/// The secret of what was made, if it has one. None also for a form that came a second time.
async fn made(
    visit: &Visit,
    form: &Params,
    what: &Typed,
    chosen: &str,
    id: &str,
) -> Result<Option<String>, Stop> {
    what.check()?;
    let key = keys::read(form, visit.now)?;
    let mut metadata: Map<_, _> = what.metadata();
    metadata.retain(|_, value| !value.is_null());
    let method = match (chosen, key) {
        ("key", Some(key)) => {
            metadata.insert("jwks".to_owned(), json!({ "keys": [key] }));
            "private_key_jwt"
        }
        ("key", None) => {
            let text = "generate a key pair, or paste the public key of one";
            return Err(hallpass_admin::Problem::unfit("metadata.jwks", text).into());
        }
        ("secret", _) => "client_secret_basic",
        _ if what.machine => {
            let text = "an application that acts for itself must prove who it is: choose a key pair or a secret";
            return Err(hallpass_admin::Problem::unfit("authentication", text).into());
        }
        _ => "none",
    };
    metadata.insert("token_endpoint_auth_method".to_owned(), json!(method));
    let input = clients::create::Input {
        client_id: Some(id.to_owned()),
        metadata,
        ..Default::default()
    };
    let terms = Terms::project(visit.project());
    match visit
        .desk
        .call::<clients::Create>(&visit.caller, terms, input)
        .await
    {
        Ok(made) => Ok(made.client_secret),
        Err(problem) if problem.kind() == Kind::Taken => Ok(None),
        Err(problem) => Err(problem.into()),
    }
}

/// A secret, which is shown this once.
pub(super) fn shown_once(name: &str, id: &str, secret: &str, status: StatusCode) -> Answer {
    let view = context! { name, client_id => id, secret };
    Answer::with_status(status, "secret.html", "Secret", view)
}
