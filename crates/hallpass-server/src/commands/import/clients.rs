//! `hallpass import clients`: metadata as node-oidc-provider, Ory Hydra and RFC 7591 have it.

use std::path::Path;

use hallpass_core::admin::is_scope;
use hallpass_core::client::{ApplicationType, redirect_uri};
use hallpass_core::policy::Policy;
use hallpass_jose::JwsAlgorithm;
use hallpass_types::Secret;
use serde_json::{Map, Value};

use super::arrivals::{Arrivals, Client, Kind};
use super::bring::{Way, bring};
use super::keys;
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
        Value::Object(map) => {
            // Ory Hydra lists page by page.
            if map.get("is_last_page") == Some(&Value::Bool(false)) {
                return Err(Failure::new(
                    "the file holds one page of a longer list; list all with --page-size",
                ));
            }
            ["clients", "items"]
                .iter()
                .find_map(|name| map.get(*name)?.as_array())
                .ok_or_else(|| Failure::new("the file holds no list of clients"))?
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(Failure::new("the file holds no list of clients"));
        }
    };
    let policy = engine.provider.policy();
    let mut arrivals = Arrivals::default();
    for (place, value) in list.iter().enumerate() {
        let client = value.as_object().and_then(|map| read(map, policy));
        match client {
            Some(client) => {
                let scope = value.get("scope").and_then(Value::as_str);
                if scope.is_some_and(|scope| scope.split(' ').any(is_scope)) {
                    let text = "it may not ask for administration here, as it could there";
                    arrivals.notes.say(Kind::Client, text, &client.id);
                }
                for name in TRUST {
                    let said = value.get(*name);
                    if said.is_some_and(|said| !is_empty(said)) {
                        let text = "trust is not imported; an operator gives it again";
                        let name = format!("{}: {name}", client.id);
                        arrivals.notes.say(Kind::Client, text, &name);
                    }
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
    for file in &options.jwk_file {
        arrivals.keys.extend(keys::from_jwk_file(file)?);
    }
    let way = Way {
        dry_run: options.dry_run,
        publish_keys: i64::try_from(options.publish_keys.0).unwrap_or(i64::MAX),
        from: "clients",
    };
    bring(arrivals, way, engine, output).await
}

/// Nothing that a client could not have asked for itself.
const TRUST: &[&str] = &[
    "skip_consent",
    "allowed_groups",
    "allowed_roles",
    "resources",
    "introspection_resources",
];

fn read(map: &Map<String, Value>, policy: &Policy) -> Option<Client> {
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
    completed(&mut metadata);
    // What asked for no challenge there must not be locked out here; a public client is.
    let public = metadata.get("token_endpoint_auth_method") == Some(&Value::from("none"));
    if !public {
        metadata
            .entry("require_pkce")
            .or_insert_with(|| false.into());
    }
    let kind = if is_native(&metadata, public) {
        "native"
    } else {
        "web"
    };
    let names = [("application_type", kind), ("client_name", id.as_str())];
    for (name, value) in names {
        metadata.entry(name).or_insert_with(|| value.into());
    }
    // What signs ID tokens where nothing is said.
    //= OIDC-REG#2 MUST: the default algorithm of ID tokens is RS256
    if policy.signing_algs.contains(&JwsAlgorithm::RS256) {
        let default = || JwsAlgorithm::RS256.name().into();
        metadata
            .entry("id_token_signed_response_alg")
            .or_insert_with(default);
    }
    for name in TRUST {
        metadata.remove(*name);
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

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// Programs that write every member they know, Ory Hydra among them, write what was not said as an empty text or object.
fn plain(metadata: &mut Map<String, Value>) {
    metadata
        .retain(|_, value| matches!(value, Value::Bool(_) | Value::Array(_)) || !is_empty(value));
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

/// Where the grants are said, response types that none of them completes were of no use there, and must not make a flow here.
fn completed(metadata: &mut Map<String, Value>) {
    let Some(grants) = metadata.get("grant_types").and_then(Value::as_array) else {
        return;
    };
    let has = |grant: &str| grants.iter().any(|known| known == grant);
    let (code, implicit) = (has("authorization_code"), has("implicit"));
    if let Some(Value::Array(responses)) = metadata.get_mut("response_types") {
        responses.retain(|response| {
            let words = || {
                response
                    .as_str()
                    .into_iter()
                    .flat_map(|text| text.split(' '))
            };
            words().all(|word| match word {
                "code" => code,
                "id_token" | "token" => implicit,
                _ => true,
            })
        });
    }
}

/// Whether it is an application on a device, where nobody says so: it has a scheme of its own, or chooses a port when it listens.
fn is_native(metadata: &Map<String, Value>, public: bool) -> bool {
    let uris = metadata.get("redirect_uris").and_then(Value::as_array);
    let mut uris = uris.into_iter().flatten().filter_map(Value::as_str);
    uris.any(|uri| {
        let own_scheme = !uri.starts_with("http://") && !uri.starts_with("https://");
        let loopback = ["http://127.0.0.1", "http://[::1]"];
        let loopback = loopback.iter().any(|start| uri.starts_with(start));
        redirect_uri::validate(uri, ApplicationType::Native).is_ok()
            && (own_scheme || (public && loopback))
    })
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
