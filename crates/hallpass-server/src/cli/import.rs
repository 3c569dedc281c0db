//! The commands that move in from other systems.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::UserImport;

/// Where to move in from.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// Accounts from a file, with the hashes of their passwords. The same as `user import`.
    Users(UserImport),
    /// SourceLoop's OIDC service: a configuration from its environment variables.
    #[command(name = "sourceloop")]
    SourceLoop(SourceLoopImport),
}

/// What to take from SourceLoop's OIDC service.
#[derive(Debug, Args)]
pub struct SourceLoopImport {
    /// The file of its environment variables (.env). What becomes of each is told, values are not.
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// The folder for the configuration that is made of them, and for a file with each secret. Nothing in it is written over.
    #[arg(long, value_name = "FOLDER", default_value = "hallpass")]
    pub out: PathBuf,
}
