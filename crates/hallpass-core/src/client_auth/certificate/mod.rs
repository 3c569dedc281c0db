//! Client authentication by certificate, [RFC 8705 §2](https://www.rfc-editor.org/rfc/rfc8705#section-2).
//!
//! That the client holds the certificate's key was shown in the TLS handshake, here or at a trusted proxy. What is decided
//! here is whether the certificate is the client's: by a chain to a trusted root and the registered subject, or because it
//! was registered itself.

mod name;
mod subject;
#[cfg(test)]
mod tests;

use hallpass_jose::Jwks;
use hallpass_types::{Timestamp, constant_time_eq};
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _, time::ASN1Time};

use super::{Credential, Facts, Found, Kind, Method, OnceUse, Reason, Request};
use crate::{client::Client, client_request::Certificate, policy::Policy};

pub use name::DistinguishedName;
pub use subject::{MEMBERS, Subject};

/// `tls_client_auth`: a certificate of a trusted authority with the registered subject.
#[derive(Debug)]
pub(super) struct TlsClientAuth;

/// `self_signed_tls_client_auth`: a certificate that the client registered.
#[derive(Debug)]
pub(super) struct SelfSigned;

/// The registered name of `TlsClientAuth`.
pub const TLS_CLIENT_AUTH: &str = "tls_client_auth";
/// The registered name of the method by a certificate of the client's own.
pub const SELF_SIGNED: &str = "self_signed_tls_client_auth";

impl Method for TlsClientAuth {
    fn name(&self) -> &'static str {
        TLS_CLIENT_AUTH
    }

    fn kind(&self) -> Kind {
        Kind::Certificate
    }

    fn is_offered(&self, policy: &Policy) -> bool {
        policy.mtls.enabled && !policy.mtls.roots.is_empty()
    }

    /// A certificate says nothing about which client it is: the request reads like one that only names its client, and
    /// what that client registered decides.
    fn read<'p>(&self, _: &Request<'p>) -> Result<Option<Found<'p>>, Reason> {
        Ok(None)
    }

    fn verify(
        &self,
        credential: &Credential<'_>,
        client: &Client,
        facts: &Facts<'_>,
    ) -> Result<Option<OnceUse>, Reason> {
        let shown = shown(credential)?;
        //= RFC8705#2.1.2 MUST: exactly one subject member is registered
        let expected = client
            .tls_subject
            .as_ref()
            .ok_or(Reason::CertificateSubject)?;
        let parsed = parse(shown.der()).ok_or(Reason::CertificateInvalid)?;
        // Cheaper than the signatures of a chain.
        if !expected.matches(&parsed) {
            return Err(Reason::CertificateSubject);
        }
        check_chain(shown, facts)?;
        Ok(None)
    }
}

impl Method for SelfSigned {
    fn name(&self) -> &'static str {
        SELF_SIGNED
    }

    fn kind(&self) -> Kind {
        Kind::Certificate
    }

    fn is_offered(&self, policy: &Policy) -> bool {
        policy.mtls.enabled
    }

    fn read<'p>(&self, _: &Request<'p>) -> Result<Option<Found<'p>>, Reason> {
        Ok(None)
    }

    fn verify(
        &self,
        credential: &Credential<'_>,
        client: &Client,
        facts: &Facts<'_>,
    ) -> Result<Option<OnceUse>, Reason> {
        let shown = shown(credential)?;
        let (keys, may_be_old) = facts.keys_of(client)?;
        //= RFC8705#2.2 MUST: the certificate of the handshake is one that the client registered
        if !registered(keys, shown) {
            return Err(if may_be_old {
                Reason::KeyMiss
            } else {
                Reason::CertificateUnknown
            });
        }
        let parsed = parse(shown.der()).ok_or(Reason::CertificateInvalid)?;
        if is_valid_at(&parsed, facts.now) {
            Ok(None)
        } else {
            Err(Reason::CertificateInvalid)
        }
    }
}

fn shown<'c>(credential: &Credential<'c>) -> Result<&'c Certificate, Reason> {
    match credential {
        Credential::Certificate(certificate) => Ok(certificate),
        Credential::None
        | Credential::Secret(_)
        | Credential::Assertion(_)
        | Credential::Attested(_) => Err(Reason::Malformed),
    }
}

/// Whether it is the first certificate of a registered key.
fn registered(keys: &Jwks, shown: &Certificate) -> bool {
    keys.keys()
        .filter_map(|key| key.certificates().first())
        .any(|der| constant_time_eq(der, shown.der()))
}

/// Whether a key set holds a certificate that could be shown.
#[must_use]
pub fn holds_certificate(keys: &Jwks) -> bool {
    keys.keys()
        .filter_map(|key| key.certificates().first())
        .any(|der| parse(der).is_some())
}

/// Verifies that trusted roots vouch for the certificate, for clients, and now.
//= RFC8705#2.1 MUST: the certificate is validated against a trusted authority
fn check_chain(shown: &Certificate, facts: &Facts<'_>) -> Result<(), Reason> {
    let der = CertificateDer::from_slice(shown.der());
    let certificate = EndEntityCert::try_from(&der).map_err(|_| Reason::CertificateInvalid)?;
    let roots: Vec<CertificateDer<'_>> = facts
        .policy
        .mtls
        .roots
        .iter()
        .map(CertificateDer::from_slice)
        .collect();
    let anchors: Vec<_> = roots
        .iter()
        .filter_map(|root| webpki::anchor_from_trusted_cert(root).ok())
        .collect();
    let between: Vec<CertificateDer<'_>> = shown
        .chain()
        .iter()
        .map(|der| CertificateDer::from_slice(der))
        .collect();
    let seconds = u64::try_from(facts.now.0).map_err(|_| Reason::CertificateInvalid)?;
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    certificate
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &between,
            now,
            KeyUsage::client_auth(),
            None,
            None,
        )
        .map(drop)
        .map_err(|_| Reason::CertificateUntrusted)
}

fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    let (rest, parsed) = X509Certificate::from_der(der).ok()?;
    rest.is_empty().then_some(parsed)
}

fn is_valid_at(certificate: &X509Certificate<'_>, now: Timestamp) -> bool {
    ASN1Time::from_timestamp(now.0).is_ok_and(|now| certificate.validity().is_valid_at(now))
}
