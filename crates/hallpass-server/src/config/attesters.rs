//! `[[attesters]]`: who vouches for instances of clients. A draft.

use std::path::PathBuf;
use std::sync::Arc;

use hallpass_core::policy::{AttestationPolicy, Attester, Policy, Signal};
use hallpass_jose::{Jwks, JwksPolicy};
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::experimental::Experimental;

/// Somebody who vouches for instances of clients that authenticate by `attest_jwt_client_auth` (Attestation-Based Client
/// Authentication, a draft). Needs `experimental.client_attestation`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    /// The `iss` of its attestations.
    issuer: String,
    /// Its key set.
    #[serde(default)]
    jwks: Option<serde_json::Value>,
    /// A file with its key set.
    #[serde(default)]
    jwks_file: Option<PathBuf>,
}

/// What is asked of attestations beyond those of clients that authenticate by them (Attestation-Based Client
/// Authentication, a draft).
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientAttestation {
    /// Whether a proof needs a challenge of this server, which keeps out proofs that were made in advance. Clients get
    /// one at `/challenge` and with every answer.
    pub challenges: bool,
    /// What an attestation means of a client that authenticates in another way: `ignored`; `accepted`, where one that is
    /// shown has to be right; or `demanded` of every client.
    pub signal: SignalSetting,
}

/// What an attestation beside another method means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignalSetting {
    /// Nothing.
    #[default]
    Ignored,
    /// One that is shown has to be right.
    Accepted,
    /// Every client shows one.
    Demanded,
}

impl ClientAttestation {
    pub(super) fn check(
        self,
        attesters: &[Attester],
        experimental: &Experimental,
        check: &mut Checker<'_>,
    ) {
        let on = |what: bool, name: &str, check: &mut Checker<'_>| {
            if what {
                let setting = format!("client_attestation.{name}");
                experimental.demand("client_attestation", &setting, check);
                if attesters.is_empty() {
                    check.problem(&setting, "needs somebody who attests: [[attesters]]");
                }
            }
        };
        on(self.challenges, "challenges", check);
        on(self.signal != SignalSetting::Ignored, "signal", check);
    }

    /// Says it to the policy.
    pub(crate) fn apply(self, policy: &mut Policy) {
        policy.attestation = AttestationPolicy {
            challenges: self.challenges,
            signal: match self.signal {
                SignalSetting::Ignored => Signal::Ignored,
                SignalSetting::Accepted => Signal::Accepted,
                SignalSetting::Demanded => Signal::Demanded,
            },
        };
    }
}

pub(super) fn parse(
    list: Vec<Raw>,
    experimental: &Experimental,
    check: &mut Checker<'_>,
) -> Vec<Attester> {
    let mut all: Vec<Attester> = Vec::new();
    for (index, raw) in list.into_iter().enumerate() {
        let prefix = format!("attesters[{index}]");
        experimental.demand("client_attestation", &prefix, check);
        if raw.issuer.is_empty() || all.iter().any(|known| known.issuer == raw.issuer) {
            check.problem(&format!("{prefix}.issuer"), "is empty, or there twice");
        }
        match keys(&raw) {
            Ok(keys) => all.push(Attester {
                issuer: raw.issuer,
                jwks: Arc::new(keys),
            }),
            Err(message) => check.problem(&format!("{prefix}.jwks"), message),
        }
    }
    all
}

fn keys(raw: &Raw) -> Result<Jwks, String> {
    let bad = |error| format!("is no set of public keys: {error}");
    let keys = match (&raw.jwks, &raw.jwks_file) {
        (Some(value), None) => Jwks::from_value(value, JwksPolicy::Client).map_err(bad)?,
        (None, Some(file)) => {
            let bytes = std::fs::read(file)
                .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
            Jwks::parse(&bytes, JwksPolicy::Client).map_err(bad)?
        }
        (None, None) => return Err("is missing, and so is jwks_file".to_owned()),
        (Some(_), Some(_)) => return Err("stands beside jwks_file; keep one".to_owned()),
    };
    if keys.is_empty() {
        return Err("holds no key".to_owned());
    }
    Ok(keys)
}
