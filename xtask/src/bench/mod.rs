//! Measures the release server beside a bare handler and other providers.
//!
//! Each server runs on one core and the load generator on another. The runs are short and take
//! turns, so that a disturbance of the machine touches all of them alike.

mod budget;
pub(crate) mod build;
mod chart;
mod keyed;
pub(crate) mod machine;
pub(crate) mod measure;
pub(crate) mod options;
mod peers;
mod postgres;
mod publish;
mod report;
mod rest;
mod running;
mod start;
mod table;
pub(crate) mod target;
pub(crate) mod work;

use std::process::ExitCode;

use options::Options;

/// What every step here returns: the error is a sentence for the person at the terminal.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// Runs the subcommand with the arguments that follow its name.
pub(crate) fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    match Options::parse(arguments).and_then(|options| run(&options)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(errors) => {
            eprintln!("bench: {errors} errors");
            ExitCode::FAILURE
        }
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, prints, writes; answers how many errors there were.
fn run(options: &Options) -> Result<u64> {
    let report = match &options.from {
        Some(file) => report::Report::read(file)?,
        None => {
            let built = build::build(options)?;
            measure::measure(options, &built)?
        }
    };
    print!("{}", table::table(&report));
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        std::fs::write(path, json).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if options.publish {
        publish::publish(&report)?;
    }
    Ok(report.errors())
}
