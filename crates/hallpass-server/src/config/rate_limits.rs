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
    /// For so long a browser has tries of its own after somebody signed in there, which nobody else can use up. 0: it never
    /// has.
    pub known_browser: Seconds,
    /// Sign-ins from one address (IPv6: one /64) within the window.
    pub sign_in_per_address: u32,
    /// Failed client authentications from one address within the window.
    pub client_auth_per_address: u32,
    /// Codes, refresh tokens and introspected tokens from one address that are none (any more), within the window. Past it
    /// such requests are answered with 429; all others go on.
    pub wrong_tokens_per_address: u32,
    /// The window.
    pub window: Seconds,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            sign_in_per_account: 10,
            known_browser: Seconds(90 * 86_400),
            sign_in_per_address: 100,
            client_auth_per_address: 1000,
            wrong_tokens_per_address: 5000,
            window: Seconds(15 * 60),
        }
    }
}

impl RateLimits {
    /// [`Self::known_browser`] in seconds.
    pub(crate) fn known_browser(&self) -> i64 {
        i64::try_from(self.known_browser.0).unwrap_or(i64::MAX)
    }

    pub(super) fn check(&self, check: &mut Checker<'_>) {
        let limits = [
            ("rate_limits.sign_in_per_account", self.sign_in_per_account),
            ("rate_limits.sign_in_per_address", self.sign_in_per_address),
            (
                "rate_limits.client_auth_per_address",
                self.client_auth_per_address,
            ),
            (
                "rate_limits.wrong_tokens_per_address",
                self.wrong_tokens_per_address,
            ),
        ];
        for (setting, limit) in limits {
            check.number(setting, limit.into(), 1, 1_000_000);
        }
        check.between("rate_limits.window", self.window, 1, 86_400);
        check.between(
            "rate_limits.known_browser",
            self.known_browser,
            0,
            400 * 86_400,
        );
    }
}
