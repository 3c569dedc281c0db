//! Signing keys of another system, so that what they signed stays good.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hallpass_jose::{Jwk, JwsAlgorithm, SigningKey, encrypted};
use hallpass_types::Secret;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Bytes of a file.
const LONGEST: u64 = 1 << 20;

/// The first line of a file that only its owner should read.
pub(super) fn secret_file(path: &Path) -> Result<Secret, Failure> {
    let text = small_file(path)?;
    let line = text.lines().next().unwrap_or_default();
    Ok(Secret::from(line.to_owned()))
}

/// A file that is not longer than such files are.
fn small_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let name = path.display();
    let cannot = |error: std::io::Error| Failure::new(format!("cannot read {name}: {error}"));
    if std::fs::metadata(path).map_err(cannot)?.len() > LONGEST {
        return Err(Failure::new(format!("{name} is larger than 1 MiB")));
    }
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(cannot)
}

/// A private key in PEM, RSA for RS256 or P-256 for ES256, maybe under a passphrase.
pub(super) fn from_pem(
    pem: &str,
    passphrase: Option<&Secret>,
    kid: Option<&str>,
) -> Option<SigningKey> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let text: Zeroizing<String> = Zeroizing::new(lines.map(str::trim).collect());
    let der = Zeroizing::new(STANDARD.decode(text.as_bytes()).ok()?);
    let der = if pem.contains("ENCRYPTED PRIVATE KEY") {
        encrypted::open(&der, passphrase?.expose().as_bytes())?
    } else {
        der
    };
    let key = SigningKey::from_pkcs8(JwsAlgorithm::RS256, &der)
        .or_else(|_| SigningKey::from_pkcs8(JwsAlgorithm::ES256, &der))
        .ok()?;
    match kid {
        Some(kid) => key.with_kid(kid).ok(),
        None => Some(key),
    }
}

/// The private keys of a file with a JSON Web Key or a set of them.
pub(super) fn from_jwk_file(path: &Path) -> Result<Vec<SigningKey>, Failure> {
    let name = path.display();
    let wrong = |what: &str| Failure::new(format!("{name}: {what}"));
    let text = small_file(path)?;
    let value: Value = serde_json::from_str(&text).map_err(|_| wrong("is no JSON"))?;
    let all = match value.get("keys").and_then(Value::as_array) {
        Some(keys) => keys.clone(),
        None => vec![value],
    };
    let mut keys = Vec::new();
    for value in all {
        let jwk = Jwk::from_value(&value).map_err(|_| wrong("holds what is no JSON Web Key"))?;
        let alg = match (jwk.alg(), value.get("kty").and_then(Value::as_str)) {
            (Some(alg), _) => JwsAlgorithm::parse(alg),
            (None, Some("RSA")) => Some(JwsAlgorithm::RS256),
            (None, Some("EC")) => Some(JwsAlgorithm::ES256),
            (None, Some(_) | None) => None,
        };
        let alg = alg.ok_or_else(|| wrong("holds a key of no known algorithm"))?;
        let key = SigningKey::from_jwk(&jwk, alg).map_err(|_| {
            wrong("holds a key that has no private part, is weak or does not fit its algorithm")
        })?;
        keys.push(match jwk.kid() {
            Some(kid) => key
                .with_kid(kid)
                .map_err(|_| wrong("holds a key that cannot be used"))?,
            None => key,
        });
    }
    Ok(keys)
}
