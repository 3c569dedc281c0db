//! The PostgreSQL store keeps the contract.

use std::sync::Arc;

use hallpass_store::{MemoryStore, Store};
use hallpass_store_postgres::{Options, PostgresStore};

use crate::common::{address, open};

async fn empty() -> (Arc<dyn Store>, ()) {
    with(Options::default()).await
}

/// Where PostgreSQL is not installed the suite runs on something else, after a line that says so.
async fn with(options: Options) -> (Arc<dyn Store>, ()) {
    match hallpass_testpg::shared() {
        Some(cluster) => (Arc::new(open(cluster, options).await), ()),
        None => (Arc::new(MemoryStore::new()), ()),
    }
}

hallpass_store::contract_tests!(50, empty);

/// One connection each and small batches change nothing but speed.
mod with_little_of_everything {
    use super::*;

    async fn empty() -> (Arc<dyn Store>, ()) {
        let options = Options {
            batch: 2,
            readers: 1,
            writers: 1,
            ..Options::default()
        };
        with(options).await
    }

    hallpass_store::contract_tests!(20, empty);
}

/// Two nodes on one database.
mod of_two_nodes {
    use hallpass_store::contract::InTurn;

    use super::*;

    async fn empty() -> (Arc<dyn Store>, ()) {
        let Some(cluster) = hallpass_testpg::shared() else {
            return (Arc::new(MemoryStore::new()), ());
        };
        let options = Options {
            schema: cluster.schema(),
            readers: 2,
            writers: 2,
            ..Options::default()
        };
        let node = async || {
            let opened = PostgresStore::open(address(cluster), options.clone());
            opened.await.unwrap()
        };
        let nodes = [node().await, node().await];
        (Arc::new(InTurn::new(nodes)), ())
    }

    hallpass_store::contract_tests!(20, empty);
}
