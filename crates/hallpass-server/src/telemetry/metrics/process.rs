//! What the operating system says about this process. Nothing where there is no `/proc`.

use std::fs;

/// Resident memory in bytes.
#[must_use]
pub fn resident_bytes() -> Option<f64> {
    // The number is in KiB, whatever the size of a page.
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kib) * 1024.0)
}

/// Processor time in seconds, ours and the kernel's for us.
#[must_use]
pub fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold spaces.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    // The kernel shows these in hundredths on every architecture.
    Some((f64::from(user) + f64::from(system)) / 100.0)
}

/// Open file descriptors.
#[must_use]
pub fn open_files() -> Option<f64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    u32::try_from(count).ok().map(f64::from)
}

/// The soft limit of open file descriptors; nothing if there is none.
#[must_use]
pub fn max_open_files() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Threads.
#[must_use]
pub fn threads() -> Option<f64> {
    let count = fs::read_dir("/proc/self/task").ok()?.count();
    u32::try_from(count).ok().map(f64::from)
}
