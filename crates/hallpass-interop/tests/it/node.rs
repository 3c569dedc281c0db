//! openid-client and oauth4webapi.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Ports, Server, missing, npm_packages, script_result};

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

/// The blocks of a guide in that language, as one text.
fn blocks(guide: &str, language: &str) -> String {
    let start = format!("```{language}\n");
    let blocks = guide.split(&start).skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    blocks.collect::<Vec<_>>().join("\n")
}

/// Does what a guide's lines for a shell say, which name their configuration.
fn follow(server: &Server, guide: &str) {
    let lines = blocks(guide, "console");
    let mut done = 0;
    for line in lines.lines() {
        let words: Vec<&str> = line.strip_prefix("hallpass ").unwrap().split(' ').collect();
        let settings: &[&str] = if words.contains(&"--config") {
            &[]
        } else {
            &["--config", "hallpass.toml"]
        };
        server.command(&[settings, &words].concat());
        done += 1;
    }
    assert_eq!(done, 2, "a dry run, and the import");
}

/// A script of those who moved.
fn moved(script: &str, server: &Server, environment: &[(&str, &str)]) {
    let folder = npm_packages("moved-packages", &MOVED);
    let mut command = Command::new("node");
    command
        .arg(folder.join(script))
        .envs(environment.iter().copied())
        .current_dir(&folder);
    let done = script_result(&mut command, &server.line);
    for (case, steps) in done.as_object().unwrap() {
        println!("{script}: {case}: {steps}");
    }
}

/// A realm that Keycloak exported, by its guide: old passwords, old secrets and keys, at the address that the realm had.
#[test]
fn who_comes_from_keycloak_gets_there_by_the_guide() {
    if missing("node", &["--version"]) || missing("npm", &["--version"]) {
        return;
    }
    let guide = include_str!("../../../../docs/guide/from-keycloak.md");
    let settings = blocks(guide, "toml").replace("/etc/hallpass/", "");
    let ports = Ports::free();
    let issuer = format!("{}/realms/acme", ports.issuer("http", "localhost"));
    let server = Server::start_from_at(
        "keycloak",
        &[
            ("hallpass.toml", settings.as_str()),
            ("corp.secret", "what Corporate gave"),
            (
                "acme.json",
                include_str!("../../../hallpass-server/tests/it/recorded/keycloak.json"),
            ),
        ],
        ports,
        &[("HALLPASS__SERVER__ISSUER", &issuer)],
    );
    follow(&server, guide);
    moved("keycloak.mjs", &server, &[]);
}

/// The clients that Hydra listed, by their guide, with the secrets that they have.
#[test]
fn who_comes_from_hydra_gets_there_by_the_guide() {
    if missing("node", &["--version"]) || missing("npm", &["--version"]) {
        return;
    }
    let guide = include_str!("../../../../docs/guide/from-hydra.md");
    let recorded = include_str!("../../../hallpass-server/tests/it/recorded/hydra.json");
    let mut list: serde_json::Value = serde_json::from_str(recorded).unwrap();
    let secrets = [
        (
            "My shop",
            "SHOP_SECRET",
            "web-secret-that-the-shop-already-has",
        ),
        ("Batch", "BATCH_SECRET", "virOKo5.o1tutm8xn.4LsjlUi2"),
    ];
    for client in list["items"].as_array_mut().unwrap() {
        let known = secrets
            .iter()
            .find(|(name, ..)| client["client_name"] == *name);
        if let Some((.., secret)) = known {
            client["client_secret"] = (*secret).into();
        }
    }
    let server = Server::start_from(
        "hydra",
        &[
            ("hallpass.toml", &blocks(guide, "toml")),
            ("clients.json", &list.to_string()),
        ],
    );
    follow(&server, guide);
    let environment = secrets.map(|(_, name, secret)| (name, secret));
    moved("hydra.mjs", &server, &environment);
}

const MOVED: [&str; 11] = [
    "moved/package.json",
    "moved/package-lock.json",
    "moved/moved.mjs",
    "moved/keycloak.mjs",
    "moved/keyed.jwk.json",
    "moved/hydra.mjs",
    "../hallpass-server/tests/it/recorded/keycloak.json",
    "../hallpass-server/tests/it/recorded/hydra.json",
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
