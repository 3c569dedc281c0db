//! The files to run it by, read by the programs that they are for, where these are.

use std::path::PathBuf;
use std::process::{Command, Output};

use rcgen::{CertificateParams, KeyPair};

use crate::process::Folder;

/// A file of the folder `deploy`.
fn deployed(path: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    std::fs::read_to_string(folder.join(path)).unwrap()
}

/// Runs a program in a folder; none where it is not installed.
fn program(folder: &Folder, name: &str, arguments: &[&str]) -> Option<Output> {
    // Where packages put programs of the system, whoever asks.
    let found = ["/usr/bin", "/usr/sbin", "/usr/local/bin"];
    let mut paths = found.iter().map(|of| PathBuf::from(of).join(name));
    let path = paths.find(|path| path.exists())?;
    let mut command = Command::new(path);
    command.args(arguments).current_dir(&folder.0);
    // Caddy wants a place for what it keeps.
    Some(command.env("HOME", &folder.0).output().unwrap())
}

#[track_caller]
fn accepted(output: &Output) {
    let (out, error) = (&output.stdout, &output.stderr);
    let said = [out.as_slice(), error.as_slice()].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
fn systemd_takes_the_unit_and_finds_little_that_it_could_reach() {
    let folder = Folder::new();
    let unit = deployed("systemd/hallpass.service");
    let unit = unit.replace("/usr/local/bin/hallpass", env!("CARGO_BIN_EXE_hallpass"));
    folder.write("hallpass.service", &unit);
    let Some(verified) = program(
        &folder,
        "systemd-analyze",
        &["verify", "--man=no", "./hallpass.service"],
    ) else {
        return;
    };
    accepted(&verified);
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(!said.contains("hallpass.service:"), "{said}");
    // Of 100; the bound is what it has, and a little for versions that look at more.
    let security = ["security", "--offline=true", "--threshold=20"];
    let security = [&security[..], &["./hallpass.service"]].concat();
    accepted(&program(&folder, "systemd-analyze", &security).unwrap());
}

#[test]
fn the_proxies_take_their_configurations() {
    let folder = Folder::new();
    folder.write("Caddyfile", &deployed("Caddyfile"));
    let validate = [
        "validate",
        "--config",
        "Caddyfile",
        "--adapter",
        "caddyfile",
    ];
    if let Some(validated) = program(&folder, "caddy", &validate) {
        accepted(&validated);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["login.example.com".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    folder.write("login.crt", &certificate.pem());
    folder.write("login.key", &key.serialize_pem());
    let place = folder.0.display();
    let site = deployed("nginx.conf").replace("/etc/nginx/tls", &place.to_string());
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|of| format!("{of}_temp_path {place}/{of};\n"))
        .collect();
    let whole =
        format!("pid {place}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{site}\n}}\n");
    folder.write("nginx.conf", &whole);
    let prefix = place.to_string();
    let test = ["-t", "-p", &prefix, "-c", "nginx.conf", "-e", "error.log"];
    if let Some(tested) = program(&folder, "nginx", &test) {
        accepted(&tested);
    }
}

#[test]
fn prometheus_takes_the_alerts() {
    let folder = Folder::new();
    folder.write("alerts.yaml", &deployed("prometheus/alerts.yaml"));
    if let Some(checked) = program(&folder, "promtool", &["check", "rules", "alerts.yaml"]) {
        accepted(&checked);
    }
}
