//! The command line.

use std::path::PathBuf;

use super::Result;
use super::target::Target;
use super::work::{self, Row};

const USAGE: &str = "\
usage: cargo xtask bench [OPTION…]
  --json FILE       write the figures there, too
  --publish         write the figures and a chart into docs/reference/benchmarks.md
  --from FILE       take the figures from there and measure nothing
  --only ROW        only that row, or the rows that begin so; may be repeated
  --target NAME     only that server (hallpass, hallpass-postgres, limit, node-oidc-provider,
                    hydra, keycloak); may be repeated
  --no-peers        leave out the other providers
  --programs DIR    take the programs from there and build none
  --seconds N       seconds of each run (2)
  --rounds N        runs of each row and server (5)
  --concurrency N   open connections (64)";

/// What to measure, and how long.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    /// Where the figures are written.
    pub(crate) json: Option<PathBuf>,
    /// Where the programs are, if they are built already.
    pub(crate) programs: Option<PathBuf>,
    /// Figures that were written earlier.
    pub(crate) from: Option<PathBuf>,
    /// Whether the documentation gets the figures.
    pub(crate) publish: bool,
    /// The arguments as they were given, but for files of the machine.
    pub(crate) line: String,
    /// The rows, in the order of the table.
    pub(crate) rows: Vec<Row>,
    /// The servers, in the order in which they take turns.
    pub(crate) targets: Vec<Target>,
    /// Seconds of each run.
    pub(crate) seconds: f64,
    /// Runs of each row and server.
    pub(crate) rounds: u32,
    /// Open connections.
    pub(crate) concurrency: usize,
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// An argument that is unknown or has no value.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let arguments: Vec<String> = arguments.collect();
        let line = without_files(&arguments);
        let mut arguments = arguments.into_iter();
        let mut options = Self {
            json: None,
            programs: None,
            from: None,
            publish: false,
            line,
            rows: Vec::new(),
            targets: Vec::new(),
            seconds: 2.0,
            rounds: 5,
            concurrency: 64,
        };
        let mut peers = true;
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let missing = || format!("{argument} needs a value\n{USAGE}");
                arguments.next().ok_or_else(missing)
            };
            match argument.as_str() {
                "--json" => options.json = Some(value()?.into()),
                "--from" => options.from = Some(value()?.into()),
                "--publish" => options.publish = true,
                "--only" => {
                    let rows = work::rows_named(&value()?)?;
                    options.rows.extend(rows);
                }
                "--target" => options.targets.push(Target::named(&value()?)?),
                "--no-peers" => peers = false,
                "--programs" => options.programs = Some(value()?.into()),
                "--seconds" => options.seconds = number(&argument, &value()?)?,
                "--rounds" => options.rounds = number(&argument, &value()?)?,
                "--concurrency" => options.concurrency = number(&argument, &value()?)?,
                _ => return Err(format!("unknown argument {argument}\n{USAGE}")),
            }
        }
        if options.rows.is_empty() {
            options.rows = Row::ALL.to_vec();
        }
        if options.targets.is_empty() {
            options.targets = Target::ALL.to_vec();
        }
        options.targets.retain(|target| peers || !target.is_peer());
        let measurable = options.seconds.is_finite() && options.seconds > 0.0;
        if options.rounds == 0 || options.concurrency == 0 || !measurable {
            return Err("rounds, seconds and concurrency must be above zero".to_owned());
        }
        Ok(options)
    }
}

/// The arguments that somebody else would give to measure the same.
fn without_files(arguments: &[String]) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        match argument {
            "--json" | "--programs" | "--from" => drop(arguments.next()),
            _ => kept.push(argument),
        }
    }
    kept.join(" ")
}

fn number<T: std::str::FromStr>(argument: &str, value: &str) -> Result<T> {
    value
        .parse()
        .map_err(|_| format!("{argument} {value}: not a number\n{USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn without_arguments_everything_is_measured() {
        let options = parse("").unwrap();
        assert_eq!(options.rows, Row::ALL);
        assert_eq!(options.targets, Target::ALL);
    }

    #[test]
    fn the_beginning_of_a_name_chooses_all_rows_that_begin_so() {
        let options = parse("--only client_credentials --only code --no-peers").unwrap();
        assert_eq!(options.rows.len(), 8);
        assert_eq!(
            options.targets,
            [Target::Hallpass, Target::HallpassPostgres, Target::Limit]
        );
    }

    #[test]
    fn no_file_of_the_machine_is_in_the_command_that_is_published() {
        let options = parse("--programs /here --seconds 1 --json /there --publish").unwrap();
        assert_eq!(options.line, "--seconds 1 --publish");
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        for line in [
            "--only nothing",
            "--target nobody",
            "--json",
            "--seconds x",
            "--seconds 0",
            "--rounds 0",
            "--concurrency 0",
            "--fast",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
