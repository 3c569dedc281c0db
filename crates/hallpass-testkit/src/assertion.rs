//! Client assertions, right ones and wrong ones.

use hallpass_jose::{HmacKey, JwsAlgorithm, SigningKey, base64url};
use serde_json::{Value, json};

use crate::fixture;

/// `client_assertion_type` for JWTs.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Good claims for a client, to be spoiled.
#[must_use]
pub fn claims(client: &str, now: i64, jti: &str) -> Value {
    json!({
        "iss": client, "sub": client, "aud": fixture::ISSUER, "jti": jti, "iat": now, "exp": now + 60,
    })
}

/// Signs claims with a key pair.
///
/// # Panics
/// The key cannot sign.
#[must_use]
pub fn sign(key: &SigningKey, claims: &Value) -> String {
    key.sign_compact(None, claims.to_string().as_bytes())
        .unwrap()
}

/// Signs claims with a secret.
///
/// # Panics
/// The secret is too short.
#[must_use]
pub fn sign_hmac(algorithm: JwsAlgorithm, secret: &[u8], claims: &Value) -> String {
    HmacKey::new(algorithm, secret)
        .unwrap()
        .sign_compact(None, claims.to_string().as_bytes())
}

/// A compact JWS out of any header, payload and signature.
#[must_use]
pub fn compact(header: &Value, payload: &[u8], signature: &[u8]) -> String {
    let parts = [header.to_string().as_bytes(), payload, signature].map(base64url::encode);
    parts.join(".")
}

/// A compact JWS with any header, rightly signed.
///
/// # Panics
/// The key cannot sign.
#[must_use]
pub fn sign_with_header(key: &SigningKey, header: &Value, payload: &[u8]) -> String {
    let input = [header.to_string().as_bytes(), payload]
        .map(base64url::encode)
        .join(".");
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", base64url::encode(signature))
}

/// The payload of a JWT, not verified.
///
/// # Panics
/// It is no JWT.
#[must_use]
pub fn payload(jwt: &str) -> Value {
    let part = jwt.split('.').nth(1).expect("a JWT has three parts");
    serde_json::from_slice(&base64url::decode(part).expect("base64url")).expect("JSON")
}

/// The header of a JWT.
///
/// # Panics
/// It is no JWT.
#[must_use]
pub fn header(jwt: &str) -> Value {
    let part = jwt.split('.').next().unwrap();
    serde_json::from_slice(&base64url::decode(part).expect("base64url")).expect("JSON")
}
