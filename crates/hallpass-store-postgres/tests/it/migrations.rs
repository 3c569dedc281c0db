//! Bringing databases to the schema of the program.

use std::sync::atomic::{AtomicBool, Ordering};

use hallpass_store::{Store, StoreError};
use hallpass_store_postgres::{Options, PostgresStore};
use hallpass_testpg::Cluster;

use crate::common::{address, quoted};

fn options(schema: &str) -> Options {
    Options {
        schema: schema.to_owned(),
        ..Options::default()
    }
}

async fn migrate(cluster: &Cluster, schema: &str) -> Result<usize, StoreError> {
    let steps = PostgresStore::migrate(address(cluster), options(schema), false).await?;
    Ok(steps.len())
}

fn tables(cluster: &Cluster, schema: &str) -> String {
    let literal = schema.replace('\'', "''");
    cluster.sql(&format!(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = '{literal}'"
    ))
}

#[tokio::test]
async fn an_empty_schema_of_any_name_gets_every_step_once() {
    let Some(cluster) = hallpass_testpg::shared() else {
        return;
    };
    for (n, odd) in [
        "plain",
        "with \"quotes\" and 'more'; --",
        "Ünï code",
        "a.b",
        "$user",
    ]
    .into_iter()
    .enumerate()
    {
        let schema = format!("{odd} {n} {}", std::process::id());
        let planned = PostgresStore::migrate(address(cluster), options(&schema), true)
            .await
            .unwrap();
        assert!(!planned.is_empty());
        assert_eq!(tables(cluster, &schema), "0", "{schema}: a dry run");
        assert_eq!(migrate(cluster, &schema).await.unwrap(), planned.len());
        assert_eq!(migrate(cluster, &schema).await.unwrap(), 0);
        let store = PostgresStore::open(address(cluster), options(&schema))
            .await
            .unwrap();
        store.issuer("https://op.example").await.unwrap();
        let count = format!("SELECT count(*) FROM {}.issuers", quoted(&schema));
        assert_eq!(cluster.sql(&count), "1", "{schema}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_that_migrate_at_once_apply_each_step_once() {
    let Some(cluster) = hallpass_testpg::shared() else {
        return;
    };
    for _ in 0..5 {
        let schema = cluster.schema();
        let planned = PostgresStore::migrate(address(cluster), options(&schema), true)
            .await
            .unwrap()
            .len();
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let schema = schema.clone();
            running.spawn(async move { migrate(cluster, &schema).await.unwrap() });
        }
        let done: usize = running.join_all().await.into_iter().sum();
        assert_eq!(done, planned);
        let rows = format!(
            "SELECT count(*) FROM {}.hallpass_migrations",
            quoted(&schema)
        );
        assert_eq!(cluster.sql(&rows), planned.to_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_that_dies_in_the_middle_leaves_whole_steps_and_the_next_goes_on() {
    let Some(cluster) = hallpass_testpg::shared() else {
        return;
    };
    for wait in [0, 1, 3, 6, 10, 15, 20, 30, 45, 60] {
        let schema = cluster.schema();
        // The connections of the runner are ended at some moment, as those of a killed process are.
        let going = AtomicBool::new(true);
        let killed = std::thread::scope(|scope| {
            let runner = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    let at = std::time::Duration::from_millis(wait);
                    let run = tokio::time::timeout(at, migrate(cluster, &schema));
                    run.await.is_err()
                })
                // The runtime is dropped here, and the connection with it.
            });
            let killed = runner.join().unwrap();
            going.store(false, Ordering::Relaxed);
            killed
        });
        let left = migrate(cluster, &schema).await.unwrap();
        assert!(killed || left == 0, "{wait} ms");
        let store = PostgresStore::open(address(cluster), options(&schema)).await;
        store.unwrap().ready().await.unwrap();
    }
}

#[tokio::test]
async fn a_program_works_on_a_newer_schema_until_that_is_not_for_it() {
    let Some(cluster) = hallpass_testpg::shared() else {
        return;
    };
    let schema = cluster.schema();
    migrate(cluster, &schema).await.unwrap();
    let quoted = quoted(&schema);
    let newer = |phase: &str, oldest: &str| {
        format!(
            "INSERT INTO {quoted}.hallpass_migrations (version, name, checksum, phase, oldest)
            SELECT max(version) + 1, 'of the future', '\\x00', '{phase}', {oldest} FROM {quoted}.hallpass_migrations"
        )
    };
    cluster.sql(&newer("expand", "0"));
    cluster.sql(&format!(
        "ALTER TABLE {quoted}.grants ADD COLUMN of_the_future text NOT NULL DEFAULT 'x'"
    ));
    let store = PostgresStore::open(address(cluster), options(&schema)).await;
    store.unwrap().issuer("https://op.example").await.unwrap();
    assert_eq!(migrate(cluster, &schema).await.unwrap(), 0);
    cluster.sql(&newer("contract", "max(version) + 1"));
    for refused in [
        migrate(cluster, &schema).await.map(|_| ()),
        PostgresStore::open(address(cluster), options(&schema))
            .await
            .map(|_| ()),
    ] {
        let Err(StoreError::Version { found, known }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(found, known + 2);
    }
}

#[tokio::test]
async fn tables_of_another_program_are_not_taken_for_ours() {
    let Some(cluster) = hallpass_testpg::shared() else {
        return;
    };
    let schema = cluster.schema();
    let quoted = quoted(&schema);
    cluster.sql(&format!("CREATE SCHEMA {quoted}"));
    cluster.sql(&format!("CREATE TABLE {quoted}.users (id int)"));
    let refused = migrate(cluster, &schema).await;
    assert!(
        matches!(refused, Err(StoreError::Corrupt(_))),
        "{refused:?}"
    );
    assert_eq!(tables(cluster, &schema), "1");
    // Under other names they do not stand in the way.
    cluster.sql(&format!("ALTER TABLE {quoted}.users RENAME TO theirs"));
    assert!(migrate(cluster, &schema).await.unwrap() > 0);
}

#[tokio::test]
async fn a_step_that_was_another_one_is_refused() {
    let Some(cluster) = hallpass_testpg::shared() else {
        return;
    };
    let schema = cluster.schema();
    migrate(cluster, &schema).await.unwrap();
    cluster.sql(&format!(
        "UPDATE {}.hallpass_migrations SET checksum = '\\x00' WHERE version = 1",
        quoted(&schema)
    ));
    let refused = migrate(cluster, &schema).await;
    assert!(
        matches!(refused, Err(StoreError::Corrupt(_))),
        "{refused:?}"
    );
}
