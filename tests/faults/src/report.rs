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
