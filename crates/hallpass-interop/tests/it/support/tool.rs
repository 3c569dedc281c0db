//! Programs of other people that have to be installed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::folder::built;
use super::process::Process;

/// Whether a program is missing, so that the test cannot run. With `CI` in the environment that is a failure.
pub(crate) fn missing(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).output();
    if output.is_ok_and(|output| output.status.success()) {
        return false;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{program} {arguments:?} does not work, and CI needs it"
    );
    eprintln!("skipped: {program} {arguments:?} does not work here");
    true
}

/// Runs a script that reads the server's first line and prints one line of JSON; answers the steps that it did.
pub(crate) fn script_result(command: &mut Command, server_line: &str) -> serde_json::Value {
    let name = format!("{command:?}");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let mut process = Process::start(command);
    let child = process.child();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(server_line.as_bytes()).unwrap();
    drop(stdin);
    let lines = super::line::Lines::of(child.stdout.take().unwrap());
    let end = Instant::now() + SCRIPT_LIMIT;
    let mut result = None;
    while let Some(line) = lines.find(end.saturating_duration_since(Instant::now()), |line| {
        Some(line.to_owned())
    }) {
        result = serde_json::from_str::<serde_json::Value>(&line)
            .ok()
            .or(result);
    }
    let result = result.unwrap_or_else(|| panic!("{name}: no result within {SCRIPT_LIMIT:?}"));
    if result["ok"] != true {
        let error = result["error"].as_str().unwrap_or_default();
        panic!(
            "{name}\ncase: {}\nafter: {}\n{error}\n{} {}",
            result["case"], result["after"], result["answer"], result["description"]
        );
    }
    result["done"].clone()
}

/// Scripts of this crate in a folder beside the packages of their lock file, which are installed on first use.
pub(crate) fn npm_packages(name: &str, files: &[&str]) -> PathBuf {
    static ONCE: Mutex<()> = Mutex::new(());
    let _one_at_a_time = ONCE.lock().unwrap_or_else(PoisonError::into_inner);
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<PathBuf> = files.iter().map(|file| source.join(file)).collect();
    built(name, &files, |folder| {
        for file in &files {
            std::fs::copy(file, folder.join(file.file_name().unwrap())).unwrap();
        }
        let quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel"];
        let status = Command::new("npm")
            .arg("ci")
            .args(quiet)
            .arg("error")
            .current_dir(folder)
            .status();
        assert!(status.unwrap().success(), "npm ci failed");
    })
}

const SCRIPT_LIMIT: Duration = Duration::from_secs(120);
