//! Keys that sign in a service beside this one: the port [`Signer`] over a Unix socket, or over a port of this machine.
//!
//! The service speaks two requests of plain HTTP/1.1 (`docs/reference/signing-service.md`):
//!
//! - `GET /keys` answers a JWK set of public keys, each with `alg`, and with `kid` where there are several.
//! - `POST /sign/KID` with the bytes to sign answers 200 and the bytes of the signature in the form of RFC 7518 §3.
//!
//! Anything else is a failure, which costs the client a retry and nothing that works once.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hallpass_jose::{Jwks, JwksPolicy, OutsideKey};
use hallpass_provider::ports::{SignError, Signer};
use hallpass_store::BoxFuture;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};

use crate::config::{SignerPlace, SignerSettings};
use crate::failure::Failure;

/// Every key of every configured service, in the order of the configuration.
///
/// # Errors
/// A service does not answer, or with something else than keys that can sign.
pub async fn connect(all: &[SignerSettings]) -> Result<Vec<Arc<dyn Signer>>, Failure> {
    let mut signers: Vec<Arc<dyn Signer>> = Vec::new();
    for (index, settings) in all.iter().enumerate() {
        let failed = |error: &dyn std::error::Error| {
            Failure::doing(&format!("signers[{index}]: {}", settings.place), error)
        };
        let service = Arc::new(Service::new(settings).map_err(|error| failed(&error))?);
        let keys = tokio::time::timeout(PATIENCE, service.keys())
            .await
            .unwrap_or_else(|_| Err(io::Error::other("no answer in time")))
            .map_err(|error| failed(&error))?;
        for key in keys.keys() {
            let key = OutsideKey::new(key).map_err(|error| failed(&error))?;
            if !is_plain(key.kid()) {
                let error = io::Error::other("a kid has characters that are not A-Z a-z 0-9 . _ -");
                return Err(failed(&error));
            }
            signers.push(Arc::new(RemoteKey {
                key,
                service: Arc::clone(&service),
            }));
        }
    }
    Ok(signers)
}

/// A key of a service.
struct RemoteKey {
    key: OutsideKey,
    service: Arc<Service>,
}

impl Signer for RemoteKey {
    fn key(&self) -> &OutsideKey {
        &self.key
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignError>> {
        Box::pin(async move {
            let path = format!("/sign/{}", self.key.kid());
            let body = Bytes::copy_from_slice(message);
            // The engine lets this future go after its own patience: a service that says nothing must count as failed, too.
            let asked = tokio::time::timeout(
                PATIENCE.saturating_sub(Duration::from_millis(100)),
                self.service.ask(Method::POST, &path, body),
            );
            match asked.await {
                Ok(Ok(signature)) => {
                    self.service.answered();
                    Ok(signature.to_vec())
                }
                Ok(Err(error)) => {
                    Service::failed(&self.service);
                    Err(SignError::Failed(error.to_string()))
                }
                Err(_) => {
                    Service::failed(&self.service);
                    Err(SignError::Timeout)
                }
            }
        })
    }

    fn ready(&self) -> bool {
        self.service.ready.load(Ordering::Relaxed)
    }
}

/// A signing service.
struct Service {
    place: SignerPlace,
    authorization: Option<HeaderValue>,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    ready: AtomicBool,
}

impl Service {
    fn new(settings: &SignerSettings) -> Result<Self, http::header::InvalidHeaderValue> {
        let bearer = |secret: &crate::config::Secret| {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", secret.expose()))?;
            value.set_sensitive(true);
            Ok(value)
        };
        Ok(Self {
            place: settings.place.clone(),
            authorization: settings.secret.as_ref().map(bearer).transpose()?,
            idle: Mutex::default(),
            ready: AtomicBool::new(true),
        })
    }

    async fn keys(&self) -> io::Result<Jwks> {
        let body = self.ask(Method::GET, "/keys", Bytes::new()).await?;
        let keys = Jwks::parse(&body, JwksPolicy::Client).map_err(io::Error::other)?;
        if keys.is_empty() {
            return Err(io::Error::other("there is no key"));
        }
        Ok(keys)
    }

    fn answered(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    /// Looks every second whether it is there again: a server that is not ready is asked for nothing that would show it.
    fn failed(service: &Arc<Self>) {
        if !service.ready.swap(false, Ordering::Relaxed) {
            return;
        }
        let service = Arc::downgrade(service);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let Some(service) = service.upgrade() else {
                    return;
                };
                if service.ready.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(Ok(_)) = tokio::time::timeout(PATIENCE, service.keys()).await {
                    service.answered();
                    return;
                }
            }
        });
    }

    /// One request. A connection that was kept and has ended meanwhile is replaced by a fresh one: to sign the same bytes
    /// twice does no harm.
    async fn ask(&self, method: Method, path: &str, body: Bytes) -> io::Result<Bytes> {
        while let Some(kept) = self.kept() {
            if let Ok(answer) = self.exchange(kept, &method, path, body.clone()).await {
                return answer;
            }
        }
        let fresh = self.connect().await?;
        self.exchange(fresh, &method, path, body)
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    fn kept(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|sender| !sender.is_closed());
        idle.pop()
    }

    fn keep(&self, sender: SendRequest<Full<Bytes>>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push(sender);
        }
    }

    /// An outer error says that the connection is of no use; an inner one comes from the service.
    async fn exchange(
        &self,
        mut sender: SendRequest<Full<Bytes>>,
        method: &Method,
        path: &str,
        body: Bytes,
    ) -> Result<io::Result<Bytes>, hyper::Error> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method.clone();
        let Ok(uri) = path.parse() else {
            return Ok(Err(io::Error::other("no such path")));
        };
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static("signer"));
        if let Some(value) = &self.authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = match Limited::new(answer.into_body(), LONGEST).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return Ok(Err(io::Error::other(error))),
        };
        self.keep(sender);
        if status != StatusCode::OK {
            return Ok(Err(io::Error::other(format!("it answers {status}"))));
        }
        Ok(Ok(body))
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        match &self.place {
            SignerPlace::Socket(path) => begin(UnixStream::connect(path).await?).await,
            SignerPlace::Address(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                begin(stream).await
            }
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

async fn begin<S>(stream: S) -> io::Result<SendRequest<Full<Bytes>>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

fn is_plain(kid: &str) -> bool {
    !kid.is_empty()
        && kid
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// As long as the engine waits for a signature.
const PATIENCE: Duration = Duration::from_secs(3);
const MOST_IDLE: usize = 8;
/// Bytes of an answer.
const LONGEST: usize = 64 * 1024;
