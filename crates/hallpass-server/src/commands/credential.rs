//! `hallpass user credential`, `user sessions`, `user link`: what people sign in with, and where they are signed in.

use hallpass_admin::{Kind, v1::users};
use hallpass_store::{CredentialData, CredentialRecord, UserRecord};
use hallpass_types::CredentialId;
use serde_json::{Value, json};

use super::office::{Office, refused};
use super::operator;
use super::user::{address_of, audited, failed, which};
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;

pub(super) async fn run(
    command: &cli::Credential,
    office: &Office,
    output: Output,
) -> Result<(), Failure> {
    match command {
        cli::Credential::List(user) => list(&user.username, office, output).await,
        cli::Credential::Remove(options) => remove(options, office, output).await,
    }
}

async fn held(user: &UserRecord, office: &Office) -> Result<Vec<CredentialRecord>, Failure> {
    let held = office.provider.credentials(&user.subject).await;
    held.map_err(|error| failed(error.into()))
}

async fn list(username: &str, office: &Office, output: Output) -> Result<(), Failure> {
    let user = office.user(username).await?;
    let held = held(&user, office).await?;
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
    office: &Office,
    output: Output,
) -> Result<(), Failure> {
    let user = office.user(&options.username).await?;
    let id = CredentialId::parse(&options.id)
        .map_err(|_| Failure::new(format!("{:?} is no credential's id", options.id)))?;
    let removed =
        office.repeat::<users::RemoveCredential>(|| users::credentials::WhichCredential {
            user: user.subject.as_str().to_owned(),
            credential: id.to_string(),
        });
    removed.await.map_err(|problem| {
        if problem.kind() == Kind::WrongState {
            return Failure::new(problem.detail().unwrap_or_default());
        }
        refused(&problem, Kind::NotFound, || {
            format!("{} has no credential {id}", user.username)
        })
    })?;
    audited(office, "credential_removed", &user.subject);
    output.say(
        &json!({ "removed": id.to_string(), "subject": user.subject }),
        format!("credential {id} of {} is removed", user.username),
    )
}

pub(super) async fn sessions(
    username: &str,
    office: &Office,
    output: Output,
) -> Result<(), Failure> {
    let user = office.user(username).await?;
    let issuer = office.provider.issuer_id();
    let store = office.provider.store();
    let all = store.account_sessions(issuer, &user.subject).await;
    let now = office.provider.now();
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
    office: &Office,
    output: Output,
) -> Result<(), Failure> {
    let user = office.user(username).await?;
    let ended = office.repeat::<users::EndAll>(|| which(&user)).await;
    ended.map_err(|problem| operator::failed(&problem))?;
    audited(office, "sessions_ended", &user.subject);
    output.say(
        &json!({ "subject": user.subject }),
        format!("every session of {} has ended", user.username),
    )
}

/// A link with which somebody sets up how they sign in, for the operator to hand over.
pub(super) async fn link(username: &str, office: &Office, output: Output) -> Result<(), Failure> {
    let user = office.user(username).await?;
    address_of(&user.username, &user.claims)?;
    let url = link_to(&user, office).await?;
    output.say(
        &json!({ "link": url, "subject": user.subject }),
        format!("works once: {url}"),
    )
}

pub(super) async fn link_to(user: &UserRecord, office: &Office) -> Result<String, Failure> {
    let made = office.repeat::<users::Link>(|| which(user)).await;
    let made = made.map_err(|problem| {
        refused(&problem, Kind::WrongState, || {
            format!("{} is disabled", user.username)
        })
    })?;
    audited(office, "link_made", &user.subject);
    Ok(made.link)
}
