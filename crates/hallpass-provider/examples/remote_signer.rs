//! A signing key in a service of its own, and the port that reaches it: `cargo run -p hallpass-provider --example
//! remote_signer`.
//!
//! The service is all that ever sees the private key. It speaks two requests of plain HTTP, so that a key service or a
//! hardware module is put behind it, or in its place, in an afternoon:
//!
//! - `GET /keys` answers a JWK set with the public key, its `kid` and `alg`.
//! - `POST /sign` with the bytes to sign answers the bytes of the signature.
//!
//! Both want `Authorization: Bearer` with a secret that the two share. In earnest the connection is TLS with certificates
//! on both sides, or a socket in a folder that only the two can enter.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use hallpass_jose::{Jwks, JwksPolicy, JwsAlgorithm, OutsideKey, SigningKey};
use hallpass_provider::ports::{SignError, Signer};
use hallpass_store::BoxFuture;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// The service. It ends when it is dropped.
pub(crate) struct Service {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Service {
    /// Starts it with a key and the secret that its callers know.
    ///
    /// # Errors
    /// It cannot listen.
    pub(crate) async fn start(at: &str, key: SigningKey, secret: &'static str) -> io::Result<Self> {
        let listener = TcpListener::bind(at).await?;
        let address = listener.local_addr()?;
        let key = Arc::new(key);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let key = Arc::clone(&key);
                tokio::spawn(async move { drop(serve(stream, &key, secret).await) });
            }
        });
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, key: &SigningKey, secret: &str) -> io::Result<()> {
    let (head, body) = read(&mut stream).await?;
    let line = head.lines().next().unwrap_or_default();
    let allowed = head
        .lines()
        .filter_map(|line| line.strip_prefix("Authorization: Bearer "))
        .any(|shown| hallpass_jose::constant_time_eq(shown.as_bytes(), secret.as_bytes()));
    let answer = match line {
        _ if !allowed => None,
        "GET /keys HTTP/1.1" => Some(Jwks::from_keys([key.public_jwk()]).to_json().into_bytes()),
        "POST /sign HTTP/1.1" => key.sign(&body).ok(),
        _ => None,
    };
    let (status, body) = match answer {
        Some(body) => ("200 OK", body),
        None => ("403 Forbidden", Vec::new()),
    };
    write(&mut stream, &format!("HTTP/1.1 {status}"), &body).await
}

/// A key that the service has.
pub(crate) struct RemoteSigner {
    key: OutsideKey,
    address: SocketAddr,
    secret: String,
    ready: AtomicBool,
}

impl RemoteSigner {
    /// Asks the service for its public key.
    ///
    /// # Errors
    /// It does not answer, or with something else.
    pub(crate) async fn connect(address: SocketAddr, secret: &str) -> io::Result<Self> {
        let answer = ask(address, secret, "GET /keys", &[]).await?;
        let keys = Jwks::parse(&answer, JwksPolicy::Client).map_err(io::Error::other)?;
        let first = keys.keys().next();
        let first = first.ok_or_else(|| io::Error::other("the service has no key"))?;
        Ok(Self {
            key: OutsideKey::new(first).map_err(io::Error::other)?,
            address,
            secret: secret.to_owned(),
            ready: AtomicBool::new(true),
        })
    }
}

impl Signer for RemoteSigner {
    fn key(&self) -> &OutsideKey {
        &self.key
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignError>> {
        Box::pin(async move {
            let signed = ask(self.address, &self.secret, "POST /sign", message).await;
            self.ready.store(signed.is_ok(), Ordering::Relaxed);
            signed.map_err(|error| SignError::Failed(error.to_string()))
        })
    }

    fn ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }
}

async fn ask(address: SocketAddr, secret: &str, what: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let line = format!("{what} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {secret}");
    write(&mut stream, &line, body).await?;
    let (head, body) = read(&mut stream).await?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(io::Error::other("the service refuses"));
    }
    Ok(body)
}

async fn write(stream: &mut TcpStream, lines: &str, body: &[u8]) -> io::Result<()> {
    let head = format!(
        "{lines}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.flush().await
}

/// The head as text, and the body that it announces.
async fn read(stream: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let end = loop {
        if let Some(end) = all.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if all.len() > MOST || stream.read_buf(&mut all).await? == 0 {
            return Err(io::Error::other("no head"));
        }
    };
    let mut body = all.split_off(end.saturating_add(4));
    let head = String::from_utf8(all).map_err(io::Error::other)?;
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .and_then(|length| length.parse().ok())
        .filter(|length| *length <= MOST)
        .ok_or_else(|| io::Error::other("no length"))?;
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(io::Error::other("cut short"));
        }
    }
    Ok((head, body))
}

const MOST: usize = 64 * 1024;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = SigningKey::generate(JwsAlgorithm::ES256)?;
    let service = Service::start("127.0.0.1:0", key, "only the two know").await?;
    let signer = RemoteSigner::connect(service.address(), "only the two know").await?;
    // An engine would get it by `Builder::signer`.
    let input = signer
        .key()
        .signing_input(Some("JWT"), br#"{"sub":"alice"}"#);
    let signature = signer.sign(input.as_bytes()).await?;
    let token = signer.key().complete(input, &signature)?;
    writeln!(io::stdout(), "{token}")?;
    Ok(())
}
