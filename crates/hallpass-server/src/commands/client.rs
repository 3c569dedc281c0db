//! `hallpass client`

use hallpass_admin::{Kind, Problem, v1::clients};
use hallpass_core::client::{Client, ClientOrigin, ClientRecord, metadata};
use hallpass_core::fapi::{self, Profile};
use hallpass_store::{MAX_PAGE, StoreError};
use hallpass_types::{ClientId, Secret};
use serde_json::{Map, Value, json};

use super::office::{Office, refused};
use super::operator::failed as failed_by;
use crate::audit::Changed;
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;

pub(super) async fn run(
    command: cli::Client,
    office: Office,
    output: Output,
) -> Result<(), Failure> {
    match command {
        cli::Client::Create(options) => create(&options, &office, output).await,
        cli::Client::List(options) => list(options.exceeding, &office, output).await,
        cli::Client::Show(client) => {
            let record = find(&client.client_id, &office).await?;
            let value = describe(&record, None);
            output.say(&value, pretty(&value))
        }
        cli::Client::Check(options) => check(&options, &office, output).await,
        cli::Client::Delete(client) => delete(&client.client_id, &office, output).await,
    }
}

async fn create(
    options: &cli::ClientCreate,
    office: &Office,
    output: Output,
) -> Result<(), Failure> {
    let given = given(options)?;
    let input = clients::create::Input {
        client_id: options.id.clone(),
        metadata: given.clone(),
        client_secret: None,
        disabled: false,
    };
    let made = office.call::<clients::Create>(input).await;
    let made = made.map_err(|problem| unmade(&problem, options, &given, office))?;
    let record = find(&made.client.client_id, office).await?;
    audited(office, "created", &record.client_id);
    let secret = made.client_secret.map(Secret::new);
    let value = describe(&record, secret.as_ref());
    output.say(&value, pretty(&value))
}

/// Why there is no such client, by the names of the command line and of metadata.
fn unmade(
    problem: &Problem,
    options: &cli::ClientCreate,
    given: &Map<String, Value>,
    office: &Office,
) -> Failure {
    if problem.kind() == Kind::Taken {
        let id = options.id.as_deref().unwrap_or_default();
        return Failure::new(format!("there is a client {id} already"));
    }
    let detail = problem.detail().unwrap_or_default();
    match problem.field() {
        Some("client_id") => {
            Failure::new("--id must be printable ASCII, 1 to 255 characters".to_owned())
        }
        Some("metadata") => {
            let policy = office.provider.policy();
            let known = metadata::normalize(given, ClientOrigin::Administration, policy);
            let known = known.unwrap_or_default();
            let unknown = given.keys().find(|name| !known.contains_key(*name));
            let name = unknown.map_or("the metadata", String::as_str);
            Failure::new(format!("client: {name} is not known, or has no effect"))
        }
        Some(field) => {
            let field = field.strip_prefix("metadata.").unwrap_or(field);
            Failure::new(format!("client: {field}: {detail}"))
        }
        None => failed_by(problem),
    }
}

fn audited(office: &Office, action: &str, client: &ClientId) {
    let changed = Changed {
        action,
        issuer: Some(office.provider.policy().issuer.as_str()),
        client: Some(client.as_str()),
        ..Changed::default()
    };
    changed.tell("client changed");
}

/// The metadata that the options spell out.
fn given(options: &cli::ClientCreate) -> Result<Map<String, Value>, Failure> {
    let mut metadata = match &options.metadata {
        None => Map::new(),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| Failure::doing("--metadata is no JSON object", &error))?,
    };
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            metadata.insert(name.to_owned(), value);
        }
    };
    let list = |list: &[String]| (!list.is_empty()).then(|| Value::from(list.to_vec()));
    put("client_name", options.name.clone().map(Value::from));
    put("redirect_uris", list(&options.redirect_uris));
    put(
        "post_logout_redirect_uris",
        list(&options.post_logout_redirect_uris),
    );
    put("grant_types", list(&options.grant_types));
    let method = if options.public {
        Some("none".to_owned())
    } else {
        options.auth_method.clone()
    };
    put("token_endpoint_auth_method", method.map(Value::from));
    put("scope", options.scope.clone().map(Value::from));
    Ok(metadata)
}

async fn list(exceeding: bool, office: &Office, output: Output) -> Result<(), Failure> {
    let provider = &office.provider;
    let registration = &provider.policy().registration;
    let mut records: Vec<ClientRecord> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = provider
            .store()
            .clients(provider.issuer_id(), after.as_deref(), MAX_PAGE)
            .await
            .map_err(failed)?;
        records.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if exceeding {
        records.retain(|record| !registration.exceeded(record).is_empty());
    }
    let values: Vec<Value> = records
        .iter()
        .map(|record| {
            let mut value = describe(record, None);
            if let Some(value) = value.as_object_mut().filter(|_| exceeding) {
                let members = registration.exceeded(record);
                value.insert("exceeds".to_owned(), members.into());
            }
            value
        })
        .collect();
    let text = |record: &ClientRecord, name: &str| {
        record
            .metadata
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|record| {
            let origin = origin(record.origin).to_owned();
            let method = text(record, "token_endpoint_auth_method");
            let last = if exceeding {
                registration.exceeded(record).join(" ")
            } else {
                origin
            };
            vec![
                record.client_id.to_string(),
                text(record, "client_name"),
                method,
                last,
            ]
        })
        .collect();
    let last = if exceeding { "EXCEEDS" } else { "ORIGIN" };
    output.table(
        &values,
        &["CLIENT ID", "NAME", "AUTHENTICATION", last],
        &rows,
    )
}

/// Says what a client lacks for a security profile.
async fn check(options: &cli::ClientCheck, office: &Office, output: Output) -> Result<(), Failure> {
    let record = find(&options.client_id, office).await?;
    let policy = office.provider.policy();
    let own = || record.metadata.get("fapi_profile").and_then(Value::as_str);
    let profile = match options.profile.as_deref().or_else(own) {
        Some(name) => Profile::parse(name).ok_or_else(|| {
            let names: Vec<&str> = Profile::ALL.iter().map(|p| p.as_str()).collect();
            Failure::new(format!("--profile must be one of {}", names.join(", ")))
        })?,
        None => policy.fapi_profile.ok_or_else(|| {
            Failure::new("neither the client nor the issuer has a profile; name one with --profile")
        })?,
    };
    let sealed = record.secret_sealed.as_deref();
    let secret = sealed.and_then(|sealed| {
        let secrets = office.provider.secrets();
        secrets.open_client_secret(record.client_id.as_str(), sealed)
    });
    let client = Client::without_profile(&record, policy, secret)
        .map_err(|error| Failure::doing("client", &error))?;
    let lacks = fapi::lacks(&client, profile, policy);
    let list: Vec<Value> = lacks
        .iter()
        .map(|lack| json!({ "field": lack.field, "text": lack.text }))
        .collect();
    let value =
        json!({ "client_id": options.client_id, "profile": profile.as_str(), "lacks": list });
    let (id, name) = (&options.client_id, profile.as_str());
    if lacks.is_empty() {
        return output.say(&value, format!("client {id} has all that {name} demands"));
    }
    let lines: Vec<String> = lacks
        .iter()
        .map(|lack| format!("  {} {}", lack.field, lack.text))
        .collect();
    let text = format!("client {id} lacks for {name}:\n{}", lines.join("\n"));
    output.say(&value, text)
}

async fn delete(id: &str, office: &Office, output: Output) -> Result<(), Failure> {
    let record = find(id, office).await?;
    if record.origin == ClientOrigin::Configuration {
        return Err(Failure::new(format!(
            "client {id} is configured and would come back at the next start; take it out of the configuration"
        )));
    }
    let input = clients::delete::Input {
        client: id.to_owned(),
    };
    let deleted = office.call::<clients::Delete>(input).await;
    deleted.map_err(|problem| {
        refused(&problem, Kind::NotFound, || {
            format!("there is no client {id:?}")
        })
    })?;
    audited(office, "deleted", &record.client_id);
    output.say(
        &json!({ "client_id": id, "deleted": true }),
        format!("client {id} is deleted"),
    )
}

async fn find(id: &str, office: &Office) -> Result<ClientRecord, Failure> {
    let unknown = || Failure::new(format!("there is no client {id:?}"));
    let parsed = ClientId::parse(id).map_err(|_| unknown())?;
    let provider = &office.provider;
    let found = provider
        .store()
        .client(provider.issuer_id(), &parsed)
        .await
        .map_err(failed)?;
    found.ok_or_else(unknown)
}

fn describe(record: &ClientRecord, secret: Option<&Secret>) -> Value {
    let mut value = Map::new();
    value.insert("client_id".to_owned(), record.client_id.as_str().into());
    if let Some(secret) = secret {
        value.insert("client_secret".to_owned(), secret.expose().into());
    }
    value.insert("origin".to_owned(), origin(record.origin).into());
    value.insert("client_id_issued_at".to_owned(), record.created_at.0.into());
    value.extend(record.metadata.clone());
    Value::Object(value)
}

fn origin(origin: ClientOrigin) -> &'static str {
    match origin {
        ClientOrigin::Configuration => "configuration",
        ClientOrigin::Administration => "command",
        ClientOrigin::Registration => "registration",
        ClientOrigin::Document | _ => "other",
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn failed(error: StoreError) -> Failure {
    Failure::doing("client", &error)
}
