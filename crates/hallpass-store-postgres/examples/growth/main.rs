//! What a store costs when it is large:
//! `cargo run --release -p hallpass-store-postgres --example growth -- sqlite|postgres [GRANTS] [EXPIRED] [FOLDER]`.
//!
//! Two stores are filled: one with a thousand grants, one with GRANTS (a million, if nothing is said) and EXPIRED codes and values
//! that were used once (a million together). Each has a tenth as many people, who have a session and a consent. In turns, a second
//! each, reads of a token's standing and refresh rotations are measured at both, a thousand of each a second. Then what has
//! expired is purged, as a server does it, beside the same reads and rotations; in every fourth second the purge waits, which is
//! what it is compared with. Of each second the times that half and 99 of a hundred did not exceed are taken, and of these the
//! one in the middle. It prints them, how large rows are, and on Linux how often the program called the kernel to read in a second
//! and how much of that came from the disk. PostgreSQL is started for it and ends with it. The files of SQLite are in the working
//! folder and go in the end; in a FOLDER they stay, and are not filled again next time.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a measurement prints, and ends when something is wrong"
)]

mod records;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hallpass_core::record::CodeRecord;
use hallpass_store::{Commit, Committed, Spend, Store, Write};
use hallpass_store_postgres::{Address, PostgresStore};
use hallpass_store_sqlite::SqliteStore;
use hallpass_testpg::Cluster;
use hallpass_types::{Bucket, ClientId, IssuerId, Key, TokenId, sha256};
use records::{
    CLIENT, NOW, consent, grant, grant_id, in_time, session, session_key, subject, user,
};
use tokio::{sync::Notify, task::JoinSet};

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let kind = args.next().unwrap_or_else(|| "sqlite".to_owned());
    let grants: u64 = args.next().map_or(1_000_000, |n| n.parse().unwrap());
    let expired: u64 = args.next().map_or(1_000_000, |n| n.parse().unwrap());
    let folder = args.next().map(PathBuf::from);
    println!("{kind}");
    let place = |grants, expired| Place::new(&kind, folder.as_deref(), (grants, expired));
    let (small, large) = (place(1_000, 0), place(grants, expired));
    for (place, grants, expired) in [(&small, 1_000, 0), (&large, grants, expired)] {
        if place.is_filled() {
            continue;
        }
        let world = World::at(place, FILLING_CACHE_KIB, grants).await;
        let began = Instant::now();
        world.fill().await;
        world.expire(expired).await;
        let seconds = began.elapsed().as_secs_f64();
        println!("{grants} grants and {expired} expired rows in {seconds:.0} s");
        drop(world);
        place.settle();
    }
    large.sizes();
    let small = (World::at(&small, None, 1_000).await, small);
    let large = (World::at(&large, None, grants).await, large);
    grow([&small.0, &large.0]).await;
    drop(small);
    if expired > 0 {
        purge(&large.0).await;
    }
}

/// What a thousand grants cost, and more of them.
async fn grow(worlds: [&World; 2]) {
    let mut found = [Found::default(), Found::default()];
    for world in worlds {
        // The first second warms up.
        world.second().await;
    }
    for _ in 0..SECONDS_OF_GROWTH {
        for (world, found) in worlds.iter().zip(&mut found) {
            let before = Kernel::now();
            let second = world.second().await;
            found.asked.push(Kernel::now().since(&before));
            found.add(second);
        }
    }
    println!("\n{HEAD}");
    for (world, found) in worlds.iter().zip(&mut found) {
        println!("| {} grants | {found} |", world.grants);
    }
    for (world, found) in worlds.iter().zip(&found) {
        let middle = |number: fn(&Kernel) -> u64| {
            let mut numbers: Vec<_> = found.asked.iter().map(number).collect();
            numbers.sort_unstable();
            numbers[numbers.len() / 2]
        };
        println!(
            "{} grants, in a second: {} calls to read, {} kB from the disk",
            world.grants,
            middle(|io| io.reads),
            middle(|io| io.from_disk) / 1_000,
        );
    }
}

/// What a purge costs the others.
async fn purge(world: &World) {
    let purging = Purging::default();
    let task = tokio::spawn(purging.clone().run(Arc::clone(&world.store)));
    let (mut with, mut without) = (Found::default(), Found::default());
    for turn in 0_u64.. {
        let waits = turn % 4 == 3;
        purging.go(!waits);
        let second = world.second().await;
        if purging.over.load(Relaxed) {
            break;
        }
        if waits { &mut without } else { &mut with }.add(second);
    }
    task.await.unwrap();
    let (rows, seconds) = (purging.gone.load(Relaxed), with.seconds());
    println!("\n{HEAD}");
    println!("| while the purge waits | {without} |\n| while it is at work | {with} |");
    println!(
        "\npurged {rows} rows in {seconds} seconds of work, {} a second",
        rows / seconds.max(1)
    );
}

const HEAD: &str = "| | seconds | standing p50 | p99 | p99 of the worst tenth of seconds | rotation p50 | p99 | p99 of the worst tenth of seconds |
|---|---|---|---|---|---|---|---|";

/// Where the bytes of a store are.
enum Place {
    Cluster(Cluster),
    File { file: PathBuf, stays: bool },
}

impl Place {
    fn new(kind: &str, folder: Option<&Path>, (grants, expired): (u64, u64)) -> Self {
        if kind == "postgres" {
            let settings = ["shared_buffers=512MB", "max_wal_size=1GB"];
            return Self::Cluster(Cluster::start(&settings).unwrap());
        }
        let name = format!("growth-{grants}-{expired}.sqlite");
        let file = folder.unwrap_or_else(|| Path::new(".")).join(name);
        let stays = folder.is_some();
        Self::File { file, stays }
    }

    /// By an earlier run.
    fn is_filled(&self) -> bool {
        matches!(self, Self::File { file, stays: true } if file.exists())
    }

    /// Opens it, at SQLite with a page cache of that size instead of the usual one and a long log.
    async fn open(&self, cache_kib: Option<u32>) -> Arc<dyn Store> {
        match self {
            Self::Cluster(cluster) => {
                let address = Address::parse(&cluster.address()).unwrap();
                let options = hallpass_store_postgres::Options::default();
                Arc::new(PostgresStore::open(address, options).await.unwrap())
            }
            Self::File { file, .. } => {
                let mut options = hallpass_store_sqlite::Options::default();
                if let Some(cache_kib) = cache_kib {
                    options.writer_cache_kib = cache_kib;
                    options.checkpoint_pages = 50_000;
                }
                Arc::new(SqliteStore::open(file, options).unwrap())
            }
        }
    }

    /// What an idle database does by itself before long.
    fn settle(&self) {
        if let Self::Cluster(cluster) = self {
            cluster.sql("CHECKPOINT");
            cluster.sql("VACUUM ANALYZE");
        }
    }

    fn sizes(&self) {
        match self {
            Self::Cluster(cluster) => {
                println!("\n| table | rows | bytes for each, with its indexes |\n|---|---|---|");
                for table in [
                    "users",
                    "consents",
                    "sessions",
                    "grants",
                    "codes",
                    "once_keys",
                ] {
                    let sql = format!(
                        "SELECT count(*) || ' | ' || pg_total_relation_size('{table}') / greatest(count(*), 1) FROM {table}"
                    );
                    println!("| {table} | {} |", cluster.sql(&sql));
                }
            }
            Self::File { file, .. } => {
                let bytes = std::fs::metadata(file).unwrap().len();
                println!("\nfile: {} MB", bytes / 1_000_000);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::File { file, stays: false } = self {
            for end in ["", "-wal", "-shm"] {
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
    grants: u64,
}

impl World {
    async fn at(place: &Place, cache_kib: Option<u32>, grants: u64) -> Self {
        let store = place.open(cache_kib).await;
        let issuer = store.issuer("https://op.example").await.unwrap();
        Self {
            store,
            issuer,
            grants,
        }
    }

    /// Writes grants, and with every tenth a person with a session and a consent.
    async fn fill(&self) {
        let mut tasks = JoinSet::new();
        let mut next = 0;
        while next < self.grants {
            let end = (next + BATCH).min(self.grants);
            while tasks.len() >= 32 {
                tasks.join_next().await.unwrap().unwrap();
            }
            let world = self.clone();
            let batch = next..end;
            tasks.spawn(async move {
                let mut commit = Commit::default();
                for n in batch {
                    commit.writes.push(Write::Grant(Box::new(grant(n))));
                    if n % 10 == 0 {
                        let session = Write::Session(session_key(n), Box::new(session(n)));
                        let client = ClientId::parse(CLIENT).unwrap();
                        let consent = Write::Consent(subject(n), client, Box::new(consent()));
                        commit.spends.push(Spend::NewUser(Box::new(user(n))));
                        commit.writes.extend([session, consent]);
                    }
                }
                world.commit(commit).await;
            });
            next = end;
        }
        tasks.join_all().await;
    }

    /// Writes codes and, as many, values that were used once. The time of all of them is long over.
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
                    let digest = sha256(&n.to_be_bytes());
                    if n % 2 == 0 {
                        let once = Spend::Once(Key::from_parts(bucket, digest));
                        commit.spends.push(once);
                        continue;
                    }
                    let key = Key::from_parts(bucket, in_time(n / 32, digest));
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

    /// Times of reads and of rotations, at random grants, in a second with a thousand of each.
    async fn second(&self) -> [Times; 2] {
        static ROUND: AtomicU64 = AtomicU64::new(1);
        let round = ROUND.fetch_add(1, Relaxed);
        let mut tasks = JoinSet::new();
        let begin = Instant::now();
        for task in 0..TASKS {
            let world = self.clone();
            tasks.spawn(async move {
                let (mut reads, mut rotations) = (Vec::new(), Vec::new());
                let mut random = round * 1_000 + task;
                // Each task has a moment of its own.
                let mut due = begin + EVERY * u32::try_from(task).unwrap() / 16;
                for _ in 0..EACH {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    // Each task has grants of its own, so that nobody else rotates them.
                    let n = (random >> 20) % (world.grants / TASKS) * TASKS + task;
                    // Who is late because the one before took long has waited since then.
                    let late = Instant::now() > due;
                    tokio::time::sleep_until(due.into()).await;
                    let began = if late { due } else { Instant::now() };
                    let from = world.standing(n).await;
                    reads.push(began.elapsed());
                    let began = Instant::now();
                    world.rotate(n, from).await;
                    rotations.push(began.elapsed());
                    due += EVERY;
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

    /// Reads what decides about a token; the generation of its grant.
    async fn standing(&self, n: u64) -> u32 {
        let token = TokenId([7; 16]);
        let standing = (self.store).standing(self.issuer, Some(grant_id(n)), token, NOW);
        let found = standing.await.unwrap().grant.unwrap();
        found.record.refresh.unwrap().generation
    }

    async fn rotate(&self, n: u64, from: u32) {
        let rotate = Spend::Refresh {
            grant: grant_id(n),
            from,
            at: NOW,
            idle_expires_at: NOW.plus(86_400),
        };
        let spends = vec![rotate];
        let writes = Vec::new();
        self.commit(Commit { spends, writes }).await;
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

/// What was found in some seconds: other programs disturb some of them.
#[derive(Default)]
struct Found {
    times: [Vec<Times>; 2],
    asked: Vec<Kernel>,
}

impl Found {
    fn add(&mut self, second: [Times; 2]) {
        for (all, one) in self.times.iter_mut().zip(second) {
            all.push(one);
        }
    }

    fn seconds(&self) -> u64 {
        self.times[0].len() as u64
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.seconds())?;
        if self.seconds() == 0 {
            return Ok(());
        }
        for times in &self.times {
            let at = |which: fn(&Times) -> Duration, tenths: usize| {
                let mut some: Vec<_> = times.iter().map(which).collect();
                some.sort();
                some[some.len() * tenths / 10].as_micros()
            };
            let half = at(|times| times.0, 5);
            let (most, worst) = (at(|times| times.1, 5), at(|times| times.1, 9));
            write!(f, " | {half} µs | {most} µs | {worst} µs")?;
        }
        Ok(())
    }
}

/// What the program has asked of the kernel so far; nothing where that is not told.
#[derive(Default)]
struct Kernel {
    reads: u64,
    from_disk: u64,
}

impl Kernel {
    fn now() -> Self {
        let told = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
        let number = |name: &str| {
            let mut lines = told.lines().filter_map(|line| line.split_once(": "));
            let found = lines.find(|(key, _)| *key == name);
            found.map_or(0, |(_, number)| number.parse().unwrap())
        };
        Self {
            reads: number("syscr"),
            from_disk: number("read_bytes"),
        }
    }

    fn since(self, before: &Self) -> Self {
        Self {
            reads: self.reads - before.reads,
            from_disk: self.from_disk - before.from_disk,
        }
    }
}

/// A purge that can be told to wait.
#[derive(Clone, Default)]
struct Purging {
    going: Arc<AtomicBool>,
    told: Arc<Notify>,
    gone: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Purging {
    fn go(&self, goes: bool) {
        self.going.store(goes, Relaxed);
        self.told.notify_one();
    }

    /// In pieces and with pauses as `hallpass-server/src/jobs.rs` has them.
    async fn run(self, store: Arc<dyn Store>) {
        loop {
            while !self.going.load(Relaxed) {
                self.told.notified().await;
            }
            let began = Instant::now();
            let gone = store.purge(Bucket::holding(NOW), 5_000).await.unwrap();
            if gone == 0 {
                break;
            }
            self.gone.fetch_add(gone, Relaxed);
            let pause = began.elapsed() / 4;
            let pause = pause.clamp(Duration::from_millis(20), Duration::from_secs(1));
            tokio::time::sleep(pause).await;
        }
        self.over.store(true, Relaxed);
    }
}

const BATCH: u64 = 200;
const TASKS: u64 = 16;
/// So many reads and rotations of each task in a second.
const EACH: u64 = 63;
const EVERY: Duration = Duration::from_millis(16);
const SECONDS_OF_GROWTH: u64 = 40;
/// Rows that were written over months did not come all at once.
const FILLING_CACHE_KIB: Option<u32> = Some(512 << 10);
