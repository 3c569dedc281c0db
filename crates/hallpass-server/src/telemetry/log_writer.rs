//! Where lines of the log go: to standard error, by a thread of their own.
//!
//! Standard error may be a pipe that nobody reads for a while. Who answers requests does not wait for it: so many lines wait, the others
//! are lost and counted. What must not be lost, who changed what, stands in the store.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait, at most.
const WAITING: usize = 4096;
/// How long the end of the process waits for the last ones.
const LAST: Duration = Duration::from_secs(1);

/// Lines that were lost since the process began.
static LOST: AtomicU64 = AtomicU64::new(0);
static SENDER: OnceLock<SyncSender<Message>> = OnceLock::new();

enum Message {
    Line(Vec<u8>),
    /// All before was written.
    Told(SyncSender<()>),
}

/// Takes lines.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    sender: SyncSender<Message>,
}

impl Lines {
    /// Begins to write to standard error.
    ///
    /// # Errors
    /// There is no thread for it.
    pub(super) fn start() -> io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("hallpass-log".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || write(&receiver, &mut io::stderr()))?;
        drop(SENDER.set(sender.clone()));
        Ok(Self { sender })
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// A line is written by one call.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.sender.try_send(Message::Line(line.to_vec()))
        {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(lines: &Receiver<Message>, out: &mut impl Write) {
    let mut told = 0;
    for message in lines {
        match message {
            Message::Line(line) => {
                if out.write_all(&line).is_err() {
                    LOST.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                // Now that somebody reads again, they are told.
                let lost = lost();
                if lost > told {
                    let lines = lost.saturating_sub(told);
                    told = lost;
                    tracing::warn!(lines, "lines of the log were lost, since nobody took them");
                }
            }
            Message::Told(tell) => drop(tell.send(())),
        }
    }
}

/// Lines that nobody took.
#[must_use]
pub fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Waits until what was logged is written, but not for somebody who does not read. Whether it is written.
pub fn flush() -> bool {
    let (tell, told) = sync_channel(1);
    let sent = SENDER
        .get()
        .map(|sender| sender.try_send(Message::Told(tell)));
    matches!(sent, Some(Ok(()))) && told.recv_timeout(LAST).is_ok()
}
