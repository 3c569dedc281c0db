//! Keys that encrypt to a recipient and keys that decrypt.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::algorithm::{ContentEncryption, JweAlgorithm, Mode};
use super::kdf;
use crate::algorithm::KeyUse;
use crate::backend::agree::{AgreementKey, Curve};
use crate::backend::oaep::{RsaPrivateKey, RsaPublicKey};
use crate::error::{JwkError, KeyError};
use crate::jwk::{EcCurve, Jwk, Material, OkpCurve, Secret, ec_point};

/// A recipient's key: public, or a shared secret. Parsed once; cloning is cheap.
#[derive(Clone)]
pub struct EncryptionKey(Arc<EncryptionInner>);

struct EncryptionInner {
    key: Public,
    kid: Option<String>,
    declared: Declared,
}

pub(super) enum Public {
    Rsa(RsaPublicKey),
    Agree { curve: Curve, public: Vec<u8> },
    Symmetric(Secret),
}

impl EncryptionKey {
    /// Takes the public or symmetric key of a JSON Web Key.
    ///
    /// # Errors
    /// If the key is for signatures, or declares another use or algorithm.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, JwkError> {
        if !jwk.allows(KeyUse::Encryption, OPERATIONS) {
            return Err(JwkError::Usage);
        }
        let key = match &jwk.material {
            Material::Rsa { n, e, .. } => Public::Rsa(RsaPublicKey::new(n, e)?),
            Material::Ec { curve, x, y, .. } => Public::Agree {
                curve: Curve::Ec(*curve),
                public: ec_point(x, y),
            },
            Material::Okp {
                curve: OkpCurve::X25519,
                x,
                ..
            } => Public::Agree {
                curve: Curve::X25519,
                public: x.clone(),
            },
            Material::Okp {
                curve: OkpCurve::Ed25519,
                ..
            }
            | Material::Akp { .. } => return Err(JwkError::Usage),
            Material::Oct { k } => Public::Symmetric(k.clone()),
        };
        Ok(Self(Arc::new(EncryptionInner {
            key,
            kid: jwk.kid().map(str::to_owned),
            declared: Declared::of(jwk)?,
        })))
    }

    /// Makes the key that a client secret stands for.
    ///
    /// # Errors
    /// If the algorithm is not symmetric.
    pub fn from_client_secret(
        secret: &str,
        algorithm: JweAlgorithm,
        encryption: ContentEncryption,
    ) -> Result<Self, KeyError> {
        Ok(Self(Arc::new(EncryptionInner {
            key: Public::Symmetric(client_key(secret, algorithm, encryption)?),
            kid: None,
            declared: Declared::Management(algorithm),
        })))
    }

    /// The key id.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// Whether the key is of the right kind and length and declares no other algorithm.
    #[must_use]
    pub fn supports(&self, algorithm: JweAlgorithm, encryption: ContentEncryption) -> bool {
        let kind_fits = match &self.0.key {
            Public::Rsa(_) => matches!(algorithm.mode(), Mode::Oaep(_)),
            Public::Agree { .. } => matches!(algorithm.mode(), Mode::Agree(_)),
            Public::Symmetric(key) => key_len(algorithm, encryption) == Some(key.len()),
        };
        kind_fits && self.0.declared.allows(algorithm, encryption)
    }

    pub(super) fn public(&self) -> &Public {
        &self.0.key
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0.key {
            Public::Rsa(_) => "RSA",
            Public::Agree { curve, .. } => curve.name(),
            Public::Symmetric(_) => "oct",
        };
        f.debug_struct("EncryptionKey")
            .field("key", &kind)
            .field("kid", &self.0.kid)
            .finish_non_exhaustive()
    }
}

/// A key that decrypts: private, or a shared secret. Parsed once; cloning is cheap.
#[derive(Clone)]
pub struct DecryptionKey(Arc<DecryptionInner>);

struct DecryptionInner {
    key: Private,
    public: Option<Jwk>,
    kid: Option<String>,
    declared: Declared,
}

pub(super) enum Private {
    Rsa(RsaPrivateKey),
    Agree(AgreementKey),
    Symmetric(Secret),
}

impl DecryptionKey {
    /// Makes a new random key: RSA with 2048 bits for RSA algorithms, P-256 for ECDH.
    ///
    /// # Errors
    /// If the algorithm is symmetric or the backend fails.
    pub fn generate(algorithm: JweAlgorithm) -> Result<Self, KeyError> {
        Self::own(Self::random(algorithm)?, Some(algorithm))
    }

    /// As [`Self::generate`], for every algorithm that uses a key of this kind: the public key names none.
    ///
    /// # Errors
    /// If the algorithm is symmetric or the backend fails.
    pub fn generate_shared(algorithm: JweAlgorithm) -> Result<Self, KeyError> {
        Self::own(Self::random(algorithm)?, None)
    }

    fn random(algorithm: JweAlgorithm) -> Result<Private, KeyError> {
        Ok(match algorithm.mode() {
            Mode::Oaep(_) => Private::Rsa(RsaPrivateKey::generate()?),
            Mode::Agree(_) => Private::Agree(AgreementKey::generate(Curve::Ec(EcCurve::P256))?),
            Mode::Wrap(_) | Mode::GcmWrap(_) | Mode::Direct => return Err(KeyError::Algorithm),
        })
    }

    /// Reads a PKCS #8 document with an RSA, EC or X25519 key.
    ///
    /// # Errors
    /// If the document is none of these, or its key is weak or does not fit the algorithm.
    pub fn from_pkcs8(algorithm: JweAlgorithm, document: &[u8]) -> Result<Self, KeyError> {
        Self::own(Self::read(algorithm, document)?, Some(algorithm))
    }

    /// As [`Self::from_pkcs8`], for every algorithm that uses a key of this kind: the public key names none.
    ///
    /// # Errors
    /// As for [`Self::from_pkcs8`].
    pub fn from_pkcs8_shared(algorithm: JweAlgorithm, document: &[u8]) -> Result<Self, KeyError> {
        Self::own(Self::read(algorithm, document)?, None)
    }

    fn read(algorithm: JweAlgorithm, document: &[u8]) -> Result<Private, KeyError> {
        Ok(match algorithm.mode() {
            Mode::Oaep(_) => Private::Rsa(RsaPrivateKey::from_pkcs8(document)?),
            Mode::Agree(_) => Private::Agree(AgreementKey::from_pkcs8(document)?),
            Mode::Wrap(_) | Mode::GcmWrap(_) | Mode::Direct => return Err(KeyError::Algorithm),
        })
    }

    /// Takes the private or symmetric key of a JSON Web Key.
    ///
    /// # Errors
    /// If the key has no private part, is for signatures, or declares another use.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        if !jwk.allows(KeyUse::Encryption, OPERATIONS) {
            return Err(KeyError::Jwk(JwkError::Usage));
        }
        let key = match &jwk.material {
            Material::Rsa { n, e, private } => {
                let private = private.as_deref().ok_or(KeyError::Rejected)?;
                Private::Rsa(RsaPrivateKey::from_parts(n, e, private)?)
            }
            Material::Ec { curve, d, .. } => {
                let d = d.as_ref().ok_or(KeyError::Rejected)?;
                Private::Agree(AgreementKey::from_secret(Curve::Ec(*curve), d)?)
            }
            Material::Okp {
                curve: OkpCurve::X25519,
                d,
                ..
            } => {
                let d = d.as_ref().ok_or(KeyError::Rejected)?;
                Private::Agree(AgreementKey::from_secret(Curve::X25519, d)?)
            }
            Material::Okp {
                curve: OkpCurve::Ed25519,
                ..
            }
            | Material::Akp { .. } => return Err(KeyError::Algorithm),
            Material::Oct { k } => Private::Symmetric(k.clone()),
        };
        Ok(Self(Arc::new(DecryptionInner {
            key,
            public: None,
            kid: jwk.kid().map(str::to_owned),
            declared: Declared::of(jwk)?,
        })))
    }

    /// Makes the key that a client secret stands for.
    ///
    /// # Errors
    /// If the algorithm is not symmetric.
    pub fn from_client_secret(
        secret: &str,
        algorithm: JweAlgorithm,
        encryption: ContentEncryption,
    ) -> Result<Self, KeyError> {
        Ok(Self(Arc::new(DecryptionInner {
            key: Private::Symmetric(client_key(secret, algorithm, encryption)?),
            public: None,
            kid: None,
            declared: Declared::Management(algorithm),
        })))
    }

    /// The key as a PKCS #8 document, for sealing at rest.
    ///
    /// # Errors
    /// If the key is symmetric or the backend fails.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        match &self.0.key {
            Private::Rsa(key) => key.to_pkcs8(),
            Private::Agree(key) => key.to_pkcs8(),
            Private::Symmetric(_) => Err(KeyError::Algorithm),
        }
    }

    /// The key id; for keys that were generated or read, the thumbprint of the public key.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// The public key with `kid`, `alg` and `use`, if the key was generated or read.
    #[must_use]
    pub fn public_jwk(&self) -> Option<Jwk> {
        self.0.public.clone()
    }

    /// Whether the key is of the right kind and length and declares no other algorithm.
    #[must_use]
    pub fn supports(&self, algorithm: JweAlgorithm, encryption: ContentEncryption) -> bool {
        let kind_fits = match &self.0.key {
            Private::Rsa(_) => matches!(algorithm.mode(), Mode::Oaep(_)),
            Private::Agree(_) => matches!(algorithm.mode(), Mode::Agree(_)),
            Private::Symmetric(key) => key_len(algorithm, encryption) == Some(key.len()),
        };
        kind_fits && self.0.declared.allows(algorithm, encryption)
    }

    pub(super) fn private(&self) -> &Private {
        &self.0.key
    }

    fn own(key: Private, algorithm: Option<JweAlgorithm>) -> Result<Self, KeyError> {
        let material = match &key {
            Private::Rsa(key) => key.public()?,
            Private::Agree(key) => key.public_material()?,
            Private::Symmetric(_) => return Err(KeyError::Algorithm),
        };
        let mut public = Jwk::from_material(material)?;
        let kid = public.thumbprint();
        public.kid = Some(kid.clone());
        public.alg = algorithm.map(|a| a.name().to_owned());
        public.key_use = Some(KeyUse::Encryption.name().to_owned());
        Ok(Self(Arc::new(DecryptionInner {
            key,
            public: Some(public),
            kid: Some(kid),
            declared: algorithm.map_or(Declared::Nothing, Declared::Management),
        })))
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0.key {
            Private::Rsa(_) => "RSA",
            Private::Agree(key) => key.curve().name(),
            Private::Symmetric(_) => "oct",
        };
        f.debug_struct("DecryptionKey")
            .field("key", &kind)
            .field("kid", &self.0.kid)
            .finish_non_exhaustive()
    }
}

/// What the `alg` of a key says.
#[derive(Clone, Copy)]
enum Declared {
    Nothing,
    Management(JweAlgorithm),
    /// A key for `dir` names the content encryption.
    Content(ContentEncryption),
}

impl Declared {
    fn of(jwk: &Jwk) -> Result<Self, JwkError> {
        let Some(name) = jwk.alg() else {
            return Ok(Self::Nothing);
        };
        if let Some(algorithm) = JweAlgorithm::parse(name) {
            return Ok(Self::Management(algorithm));
        }
        ContentEncryption::parse(name)
            .map(Self::Content)
            .ok_or(JwkError::Usage)
    }

    fn allows(self, algorithm: JweAlgorithm, encryption: ContentEncryption) -> bool {
        match self {
            Self::Nothing => true,
            Self::Management(declared) => declared == algorithm,
            Self::Content(declared) => algorithm == JweAlgorithm::Dir && declared == encryption,
        }
    }
}

/// Length of the shared secret, for symmetric algorithms.
fn key_len(algorithm: JweAlgorithm, encryption: ContentEncryption) -> Option<usize> {
    match algorithm.mode() {
        Mode::Wrap(size) | Mode::GcmWrap(size) => Some(size.key_len()),
        Mode::Direct => Some(encryption.key_len()),
        Mode::Oaep(_) | Mode::Agree(_) => None,
    }
}

fn client_key(
    secret: &str,
    algorithm: JweAlgorithm,
    encryption: ContentEncryption,
) -> Result<Secret, KeyError> {
    key_len(algorithm, encryption)
        .and_then(|len| kdf::from_client_secret(secret, len))
        .ok_or(KeyError::Algorithm)
}

const OPERATIONS: &[&str] = &[
    "encrypt",
    "decrypt",
    "wrapKey",
    "unwrapKey",
    "deriveKey",
    "deriveBits",
];
