//! What a client signs: assertions that authenticate it, and proofs that it holds a key.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_jose::{JwsAlgorithm, SigningKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::limit::Unsigned;

/// A private key for ES256; in a job it is a PKCS #8 document in base64url.
#[derive(Clone, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientKey {
    pkcs8: String,
    key: SigningKey,
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey").finish_non_exhaustive()
    }
}

impl TryFrom<String> for ClientKey {
    type Error = Unsigned;

    fn try_from(pkcs8: String) -> Result<Self, Unsigned> {
        let document = URL_SAFE_NO_PAD.decode(&pkcs8).map_err(|_| Unsigned)?;
        let key = SigningKey::from_pkcs8(JwsAlgorithm::ES256, &document).map_err(|_| Unsigned)?;
        Ok(Self { pkcs8, key })
    }
}

impl From<ClientKey> for String {
    fn from(key: ClientKey) -> Self {
        key.pkcs8
    }
}

impl ClientKey {
    /// A new key.
    ///
    /// # Errors
    /// [`Unsigned`] when the library makes none.
    pub fn generate() -> Result<Self, Unsigned> {
        let key = SigningKey::generate(JwsAlgorithm::ES256).map_err(|_| Unsigned)?;
        let document = key.to_pkcs8().map_err(|_| Unsigned)?;
        Ok(Self {
            pkcs8: URL_SAFE_NO_PAD.encode(&*document),
            key,
        })
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
}

impl Assertions {
    /// The type that stands beside each of them.
    pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    /// Assertions for that server.
    #[must_use]
    pub const fn new(key: ClientKey, client_id: String, audience: String) -> Self {
        Self {
            key,
            client_id,
            audience,
        }
    }

    /// The next one, good for a minute.
    ///
    /// # Errors
    /// [`Unsigned`].
    pub fn next(&self) -> Result<String, Unsigned> {
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
    fn a_text_that_is_no_key_is_refused() {
        for text in [r#""""#, r#""AAAA""#, r#""!""#, "1"] {
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
