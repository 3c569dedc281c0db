//! Our server, started for one plan.

use super::plan::{Words, folder, in_file};
use super::{Result, keys, rest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::Method;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    binary: PathBuf,
    config: PathBuf,
    log: PathBuf,
    /// Where its public keys are.
    keys: String,
}

/// What the server's configuration and the suite's have in common.
///
/// # Errors
/// No free port or no randomness.
pub(crate) fn words(suite: &str) -> Result<Words> {
    let port = free_port()?;
    let mut words = Words::default();
    words.set("host", HOST);
    words.set("port", port.to_string());
    words.set("health_port", free_port()?.to_string());
    words.set("issuer", format!("https://{HOST}:{port}"));
    words.set("suite", suite);
    words.set("username", "conformance");
    for name in [
        "password",
        "secret_one",
        "secret_two",
        "secret_post",
        "secret_resource",
        "registration_token",
    ] {
        words.set(name, random()?);
    }
    keys::add(&mut words)?;
    Ok(words)
}

impl Server {
    /// Starts `binary` with the configuration of `conformance/` in a fresh `folder`.
    ///
    /// # Errors
    /// The files cannot be written, or the server does not answer within 30 s.
    pub(crate) async fn start(
        binary: &Path,
        work: &Path,
        words: &mut Words,
        suite: &CertificateDer<'_>,
        parts: &[String],
    ) -> Result<Self> {
        let (certificate, key) = keys::certificate(HOST)?;
        for (word, file, content) in [
            ("certificate", "certificate.pem", certificate.pem()),
            ("key", "key.pem", key.serialize_pem()),
            ("suite_certificate", "suite.pem", pem(suite)),
        ] {
            let path = work.join(file);
            write(&path, &content)?;
            words.set(word, path.display().to_string());
        }
        words.set("data", work.join("data").display().to_string());

        let mut text = read(&folder().join("server.toml"))?;
        for part in parts {
            text.push_str(&read(&folder().join(format!("server/{part}.toml")))?);
        }
        let config = work.join("hallpass.toml");
        write(&config, &words.fill(&text))?;

        let log = work.join("server.log");
        let output = File::create(&log).map_err(|error| in_file(&log, error))?;
        let errors = output.try_clone().map_err(|error| in_file(&log, error))?;
        let child = Command::new(binary)
            .args(["serve", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|error| in_file(binary, error))?;
        let mut server = Self {
            child,
            binary: binary.to_owned(),
            config,
            log,
            keys: words.fill("{issuer}/jwks"),
        };
        server.wait_until_ready(words).await?;
        Ok(server)
    }

    async fn wait_until_ready(&mut self, words: &Words) -> Result<()> {
        let url = words.fill("{issuer}/.well-known/openid-configuration");
        let start = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!(
                    "the server ended at once ({status}):\n{}",
                    self.end_of_log()
                ));
            }
            match rest::request(Method::GET, &url, None).await {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(_) | Err(_) if start.elapsed() < START_TIMEOUT => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Ok(answer) => return Err(format!("{url} answers {}", answer.status)),
                Err(error) => {
                    return Err(format!(
                        "the server does not answer: {error}\n{}",
                        self.end_of_log()
                    ));
                }
            }
        }
    }

    /// Gives the server a new signing key, by its own command, and waits until it is published.
    ///
    /// # Errors
    /// The command failed, or no new key was seen.
    pub(crate) async fn rotate_keys(&self) -> Result<()> {
        let before = rest::request(Method::GET, &self.keys, None).await?.body;
        self.rotate()?;
        let start = Instant::now();
        while start.elapsed() < ROTATION_TIMEOUT {
            if rest::request(Method::GET, &self.keys, None).await?.body != before {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Err("key rotate: the published keys did not change".to_owned())
    }

    fn rotate(&self) -> Result<()> {
        let output = Command::new(&self.binary)
            .args(["key", "rotate", "--force", "--config"])
            .arg(&self.config)
            .output()
            .map_err(|error| in_file(&self.binary, error))?;
        if output.status.success() {
            Ok(())
        } else {
            Err(format!(
                "key rotate: {}",
                String::from_utf8_lossy(&output.stderr)
            ))
        }
    }

    fn end_of_log(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let skipped = lines.len().saturating_sub(20);
        lines.get(skipped..).unwrap_or_default().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The data folder is thrown away, so there is nothing to close in order.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn free_port() -> Result<u16> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

fn random() -> Result<String> {
    let mut bytes = [0; 24];
    aws_lc_rs::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| "no randomness".to_owned())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for (index, character) in text.chars().enumerate() {
        if index > 0 && index.is_multiple_of(64) {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| in_file(path, error))
}

/// Writes a file that only its owner may read: keys and passwords are among them.
fn write(path: &Path, content: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(|error| in_file(path, error))
}

/// The suite's own name for loopback; some rules of OpenID Connect treat `localhost` apart.
pub(crate) const HOST: &str = "localhost.emobix.co.uk";

const START_TIMEOUT: Duration = Duration::from_secs(30);
/// A running server looks for rotated keys every other second.
const ROTATION_TIMEOUT: Duration = Duration::from_secs(10);
