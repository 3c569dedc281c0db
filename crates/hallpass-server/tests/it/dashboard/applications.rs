//! Applications by the pages.

use serde_json::Value;

use super::{
    Desk, error,
    person::{Person, hidden, location},
};

// The public key of RFC 7515 appendix A.3, and another one of appendix A.2's kind from RFC 7517 appendix A.1.
const KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const OTHER: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;

const NEW: &str = "/dashboard/p/acme/applications/new";

/// Adds an application: its identifier, and the answer.
fn add(desk: &Desk, owner: &mut Person, form: &[(&str, &str)]) -> (String, crate::process::Answer) {
    let page = owner.get(&desk.server, NEW).body;
    let (sealed, id) = (hidden(&page, "form"), hidden(&page, "client_id"));
    let all = [
        &[("form", sealed.as_str()), ("client_id", id.as_str())],
        form,
    ]
    .concat();
    (id.clone(), owner.post(&desk.server, NEW, &all))
}

fn shown(desk: &Desk, id: &str) -> Value {
    desk.command(&["--issuer", "acme", "client", "show", "--", id])
}

const SHOP: &[(&str, &str)] = &[
    ("authentication", "public"),
    ("name", "Corner Shop"),
    (
        "redirect_uris",
        "https://shop.example/cb\r\nhttp://localhost:3000/cb",
    ),
    ("scope.openid", "yes"),
    ("scope.email", "yes"),
];

// L7, S10
#[test]
fn l07_an_application_is_added_with_its_addresses_and_scopes_and_can_be_used_at_once() {
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "acme-owner");
    // A scope of the project's own is there to be chosen, and one that is nobody's is not taken.
    let scopes = "/dashboard/p/acme/scopes";
    let revision = hidden(&owner.get(&desk.server, scopes).body, "revision");
    let scope = [
        ("do", "scope"),
        ("revision", revision.as_str()),
        ("name", "orders:read"),
        ("title", "Your orders"),
        ("description", "See what you have ordered"),
    ];
    let made = owner.send_form(&desk.server, scopes, scopes, &scope);
    assert_eq!(made.status, 303, "{}", made.body);
    let since = std::time::Instant::now();
    while !owner
        .get(&desk.server, NEW)
        .body
        .contains("name=\"scope.orders:read\"")
    {
        assert!(since.elapsed() < std::time::Duration::from_secs(10));
    }
    let nobodys = [SHOP, &[("scope.nobodys", "yes")]].concat();
    assert_eq!(add(&desk, &mut owner, &nobodys).1.status, 422);
    let own = [SHOP, &[("scope.orders:read", "yes")]].concat();
    let (id, answer) = add(&desk, &mut owner, &own);
    assert_eq!(id.len(), 22, "128 bits in base64url");
    assert_eq!(
        location(&desk.server, &answer),
        format!(
            "/dashboard/p/acme/applications/{}?done=created",
            encoded(&id)
        )
    );
    let page = owner
        .get(&desk.server, &location(&desk.server, &answer))
        .body;
    for part in [
        "Corner Shop",
        &id,
        "https:&#x2f;&#x2f;shop.example&#x2f;cb",
        "http:&#x2f;&#x2f;localhost:3000&#x2f;cb",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let client = shown(&desk, &id);
    let metadata = &client;
    assert_eq!(metadata["scope"], "email openid orders:read", "{client}");
    let ask = format!(
        "/p/acme/authorize?response_type=code&client_id={id}&redirect_uri=https://shop.example/cb&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
    let started = Person::default().get(&desk.server, &ask);
    assert_eq!(started.status, 303, "{}", started.body);
    // S10: what is switched off is unknown with the next request.
    let path = format!("/dashboard/p/acme/applications/{id}");
    let revision = hidden(&owner.get(&desk.server, &path).body, "revision");
    let off = [("do", "disable"), ("revision", revision.as_str())];
    let answer = owner.send_form(&desk.server, &path, &path, &off);
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(Person::default().get(&desk.server, &ask).status, 400);
}

fn encoded(id: &str) -> String {
    id.replace('-', "%2D").replace('_', "%5F")
}

// L8
#[test]
fn l08_an_address_that_cannot_be_is_refused_and_nothing_that_was_typed_is_lost() {
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "acme-owner");
    for uri in [
        "http://shop.example/cb",
        "https://shop.example/cb#x",
        "nonsense",
        "javascript:alert(1)",
        "com.example.app:/cb",
    ] {
        let form = [
            ("authentication", "public"),
            ("name", "Corner Shop"),
            ("redirect_uris", uri),
            ("scope.openid", "yes"),
        ];
        let (id, answer) = add(&desk, &mut owner, &form);
        assert_eq!(answer.status, 422, "{uri}: {}", answer.body);
        assert!(
            answer.body.contains("id=\"form-error\"") && answer.body.contains("Redirect URIs"),
            "{uri}: {}",
            answer.body
        );
        assert!(
            answer.body.contains("value=\"Corner Shop\"") && answer.body.contains(&id),
            "{uri}"
        );
    }
    for form in [
        &[("name", "Corner Shop")][..],
        &[("redirect_uris", "https://shop.example/cb")],
    ] {
        let (_, answer) = add(&desk, &mut owner, form);
        assert_eq!(answer.status, 422);
    }
    let listed = owner
        .get(&desk.server, "/dashboard/p/acme/applications")
        .body;
    assert!(listed.contains("id=\"no-applications\""));
}

// L9
#[test]
fn l09_without_a_key_it_is_public_and_with_one_it_signs() {
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "acme-owner");
    let (public, _) = add(&desk, &mut owner, SHOP);
    assert_eq!(shown(&desk, &public)["token_endpoint_auth_method"], "none");
    let signs = [
        &[("jwk", KEY)],
        SHOP.split_first().unwrap().1,
        &[("authentication", "key")],
    ]
    .concat();
    let (id, answer) = add(&desk, &mut owner, &signs);
    assert_eq!(answer.status, 303, "{}", answer.body);
    let client = shown(&desk, &id);
    assert_eq!(client["token_endpoint_auth_method"], "private_key_jwt");
    assert_eq!(client["jwks"]["keys"][0]["crv"], "P-256");
    // With no key at all nothing is made.
    let without = [SHOP.split_first().unwrap().1, &[("authentication", "key")]].concat();
    let (_, answer) = add(&desk, &mut owner, &without);
    assert_eq!(answer.status, 422);
}

// AD-21, L10
#[test]
fn a_private_key_that_somebody_pastes_is_refused_and_not_shown_again_in_a_hidden_place() {
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "acme-owner");
    let private = KEY.replace(
        '}',
        r#","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#,
    );
    let form = [
        SHOP.split_first().unwrap().1,
        &[("authentication", "key"), ("jwk", private.as_str())],
    ]
    .concat();
    let (_, answer) = add(&desk, &mut owner, &form);
    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("private key"));
    assert!(!answer.body.contains("jpsQnnGQmL"));
}

// L12
#[test]
fn l12_keys_are_added_and_removed_and_the_last_one_stays() {
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "acme-owner");
    let form = [
        SHOP.split_first().unwrap().1,
        &[("authentication", "key"), ("jwk", KEY)],
    ]
    .concat();
    let (id, _) = add(&desk, &mut owner, &form);
    let path = format!("/dashboard/p/acme/applications/{id}");
    let mut act = |form: &[(&str, &str)]| {
        let revision = hidden(&owner.get(&desk.server, &path).body, "revision");
        let form = [&[("revision", revision.as_str())], form].concat();
        owner.send_form(&desk.server, &path, &path, &form)
    };
    let twice = act(&[("do", "add_key"), ("jwk", KEY)]);
    assert_eq!(twice.status, 422, "{}", twice.body);
    let added = act(&[("do", "add_key"), ("public_key", OTHER)]);
    assert_eq!(added.status, 303, "{}", added.body);
    let keys = |client: &Value| -> Vec<String> {
        let keys = client["jwks"]["keys"].as_array().unwrap();
        keys.iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    };
    let both = keys(&shown(&desk, &id));
    assert_eq!(both.len(), 2);
    let removed = act(&[("do", "remove_key"), ("kid", &both[0])]);
    assert_eq!(removed.status, 303, "{}", removed.body);
    assert_eq!(keys(&shown(&desk, &id)), [both[1].clone()]);
    let last = act(&[("do", "remove_key"), ("kid", &both[1])]);
    assert_eq!((last.status, keys(&shown(&desk, &id)).len()), (422, 1));
    let unknown = act(&[("do", "remove_key"), ("kid", "no-such")]);
    assert_eq!(error(&unknown.body), Some("not_found"));
}

#[test]
fn a_secret_is_shown_once_and_the_same_form_makes_no_second_application() {
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "acme-owner");
    let page = owner.get(&desk.server, NEW).body;
    let (sealed, id) = (hidden(&page, "form"), hidden(&page, "client_id"));
    let form = [
        &[("form", sealed.as_str()), ("client_id", id.as_str())],
        SHOP.split_first().unwrap().1,
        &[("authentication", "secret")],
    ]
    .concat();
    let first = owner.post(&desk.server, NEW, &form);
    assert_eq!(first.status, 200);
    let secret = first
        .body
        .split_once("id=\"client-secret\">")
        .unwrap()
        .1
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    assert!(secret.len() >= 32, "{secret}");
    let again = owner.post(&desk.server, NEW, &form);
    assert_eq!(again.status, 303);
    let path = format!("/dashboard/p/acme/applications/{id}");
    let shown = owner.get(&desk.server, &path).body;
    assert!(!shown.contains(&secret) && shown.contains("id=\"new-secret\""));
    let listed = owner
        .get(&desk.server, "/dashboard/p/acme/applications")
        .body;
    assert_eq!(listed.matches("data-client=").count(), 1);
    // A reload of the page with a new secret makes no third one.
    let revision = hidden(&shown, "revision");
    let form = [("do", "secret"), ("revision", revision.as_str())];
    assert_eq!(
        owner.send_form(&desk.server, &path, &path, &form).status,
        200
    );
    assert_eq!(
        owner.send_form(&desk.server, &path, &path, &form).status,
        412
    );
}

// AD-22, AD-17
#[test]
fn of_two_who_edit_the_second_is_told_and_every_change_is_one_line_of_the_log() {
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "acme-owner");
    let mut other = Person::operator(&desk.server, "acme-administrator");
    let (id, _) = add(&desk, &mut owner, SHOP);
    let edit = format!("/dashboard/p/acme/applications/{id}/edit");
    let revision = hidden(&other.get(&desk.server, &edit).body, "revision");
    let form = |uri: &'static str| {
        [
            ("name", "Corner\u{1b}[31m <b>Shop</b>"),
            ("redirect_uris", uri),
            ("scope.openid", "yes"),
        ]
    };
    let with = |revision: &str, uri| {
        [&[("revision", revision)], &form(uri)[..]]
            .concat()
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect::<Vec<_>>()
    };
    let mine = with(&revision, "https://shop.example/new");
    let mine: Vec<(&str, &str)> = mine.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(
        owner.send_form(&desk.server, &edit, &edit, &mine).status,
        303
    );
    let theirs = with(&revision, "https://shop.example/theirs");
    let theirs: Vec<(&str, &str)> = theirs
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let late = other.send_form(&desk.server, &edit, &edit, &theirs);
    assert_eq!(late.status, 412);
    assert!(
        late.body.contains("theirs"),
        "what was typed is still there"
    );
    let shown = shown(&desk, &id);
    assert_eq!(
        shown["redirect_uris"],
        serde_json::json!(["https://shop.example/new"])
    );
    let log = owner
        .get(&desk.server, "/dashboard/p/acme/audit?action=clients.")
        .body;
    assert_eq!(log.matches("data-line=").count(), 2, "{log}");
    let page = owner
        .get(
            &desk.server,
            &format!("/dashboard/p/acme/applications/{id}"),
        )
        .body;
    assert!(!page.contains("<b>Shop"), "names are text");
    let verified = owner
        .get(&desk.server, "/dashboard/p/acme/audit?verify=yes")
        .body;
    assert!(verified.contains("id=\"intact\""));
}

// L4
#[test]
fn l04_the_settings_are_what_discovery_says() {
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "acme-read_only");
    let page = owner
        .get(&desk.server, "/dashboard/p/acme/settings")
        .body
        .replace("&#x2f;", "/");
    let document = desk
        .server
        .get("/p/acme/.well-known/openid-configuration")
        .json();
    let mut count = 0;
    for (member, value) in document.as_object().unwrap() {
        let is_address =
            member.ends_with("_endpoint") || member == "jwks_uri" || member == "issuer";
        if !is_address {
            continue;
        }
        let text = format!("id=\"{member}\">{}</code>", value.as_str().unwrap());
        assert!(page.contains(&text), "{text}\n{page}");
        assert!(
            page.contains(&format!("data-copy=\"{member}\"")),
            "{member}"
        );
        count += 1;
    }
    assert!(count >= 7, "{count}");
}

// AD-11
#[test]
fn what_no_page_has_given_out_is_refused_in_lists() {
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "owner");
    for path in [
        "",
        "/p/acme/applications",
        "/p/acme/users",
        "/p/acme/audit",
        "/p/acme/operators",
    ] {
        for cursor in ["*", "%00", "_w", "AAAA%20"] {
            let answer = owner.get(&desk.server, &format!("/dashboard{path}?cursor={cursor}"));
            assert!(
                answer.status == 400 || answer.status == 200,
                "{path} {cursor}: {}",
                answer.status
            );
            assert!(answer.body.contains("</html>"));
        }
        let long = "%25".repeat(2000);
        let answer = owner.get(&desk.server, &format!("/dashboard{path}?q={long}"));
        assert_eq!(answer.status, 200, "{path}");
    }
}

// RG-11: what operators have set of an application that registered itself, and how it gets that back
#[test]
fn what_operators_have_set_is_shown_and_given_back() {
    let desk = Desk::open("dashboard.strong_sign_in = false\ndanger.open_registration = true");
    let head = "POST /register HTTP/1.1\r\ncontent-type: application/json\r\n";
    let metadata = r#"{"redirect_uris":["https://new.example/cb"]}"#;
    let made = desk.server.send(head, metadata);
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.json()["client_id"].as_str().unwrap().to_owned();
    let path = format!("/dashboard/p/default/applications/{id}");
    let mut owner = Person::operator(&desk.server, "owner");
    let page = owner.get(&desk.server, &path).body;
    assert!(!page.contains("id=\"decided\""), "{page}");
    let revision = hidden(&page, "revision");
    let key = [
        ("do", "add_key"),
        ("revision", revision.as_str()),
        ("public_key", KEY),
    ];
    let answer = owner.send_form(&desk.server, &path, &path, &key);
    assert_eq!(answer.status, 303, "{}", answer.body);
    let page = owner.get(&desk.server, &path).body;
    let member =
        |page: &str, name: &str| page.contains(&format!("name=\"member\" value=\"{name}\""));
    assert!(member(&page, "jwks") && member(&page, "token_endpoint_auth_method"));
    let revision = hidden(&page, "revision");
    let back = [
        ("do", "give_back"),
        ("revision", revision.as_str()),
        ("member", "jwks"),
    ];
    let answer = owner.send_form(&desk.server, &path, &path, &back);
    assert_eq!(answer.status, 303, "{}", answer.body);
    let page = owner.get(&desk.server, &path).body;
    assert!(!member(&page, "jwks") && member(&page, "token_endpoint_auth_method"));
}
