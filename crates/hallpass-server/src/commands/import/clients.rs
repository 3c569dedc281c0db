//! `hallpass import clients`: metadata as node-oidc-provider, Ory Hydra and RFC 7591 have it.

use std::path::Path;

use hallpass_core::admin::is_scope;
use hallpass_types::Secret;
use serde_json::{Map, Value};

use super::arrivals::{Arrivals, Client, Kind};
use super::bring::{Way, bring};
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Engine;

/// Bytes of a file of clients.
const LONGEST: u64 = 64 << 20;

pub(super) async fn run(
    options: &cli::ImportClients,
    engine: &Engine,
    output: Output,
) -> Result<(), Failure> {
    let value = json_file(&options.file, LONGEST)?;
    let list = match &value {
        Value::Array(list) => list,
        Value::Object(map) => map
            .get("clients")
            .and_then(Value::as_array)
            .ok_or_else(|| Failure::new("the file holds no list of clients"))?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(Failure::new("the file holds no list of clients"));
        }
    };
    let mut arrivals = Arrivals::default();
    for (place, value) in list.iter().enumerate() {
        let client = value.as_object().and_then(read);
        match client {
            Some(client) => {
                let scope = value.get("scope").and_then(Value::as_str);
                if scope.is_some_and(|scope| scope.split(' ').any(is_scope)) {
                    let text = "it may not ask for administration here, as it could there";
                    arrivals.notes.say(Kind::Client, text, &client.id);
                }
                arrivals.clients.push(client);
            }
            None => {
                let text = "it has no client_id, so it was left out";
                let number = place.saturating_add(1);
                arrivals
                    .notes
                    .say(Kind::Client, text, &format!("number {number}"));
            }
        }
    }
    let way = Way {
        dry_run: options.dry_run,
        publish_keys: 0,
        from: "clients",
    };
    bring(arrivals, way, engine, output).await
}

fn read(map: &Map<String, Value>) -> Option<Client> {
    let id = map.get("client_id")?.as_str()?.to_owned();
    let secret = map.get("client_secret").and_then(Value::as_str);
    let mut metadata = map.clone();
    for name in [
        "client_id",
        "client_secret",
        "client_id_issued_at",
        "client_secret_expires_at",
        "registration_access_token",
        "registration_client_uri",
    ] {
        metadata.remove(name);
    }
    plain(&mut metadata);
    let names = [("application_type", "web"), ("client_name", id.as_str())];
    for (name, value) in names {
        metadata.entry(name).or_insert_with(|| value.into());
    }
    // What asked for no challenge there must not be locked out here; a public client is.
    let public = metadata.get("token_endpoint_auth_method") == Some(&Value::from("none"));
    if !public {
        metadata
            .entry("require_pkce")
            .or_insert_with(|| false.into());
    }
    // Nothing that a client could not have asked for itself: trust is not imported.
    for name in [
        "skip_consent",
        "allowed_groups",
        "allowed_roles",
        "resources",
        "introspection_resources",
    ] {
        metadata.remove(name);
    }
    // Nor is the right to ask for administration.
    if let Some(Value::String(scope)) = metadata.get_mut("scope") {
        let kept: Vec<&str> = scope.split(' ').filter(|name| !is_scope(name)).collect();
        *scope = kept.join(" ");
    }
    Some(Client {
        id,
        metadata,
        secret: secret.map(|text| Secret::from(text.to_owned())),
        disabled: false,
    })
}

/// Programs that write every member they know, Ory Hydra among them, write what was not said as an empty text or object.
fn plain(metadata: &mut Map<String, Value>) {
    metadata.retain(|_, value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => true,
    });
    // UserInfo as plain JSON.
    if metadata.get("userinfo_signed_response_alg") == Some(&Value::from("none")) {
        metadata.remove("userinfo_signed_response_alg");
    }
    // The older name of the same scope there.
    if let Some(Value::String(scope)) = metadata.get_mut("scope") {
        let mut names: Vec<&str> = scope.split(' ').collect();
        if names.contains(&"offline") {
            names.retain(|name| !matches!(*name, "offline" | "offline_access"));
            names.push("offline_access");
        }
        *scope = names.join(" ");
    }
}

/// A JSON file that is not longer than that.
pub(super) fn json_file(path: &Path, longest: u64) -> Result<Value, Failure> {
    let name = path.display();
    let cannot = |error: std::io::Error| Failure::new(format!("cannot read {name}: {error}"));
    if std::fs::metadata(path).map_err(cannot)?.len() > longest {
        let mebibytes = longest >> 20;
        return Err(Failure::new(format!(
            "{name} is larger than {mebibytes} MiB"
        )));
    }
    let bytes = std::fs::read(path).map_err(cannot)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Failure::new(format!("{name}: is no JSON (line {line}, column {column})"))
    })
}
