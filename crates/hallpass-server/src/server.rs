//! Both listeners together, from their sockets to the last answer.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use crate::client_addr::Trust;
use crate::config;
use crate::listen::{self, Acceptor, App, Front, OpenConnections};
use crate::operations::{Check, Operations};
use crate::quiet;
use crate::shutdown::{Shutdown, Stage};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::request_id::RequestIds;
use crate::telemetry::traces::Traces;
use crate::tls::{Certificate, Clients};

/// The sockets of both listeners, open but not yet answered.
#[derive(Debug)]
pub struct Sockets {
    public: Vec<TcpListener>,
    mutual: Vec<TcpListener>,
    operations: Vec<TcpListener>,
}

/// The settings that listeners need.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// `[server]`.
    pub server: &'a config::Server,
    /// `[tls]`.
    pub tls: &'a config::Tls,
    /// `[mtls]`.
    pub mtls: &'a config::Mtls,
    /// Whether the issuer is https, here or at a proxy.
    pub https: bool,
    /// Where spans of requests go.
    pub traces: Option<&'a Traces>,
}

impl Sockets {
    /// Opens them.
    ///
    /// # Errors
    /// An address is taken or not ours.
    pub fn open(
        server: &config::Server,
        mtls: &config::Mtls,
        operations: &config::Operations,
    ) -> io::Result<Self> {
        let mut public = listen::bind(&server.listen.0)?;
        if let Some(twin) = twin(&server.listen) {
            match listen::bind(&[twin]) {
                Ok(sockets) => public.extend(sockets),
                // There may be no IPv6 on this machine, or another program where browsers look first.
                Err(error) => tracing::warn!(error = %error, "localhost is served over IPv4 only"),
            }
        }
        let operations = if operations.enabled {
            listen::bind(&operations.listen.0)?
        } else {
            Vec::new()
        };
        let mutual = match mtls.listen.as_ref().filter(|_| mtls.enabled) {
            Some(listen) => listen::bind(&listen.0)?,
            None => Vec::new(),
        };
        Ok(Self {
            public,
            mutual,
            operations,
        })
    }

    /// The first address of the public listener, with the port that it got.
    ///
    /// # Errors
    /// The socket does not say.
    pub fn public_address(&self) -> io::Result<SocketAddr> {
        self.public
            .first()
            .ok_or(io::ErrorKind::NotConnected)?
            .local_addr()
    }

    /// The first address of the listener that asks for certificates, if there is one.
    #[must_use]
    pub fn certificates_address(&self) -> Option<SocketAddr> {
        self.mutual
            .first()
            .and_then(|socket| socket.local_addr().ok())
    }

    /// The first address of the second listener, if there is one.
    #[must_use]
    pub fn operations_address(&self) -> Option<SocketAddr> {
        self.operations
            .first()
            .and_then(|socket| socket.local_addr().ok())
    }

    /// Serves until the end, and then for as long as requests in flight need, within bounds.
    ///
    /// # Errors
    /// The certificate cannot be used, or SIGHUP cannot be listened to.
    pub async fn serve(
        self,
        settings: Settings<'_>,
        metrics: Arc<Metrics>,
        checks: Vec<Check>,
        shutdown: Shutdown,
        app: impl App,
    ) -> io::Result<()> {
        let mut accepting = JoinSet::new();
        let mut certificate = None;
        let (tls, mutual_tls) = match settings.tls.files() {
            None => (None, None),
            Some((cert, key)) => {
                let loaded = Certificate::load(cert, key).map_err(io::Error::other)?;
                let clients = if settings.mtls.asks_in_public() {
                    Clients::Asked
                } else {
                    Clients::NotAsked
                };
                let acceptor = |clients| loaded.acceptor(clients).map_err(io::Error::other);
                let both = (Some(acceptor(clients)?), Some(acceptor(Clients::Asked)?));
                certificate = Some(loaded);
                both
            }
        };
        // Without certificates, too: nobody expects SIGHUP to end a server.
        let hangup = signal(SignalKind::hangup())?;
        accepting.spawn(keep_fresh(certificate, settings.tls.reload.0, hangup));
        let front = |trust, strict_transport, traces: Option<&Traces>| {
            Arc::new(Front {
                trust,
                metrics: Arc::clone(&metrics),
                request_ids: RequestIds::default(),
                strict_transport,
                body_time: BODY,
                traces: traces.cloned(),
            })
        };
        let most = listen::most_connections(settings.server.max_connections);
        let per_address =
            usize::try_from(settings.server.max_connections_per_address).unwrap_or(usize::MAX);
        let open = OpenConnections::new(most, per_address);
        watch_connections(&metrics, &open);
        let trust =
            Trust::new(settings.server).with_certificates_in(settings.mtls.certificate_header);
        let public_front = front(trust, settings.https, settings.traces);
        let acceptor = Acceptor::new(Arc::clone(&public_front), Arc::clone(&open), tls);
        // Here certificates are shown in the handshake. Whoever passes connections through without looking into them cannot
        // take a header out of them either, so that none is read.
        let by_handshake = Trust::new(settings.server);
        let mutual_front = front(by_handshake, settings.https, settings.traces);
        let mutual = Acceptor::new(Arc::clone(&mutual_front), Arc::clone(&open), mutual_tls);
        let fronts = [public_front, mutual_front];
        accepting.spawn(quiet::keep(move || {
            let counts = fronts.iter().map(|front| front.request_ids.count());
            counts.fold(0, u64::saturating_add)
        }));
        for socket in self.mutual {
            let (mutual, app) = (mutual.clone(), app.clone());
            accepting.spawn(async move { mutual.accept(socket, app).await });
        }
        for socket in self.public {
            let (acceptor, app) = (acceptor.clone(), app.clone());
            accepting.spawn(async move { acceptor.accept(socket, app).await });
        }
        let nobody = Trust::new(&config::Server::default());
        let operators = OpenConnections::new(64, 64);
        let operations = Operations::new(Arc::clone(&metrics), shutdown.clone(), checks);
        let second = Acceptor::new(front(nobody, false, None), operators, None);
        let mut for_operators = JoinSet::new();
        for socket in self.operations {
            let (second, operations) = (second.clone(), operations.clone());
            for_operators.spawn(async move { second.accept(socket, operations).await });
        }

        shutdown.reached(Stage::Draining).await;
        let announce = settings.server.announce_seconds.duration();
        if !announce.is_zero() {
            tracing::info!(connections = open.count(), "not ready any more");
            tokio::select! {
                () = tokio::time::sleep(announce) => {}
                () = shutdown.reached(Stage::Stopped) => {}
            }
        }
        tracing::info!(connections = open.count(), "draining");
        accepting.shutdown().await;
        open.close_all();
        let drain = settings.server.drain_seconds.duration();
        tokio::select! {
            () = open.none_open() => tracing::info!("drained"),
            () = tokio::time::sleep(drain) => {
                tracing::warn!(connections = open.count(), "stopped before every request was answered");
            }
            () = shutdown.reached(Stage::Stopped) => tracing::warn!("stopped by a second signal"),
        }
        Ok(())
    }
}

/// By default the issuer is `localhost`, and browsers and others look for that at `::1` first.
fn twin(listen: &config::Listen) -> Option<SocketAddr> {
    let default = config::Server::default().listen;
    (*listen == default)
        .then(|| SocketAddr::from((Ipv6Addr::LOCALHOST, config::Server::default().port())))
}

fn watch_connections(metrics: &Metrics, open: &Arc<OpenConnections>) {
    let open = Arc::clone(open);
    metrics.observe_gauge(
        "hallpass_open_connections",
        "Connections that are open",
        move || u32::try_from(open.count()).ok().map(f64::from),
    );
}

/// Reads the certificate again when its files change. `every` is in seconds; 0 means on SIGHUP only.
async fn keep_fresh(certificate: Option<Arc<Certificate>>, every: u64, mut hangup: Signal) {
    loop {
        let pause = async {
            match every {
                0 => std::future::pending().await,
                seconds => tokio::time::sleep(Duration::from_secs(seconds)).await,
            }
        };
        tokio::select! {
            () = pause => {}
            _ = hangup.recv() => {}
        }
        let Some(certificate) = &certificate else {
            continue;
        };
        match certificate.reload() {
            Ok(true) => tracing::info!("another certificate is in use"),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, "the new certificate cannot be used, the old one stays");
            }
        }
    }
}

/// Time for a request's body.
const BODY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_default_address_has_a_twin_in_ipv6() {
        let twin = |text: &str| twin(&config::Listen(vec![text.parse().unwrap()]));
        assert_eq!(twin("127.0.0.1:3000"), Some("[::1]:3000".parse().unwrap()));
        for other in ["127.0.0.1:3001", "0.0.0.0:3000", "[::1]:3000"] {
            assert_eq!(twin(other), None, "{other}");
        }
    }
}
