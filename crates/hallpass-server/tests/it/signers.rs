//! Keys that another process holds.

use std::time::{Duration, Instant};

use hallpass_jose::UnverifiedJws;

use crate::process::{Folder, Serving, mode};

const SETTINGS: &str = r#"
[[signers]]
socket = "signer.socket"
[[protocol.resources]]
identifier = "https://api.test"
token_format = "jwt"
"#;

fn signer(folder: &Folder) -> Serving {
    let arguments = [
        "signer",
        "--json",
        "--folder",
        ".",
        "--socket",
        "signer.socket",
    ];
    Serving::spawn(&mut folder.hallpass(&arguments))
}

fn serve(folder: &Folder) -> Serving {
    folder.write("hallpass.toml", SETTINGS);
    Serving::start(folder, &["--demo", "--config", "hallpass.toml"])
}

fn token(server: &Serving) -> crate::process::Answer {
    let secret = server.said["clients"][1]["client_secret"].as_str().unwrap();
    server.client_credentials_for("demo-app", secret, "&resource=https://api.test")
}

#[test]
fn another_process_signs_and_its_absence_costs_a_retry() {
    let folder = Folder::new();
    let signing = signer(&folder);
    let kid = signing.said["keys"][0].as_str().unwrap().to_owned();
    let private = folder.0.join("ES256.pem");
    assert_eq!(mode(&private), 0o600);
    assert_eq!(mode(&folder.0.join("signer.socket")), 0o660);
    let server = serve(&folder);
    let keys = server.get("/jwks").json();
    let published = |kid: &str| {
        let all = keys["keys"].as_array().unwrap();
        all.iter().any(|key| key["kid"] == kid)
    };
    assert!(published(&kid), "{keys}");
    let signed_by = || {
        let answer = token(&server);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let jwt = answer.json()["access_token"].as_str().unwrap().to_owned();
        UnverifiedJws::parse(&jwt)
            .unwrap()
            .kid()
            .unwrap()
            .to_owned()
    };
    assert_eq!(signed_by(), kid);
    assert_eq!(server.operations("/health/ready").status, 200);

    signing.signal("-KILL");
    drop(signing);
    let answer = token(&server);
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    let answer = server.operations("/health/ready");
    assert_eq!(
        (answer.status, &*answer.body),
        (503, "not ready: signers\n")
    );

    // It comes back with the same key, over the socket that the killed one has left; nobody has to ask for a token first.
    let signing = signer(&folder);
    assert_eq!(signing.said["keys"][0], *kid);
    let patience = Instant::now() + Duration::from_secs(20);
    while server.operations("/health/ready").status != 200 {
        assert!(Instant::now() < patience, "it does not come back");
    }
    assert_eq!(signed_by(), kid);
    signing.stop();
    assert!(!folder.0.join("signer.socket").exists());
    server.stop();
}

#[test]
fn a_server_does_not_start_without_the_keys_that_it_was_told_of() {
    let folder = Folder::new();
    folder.write("hallpass.toml", SETTINGS);
    let output = folder.run(&["serve", "--config", "hallpass.toml"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("signers[0]: signer.socket"), "{said}");
}

#[test]
fn a_place_that_everybody_could_use_is_refused() {
    let folder = Folder::new();
    for (settings, wrong) in [
        ("address = \"127.0.0.1:9100\"", "signers[0].secret"),
        (
            "address = \"192.0.2.1:9100\"\nsecret = \"x\"",
            "signers[0].address",
        ),
        (
            "address = \"localhost:9100\"\nsecret = \"x\"",
            "signers[0].address",
        ),
        ("", "signers[0].socket"),
        (
            "socket = \"a\"\naddress = \"127.0.0.1:1\"\nsecret = \"x\"",
            "signers[0].socket",
        ),
    ] {
        folder.write("hallpass.toml", &format!("[[signers]]\n{settings}\n"));
        let output = folder.run(&["config", "check", "--config", "hallpass.toml"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert!(
            !output.status.success() && said.contains(wrong),
            "{settings}: {said}"
        );
    }
}

#[test]
fn a_private_key_that_others_can_read_does_not_sign() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    signer(&folder).stop();
    let key = folder.0.join("ES256.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = folder.run(&["signer", "--folder", ".", "--socket", "signer.socket"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("chmod 600"),
        "{said}"
    );
}
