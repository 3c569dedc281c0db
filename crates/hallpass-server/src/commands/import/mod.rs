//! `hallpass import`: moving in from other systems.

mod env;
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
    match command {
        cli::Import::Users(options) => with_engine(&load(config)?, of, async |engine| {
            users::run(&options, &engine, output).await
        }),
        cli::Import::SourceLoop(options) => env::run(&options, output),
    }
}
