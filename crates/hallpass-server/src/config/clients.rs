//! `[[clients]]`: clients that are there from the start.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::checker::Checker;
use super::value::Secret;

/// A client that is there from the start, in the names of RFC 7591 and OpenID Connect Dynamic Client Registration:
/// `redirect_uris`, `grant_types`, `token_endpoint_auth_method`, `scope`, `jwks` and so on.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Raw {
    /// The identifier.
    client_id: String,
    /// The secret, for the methods that need one.
    #[serde(default)]
    client_secret: Option<Secret>,
    /// File with the secret.
    #[serde(default)]
    client_secret_file: Option<PathBuf>,
    /// Everything else.
    #[serde(flatten)]
    metadata: Map<String, Value>,
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// A client that is there from the start.
#[derive(Clone)]
pub struct Client {
    /// The identifier.
    pub client_id: String,
    /// The secret, for the methods that need one.
    pub client_secret: Option<Secret>,
    /// The rest of its metadata, as it would stand in a registration request.
    pub metadata: Map<String, Value>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("client_id", &self.client_id)
            .field("client_secret", &self.client_secret)
            .finish_non_exhaustive()
    }
}

pub(super) fn parse(list: Vec<Raw>, check: &mut Checker<'_>) -> Vec<Client> {
    let mut seen = BTreeSet::new();
    let mut clients = Vec::with_capacity(list.len());
    for (index, raw) in list.into_iter().enumerate() {
        let prefix = format!("clients[{index}]");
        let Raw {
            client_id,
            client_secret,
            client_secret_file,
            metadata,
        } = raw;
        //= RFC6749#appendix-A.1 MUST: a client identifier is printable ASCII
        if client_id.is_empty() || !client_id.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
            check.problem(
                &format!("{prefix}.client_id"),
                "must be printable ASCII, and not empty",
            );
        }
        if !seen.insert(client_id.clone()) {
            let message = format!("there are two clients with the id {client_id:?}");
            check.problem(&format!("{prefix}.client_id"), message);
        }
        let setting = format!("{prefix}.client_secret");
        let client_secret = check.secret(&setting, client_secret, client_secret_file.as_deref());
        if client_secret
            .as_ref()
            .is_some_and(|secret| secret.expose().len() < SHORTEST_SECRET)
        {
            let message = format!("is shorter than {SHORTEST_SECRET} characters");
            check.problem(&setting, message);
        }
        for (name, value) in &metadata {
            if has_datetime(value) {
                let message = "holds a date or time of TOML, which has no place in client metadata";
                check.problem(&format!("{prefix}.{name}"), message);
            }
        }
        clients.push(Client {
            client_id,
            client_secret,
            metadata,
        });
    }
    clients
}

/// How a date of TOML arrives in another format.
pub(super) fn has_datetime(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            map.keys().any(|key| key.starts_with("$__toml_private"))
                || map.values().any(has_datetime)
        }
        Value::Array(list) => list.iter().any(has_datetime),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

const SHORTEST_SECRET: usize = 16;
