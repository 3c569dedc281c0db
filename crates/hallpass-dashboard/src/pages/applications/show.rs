//! One application.

use hallpass_admin::{Kind, Problem, Terms, v1::clients};
use hallpass_core::admin::Permission;
use hallpass_types::Params;
use http::StatusCode;
use minijinja::{Value, context};
use serde_json::{Map, json};

use super::{form::Typed, keys, new::shown_once};
use crate::{
    gate::{Visit, segment},
    pages::{applications::kind, settings::metadata, typed},
    render::{Answer, Stop, ser},
};

/// Profiles that an application can be held against.
const PROFILES: &[(&str, &str)] = &[
    ("fapi2-security", "FAPI 2.0 Security Profile"),
    ("fapi2-message-signing", "FAPI 2.0 Message Signing"),
    ("fapi1-advanced", "FAPI 1.0 Advanced"),
];

pub(super) async fn find(visit: &Visit) -> Result<clients::ClientView, Stop> {
    let client = visit.name("client").to_owned();
    visit
        .call::<clients::Show>(clients::show::Input { client })
        .await
}

fn here(visit: &Visit) -> String {
    format!(
        "/p/{}/applications/{}",
        segment(visit.project()),
        segment(visit.name("client"))
    )
}

fn title(client: &clients::ClientView) -> String {
    client
        .name
        .clone()
        .unwrap_or_else(|| client.client_id.clone())
}

/// Whether it is changed here.
fn changeable(visit: &Visit, client: &clients::ClientView) -> bool {
    visit.may(Permission::ChangeClients) && client.origin != clients::Origin::Configuration
}

async fn view(visit: &Visit, stop: Option<&Stop>) -> Result<(clients::ClientView, Value), Stop> {
    let client = find(visit).await?;
    let provider = visit.provider().await?;
    let profile = typed(&visit.query, "profile");
    let checked = match &profile {
        Some(profile) => {
            let input = clients::check::Input {
                client: client.client_id.clone(),
                profile: Some(profile.clone()),
            };
            Some(visit.call::<clients::Check>(input).await?)
        }
        None => None,
    };
    let text = |name: &str| {
        client
            .metadata
            .get(name)
            .and_then(|v| v.as_str())
            .map(str::to_owned)
    };
    let list = |name: &str| {
        ser(client
            .metadata
            .get(name)
            .cloned()
            .unwrap_or_else(|| json!([])))
    };
    let what = Typed::of(&client);
    let redirect = what.redirect_uris.first().cloned();
    let document = metadata(&provider);
    let endpoint = |name: &str| {
        document
            .get(name)
            .and_then(|v| v.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let method = text("token_endpoint_auth_method").unwrap_or_default();
    let profiles: Vec<Value> = PROFILES
        .iter()
        .map(|(id, label)| context! { id => *id, label => *label, current => profile.as_deref() == Some(*id) })
        .collect();
    let shown = context! {
        client_id => client.client_id.as_str(),
        name => client.name.as_deref(),
        kind => kind(&client),
        method => method.as_str(),
        origin => ser(client.origin),
        disabled => client.disabled,
        has_secret => client.has_secret,
        revision => client.revision.as_str(),
        created_at => client.created_at,
        updated_at => client.updated_at,
        redirect_uris => list("redirect_uris"),
        post_logout_redirect_uris => list("post_logout_redirect_uris"),
        grant_types => list("grant_types"),
        scopes => ser(what.scopes.iter().collect::<Vec<_>>()),
        scope => what.scopes.iter().cloned().collect::<Vec<_>>().join(" "),
        native => what.native,
        lifetimes => what.lifetimes(),
        keys => keys::views(&client),
        decided => ser(&client.decided),
        exceeds => ser(&client.exceeds),
        metadata => serde_json::to_string_pretty(&client.metadata).unwrap_or_default(),
        may_change => changeable(visit, &client),
        issuer => provider.policy().issuer.as_str(),
        authorization_endpoint => endpoint("authorization_endpoint"),
        token_endpoint => endpoint("token_endpoint"),
        redirect,
        profiles,
        checked => checked.map(ser),
        done => typed(&visit.query, "done"),
        alert => stop.map(Stop::alert),
    };
    Ok((client, shown))
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    let (client, view) = view(visit, None).await?;
    Ok(Answer::shown("application.html", title(&client), view))
}

pub(crate) async fn take(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    match done(visit, form).await {
        Ok(answer) => Ok(answer),
        Err(stop) if stop.is_typed() => {
            let (client, view) = view(visit, Some(&stop)).await?;
            Ok(Answer::with_status(
                stop.status(),
                "application.html",
                title(&client),
                view,
            ))
        }
        Err(stop) => Err(stop),
    }
}

/// A change of what the form has shown, and of nothing newer.
fn terms(visit: &Visit, form: &Params) -> Terms {
    let terms = Terms::project(visit.project());
    match form.get("revision") {
        Some(revision) => terms.if_match(revision),
        None => terms,
    }
}

async fn update(
    visit: &Visit,
    form: &Params,
    input: clients::update::Input,
) -> Result<clients::WithSecret, Stop> {
    let terms = terms(visit, form);
    Ok(visit
        .desk
        .call::<clients::Update>(&visit.caller, terms, input)
        .await?)
}

async fn done(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    let client = visit.name("client").to_owned();
    let changed =
        |members: Map<String, serde_json::Value>, disabled: Option<bool>| clients::update::Input {
            client: client.clone(),
            metadata: members,
            decided: None,
            disabled,
            client_secret: None,
        };
    let went = |what: &str| Answer::GoTo(format!("{}?done={what}", here(visit)));
    match form.get("do") {
        Some("secret") => {
            let input = clients::rotate_secret::Input { client };
            let terms = terms(visit, form);
            let made = visit
                .desk
                .call::<clients::RotateSecret>(&visit.caller, terms, input)
                .await?;
            let secret = made.client_secret.clone().unwrap_or_default();
            Ok(shown_once(
                &title(&made.client),
                &made.client.client_id,
                &secret,
                StatusCode::OK,
            ))
        }
        Some("disable") => {
            update(visit, form, changed(Map::new(), Some(true))).await?;
            Ok(went("disabled"))
        }
        Some("give_back") => {
            let member = form.get("member").unwrap_or_default();
            let held = find(visit).await?;
            let stay = held.decided.into_iter().filter(|name| name != member);
            let input = clients::update::Input {
                decided: Some(stay.collect()),
                ..changed(Map::new(), None)
            };
            update(visit, form, input).await?;
            Ok(went("given_back"))
        }
        Some("enable") => {
            update(visit, form, changed(Map::new(), Some(false))).await?;
            Ok(went("enabled"))
        }
        Some("add_key") => {
            let held = find(visit).await?;
            let key = keys::read(form, visit.now)?;
            let key = key.ok_or_else(|| {
                Problem::unfit(
                    "metadata.jwks",
                    "generate a key pair, or paste a public key",
                )
            })?;
            let mut all = keys::of(&held);
            if all.iter().any(|other| other.get("kid") == key.get("kid")) {
                return Err(Problem::unfit(
                    "metadata.jwks",
                    "the application has that key already",
                )
                .into());
            }
            all.push(key);
            let members = Map::from_iter([
                ("jwks".to_owned(), json!({ "keys": all })),
                (
                    "token_endpoint_auth_method".to_owned(),
                    json!("private_key_jwt"),
                ),
            ]);
            update(visit, form, changed(members, None)).await?;
            Ok(went("key_added"))
        }
        Some("remove_key") => {
            let held = find(visit).await?;
            let kid = form.get("kid").unwrap_or_default();
            let mut all = keys::of(&held);
            let before = all.len();
            all.retain(|key| key.get("kid").and_then(|k| k.as_str()) != Some(kid));
            if all.len() == before {
                return Err(Problem::from(Kind::NotFound).into());
            }
            if all.is_empty() {
                let text = "it is the last one, without which the application could not prove who it is; add another one first, or disable the application";
                return Err(Problem::unfit("metadata.jwks", text).into());
            }
            let members = Map::from_iter([("jwks".to_owned(), json!({ "keys": all }))]);
            update(visit, form, changed(members, None)).await?;
            Ok(went("key_removed"))
        }
        Some("delete") => {
            if form.get("confirm") != Some("yes") {
                return Err(Stop::of(
                    400,
                    "not_confirmed",
                    "Say that you mean it by the box beside the button.",
                ));
            }
            let terms = terms(visit, form);
            let input = clients::delete::Input { client };
            visit
                .desk
                .call::<clients::Delete>(&visit.caller, terms, input)
                .await?;
            Ok(Answer::GoTo(format!(
                "/p/{}/applications?done=deleted",
                segment(visit.project())
            )))
        }
        Some(_) | None => Err(Stop::of(
            400,
            "decision_missing",
            "The form carries no decision.",
        )),
    }
}

async fn edited(
    visit: &Visit,
    what: &Typed,
    revision: &str,
    stop: Option<&Stop>,
) -> Result<Value, Stop> {
    Ok(context! {
        client_id => visit.name("client"),
        fields => what.view(visit).await?,
        revision,
        alert => stop.map(Stop::alert),
    })
}

pub(crate) async fn edit(visit: &Visit) -> Result<Answer, Stop> {
    let client = find(visit).await?;
    let view = edited(visit, &Typed::of(&client), &client.revision, None).await?;
    Ok(Answer::shown(
        "application_edit.html",
        format!("Edit {}", title(&client)),
        view,
    ))
}

pub(crate) async fn save(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    let what = Typed::read(form);
    let saved = match what.check() {
        Ok(()) => {
            let input = clients::update::Input {
                client: visit.name("client").to_owned(),
                metadata: what.metadata(),
                decided: None,
                disabled: None,
                client_secret: None,
            };
            update(visit, form, input).await
        }
        Err(stop) => Err(stop),
    };
    match saved {
        Ok(saved) => match saved.client_secret {
            Some(secret) => Ok(shown_once(
                &title(&saved.client),
                &saved.client.client_id,
                &secret,
                StatusCode::OK,
            )),
            None => Ok(Answer::GoTo(format!("{}?done=saved", here(visit)))),
        },
        Err(stop) if stop.is_typed() => {
            let revision = form.get("revision").unwrap_or_default();
            let view = edited(visit, &what, revision, Some(&stop)).await?;
            Ok(Answer::with_status(
                stop.status(),
                "application_edit.html",
                "Edit application",
                view,
            ))
        }
        Err(stop) => Err(stop),
    }
}
