//! What PostgreSQL's errors mean for a store.

use hallpass_store::StoreError;
use tokio_postgres::error::{Severity, SqlState};

use crate::statement::UNDONE;

/// An error that several waiting commits can be answered with.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// Too much at once; nothing was written.
    Busy,
    /// The database cannot be reached, or went away in the middle. What was sent may have happened.
    Lost(String),
    /// The database refuses what it was asked; nothing was written.
    Refused(String),
    /// What is in the database is not what this program wrote.
    Corrupt(String),
    /// A key that must be fresh is taken; nothing was written.
    Taken,
    /// Two transactions stood in each other's way and this one gave in; nothing was written.
    Again,
    /// A commit that is partly too late; nothing was written.
    Undone,
    /// A prepared statement is no longer valid on this connection; nothing was written.
    Stale,
}

impl Failure {
    pub(crate) fn of(error: &tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            // A value that is not what the schema says, or no connection.
            let text = describe(error);
            return if error.is_closed() || is_io(error) {
                Self::Lost(text)
            } else {
                Self::Corrupt(text)
            };
        };
        let code = db.code().code();
        let text = format!("{code}: {}", db.message());
        if matches!(
            db.parsed_severity(),
            Some(Severity::Fatal | Severity::Panic)
        ) {
            return Self::Lost(text);
        }
        match code {
            "40001" | "40P01" => Self::Again,
            UNDONE => Self::Undone,
            "26000" | "0A000" => Self::Stale,
            // Cancelled since it took too long, a lock that was not got, too many connections or too little memory.
            "57014" | "55P03" => Self::Busy,
            // A standby.
            "25006" => Self::Lost(text),
            _ if *db.code() == SqlState::UNIQUE_VIOLATION => Self::Taken,
            _ => match code.get(..2) {
                // Connection, resources, operator intervention, system, and transactions of unknown outcome.
                Some("08" | "53" | "57" | "58") => Self::Lost(text),
                Some("40") => Self::Lost(text),
                Some("XX") => Self::Corrupt(text),
                _ => Self::Refused(text),
            },
        }
    }

    /// Whether the connection should not be used any more.
    pub(crate) const fn spoils_connection(&self) -> bool {
        match self {
            Self::Lost(_) | Self::Stale | Self::Corrupt(_) => true,
            Self::Busy | Self::Refused(_) | Self::Taken | Self::Again | Self::Undone => false,
        }
    }
}

/// The error with its causes: alone it says only at which step it happened.
pub(crate) fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<std::io::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Busy | Failure::Again => Self::Busy { retry_after: 1 },
            Failure::Lost(text) | Failure::Refused(text) => Self::Unavailable(text.into()),
            Failure::Corrupt(text) => Self::Corrupt(text.into()),
            Failure::Taken => Self::Collision,
            Failure::Undone => Self::unavailable("a commit could not be undone alone"),
            Failure::Stale => Self::unavailable("a prepared statement is no longer valid"),
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::of(&error)
    }
}
