//! Generators and checks of this repository.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool speaks to its terminal"
)]

mod bench;
mod conformance;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("bench") => bench::main(arguments),
        Some("conformance") => conformance::main(arguments),
        _ => {
            eprintln!("usage: cargo xtask bench|conformance …");
            ExitCode::FAILURE
        }
    }
}
