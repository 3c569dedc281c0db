//! Clients for tests of rules.

use std::sync::Arc;

use hallpass_types::{ClientId, ContentDigest, Issuer, Secret, Timestamp, sha256};
use serde_json::{Map, Value};

use super::{
    Client, ClientOrigin, ClientRecord, MetadataError, metadata::normalize, needs_plain_secret,
    needs_secret,
};
use crate::policy::Policy;

/// Long enough for every HMAC.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);

pub(crate) fn policy() -> Policy {
    Policy::new(Issuer::parse("https://op.test").unwrap(), Arc::new([9; 32]))
}

pub(crate) fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// The keyed digest of the tests.
pub(crate) fn digest(secret: &str) -> ContentDigest {
    ContentDigest(sha256(format!("key{secret}").as_bytes()))
}

/// A record of client `id` with [`SECRET`] where it needs one.
pub(crate) fn record(
    id: &str,
    metadata: &Value,
    origin: ClientOrigin,
    policy: &Policy,
) -> Result<ClientRecord, MetadataError> {
    let metadata = normalize(&object(metadata), origin, policy)?;
    Ok(ClientRecord {
        client_id: ClientId::parse(id).unwrap(),
        secret: needs_secret(&metadata).then(|| digest(SECRET)),
        metadata,
        secret_sealed: None,
        secret_expires_at: None,
        vouched: false,
        decided: Map::new(),
        registration_token: None,
        policies: Vec::new(),
        origin,
        disabled: false,
        created_at: NOW,
        updated_at: NOW,
    })
}

/// A client that dynamic registration would make of this metadata.
pub(crate) fn registered(id: &str, metadata: &Value) -> Client {
    client(id, metadata, ClientOrigin::Registration)
}

/// A client as an operator would write it.
pub(crate) fn configured(id: &str, metadata: &Value) -> Client {
    client(id, metadata, ClientOrigin::Configuration)
}

fn client(id: &str, metadata: &Value, origin: ClientOrigin) -> Client {
    let policy = policy();
    let record = record(id, metadata, origin, &policy).unwrap();
    let plain = needs_plain_secret(&record.metadata).then(|| Secret::new(SECRET.to_owned()));
    Client::from_record(&record, &policy, plain).unwrap()
}
