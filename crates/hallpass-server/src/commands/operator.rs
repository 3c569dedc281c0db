//! `hallpass operator`: who may administer.

use std::collections::BTreeMap;

use hallpass_admin::{Problem, RoleName, Terms, v1::operators};
use hallpass_core::admin::Role;
use hallpass_store::AdminKind;
use hallpass_types::EmailAddress;
use serde_json::{Value, json};

use super::office::Office;
use super::{credential, password, user};
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;

pub(super) async fn run(
    command: cli::Operator,
    office: Office,
    output: Output,
) -> Result<(), Failure> {
    match command {
        cli::Operator::Create(options) => {
            let made = account(&options, &office).await?;
            let who = format!("name:{}", options.username);
            let view = set(&office, &who, &options.role).await?;
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
            let view = set(&office, &options.operator, &options.role).await?;
            let text = format!("{} has the roles {}", view.name, roles(&view));
            output.say(&describe(&view), text)
        }
        cli::Operator::List => list(&office, output).await,
        cli::Operator::Remove(options) => {
            let input = operators::delete::Input {
                operator: options.operator.clone(),
            };
            let removed = office.call_at::<operators::Delete>(Terms::default(), input);
            removed.await.map_err(|problem| failed(&problem))?;
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
async fn account(options: &cli::OperatorCreate, office: &Office) -> Result<Made, Failure> {
    let issuer = office.provider.issuer_id();
    let wrong = |error: &dyn std::error::Error| Failure::doing("operator", error);
    if let Some(found) = office.find_user(&options.username).await? {
        let id = format!("user:{}", found.subject.as_str());
        let store = office.provider.store();
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
    let password = given.as_ref().map(|given| &given.password);
    let must_change = given.as_ref().is_some_and(|given| given.made);
    let claims = claims.collect();
    let made = user::make(&options.username, password, must_change, claims, office).await?;
    if address.is_some() {
        return Ok(Made::Link(credential::link_to(&made, office).await?));
    }
    let made_up = given.filter(|given| given.made);
    Ok(made_up.map_or(Made::Nothing, |given| {
        Made::Password(given.password.expose().to_owned())
    }))
}

/// Adds a role to those that somebody has.
async fn set(
    office: &Office,
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
        let set = office.call_at::<operators::Set>(Terms::default(), input);
        return set.await.map_err(|problem| failed(&problem));
    }
    let input = operators::set::InputInProject {
        operator: who.to_owned(),
        role: role.into(),
    };
    let terms = Terms::project(&given.project);
    let set = office.call_at::<operators::SetInProject>(terms, input);
    set.await.map_err(|problem| failed(&problem))
}

async fn list(office: &Office, output: Output) -> Result<(), Failure> {
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let input = operators::list::Input {
            cursor,
            limit: Some(200),
        };
        let page = office.call_at::<operators::List>(Terms::default(), input);
        let page = page.await.map_err(|problem| failed(&problem))?;
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
