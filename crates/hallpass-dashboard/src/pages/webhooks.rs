//! Webhooks of a project, and what they were told.

use std::collections::BTreeSet;

use hallpass_admin::{
    Method, Terms,
    v1::{OPERATIONS, webhooks},
};
use hallpass_core::admin::Permission;
use hallpass_types::Params;
use http::StatusCode;
use minijinja::{Value, context};

use super::{lines, typed};
use crate::{
    gate::{Visit, segment},
    render::{Answer, Stop, ser},
    text,
};

/// So many deliveries on a page.
const PAGE: u32 = 25;

/// What happens with accounts, beside what operators do.
const ACCOUNTS: &str = "account";

fn here(visit: &Visit) -> String {
    format!("/p/{}/webhooks", segment(visit.project()))
}

fn of(visit: &Visit, id: &str) -> String {
    format!("{}/{}", here(visit), segment(id))
}

/// Kinds of events, by what their names begin with: accounts, and everything that operators change.
fn kinds() -> BTreeSet<&'static str> {
    let changed = OPERATIONS
        .iter()
        .filter(|operation| operation.info.method != Method::Get)
        .filter_map(|operation| operation.info.id.split('.').next());
    changed.filter(|kind| *kind != "operators").collect()
}

/// What was typed, or what there is.
#[derive(Default)]
struct Typed {
    url: String,
    description: String,
    all: bool,
    kinds: BTreeSet<String>,
    others: Vec<String>,
}

impl Typed {
    fn of(webhook: &webhooks::WebhookView) -> Self {
        let mut typed = Self {
            url: webhook.url.clone(),
            description: webhook.description.clone().unwrap_or_default(),
            ..Self::default()
        };
        let kinds = kinds();
        for event in &webhook.events {
            match event.strip_suffix(".*") {
                _ if event == "*" => typed.all = true,
                Some(kind) if kind == ACCOUNTS || kinds.contains(kind) => {
                    typed.kinds.insert(kind.to_owned());
                }
                Some(_) | None => typed.others.push(event.clone()),
            }
        }
        typed
    }

    fn read(form: &Params) -> Self {
        let checked = |kind: &&str| form.get(&format!("event.{kind}")) == Some("yes");
        let all = kinds().into_iter().chain([ACCOUNTS]);
        Self {
            url: typed(form, "url").unwrap_or_default(),
            description: typed(form, "description").unwrap_or_default(),
            all: form.get("event.all") == Some("yes"),
            kinds: all.filter(checked).map(str::to_owned).collect(),
            others: lines(form, "events"),
        }
    }

    fn events(&self) -> Vec<String> {
        if self.all {
            return vec!["*".to_owned()];
        }
        let kinds = self.kinds.iter().map(|kind| format!("{kind}.*"));
        kinds.chain(self.others.iter().cloned()).collect()
    }

    fn view(&self) -> Value {
        let all = [ACCOUNTS].into_iter().chain(kinds());
        let kinds: Vec<Value> = all
            .map(|kind| {
                let label = match kind {
                    ACCOUNTS => "Accounts: sign-ins, passkeys, passwords".to_owned(),
                    "clients" => "Applications".to_owned(),
                    _ => text::sentence(&kind.replace('_', " ")),
                };
                context! { kind, label, checked => self.kinds.contains(kind) }
            })
            .collect();
        context! {
            url => self.url.as_str(),
            description => self.description.as_str(),
            all => self.all,
            kinds,
            others => self.others.join("\n"),
        }
    }
}

pub(crate) async fn list(visit: &Visit) -> Result<Answer, Stop> {
    let found = visit
        .call::<webhooks::List>(webhooks::list::Input {})
        .await?;
    let view = context! {
        items => ser(&found.items),
        may_change => visit.may(Permission::ChangeWebhooks),
        done => typed(&visit.query, "done"),
    };
    Ok(Answer::shown("webhooks.html", "Webhooks", view))
}

fn asked(what: &Typed, stop: Option<&Stop>) -> Value {
    context! { fields => what.view(), alert => stop.map(Stop::alert) }
}

pub(crate) async fn new(_: &Visit) -> Result<Answer, Stop> {
    let usual = Typed {
        kinds: BTreeSet::from([ACCOUNTS.to_owned()]),
        ..Typed::default()
    };
    let view = asked(&usual, None);
    Ok(Answer::shown("webhook_new.html", "Add webhook", view))
}

pub(crate) async fn create(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    let what = Typed::read(form);
    let input = webhooks::create::Input {
        url: what.url.clone(),
        events: what.events(),
        description: Some(what.description.clone()).filter(|text| !text.is_empty()),
        disabled: false,
    };
    match visit.call::<webhooks::Create>(input).await {
        Ok(made) => Ok(shown_once(&made)),
        Err(stop) if stop.is_typed() => Ok(Answer::with_status(
            stop.status(),
            "webhook_new.html",
            "Add webhook",
            asked(&what, Some(&stop)),
        )),
        Err(stop) => Err(stop),
    }
}

/// A key, which is shown this once.
fn shown_once(made: &webhooks::WithKey) -> Answer {
    let view = context! {
        id => made.webhook.id.as_str(),
        url => made.webhook.url.as_str(),
        secret => made.secret.as_str(),
    };
    Answer::with_status(StatusCode::OK, "webhook_secret.html", "Webhook key", view)
}

/// States that deliveries can be looked at by.
const STATES: &[(&str, &str)] = &[
    ("", "All"),
    ("waiting", "Waiting"),
    ("delivered", "Delivered"),
    ("failed", "Failed"),
];

fn state(name: &str) -> Option<webhooks::deliveries::StateName> {
    use webhooks::deliveries::StateName;
    match name {
        "waiting" => Some(StateName::Waiting),
        "delivered" => Some(StateName::Delivered),
        "failed" => Some(StateName::Failed),
        _ => None,
    }
}

async fn page(visit: &Visit, changed: Option<&Typed>, stop: Option<&Stop>) -> Result<Value, Stop> {
    let id = visit.name("webhook").to_owned();
    let which = webhooks::Which {
        webhook: id.clone(),
    };
    let webhook = visit.call::<webhooks::Show>(which).await?;
    let asked = typed(&visit.query, "state").unwrap_or_default();
    let input = webhooks::deliveries::Input {
        webhook: id,
        state: state(&asked),
        cursor: typed(&visit.query, "cursor"),
        limit: Some(PAGE),
    };
    let told = visit.call::<webhooks::Deliveries>(input).await?;
    let states: Vec<Value> = STATES
        .iter()
        .map(|(value, label)| context! { value => *value, label => *label, current => asked == *value })
        .collect();
    let typed_before = Typed::of(&webhook);
    Ok(context! {
        webhook => ser(&webhook),
        fields => changed.unwrap_or(&typed_before).view(),
        deliveries => ser(&told.items),
        next => told.next,
        paged => visit.query.get("cursor").is_some(),
        state => asked,
        states,
        may_change => visit.may(Permission::ChangeWebhooks),
        done => typed(&visit.query, "done"),
        alert => stop.map(Stop::alert),
    })
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    let view = page(visit, None, None).await?;
    Ok(Answer::shown("webhook.html", "Webhook", view))
}

pub(crate) async fn take(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    match done(visit, form).await {
        Ok(answer) => Ok(answer),
        Err(stop) if stop.is_typed() => {
            let what = (form.get("do") == Some("save")).then(|| Typed::read(form));
            let view = page(visit, what.as_ref(), Some(&stop)).await?;
            Ok(Answer::with_status(
                stop.status(),
                "webhook.html",
                "Webhook",
                view,
            ))
        }
        Err(stop) => Err(stop),
    }
}

async fn done(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    let id = visit.name("webhook").to_owned();
    let terms = Terms::project(visit.project());
    let terms = match form.get("revision") {
        Some(revision) => terms.if_match(revision),
        None => terms,
    };
    let (desk, caller) = (&visit.desk, &visit.caller);
    let which = || webhooks::Which {
        webhook: id.clone(),
    };
    let unchanged = || webhooks::change::Input {
        webhook: id.clone(),
        ..Default::default()
    };
    let said = match form.get("do") {
        Some("save") => {
            let what = Typed::read(form);
            let input = webhooks::change::Input {
                url: Some(what.url.clone()),
                events: Some(what.events()),
                description: Some(what.description),
                ..unchanged()
            };
            desk.call::<webhooks::Update>(caller, terms, input).await?;
            "saved"
        }
        Some(turn @ ("enable" | "disable")) => {
            let enabled = turn == "enable";
            let input = webhooks::change::Input {
                enabled: Some(enabled),
                ..unchanged()
            };
            desk.call::<webhooks::Update>(caller, terms, input).await?;
            if enabled { "enabled" } else { "disabled" }
        }
        Some("secret") => {
            let made = desk.call::<webhooks::RotateSecret>(caller, terms, which());
            return Ok(shown_once(&made.await?));
        }
        Some("test") => {
            desk.call::<webhooks::Test>(caller, terms, which()).await?;
            "tested"
        }
        Some("replay") => {
            let input = webhooks::deliveries::One {
                webhook: id.clone(),
                delivery: form.get("delivery").unwrap_or_default().to_owned(),
            };
            desk.call::<webhooks::Replay>(caller, terms, input).await?;
            "replayed"
        }
        Some("delete") if form.get("confirm") != Some("yes") => {
            return Err(Stop::of(
                400,
                "not_confirmed",
                "Say that you mean it by the box beside the button.",
            ));
        }
        Some("delete") => {
            desk.call::<webhooks::Delete>(caller, terms, which())
                .await?;
            return Ok(Answer::GoTo(format!("{}?done=deleted", here(visit))));
        }
        Some(_) | None => {
            return Err(Stop::of(
                400,
                "decision_missing",
                "The form carries no decision.",
            ));
        }
    };
    Ok(Answer::GoTo(format!("{}?done={said}", of(visit, &id))))
}
