//! What the binary lets out beside its answers, what it needs, and what it reaches for.

use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;

use crate::process::{Folder, Serving};

/// Everything that ends a line, colours a terminal or leaves a JSON text.
const HARM: &str = "%0d%0aINFO%20forged%1b%5b31m%22%7d%e2%80%a8%7b%22level%22:%22ERROR%22%7d%00";

/// Sends harm wherever something of a request may reach the log.
fn provoke(server: &Serving) {
    server.get(&format!("/{HARM}?{HARM}={HARM}"));
    server.get(&format!(
        "/authorize?client_id=demo&redirect_uri={HARM}&login_hint={HARM}&ui_locales={HARM}"
    ));
    server.get(&format!(
        "/authorize?client_id={HARM}&request={HARM}&request_uri=https://{HARM}"
    ));
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    for body in [
        format!("grant_type={HARM}"),
        format!("grant_type=client_credentials&client_id={HARM}&client_secret={HARM}"),
        format!("grant_type=authorization_code&client_id=demo&code={HARM}&redirect_uri={HARM}"),
    ] {
        server.post("/token", form, &body);
    }
    let secret = "authorization: Basic JTBkJTBhZm9yZ2VkOmZvcmdlZA==\r\n";
    server.post(
        "/token",
        &format!("{form}{secret}"),
        "grant_type=client_credentials",
    );
    let odd = "user-agent: \x1b[31mforged\u{2028}\r\nx-request-id: \"}{\"level\":\"ERROR\r\nreferer: \x1b[2J\r\n\
               traceparent: \x1b]0;forged\x07\r\nx-forwarded-for: forged\r\n";
    server.post("/userinfo", odd, "");
    let metadata = r#"{"redirect_uris":["https://rp.example/cb"],"client_name":"\r\nINFO forged \u001b[31m\u2028"}"#;
    server.post("/register", "content-type: application/json\r\n", metadata);
}

// OP-02
#[test]
fn nothing_that_is_sent_forges_a_line_of_the_log() {
    for format in ["json", "text"] {
        let folder = Folder::new();
        let mut command = folder.hallpass(&["serve", "--demo", "--json"]);
        command
            .env("HALLPASS__LOG__LEVEL", "debug")
            .env("HALLPASS__LOG__FORMAT", format);
        let server = Serving::spawn(&mut command);
        provoke(&server);
        let log = server.stop();
        assert!(log.contains("/token"), "requests are logged: {log}");
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!log.contains(control), "{format}: {log:?}");
        for line in log.lines() {
            assert!(!line.starts_with("INFO forged"), "{line}");
            if format == "json" {
                let line: Value =
                    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                assert_ne!(line["level"], "ERROR", "{line}");
            }
        }
    }
}

// OP-07
#[test]
fn neither_the_process_nor_its_help_nor_a_path_tells_what_is_secret() {
    let folder = Folder::new();
    let server = Serving::start(&folder, &["--demo"]);
    let password = server.said["user"]["password"].as_str().unwrap();
    let clients = server.said["clients"].as_array().unwrap();
    let secrets = clients.iter().filter_map(|c| c["client_secret"].as_str());
    let secrets: Vec<&str> = secrets.chain([password]).collect();
    assert!(secrets.len() >= 3);
    let mut told = Vec::new();
    for file in ["cmdline", "environ", "comm", "status"] {
        let path = format!("/proc/{}/{file}", server.process());
        told.extend(std::fs::read(path).unwrap());
    }
    for path in [
        "/version",
        "/debug",
        "/config",
        "/env",
        "/info",
        "/metrics",
        "/health",
        "/server-status",
        "/debug/pprof",
        "/actuator/env",
        "/.env",
        "/hallpass.toml",
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(
            !answer.head.to_lowercase().contains("server:"),
            "{}",
            answer.head
        );
        assert!(!answer.body.contains(env!("CARGO_PKG_VERSION")), "{path}");
        told.extend(answer.body.into_bytes());
    }
    for arguments in [
        ["--help"].as_slice(),
        &["--version"],
        &["serve", "--help"],
        &["nonsense"],
    ] {
        let output = folder.run(arguments);
        told.extend(output.stdout);
        told.extend(output.stderr);
    }
    let version = folder.run(&["--version"]).stdout;
    assert_eq!(
        String::from_utf8(version).unwrap().trim(),
        format!("hallpass {}", env!("CARGO_PKG_VERSION"))
    );
    told.extend(server.metrics().into_bytes());
    for secret in secrets {
        let found = told.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!found, "{secret}");
    }
}

// OP-08
#[test]
fn the_binary_is_built_without_what_has_open_advisories() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .args(["--package", "hallpass-server", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let names: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(
        names.contains(&"aws-lc-rs") && names.contains(&"rustls"),
        "{tree}"
    );
    for name in [
        "rsa",
        "openssl",
        "openssl-sys",
        "native-tls",
        "ring",
        "jsonwebtoken",
    ] {
        assert!(!names.contains(&name), "{name}");
    }
}

// HT-22
#[test]
fn a_proxy_of_the_environment_is_not_asked() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let folder = Folder::new();
    let mut command = folder.hallpass(&["serve", "--demo", "--json"]);
    for name in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ] {
        command.env(name, &url);
    }
    let server = Serving::spawn(&mut command);
    let metadata = r#"{"redirect_uris":["https://rp.invalid/cb"],"subject_type":"pairwise",
        "sector_identifier_uri":"https://sector.invalid/uris.json"}"#;
    let answer = server.post("/register", "content-type: application/json\r\n", metadata);
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert_eq!(
        answer.json()["error"],
        "invalid_client_metadata",
        "{}",
        answer.body
    );
    assert!(proxy.accept().is_err(), "the proxy was asked");
}

// OP-06
#[test]
fn a_configuration_that_is_broken_is_refused_with_its_place() {
    let weak = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    #[rustfmt::skip]
    let cases = [
        ("[sever]\nissuer = 'https://op.example'\n", "hallpass.toml:1: "),
        ("[server]\nissuer = 'https://op.example'\nisuer = 'x'\n", "hallpass.toml:3: "),
        ("server.issuer = 'op.example'\n", "hallpass.toml:1: server.issuer: "),
        ("[server]\nissuer = \n", "hallpass.toml:2: "),
        ("keys.master_key_file = 'missing'\n", "keys.master_key_file: "),
        ("tls = { cert_file = 'missing.pem', key_file = 'missing.pem' }\n", "tls."),
        ("tls = { cert_file = 'weak.pem', key_file = 'weak.pem' }\n", "tls."),
        ("[[clients]]\nclient_id = 'a'\nclient_secret = '0123456789abcdef'\n[[clients]]\nclient_id = 'a'\nclient_secret = '0123456789abcdef'\n", "clients[1]"),
        ("[[clients]]\nclient_id = 'a'\nclient_secret = 'short'\ngrant_types = ['client_credentials']\n", "clients[0].client_secret"),
        ("[[clients]]\nclient_id = 'a'\nclient_secret_file = 'open'\ngrant_types = ['client_credentials']\n", "client_secret_file"),
        ("[[clients]]\nclient_id = 'a'\nclient_secret = '0123456789abcdef'\nredirect_uris = ['javascript:alert(1)']\n", "clients[0].redirect_uris"),
        ("[[clients]]\nclient_id = 'a'\nclient_secret = '0123456789abcdef'\nid_token_signed_response_alg = 'none'\nredirect_uris = ['https://rp.example/cb']\n", "clients[0].id_token_signed_response_alg"),
    ];
    for (text, place) in cases {
        let folder = Folder::new();
        folder.write("hallpass.toml", text);
        folder.write("open", "0123456789abcdef");
        folder.write("weak.pem", weak);
        for name in ["open", "weak.pem"] {
            let mode = if name == "open" { 0o644 } else { 0o600 };
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(folder.0.join(name), mode).unwrap();
        }
        for command in [
            ["serve", "--config", "hallpass.toml"].as_slice(),
            &["config", "check", "--config", "hallpass.toml"],
        ] {
            let output = folder.run(command);
            let told = String::from_utf8_lossy(&output.stderr).into_owned()
                + &String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(1), "{command:?} {text}: {told}");
            assert!(told.contains(place), "{command:?} {text}: {told}");
            assert!(!told.contains("0123456789abcdef"), "{told}");
        }
    }
}

// HT-17
#[test]
fn without_descriptors_new_connections_are_shed_and_everything_comes_back() {
    let folder = Folder::new();
    let plain = folder.hallpass(&["serve", "--json"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 96; exec \"$0\" \"$@\""])
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(&folder.0)
        .env_clear()
        .envs(
            plain
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("PATH", "/usr/bin:/bin");
    let server = Serving::spawn(&mut command);
    let address = server.said["listen"].as_str().unwrap().to_owned();
    let idle: Vec<_> = (0..400)
        .filter_map(|_| std::net::TcpStream::connect(&address).ok())
        .collect();
    assert!(idle.len() > 96, "{}", idle.len());
    // Whoever looks after the server still gets through.
    let metrics = server.metrics();
    assert!(metrics.contains("hallpass_"), "{metrics}");
    drop(idle);
    let begin = std::time::Instant::now();
    let status = server.get("/jwks").status;
    assert_eq!(status, 200);
    assert!(begin.elapsed().as_secs() < 5);
    server.stop();
}

/// How uneven the halves of bytes are, for each place: no place is further off than chance brings about once in a hundred
/// million times (chi-squared with 15 degrees of freedom).
#[track_caller]
fn assert_even(what: &str, values: &[Vec<u8>]) {
    let places = values.iter().map(Vec::len).min().unwrap();
    let expected = values.len() as f64 / 16.0;
    for place in 0..places {
        for shift in [0, 4] {
            let mut counts = [0_u32; 16];
            for value in values {
                let count = &mut counts[usize::from((value[place] >> shift) & 15)];
                *count = count.saturating_add(1);
            }
            let chi: f64 = counts
                .iter()
                .map(|count| (f64::from(*count) - expected).powi(2) / expected)
                .sum();
            assert!(chi < 68.0, "{what}: byte {place}: {chi} {counts:?}");
        }
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), values.len(), "{what}");
}

// OP-03
#[test]
fn a_million_draws_are_even_and_different() {
    use hallpass_provider::ports::{Entropy as _, SystemEntropy};
    let draws = (0..1_000_000).map(|_| {
        let mut draw = [0; 16];
        SystemEntropy.fill(&mut draw);
        draw.to_vec()
    });
    assert_even("entropy", &draws.collect::<Vec<_>>());
}

// OP-03
#[test]
fn nothing_that_is_handed_out_can_be_guessed_from_another() {
    let folder = Folder::new();
    let server = Serving::start(&folder, &["--demo"]);
    let secret = server.said["clients"][1]["client_secret"].as_str().unwrap();
    let redirect = server.said["clients"][0]["redirect_uris"][0]
        .as_str()
        .unwrap();
    let decode = |text: &str| hallpass_jose::base64url::decode(text).unwrap();
    let mut tokens = Vec::new();
    let mut handles = Vec::new();
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let push = format!(
        "client_id=demo&response_type=code&redirect_uri={redirect}&code_challenge={}&code_challenge_method=S256",
        "A".repeat(43)
    );
    for _ in 0..100 {
        for _ in 0..10 {
            let answer = server.client_credentials("demo-app", secret).json();
            let token = answer["access_token"].as_str().unwrap().to_owned();
            let sealed = decode(token.strip_prefix("hpa_").unwrap());
            // What is behind the nonce: under its key nothing of it is known.
            tokens.push(sealed[sealed.len() - 48..].to_vec());
        }
        let answer = server.post("/par", form, &push);
        assert_eq!(answer.status, 201, "{}", answer.body);
        let answer = answer.json();
        let uri = answer["request_uri"].as_str().unwrap();
        let handle = uri.rsplit(':').next().unwrap();
        let body = decode(handle.split_once('_').map_or(handle, |(_, body)| body));
        // In front are the minute of its end and two bytes that rise with time, as ARCHITECTURE.md says.
        assert!(body.len() >= 6 + 16, "{}", body.len());
        handles.push(body[6..22].to_vec());
    }
    assert_even("access tokens", &tokens);
    assert_even("pushed requests", &handles);
    server.stop();
}
