//! What SourceLoop's operators had or were promised: variables, metrics, health, migrations, refusals at the start.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::dashboard::person::{PASSWORD, Person, location};
use crate::process::{Folder, Serving, mode};

const VARIABLES: &str = "\
# SourceLoop's own example, with values
NODE_ENV=production
LOG_LEVEL=debug
HOST=127.0.0.1
PORT=0
OIDC_ISSUER_URL=https://login.example.com
OIDC_INTERACTION_TIME=1800
OIDC_SESSION_TIME=7200
OIDC_GRANT_TIME=86400
OIDC_ID_TOKEN_TIME=900
OIDC_CLAIMS_PROFILE=firstName,lastName,email,designation
OIDC_COOKIES=cookie-secret-of-the-old-server
JWT_SECRET='jwt secret of the old server'
USER_TEMP_PASSWORD=temporary-password-for-all
OIDC_MIGRATION=true
DB_SCHEMA=main
REDIS_HOST=127.0.0.1
REDIS_PORT=6390
REDIS_PASSWORD=p@ss/redis
GOOGLE_AUTH_CLIENT_ID=google-client
GOOGLE_AUTH_CLIENT_SECRET=google-secret-value
OIDC_JWKS_KTY=RSA
OIDC_JWKS_ALG=RS256
OIDC_JWKS_KID=old-key
OIDC_JWKS_N=AQAB
OIDC_JWKS_E=AQAB
OIDC_JWKS_D=private-part-of-the-key
SAML_URL=https://idp.example.com
SOMETHING_ELSE=value-that-nobody-knows
";

fn import(folder: &Folder, variables: &str, out: &str) -> Value {
    let file = folder.write("old.env", variables);
    folder.json(&[
        "--json",
        "import",
        "sourceloop",
        "--env-file",
        file.to_str().unwrap(),
        "--out",
        out,
    ])
}

fn listed<'r>(report: &'r Value, list: &str) -> Vec<&'r str> {
    let all = report[list].as_array().unwrap().iter();
    all.map(|one| one["variable"].as_str().or(one.as_str()).unwrap())
        .collect()
}

#[test]
fn s17_sourceloops_variables_become_a_configuration_that_starts() {
    let folder = Folder::new();
    let report = import(&folder, VARIABLES, "moved");
    assert_eq!(report["to_mend"], json!([]), "{report}");
    assert_eq!(report["unknown"], json!(["SOMETHING_ELSE"]));
    for variable in [
        "OIDC_COOKIES",
        "JWT_SECRET",
        "USER_TEMP_PASSWORD",
        "NODE_ENV",
        "DB_SCHEMA",
        "SAML_URL",
        "OIDC_MIGRATION",
    ] {
        assert!(
            listed(&report, "without_counterpart").contains(&variable),
            "{variable}: {report}"
        );
    }
    for variable in [
        "OIDC_ISSUER_URL",
        "OIDC_SESSION_TIME",
        "OIDC_CLAIMS_PROFILE",
        "OIDC_JWKS_D",
        "REDIS_PASSWORD",
        "PORT",
    ] {
        assert!(
            listed(&report, "became").contains(&variable),
            "{variable}: {report}"
        );
    }
    // No value of a secret is told, and none stands in the configuration.
    let configuration = std::fs::read_to_string(folder.0.join("moved/hallpass.toml")).unwrap();
    for secret in [
        "cookie-secret",
        "jwt secret",
        "temporary-password",
        "p@ss",
        "google-secret",
        "private-part",
        "value-that-nobody-knows",
    ] {
        assert!(!report.to_string().contains(secret), "{secret}");
        assert!(!configuration.contains(secret), "{secret}");
    }
    let moved = folder.0.join("moved");
    assert_eq!(mode(&moved), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&moved).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "google.secret",
            "hallpass.toml",
            "redis.url",
            "sourceloop.jwk"
        ]
    );
    let url = std::fs::read_to_string(moved.join("redis.url")).unwrap();
    assert_eq!(url.trim(), "redis://:p%40ss%2Fredis@127.0.0.1:6390");

    let mut command = folder.hallpass(&["--config", "moved/hallpass.toml", "serve", "--json"]);
    let server = Serving::spawn(&mut command);
    assert_eq!(server.said["issuer"], "https://login.example.com");
    let told = server.get("/.well-known/openid-configuration").json();
    for (member, path) in [
        ("authorization_endpoint", "/auth"),
        ("token_endpoint", "/token"),
        ("userinfo_endpoint", "/me"),
        ("jwks_uri", "/jwks"),
        ("end_session_endpoint", "/session/end"),
    ] {
        assert_eq!(
            told[member],
            format!("https://login.example.com{path}"),
            "{member}"
        );
    }
    let claims = told["claims_supported"].as_array().unwrap();
    for name in ["firstName", "lastName", "email", "designation"] {
        assert!(claims.contains(&json!(name)), "{name}: {told}");
    }
    assert_eq!(told["id_token_signing_alg_values_supported"][0], "RS256");
    drop(server.stop());
}

#[test]
fn what_is_there_is_not_written_over_and_nothing_is_half_written() {
    let folder = Folder::new();
    let file = folder.write("old.env", "OIDC_ISSUER_URL=https://login.example.com\n");
    let file = file.to_str().unwrap();
    std::fs::create_dir(folder.0.join("moved")).unwrap();
    folder.write("moved/hallpass.toml", "# somebody's work\n");
    let arguments = ["import", "sourceloop", "--env-file", file, "--out", "moved"];
    let output = folder.run(&arguments);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("is there already, nothing was written"),
        "{said}"
    );
    let kept = std::fs::read_to_string(folder.0.join("moved/hallpass.toml")).unwrap();
    assert_eq!(kept, "# somebody's work\n");

    folder.write("bad.env", "A=1\n\u{1b}[2Jwhat\n");
    let output = folder.run(&[
        "import",
        "sourceloop",
        "--env-file",
        "bad.env",
        "--out",
        "bad",
    ]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("bad.env:2: is no NAME=value") && !said.contains('\u{1b}'),
        "{said}"
    );
    assert!(!folder.0.join("bad").exists());
    for arguments in [
        &["import", "sourceloop", "--env-file", "none.env"][..],
        &["import", "sourceloop"],
    ] {
        assert!(!folder.run(arguments).status.success(), "{arguments:?}");
    }
}

#[test]
fn values_that_cannot_be_right_are_named_and_a_database_gets_a_master_key() {
    let folder = Folder::new();
    let variables = "OIDC_ISSUER_URL=https://login.example.com/\nOIDC_SESSION_TIME=soon\nOIDC_ID_TOKEN_TIME=\nOIDC_INTERACTION_TIME=5\n\
        DB_HOST=127.0.0.1\nDB_PORT=5433\nDB_USER=u\nDB_PASSWORD=\"quoted # secret\"\nDB_DATABASE=d\nPORT=x\nREDIS_URL=redis://cache.example:6379\n";
    let report = import(&folder, variables, "moved");
    let notes = report["notes"].to_string();
    for note in [
        "ends with a slash",
        "OIDC_SESSION_TIME is no number",
        "PORT is no port",
        "master.key was made",
    ] {
        assert!(notes.contains(note), "{note}: {notes}");
    }
    assert!(
        listed(&report, "without_counterpart").contains(&"OIDC_ID_TOKEN_TIME"),
        "empty"
    );
    let wrong = report["to_mend"].to_string();
    for setting in ["lifetimes.interaction", "cache.redis_url"] {
        assert!(wrong.contains(setting), "{setting}: {wrong}");
    }
    let read = |name: &str| std::fs::read_to_string(folder.0.join("moved").join(name)).unwrap();
    assert_eq!(read("postgres.password").trim(), "quoted # secret");
    assert_eq!(read("master.key").trim().len(), 43);
    let configuration: toml::Table = read("hallpass.toml").parse().unwrap();
    assert_eq!(
        configuration["server"]["issuer"].as_str(),
        Some("https://login.example.com")
    );
    let postgres = &configuration["store"]["postgres"];
    assert_eq!(
        postgres["schema"].as_str(),
        Some("hallpass"),
        "not among the old tables"
    );
    assert_eq!(postgres["port"].as_integer(), Some(5433));
    // Another run makes another key, elsewhere.
    let key = read("master.key");
    import(&folder, variables, "again");
    let other = std::fs::read_to_string(folder.0.join("again/master.key")).unwrap();
    assert_ne!(key, other);
}

#[test]
fn s43_metrics_are_there_by_their_names_on_a_listener_of_their_own() {
    let folder = Folder::new();
    let secret = "a secret of more than thirty-two characters";
    folder.write(
        "hallpass.toml",
        &format!(
            "[[users]]\nusername = 'owner'\npassword = '{PASSWORD}'\n\
             [[clients]]\nclient_id = 'machine'\nclient_secret = '{secret}'\ngrant_types = ['client_credentials']\n"
        ),
    );
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    assert_eq!(server.client_credentials("machine", secret).status, 200);
    assert_eq!(server.client_credentials("machine", "wrong").status, 401);
    // Somebody fails to sign in, and does so twice, which begins two sessions.
    let mut person = Person::default();
    let asked = person.get(&server, "/account");
    let page = location(&server, &asked);
    person.get(&server, &page);
    let wrong = [("username", "owner"), ("password", "wrong wrong wrong")];
    person.post(&server, &page, &wrong);
    for _ in 0..2 {
        Person::operator(&server, "owner");
    }
    // The first reading lets them be counted.
    let begin = Instant::now();
    let metrics = loop {
        let metrics = server.metrics();
        if metrics.contains("\nhallpass_active_sessions ") {
            break metrics;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{metrics}");
        std::thread::yield_now();
    };
    for line in [
        "hallpass_active_sessions 2.0",
        "hallpass_sign_ins_total{outcome=\"success\"} 2",
        "hallpass_sign_ins_total{outcome=\"refused\"} 1",
        "hallpass_tokens_issued_total{grant_type=\"client_credentials\",format=\"sealed\"} 1",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line}:\n{metrics}");
    }
    for name in [
        "hallpass_http_requests_total",
        "hallpass_http_request_seconds_bucket",
        "hallpass_tokens_issued_total",
        "hallpass_key_age_seconds",
    ] {
        assert!(metrics.contains(name), "{name}:\n{metrics}");
    }
    assert!(
        metrics
            .lines()
            .any(|line| line.contains("endpoint=\"token\"") && line.contains("200")),
        "{metrics}"
    );
    assert!(!metrics.contains("machine") && !metrics.contains(secret));
    for path in ["/metrics", "/health/live", "/health/ready"] {
        assert_eq!(
            server.get(path).status,
            404,
            "{path} is nothing of the public listener"
        );
    }
}

#[test]
fn s44_health_says_yes_or_no_and_repeats_nothing() {
    let folder = Folder::new();
    let server = Serving::start(&folder, &[]);
    for path in ["/health/live", "/health/ready"] {
        let answer = server.operations(path);
        assert_eq!(answer.status, 200, "{path}");
        let told = format!("{}{}", answer.head, answer.body).to_ascii_lowercase();
        for header in ["host:", "user-agent", "cookie", "authorization"] {
            assert!(!told.contains(header), "{path}: {told}");
        }
        // Whatever is sent along is not in the answer.
        let sent = "HTTP/1.1\r\ncookie: a=zq-cookie\r\nauthorization: Bearer zq-token\r\nx-zq: zq";
        let answer = server.operations(&format!("{path}?zq=zq {sent}"));
        assert_eq!(answer.status, 200, "{path}");
        let told = format!("{}{}", answer.head, answer.body);
        assert!(!told.contains("zq"), "{path}: {told}");
    }
}

#[test]
fn s46_migrating_is_one_command_that_can_be_given_again() {
    let folder = Folder::new();
    for _ in 0..2 {
        let output = folder.run(&["migrate"]);
        assert!(output.status.success(), "{output:?}");
    }
    folder.write("hallpass.toml", "store.migrate = false\n");
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    assert_eq!(server.get("/jwks").status, 200);
    drop(server.stop());
    let empty = Folder::new();
    empty.write("hallpass.toml", "store.migrate = false\n");
    let output = empty.run(&["--config", "hallpass.toml", "serve"]);
    assert_eq!(output.status.code(), Some(1), "nobody has migrated");
}

#[test]
fn s48_without_its_secrets_the_server_does_not_start() {
    let folder = Folder::new();
    let server = Serving::start(&folder, &[]);
    drop(server.stop());
    let key = folder.0.join("hallpass-data/master.key");
    let good = std::fs::read_to_string(&key).unwrap();
    for bad in ["", "\n", "short", &"A".repeat(43)] {
        std::fs::write(&key, bad).unwrap();
        let output = folder.run(&["serve"]);
        assert_eq!(output.status.code(), Some(1), "{bad:?}");
    }
    std::fs::write(&key, &good).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(
        folder.run(&["serve"]).status.code(),
        Some(1),
        "open to everybody"
    );
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    drop(Serving::start(&folder, &[]).stop());
    // A database whose key is gone is not begun anew.
    std::fs::remove_file(&key).unwrap();
    let output = folder.run(&["serve"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
