//! What is known of clients that registered themselves, and of the tokens that let them.

use hallpass_types::{Bucket, ClientId, Timestamp};
use serde::{Deserialize, Serialize};

/// Stands beside the record of a client that registered itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The client.
    pub client: ClientId,
    /// The day on which it was last used.
    pub used: Day,
    /// A digest of its `software_id`, under which registrations are counted.
    pub software: Option<[u8; 32]>,
    /// A digest of all its metadata, where everybody who registers the same gets this client. One client has it.
    pub fold: Option<[u8; 32]>,
}

/// A day, counted from 1970-01-01 (UTC). Coarse on purpose: that a client is used is written once a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u32);

impl Day {
    /// The day of an instant.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self(u32::try_from(at.0.div_euclid(86_400)).unwrap_or(0))
    }

    /// Where numbers of that day are kept: for some two years.
    #[must_use]
    pub fn tally_bucket(self) -> Bucket {
        let end = i64::from(self.0.saturating_add(TALLIED));
        Bucket::holding(Timestamp(end.saturating_mul(86_400)))
    }

    /// The day whose numbers are kept there.
    #[must_use]
    pub fn of_tally(bucket: Bucket) -> Self {
        let seconds = i64::from(bucket.0).saturating_mul(Bucket::SECONDS);
        Self(Self::of(Timestamp(seconds)).0.saturating_sub(TALLIED))
    }

    /// So many days before.
    #[must_use]
    pub const fn minus(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days))
    }
}

/// Numbers are kept for so many days.
const TALLIED: u32 = 800;

/// A token that lets somebody register clients (RFC 7591 §1.2). It is known by its keyed digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialAccessRecord {
    /// For whom it was made, for the operator.
    #[serde(default)]
    pub label: String,
    /// Names of the policies that its registrations are held to, in order.
    #[serde(default)]
    pub policies: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; none means never.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// How many registrations it allows; none means any number.
    #[serde(default)]
    pub max_uses: Option<u32>,
    /// How many it has allowed.
    #[serde(default)]
    pub uses: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_day_are_found_again() {
        for day in [0, 1, 20_000, 40_000] {
            assert_eq!(Day::of_tally(Day(day).tally_bucket()), Day(day));
        }
    }
}
