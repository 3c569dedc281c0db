//! `[issuers]`: issuers that are made at run time.

use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::value::Seconds;

/// Issuers that are made at run time, beside the one of this file (`hallpass issuer create`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Issuers {
    /// So many of them are in memory at once. Others are loaded when a request for them comes.
    pub max_loaded: u32,
    /// One for which no request has come for so long is let go.
    pub idle: Seconds,
    /// Whether the issuer of this file answers requests for hosts that no issuer has. Without a value: as long as no other
    /// issuer has a host of its own, for addresses and for names that nobody has on the Internet (no dot, `.localhost`,
    /// `.local`, `.internal`, `.home.arpa`). What nobody answers for gets 421.
    pub unknown_hosts: Option<bool>,
}

impl Default for Issuers {
    fn default() -> Self {
        Self {
            max_loaded: 1000,
            idle: Seconds(15 * 60),
            unknown_hosts: None,
        }
    }
}

impl Issuers {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        let most = self.max_loaded.into();
        check.number("issuers.max_loaded", most, 1, 1_000_000);
        check.between("issuers.idle", self.idle, 10, 30 * 86_400);
    }
}
