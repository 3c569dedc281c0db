//! Hints at changes by others: sooner than asking, and never needed.

use std::sync::Arc;
use std::time::Duration;

use hallpass_store::{Commit, Committed, Hint, KeyPhase, KeyRecord, Store as _, Write};
use hallpass_store_postgres::{Options, PostgresStore};
use hallpass_testpg::Cluster;
use hallpass_types::{ClientId, IssuerId, Timestamp};

use crate::common::{address, open};

/// Two stores on one schema, and another one beside them.
async fn stores(cluster: &Cluster) -> [Arc<PostgresStore>; 3] {
    let schema = cluster.schema();
    let mut made = Vec::new();
    for _ in 0..2 {
        let options = Options {
            schema: schema.clone(),
            ..Options::default()
        };
        let store = PostgresStore::open(address(cluster), options).await;
        made.push(Arc::new(store.unwrap()));
    }
    made.push(Arc::new(open(cluster, Options::default()).await));
    made.try_into().unwrap()
}

async fn hint(store: &PostgresStore) -> Hint {
    let hint = tokio::time::timeout(Duration::from_secs(20), store.hint());
    hint.await.unwrap()
}

async fn write(store: &PostgresStore, issuer: IssuerId, write: Write) {
    let commit = Commit {
        spends: Vec::new(),
        writes: vec![write],
    };
    assert_eq!(store.commit(issuer, commit).await.unwrap(), Committed::Done);
}

fn key(kid: &str) -> Write {
    Write::SigningKey(Box::new(KeyRecord {
        kid: kid.to_owned(),
        alg: "ES256".to_owned(),
        phase: KeyPhase::Active,
        sealed: vec![1],
        created_at: Timestamp(1),
        phase_since: Timestamp(1),
        keep_until: None,
    }))
}

async fn admin(cluster: &Cluster) -> tokio_postgres::Client {
    let connected = tokio_postgres::connect(&cluster.address(), tokio_postgres::NoTls).await;
    let (client, connection) = connected.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_hears_what_another_one_changes_and_nothing_of_other_schemas() {
    let Some(cluster) = Cluster::start(&["fsync=off"]) else {
        return;
    };
    let [here, there, elsewhere] = stores(&cluster).await;
    let issuer = here.issuer("https://op.example").await.unwrap();
    elsewhere.issuer("https://op.example").await.unwrap();
    assert_eq!(hint(&there).await, Hint::Lost, "of what was before");
    write(&elsewhere, issuer, key("x")).await;
    let client = ClientId::parse("app").unwrap();
    write(&here, issuer, Write::DeleteClient(client.clone())).await;
    assert_eq!(hint(&there).await, Hint::Client(issuer, client));
    // What changes nothing that others hold is not told.
    write(
        &here,
        issuer,
        Write::DenyToken(hallpass_types::TokenId([1; 16]), Timestamp(9)),
    )
    .await;
    write(&here, issuer, key("a")).await;
    assert_eq!(hint(&there).await, Hint::Keys(issuer));
    let new = hallpass_store::NewIssuer {
        identifier: "https://acme.example".to_owned(),
        name: "acme".to_owned(),
        settings: serde_json::Map::new(),
        at: Timestamp(1),
    };
    let made = here.create_issuer(new.clone()).await.unwrap().unwrap();
    assert_eq!(hint(&there).await, Hint::Issuers);
    assert!(here.create_issuer(new).await.unwrap().is_none(), "taken");
    assert!(here.change_issuer(made.revision, made).await.unwrap());
    assert_eq!(hint(&there).await, Hint::Issuers);
    // What anybody else says there.
    let db = admin(&cluster).await;
    for text in ["", "keys", "nothing at all\npublic"] {
        db.execute("SELECT pg_notify('hallpass', $1)", &[&text])
            .await
            .unwrap();
    }
    write(&here, issuer, key("b")).await;
    assert_eq!(hint(&there).await, Hint::Keys(issuer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_listens_and_is_cut_is_made_again_and_says_that_hints_were_lost() {
    let Some(cluster) = Cluster::start(&["fsync=off"]) else {
        return;
    };
    let [here, there, _] = stores(&cluster).await;
    let issuer = here.issuer("https://op.example").await.unwrap();
    assert_eq!(hint(&there).await, Hint::Lost);
    let db = admin(&cluster).await;
    for n in 0..3 {
        let cut =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
        assert_eq!(db.query(cut, &[]).await.unwrap().len(), 1);
        // Told to nobody, and the commit does not mind.
        write(&here, issuer, key(&format!("{n}"))).await;
        while hint(&there).await != Hint::Lost {}
        write(&here, issuer, key(&format!("{n} again"))).await;
        assert_eq!(hint(&there).await, Hint::Keys(issuer));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_tell_commits_all_the_same() {
    let Some(cluster) = Cluster::start(&["fsync=off"]) else {
        return;
    };
    let [here, there, _] = stores(&cluster).await;
    let issuer = here.issuer("https://op.example").await.unwrap();
    assert_eq!(hint(&there).await, Hint::Lost);
    let db = admin(&cluster).await;
    let lacks = "ALTER FUNCTION pg_notify(text, text) RENAME TO pg_notify_gone";
    db.batch_execute(&format!("SET allow_system_table_mods = on; {lacks}"))
        .await
        .unwrap();
    for kid in ["a", "b"] {
        write(&here, issuer, key(kid)).await;
    }
    assert_eq!(there.signing_keys(issuer).await.unwrap().len(), 2);
}
