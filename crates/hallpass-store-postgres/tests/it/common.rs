//! What the tests share.

use hallpass_store_postgres::{Address, Options, PostgresStore};
use hallpass_testpg::Cluster;

pub(crate) fn address(cluster: &Cluster) -> Address {
    Address::parse(&cluster.address()).unwrap()
}

/// In a schema of its own.
pub(crate) async fn open(cluster: &Cluster, options: Options) -> PostgresStore {
    let options = Options {
        schema: cluster.schema(),
        ..options
    };
    PostgresStore::open(address(cluster), options)
        .await
        .unwrap()
}

/// An identifier as SQL takes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
