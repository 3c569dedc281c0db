//! Reading and checking the members of a key.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{EcCurve, Jwk, Material, OkpCurve, RsaPrivate, Secret, ec_point};
use crate::algorithm::JwsAlgorithm;
use crate::backend;
use crate::base64url;
use crate::error::JwkError;

type Members = Map<String, Value>;

impl Jwk {
    pub(crate) fn from_map(map: &Members) -> Result<Self, JwkError> {
        Self::from_map_with(map, Backend::Checks)
    }

    /// The same for who hands a public key to the backend at once, which checks it then.
    pub(crate) fn from_map_unparsed(map: &Members) -> Result<Self, JwkError> {
        Self::from_map_with(map, Backend::ChecksLater)
    }

    fn from_map_with(map: &Members, backend: Backend) -> Result<Self, JwkError> {
        let material = match string(map, "kty")?.ok_or(JwkError::Missing)? {
            "RSA" => rsa(map, backend)?,
            "EC" => ec(map, backend)?,
            "OKP" => okp(map)?,
            "AKP" => akp(map)?,
            "oct" => oct(map)?,
            _ => return Err(JwkError::UnsupportedType),
        };
        let key = Self {
            material,
            kid: name(map, "kid")?,
            key_use: name(map, "use")?,
            key_ops: key_ops(map)?,
            alg: name(map, "alg")?,
            certificates: certificates(map)?,
        };
        key.check_use()?;
        Ok(key)
    }

    /// Makes a key from a public half that the backend made, checking the size.
    pub(crate) fn from_material(material: Material) -> Result<Self, JwkError> {
        if let Material::Rsa { n, e, .. } = &material {
            check_rsa_public(n, e)?;
        }
        Ok(Self {
            material,
            kid: None,
            key_use: None,
            key_ops: None,
            alg: None,
            certificates: Vec::new(),
        })
    }

    /// Refuses declarations that contradict each other.
    fn check_use(&self) -> Result<(), JwkError> {
        let (Some(key_use), Some(ops)) = (self.key_use(), self.key_ops()) else {
            return Ok(());
        };
        //= RFC7517#4.3 SHOULD: `use` and `key_ops` together say the same
        let fitting: &[&str] = match key_use {
            crate::algorithm::KeyUse::Signature => &["sign", "verify"],
            crate::algorithm::KeyUse::Encryption => &[
                "encrypt",
                "decrypt",
                "wrapKey",
                "unwrapKey",
                "deriveKey",
                "deriveBits",
            ],
        };
        if ops.iter().all(|op| fitting.contains(&op.as_str())) {
            Ok(())
        } else {
            Err(JwkError::Usage)
        }
    }
}

/// When the backend, which parses a key to use it, sees that its numbers make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Checks,
    ChecksLater,
}

/// The members of `x5c`, in DER.
//= RFC7517#4.7 MUST: each certificate is DER in base64, not base64url
fn certificates(map: &Members) -> Result<Vec<Vec<u8>>, JwkError> {
    let Some(value) = map.get("x5c") else {
        return Ok(Vec::new());
    };
    let list = value.as_array().ok_or(JwkError::Malformed)?;
    if list.len() > MAX_CERTIFICATES {
        return Err(JwkError::TooLarge);
    }
    list.iter()
        .map(|each| {
            let text = each.as_str().ok_or(JwkError::Malformed)?;
            STANDARD.decode(text).map_err(|_| JwkError::Malformed)
        })
        .collect()
}

/// More certificates for one key than anybody has.
const MAX_CERTIFICATES: usize = 8;

fn rsa(map: &Members, backend: Backend) -> Result<Material, JwkError> {
    let n = bytes(map, "n")?.ok_or(JwkError::Missing)?;
    let e = bytes(map, "e")?.ok_or(JwkError::Missing)?;
    check_rsa_public(&n, &e)?;
    if backend == Backend::Checks {
        backend::verify::check_rsa(&n, &e)?;
    }
    if map.contains_key("oth") {
        // Keys of more than two primes.
        return Err(JwkError::UnsupportedType);
    }
    let private = if map.contains_key("d") {
        let part = |name| secret(map, name)?.ok_or(JwkError::Missing);
        Some(Box::new(RsaPrivate {
            d: part("d")?,
            p: part("p")?,
            q: part("q")?,
            dp: part("dp")?,
            dq: part("dq")?,
            qi: part("qi")?,
        }))
    } else {
        if ["p", "q", "dp", "dq", "qi"]
            .iter()
            .any(|name| map.contains_key(*name))
        {
            return Err(JwkError::PrivateMaterial);
        }
        None
    };
    Ok(Material::Rsa { n, e, private })
}

/// Checks what can be seen without arithmetic; the backend checks again on use.
fn check_rsa_public(n: &[u8], e: &[u8]) -> Result<(), JwkError> {
    //= RFC7518#6.3.1.1 MUST: numbers are written in the fewest octets
    let (Some(n_first), Some(n_last)) = (n.first(), n.last()) else {
        return Err(JwkError::Malformed);
    };
    let (Some(e_first), Some(e_last)) = (e.first(), e.last()) else {
        return Err(JwkError::Malformed);
    };
    if *n_first == 0 || *e_first == 0 {
        return Err(JwkError::Malformed);
    }
    //= RFC7518#3.3 MUST: RSA keys have 2048 bits or more
    let bits = n
        .len()
        .saturating_mul(8)
        .saturating_sub(n_first.leading_zeros() as usize);
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) || n_last & 1 == 0 {
        return Err(JwkError::Invalid);
    }
    // An exponent of one makes every message its own signature; a long one costs time.
    if e_last & 1 == 0 || e.len() > 4 || e == [1] {
        return Err(JwkError::Invalid);
    }
    Ok(())
}

fn ec(map: &Members, backend: Backend) -> Result<Material, JwkError> {
    let curve = match string(map, "crv")?.ok_or(JwkError::Missing)? {
        "P-256" => EcCurve::P256,
        "P-384" => EcCurve::P384,
        "P-521" => EcCurve::P521,
        _ => return Err(JwkError::UnsupportedType),
    };
    //= RFC7518#6.2.1.2 MUST: a coordinate has the full length of the curve's field
    let len = curve.coordinate_len();
    let x = exactly(bytes(map, "x")?, len)?;
    let y = exactly(bytes(map, "y")?, len)?;
    if backend == Backend::Checks {
        backend::verify::check_ec(curve, &ec_point(&x, &y))?;
    }
    let d = optional_secret(map, len)?;
    if let Some(d) = &d {
        backend::sign::check_ec_pair(curve, d, &ec_point(&x, &y))?;
    }
    Ok(Material::Ec { curve, x, y, d })
}

fn okp(map: &Members) -> Result<Material, JwkError> {
    let curve = match string(map, "crv")?.ok_or(JwkError::Missing)? {
        "Ed25519" => OkpCurve::Ed25519,
        "X25519" => OkpCurve::X25519,
        _ => return Err(JwkError::UnsupportedType),
    };
    let x = exactly(bytes(map, "x")?, 32)?;
    let d = optional_secret(map, 32)?;
    match curve {
        OkpCurve::Ed25519 => {
            check_ed25519_point(&x)?;
            if let Some(d) = &d {
                backend::sign::check_ed25519_pair(d, &x)?;
            }
        }
        OkpCurve::X25519 => {
            if let Some(d) = &d {
                backend::agree::check_x25519_pair(d, &x)?;
            }
        }
    }
    Ok(Material::Okp { curve, x, d })
}

/// Refuses points of small order, for which anyone can make signatures, and
/// encodings that are not the shortest form of their coordinate.
fn check_ed25519_point(x: &[u8]) -> Result<(), JwkError> {
    let mut y = x.to_vec();
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    // The field has 2^255 - 19 elements; what is not below that is a second form.
    let not_reduced = y.first().is_some_and(|first| *first >= 0xed)
        && y.last() == Some(&0x7f)
        && y.iter().skip(1).take(30).all(|byte| *byte == 0xff);
    if not_reduced || SMALL_ORDER.iter().any(|point| point[..] == y[..]) {
        return Err(JwkError::Invalid);
    }
    Ok(())
}

//= RFC9964#3 MUST: `alg` and `pub` are there, in the form that the algorithm demands
fn akp(map: &Members) -> Result<Material, JwkError> {
    let name = string(map, "alg")?.ok_or(JwkError::Missing)?;
    let algorithm = JwsAlgorithm::parse(name).ok_or(JwkError::UnsupportedType)?;
    let public = bytes(map, "pub")?.ok_or(JwkError::Missing)?;
    backend::verify::check_ml_dsa(algorithm, &public)?;
    //= RFC9964#4 MUST: `priv` is the seed, 32 bytes
    let seed = match secret(map, "priv")? {
        Some(seed) if seed.len() != 32 => return Err(JwkError::Malformed),
        Some(seed) => {
            backend::sign::check_ml_dsa_pair(algorithm, &seed, &public)?;
            Some(seed)
        }
        None => None,
    };
    Ok(Material::Akp {
        algorithm,
        public,
        seed,
    })
}

fn oct(map: &Members) -> Result<Material, JwkError> {
    let k = secret(map, "k")?.ok_or(JwkError::Missing)?;
    if k.is_empty() {
        return Err(JwkError::Invalid);
    }
    Ok(Material::Oct { k })
}

fn string<'a>(map: &'a Members, name: &str) -> Result<Option<&'a str>, JwkError> {
    match map.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JwkError::Malformed),
    }
}

fn name(map: &Members, member: &str) -> Result<Option<String>, JwkError> {
    let Some(text) = string(map, member)? else {
        return Ok(None);
    };
    if text.len() > MAX_NAME {
        return Err(JwkError::Malformed);
    }
    Ok(Some(text.to_owned()))
}

fn key_ops(map: &Members) -> Result<Option<Vec<String>>, JwkError> {
    let Some(value) = map.get("key_ops") else {
        return Ok(None);
    };
    let mut operations: Vec<String> = Vec::new();
    for operation in value.as_array().ok_or(JwkError::Malformed)? {
        let operation = operation.as_str().ok_or(JwkError::Malformed)?;
        //= RFC7517#4.3 MUST: no operation is listed twice
        if operations.len() >= MAX_OPS || operations.iter().any(|known| known == operation) {
            return Err(JwkError::Malformed);
        }
        operations.push(operation.to_owned());
    }
    Ok(Some(operations))
}

fn bytes(map: &Members, name: &str) -> Result<Option<Vec<u8>>, JwkError> {
    let Some(text) = string(map, name)? else {
        return Ok(None);
    };
    base64url::decode(text).ok_or(JwkError::Malformed).map(Some)
}

fn secret(map: &Members, name: &str) -> Result<Option<Secret>, JwkError> {
    Ok(bytes(map, name)?.map(Zeroizing::new))
}

fn optional_secret(map: &Members, len: usize) -> Result<Option<Secret>, JwkError> {
    match secret(map, "d")? {
        Some(d) if d.len() != len => Err(JwkError::Malformed),
        d => Ok(d),
    }
}

fn exactly(bytes: Option<Vec<u8>>, len: usize) -> Result<Vec<u8>, JwkError> {
    match bytes {
        None => Err(JwkError::Missing),
        Some(bytes) if bytes.len() == len => Ok(bytes),
        Some(_) => Err(JwkError::Malformed),
    }
}

const MIN_RSA_BITS: usize = 2048;
const MAX_RSA_BITS: usize = 8192;
const MAX_NAME: usize = 512;
const MAX_OPS: usize = 8;

/// The y coordinates of the eight points whose order divides the cofactor, without the sign bit.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
];
