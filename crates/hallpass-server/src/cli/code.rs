//! Options of the commands for configuration as code.

use std::path::PathBuf;

use clap::Args;

/// Options of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The folder: NAME.toml or NAME.json for a project, or a folder NAME with such files; `default` is the project of the
    /// configuration.
    pub folder: PathBuf,
    /// Delete what is there of a kind of which the files of its project speak, and is not in them. Projects are never deleted.
    #[arg(long)]
    pub prune: bool,
    /// File with the secrets that clients are to have (TOML, `clients.PROJECT.CLIENT = "…"`), which only its owner may read.
    #[arg(long, value_name = "FILE")]
    pub secrets: Option<PathBuf>,
}

/// Options of `apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// The folder: NAME.toml or NAME.json for a project, or a folder NAME with such files; `default` is the project of the
    /// configuration.
    pub folder: PathBuf,
    /// Delete what is there of a kind of which the files of its project speak, and is not in them. Projects are never deleted.
    #[arg(long)]
    pub prune: bool,
    /// File with the secrets that clients are to have (TOML, `clients.PROJECT.CLIENT = "…"`), which only its owner may read.
    /// Secrets that are made up are written there before they are in use; without it they are printed, once.
    #[arg(long, value_name = "FILE")]
    pub secrets: Option<PathBuf>,
}

/// Options of `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// The folder. It gets a folder for each project.
    pub folder: PathBuf,
    /// Write over what an export has written there before.
    #[arg(long)]
    pub replace: bool,
}
