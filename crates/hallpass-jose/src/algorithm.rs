//! Names of algorithms, [RFC 7518](https://www.rfc-editor.org/rfc/rfc7518).

/// Declares an enum of wire names together with its list, parser and serde forms.
macro_rules! wire_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $wire:literal,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every value, in the order in which metadata should list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The registered name, as on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $wire,)+ }
            }

            /// Reads a registered name; case matters.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($wire => Some(Self::$variant),)+ _ => None }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                let name = <::std::borrow::Cow<'de, str> as ::serde::Deserialize>::deserialize(deserializer)?;
                Self::parse(&name)
                    .ok_or_else(|| ::serde::de::Error::custom("unsupported algorithm"))
            }
        }
    };
}

pub(crate) use wire_enum;

wire_enum! {
    /// A signature or MAC algorithm, RFC 7518 section 3.1 and RFC 8037 section 3.1.
    ///
    /// `none` is not a value of this type.
    pub enum JwsAlgorithm {
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        RS256 = "RS256",
        /// RSASSA-PKCS1-v1_5 with SHA-384.
        RS384 = "RS384",
        /// RSASSA-PKCS1-v1_5 with SHA-512.
        RS512 = "RS512",
        /// RSASSA-PSS with SHA-256.
        PS256 = "PS256",
        /// RSASSA-PSS with SHA-384.
        PS384 = "PS384",
        /// RSASSA-PSS with SHA-512.
        PS512 = "PS512",
        /// ECDSA on P-256 with SHA-256.
        ES256 = "ES256",
        /// ECDSA on P-384 with SHA-384.
        ES384 = "ES384",
        /// ECDSA on P-521 with SHA-512.
        ES512 = "ES512",
        /// EdDSA, here always Ed25519.
        EdDSA = "EdDSA",
        /// ML-DSA-44, RFC 9964.
        MlDsa44 = "ML-DSA-44",
        /// ML-DSA-65, RFC 9964.
        MlDsa65 = "ML-DSA-65",
        /// ML-DSA-87, RFC 9964.
        MlDsa87 = "ML-DSA-87",
        /// HMAC with SHA-256.
        HS256 = "HS256",
        /// HMAC with SHA-384.
        HS384 = "HS384",
        /// HMAC with SHA-512.
        HS512 = "HS512",
    }
}

impl JwsAlgorithm {
    /// Reads the `alg` of a header or a key, where EdDSA has two names.
    //= RFC9864#2.2 MUST: `Ed25519` names EdDSA with the curve Ed25519 and nothing else
    #[must_use]
    pub fn parse_header(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDSA);
        }
        Self::parse(name)
    }

    /// Whether both sides hold the same secret.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        match self {
            Self::HS256 | Self::HS384 | Self::HS512 => true,
            Self::RS256
            | Self::RS384
            | Self::RS512
            | Self::PS256
            | Self::PS384
            | Self::PS512
            | Self::ES256
            | Self::ES384
            | Self::ES512
            | Self::EdDSA
            | Self::MlDsa44
            | Self::MlDsa65
            | Self::MlDsa87 => false,
        }
    }

    /// The digest of the algorithm, as `at_hash` and `c_hash` use it.
    ///
    /// EdDSA and ML-DSA have no digest in their names; SHA-512 is inside Ed25519, SHAKE256 inside ML-DSA, and that is what
    /// implementations use.
    #[must_use]
    pub const fn hash(self) -> HashAlgorithm {
        match self {
            Self::RS256 | Self::PS256 | Self::ES256 | Self::HS256 => HashAlgorithm::Sha256,
            Self::RS384 | Self::PS384 | Self::ES384 | Self::HS384 => HashAlgorithm::Sha384,
            Self::RS512 | Self::PS512 | Self::ES512 | Self::HS512 | Self::EdDSA => {
                HashAlgorithm::Sha512
            }
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => HashAlgorithm::Shake256,
        }
    }
}

/// A digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHAKE256 with 64 bytes.
    Shake256,
}

impl HashAlgorithm {
    /// Length of the digest in bytes.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 | Self::Shake256 => 64,
        }
    }
}

/// What a key is for, [RFC 7517 section 4.2](https://www.rfc-editor.org/rfc/rfc7517#section-4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyUse {
    /// `sig`: signing and verifying.
    Signature,
    /// `enc`: encrypting and decrypting.
    Encryption,
}

impl KeyUse {
    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature => "sig",
            Self::Encryption => "enc",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back_and_none_is_not_one() {
        for alg in JwsAlgorithm::ALL {
            assert_eq!(JwsAlgorithm::parse(alg.name()), Some(*alg));
            let json = serde_json::to_string(alg).unwrap();
            assert_eq!(serde_json::from_str::<JwsAlgorithm>(&json).unwrap(), *alg);
        }
        for name in ["none", "None", "nOnE", "NONE", "", "rs256", "HS1", "RS256 "] {
            assert_eq!(JwsAlgorithm::parse_header(name), None, "{name}");
        }
    }

    //= test RFC9864#2.2 `Ed25519` names EdDSA with the curve Ed25519 and nothing else
    #[test]
    fn ed25519_is_a_second_name_of_eddsa_in_headers_only() {
        assert_eq!(
            JwsAlgorithm::parse_header("Ed25519"),
            Some(JwsAlgorithm::EdDSA)
        );
        assert_eq!(JwsAlgorithm::parse("Ed25519"), None);
        assert_eq!(JwsAlgorithm::parse_header("Ed448"), None);
    }
}
