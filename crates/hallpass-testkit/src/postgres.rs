//! A place on the PostgreSQL of the tests.

use std::sync::Arc;

use hallpass_store::Store;
use hallpass_store_postgres::{Address, Options, PostgresStore};
use hallpass_testpg::Cluster;

/// A schema of its own. Every store that is opened there is another node: it has connections of its own.
#[derive(Clone, Debug)]
pub struct Postgres {
    address: String,
    schema: String,
}

impl Postgres {
    /// On the database that all tests of this process share. None where PostgreSQL is not installed.
    #[must_use]
    pub fn new() -> Option<Self> {
        hallpass_testpg::shared().map(Self::on)
    }

    /// On that database.
    #[must_use]
    pub fn on(cluster: &Cluster) -> Self {
        Self {
            address: cluster.address(),
            schema: cluster.schema(),
        }
    }

    /// The name of the schema.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Opens a store there.
    ///
    /// # Panics
    /// The database does not answer.
    pub async fn open(&self) -> Arc<dyn Store> {
        let address = Address::parse(&self.address).unwrap();
        let options = Options {
            schema: self.schema.clone(),
            ..Options::default()
        };
        Arc::new(PostgresStore::open(address, options).await.unwrap())
    }
}
