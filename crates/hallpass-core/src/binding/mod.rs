//! Binding tokens to keys: what a client has proved to hold, and what that means for the tokens it gets and uses.

pub mod dpop;
#[cfg(test)]
mod tests;

use crate::{
    client::Client,
    client_auth::OnceUse,
    client_request::{Certificate, Header},
    issue::TokenType,
    reasons,
    record::Confirmation,
};

reasons! {
    /// Why a token is not issued to, or not accepted from, who has shown these keys.
    pub enum Reason {
        /// A token is bound to one key.
        TwoKeys => InvalidRequest, "binding_two_keys", "a token is bound to a DPoP key or to a certificate, not to both";
        /// RFC 8705 §3.
        CertificateMissing => InvalidRequest, "binding_certificate_missing", "a client certificate is needed";
        /// RFC 9449 §7.2: a bound token is not used as a bearer token.
        ProofMissing => InvalidToken, "binding_proof_missing", "the access token is used without its key";
        /// RFC 9449 §7.1: the token is bound to no key, so that a proof says nothing about it.
        NotBound => InvalidToken, "binding_not_bound", "the access token is not bound to a key";
        /// RFC 9449 §7.1.
        AnotherKey => InvalidToken, "binding_another_key", "the access token is bound to another key";
        /// RFC 8705 §3.
        AnotherCertificate => InvalidToken, "binding_another_certificate",
            "the access token is bound to another certificate";
    }
}

/// A key that a client has proved to hold in this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "proofs come from other crates, too"
)]
pub struct Proved {
    /// The key.
    pub key: Confirmation,
    /// The proof itself works once: it is spent along with what the request does.
    pub once: Option<OnceUse>,
}

/// The key to which the tokens of this client are bound, when it has shown this verified proof, that certificate, both
/// or neither.
///
/// # Errors
/// The client's tokens must be bound and it shows nothing to bind them to, or it shows both where one is right.
pub fn to_bind(
    client: &Client,
    proof: Option<Proved>,
    certificate: Option<&Certificate>,
) -> Result<Option<Proved>, Failure> {
    let by_certificate = client.certificate_bound_access_tokens;
    match (proof, certificate) {
        (Some(_), _) if by_certificate => Err(Reason::TwoKeys.into()),
        (Some(proof), _) => Ok(Some(proof)),
        //= RFC9449#5.2 MUST: without a proof there is no token for a client that registered dpop_bound_access_tokens
        (None, _) if client.dpop_bound_access_tokens => Err(dpop::Reason::Missing.into()),
        //= RFC8705#3 MUST: the token of a client that registered it is bound to its certificate
        //= FAPI2-SP#5.3.2.1 MUST: access tokens are bound by mutual TLS or DPoP
        (None, Some(certificate)) if by_certificate || client.fapi.is_some() => Ok(Some(Proved {
            key: Confirmation::X5tS256(certificate.thumbprint()),
            once: None,
        })),
        (None, None) if by_certificate => Err(Reason::CertificateMissing.into()),
        (None, None) if client.fapi.is_some() => Err(dpop::Reason::Missing.into()),
        (None, Some(_) | None) => Ok(None),
    }
}

/// Why [`to_bind`] refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the engine turns each into an answer"
)]
pub enum Failure {
    /// The binding.
    Binding(Reason),
    /// The proof.
    Proof(dpop::Reason),
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::Binding(reason)
    }
}

impl From<dpop::Reason> for Failure {
    fn from(reason: dpop::Reason) -> Self {
        Self::Proof(reason)
    }
}

/// Whether an access token may be used in this way: as it was presented, with this verified proof, over a connection with
/// that certificate.
///
/// # Errors
/// It is bound to another key, to one that was not shown, or to none.
pub fn may_use(
    confirmation: Option<Confirmation>,
    presented: TokenType,
    proof: Option<Proved>,
    certificate: Option<&Certificate>,
) -> Result<(), Reason> {
    match (confirmation, presented) {
        (None, TokenType::Bearer) => Ok(()),
        (Some(Confirmation::Jkt(_)), TokenType::DPoP) => {
            let proof = proof.ok_or(Reason::ProofMissing)?;
            //= RFC9449#7.1 MUST: the key of the proof is the one that the token is bound to
            if Some(proof.key) == confirmation {
                Ok(())
            } else {
                Err(Reason::AnotherKey)
            }
        }
        //= RFC9449#7.2 MUST: a DPoP-bound token that is presented as a bearer token is refused
        (Some(Confirmation::Jkt(_)), TokenType::Bearer) => Err(Reason::ProofMissing),
        (Some(Confirmation::X5tS256(bound)), TokenType::Bearer) => {
            //= RFC8705#3 MUST: a token is refused over a connection with another certificate, or with none
            let shown = certificate.ok_or(Reason::ProofMissing)?;
            if shown.thumbprint() == bound {
                Ok(())
            } else {
                Err(Reason::AnotherCertificate)
            }
        }
        (Some(Confirmation::X5tS256(_)) | None, TokenType::DPoP) => Err(Reason::NotBound),
    }
}

/// The proof in a request, if there is one.
///
/// # Errors
/// More than one header, or a proof that is refused.
//= RFC9449#4.3 MUST: there is one DPoP header at most
pub fn read_proof(
    header: Header<'_>,
    facts: &dpop::Facts<'_>,
) -> Result<Option<Proved>, dpop::Reason> {
    match header {
        Header::Absent => Ok(None),
        Header::Once(proof) => dpop::verify(proof, facts).map(Some),
        Header::Unusable => Err(dpop::Reason::Repeated),
    }
}
