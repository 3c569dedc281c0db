//! `[cache]`: what a process may remember of what others change.

use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::value::Seconds;

/// What a process may remember of what another one may have changed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cache {
    /// A change of a client or an issuer by another process holds here after so long. With 0 nothing of them is remembered:
    /// every request reads the store.
    pub bound: Seconds,
}

impl Default for Cache {
    fn default() -> Self {
        Self { bound: Seconds(1) }
    }
}

impl Cache {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        check.between("cache.bound", self.bound, 0, 10);
    }
}
