//! Our own accept loop: limits on connections, TLS, HTTP/1.1 and HTTP/2, and an orderly end.

mod app;
mod body;
mod connection;
mod front;
mod heads;
mod open;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

pub use app::{Answer, App};
pub use body::{BodyError, RequestBody};
pub use front::Front;
pub(crate) use open::share;
pub use open::{OpenConnection, OpenConnections, Told};

use crate::client_certificate;
use crate::telemetry::metrics::process;
use connection::Peer;

/// Everything that a listener needs but its sockets and the program behind it.
#[derive(Clone)]
pub struct Acceptor {
    http: Arc<Builder<TokioExecutor>>,
    front: Arc<Front>,
    open: Arc<OpenConnections>,
    tls: Option<TlsAcceptor>,
}

impl Acceptor {
    /// An acceptor with TLS or without.
    #[must_use]
    pub fn new(front: Arc<Front>, open: Arc<OpenConnections>, tls: Option<TlsAcceptor>) -> Self {
        Self {
            http: Arc::new(connection::http()),
            front,
            open,
            tls,
        }
    }

    /// Accepts connections until this future is dropped.
    pub async fn accept(&self, listener: TcpListener, app: impl App) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.take(stream, peer, app.clone()),
                Err(error) => self.back_off(&error).await,
            }
        }
    }

    fn take(&self, stream: TcpStream, peer: SocketAddr, app: impl App) {
        let address = (!self.front.trust.trusts(peer.ip())).then(|| peer.ip());
        let (connection, evicted) = self.open.admit(address);
        for _ in 0..evicted {
            self.front.metrics.connection("evicted");
        }
        let Some(connection) = connection else {
            self.front.metrics.connection("shed");
            return;
        };
        self.front.metrics.connection("accepted");
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "connection is gone already");
            return;
        }
        let (http, front) = (Arc::clone(&self.http), Arc::clone(&self.front));
        match &self.tls {
            None => {
                let peer = Peer {
                    address: peer,
                    certificate: None,
                };
                tokio::spawn(connection::serve(
                    stream, http, front, connection, peer, app,
                ));
            }
            Some(tls) => {
                let handshake = tls.accept(stream);
                tokio::spawn(async move {
                    let stream = tokio::select! {
                        stream = tokio::time::timeout(HANDSHAKE, handshake) => stream,
                        _ = connection.told_to_close() => return,
                    };
                    match stream {
                        Ok(Ok(stream)) => {
                            let shown = stream.get_ref().1.peer_certificates();
                            let peer = Peer {
                                address: peer,
                                certificate: client_certificate::of_handshake(shown),
                            };
                            connection::serve(stream, http, front, connection, peer, app).await;
                        }
                        Ok(Err(error)) => {
                            front.metrics.connection("handshake_failed");
                            tracing::debug!(%error, "TLS handshake failed");
                        }
                        Err(_) => front.metrics.connection("handshake_failed"),
                    }
                });
            }
        }
    }

    /// An error of one connection costs nothing; one of ours (no more files, no memory) a pause, in which idle
    /// connections make room.
    async fn back_off(&self, error: &io::Error) {
        let of_the_connection = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::Interrupted
        );
        if !of_the_connection {
            let evicted = self.open.evict_idle(64);
            tracing::warn!(%error, evicted, "cannot accept connections");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acceptor")
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

/// Opens the sockets.
///
/// # Errors
/// An address cannot be used; it stands in the message.
pub fn bind(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    let one = |address: &SocketAddr| {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        socket.set_reuseaddr(true)?;
        socket.bind(*address)?;
        socket.listen(BACKLOG)
    };
    addresses
        .iter()
        .map(|address| {
            one(address).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
            })
        })
        .collect()
}

/// How many connections may be open: what is configured, but never so many that no file is left for anything else.
#[must_use]
pub fn most_connections(configured: u32) -> usize {
    let configured = usize::try_from(configured).unwrap_or(usize::MAX);
    let files = process::max_open_files().and_then(|limit| usize::try_from(limit).ok());
    files.map_or(configured, |limit| {
        configured.min(limit.saturating_sub(RESERVED_FILES).max(16))
    })
}

/// Files for the database, the second listener, outgoing requests and whatever else.
const RESERVED_FILES: usize = 128;

const BACKLOG: u32 = 4096;

const HANDSHAKE: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(50);
