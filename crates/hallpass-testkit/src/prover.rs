//! A client's key for DPoP, and proofs of it, right ones and wrong ones.

use std::sync::atomic::{AtomicU64, Ordering};

use hallpass_jose::{JwsAlgorithm, SigningKey, base64url};
use hallpass_types::sha256;
use serde_json::{Value, json};

use crate::{assertion, fixture};

/// A key pair that makes DPoP proofs (RFC 9449 §4.2).
#[derive(Debug)]
pub struct Prover {
    key: SigningKey,
}

impl Default for Prover {
    fn default() -> Self {
        Self::new(JwsAlgorithm::ES256)
    }
}

impl Prover {
    /// Makes a key for that algorithm.
    ///
    /// # Panics
    /// The backend makes no keys.
    #[must_use]
    pub fn new(algorithm: JwsAlgorithm) -> Self {
        Self {
            key: SigningKey::generate(algorithm).unwrap(),
        }
    }

    /// The key's thumbprint (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.key.public_jwk().thumbprint()
    }

    /// The header of a good proof.
    #[must_use]
    pub fn header(&self) -> Value {
        json!({
            "typ": "dpop+jwt",
            "alg": self.key.algorithm().name(),
            "jwk": self.key.public_jwk().to_public_value(),
        })
    }

    /// The claims of a good proof for a path of the fixture's issuer; each has another `jti`.
    #[must_use]
    pub fn claims(method: &str, path: &str, now: i64) -> Value {
        let jti = format!("proof-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let url = format!("{}{path}", fixture::ISSUER);
        json!({"jti": jti, "htm": method, "htu": url, "iat": now})
    }

    /// The `ath` of an access token.
    #[must_use]
    pub fn ath(token: &str) -> String {
        base64url::encode(sha256(token.as_bytes()))
    }

    /// Signs any header and claims.
    #[must_use]
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        assertion::sign_with_header(&self.key, header, claims.to_string().as_bytes())
    }

    /// A good proof for a POST.
    #[must_use]
    pub fn post(&self, path: &str, now: i64) -> String {
        self.sign(&self.header(), &Self::claims("POST", path, now))
    }

    /// A good proof for UserInfo with a token.
    #[must_use]
    pub fn userinfo(&self, token: &str, now: i64) -> String {
        let mut claims = Self::claims("GET", "/userinfo", now);
        claims["ath"] = Self::ath(token).into();
        self.sign(&self.header(), &claims)
    }
}

static NEXT: AtomicU64 = AtomicU64::new(0);
