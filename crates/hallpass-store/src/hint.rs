//! What a store tells of changes by others, where it can.

use hallpass_types::{ClientId, IssuerId};

use crate::{Commit, Spend, Write};

/// Something that processes hold in memory was changed by one of them. A hint may come late, twice or never, and may be made
/// up: whoever gets one looks at the store sooner than it would have, and does nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever hears it looks at each")]
pub enum Hint {
    /// A client was changed or deleted.
    Client(IssuerId, ClientId),
    /// A signing key or the root of an issuer was changed.
    Keys(IssuerId),
    /// An issuer was made, changed or deleted.
    Issuers,
    /// Hints may have been lost.
    Lost,
}

impl Hint {
    /// What others are to be told when this was committed. What is new needs none: nobody holds it.
    #[must_use]
    pub fn of(issuer: IssuerId, commit: &Commit) -> Vec<Self> {
        let mut hints = Vec::new();
        for spend in &commit.spends {
            if let Spend::Client { record, .. } = spend {
                hints.push(Self::Client(issuer, record.client_id.clone()));
            }
            if let Spend::Root { from: Some(_), .. } = spend {
                hints.push(Self::Keys(issuer));
            }
        }
        for write in &commit.writes {
            match write {
                Write::Client(record) => {
                    hints.push(Self::Client(issuer, record.client_id.clone()));
                }
                Write::DeleteClient(client) => hints.push(Self::Client(issuer, client.clone())),
                Write::SigningKey(_) | Write::DeleteSigningKey(_) => {
                    hints.push(Self::Keys(issuer));
                }
                Write::Code(..)
                | Write::Grant(_)
                | Write::TouchRefresh { .. }
                | Write::RevokeGrant(..)
                | Write::DenyToken(..)
                | Write::Session(..)
                | Write::SessionSeen(..)
                | Write::EndSession(_)
                | Write::Participant(..)
                | Write::ForgetParticipant(..)
                | Write::Consent(..)
                | Write::ForgetConsent(..)
                | Write::ClientUsed(..)
                | Write::InitialAccess(..)
                | Write::DeleteInitialAccess(_)
                | Write::Delivery(..)
                | Write::Activity(..)
                | Write::Tally(..)
                | Write::Active(..)
                | Write::ForgetPerson(_) => {}
            }
        }
        hints.dedup();
        hints
    }
}
