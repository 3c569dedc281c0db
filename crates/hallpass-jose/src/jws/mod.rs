//! Signing and verifying, [RFC 7515](https://www.rfc-editor.org/rfc/rfc7515).

mod hmac;
mod outside;
mod sign;
mod verify;

pub use self::hmac::HmacKey;
pub use self::outside::OutsideKey;
pub use self::sign::SigningKey;
pub use self::verify::VerifyingKey;

use crate::algorithm::JwsAlgorithm;
use crate::base64url;

/// Encoded headers of one key, made once for the types that tokens of a provider have.
#[derive(Debug)]
pub(crate) struct Headers {
    algorithm: JwsAlgorithm,
    kid: Option<String>,
    prepared: Vec<(Option<&'static str>, String)>,
}

impl Headers {
    pub(crate) fn new(algorithm: JwsAlgorithm, kid: Option<String>) -> Self {
        let prepared = COMMON_TYPES
            .iter()
            .map(|typ| (*typ, encoded(algorithm, kid.as_deref(), *typ)))
            .collect();
        Self {
            algorithm,
            kid,
            prepared,
        }
    }

    /// Starts a compact object: header, dot, payload, with room for the signature.
    pub(crate) fn signing_input(
        &self,
        typ: Option<&str>,
        payload: &[u8],
        signature_len: usize,
    ) -> String {
        let other;
        let header = match self.prepared.iter().find(|(known, _)| *known == typ) {
            Some((_, header)) => header,
            None => {
                other = encoded(self.algorithm, self.kid.as_deref(), typ);
                &other
            }
        };
        let len = header
            .len()
            .saturating_add(base64url::encoded_len(payload.len()))
            .saturating_add(base64url::encoded_len(signature_len))
            .saturating_add(2);
        let mut out = String::with_capacity(len);
        out.push_str(header);
        out.push('.');
        base64url::encode_onto(payload, &mut out);
        out
    }
}

/// Writes the header by hand; the parts are escaped as JSON strings.
fn encoded(algorithm: JwsAlgorithm, kid: Option<&str>, typ: Option<&str>) -> String {
    let mut header = format!(r#"{{"alg":"{}""#, algorithm.name());
    for (name, value) in [("kid", kid), ("typ", typ)] {
        if let Some(value) = value {
            let value = serde_json::Value::from(value);
            header.push_str(&format!(r#","{name}":{value}"#));
        }
    }
    header.push('}');
    base64url::encode(header)
}

const COMMON_TYPES: [Option<&str>; 5] = [
    None,
    Some("JWT"),
    Some("at+jwt"),
    Some("logout+jwt"),
    Some("token-introspection+jwt"),
];
