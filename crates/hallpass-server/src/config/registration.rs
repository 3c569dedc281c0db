//! `[registration]`: clients that register themselves.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::danger::Danger;
use super::value::Secret;

/// Clients that register themselves: RFC 7591 and OpenID Connect Dynamic Client Registration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    /// Whether the endpoint exists. Without a value: only if `danger.open_registration` says so.
    enabled: Option<bool>,
    /// Bearer tokens that allow a registration. Without any, `danger.open_registration` is needed.
    initial_access_tokens: Vec<Secret>,
    /// File with such tokens, one a line.
    initial_access_tokens_file: Option<PathBuf>,
    /// Clients that registered themselves, at most.
    max_clients: u32,
    /// Registrations from one address within an hour, at most.
    per_address_per_hour: u32,
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
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            enabled: None,
            initial_access_tokens: Vec::new(),
            initial_access_tokens_file: None,
            max_clients: 10_000,
            per_address_per_hour: 1000,
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
        let enabled = self.enabled.unwrap_or(danger.open_registration);
        if enabled && tokens.is_empty() && !danger.open_registration {
            let message = "is empty: anybody could register a client; \
                           danger.open_registration allows just that";
            check.problem(setting, message);
        }
        check.number(
            "registration.max_clients",
            self.max_clients.into(),
            1,
            10_000_000,
        );
        let per_hour = self.per_address_per_hour.into();
        check.number("registration.per_address_per_hour", per_hour, 1, 1_000_000);
        Registration {
            enabled,
            open: danger.open_registration,
            initial_access_tokens: tokens,
            max_clients: self.max_clients,
            per_address_per_hour: self.per_address_per_hour,
        }
    }
}
