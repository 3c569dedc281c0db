//! Where a database may be: several hosts, and hosts with several addresses. Each is tried by itself, so that one that
//! says nothing costs its own time and not that of the others.

use std::{fmt, net::IpAddr};

use tokio_postgres::{Config, config::Host};

/// One address of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// What it is called, which is what a certificate must be valid for; a folder of sockets.
    host: Option<Host>,
    address: Option<IpAddr>,
    port: u16,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.address) {
            (Some(Host::Tcp(name)), _) => write!(f, "{name}:{}", self.port),
            #[cfg(unix)]
            (Some(Host::Unix(path)), _) => write!(f, "{}:{}", path.display(), self.port),
            (None, Some(address)) => write!(f, "{address}:{}", self.port),
            (None, None) => write!(f, "nowhere"),
        }
    }
}

/// Those that are written down, in order. None where the numbers of names, addresses and ports do not fit.
pub(crate) fn written(config: &Config) -> Option<Vec<Place>> {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    let ports = config.get_ports();
    let count = hosts.len().max(addresses.len());
    let fits = |n: usize| n == 0 || n == count;
    if !fits(hosts.len()) || !fits(addresses.len()) || (ports.len() > 1 && ports.len() != count) {
        return None;
    }
    let places = (0..count).map(|at| Place {
        host: hosts.get(at).cloned(),
        address: addresses.get(at).copied(),
        port: ports
            .get(at)
            .or_else(|| ports.first())
            .copied()
            .unwrap_or(5432),
    });
    Some(places.collect())
}

impl Place {
    /// Every address that its name has now, in the order in which the resolver answers them.
    pub(crate) async fn resolved(&self) -> std::io::Result<Vec<Self>> {
        let Some(Host::Tcp(name)) = self.host.as_ref().filter(|_| self.address.is_none()) else {
            return Ok(vec![self.clone()]);
        };
        let found = tokio::net::lookup_host((name.as_str(), self.port)).await?;
        let mut places: Vec<Self> = Vec::new();
        for address in found {
            let place = Self {
                address: Some(address.ip()),
                ..self.clone()
            };
            if places.len() < MOST_ADDRESSES && !places.contains(&place) {
                places.push(place);
            }
        }
        Ok(places)
    }

    /// The same configuration with this place alone.
    pub(crate) fn alone(&self, all: &Config) -> Config {
        let mut one = Config::new();
        if let Some(user) = all.get_user() {
            one.user(user);
        }
        if let Some(password) = all.get_password() {
            one.password(password);
        }
        if let Some(database) = all.get_dbname() {
            one.dbname(database);
        }
        if let Some(options) = all.get_options() {
            one.options(options);
        }
        if let Some(name) = all.get_application_name() {
            one.application_name(name);
        }
        if let Some(timeout) = all.get_connect_timeout() {
            one.connect_timeout(*timeout);
        }
        if let Some(timeout) = all.get_tcp_user_timeout() {
            one.tcp_user_timeout(*timeout);
        }
        if let Some(interval) = all.get_keepalives_interval() {
            one.keepalives_interval(interval);
        }
        if let Some(retries) = all.get_keepalives_retries() {
            one.keepalives_retries(retries);
        }
        one.keepalives(all.get_keepalives())
            .keepalives_idle(all.get_keepalives_idle())
            .ssl_mode(all.get_ssl_mode())
            .ssl_negotiation(all.get_ssl_negotiation())
            .channel_binding(all.get_channel_binding())
            .target_session_attrs(all.get_target_session_attrs())
            .port(self.port);
        match &self.host {
            Some(Host::Tcp(name)) => drop(one.host(name.as_str())),
            #[cfg(unix)]
            Some(Host::Unix(path)) => drop(one.host_path(path)),
            None => {}
        }
        if let Some(address) = self.address {
            one.hostaddr(address);
        }
        one
    }
}

const MOST_ADDRESSES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_alone_has_everything_but_the_other_places() {
        let all: Config = "postgres://u:p@a.example:5433,b.example/db?application_name=x\
            &options=-c%20a%3Db&connect_timeout=3&tcp_user_timeout=7&keepalives_idle=9&keepalives_interval=8\
            &keepalives_retries=4&target_session_attrs=read-write&channel_binding=require&sslmode=require\
            &sslnegotiation=direct"
            .parse()
            .unwrap();
        let places = written(&all).unwrap();
        assert_eq!(places.len(), 2);
        let one = places[1].alone(&all);
        assert_eq!(one.get_hosts(), [Host::Tcp("b.example".to_owned())]);
        assert_eq!(one.get_ports(), [5432]);
        // The library compares all fields, also those that this one does not know of.
        let expected: Config = "postgres://u:p@b.example/db?application_name=x\
            &options=-c%20a%3Db&connect_timeout=3&tcp_user_timeout=7&keepalives_idle=9&keepalives_interval=8\
            &keepalives_retries=4&target_session_attrs=read-write&channel_binding=require&sslmode=require\
            &sslnegotiation=direct"
            .parse()
            .unwrap();
        assert_eq!(one, expected);
    }

    #[tokio::test]
    async fn names_keep_their_name_with_each_of_their_addresses() {
        let all: Config = "postgres://u@localhost:5433/db".parse().unwrap();
        let places = written(&all).unwrap();
        let resolved = places[0].resolved().await.unwrap();
        assert!(!resolved.is_empty());
        for place in resolved {
            assert!(place.address.is_some_and(|address| address.is_loopback()));
            assert_eq!(place.to_string(), "localhost:5433");
            let config = place.alone(&all);
            assert_eq!(config.get_hosts(), [Host::Tcp("localhost".to_owned())]);
            assert_eq!(config.get_hostaddrs().len(), 1);
        }
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        for text in [
            "host=a,b port=1,2,3 user=u",
            "host=a,b hostaddr=127.0.0.1 user=u",
        ] {
            let config: Result<Config, _> = text.parse();
            assert!(
                config.is_ok_and(|config| written(&config).is_none()),
                "{text}"
            );
        }
        let config: Config = "host=a,b port=7 user=u".parse().unwrap();
        let places = written(&config).unwrap();
        assert_eq!(places[1].to_string(), "b:7");
    }
}
