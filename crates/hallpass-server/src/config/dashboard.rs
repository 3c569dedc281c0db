//! `[dashboard]`: administration in a browser.

use hallpass_dashboard::Settings;
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::value::Seconds;

/// Pages for operators, at `/dashboard` under the issuer. Operators are people with an account there and a role:
/// `hallpass operator create` makes the first one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dashboard {
    /// Whether it is there.
    pub enabled: bool,
    /// After this time an operator signs in again.
    pub sign_in_lasts: Seconds,
    /// Whoever changes something has signed in not longer ago than this.
    pub change_within: Seconds,
    /// Whether whoever changes something, here or by an access token of theirs for administration, must have signed in with a
    /// passkey or a second factor.
    pub strong_sign_in: bool,
}

impl Default for Dashboard {
    fn default() -> Self {
        Self {
            enabled: true,
            sign_in_lasts: Seconds(12 * 3600),
            change_within: Seconds(3600),
            strong_sign_in: true,
        }
    }
}

impl Dashboard {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        let day = 24 * 3600;
        check.between("dashboard.sign_in_lasts", self.sign_in_lasts, 300, 30 * day);
        check.between("dashboard.change_within", self.change_within, 60, day);
    }

    /// What the pages demand.
    pub(crate) fn settings(&self) -> Settings {
        let seconds = |span: Seconds| i64::try_from(span.0).unwrap_or(i64::MAX);
        Settings {
            lasts: seconds(self.sign_in_lasts),
            changes_within: seconds(self.change_within),
            strong: self.strong_sign_in,
        }
    }
}
