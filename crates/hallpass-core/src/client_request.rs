//! What a client sends to an endpoint that machines call, before anything of it is believed.

use std::{fmt, net::IpAddr};

use hallpass_types::{Params, Thumbprint, sha256};

/// A request of a client. Everything in it is as it was sent.
#[derive(Clone, Copy)]
#[expect(
    clippy::exhaustive_structs,
    reason = "made by `new`, then told by name what else was sent"
)]
pub struct ClientRequest<'a> {
    /// The method, in upper case as it was sent (RFC 9110 §9.1).
    pub method: &'a str,
    /// The parameters of query or form.
    pub params: &'a Params,
    /// The value of the `Authorization` header; whoever reads the request refuses two of them.
    pub authorization: Option<&'a str>,
    /// The `DPoP` header (RFC 9449 §4.1).
    pub dpop: Header<'a>,
    /// The certificate whose key the client has proved to hold in the TLS handshake (RFC 8705).
    pub certificate: Option<&'a Certificate>,
    /// The `OAuth-Client-Attestation` header.
    pub attestation: Header<'a>,
    /// The `OAuth-Client-Attestation-PoP` header.
    pub attestation_pop: Header<'a>,
    /// The `Accept` header.
    pub accept: Option<&'a str>,
    /// Where it came from, as far as that is known: what is not authenticated is counted by it.
    pub peer: Option<IpAddr>,
}

impl<'a> ClientRequest<'a> {
    /// A POST with these parameters and that `Authorization` header, and nothing else.
    #[must_use]
    pub const fn new(params: &'a Params, authorization: Option<&'a str>) -> Self {
        Self {
            method: "POST",
            params,
            authorization,
            dpop: Header::Absent,
            certificate: None,
            attestation: Header::Absent,
            attestation_pop: Header::Absent,
            accept: None,
            peer: None,
        }
    }
}

/// Secrets, tokens and proofs are not printed.
impl fmt::Debug for ClientRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRequest")
            .field("method", &self.method)
            .field("params", &self.params)
            .field("authorization", &self.authorization.is_some())
            .field("dpop", &self.dpop)
            .field("certificate", &self.certificate)
            .field("attestation", &self.attestation)
            .field("attestation_pop", &self.attestation_pop)
            .finish_non_exhaustive()
    }
}

/// A header that may stand once.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth way")]
pub enum Header<'a> {
    /// It is not there.
    #[default]
    Absent,
    /// Its value.
    Once(&'a str),
    /// It is there more than once, or holds what is no text.
    Unusable,
}

/// A proof is not printed: until it was used it is as good as what it proves.
impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Once(_) => "Once(..)",
            Self::Unusable => "Unusable",
        })
    }
}

/// A certificate that a client showed, with the digest that tokens are bound to.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    chain: Vec<Vec<u8>>,
    thumbprint: Thumbprint,
}

impl Certificate {
    /// Takes the DER encoding over. Nothing is parsed.
    //= RFC8705#3.1 MUST: the confirmation is the SHA-256 of the DER encoding of the certificate
    #[must_use]
    pub fn from_der(der: Vec<u8>) -> Self {
        Self {
            thumbprint: Thumbprint(sha256(&der)),
            der,
            chain: Vec::new(),
        }
    }

    /// With the certificates that were shown along with it, in DER.
    #[must_use]
    pub fn with_chain(mut self, chain: Vec<Vec<u8>>) -> Self {
        self.chain = chain;
        self
    }

    /// The certificates that were shown along with it, which may lead to a root.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// Its DER encoding.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of its DER encoding.
    #[must_use]
    pub const fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate")
            .field(&self.thumbprint)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_client_proves_itself_with_is_printed() {
        let params = Params::from_pairs([("client_secret", "hidden-1")]);
        let mut request = ClientRequest::new(&params, Some("Basic hidden-2"));
        request.dpop = Header::Once("hidden-3");
        request.attestation = Header::Once("hidden-4");
        request.attestation_pop = Header::Once("hidden-5");
        let printed = format!("{request:?}");
        assert!(
            printed.contains("Once(..)") && !printed.contains("hidden"),
            "{printed}"
        );
    }
}
