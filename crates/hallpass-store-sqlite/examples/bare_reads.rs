//! What a row costs to read from a file of SQLite without any of this store's code, next to the same with another file:
//! `cargo run --release -p hallpass-store-sqlite --example bare_reads -- SMALL LARGE`, with files that
//! `growth -- sqlite GRANTS 0 FOLDER` of `hallpass-store-postgres` leaves behind.
//!
//! One prepared statement asks for a grant at a random place of the tree, in turns of a hundred at each file, a thousand times. The
//! connection holds next to no pages, as if somebody had written since the question before. It prints the times that half and
//! 99 of a hundred did not exceed, and on Linux how often the kernel was called to read and how much came from the disk.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a measurement prints, and ends when something is wrong"
)]

use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

fn main() {
    let files: Vec<_> = std::env::args().skip(1).collect();
    let mut random = 1_u64;
    let mut all: Vec<_> = files.iter().map(|file| Bare::open(file)).collect();
    for _ in 0..1_000 {
        for bare in &mut all {
            for _ in 0..100 {
                bare.read(&mut random);
            }
        }
    }
    for (file, mut bare) in files.iter().zip(all) {
        bare.times.sort();
        let at = |part: usize| bare.times[bare.times.len() * part / 100].as_micros();
        println!(
            "{file}: half within {} µs, 99 of a hundred within {} µs",
            at(50),
            at(99)
        );
    }
    let mut bare: Vec<_> = files.iter().map(|file| Bare::open(file)).collect();
    for (file, bare) in files.iter().zip(&mut bare) {
        let before = asked();
        for _ in 0..10_000 {
            bare.read(&mut random);
        }
        let [calls, bytes] = asked();
        let calls = (calls - before[0]) as f64 / 10_000.0;
        let pages = (bytes - before[1]) as f64 / 10_000.0 / 4096.0;
        println!("{file}: {calls:.1} calls to read for each row, {pages:.2} pages from the disk");
    }
}

struct Bare {
    db: Connection,
    /// The first bucket and how many there are.
    buckets: (u32, u32),
    times: Vec<Duration>,
}

impl Bare {
    fn open(file: &str) -> Self {
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        db.pragma_update(None, "cache_size", 1).unwrap();
        let bucket = |order: &str| -> u32 {
            let sql = format!(
                "SELECT bucket FROM grants ORDER BY issuer {order}, bucket {order} LIMIT 1"
            );
            db.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        let (first, last) = (bucket("ASC"), bucket("DESC"));
        Self {
            db,
            buckets: (first, last - first + 1),
            times: Vec::new(),
        }
    }

    fn read(&mut self, random: &mut u64) {
        *random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let bucket = self.buckets.0 + (*random >> 33) as u32 % self.buckets.1;
        let id = random.to_be_bytes();
        let began = Instant::now();
        let mut statement = self
            .db
            .prepare_cached(
                "SELECT record FROM grants WHERE issuer = 1 AND (bucket, id) >= (?1, ?2)
                ORDER BY bucket, id LIMIT 1",
            )
            .unwrap();
        let mut rows = statement.query((bucket, &id[..])).unwrap();
        let there = rows.next().unwrap().is_some();
        self.times.push(began.elapsed());
        // Behind the last row is none.
        assert!(there || bucket + 1 == self.buckets.0 + self.buckets.1);
    }
}

/// Calls of the kernel to read, and bytes that came from the disk for them; nothing where that is not told.
fn asked() -> [u64; 2] {
    let told = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    ["syscr", "read_bytes"].map(|name| {
        let mut lines = told.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(key, _)| *key == name);
        found.map_or(0, |(_, number)| number.parse().unwrap())
    })
}
