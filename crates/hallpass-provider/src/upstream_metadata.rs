//! What other providers say about themselves, as it is held.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use hallpass_core::upstream::Metadata;
use hallpass_types::Timestamp;

/// One entry for each issuer that the operator configured, so it stays small.
#[derive(Debug, Default)]
pub(crate) struct UpstreamMetadata(Mutex<HashMap<String, (Metadata, Timestamp)>>);

impl UpstreamMetadata {
    /// What is held of an issuer, and since when.
    pub(crate) fn get(&self, issuer: &str) -> Option<(Metadata, Timestamp)> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(issuer).cloned()
    }

    pub(crate) fn put(&self, issuer: &str, metadata: &Metadata, at: Timestamp) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(issuer.to_owned(), (metadata.clone(), at));
    }
}
