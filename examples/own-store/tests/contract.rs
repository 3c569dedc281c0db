//! The store keeps what every store promises.

use std::sync::Arc;

use hallpass::store::Store;
use own_store::OwnStore;
use redb::{Database, backends::InMemoryBackend};

// [contract]
async fn empty() -> (Arc<dyn Store>, ()) {
    let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
    (Arc::new(OwnStore::of(database).unwrap()), ())
}

hallpass::store::contract_tests!(50, empty);
// [/contract]
