//! The root of an issuer's secrets, at rest.

use hallpass_types::Timestamp;
use serde::{Deserialize, Serialize};

/// The random bytes from which everything of an issuer is derived, wrapped under the master key. A new master key
/// wraps them anew, so that nothing that was derived from them changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootRecord {
    /// Zero at first, one higher with every change.
    pub revision: u32,
    /// The same bytes under one master key or, while that is replaced, several.
    pub wraps: Vec<WrappedRoot>,
    /// How often everything that was handed out was ended.
    #[serde(default)]
    pub epoch: u32,
    /// Nothing that was issued before this moment is good any more.
    #[serde(default = "beginning")]
    pub valid_from: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// A root under one master key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedRoot {
    /// Which master key, by a name that says nothing about it.
    pub master: String,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
}

const fn beginning() -> Timestamp {
    Timestamp(0)
}
