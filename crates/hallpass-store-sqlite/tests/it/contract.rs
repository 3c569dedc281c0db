//! The SQLite store keeps the contract.

use std::sync::Arc;

use crate::common::Folder;
use hallpass_store::Store;
use hallpass_store_sqlite::{Options, SqliteStore};

async fn empty() -> (Arc<dyn Store>, Folder) {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file(), Options::default()).unwrap();
    (Arc::new(store), folder)
}

hallpass_store::contract_tests!(100, empty);

/// Few readers, a short queue and small batches change nothing but speed.
mod with_little_of_everything {
    use super::*;

    async fn empty() -> (Arc<dyn Store>, Folder) {
        let folder = Folder::new();
        let options = Options {
            batch: 2,
            readers: 1,
            checkpoint_pages: 1,
            reader_cache_kib: 16,
            writer_cache_kib: 16,
            ..Options::default()
        };
        let store = SqliteStore::open(folder.file(), options).unwrap();
        (Arc::new(store), folder)
    }

    hallpass_store::contract_tests!(20, empty);
}

/// A command beside a server has the file open, too.
mod of_two_programs {
    use hallpass_store::contract::InTurn;

    use super::*;

    async fn empty() -> (Arc<dyn Store>, Folder) {
        let folder = Folder::new();
        let open = || SqliteStore::open(folder.file(), Options::default()).unwrap();
        (Arc::new(InTurn::new([open(), open()])), folder)
    }

    hallpass_store::contract_tests!(20, empty);
}
