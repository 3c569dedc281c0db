//! The one way out.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hallpass_provider::ports::{
    ExchangeRequest, Exchanged, FetchError, FetchRequest, Fetched, Fetcher, PostRequest,
};
use hallpass_store::BoxFuture;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::address::is_public;
use crate::cidr::Cidr;
use crate::cool_down::{CoolDown, Held, MOST_PER_ORIGIN, MOST_PER_PROVIDER, Ticket};
use crate::exchange::{Failure, ask_for, exchange, hand_in};
use crate::target::{Target, TargetHost};

/// What weakens the guard; nothing by default.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Addresses that are not public and may be reached all the same, by plain HTTP too.
    pub private_addresses: Vec<Cidr>,
    /// Certificates that are trusted as roots beside those of the browsers.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl Settings {
    /// Reads certificates to trust from a PEM file.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn extra_roots_from(path: &Path) -> Result<Vec<CertificateDer<'static>>, BadRoots> {
        let bad = |why: &dyn fmt::Display| BadRoots(format!("{}: {why}", path.display()));
        let roots: Vec<_> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| bad(&error))?;
        if roots.is_empty() {
            return Err(bad(&"holds no certificate"));
        }
        Ok(roots)
    }
}

/// Certificates that cannot be trusted as roots.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadRoots(String);

/// The one way out.
pub struct Guard {
    settings: Settings,
    resolve: Box<Resolve>,
    cool_down: Arc<CoolDown>,
    /// Made when it is first needed: most servers never ask anybody anything.
    tls: OnceLock<TlsConnector>,
}

/// Finds the addresses of a name.
type Resolve = dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync;

impl Guard {
    /// A guard with these settings.
    ///
    /// # Errors
    /// An extra root is no certificate.
    pub fn new(settings: Settings) -> Result<Self, BadRoots> {
        let mut roots = RootCertStore::empty();
        for root in &settings.extra_roots {
            roots
                .add(root.clone())
                .map_err(|error| BadRoots(error.to_string()))?;
        }
        Ok(Self {
            settings,
            resolve: Box::new(|name, port| {
                Box::pin(async move { Ok(tokio::net::lookup_host((name, port)).await?.collect()) })
            }),
            cool_down: Arc::default(),
            tls: OnceLock::new(),
        })
    }

    /// Whether the URL leads somewhere that may be dialled, as names resolve now. A name that does not resolve is
    /// let through: it is looked at again at each connection.
    async fn permits_now(&self, url: &str) -> bool {
        let Ok(target) = Target::parse(url) else {
            return false;
        };
        let addresses = match target.host {
            TargetHost::Address(address) => vec![SocketAddr::new(address, target.port)],
            TargetHost::Name(name) => {
                let lookup = (self.resolve)(name, target.port);
                match tokio::time::timeout(CONNECT, lookup).await {
                    Ok(Ok(addresses)) => addresses,
                    Ok(Err(_)) | Err(_) => return true,
                }
            }
        };
        addresses
            .iter()
            .any(|address| self.may_dial(*address, target.https))
    }

    /// One request to a target that may be dialled and was not out of order just now.
    async fn within<'a, T>(
        &'a self,
        url: &str,
        timeout: Duration,
        speaks_for: SpeaksFor,
        attempt: impl AsyncFnOnce(&Target, &AtomicBool) -> Result<T, Outcome>,
    ) -> Result<T, FetchError> {
        let target = Target::parse(url)?;
        // What is blocked at sight is not even counted.
        if let TargetHost::Address(address) = target.host
            && !self.may_dial(SocketAddr::new(address, target.port), target.https)
        {
            return Err(FetchError::Blocked);
        }
        let ticket = match speaks_for {
            SpeaksFor::Url => self.cool_down.enter(target.origin(), url, MOST_PER_ORIGIN),
            SpeaksFor::Itself => self.wait_for_place(&target, url).await,
        };
        let ticket = match ticket {
            Ok(ticket) => ticket,
            Err(held) => {
                tracing::debug!(fetch.origin = target.origin(), "left alone for a while");
                return Err(match held {
                    Held::Cold => FetchError::Failed,
                    Held::Busy => FetchError::Busy,
                });
            }
        };
        let reached = AtomicBool::new(false);
        let answer = tokio::time::timeout(timeout, attempt(&target, &reached)).await;
        let failure = match answer {
            Ok(Ok(fetched)) => {
                ticket.good(url);
                return Ok(fetched);
            }
            Ok(Err(Outcome::Blocked)) => {
                ticket.unreachable();
                return Err(FetchError::Blocked);
            }
            Ok(Err(Outcome::Failed(failure))) => failure,
            Err(_) => Failure::Unreachable("no answer in time".to_owned()),
        };
        tracing::debug!(fetch.origin = target.origin(), error = %failure, "fetch failed");
        match failure {
            Failure::Unreachable(_) if reached.load(Ordering::Relaxed) => match speaks_for {
                SpeaksFor::Url => ticket.silent(url),
                SpeaksFor::Itself => ticket.late(),
            },
            Failure::Unreachable(_) => ticket.unreachable(),
            Failure::Useless(_) => match speaks_for {
                SpeaksFor::Url => ticket.useless(url),
                SpeaksFor::Itself => ticket.answered(),
            },
        }
        Err(FetchError::Failed)
    }

    /// Waits for a while where too many are under way: somebody looks at the page that this is for.
    async fn wait_for_place(&self, target: &Target, url: &str) -> Result<Ticket, Held> {
        let deadline = Instant::now().checked_add(PATIENCE);
        loop {
            let entered = self
                .cool_down
                .enter(target.origin(), url, MOST_PER_PROVIDER);
            let late = deadline.is_none_or(|deadline| Instant::now() >= deadline);
            match entered {
                Err(Held::Busy) if !late => tokio::time::sleep(BETWEEN).await,
                Ok(_) | Err(Held::Busy | Held::Cold) => return entered,
            }
        }
    }

    /// A connection to an allowed address, with TLS where the target wants it. `reached` tells that it is there.
    async fn connect(&self, target: &Target, reached: &AtomicBool) -> Result<Stream, Outcome> {
        let stream = self.dial(target).await?;
        if !target.https {
            reached.store(true, Ordering::Relaxed);
            return Ok(Box::new(stream));
        }
        let name = target
            .server_name()
            .ok_or_else(|| Failure::Unreachable("no name for a certificate".to_owned()))?;
        let stream = self.tls()?.connect(name, stream).await;
        let stream = stream.map_err(unreachable)?;
        reached.store(true, Ordering::Relaxed);
        Ok(Box::new(stream))
    }

    /// Connects to one of the addresses that are allowed. The address that was looked at is the one that is dialled.
    async fn dial(&self, target: &Target) -> Result<TcpStream, Outcome> {
        let addresses = match &target.host {
            TargetHost::Address(address) => vec![SocketAddr::new(*address, target.port)],
            // A name that does not exist looks like one that leads inside: nobody learns from us which ones exist.
            TargetHost::Name(name) => (self.resolve)(name.clone(), target.port)
                .await
                .unwrap_or_default(),
        };
        let mut allowed = addresses
            .into_iter()
            .filter(|address| self.may_dial(*address, target.https))
            .take(MOST_ADDRESSES)
            .peekable();
        if allowed.peek().is_none() {
            return Err(Outcome::Blocked);
        }
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        for address in allowed {
            match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => {}
            }
        }
        Err(unreachable(last).into())
    }

    fn may_dial(&self, address: SocketAddr, https: bool) -> bool {
        let ip = address.ip();
        let listed = self
            .settings
            .private_addresses
            .iter()
            .any(|range| range.contains(ip));
        address.port() != 0 && (listed || (https && is_public(ip)))
    }

    fn tls(&self) -> Result<&TlsConnector, Failure> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for root in &self.settings.extra_roots {
            roots.add(root.clone()).map_err(unreachable)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(unreachable)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(self
            .tls
            .get_or_init(|| TlsConnector::from(Arc::new(config))))
    }
}

impl Fetcher for Guard {
    fn fetch<'a>(
        &'a self,
        request: FetchRequest<'a>,
    ) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(self.within(
            request.url,
            request.timeout,
            SpeaksFor::Url,
            async move |target, reached| {
                let stream = self.connect(target, reached).await?;
                Ok(exchange(stream, target, &request).await?)
            },
        ))
    }

    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<u16, FetchError>> {
        Box::pin(self.within(
            request.url,
            request.timeout,
            SpeaksFor::Url,
            async move |target, reached| {
                let stream = self.connect(target, reached).await?;
                Ok(hand_in(stream, target, &request).await?)
            },
        ))
    }

    fn exchange<'a>(
        &'a self,
        request: ExchangeRequest<'a>,
    ) -> BoxFuture<'a, Result<Exchanged, FetchError>> {
        Box::pin(self.within(
            request.url,
            request.timeout,
            SpeaksFor::Itself,
            async move |target, reached| {
                let stream = self.connect(target, reached).await?;
                Ok(ask_for(stream, target, &request).await?)
            },
        ))
    }

    fn permits<'a>(&'a self, url: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(async move { self.permits_now(url).await })
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

trait Duplex: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Duplex for T {}
type Stream = Box<dyn Duplex>;

/// What an answer that is of no use says about the next one.
#[derive(Clone, Copy, Debug)]
enum SpeaksFor {
    /// The next one from the same URL is of no use either.
    Url,
    /// Nothing: it is about one person, who may have seen to it that it is too long.
    Itself,
}

/// How an attempt can end without a document.
#[derive(Debug)]
enum Outcome {
    Blocked,
    Failed(Failure),
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn unreachable(error: impl fmt::Display) -> Failure {
    Failure::Unreachable(error.to_string())
}

/// Addresses of one name that are tried, one after the other.
const MOST_ADDRESSES: usize = 4;

const CONNECT: Duration = Duration::from_secs(2);

/// So long somebody waits for others who are at the same provider, and looks this often whether there is room.
const PATIENCE: Duration = Duration::from_secs(3);
const BETWEEN: Duration = Duration::from_millis(20);

#[cfg(test)]
mod post_tests;
#[cfg(test)]
mod tests;
