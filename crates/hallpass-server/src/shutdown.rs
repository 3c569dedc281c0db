//! The end of the server: the first signal asks for it, the second does not wait.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Not at all.
    Running,
    /// No new connections; requests in flight are finished.
    Draining,
    /// At once.
    Stopped,
}

/// Tells how far the end has come.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<Stage>);

/// Brings the end about.
#[derive(Debug)]
pub struct Ender(watch::Sender<Stage>);

/// A server that runs.
#[must_use]
pub fn running() -> (Ender, Shutdown) {
    let (sender, receiver) = watch::channel(Stage::Running);
    (Ender(sender), Shutdown(receiver))
}

/// Ends on SIGTERM and SIGINT.
///
/// # Errors
/// The signals cannot be listened to.
pub fn on_signals() -> io::Result<Shutdown> {
    let (ender, shutdown) = running();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        for _ in 0..2 {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            ender.advance();
        }
    });
    Ok(shutdown)
}

impl Ender {
    /// One stage further.
    pub fn advance(&self) {
        self.0.send_modify(|stage| {
            *stage = match *stage {
                Stage::Running => Stage::Draining,
                Stage::Draining | Stage::Stopped => Stage::Stopped,
            };
        });
    }
}

impl Shutdown {
    /// Whether the end has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.0.borrow() >= Stage::Draining
    }

    /// Waits for a stage, or for the one who could bring it about to be gone.
    pub async fn reached(&self, stage: Stage) {
        let mut receiver = self.0.clone();
        drop(receiver.wait_for(|now| *now >= stage).await);
    }
}
