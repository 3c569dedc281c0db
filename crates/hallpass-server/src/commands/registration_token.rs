//! `hallpass registration-token`

use hallpass_admin::{
    Kind,
    v1::registration_tokens::{self as tokens, TokenView},
};
use hallpass_types::Timestamp;
use serde_json::{Value, json};

use super::office::{Office, refused};
use super::operator::failed;
use crate::audit::Changed;
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;

pub(super) async fn run(
    command: cli::RegistrationToken,
    office: Office,
    output: Output,
) -> Result<(), Failure> {
    match command {
        cli::RegistrationToken::Create(options) => create(options, &office, output).await,
        cli::RegistrationToken::List => list(&office, output).await,
        cli::RegistrationToken::Revoke(which) => revoke(&which.id, &office, output).await,
    }
}

async fn create(
    options: cli::RegistrationTokenCreate,
    office: &Office,
    output: Output,
) -> Result<(), Failure> {
    let seconds = |span: crate::config::Seconds| u32::try_from(span.0).unwrap_or(u32::MAX);
    let input = tokens::create::Input {
        label: options.label,
        expires_in: options.expires.map(seconds),
        max_uses: options.uses,
        policies: options.policies.clone(),
    };
    let made = office.call::<tokens::Create>(input).await;
    let made = made.map_err(|problem| {
        let known = &office.provider.policy().registration.rules;
        let unknown = |name: &&String| !known.contains_key(*name);
        match options.policies.iter().find(unknown) {
            Some(name) => Failure::new(format!(
                "--policy {name:?}: there is no registration.policy.{name} in the configuration"
            )),
            None => failed(&problem),
        }
    })?;
    let (token, id) = (&made.token, &made.about.id);
    audited(office, "created", id);
    let mut value = describe(&made.about);
    if let Some(object) = value.as_object_mut() {
        object.insert("token".to_owned(), token.as_str().into());
    }
    let text = format!("{token}\n\nThis is token {id}; it is not shown again.");
    output.say(&value, text)
}

fn audited(office: &Office, action: &str, token: &str) {
    let changed = Changed {
        action,
        issuer: Some(office.provider.policy().issuer.as_str()),
        registration_token: Some(token),
        ..Changed::default()
    };
    changed.tell("registration token changed");
}

async fn list(office: &Office, output: Output) -> Result<(), Failure> {
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let input = tokens::list::Input {
            cursor,
            limit: Some(200),
        };
        let page = office.call::<tokens::List>(input).await;
        let page = page.map_err(|problem| failed(&problem))?;
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let now = office.provider.now();
    let values: Vec<Value> = all.iter().map(describe).collect();
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|token| {
            let uses = match token.max_uses {
                Some(max) => format!("{} of {max}", token.uses),
                None => token.uses.to_string(),
            };
            let ends = match token.expires_at.map(Timestamp) {
                None => "never".to_owned(),
                Some(at) if at.is_over(now) => "over".to_owned(),
                Some(at) => format!("in {} h", at.since(now).div_euclid(3600)),
            };
            let (id, label) = (token.id.clone(), token.label.clone());
            vec![id, label, uses, ends, token.policies.join(" ")]
        })
        .collect();
    output.table(&values, &["ID", "LABEL", "USES", "ENDS", "POLICIES"], &rows)
}

async fn revoke(wanted: &str, office: &Office, output: Output) -> Result<(), Failure> {
    let input = tokens::delete::Which {
        token: wanted.to_owned(),
    };
    let revoked = office.call::<tokens::Delete>(input).await;
    revoked.map_err(|problem| {
        refused(&problem, Kind::NotFound, || {
            format!("there is no registration token {wanted:?}")
        })
    })?;
    audited(office, "revoked", wanted);
    output.say(
        &json!({ "id": wanted, "revoked": true }),
        format!("registration token {wanted} is revoked"),
    )
}

fn describe(token: &TokenView) -> Value {
    json!({
        "id": token.id,
        "label": token.label,
        "policies": token.policies,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "uses": token.uses,
        "max_uses": token.max_uses,
    })
}
