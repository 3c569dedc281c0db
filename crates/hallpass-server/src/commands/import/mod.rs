//! `hallpass import`: moving in from other systems.
//!
//! Every source becomes the same thing first ([`arrivals`]), which is written in one way ([`bring`]). Nothing of a source is
//! executed, and nobody becomes an operator by it.

mod arrivals;
mod bring;
mod clients;
mod dump;
mod env;
mod fitting;
mod keycloak;
mod keys;
mod sourceloop;
mod tables;
pub(super) mod users;

use std::path::Path;

use super::{load, with_engine};
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;

pub(super) fn run(
    command: cli::Import,
    config: Option<&Path>,
    of: Option<&str>,
    output: Output,
) -> Result<(), Failure> {
    if let cli::Import::Sourceloop(options) = &command
        && let Some(variables) = &options.env_file
    {
        return env::run(variables, &options.out, output);
    }
    with_engine(&load(config)?, of, async |engine| match command {
        cli::Import::Sourceloop(options) => sourceloop::run(&options, &engine, output).await,
        cli::Import::Keycloak(options) => keycloak::run(&options, &engine, output).await,
        cli::Import::Clients(options) => clients::run(&options, &engine, output).await,
        cli::Import::Users(options) => users::run(&options, &engine, output).await,
    })
}
