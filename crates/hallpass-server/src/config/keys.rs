//! `[keys]`: the master key, and how long signing keys are used.

use std::path::{Path, PathBuf};

use hallpass_core::policy::Policy;
use schemars::JsonSchema;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::checker::Checker;
use super::value::{Seconds, Secret};

/// The master key, from which all other secrets are derived and under which signing keys are kept, and how long signing
/// keys are used.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    /// 32 random bytes in base64url. Without it: from `master.key` in the data folder, made at the first start.
    master_key: Option<Secret>,
    /// File with the master key.
    master_key_file: Option<PathBuf>,
    /// The master key from before, while it is replaced: what is still sealed under it is opened, and sealed under the new
    /// one. `hallpass key rotate-master` ends that.
    master_key_previous: Option<Secret>,
    /// File with the master key from before.
    master_key_previous_file: Option<PathBuf>,
    /// A signing key signs for this long; the next one is published as long before it takes over, or until everybody has
    /// seen it where that is longer. Less than an hour is for tests.
    rotation: Seconds,
    /// The published key set may be kept for this long (`max-age`). No key signs before everybody who does must have seen
    /// it: raise it where clients or proxies keep the set longer than they are told.
    max_age: Seconds,
}

/// The master key, and how long signing keys are used.
#[derive(Clone)]
pub struct Keys {
    /// The master key, if it is not in the data folder.
    pub master_key: Option<Zeroizing<[u8; 32]>>,
    /// The one from before.
    pub master_key_previous: Option<Zeroizing<[u8; 32]>>,
    /// A signing key signs for this long; 0 for ever.
    pub rotation: Seconds,
    /// The published key set may be kept for this long.
    pub max_age: Seconds,
}

impl Keys {
    /// What the engine goes by.
    pub(crate) fn apply(&self, policy: &mut Policy) {
        policy.keys.max_age = i64::try_from(self.max_age.0).unwrap_or(i64::MAX);
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field(
                "master_key",
                &self.master_key.as_ref().map(|_| "[redacted]"),
            )
            .field(
                "master_key_previous",
                &self.master_key_previous.as_ref().map(|_| "[redacted]"),
            )
            .field("rotation", &self.rotation)
            .field("max_age", &self.max_age)
            .finish()
    }
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            master_key: None,
            master_key_file: None,
            master_key_previous: None,
            master_key_previous_file: None,
            rotation: Seconds(90 * 86_400),
            max_age: Seconds(300),
        }
    }
}

impl Raw {
    pub(super) fn parse(self, check: &mut Checker<'_>) -> Keys {
        let master_key = key(
            check,
            "keys.master_key",
            self.master_key,
            self.master_key_file.as_deref(),
        );
        let master_key_previous = key(
            check,
            "keys.master_key_previous",
            self.master_key_previous,
            self.master_key_previous_file.as_deref(),
        );
        if master_key_previous.is_some() && master_key == master_key_previous {
            check.problem(
                "keys.master_key_previous",
                "is the master key itself; leave it out when nothing is replaced",
            );
        }
        if self.rotation.0 != 0 {
            check.between("keys.rotation", self.rotation, 5, 3_653 * 86_400);
        }
        check.between("keys.max_age", self.max_age, 5, 86_400);
        Keys {
            master_key,
            master_key_previous,
            rotation: self.rotation,
            max_age: self.max_age,
        }
    }
}

fn key(
    check: &mut Checker<'_>,
    setting: &str,
    text: Option<Secret>,
    file: Option<&Path>,
) -> Option<Zeroizing<[u8; 32]>> {
    let text = check.secret(setting, text, file)?;
    let key = decode(&text);
    if key.is_none() {
        check.problem(
            setting,
            "must be 32 random bytes in base64url, which are 43 characters",
        );
    }
    key
}

/// The bytes of a master key in its written form.
#[must_use]
pub fn decode(text: &Secret) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(hallpass_jose::base64url::decode(text.expose())?);
    bytes.as_slice().try_into().ok().map(Zeroizing::new)
}
