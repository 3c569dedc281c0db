//! Making encrypted objects, RFC 7516 section 5.1.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::algorithm::{ContentEncryption, JweAlgorithm, Mode};
use super::kdf::concat_info;
use super::key::{EncryptionKey, Public};
use crate::backend::agree::{AgreementKey, Curve};
use crate::backend::{content, wrap};
use crate::base64url;
use crate::error::JweError;
use crate::jwk::{Jwk, Secret};
use crate::random;

/// Header parameters besides those that the encryption needs.
#[derive(Debug, Clone, Copy, Default)]
pub struct JweHeader<'a> {
    /// Media type of the whole object.
    pub typ: Option<&'a str>,
    /// Media type of the content; `JWT` if that is a signed or encrypted token.
    pub cty: Option<&'a str>,
    /// Key id; the recipient key's own if `None`.
    pub kid: Option<&'a str>,
    /// Issuer, repeated from the claims for those who cannot decrypt.
    pub iss: Option<&'a str>,
    /// Audience, repeated likewise.
    pub aud: Option<&'a str>,
}

/// Encrypts to the recipient in compact serialization.
///
/// # Errors
/// [`JweError::NoKey`] if the key is not for the algorithm; [`JweError::Encrypt`] if the backend
/// fails.
pub fn encrypt_compact(
    algorithm: JweAlgorithm,
    encryption: ContentEncryption,
    recipient: &EncryptionKey,
    header: JweHeader<'_>,
    plaintext: &[u8],
) -> Result<String, JweError> {
    if !recipient.supports(algorithm, encryption) {
        return Err(JweError::NoKey);
    }
    let mut map = Map::new();
    map.insert("alg".to_owned(), algorithm.name().into());
    map.insert("enc".to_owned(), encryption.name().into());
    for (name, value) in [
        ("typ", header.typ),
        ("cty", header.cty),
        ("kid", header.kid.or_else(|| recipient.kid())),
        ("iss", header.iss),
        ("aud", header.aud),
    ] {
        if let Some(value) = value {
            map.insert(name.to_owned(), value.into());
        }
    }
    let (key, encrypted_key) = content_key(algorithm, encryption, recipient.public(), &mut map)
        .ok_or(JweError::Encrypt)?;
    let mut out = base64url::encode(Value::Object(map).to_string());
    let sealed = content::seal(encryption.cipher(), &key, out.as_bytes(), plaintext)
        .ok_or(JweError::Encrypt)?;
    for part in [&encrypted_key, &sealed.iv, &sealed.ciphertext, &sealed.tag] {
        out.push('.');
        base64url::encode_onto(part, &mut out);
    }
    Ok(out)
}

/// Chooses or agrees on the content key; returns it as itself and as the recipient gets it.
fn content_key(
    algorithm: JweAlgorithm,
    encryption: ContentEncryption,
    recipient: &Public,
    header: &mut Map<String, Value>,
) -> Option<(Secret, Vec<u8>)> {
    let fresh = || {
        let mut key = Zeroizing::new(vec![0; encryption.key_len()]);
        random::fill(&mut key);
        key
    };
    match (algorithm.mode(), recipient) {
        (Mode::Oaep(hash), Public::Rsa(recipient)) => {
            let key = fresh();
            let wrapped = recipient.encrypt(hash, &key)?;
            Some((key, wrapped))
        }
        (Mode::Agree(None), Public::Agree { curve, public }) => {
            let name = encryption.name();
            let key = agree(*curve, public, name, encryption.key_len(), header)?;
            Some((key, Vec::new()))
        }
        (Mode::Agree(Some(size)), Public::Agree { curve, public }) => {
            let name = algorithm.name();
            let kek = agree(*curve, public, name, size.key_len(), header)?;
            let key = fresh();
            let wrapped = wrap::wrap(size, &kek, &key)?;
            Some((key, wrapped))
        }
        (Mode::Wrap(size), Public::Symmetric(kek)) => {
            let key = fresh();
            let wrapped = wrap::wrap(size, kek, &key)?;
            Some((key, wrapped))
        }
        (Mode::GcmWrap(size), Public::Symmetric(kek)) => {
            let key = fresh();
            let sealed = content::seal(super::algorithm::Cipher::Gcm(size), kek, b"", &key)?;
            header.insert("iv".to_owned(), base64url::encode(&sealed.iv).into());
            header.insert("tag".to_owned(), base64url::encode(&sealed.tag).into());
            Some((key, sealed.ciphertext))
        }
        (Mode::Direct, Public::Symmetric(key)) => Some((key.clone(), Vec::new())),
        (
            Mode::Oaep(_) | Mode::Agree(_) | Mode::Wrap(_) | Mode::GcmWrap(_) | Mode::Direct,
            Public::Rsa(_) | Public::Agree { .. } | Public::Symmetric(_),
        ) => None,
    }
}

/// Agrees with the recipient under a fresh key, which goes into the header.
fn agree(
    curve: Curve,
    recipient: &[u8],
    name: &str,
    len: usize,
    header: &mut Map<String, Value>,
) -> Option<Secret> {
    let ephemeral = AgreementKey::generate(curve).ok()?;
    let epk = Jwk::from_material(ephemeral.public_material().ok()?).ok()?;
    header.insert("epk".to_owned(), epk.to_public_value());
    ephemeral.agree(recipient, &concat_info(name, b"", b"", len), len)
}
