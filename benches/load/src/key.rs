//! What a client signs: assertions that authenticate it, and proofs that it holds a key.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_jose::{JwsAlgorithm, SigningKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::limit::Unsigned;

/// A private key of one algorithm; in a job it is the algorithm, a dot and a PKCS #8 document in base64url.
#[derive(Clone, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientKey {
    text: String,
    key: SigningKey,
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey").finish_non_exhaustive()
    }
}

impl TryFrom<String> for ClientKey {
    type Error = Unsigned;

    fn try_from(text: String) -> Result<Self, Unsigned> {
        let (algorithm, pkcs8) = text.split_once('.').ok_or(Unsigned)?;
        let algorithm = JwsAlgorithm::parse(algorithm).ok_or(Unsigned)?;
        let document = URL_SAFE_NO_PAD.decode(pkcs8).map_err(|_| Unsigned)?;
        let key = SigningKey::from_pkcs8(algorithm, &document).map_err(|_| Unsigned)?;
        Ok(Self { text, key })
    }
}

impl From<ClientKey> for String {
    fn from(key: ClientKey) -> Self {
        key.text
    }
}

impl ClientKey {
    /// A new key for ES256.
    ///
    /// # Errors
    /// [`Unsigned`] when the library makes none.
    pub fn generate() -> Result<Self, Unsigned> {
        Self::of(JwsAlgorithm::ES256)
    }

    /// A new key for PS256, of 2048 bits.
    ///
    /// # Errors
    /// [`Unsigned`] when the library makes none.
    pub fn generate_ps256() -> Result<Self, Unsigned> {
        Self::of(JwsAlgorithm::PS256)
    }

    fn of(algorithm: JwsAlgorithm) -> Result<Self, Unsigned> {
        let key = SigningKey::generate(algorithm).map_err(|_| Unsigned)?;
        let document = key.to_pkcs8().map_err(|_| Unsigned)?;
        let document = URL_SAFE_NO_PAD.encode(&*document);
        Ok(Self {
            text: format!("{}.{document}", algorithm.name()),
            key,
        })
    }

    /// The name of its algorithm.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        self.key.algorithm().name()
    }

    /// Its thumbprint (RFC 7638), which names it before it was proved to be held.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.key.public_jwk().thumbprint()
    }

    /// The public key, for the metadata of a client (RFC 7517).
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        self.key.public_jwk().to_public_value()
    }
}

/// Assertions of one client (RFC 7523 §2.2), each with a `jti` of its own.
#[derive(Clone, Debug)]
pub struct Assertions {
    key: ClientKey,
    client_id: String,
    audience: String,
    /// Signed before they are needed. All copies take from the same ones.
    ahead: Arc<Mutex<Vec<String>>>,
}

impl Assertions {
    /// The type that stands beside each of them.
    pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    /// Assertions for that server.
    #[must_use]
    pub fn new(key: ClientKey, client_id: String, audience: String) -> Self {
        Self {
            key,
            client_id,
            audience,
            ahead: Arc::default(),
        }
    }

    /// Signs so many before they are needed, where signing takes so long that it would be what is measured: with RSA it takes many
    /// times as long as verifying it does. They are good for a minute from now.
    ///
    /// # Errors
    /// [`Unsigned`].
    pub fn sign_ahead(&self, count: usize) -> Result<(), Unsigned> {
        if self.key.key.algorithm() != JwsAlgorithm::PS256 {
            return Ok(());
        }
        let signed: Result<Vec<_>, _> = (0..count).map(|_| self.sign()).collect();
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        *ahead = signed?;
        Ok(())
    }

    /// The next one, good for a minute from when it was signed.
    ///
    /// # Errors
    /// [`Unsigned`].
    pub fn next(&self) -> Result<String, Unsigned> {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let signed = ahead.pop();
        drop(ahead);
        signed.map_or_else(|| self.sign(), Ok)
    }

    fn sign(&self) -> Result<String, Unsigned> {
        let now = now();
        let claims = AssertionClaims {
            iss: &self.client_id,
            sub: &self.client_id,
            aud: &self.audience,
            jti: &jti()?,
            iat: now,
            exp: now.saturating_add(60),
        };
        let claims = serde_json::to_vec(&claims).map_err(|_| Unsigned)?;
        let signed = self.key.key.sign_compact(None, &claims);
        signed.map_err(|_| Unsigned)
    }
}

/// Proofs for posts to one URL (RFC 9449 §4.2), each with a `jti` of its own.
#[derive(Clone, Debug)]
pub struct Proofs {
    key: ClientKey,
    /// The encoded header with its dot, which is always the same.
    header: String,
    url: String,
}

impl Proofs {
    /// Proofs that this key is held.
    #[must_use]
    pub fn new(key: ClientKey, url: String) -> Self {
        let mut jwk = key.public_jwk();
        if let Some(members) = jwk.as_object_mut() {
            members.retain(|name, _| ["kty", "crv", "x", "y"].contains(&name.as_str()));
        }
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}).to_string();
        Self {
            key,
            header: format!("{}.", URL_SAFE_NO_PAD.encode(header)),
            url,
        }
    }

    /// The next one.
    ///
    /// # Errors
    /// [`Unsigned`].
    pub fn next(&self) -> Result<String, Unsigned> {
        let claims = ProofClaims {
            jti: &jti()?,
            htm: "POST",
            htu: &self.url,
            iat: now(),
        };
        let claims = serde_json::to_vec(&claims).map_err(|_| Unsigned)?;
        let mut proof = self.header.clone();
        URL_SAFE_NO_PAD.encode_string(claims, &mut proof);
        let signature = self.key.key.sign(proof.as_bytes());
        let signature = signature.map_err(|_| Unsigned)?;
        proof.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut proof);
        Ok(proof)
    }
}

#[derive(Serialize)]
struct AssertionClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: &'a str,
    iat: u64,
    exp: u64,
}

#[derive(Serialize)]
struct ProofClaims<'a> {
    jti: &'a str,
    htm: &'a str,
    htu: &'a str,
    iat: u64,
}

fn jti() -> Result<String, Unsigned> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Unsigned)?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client, without the ports of the product"
)]
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(jwt: &str, key: &ClientKey) -> (Value, Value) {
        let (input, signature) = jwt.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let verifying = key.key.verifying_key().unwrap();
        verifying
            .verify(JwsAlgorithm::ES256, input.as_bytes(), &signature)
            .unwrap();
        let (header, claims) = input.split_once('.').unwrap();
        let read = |part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        (read(header), read(claims))
    }

    #[test]
    fn a_key_in_a_job_is_the_same_key_and_does_not_print() {
        let key = ClientKey::generate().unwrap();
        let text = serde_json::to_string(&key).unwrap();
        let read: ClientKey = serde_json::from_str(&text).unwrap();
        assert_eq!(read.public_jwk(), key.public_jwk());
        assert!(!format!("{key:?}").contains(text.trim_matches('"')));
    }

    #[test]
    fn what_was_signed_ahead_is_given_once_and_then_signed_anew() {
        let key = ClientKey::generate_ps256().unwrap();
        let assertions = Assertions::new(key, "c".to_owned(), "a".to_owned());
        assertions.sign_ahead(2).unwrap();
        let copy = assertions.clone();
        let given: std::collections::BTreeSet<_> = [&assertions, &copy, &assertions]
            .map(|from| from.next().unwrap())
            .into();
        assert_eq!(given.len(), 3);
        assert!(assertions.ahead.lock().unwrap().is_empty());
    }

    #[test]
    fn a_text_that_is_no_key_is_refused() {
        for text in [
            r#""""#,
            r#""AAAA""#,
            r#""!""#,
            r#""ES256.AAAA""#,
            r#""none.AAAA""#,
            "1",
        ] {
            assert!(serde_json::from_str::<ClientKey>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_assertion_names_the_client_twice_and_the_server_and_is_never_the_same() {
        let key = ClientKey::generate().unwrap();
        let audience = "http://localhost".to_owned();
        let assertions = Assertions::new(key.clone(), "c".to_owned(), audience);
        let (header, claims) = parts(&assertions.next().unwrap(), &key);
        assert_eq!(header["alg"], "ES256");
        assert_eq!(
            (&claims["iss"], &claims["sub"], &claims["aud"]),
            (&json!("c"), &json!("c"), &json!("http://localhost"))
        );
        let (_, other) = parts(&assertions.next().unwrap(), &key);
        assert_ne!(claims["jti"], other["jti"]);
    }

    #[test]
    fn a_proof_carries_the_public_key_alone_and_is_never_the_same() {
        let key = ClientKey::generate().unwrap();
        let proofs = Proofs::new(key.clone(), "http://localhost/par".to_owned());
        let (header, claims) = parts(&proofs.next().unwrap(), &key);
        assert_eq!(header["typ"], "dpop+jwt");
        let members: Vec<_> = header["jwk"].as_object().unwrap().keys().collect();
        assert_eq!(members, ["crv", "kty", "x", "y"]);
        assert_eq!(claims["htm"], "POST");
        assert_eq!(claims["htu"], "http://localhost/par");
        let (_, other) = parts(&proofs.next().unwrap(), &key);
        assert_ne!(claims["jti"], other["jti"]);
    }
}
