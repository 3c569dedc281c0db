//! Names of encryption algorithms, RFC 7518 sections 4 and 5.

use crate::algorithm::wire_enum;

wire_enum! {
    /// How the content key reaches the recipient, RFC 7518 section 4.
    ///
    /// `RSA1_5` and the password-based algorithms are not values of this type.
    pub enum JweAlgorithm {
        /// RSAES-OAEP with SHA-1.
        RsaOaep = "RSA-OAEP",
        /// RSAES-OAEP with SHA-256.
        RsaOaep256 = "RSA-OAEP-256",
        /// Ephemeral-static ECDH, the agreed key used directly.
        EcdhEs = "ECDH-ES",
        /// Ephemeral-static ECDH and AES-128 key wrap.
        EcdhEsA128Kw = "ECDH-ES+A128KW",
        /// Ephemeral-static ECDH and AES-192 key wrap.
        EcdhEsA192Kw = "ECDH-ES+A192KW",
        /// Ephemeral-static ECDH and AES-256 key wrap.
        EcdhEsA256Kw = "ECDH-ES+A256KW",
        /// AES-128 key wrap.
        A128Kw = "A128KW",
        /// AES-192 key wrap.
        A192Kw = "A192KW",
        /// AES-256 key wrap.
        A256Kw = "A256KW",
        /// Key encryption with AES-128 GCM.
        A128GcmKw = "A128GCMKW",
        /// Key encryption with AES-192 GCM.
        A192GcmKw = "A192GCMKW",
        /// Key encryption with AES-256 GCM.
        A256GcmKw = "A256GCMKW",
        /// A shared key used directly.
        Dir = "dir",
    }
}

wire_enum! {
    /// How the content is encrypted, RFC 7518 section 5.
    pub enum ContentEncryption {
        /// AES-128 in CBC mode with HMAC-SHA-256.
        A128CbcHs256 = "A128CBC-HS256",
        /// AES-192 in CBC mode with HMAC-SHA-384.
        A192CbcHs384 = "A192CBC-HS384",
        /// AES-256 in CBC mode with HMAC-SHA-512.
        A256CbcHs512 = "A256CBC-HS512",
        /// AES-128 in GCM.
        A128Gcm = "A128GCM",
        /// AES-192 in GCM.
        A192Gcm = "A192GCM",
        /// AES-256 in GCM.
        A256Gcm = "A256GCM",
    }
}

impl JweAlgorithm {
    /// Whether both sides hold the same secret.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        match self.mode() {
            Mode::Oaep(_) | Mode::Agree(_) => false,
            Mode::Wrap(_) | Mode::GcmWrap(_) | Mode::Direct => true,
        }
    }

    pub(crate) const fn mode(self) -> Mode {
        match self {
            Self::RsaOaep => Mode::Oaep(OaepHash::Sha1),
            Self::RsaOaep256 => Mode::Oaep(OaepHash::Sha256),
            Self::EcdhEs => Mode::Agree(None),
            Self::EcdhEsA128Kw => Mode::Agree(Some(AesSize::Aes128)),
            Self::EcdhEsA192Kw => Mode::Agree(Some(AesSize::Aes192)),
            Self::EcdhEsA256Kw => Mode::Agree(Some(AesSize::Aes256)),
            Self::A128Kw => Mode::Wrap(AesSize::Aes128),
            Self::A192Kw => Mode::Wrap(AesSize::Aes192),
            Self::A256Kw => Mode::Wrap(AesSize::Aes256),
            Self::A128GcmKw => Mode::GcmWrap(AesSize::Aes128),
            Self::A192GcmKw => Mode::GcmWrap(AesSize::Aes192),
            Self::A256GcmKw => Mode::GcmWrap(AesSize::Aes256),
            Self::Dir => Mode::Direct,
        }
    }
}

impl ContentEncryption {
    /// Length of the content key in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self.cipher() {
            Cipher::Gcm(size) => size.key_len(),
            Cipher::CbcHmac(size) => size.key_len().saturating_mul(2),
        }
    }

    pub(crate) const fn cipher(self) -> Cipher {
        match self {
            Self::A128Gcm => Cipher::Gcm(AesSize::Aes128),
            Self::A192Gcm => Cipher::Gcm(AesSize::Aes192),
            Self::A256Gcm => Cipher::Gcm(AesSize::Aes256),
            Self::A128CbcHs256 => Cipher::CbcHmac(AesSize::Aes128),
            Self::A192CbcHs384 => Cipher::CbcHmac(AesSize::Aes192),
            Self::A256CbcHs512 => Cipher::CbcHmac(AesSize::Aes256),
        }
    }
}

/// What a key management algorithm does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Oaep(OaepHash),
    Agree(Option<AesSize>),
    Wrap(AesSize),
    GcmWrap(AesSize),
    Direct,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OaepHash {
    Sha1,
    Sha256,
}

/// What a content encryption does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cipher {
    Gcm(AesSize),
    CbcHmac(AesSize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AesSize {
    Aes128,
    Aes192,
    Aes256,
}

impl AesSize {
    pub(crate) const fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back_and_weak_ones_do_not_exist() {
        for alg in JweAlgorithm::ALL {
            assert_eq!(JweAlgorithm::parse(alg.name()), Some(*alg));
        }
        for enc in ContentEncryption::ALL {
            assert_eq!(ContentEncryption::parse(enc.name()), Some(*enc));
        }
        for name in [
            "RSA1_5",
            "PBES2-HS256+A128KW",
            "none",
            "DIR",
            "A128CBC+HS256",
        ] {
            assert_eq!(JweAlgorithm::parse(name), None);
            assert_eq!(ContentEncryption::parse(name), None);
        }
    }
}
