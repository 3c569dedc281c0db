//! A server around a small program, and raw connections to it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hallpass_http::{ClientAddr, PeerCertificate};
use hallpass_server::config::{Config, Source};
use hallpass_server::listen::{Answer, App, BodyError, RequestBody};
use hallpass_server::server::{Settings, Sockets};
use hallpass_server::shutdown::{self, Ender};
use hallpass_server::telemetry::metrics::{Metrics, Names};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Answers with what it saw. `/wait` answers when it is let go, `/enough` after the first piece of the body.
#[derive(Clone)]
pub(crate) struct Echo {
    pub(crate) go: Arc<Semaphore>,
    pub(crate) arrived: Arc<Semaphore>,
}

impl App for Echo {
    type Body = Full<Bytes>;

    async fn answer(
        &self,
        request: Request<RequestBody>,
        client: ClientAddr,
    ) -> Answer<Full<Bytes>> {
        let (head, mut body) = request.into_parts();
        let shown = head.extensions.get::<PeerCertificate>();
        let shown = shown.map(|shown| shown.0.thumbprint().to_string());
        let enough = head.uri.path() == "/enough";
        let read = if enough {
            drop(body.frame().await);
            drop(body);
            Ok(http_body_util::Collected::default())
        } else {
            body.collect().await
        };
        let (status, length) = match read {
            Ok(_) if enough => (StatusCode::PAYLOAD_TOO_LARGE, 0),
            Ok(body) => (StatusCode::OK, body.to_bytes().len()),
            Err(BodyError::TooSlow) => (StatusCode::REQUEST_TIMEOUT, 0),
            Err(BodyError::Broken(_)) => (StatusCode::BAD_REQUEST, 0),
        };
        if head.uri.path() == "/wait" {
            self.arrived.add_permits(1);
            self.go.acquire().await.unwrap().forget();
        }
        let shown = shown.map_or_else(String::new, |shown| format!(" by {shown}"));
        let text = format!(
            "{} {} from {} with {length}{shown}",
            head.method,
            head.uri.path(),
            client.0
        );
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        Answer {
            response,
            endpoint: "echo",
        }
    }
}

/// A running server.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) operations: SocketAddr,
    /// Where certificates are asked for, when that is a listener of its own.
    pub(crate) certificates: Option<SocketAddr>,
    pub(crate) ender: Ender,
    pub(crate) echo: Echo,
    pub(crate) served: JoinHandle<()>,
}

/// Starts a server with this configuration.
pub(crate) fn start(configuration: &str) -> Running {
    let text = format!(
        "server.listen = \"127.0.0.1:0\"\noperations.listen = \"127.0.0.1:0\"\n{configuration}"
    );
    let config = Source::parse(None, text, std::iter::empty()).unwrap();
    let config = Config::parse(config).unwrap();
    let sockets = Sockets::open(&config.server, &config.mtls, &config.operations).unwrap();
    let address = sockets.public_address().unwrap();
    let operations = sockets.operations_address().unwrap();
    let certificates = sockets.certificates_address();
    let (ender, shutdown) = shutdown::running();
    let echo = Echo {
        go: Arc::new(Semaphore::new(0)),
        arrived: Arc::new(Semaphore::new(0)),
    };
    let app = echo.clone();
    let served = tokio::spawn(async move {
        let settings = Settings {
            server: &config.server,
            tls: &config.tls,
            mtls: &config.mtls,
            https: true,
            traces: None,
        };
        let metrics = Arc::new(Metrics::new(Names {
            endpoints: &["echo", "none", "operations"],
            ..Names::default()
        }));
        sockets
            .serve(settings, metrics, Vec::new(), shutdown, app)
            .await
            .unwrap();
    });
    Running {
        address,
        operations,
        certificates,
        ender,
        echo,
        served,
    }
}

pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Everything that comes until the server closes. An abrupt end counts as an end.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    drop(stream.read_to_end(&mut all).await);
    String::from_utf8_lossy(&all).into_owned()
}

/// Sends bytes on a connection of their own and returns all that comes back until the server closes.
pub(crate) async fn send(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address).await;
    // The server may have refused before all was sent.
    drop(stream.write_all(bytes).await);
    rest(&mut stream).await
}

/// One GET, after which the connection ends.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    send(
        address,
        format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes(),
    )
    .await
}

pub(crate) fn responses(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}
