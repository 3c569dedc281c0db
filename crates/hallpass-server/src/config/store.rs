//! `[store]`: where state is kept.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checker::Checker;

/// Where state is kept.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The kind of storage.
    pub kind: StoreKind,
    /// The database file of `sqlite`. Without a value: `hallpass.sqlite` in the data folder.
    pub path: Option<PathBuf>,
}

/// The kinds of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// One file. An acknowledged answer survives a power cut.
    Sqlite,
    /// Nothing survives the process: for tests.
    Memory,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            kind: StoreKind::Sqlite,
            path: None,
        }
    }
}

impl Store {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        match (self.kind, &self.path) {
            (StoreKind::Memory, Some(_)) => {
                check.problem(
                    "store.path",
                    "has no meaning where store.kind is \"memory\"",
                );
            }
            (StoreKind::Sqlite, Some(path)) if path.as_os_str().is_empty() => {
                check.problem("store.path", "is empty");
            }
            (StoreKind::Sqlite | StoreKind::Memory, _) => {}
        }
    }
}
