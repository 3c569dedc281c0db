//! `[[attesters]]`: who vouches for instances of clients. A draft.

use std::path::PathBuf;
use std::sync::Arc;

use hallpass_core::policy::Attester;
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
