//! Other providers that are not written for Node.js: how they are installed and what they take to run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::Result;
use super::build::{Built, Sources, node_oidc_provider, npm_ci, peer};
use super::keyed::{CALLBACK, KeyedClients};
use super::running::steady_port;
use super::target::{Target, cluster, node};

/// A program with its arguments.
pub(crate) type Line = (PathBuf, Vec<String>);

/// What a server takes beside its own program.
#[derive(Debug)]
pub(crate) struct Around {
    /// What must have been done before the very first start.
    pub(crate) before: Option<Line>,
    /// What is started when the server answers, and its port.
    pub(crate) beside: Option<(u16, Line)>,
    /// The file whose first line says who may sign in.
    pub(crate) said: &'static str,
    /// What is asked for to see whether it answers.
    pub(crate) path: &'static str,
}

impl Default for Around {
    fn default() -> Self {
        Self {
            before: None,
            beside: None,
            said: "stdout",
            path: "/.well-known/openid-configuration",
        }
    }
}

/// The client whose tokens are JWTs where others' are not, or are signed with RS256.
pub(crate) const SIGNED: &str = "signed";

/// Fetches and builds what a peer needs, once.
///
/// # Errors
/// It cannot be fetched or built.
pub(crate) fn install(target: Target, folder: &Path) -> Result<()> {
    match target {
        Target::Hallpass | Target::HallpassPostgres | Target::Limit => Ok(()),
        Target::NodeOidcProvider => npm_ci(&node_oidc_provider()),
        Target::Hydra => install_hydra(&folder.join("hydra")),
        Target::Keycloak => install_keycloak(folder),
    }
}

fn install_hydra(folder: &Path) -> Result<()> {
    let source = peer("hydra");
    let files = ["go.mod", "go.sum", "login/main.go"].map(|file| source.join(file));
    let sources = Sources::read(files.iter().map(PathBuf::as_path))?;
    let built = folder.join("built");
    if sources.are_in(&built) {
        return Ok(());
    }
    eprintln!("building Ory Hydra, which takes minutes once");
    std::fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
    // With what Hydra's own releases have in them.
    let mut go = Command::new("go");
    go.args([
        "build",
        "-mod=readonly",
        "-buildvcs=false",
        "-tags",
        "sqlite",
    ])
    .arg("-o")
    .arg(folder)
    .args(["github.com/ory/hydra/v2", "./login"]);
    run(go.current_dir(source))?;
    sources.write(&built)
}

fn install_keycloak(folder: &Path) -> Result<()> {
    let built = keycloak_home(folder).join("built");
    if built.is_file() {
        return Ok(());
    }
    eprintln!("installing Keycloak, which takes minutes once");
    let source = peer("keycloak");
    std::fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
    let mut mvn = Command::new("mvn");
    mvn.args(["--batch-mode", "--quiet", "--file"])
        .arg(source.join("pom.xml"))
        .arg("dependency:copy@keycloak")
        .arg(format!("-Dfolder={}", folder.display()));
    run(&mut mvn)?;
    let mut sums = Command::new("sha256sum");
    sums.arg("--check")
        .arg("--quiet")
        .arg(source.join("SHA256SUMS"));
    run(sums.current_dir(folder))?;
    let archive = format!("keycloak-quarkus-dist-{KEYCLOAK}.zip");
    let mut unzip = Command::new("unzip");
    unzip.args(["-q", "-o", &archive]);
    run(unzip.current_dir(folder))?;
    drop(std::fs::remove_file(folder.join(archive)));
    let mut build = Command::new(keycloak_home(folder).join("bin/kc.sh"));
    run(build.args(["build", "--db=postgres"]))?;
    std::fs::write(&built, "").map_err(|error| at(&built, &error))
}

fn keycloak_home(folder: &Path) -> PathBuf {
    folder.join(format!("keycloak-{KEYCLOAK}"))
}

/// Runs a command whose output is shown if it fails.
fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program}: {error}; --no-peers does without it"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Err(format!(
        "{program} failed; --no-peers does without it\n{said}"
    ))
}

/// A database of its own there; answers the port and the name.
fn database(name: &str) -> Result<(u16, String)> {
    let cluster = cluster().ok_or("PostgreSQL is not installed")?;
    let schema = cluster.schema().replace(' ', "_");
    let name = format!("{name}_{schema}");
    cluster.sql(&format!("CREATE DATABASE {name}"));
    Ok((cluster.port(), name))
}

/// Hydra as its documentation sets it up for production behind a proxy that has the certificate, with a program beside it that
/// signs people in.
pub(crate) fn hydra(built: &Built, folder: &Path, port: u16, demo: bool) -> Result<(Line, Around)> {
    let (database_port, database) = database("hydra")?;
    let (admin, login) = (steady_port()?, steady_port()?);
    let (system, cookies) = (secret()?, secret()?);
    let here = format!("http://127.0.0.1:{port}");
    let pool = format!("sslmode=disable&max_conns={POOL}&max_idle_conns={POOL}");
    let settings = json!({
        "dsn": format!("postgres://hallpass@127.0.0.1:{database_port}/{database}?{pool}"),
        "serve": {
            "public": { "host": "127.0.0.1", "port": port, "tls": { "enabled": false } },
            "admin": { "host": "127.0.0.1", "port": admin, "tls": { "enabled": false } },
            "cookies": { "same_site_mode": "Lax" },
        },
        "urls": {
            // It asks for https but in its development mode.
            "self": { "issuer": format!("https://127.0.0.1:{port}"), "public": here },
            "login": format!("http://127.0.0.1:{login}/login"),
            "consent": format!("http://127.0.0.1:{login}/consent"),
        },
        "webfinger": {
            "jwks": { "broadcast_keys": ["hydra.openid.id-token", "hydra.jwt.access-token"] },
            "oidc_discovery": { "jwks_url": format!("{here}/.well-known/jwks.json") },
        },
        "secrets": { "system": [system], "cookie": [cookies] },
        "ttl": {
            "access_token": "10m",
            "id_token": "10m",
            "refresh_token": "336h",
            "auth_code": "1m",
        },
        "oauth2": { "pkce": { "enforced": true } },
        "log": { "level": "error" },
        "sqa": { "opt_out": true },
    });
    // JSON is YAML, too.
    let file = folder.join("hydra.yml");
    std::fs::write(&file, settings.to_string()).map_err(|error| at(&file, &error))?;
    let config = ["--config".to_owned(), file.display().to_string()];
    let line = |arguments: &[&str]| {
        let arguments = arguments.iter().map(|text| (*text).to_owned());
        let program = built.peers.join("hydra/hydra");
        (program, arguments.chain(config.clone()).collect())
    };
    let beside = (
        built.peers.join("hydra/login"),
        vec![login.to_string(), format!("http://127.0.0.1:{admin}"), here],
    );
    let around = Around {
        // It reads the address of its database from the configuration.
        before: Some(line(&["migrate", "sql", "--read-from-env", "--yes"])),
        beside: demo.then_some((login, beside)),
        said: "beside",
        ..Around::default()
    };
    Ok((line(&["serve", "all"]), around))
}

/// Keycloak as its documentation sets it up for production behind a proxy that has the certificate.
pub(crate) fn keycloak(
    built: &Built,
    folder: &Path,
    port: u16,
    keyed: Option<&KeyedClients>,
) -> Result<(Line, Around)> {
    let home = keycloak_home(&built.peers);
    let (database_port, database) = database("keycloak")?;
    let imports = home.join("data/import");
    std::fs::create_dir_all(&imports).map_err(|error| at(&imports, &error))?;
    let realm = imports.join("bench.json");
    let mut arguments = vec![
        "start".to_owned(),
        "--optimized".to_owned(),
        format!("--db-url=jdbc:postgresql://127.0.0.1:{database_port}/{database}"),
        "--db-username=hallpass".to_owned(),
        "--db-password=hallpass".to_owned(),
        "--http-enabled=true".to_owned(),
        "--http-host=127.0.0.1".to_owned(),
        format!("--http-port={port}"),
        format!("--hostname=http://127.0.0.1:{port}"),
        // One node has nobody to share its caches with.
        "--cache=local".to_owned(),
        "--log-level=warn".to_owned(),
    ];
    let Some(keyed) = keyed else {
        drop(std::fs::remove_file(&realm));
        let around = Around {
            path: "/realms/master/.well-known/openid-configuration",
            ..Around::default()
        };
        return Ok(((home.join("bin/kc.sh"), arguments), around));
    };
    arguments.push("--import-realm".to_owned());
    let secret = secret()?;
    let template = peer("keycloak").join("realm.json");
    let text = std::fs::read_to_string(&template).map_err(|error| at(&template, &error))?;
    let keys = json!({ "keys": [keyed.es256_jwk()] }).to_string();
    let text = text
        .replace("$secret", &secret)
        .replace("\"$jwks\"", &json!(keys).to_string());
    std::fs::write(&realm, text).map_err(|error| at(&realm, &error))?;
    let client = |client_id: &str, redirect_uris: &[&str], grant_types: &[&str]| {
        json!({
            "client_id": client_id,
            "client_secret": secret,
            "redirect_uris": redirect_uris,
            "grant_types": grant_types,
        })
    };
    let code = ["authorization_code", "refresh_token", "client_credentials"];
    let demo = json!({
        "issuer": format!("http://127.0.0.1:{port}/realms/bench"),
        "user": { "username": "demo", "password": secret },
        "clients": [
            client("confidential", &[CALLBACK], &code),
            client("resource-server", &[], &[]),
            client(SIGNED, &[], &["client_credentials"]),
        ],
    });
    let said = "demo.json";
    let file = folder.join(said);
    std::fs::write(&file, format!("{demo}\n")).map_err(|error| at(&file, &error))?;
    let around = Around {
        said,
        path: "/realms/bench/.well-known/openid-configuration",
        ..Around::default()
    };
    Ok(((home.join("bin/kc.sh"), arguments), around))
}

/// The versions of what is measured, and of what it runs on.
pub(crate) fn versions(targets: &[Target], built: &Built) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    let mut add = |name: &str, version: Option<String>| {
        versions.extend(version.map(|version| (name.to_owned(), version)));
    };
    for target in targets {
        match target {
            Target::Hallpass => {
                let program = built.hallpass.clone().unwrap_or_default();
                add("hallpass", said(Command::new(program).arg("--version"), 1));
            }
            Target::NodeOidcProvider => {
                add("node-oidc-provider", locked_version());
                add("Node.js", said(Command::new(node()).arg("--version"), 0));
            }
            Target::Hydra => {
                let module = "github.com/ory/hydra/v2";
                let text = std::fs::read_to_string(peer("hydra").join("go.mod"));
                let text = text.unwrap_or_default();
                let version = text
                    .lines()
                    .filter_map(|line| line.trim().strip_prefix(module))
                    .find_map(|rest| rest.split_whitespace().next());
                add("hydra", version.map(str::to_owned));
                add("Go", said(Command::new("go").arg("version"), 2));
            }
            Target::Keycloak => {
                add("keycloak", Some(KEYCLOAK.to_owned()));
                add("Java", said(Command::new("java").arg("--version"), 1));
            }
            Target::HallpassPostgres => {
                add(
                    "PostgreSQL",
                    cluster().map(|it| it.sql("SHOW server_version")),
                );
            }
            Target::Limit => {}
        }
    }
    versions
}

fn locked_version() -> Option<String> {
    let text = std::fs::read_to_string(node_oidc_provider().join("package.json")).ok()?;
    let package: serde_json::Value = serde_json::from_str(&text).ok()?;
    let version = package
        .get("dependencies")?
        .get("oidc-provider")?
        .as_str()?;
    Some(version.to_owned())
}

/// That word of the first line that a command prints.
fn said(command: &mut Command, word: usize) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = text.lines().next()?.split_whitespace();
    words.nth(word).map(str::to_owned)
}

/// Something that nobody can guess.
fn secret() -> Result<String> {
    use std::io::Read as _;
    let mut random = [0; 24];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut random))
        .map_err(|error| format!("/dev/urandom: {error}"))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Connections of Hydra to its database: more than it is ever asked at the same time. Its quickstart has 20, and 4 that stay
/// open. Whoever needs a key there waits for the database while he holds the lock of the set, and whoever holds a connection in a
/// transaction waits for that lock (`GetOrGenerateKeys`), so that with more requests than connections none is ever answered.
const POOL: usize = 128;

/// The version that the peer's `pom.xml` names.
const KEYCLOAK: &str = "26.7.3";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fetched_of_keycloak_is_the_version_that_is_run() {
        let read = |name| std::fs::read_to_string(peer("keycloak").join(name)).unwrap();
        assert!(read("pom.xml").contains(&format!("<version>{KEYCLOAK}</version>")));
        assert!(read("SHA256SUMS").contains(&format!("keycloak-quarkus-dist-{KEYCLOAK}.zip")));
    }

    #[test]
    fn the_realm_is_json_with_a_key_in_it() {
        let text = std::fs::read_to_string(peer("keycloak").join("realm.json")).unwrap();
        let text = text.replace("\"$jwks\"", &json!("{\"keys\":[]}").to_string());
        let realm: serde_json::Value = serde_json::from_str(&text).unwrap();
        let clients = realm["clients"].as_array().unwrap();
        let keyed = clients.iter().find(|c| c["clientId"] == "keyed").unwrap();
        assert_eq!(keyed["attributes"]["jwks.string"], "{\"keys\":[]}");
        assert!(clients.iter().any(|c| c["clientId"] == SIGNED));
    }
}
