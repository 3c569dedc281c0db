//! `[rate_limits]`: how often something may be tried.

use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::value::Seconds;

/// How often something may be tried. Past it the answer is 429 with `Retry-After`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Failed sign-ins to one account within the window.
    pub sign_in_per_account: u32,
    /// Sign-ins from one address (IPv6: one /64) within the window.
    pub sign_in_per_address: u32,
    /// Failed client authentications from one address within the window.
    pub client_auth_per_address: u32,
    /// The window.
    pub window: Seconds,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            sign_in_per_account: 10,
            sign_in_per_address: 100,
            client_auth_per_address: 1000,
            window: Seconds(15 * 60),
        }
    }
}

impl RateLimits {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        let limits = [
            ("rate_limits.sign_in_per_account", self.sign_in_per_account),
            ("rate_limits.sign_in_per_address", self.sign_in_per_address),
            (
                "rate_limits.client_auth_per_address",
                self.client_auth_per_address,
            ),
        ];
        for (setting, limit) in limits {
            check.number(setting, limit.into(), 1, 1_000_000);
        }
        check.between("rate_limits.window", self.window, 1, 86_400);
    }
}
