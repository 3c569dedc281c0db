//! The MCP project's conformance program in its authorization-server mode, and the client side of its TypeScript SDK.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Folder, Server, missing, npm_packages, script_result};

#[test]
fn the_conformance_program_of_mcp_is_satisfied() {
    run("conformance.mjs");
}

#[test]
fn the_sdk_of_mcp_finds_registers_and_authorizes_by_itself() {
    run("sdk.mjs");
}

fn run(script: &str) {
    if missing("node", &["--version"]) || missing("npm", &["--version"]) {
        return;
    }
    let packages = packages();
    let folder = Folder::new("mcp");
    let [resource, document] = [free_port(), free_port()];
    let resource = format!("http://127.0.0.1:{resource}/mcp");
    let document = format!("https://localhost:{document}/oauth/client.json");
    let (cert, key) = certificate(folder.path());
    let server = Server::start_with(
        "mcp-server",
        &[
            ("HALLPASS__CLIENT_DOCUMENTS__ENABLED", "true"),
            ("HALLPASS__EXPERIMENTAL__CLIENT_DOCUMENTS", "draft-03"),
            (
                "HALLPASS__DANGER__FETCH_PRIVATE_ADDRESSES",
                "[\"127.0.0.0/8\", \"::1/128\"]",
            ),
            (
                "HALLPASS__DANGER__FETCH_EXTRA_ROOTS_FILE",
                &cert.display().to_string(),
            ),
            (
                "HALLPASS__PROTOCOL__SCOPES",
                "{\"mcp:tools\" = \"Use the tools\"}",
            ),
            (
                "HALLPASS__PROTOCOL__RESOURCES",
                &format!("[{{identifier = \"{resource}\", scopes = [\"mcp:tools\"]}}]"),
            ),
        ],
    );
    let mut command = Command::new("node");
    command
        .arg(packages.join(script))
        .current_dir(&packages)
        .env("MCP_RESOURCE", &resource)
        .env("MCP_DOCUMENT", &document)
        .env("MCP_CERT", &cert)
        .env("MCP_KEY", &key);
    let done = script_result(&mut command, &server.line);
    for (case, steps) in done.as_object().unwrap() {
        println!("{script}: {case}: {steps}");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A certificate for localhost that is its own root.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.join("web.crt"), folder.join("web.key"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (cert, key)
}

/// The scripts beside the packages of the lock file, with what the other scripts share.
fn packages() -> PathBuf {
    npm_packages("mcp-packages", &FILES)
}

const FILES: [&str; 6] = [
    "mcp/package.json",
    "mcp/package-lock.json",
    "mcp/conformance.mjs",
    "mcp/sdk.mjs",
    "node/browser.mjs",
    "node/harness.mjs",
];
