//! Attackers: connections from addresses of their own, and what they are answered.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Target;
use crate::server::random_below;
use crate::{Failed, Report};

/// Whoever attacks.
pub(crate) trait Attackers: Send + 'static {
    /// Settings of the server for this attack.
    fn settings() -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Attacks until it is stopped.
    fn attack(
        self,
        target: Target,
        stopped: watch::Receiver<bool>,
    ) -> impl Future<Output = Result<Tally, Failed>> + Send;

    /// Whether the attackers were treated as they should be; memory that came along, in KiB.
    fn judge(_tally: &Tally, _grown: u64) -> Result<(), Failed> {
        Ok(())
    }
}

/// How often which answer came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(pub(crate) BTreeMap<String, u64>);

impl Tally {
    pub(crate) fn note(&mut self, what: impl Into<String>) {
        let times = self.0.entry(what.into()).or_default();
        *times = times.saturating_add(1);
    }

    pub(crate) fn count(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    pub(crate) fn tell(&self, report: &mut Report) {
        for (what, times) in &self.0 {
            report.figure(&format!("attackers: {what}"), times);
        }
    }

    fn add(&mut self, other: Self) {
        for (what, times) in other.0 {
            let sum = self.0.entry(what).or_default();
            *sum = sum.saturating_add(times);
        }
    }
}

/// Runs that many attackers and adds up what they say.
pub(crate) async fn all<F, T>(number: u32, attacker: F) -> Result<Tally, Failed>
where
    F: Fn(u32) -> T,
    T: Future<Output = Tally> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for each in 0..number {
        tasks.spawn(attacker(each));
    }
    let mut tally = Tally::default();
    while let Some(one) = tasks.join_next().await {
        tally.add(one.map_err(|error| Failed::new(error.to_string()))?);
    }
    Ok(tally)
}

/// A connection from some other network than the golden client's.
pub(crate) async fn connect(port: u16) -> std::io::Result<TcpStream> {
    let byte = || u8::try_from(random_below(250).saturating_add(2)).unwrap_or(2);
    connect_from([127, byte(), byte(), byte()], port).await
}

async fn connect_from(address: [u8; 4], port: u16) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((address, 0)))?;
    let stream = socket
        .connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a request on a connection of its own; the whole answer as text.
pub(crate) async fn ask(port: u16, request: &[u8]) -> Result<String, &'static str> {
    answer_on(connect(port), request).await
}

/// The same from an address that is chosen.
pub(crate) async fn ask_from(
    address: [u8; 4],
    port: u16,
    request: &[u8],
) -> Result<String, &'static str> {
    answer_on(connect_from(address, port), request).await
}

async fn answer_on(
    connecting: impl Future<Output = std::io::Result<TcpStream>>,
    request: &[u8],
) -> Result<String, &'static str> {
    let answer = async {
        let mut stream = connecting.await.map_err(|_| "no connection")?;
        // It may be answered before everything is sent.
        let sent = stream.write_all(request).await;
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes).await;
        if bytes.is_empty() {
            return Err(match (sent, read) {
                (Ok(()), Ok(_)) => "closed",
                (Err(_), _) | (_, Err(_)) => "reset",
            });
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer,
        Err(_) => Err("no answer in time"),
    }
}

/// The status of an answer, or why there is none.
pub(crate) fn status(answer: &Result<String, &'static str>) -> String {
    match answer {
        Ok(text) => text
            .split_ascii_whitespace()
            .nth(1)
            .unwrap_or("nonsense")
            .to_owned(),
        Err(reason) => (*reason).to_owned(),
    }
}

/// A request by POST.
pub(crate) fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

/// A request by GET.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").into_bytes()
}

const PATIENCE: Duration = Duration::from_secs(20);
