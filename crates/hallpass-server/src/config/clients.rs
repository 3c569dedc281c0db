//! `[[clients]]`: clients that are there from the start.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use hallpass_core::client::metadata;
use hallpass_core::client::{ClientOrigin, ClientRecord, needs_plain_secret, needs_secret};
use hallpass_core::policy::Policy;
use hallpass_types::{ClientId, ContentDigest, Timestamp};
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
    /// The rest of its metadata, checked and complete.
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

pub(super) fn parse(list: Vec<Raw>, policy: &Policy, check: &mut Checker<'_>) -> Vec<Client> {
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
        if ClientId::parse(&client_id).is_err() {
            check.problem(
                &format!("{prefix}.client_id"),
                "must be printable ASCII, 1 to 255 characters",
            );
        }
        if !seen.insert(client_id.clone()) {
            let message = format!("there are two clients with the id {client_id:?}");
            check.problem(&format!("{prefix}.client_id"), message);
        }
        let setting = format!("{prefix}.client_secret");
        let given = client_secret.is_some() || client_secret_file.is_some();
        let client_secret = check.secret(&setting, client_secret, client_secret_file.as_deref());
        let unusable = given && client_secret.is_none();
        if client_secret
            .as_ref()
            .is_some_and(|secret| secret.expose().len() < SHORTEST_SECRET)
        {
            let message = format!("is shorter than {SHORTEST_SECRET} characters");
            check.problem(&setting, message);
        }
        // Who presents another one is refused before it is compared.
        if client_secret.as_ref().is_some_and(|secret| {
            let secret = secret.expose();
            secret.len() > LONGEST_SECRET || !secret.bytes().all(|b| matches!(b, 0x20..=0x7E))
        }) {
            let message = format!(
                "may hold at most {LONGEST_SECRET} letters, digits, signs and spaces of ASCII"
            );
            check.problem(&setting, message);
        }
        let metadata = check_metadata(&prefix, &metadata, policy, check);
        let client = Client {
            client_id,
            client_secret,
            metadata,
        };
        if !unusable {
            check_as_a_whole(&prefix, &client, policy, check);
        }
        clients.push(client);
    }
    clients
}

/// Metadata as it is stored. What does not arrive there is refused: it is misspelt, or would have no effect.
fn check_metadata(
    prefix: &str,
    given: &Map<String, Value>,
    policy: &Policy,
    check: &mut Checker<'_>,
) -> Map<String, Value> {
    match metadata::normalize(given, ClientOrigin::Configuration, policy) {
        Ok(normal) => {
            let lost = given.iter().filter(|(name, value)| {
                let base = name.split('#').next().unwrap_or(name);
                !value.is_null() && !normal.contains_key(*name) && !normal.contains_key(base)
            });
            for (name, _) in lost {
                let message = "is no client metadata that this server knows, or has no effect";
                check.problem(&format!("{prefix}.{name}"), message);
            }
            normal
        }
        Err(error) => {
            check.problem(&format!("{prefix}.{}", error.field), error.reason.text());
            Map::new()
        }
    }
}

/// Whether the metadata and the secret go together.
fn check_as_a_whole(prefix: &str, client: &Client, policy: &Policy, check: &mut Checker<'_>) {
    if client.metadata.is_empty() {
        return;
    }
    let setting = format!("{prefix}.client_secret");
    let needed = needs_secret(&client.metadata) || needs_plain_secret(&client.metadata);
    if needed && client.client_secret.is_none() {
        check.problem(
            &setting,
            "is missing; give it here or by client_secret_file",
        );
        return;
    }
    if !needed && client.client_secret.is_some() {
        let message = "is there, but the token_endpoint_auth_method and the algorithms of this client need none";
        check.problem(&setting, message);
        return;
    }
    let Ok(client_id) = ClientId::parse(&client.client_id) else {
        return;
    };
    let record = ClientRecord {
        client_id,
        metadata: client.metadata.clone(),
        secret: client
            .client_secret
            .as_ref()
            .map(|_| ContentDigest([0; 32])),
        secret_sealed: None,
        secret_expires_at: None,
        vouched: false,
        decided: Map::new(),
        registration_token: None,
        policies: Vec::new(),
        origin: ClientOrigin::Configuration,
        disabled: false,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    };
    let secret = client
        .client_secret
        .as_ref()
        .map(|secret| secret.expose().to_owned().into());
    if let Err(error) = hallpass_core::client::Client::from_record(&record, policy, secret) {
        check.problem(&format!("{prefix}.{}", error.field), error.reason.text());
    }
}

const SHORTEST_SECRET: usize = 16;
const LONGEST_SECRET: usize = 1024;
