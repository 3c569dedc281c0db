//! Opening encrypted objects, RFC 7516 section 5.2.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::algorithm::{Cipher, ContentEncryption, JweAlgorithm, Mode};
use super::kdf::concat_info;
use super::key::{DecryptionKey, Private};
use crate::backend::agree::AgreementKey;
use crate::backend::{content, wrap};
use crate::base64url;
use crate::error::JweError;
use crate::json;
use crate::jwk::{Jwk, Secret};
use crate::random;
use crate::unverified::split;

/// An encrypted object in compact serialization whose form has been checked, and nothing else.
///
/// [`Self::parse`] takes any text and is a target for fuzzing.
#[derive(Debug, Clone)]
pub struct UnverifiedJwe<'a> {
    protected: &'a str,
    header: Header,
    encrypted_key: Vec<u8>,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

impl<'a> UnverifiedJwe<'a> {
    /// Parses text of at most 64 KiB.
    ///
    /// # Errors
    /// See [`Self::parse_with_limit`].
    pub fn parse(text: &'a str) -> Result<Self, JweError> {
        Self::parse_with_limit(text, DEFAULT_MAX_BYTES)
    }

    /// Parses text of at most so many bytes.
    ///
    /// # Errors
    /// Text that is too long, not five parts of strict base64url, or has a header that is not
    /// strict JSON, names an unknown algorithm or carries something that is not accepted.
    pub fn parse_with_limit(text: &'a str, max_bytes: usize) -> Result<Self, JweError> {
        if text.len() > max_bytes {
            return Err(JweError::TooLarge);
        }
        let [protected, key, iv, ciphertext, tag] = split::<5>(text).ok_or(JweError::NotCompact)?;
        let header = Header::parse(protected)?;
        let decode = |part| base64url::decode(part).ok_or(JweError::NotCompact);
        Ok(Self {
            protected,
            header,
            encrypted_key: decode(key)?,
            iv: decode(iv)?,
            ciphertext: decode(ciphertext)?,
            tag: decode(tag)?,
        })
    }

    /// The key management algorithm that the header names.
    #[must_use]
    pub fn algorithm(&self) -> JweAlgorithm {
        self.header.algorithm
    }

    /// The content encryption that the header names.
    #[must_use]
    pub fn encryption(&self) -> ContentEncryption {
        self.header.encryption
    }

    /// The key id that the header names.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The issuer that the header repeats.
    #[must_use]
    pub fn iss(&self) -> Option<&str> {
        self.header.iss.as_deref()
    }

    /// Decrypts.
    ///
    /// # Errors
    /// [`JweError::AlgorithmNotAllowed`] by the header alone; for everything that depends on the
    /// key the one [`JweError::Decrypt`], after the same work.
    pub fn decrypt(
        self,
        key: &DecryptionKey,
        algorithms: &[JweAlgorithm],
        encryptions: &[ContentEncryption],
    ) -> Result<DecryptedJwe, JweError> {
        let header = &self.header;
        let encryption = header.encryption;
        if !algorithms.contains(&header.algorithm) || !encryptions.contains(&encryption) {
            return Err(JweError::AlgorithmNotAllowed);
        }
        if !key.supports(header.algorithm, encryption) {
            return Err(JweError::Decrypt);
        }
        //= RFC7516#11.5 MUST: a failure to recover the content key looks like any other failure
        let mut substitute = Zeroizing::new(vec![0; encryption.key_len()]);
        random::fill(&mut substitute);
        let content_key = self
            .content_key(key.private())
            .filter(|key| key.len() == encryption.key_len())
            .unwrap_or(substitute);
        let plaintext = content::open(
            encryption.cipher(),
            &content_key,
            self.protected.as_bytes(),
            content::Sealed {
                iv: self.iv,
                ciphertext: self.ciphertext,
                tag: self.tag,
            },
        )
        .ok_or(JweError::Decrypt)?;
        Ok(DecryptedJwe {
            header: self.header,
            plaintext,
        })
    }

    fn content_key(&self, key: &Private) -> Option<Secret> {
        let header = &self.header;
        match (header.algorithm.mode(), key) {
            (Mode::Oaep(hash), Private::Rsa(key)) => key.decrypt(hash, &self.encrypted_key),
            (Mode::Agree(None), Private::Agree(key)) => {
                let name = header.encryption.name();
                self.nothing_wrapped()?;
                self.agree(key, name, header.encryption.key_len())
            }
            (Mode::Agree(Some(size)), Private::Agree(key)) => {
                let kek = self.agree(key, header.algorithm.name(), size.key_len())?;
                wrap::unwrap(size, &kek, &self.encrypted_key)
            }
            (Mode::Wrap(size), Private::Symmetric(kek)) => {
                wrap::unwrap(size, kek, &self.encrypted_key)
            }
            (Mode::GcmWrap(size), Private::Symmetric(kek)) => {
                let sealed = content::Sealed {
                    iv: header.iv.clone()?,
                    ciphertext: self.encrypted_key.clone(),
                    tag: header.tag.clone()?,
                };
                content::open(Cipher::Gcm(size), kek, b"", sealed)
            }
            (Mode::Direct, Private::Symmetric(key)) => {
                self.nothing_wrapped()?;
                Some(key.clone())
            }
            (
                Mode::Oaep(_) | Mode::Agree(_) | Mode::Wrap(_) | Mode::GcmWrap(_) | Mode::Direct,
                Private::Rsa(_) | Private::Agree(_) | Private::Symmetric(_),
            ) => None,
        }
    }

    //= RFC7516#5.2 MUST: with direct keys the encrypted key is empty
    fn nothing_wrapped(&self) -> Option<()> {
        self.encrypted_key.is_empty().then_some(())
    }

    fn agree(&self, key: &AgreementKey, name: &str, len: usize) -> Option<Secret> {
        // Reading the key checks that its point is on the curve.
        let epk = Jwk::from_value(self.header.epk.as_ref()?).ok()?;
        if epk.is_private() {
            return None;
        }
        let public = key.curve().public_bytes(&epk)?;
        let info = concat_info(name, &self.header.apu, &self.header.apv, len);
        key.agree(&public, &info, len)
    }
}

/// An encrypted object that was opened.
///
/// Whoever has the public key can make one; with symmetric keys the sender is one of those who
/// share it.
#[derive(Debug, Clone)]
pub struct DecryptedJwe {
    header: Header,
    plaintext: Zeroizing<Vec<u8>>,
}

impl DecryptedJwe {
    /// The key management algorithm.
    #[must_use]
    pub fn algorithm(&self) -> JweAlgorithm {
        self.header.algorithm
    }

    /// The content encryption.
    #[must_use]
    pub fn encryption(&self) -> ContentEncryption {
        self.header.encryption
    }

    /// The media type of the content; `JWT` for a nested token.
    #[must_use]
    pub fn cty(&self) -> Option<&str> {
        self.header.cty.as_deref()
    }

    /// The media type of the object.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// The content.
    #[must_use]
    pub fn plaintext(&self) -> &[u8] {
        &self.plaintext
    }

    /// The content as text, such as a nested signed token.
    ///
    /// # Errors
    /// If it is not UTF-8.
    pub fn text(&self) -> Result<&str, JweError> {
        std::str::from_utf8(&self.plaintext).map_err(|_| JweError::Decrypt)
    }
}

#[derive(Debug, Clone)]
struct Header {
    algorithm: JweAlgorithm,
    encryption: ContentEncryption,
    kid: Option<String>,
    typ: Option<String>,
    cty: Option<String>,
    iss: Option<String>,
    epk: Option<Value>,
    apu: Vec<u8>,
    apv: Vec<u8>,
    iv: Option<Vec<u8>>,
    tag: Option<Vec<u8>>,
}

impl Header {
    fn parse(part: &str) -> Result<Self, JweError> {
        if part.len() > MAX_HEADER_CHARS {
            return Err(JweError::TooLarge);
        }
        let bytes = base64url::decode(part).ok_or(JweError::NotCompact)?;
        let mut map = json::parse_object(&bytes, MAX_HEADER_DEPTH).map_err(JweError::HeaderJson)?;
        for name in FORBIDDEN {
            if map.contains_key(*name) {
                return Err(JweError::HeaderForbidden);
            }
        }
        let alg = string(&mut map, "alg")?.ok_or(JweError::HeaderType)?;
        let enc = string(&mut map, "enc")?.ok_or(JweError::HeaderType)?;
        let mut decoded = |name| match string(&mut map, name)? {
            None => Ok(None),
            Some(text) => base64url::decode(text)
                .ok_or(JweError::HeaderType)
                .map(Some),
        };
        let (apu, apv) = (decoded("apu")?, decoded("apv")?);
        let (iv, tag) = (decoded("iv")?, decoded("tag")?);
        Ok(Self {
            algorithm: JweAlgorithm::parse(&alg).ok_or(JweError::UnsupportedAlgorithm)?,
            encryption: ContentEncryption::parse(&enc).ok_or(JweError::UnsupportedAlgorithm)?,
            kid: string(&mut map, "kid")?,
            typ: string(&mut map, "typ")?,
            cty: string(&mut map, "cty")?,
            iss: string(&mut map, "iss")?,
            epk: map.remove("epk"),
            apu: apu.unwrap_or_default(),
            apv: apv.unwrap_or_default(),
            iv,
            tag,
        })
    }
}

fn string(map: &mut Map<String, Value>, name: &str) -> Result<Option<String>, JweError> {
    match map.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JweError::HeaderType),
    }
}

/// No extension is understood; compression can blow up a small input, and a number of iterations
/// set by the sender costs whatever the sender likes.
//= RFC8725#3.6 SHOULD: nothing is decompressed
const FORBIDDEN: &[&str] = &[
    "crit", "b64", "zip", "p2c", "p2s", "jwk", "jku", "x5u", "x5c",
];

const DEFAULT_MAX_BYTES: usize = 64 * 1024;
const MAX_HEADER_CHARS: usize = 8 * 1024;
const MAX_HEADER_DEPTH: u8 = 4;
