//! What can be chosen.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr as _, time::Duration};

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// Options of a store. The defaults are for a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections that read. Each carries many questions at once.
    pub readers: usize,
    /// Connections that commit. Each does one statement at a time, for many commits.
    pub writers: usize,
    /// How many commits share one statement at most.
    pub batch: usize,
    /// How many commits, and how many questions on each connection, may wait. Beyond that the store answers at once
    /// that it is busy.
    pub queue: usize,
    /// How long a connection may take to be made, to each address that there is.
    pub connect_timeout: Duration,
    /// How long a question or commit may wait for its turn.
    pub acquire_timeout: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
    /// The schema that holds the tables.
    pub schema: String,
    /// Whether opening migrates an older or empty database. If not, it is refused.
    pub migrate: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 4,
            writers: 8,
            batch: 128,
            queue: 4096,
            connect_timeout: Duration::from_secs(3),
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(5),
            schema: "public".to_owned(),
            migrate: true,
        }
    }
}

/// How the connection to the database is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Only for sockets of this machine and for networks that nobody else reaches.
    Off,
    /// Encrypted, and nobody knows with whom: for tests.
    Unverified,
    /// Encrypted, and the certificate must be valid for the host's name.
    Verified {
        /// A PEM file of the authorities that are trusted; none means those of the web.
        roots: Option<PathBuf>,
    },
}

/// Where the database is and who asks. Prints without the password.
#[derive(Clone)]
pub struct Address {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) tls: Tls,
}

/// An address that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAddress(&'static str);

impl Address {
    /// Reads a `postgres://` URL or a list of `key=value` (libpq's forms). Of `sslmode` only `verify-full`, `disable` and
    /// none at all are understood, beside `sslrootcert`: without, the connection is verified unless it stays on this
    /// machine.
    ///
    /// # Errors
    /// What cannot be read or is not supported. The text tells nothing of the value.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let mut stripped = text.trim().to_owned();
        let mode = take_parameter(&mut stripped, "sslmode");
        let roots = take_parameter(&mut stripped, "sslrootcert");
        let mut config = tokio_postgres::Config::from_str(&stripped).map_err(|_| {
            InvalidAddress("is no postgres:// URL and no list of key=value as libpq reads them")
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(InvalidAddress("names no host"));
        }
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("hallpass");
        }
        let mut address = Self {
            config,
            tls: Tls::Off,
        };
        address.set_tls(match mode.as_deref() {
            None if address.is_local() && roots.is_none() => Tls::Off,
            None | Some("verify-full") => Tls::Verified {
                roots: roots.map(PathBuf::from),
            },
            Some("disable") => Tls::Off,
            Some(_) => {
                return Err(InvalidAddress(
                    "has an sslmode other than verify-full and disable, which would not be what it promises",
                ));
            }
        });
        Ok(address)
    }

    /// Whether a password is in it.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// Sets or replaces the password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.config.password(password);
        self
    }

    /// Sets how the connection is protected.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.set_tls(tls);
        self
    }

    fn set_tls(&mut self, tls: Tls) {
        self.config.ssl_mode(match tls {
            Tls::Off => SslMode::Disable,
            Tls::Unverified | Tls::Verified { .. } => SslMode::Require,
        });
        self.tls = tls;
    }

    /// How the connection is protected.
    #[must_use]
    pub const fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Whether what is sent stays on this machine: sockets of the file system and loopback addresses.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let addresses = self.config.get_hostaddrs();
        if !addresses.is_empty() {
            return addresses.iter().all(IpAddr::is_loopback);
        }
        self.config.get_hosts().iter().all(|host| match host {
            #[cfg(unix)]
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost"
                    || name
                        .parse()
                        .is_ok_and(|address: IpAddr| address.is_loopback())
            }
        })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("hosts", &self.config.get_hosts())
            .field("ports", &self.config.get_ports())
            .field("user", &self.config.get_user())
            .field("database", &self.config.get_dbname())
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// Cuts a parameter out of a URL's query, or of a list of `key=value`.
fn take_parameter(text: &mut String, name: &str) -> Option<String> {
    let url = text.contains("://");
    let mut found = None;
    let mut keep = |part: &&str| match part.split_once('=') {
        Some((key, value)) if key == name => {
            found = Some(percent_decoded(value, url));
            false
        }
        Some(_) | None => true,
    };
    let rest = if url {
        let (head, query) = text.split_once('?')?;
        let kept: Vec<&str> = query.split('&').filter(&mut keep).collect();
        match kept.is_empty() {
            true => head.to_owned(),
            false => format!("{head}?{}", kept.join("&")),
        }
    } else {
        let kept: Vec<&str> = text.split(' ').filter(&mut keep).collect();
        kept.join(" ")
    };
    *text = rest;
    found
}

fn percent_decoded(value: &str, url: bool) -> String {
    if !url {
        return value.trim_matches('\'').to_owned();
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail
            .get(..2)
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_machine_is_verified_unless_it_is_said_otherwise() {
        for (text, tls) in [
            (
                "postgres://u:p@db.example/hallpass",
                Tls::Verified { roots: None },
            ),
            (
                "postgres://u:p@db.example/hallpass?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem",
                Tls::Verified {
                    roots: Some("/etc/ca.pem".into()),
                },
            ),
            (
                "host=db.example user=u dbname=h",
                Tls::Verified { roots: None },
            ),
            ("postgres://u@db.example/h?sslmode=disable", Tls::Off),
            ("postgres://u@localhost/h", Tls::Off),
            ("postgres://u@[::1]:5433/h", Tls::Off),
            ("host=/run/postgresql user=u", Tls::Off),
            (
                "host=localhost user=u sslmode=verify-full",
                Tls::Verified { roots: None },
            ),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(*address.tls(), tls, "{text}");
        }
    }

    #[test]
    fn modes_that_promise_less_than_they_say_are_refused() {
        for mode in ["require", "prefer", "allow", "verify-ca", "", "nonsense"] {
            let text = format!("postgres://u@db.example/h?sslmode={mode}");
            assert!(Address::parse(&text).is_err(), "{mode}");
        }
        for text in ["", "postgres://", "mysql://u@h/d", "user=u"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let text = "postgres://u:hunter2@db.example/h";
        let address = Address::parse(text).unwrap().with_password("hunter3");
        let printed = format!("{address:?}");
        assert!(!printed.contains("hunter"), "{printed}");
        let wrong = Address::parse("postgres://u:hunter2@db.example:x/h").unwrap_err();
        assert!(!format!("{wrong:?} {wrong}").contains("hunter"));
    }
}
