//! What a URL asks us to reach.

use std::net::IpAddr;

use hallpass_provider::ports::FetchError;
use rustls_pki_types::ServerName;
use url::{Host, Url};

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Whether TLS is spoken.
    pub(crate) https: bool,
    /// The name, or the address that the URL names.
    pub(crate) host: TargetHost,
    /// The port.
    pub(crate) port: u16,
    /// The `Host` header: without the port where it goes without saying.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) path: String,
}

/// A name to resolve, or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TargetHost {
    Name(String),
    Address(IpAddr),
}

impl Target {
    /// Takes a URL apart. The parser is that of browsers, so `0x7f.1` and the like arrive here as the address they mean.
    pub(crate) fn parse(text: &str) -> Result<Self, FetchError> {
        let url = Url::parse(text).map_err(|_| FetchError::Blocked)?;
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(FetchError::Blocked),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Blocked);
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => TargetHost::Name(name.to_owned()),
            Some(Host::Ipv4(v4)) => TargetHost::Address(IpAddr::V4(v4)),
            Some(Host::Ipv6(v6)) => TargetHost::Address(IpAddr::V6(v6)),
            None => return Err(FetchError::Blocked),
        };
        let name = url.host_str().unwrap_or_default();
        let authority = match url.port() {
            Some(port) => format!("{name}:{port}"),
            None => name.to_owned(),
        };
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let port = url.port_or_known_default().ok_or(FetchError::Blocked)?;
        Ok(Self {
            https,
            host,
            port,
            authority,
            path,
        })
    }

    /// Whom a certificate must be for.
    pub(crate) fn server_name(&self) -> Option<ServerName<'static>> {
        match &self.host {
            TargetHost::Name(name) => {
                ServerName::try_from(name.trim_end_matches('.').to_owned()).ok()
            }
            TargetHost::Address(address) => Some(ServerName::from(*address)),
        }
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_address_is_that_address() {
        #[rustfmt::skip]
        let cases = [
            ("https://127.0.0.1/", "127.0.0.1"),
            ("https://127.1/", "127.0.0.1"),
            ("https://2130706433/", "127.0.0.1"),
            ("https://0x7f000001/", "127.0.0.1"),
            ("https://0x7f.0.0x0.1/", "127.0.0.1"),
            ("https://0177.0.0.1/", "127.0.0.1"),
            ("https://017700000001/", "127.0.0.1"),
            ("https://127.0.0.1./", "127.0.0.1"),
            ("https://%31%32%37.0.0.1/", "127.0.0.1"),
            ("https://①②⑦.⓪.⓪.①/", "127.0.0.1"),
            ("https://127。0。0。1/", "127.0.0.1"),
            ("https://0/", "0.0.0.0"),
            ("https:\\\\127.0.0.1\\", "127.0.0.1"),
            ("https:127.0.0.1", "127.0.0.1"),
            ("https:///127.0.0.1/", "127.0.0.1"),
            ("\thttps://127.0.\n0.1/", "127.0.0.1"),
            ("https://127.0.0.1#@example.com/", "127.0.0.1"),
            ("https://127.0.0.1?@example.com/", "127.0.0.1"),
            ("https://[::1]/", "::1"),
            ("https://[0:0:0:0:0:0:0:1]/", "::1"),
            ("https://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
            ("https://[::ffff:7f00:1]/", "::ffff:127.0.0.1"),
        ];
        for (url, address) in cases {
            let target = Target::parse(url).unwrap();
            assert_eq!(
                target.host,
                TargetHost::Address(address.parse().unwrap()),
                "{url}"
            );
        }
    }

    #[test]
    fn other_schemes_credentials_and_nonsense_are_blocked() {
        #[rustfmt::skip]
        let cases = [
            "", "example.com", "//example.com", "file:///etc/passwd", "gopher://example.com/", "ftp://example.com/",
            "dict://example.com/", "ldap://example.com/", "unix:/run/x", "data:,x", "javascript:1", "ws://example.com/",
            "https://", "https://me@example.com/", "https://me:pw@example.com/", "https://:pw@example.com/",
            "https://public@127.0.0.1/", "https://[fe80::1%25eth0]/", "https://[::1/", "https://a b/",
            "https://example.com:99999/", "https://exa\u{0}mple.com/", "https://256.256.256.256/",
        ];
        for url in cases {
            assert!(
                matches!(Target::parse(url), Err(FetchError::Blocked)),
                "{url}"
            );
        }
    }

    #[test]
    fn a_path_cannot_break_out_of_its_line() {
        let target = Target::parse("https://example.com:8443/a\r\nX: y?b=\r\nc d#e").unwrap();
        assert_eq!(target.authority, "example.com:8443");
        assert!(
            !target.path.contains(['\r', '\n', ' ', '#']),
            "{}",
            target.path
        );
        assert_eq!(target.origin(), "https://example.com:8443");
    }
}
