//! The log, and its level, which can change while the server runs.

use std::error::Error;
use std::fmt;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt as lines, registry, reload};

use super::{LogLine, log_writer::Lines};
use crate::config::Log;

/// Changes the level of the log.
pub struct LogLevel(Box<dyn Fn(Targets) -> Result<(), reload::Error> + Send + Sync>);

impl LogLevel {
    /// From now on what the configuration says.
    pub fn change(&self, log: &Log) {
        let changed = log
            .targets()
            .and_then(|filter| (self.0)(filter).map_err(|error| error.to_string()));
        match changed {
            Ok(()) => tracing::info!(level = log.level, "the level of the log was read again"),
            Err(error) => tracing::error!(error, "the level of the log stays"),
        }
    }
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLevel").finish_non_exhaustive()
    }
}

/// Sends the log to standard error from now on.
///
/// # Errors
/// A log was set up before, or there is no thread for it.
pub fn start_log(log: &Log) -> Result<LogLevel, Box<dyn Error + Send + Sync>> {
    let (filter, handle) = reload::Layer::new(log.targets()?);
    let lines = lines::layer()
        .with_writer(Lines::start()?)
        .event_format(LogLine { format: log.format });
    registry().with(lines).with(filter).try_init()?;
    Ok(LogLevel(Box::new(move |filter| handle.reload(filter))))
}
