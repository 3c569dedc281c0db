//! `hallpass operator`: who may administer.

use hallpass_provider::ports::Accounts as _;
use std::collections::BTreeMap;

use hallpass_accounts::NewUser;
use hallpass_admin::{Caller, Desk, Problem, RoleName, Terms, v1::operators};
use hallpass_core::admin::Role;
use hallpass_store::AdminKind;
use hallpass_types::EmailAddress;
use serde_json::{Value, json};

use super::password;
use crate::cli;
use crate::config::Config;
use crate::failure::Failure;
use crate::issuers::platform::{Commanded, desk};
use crate::output::Output;
use crate::wiring::Engine;

pub(super) async fn run(
    command: cli::Operator,
    config: &Config,
    engine: Engine,
    output: Output,
) -> Result<(), Failure> {
    let caller = Caller::command(crate::audit::user());
    match command {
        cli::Operator::Create(options) => {
            let made = account(&options, &engine).await?;
            let desk = desk(Commanded::new(engine, config.clone()));
            let who = format!("name:{}", options.username);
            let view = set(&desk, &caller, &who, &options.role).await?;
            let mut value = describe(&view);
            let mut text = format!("{} administers as {}", view.name, options.role.role);
            let (member, secret) = match &made {
                Made::Nothing => return output.say(&value, text),
                Made::Password(password) => {
                    text.push_str(&format!(
                        "\npassword: {password}\nAnother one is to be chosen at the first sign-in."
                    ));
                    ("password", password)
                }
                Made::Link(link) => {
                    text.push_str(&format!("\nTo choose a password, once: {link}"));
                    ("link", link)
                }
            };
            if let Some(value) = value.as_object_mut() {
                value.insert(member.to_owned(), secret.as_str().into());
            }
            output.say(&value, text)
        }
        cli::Operator::Set(options) => {
            let desk = desk(Commanded::new(engine, config.clone()));
            let view = set(&desk, &caller, &options.operator, &options.role).await?;
            let text = format!("{} has the roles {}", view.name, roles(&view));
            output.say(&describe(&view), text)
        }
        cli::Operator::List => {
            let desk = desk(Commanded::new(engine, config.clone()));
            list(&desk, &caller, output).await
        }
        cli::Operator::Remove(options) => {
            let desk = desk(Commanded::new(engine, config.clone()));
            let input = operators::delete::Input {
                operator: options.operator.clone(),
            };
            desk.call::<operators::Delete>(&caller, Terms::default(), input)
                .await
                .map_err(|problem| failed(&problem))?;
            let value = json!({ "id": options.operator, "removed": true });
            output.say(&value, format!("{} is no operator", options.operator))
        }
    }
}

/// What a new account has got.
enum Made {
    /// It was there, or the password was given.
    Nothing,
    Password(String),
    Link(String),
}

/// Makes the account if there is none of that name. One that is an operator already stays as it is, so that the command can be run
/// again; one that is none does not become one by the way.
async fn account(options: &cli::OperatorCreate, engine: &Engine) -> Result<Made, Failure> {
    let issuer = engine.provider.issuer_id();
    let accounts = &engine.accounts;
    let wrong = |error: &dyn std::error::Error| Failure::doing("operator", error);
    let found = accounts.by_name(issuer, &options.username).await;
    if let Some(found) = found.map_err(|error| wrong(&error))? {
        let id = format!("user:{}", found.subject.as_str());
        let store = engine.provider.store();
        let held = store.admin_record(issuer, AdminKind::Operator, &id).await;
        if held.map_err(|error| wrong(&error))?.is_some() {
            return Ok(Made::Nothing);
        }
        return Err(Failure::new(format!(
            "there is an account {0:?} already, with a password of its own; to make it an operator: hallpass operator set 'name:{0}'",
            options.username
        )));
    }
    let address = match &options.email {
        Some(email) => Some(
            EmailAddress::parse(email)
                .map_err(|_| Failure::new("--email is no mail address".to_owned()))?,
        ),
        None => EmailAddress::parse(&options.username).ok(),
    };
    let given = match &address {
        Some(_) => None,
        None => Some(password::read(&options.password)?),
    };
    let claims = address.iter().map(|address| {
        let value = Value::from(address.as_str());
        ("email".to_owned(), value)
    });
    let new = NewUser {
        username: options.username.clone(),
        password: given.as_ref().map(|given| given.password.clone()),
        must_change: given.as_ref().is_some_and(|given| given.made),
        claims: claims.collect(),
    };
    let made = accounts.create(issuer, new).await;
    let made = made.map_err(|error| wrong(&error))?;
    if let Some(address) = address {
        let account = accounts.account(issuer, &made.subject).await;
        let account = account.map_err(|error| Failure::doing("operator", &error))?;
        let about = account.as_ref();
        let link = engine.provider.link_to_hand_over(&address, about).await;
        let link = link.map_err(|failure| Failure::new(format!("operator: {failure:?}")))?;
        return Ok(Made::Link(link));
    }
    let made_up = given.filter(|given| given.made);
    Ok(made_up.map_or(Made::Nothing, |given| {
        Made::Password(given.password.expose().to_owned())
    }))
}

/// Adds a role to those that somebody has.
async fn set(
    desk: &Desk,
    caller: &Caller,
    who: &str,
    given: &cli::OperatorRole,
) -> Result<operators::OperatorView, Failure> {
    let role = Role::parse(&given.role).ok_or_else(|| {
        let names: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        Failure::new(format!("--role must be one of {}", names.join(", ")))
    })?;
    if given.project == hallpass_admin::ALL_PROJECTS {
        let input = operators::set::Input {
            operator: who.to_owned(),
            roles: BTreeMap::from([(given.project.clone(), RoleName::from(role))]),
        };
        let set = desk.call::<operators::Set>(caller, Terms::default(), input);
        return set.await.map_err(|problem| failed(&problem));
    }
    let input = operators::set::InputInProject {
        operator: who.to_owned(),
        role: role.into(),
    };
    let terms = Terms::project(&given.project);
    let set = desk.call::<operators::SetInProject>(caller, terms, input);
    set.await.map_err(|problem| failed(&problem))
}

async fn list(desk: &Desk, caller: &Caller, output: Output) -> Result<(), Failure> {
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let input = operators::list::Input {
            cursor,
            limit: Some(200),
        };
        let page = desk
            .call::<operators::List>(caller, Terms::default(), input)
            .await
            .map_err(|problem| failed(&problem))?;
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let values: Vec<Value> = all.iter().map(describe).collect();
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|view| vec![view.id.clone(), view.name.clone(), roles(view)])
        .collect();
    output.table(&values, &["OPERATOR", "NAME", "ROLES"], &rows)
}

fn roles(view: &operators::OperatorView) -> String {
    let roles = view.roles.iter();
    let roles = roles.map(|(project, role)| format!("{project}={}", Role::from(*role).as_str()));
    roles.collect::<Vec<_>>().join(" ")
}

fn describe(view: &operators::OperatorView) -> Value {
    json!({ "id": view.id, "name": view.name, "roles": view.roles })
}

/// What an operation says about why it was not done.
pub(super) fn failed(problem: &Problem) -> Failure {
    let mut text = problem.kind().title().to_owned();
    if let Some(detail) = problem.detail() {
        let field = problem.field().map_or(String::new(), |f| format!("{f} "));
        text = format!("{text} ({field}{detail})");
    }
    Failure::new(text)
}
