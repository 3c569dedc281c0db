//! `hallpass registration-token`

use hallpass_jose::base64url;
use hallpass_store::{Commit, InitialAccessRecord, StoreError, Write};
use hallpass_types::{Bucket, ContentDigest, InitialAccess, Opaque};
use serde_json::{Value, json};

use crate::audit::Changed;
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Engine;

pub(super) async fn run(
    command: cli::RegistrationToken,
    engine: Engine,
    output: Output,
) -> Result<(), Failure> {
    match command {
        cli::RegistrationToken::Create(options) => create(options, &engine, output).await,
        cli::RegistrationToken::List => list(&engine, output).await,
        cli::RegistrationToken::Revoke(which) => revoke(&which.id, &engine, output).await,
    }
}

async fn create(
    options: cli::RegistrationTokenCreate,
    engine: &Engine,
    output: Output,
) -> Result<(), Failure> {
    let provider = &engine.provider;
    let known = &provider.policy().registration.rules;
    if let Some(name) = options
        .policies
        .iter()
        .find(|name| !known.contains_key(*name))
    {
        return Err(Failure::new(format!(
            "--policy {name:?}: there is no registration.policy.{name} in the configuration"
        )));
    }
    let now = provider.now();
    let seconds = |span: crate::config::Seconds| i64::try_from(span.0).unwrap_or(i64::MAX);
    let record = InitialAccessRecord {
        label: options.label.unwrap_or_default(),
        policies: options.policies,
        created_at: now,
        expires_at: options.expires.map(|span| now.plus(seconds(span))),
        max_uses: options.uses,
        uses: 0,
    };
    let token = Opaque::<InitialAccess>::from_random(Bucket(u32::MAX), &provider.random());
    let digest = provider.secrets().client_digest(token.expose());
    commit(
        engine,
        Write::InitialAccess(digest, Box::new(record.clone())),
    )
    .await?;
    audited(engine, "created", &id(digest));
    let mut value = describe(digest, &record);
    if let Some(object) = value.as_object_mut() {
        object.insert("token".to_owned(), token.expose().into());
    }
    let text = format!(
        "{}\n\nThis is token {}; it is not shown again.",
        token.expose(),
        id(digest)
    );
    output.say(&value, text)
}

fn audited(engine: &Engine, action: &str, token: &str) {
    let changed = Changed {
        action,
        issuer: Some(engine.provider.policy().issuer.as_str()),
        registration_token: Some(token),
        ..Changed::default()
    };
    changed.tell("registration token changed");
}

async fn list(engine: &Engine, output: Output) -> Result<(), Failure> {
    let all = all(engine).await?;
    let now = engine.provider.now();
    let values: Vec<Value> = all
        .iter()
        .map(|(digest, record)| describe(*digest, record))
        .collect();
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|(digest, record)| {
            let uses = match record.max_uses {
                Some(max) => format!("{} of {max}", record.uses),
                None => record.uses.to_string(),
            };
            let ends = match record.expires_at {
                None => "never".to_owned(),
                Some(at) if at.is_over(now) => "over".to_owned(),
                Some(at) => format!("in {} h", at.since(now).div_euclid(3600)),
            };
            vec![
                id(*digest),
                record.label.clone(),
                uses,
                ends,
                record.policies.join(" "),
            ]
        })
        .collect();
    output.table(&values, &["ID", "LABEL", "USES", "ENDS", "POLICIES"], &rows)
}

async fn revoke(wanted: &str, engine: &Engine, output: Output) -> Result<(), Failure> {
    let found = all(engine).await?;
    let found = found.into_iter().find(|(digest, _)| id(*digest) == wanted);
    let Some((digest, _)) = found else {
        return Err(Failure::new(format!(
            "there is no registration token {wanted:?}"
        )));
    };
    commit(engine, Write::DeleteInitialAccess(digest)).await?;
    audited(engine, "revoked", wanted);
    output.say(
        &json!({ "id": wanted, "revoked": true }),
        format!("registration token {wanted} is revoked"),
    )
}

async fn all(engine: &Engine) -> Result<Vec<(ContentDigest, InitialAccessRecord)>, Failure> {
    let provider = &engine.provider;
    let all = provider.store().initial_accesses(provider.issuer_id());
    all.await.map_err(failed)
}

async fn commit(engine: &Engine, write: Write) -> Result<(), Failure> {
    let provider = &engine.provider;
    let commit = Commit {
        spends: Vec::new(),
        writes: vec![write],
    };
    let done = provider.store().commit(provider.issuer_id(), commit).await;
    done.map(drop).map_err(failed)
}

fn describe(digest: ContentDigest, record: &InitialAccessRecord) -> Value {
    json!({
        "id": id(digest),
        "label": record.label,
        "policies": record.policies,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "uses": record.uses,
        "max_uses": record.max_uses,
    })
}

/// Enough of the digest to name a token. Nothing of the token follows from it.
fn id(digest: ContentDigest) -> String {
    let mut text = base64url::encode(digest.0);
    text.truncate(12);
    text
}

fn failed(error: StoreError) -> Failure {
    Failure::doing("registration-token", &error)
}
