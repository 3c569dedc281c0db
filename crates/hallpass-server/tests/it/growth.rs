//! Whether a server under work grows.

use crate::process::{Folder, Serving};

/// Resident memory in KiB and open descriptors.
fn size(server: &Serving) -> (u64, usize) {
    let id = server.id();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .unwrap();
    let descriptors = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count();
    (resident.trim().parse().unwrap(), descriptors)
}

// G9
#[test]
fn a_thousand_requests_of_every_kind_leave_no_memory_and_no_descriptor_behind() {
    let folder = Folder::new();
    // Nobody reads the log meanwhile.
    let mut command = folder.hallpass(&["serve", "--json", "--demo"]);
    command.env("HALLPASS__LOG__LEVEL", "error");
    command.env("HALLPASS__RATE_LIMITS__CLIENT_AUTH_PER_ADDRESS", "1000000");
    let server = Serving::spawn(&mut command);
    let clients = server.said["clients"].as_array().unwrap().clone();
    let confidential = clients
        .iter()
        .find(|client| {
            let grants = client["grant_types"].as_array();
            grants.is_some_and(|grants| grants.contains(&"client_credentials".into()))
        })
        .unwrap();
    let [id, secret] = ["client_id", "client_secret"].map(|name| confidential[name].as_str());
    let (id, secret) = (id.unwrap(), secret.unwrap());
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let round = |number: u32| {
        assert_eq!(server.client_credentials(id, secret).status, 200);
        assert_eq!(server.get("/.well-known/openid-configuration").status, 200);
        assert_eq!(server.get("/jwks").status, 200);
        // What strangers send, different each time.
        let unknown = format!("client_id=nobody-{number}&token=x{number}");
        assert!(server.post("/introspect", form, &unknown).status < 500);
        assert!(server.post("/par", form, &unknown).status < 500);
        assert!(server.get(&format!("/authorize?client_id={number}")).status < 500);
        assert!(server.get(&format!("/nothing/{number}")).status < 500);
    };
    (0..100).for_each(round);
    let before = size(&server);
    (100..1100).for_each(round);
    let after = size(&server);
    let grown = after.0.saturating_sub(before.0);
    assert!(grown < 32 * 1024, "{grown} KiB, {before:?} {after:?}");
    assert!(
        after.1 <= before.1.saturating_add(4),
        "{before:?} {after:?}"
    );
    server.stop();
}

// PA-12, DV-11
#[test]
fn what_strangers_make_wait_is_limited_for_each_address() {
    let folder = Folder::new();
    folder.write(
        "hallpass.toml",
        r#"
        pushed_requests.per_network_per_minute = 3
        protocol.device.enabled = true
        protocol.device.per_network_per_minute = 3
        [[clients]]
        client_id = "tv"
        token_endpoint_auth_method = "none"
        redirect_uris = ["https://tv.example/cb"]
        grant_types = ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"]
        "#,
    );
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    let form = "content-type: application/x-www-form-urlencoded\r\nx-forwarded-for: ";
    for (path, body, good) in [
        ("/device/auth", "client_id=tv&scope=openid", 200),
        (
            "/par",
            "client_id=tv&response_type=code&redirect_uri=https%3A%2F%2Ftv.example%2Fcb&scope=openid\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
            201,
        ),
    ] {
        // Whatever a stranger writes about where they come from.
        let ask = |n: u8| server.post(path, &format!("{form}192.0.2.{n}\r\n"), body);
        for number in 0..3 {
            let answer = ask(number);
            assert_eq!(answer.status, good, "{path} {}", answer.body);
        }
        let refused = ask(9);
        assert_eq!(refused.status, 429, "{path} {}", refused.body);
        assert!(
            refused.head.contains("\r\nretry-after: "),
            "{}",
            refused.head
        );
    }
    server.stop();
}
