//! RSAES-OAEP, RFC 7518 section 4.3.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey, PublicKeyComponents,
};
use aws_lc_rs::signature::RsaKeyPair;
use zeroize::Zeroizing;

use super::sign::{rsa_pair, rsa_public};
use crate::error::{JwkError, KeyError};
use crate::jwe::algorithm::OaepHash;
use crate::jwk::{Material, RsaPrivate, Secret};

/// A public key that encrypts content keys.
pub(crate) struct RsaPublicKey(OaepPublicEncryptingKey);

impl RsaPublicKey {
    pub(crate) fn new(n: &[u8], e: &[u8]) -> Result<Self, JwkError> {
        let key: PublicEncryptingKey = PublicKeyComponents { n, e }
            .try_into()
            .map_err(|_| JwkError::Invalid)?;
        OaepPublicEncryptingKey::new(key)
            .map(Self)
            .map_err(|_| JwkError::Invalid)
    }

    pub(crate) fn encrypt(&self, hash: OaepHash, key: &[u8]) -> Option<Vec<u8>> {
        let mut out = vec![0; self.0.ciphertext_size()];
        let len = self
            .0
            .encrypt(algorithm(hash), key, &mut out, None)
            .ok()?
            .len();
        out.truncate(len);
        Some(out)
    }
}

/// A private key that decrypts content keys.
pub(crate) struct RsaPrivateKey {
    key: OaepPrivateDecryptingKey,
    pair: RsaKeyPair,
}

impl RsaPrivateKey {
    pub(crate) fn generate() -> Result<Self, KeyError> {
        Self::new(RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Backend)?)
    }

    pub(crate) fn from_pkcs8(document: &[u8]) -> Result<Self, KeyError> {
        Self::new(RsaKeyPair::from_pkcs8(document).map_err(|_| KeyError::Rejected)?)
    }

    pub(crate) fn from_parts(n: &[u8], e: &[u8], private: &RsaPrivate) -> Result<Self, KeyError> {
        Self::new(rsa_pair(n, e, private)?)
    }

    pub(crate) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        pkcs8(&self.pair)
    }

    pub(crate) fn public(&self) -> Result<Material, KeyError> {
        rsa_public(&self.pair)
    }

    pub(crate) fn decrypt(&self, hash: OaepHash, encrypted: &[u8]) -> Option<Secret> {
        let mut out = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let len = self
            .key
            .decrypt(algorithm(hash), encrypted, &mut out, None)
            .ok()?
            .len();
        out.truncate(len);
        Some(out)
    }

    fn new(pair: RsaKeyPair) -> Result<Self, KeyError> {
        let key =
            PrivateDecryptingKey::from_pkcs8(&pkcs8(&pair)?).map_err(|_| KeyError::Rejected)?;
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| KeyError::Rejected)?;
        Ok(Self { key, pair })
    }
}

fn pkcs8(pair: &RsaKeyPair) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let der: Pkcs8V1Der<'static> = pair.as_der().map_err(|_| KeyError::Backend)?;
    Ok(Zeroizing::new(der.as_ref().to_vec()))
}

fn algorithm(hash: OaepHash) -> &'static OaepAlgorithm {
    match hash {
        OaepHash::Sha1 => &OAEP_SHA1_MGF1SHA1,
        OaepHash::Sha256 => &OAEP_SHA256_MGF1SHA256,
    }
}
