//! openid-client and oauth4webapi.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Server, built, missing, script_result};

#[test]
fn openid_client_goes_through_the_whole_flow() {
    run("openid-client.mjs");
}

#[test]
fn oauth4webapi_goes_through_the_whole_flow() {
    run("oauth4webapi.mjs");
}

fn run(script: &str) {
    if missing("node", &["--version"]) || missing("npm", &["--version"]) {
        return;
    }
    let folder = packages();
    let server = Server::start("node");
    let mut command = Command::new("node");
    command.arg(folder.join(script)).current_dir(&folder);
    let done = script_result(&mut command, &server.line);
    for (case, steps) in done.as_object().unwrap() {
        println!("{script}: {case}: {steps}");
    }
}

/// The scripts beside the packages of the lock file.
pub(crate) fn packages() -> PathBuf {
    static ONCE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = ONCE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    let files = FILES.map(|name| source.join(name));
    built("node-packages", &files, |folder| {
        for name in FILES {
            std::fs::copy(source.join(name), folder.join(name)).unwrap();
        }
        let status = Command::new("npm")
            .args([
                "ci",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--loglevel",
                "error",
            ])
            .current_dir(folder)
            .status();
        assert!(status.unwrap().success(), "npm ci failed");
    })
}

const FILES: [&str; 6] = [
    "package.json",
    "package-lock.json",
    "browser.mjs",
    "harness.mjs",
    "oauth4webapi.mjs",
    "openid-client.mjs",
];
