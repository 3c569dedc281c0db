//! What an experiment came to.

use std::fmt::{self, Display};
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::check::Violation;

/// An experiment that could not be carried out, or whose guarantee does not hold.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(String);

impl Failed {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}

impl From<hallpass_load::http::Failure> for Failed {
    fn from(failure: hallpass_load::http::Failure) -> Self {
        Self(failure.to_string())
    }
}

/// The figures of an experiment whose guarantee held.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Its number.
    pub experiment: &'static str,
    /// What was broken.
    pub fault: &'static str,
    /// Counts and times, in words.
    pub figures: Vec<(String, String)>,
}

impl Report {
    pub(crate) fn new(experiment: &'static str, fault: &'static str) -> Self {
        Self {
            experiment,
            fault,
            figures: Vec::new(),
        }
    }

    pub(crate) fn figure(&mut self, name: &str, value: impl Display) {
        self.figures.push((name.to_owned(), value.to_string()));
    }
}

/// The page that keeps the results.
#[must_use]
pub fn page(reports: &[Report], long: bool) -> String {
    let mut page = String::from(HEAD);
    let length = if long {
        "full length"
    } else {
        "the short form"
    };
    page.push_str(&format!("\nLast run: {length}.\n"));
    for report in reports {
        page.push_str(&format!("\n## {}: {}\n\n", report.experiment, report.fault));
        page.push_str("| what | figure |\n|---|---|\n");
        for (name, value) in &report.figures {
            page.push_str(&format!("| {name} | {value} |\n"));
        }
    }
    page
}

const HEAD: &str = "# Faults

Experiments that break things under load, in `tests/faults`. Workers sign in, exchange codes, refresh, introspect and revoke;
every request and its outcome is written down, and an audit afterwards asks each node what became of it. A checker compares:
nothing that was acknowledged is lost, no code works twice, nothing that was revoked comes back, a refresh token has one
successor, what one node answered the others know, and a request without an answer has one outcome for everybody. One
violation fails the experiment; a page is written only with what held.

```
cargo xtask faults                    # all, in the short form that the tests run too
cargo xtask faults --long F01 F03     # some, at full length
cargo xtask faults --page docs/reference/faults.md
```
";

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.experiment, self.fault)?;
        for (name, value) in &self.figures {
            write!(f, "\n     {name}: {value}")?;
        }
        Ok(())
    }
}

/// Fails with the first few violations.
pub(crate) fn refuse(violations: &[Violation]) -> Result<(), Failed> {
    if violations.is_empty() {
        return Ok(());
    }
    let first: Vec<String> = violations
        .iter()
        .take(10)
        .map(|violation| format!("{}: {}", violation.invariant, violation.what))
        .collect();
    let count = violations.len();
    Err(Failed::new(format!(
        "{count} violations\n{}",
        first.join("\n")
    )))
}

/// Fails with that sentence unless it holds.
pub(crate) fn require(holds: bool, what: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(Failed(what())) }
}
