//! The kinds of work, one file each.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::browser::Cookie;
use crate::http::{Connection, Failure};

pub mod authorization;
pub mod client_credentials;
pub mod code;
pub mod introspection;
pub mod pushed_code;
pub mod read;
pub mod refresh;
pub mod userinfo;

/// Work that is repeated on one connection.
pub trait Flow: Send {
    /// The names of its steps, in order.
    const STEPS: &'static [&'static str];

    /// Does it once and marks the end of each step.
    fn once(
        &mut self,
        connection: &mut Connection,
        laps: &mut Laps,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Flows ready to run, one for each connection, and the server they talk to.
#[derive(Debug)]
pub struct Prepared<F> {
    /// Any URL of the server.
    pub server: String,
    /// The flows.
    pub flows: Vec<F>,
    /// The cookies of the visitor's browsers after the preparation; empty where none was used.
    ///
    /// A server may renew a session while it is prepared, and the next job must go on with it.
    pub browsers: Vec<Vec<Cookie>>,
}

/// The durations of the steps of one flow.
#[derive(Debug)]
pub struct Laps {
    last: Instant,
    durations: Vec<Duration>,
}

impl Default for Laps {
    fn default() -> Self {
        Self {
            last: Instant::now(),
            durations: Vec::with_capacity(4),
        }
    }
}

impl Laps {
    /// Forgets the earlier flow and answers when the new one began.
    pub(crate) fn start(&mut self) -> Instant {
        self.durations.clear();
        self.last = Instant::now();
        self.last
    }

    /// Marks the end of a step.
    pub fn mark(&mut self) {
        let now = Instant::now();
        self.durations
            .push(now.saturating_duration_since(self.last));
        self.last = now;
    }

    pub(crate) fn durations(&self) -> &[Duration] {
        &self.durations
    }
}
