//! What the machine says about itself and about processes on it.

use std::path::Path;
use std::process::Command;

/// The processor and how much of it there is.
pub(crate) fn machine() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let mut names = text.lines().filter(|line| line.starts_with("model name"));
    let (count, name) = (names.clone().count(), names.next_back()?);
    let (_, name) = name.split_once(':')?;
    Some(format!("{count} cores, {}", name.trim()))
}

/// What a command prints; nothing where it cannot.
pub(crate) fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// Memory of a process now (`VmRSS`), in MiB.
pub(crate) fn resident_mb(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// Size of a file, in MiB.
pub(crate) fn megabytes(file: &Path) -> Option<f64> {
    let bytes = u32::try_from(file.metadata().ok()?.len()).ok()?;
    Some(f64::from(bytes) / 1024.0 / 1024.0)
}
