//! Lines that another process prints.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The lines of a stream, read by a thread of its own so that the writer is never held up.
#[derive(Debug)]
pub(super) struct Lines(Receiver<String>);

impl Lines {
    pub(super) fn of(stream: impl Read + Send + 'static) -> Self {
        let (send, receive) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                // Nobody may be listening any more; the stream is read to its end all the same.
                drop(send.send(line));
            }
        });
        Self(receive)
    }

    /// The first thing that `find` finds in a line; none when the stream ends or the time is over.
    pub(super) fn find<T>(
        &self,
        limit: Duration,
        mut find: impl FnMut(&str) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.0.recv_timeout(left).ok()?;
            if let Some(found) = find(&line) {
                return Some(found);
            }
        }
    }
}
