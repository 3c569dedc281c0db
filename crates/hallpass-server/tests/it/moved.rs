//! What others exported: a realm of Keycloak 26.7 and the clients of Ory Hydra 2.3, as they were written by these, with values of our own
//! in them. `keycloak.id_token` was signed by that realm.

use serde_json::{Value, json};

use crate::dashboard::person::Person;
use crate::guides::{blocks, words};
use crate::moving::is_signed_by;
use crate::process::{Folder, Serving};

const REALM: &str = include_str!("recorded/keycloak.json");
const ID_TOKEN: &str = include_str!("recorded/keycloak.id_token");
const HYDRA: &str = include_str!("recorded/hydra.json");
const PASSWORD: &str = "correct horse battery";
/// Every secret in the export, and of every hash a part.
const SECRETS: [&str; 6] = [
    "web-secret-that",
    "batch-secret-of",
    "corp-secret-of",
    "SvWHIG/2c+I",
    "OTPSECRET",
    "MIIEogIBAAKC",
];

/// The lines of blocks in that language that begin with that program.
fn lines(guide: &str, language: &str, program: &str) -> Vec<String> {
    let blocks = blocks(guide);
    let texts = blocks.iter().filter(|(found, _)| *found == language);
    let lines = texts.flat_map(|(_, text)| text.lines());
    let lines = lines.filter(|line| line.split(' ').next() == Some(program));
    lines.map(str::to_owned).collect()
}

/// What a line of a guide says with `--json`.
fn told(folder: &Folder, line: &str) -> Value {
    let words = words(line);
    let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    folder.json(&[&arguments[..], &["--json"]].concat())
}

fn imported(told: &Value, kind: &str) -> (u64, u64, u64) {
    let count = |what: &str| told[kind][what].as_u64().unwrap();
    (count("imported"), count("already_there"), count("refused"))
}

/// Everything that is said about a name.
fn said(told: &Value, name: &str) -> String {
    let notes = told["notes"].as_array().unwrap();
    let about = notes.iter().filter(|note| {
        let names = note["names"].as_array().unwrap();
        names.iter().any(|known| {
            let known = known.as_str().unwrap();
            known == name || known.starts_with(&format!("{name}: "))
        })
    });
    about.map(|note| format!("{}\n", note["text"])).collect()
}

/// The guide's configuration, with what it names beside it.
fn realm_in(folder: &Folder) -> Vec<String> {
    let guide = include_str!("../../../../docs/guide/from-keycloak.md");
    let export = lines(guide, "sh", "kc.sh").pop().unwrap();
    folder.write(export.split(' ').next_back().unwrap(), REALM);
    let settings: Vec<String> = blocks(guide)
        .into_iter()
        .filter(|(language, _)| *language == "toml")
        .map(|(_, text)| text.replace("/etc/hallpass/", ""))
        .collect();
    folder.write("hallpass.toml", &settings.join("\n"));
    folder.write_own("corp.secret", "what Corporate gave");
    lines(guide, "console", "hallpass")
}

/// Whether somebody gets past the sign-in page with that password.
fn signs_in(server: &Serving, client: &str, name: &str, password: &str) -> bool {
    const ISSUER: &str = "https://login.example.com";
    let place = |answer: &crate::process::Answer| {
        let mut lines = answer.head.lines();
        let found = lines.find_map(|line| line.strip_prefix("location: "));
        found.unwrap().strip_prefix(ISSUER).unwrap().to_owned()
    };
    let mut person = Person::default();
    let asked = person.get(
        server,
        &format!(
            "/realms/acme/protocol/openid-connect/auth?client_id={client}&response_type=code&scope=openid\
             &redirect_uri=http%3A%2F%2Flocalhost%3A25999%2Fcallback"
        ),
    );
    assert_eq!(asked.status, 303, "{}", asked.body);
    let page = place(&asked);
    assert_eq!(person.get(server, &page).status, 200);
    let form = [("username", name), ("password", password)];
    person.post(server, &page, &form).status == 303
}

#[test]
fn a_realm_that_keycloak_exported_comes_by_the_guide_and_twice_is_once() {
    let folder = Folder::new();
    let commands = realm_in(&folder);
    assert_eq!(commands.len(), 2, "{commands:?}");
    let dry = told(&folder, &commands[0]);
    let users = || folder.json(&["--config", "hallpass.toml", "user", "list", "--json"]);
    assert_eq!(users(), json!([]), "only said");
    let first = told(&folder, &commands[1]);
    assert_eq!(imported(&first, "users"), (8, 0, 0), "{first}");
    assert_eq!(imported(&first, "clients"), (10, 0, 2), "{first}");
    assert_eq!(imported(&first, "keys"), (1, 0, 0), "{first}");
    for kind in ["users", "clients", "keys", "roles_and_organizations"] {
        assert_eq!(dry[kind], first[kind], "what is announced comes");
    }
    assert_eq!(dry["notes"], first["notes"]);
    let before = users();
    let second = told(&folder, &commands[1]);
    assert_eq!(imported(&second, "users"), (0, 8, 0), "{second}");
    assert_eq!(imported(&second, "clients"), (0, 10, 2), "{second}");
    assert_eq!(users(), before);
    // What is not taken over is named, each with its reason.
    for (name, reason) in [
        ("old", "does not speak OpenID Connect"),
        ("api", "resource server"),
        ("cert", "cannot have here"),
        ("tool", "nothing of what it did is offered"),
        ("classic", "an address is a pattern"),
        ("classic", "passwords sent by applications"),
        ("asks", "pairwise"),
        ("sha", "they recover the account"),
        ("/staff", "attributes of a group"),
        ("publisher", "made of others"),
        ("rsa-enc-generated", "encrypt"),
    ] {
        let all = said(&first, name);
        assert!(all.contains(reason), "{name}: {all}");
    }
    // What an operator said in the configuration is not asked for again.
    assert_eq!(said(&first, "corp"), "", "{first}");
    let text = folder.run(&[
        "--config",
        "hallpass.toml",
        "import",
        "keycloak",
        "acme.json",
    ]);
    let text = String::from_utf8(text.stdout).unwrap();
    for secret in SECRETS {
        assert!(REALM.contains(secret), "{secret}");
        let shown = [&dry.to_string(), &first.to_string(), &text];
        assert!(shown.iter().all(|it| !it.contains(secret)), "{secret}");
    }
    assert!(
        text.contains("users: 0 imported, 8 there already"),
        "{text}"
    );
}

#[test]
fn people_and_clients_of_a_realm_go_on_as_they_were() {
    let folder = Folder::new();
    told(&folder, &realm_in(&folder)[1]);
    let show = |client: &str| {
        let of = [
            "--config",
            "hallpass.toml",
            "client",
            "show",
            client,
            "--json",
        ];
        folder.json(&of)
    };
    // A demand is kept; whoever verifies ID tokens finds the algorithm of before.
    let keyed = show("keyed");
    for demand in [
        "require_pushed_authorization_requests",
        "dpop_bound_access_tokens",
        "require_pkce",
    ] {
        assert_eq!(keyed[demand], true, "{keyed}");
    }
    assert_eq!(keyed["id_token_signed_response_alg"], "ES256");
    assert_eq!(keyed["jwks"]["keys"][0]["kid"], "k1");
    let web = show("web");
    assert_eq!(web["id_token_signed_response_alg"], "RS256", "{web}");
    assert_eq!(web["post_logout_redirect_uris"], web["redirect_uris"]);
    assert_eq!(
        web["backchannel_logout_uri"],
        "https://shop.example.com/backchannel"
    );
    assert_eq!(web["skip_consent"], Value::Null);
    assert!(web["scope"].as_str().unwrap().contains("roles"), "{web}");
    let phone = show("phone");
    assert_eq!(phone["application_type"], "native", "{phone}");
    let uris = phone["redirect_uris"].as_array().unwrap();
    assert!(
        uris.contains(&json!("com.example.phone:/oauth2redirect")),
        "{phone}"
    );
    assert_eq!(show("asks")["subject_type"], "pairwise");
    assert_eq!(
        show("fetched")["jwks_uri"],
        "https://fetched.example.com/jwks.json"
    );
    assert_eq!(show("batch")["grant_types"], json!(["client_credentials"]));

    let member = |name: &str| {
        folder.json(&[
            "--config",
            "hallpass.toml",
            "member",
            "show",
            name,
            "--json",
        ])
    };
    assert_eq!(member("pia")[0]["roles"], json!(["editor", "publisher"]));
    assert_eq!(member("arna")[0]["groups"], json!(["/staff/night"]));
    let people = folder.json(&["--config", "hallpass.toml", "user", "list", "--json"]);
    let all = people.as_array().unwrap();
    let of = |name: &str| all.iter().find(|user| user["username"] == name).unwrap();
    assert_eq!(
        of("arna")["subject"],
        "acdad7e2-14dd-42f0-98cc-2fb9a1b44f2a"
    );
    assert_eq!(of("arna")["claims"]["department"], "sales");
    assert_eq!(of("otto")["claims"]["email_verified"], Value::Null);
    let held = [
        "--config",
        "hallpass.toml",
        "user",
        "credential",
        "list",
        "olga",
        "--json",
    ];
    assert!(folder.json(&held).to_string().contains("totp"));
    let held = [
        "--config",
        "hallpass.toml",
        "user",
        "credential",
        "list",
        "link",
        "--json",
    ];
    assert!(folder.json(&held).to_string().contains("corp"), "linked");

    let mut command = folder.hallpass(&["--config", "hallpass.toml", "serve", "--json"]);
    let server = Serving::spawn(&mut command);
    // Argon2, PBKDF2 with either hash, one that is disabled, one whose hash is of no known kind.
    for (name, good) in [
        ("arna", true),
        ("pia", true),
        ("paul", true),
        ("otto", false),
        ("sha", false),
    ] {
        assert_eq!(signs_in(&server, "web", name, PASSWORD), good, "{name}");
        assert!(!signs_in(&server, "web", name, "another"), "{name}");
    }
    let keys = server
        .get("/realms/acme/protocol/openid-connect/certs")
        .body;
    assert!(is_signed_by(&keys, ID_TOKEN), "signed before the move");
    let path = "/realms/acme/protocol/openid-connect/token";
    let kind = "content-type: application/x-www-form-urlencoded\r\n";
    for (secret, status) in [
        ("batch-secret-of-enough-length-123456", 200),
        ("batch-secret", 401),
    ] {
        let form = format!("grant_type=client_credentials&client_id=batch&client_secret={secret}");
        let answer = server.post(path, kind, &form);
        // Its secret goes where it went before: into the header.
        assert_eq!(answer.status, 401, "{}", answer.body);
        let basic = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            format!("batch:{secret}"),
        );
        let head = format!("{kind}authorization: Basic {basic}\r\n");
        let answer = server.post(path, &head, "grant_type=client_credentials");
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

/// One of an identity provider that is configured later comes with the next import.
#[test]
fn what_could_not_come_before_comes_when_the_reason_is_gone() {
    let folder = Folder::new();
    let import = realm_in(&folder).pop().unwrap();
    let first = told(&folder, &import);
    assert_eq!(imported(&first, "clients").2, 2, "{first}");
    let path = folder.0.join("hallpass.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        format!("{settings}\n[protocol.device]\nenabled = true\n"),
    )
    .unwrap();
    let second = told(&folder, &import);
    assert_eq!(imported(&second, "clients"), (1, 10, 1), "{second}");
    let tool = [
        "--config",
        "hallpass.toml",
        "client",
        "show",
        "tool",
        "--json",
    ];
    let grants = folder.json(&tool)["grant_types"].to_string();
    assert!(grants.contains("device_code"), "{grants}");
}

#[test]
fn a_realm_with_odd_members_is_taken_as_far_as_it_can_be_read() {
    let folder = Folder::new();
    let mut realm: Value = serde_json::from_str(REALM).unwrap();
    // A circle of roles, a name that nobody can have, an attribute that would prove an address, a demand that cannot be met.
    realm["roles"]["realm"][0]["composites"] = json!({"realm": ["publisher"]});
    let user = &mut realm["users"][0];
    user["attributes"] =
        json!({"email_verified": ["true"], "sub": ["admin"], "tier": ["a", "b"], "none": []});
    user["emailVerified"] = false.into();
    user["clientRoles"] = json!({"realm-management": ["realm-admin"]});
    for client in realm["clients"].as_array_mut().unwrap() {
        if client["clientId"] == "keyed" {
            client["attributes"]["tls.client.certificate.bound.access.tokens"] = "true".into();
            client["attributes"]["jwks.string"] = "{".into();
        }
        if client["clientId"] == "web" {
            client["attributes"]["dpop.bound.access.tokens"] = "true".into();
            client["attributes"]["logoUri"] = "javascript:alert(1)".into();
        }
    }
    folder.write("acme.json", &realm.to_string());
    folder.write("hallpass.toml", "[dpop]\nenabled = false\n");
    let import = "hallpass --config hallpass.toml import keycloak acme.json";
    let first = told(&folder, import);
    // A client does not come without what it demanded of its tokens.
    assert!(said(&first, "web").contains("cannot have here"), "{first}");
    assert!(said(&first, "keyed").contains("needs its keys"), "{first}");
    let name = realm["users"][0]["username"].as_str().unwrap();
    let all = said(&first, name);
    assert!(
        all.contains("not kept so") && all.contains("administer"),
        "{all}"
    );
    let users = folder.json(&["--config", "hallpass.toml", "user", "list", "--json"]);
    let users = users.as_array().unwrap();
    let claims = &users.iter().find(|user| user["username"] == name).unwrap()["claims"];
    assert_eq!(claims["email_verified"], Value::Null, "{claims}");
    assert_eq!(claims["sub"], Value::Null, "{claims}");
    assert_eq!(claims["tier"], json!(["a", "b"]), "{claims}");
    let operators = ["--config", "hallpass.toml", "operator", "list", "--json"];
    assert_eq!(folder.json(&operators), json!([]), "nobody by an import");
}

#[test]
fn the_clients_that_hydra_listed_come_by_the_guide() {
    let guide = include_str!("../../../../docs/guide/from-hydra.md");
    let folder = Folder::new();
    let commands = lines(guide, "console", "hallpass");
    assert_eq!(commands.len(), 2, "{commands:?}");
    let mut list: Value = serde_json::from_str(HYDRA).unwrap();
    let find = |list: &Value, name: &str| {
        let items = list["items"].as_array().unwrap();
        let at = items
            .iter()
            .position(|client| client["client_name"] == name);
        let at = at.unwrap();
        (at, items[at]["client_id"].as_str().unwrap().to_owned())
    };
    let secrets = [
        ("My shop", "web-secret-that-the-shop-already-has"),
        ("Batch", "virOKo5.o1tutm8xn.4LsjlUi2"),
        ("Hybrid", "YfALYSakSqi0lMf-qrHYnMi8gn"),
    ];
    for (name, secret) in secrets {
        let (at, _) = find(&list, name);
        list["items"][at]["client_secret"] = secret.into();
    }
    let listed = list.clone();
    let id = |name: &str| find(&listed, name).1;
    folder.write("clients.json", &list.to_string());
    let dry = told(&folder, &commands[0]);
    assert_eq!(folder.json(&["client", "list", "--json"]), json!([]));
    let first = told(&folder, &commands[1]);
    assert_eq!(dry["clients"], first["clients"]);
    // Of eight, one has no grant that is switched on, one no address and no secret.
    assert_eq!(imported(&first, "clients"), (6, 0, 2), "{first}");
    for (name, reason) in [
        ("Device", "nothing of what it did"),
        ("Defaults", "cannot have here"),
        ("Hybrid", "a response type is not offered"),
        ("Hybrid", "trust is not imported"),
        ("Hybrid", "means nothing here"),
    ] {
        let all = said(&first, &id(name));
        assert!(all.contains(reason), "{name}: {all}");
    }
    for (_, secret) in secrets {
        assert!(!first.to_string().contains(secret), "{secret}");
    }
    let show = |name: &str| folder.json(&["client", "show", &id(name), "--json"]);
    assert_eq!(show("Phone")["application_type"], "native");
    assert_eq!(show("Loop")["application_type"], "native");
    assert_eq!(show("Batch")["response_types"], json!([]));
    assert_eq!(show("Hybrid")["response_types"], json!(["code"]));
    assert_eq!(show("Hybrid")["skip_consent"], Value::Null);
    assert_eq!(show("My shop")["id_token_signed_response_alg"], "RS256");
    assert_eq!(
        show("Keyed")["token_endpoint_auth_method"],
        "private_key_jwt"
    );
    let second = told(&folder, &commands[1]);
    assert_eq!(imported(&second, "clients"), (0, 6, 2), "{second}");
    // A page of a longer list is not all of them.
    list["is_last_page"] = false.into();
    folder.write("clients.json", &list.to_string());
    let refused = folder.run(&["import", "clients", "clients.json"]);
    assert_eq!(refused.status.code(), Some(1));

    let server = Serving::start(&folder, &[]);
    let batch = server.client_credentials(&id("Batch"), "virOKo5.o1tutm8xn.4LsjlUi2");
    assert_eq!(batch.status, 200, "{}", batch.body);
    let wrong = server.client_credentials(&id("Batch"), "virOKo5.o1tutm8xn.4LsjlUi3");
    assert_eq!(wrong.json()["error"], "invalid_client");
}

/// The keys of another provider come with its clients: published for a while, and no more than their public halves.
#[test]
fn keys_of_before_come_with_the_clients() {
    const KEY: &str = include_str!("../../../hallpass-interop/moved/keyed.jwk.json");
    let folder = Folder::new();
    folder.write("clients.json", "[]");
    folder.write_own("jwks.json", &format!("{{\"keys\":[{KEY}]}}"));
    let import = "hallpass import clients clients.json --jwk-file jwks.json";
    let dry = told(&folder, &format!("{import} --dry-run"));
    let first = told(&folder, import);
    assert_eq!(imported(&dry, "keys"), (1, 0, 0), "{dry}");
    assert_eq!(imported(&first, "keys"), (1, 0, 0), "{first}");
    assert_eq!(imported(&told(&folder, import), "keys"), (0, 1, 0));
    let private: Value = serde_json::from_str(KEY).unwrap();
    let private = private["d"].as_str().unwrap();
    assert!(!first.to_string().contains(private));
    let server = Serving::start(&folder, &[]);
    let keys = server.get("/jwks");
    assert!(!keys.body.contains(private));
    let keys = keys.json();
    let mut keys = keys["keys"].as_array().unwrap().iter();
    assert!(
        keys.any(
            |key| key["kid"] == "k1" && key["x"] == "2A0e-5xM7qFyuF91B0tf-HdsV-YXancy8dkp8p30hqQ"
        )
    );
    server.stop();
    // A public key alone signs nothing and is no key of before.
    folder.write("jwks.json", &KEY.replace("\"d\"", "\"e\""));
    let refused = folder.run(&[
        "import",
        "clients",
        "clients.json",
        "--jwk-file",
        "jwks.json",
    ]);
    assert_eq!(refused.status.code(), Some(1));
}
