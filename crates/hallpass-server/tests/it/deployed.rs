//! The files to run it by, read by the programs that they are for, where these are.

use std::path::PathBuf;
use std::process::{Command, Output};

use rcgen::{CertificateParams, KeyPair};

use crate::process::{Folder, Serving};

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

/// A page about operations.
fn page(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// The lines of the blocks for a shell below a heading.
fn lines(page: &str, heading: &str) -> Vec<String> {
    let (_, below) = page.split_once(&format!("## {heading}\n")).unwrap();
    let below = below.split("\n## ").next().unwrap();
    let blocks = below.split("```sh\n").skip(1);
    let texts = blocks.map(|block| block.split("```").next().unwrap());
    texts.flat_map(str::lines).map(str::to_owned).collect()
}

const SETTINGS: &str =
    "server.issuer = 'http://localhost:9999'\nprotocol.signing_algs = ['ES256']\n";

/// A machine, all of it in a folder: what the pages install lies where they say.
struct Machine {
    folder: Folder,
    /// What they let `hallpass` mean.
    alias: String,
}

impl Machine {
    fn new() -> Self {
        let folder = Folder::new();
        for path in [
            "usr/local/bin",
            "etc/systemd/system",
            "var/lib/hallpass",
            "new",
        ] {
            std::fs::create_dir_all(folder.0.join(path)).unwrap();
        }
        std::fs::copy(
            env!("CARGO_BIN_EXE_hallpass"),
            folder.0.join("new/hallpass"),
        )
        .unwrap();
        folder.write("hallpass.toml", SETTINGS);
        Self {
            folder,
            alias: String::new(),
        }
    }

    fn here(&self, line: &str) -> String {
        let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let at = |path: &str| format!(" {}{path}", self.folder.0.display());
        let deploy = format!(" {}/deploy/", repository.display());
        line.replace(" target/release/hallpass", &at("/new/hallpass"))
            .replace(" deploy/", &deploy)
            .replace(" /usr/", &at("/usr/"))
            .replace(" /etc/", &at("/etc/"))
            .replace(" /backup", &at("/backup"))
            .replace(
                "DATA_DIR=/",
                &format!("DATA_DIR={}/", self.folder.0.display()),
            )
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        let text = match line.strip_prefix("hallpass ") {
            Some(rest) => format!("exec env {} {rest}", self.alias),
            None => line.to_owned(),
        };
        command
            .args(["-c", &self.here(&text)])
            .current_dir(&self.folder.0)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HALLPASS__SERVER__LISTEN", "127.0.0.1:0")
            .env("HALLPASS__OPERATIONS__LISTEN", "127.0.0.1:0");
        command
    }

    /// What the unit starts.
    fn start(&self) -> Serving {
        let unit = deployed("systemd/hallpass.service");
        let mut lines = unit.lines();
        let exec = lines
            .find_map(|line| line.strip_prefix("ExecStart="))
            .unwrap();
        let data = unit
            .lines()
            .find_map(|line| line.strip_prefix("Environment="));
        let line = format!("exec env {} {exec} --json", data.unwrap());
        Serving::spawn(&mut self.command(&line))
    }
}

#[test]
fn what_the_pages_say_of_installing_and_upgrading_works_as_it_is_written() {
    let mut machine = Machine::new();
    let mut started = 0;
    for line in lines(&page("deployment.md"), "On a machine") {
        if let Some(alias) = line.strip_prefix("alias hallpass='") {
            alias
                .strip_suffix('\'')
                .unwrap()
                .clone_into(&mut machine.alias);
        } else if line == "systemctl enable --now hallpass" {
            started += 1;
        } else {
            accepted(&machine.command(&line).output().unwrap());
        }
    }
    assert_eq!(started, 1);
    let mut server = Some(machine.start());
    let key = server.as_ref().unwrap().get("/jwks").body;
    accepted(&machine.command("hallpass user list").output().unwrap());
    let mut done = 0;
    for line in lines(&page("upgrade.md"), "One node, SQLite") {
        match line.as_str() {
            "systemctl stop hallpass" => drop(server.take().unwrap().stop()),
            "systemctl start hallpass" => server = Some(machine.start()),
            line => accepted(&machine.command(line).output().unwrap()),
        }
        done += 1;
    }
    assert!(done >= 7, "{done}");
    assert!(
        machine
            .folder
            .0
            .join("backup/hallpass-before-upgrade")
            .exists()
    );
    assert_eq!(server.unwrap().get("/jwks").body, key, "the same server");
}

#[test]
fn what_root_does_beside_a_service_leaves_nothing_that_the_service_cannot_open() {
    use std::os::unix::fs::{MetadataExt as _, chown};

    const SERVICE: u32 = 65_532;
    let folder = Folder::new();
    folder.write("hallpass.toml", SETTINGS);
    let config = ["--config", "hallpass.toml"];
    drop(Serving::start(&folder, &config).stop());
    let data = folder.0.join("hallpass-data");
    let files = || -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&data).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    // Only root gives files away.
    if std::fs::metadata(&data).unwrap().uid() != 0 {
        return;
    }
    for path in files().iter().chain([&data]) {
        chown(path, Some(SERVICE), Some(SERVICE)).unwrap();
    }
    for arguments in [
        &["backup", "safe"][..],
        &["user", "create", "ann", "--generate"],
        &["key", "rotate", "--now"],
        &["key", "rotate-master"],
        &["restore", "safe", "--after"],
        &["doctor"],
    ] {
        let output = folder.run(&[&config[..], arguments].concat());
        let done = output.status.success() || arguments == ["doctor"];
        assert!(done, "{arguments:?}: {output:?}");
    }
    let mut seen = Vec::new();
    for path in files() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Of commands: who runs them keeps it.
        let owner = if name == "audit.log" { 0 } else { SERVICE };
        assert_eq!(std::fs::metadata(&path).unwrap().uid(), owner, "{name}");
        seen.push(name);
    }
    for name in ["hallpass.sqlite", "master.key", "master.key.previous"] {
        assert!(seen.iter().any(|n| n == name), "{name}: {seen:?}");
    }
}
