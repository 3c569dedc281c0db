//! `[store]`: where state is kept.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checker::Checker;
use super::danger::Danger;
use super::value::{Seconds, Secret};

/// Where state is kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    /// The kind of storage.
    kind: StoreKind,
    /// The database file of `sqlite`. Without a value: `hallpass.sqlite` in the data folder.
    path: Option<PathBuf>,
    /// Whether the server brings the database to the schema of its version. Without: `hallpass migrate` does it, and a
    /// server whose schema is not there refuses to start.
    migrate: bool,
    /// The database server of `postgres`.
    postgres: RawPostgres,
}

/// The database server of `postgres`: PostgreSQL, or what speaks its protocol. By `url`, or in parts.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawPostgres {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or the same as libpq's list of `key=value`. Several hosts are
    /// tried in order; the one that can be written is used.
    url: Option<Secret>,
    /// File with the URL.
    url_file: Option<PathBuf>,
    /// Host name, address, or the folder of its socket.
    host: Option<String>,
    /// Port; 5432 without.
    port: Option<u16>,
    /// Database; the user's name without.
    database: Option<String>,
    /// User.
    user: Option<String>,
    /// Password; with a URL, that one's is replaced.
    password: Option<Secret>,
    /// File with the password.
    password_file: Option<PathBuf>,
    /// Schema of the tables, made where it is missing; `public` without.
    schema: Option<String>,
    /// PEM file with the authorities that may vouch for the server. Without: those of the web. The certificate must be
    /// valid for the host's name unless the connection stays on this machine.
    roots_file: Option<PathBuf>,
    /// Connections that read; each carries many questions at once. 4 without.
    readers: Option<u16>,
    /// Connections that write; each does one statement at a time, for many requests. 8 without.
    writers: Option<u16>,
    /// How long a connection may take to be made, to each address that the database may have; 3 s without.
    connect_timeout: Option<Seconds>,
    /// How long a request may wait for its turn; 3 s without.
    acquire_timeout: Option<Seconds>,
    /// How long a statement may take; 5 s without.
    statement_timeout: Option<Seconds>,
}

/// Where state is kept.
#[derive(Debug, Clone)]
pub struct Store {
    /// The kind of storage.
    pub kind: StoreKind,
    /// The database file of `sqlite`.
    pub path: Option<PathBuf>,
    /// Whether the server migrates by itself.
    pub migrate: bool,
    /// The database server of `postgres`.
    pub postgres: Option<Postgres>,
}

/// The kinds of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// One file. An acknowledged answer survives a power cut.
    Sqlite,
    /// A PostgreSQL server, for any number of nodes.
    Postgres,
    /// Nothing survives the process: for tests.
    Memory,
}

/// The database server of `postgres`.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// A URL or a list of `key=value`.
    pub address: Secret,
    /// A password over that of the address.
    pub password: Option<Secret>,
    /// How little the connection may be protected.
    pub tls: Option<PostgresTls>,
    /// The authorities that may vouch for the server.
    pub roots_file: Option<PathBuf>,
    /// Schema of the tables.
    pub schema: Option<String>,
    /// Connections that read.
    pub readers: Option<u16>,
    /// Connections that write.
    pub writers: Option<u16>,
    /// How long a connection may take to be made.
    pub connect_timeout: Option<Seconds>,
    /// How long a request may wait for its turn.
    pub acquire_timeout: Option<Seconds>,
    /// How long a statement may take.
    pub statement_timeout: Option<Seconds>,
}

/// Less than a verified connection to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PostgresTls {
    /// In the clear.
    Off,
    /// Encrypted, and nobody knows with whom.
    Unverified,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            kind: StoreKind::Sqlite,
            path: None,
            migrate: true,
            postgres: RawPostgres::default(),
        }
    }
}

impl Raw {
    pub(super) fn parse(self, danger: &Danger, check: &mut Checker<'_>) -> Store {
        let Self {
            kind,
            path,
            migrate,
            postgres,
        } = self;
        match (kind, &path) {
            (StoreKind::Memory | StoreKind::Postgres, Some(_)) => {
                let text = "has no meaning where store.kind is not \"sqlite\"";
                check.problem("store.path", text);
            }
            (StoreKind::Sqlite, Some(path)) if path.as_os_str().is_empty() => {
                check.problem("store.path", "is empty");
            }
            (StoreKind::Sqlite | StoreKind::Postgres | StoreKind::Memory, _) => {}
        }
        let postgres = match kind {
            StoreKind::Postgres => postgres.parse(danger, check),
            StoreKind::Sqlite | StoreKind::Memory => None,
        };
        Store {
            kind,
            path,
            migrate,
            postgres,
        }
    }
}

impl RawPostgres {
    fn parse(self, danger: &Danger, check: &mut Checker<'_>) -> Option<Postgres> {
        let Self {
            url,
            url_file,
            host,
            port,
            database,
            user,
            password,
            password_file,
            schema,
            roots_file,
            readers,
            writers,
            connect_timeout,
            acquire_timeout,
            statement_timeout,
        } = self;
        let url = check.secret("store.postgres.url", url, url_file.as_deref());
        let password = check.secret(
            "store.postgres.password",
            password,
            password_file.as_deref(),
        );
        let parts = host.is_some() || port.is_some() || database.is_some() || user.is_some();
        let address = match (url, host) {
            (Some(_), _) if parts => {
                let text = "is given both whole and in parts; keep one";
                check.problem("store.postgres.url", text);
                return None;
            }
            (Some(url), _) => url,
            (None, Some(host)) => in_parts(&host, port, database.as_deref(), user.as_deref()),
            (None, None) => {
                let text = "is missing: where is the database? (or url, url_file)";
                check.problem("store.postgres.host", text);
                return None;
            }
        };
        for (setting, value) in [
            ("store.postgres.readers", readers),
            ("store.postgres.writers", writers),
        ] {
            if let Some(value) = value {
                check.number(setting, value.into(), 1, 256);
            }
        }
        for (setting, value) in [
            ("store.postgres.connect_timeout", connect_timeout),
            ("store.postgres.acquire_timeout", acquire_timeout),
            ("store.postgres.statement_timeout", statement_timeout),
        ] {
            if let Some(value) = value {
                check.between(setting, value, 1, 60);
            }
        }
        if schema
            .as_ref()
            .is_some_and(|schema| schema.is_empty() || schema.len() > 63 || schema.contains('\0'))
        {
            let text = "is the name of a schema: from 1 to 63 bytes";
            check.problem("store.postgres.schema", text);
        }
        let postgres = Postgres {
            address,
            password,
            tls: danger.postgres_tls,
            roots_file,
            schema,
            readers,
            writers,
            connect_timeout,
            acquire_timeout,
            statement_timeout,
        };
        if let Err(problem) = crate::wiring::postgres::address(&postgres) {
            check.problem("store.postgres.url", problem);
        }
        Some(postgres)
    }
}

fn in_parts(host: &str, port: Option<u16>, database: Option<&str>, user: Option<&str>) -> Secret {
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('\'', "\\'");
    let mut text = format!("host='{}'", quoted(host));
    if let Some(port) = port {
        text.push_str(&format!(" port={port}"));
    }
    for (key, value) in [("dbname", database), ("user", user)] {
        if let Some(value) = value {
            text.push_str(&format!(" {key}='{}'", quoted(value)));
        }
    }
    Secret::new(text)
}
