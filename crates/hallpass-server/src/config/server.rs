//! `[server]`: where the server listens and what it calls itself.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::checker::Checker;
use super::danger::Danger;
use super::value::{Listen, Range, Seconds};

/// Where the server listens and what it calls itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Addresses of the public listener. The default address comes with `[::1]:3000`, where there is IPv6, because many
    /// programs look for `localhost` there first.
    pub listen: Listen,
    /// The issuer identifier: the URL that clients know this server by. Every URL in every answer begins with it; it
    /// never follows from a request. Without a value: `localhost` with the port of the first address.
    pub issuer: Option<String>,
    /// Folder for the database, the keys and the secrets. Made at the first start.
    pub data_dir: PathBuf,
    /// Threads that serve requests. Without a value: one for each core.
    pub workers: Option<u16>,
    /// Connections held open at once; past it the longest idle ones are closed.
    pub max_connections: u32,
    /// Connections held open at once for one address, trusted proxies excepted.
    pub max_connections_per_address: u32,
    /// Time after SIGTERM in which everything is still served while `/health/ready` says no: what a balancer needs to see
    /// that and to look elsewhere.
    pub announce_seconds: Seconds,
    /// Time that requests in flight have to finish after that.
    pub drain_seconds: Seconds,
    /// Addresses of reverse proxies whose header about the client is believed.
    pub trusted_proxies: Vec<Range>,
    /// The one family of headers that the trusted proxies write; every other one is ignored.
    pub forwarded_header: ForwardedHeader,
}

/// The header in which a reverse proxy says for whom it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ForwardedHeader {
    /// None; the peer of the connection is the client.
    #[serde(rename = "none")]
    None,
    /// `X-Forwarded-For`.
    #[serde(rename = "x-forwarded")]
    XForwarded,
    /// `Forwarded`, RFC 7239.
    #[serde(rename = "forwarded")]
    Forwarded,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: Listen(vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3000)]),
            issuer: None,
            data_dir: PathBuf::from("./hallpass-data"),
            workers: None,
            max_connections: 10_000,
            max_connections_per_address: 1_000,
            announce_seconds: Seconds(0),
            drain_seconds: Seconds(20),
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::None,
        }
    }
}

impl Server {
    /// The issuer: as configured, or `localhost` with the port that the public listener has.
    #[must_use]
    pub fn issuer(&self, tls: bool, port: u16) -> String {
        let scheme = if tls { "https" } else { "http" };
        let default = if tls { 443 } else { 80 };
        self.issuer.clone().unwrap_or_else(|| {
            if port == default {
                format!("{scheme}://localhost")
            } else {
                format!("{scheme}://localhost:{port}")
            }
        })
    }

    /// The port of the first address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.listen.0.first().map_or(0, SocketAddr::port)
    }

    pub(super) fn check(&self, danger: &Danger, check: &mut Checker<'_>) {
        if let Some(issuer) = &self.issuer
            && let Err(message) = check_issuer(issuer, danger.allow_http_issuer)
        {
            check.problem("server.issuer", message);
        }
        if self.data_dir.as_os_str().is_empty() {
            check.problem("server.data_dir", "is empty");
        }
        if let Some(workers) = self.workers {
            check.number("server.workers", workers.into(), 1, 1024);
        }
        check.number(
            "server.max_connections",
            self.max_connections.into(),
            16,
            1_000_000,
        );
        let per_address = self.max_connections_per_address.into();
        check.number(
            "server.max_connections_per_address",
            per_address,
            1,
            1_000_000,
        );
        check.between("server.announce_seconds", self.announce_seconds, 0, 300);
        check.between("server.drain_seconds", self.drain_seconds, 0, 300);
        match (self.trusted_proxies.is_empty(), self.forwarded_header) {
            (false, ForwardedHeader::None) => check.problem(
                "server.forwarded_header",
                "say which header the trusted_proxies write: \"x-forwarded\" or \"forwarded\"",
            ),
            (true, ForwardedHeader::XForwarded | ForwardedHeader::Forwarded) => check.problem(
                "server.trusted_proxies",
                "is empty, so nobody may write the forwarded_header; name the proxies",
            ),
            (true, ForwardedHeader::None)
            | (false, ForwardedHeader::XForwarded | ForwardedHeader::Forwarded) => {}
        }
    }
}

//= OIDC-DISCOVERY#3 MUST: the issuer is an https URL without query and fragment
//= RFC8414#2 MUST: the issuer is an https URL without query and fragment
fn check_issuer(issuer: &str, allow_http: bool) -> Result<(), String> {
    if issuer.is_empty() {
        return Err("is empty".to_owned());
    }
    let url = Url::parse(issuer).map_err(|error| format!("is no URL: {error}"))?;
    if url.scheme() != "https" && url.scheme() != "http" {
        return Err("must begin with https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || issuer.contains('@') {
        return Err("must not carry a user name or a password".to_owned());
    }
    if issuer.contains('?') {
        return Err("must not have a query".to_owned());
    }
    if issuer.contains('#') {
        return Err("must not have a fragment".to_owned());
    }
    // Clients compare it byte for byte, so there must be one way to write it.
    let canonical = url.as_str().trim_end_matches('/');
    if issuer != canonical {
        return Err(format!("must be written as {canonical}"));
    }
    if url.scheme() == "http" && !allow_http && !is_loopback(&url) {
        return Err(
            "must begin with https:// for a host other than this machine itself; \
             danger.allow_http_issuer lifts that for a test"
                .to_owned(),
        );
    }
    Ok(())
}

/// Whether an issuer's host is this machine itself, whatever its scheme.
pub(crate) fn is_local(issuer: &str) -> bool {
    Url::parse(issuer).is_ok_and(|url| is_loopback(&url))
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= test OIDC-DISCOVERY#3 the issuer is an https URL without query and fragment
    //= test RFC8414#2 the issuer is an https URL without query and fragment
    #[test]
    fn an_issuer_that_clients_could_not_compare_is_refused() {
        #[rustfmt::skip]
        let cases = [
            "", "op.example.com", "ftp://op.example.com", "https://", "https:///x", "https://op.example.com/",
            "https://op.example.com/a/", "https://op.example.com?", "https://op.example.com?a=b",
            "https://op.example.com#", "https://op.example.com#a", "https://me@op.example.com",
            "https://me:x@op.example.com", "https://@op.example.com", "https://OP.example.com",
            "https://op.example.com:443", "https://op.example.com/a/../b", "https://op.example.com/a b",
            "https:\\\\op.example.com", " https://op.example.com", "https://op.example.com\n",
            "http://op.example.com", "http://10.0.0.1", "http://localhost.example.com", "http://[2001:db8::1]",
            "http://localhost.", "file:///etc", "https://op.example.com:99999",
        ];
        for issuer in cases {
            assert!(check_issuer(issuer, false).is_err(), "{issuer}");
        }
    }

    #[test]
    fn an_issuer_is_https_or_on_this_machine() {
        #[rustfmt::skip]
        let cases = [
            "https://op.example.com", "https://op.example.com:8443", "https://op.example.com/tenants/a",
            "http://localhost:3000", "http://localhost", "http://127.0.0.1:3000", "http://127.9.0.1", "http://[::1]:1",
        ];
        for issuer in cases {
            assert_eq!(check_issuer(issuer, false), Ok(()), "{issuer}");
        }
        assert_eq!(check_issuer("http://op.example.com:3000", true), Ok(()));
        assert!(check_issuer("http://op.example.com/?a", true).is_err());
    }
}
