//! Where a password comes from.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::{Command, Stdio};

use hallpass_jose::base64url;
use hallpass_provider::ports::{Entropy, SystemEntropy};
use hallpass_types::Secret;
use zeroize::Zeroizing;

use crate::cli;
use crate::failure::Failure;

/// A password, and whether it was made here and has to be told.
pub(super) struct Given {
    pub(super) password: Secret,
    pub(super) made: bool,
}

pub(super) fn read(options: &cli::Password) -> Result<Given, Failure> {
    if options.generate {
        let mut bytes = [0; 15];
        SystemEntropy.fill(&mut bytes);
        return Ok(Given {
            password: Secret::new(base64url::encode(bytes)),
            made: true,
        });
    }
    let password = if let Some(path) = &options.password_file {
        let failed = |error| Failure::doing(&format!("--password-file {}", path.display()), &error);
        first_line(&mut io::BufReader::new(
            fs::File::open(path).map_err(failed)?,
        ))?
    } else if io::stdin().is_terminal() {
        let password = ask("Password: ")?;
        let again = ask("Again: ")?;
        if password.expose() != again.expose() {
            return Err(Failure::new("the two passwords differ"));
        }
        password
    } else {
        first_line(&mut io::stdin().lock())?
    };
    if password.expose().is_empty() {
        return Err(Failure::new(
            "the password is empty; give it on standard input or by --password-file",
        ));
    }
    Ok(Given {
        password,
        made: false,
    })
}

fn first_line(input: &mut impl BufRead) -> Result<Secret, Failure> {
    let mut line = Zeroizing::new(String::new());
    input
        .read_line(&mut line)
        .map_err(|error| Failure::doing("cannot read the password", &error))?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Asks at the terminal without showing what is typed.
fn ask(question: &str) -> Result<Secret, Failure> {
    let failed = |error: io::Error| Failure::doing("cannot ask for the password", &error);
    let mut stderr = io::stderr();
    write!(stderr, "{question}")
        .and_then(|()| stderr.flush())
        .map_err(failed)?;
    let _quiet = Quiet::begin();
    let line = first_line(&mut io::stdin().lock());
    writeln!(stderr).map_err(failed)?;
    line
}

/// The terminal does not show what is typed, until this is dropped.
struct Quiet;

impl Quiet {
    fn begin() -> Self {
        stty("-echo");
        Self
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        stty("echo");
    }
}

/// Where there is no `stty` the password is seen by who types it, which is no reason to refuse it.
fn stty(argument: &str) {
    drop(
        Command::new("stty")
            .arg(argument)
            .stdin(Stdio::inherit())
            .stderr(Stdio::null())
            .status(),
    );
}
