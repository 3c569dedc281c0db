//! Public keys as authenticators write them, [RFC 9053](https://www.rfc-editor.org/rfc/rfc9053).

use hallpass_jose::{Jwk, JwsAlgorithm, VerifyingKey, base64url};

use crate::{
    Rejected,
    cbor::{self, Value},
};

/// The algorithms that are offered, the best liked first: ES256, EdDSA, RS256.
pub const ALGORITHMS: &[i64] = &[ES256, EDDSA, RS256];

const ES256: i64 = -7;
const EDDSA: i64 = -8;
const RS256: i64 = -257;

/// A public key, checked.
#[derive(Clone, Debug)]
pub struct CoseKey {
    algorithm: i64,
    jws: JwsAlgorithm,
    key: VerifyingKey,
}

impl CoseKey {
    /// Reads a key that is all there is.
    ///
    /// # Errors
    /// [`Rejected::Key`] for an algorithm that is not offered, parameters that do not belong to it, and points that are not on
    /// the curve.
    pub fn parse(bytes: &[u8]) -> Result<Self, Rejected> {
        Self::of(&cbor::read_whole(bytes)?)
    }

    pub(crate) fn of(map: &Value<'_>) -> Result<Self, Rejected> {
        let number = |label: i64| map.get(&Value::Integer(label)).and_then(Value::integer);
        let bytes = |label: i64| {
            let value = map.get(&Value::Integer(label)).and_then(Value::bytes);
            value.map(base64url::encode).ok_or(Rejected::Key)
        };
        let algorithm = number(3).ok_or(Rejected::Key)?;
        // What the algorithm is says what kind the key must be: nothing else is looked at.
        let (jwk, jws) = match (algorithm, number(1), number(-1)) {
            (ES256, Some(2), Some(1)) => (
                format!(
                    r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"}}"#,
                    bytes(-2)?,
                    bytes(-3)?
                ),
                JwsAlgorithm::ES256,
            ),
            (EDDSA, Some(1), Some(6)) => (
                format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, bytes(-2)?),
                JwsAlgorithm::EdDSA,
            ),
            (RS256, Some(3), _) => (
                format!(
                    r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#,
                    bytes(-1)?,
                    bytes(-2)?
                ),
                JwsAlgorithm::RS256,
            ),
            _ => return Err(Rejected::Key),
        };
        let jwk = Jwk::parse(&jwk).map_err(|_| Rejected::Key)?;
        let key = VerifyingKey::from_jwk(&jwk).map_err(|_| Rejected::Key)?;
        Ok(Self {
            algorithm,
            jws,
            key,
        })
    }

    /// Its COSE algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> i64 {
        self.algorithm
    }

    /// Whether the signature is of this key.
    pub(crate) fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), Rejected> {
        let raw;
        let signature = if self.algorithm == ES256 {
            raw = raw_ecdsa(signature).ok_or(Rejected::Signature)?;
            raw.as_slice()
        } else {
            signature
        };
        self.key
            .verify(self.jws, signed, signature)
            .map_err(|_| Rejected::Signature)
    }
}

/// The two numbers of an ECDSA signature in DER, each in 32 bytes. Only the one encoding of each is taken.
fn raw_ecdsa(der: &[u8]) -> Option<[u8; 64]> {
    let [0x30, length, rest @ ..] = der else {
        return None;
    };
    if usize::from(*length) != rest.len() {
        return None;
    }
    let (r, rest) = der_integer(rest)?;
    let (s, rest) = der_integer(rest)?;
    if !rest.is_empty() {
        return None;
    }
    let mut raw = [0; 64];
    let (first, second) = raw.split_at_mut(32);
    first.copy_from_slice(&r);
    second.copy_from_slice(&s);
    Some(raw)
}

fn der_integer(der: &[u8]) -> Option<([u8; 32], &[u8])> {
    let [0x02, length, rest @ ..] = der else {
        return None;
    };
    let (bytes, rest) = rest.split_at_checked(usize::from(*length))?;
    let digits = match bytes {
        // A zero before a digit that would look negative, and nowhere else.
        [0, next, ..] if *next & 0x80 != 0 => bytes.get(1..)?,
        [first, ..] if *first & 0x80 == 0 && *first != 0 => bytes,
        _ => return None,
    };
    let mut number = [0; 32];
    let place = number.len().checked_sub(digits.len())?;
    number.get_mut(place..)?.copy_from_slice(digits);
    Some((number, rest))
}
