//! What Linux tells about a process.

use std::fs;
use std::time::Duration;

/// Processor time that a process has used since it began, in all threads.
///
/// `None` where there is no `/proc`, or no such process.
pub(crate) fn processor_time(pid: Option<u32>) -> Option<Duration> {
    let stat = read(pid, "stat")?;
    // The second field is the program's name in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let ticks = user.checked_add(system)?;
    Some(Duration::from_millis(ticks.saturating_mul(MILLIS_PER_TICK)))
}

/// Memory that a process holds now (`VmRSS`), in MiB.
pub(crate) fn resident_mb(pid: Option<u32>) -> Option<f64> {
    let status = read(pid, "status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}

fn read(pid: Option<u32>, file: &str) -> Option<String> {
    let folder = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    fs::read_to_string(format!("/proc/{folder}/{file}")).ok()
}

/// `USER_HZ` is 100 on every Linux that runs this.
const MILLIS_PER_TICK: u64 = 10;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_has_used_time() {
        assert!(resident_mb(None).unwrap() > 0.5);
        assert!(processor_time(None).is_some());
    }

    #[test]
    fn a_process_that_does_not_exist_has_neither() {
        assert_eq!(resident_mb(Some(u32::MAX)), None);
        assert_eq!(processor_time(Some(u32::MAX)), None);
    }
}
