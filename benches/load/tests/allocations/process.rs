//! The server in a process of its own, which is this program once more.

use std::alloc::System;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use hallpass_load::browser::User;
use hallpass_load::{Client, ClientKey};
use hallpass_server::{cli::Cli, commands, output::Output};
use serde::Deserialize;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A resource that wants JWTs.
pub(crate) const RESOURCE: &str = "https://es256.api.example";
/// The configuration of the process that is the server.
const CONFIGURATION: &str = "HALLPASS_COUNTED";
const KEYED: &str = "keyed";
const CALLBACK: &str = "http://127.0.0.1:9/callback";

/// How often memory was asked for, and how many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// How often, enlargements included.
    pub(crate) times: u64,
    /// Bytes in all.
    pub(crate) bytes: u64,
}

impl Counted {
    fn now() -> Self {
        let stats = ALLOCATOR.stats();
        Self {
            times: (stats.allocations + stats.reallocations) as u64,
            bytes: stats.bytes_allocated as u64,
        }
    }

    /// What has come since then.
    pub(crate) const fn since(self, before: Self) -> Self {
        Self {
            times: self.times - before.times,
            bytes: self.bytes - before.bytes,
        }
    }

    /// The same for each of so many pieces of work, rounded.
    pub(crate) const fn each(self, pieces: u64) -> Self {
        Self {
            times: (self.times + pieces / 2) / pieces,
            bytes: (self.bytes + pieces / 2) / pieces,
        }
    }
}

/// Whether this process is to be the server.
pub(crate) fn is_server() -> bool {
    std::env::var_os(CONFIGURATION).is_some()
}

/// Serves, and prints what was counted for each line that comes in. It ends with its input.
pub(crate) fn serve() -> ExitCode {
    let path = std::env::var(CONFIGURATION).unwrap();
    std::thread::spawn(|| {
        for _line in std::io::stdin().lines().map_while(Result::ok) {
            let counted = Counted::now();
            println!("{} {}", counted.times, counted.bytes);
        }
        std::process::exit(0);
    });
    let cli = Cli {
        config: Some(PathBuf::from(path)),
        json: true,
        issuer: None,
        command: Some(hallpass_server::cli::Command::Serve(
            hallpass_server::cli::Serve { demo: true },
        )),
    };
    match commands::run(cli, Output::new(true)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure:?}");
            ExitCode::FAILURE
        }
    }
}

/// A server that runs. It ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    asking: ChildStdin,
    answers: BufReader<ChildStdout>,
    folder: PathBuf,
    key: ClientKey,
}

/// What the server prints at its start.
#[derive(Debug, Deserialize)]
pub(crate) struct Demo {
    pub(crate) issuer: String,
    pub(crate) user: User,
    clients: Vec<Client>,
}

impl Demo {
    fn the(&self, fits: impl Fn(&Client) -> bool) -> Client {
        self.clients
            .iter()
            .find(|client| fits(client))
            .unwrap()
            .clone()
    }

    /// The client with all grants.
    pub(crate) fn confidential(&self) -> Client {
        self.the(|client| {
            client.client_secret.is_some()
                && client
                    .grant_types
                    .iter()
                    .any(|grant| grant == "client_credentials")
        })
    }

    /// The client without a secret.
    pub(crate) fn public(&self) -> Client {
        self.the(|client| client.client_secret.is_none() && !client.redirect_uris.is_empty())
    }

    /// The client that only introspects.
    pub(crate) fn resource_server(&self) -> Client {
        self.the(|client| client.client_secret.is_some() && client.redirect_uris.is_empty())
    }
}

impl Server {
    /// Starts it on ports and in a folder of its own.
    pub(crate) fn start() -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("allocations-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let key = ClientKey::generate().unwrap();
        let file = folder.join("hallpass.toml");
        std::fs::write(&file, configuration(&folder, &key)).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(CONFIGURATION, &file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let asking = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            asking,
            answers,
            folder,
            key,
        }
    }

    /// Its first line.
    pub(crate) fn demo(&mut self) -> Demo {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// What it has asked for so far.
    pub(crate) fn counted(&mut self) -> Counted {
        writeln!(self.asking).unwrap();
        self.asking.flush().unwrap();
        let line = self.line();
        let (times, bytes) = line.trim().split_once(' ').unwrap();
        Counted {
            times: times.parse().unwrap(),
            bytes: bytes.parse().unwrap(),
        }
    }

    /// The client that signs.
    pub(crate) fn keyed(&self) -> Client {
        Client {
            client_id: KEYED.to_owned(),
            client_secret: None,
            key: Some(self.key.clone()),
            redirect_uris: vec![CALLBACK.to_owned()],
            grant_types: vec!["authorization_code".to_owned()],
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line).unwrap();
        assert!(read > 0, "the server ended");
        line
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn configuration(folder: &std::path::Path, key: &ClientKey) -> String {
    let data = folder.join("data");
    let jwk = key.public_jwk();
    // Its members are plain text, whose JSON is TOML, too.
    let members = jwk.as_object().unwrap().iter();
    let members: Vec<_> = members
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    let members = members.join(", ");
    format!(
        r#"[server]
listen = "127.0.0.1:0"
data_dir = {data:?}
workers = 1

[operations]
listen = "127.0.0.1:0"

[log]
level = "error"

[[protocol.resources]]
identifier = "{RESOURCE}"
signing_alg = "ES256"

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
