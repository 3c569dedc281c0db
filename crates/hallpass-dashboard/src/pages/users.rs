//! People of a project.

use std::collections::BTreeSet;

use hallpass_admin::{
    Terms,
    v1::{access, users},
};
use hallpass_core::admin::Permission;
use hallpass_types::Params;
use http::StatusCode;
use minijinja::{Value, context};
use serde_json::{Map, json};

use super::typed;
use crate::{
    gate::{Visit, segment},
    render::{Answer, Stop, ser},
};

/// So many on a page.
const PAGE: u32 = 25;

/// Claims that the forms ask for, and their labels.
const CLAIMS: &[(&str, &str)] = &[
    ("name", "Name"),
    ("given_name", "Given name"),
    ("family_name", "Family name"),
    ("email", "Mail address"),
    ("phone_number", "Telephone number"),
    ("locale", "Language"),
];

pub(crate) async fn list(visit: &Visit) -> Result<Answer, Stop> {
    let q = typed(&visit.query, "q");
    // Whoever types an address means the person who reads mail there.
    let email = q.clone().filter(|q| q.contains('@'));
    let disabled = (visit.query.get("show") == Some("disabled")).then_some(true);
    let input = |email: Option<String>, q: Option<String>| users::list::Input {
        q,
        email,
        disabled,
        cursor: typed(&visit.query, "cursor"),
        limit: Some(PAGE),
    };
    let mut found = visit.call::<users::List>(input(None, q.clone())).await?;
    if let Some(email) = email
        && let Ok(by_mail) = visit.call::<users::List>(input(Some(email), None)).await
    {
        for user in by_mail.items {
            if !found
                .items
                .iter()
                .any(|other| other.subject == user.subject)
            {
                found.items.push(user);
            }
        }
    }
    let mut items = Vec::new();
    for user in &found.items {
        // Each costs the same few reads, however many there are.
        let which = users::Which {
            user: user.subject.clone(),
        };
        let used = visit.call::<users::Show>(which).await.ok();
        items.push(context! {
            user => ser(user),
            passkeys => used.as_ref().map(|used| used.passkeys),
            last_sign_in_at => used.as_ref().and_then(|used| used.last_sign_in_at),
        });
    }
    let view = context! {
        items,
        next => found.next,
        q,
        disabled => disabled.is_some(),
        paged => visit.query.get("cursor").is_some(),
        may_create => visit.may(Permission::ChangeUsers),
        done => typed(&visit.query, "done"),
    };
    Ok(Answer::shown("users.html", "Users", view))
}

fn asked(form: Option<&Params>, stop: Option<&Stop>) -> Value {
    let value = |name: &str| form.and_then(|form| typed(form, name)).unwrap_or_default();
    let claims: Vec<Value> = CLAIMS
        .iter()
        .map(|(name, label)| {
            context! { name => *name, label => *label, value => value(&format!("claim.{name}")) }
        })
        .collect();
    context! {
        username => value("username"),
        claims,
        alert => stop.map(Stop::alert),
    }
}

pub(crate) async fn new(_: &Visit) -> Result<Answer, Stop> {
    Ok(Answer::shown(
        "user_new.html",
        "Add user",
        asked(None, None),
    ))
}

/// Claims as they were typed; what is empty is taken away.
fn claims(form: &Params) -> Map<String, serde_json::Value> {
    let typed = CLAIMS.iter().map(|(name, _)| {
        let value = typed(form, &format!("claim.{name}"));
        (
            (*name).to_owned(),
            value.map_or(json!(null), |value| json!(value)),
        )
    });
    typed.collect()
}

pub(crate) async fn create(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    let mut claims = claims(form);
    claims.retain(|_, value| !value.is_null());
    let input = users::create::Input {
        username: typed(form, "username").unwrap_or_default(),
        password: None,
        generate_password: form.get("password") == Some("generate"),
        must_change_password: None,
        claims,
    };
    match visit.call::<users::Create>(input).await {
        Ok(made) => match made.password {
            Some(password) => Ok(password_once(&made.user, &password)),
            None => Ok(Answer::GoTo(format!(
                "{}?done=created",
                path(visit, &made.user.subject)
            ))),
        },
        Err(stop) if stop.is_typed() => {
            let view = asked(Some(form), Some(&stop));
            Ok(Answer::with_status(
                stop.status(),
                "user_new.html",
                "Add user",
                view,
            ))
        }
        Err(stop) => Err(stop),
    }
}

fn path(visit: &Visit, subject: &str) -> String {
    format!("/p/{}/users/{}", segment(visit.project()), segment(subject))
}

/// A password that was made up, which is shown this once.
fn password_once(user: &users::UserView, password: &str) -> Answer {
    let view =
        context! { subject => user.subject.as_str(), username => user.username.as_str(), password };
    Answer::with_status(StatusCode::OK, "password.html", "Password", view)
}

fn subject(visit: &Visit) -> users::Which {
    users::Which {
        user: visit.name("user").to_owned(),
    }
}

async fn view(visit: &Visit, stop: Option<&Stop>) -> Result<(String, Value), Stop> {
    let user = visit.call::<users::Show>(subject(visit)).await?.user;
    let sessions = visit.call::<users::SessionsList>(subject(visit)).await?;
    let credentials = visit.call::<users::CredentialsList>(subject(visit)).await?;
    let activity = visit.call::<users::Activity>(subject(visit)).await?;
    let directory = if visit.may(Permission::ReadAccess) {
        Some(visit.call::<access::Show>(access::show::Input {}).await?)
    } else {
        None
    };
    let own = user
        .memberships
        .iter()
        .find(|held| held.organization.is_none());
    let has = |names: Option<&Vec<String>>, name: &str| {
        names.is_some_and(|all| all.iter().any(|n| n == name))
    };
    let roles: Vec<Value> = directory
        .iter()
        .flat_map(|all| &all.roles)
        .map(|role| context! { name => role.name.as_str(), checked => has(own.map(|o| &o.roles), &role.name) })
        .collect();
    let groups: Vec<Value> = directory
        .iter()
        .flat_map(|all| &all.groups)
        .map(|group| context! { name => group.name.as_str(), checked => has(own.map(|o| &o.groups), &group.name) })
        .collect();
    let claims: Vec<Value> = CLAIMS
        .iter()
        .map(|(name, label)| {
            let value = user
                .claims
                .get(*name)
                .and_then(|v| v.as_str())
                .unwrap_or_default();
            context! { name => *name, label => *label, value }
        })
        .collect();
    let others: Vec<Value> = user
        .claims
        .iter()
        .filter(|(name, _)| !CLAIMS.iter().any(|(known, _)| known == name))
        .map(|(name, value)| context! { name, value => shown(value) })
        .collect();
    let view = context! {
        subject => user.subject.as_str(),
        username => user.username.as_str(),
        disabled => user.disabled,
        has_password => user.has_password,
        must_change_password => user.must_change_password,
        revision => user.revision.as_str(),
        created_at => user.created_at,
        updated_at => user.updated_at,
        claims,
        others,
        memberships => ser(user.memberships.iter().filter(|m| m.organization.is_some()).collect::<Vec<_>>()),
        roles,
        groups,
        sessions => ser(&sessions.items),
        credentials => ser(&credentials.items),
        activity => ser(activity.items.iter().take(20).collect::<Vec<_>>()),
        may_help => visit.may(Permission::HelpUsers),
        may_change => visit.may(Permission::ChangeUsers),
        done => typed(&visit.query, "done"),
        alert => stop.map(Stop::alert),
    };
    Ok((user.username, view))
}

fn shown(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    let (title, view) = view(visit, None).await?;
    Ok(Answer::shown("user.html", title, view))
}

pub(crate) async fn take(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    match done(visit, form).await {
        Ok(answer) => Ok(answer),
        Err(stop) if stop.is_typed() => {
            let (title, view) = view(visit, Some(&stop)).await?;
            Ok(Answer::with_status(stop.status(), "user.html", title, view))
        }
        Err(stop) => Err(stop),
    }
}

async fn done(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    let user = visit.name("user").to_owned();
    let terms = || {
        let terms = Terms::project(visit.project());
        match form.get("revision") {
            Some(revision) => terms.if_match(revision),
            None => terms,
        }
    };
    let (desk, caller) = (&visit.desk, &visit.caller);
    let went = |what: &str| Ok(Answer::GoTo(format!("{}?done={what}", path(visit, &user))));
    match form.get("do") {
        Some("disable") => {
            desk.call::<users::Disable>(caller, terms(), subject(visit))
                .await?;
            went("disabled")
        }
        Some("enable") => {
            desk.call::<users::Enable>(caller, terms(), subject(visit))
                .await?;
            went("enabled")
        }
        Some("end_sessions") => {
            desk.call::<users::EndAll>(caller, terms(), subject(visit))
                .await?;
            went("sessions_ended")
        }
        Some("end_session") => {
            let session = form.get("session").unwrap_or_default().to_owned();
            let input = users::sessions::WhichSession {
                user: user.clone(),
                session,
            };
            desk.call::<users::EndSession>(caller, Terms::project(visit.project()), input)
                .await?;
            went("session_ended")
        }
        Some("remove_credential") => {
            let credential = form.get("credential").unwrap_or_default().to_owned();
            let input = users::credentials::WhichCredential {
                user: user.clone(),
                credential,
            };
            desk.call::<users::RemoveCredential>(caller, terms(), input)
                .await?;
            went("credential_removed")
        }
        Some("must_change") => {
            desk.call::<users::MustChange>(caller, terms(), subject(visit))
                .await?;
            went("must_change")
        }
        Some("password") => {
            let input = users::password::Input {
                user,
                password: None,
                must_change_password: None,
            };
            let made = desk
                .call::<users::SetPassword>(caller, terms(), input)
                .await?;
            Ok(password_once(
                &made.user,
                made.password.as_deref().unwrap_or_default(),
            ))
        }
        Some("link") => {
            let made = desk
                .call::<users::Link>(caller, terms(), subject(visit))
                .await?;
            let found = visit.call::<users::Show>(subject(visit)).await?.user;
            let does = "gets into this account and chooses with what to sign in";
            Ok(super::invite::shown_once(
                visit,
                &found.username,
                does,
                &made.link,
                made.expires_at,
            ))
        }
        Some("profile") => {
            let before = visit.call::<users::Show>(subject(visit)).await?.user;
            let username = typed(form, "username").filter(|name| *name != before.username);
            // What was not there and is not typed is no change.
            let mut claims = claims(form);
            claims.retain(|name, value| before.claims.get(name).unwrap_or(&json!(null)) != value);
            let input = users::update::Input {
                user: user.clone(),
                username,
                claims,
                memberships: None,
            };
            desk.call::<users::Update>(caller, terms(), input).await?;
            went("saved")
        }
        Some("roles") => {
            let before = visit.call::<users::Show>(subject(visit)).await?.user;
            let chosen = |kind: &str| -> BTreeSet<String> {
                let all = form.iter().filter(|(_, value)| *value == "yes");
                all.filter_map(|(name, _)| name.strip_prefix(kind))
                    .map(str::to_owned)
                    .collect()
            };
            let mut memberships = before.memberships;
            let mut own = match memberships
                .iter()
                .position(|held| held.organization.is_none())
            {
                Some(place) => memberships.remove(place),
                None => users::MembershipView::default(),
            };
            own.roles = chosen("role.").into_iter().collect();
            own.groups = chosen("group.").into_iter().collect();
            memberships.push(own);
            let input = users::update::Input {
                user: user.clone(),
                username: None,
                claims: Map::new(),
                memberships: Some(memberships),
            };
            desk.call::<users::Update>(caller, terms(), input).await?;
            went("roles_saved")
        }
        Some("delete") => {
            if form.get("confirm") != Some("yes") {
                return Err(Stop::of(
                    400,
                    "not_confirmed",
                    "Say that you mean it by the box beside the button.",
                ));
            }
            desk.call::<users::Delete>(caller, terms(), subject(visit))
                .await?;
            Ok(Answer::GoTo(format!(
                "/p/{}/users?done=deleted",
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
