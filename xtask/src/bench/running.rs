//! A server while it runs, and what it says about itself.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hallpass_load::browser::User;
use hallpass_load::{Client, Endpoints, Server};
use serde::Deserialize;

use super::Result;
use super::target::Target;

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) target: Target,
    pub(crate) child: Child,
    /// The process that answers, where `child` is a script that started it.
    pub(crate) serving: Option<u32>,
    /// The program beside it.
    pub(crate) beside: Option<(Child, u16)>,
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
    /// The file in the folder whose first line says who may sign in.
    pub(crate) said: &'static str,
}

/// What a server prints about itself.
#[derive(Debug, Deserialize)]
pub(crate) struct Demo {
    pub(crate) issuer: String,
    pub(crate) user: User,
    pub(crate) clients: Vec<Client>,
    /// Where the discovery document does not name it.
    #[serde(default)]
    pub(crate) introspection_endpoint: Option<String>,
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

    /// The client of that name.
    pub(crate) fn named(&self, client_id: &str) -> Option<Client> {
        let named = |client: &&Client| client.client_id == client_id;
        self.clients.iter().find(named).cloned()
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
        self.serving.unwrap_or_else(|| self.child.id())
    }

    /// Whether the process has ended.
    pub(crate) fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Looks for the process that a script has started.
    pub(crate) fn find_serving(&mut self) -> Result<()> {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let child = children.unwrap_or_default();
        let child = child
            .split_whitespace()
            .next()
            .and_then(|id| id.parse().ok());
        self.serving = Some(child.ok_or_else(|| self.complain("has no process"))?);
        Ok(())
    }

    /// Makes the program beside the server switch what its access tokens are signed with.
    ///
    /// # Errors
    /// There is none, or it cannot.
    pub(crate) fn sign_with(&self, alg: &str) -> Result<()> {
        let (_, port) = self.beside.as_ref().ok_or("no program beside the server")?;
        if answers(*port, &format!("/sign/{alg}")) {
            Ok(())
        } else {
            Err(self.complain("does not change its key"))
        }
    }

    /// The first line of standard output.
    ///
    /// # Errors
    /// There is none, or it is not what it should be.
    pub(crate) fn demo(&self) -> Result<Demo> {
        let started = Instant::now();
        while started.elapsed() < START_LIMIT {
            let text = std::fs::read_to_string(self.folder.join(self.said)).unwrap_or_default();
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
                if self.ended() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// A sentence with the last lines of what it has printed.
    pub(crate) fn complain(&self, what: &str) -> String {
        let files = ["stdout", "stderr", "beside", "beside-errors"];
        let read = |name| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        let text = files.map(read).concat();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines
            .get(lines.len().saturating_sub(10)..)
            .unwrap_or_default();
        format!("{} {what}\n{}", self.target.name(), last.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some((beside, _)) = &mut self.beside {
            drop(beside.kill());
            drop(beside.wait());
        }
        if let (Some(serving), false) = (self.serving, self.ended()) {
            let mut kill = Command::new("kill");
            drop(kill.args(["-9", &serving.to_string()]).status());
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What is given at an address of this machine with 200.
pub(crate) fn read(address: &str) -> Option<String> {
    let (authority, path) = address.strip_prefix("http://")?.split_once('/')?;
    let mut stream = TcpStream::connect(authority).ok()?;
    stream.set_read_timeout(Some(START_LIMIT)).ok()?;
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

/// Whether a request is answered with 200.
pub(crate) fn answers(port: u16, path: &str) -> bool {
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

/// A port that nothing listens on.
///
/// # Errors
/// There is none.
pub(crate) fn free_port() -> Result<u16> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

/// A port outside of those that the kernel gives to whoever connects somewhere: a server that takes long to listen finds it
/// free still.
///
/// # Errors
/// There is none.
pub(crate) fn steady_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % 500).unwrap_or_default();
    for _ in 0..STEADY {
        let next = NEXT
            .fetch_add(1, Relaxed)
            .wrapping_add(process.wrapping_mul(20));
        let port = FIRST_STEADY.saturating_add(next % STEADY);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    free_port()
}

const FIRST_STEADY: u16 = 20_000;
const STEADY: u16 = 10_000;
/// How long a server may take to answer.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(60);
