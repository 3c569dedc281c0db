//! Where issuers are: what tells of each request whose it is, without a read of the store.

use std::{collections::HashMap, net::Ipv4Addr};

use hallpass_store::{IssuerRecord, IssuerState};
use hallpass_types::{Issuer, IssuerId, Timestamp};

/// What is known of an issuer that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its number.
    pub id: IssuerId,
    /// The number of its latest change, which no other state of it has, also none that a failover has undone.
    pub change: u64,
}

/// Whose a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// The configuration's.
    Default,
    /// Another's.
    Other(Known),
    /// Nobody's.
    Nowhere,
    /// That of a host for which nobody answers here.
    OtherHost,
}

/// Everything by host and path. Hosts are in lower case, with their port unless it is the scheme's own.
#[derive(Debug)]
pub(super) struct Directory {
    hosts: HashMap<Box<str>, Host>,
    /// Host and name in the path of everyone.
    places: HashMap<IssuerId, (Box<str>, Option<Box<str>>)>,
    /// Those that are being deleted, and since when.
    going: HashMap<IssuerId, Timestamp>,
    /// The host of the configuration's issuer.
    own: Box<str>,
    /// Whether the configuration's issuer answers for hosts that nobody has; without a value for those that are inside, while
    /// nobody else has a host.
    unknown_hosts: Option<bool>,
    /// Hosts that somebody has, beside that one.
    other_hosts: usize,
    /// The latest change that is in here, and whose it was.
    seen: u64,
    last: Option<IssuerId>,
}

/// Who is at a host.
#[derive(Debug, Default)]
struct Host {
    root: Option<Known>,
    paths: HashMap<Box<str>, Known>,
}

/// In front of the name of an issuer that has a path.
pub(super) const PATH: &str = "/p/";
const WELL_KNOWN: &str = "/.well-known/";

impl Directory {
    pub(super) fn new(own: &Issuer, unknown_hosts: Option<bool>) -> Self {
        let (_, host) = own.origin().split_once("://").unwrap_or_default();
        Self {
            hosts: HashMap::new(),
            places: HashMap::new(),
            going: HashMap::new(),
            own: host.into(),
            unknown_hosts,
            other_hosts: 0,
            seen: 0,
            last: None,
        }
    }

    /// As at the beginning.
    pub(super) fn emptied(&self) -> Self {
        Self {
            hosts: HashMap::new(),
            places: HashMap::new(),
            going: HashMap::new(),
            own: self.own.clone(),
            unknown_hosts: self.unknown_hosts,
            other_hosts: 0,
            seen: 0,
            last: None,
        }
    }

    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Whose change was the latest.
    pub(super) fn last(&self) -> Option<IssuerId> {
        self.last
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Takes a change over.
    pub(super) fn apply(&mut self, record: &IssuerRecord) {
        if record.change >= self.seen {
            self.seen = record.change;
            self.last = Some(record.id);
        }
        self.remove(record.id);
        match record.state {
            IssuerState::Enabled => {
                self.going.remove(&record.id);
                let (host, path) = split(record.place());
                // A record of another program's making that this one cannot route.
                let Some(path) = path else { return };
                self.insert(record.id, record.change, host, path);
            }
            IssuerState::Disabled => drop(self.going.remove(&record.id)),
            IssuerState::Deleting => drop(self.going.insert(record.id, record.updated_at)),
        }
    }

    fn insert(&mut self, id: IssuerId, change: u64, host: &str, path: Option<&str>) {
        let known = Known { id, change };
        if !self.hosts.contains_key(host) && *host != *self.own {
            self.other_hosts = self.other_hosts.saturating_add(1);
        }
        let at = self.hosts.entry(host.into()).or_default();
        match path {
            None => at.root = Some(known),
            Some(name) => drop(at.paths.insert(name.into(), known)),
        }
        self.places.insert(id, (host.into(), path.map(Into::into)));
    }

    fn remove(&mut self, id: IssuerId) {
        let Some((host, path)) = self.places.remove(&id) else {
            return;
        };
        let Some(at) = self.hosts.get_mut(&host) else {
            return;
        };
        // Somebody else may have come to the place meanwhile.
        match path {
            None => drop(at.root.take_if(|known| known.id == id)),
            Some(name) if at.paths.get(&name).is_some_and(|known| known.id == id) => {
                at.paths.remove(&name);
            }
            Some(_) => {}
        }
        if at.root.is_none() && at.paths.is_empty() {
            self.hosts.remove(&host);
            if host != self.own {
                self.other_hosts = self.other_hosts.saturating_sub(1);
            }
        }
    }

    pub(super) fn by_number(&self, id: IssuerId) -> Option<Known> {
        let (host, path) = self.places.get(&id)?;
        let at = self.hosts.get(host)?;
        let known = match path {
            None => at.root?,
            Some(name) => *at.paths.get(name)?,
        };
        (known.id == id).then_some(known)
    }

    /// Host, port and path.
    pub(super) fn place(&self, id: IssuerId) -> Option<String> {
        let (host, path) = self.places.get(&id)?;
        Some(match path {
            None => host.to_string(),
            Some(name) => format!("{host}{PATH}{name}"),
        })
    }

    /// Everyone who answers.
    pub(super) fn all(&self) -> Vec<IssuerId> {
        self.places.keys().copied().collect()
    }

    /// Those that are being deleted, with the time from which they have been.
    pub(super) fn going(&self) -> Vec<(IssuerId, Timestamp)> {
        self.going.iter().map(|(id, since)| (*id, *since)).collect()
    }

    pub(super) fn gone(&mut self, id: IssuerId) {
        self.going.remove(&id);
    }

    /// Whose a request for that host and path is. Neither is ever made into anything.
    pub(super) fn find(&self, host: Option<&str>, path: &str) -> Where {
        if self.places.is_empty() && self.unknown_hosts == Some(true) {
            return Where::Default;
        }
        let lower;
        let host = match host {
            Some(host) if host.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                lower = host.to_ascii_lowercase();
                lower.as_str()
            }
            Some(host) => host,
            None => "",
        };
        let Some((own, at)) = self.host(host) else {
            return Where::OtherHost;
        };
        if let Some(name) = name(path)
            && let Some(known) = at.and_then(|at| at.paths.get(name))
        {
            return Where::Other(*known);
        }
        match at.and_then(|at| at.root) {
            Some(known) if !own => Where::Other(known),
            Some(_) | None if own => Where::Default,
            Some(_) | None => Where::Nowhere,
        }
    }

    /// Whether the host is the configuration's, and who else is there; none for a host that nobody answers for.
    fn host(&self, host: &str) -> Option<(bool, Option<&Host>)> {
        let without = || {
            let bare = host.strip_suffix(":443");
            bare.or_else(|| host.strip_suffix(":80"))
        };
        for host in [Some(host), without()].into_iter().flatten() {
            if *host == *self.own {
                return Some((true, self.hosts.get(host)));
            }
            if let Some(at) = self.hosts.get(host) {
                return Some((false, Some(at)));
            }
        }
        let alone = || self.other_hosts == 0 && is_inside(host);
        let answers = self.unknown_hosts.unwrap_or_else(alone);
        answers.then(|| (true, self.hosts.get(&self.own)))
    }
}

/// Whether a host is an address, or a name that nobody has on the Internet: what health checks, and proxies that do not pass
/// the host on, call this server. A page of somebody else whose name was made to lead here is none of these.
fn is_inside(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    if name.starts_with('[') || name.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let under = |domain: &str| {
        name.strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.'))
    };
    !name.is_empty() && (!name.contains('.') || INSIDE.iter().any(|domain| under(domain)))
}

/// Domains that lead to nobody on the Internet: RFC 6761 §6.3, RFC 6762 §3, RFC 8375, and what ICANN has set aside.
const INSIDE: &[&str] = &["localhost", "local", "home.arpa", "internal"];

/// Host and path of a place: no path, or a name behind `/p/`; an inner none for a path of another form.
fn split(place: &str) -> (&str, Option<Option<&str>>) {
    let Some(at) = place.find('/') else {
        return (place, Some(None));
    };
    let (host, path) = place.split_at_checked(at).unwrap_or((place, ""));
    let name = path.strip_prefix(PATH).filter(|name| !name.contains('/'));
    (host, name.map(Some))
}

/// The name in the path of a request: behind `/p/`, or behind that in the path of a well-known document (RFC 8414 §3.1).
fn name(path: &str) -> Option<&str> {
    let rest = match path.strip_prefix(PATH) {
        Some(rest) => rest,
        None => {
            let document = path.strip_prefix(WELL_KNOWN)?;
            let at = document.find('/')?;
            document.get(at..)?.strip_prefix(PATH)?
        }
    };
    let name = rest.split('/').next().unwrap_or(rest);
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: u32, identifier: &str, state: IssuerState) -> IssuerRecord {
        IssuerRecord {
            id: IssuerId(id),
            name: format!("i{id}"),
            identifier: identifier.to_owned(),
            state,
            settings: serde_json::Map::new(),
            revision: 1,
            change: id.into(),
            created_at: Timestamp(0),
            updated_at: Timestamp(7),
        }
    }

    fn with(unknown_hosts: Option<bool>, identifiers: &[&str]) -> Directory {
        let own = Issuer::parse("https://op.example").unwrap();
        let mut directory = Directory::new(&own, unknown_hosts);
        for (at, identifier) in identifiers.iter().enumerate() {
            let id = u32::try_from(at).unwrap().saturating_add(1);
            directory.apply(&record(id, identifier, IssuerState::Enabled));
        }
        directory
    }

    fn other(id: u32) -> Where {
        Where::Other(Known {
            id: IssuerId(id),
            change: id.into(),
        })
    }

    // JW-02, HT-12
    #[test]
    fn a_request_goes_where_its_host_and_path_say() {
        let directory = with(
            None,
            &[
                "https://op.example/p/acme",
                "https://b.example",
                "https://b.example/p/acme",
                "https://c.example:8443",
            ],
        );
        for (host, path, found) in [
            ("op.example", "/", Where::Default),
            ("op.example", "/token", Where::Default),
            ("op.example", "/p/acme", other(1)),
            ("op.example", "/p/acme/token", other(1)),
            ("OP.example", "/p/acme/token", other(1)),
            ("op.example:443", "/p/acme/token", other(1)),
            (
                "op.example",
                "/.well-known/oauth-authorization-server/p/acme",
                other(1),
            ),
            (
                "op.example",
                "/.well-known/openid-configuration/p/acme",
                other(1),
            ),
            (
                "op.example",
                "/p/acme/.well-known/openid-configuration",
                other(1),
            ),
            (
                "op.example",
                "/.well-known/openid-configuration",
                Where::Default,
            ),
            ("b.example", "/", other(2)),
            ("b.example", "/token", other(2)),
            ("b.example", "/p/acme/token", other(3)),
            ("c.example:8443", "/", other(4)),
            // Not the path, so the issuer of the host, which has no such thing.
            ("op.example", "/p/acm", Where::Default),
            ("op.example", "/p/acme2/token", Where::Default),
            ("op.example", "/p/ACME/token", Where::Default),
            ("op.example", "/p/%61cme/token", Where::Default),
            ("op.example", "//p/acme/token", Where::Default),
            ("op.example", "/p//acme/token", Where::Default),
            ("op.example", "/x/../p/acme/token", Where::Default),
            ("b.example", "/p/other/token", other(2)),
            // Somebody has a host, so that others are nobody's.
            ("c.example", "/", Where::OtherHost),
            ("op.example.evil.example", "/", Where::OtherHost),
            ("evil.example", "/p/acme/token", Where::OtherHost),
            ("op.example:8443", "/p/acme", Where::OtherHost),
            ("10.0.0.1", "/", Where::OtherHost),
            ("", "/", Where::OtherHost),
        ] {
            assert_eq!(directory.find(Some(host), path), found, "{host}{path}");
        }
    }

    // HT-11
    #[test]
    fn a_name_of_the_internet_that_is_nobodys_is_answered_by_nobody() {
        for identifiers in [&[][..], &["https://op.example/p/a"]] {
            let directory = with(None, identifiers);
            for host in [
                "op.example",
                "OP.EXAMPLE:443",
                "10.0.0.1",
                "127.0.0.1:3000",
                "[::1]",
                "[::1]:3000",
                "localhost:3000",
                "hallpass",
                "hallpass:3000",
                "auth.localhost",
                "hallpass.default.svc.cluster.local:3000",
                "hallpass.internal",
            ] {
                assert_eq!(directory.find(Some(host), "/"), Where::Default, "{host}");
            }
            for host in [
                "evil.example",
                "evil.example:443",
                "op.example.evil.example",
                "op.example.",
                "op.example:8443",
                "10.0.0.1.evil.example",
                "10.0.0.256",
                "1.1",
                "notlocalhost.example",
                "evil.xlocal",
                ".local.example",
                "",
            ] {
                assert_eq!(directory.find(Some(host), "/"), Where::OtherHost, "{host}");
            }
            assert_eq!(directory.find(None, "/"), Where::OtherHost);
        }
    }

    #[test]
    fn who_answers_for_unknown_hosts_can_be_said() {
        let find = |d: &Directory| d.find(Some("x.example"), "/token");
        assert_eq!(find(&with(None, &["https://b.example"])), Where::OtherHost);
        assert_eq!(find(&with(Some(true), &[])), Where::Default);
        assert_eq!(
            find(&with(Some(true), &["https://b.example"])),
            Where::Default
        );
        assert_eq!(find(&with(Some(false), &[])), Where::OtherHost);
        let by_path = with(None, &["https://op.example/p/a"]);
        assert_eq!(by_path.find(Some("10.0.0.1:3000"), "/p/a/token"), other(1));
    }

    #[test]
    fn who_is_disabled_or_deleted_is_not_there() {
        let mut directory = with(None, &["https://op.example/p/a", "https://b.example"]);
        directory.apply(&record(1, "https://op.example/p/a", IssuerState::Disabled));
        directory.apply(&record(2, "https://b.example", IssuerState::Deleting));
        assert_eq!(
            directory.find(Some("op.example"), "/p/a/token"),
            Where::Default
        );
        assert_eq!(directory.find(Some("b.example"), "/"), Where::OtherHost);
        assert_eq!((directory.len(), directory.hosts.len()), (0, 0));
        assert_eq!(directory.going(), [(IssuerId(2), Timestamp(7))]);
        // Another one comes to the place, and only then the news of the old one.
        directory.apply(&record(3, "https://b.example", IssuerState::Enabled));
        directory.apply(&record(2, "https://b.example", IssuerState::Deleting));
        assert_eq!(directory.find(Some("b.example"), "/"), other(3));
        directory.apply(&record(1, "https://op.example/p/a", IssuerState::Enabled));
        assert_eq!(directory.find(Some("op.example"), "/p/a"), other(1));
        assert_eq!(
            directory.place(IssuerId(1)).as_deref(),
            Some("op.example/p/a")
        );
        assert_eq!(directory.by_number(IssuerId(2)), None);
    }

    #[test]
    fn a_place_of_another_form_is_not_routed() {
        let directory = with(
            None,
            &["https://op.example/x/y", "https://op.example/p/a/b"],
        );
        assert_eq!(directory.len(), 0);
    }
}
