//! What the server tells about itself: log lines and metrics.

mod engine;
mod log_line;
mod log_writer;
pub mod metrics;
mod postgres;
mod reload;
pub mod request_id;
pub mod traces;

use hallpass_store::KeyPhase;

pub use engine::{watch_admission, watch_engine, watch_issuers, watch_shared_limits};
pub use log_line::LogLine;
pub use log_writer::{flush as flush_log, lost as lost_lines};
pub use reload::{LogLevel, start_log};

/// The name of a key's phase, in metrics and lists.
#[must_use]
pub fn phase_name(phase: KeyPhase) -> &'static str {
    match phase {
        KeyPhase::Next => "next",
        KeyPhase::Active => "active",
        KeyPhase::Retiring => "retiring",
    }
}
