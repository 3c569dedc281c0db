//! What the server tells about itself: log lines and metrics.

mod engine;
mod log_line;
pub mod metrics;
mod postgres;
pub mod request_id;

use hallpass_store::KeyPhase;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

pub use engine::{watch_admission, watch_engine, watch_issuers, watch_shared_limits};
pub use log_line::LogLine;

use crate::config::Log;

/// Sends the log to standard error from now on.
///
/// # Errors
/// A log was set up before.
pub fn start_log(log: &Log) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(&log.level)?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .event_format(LogLine { format: log.format })
        .try_init()
}

/// The name of a key's phase, in metrics and lists.
#[must_use]
pub fn phase_name(phase: KeyPhase) -> &'static str {
    match phase {
        KeyPhase::Next => "next",
        KeyPhase::Active => "active",
        KeyPhase::Retiring => "retiring",
    }
}
