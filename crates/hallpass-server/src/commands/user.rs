//! `hallpass user`

use hallpass_accounts::{AccountError, NewUser};
use hallpass_core::policy::SignUp;
use hallpass_core::record::Activity;
use hallpass_store::{MAX_PAGE, UserRecord};
use hallpass_types::{EmailAddress, Subject};
use serde_json::{Map, Value, json};

use super::{credential, import::users, password};
use crate::audit::Changed;
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Engine;

pub(super) async fn run(command: cli::User, engine: Engine, output: Output) -> Result<(), Failure> {
    match command {
        cli::User::Create(options) => create(&options, &engine, output).await,
        cli::User::List => list(&engine, output).await,
        cli::User::Disable(user) => set_disabled(&user.username, true, &engine, output).await,
        cli::User::Enable(user) => set_disabled(&user.username, false, &engine, output).await,
        cli::User::SetPassword(options) => set_password(&options, &engine, output).await,
        cli::User::Invite(options) => invite(&options, &engine, output).await,
        cli::User::Link(user) => credential::link(&user.username, &engine, output).await,
        cli::User::Credential(command) => credential::run(&command, &engine, output).await,
        cli::User::Sessions(user) => credential::sessions(&user.username, &engine, output).await,
        cli::User::EndSessions(user) => credential::end_all(&user.username, &engine, output).await,
        cli::User::Import(options) => users::run(&options, &engine, output).await,
    }
}

async fn create(options: &cli::UserCreate, engine: &Engine, output: Output) -> Result<(), Failure> {
    let claims = claims(&options.claims)?;
    let address = match options.no_password {
        true => Some(address_of(&options.username, &claims)?),
        false => None,
    };
    let given = match options.no_password {
        true => None,
        false => Some(password::read(&options.password)?),
    };
    let new = NewUser {
        username: options.username.clone(),
        password: given.as_ref().map(|given| given.password.clone()),
        must_change: options.must_change,
        claims,
    };
    let user = engine
        .accounts
        .create(engine.provider.issuer_id(), new)
        .await
        .map_err(failed)?;
    audited(engine, "created", &user.subject);
    let text = format!(
        "user {} is made, with the subject {}",
        user.username, user.subject
    );
    if let Some(given) = given {
        return tell(&user, text, &given, output);
    }
    let mut value = describe(&user);
    let mut text = text;
    if let Some(address) = address {
        let url = credential::link_to(&address, &user, engine).await?;
        text.push_str(&format!("\nworks once: {url}"));
        if let Some(value) = value.as_object_mut() {
            value.insert("link".to_owned(), url.into());
        }
    }
    output.say(&value, text)
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
async fn invite(options: &cli::Invite, engine: &Engine, output: Output) -> Result<(), Failure> {
    let address = EmailAddress::parse(&options.address)
        .map_err(|error| Failure::new(format!("{}: {error}", options.address)))?;
    if engine.provider.policy().people.sign_up == SignUp::Closed {
        return Err(Failure::new(
            "nobody can make an account: set sign_up.mode to \"invitation\" or \"open\"".to_owned(),
        ));
    }
    if options.print {
        let made = engine.provider.link_to_hand_over(&address, None).await;
        let url =
            made.map_err(|error| Failure::new(format!("the link was not made: {error:?}")))?;
        let value = json!({ "invited": address.as_str(), "link": url });
        return output.say(&value, format!("works once: {url}"));
    }
    let invited = engine.provider.invite(&address).await;
    invited.map_err(|error| Failure::new(format!("the invitation was not made: {error:?}")))?;
    let text = format!("an invitation for {} is on its way", address.as_str());
    output.say(&json!({ "invited": address.as_str() }), text)
}

async fn set_password(
    options: &cli::SetPassword,
    engine: &Engine,
    output: Output,
) -> Result<(), Failure> {
    let subject = find(&options.username, engine).await?.subject;
    let given = password::read(&options.password)?;
    let issuer = engine.provider.issuer_id();
    let user = engine
        .accounts
        .set_password(issuer, &subject, &given.password)
        .await
        .map_err(failed)?;
    audited(engine, "password_set", &subject);
    end_sessions(&subject, engine).await?;
    if options.must_change {
        let demanded = engine.accounts.demand_change(issuer, &subject).await;
        let user = demanded.map_err(failed)?;
        audited(engine, "change_demanded", &subject);
        credential::note(&user, Activity::ChangeDemanded, engine).await?;
    }
    let text = format!(
        "user {} has another password; sessions and tokens from before are over",
        user.username
    );
    tell(&user, text, &given, output)
}

async fn set_disabled(
    username: &str,
    disabled: bool,
    engine: &Engine,
    output: Output,
) -> Result<(), Failure> {
    let subject: Subject = find(username, engine).await?.subject;
    let issuer = engine.provider.issuer_id();
    let user = engine
        .accounts
        .set_disabled(issuer, &subject, disabled)
        .await
        .map_err(failed)?;
    audited(
        engine,
        if disabled { "disabled" } else { "enabled" },
        &subject,
    );
    if disabled {
        end_sessions(&subject, engine).await?;
    }
    let state = if disabled { "disabled" } else { "enabled" };
    output.say(
        &describe(&user),
        format!("user {} is {state}", user.username),
    )
}

pub(super) fn audited(engine: &Engine, action: &str, subject: &Subject) {
    let changed = Changed {
        action,
        issuer: Some(engine.provider.policy().issuer.as_str()),
        account: Some(subject.as_str()),
        ..Changed::default()
    };
    changed.tell("user changed");
}

/// What is over already is ended for those clients, too, that want to be told. The server delivers it.
pub(super) async fn end_sessions(subject: &Subject, engine: &Engine) -> Result<(), Failure> {
    let ended = engine.provider.end_sessions_of(subject).await;
    ended.map(drop).map_err(|error| failed(error.into()))
}

async fn list(engine: &Engine, output: Output) -> Result<(), Failure> {
    let mut users: Vec<UserRecord> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let store = engine.provider.store();
        let page = store
            .users(engine.provider.issuer_id(), after.as_deref(), MAX_PAGE)
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

pub(super) async fn find(username: &str, engine: &Engine) -> Result<UserRecord, Failure> {
    let found = engine
        .accounts
        .by_name(engine.provider.issuer_id(), username)
        .await;
    found
        .map_err(|error| failed(error.into()))?
        .ok_or_else(|| Failure::new(format!("there is no user {username:?}")))
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
