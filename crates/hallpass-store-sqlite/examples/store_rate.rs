//! How fast the store is: `cargo run --release -p hallpass-store-sqlite --example store_rate -- [FOLDER] [SECONDS]`.
//!
//! Sixty-four tasks each run the writes of a code flow (code, redemption with its grant, rotation) and wait for each
//! to be durable; then they read; then both at once; then they run the writes of a flow whose client pushes its request and
//! signs, of which each of two commits remembers two things that were used. The clock of the records goes as if there were a hundred flows a
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

use hallpass_core::record::{
    Authentication, ClaimsRequest, CodeRecord, GrantRecord, PushedRequest, RefreshState,
    WaitingRecord,
};
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

    for (name, writing, reading, signing) in [
        ("write", true, false, false),
        ("read", false, true, false),
        ("write and read", true, true, false),
        ("signed", false, false, true),
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
                let (store, stop, counts) = (store.clone(), stop.clone(), counts.clone());
                running.spawn(read(store, issuer, task, stop, counts));
            }
            if signing {
                running.spawn(sign(store, issuer, stop, counts));
            }
        }
        let (started, before) = (Instant::now(), Spent::now());
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        stop.store(true, Relaxed);
        running.join_all().await;
        let took = started.elapsed().as_secs_f64();
        let [writes, reads] = [0, 1].map(|i| counts.get(i).unwrap().load(Relaxed) as f64 / took);
        println!("{name}: {writes:.0} durable commits/s, {reads:.0} reads/s");
        if let (Some(before), Some(now), true) = (before, Spent::now(), writing || signing) {
            let commits = counts[0].load(Relaxed) as f64;
            println!(
                "  for each: {:.1} us of the thread that writes, {:.0} bytes written",
                (now.nanos - before.nanos) as f64 / commits / 1000.0,
                (now.written - before.written) as f64 / commits,
            );
        }
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

/// What the thread that writes has taken of a processor, and the process has written, as Linux counts it.
struct Spent {
    nanos: u64,
    written: u64,
}

impl Spent {
    fn now() -> Option<Self> {
        let writer = std::fs::read_dir("/proc/self/task").ok()?;
        let writer = writer.flatten().map(|task| task.path()).find(|task| {
            let name = std::fs::read_to_string(task.join("comm"));
            name.is_ok_and(|name| name.starts_with("sqlite-writer"))
        })?;
        let schedule = std::fs::read_to_string(writer.join("schedstat")).ok()?;
        let io = std::fs::read_to_string("/proc/self/io").ok()?;
        let written = io.lines().find_map(|line| line.strip_prefix("wchar: "))?;
        Some(Self {
            nanos: schedule.split(' ').next()?.parse().ok()?,
            written: written.parse().ok()?,
        })
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

/// The commits of a flow with a pushed request, whose assertions and proofs are used once.
async fn sign(
    store: Arc<SqliteStore>,
    issuer: IssuerId,
    stop: Arc<AtomicBool>,
    counts: Arc<[AtomicU64; 2]>,
) {
    while !stop.load(Relaxed) {
        let n = NEXT.fetch_add(1, Relaxed);
        let once = |what: &str, seconds| {
            let digest = sha256(format!("{what} {n}").as_bytes());
            Spend::Once(Key::once(NOW.plus(seconds), digest))
        };
        let record = code(n);
        let (key, grant) = (in_order(code_key(n), n), record.grant.clone());
        let handle = in_order(
            Key::from_parts(Bucket::holding(at(n).plus(660)), sha256(&n.to_be_bytes())),
            n,
        );
        let used = Spend::Waiting {
            key: handle,
            revision: 0,
            next: None,
        };
        for (spends, writes) in [
            (
                vec![
                    Spend::NewWaiting(handle, Box::new(pushed(n))),
                    once("assertion", 60),
                    once("proof", 300),
                ],
                vec![],
            ),
            (vec![used], vec![Write::Code(key, Box::new(record))]),
            (
                vec![
                    Spend::Code(key),
                    once("second assertion", 60),
                    once("second proof", 300),
                ],
                vec![Write::Grant(Box::new(grant))],
            ),
        ] {
            let end = store.commit(issuer, Commit { spends, writes }).await;
            assert_eq!(end.unwrap(), Committed::Done);
            counts[0].fetch_add(1, Relaxed);
        }
    }
}

/// Handles and codes begin with their place in time.
fn in_order<K>(key: Key<K>, n: u64) -> Key<K> {
    let mut digest = key.digest;
    let [.., high, low] = (n / 10).to_be_bytes();
    if let Some(first) = digest.first_chunk_mut() {
        *first = [high, low];
    }
    Key::from_parts(key.bucket, digest)
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

fn pushed(n: u64) -> WaitingRecord {
    let params = [
        ("client_id", "s6BhdRkqt3xyz"),
        ("response_type", "code"),
        ("redirect_uri", "https://client.example.org/callback"),
        ("scope", "openid"),
        ("state", "af0ifjsldkj0123456789"),
        ("nonce", "n-0S6_WzA2Mj0123456789abcdef"),
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "S256"),
        ("dpop_jkt", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
    ];
    let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
    WaitingRecord::Pushed(Box::new(PushedRequest {
        client_id: ClientId::parse("s6BhdRkqt3xyz").unwrap(),
        params: params.to_vec(),
        signed: false,
        instance: None,
        issued_at: at(n),
        expires_at: at(n).plus(60),
    }))
}
