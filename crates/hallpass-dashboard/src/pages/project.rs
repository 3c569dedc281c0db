//! What a project may have for itself: who may sign up, how people sign in, how long things last. And its end.

use hallpass_admin::{
    Terms,
    v1::projects::{self, ProjectView, State},
};
use hallpass_core::{
    admin::Permission,
    policy::{Policy, SignUp},
    sign_in::Remember,
};
use hallpass_types::Params;
use http::StatusCode;
use minijinja::{Value, context};

use super::{own, typed};
use crate::{
    gate::{Visit, segment},
    render::{Answer, Stop, ser},
    text::span,
};

/// How a setting is asked for.
#[derive(Clone, Copy)]
enum Asked {
    /// One of some values, with their labels.
    Choice(&'static [(&'static str, &'static str)]),
    /// Yes or no.
    Switch,
    /// A span of time.
    Span,
}

/// A setting that has a field.
struct Field {
    section: &'static str,
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    asked: Asked,
    /// What counts now.
    now: fn(&Policy) -> String,
}

const fn field(
    section: &'static str,
    name: &'static str,
    label: &'static str,
    asked: Asked,
    now: fn(&Policy) -> String,
) -> Field {
    Field {
        section,
        name,
        label,
        hint: "",
        asked,
        now,
    }
}

impl Field {
    const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }

    fn key(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// What stands in a form, as the settings have it; none to follow the configuration.
    fn read(&self, form: &Params) -> Option<serde_json::Value> {
        let text = typed(form, &self.key())?;
        Some(match self.asked {
            Asked::Choice(_) | Asked::Span => text.into(),
            Asked::Switch => (text == "yes").into(),
        })
    }
}

/// A group of fields under a heading.
struct Group {
    id: &'static str,
    title: &'static str,
    fields: &'static [Field],
}

/// All that have fields. Everything else is written as JSON.
const GROUPS: &[Group] = &[
    Group {
        id: "sign-up",
        title: "New accounts",
        fields: &[
            field(
                "sign_up",
                "mode",
                "Who may sign up",
                Asked::Choice(&[
                    ("closed", "Nobody: operators make accounts"),
                    ("invitation", "Who was invited"),
                    ("open", "Everybody who reads mail"),
                ]),
                |policy| sign_up(policy.people.sign_up).to_owned(),
            ),
            field(
                "sign_up",
                "invitation_lifetime",
                "Invitations are good for",
                Asked::Span,
                |policy| span(policy.people.invitation_lifetime),
            ),
            field(
                "account",
                "recovery",
                "Link for a forgotten password",
                Asked::Switch,
                |policy| yes(policy.people.recovery),
            ),
            field(
                "account",
                "new_device_mail",
                "Mail about a new device",
                Asked::Switch,
                |policy| yes(policy.people.new_device_mail),
            ),
        ],
    },
    Group {
        id: "sign-in",
        title: "Signing in",
        fields: &[
            field(
                "sign_in",
                "second_factor",
                "Second factor",
                Asked::Choice(&[
                    ("when_enrolled", "From those who have set one up"),
                    ("required", "From everybody"),
                    ("off", "Only where an application demands it"),
                ]),
                |policy| policy.sign_in.second_factor.as_str().to_owned(),
            ),
            field(
                "account",
                "mail_sign_in",
                "By mail, without a password",
                Asked::Choice(&[
                    ("off", "No"),
                    ("code", "By a code"),
                    ("link", "By a link"),
                    ("both", "By a code or a link"),
                ]),
                by_mail,
            ),
            field(
                "sign_in",
                "confirm_new_device",
                "Another proof on a new device",
                Asked::Switch,
                |policy| yes(policy.sign_in.confirm_new_device),
            ),
            field(
                "sign_in",
                "remember",
                "Stay signed in when the browser closes",
                Asked::Choice(&[
                    ("ask", "As the person says"),
                    ("always", "Always"),
                    ("never", "Never"),
                ]),
                |policy| remember(policy.sign_in.remember).to_owned(),
            ),
        ],
    },
    Group {
        id: "lifetimes",
        title: "How long things last",
        fields: &[
            field("lifetimes", "session", "Sessions", Asked::Span, |policy| {
                span(policy.lifetimes.session)
            }),
            field(
                "lifetimes",
                "session_idle",
                "Sessions that nobody uses",
                Asked::Span,
                |policy| span(policy.lifetimes.session_idle),
            )
            .hint("Two hours at least."),
            field(
                "lifetimes",
                "access_token",
                "Access tokens",
                Asked::Span,
                |policy| span(policy.lifetimes.access_token),
            )
            .hint("A day at most."),
            field(
                "lifetimes",
                "id_token",
                "ID tokens",
                Asked::Span,
                |policy| span(policy.lifetimes.id_token),
            )
            .hint("A day at most."),
            field(
                "lifetimes",
                "refresh_idle",
                "Refresh tokens that nobody uses",
                Asked::Span,
                |policy| span(policy.lifetimes.refresh_idle),
            ),
            field(
                "lifetimes",
                "refresh_absolute",
                "Refresh tokens in all",
                Asked::Span,
                |policy| span(policy.lifetimes.refresh_absolute),
            ),
            field(
                "lifetimes",
                "code",
                "Authorization codes",
                Asked::Span,
                |policy| span(policy.lifetimes.code),
            )
            .hint("Ten minutes at most."),
        ],
    },
    Group {
        id: "registration",
        title: "Applications that register themselves",
        fields: &[field(
            "registration",
            "enabled",
            "Registration endpoint",
            Asked::Switch,
            |policy| yes(policy.registration.enabled),
        )],
    },
];

fn fields() -> impl Iterator<Item = &'static Field> {
    GROUPS.iter().flat_map(|group| group.fields)
}

fn yes(on: bool) -> String {
    if on { "yes" } else { "no" }.to_owned()
}

const fn sign_up(mode: SignUp) -> &'static str {
    match mode {
        SignUp::Closed => "closed",
        SignUp::Invitation => "invitation",
        SignUp::Open => "open",
    }
}

const fn remember(remember: Remember) -> &'static str {
    match remember {
        Remember::Always => "always",
        Remember::Ask => "ask",
        Remember::Never => "never",
    }
}

fn by_mail(policy: &Policy) -> String {
    use hallpass_core::sign_in::Method;
    let has = |method| policy.sign_in.methods.contains(&method);
    match (has(Method::EmailCode), has(Method::MagicLink)) {
        (false, false) => "off",
        (true, false) => "code",
        (false, true) => "link",
        (true, true) => "both",
    }
    .to_owned()
}

/// A value of a setting as a form has it.
fn written(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Bool(on) => yes(*on),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null
        | serde_json::Value::Number(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => value.to_string(),
    }
}

/// What is shown in a field.
fn shown(
    field: &Field,
    project: &ProjectView,
    policy: Option<&Policy>,
    form: Option<&Params>,
    wrong: &str,
) -> Value {
    let key = field.key();
    let value = match form {
        Some(form) => typed(form, &key),
        None => own::at(&project.settings, &key).map(written),
    };
    let value = value.unwrap_or_default();
    let now = policy.map(field.now).unwrap_or_default();
    let known = |options: &[(&str, &str)]| {
        let found = options.iter().find(|(value, _)| *value == now);
        found.map_or(String::new(), |(_, label)| (*label).to_owned())
    };
    let switch = [("yes", "Yes"), ("no", "No")];
    let options = match field.asked {
        Asked::Choice(options) => options,
        Asked::Switch => &switch,
        Asked::Span => &[],
    };
    let counts = match field.asked {
        Asked::Choice(options) => known(options),
        Asked::Switch => known(&switch),
        Asked::Span => now,
    };
    let listed: Vec<Value> = options
        .iter()
        .map(|(option, label)| context! { value => *option, label => *label, chosen => *option == value })
        .collect();
    context! {
        id => key.replace('.', "-"),
        name => key.as_str(),
        label => field.label,
        hint => field.hint,
        span => matches!(field.asked, Asked::Span),
        options => listed,
        own => !value.is_empty(),
        value,
        counts,
        wrong => wrong.contains(key.as_str()),
    }
}

async fn view(visit: &Visit, form: Option<&Params>, stop: Option<&Stop>) -> Result<Value, Stop> {
    let project = visit.record().await?;
    // One that is switched off has no provider.
    let provider = match project.state {
        State::Enabled => visit.provider().await.ok(),
        State::Disabled | State::Deleting => None,
    };
    let policy = provider.as_ref().map(hallpass_provider::Provider::policy);
    let wrong = stop.map(Stop::text).unwrap_or_default();
    let typed_before = form.filter(|form| form.get("do") == Some("save"));
    let groups: Vec<Value> = GROUPS
        .iter()
        .map(|group| {
            let fields: Vec<Value> = group
                .fields
                .iter()
                .map(|field| shown(field, &project, policy, typed_before, wrong))
                .collect();
            context! { id => group.id, title => group.title, fields }
        })
        .collect();
    let raw = form
        .filter(|form| form.get("do") == Some("raw"))
        .map(|form| form.get("settings").unwrap_or_default().to_owned());
    let raw_is_typed = raw.is_some();
    let raw =
        raw.unwrap_or_else(|| serde_json::to_string_pretty(&project.settings).unwrap_or_default());
    Ok(context! {
        name => project.name.as_str(),
        issuer => project.issuer.as_str(),
        state => ser(project.state),
        configured => project.configured,
        revision => project.revision.as_str(),
        created_at => project.created_at,
        groups,
        raw,
        raw_is_typed,
        may_change => visit.may_set(&project),
        may_delete => visit.may(Permission::DeleteProject) && !project.configured && project.state != State::Deleting,
        done => typed(&visit.query, "done"),
        alert => stop.map(Stop::alert),
    })
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    let view = view(visit, None, None).await?;
    Ok(Answer::shown("project.html", "Project", view))
}

pub(crate) async fn take(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    match done(visit, form).await {
        Ok(answer) => Ok(answer),
        Err(stop) if stop.is_typed() => {
            let view = view(visit, Some(form), Some(&stop)).await?;
            Ok(Answer::with_status(
                stop.status(),
                "project.html",
                "Project",
                view,
            ))
        }
        Err(stop) => Err(stop),
    }
}

async fn done(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    let terms = Terms::project(visit.project());
    let terms = match form.get("revision") {
        Some(revision) => terms.if_match(revision),
        None => terms,
    };
    let (desk, caller) = (&visit.desk, &visit.caller);
    let said = match form.get("do") {
        Some("save") => {
            let mut settings = visit.record().await?.settings;
            for field in fields() {
                own::put(&mut settings, field.section, field.name, field.read(form));
            }
            visit.set(form.get("revision"), settings).await?;
            "saved"
        }
        Some("raw") => {
            let text = form.get("settings").unwrap_or_default();
            let Ok(settings) = hallpass_admin::members(text.as_bytes()) else {
                return Err(Stop::of(
                    StatusCode::UNPROCESSABLE_ENTITY.as_u16(),
                    "no_json_object",
                    "The settings are no JSON object.",
                ));
            };
            visit.set(form.get("revision"), settings).await?;
            "saved"
        }
        Some("disable") => {
            desk.call::<projects::Disable>(caller, terms, projects::state::Input {})
                .await?;
            "disabled"
        }
        Some("enable") => {
            desk.call::<projects::Enable>(caller, terms, projects::state::Input {})
                .await?;
            "enabled"
        }
        Some("delete") if form.get("confirm") != Some(visit.project()) => {
            return Err(Stop::of(
                400,
                "not_confirmed",
                "Type the name of the project to say that you mean it.",
            ));
        }
        Some("delete") => {
            desk.call::<projects::Delete>(caller, terms, projects::delete::Input {})
                .await?;
            return Ok(Answer::GoTo("?done=deleted".to_owned()));
        }
        Some(_) | None => {
            return Err(Stop::of(
                400,
                "decision_missing",
                "The form carries no decision.",
            ));
        }
    };
    Ok(Answer::GoTo(format!(
        "/p/{}/project?done={said}",
        segment(visit.project())
    )))
}
