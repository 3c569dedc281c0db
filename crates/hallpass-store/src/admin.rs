//! What operators keep beside the protocol, and who changed what.

use std::net::IpAddr;

use hallpass_types::{ClientId, Subject, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A kind of [`AdminRecord`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "its number is part of keys: a new one is looked at everywhere"
)]
pub enum AdminKind {
    /// Somebody who may administer.
    Operator,
    /// An address that is told what happens.
    Webhook,
    /// What one of these is told: the identifier of the webhook, a slash, and a text that comes the earlier the younger it is.
    WebhookMessage,
    /// Stands for a list that may not become longer than so much, by its name: whoever adds something raises its revision, so
    /// that of two who counted the same one comes too late.
    Bounded,
    /// The clients that a person does not want to be asked by, under their subject. It goes with the person.
    Refusals,
}

impl AdminKind {
    /// Its number in keys, for ever.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Operator => 1,
            Self::Webhook => 2,
            Self::WebhookMessage => 3,
            Self::Bounded => 4,
            Self::Refusals => 5,
        }
    }
}

/// Under which a person is kept who may administer.
#[must_use]
pub fn operator_of_person(subject: &Subject) -> String {
    format!("user:{subject}")
}

/// Under which a client is kept that may administer.
#[must_use]
pub fn operator_of_client(client: &ClientId) -> String {
    format!("client:{client}")
}

/// A record that only administration reads: small, few, and found by its identifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdminRecord {
    /// Unique among those of its kind.
    pub id: String,
    /// Raised with every change; the first is 1.
    pub revision: u64,
    /// What it says.
    pub value: Value,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// `user`, `client` or `command`.
    pub kind: String,
    /// Subject, client identifier, or user of the operating system.
    pub id: String,
    /// The client through which a user acts; none for the built-in pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// A line of the audit log of an issuer. It never says anything secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its place: 1 for the first, without gaps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What: the identifier of an operation.
    pub action: String,
    /// To what kind of thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// To which of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<String>,
    /// What about it was changed.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// Where the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Follows from the record before it and everything above, by a key that the store does not know.
    pub chain: [u8; 32],
}

impl AuditRecord {
    /// What `chain` is made of, behind that of the record before.
    #[must_use]
    pub fn chained(&self) -> Vec<u8> {
        let Self {
            seq,
            at,
            actor,
            action,
            target,
            target_id,
            details,
            address,
            chain: _,
        } = self;
        // Lists and not objects: their order is fixed.
        let details: Vec<(&String, String)> = sorted(details);
        let text = serde_json::json!([
            seq,
            at,
            [&actor.kind, &actor.id],
            actor.client,
            action,
            target,
            target_id,
            details,
            address
        ]);
        text.to_string().into_bytes()
    }
}

/// Names with the texts of their values, in an order that does not depend on how they were read.
fn sorted(map: &Map<String, Value>) -> Vec<(&String, String)> {
    let mut all: Vec<_> = map.iter().map(|(name, v)| (name, canonical(v))).collect();
    all.sort();
    all
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => serde_json::json!(sorted(map)).to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            serde_json::json!(items).to_string()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record() -> AuditRecord {
        AuditRecord {
            seq: 1,
            at: Timestamp(5),
            actor: Actor {
                kind: "user".to_owned(),
                id: "u".to_owned(),
                client: None,
            },
            action: "clients.create".to_owned(),
            target: Some("client".to_owned()),
            target_id: Some("c".to_owned()),
            details: json!({"a": {"y": 1, "x": [2, "s"]}, "b": null})
                .as_object()
                .unwrap()
                .clone(),
            address: None,
            chain: [0; 32],
        }
    }

    #[test]
    fn every_member_of_a_line_is_in_what_is_chained() {
        let base = record().chained();
        let changes: Vec<fn(&mut AuditRecord)> = vec![
            |r| r.seq = 2,
            |r| r.at = Timestamp(6),
            |r| r.actor.kind = "client".to_owned(),
            |r| r.actor.id = "v".to_owned(),
            |r| r.actor.client = Some("c".to_owned()),
            |r| r.action = "clients.delete".to_owned(),
            |r| r.target = None,
            |r| r.target_id = Some("d".to_owned()),
            |r| drop(r.details.remove("b")),
            |r| {
                drop(
                    r.details
                        .insert("a".to_owned(), json!({"y": 1, "x": [2, "t"]})),
                );
            },
            |r| r.address = Some([127, 0, 0, 1].into()),
        ];
        for (place, change) in changes.into_iter().enumerate() {
            let mut other = record();
            change(&mut other);
            assert_ne!(other.chained(), base, "{place}");
        }
        let mut sealed = record();
        sealed.chain = [1; 32];
        assert_eq!(sealed.chained(), base, "the chain is not part of itself");
    }

    #[test]
    fn a_line_that_was_read_back_is_chained_as_before() {
        let text = serde_json::to_string(&record()).unwrap();
        let back: AuditRecord = serde_json::from_str(&text).unwrap();
        assert_eq!(back.chained(), record().chained());
    }
}
