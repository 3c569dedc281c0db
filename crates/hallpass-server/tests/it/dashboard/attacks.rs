//! What is tried against administration, at its interface and at its pages.

use hallpass_admin::v1::OPERATIONS;
use serde_json::{Value, json};

use super::{
    Desk,
    operators::{console, granted, token},
    person::{Person, hidden},
};
use crate::process::Answer;

fn ask(desk: &Desk, token: &str, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let bearer = if token.is_empty() {
        String::new()
    } else {
        format!("authorization: Bearer {token}\r\n")
    };
    let head =
        format!("{method} /admin/v1{path} HTTP/1.1\r\n{bearer}content-type: application/json\r\n");
    desk.server.send(&head, &body)
}

// AD-01: every operation, for everybody who shows something else than a token for it
#[test]
fn no_operation_is_there_for_a_token_that_was_given_for_something_else() {
    let desk = Desk::open(
        "dashboard.strong_sign_in = false\nprotocol.resources = [{ identifier = 'https://rs1.test', token_format = 'sealed' }]",
    );
    console(&desk);
    let ordinary = granted(&desk, "owner", "openid", "");
    let elsewhere = granted(&desk, "owner", "openid", "https%3A%2F%2Frs1.test");
    // Another tenant has no clients for administration and gives no token for it.
    let admin = token(&desk, "owner");
    let robot = |scope: &str| {
        json!({"client_id": format!("robot{}", scope.len()), "metadata": {
            "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_post", "scope": scope,
        }})
    };
    let apps = "/projects/acme/clients";
    let refused = ask(&desk, &admin, "POST", apps, &robot("hallpass:admin"));
    assert_eq!(refused.status, 422, "{}", refused.body);
    let mut made = robot("");
    made["metadata"].as_object_mut().unwrap().remove("scope");
    let made = ask(&desk, &admin, "POST", apps, &made);
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    let secret = made["client_secret"].as_str().unwrap();
    let issuer = desk.server.said["issuer"].as_str().unwrap();
    let of_acme = |more: &str| {
        let form =
            format!("grant_type=client_credentials&client_id=robot0&client_secret={secret}{more}");
        let head = "content-type: application/x-www-form-urlencoded\r\n";
        desk.server.post("/p/acme/token", head, &form)
    };
    for at in [
        format!("{issuer}/admin/v1"),
        format!("{issuer}/p/acme/admin/v1"),
    ] {
        let refused = of_acme(&format!("&scope=hallpass:admin&resource={at}"));
        assert_eq!(refused.status, 400, "{at}: {}", refused.body);
    }
    let acme = of_acme("");
    assert_eq!(acme.status, 200, "{}", acme.body);
    let acme = acme.json();
    let text = |of: &Value, name: &str| of[name].as_str().unwrap().to_owned();
    let shown = [
        ("nothing", String::new()),
        ("an ID token", text(&ordinary, "id_token")),
        (
            "a token of an ordinary request",
            text(&ordinary, "access_token"),
        ),
        ("a token for another API", text(&elsewhere, "access_token")),
        ("a token of another tenant", text(&acme, "access_token")),
        (
            "half a token",
            token(&desk, "owner").split_at(40).0.to_owned(),
        ),
    ];
    let mut seen = 0;
    for operation in OPERATIONS {
        let path = operation.info.path.replace("{project}", "acme");
        let path = path.replace(['{', '}'], "");
        let method = operation.info.method.as_str();
        for (what, token) in &shown {
            let body = if method == "GET" || method == "DELETE" {
                Value::Null
            } else {
                json!({})
            };
            let answer = ask(&desk, token, method, &path, &body);
            assert_eq!(answer.status, 401, "{method} {path}: {what}");
            assert!(answer.body.len() < 400, "{method} {path}: {}", answer.body);
            seen += 1;
        }
    }
    assert!(seen > 300, "{seen}");
}

// AD-05
#[test]
fn nobody_writes_what_the_server_alone_says_of_people_and_applications() {
    let desk = Desk::simple();
    console(&desk);
    let token = token(&desk, "owner");
    let people = "/projects/acme/users";
    let made = ask(
        &desk,
        &token,
        "POST",
        people,
        &json!({"username": "ann", "claims": {"email": "ann@example.org"}}),
    );
    assert_eq!(made.status, 201, "{}", made.body);
    let ann = format!("{people}/{}", made.json()["subject"].as_str().unwrap());
    let apps = "/projects/acme/clients";
    let app = json!({"client_id": "app", "metadata": {
        "redirect_uris": ["https://app.test/cb"], "token_endpoint_auth_method": "none",
    }});
    assert_eq!(ask(&desk, &token, "POST", apps, &app).status, 201);
    let app = format!("{apps}/app");
    let get = |path: &str| ask(&desk, &token, "GET", path, &Value::Null).body;
    let before = [get(&ann), get(&app)];
    for member in [
        "id",
        "sub",
        "subject",
        "tenant",
        "issuer",
        "project",
        "owner",
        "password",
        "password_hash",
        "created_at",
        "updated_at",
        "is_admin",
        "role",
        "roles",
        "email_verified",
        "revision",
        "epoch",
        "link",
        "user_id",
        "client_id",
        "client_secret",
        "secret_hash",
        "origin",
        "has_secret",
    ] {
        for value in [json!("x"), json!(true), json!({"user": "x"})] {
            for path in [&ann, &app] {
                let answer = ask(&desk, &token, "PATCH", path, &json!({ member: value }));
                assert!(
                    matches!(answer.status, 400 | 422),
                    "{path} {member}: {}",
                    answer.body
                );
            }
        }
    }
    for claim in [
        "sub",
        "iss",
        "aud",
        "exp",
        "acr",
        "amr",
        "auth_time",
        "sid",
        "nonce",
        "azp",
    ] {
        let answer = ask(
            &desk,
            &token,
            "PATCH",
            &ann,
            &json!({"claims": {claim: "x"}}),
        );
        assert_eq!(answer.status, 422, "{claim}: {}", answer.body);
    }
    for member in [
        "client_secret",
        "client_secret_hash",
        "origin",
        "created_at",
        "owner",
        "registration_access_token",
    ] {
        let metadata = json!({"metadata": {member: "x"}});
        let answer = ask(&desk, &token, "PATCH", &app, &metadata);
        assert!(
            matches!(answer.status, 400 | 422),
            "{member}: {}",
            answer.body
        );
    }
    assert_eq!([get(&ann), get(&app)], before);

    // A form with more fields than its page has changes no more than its page does.
    let operators = desk.command(&["operator", "list"]);
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    let page = format!(
        "/dashboard/p/acme/users/{}",
        ann.rsplit('/').next().unwrap()
    );
    let revision = hidden(&admin.get(&desk.server, &page).body, "revision");
    let mut form = vec![
        ("do", "profile"),
        ("revision", revision.as_str()),
        ("username", "ann"),
        ("claim.email", "ann@example.org"),
    ];
    for name in [
        "id",
        "sub",
        "subject",
        "issuer",
        "is_admin",
        "password_hash",
        "created_at",
        "claim.sub",
        "claim.email_verified",
        "email_verified",
        "role.owner",
        "roles",
        "operator",
    ] {
        form.push((name, "yes"));
    }
    let sent = admin.send_form(&desk.server, &page, &page, &form);
    assert_eq!(sent.status, 303, "{}", sent.body);
    let (old, new): (Value, Value) = (
        serde_json::from_str(&before[0]).unwrap(),
        serde_json::from_str(&get(&ann)).unwrap(),
    );
    for member in [
        "subject",
        "username",
        "claims",
        "created_at",
        "memberships",
        "has_password",
    ] {
        assert_eq!(old["user"][member], new["user"][member], "{member}");
        assert_eq!(old[member], new[member], "{member}");
    }
    assert_eq!(desk.command(&["operator", "list"]), operators);
}

// AD-13
#[test]
fn what_operators_write_is_text_wherever_it_is_shown_and_ends_no_line_of_a_header() {
    let desk = Desk::simple();
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    let project = "/dashboard/p/acme/project";
    let mut set = |settings: &Value| {
        let revision = hidden(&admin.get(&desk.server, project).body, "revision");
        let raw = settings.to_string();
        let form = [
            ("do", "raw"),
            ("revision", revision.as_str()),
            ("settings", raw.as_str()),
        ];
        admin
            .send_form(&desk.server, project, project, &form)
            .status
    };
    // Lines of headers and mails, styles, addresses that run.
    for refused in [
        json!({"pages": {"name": "Shop\r\nSet-Cookie: a=b"}}),
        json!({"pages": {"name": "Shop\nBcc: x@evil.example"}}),
        json!({"pages": {"colors": {"accent": "red;} body {background:url(https://evil.example)"}}}),
        json!({"pages": {"font": "x; } * { color: red"}}),
        json!({"pages": {"font": "</style><script>alert(1)</script>"}}),
        json!({"pages": {"logo": "javascript:alert(1)"}}),
        json!({"pages": {"logo": "https://evil.example/logo.svg"}}),
        json!({"mail": {"from": "x@evil.example"}}),
    ] {
        assert_eq!(set(&refused), 422, "{refused}");
    }
    let name = "${env.HOME} {{7*7}} <script>alert(1)</script>";
    assert_eq!(set(&json!({"pages": {"name": name}})), 303);
    let since = std::time::Instant::now();
    loop {
        let mut person = Person::default();
        let asked = person.get(&desk.server, "/p/acme/account");
        let at = super::person::location(&desk.server, &asked);
        let shown = person.get(&desk.server, &at);
        assert!(!shown.body.contains("<script>alert"), "{}", shown.body);
        assert!(!shown.head.contains("env.HOME"), "{}", shown.head);
        if shown.body.contains("${env.HOME} {{7*7}} &lt;script&gt;") {
            break;
        }
        assert!(since.elapsed().as_secs() < 10, "{}", shown.body);
    }
    // Neither do what applications say of themselves.
    console(&desk);
    let token = token(&desk, "owner");
    for (member, value) in [
        ("client_uri", "javascript:alert(1)"),
        ("logo_uri", "data:text/html,<script>alert(1)</script>"),
        ("policy_uri", "javascript:alert(1)"),
        ("tos_uri", "vbscript:x"),
        ("initiate_login_uri", "javascript:alert(1)"),
        ("post_logout_redirect_uris", "javascript:alert(1)"),
    ] {
        let value = if member.ends_with('s') {
            json!([value])
        } else {
            json!(value)
        };
        let body = json!({"metadata": {
            "redirect_uris": ["https://app.test/cb"], "token_endpoint_auth_method": "none", member: value,
        }});
        let answer = ask(&desk, &token, "POST", "/projects/acme/clients", &body);
        assert_eq!(answer.status, 422, "{member}: {}", answer.body);
    }
    // AD-21: a key that is too short is none.
    let short = json!({"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "e": "AQAB",
        "n": hallpass_jose::base64url::encode([0xff; 128])}]});
    let body = json!({"metadata": {
        "redirect_uris": ["https://app.test/cb"], "token_endpoint_auth_method": "private_key_jwt", "jwks": short,
    }});
    let answer = ask(&desk, &token, "POST", "/projects/acme/clients", &body);
    assert_eq!(answer.status, 422, "{}", answer.body);
}
