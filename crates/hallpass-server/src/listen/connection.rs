//! One connection from its acceptance to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hallpass_http::PeerCertificate;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};

use super::app::App;
use super::front::{Door, Front};
use super::heads::Heads;
use super::open::{OpenConnection, Told};

/// HTTP/1.1 and HTTP/2 with bounds on everything that a client can make grow.
pub(super) fn http() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .max_buf_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS)
        // The watch below closes whatever is idle, in the middle of a head too, without a timer for each request.
        .header_read_timeout(None)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(32 * 1024)
        .max_send_buf_size(64 * 1024)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(256 * 1024)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(100)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

/// Who is at the other end.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// What it has shown in the TLS handshake.
    pub(super) certificate: Option<PeerCertificate>,
}

/// Serves requests until the client leaves, the connection has been idle for too long, or it is told to close.
///
/// A request that has not wholly arrived and an answer that the client does not take count as idleness, so slow clients
/// of every kind are gone after [`IDLE`] and [`LAST_WORDS`].
pub(super) async fn serve<I, S>(
    io: I,
    http: Arc<Builder<TokioExecutor>>,
    front: Arc<Front>,
    connection: OpenConnection,
    peer: Peer,
    app: S,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: App,
{
    let connection = Arc::new(connection);
    let door = Arc::new(Door {
        front,
        connection: Arc::clone(&connection),
        peer: peer.address,
        certificate: peer.certificate,
        app,
    });
    let service = service_fn(move |request| Arc::clone(&door).answer(request));
    let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(Heads::new(io)), service));
    let mut watch = std::pin::pin!(tokio::time::sleep(IDLE));
    let mut closing = false;
    loop {
        tokio::select! {
            biased;
            ended = serving.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error, "connection failed");
                }
                return;
            }
            told = connection.told_to_close() => {
                if told == Told::Leave && connection.idle().is_some() {
                    return;
                }
                serving.as_mut().graceful_shutdown();
                closing = true;
                watch.as_mut().reset(after(LAST_WORDS));
            }
            () = watch.as_mut() => match connection.idle() {
                Some(_) if closing => return,
                Some(idle) if idle >= IDLE => {
                    serving.as_mut().graceful_shutdown();
                    closing = true;
                    watch.as_mut().reset(after(LAST_WORDS));
                }
                Some(idle) => watch.as_mut().reset(after(IDLE.saturating_sub(idle))),
                None if closing => watch.as_mut().reset(after(LAST_WORDS)),
                None => watch.as_mut().reset(after(IDLE)),
            }
        }
    }
}

fn after(time: Duration) -> tokio::time::Instant {
    let now = tokio::time::Instant::now();
    now.checked_add(time).unwrap_or(now)
}

/// A connection without a request in work is closed after this.
const IDLE: Duration = Duration::from_secs(25);

/// What a connection that was told to close has left for its last answer.
const LAST_WORDS: Duration = Duration::from_secs(4);

/// The longest head of a request in HTTP/1, in bytes.
const LONGEST_HEAD: usize = 48 * 1024;

const MOST_HEADERS: usize = 100;
