//! `hallpass serve --demo --json`.

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use hallpass_load::Client;
use hallpass_load::browser::User;
use serde::{Deserialize, Serialize};

use super::Folder;
use super::binary::hallpass;
use super::line::Lines;
use super::process::Process;

/// The first line of the server's output.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Demo {
    pub(crate) issuer: String,
    pub(crate) user: User,
    pub(crate) clients: Vec<Client>,
}

impl Demo {
    /// The client with every grant.
    pub(crate) fn confidential(&self) -> &Client {
        self.find(|client| client.client_secret.is_some() && !client.redirect_uris.is_empty())
    }

    /// A client without a secret.
    pub(crate) fn public(&self) -> &Client {
        self.find(|client| client.client_secret.is_none())
    }

    /// The client that introspects for a resource server.
    pub(crate) fn resource_server(&self) -> &Client {
        self.find(|client| client.client_secret.is_some() && client.redirect_uris.is_empty())
    }

    fn find(&self, wanted: impl Fn(&Client) -> bool) -> &Client {
        self.clients.iter().find(|client| wanted(client)).unwrap()
    }
}

/// A running server with the demo's user and clients.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    pub(crate) demo: Demo,
    /// The first line as it was printed, for the scripts.
    pub(crate) line: String,
    environment: Vec<(String, String)>,
    log: PathBuf,
    // Last: it goes when the process is gone.
    folder: Option<Folder>,
}

impl Server {
    /// A server with a folder of its own.
    pub(crate) fn start(name: &str) -> Self {
        let folder = Folder::new(name);
        let mut server = Self::start_in(folder.path(), Ports::free());
        server.folder = Some(folder);
        server
    }

    /// A server with a folder of its own and further settings, as variables of the environment.
    pub(crate) fn start_with(name: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_at(name, Ports::free(), settings)
    }

    /// A server with a folder of its own and further settings, on ports that were chosen before.
    pub(crate) fn start_at(name: &str, ports: Ports, settings: &[(&str, &str)]) -> Self {
        let folder = Folder::new(name);
        let mut server = Self::start_configured(folder.path(), ports, settings);
        server.folder = Some(folder);
        server
    }

    /// A server with a folder of its own that holds these files, `hallpass.toml` among them.
    pub(crate) fn start_from(name: &str, files: &[(&str, &str)]) -> Self {
        Self::start_from_at(name, files, Ports::free(), &[])
    }

    /// The same with further settings, on ports that were chosen before.
    pub(crate) fn start_from_at(
        name: &str,
        files: &[(&str, &str)],
        ports: Ports,
        settings: &[(&str, &str)],
    ) -> Self {
        use std::os::unix::fs::OpenOptionsExt as _;

        let folder = Folder::new(name);
        for (file, content) in files {
            let mut options = File::options();
            options.create(true).write(true).truncate(true).mode(0o600);
            let mut file = options.open(folder.path().join(file)).unwrap();
            file.write_all(content.as_bytes()).unwrap();
        }
        let mut server = Self::start_configured(folder.path(), ports, settings);
        server.folder = Some(folder);
        server
    }

    /// A server on that folder, where another one may have been before.
    pub(crate) fn start_in(folder: &Path, ports: Ports) -> Self {
        Self::start_configured(folder, ports, &[])
    }

    fn start_configured(folder: &Path, ports: Ports, settings: &[(&str, &str)]) -> Self {
        let log = folder.join("stderr");
        let to_log = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let environment = environment(folder, ports, settings);
        let mut command = Command::new(hallpass());
        if folder.join("hallpass.toml").exists() {
            command.args(["--config", "hallpass.toml"]);
        }
        command
            .args(["serve", "--demo", "--json"])
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(to_log);
        let mut process = Process::start(&mut command);
        let lines = Lines::of(process.child().stdout.take().unwrap());
        let Some(line) = lines.find(START_LIMIT, |line| Some(line.to_owned())) else {
            panic!("the server printed nothing; {}", tail(&log));
        };
        let demo = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("first line: {error}: {line}"));
        Self {
            process,
            demo,
            line,
            environment,
            log,
            folder: None,
        }
    }

    /// What a command prints as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let text = self.command(&[&["--json"], arguments].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// Does something beside the server, with its settings: what it prints.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        let done = Command::new(hallpass())
            .args(arguments)
            .envs(environment)
            .current_dir(self.log.parent().unwrap())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {error}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        let status = self.process.kill();
        assert!(!status.success());
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.log.with_file_name("data")
    }

    /// An address of a page.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.demo.issuer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", tail(&self.log));
        }
    }
}

/// Settings of a server on that folder and those ports, as variables of the environment.
fn environment(folder: &Path, ports: Ports, settings: &[(&str, &str)]) -> Vec<(String, String)> {
    let data = folder.join("data").to_str().unwrap().to_owned();
    let own = [
        ("HALLPASS__SERVER__LISTEN", ports.listen()),
        ("HALLPASS__SERVER__DATA_DIR", data),
        ("HALLPASS__OPERATIONS__LISTEN", ports.operations()),
        // All tests come from one address.
        (
            "HALLPASS__RATE_LIMITS__SIGN_IN_PER_ADDRESS",
            "100000".to_owned(),
        ),
        (
            "HALLPASS__REGISTRATION__PER_ADDRESS_PER_HOUR",
            "100000".to_owned(),
        ),
    ];
    let given = settings
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    own.into_iter()
        .chain(on_postgres(folder))
        .chain(given)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Settings that keep the state on a PostgreSQL of the tests, when the variable `HALLPASS_TEST_STORE` says so: in a schema
/// that is the same for every server on that folder.
fn on_postgres(folder: &Path) -> Vec<(&'static str, String)> {
    if std::env::var("HALLPASS_TEST_STORE").as_deref() != Ok("postgres") {
        return Vec::new();
    }
    let Some(cluster) = hallpass_testpg::shared() else {
        return Vec::new();
    };
    let note = folder.join("schema");
    let schema = std::fs::read_to_string(&note).unwrap_or_else(|_| cluster.schema());
    std::fs::write(&note, &schema).unwrap();
    vec![
        ("HALLPASS__STORE__KIND", "postgres".to_owned()),
        ("HALLPASS__STORE__POSTGRES__URL", cluster.url()),
        ("HALLPASS__STORE__POSTGRES__SCHEMA", schema),
        (
            "HALLPASS__KEYS__MASTER_KEY",
            "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA".to_owned(),
        ),
    ]
}

/// The ports of a server, so that the next one on the same folder is the same issuer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    public: u16,
    operations: u16,
}

impl Ports {
    /// Two ports that nobody listens on now, and that the system hands to nobody who asks for any port: while a
    /// server is down its ports stay free for the next one.
    pub(crate) fn free() -> Self {
        let mut free =
            std::iter::repeat_with(|| PORTS.start + random_below(PORTS.len() as u64) as u16)
                .filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
        let public = free.next().unwrap();
        let operations = free.find(|port| *port != public).unwrap();
        Self { public, operations }
    }

    /// The issuer of the server on them, under that name of this machine.
    pub(crate) fn issuer(self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}", self.public)
    }

    fn listen(self) -> String {
        format!("127.0.0.1:{}", self.public)
    }

    fn operations(self) -> String {
        format!("127.0.0.1:{}", self.operations)
    }
}

/// The end of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.len().saturating_sub(30);
    format!("{} ends:\n{}", log.display(), lines[last..].join("\n"))
}

/// A number below `end`, another one each time.
pub(crate) fn random_below(end: u64) -> u64 {
    RandomState::new().hash_one(()) % end
}

const PORTS: Range<u16> = 20_000..32_000;

/// Generous: the first start makes keys and hashes a password, in a debug build, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
