//! `[log]`: what is logged, to standard error.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
        if let Err(error) = tracing_subscriber::EnvFilter::builder().parse(&self.level) {
            check.problem("log.level", format!("is no level: {error}"));
        } else if self.level.trim().is_empty() {
            check.problem("log.level", "is empty");
        }
    }
}
