//! Issuers that are made at run time.

use hallpass_types::{IssuerId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Whether an issuer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "a state that somebody overlooks would be served or lost"
)]
pub enum IssuerState {
    /// It answers.
    Enabled,
    /// It is as if it were not there, until it is enabled again.
    Disabled,
    /// It is not there any more, and what it has goes in the background.
    Deleting,
}

/// An issuer that was made at run time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IssuerRecord {
    /// Its number, which no other issuer ever has.
    #[serde(skip, default = "none")]
    pub id: IssuerId,
    /// What operators call it; one issuer at a time has the name.
    pub name: String,
    /// Its issuer identifier (RFC 8414 §2), which never changes.
    pub identifier: String,
    /// Whether it answers.
    pub state: IssuerState,
    /// Settings that differ from those of the configuration, by section.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Raised with every change of this record.
    #[serde(skip)]
    pub revision: u64,
    /// Raised with every change of any issuer: the place of the latest change among all.
    #[serde(skip)]
    pub change: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl IssuerRecord {
    /// Host, port and path of the identifier: where requests for this issuer go.
    #[must_use]
    pub fn place(&self) -> &str {
        place(&self.identifier)
    }
}

/// An issuer that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewIssuer {
    /// What operators call it.
    pub name: String,
    /// Its issuer identifier.
    pub identifier: String,
    /// Settings that differ from those of the configuration, by section.
    pub settings: Map<String, Value>,
    /// When.
    pub at: Timestamp,
}

impl NewIssuer {
    /// As [`IssuerRecord::place`].
    #[must_use]
    pub fn place(&self) -> &str {
        place(&self.identifier)
    }

    /// The first record of the issuer, with what the store gives it.
    #[must_use]
    pub fn record(self, id: IssuerId, change: u64) -> IssuerRecord {
        IssuerRecord {
            id,
            name: self.name,
            identifier: self.identifier,
            state: IssuerState::Enabled,
            settings: self.settings,
            revision: 1,
            change,
            created_at: self.at,
            updated_at: self.at,
        }
    }
}

/// What is to be done with an issuer, together with a commit of another one.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "every store does both")]
pub enum IssuerWork {
    /// Makes it.
    Create(NewIssuer),
    /// Changes it, if its revision is still that one.
    Change {
        /// Expected current revision.
        revision: u64,
        /// What takes its place.
        record: Box<IssuerRecord>,
    },
}

/// How that ended.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "whoever asks looks at every end")]
pub enum IssuerDone {
    /// Everything is written and durable. The issuer as it is from now on.
    Done(Box<IssuerRecord>),
    /// Nothing is written: its name or place is taken, or it has another revision.
    Late,
    /// Nothing is written: the spend of the commit at this index came too late.
    TooLate(usize),
}

/// Two issuers that differ in the scheme alone would be asked by the same requests.
fn place(identifier: &str) -> &str {
    match identifier.split_once("://") {
        Some((_, place)) => place,
        None => identifier,
    }
}

const fn none() -> IssuerId {
    IssuerId(0)
}
