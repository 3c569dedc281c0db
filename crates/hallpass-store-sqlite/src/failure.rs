//! What SQLite's errors mean for a store.

use hallpass_store::StoreError;
use rusqlite::{ErrorCode, ffi};

/// An error that several waiting commits can be answered with.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    Busy,
    Unavailable(String),
    Corrupt(String),
    Collision,
}

impl Failure {
    pub(crate) fn of(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::ConstraintViolation) if is_taken_key(error) => Self::Collision,
            Some(
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch,
            ) => Self::Corrupt(error.to_string()),
            Some(_) => Self::Unavailable(error.to_string()),
            // Not from SQLite itself: a value in a row is not what the schema says.
            None => Self::Corrupt(error.to_string()),
        }
    }
}

fn is_taken_key(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|e| e.extended_code);
    matches!(
        code,
        Some(ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE)
    )
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Busy => Self::Busy { retry_after: 1 },
            Failure::Unavailable(text) => Self::Unavailable(text.into()),
            Failure::Corrupt(text) => Self::Corrupt(text.into()),
            Failure::Collision => Self::Collision,
        }
    }
}

/// The error as a store answers it.
pub(crate) fn store_error(error: &rusqlite::Error) -> StoreError {
    Failure::of(error).into()
}

/// Whether the fault lies with one statement, and the connection and its transaction's neighbours are sound.
pub(crate) fn is_of_one_statement(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ConstraintViolation | ErrorCode::DiskFull | ErrorCode::TooBig)
    )
}
