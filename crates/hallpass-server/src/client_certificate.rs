//! The certificate of a client: from the TLS handshake, or from the header of a trusted proxy.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_http::PeerCertificate;
use hallpass_provider::Certificate;
use http::{HeaderMap, HeaderName};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::config::CertificateHeader;

/// The header says something that is no certificate, or says it twice.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// The certificate of a handshake that has ended, if the client has shown one.
#[must_use]
pub fn of_handshake(shown: Option<&[CertificateDer<'_>]>) -> Option<PeerCertificate> {
    let (first, rest) = shown?.split_first()?;
    let chain = rest.iter().take(MOST).map(|der| der.to_vec()).collect();
    let certificate = Certificate::from_der(first.to_vec()).with_chain(chain);
    Some(PeerCertificate(Arc::new(certificate)))
}

/// The certificate that a trusted proxy passes on. That its key was proved is the proxy's word.
///
/// # Errors
/// The header stands twice, or holds something else.
//= RFC9440#2.2 MUST: the header occurs once
pub fn of_header(
    kind: CertificateHeader,
    headers: &HeaderMap,
) -> Result<Option<PeerCertificate>, Malformed> {
    let name = match kind {
        CertificateHeader::None => return Ok(None),
        CertificateHeader::ClientCert => CLIENT_CERT,
        CertificateHeader::SslClientCert => SSL_CLIENT_CERT,
    };
    let Some(text) = once(headers, &name)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let (der, chain) = match kind {
        CertificateHeader::None => return Ok(None),
        CertificateHeader::ClientCert => {
            let chain = once(headers, &CLIENT_CERT_CHAIN)?.filter(|text| !text.is_empty());
            let chain = chain.map(|text| text.split(',').take(MOST).map(sequence).collect());
            (sequence(text)?, chain.transpose()?.unwrap_or_default())
        }
        CertificateHeader::SslClientCert => (escaped(text)?, Vec::new()),
    };
    let certificate = Certificate::from_der(der).with_chain(chain);
    Ok(Some(PeerCertificate(Arc::new(certificate))))
}

fn once<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Malformed> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(|t| Some(t.trim()))
            .map_err(|_| Malformed),
        (Some(_), Some(_)) => Err(Malformed),
    }
}

/// A byte sequence of RFC 9651 §3.3.5.
fn sequence(text: &str) -> Result<Vec<u8>, Malformed> {
    let inner = text
        .trim()
        .strip_prefix(':')
        .and_then(|rest| rest.strip_suffix(':'))
        .ok_or(Malformed)?;
    let der = STANDARD.decode(inner).map_err(|_| Malformed)?;
    if der.is_empty() {
        Err(Malformed)
    } else {
        Ok(der)
    }
}

/// A PEM text that is percent-encoded.
fn escaped(text: &str) -> Result<Vec<u8>, Malformed> {
    let mut pem = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || {
                let byte = rest.next().ok_or(Malformed)?;
                let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
                u8::try_from(digit).map_err(|_| Malformed)
            };
            let (high, low) = (digit()?, digit()?);
            pem.push(high.wrapping_shl(4) | low);
        } else {
            pem.push(byte);
        }
    }
    let mut all = CertificateDer::pem_slice_iter(&pem);
    let first = all.next().and_then(Result::ok).ok_or(Malformed)?;
    Ok(first.to_vec())
}

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
const SSL_CLIENT_CERT: HeaderName = HeaderName::from_static("ssl-client-cert");

/// Longer chains than this lead nowhere.
const MOST: usize = 8;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn read(kind: CertificateHeader, lines: &[(&'static str, &str)]) -> Result<Vec<u8>, Malformed> {
        let found = of_header(kind, &headers(lines))?;
        Ok(found.map_or_else(Vec::new, |found| found.0.der().to_vec()))
    }

    #[test]
    fn a_certificate_stands_in_the_configured_header_and_in_no_other() {
        // TK-51
        use CertificateHeader as H;
        let lines = [
            ("client-cert", ":AQID:"),
            (
                "ssl-client-cert",
                "-----BEGIN%20CERTIFICATE-----%0ABAUG%0A-----END%20CERTIFICATE-----%0A",
            ),
            ("x-client-cert", ":BwgJ:"),
            ("x-forwarded-client-cert", "Cert=\"AQID\""),
        ];
        assert_eq!(read(H::ClientCert, &lines), Ok(vec![1, 2, 3]));
        assert_eq!(read(H::SslClientCert, &lines), Ok(vec![4, 5, 6]));
        assert_eq!(read(H::None, &lines), Ok(vec![]));
        assert_eq!(read(H::ClientCert, &lines[2..]), Ok(vec![]));
        assert_eq!(read(H::ClientCert, &[("client-cert", "")]), Ok(vec![]));
        let led = headers(&[
            ("client-cert", ":AQID:"),
            ("client-cert-chain", ":BAUG:, :BwgJ:"),
        ]);
        let led = of_header(H::ClientCert, &led).unwrap().unwrap();
        assert_eq!(led.0.chain(), [vec![4, 5, 6], vec![7, 8, 9]]);
    }

    #[test]
    fn a_header_that_is_there_twice_or_malformed_is_refused() {
        //= test RFC9440#2.2 the header occurs once
        // TK-51
        use CertificateHeader as H;
        for lines in [
            &[("client-cert", ":AQID:"), ("client-cert", ":AQID:")][..],
            &[("client-cert", ":AQID:"), ("client-cert", "")],
            &[("client-cert", "AQID")],
            &[("client-cert", "::")],
            &[("client-cert", ":AQID:, :AQID:")],
            &[("client-cert", ":A_-D:")],
            &[("client-cert", ":AQID:"), ("client-cert-chain", "x")],
        ] {
            assert_eq!(read(H::ClientCert, lines), Err(Malformed), "{lines:?}");
        }
        for text in ["x", "%", "%2", "%zz", "-----BEGIN%20CERTIFICATE-----"] {
            assert_eq!(
                read(H::SslClientCert, &[("ssl-client-cert", text)]),
                Err(Malformed)
            );
        }
    }
}
