//! `[experimental]`: features whose specification is still a draft.

use std::collections::BTreeMap;

use hallpass_core::policy::{EXPERIMENTS, Experiment};
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;

/// Features whose specification is still a draft, each with the version of the draft that you know it by. A feature
/// changes with its draft, at any release; the version written here has to change with it, so that nobody is surprised.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Experimental(BTreeMap<String, String>);

impl Experimental {
    /// Whether somebody wrote down that they know this feature as it is now.
    #[must_use]
    pub fn knows(&self, feature: &str) -> bool {
        EXPERIMENTS.iter().any(|known| {
            known.name == feature && self.0.get(feature).is_some_and(|v| v == known.version)
        })
    }

    /// Notes a problem unless the feature that `setting` switches on is acknowledged.
    pub(super) fn demand(&self, feature: &str, setting: &str, check: &mut Checker<'_>) {
        // An acknowledgement of another version is a problem of its own.
        if self.0.contains_key(feature) {
            return;
        }
        if let Some(known) = EXPERIMENTS.iter().find(|known| known.name == feature) {
            let Experiment {
                name,
                version,
                document,
                ..
            } = known;
            let message = format!(
                "is experimental ({document}); say that you know it: experimental.{name} = \"{version}\""
            );
            check.problem(setting, message);
        }
    }

    pub(super) fn check(&self, check: &mut Checker<'_>) {
        for (name, version) in &self.0 {
            let setting = format!("experimental.{name}");
            match EXPERIMENTS.iter().find(|known| known.name == name) {
                None => check.problem(&setting, "there is no experimental feature of this name"),
                Some(known) if known.version != version => {
                    let message = format!(
                        "is {} of {} in this version, not {version:?}; read what has changed",
                        known.version, known.document
                    );
                    check.problem(&setting, message);
                }
                Some(_) => {}
            }
        }
    }
}
