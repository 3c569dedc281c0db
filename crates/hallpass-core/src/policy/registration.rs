//! Who may register clients, and which.

use std::collections::BTreeMap;

use crate::client::{
    ClientOrigin, ClientRecord,
    registration::{
        rules::{self, Rules},
        statement::StatementIssuer,
    },
};

/// Dynamic registration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistrationPolicy {
    /// Whether the endpoint exists.
    pub enabled: bool,
    /// Whether anybody may register, without an initial access token.
    pub open: bool,
    /// HMAC-SHA-256 digests (under the provider's secret key) of initial access tokens.
    pub initial_access_tokens: Vec<hallpass_types::ContentDigest>,
    /// At most so many dynamically registered clients; 0 means no limit.
    pub max_clients: u32,
    /// At most so many of them with one `software_id`; 0 means no limit.
    pub max_per_software: u32,
    /// Whether public clients with the same metadata are one client, which nobody manages.
    pub fold_identical: bool,
    /// A client that was not used for so many days is deleted; 0 means never.
    pub unused_days: u32,
    /// Rules by their names.
    pub rules: BTreeMap<String, Rules>,
    /// Names of the rules that every registration is held to.
    pub rules_for_all: Vec<String>,
    /// Whose software statements are believed.
    pub statement_issuers: Vec<StatementIssuer>,
    /// Whether a registration needs a software statement.
    pub require_statement: bool,
}

impl RegistrationPolicy {
    /// The members in which a client that registered itself has more, or other, than its rules allow by now: it came before them.
    /// What operators decided of it is theirs, and rules that are gone say nothing.
    #[must_use]
    pub fn exceeded(&self, record: &ClientRecord) -> Vec<String> {
        if record.origin != ClientOrigin::Registration {
            return Vec::new();
        }
        let names = self.rules_for_all.iter().chain(&record.policies);
        let rules: Vec<&Rules> = names.filter_map(|name| self.rules.get(name)).collect();
        let mut found = rules::exceeded(&rules, &record.metadata);
        found.retain(|name| !record.decided.contains_key(name));
        found
    }
}
