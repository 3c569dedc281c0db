//! Generators and checks of this repository.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool speaks to its terminal"
)]

mod api;
mod attacks;
mod bench;
mod book;
mod check;
mod conformance;
mod deps;
mod documented;
mod features;
mod generate;
mod instructions;
mod minimal;
mod msrv;
mod named;
mod outgoing;
mod pages;
mod previous;
mod publish;
mod size;
mod spec;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(done) = api::as_rustdoc() {
        return done;
    }
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    match command.as_str() {
        "api" => api::main(arguments),
        "bench" => bench::main(arguments),
        "book" => book::main(),
        "check" => check::check(),
        "conformance" => conformance::main(arguments),
        "deps" => report(deps::problems()),
        "dev" => check::dev(arguments),
        "documented" => report(documented::problems()),
        "faults" => check::faults(arguments),
        "features" => report(features::problems()),
        "generate" => generate::main(arguments),
        "instructions" => instructions::main(arguments),
        "minimal" => minimal::main(),
        "msrv" => report(msrv::problems()),
        "named" => report(named::problems()),
        "outgoing" => report(outgoing::problems()),
        "previous" => previous::main(),
        "publish" => report(publish::problems()),
        "size" => report(size::problems()),
        "spec" => spec::main(arguments),
        "test" => check::test(arguments),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}

const USAGE: &str = "usage: cargo xtask COMMAND

  check               format, lints, documentation, size, deps, features, links, names, commands and settings, outgoing, generate --check, spec --check
  book                dead links, and the book in target/book
  test [FILTER]       all tests
  generate [--check]  everything that is derived from code, in docs/reference
  spec [--check]      which demands of which specification the code and the tests name
  named               whether the files and functions that ARCHITECTURE.md names are there
  documented          whether the commands and settings that pages name are there
  features            whether the table beside node-oidc-provider is whole
  api [--write]       what each crate offers, against the lists in xtask/api and the last tag
  size                how long files may be
  deps                which crate may depend on which
  outgoing            whether anything dials past the guard for outgoing requests
  dev [ARGUMENTS]     the server with a demo user and clients, from a debug build
  faults [--long] [F01 ...]  experiments that break things under load
  previous            builds the version before this one, which the rolling upgrade (F15) starts from
  publish             whether each crate could be published: manifest, package, each feature alone
  minimal             whether the lowest versions of other crates that manifests promise are enough
  msrv                whether this compiler is the one that manifests promise
  bench               the budgets, beside peers
  instructions        how many instructions each request takes, against what is written down
  conformance         the OpenID Foundation's suite, already running";

/// Prints problems and says whether there were any.
fn report(problems: Result<Vec<String>, String>) -> ExitCode {
    match problems {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            for problem in problems {
                eprintln!("{problem}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
