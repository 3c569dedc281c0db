//! How fast the store is: `cargo run --release -p hallpass-store-postgres --example store_rate -- [SECONDS [json]]`.
//!
//! Sixty-four tasks each run the writes of a code flow (code, redemption with its grant, rotation) and wait for each to
//! be durable, on a PostgreSQL that is started for it: once grouped as the store does it, once with a statement for each
//! commit on sixteen connections. Both at the same time of the same database would share its disk, so they take turns.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    reason = "a measurement prints, and ends when something is wrong"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hallpass_core::record::{Authentication, ClaimsRequest, CodeRecord, GrantRecord, RefreshState};
use hallpass_store::{Commit, Committed, Spend, Store, Write};
use hallpass_store_postgres::{Address, Options, PostgresStore};
use hallpass_testpg::Cluster;
use hallpass_types::{Bucket, ClientId, GrantId, IssuerId, Key, Scope, Subject, Timestamp, sha256};

const TASKS: u64 = 64;

#[tokio::main]
async fn main() {
    let seconds = std::env::args().nth(1).map_or(5, |s| s.parse().unwrap());
    let json = std::env::args().nth(2).is_some_and(|s| s == "json");
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    let ways = [
        ("grouped", Options::default()),
        (
            "16 plain connections",
            Options {
                writers: 16,
                batch: 1,
                ..Options::default()
            },
        ),
    ];
    for round in 1..=3 {
        for (name, options) in &ways {
            let options = Options {
                schema: cluster.schema(),
                ..options.clone()
            };
            let address = Address::parse(&cluster.address()).unwrap();
            let store = Arc::new(PostgresStore::open(address, options).await.unwrap());
            let issuer = store.issuer("https://op.example").await.unwrap();
            // Connections are made and statements prepared.
            run(&store, issuer, Duration::from_millis(500), 0).await;
            let before = cluster.sql("SELECT pg_current_wal_lsn()");
            let rate = run(&store, issuer, Duration::from_secs(seconds), 1).await;
            let stats = store.stats().snapshot();
            let commits = stats.batch_size.sum as f64;
            let statements = stats.batch_size.count() as f64;
            let each = commits / statements;
            let wal = wal_since(&cluster, &before) / (rate * seconds as f64);
            if json {
                println!(
                    r#"{{"way":"{name}","per_second":{rate},"per_statement":{each},"log_bytes":{wal}}}"#
                );
            } else {
                println!(
                    "round {round}, {name}: {rate:.0} durable commits/s, {each:.1} commits per statement, {wal:.0} bytes of WAL per commit"
                );
            }
        }
    }
}

/// What the database has written to its log since.
fn wal_since(cluster: &Cluster, before: &str) -> f64 {
    let sql = format!("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '{before}')");
    cluster.sql(&sql).parse().unwrap()
}

async fn run(store: &Arc<PostgresStore>, issuer: IssuerId, time: Duration, pass: u64) -> f64 {
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicU64::new(0));
    let mut running = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let (store, stop, count) = (store.clone(), stop.clone(), count.clone());
        running.spawn(async move {
            let mut n = 0_u64;
            while !stop.load(Relaxed) {
                flow(&*store, issuer, (pass << 60) | (task << 40) | n).await;
                count.fetch_add(3, Relaxed);
                n += 1;
            }
        });
    }
    let started = Instant::now();
    tokio::time::sleep(time).await;
    stop.store(true, Relaxed);
    running.join_all().await;
    count.load(Relaxed) as f64 / started.elapsed().as_secs_f64()
}

async fn flow(store: &dyn Store, issuer: IssuerId, n: u64) {
    let digest = sha256(&n.to_be_bytes());
    let code_key = Key::from_parts(Bucket(30_000_001), digest);
    let id = GrantId {
        bucket: Bucket(30_100_000),
        random: *digest.first_chunk().unwrap(),
    };
    let grant = grant(id);
    let code = CodeRecord {
        grant: grant.clone(),
        redirect_uri: "https://rp.example/callback".to_owned(),
        code_challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned()),
        nonce: Some("n-0S6_WzA2Mj".to_owned()),
        dpop_jkt: None,
        grant_stands: false,
        issued_at: NOW,
        expires_at: NOW.plus(60),
    };
    let rotate = Spend::Refresh {
        grant: id,
        from: 0,
        at: NOW,
        idle_expires_at: NOW.plus(3600),
    };
    for (spends, writes) in [
        (Vec::new(), vec![Write::Code(code_key, Box::new(code))]),
        (
            vec![Spend::Code(code_key)],
            vec![Write::Grant(Box::new(grant))],
        ),
        (vec![rotate], Vec::new()),
    ] {
        let done = store.commit(issuer, Commit { spends, writes }).await;
        assert_eq!(done.unwrap(), Committed::Done);
    }
}

const NOW: Timestamp = Timestamp(1_800_000_000);

fn grant(id: GrantId) -> GrantRecord {
    GrantRecord {
        authorization_details: Vec::new(),
        id,
        client_id: ClientId::parse("a-client-of-some-length").unwrap(),
        subject: Subject::parse("2f1c6d3a-0000-4000-8000-000000000000").unwrap(),
        account_epoch: 1,
        scope: Scope::parse("openid profile email offline_access").unwrap(),
        resources: Vec::new(),
        claims: ClaimsRequest::default(),
        authentication: Authentication {
            auth_time: NOW,
            acr: None,
            amr: vec!["pwd".to_owned()],
        },
        session: None,
        sid: None,
        session_bound: false,
        issued_at: NOW,
        expires_at: NOW.plus(90 * 86_400),
        refresh: Some(RefreshState {
            generation: 0,
            rotated_at: NOW,
            idle_expires_at: NOW.plus(86_400),
        }),
        confirmation: None,
        organization: None,
    }
}
