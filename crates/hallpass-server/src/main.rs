//! The hallpass binary.

use std::process::ExitCode;

use clap::Parser;
use hallpass_server::cli::Cli;
use hallpass_server::commands;
use hallpass_server::failure::Failure;
use hallpass_server::output::Output;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            // Nobody is left to be told that it cannot be told.
            drop(told.print());
            return if told.use_stderr() {
                ExitCode::from(MISUNDERSTOOD)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let output = Output::new(cli.json);
    match commands::run(cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Told(code)) => ExitCode::from(code),
        Err(failure) => {
            output.fail(&failure);
            ExitCode::FAILURE
        }
    }
}

/// The exit code of a command line that cannot be understood, as sysexits has it: 1 and 2 are what commands answer.
const MISUNDERSTOOD: u8 = 64;
