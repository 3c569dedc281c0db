//! Runs the plans in `conformance/plans/` on a running OpenID Foundation conformance suite.
//!
//! For each plan: start our server with a fresh data folder, create the plan over the suite's REST
//! API, run its modules, print one line each, and compare with `conformance/expected.json`.

mod chromium;
mod expected;
mod keys;
mod options;
mod plan;
mod report;
mod resource;
mod rest;
mod run;
mod server;
mod suite;

use std::process::ExitCode;

/// What every step here returns: the error is a sentence for the person at the terminal.
type Result<T> = std::result::Result<T, String>;

/// Runs the subcommand with the arguments that follow its name.
pub(crate) fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let outcome = options::Options::parse(arguments).and_then(|options| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime: {error}"))?
            .block_on(run::run(&options))
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("conformance: {message}");
            ExitCode::FAILURE
        }
    }
}
