//! The OpenAPI document, by other people's tools.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::support::{Server, built, missing};

/// The tools, or none where they cannot be.
fn tools() -> Option<PathBuf> {
    if missing("python3", &["-c", "import venv, ensurepip"]) {
        return None;
    }
    let requirements =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("python/openapi-requirements.txt");
    // Two tests want them, and only one can make them.
    let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let venv = built(
        "openapi-tools",
        std::slice::from_ref(&requirements),
        |folder| {
            let venv = Command::new("python3")
                .args(["-m", "venv"])
                .arg(folder)
                .status();
            assert!(venv.unwrap().success(), "python3 -m venv failed");
            let installed = Command::new(folder.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--no-deps"])
                .args(["--disable-pip-version-check", "-r"])
                .arg(&requirements)
                .status();
            assert!(installed.unwrap().success(), "pip install failed");
        },
    );
    drop(one);
    Some(venv)
}

static ONE: Mutex<()> = Mutex::new(());

/// A server, and a token of a client that may do everything in it.
fn office(name: &str) -> (Server, String) {
    let server = Server::start(name);
    let made = server.json(&[
        "client",
        "create",
        "--id",
        "robot",
        "--grant-type",
        "client_credentials",
        "--auth-method",
        "client_secret_post",
        "--scope",
        "hallpass:admin",
    ]);
    server.command(&["operator", "set", "client:robot"]);
    let secret = made["client_secret"].as_str().unwrap();
    let resource = server.url("/admin/v1");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "robot"),
        ("client_secret", secret),
        ("scope", "hallpass:admin"),
        ("resource", resource.as_str()),
    ];
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", &server.url("/token")]);
    for (name, value) in form {
        curl.args(["--data-urlencode", &format!("{name}={value}")]);
    }
    let output = curl.output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let token = answer["access_token"].as_str().unwrap().to_owned();
    (server, token)
}

#[test]
fn s45_the_document_is_valid_and_describes_everything_that_is_answered() {
    let Some(tools) = tools() else { return };
    let server = Server::start("openapi");
    let folder = server.data();
    let path = folder.with_file_name("openapi.json");
    let fetched = Command::new("curl")
        .args(["--silent", "--fail", "--output"])
        .arg(&path)
        .arg(server.url("/admin/v1/openapi.json"))
        .status();
    assert!(fetched.unwrap().success());
    let output = Command::new(tools.join("bin/openapi-spec-validator"))
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{error}");
    let text = std::fs::read_to_string(&path).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for path in [
        "/authorize",
        "/token",
        "/jwks",
        "/.well-known/openid-configuration",
        "/sign-in",
        "/consent",
        "/admin/v1/projects/{project}/clients",
        "/admin/v1/openapi.json",
    ] {
        assert!(document["paths"].get(path).is_some(), "{path}");
    }
}

#[test]
fn whatever_is_made_of_the_document_no_answer_is_undocumented_or_a_failure_of_ours() {
    let Some(tools) = tools() else { return };
    let (server, token) = office("schemathesis");
    let folder = server.data();
    let folder = folder.parent().unwrap();
    let output = Command::new(tools.join("bin/schemathesis"))
        .arg("run")
        .arg(server.url("/admin/v1/openapi.json"))
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--checks", CHECKS])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--max-time", "45", "--max-examples", "8", "--workers", "1"])
        .arg("--generation-deterministic")
        .args([
            "--request-timeout",
            "10",
            "--no-shrink",
            "--no-color",
            "--warnings",
            "off",
        ])
        .args(["--max-failures", "20"])
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{error}");
}

/// What is switched off answers 404 to every method, so methods that are not documented are not asked about.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance";
