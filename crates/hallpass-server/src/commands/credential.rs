//! `hallpass user credential`, `user sessions`, `user link`: what people sign in with, and where they are signed in.

use hallpass_core::record::Activity;
use hallpass_provider::ports::Accounts as _;
use hallpass_store::{CredentialData, CredentialRecord, UserRecord};
use hallpass_types::{CredentialId, EmailAddress};
use serde_json::{Value, json};

use super::user::{address_of, audited, end_sessions, failed, find};
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Engine;

pub(super) async fn run(
    command: &cli::Credential,
    engine: &Engine,
    output: Output,
) -> Result<(), Failure> {
    match command {
        cli::Credential::List(user) => list(&user.username, engine, output).await,
        cli::Credential::Remove(options) => remove(options, engine, output).await,
    }
}

async fn held(user: &UserRecord, engine: &Engine) -> Result<Vec<CredentialRecord>, Failure> {
    let held = engine.provider.credentials(&user.subject).await;
    held.map_err(|error| failed(error.into()))
}

async fn list(username: &str, engine: &Engine, output: Output) -> Result<(), Failure> {
    let user = find(username, engine).await?;
    let held = held(&user, engine).await?;
    let mut values: Vec<Value> = held.iter().map(describe).collect();
    if user.password.is_some() {
        let password = json!({
            "kind": "password",
            "must_change": user.must_change_password,
        });
        values.insert(0, password);
    }
    let text = |value: &Value, name: &str| {
        let found = value.get(name).and_then(Value::as_str);
        found.unwrap_or("-").to_owned()
    };
    let rows: Vec<Vec<String>> = values
        .iter()
        .map(|value| {
            let names = ["id", "kind", "name", "last_used_at"];
            names.iter().map(|name| text(value, name)).collect()
        })
        .collect();
    output.table(&values, &["ID", "KIND", "NAME", "LAST USED"], &rows)
}

fn describe(record: &CredentialRecord) -> Value {
    let name = if let CredentialData::Email(email) = &record.data {
        email.address.clone()
    } else if let CredentialData::Upstream(identity) = &record.data {
        identity.provider.clone()
    } else if let CredentialData::RecoveryCodes(codes) = &record.data {
        format!("{} of {}", codes.left.len(), codes.of)
    } else {
        record.name.clone()
    };
    json!({
        "id": record.id.to_string(),
        "kind": record.data.kind(),
        "name": name,
        "created_at": record.created_at,
        "last_used_at": record.last_used_at,
    })
}

async fn remove(
    options: &cli::CredentialRemove,
    engine: &Engine,
    output: Output,
) -> Result<(), Failure> {
    let user = find(&options.username, engine).await?;
    let id = CredentialId::parse(&options.id)
        .map_err(|_| Failure::new(format!("{:?} is no credential's id", options.id)))?;
    let held = held(&user, engine).await?;
    let record = held
        .iter()
        .find(|record| record.id == id)
        .ok_or_else(|| Failure::new(format!("{} has no credential {id}", user.username)))?;
    if matches!(record.data, CredentialData::Email(_)) {
        return Err(Failure::new(
            "an address is not removed, only replaced".to_owned(),
        ));
    }
    let removing = engine.provider.removing_credential(record).await;
    let (spends, writes) = removing.map_err(|error| failed(error.into()))?;
    let commit = hallpass_store::Commit { spends, writes };
    let store = engine.provider.store();
    let committed = store.commit(engine.provider.issuer_id(), commit).await;
    let committed = committed.map_err(|error| failed(error.into()))?;
    if committed != hallpass_store::Committed::Done {
        return Err(Failure::new(
            "somebody else changed it in this moment; try again".to_owned(),
        ));
    }
    end_sessions(&user.subject, engine).await?;
    audited(engine, "credential_removed", &user.subject);
    output.say(
        &json!({ "removed": id.to_string(), "subject": user.subject }),
        format!("credential {id} of {} is removed", user.username),
    )
}

/// What happened is told to the person, too.
pub(super) async fn note(
    user: &UserRecord,
    what: Activity,
    engine: &Engine,
) -> Result<(), Failure> {
    let noted = engine.provider.note(&user.subject, what).await;
    noted.map_err(|error| failed(error.into()))
}

pub(super) async fn sessions(
    username: &str,
    engine: &Engine,
    output: Output,
) -> Result<(), Failure> {
    let user = find(username, engine).await?;
    let issuer = engine.provider.issuer_id();
    let store = engine.provider.store();
    let all = store.account_sessions(issuer, &user.subject).await;
    let now = engine.provider.now();
    let alive: Vec<_> = all
        .map_err(|error| failed(error.into()))?
        .into_iter()
        .map(|(_, record)| record)
        .filter(|record| {
            !record.superseded
                && !record.expires_at.is_over(now)
                && record.account_epoch == user.epoch
        })
        .collect();
    let values: Vec<Value> = alive
        .iter()
        .map(|record| {
            json!({
                "sid": record.sid.as_str(),
                "device": record.visit.as_ref().map(|visit| visit.device.clone()),
                "address": record.visit.as_ref().and_then(|visit| visit.address.clone()),
                "created_at": record.created_at,
                "expires_at": record.expires_at,
                "amr": record.authentication.amr,
            })
        })
        .collect();
    let rows: Vec<Vec<String>> = alive
        .iter()
        .map(|record| {
            let device = record.visit.as_ref().map(|visit| visit.device.clone());
            vec![
                record.sid.as_str().to_owned(),
                device.unwrap_or_else(|| "-".to_owned()),
                record.created_at.0.to_string(),
                record.authentication.amr.join(" "),
            ]
        })
        .collect();
    output.table(&values, &["SESSION", "DEVICE", "SINCE", "BY"], &rows)
}

/// Ends every session of somebody, and with them what was granted.
pub(super) async fn end_all(
    username: &str,
    engine: &Engine,
    output: Output,
) -> Result<(), Failure> {
    let user = find(username, engine).await?;
    let issuer = engine.provider.issuer_id();
    let ended = engine.accounts.end_all(issuer, &user.subject).await;
    ended.map_err(failed)?;
    end_sessions(&user.subject, engine).await?;
    note(&user, Activity::SignedOutEverywhere, engine).await?;
    audited(engine, "sessions_ended", &user.subject);
    output.say(
        &json!({ "subject": user.subject }),
        format!("every session of {} has ended", user.username),
    )
}

/// A link with which somebody sets up how they sign in, for the operator to hand over.
pub(super) async fn link(username: &str, engine: &Engine, output: Output) -> Result<(), Failure> {
    let user = find(username, engine).await?;
    let address = address_of(&user.username, &user.claims)?;
    let url = link_to(&address, &user, engine).await?;
    output.say(
        &json!({ "link": url, "subject": user.subject }),
        format!("works once: {url}"),
    )
}

pub(super) async fn link_to(
    address: &EmailAddress,
    user: &UserRecord,
    engine: &Engine,
) -> Result<String, Failure> {
    let account = engine
        .accounts
        .account(engine.provider.issuer_id(), &user.subject)
        .await
        .map_err(|error| failed(error.into()))?
        .ok_or_else(|| Failure::new(format!("{} is disabled", user.username)))?;
    let url = engine
        .provider
        .link_to_hand_over(address, Some(&account))
        .await
        .map_err(|error| Failure::new(format!("the link was not made: {error:?}")))?;
    audited(engine, "link_made", &user.subject);
    Ok(url)
}
