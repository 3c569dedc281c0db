//! Addresses inside, which strangers and clients name to have them called: the guard for outgoing requests in its place,
//! with a listener that must hear nothing.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::TcpListener;

use hallpass_jose::{JwsAlgorithm, SigningKey};

use crate::process::{Answer, Folder, Serving};

const JSON: &str = "content-type: application/json\r\nauthorization: Bearer let-me-in-please-1\r\n";
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// Listens on every address of this machine.
struct Canary(TcpListener);

impl Canary {
    fn new() -> Self {
        let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0"));
        let listener = listener.unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    #[track_caller]
    fn heard_nothing(&self) {
        let heard = self.0.accept().unwrap_err();
        assert_eq!(heard.kind(), ErrorKind::WouldBlock);
    }
}

/// Every spelling of addresses inside that the catalogue has (§2.19), but names that need a resolver of their own.
#[rustfmt::skip]
const INSIDE: &[&str] = &[
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]",
    "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:0::1]", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1",
    "169.254.169.254", "[fd00:ec2::254]", "[fc00::1]", "[fe80::1]", "192.0.0.1", "198.18.0.1", "192.0.2.1", "203.0.113.1",
    "240.0.0.1", "255.255.255.255", "224.0.0.1", "[3fff::1]", "[5f00::1]", "[100::1]", "[2001:db8::1]", "localhost",
];

/// What is no address in the form that everybody reads the same way.
#[rustfmt::skip]
const ODD: &[&str] = &[
    "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "[fe80::1%25eth0]", "\u{2460}\u{2461}\u{2466}.\u{24ea}.\u{24ea}.\u{2460}",
    "public@127.0.0.1", "127.0.0.1#@public", "[::1", "127.0.0.1.", "127.0.0.1%00.public.example", "127.0.0.1\\@public.example",
];

fn started(more: &str) -> (Folder, Serving) {
    let folder = Folder::new();
    folder.write(
        "hallpass.toml",
        &format!(
            "registration = {{ enabled = true, initial_access_tokens = ['let-me-in-please-1'], per_address_per_hour = 1000000 }}\n\
             rate_limits.client_auth_per_address = 1000000\n\
             protocol.backchannel = {{ enabled = true, delivery_modes = ['poll', 'ping'] }}\n{more}"
        ),
    );
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    (folder, server)
}

/// A registration in which that member names that URL.
fn register(server: &Serving, member: &str, url: &str) -> Answer {
    let mut metadata = serde_json::json!({"redirect_uris": ["https://rp.example/cb"]});
    match member {
        "jwks_uri" => metadata["token_endpoint_auth_method"] = "private_key_jwt".into(),
        "sector_identifier_uri" => metadata["subject_type"] = "pairwise".into(),
        "backchannel_client_notification_endpoint" => {
            metadata["backchannel_token_delivery_mode"] = "ping".into();
            metadata["grant_types"] =
                serde_json::json!(["authorization_code", "urn:openid:params:grant-type:ciba"]);
        }
        _ => {}
    }
    metadata[member] = url.into();
    server.post("/register", JSON, &metadata.to_string())
}

// RG-06, RG-07, RG-09, G7
#[test]
fn nobody_registers_an_address_inside_to_be_called() {
    let canary = Canary::new();
    let (_folder, server) = started("");
    let mut texts = BTreeSet::new();
    for member in [
        "jwks_uri",
        "sector_identifier_uri",
        "backchannel_logout_uri",
        "backchannel_client_notification_endpoint",
    ] {
        for host in INSIDE {
            for port in [canary.port(), 443, 22] {
                let url = format!("https://{host}:{port}/x");
                let answer = register(&server, member, &url);
                assert_eq!(answer.status, 400, "{member} {url}: {}", answer.body);
                assert_eq!(answer.json()["error"], "invalid_client_metadata", "{url}");
                // A spelling that is not everybody's says so; that is about the text, not about who is there.
                if !answer.body.contains("plain form") {
                    texts.insert(answer.body.clone());
                }
            }
        }
        for host in ODD {
            let url = format!("https://{host}:{}/x", canary.port());
            let answer = register(&server, member, &url);
            assert_eq!(answer.status, 400, "{member} {url}: {}", answer.body);
        }
        for scheme in [
            "file:///etc/passwd",
            "gopher://rp.example/x",
            "ftp://rp.example/x",
            "dict://rp.example/",
            "ldap://rp.example/",
            "unix:/run/x",
            "data:,x",
            "http://rp.example/x",
            "http:\\\\127.0.0.1",
            "https://rp.example/\r\nX: y",
        ] {
            let answer = register(&server, member, scheme);
            assert_eq!(answer.status, 400, "{member} {scheme}: {}", answer.body);
        }
        // What is outside is good, or the test says nothing.
        if member != "sector_identifier_uri" {
            let answer = register(&server, member, "https://93.184.215.14/x");
            assert_eq!(answer.status, 201, "{member}: {}", answer.body);
        }
    }
    // Whatever was blocked, nobody learns which of them is there.
    assert_eq!(texts.len(), 1, "{texts:?}");
    canary.heard_nothing();
    server.stop();
}

// RG-06, RG-18: what an operator wrote, or a client names by its own identifier, is held against the rules at each use
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the server is another process, which goes by the clock of the machine"
)]
fn what_is_registered_all_the_same_is_not_called() {
    let canary = Canary::new();
    let port = canary.port();
    let clients: String = ["127.0.0.1", "localhost", "[::1]", "[::ffff:7f00:1]"]
        .iter()
        .enumerate()
        .map(|(number, host)| {
            format!(
                "[[clients]]\nclient_id = 'inside-{number}'\ntoken_endpoint_auth_method = 'private_key_jwt'\n\
                 grant_types = ['client_credentials']\nresponse_types = []\nredirect_uris = []\n\
                 jwks_uri = 'https://{host}:{port}/jwks'\n"
            )
        })
        .collect();
    let more = format!(
        "client_documents.enabled = true\nexperimental.client_documents = \"draft-03\"\n{clients}"
    );
    let (_folder, server) = started(&more);
    let issuer = server.get("/.well-known/openid-configuration").json()["issuer"].clone();
    let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_secs();
    let mut bodies = BTreeSet::new();
    for number in 0..4 {
        for turn in 0..3 {
            let id = format!("inside-{number}");
            let claims = serde_json::json!({"iss": id, "sub": id, "aud": issuer, "exp": now + 60,
                "iat": now, "jti": format!("{number} {turn}")});
            let jwt = key.sign_compact(None, claims.to_string().as_bytes());
            let form = format!(
                "grant_type=client_credentials&client_assertion={}&client_assertion_type=\
                 urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
                jwt.unwrap()
            );
            let answer = server.post("/token", FORM, &form);
            assert_eq!(answer.status, 401, "{id}: {}", answer.body);
            bodies.insert(answer.body);
        }
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    for host in ["localhost", "foo.localhost", "localhost.localdomain"] {
        let id = format!("https%3A%2F%2F{host}%3A{port}%2Fclient");
        let target = format!("/authorize?client_id={id}&response_type=code");
        let answer = server.get(&target);
        assert_eq!(answer.status, 400, "{host}");
        let form = format!("grant_type=authorization_code&code=x&client_id={id}");
        assert_eq!(server.post("/token", FORM, &form).status, 401, "{host}");
    }
    canary.heard_nothing();
    server.stop();
}
