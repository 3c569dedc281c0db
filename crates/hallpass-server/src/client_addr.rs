//! For whom a request is made: the peer of the connection, or what a trusted proxy says.

use std::net::{IpAddr, SocketAddr};

use hallpass_fetch::Cidr;
use hallpass_http::{ClientAddr, PeerCertificate};
use http::{HeaderMap, HeaderName};

use crate::client_certificate::{self, Malformed};
use crate::config::{CertificateHeader, ForwardedHeader, Server};

/// Whose word about the client is believed, and in which header.
#[derive(Clone, Debug)]
pub struct Trust {
    proxies: Vec<Cidr>,
    header: ForwardedHeader,
    certificate: CertificateHeader,
}

impl Trust {
    /// As configured.
    #[must_use]
    pub fn new(server: &Server) -> Self {
        let proxies = server.trusted_proxies.iter().map(|range| range.0).collect();
        Self {
            proxies,
            header: server.forwarded_header,
            certificate: CertificateHeader::None,
        }
    }

    /// With the header in which the proxies pass certificates of clients on.
    #[must_use]
    pub fn with_certificates_in(mut self, header: CertificateHeader) -> Self {
        self.certificate = header;
        self
    }

    /// The certificate of the client behind a connection from `peer`, which has shown `own` in its handshake. A proxy's own
    /// certificate is never the client's, and only a proxy may speak of another's.
    ///
    /// # Errors
    /// The proxy's header cannot be read.
    pub fn certificate(
        &self,
        peer: SocketAddr,
        own: Option<&PeerCertificate>,
        headers: &HeaderMap,
    ) -> Result<Option<PeerCertificate>, Malformed> {
        if self.trusts(peer.ip().to_canonical()) {
            client_certificate::of_header(self.certificate, headers)
        } else {
            Ok(own.cloned())
        }
    }

    /// Whether this is one of the trusted proxies.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|range| range.contains(address))
    }

    /// The client behind a connection from `peer`.
    ///
    /// The last hop in the header is what the peer itself wrote; the one before it counts only if that hop is a
    /// trusted proxy as well. Whatever is no IP address ends the walk.
    #[must_use]
    pub fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> ClientAddr {
        let mut client = peer.ip().to_canonical();
        if !self.trusts(client) {
            return ClientAddr(client);
        }
        let hops = match self.header {
            ForwardedHeader::None => Vec::new(),
            ForwardedHeader::XForwarded => x_forwarded(headers),
            ForwardedHeader::Forwarded => forwarded(headers),
        };
        for hop in hops {
            match hop {
                Some(address) if self.trusts(client) => client = address.to_canonical(),
                Some(_) | None => break,
            }
        }
        ClientAddr(client)
    }
}

/// The hops of `X-Forwarded-For`, the last first.
fn x_forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines: Vec<&str> = texts(headers, &X_FORWARDED_FOR);
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    hops.take(MOST_HOPS)
        .map(|hop| address(hop.trim()))
        .collect()
}

/// The hops of `Forwarded`, the last first.
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines: Vec<&str> = texts(headers, &http::header::FORWARDED);
    let mut hops: Vec<Option<IpAddr>> = lines
        .iter()
        .flat_map(|line| split(line, ','))
        .map(forwarded_for)
        .collect();
    hops.reverse();
    hops.truncate(MOST_HOPS);
    hops
}

/// The one `for` of an element of `Forwarded`, if it is an address.
//= RFC7239#4 MUST: a parameter occurs at most once in an element
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = split(element, ';').into_iter().filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then(|| value.trim())
    });
    let value = pairs.next()?;
    if pairs.next().is_some() {
        return None;
    }
    let quoted = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    address(quoted.unwrap_or(value))
}

/// Splits where the separator stands outside of quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|character: char| {
        if escaped {
            escaped = false;
        } else if character == '\\' && quoted {
            escaped = true;
        } else if character == '"' {
            quoted = !quoted;
        }
        character == separator && !quoted
    })
    .collect()
}

/// An address, perhaps with a port, perhaps in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().unwrap_or(""))
        .collect()
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// More proxies in a row than anybody has.
const MOST_HOPS: usize = 16;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn trust(header: ForwardedHeader) -> Trust {
        Trust {
            proxies: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            header,
            certificate: CertificateHeader::None,
        }
    }

    fn client(trust: &Trust, peer: &str, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        trust
            .client(SocketAddr::new(peer.parse().unwrap(), 1), &map)
            .0
            .to_string()
    }

    #[test]
    fn a_header_from_anybody_else_has_no_effect() {
        for header in [
            ForwardedHeader::None,
            ForwardedHeader::XForwarded,
            ForwardedHeader::Forwarded,
        ] {
            let trust = trust(header);
            #[rustfmt::skip]
            let headers = [
                ("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=1.1.1.1"), ("x-real-ip", "1.1.1.1"),
                ("x_forwarded_for", "1.1.1.1"), ("x-client-ip", "1.1.1.1"), ("true-client-ip", "1.1.1.1"),
            ];
            assert_eq!(client(&trust, "192.0.2.7", &headers), "192.0.2.7");
        }
    }

    #[test]
    fn a_trusted_proxy_is_believed_in_its_one_header_only() {
        let both = [
            ("x-forwarded-for", "1.1.1.1"),
            ("forwarded", "for=2.2.2.2"),
            ("x-real-ip", "3.3.3.3"),
        ];
        assert_eq!(
            client(&trust(ForwardedHeader::None), "10.0.0.1", &both),
            "10.0.0.1"
        );
        assert_eq!(
            client(&trust(ForwardedHeader::XForwarded), "10.0.0.1", &both),
            "1.1.1.1"
        );
        assert_eq!(
            client(&trust(ForwardedHeader::Forwarded), "10.0.0.1", &both),
            "2.2.2.2"
        );
        let underscore = [("x_forwarded_for", "1.1.1.1")];
        assert_eq!(
            client(&trust(ForwardedHeader::XForwarded), "10.0.0.1", &underscore),
            "10.0.0.1"
        );
    }

    #[test]
    fn the_last_hop_counts_and_earlier_ones_only_through_trusted_proxies() {
        let trust = trust(ForwardedHeader::XForwarded);
        #[rustfmt::skip]
        let cases: &[(&[&str], &str)] = &[
            (&["6.6.6.6, 1.1.1.1"], "1.1.1.1"),
            (&["6.6.6.6", "1.1.1.1"], "1.1.1.1"),
            (&["6.6.6.6, 1.1.1.1, 10.0.0.2"], "1.1.1.1"),
            (&["6.6.6.6, 1.1.1.1", "10.0.0.2,10.0.0.3"], "1.1.1.1"),
            (&["10.0.0.2"], "10.0.0.2"),
            (&["1.1.1.1:443"], "1.1.1.1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]:443"], "2001:db8::1"),
            (&["::ffff:1.1.1.1"], "1.1.1.1"),
            (&["1.1.1.1, unknown"], "10.0.0.1"),
            (&["1.1.1.1, localhost"], "10.0.0.1"),
            (&["1.1.1.1, "], "10.0.0.1"),
            (&["1.1.1.1, 999.1.1.1"], "10.0.0.1"),
            (&["1.1.1.1, 1.1.1.1; x"], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&["1.1.1.1, caf\u{e9}"], "10.0.0.1"),
        ];
        for (lines, expected) in cases {
            let headers: Vec<_> = lines
                .iter()
                .map(|line| ("x-forwarded-for", *line))
                .collect();
            assert_eq!(client(&trust, "10.0.0.1", &headers), *expected, "{lines:?}");
        }
        assert_eq!(
            client(&trust, "::ffff:10.0.0.1", &[("x-forwarded-for", "1.1.1.1")]),
            "1.1.1.1"
        );
        let thousand = vec!["10.0.0.2"; 1000].join(",");
        assert_eq!(
            client(&trust, "10.0.0.1", &[("x-forwarded-for", &thousand)]),
            "10.0.0.2"
        );
    }

    //= test RFC7239#4 a parameter occurs at most once in an element
    #[test]
    fn the_standard_header_is_read_with_its_quotes() {
        let trust = trust(ForwardedHeader::Forwarded);
        #[rustfmt::skip]
        let cases = [
            ("for=1.1.1.1", "1.1.1.1"),
            ("For=\"1.1.1.1:80\";proto=https", "1.1.1.1"),
            ("proto=https; for=\"[2001:db8::1]:80\"", "2001:db8::1"),
            ("for=6.6.6.6, for=1.1.1.1", "1.1.1.1"),
            ("for=6.6.6.6, for=1.1.1.1, for=\"[fd00::1]\"", "1.1.1.1"),
            ("for=1.1.1.1;by=\"a,for=6.6.6.6\"", "1.1.1.1"),
            ("for=1.1.1.1;by=\"a\\\",for=6.6.6.6\"", "1.1.1.1"),
            ("for=1.1.1.1;for=6.6.6.6", "10.0.0.1"),
            ("for=_hidden", "10.0.0.1"),
            ("for=unknown", "10.0.0.1"),
            ("for=1.1.1.1, proto=https", "10.0.0.1"),
            ("1.1.1.1", "10.0.0.1"),
        ];
        for (value, expected) in cases {
            assert_eq!(
                client(&trust, "10.0.0.1", &[("forwarded", value)]),
                expected,
                "{value}"
            );
        }
    }
}
