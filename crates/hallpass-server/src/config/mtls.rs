//! `[mtls]`: certificates of clients, RFC 8705.

use std::path::PathBuf;

use hallpass_core::policy::{self, Policy, Roots};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::checker::Checker;
use super::server::Server;
use super::tls::Tls;
use super::value::Listen;

/// Certificates of clients (RFC 8705): for their authentication, and for tokens that are bound to a certificate.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    /// Whether certificates are looked at.
    enabled: bool,
    /// Addresses of a listener of its own that asks for certificates. Without any the public listener asks, and browsers
    /// of people who have a certificate may ask them to choose one.
    listen: Option<Listen>,
    /// The URL under which clients reach what asks for certificates, like `server.issuer` and with the same path. Without
    /// it that is the issuer itself. It stands in the metadata as `mtls_endpoint_aliases`.
    base_url: Option<String>,
    /// PEM file with the authorities that vouch for clients of `tls_client_auth`. Without it that method does not exist.
    ca_file: Option<PathBuf>,
    /// The header in which the trusted proxies pass a client's certificate on; they must take it away from every request
    /// that brings one itself. Not read at `listen`: who connects there shows a certificate in the handshake or none.
    certificate_header: CertificateHeader,
}

/// The header in which a reverse proxy passes on the certificate of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateHeader {
    /// None: TLS ends here.
    #[default]
    None,
    /// `Client-Cert` and `Client-Cert-Chain`, RFC 9440.
    ClientCert,
    /// `SSL-Client-Cert` with a PEM text that is percent-encoded, as nginx makes it of `$ssl_client_escaped_cert`.
    SslClientCert,
}

/// Checked.
#[derive(Debug, Clone, Default)]
pub struct Mtls {
    /// Whether certificates are looked at.
    pub enabled: bool,
    /// Addresses of a listener of its own.
    pub listen: Option<Listen>,
    /// The URL of what asks for certificates, where it is not the issuer.
    pub base_url: Option<String>,
    /// The header of the trusted proxies.
    pub certificate_header: CertificateHeader,
    roots: Roots,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            enabled: false,
            listen: None,
            base_url: None,
            ca_file: None,
            certificate_header: CertificateHeader::None,
        }
    }
}

impl Raw {
    pub(super) fn parse(self, server: &Server, tls: &Tls, check: &mut Checker<'_>) -> Mtls {
        let by_header = self.certificate_header != CertificateHeader::None;
        if self.enabled && tls.files().is_none() && !by_header {
            check.problem(
                "mtls.enabled",
                "nobody would ask for certificates: set up [tls], or certificate_header for the proxies",
            );
        }
        if self.listen.is_some() && tls.files().is_none() {
            check.problem("mtls.listen", "needs the certificate of [tls]");
        }
        if self.listen.is_some() && self.base_url.is_none() {
            check.problem("mtls.base_url", "is missing beside mtls.listen");
        }
        if by_header && server.trusted_proxies.is_empty() {
            check.problem(
                "mtls.certificate_header",
                "nobody may write it; name the proxies in server.trusted_proxies",
            );
        }
        if let Some(base) = &self.base_url
            && let Err(message) = check_base(base, server)
        {
            check.problem("mtls.base_url", message);
        }
        let roots = self.roots(check);
        Mtls {
            enabled: self.enabled,
            listen: self.listen,
            base_url: self.base_url,
            certificate_header: self.certificate_header,
            roots: Roots::new(roots),
        }
    }

    fn roots(&self, check: &mut Checker<'_>) -> Vec<Vec<u8>> {
        let Some(file) = &self.ca_file else {
            return Vec::new();
        };
        let name = file.display();
        let read =
            CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match read {
            Ok(roots) if roots.is_empty() => {
                check.problem("mtls.ca_file", format!("{name} holds no certificate"));
                Vec::new()
            }
            Ok(roots) => roots.iter().map(|root| root.to_vec()).collect(),
            Err(error) => {
                check.problem("mtls.ca_file", format!("{name}: {error}"));
                Vec::new()
            }
        }
    }
}

/// Paths are compared as they are sent, so the two URLs differ in host and port alone.
fn check_base(base: &str, server: &Server) -> Result<(), &'static str> {
    let url = Url::parse(base).map_err(|_| "is no URL")?;
    if url.scheme() != "https" {
        return Err("must begin with https://");
    }
    if url.as_str().trim_end_matches('/') != base {
        return Err(
            "must be written without a slash at its end, and otherwise as browsers write it",
        );
    }
    if url.query().is_some() || url.fragment().is_some() || base.contains('@') {
        return Err("must have no user, query and fragment");
    }
    let issuer = server
        .issuer
        .as_deref()
        .and_then(|issuer| Url::parse(issuer).ok());
    let path = issuer.as_ref().map_or("/", |issuer| issuer.path());
    if url.path().trim_end_matches('/') != path.trim_end_matches('/') {
        return Err("must have the same path as server.issuer");
    }
    Ok(())
}

impl Mtls {
    /// Whether the public listener asks for certificates.
    #[must_use]
    pub fn asks_in_public(&self) -> bool {
        self.enabled && self.listen.is_none() && self.certificate_header == CertificateHeader::None
    }

    /// Says it to the policy.
    pub(crate) fn apply(&self, policy: &mut Policy) {
        policy.mtls = policy::MtlsPolicy {
            enabled: self.enabled,
            roots: self.roots.clone(),
            base: self.base_url.clone(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_url_differs_from_the_issuer_in_host_and_port_alone() {
        let server = Server {
            issuer: Some("https://op.example/t1".to_owned()),
            ..Server::default()
        };
        for good in ["https://mtls.op.example/t1", "https://op.example:8443/t1"] {
            assert_eq!(check_base(good, &server), Ok(()), "{good}");
        }
        for bad in [
            "",
            "op.example/t1",
            "http://op.example:8443/t1",
            "https://op.example:8443",
            "https://op.example:8443/t1/",
            "https://op.example:8443/t2",
            "https://op.example:8443/t1?a",
            "https://op.example:8443/t1#a",
            "https://me@op.example:8443/t1",
            "https://OP.example:8443/t1",
        ] {
            assert!(check_base(bad, &server).is_err(), "{bad}");
        }
        assert_eq!(
            check_base("https://localhost:8443", &Server::default()),
            Ok(())
        );
    }

    #[test]
    fn the_default_is_that_of_the_library() {
        let issuer = hallpass_types::Issuer::parse("https://localhost").unwrap();
        let mut policy = Policy::new(issuer, std::sync::Arc::new([0; 32]));
        let library = policy.mtls.clone();
        Mtls::default().apply(&mut policy);
        assert_eq!(policy.mtls, library);
    }
}
