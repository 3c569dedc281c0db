//! `[protocol.encryption]`: JWE towards clients and from them.

use std::collections::BTreeSet;

use hallpass_core::policy::EncryptionPolicy;
use hallpass_jose::{ContentEncryption, JweAlgorithm};
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;

/// Encryption (RFC 7516) of what clients get and of what they send. Clients register what they want encrypted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Encryption {
    /// Key management algorithms for what clients get; without any, nothing is encrypted for them.
    pub algs: Vec<String>,
    /// Content encryption algorithms, in both directions.
    pub encs: Vec<String>,
    /// Key management algorithms with keys of ours, for what clients send. There is one key for those with RSA and one for
    /// those with ECDH-ES.
    pub decryption_algs: Vec<String>,
}

impl Default for Encryption {
    fn default() -> Self {
        let EncryptionPolicy { algs, encs, own } = EncryptionPolicy::default();
        let names = |algs: Vec<JweAlgorithm>| algs.iter().map(|a| a.name().to_owned()).collect();
        Self {
            algs: names(algs),
            encs: encs.iter().map(|e| e.name().to_owned()).collect(),
            decryption_algs: names(own),
        }
    }
}

impl Encryption {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        let alg = |name: &String| JweAlgorithm::parse(name).is_some();
        let own = |name: &String| JweAlgorithm::parse(name).is_some_and(|a| !a.is_symmetric());
        let enc = |name: &String| ContentEncryption::parse(name).is_some();
        each(check, "algs", &self.algs, &alg);
        each(check, "encs", &self.encs, &enc);
        each(check, "decryption_algs", &self.decryption_algs, &own);
        if self.encs.is_empty() && !(self.algs.is_empty() && self.decryption_algs.is_empty()) {
            check.problem(
                "protocol.encryption.encs",
                "is empty, though there are algorithms for key management",
            );
        }
    }

    pub(crate) fn policy(&self) -> EncryptionPolicy {
        let parsed = |names: &[String]| {
            names
                .iter()
                .filter_map(|n| JweAlgorithm::parse(n))
                .collect()
        };
        EncryptionPolicy {
            algs: parsed(&self.algs),
            encs: self
                .encs
                .iter()
                .filter_map(|n| ContentEncryption::parse(n))
                .collect(),
            own: parsed(&self.decryption_algs),
        }
    }
}

fn each(check: &mut Checker<'_>, member: &str, names: &[String], known: &dyn Fn(&String) -> bool) {
    let setting = format!("protocol.encryption.{member}");
    for name in names.iter().filter(|name| !known(name)) {
        check.problem(&setting, format!("{name:?} is not offered here"));
    }
    if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
        check.problem(&setting, "holds a value twice");
    }
}
