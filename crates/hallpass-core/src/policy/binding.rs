//! Binding of tokens to keys.

use std::{fmt, sync::Arc};

use hallpass_jose::Jwks;

/// Demonstrating Proof of Possession (RFC 9449).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DpopPolicy {
    /// Whether proofs are looked at. Without it tokens are bearer tokens, whatever a request shows.
    pub enabled: bool,
    /// Whether proofs need a nonce of this server.
    pub nonce: DpopNonce,
}

impl Default for DpopPolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            nonce: DpopNonce::Never,
        }
    }
}

/// Whether DPoP proofs need a nonce of this server (RFC 9449 §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum DpopNonce {
    /// `iat` and `jti` are enough.
    #[default]
    Never,
    /// A client asks again with the nonce that the first answer carries. It keeps out proofs that were made in advance.
    Always,
}

/// Mutual TLS (RFC 8705).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MtlsPolicy {
    /// Whether certificates of clients are looked at. Something in front of the engine must ask for them.
    pub enabled: bool,
    /// The authorities that vouch for clients of `tls_client_auth`. Without any that method does not exist.
    pub roots: Roots,
    /// The URL, like an issuer's, under which the endpoints ask for certificates, where that is not the issuer's own
    /// (`mtls_endpoint_aliases`).
    pub base: Option<String>,
}

/// What is asked of attestations beyond those of clients that authenticate by them (Attestation-Based Client Authentication,
/// a draft).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttestationPolicy {
    /// Whether a proof needs a challenge of this server, which is handed out at an endpoint and with answers.
    pub challenges: bool,
    /// What an attestation beside another method of authentication means.
    pub signal: Signal,
}

/// What an attestation means when its client authenticates in another way (§7.6 of the draft).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth way")]
pub enum Signal {
    /// It is not looked at.
    #[default]
    Ignored,
    /// One that is shown must be right.
    Accepted,
    /// There must be one.
    Demanded,
}

/// Somebody who vouches for instances of clients.
#[derive(Clone, Debug)]
pub struct Attester {
    /// The `iss` of its attestations.
    pub issuer: String,
    /// Its keys.
    pub jwks: Arc<Jwks>,
}

impl MtlsPolicy {
    /// The URL of the endpoint at that path where certificates are asked for, when it is not the issuer's own.
    #[must_use]
    pub fn alias(&self, path: &str) -> Option<String> {
        let base = self.base.as_ref().filter(|_| self.enabled)?;
        Some(format!("{base}{path}"))
    }
}

/// Root certificates in DER.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Roots(Arc<Vec<Vec<u8>>>);

impl Roots {
    /// Takes certificates over. They are read when a client's certificate is checked.
    #[must_use]
    pub fn new(der: Vec<Vec<u8>>) -> Self {
        Self(Arc::new(der))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.0.len())
    }
}
