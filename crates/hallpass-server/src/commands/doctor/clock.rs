//! Whether the clock can be right.

use std::path::Path;
use std::time::UNIX_EPOCH;

use hallpass_types::Timestamp;

use super::Findings;
use crate::commands::backup::with_suffix;

const HELP: &str = "Set the clock (NTP). While it is behind, what has expired works again and what is new does not yet";

/// Without looking at anything else.
pub(super) fn alone(now: Timestamp, findings: &mut Findings) {
    if now.0 < RELEASED {
        findings.error(
            "clock_behind",
            "the clock shows a time before this program was made",
            HELP,
        );
    }
}

/// A database cannot have been written in the future.
pub(super) fn of_file(database: &Path, now: Timestamp, findings: &mut Findings) {
    let newest = ["", "-wal"]
        .iter()
        .filter_map(|suffix| std::fs::metadata(with_suffix(database, suffix)).ok())
        .filter_map(|metadata| metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok())
        .max();
    let written = newest.and_then(|at| i64::try_from(at.as_secs()).ok());
    if let Some(written) = written {
        not_later(
            Timestamp(written),
            "the database was written",
            now,
            findings,
        );
    }
}

/// Something in the database cannot have happened in the future.
pub(super) fn not_later(at: Timestamp, what: &str, now: Timestamp, findings: &mut Findings) {
    let ahead = at.since(now);
    if ahead > SLACK {
        let text = format!("{what} {ahead} seconds from now: the clock is behind, or was ahead");
        findings.error("clock_behind", text, HELP);
    }
}

/// Clocks of several nodes differ a little.
const SLACK: i64 = 60;
/// 2026-01-01.
const RELEASED: i64 = 1_767_225_600;
