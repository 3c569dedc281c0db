//! What a client shows beside parameters: proofs, certificates, attestations.

use std::sync::Arc;

use hallpass_core::client_request::{Certificate, ClientRequest, Header};
use hallpass_provider::Provider;
use hallpass_types::Params;
use http::{HeaderMap, HeaderName, HeaderValue, header::ACCEPT, request::Parts};

use crate::{ClientAddr, Response};

/// The certificate whose key the client proved to hold in the TLS handshake, here or at a trusted proxy. Whoever accepts
/// connections puts it into the request's extensions.
#[derive(Clone, Debug)]
pub struct PeerCertificate(pub Arc<Certificate>);

/// The request of a client as the engine takes it.
pub(crate) fn client_request<'a>(
    parts: &'a Parts,
    params: &'a Params,
    authorization: Option<&'a str>,
) -> ClientRequest<'a> {
    let mut request = ClientRequest::new(params, authorization);
    request.method = parts.method.as_str();
    request.accept = parts.headers.get(ACCEPT).and_then(|v| v.to_str().ok());
    request.dpop = header(&parts.headers, &DPOP);
    request.attestation = header(&parts.headers, &ATTESTATION);
    request.attestation_pop = header(&parts.headers, &ATTESTATION_POP);
    request.certificate = parts
        .extensions
        .get::<PeerCertificate>()
        .map(|certificate| certificate.0.as_ref());
    request.peer = parts.extensions.get::<ClientAddr>().map(|peer| peer.0);
    request
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Header<'h> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Header::Absent,
        (Some(value), None) => value.to_str().map_or(Header::Unusable, Header::Once),
        (Some(_), Some(_)) => Header::Unusable,
    }
}

/// Tells a client which challenge the next proof of its attestation needs, where proofs need one.
//= ATTESTATION#6.2 MAY: a fresh challenge comes with any answer
pub(crate) fn next_challenge(provider: &Provider, response: &mut Response) {
    let challenge = provider.attestation_challenge();
    if let Some(value) = challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(ATTESTATION_CHALLENGE), value);
    }
}

/// Tells a client that uses proofs which nonce the next one needs. The one that is handed out is always the newest.
//= RFC9449#8.2 MAY: a server supplies a new nonce in any answer
pub(crate) fn next_nonce(provider: &Provider, request: &HeaderMap, response: &mut Response) {
    if !request.contains_key(&DPOP) {
        return;
    }
    let nonce = provider.dpop_nonce();
    if let Some(value) = nonce.and_then(|nonce| HeaderValue::from_str(&nonce).ok()) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("dpop-nonce"), value);
    }
}

static DPOP: HeaderName = HeaderName::from_static("dpop");
static ATTESTATION: HeaderName = HeaderName::from_static("oauth-client-attestation");
const ATTESTATION_CHALLENGE: &str = "oauth-client-attestation-challenge";
static ATTESTATION_POP: HeaderName = HeaderName::from_static("oauth-client-attestation-pop");
