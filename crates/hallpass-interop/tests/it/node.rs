//! openid-client and oauth4webapi.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Server, missing, npm_packages, script_result};

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
    npm_packages("node-packages", &FILES)
}

const FILES: [&str; 6] = [
    "node/package.json",
    "node/package-lock.json",
    "node/browser.mjs",
    "node/harness.mjs",
    "node/oauth4webapi.mjs",
    "node/openid-client.mjs",
];
