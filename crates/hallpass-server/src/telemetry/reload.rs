//! The log, and its level, which can change while the server runs.

use std::error::Error;
use std::fmt;

use tracing_subscriber::filter::{LevelFilter, ParseError};
use tracing_subscriber::reload;
use tracing_subscriber::{EnvFilter, fmt as lines};

use super::LogLine;
use crate::config::Log;

/// Changes the level of the log.
pub struct LogLevel(Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>);

impl LogLevel {
    /// From now on what the configuration says.
    pub fn change(&self, log: &Log) {
        let changed = filter(log)
            .map_err(|error| error.to_string())
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
/// A log was set up before.
pub fn start_log(log: &Log) -> Result<LogLevel, Box<dyn Error + Send + Sync>> {
    let builder = lines()
        .with_env_filter(filter(log)?)
        .with_writer(std::io::stderr)
        .event_format(LogLine { format: log.format })
        .with_filter_reloading();
    let handle = builder.reload_handle();
    builder.try_init()?;
    Ok(LogLevel(Box::new(move |filter| handle.reload(filter))))
}

fn filter(log: &Log) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(&log.level)
}
