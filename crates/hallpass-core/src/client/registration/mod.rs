//! Dynamic registration: what is answered, and what an update may say.
//! [RFC 7591 §3](https://www.rfc-editor.org/rfc/rfc7591#section-3),
//! [RFC 7592 §2](https://www.rfc-editor.org/rfc/rfc7592#section-2).

pub mod choices;
pub mod rules;
pub mod statement;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use hallpass_types::{ClientId, ContentDigest, Secret};
use serde_json::{Map, Value};

use super::{ClientRecord, MetadataError, MetadataReason};

/// The client information response: normalised metadata and what the server decided.
///
/// `secret` is the secret itself, when it is known (it was just made, or it is kept readable);
/// `registration_endpoint` is the URL under which clients are managed.
#[must_use]
pub fn response(
    record: &ClientRecord,
    secret: Option<&Secret>,
    registration_access_token: Option<&str>,
    registration_endpoint: &str,
) -> Map<String, Value> {
    //= RFC7591#3.2.1 MUST: the response holds all registered metadata, as it was registered
    let mut body = record.metadata.clone();
    let mut put = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    put("client_id", record.client_id.as_str().into());
    put("client_id_issued_at", record.created_at.0.into());
    if let Some(secret) = secret {
        put("client_secret", secret.expose().into());
        //= RFC7591#3.2.1 MUST: client_secret_expires_at stands beside a secret; 0 means never
        put(
            "client_secret_expires_at",
            record.secret_expires_at.map_or(0, |at| at.0).into(),
        );
    }
    //= RFC7592#3 MUST: where the client is managed and the token for it stand in the response
    if let Some(token) = registration_access_token {
        put("registration_access_token", token.into());
        put(
            "registration_client_uri",
            client_uri(registration_endpoint, &record.client_id).into(),
        );
    }
    body
}

/// The URL under which one client is managed (`registration_client_uri`).
#[must_use]
pub fn client_uri(registration_endpoint: &str, client_id: &ClientId) -> String {
    let mut uri = format!("{registration_endpoint}/");
    for byte in client_id.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            uri.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// Puts what operators decided in the place of what a client says, see [`ClientRecord::decided`].
//= RFC7592#2.2 MAY: the server puts values of its own in the place of those that were sent
pub fn keep_decided(decided: &Map<String, Value>, input: &mut Map<String, Value>) {
    for (name, value) in decided {
        if value.is_null() {
            input.remove(name);
        } else {
            input.insert(name.clone(), value.clone());
        }
    }
}

/// Checks what an update says of the client itself. Its metadata is checked like that of a registration.
///
/// `secret_digest` makes the keyed digest of a secret under which the record holds it.
///
/// # Errors
/// [`MetadataError`] when the update names another client or secret, or contains what only the server decides.
pub fn check_update(
    input: &Map<String, Value>,
    record: &ClientRecord,
    secret_digest: &dyn Fn(&str) -> ContentDigest,
) -> Result<(), MetadataError> {
    //= RFC7592#2.2 MUST: an update does not contain what only the server decides
    for name in [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ] {
        if input.contains_key(name) {
            return Err(MetadataReason::MemberForbidden.at(name));
        }
    }
    //= RFC7592#2.2 MUST: an update contains the client_id, and it is that of the client
    if input.get("client_id").and_then(Value::as_str) != Some(record.client_id.as_str()) {
        return Err(MetadataReason::ClientIdMismatch.at("client_id"));
    }
    //= RFC7592#2.2 MUST: a client_secret in an update is the current one; a client never chooses its own
    if let Some(value) = input.get("client_secret").filter(|value| !value.is_null()) {
        let sent = value.as_str().map(secret_digest);
        if sent.is_none() || sent != record.secret {
            return Err(MetadataReason::ClientSecretMismatch.at("client_secret"));
        }
    }
    Ok(())
}
