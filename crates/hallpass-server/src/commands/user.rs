//! `hallpass user`

use hallpass_accounts::AccountError;
use hallpass_admin::{Kind, Problem, v1::users};
use hallpass_core::policy::SignUp;
use hallpass_store::{MAX_PAGE, UserRecord};
use hallpass_types::{EmailAddress, Issuer, Secret, Subject};
use serde_json::{Map, Value, json};

use super::office::Office;
use super::{credential, operator, password};
use crate::audit::Changed;
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;

pub(super) async fn run(command: cli::User, office: Office, output: Output) -> Result<(), Failure> {
    match command {
        cli::User::Create(options) => create(&options, &office, output).await,
        cli::User::List => list(&office, output).await,
        cli::User::Disable(user) => set_disabled(&user.username, true, &office, output).await,
        cli::User::Enable(user) => set_disabled(&user.username, false, &office, output).await,
        cli::User::Delete(options) => delete(&options, &office, output).await,
        cli::User::SetPassword(options) => set_password(&options, &office, output).await,
        cli::User::Invite(options) => invite(&options, &office, output).await,
        cli::User::Link(user) => credential::link(&user.username, &office, output).await,
        cli::User::Credential(command) => credential::run(&command, &office, output).await,
        cli::User::Sessions(user) => credential::sessions(&user.username, &office, output).await,
        cli::User::EndSessions(user) => credential::end_all(&user.username, &office, output).await,
        // It makes many accounts at once, with hashes, and goes its own way.
        cli::User::Import(_) => Ok(()),
    }
}

async fn create(options: &cli::UserCreate, office: &Office, output: Output) -> Result<(), Failure> {
    let claims = claims(&options.claims)?;
    let given = if options.no_password {
        address_of(&options.username, &claims)?;
        None
    } else {
        Some(password::read(&options.password)?)
    };
    let password = given.as_ref().map(|given| &given.password);
    let user = make(
        &options.username,
        password,
        options.must_change,
        claims,
        office,
    )
    .await?;
    let mut text = format!(
        "user {} is made, with the subject {}",
        user.username, user.subject
    );
    if let Some(given) = given {
        return tell(&user, text, &given, output);
    }
    let mut value = describe(&user);
    let url = credential::link_to(&user, office).await?;
    text.push_str(&format!("\nworks once: {url}"));
    if let Some(value) = value.as_object_mut() {
        value.insert("link".to_owned(), url.into());
    }
    output.say(&value, text)
}

/// Makes an account.
pub(super) async fn make(
    username: &str,
    password: Option<&Secret>,
    must_change: bool,
    claims: Map<String, Value>,
    office: &Office,
) -> Result<UserRecord, Failure> {
    let input = users::create::Input {
        username: username.to_owned(),
        password: password.map(|password| password.expose().to_owned()),
        generate_password: false,
        must_change_password: Some(must_change),
        claims,
    };
    let made = office.call::<users::Create>(input).await;
    let made = made.map_err(|problem| refused(&problem))?;
    let user = office.user(&made.user.username).await?;
    audited(office, "created", &user.subject);
    Ok(user)
}

/// The input of an operation about an account alone.
pub(super) fn which(user: &UserRecord) -> users::Which {
    users::Which {
        user: user.subject.as_str().to_owned(),
    }
}

/// Why an account was not made or changed.
fn refused(problem: &Problem) -> Failure {
    let detail = problem.detail().unwrap_or_default();
    match (problem.kind(), problem.field()) {
        (Kind::Taken, _) => failed(AccountError::NameTaken),
        (Kind::Unfit, Some("username")) => failed(AccountError::InvalidName),
        (Kind::Unfit, Some("claims")) => failed(AccountError::ReservedClaim),
        (Kind::Unfit, Some("password")) => Failure::new(format!("user: the password {detail}")),
        _ => operator::failed(problem),
    }
}

/// The mail address of somebody who gets a link: what is told of them, or their name.
pub(super) fn address_of(
    username: &str,
    claims: &Map<String, Value>,
) -> Result<EmailAddress, Failure> {
    let told = claims.get("email").and_then(Value::as_str);
    let address = EmailAddress::parse(told.unwrap_or(username));
    address.map_err(|_| {
        Failure::new(format!(
            "{username} has no mail address to name on the page: give the claim \"email\""
        ))
    })
}

/// The mail waits in the store; the server sends it.
async fn invite(options: &cli::Invite, office: &Office, output: Output) -> Result<(), Failure> {
    let address = EmailAddress::parse(&options.address)
        .map_err(|error| Failure::new(format!("{}: {error}", options.address)))?;
    if office.provider.policy().people.sign_up == SignUp::Closed {
        return Err(Failure::new(
            "nobody can make an account: set sign_up.mode to \"invitation\" or \"open\"".to_owned(),
        ));
    }
    let input = users::invite::Input {
        email: address.as_str().to_owned(),
        mail: !options.print,
    };
    let invited = office.call::<users::Invite>(input).await;
    let invited = invited.map_err(|problem| operator::failed(&problem))?;
    if let Some(url) = invited.link {
        let value = json!({ "invited": address.as_str(), "link": url });
        return output.say(&value, format!("works once: {url}"));
    }
    let text = format!("an invitation for {} is on its way", address.as_str());
    output.say(&json!({ "invited": address.as_str() }), text)
}

async fn set_password(
    options: &cli::SetPassword,
    office: &Office,
    output: Output,
) -> Result<(), Failure> {
    let user = office.user(&options.username).await?;
    let given = password::read(&options.password)?;
    let set = office.repeat::<users::SetPassword>(|| users::password::Input {
        user: user.subject.as_str().to_owned(),
        password: Some(given.password.expose().to_owned()),
        must_change_password: Some(options.must_change),
    });
    set.await.map_err(|problem| refused(&problem))?;
    audited(office, "password_set", &user.subject);
    if options.must_change {
        audited(office, "change_demanded", &user.subject);
    }
    let user = office.user(&user.username).await?;
    let text = format!(
        "user {} has another password; sessions and tokens from before are over",
        user.username
    );
    tell(&user, text, &given, output)
}

async fn set_disabled(
    username: &str,
    disabled: bool,
    office: &Office,
    output: Output,
) -> Result<(), Failure> {
    let user = office.user(username).await?;
    let changed = if disabled {
        office.repeat::<users::Disable>(|| which(&user)).await
    } else {
        office.repeat::<users::Enable>(|| which(&user)).await
    };
    changed.map_err(|problem| refused(&problem))?;
    let state = if disabled { "disabled" } else { "enabled" };
    audited(office, state, &user.subject);
    let user = office.user(&user.username).await?;
    output.say(
        &describe(&user),
        format!("user {} is {state}", user.username),
    )
}

async fn delete(options: &cli::UserDelete, office: &Office, output: Output) -> Result<(), Failure> {
    let user = office.user(&options.username).await?;
    if !options.yes {
        return Err(Failure::new(format!(
            "this deletes the account of {} with everything about its person for ever; say --yes if that is meant",
            user.username
        )));
    }
    let deleted = office.repeat::<users::Delete>(|| which(&user)).await;
    deleted.map_err(|problem| refused(&problem))?;
    audited(office, "deleted", &user.subject);
    let value = json!({
        "username": user.username, "subject": user.subject.as_str(), "deleted": true,
    });
    output.say(&value, format!("user {} is deleted", user.username))
}

pub(super) fn audited(office: &Office, action: &str, subject: &Subject) {
    told(&office.provider.policy().issuer, action, subject);
}

/// Leaves a line beside the database, too.
pub(super) fn told(issuer: &Issuer, action: &str, subject: &Subject) {
    let changed = Changed {
        action,
        issuer: Some(issuer.as_str()),
        account: Some(subject.as_str()),
        ..Changed::default()
    };
    changed.tell("user changed");
}

async fn list(office: &Office, output: Output) -> Result<(), Failure> {
    let mut users: Vec<UserRecord> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let store = office.provider.store();
        let page = store
            .users(office.provider.issuer_id(), after.as_deref(), MAX_PAGE)
            .await
            .map_err(|error| failed(error.into()))?;
        users.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let values: Vec<Value> = users.iter().map(describe).collect();
    let rows: Vec<Vec<String>> = users
        .iter()
        .map(|user| {
            let state = if user.disabled { "disabled" } else { "enabled" };
            vec![
                user.username.clone(),
                user.subject.to_string(),
                state.to_owned(),
            ]
        })
        .collect();
    output.table(&values, &["USER NAME", "SUBJECT", "STATE"], &rows)
}

fn tell(
    user: &UserRecord,
    mut text: String,
    given: &password::Given,
    output: Output,
) -> Result<(), Failure> {
    let mut value = describe(user);
    if given.made {
        let password = given.password.expose();
        text.push_str(&format!("\npassword: {password}"));
        if let Some(value) = value.as_object_mut() {
            value.insert("password".to_owned(), password.into());
        }
    }
    output.say(&value, text)
}

fn describe(user: &UserRecord) -> Value {
    json!({
        "username": user.username,
        "subject": user.subject,
        "disabled": user.disabled,
        "claims": user.claims,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    })
}

/// `name=value`, where a value that reads as JSON is JSON.
fn claims(given: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut claims = Map::new();
    for claim in given {
        let (name, value) = claim
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| Failure::new(format!("--claim {claim:?} is not NAME=VALUE")))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        if claims.insert(name.to_owned(), value).is_some() {
            return Err(Failure::new(format!("--claim {name} is given twice")));
        }
    }
    Ok(claims)
}

pub(super) fn failed(error: AccountError) -> Failure {
    Failure::doing("user", &error)
}
