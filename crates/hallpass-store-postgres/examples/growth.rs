//! What a store costs when it is large:
//! `cargo run --release -p hallpass-store-postgres --example growth -- sqlite|postgres [GRANTS] [EXPIRED]`.
//!
//! Users, consents, sessions and grants are written until there are a thousand grants, and then until there are GRANTS (a
//! million, if nothing is said), with a tenth as many people. Each time reads of a token's standing and refresh rotations
//! are measured. Then EXPIRED codes (a million) are purged in batches beside the same reads and rotations. It prints bytes
//! for each row, and the times. PostgreSQL is started for it and ends with it; the file of SQLite is in the working folder.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a measurement prints, and ends when something is wrong"
)]

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hallpass_core::record::{
    Authentication, ClaimsRequest, CodeRecord, ConsentRecord, GrantRecord, RefreshState,
    SessionRecord,
};
use hallpass_store::{Commit, Committed, Spend, Store, UserRecord, Write};
use hallpass_store_postgres::{Address, PostgresStore};
use hallpass_store_sqlite::SqliteStore;
use hallpass_testpg::Cluster;
use hallpass_types::{
    Bucket, ClientId, GrantId, IssuerId, Key, Scope, Sid, Subject, Timestamp, TokenId, sha256,
};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let kind = args.next().unwrap_or_else(|| "sqlite".to_owned());
    let grants: u64 = args.next().map_or(1_000_000, |n| n.parse().unwrap());
    let expired: u64 = args.next().map_or(1_000_000, |n| n.parse().unwrap());
    let place = Place::open(&kind).await;
    let issuer = place.store.issuer("https://op.example").await.unwrap();
    let world = World {
        store: Arc::clone(&place.store),
        issuer,
    };

    println!("{kind}");
    println!("| grants | standing p50 | p99 | rotation p50 | p99 |\n|---|---|---|---|---|");
    let mut there = 0;
    for target in [1_000, grants] {
        let began = Instant::now();
        world.fill(there..target).await;
        let filled = began.elapsed();
        there = target;
        place.settle();
        // The first round warms up.
        world.measure(there).await;
        let [standing, rotation] = world.measure(there).await;
        println!("| {target} | {standing} | {rotation} |");
        if target > 1_000 {
            println!("\nfilled in {:.0} s", filled.as_secs_f64());
        }
    }
    place.sizes(grants);

    let began = Instant::now();
    world.expire(expired).await;
    println!(
        "\n{expired} expired codes in {:.0} s",
        began.elapsed().as_secs_f64()
    );
    place.settle();
    let stop = Arc::new(AtomicBool::new(false));
    let gone = Arc::new(AtomicU64::new(0));
    let purging = tokio::spawn(purge(Arc::clone(&place.store), stop.clone(), gone.clone()));
    let began = Instant::now();
    let [standing, rotation] = world.measure(there).await;
    let meanwhile = gone.load(Relaxed);
    println!(
        "\nbeside a purge ({meanwhile} rows meanwhile): standing {standing}, rotation {rotation}"
    );
    purging.await.unwrap();
    let rate = gone.load(Relaxed) as f64 / began.elapsed().as_secs_f64();
    println!("purged {} rows, {rate:.0} a second", gone.load(Relaxed));
    drop(stop);
}

/// A store and where its bytes are.
struct Place {
    store: Arc<dyn Store>,
    cluster: Option<Cluster>,
    file: Option<PathBuf>,
}

impl Place {
    async fn open(kind: &str) -> Self {
        if kind == "postgres" {
            let cluster = Cluster::start(&["shared_buffers=512MB", "max_wal_size=1GB"]).unwrap();
            let address = Address::parse(&cluster.address()).unwrap();
            let store = PostgresStore::open(address, hallpass_store_postgres::Options::default());
            return Self {
                store: Arc::new(store.await.unwrap()),
                cluster: Some(cluster),
                file: None,
            };
        }
        let file = PathBuf::from(format!("growth-{}.sqlite", std::process::id()));
        let store = SqliteStore::open(&file, hallpass_store_sqlite::Options::default());
        Self {
            store: Arc::new(store.unwrap()),
            cluster: None,
            file: Some(file),
        }
    }

    /// What an idle database does by itself before long.
    fn settle(&self) {
        if let Some(cluster) = &self.cluster {
            cluster.sql("CHECKPOINT");
            cluster.sql("VACUUM ANALYZE");
        }
    }

    fn sizes(&self, grants: u64) {
        if let Some(cluster) = &self.cluster {
            println!("\n| table | rows | bytes for each, with its indexes |\n|---|---|---|");
            for table in ["users", "consents", "sessions", "grants"] {
                let sql = format!(
                    "SELECT count(*) || ' | ' || pg_total_relation_size('{table}') / greatest(count(*), 1) FROM {table}"
                );
                println!("| {table} | {} |", cluster.sql(&sql));
            }
        }
        if let Some(file) = &self.file {
            let bytes = std::fs::metadata(file).unwrap().len();
            println!(
                "\nfile: {} bytes for each grant with its share of a user, a consent and a session",
                bytes / grants
            );
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            if let Some(file) = &self.file {
                let mut path = file.clone().into_os_string();
                path.push(end);
                drop(std::fs::remove_file(Path::new(&path)));
            }
        }
    }
}

#[derive(Clone)]
struct World {
    store: Arc<dyn Store>,
    issuer: IssuerId,
}

impl World {
    /// Writes grants, and with every tenth a person with a session and a consent.
    async fn fill(&self, numbers: std::ops::Range<u64>) {
        let mut tasks = JoinSet::new();
        let mut next = numbers.start;
        while next < numbers.end {
            let end = (next + BATCH).min(numbers.end);
            while tasks.len() >= 32 {
                tasks.join_next().await.unwrap().unwrap();
            }
            let world = self.clone();
            let batch = next..end;
            tasks.spawn(async move {
                let mut grants = Commit::default();
                let mut people = JoinSet::new();
                for n in batch {
                    grants.writes.push(Write::Grant(Box::new(grant(n))));
                    if n % 10 == 0 {
                        let world = world.clone();
                        people.spawn(async move {
                            let session = Write::Session(session_key(n), Box::new(session(n)));
                            let client = ClientId::parse(CLIENT).unwrap();
                            let consent = Write::Consent(subject(n), client, Box::new(consent()));
                            let spends = vec![Spend::NewUser(Box::new(user(n)))];
                            let writes = vec![session, consent];
                            world.commit(Commit { spends, writes }).await;
                        });
                    }
                }
                world.commit(grants).await;
                people.join_all().await;
            });
            next = end;
        }
        tasks.join_all().await;
    }

    /// Writes codes whose time is long over.
    async fn expire(&self, number: u64) {
        let mut tasks = JoinSet::new();
        for first in (0..number).step_by(usize::try_from(BATCH).unwrap()) {
            while tasks.len() >= 32 {
                tasks.join_next().await.unwrap().unwrap();
            }
            let world = self.clone();
            tasks.spawn(async move {
                let mut commit = Commit::default();
                for n in first..(first + BATCH).min(number) {
                    let bucket =
                        Bucket::holding(NOW.plus(-86_400 + i64::try_from(n / 5_000).unwrap()));
                    let key = Key::from_parts(bucket, sha256(&n.to_be_bytes()));
                    let code = CodeRecord {
                        grant: grant(n),
                        redirect_uri: "https://client.example.org/callback".to_owned(),
                        code_challenge: Some(
                            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
                        ),
                        nonce: None,
                        dpop_jkt: None,
                        grant_stands: false,
                        issued_at: NOW,
                        expires_at: NOW,
                    };
                    commit.writes.push(Write::Code(key, Box::new(code)));
                }
                world.commit(commit).await;
            });
        }
        tasks.join_all().await;
    }

    async fn commit(&self, commit: Commit) {
        let end = self.store.commit(self.issuer, commit).await.unwrap();
        assert_eq!(end, Committed::Done);
    }

    /// Times of reads and of rotations, at random grants.
    async fn measure(&self, there: u64) -> [Times; 2] {
        static ROUND: AtomicU64 = AtomicU64::new(1);
        let round = ROUND.fetch_add(1, Relaxed);
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let world = self.clone();
            tasks.spawn(async move {
                let (mut reads, mut rotations) = (Vec::new(), Vec::new());
                let mut random = round * 1_000 + task;
                for _ in 0..EACH {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    // Each task has grants of its own, so that nobody else rotates them.
                    let n = (random >> 20) % (there / TASKS) * TASKS + task;
                    let began = Instant::now();
                    let token = TokenId([7; 16]);
                    let standing =
                        world
                            .store
                            .standing(world.issuer, Some(grant_id(n)), token, NOW);
                    let found = standing.await.unwrap().grant.unwrap();
                    reads.push(began.elapsed());
                    let from = found.record.refresh.unwrap().generation;
                    let rotate = Spend::Refresh {
                        grant: grant_id(n),
                        from,
                        at: NOW,
                        idle_expires_at: NOW.plus(86_400),
                    };
                    let began = Instant::now();
                    let spends = vec![rotate];
                    let writes = Vec::new();
                    world.commit(Commit { spends, writes }).await;
                    rotations.push(began.elapsed());
                }
                (reads, rotations)
            });
        }
        let (mut reads, mut rotations) = (Vec::new(), Vec::new());
        for (of_task, others) in tasks.join_all().await {
            reads.extend(of_task);
            rotations.extend(others);
        }
        [Times::of(reads), Times::of(rotations)]
    }
}

/// Half, and all but one of a hundred, took no longer.
struct Times(Duration, Duration);

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times[times.len() / 2], times[times.len() * 99 / 100])
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} µs | {} µs", self.0.as_micros(), self.1.as_micros())
    }
}

async fn purge(store: Arc<dyn Store>, stop: Arc<AtomicBool>, gone: Arc<AtomicU64>) {
    while !stop.load(Relaxed) {
        match store.purge(Bucket::holding(NOW), 1_000).await.unwrap() {
            0 => return,
            n => gone.fetch_add(n, Relaxed),
        };
    }
}

fn grant_id(n: u64) -> GrantId {
    let digest = sha256(&n.to_le_bytes());
    GrantId {
        bucket: Bucket::holding(NOW.plus(90 * 86_400 + i64::try_from(n / 100).unwrap())),
        random: *digest.first_chunk().unwrap(),
    }
}

fn subject(n: u64) -> Subject {
    let digest = sha256(&(n / 10).to_be_bytes());
    let hex: String = digest[..16].iter().map(|b| format!("{b:02x}")).collect();
    Subject::parse(&hex).unwrap()
}

fn session_key(n: u64) -> Key<hallpass_types::Session> {
    let bucket = Bucket::holding(NOW.plus(14 * 86_400));
    Key::from_parts(bucket, sha256(&(n / 10).to_ne_bytes()))
}

fn authentication() -> Authentication {
    Authentication {
        auth_time: NOW,
        acr: None,
        amr: vec!["pwd".to_owned()],
    }
}

fn grant(n: u64) -> GrantRecord {
    GrantRecord {
        authorization_details: Vec::new(),
        id: grant_id(n),
        client_id: ClientId::parse(CLIENT).unwrap(),
        subject: subject(n),
        account_epoch: 1,
        scope: Scope::parse("openid profile email offline_access").unwrap(),
        resources: Vec::new(),
        claims: ClaimsRequest::default(),
        authentication: authentication(),
        session: Some(session_key(n)),
        sid: Some(Sid::parse("08a5019c-17e1-4977-8f42-65a12843ea02").unwrap()),
        session_bound: false,
        issued_at: NOW,
        expires_at: NOW.plus(90 * 86_400),
        refresh: Some(RefreshState {
            generation: 0,
            rotated_at: NOW,
            idle_expires_at: NOW.plus(14 * 86_400),
        }),
        confirmation: None,
        organization: None,
    }
}

fn session(n: u64) -> SessionRecord {
    SessionRecord {
        subject: subject(n),
        account_epoch: 1,
        authentication: authentication(),
        sid: Sid::parse("08a5019c-17e1-4977-8f42-65a12843ea02").unwrap(),
        created_at: NOW,
        expires_at: NOW.plus(14 * 86_400),
        superseded: false,
        proofs: Vec::new(),
        earlier: Vec::new(),
        visit: None,
        seen_at: NOW,
        fleeting: false,
        lowered: false,
    }
}

fn consent() -> ConsentRecord {
    ConsentRecord {
        scope: Scope::parse("openid profile email offline_access").unwrap(),
        refused: Scope::default(),
        claims: Vec::new(),
        refused_claims: Vec::new(),
        resources: Vec::new(),
        redirect_uris: Some([255; 32]),
        at: NOW,
    }
}

fn user(n: u64) -> UserRecord {
    let name = format!("person{}", n / 10);
    let claims = serde_json::json!({
        "email": format!("{name}@example.com"), "email_verified": true, "name": "A Person",
    });
    UserRecord {
        subject: subject(n),
        username: name.clone(),
        username_key: name,
        password: Some(
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$bm90IGEgaGFzaCBidXQgYXMgbG9uZyBhcyBvbmU".to_owned(),
        ),
        must_change_password: false,
        claims: claims.as_object().unwrap().clone(),
        disconnected: std::collections::BTreeMap::new(),
        memberships: Vec::new(),
        disabled: false,
        epoch: 1,
        revision: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

const NOW: Timestamp = Timestamp(1_800_000_000);
const CLIENT: &str = "s6BhdRkqt3xyz";
const BATCH: u64 = 200;
const TASKS: u64 = 16;
const EACH: u64 = 200;
