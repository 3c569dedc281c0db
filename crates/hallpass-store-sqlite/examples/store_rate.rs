//! How fast the store is: `cargo run --release -p hallpass-store-sqlite --example store_rate -- [FOLDER] [SECONDS]`.
//!
//! Sixty-four tasks each run the writes of a code flow (code, redemption with its grant, rotation) and wait for each
//! to be durable; then they read; then both at once. The clock of the records goes as if there were a hundred flows a
//! second, since the keys follow it. The folder should lie on the disk that is meant.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a measurement prints, and ends when something is wrong"
)]

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hallpass_core::record::{Authentication, ClaimsRequest, CodeRecord, GrantRecord, RefreshState};
use hallpass_store::{Commit, Committed, Spend, Store, Write};
use hallpass_store_sqlite::{Options, SqliteStore};
use hallpass_types::{
    Bucket, ClientId, GrantId, IssuerId, Key, Scope, Sid, Subject, Timestamp, TokenId, sha256,
};

const TASKS: u64 = 64;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().unwrap_or_else(|| ".".to_owned()));
    let seconds = args.next().map_or(5, |s| s.parse().unwrap());
    let path = folder.join(format!("store-rate-{}.sqlite", std::process::id()));
    let store = Arc::new(SqliteStore::open(&path, Options::default()).unwrap());
    let issuer = store.issuer("https://op.example").await.unwrap();

    for (name, writing, reading) in [
        ("write", true, false),
        ("read", false, true),
        ("write and read", true, true),
    ] {
        let stop = Arc::new(AtomicBool::new(false));
        let counts = Arc::new([const { AtomicU64::new(0) }; 2]);
        let mut running = tokio::task::JoinSet::new();
        for task in 0..TASKS {
            let (store, stop, counts) = (store.clone(), stop.clone(), counts.clone());
            if writing {
                running.spawn(write(store.clone(), issuer, stop.clone(), counts.clone()));
            }
            if reading {
                running.spawn(read(store, issuer, task, stop, counts));
            }
        }
        let started = Instant::now();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        stop.store(true, Relaxed);
        running.join_all().await;
        let took = started.elapsed().as_secs_f64();
        let [writes, reads] = [0, 1].map(|i| counts.get(i).unwrap().load(Relaxed) as f64 / took);
        println!("{name}: {writes:.0} durable commits/s, {reads:.0} reads/s");
    }
    let stats = store.stats().snapshot();
    println!(
        "{} transactions of {:.1} commits on average, {:.0} us each, {} checkpoints, {} held up",
        stats.batch_size.count(),
        stats.batch_size.sum as f64 / stats.batch_size.count() as f64,
        stats.commit_micros.sum as f64 / stats.commit_micros.count() as f64,
        stats.checkpoints,
        stats.checkpoints_held_up,
    );
    println!("micros: {:?}", stats.commit_micros);
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        for line in status
            .lines()
            .filter(|l| l.starts_with("VmRSS") || l.starts_with("VmHWM"))
        {
            println!("{line}");
        }
    }
    println!("file: {} bytes", std::fs::metadata(&path).unwrap().len());
    let started = Instant::now();
    let mut gone = 0;
    loop {
        match store.purge(Bucket(u32::MAX), 10_000).await.unwrap() {
            0 => break,
            n => gone += n,
        }
    }
    println!(
        "purge: {:.0} rows/s",
        gone as f64 / started.elapsed().as_secs_f64()
    );
    drop(store);
    for end in ["", "-wal", "-shm"] {
        let mut file = path.clone().into_os_string();
        file.push(end);
        drop(std::fs::remove_file(file));
    }
}

/// The number of the next flow.
static NEXT: AtomicU64 = AtomicU64::new(0);

async fn write(
    store: Arc<SqliteStore>,
    issuer: IssuerId,
    stop: Arc<AtomicBool>,
    counts: Arc<[AtomicU64; 2]>,
) {
    while !stop.load(Relaxed) {
        let n = NEXT.fetch_add(1, Relaxed);
        let record = code(n);
        let (key, grant) = (code_key(n), record.grant.clone());
        let rotate = Spend::Refresh {
            grant: grant.id,
            from: 0,
            at: at(n),
            idle_expires_at: at(n).plus(86_400),
        };
        for (spends, writes) in [
            (vec![], vec![Write::Code(key, Box::new(record))]),
            (vec![Spend::Code(key)], vec![Write::Grant(Box::new(grant))]),
            (vec![rotate], vec![]),
        ] {
            let end = store.commit(issuer, Commit { spends, writes }).await;
            assert_eq!(end.unwrap(), Committed::Done);
            counts[0].fetch_add(1, Relaxed);
        }
    }
}

/// Reads grants at random, of those that were surely written.
async fn read(
    store: Arc<SqliteStore>,
    issuer: IssuerId,
    mut random: u64,
    stop: Arc<AtomicBool>,
    counts: Arc<[AtomicU64; 2]>,
) {
    while !stop.load(Relaxed) {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let id = grant_id((random >> 33) % NEXT.load(Relaxed).saturating_sub(TASKS * 20));
        let token = TokenId([7; 16]);
        let standing = store.standing(issuer, Some(id), token, NOW).await.unwrap();
        assert!(standing.grant.is_some());
        counts[1].fetch_add(1, Relaxed);
        tokio::task::yield_now().await;
    }
}

const NOW: Timestamp = Timestamp(1_800_000_000);
const FLOWS_PER_SECOND: u64 = 100;

fn at(n: u64) -> Timestamp {
    NOW.plus(i64::try_from(n / FLOWS_PER_SECOND).unwrap())
}

fn code_key(n: u64) -> Key<hallpass_types::Code> {
    Key::from_parts(Bucket::holding(at(n).plus(60)), sha256(&n.to_be_bytes()))
}

fn grant_id(n: u64) -> GrantId {
    let digest = sha256(&n.to_le_bytes());
    GrantId {
        bucket: Bucket::holding(at(n).plus(90 * 86_400)),
        random: *digest.first_chunk().unwrap(),
    }
}

fn code(n: u64) -> CodeRecord {
    let grant = GrantRecord {
        authorization_details: Vec::new(),
        id: grant_id(n),
        client_id: ClientId::parse("s6BhdRkqt3xyz").unwrap(),
        subject: Subject::parse("248289761001248289761001").unwrap(),
        account_epoch: 1,
        scope: Scope::parse("openid profile email offline_access").unwrap(),
        resources: Vec::new(),
        claims: ClaimsRequest::default(),
        authentication: Authentication {
            auth_time: at(n),
            acr: None,
            amr: vec!["pwd".to_owned()],
        },
        session: Some(Key::from_parts(Bucket::holding(NOW), [9; 32])),
        sid: Some(Sid::parse("08a5019c-17e1-4977-8f42-65a12843ea02").unwrap()),
        organization: None,
        session_bound: false,
        issued_at: at(n),
        expires_at: at(n).plus(90 * 86_400),
        refresh: Some(RefreshState {
            generation: 0,
            rotated_at: at(n),
            idle_expires_at: at(n).plus(14 * 86_400),
        }),
        confirmation: None,
    };
    CodeRecord {
        grant,
        redirect_uri: "https://client.example.org/callback".to_owned(),
        code_challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned()),
        nonce: Some("n-0S6_WzA2Mj0123456789abcdef".to_owned()),
        dpop_jkt: None,
        grant_stands: false,
        issued_at: at(n),
        expires_at: at(n).plus(60),
    }
}
