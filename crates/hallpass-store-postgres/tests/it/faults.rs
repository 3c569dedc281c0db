//! A database that is away, slow, or behind TLS.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use hallpass_core::record::{DeliveryContent, DeliveryRecord};
use hallpass_store::{Commit, Committed, Spend, Store, StoreError, Write};
use hallpass_store_postgres::{Address, Options, PostgresStore, Tls};
use hallpass_testpg::Cluster;
use hallpass_types::{Bucket, IssuerId, Key, Timestamp, sha256};

use crate::common::{open, quoted};

fn once(n: u32) -> Commit {
    let key = Key::from_parts(Bucket(30_000_000), sha256(&n.to_be_bytes()));
    Commit {
        spends: vec![Spend::Once(key)],
        writes: Vec::new(),
    }
}

fn impatient() -> Options {
    Options {
        connect_timeout: Duration::from_secs(1),
        acquire_timeout: Duration::from_secs(1),
        statement_timeout: Duration::from_secs(1),
        ..Options::default()
    }
}

#[track_caller]
fn assert_not_now(error: &StoreError) {
    let not_now = matches!(error, StoreError::Unavailable(_) | StoreError::Busy { .. });
    assert!(not_now, "{error:?}");
}

/// Commits keys from `first` on until one is done; answers how many were not.
async fn until_it_goes_on(store: &PostgresStore, issuer: IssuerId, first: u32) -> u32 {
    let until = Instant::now() + Duration::from_secs(20);
    let mut n = 0;
    loop {
        match store.commit(issuer, once(first + n)).await {
            Ok(done) => {
                assert_eq!(done, Committed::Done);
                return n;
            }
            Err(error) => assert_not_now(&error),
        }
        assert!(Instant::now() < until, "it does not go on");
        n += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_comes_back_is_used_again_and_no_acknowledged_key_is_free() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    let store = Arc::new(open(&cluster, impatient()).await);
    let issuer = store.issuer("https://op.example").await.unwrap();
    for round in 0..3_u32 {
        let first = round * 1_000_000;
        let mut running = tokio::task::JoinSet::new();
        for task in 0..8 {
            let store = Arc::clone(&store);
            running.spawn(async move {
                let mut done = Vec::new();
                for n in 0..100_000 {
                    let n = first + task * 100_000 + n;
                    match store.commit(issuer, once(n)).await {
                        Ok(end) => {
                            assert_eq!(end, Committed::Done);
                            done.push(n);
                        }
                        Err(error) => {
                            assert_not_now(&error);
                            break;
                        }
                    }
                }
                done
            });
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        cluster.stop();
        let done: Vec<u32> = running.join_all().await.into_iter().flatten().collect();
        assert!(!done.is_empty());
        let started = Instant::now();
        assert_not_now(
            &store
                .commit(issuer, once(first + 900_000))
                .await
                .unwrap_err(),
        );
        assert_not_now(&store.ready().await.unwrap_err());
        assert!(started.elapsed() < Duration::from_secs(5));
        cluster.restart();
        until_it_goes_on(&store, issuer, first + 900_001).await;
        for n in done {
            let again = store.commit(issuer, once(n)).await.unwrap();
            assert_eq!(again, Committed::TooLate(0), "{n} was acknowledged");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn as_soon_as_one_question_or_commit_is_answered_again_no_further_one_fails() {
    let Some(cluster) = Cluster::start(&["fsync=off"]) else {
        return;
    };
    let store = Arc::new(open(&cluster, impatient()).await);
    let issuer = store.issuer("https://op.example").await.unwrap();
    let asked = move |store: Arc<PostgresStore>| async move { store.signing_keys(issuer).await };
    for round in 1..3_u32 {
        let first = round * 1_000_000;
        // All connections are in use, and lost.
        let mut running = tokio::task::JoinSet::new();
        for n in 0..64 {
            let store = Arc::clone(&store);
            running.spawn(async move {
                asked(Arc::clone(&store)).await.unwrap();
                store.commit(issuer, once(first + n)).await.unwrap();
            });
        }
        running.join_all().await;
        cluster.stop();
        // Each has tried so often that it rests for a second.
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(3) {
            let mut running = tokio::task::JoinSet::new();
            for n in 100..132 {
                let store = Arc::clone(&store);
                running.spawn(async move {
                    assert_not_now(&asked(Arc::clone(&store)).await.unwrap_err());
                    assert_not_now(&store.commit(issuer, once(first + n)).await.unwrap_err());
                });
            }
            running.join_all().await;
        }
        cluster.restart();
        until_it_goes_on(&store, issuer, first + 1_000).await;
        for n in 0..500 {
            store
                .commit(issuer, once(first + 10_000 + n))
                .await
                .unwrap();
        }
        while asked(Arc::clone(&store)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for _ in 0..500 {
            asked(Arc::clone(&store)).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_says_nothing_costs_a_bounded_time() {
    let Some(cluster) = Cluster::start(&["fsync=off"]) else {
        return;
    };
    let store = Arc::new(open(&cluster, impatient()).await);
    let issuer = store.issuer("https://op.example").await.unwrap();
    store.commit(issuer, once(1)).await.unwrap();
    cluster.freeze();
    let started = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for n in 0..50 {
        let store = Arc::clone(&store);
        running.spawn(async move {
            assert_not_now(&store.commit(issuer, once(100 + n)).await.unwrap_err());
            assert_not_now(&store.issuer("https://other.example").await.unwrap_err());
        });
    }
    running.join_all().await;
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    cluster.thaw();
    until_it_goes_on(&store, issuer, 1_000).await;
    // Of what nobody knows the end, each happened whole or not at all, and asking again tells.
    for n in 0..50 {
        let end = store.commit(issuer, once(100 + n)).await.unwrap();
        assert!(matches!(end, Committed::Done | Committed::TooLate(0)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_row_that_somebody_else_holds_is_waited_for_a_bounded_time() {
    let Some(cluster) = hallpass_testpg::shared() else {
        return;
    };
    let options = Options {
        schema: cluster.schema(),
        ..impatient()
    };
    let table = format!("{}.once_keys", quoted(&options.schema));
    let address = Address::parse(&cluster.address()).unwrap();
    let store = PostgresStore::open(address, options).await.unwrap();
    let issuer = store.issuer("https://op.example").await.unwrap();
    let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3)");
    let holder = std::thread::spawn(move || cluster.sql(&lock));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let started = Instant::now();
    assert_not_now(&store.commit(issuer, once(1)).await.unwrap_err());
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    holder.join().unwrap();
    // The database has said that it did nothing.
    assert_eq!(
        store.commit(issuer, once(1)).await.unwrap(),
        Committed::Done
    );
}

// A host that drops what is sent to it is passed over, and not asked again by those who come later.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_host_that_says_nothing_is_passed_over() {
    let Some(cluster) = hallpass_testpg::shared() else {
        return;
    };
    // Connections are made by the system, and nobody reads what comes.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let port = silent.local_addr().unwrap().port();
    let both = format!("@127.0.0.1:{port},");
    let address = Address::parse(&cluster.url().replacen('@', &both, 1)).unwrap();
    let options = Options {
        schema: cluster.schema(),
        ..impatient()
    };
    let store = PostgresStore::open(address, options).await.unwrap();
    let mut asked = Vec::new();
    while let Ok((stream, _)) = silent.accept() {
        asked.push(stream);
    }
    assert!(!asked.is_empty(), "it is tried in its turn");
    let issuer = store.issuer("https://op.example").await.unwrap();
    for n in 0..20 {
        let done = store.commit(issuer, once(n)).await.unwrap();
        assert_eq!(done, Committed::Done);
    }
    store.ready().await.unwrap();
    let again = silent.accept();
    assert!(again.is_err(), "where the database was comes first");
}

#[tokio::test]
async fn a_delivery_that_nobody_can_read_does_not_hold_up_those_behind_it() {
    let Some(cluster) = hallpass_testpg::shared() else {
        return;
    };
    let options = Options {
        schema: cluster.schema(),
        ..Options::default()
    };
    let table = format!("{}.deliveries", quoted(&options.schema));
    let address = Address::parse(&cluster.address()).unwrap();
    let store = PostgresStore::open(address, options).await.unwrap();
    let issuer = store.issuer("https://op.example").await.unwrap();
    fn key<K>(n: i64) -> Key<K> {
        Key::from_parts(Bucket(30_000_000), sha256(&n.to_be_bytes()))
    }
    let delivery = |n: i64| DeliveryRecord {
        content: DeliveryContent::SessionsEnded {
            sessions: vec![key(n)],
            after: None,
        },
        attempts: 0,
        put_off: 0,
        next_at: Timestamp(1000 + n),
        expires_at: Timestamp(9000),
    };
    for n in 0..4 {
        let commit = Commit {
            spends: Vec::new(),
            writes: vec![Write::Delivery(key(n), Box::new(delivery(n)))],
        };
        store.commit(issuer, commit).await.unwrap();
    }
    cluster.sql(&format!(
        "UPDATE {table} SET record = '\\x00' WHERE next_at < 1003"
    ));
    let now = Timestamp(1009);
    let due = store.due_deliveries(issuer, now, 1).await.unwrap();
    assert_eq!(due, [(key(3), delivery(3))]);
    // The others are not forgotten.
    let later = format!("SELECT count(*) FROM {table} WHERE next_at > 1009");
    assert_eq!(cluster.sql(&later), "3");
}

// Whoever shows proofs again and again must not make the database do everybody's commits one by one.
#[tokio::test]
async fn proofs_that_are_shown_again_cost_only_those_who_show_them() {
    let Some(cluster) = hallpass_testpg::shared() else {
        return;
    };
    let options = Options {
        writers: 1,
        ..Options::default()
    };
    let store = Arc::new(open(cluster, options).await);
    let issuer = store.issuer("https://op.example").await.unwrap();
    store.commit(issuer, once(1)).await.unwrap();
    let before = store.stats().snapshot().alone;
    // Two keys each, of which some have one that is used.
    let both = |n: u32, second: u32| {
        let mut commit = once(n);
        commit.spends.extend(once(second).spends);
        commit
    };
    let mut running = tokio::task::JoinSet::new();
    for n in 0..60_u32 {
        let second = if n % 20 == 7 { 1 } else { 2000 + n };
        let (store, commit) = (Arc::clone(&store), both(1000 + n, second));
        running.spawn(async move { (n, store.commit(issuer, commit).await.unwrap()) });
    }
    for (n, done) in running.join_all().await {
        let expected = match n % 20 {
            7 => Committed::TooLate(1),
            _ => Committed::Done,
        };
        assert_eq!(done, expected, "{n}");
    }
    assert_eq!(store.stats().snapshot().alone - before, 3);
    // What came too late left nothing.
    let again = store.commit(issuer, once(1007)).await.unwrap();
    assert_eq!(again, Committed::Done);
}

/// A certificate for `localhost` in the folder of a database, where it finds it; answers its PEM file.
fn certificate(folder: &Path) -> std::path::PathBuf {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.join("server.crt"), folder.join("server.key"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder).unwrap());
    chown(&key, Some(owner), None).unwrap();
    cert
}

#[tokio::test]
async fn behind_tls_only_the_right_name_under_the_right_authority_is_spoken_to() {
    let Some(cluster) = Cluster::start(&["fsync=off"]) else {
        return;
    };
    let cert = certificate(cluster.folder());
    let folder = cluster.folder().display();
    for setting in [
        format!("ssl_cert_file = '{folder}/server.crt'"),
        format!("ssl_key_file = '{folder}/server.key'"),
        "ssl = 'on'".to_owned(),
    ] {
        cluster.sql(&format!("ALTER SYSTEM SET {setting}"));
    }
    cluster.stop();
    cluster.restart();
    let at = |host: &str| format!("postgres://hallpass@{host}:{}/hallpass", cluster.port());
    let verified = |roots: Option<&Path>| Tls::Verified {
        roots: roots.map(Path::to_owned),
    };
    let open = async |host: &str, tls: Tls| {
        let address = Address::parse(&at(host)).unwrap().with_tls(tls);
        PostgresStore::open(address, impatient()).await
    };
    let store = open("localhost", verified(Some(&cert))).await.unwrap();
    store.issuer("https://op.example").await.unwrap();
    let secure = "SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
        WHERE a.application_name = 'hallpass'";
    assert_eq!(cluster.sql(secure), "t");
    drop(open("localhost", Tls::Unverified).await.unwrap());
    for (host, tls) in [
        // An authority that nobody trusts, and a name that the certificate does not have.
        ("localhost", verified(None)),
        ("127.0.0.1", verified(Some(&cert))),
    ] {
        let refused = open(host, tls.clone()).await;
        assert!(
            matches!(refused, Err(StoreError::Unavailable(_))),
            "{host} {tls:?}"
        );
    }
    // One without TLS is not spoken to in the clear.
    cluster.sql("ALTER SYSTEM SET ssl = 'off'");
    cluster.stop();
    cluster.restart();
    for tls in [verified(Some(&cert)), Tls::Unverified] {
        let refused = open("localhost", tls).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    }
}
