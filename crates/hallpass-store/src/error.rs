//! What can go wrong in a store.

/// A store could not do what it was asked. Nothing of the request was written; after [`StoreError::Unavailable`]
/// alone a crash of the machine may show otherwise, so nothing may be promised then, one way or the other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Too much is waiting; try again after so many seconds.
    #[error("the store is busy")]
    Busy {
        /// Seconds.
        retry_after: u32,
    },
    /// The database cannot be reached or written (disk full, connection lost).
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A record cannot be read: wrong key, another version, corruption.
    #[error("a stored record cannot be read")]
    Corrupt(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A key that must be fresh is taken: the randomness that made it repeats.
    #[error("a new record's key is already taken")]
    Collision,
    /// The data belongs to another version of the program.
    #[error("the store has schema version {found}, this program knows up to {known}")]
    Version {
        /// What the database says.
        found: u32,
        /// What this program knows.
        known: u32,
    },
}

impl StoreError {
    /// [`Self::Unavailable`] for a reason that has no error of its own.
    #[must_use]
    pub fn unavailable(reason: &'static str) -> Self {
        Self::Unavailable(reason.into())
    }

    /// [`Self::Corrupt`] for a reason that has no error of its own.
    #[must_use]
    pub fn corrupt(reason: &'static str) -> Self {
        Self::Corrupt(reason.into())
    }
}
