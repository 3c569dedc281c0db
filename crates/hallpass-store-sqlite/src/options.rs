//! What can be chosen.

use std::time::Duration;

/// Options of a store. The defaults are for a server; they need about 8 MiB of cache in all.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a write waits for another process that writes, before it answers that the store is busy.
    pub busy_timeout: Duration,
    /// How many commits may wait. Beyond that the store answers at once that it is busy.
    pub queue: usize,
    /// How many commits share one transaction at most.
    pub batch: usize,
    /// How many connections read at most. More readers wait for each other.
    pub readers: usize,
    /// Page cache of the connection that writes, in KiB.
    pub writer_cache_kib: u32,
    /// Page cache of each connection that reads, in KiB.
    pub reader_cache_kib: u32,
    /// After how many pages of write-ahead log it is copied into the database.
    pub checkpoint_pages: u32,
    /// The most pages (of 4 KiB) that the database may have.
    pub max_pages: Option<u32>,
    /// Whether opening migrates an older or empty database. If not, it is refused.
    pub migrate: bool,
}

impl Default for Options {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let readers = threads.clamp(2, 16);
        Self {
            busy_timeout: Duration::from_secs(5),
            queue: 4096,
            batch: 512,
            readers,
            writer_cache_kib: 4096,
            reader_cache_kib: u32::try_from(4096_usize.div_ceil(readers)).unwrap_or(1024),
            checkpoint_pages: 4000,
            max_pages: None,
            migrate: true,
        }
    }
}
