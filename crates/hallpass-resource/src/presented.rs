//! What a request presents: a token, perhaps a proof, perhaps a certificate.

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION, request::Parts};

use crate::Refusal;

/// SHA-256 over the certificate (DER) that the client showed in the TLS handshake. Whoever ends TLS puts it among the
/// extensions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCertificate(pub [u8; 32]);

/// How a token was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bearer,
    Dpop,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Presented<'r> {
    pub(crate) scheme: Scheme,
    pub(crate) token: &'r str,
    pub(crate) proof: Option<&'r str>,
    pub(crate) certificate: Option<PeerCertificate>,
}

impl<'r> Presented<'r> {
    /// Tokens are taken from the header alone: a query ends up in logs, a body belongs to the service.
    pub(crate) fn read(parts: &'r Parts) -> Result<Self, Refusal> {
        let Some(authorization) = single(&parts.headers, AUTHORIZATION.as_str())? else {
            return Err(Refusal::NoToken);
        };
        let (scheme, token) = authorization.split_once(' ').ok_or(Refusal::Malformed)?;
        let scheme = if scheme.eq_ignore_ascii_case("Bearer") {
            Scheme::Bearer
        } else if scheme.eq_ignore_ascii_case("DPoP") {
            Scheme::Dpop
        } else {
            return Err(Refusal::NoToken);
        };
        let token = token.trim_matches(' ');
        if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(is_token_byte) {
            return Err(Refusal::Malformed);
        }
        Ok(Self {
            scheme,
            token,
            //= RFC9449#4.3 MUST: there is no more than one proof
            proof: single(&parts.headers, "dpop").map_err(|_| Refusal::InvalidProof)?,
            certificate: parts.extensions.get::<PeerCertificate>().copied(),
        })
    }
}

fn single<'r>(headers: &'r HeaderMap, name: &str) -> Result<Option<&'r str>, Refusal> {
    let mut all = headers.get_all(name).iter();
    let text = |value: &'r HeaderValue| value.to_str().map_err(|_| Refusal::Malformed);
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => text(value).map(Some),
        (Some(_), Some(_)) => Err(Refusal::Malformed),
    }
}

//= RFC6750#2.1 MUST: a token is of the form b64token
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

const MAX_TOKEN: usize = 32 * 1024;
