//! Server processes.

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use hallpass_load::Client;
use hallpass_load::browser::User;
use serde::Deserialize;

use crate::Failed;
use crate::report::require;

/// What the experiments run.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the program and the tests fill it in"
)]
pub struct Setup {
    /// The server's binary.
    pub binary: PathBuf,
    /// The server's binary of the version before.
    pub previous: Option<PathBuf>,
    /// Where each experiment makes a folder of its own.
    pub scratch: PathBuf,
    /// Whether everything runs at full length.
    pub long: bool,
}

impl Setup {
    /// One of two numbers: the one for CI or the one at full length.
    #[must_use]
    pub const fn times(&self, short: u32, long: u32) -> u32 {
        if self.long { long } else { short }
    }

    /// A folder of one experiment.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&self, name: &str) -> Result<Folder, Failed> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self
            .scratch
            .join(format!("{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| Failed::io(&path, error))?;
        Ok(Folder(path))
    }
}

/// A folder that is gone when nobody needs it any more.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::env::var_os("HALLPASS_KEEP").is_none() {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }
}

/// What the demo prints: the issuer, a user and clients.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Demo {
    /// The issuer.
    pub issuer: String,
    /// The user.
    pub user: User,
    /// The clients.
    pub clients: Vec<Client>,
}

/// How a server is started: on a folder, at fixed ports, with further settings.
#[derive(Clone, Debug)]
pub struct Launch {
    binary: PathBuf,
    data: PathBuf,
    log: PathBuf,
    listen: u16,
    operations: u16,
    settings: Vec<(String, String)>,
    wrapper: Vec<String>,
}

impl Launch {
    /// A server whose data and log are in that folder.
    #[must_use]
    pub fn new(setup: &Setup, folder: &Path) -> Self {
        let (listen, operations) = free_ports();
        Self {
            binary: setup.binary.clone(),
            data: folder.join("data"),
            log: folder.join("stderr"),
            listen,
            operations,
            settings: Vec::new(),
            wrapper: Vec::new(),
        }
    }

    /// Its data elsewhere.
    #[must_use]
    pub fn on(mut self, data: &Path) -> Self {
        data.clone_into(&mut self.data);
        self
    }

    /// The same, run by another binary.
    #[must_use]
    pub fn by(mut self, binary: &Path) -> Self {
        binary.clone_into(&mut self.binary);
        self
    }

    /// With a setting, by the name of its environment variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Started by another program, which gets the server's command line at the end of its own.
    #[must_use]
    pub fn within(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|part| (*part).to_owned()).collect();
        self
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The port of the public listener.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.listen
    }

    /// The issuer, unless a setting names another.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://localhost:{}", self.listen)
    }

    /// Where metrics and health are.
    #[must_use]
    pub fn operations(&self) -> String {
        format!("http://127.0.0.1:{}", self.operations)
    }

    /// Starts it and waits for its first line.
    ///
    /// # Errors
    /// It does not get that far within a minute.
    pub fn start(&self) -> Result<Server, Failed> {
        let began = Instant::now();
        let mut process = self.spawn(&["serve", "--demo", "--json"])?;
        let stdout = process.child.stdout.take();
        let lines = stdout.map(lines).ok_or_else(|| Failed::new("no output"))?;
        let line = match lines.recv_timeout(START_LIMIT) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(Failed::new(format!(
                    "the server did not start; {}",
                    self.log_end()
                )));
            }
        };
        let demo = serde_json::from_str(&line)
            .map_err(|error| Failed::new(format!("first line: {error}: {line}")))?;
        Ok(Server {
            process,
            demo,
            started_in: began.elapsed(),
        })
    }

    /// Runs another command of the binary on the same data and waits for its end.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn command(&self, arguments: &[&str]) -> Result<Ended, Failed> {
        let mut command = self.prepared(arguments);
        let output = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .map_err(|error| Failed::io(&self.binary, error))?;
        Ok(Ended {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Begins another command and kills it after that time, if it is still there.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn interrupted(&self, arguments: &[&str], after: Duration) -> Result<(), Failed> {
        let failed = |error| Failed::io(&self.binary, error);
        let mut child = self
            .prepared(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        std::thread::sleep(after);
        drop(child.kill());
        child.wait().map_err(failed).map(drop)
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_end(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let mut lines: Vec<&str> = text.lines().rev().take(12).collect();
        lines.reverse();
        lines.join("\n")
    }

    fn spawn(&self, arguments: &[&str]) -> Result<Process, Failed> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .map_err(|error| Failed::io(&self.log, error))?;
        let child = self
            .prepared(arguments)
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(|error| Failed::io(&self.binary, error))?;
        Ok(Process { child, gone: false })
    }

    fn prepared(&self, arguments: &[&str]) -> Command {
        let mut command = match self.wrapper.split_first() {
            None => Command::new(&self.binary),
            Some((program, rest)) => {
                let mut command = Command::new(program);
                command.args(rest).arg(&self.binary);
                command
            }
        };
        command
            .args(arguments)
            .env(
                "HALLPASS__SERVER__LISTEN",
                format!("127.0.0.1:{}", self.listen),
            )
            .env("HALLPASS__SERVER__DATA_DIR", &self.data)
            .env(
                "HALLPASS__OPERATIONS__LISTEN",
                format!("127.0.0.1:{}", self.operations),
            )
            // All workers come from one address.
            .env("HALLPASS__RATE_LIMITS__SIGN_IN_PER_ADDRESS", "100000")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        if let Some(folder) = self.log.parent() {
            command.current_dir(folder);
        }
        command
    }
}

/// What a command came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// Whether it succeeded.
    pub success: bool,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    process: Process,
    /// What it printed.
    pub demo: Demo,
    /// How long the start took.
    pub started_in: Duration,
}

impl Server {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// SIGKILL to it and all that it started, and its end.
    ///
    /// # Errors
    /// There is nothing to kill.
    pub fn kill(mut self) -> Result<(), Failed> {
        self.process.signal_group("KILL");
        self.process.wait()?;
        // Where another program started it, that one's end is not yet the server's.
        for _ in 0..500 {
            if !self.process.group_is_there() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(Failed::new("a killed server is still there"))
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Stops it, and waits until none of its threads runs any more: on a busy machine the others go on until the one that takes
    /// the signal has had its turn.
    ///
    /// # Errors
    /// They do not stop.
    pub fn freeze(&self) -> Result<(), Failed> {
        self.signal("STOP");
        let threads = PathBuf::from(format!("/proc/{}/task", self.pid()));
        let began = Instant::now();
        while !all_stand(&threads) {
            require(began.elapsed() < FREEZES, || "it does not stop".to_owned())?;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// How it ended, where it ended within the limit.
    #[must_use]
    pub fn end_within(mut self, limit: Duration) -> Option<ExitStatus> {
        let end = Instant::now().checked_add(limit)?;
        while Instant::now() < end {
            if let Ok(Some(status)) = self.process.child.try_wait() {
                self.process.gone = true;
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

/// A process in a group of its own, which is killed when this is dropped.
#[derive(Debug)]
struct Process {
    child: Child,
    /// Its number may be another process's by now.
    gone: bool,
}

impl Process {
    fn signal(&self, name: &str) {
        send(name, &self.child.id().to_string());
    }

    fn signal_group(&self, name: &str) {
        send(name, &format!("-{}", self.child.id()));
    }

    fn group_is_there(&self) -> bool {
        let group = format!("-{}", self.child.id());
        let output = Command::new("kill").args(["-0", "--", &group]).output();
        output.is_ok_and(|output| output.status.success())
    }

    fn wait(&mut self) -> Result<ExitStatus, Failed> {
        let status = self.child.wait();
        self.gone = true;
        status.map_err(|error| Failed::new(error.to_string()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.gone {
            self.signal_group("KILL");
            drop(self.child.wait());
        }
    }
}

fn send(signal: &str, whom: &str) {
    let arguments = [&format!("-{signal}"), "--", whom];
    drop(Command::new("kill").args(arguments).output());
}

/// The lines of a stream, read by a thread of its own so that the writer is never held up.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // Only the first one is waited for; the rest is read to its end all the same.
            drop(send.send(line));
        }
    });
    receive
}

/// Two ports that nobody listens on now, and that the system hands to nobody who asks for any port.
fn free_ports() -> (u16, u16) {
    let mut free = std::iter::repeat_with(|| {
        let offset = random_below(u64::from(PORTS.end.saturating_sub(PORTS.start)));
        PORTS
            .start
            .saturating_add(u16::try_from(offset).unwrap_or_default())
    })
    .filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    let first = free.next().unwrap_or(PORTS.start);
    let second = free.find(|port| *port != first).unwrap_or(PORTS.end);
    (first, second)
}

/// A number below `end`, another one each time.
#[must_use]
pub fn random_below(end: u64) -> u64 {
    RandomState::new()
        .hash_one(())
        .checked_rem(end)
        .unwrap_or_default()
}

const PORTS: Range<u16> = 20_000..32_000;

/// Generous: the first start makes keys and hashes a password, maybe in a debug build on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Whether every thread is stopped. Of a thread whose state cannot be read nobody knows.
fn all_stand(threads: &Path) -> bool {
    let Ok(mut threads) = std::fs::read_dir(threads) else {
        return false;
    };
    threads.all(|thread| {
        let status = thread.and_then(|thread| std::fs::read_to_string(thread.path().join("stat")));
        // The name in brackets may hold anything.
        status.is_ok_and(|text| {
            let state = text.rsplit_once(") ").map(|(_, rest)| rest);
            state.is_some_and(|state| state.starts_with('T'))
        })
    })
}

const FREEZES: Duration = Duration::from_secs(20);
