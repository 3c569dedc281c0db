//! The commands that move in from other systems.

use clap::Subcommand;

use super::UserImport;

/// Where to move in from.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// Accounts from a file, with the hashes of their passwords. The same as `user import`.
    Users(UserImport),
}
