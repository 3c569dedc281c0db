//! Why a command did not succeed.

use std::fmt;

use crate::config::Problems;

/// A command's failure, in words for whoever gave the command.
#[derive(Debug)]
pub enum Failure {
    /// The configuration is refused.
    Configuration(Problems),
    /// Everything else.
    Other(String),
    /// All is said already; this is the exit code.
    Told(u8),
}

impl Failure {
    /// A failure with a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self::Other(text.into())
    }

    /// A failure while doing something: `cannot …: because …`.
    pub fn doing(what: &str, error: &(impl std::error::Error + ?Sized)) -> Self {
        let mut text = format!("{what}: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.ends_with(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        Self::Other(text)
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Configuration(problems)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(problems) => problems.fmt(f),
            Self::Other(text) => f.write_str(text),
            Self::Told(_) => Ok(()),
        }
    }
}
