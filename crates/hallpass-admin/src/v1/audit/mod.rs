//! Who changed what.

pub mod export;
pub mod list;
pub mod search;
pub mod verify;

use hallpass_jose::base64url;
use hallpass_store::AuditRecord;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

pub use export::Export;
pub use list::List;
pub use search::Search;
pub use verify::Verify;

/// A line of the audit log.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LineView {
    /// Its number, from 1 on without gaps.
    pub seq: u64,
    /// When, in seconds since 1970.
    pub at: i64,
    /// Who: `user`, `client`, `command`, or `server` for what the server did by itself.
    pub actor_kind: String,
    /// Who: subject, client identifier, or user of the operating system.
    pub actor: String,
    /// The client through which a person acted; null for pages of our own.
    pub actor_client: Option<String>,
    /// What: the identifier of an operation.
    pub action: String,
    /// To what kind of thing.
    pub target: Option<String>,
    /// To which of them.
    pub target_id: Option<String>,
    /// What about it.
    pub details: Map<String, Value>,
    /// Where the request came from.
    pub address: Option<String>,
    /// Follows from the line before and from this one. Who has noted it later sees whether anything up to here was changed.
    pub chain: String,
}

impl From<AuditRecord> for LineView {
    fn from(record: AuditRecord) -> Self {
        Self {
            seq: record.seq,
            at: record.at.0,
            actor_kind: record.actor.kind,
            actor: record.actor.id,
            actor_client: record.actor.client,
            action: record.action,
            target: record.target,
            target_id: record.target_id,
            details: record.details,
            address: record.address.map(|address| address.to_string()),
            chain: base64url::encode(record.chain).as_str().to_owned(),
        }
    }
}
