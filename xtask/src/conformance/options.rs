//! The command line of `cargo xtask conformance`.

use super::Result;
use std::path::PathBuf;

/// What the person asked for.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// `https://HOST:PORT` of the running suite.
    pub(crate) suite: String,
    /// The server to test.
    pub(crate) server: PathBuf,
    /// Names of files in `conformance/plans/`, without `.json`; none means all.
    pub(crate) plans: Vec<String>,
    /// Run only these modules; none means all.
    pub(crate) only: Vec<String>,
    /// Write the results table to this file.
    pub(crate) write_results: Option<PathBuf>,
    /// Replace the expectation of the plans that ran by what was seen.
    pub(crate) write_expected: bool,
    /// Where logs and the server's data go.
    pub(crate) out: PathBuf,
    /// How many modules of a plan without an alias run side by side.
    pub(crate) parallel: usize,
    /// How many plans run side by side, each with a server of its own.
    pub(crate) plans_at_once: usize,
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Says which argument is missing or not known.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            suite: String::new(),
            server: PathBuf::from("target/release/hallpass"),
            plans: Vec::new(),
            only: Vec::new(),
            write_results: None,
            write_expected: false,
            out: PathBuf::from("target/conformance"),
            parallel: 2,
            plans_at_once: 1,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value\n{USAGE}"))
            };
            match argument.as_str() {
                "--suite" => value()?
                    .trim_end_matches('/')
                    .clone_into(&mut options.suite),
                "--server" => options.server = PathBuf::from(value()?),
                "--only" => options.only.push(value()?),
                "--write-results" => options.write_results = Some(PathBuf::from(value()?)),
                "--write-expected" => options.write_expected = true,
                "--out" => options.out = PathBuf::from(value()?),
                "--parallel" => options.parallel = number("--parallel", &value()?)?,
                "--plans-at-once" => {
                    options.plans_at_once = number("--plans-at-once", &value()?)?;
                }
                "--help" | "-h" => return Err(USAGE.to_owned()),
                name if name.starts_with('-') => {
                    return Err(format!("unknown option {name}\n{USAGE}"));
                }
                name => options.plans.push(name.to_owned()),
            }
        }
        if options.suite.is_empty() {
            return Err(format!("--suite is missing\n{USAGE}"));
        }
        Ok(options)
    }
}

fn number(option: &str, value: &str) -> Result<usize> {
    value
        .parse()
        .map_err(|_| format!("{option} needs a number"))
}

const USAGE: &str = "usage: cargo xtask conformance --suite https://HOST:PORT [PLAN…]
  PLAN                  a file in conformance/plans/ without .json, or one run of its matrix; none: all of them
  --only MODULE         run this module only (may be repeated)
  --server PATH         the server to test (target/release/hallpass)
  --parallel N          modules side by side where the plan allows it (2)
  --plans-at-once N     plans side by side, each with a server of its own (1)
  --out DIR             logs and data (target/conformance)
  --write-results FILE  write the results table
  --write-expected      replace the expectation of the plans that ran";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn plans_and_options_mix() {
        let options = parse("oidcc-config --suite https://h:1/ --only m dynamic").unwrap();
        assert_eq!(options.suite, "https://h:1");
        assert_eq!(options.plans, ["oidcc-config", "dynamic"]);
        assert_eq!(options.only, ["m"]);
    }

    #[test]
    fn a_missing_suite_value_or_name_is_refused() {
        assert!(parse("").is_err());
        assert!(parse("--suite").is_err());
        assert!(parse("--suite https://h:1 --nonsense").is_err());
        assert!(parse("--suite https://h:1 --parallel many").is_err());
    }
}
