//! What each variable of SourceLoop's OIDC service becomes.

use std::fmt::Write as _;
use std::net::IpAddr;

use serde_json::{Map, Value, json};
use toml::{Table, Value as Setting};

use super::file::Variables;

/// What the variables became.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// The configuration.
    pub(super) settings: Table,
    /// Files for secrets: name and content.
    pub(super) files: Vec<(&'static str, String)>,
    /// Variable, and the setting that it became.
    pub(super) became: Vec<(String, String)>,
    /// Variable, and why it became nothing.
    pub(super) nothing: Vec<(String, &'static str)>,
    /// Variables that nobody knows here.
    pub(super) unknown: Vec<String>,
    /// What should be looked at.
    pub(super) notes: Vec<String>,
}

impl Moved {
    fn set(&mut self, setting: &str, value: impl Into<Setting>) {
        let mut at = &mut self.settings;
        let mut parts = setting.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                at.insert(part.to_owned(), value.into());
                return;
            }
            let below = at
                .entry(part.to_owned())
                .or_insert_with(|| Setting::Table(Table::new()));
            let Setting::Table(below) = below else { return };
            at = below;
        }
    }

    fn file(&mut self, setting: &str, folder: &str, name: &'static str, content: String) {
        self.set(setting, format!("{folder}/{name}"));
        self.files.push((name, content));
    }

    fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

/// The variables one after the other. Each is taken once, so that what is left is unknown.
struct Reader<'a> {
    left: Variables,
    folder: &'a str,
    moved: Moved,
}

/// `folder` is what the configuration calls the folder of its files.
pub(super) fn map(
    variables: Variables,
    folder: &str,
    master_key: impl FnOnce() -> String,
) -> Moved {
    let mut reader = Reader {
        left: variables,
        folder,
        moved: Moved::default(),
    };
    reader.moved.set("routes.profile", "sourceloop");
    reader.moved.set(
        "protocol.signing_algs",
        vec![Setting::from("RS256"), Setting::from("ES256")],
    );
    reader.place();
    reader.database(master_key);
    reader.redis();
    reader.lifetimes();
    reader.claims();
    reader.key();
    reader.upstreams();
    reader.rest();
    reader.moved
}

impl Reader<'_> {
    /// A variable's value, which counts as having become `setting`; an empty one is noted and left out.
    fn take(&mut self, name: &str, setting: &str) -> Option<String> {
        let value = self.left.remove(name)?;
        if value.trim().is_empty() {
            self.moved.nothing.push((name.to_owned(), "is empty"));
            return None;
        }
        self.moved
            .became
            .push((name.to_owned(), setting.to_owned()));
        Some(value.trim().to_owned())
    }

    fn place(&mut self) {
        if let Some(url) = self.take("OIDC_ISSUER_URL", "server.issuer") {
            let bare = url.trim_end_matches('/');
            if bare.len() != url.len() {
                self.moved.note(
                    "OIDC_ISSUER_URL ends with a slash, which an issuer here cannot: applications must be told the issuer without it",
                );
            }
            self.moved.set("server.issuer", bare);
        }
        let port = self.take("PORT", "server.listen");
        let host = self.take("HOST", "server.listen");
        if port.is_none() && host.is_none() {
            return;
        }
        let port = port.unwrap_or_else(|| "3000".to_owned());
        let host = host.unwrap_or_else(|| "127.0.0.1".to_owned());
        let address = match (host.parse::<IpAddr>(), port.parse::<u16>()) {
            (Ok(IpAddr::V6(host)), Ok(port)) => format!("[{host}]:{port}"),
            (Ok(IpAddr::V4(host)), Ok(port)) => format!("{host}:{port}"),
            (Err(_), Ok(port)) => {
                self.moved
                    .note("HOST is no address: server.listen is on this machine alone");
                format!("127.0.0.1:{port}")
            }
            (_, Err(_)) => {
                self.moved.note("PORT is no port: server.listen has 3000");
                "127.0.0.1:3000".to_owned()
            }
        };
        self.moved.set("server.listen", address);
    }

    fn database(&mut self, master_key: impl FnOnce() -> String) {
        let mysql = self
            .left
            .get("MYSQL_MIGRATION")
            .is_some_and(|v| v == "true");
        for name in [
            "OIDC_MIGRATION",
            "SOURCELOOP_MIGRATION",
            "OIDC_MIGRATION_COPY",
            "SOURCELOOP_MIGRATION_COPY",
            "MYSQL_MIGRATION",
            "AUTH_MIGRATION",
            "AUTH_MIGRATION_COPY",
        ] {
            let why = "store.migrate: the server brings its own tables up to date by itself, nothing is run when it is installed";
            self.nothing(name, why);
        }
        for name in [
            "AUTH_DB",
            "ENABLE_DB_CONNECTION_POOLING",
            "DB_MAX_CONNECTIONS",
            "DB_IDLE_TIMEOUT_MILLIS",
        ] {
            self.nothing(name, "connections are pooled, and a few carry all requests");
        }
        self.nothing("DB_SCHEMA", "the tables here have a schema of their own, hallpass; those of SourceLoop stay as they are");
        if mysql || !self.left.contains_key("DB_HOST") {
            if mysql {
                self.moved.note("the database was MySQL: state is kept in SQLite here, in the data folder; set [store] for PostgreSQL");
            }
            for name in [
                "DB_HOST",
                "DB_PORT",
                "DB_USER",
                "DB_PASSWORD",
                "DB_DATABASE",
                "DB_CONNECTION_TIMEOUT_MILLIS",
            ] {
                self.nothing(name, "state is kept in SQLite");
            }
            return;
        }
        self.moved.set("store.kind", "postgres");
        self.moved.set("store.postgres.schema", "hallpass");
        if let Some(host) = self.take("DB_HOST", "store.postgres.host") {
            self.moved.set("store.postgres.host", host);
        }
        if let Some(port) = self.take("DB_PORT", "store.postgres.port") {
            match port.parse::<u16>() {
                Ok(port) => self.moved.set("store.postgres.port", i64::from(port)),
                Err(_) => self
                    .moved
                    .note("DB_PORT is no port: store.postgres.port is left out"),
            }
        }
        for (name, setting) in [
            ("DB_USER", "store.postgres.user"),
            ("DB_DATABASE", "store.postgres.database"),
        ] {
            if let Some(value) = self.take(name, setting) {
                self.moved.set(setting, value);
            }
        }
        if let Some(password) = self.take("DB_PASSWORD", "store.postgres.password_file") {
            let name = "store.postgres.password_file";
            self.moved
                .file(name, self.folder, "postgres.password", password);
        }
        if let Some(millis) = self.take(
            "DB_CONNECTION_TIMEOUT_MILLIS",
            "store.postgres.connect_timeout",
        ) {
            let seconds = millis
                .parse::<u64>()
                .map(|millis| millis.div_ceil(1000).clamp(1, 60));
            match seconds.map(i64::try_from) {
                Ok(Ok(seconds)) => self.moved.set("store.postgres.connect_timeout", seconds),
                Ok(Err(_)) | Err(_) => self.moved.note("DB_CONNECTION_TIMEOUT_MILLIS is no number"),
            }
        }
        self.moved.file(
            "keys.master_key_file",
            self.folder,
            "master.key",
            master_key(),
        );
        self.moved.note("master.key was made: keep a copy of it apart from the database, which is of no use without it");
    }

    fn redis(&mut self) {
        for name in [
            "REDIS_NAME",
            "REDIS_TLS_CERT",
            "REDIS_HAS_SENTINELS",
            "REDIS_SENTINELS",
            "REDIS_SENTINEL_HOST",
            "REDIS_SENTINEL_PORT",
            "REDIS_SENTINEL_PASSWORD",
            "REDIS_SENTINEL_ROLE",
        ] {
            self.nothing(name, "Redis holds no state here, it only counts for several nodes; one address is enough");
        }
        let tls = self.take("REDIS_TLS_ENABLED", "cache.redis_url_file");
        let tls = tls.is_some_and(|v| matches!(v.as_str(), "1" | "true"));
        let setting = "cache.redis_url_file";
        let parts = [
            "REDIS_URL",
            "REDIS_HOST",
            "REDIS_PORT",
            "REDIS_PASSWORD",
            "REDIS_DATABASE",
        ];
        let [url, host, port, password, database] = parts.map(|name| self.take(name, setting));
        let url = match (url, host) {
            (Some(url), _) if url.contains("://") => url,
            (Some(host), _) | (None, Some(host)) => {
                let scheme = if tls { "rediss" } else { "redis" };
                let mut url = format!("{scheme}://");
                if let Some(password) = password {
                    let _ = write!(url, ":{}@", encoded(&password));
                }
                let _ = write!(url, "{host}:{}", port.as_deref().unwrap_or("6379"));
                if let Some(database) = database.filter(|d| d.bytes().all(|b| b.is_ascii_digit())) {
                    let _ = write!(url, "/{database}");
                }
                url
            }
            (None, None) => return,
        };
        self.moved.file(setting, self.folder, "redis.url", url);
    }

    fn lifetimes(&mut self) {
        for (name, setting) in [
            ("OIDC_INTERACTION_TIME", "lifetimes.interaction"),
            ("OIDC_SESSION_TIME", "lifetimes.session"),
            ("OIDC_GRANT_TIME", "lifetimes.refresh_absolute"),
            ("OIDC_ID_TOKEN_TIME", "lifetimes.id_token"),
        ] {
            let Some(text) = self.take(name, setting) else {
                continue;
            };
            match text.parse::<u32>() {
                Ok(seconds) if seconds > 0 => {
                    self.moved.set(setting, i64::from(seconds));
                    if name == "OIDC_GRANT_TIME" {
                        let idle = seconds.min(14 * 86_400);
                        self.moved.set("lifetimes.refresh_idle", i64::from(idle));
                    }
                }
                Ok(_) | Err(_) => {
                    let note =
                        format!("{name} is no number of seconds: {setting} keeps its default");
                    self.moved.note(note);
                }
            }
        }
        for name in ["REQUEST_SIGNUP_LINK_EXPIRY", "FORGOT_PASSWORD_LINK_EXPIRY"] {
            let Some(text) = self.take(name, "account.link_lifetime") else {
                continue;
            };
            match text.parse::<u32>() {
                Ok(seconds) if seconds > 0 => {
                    self.moved.set("account.link_lifetime", i64::from(seconds));
                }
                Ok(_) | Err(_) => self.moved.note(format!("{name} is no number of seconds")),
            }
        }
        self.moved.note(
            "lifetimes of single clients were ignored by SourceLoop, where access tokens lived for an hour: set lifetimes.access_token if \
             applications rely on that",
        );
    }

    /// The names that applications read, all under `openid`, taken from the standard ones.
    fn claims(&mut self) {
        let listed = self.take("OIDC_CLAIMS_PROFILE", "protocol.claims.openid");
        let listed = listed.unwrap_or_else(|| "firstName,lastName,email".to_owned());
        let mut names = Vec::new();
        for name in listed
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let Some((_, source)) = SOURCES.iter().find(|(known, _)| *known == name) else {
                let note = format!(
                    "OIDC_CLAIMS_PROFILE: {name:?} is told where accounts have a claim of that name"
                );
                self.moved.note(note);
                names.push(Setting::from(name));
                continue;
            };
            if *source != name {
                let mut sources = match self
                    .moved
                    .settings
                    .get("protocol")
                    .and_then(|p| p.get("claim_sources"))
                {
                    Some(Setting::Table(table)) => table.clone(),
                    Some(_) | None => Table::new(),
                };
                sources.insert(name.to_owned(), Setting::from(*source));
                self.moved.set("protocol.claim_sources", sources);
            }
            names.push(Setting::from(name));
        }
        self.moved.set("protocol.claims.openid", names);
    }

    /// One RSA key in eleven variables.
    fn key(&mut self) {
        const MEMBERS: [&str; 11] = [
            "KTY", "ALG", "USE", "KID", "N", "E", "D", "P", "Q", "DP", "DQ",
        ];
        let into = "sourceloop.jwk";
        let mut key = Map::new();
        for member in MEMBERS.iter().chain(&["QI"]) {
            if let Some(value) = self.take(&format!("OIDC_JWKS_{member}"), into) {
                key.insert(member.to_ascii_lowercase(), Value::from(value));
            }
        }
        if key.is_empty() {
            return;
        }
        let whole = ["kty", "n", "e", "d"]
            .iter()
            .all(|name| key.contains_key(*name));
        if !whole {
            self.moved
                .note("OIDC_JWKS_*: a part of the key is missing, so it was left out");
            return;
        }
        self.moved.files.push((into, json!(key).to_string()));
        self.moved.note(
            "sourceloop.jwk is the key that signed until now, private half and all: import it with the data, so that old ID tokens verify, \
             and delete the file; new tokens are signed by a key of this server's own",
        );
    }

    fn upstreams(&mut self) {
        let mut all = Vec::new();
        for (prefix, preset, file) in [
            ("GOOGLE", "google", "google.secret"),
            ("FACEBOOK", "facebook", "facebook.secret"),
        ] {
            let names = ["AUTH_CLIENT_ID", "CLIENT_ID"].map(|end| format!("{prefix}_{end}"));
            let id = names.iter().find_map(|name| self.take(name, "upstreams"));
            let names =
                ["AUTH_CLIENT_SECRET", "CLIENT_SECRET"].map(|end| format!("{prefix}_{end}"));
            let secret = names.iter().find_map(|name| self.take(name, "upstreams"));
            let (Some(id), Some(secret)) = (id, secret) else {
                continue;
            };
            let mut one = Table::new();
            one.insert("preset".to_owned(), Setting::from(preset));
            one.insert("client_id".to_owned(), Setting::from(id));
            let path = format!("{}/{file}", self.folder);
            one.insert("client_secret_file".to_owned(), Setting::from(path));
            self.moved.files.push((file, secret));
            self.moved.note(format!(
                "{preset}: register the redirect URI that is the issuer with /upstream/{preset}/callback behind it"
            ));
            all.push(Setting::Table(one));
        }
        if !all.is_empty() {
            self.moved.set("upstreams", all);
        }
    }

    fn rest(&mut self) {
        if let Some(level) = self.take("LOG_LEVEL", "log.level") {
            let level = match level.to_ascii_lowercase().as_str() {
                "error" => "error",
                "warn" | "warning" => "warn",
                "debug" | "verbose" | "silly" => "debug",
                _ => "info",
            };
            self.moved.set("log.level", level);
        }
        for (name, why) in NOTHING {
            self.nothing(name, why);
        }
        for name in std::mem::take(&mut self.left).into_keys() {
            let provider = ELSEWHERE.iter().any(|start| name.starts_with(start));
            if provider {
                let why = "other providers are [[upstreams]]: OpenID Connect and OAuth 2.0, by preset or by their addresses";
                self.moved.nothing.push((name, why));
            } else {
                self.moved.unknown.push(name);
            }
        }
    }

    fn nothing(&mut self, name: &str, why: &'static str) {
        if self.left.remove(name).is_some() {
            self.moved.nothing.push((name.to_owned(), why));
        }
    }
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Attributes of SourceLoop's users, and the claims that have their content.
const SOURCES: &[(&str, &str)] = &[
    ("firstName", "given_name"),
    ("lastName", "family_name"),
    ("middleName", "middle_name"),
    ("username", "preferred_username"),
    ("email", "email"),
    ("phone", "phone_number"),
    ("gender", "gender"),
    ("dob", "birthdate"),
    ("photoUrl", "picture"),
];

const NOTHING: &[(&str, &str)] = &[
    ("NODE_ENV", "there is one way to run"),
    (
        "OIDC_COOKIES",
        "cookies are sealed by keys that the server makes; sessions begin anew",
    ),
    ("JWT_SECRET", "nothing of OpenID Connect used it"),
    (
        "JWT_ISSUER",
        "nothing of OpenID Connect used it: server.issuer stands in every token",
    ),
    ("JWT_PRIVATE_KEY", "nothing of OpenID Connect used it"),
    ("JWT_PUBLIC_KEY", "nothing of OpenID Connect used it"),
    (
        "JWT_PRIVATE_KEY_PASSPHRASE",
        "the import of the data asks for it; keys here are under the master key",
    ),
    (
        "MAX_JWT_KEYS",
        "keys rotate by keys.rotation, and stay published until their last token has expired",
    ),
    ("API_BASE_URL", "server.issuer is the issuer everywhere"),
    (
        "USER_TEMP_PASSWORD",
        "there is no shared first password: people set theirs by a link that is mailed",
    ),
    (
        "ENCRYPTION_KEY",
        "what is secret in the database is sealed under the master key",
    ),
    (
        "PRIVATE_DECRYPTION_KEY",
        "passwords are not encrypted beneath TLS",
    ),
    ("OTP_STEP", "codes of apps change every 30 seconds"),
    ("OTP_WINDOW", "a code of the step before and after is taken"),
    ("APP_NAME", "pages.name is the name of the service"),
    ("LOCALE", "pages.languages"),
    ("LOCALE_PATH", "pages.texts changes words"),
    (
        "HTTPS_PROXY",
        "outgoing requests take no proxy from the environment",
    ),
];

const ELSEWHERE: &[&str] = &[
    "GOOGLE_",
    "FACEBOOK_",
    "INSTAGRAM_",
    "APPLE_",
    "AZURE_",
    "AUTH0_",
    "KEYCLOAK_",
    "SAML_",
    "COGNITO_",
];
