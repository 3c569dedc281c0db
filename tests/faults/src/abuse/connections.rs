//! L01 and L02: connections that do nothing, or almost nothing.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use super::Target;
use super::raw::{Attackers, Tally, all, connect};
use crate::Failed;
use crate::report::require;

/// Opens connections and says nothing.
pub(crate) struct Idle;

impl Attackers for Idle {
    async fn attack(self, target: Target, stopped: watch::Receiver<bool>) -> Result<Tally, Failed> {
        let each = if target.long { 400 } else { 60 };
        all(16, |_| {
            let mut stopped = stopped.clone();
            async move {
                let (mut tally, mut open) = (Tally::default(), Vec::new());
                for _ in 0..each {
                    match connect(target.port).await {
                        Ok(stream) => open.push(stream),
                        Err(_) => tally.note("not connected"),
                    }
                }
                drop(stopped.wait_for(|stopped| *stopped).await);
                let mut byte = [0];
                for stream in &open {
                    match stream.try_read(&mut byte) {
                        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                            tally.note("still open at the end");
                        }
                        Ok(_) | Err(_) => tally.note("closed by the server"),
                    }
                }
                tally
            }
        })
        .await
    }

    fn judge(tally: &Tally, grown: u64) -> Result<(), Failed> {
        let connections = tally.0.values().sum::<u64>().max(1);
        let each = grown.checked_div(connections).unwrap_or_default();
        require(each <= 64, || format!("{each} KiB for each connection"))
    }
}

/// Sends its request, or reads its answer, a byte at a time.
pub(crate) struct Slow;

impl Attackers for Slow {
    async fn attack(self, target: Target, stopped: watch::Receiver<bool>) -> Result<Tally, Failed> {
        let number = if target.long { 2_000 } else { 300 };
        all(number, |one| {
            let stopped = stopped.clone();
            let port = target.port;
            async move {
                let mut tally = Tally::default();
                let head = match one % 3 {
                    // The head never ends.
                    0 => "GET /authorize HTTP/1.1\r\nHost: localhost\r\nX: ".to_owned(),
                    // The body never ends.
                    1 => "POST /token HTTP/1.1\r\nHost: localhost\r\n\
                          Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n"
                        .to_owned(),
                    // Asks much and reads nothing.
                    _ => "GET /jwks HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(400),
                };
                let Ok(mut stream) = connect(port).await else {
                    tally.note("not connected");
                    return tally;
                };
                drop(tokio::time::timeout(STEP, stream.write_all(head.as_bytes())).await);
                while !*stopped.borrow() {
                    tokio::time::sleep(STEP).await;
                    if one % 3 != 2 && stream.write_all(b"a").await.is_err() {
                        tally.note("closed by the server");
                        return tally;
                    }
                }
                let mut byte = [0];
                match tokio::time::timeout(STEP, stream.read(&mut byte)).await {
                    Err(_) => tally.note("still open at the end"),
                    Ok(_) => tally.note("answered or closed"),
                }
                tally
            }
        })
        .await
    }

    fn judge(tally: &Tally, grown: u64) -> Result<(), Failed> {
        let connections = tally.0.values().sum::<u64>().max(1);
        let each = grown.checked_div(connections).unwrap_or_default();
        require(each <= 128, || format!("{each} KiB for each connection"))
    }
}

const STEP: Duration = Duration::from_millis(400);
