//! `[lifetimes]`: how long things are good for.

use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::value::Seconds;

/// How long things are good for. A client or a resource may have shorter ones.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lifetimes {
    /// Authorization codes; at most ten minutes.
    pub code: Seconds,
    /// Access tokens.
    pub access_token: Seconds,
    /// ID tokens.
    pub id_token: Seconds,
    /// Refresh tokens, since they were last used.
    pub refresh_idle: Seconds,
    /// Refresh tokens, since the first of their family was issued.
    pub refresh_absolute: Seconds,
    /// Pushed authorization requests, until a browser brings them; at most ten minutes.
    pub pushed_request: Seconds,
    /// A sign-in in a browser.
    pub session: Seconds,
    /// A sign-in in a browser that is not used; at least two hours, since use is noted to the hour.
    pub session_idle: Seconds,
    /// From the arrival of an authorization request to the end of sign-in and consent.
    pub interaction: Seconds,
    /// While its successor is unused, a refresh token may be presented again for this long and yields that same
    /// successor. 0 switches that off: two refreshes in parallel with one token of a public client then end the family.
    pub refresh_retry_seconds: Seconds,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            code: Seconds(60),
            access_token: Seconds(600),
            id_token: Seconds(600),
            refresh_idle: Seconds(14 * DAY),
            refresh_absolute: Seconds(90 * DAY),
            pushed_request: Seconds(60),
            session: Seconds(14 * DAY),
            session_idle: Seconds(14 * DAY),
            interaction: Seconds(60 * 60),
            refresh_retry_seconds: Seconds(60),
        }
    }
}

impl Lifetimes {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        //= RFC6749#4.1.2 SHOULD: a code lives no longer than ten minutes
        check.between("lifetimes.code", self.code, 1, 600);
        check.between("lifetimes.access_token", self.access_token, 1, DAY);
        check.between("lifetimes.id_token", self.id_token, 1, DAY);
        check.between("lifetimes.refresh_idle", self.refresh_idle, 1, TEN_YEARS);
        check.between(
            "lifetimes.refresh_absolute",
            self.refresh_absolute,
            1,
            TEN_YEARS,
        );
        //= RFC9126#2.2 SHOULD: a pushed request lives for a short time, five to 600 seconds
        check.between("lifetimes.pushed_request", self.pushed_request, 5, 599);
        check.between("lifetimes.session", self.session, 1, 366 * DAY);
        check.between(
            "lifetimes.session_idle",
            self.session_idle,
            2 * 60 * 60,
            366 * DAY,
        );
        check.between("lifetimes.interaction", self.interaction, 60, DAY);
        check.between(
            "lifetimes.refresh_retry_seconds",
            self.refresh_retry_seconds,
            0,
            600,
        );
        if self.refresh_idle > self.refresh_absolute {
            let (idle, absolute) = (self.refresh_idle, self.refresh_absolute);
            check.problem(
                "lifetimes.refresh_idle",
                format!("{idle} is longer than lifetimes.refresh_absolute, {absolute}"),
            );
        }
    }
}

const DAY: u64 = 86_400;
const TEN_YEARS: u64 = 3_653 * DAY;
