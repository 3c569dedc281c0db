//! Options of `hallpass audit`.

use clap::{Args, Subcommand};

/// What to do with the log of who changed what.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Look whether every line follows from the one before.
    Verify,
    /// Print its lines, one JSON object each, the oldest first.
    Export(AuditExport),
}

/// Options of `audit export`.
#[derive(Debug, Args)]
pub struct AuditExport {
    /// Only lines behind that number.
    #[arg(long, default_value_t = 0)]
    pub after: u64,
}
