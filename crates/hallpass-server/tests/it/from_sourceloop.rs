//! The guide from SourceLoop, followed from variables and a dump in the form of its sandbox, with values of our own: what an application
//! did there it does here.

use hallpass_jose::base64url;
use serde_json::{Value, json};

use crate::dashboard::person::{PASSWORD, Person};
use crate::guides::follow;
use crate::moving::is_signed_by;
use crate::process::{Answer, Folder, Serving};

const VARIABLES: &str = include_str!("recorded/sourceloop.env");
const DUMP: &str = include_str!("recorded/sourceloop.sql");
/// Signed with the key of the variables.
const ID_TOKEN: &str = include_str!("recorded/sourceloop.id_token");
const ISSUER: &str = "https://login.example.com";
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// The guide from top to bottom; answers the server with the configuration that it made.
fn moved(folder: &Folder) -> Serving {
    folder.write(".env", VARIABLES);
    folder.write("dump.sql", DUMP);
    let guide = include_str!("../../../../docs/guide/from-sourceloop.md");
    assert_eq!(follow(folder, guide), 4);
    // The alias of the guide is one that the made configuration can have.
    let made = folder.0.join("moved/hallpass.toml");
    let mut text = std::fs::read_to_string(&made).unwrap();
    text.push_str("\n[routes.aliases]\n\"/connect/userinfo\" = \"userinfo\"\n");
    std::fs::write(&made, text).unwrap();
    let mut command = folder.hallpass(&["--config", "moved/hallpass.toml", "serve", "--json"]);
    Serving::spawn(&mut command)
}

fn target(answer: &Answer) -> &str {
    let mut lines = answer.head.lines();
    let found = lines.find_map(|line| line.strip_prefix("location: "));
    found.unwrap_or_else(|| panic!("{}{}", answer.head, answer.body))
}

/// A code for the application, by a person who signs in and allows everything. No challenge is sent, as none was there.
fn code(server: &Serving, client: &str, redirect_uri: &str, name: &str) -> String {
    let mut person = Person::default();
    let query = format!(
        "/auth?client_id={client}&response_type=code&scope=openid&nonce=n&redirect_uri={redirect_uri}"
    );
    let mut answer = person.get(server, &query);
    for form in [
        &[("username", name), ("password", PASSWORD)][..],
        &[("decision", "allow")],
    ] {
        // Nobody is asked twice.
        let Some(page) = target(&answer).strip_prefix(ISSUER) else {
            break;
        };
        let page = page.to_owned();
        assert_eq!(person.get(server, &page).status, 200, "{page}");
        answer = person.post(server, &page, form);
    }
    let (place, query) = target(&answer).split_once('?').unwrap();
    assert_eq!(place, redirect_uri);
    let code = query.split('&').find_map(|pair| pair.strip_prefix("code="));
    code.unwrap().to_owned()
}

/// The application redeems it.
fn redeem(server: &Serving, code: &str, redirect_uri: &str, head: &str, more: &str) -> Answer {
    let body =
        format!("grant_type=authorization_code&code={code}&redirect_uri={redirect_uri}{more}");
    server.post("/token", &format!("{FORM}{head}"), &body)
}

fn part(token: &Value, part: usize) -> Value {
    let part = token.as_str().unwrap().split('.').nth(part).unwrap();
    serde_json::from_slice(&base64url::decode(part).unwrap()).unwrap()
}

fn basic(pair: &str) -> String {
    let text = base64url::encode(pair).replace('-', "+").replace('_', "/");
    let padding = "=".repeat(text.len().wrapping_neg() % 4);
    format!("authorization: Basic {text}{padding}\r\n")
}

#[test]
fn the_guide_from_sourceloop_works_as_it_is_written() {
    let folder = Folder::new();
    let server = moved(&folder);
    for path in ["/me", "/connect/userinfo", "/userinfo"] {
        assert_eq!(server.get(path).status, 401, "{path}");
    }
    assert_eq!(server.get("/connect/get-keys").status, 404);

    // The application that sends its secret in the form, for which the guide's command says so.
    let uri = "https://shop.example.com/callback";
    let in_form = "&client_id=shop&client_secret=secret-of-the-shop";
    let answer = redeem(
        &server,
        &code(&server, "shop", uri, "ada"),
        uri,
        "",
        in_form,
    );
    assert_eq!(answer.status, 200, "{}", answer.body);
    let tokens = answer.json();
    assert_eq!(part(&tokens["id_token"], 0)["alg"], "RS256");
    let told = part(&tokens["id_token"], 1);
    for (name, value) in [
        ("sub", "ada"),
        ("firstName", "Ada"),
        ("lastName", "Miller"),
        ("email", "ada@example.com"),
        ("nonce", "n"),
        ("iss", ISSUER),
        ("aud", "shop"),
    ] {
        assert_eq!(told[name], value, "{told}");
    }
    for name in ["given_name", "birthdate", "gender", "phone_number"] {
        assert_eq!(told[name], Value::Null, "not in OIDC_CLAIMS_PROFILE");
    }
    let bearer = format!(
        "authorization: Bearer {}\r\n",
        tokens["access_token"].as_str().unwrap()
    );
    let me = server
        .send(&format!("GET /me HTTP/1.1\r\n{bearer}"), "")
        .json();
    assert_eq!(
        me,
        json!({"sub": "ada", "firstName": "Ada", "lastName": "Miller", "email": "ada@example.com"})
    );

    // Another one sends it in the header, as is the default, and has two addresses.
    let uri = "https://portal.example.com/b";
    let header = basic("portal:secret-of-the-portal");
    let answer = redeem(
        &server,
        &code(&server, "portal", uri, "ben"),
        uri,
        &header,
        "",
    );
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = part(&answer.json()["id_token"], 1);
    assert_eq!(
        (&told["sub"], &told["firstName"]),
        (&json!("ben"), &json!("Ben"))
    );
    assert_eq!(told["email"], Value::Null, "he has none");

    // Each works in its own way alone, and with its own secret.
    let uri = "https://shop.example.com/callback";
    for (head, more) in [
        (basic("shop:secret-of-the-shop"), ""),
        (
            String::new(),
            "&client_id=shop&client_secret=secret-of-the-portal",
        ),
    ] {
        let code = code(&server, "shop", uri, "ada");
        let answer = redeem(&server, &code, uri, &head, more);
        assert_eq!(answer.json()["error"], "invalid_client", "{}", answer.body);
    }
    // What the old key signed is still known.
    assert!(is_signed_by(&server.get("/jwks").body, ID_TOKEN.trim()));
    server.stop();
}

#[test]
fn a_client_that_is_not_there_cannot_send_its_secret_in_the_form() {
    let folder = Folder::new();
    folder.write("dump.sql", DUMP);
    let import = [
        "import",
        "sourceloop",
        "--dump",
        "dump.sql",
        "--secret-in-form",
        "shpo",
    ];
    let output = folder.run(&import);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no client \"shpo\""), "{said}");
    assert_eq!(folder.json(&["client", "list", "--json"]), json!([]));
}
