//! `[log]`: what is logged, to standard error.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};

use super::checker::Checker;

/// What is logged, to standard error.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// The least weighty level that is logged: `error`, `warn`, `info`, `debug`, `trace`; or several with the part of
    /// the program they are for: `info,hallpass_provider=debug`.
    pub level: String,
}

/// The form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: "info".to_owned(),
        }
    }
}

impl Log {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        if let Err(error) = self.targets() {
            check.problem("log.level", format!("is no level: {error}"));
        } else if self.level.trim().is_empty() {
            check.problem("log.level", "is empty");
        }
    }

    /// Which lines are logged.
    ///
    /// # Errors
    /// [`Self::level`] names a level that there is not.
    pub(crate) fn targets(&self) -> Result<Targets, String> {
        let parts = self.level.split(',').map(str::trim);
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        // Where nothing stands, the parser reads a level.
        if let Some(part) = parts
            .iter()
            .find(|part| part.starts_with('=') || part.ends_with('='))
        {
            return Err(format!("{part} lacks a name or a level"));
        }
        if parts.is_empty() {
            return Ok(Targets::new().with_default(LevelFilter::INFO));
        }
        let all = parts.join(",");
        all.parse().map_err(|error: ParseError| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn targets(level: &str) -> Result<Targets, String> {
        let log = Log {
            level: level.to_owned(),
            ..Log::default()
        };
        log.targets()
    }

    #[test]
    fn a_level_is_for_everything_or_for_the_part_that_is_named() {
        for (level, loud, quiet) in [
            ("info", Level::INFO, Level::DEBUG),
            (" warn , ", Level::WARN, Level::INFO),
            ("info,hallpass_provider=debug", Level::DEBUG, Level::TRACE),
            ("hallpass_provider=trace,error", Level::TRACE, Level::TRACE),
            (",", Level::INFO, Level::DEBUG),
        ] {
            let targets = targets(level).unwrap();
            assert!(
                targets.would_enable("hallpass_provider::keys", &loud),
                "{level}"
            );
            let elsewhere = targets.would_enable("hyper", &quiet);
            assert!(!elsewhere, "{level}");
        }
    }

    #[test]
    fn what_is_no_level_is_refused() {
        for level in [
            "loud=very",
            "=",
            "info,=debug",
            "hallpass_provider=",
            "loud,,=",
            "a=b=c",
        ] {
            assert!(targets(level).is_err(), "{level}");
        }
    }
}
