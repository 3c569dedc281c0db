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

/// The first walk of the book.
#[test]
fn the_first_client_of_the_book_signs_somebody_in() {
    run("first-client.mjs");
}

/// The guide for those who come from node-oidc-provider: its program, its configuration and its people, as they stand there.
#[test]
fn who_comes_from_node_oidc_provider_gets_there_by_the_guide() {
    if missing("node", &["--version"]) || missing("npm", &["--version"]) {
        return;
    }
    let guide = include_str!("../../../../docs/guide/from-node-oidc-provider.md");
    let block = |kind: &str| {
        let (_, rest) = guide.split_once(&format!("```{kind}\n")).unwrap();
        rest.split("```").next().unwrap()
    };
    let configuration: String = block("toml")
        .replace("/etc/hallpass/", "")
        .lines()
        .filter(|line| !line.starts_with("issuer = "))
        .map(|line| format!("{line}\n"))
        .collect();
    // Made by another program, of this password.
    let (password, hash) = (
        "correct horse battery",
        "$2a$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.",
    );
    let people = block("json").replace("$2b$12$...", hash);
    assert!(people.contains(hash), "{people}");
    let server = Server::start_from(
        "moved",
        &[
            ("hallpass.toml", configuration.as_str()),
            ("web.secret", "web-secret-of-some-length-0123456789"),
            ("batch.secret", "batch-secret-of-some-length-0123456"),
            ("people.jsonl", people.as_str()),
        ],
    );
    let settings = ["--config", "hallpass.toml"];
    server.command(&[&settings[..], &["config", "check"]].concat());
    server.command(&[&settings[..], &["user", "import", "people.jsonl"]].concat());
    let folder = npm_packages("moved-packages", &MOVED);
    let mut command = Command::new("node");
    command
        .arg(folder.join("moved.mjs"))
        .env("PASSWORD", password)
        .current_dir(&folder);
    let done = script_result(&mut command, &server.line);
    assert_eq!(done["before"], done["after"]);
}

const MOVED: [&str; 6] = [
    "moved/package.json",
    "moved/package-lock.json",
    "moved/moved.mjs",
    "node/browser.mjs",
    "node/harness.mjs",
    "../../docs/guide/from-node-oidc-provider.md",
];

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

const FILES: [&str; 8] = [
    "node/package.json",
    "node/package-lock.json",
    "node/browser.mjs",
    "node/harness.mjs",
    "node/oauth4webapi.mjs",
    "node/openid-client.mjs",
    "node/first-client.mjs",
    "../../examples/first-client/client.mjs",
];
