//! The binary itself, in a folder of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// A folder that is gone when dropped.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("hallpass-it-{}-{number}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// The binary, at home here, on ports that are free.
    pub(crate) fn hallpass(&self, arguments: &[&str]) -> Command {
        // A measurement may be of another build.
        let binary = std::env::var_os("HALLPASS_BINARY");
        let binary = binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_hallpass").into());
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .current_dir(&self.0)
            .env_clear()
            .env("HALLPASS__SERVER__LISTEN", "127.0.0.1:0")
            .env("HALLPASS__OPERATIONS__LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.hallpass(arguments).output().unwrap()
    }

    /// Runs a command with something on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.hallpass(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    }

    /// What a command prints as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A file that only its owner may read.
    pub(crate) fn write_own(&self, name: &str, content: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.write(name, content);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A running server.
pub(crate) struct Serving {
    child: Child,
    /// The first line that it printed.
    pub(crate) said: Value,
}

impl Serving {
    pub(crate) fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let mut command = folder.hallpass(&[&["serve", "--json"], arguments].concat());
        Self::spawn(&mut command)
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        if line.is_empty() {
            panic!("{:?}", child.wait_with_output());
        }
        Self {
            child,
            said: serde_json::from_str(&line).unwrap(),
        }
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    fn listen(&self) -> &str {
        self.said["listen"].as_str().unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        request(self.listen(), &format!("GET {path} HTTP/1.1\r\n"), "")
    }

    /// As asked for by another name.
    pub(crate) fn at(&self, host: &str, method: &str, path: &str, form: &str) -> Answer {
        let kind = "content-type: application/x-www-form-urlencoded\r\n";
        let head = format!("{method} {path} HTTP/1.1\r\n{kind}");
        request_to(self.listen(), host, &head, form)
    }

    pub(crate) fn post(&self, path: &str, head: &str, body: &str) -> Answer {
        request(
            self.listen(),
            &format!("POST {path} HTTP/1.1\r\n{head}"),
            body,
        )
    }

    /// A request as it is: its first line and headers, each with its end, and its body.
    pub(crate) fn send(&self, head: &str, body: &str) -> Answer {
        request(self.listen(), head, body)
    }

    /// A request without a body, as asked for by another name.
    pub(crate) fn send_to(&self, host: &str, head: &str) -> Answer {
        request_to(self.listen(), host, head, "")
    }

    /// The token endpoint with `client_secret_basic`.
    pub(crate) fn client_credentials(&self, id: &str, secret: &str) -> Answer {
        self.client_credentials_for(id, secret, "")
    }

    /// The same, with more behind the form's `grant_type`.
    pub(crate) fn client_credentials_for(&self, id: &str, secret: &str, more: &str) -> Answer {
        let basic = hallpass_jose::base64url::encode(format!("{id}:{secret}"));
        // Padded and in the other alphabet, which for these texts is the same.
        let padding = "=".repeat(basic.len().wrapping_neg() % 4);
        let basic = basic.replace('-', "+").replace('_', "/");
        let head = format!(
            "authorization: Basic {basic}{padding}\r\ncontent-type: application/x-www-form-urlencoded\r\n"
        );
        self.post(
            "/token",
            &head,
            &format!("grant_type=client_credentials{more}"),
        )
    }

    pub(crate) fn metrics(&self) -> String {
        self.operations("/metrics").body
    }

    /// A path of the operations listener.
    pub(crate) fn operations(&self, path: &str) -> Answer {
        let url = self.said["metrics"].as_str().unwrap();
        let address = url.strip_prefix("http://").unwrap();
        let (address, _) = address.split_once('/').unwrap();
        request(address, &format!("GET {path} HTTP/1.1\r\n"), "")
    }

    /// Reads the log until a line has all these words. What was read is not among what [`Self::stop`] answers.
    pub(crate) fn logs(&mut self, words: &[&str]) {
        let log = BufReader::new(self.child.stderr.as_mut().unwrap());
        for line in log.lines() {
            let line = line.unwrap();
            if words.iter().all(|word| line.contains(word)) {
                return;
            }
        }
        panic!("the log ends without {words:?}");
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Kills it, and waits until nothing is left of it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself, which is a failure; what it logged.
    pub(crate) fn ends(mut self) -> String {
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut log).unwrap();
        assert!(!self.child.wait().unwrap().success(), "{log}");
        log
    }

    /// Ends it in an orderly way; what it logged.
    pub(crate) fn stop(mut self) -> String {
        self.signal("-TERM");
        let status = self.child.wait().unwrap();
        let mut log = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        assert!(status.success(), "{status} {log}");
        log
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn request(address: &str, head: &str, body: &str) -> Answer {
    request_to(address, "localhost", head, body)
}

fn request_to(address: &str, host: &str, head: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let text = format!(
        "{head}host: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
