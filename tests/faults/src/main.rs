//! `hallpass-faults [--long] [--binary PATH] [--previous PATH] [--json FILE] [--page FILE] [--keep WORDS] [F01 …]`
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool speaks to its terminal"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use hallpass_faults::experiment::{ALL, Ran};
use hallpass_faults::{Kept, Report, Setup, kept_with, page};

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    if runtime.block_on(run(&options)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn run(options: &Options) -> bool {
    let setup = Setup {
        binary: options.binary.clone(),
        previous: options.previous.clone(),
        scratch: std::env::temp_dir(),
        long: options.long,
    };
    let mut good = true;
    let mut reports: Vec<Report> = Vec::new();
    for experiment in ALL {
        let number = experiment.number;
        if !options.only.is_empty() && !options.only.iter().any(|only| only == number) {
            continue;
        }
        match experiment.run(&setup).await {
            Ok(Ran::Done(report)) => {
                println!("{report}");
                reports.push(report);
            }
            Ok(Ran::Skipped(reason)) => println!("{number}  skipped: {reason}"),
            Err(error) => {
                println!("{number}  FAILED: {error}");
                good = false;
            }
        }
    }
    if let Some(path) = &options.json {
        let written = serde_json::to_vec_pretty(&reports)
            .map_err(std::io::Error::from)
            .and_then(|text| std::fs::write(path, text));
        if let Err(error) = written {
            eprintln!("{}: {error}", path.display());
            good = false;
        }
    }
    if good && let Err(error) = write_down(options, &reports) {
        eprintln!("{error}");
        good = false;
    }
    good
}

/// What is kept, and the page.
fn write_down(options: &Options, reports: &[Report]) -> Result<(), Box<dyn std::error::Error>> {
    let read = |path: &str| -> Result<Vec<Kept>, Box<dyn std::error::Error>> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    };
    if let Some(run) = &options.keep {
        let path = if options.long { LONG } else { SHORT };
        let kept = kept_with(read(path)?, reports, run);
        let mut text = serde_json::to_string_pretty(&kept)?;
        text.push('\n');
        std::fs::write(path, text)?;
    }
    if let Some(path) = &options.page {
        std::fs::write(path, page(&read(SHORT)?, &read(LONG)?))?;
    }
    Ok(())
}

const SHORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/short.json");
const LONG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/long.json");

struct Options {
    binary: PathBuf,
    previous: Option<PathBuf>,
    long: bool,
    json: Option<PathBuf>,
    page: Option<PathBuf>,
    /// Said of this run with its figures, which are kept.
    keep: Option<String>,
    only: Vec<String>,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            binary: PathBuf::from("target/release/hallpass"),
            previous: None,
            long: false,
            json: None,
            page: None,
            keep: None,
            only: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} wants a value"))
            };
            match argument.as_str() {
                "--long" => options.long = true,
                "--binary" => options.binary = value()?.into(),
                "--previous" => options.previous = Some(value()?.into()),
                "--json" => options.json = Some(value()?.into()),
                "--page" => options.page = Some(value()?.into()),
                "--keep" => options.keep = Some(value()?),
                number if ALL.iter().any(|known| known.number == number) => {
                    options.only.push(argument);
                }
                _ => return Err(format!("{argument} is unknown")),
            }
        }
        Ok(options)
    }
}

const USAGE: &str = "usage: hallpass-faults [--long] [--binary PATH] [--previous PATH] [--json FILE] [--page FILE] [--keep WORDS] [F01 ...]";
