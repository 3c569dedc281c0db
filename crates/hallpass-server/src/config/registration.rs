//! `[registration]`: clients that register themselves.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::danger::Danger;
use super::registration_rules::{RawStatementIssuer, RegistrationRules, StatementIssuer};
use super::value::{Seconds, Secret};

/// Clients that register themselves: RFC 7591 and OpenID Connect Dynamic Client Registration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    /// Whether the endpoint exists. Without a value: only if `danger.open_registration` says so.
    enabled: Option<bool>,
    /// Bearer tokens that allow a registration, beside those made by `hallpass registration-token create`.
    initial_access_tokens: Vec<Secret>,
    /// File with such tokens, one a line.
    initial_access_tokens_file: Option<PathBuf>,
    /// Clients that registered themselves, at most.
    max_clients: u32,
    /// Registrations from one address within an hour, at most.
    per_address_per_hour: u32,
    /// Clients with one `software_id`, at most.
    max_clients_per_software: u32,
    /// A client that was not used for so long is deleted, in whole days; 0 for never.
    unused: Seconds,
    /// Whether public clients that register the same metadata are one client. Nobody manages it: no registration access
    /// token is given out.
    fold_identical: bool,
    /// Names of the policies that every registration is held to.
    policies: Vec<String>,
    /// Policies by their names.
    policy: BTreeMap<String, RegistrationRules>,
    /// Whether a registration needs a software statement.
    require_software_statement: bool,
    /// Whose software statements are believed.
    statement_issuers: Vec<RawStatementIssuer>,
}

/// Clients that register themselves.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Whether the endpoint exists.
    pub enabled: bool,
    /// Whether it asks for no initial access token.
    pub open: bool,
    /// Bearer tokens that allow a registration.
    pub initial_access_tokens: Vec<Secret>,
    /// Clients that registered themselves, at most.
    pub max_clients: u32,
    /// Registrations from one address within an hour, at most.
    pub per_address_per_hour: u32,
    /// Clients with one `software_id`, at most.
    pub max_clients_per_software: u32,
    /// A client that was not used for so many days is deleted; 0 for never.
    pub unused_days: u32,
    /// Whether public clients that register the same metadata are one client.
    pub fold_identical: bool,
    /// Names of the policies that every registration is held to.
    pub policies: Vec<String>,
    /// Policies by their names.
    pub policy: BTreeMap<String, RegistrationRules>,
    /// Whether a registration needs a software statement.
    pub require_software_statement: bool,
    /// Whose software statements are believed.
    pub statement_issuers: Vec<StatementIssuer>,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            enabled: None,
            initial_access_tokens: Vec::new(),
            initial_access_tokens_file: None,
            max_clients: 10_000,
            per_address_per_hour: 1000,
            max_clients_per_software: 1000,
            unused: Seconds(90 * 86_400),
            fold_identical: false,
            policies: Vec::new(),
            policy: BTreeMap::new(),
            require_software_statement: false,
            statement_issuers: Vec::new(),
        }
    }
}

impl Raw {
    pub(super) fn parse(self, danger: &Danger, check: &mut Checker<'_>) -> Registration {
        let mut tokens = self.initial_access_tokens;
        let setting = "registration.initial_access_tokens";
        if let Some(path) = &self.initial_access_tokens_file {
            let file_setting = "registration.initial_access_tokens_file";
            if !tokens.is_empty() {
                let message = format!("is given both here and by {file_setting}; keep one");
                check.problem(setting, message);
            }
            if let Some(text) = check.secret_file(file_setting, path) {
                let lines = text.expose().lines().filter(|line| !line.is_empty());
                tokens.extend(lines.map(|line| Secret::new(line.to_owned())));
                if tokens.is_empty() {
                    check.problem(file_setting, "is empty");
                }
            }
        }
        if tokens.iter().any(|token| token.expose().len() < 16) {
            check.problem(setting, "holds a token of fewer than 16 characters");
        }
        if danger.open_registration && !tokens.is_empty() {
            let message =
                "is pointless beside danger.open_registration, which asks for none; keep one";
            check.problem(setting, message);
        }
        if danger.open_registration && self.enabled == Some(false) {
            let message = "is false, yet danger.open_registration opens it; keep one";
            check.problem("registration.enabled", message);
        }
        // Without any token here they are made by command (`hallpass registration-token create`).
        let enabled = self.enabled.unwrap_or(danger.open_registration);
        check.number(
            "registration.max_clients",
            self.max_clients.into(),
            1,
            10_000_000,
        );
        let per_hour = self.per_address_per_hour.into();
        check.number("registration.per_address_per_hour", per_hour, 1, 1_000_000);
        let per_software = self.max_clients_per_software.into();
        check.number(
            "registration.max_clients_per_software",
            per_software,
            1,
            10_000_000,
        );
        let day = 86_400;
        if !self.unused.0.is_multiple_of(day) || self.unused.0 > 10_000 * day {
            check.problem("registration.unused", "must be whole days, at most 10000d");
        }
        for name in self
            .policies
            .iter()
            .filter(|name| !self.policy.contains_key(*name))
        {
            let message = format!("there is no registration.policy.{name}");
            check.problem("registration.policies", message);
        }
        for (name, rules) in &self.policy {
            rules.check(name, check);
        }
        let issuers: Vec<StatementIssuer> = self
            .statement_issuers
            .into_iter()
            .enumerate()
            .filter_map(|(index, raw)| raw.parse(index, check))
            .collect();
        if self.require_software_statement && issuers.is_empty() {
            let message = "is on, yet nobody's statements are believed; add statement_issuers";
            check.problem("registration.require_software_statement", message);
        }
        Registration {
            enabled,
            open: danger.open_registration,
            initial_access_tokens: tokens,
            max_clients: self.max_clients,
            per_address_per_hour: self.per_address_per_hour,
            max_clients_per_software: self.max_clients_per_software,
            unused_days: u32::try_from(self.unused.0.div_euclid(day)).unwrap_or(u32::MAX),
            fold_identical: self.fold_identical,
            policies: self.policies,
            policy: self.policy,
            require_software_statement: self.require_software_statement,
            statement_issuers: issuers,
        }
    }
}
