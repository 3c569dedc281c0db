//! The hallpass binary.

use std::process::ExitCode;

use clap::Parser;
use hallpass_server::cli::Cli;
use hallpass_server::commands;
use hallpass_server::failure::Failure;
use hallpass_server::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
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
