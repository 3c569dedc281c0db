//! `hallpass issuer`

use std::path::Path;

use hallpass_admin::{Kind, Operation, Problem, Terms, v1::projects};
use hallpass_store::{IssuerRecord, IssuerState, MAX_PAGE};
use hallpass_types::Issuer;
use serde_json::{Map, Value, json};

use super::office::Office;
use super::operator;
use crate::audit::Changed;
use crate::cli;
use crate::config::Config;
use crate::failure::Failure;
use crate::issuers::manage::{Manage, ManageError};
use crate::output::Output;
use crate::wiring::Engine;

pub(super) async fn run(
    command: cli::Issuer,
    config: &Config,
    office: Office,
    output: Output,
) -> Result<(), Failure> {
    let own = office.provider.policy().issuer.clone();
    let manage = Manage::new(office.provider.store(), config, &own);
    let turned = |action, text| Told { action, text };
    match command {
        cli::Issuer::Create(options) => create(&options, &office, &manage, output).await,
        cli::Issuer::List => list(&manage, output).await,
        cli::Issuer::Show(which) => show(&find(&which.name, &manage).await?, output),
        cli::Issuer::Disable(which) => {
            let text = "is disabled: within seconds nobody serves it any more";
            let record = find(&which.name, &manage).await?;
            let input = projects::state::Input::default();
            let done = change::<projects::Disable>(&record, input, &office).await;
            told(&record, done, turned("disabled", text), &manage, output).await
        }
        cli::Issuer::Enable(which) => {
            let record = find(&which.name, &manage).await?;
            let input = projects::state::Input::default();
            let done = change::<projects::Enable>(&record, input, &office).await;
            told(
                &record,
                done,
                turned("enabled", "is enabled"),
                &manage,
                output,
            )
            .await
        }
        cli::Issuer::Set(options) => {
            let record = find(&options.name, &manage).await?;
            let input = projects::update::Input {
                settings: changed_settings(&options, &record)?,
            };
            let done = change::<projects::Update>(&record, input, &office).await;
            let told_of = turned("settings_changed", "has other settings");
            told(&record, done, told_of, &manage, output).await
        }
        cli::Issuer::Delete(options) => {
            if !options.yes {
                return Err(Failure::new(format!(
                    "this deletes the users, clients, keys and tokens of issuer {} for ever; say --yes if that is meant",
                    options.name
                )));
            }
            let text = "is deleted; a server that runs erases what it has, from two minutes on";
            let record = find(&options.name, &manage).await?;
            let input = projects::delete::Input::default();
            let done = change::<projects::Delete>(&record, input, &office).await;
            told(&record, done, turned("deleted", text), &manage, output).await
        }
    }
}

async fn create(
    options: &cli::IssuerCreate,
    office: &Office,
    manage: &Manage<'_>,
    output: Output,
) -> Result<(), Failure> {
    let name = &options.name;
    let input = projects::create::Input {
        name: name.clone(),
        issuer: options.url.clone(),
        settings: settings(&options.settings, Map::new())?,
    };
    let made = office.call_at::<projects::Create>(Terms::default(), input);
    made.await.map_err(|problem| undone(&problem))?;
    let made = find(name, manage).await?;
    audited("created", &made.identifier);
    let url = &made.identifier;
    let text = format!(
        "issuer {name} is made: {url}\n\nNext:\n  hallpass --issuer {name} user create NAME\n  \
         hallpass --issuer {name} client create --redirect-uri URI"
    );
    output.say(&describe(&made), text)
}

async fn list(manage: &Manage<'_>, output: Output) -> Result<(), Failure> {
    let mut all: Vec<IssuerRecord> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = manage
            .list(after.as_deref(), MAX_PAGE)
            .await
            .map_err(failed)?;
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let values: Vec<Value> = all.iter().map(describe).collect();
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|record| {
            let state = state(record.state).to_owned();
            vec![record.name.clone(), state, record.identifier.clone()]
        })
        .collect();
    output.table(&values, &["NAME", "STATE", "URL"], &rows)
}

fn show(record: &IssuerRecord, output: Output) -> Result<(), Failure> {
    let value = describe(record);
    let text = serde_json::to_string_pretty(&value).unwrap_or_else(|_| value.to_string());
    output.say(&value, text)
}

fn changed_settings(
    options: &cli::IssuerSet,
    record: &IssuerRecord,
) -> Result<Map<String, Value>, Failure> {
    let mut settings = settings(&options.settings, record.settings.clone())?;
    for name in &options.unset {
        let path: Vec<&str> = name.split('.').collect();
        if !remove(&mut settings, &path) {
            return Err(Failure::new(format!(
                "--unset {name}: the issuer has no such setting"
            )));
        }
    }
    Ok(settings)
}

/// Changes an issuer as it was read: nobody's change in between is lost.
async fn change<O: Operation>(
    record: &IssuerRecord,
    input: O::Input,
    office: &Office,
) -> Result<(), Failure> {
    let terms = Terms::project(&record.name).if_match(&record.revision.to_string());
    let done = office.call_at::<O>(terms, input).await;
    done.map(drop).map_err(|problem| undone(&problem))
}

/// What is told of a change.
struct Told {
    action: &'static str,
    text: &'static str,
}

async fn told(
    before: &IssuerRecord,
    done: Result<(), Failure>,
    Told { action, text }: Told,
    manage: &Manage<'_>,
    output: Output,
) -> Result<(), Failure> {
    done?;
    let name = &before.name;
    let changed = find(name, manage).await?;
    audited(action, &changed.identifier);
    output.say(&describe(&changed), format!("issuer {name} {text}"))
}

/// Why an issuer was not made or changed.
fn undone(problem: &Problem) -> Failure {
    match problem.kind() {
        Kind::Taken => failed(ManageError::Taken),
        Kind::Changed | Kind::PreconditionFailed => failed(ManageError::Changed),
        Kind::NotFound => failed(ManageError::Unknown),
        Kind::WrongState => failed(ManageError::Going),
        Kind::Unfit => {
            let detail = problem.detail().unwrap_or_default();
            Failure::new(format!("issuer: {detail}"))
        }
        Kind::InvalidBody
        | Kind::InvalidParameter
        | Kind::InvalidHeader
        | Kind::TokenMissing
        | Kind::TokenInvalid
        | Kind::SignInTooWeak
        | Kind::ScopeMissing
        | Kind::Forbidden
        | Kind::MethodNotAllowed
        | Kind::TooLarge
        | Kind::UnsupportedMediaType
        | Kind::KeyReused
        | Kind::Throttled
        | Kind::Internal
        | Kind::Unavailable => operator::failed(problem),
    }
}

fn audited(action: &str, issuer: &str) {
    let changed = Changed {
        action,
        issuer: Some(issuer),
        ..Changed::default()
    };
    changed.tell("issuer changed");
}

async fn find(name: &str, manage: &Manage<'_>) -> Result<IssuerRecord, Failure> {
    match manage.find(name).await {
        Err(ManageError::Unknown) => Err(Failure::new(format!("there is no issuer {name:?}"))),
        found => found.map_err(failed),
    }
}

/// The settings that are there, or those of a file, with single ones over them.
fn settings(
    given: &cli::IssuerSettings,
    there: Map<String, Value>,
) -> Result<Map<String, Value>, Failure> {
    let mut settings = match &given.settings {
        Some(path) => read(path)?,
        None => there,
    };
    for assignment in &given.set {
        let (name, text) = assignment
            .split_once('=')
            .filter(|(name, _)| name.contains('.'))
            .ok_or_else(|| {
                Failure::new(format!("--set {assignment:?} is not SECTION.SETTING=VALUE"))
            })?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        let path: Vec<&str> = name.split('.').collect();
        if !put(&mut settings, &path, value) {
            return Err(Failure::new(format!(
                "--set {name}: goes into a setting that is no table"
            )));
        }
    }
    Ok(settings)
}

fn read(path: &Path) -> Result<Map<String, Value>, Failure> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::doing(&format!("cannot read {name}"), &error))?;
    let wrong = |error: &dyn std::fmt::Display| Failure::new(format!("{name}: {error}"));
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        return serde_json::from_str(&text).map_err(|error| wrong(&error));
    }
    toml::from_str(&text).map_err(|error| wrong(&error.message()))
}

fn put(settings: &mut Map<String, Value>, path: &[&str], value: Value) -> bool {
    match path {
        [] => false,
        [last] => {
            settings.insert((*last).to_owned(), value);
            true
        }
        [first, rest @ ..] => {
            let below = settings.entry(*first).or_insert_with(|| json!({}));
            below
                .as_object_mut()
                .is_some_and(|below| put(below, rest, value))
        }
    }
}

/// Whether there was such a setting. A table that has nothing left goes, too.
fn remove(settings: &mut Map<String, Value>, path: &[&str]) -> bool {
    match path {
        [] => false,
        [last] => settings.remove(*last).is_some(),
        [first, rest @ ..] => {
            let Some(below) = settings.get_mut(*first).and_then(Value::as_object_mut) else {
                return false;
            };
            let removed = remove(below, rest);
            if below.is_empty() {
                settings.remove(*first);
            }
            removed
        }
    }
}

fn describe(record: &IssuerRecord) -> Value {
    json!({
        "name": record.name,
        "issuer": record.identifier,
        "state": state(record.state),
        "settings": record.settings,
        "revision": record.revision,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
    })
}

const fn state(state: IssuerState) -> &'static str {
    match state {
        IssuerState::Enabled => "enabled",
        IssuerState::Disabled => "disabled",
        IssuerState::Deleting => "deleting",
    }
}

/// The issuer of that name, unless it goes.
pub(super) async fn known(
    name: &str,
    config: &Config,
    engine: &Engine,
) -> Result<IssuerRecord, Failure> {
    let own = engine.provider.policy().issuer.clone();
    let manage = Manage::new(engine.provider.store(), config, &own);
    let record = find(name, &manage).await?;
    if record.state == IssuerState::Deleting {
        return Err(failed(ManageError::Going));
    }
    Ok(record)
}

/// The engine with the issuer of that name in the place of the configuration's.
pub(super) async fn enter(name: &str, config: &Config, engine: Engine) -> Result<Engine, Failure> {
    let record = known(name, config, &engine).await?;
    let wrong = |error: &dyn std::error::Error| Failure::doing(&format!("issuer {name}"), error);
    let issuer = Issuer::parse(&record.identifier).map_err(|error| wrong(&error))?;
    let config = config.of_issuer(&record.identifier, &record.settings);
    let config = config.map_err(|error| wrong(&error))?;
    let part = engine.beside(&config, issuer, record.id).await;
    let part = part.map_err(|error| wrong(&error))?;
    Ok(engine.with_part(part))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn failed(error: ManageError) -> Failure {
    Failure::doing("issuer", &error)
}
