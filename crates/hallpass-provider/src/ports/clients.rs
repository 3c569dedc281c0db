//! Clients that the embedding program knows by itself.

use std::{collections::HashMap, sync::Arc};

use hallpass_core::client::{Client, ClientOrigin, ClientRecord, MetadataError, metadata};
use hallpass_core::policy::Policy;
use hallpass_store::{BoxFuture, StoreError};
use hallpass_types::{ClientId, IssuerId, Secret, Timestamp};
use serde_json::{Map, Value};

use crate::secrets::Secrets;

/// A client as a program describes it. It is in no store, and nobody manages it over the network.
#[derive(Clone, Debug)]
pub struct ClientSpec {
    id: String,
    secret: Option<Secret>,
    metadata: Map<String, Value>,
}

impl ClientSpec {
    /// A client with that identifier and metadata: an object of the members of OpenID Connect Registration §2 and RFC 7591
    /// §2. Anything else than an object counts as an empty one.
    ///
    /// The members are checked and filled in when the provider is built, as those of a client that an operator makes.
    #[must_use]
    pub fn new(id: &str, metadata: Value) -> Self {
        let metadata = if let Value::Object(members) = metadata {
            members
        } else {
            Map::new()
        };
        Self {
            id: id.to_owned(),
            secret: None,
            metadata,
        }
    }

    /// An application that cannot keep a secret, signs people in by the code flow and gets refresh tokens.
    #[must_use]
    pub fn public(id: &str, redirect_uri: &str) -> Self {
        let metadata = serde_json::json!({
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        });
        Self::new(id, metadata)
    }

    /// A device without a browser, whose person signs in elsewhere (RFC 8628), and which gets refresh tokens.
    #[must_use]
    pub fn device(id: &str) -> Self {
        let metadata = serde_json::json!({
            "redirect_uris": [],
            "response_types": [],
            "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        });
        Self::new(id, metadata)
    }

    /// With a secret.
    #[must_use]
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Checks everything, as for a client that an operator makes.
    pub(crate) fn check(self, policy: &Policy, secrets: &Secrets) -> Result<Client, UnfitClient> {
        let unfit = |why| UnfitClient {
            client: self.id.clone(),
            why,
        };
        let id = ClientId::parse(&self.id).map_err(|_| unfit(Why::Identifier))?;
        let origin = ClientOrigin::Configuration;
        let metadata = metadata::normalize(&self.metadata, origin, policy);
        let metadata = metadata.map_err(|error| unfit(Why::Metadata(error)))?;
        let keep = self.secret.clone();
        let keep = keep.filter(|_| metadata::needs_plain_secret(&metadata));
        let secret = self.secret.as_ref();
        let record = ClientRecord {
            secret: secret.map(|secret| secrets.client_digest(secret.expose())),
            secret_sealed: None,
            secret_expires_at: None,
            vouched: false,
            decided: Map::new(),
            registration_token: None,
            origin,
            policies: Vec::new(),
            disabled: false,
            // Whatever was granted to it was granted to it: there is no record that could have been another one before.
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            client_id: id,
            metadata,
        };
        Client::from_record(&record, policy, keep).map_err(|error| unfit(Why::Metadata(error)))
    }
}

/// A client that a program describes cannot be one of this provider.
#[derive(Debug, thiserror::Error)]
#[error("the client {client:?} cannot be used: {why}")]
pub struct UnfitClient {
    client: String,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("its identifier is malformed")]
    Identifier,
    #[error("{0}")]
    Metadata(MetadataError),
}

/// Knows clients that are in no store: a table of the program, another database. It is asked before the store, and what it
/// answers is held for as long as other clients are.
pub trait Clients: Send + Sync + 'static {
    /// The client with that identifier. None: it is not one of these, and the store is asked.
    fn client<'a>(
        &'a self,
        issuer: IssuerId,
        id: &'a ClientId,
    ) -> BoxFuture<'a, Result<Option<ClientSpec>, StoreError>>;
}

/// The clients of a program: those that it named when the provider was built, and whom it asks about others.
#[derive(Default)]
pub(crate) struct OwnClients {
    pub(crate) named: HashMap<ClientId, Arc<Client>>,
    pub(crate) asked: Option<Arc<dyn Clients>>,
}

impl OwnClients {
    pub(crate) fn named(
        specs: Vec<ClientSpec>,
        policy: &Policy,
        secrets: &Secrets,
    ) -> Result<HashMap<ClientId, Arc<Client>>, UnfitClient> {
        let mut named = HashMap::new();
        for spec in specs {
            let client = spec.check(policy, secrets)?;
            named.insert(client.id.clone(), Arc::new(client));
        }
        Ok(named)
    }
}
