//! Signed answers (JARM), answers by script, and logins that a third party starts.

use hallpass_core::authorize::ResponseType;
use hallpass_jose::{JwsAlgorithm, UnverifiedJws};
use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Setup, Tokens, fixture, html, wire};
use serde_json::{Value, json};

use crate::front_channel::{CB, SECRET, TYPES, redeem, request, seed};

async fn started() -> (Op, Browser) {
    let op = Setup::default()
        .policy(|policy| {
            policy.response_types = ResponseType::ALL.to_vec();
            policy.jarm = true;
            policy.web_message = true;
            policy.signing_algs.push(JwsAlgorithm::PS256);
        })
        .client(seed("hyb", json!({})))
        .client(seed(
            "ps",
            json!({"authorization_signed_response_alg": "PS256"}),
        ))
        .client(seed("only", json!({"response_modes": ["jwt"]})))
        .client(seed(
            "start",
            json!({"initiate_login_uri": "https://hyb.test/start"}),
        ))
        .start()
        .await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    (op, browser)
}

/// The JWT of a signed answer, and the mark before it: `?`, `#`, or nothing for a form.
#[track_caller]
fn signed(answer: &Answer) -> (Option<char>, String) {
    if answer.status == 200 {
        let page = answer.text();
        let forms = html::forms(&page);
        assert_eq!((forms.len(), forms[0].action.as_str()), (1, CB));
        for other in ["code", "state", "iss", "error", "id_token"] {
            assert_eq!(forms[0].field(other), None, "{other} stands beside the JWT");
        }
        return (None, forms[0].field("response").unwrap().to_owned());
    }
    let rest = answer.location().strip_prefix(CB).unwrap();
    let mark = rest.chars().next();
    let (name, jwt) = rest[1..].split_once('=').unwrap();
    assert_eq!(name, "response", "{rest}");
    assert!(!jwt.contains('&'), "{rest}");
    (mark, jwt.to_owned())
}

/// The claims, verified as a client would.
#[track_caller]
fn opened(op: &Op, client: &str, jwt: &str) -> Value {
    let keys = op.provider.signing_keys();
    let jws = UnverifiedJws::parse(jwt).unwrap();
    let algorithm = jws.algorithm();
    let expected = if client == "ps" {
        JwsAlgorithm::PS256
    } else {
        JwsAlgorithm::ES256
    };
    assert_eq!(algorithm, expected);
    let verified = jws.verify(&[algorithm], keys.public()).expect("it is ours");
    let claims = Value::Object(verified.claims().unwrap().into_map());
    assert_eq!(claims["iss"], fixture::ISSUER);
    assert_eq!(claims["aud"], client);
    let lives = claims["exp"].as_i64().unwrap() - op.clock.seconds();
    assert!((1..=600).contains(&lives), "{lives}");
    claims
}

// AZ-29, TK-12
#[tokio::test]
async fn a_signed_answer_holds_everything_and_nothing_stands_beside_it() {
    let (op, mut browser) = started().await;
    for client in ["hyb", "ps"] {
        for (response_type, mode, mark) in [
            ("code", "jwt", Some('?')),
            ("code", "query.jwt", Some('?')),
            ("code", "fragment.jwt", Some('#')),
            ("code", "form_post.jwt", None),
            ("none", "jwt", Some('?')),
            ("code id_token", "jwt", Some('#')),
            ("code id_token", "fragment.jwt", Some('#')),
            ("id_token token", "form_post.jwt", None),
            ("code id_token token", "jwt", Some('#')),
        ] {
            let asked = request(client, response_type, "openid").with("response_mode", mode);
            let (at, jwt) = signed(&browser.send(asked.get()).await);
            assert_eq!(at, mark, "{response_type} {mode}");
            let claims = opened(&op, client, &jwt);
            assert_eq!(claims["state"], "the-state");
            let has = |word: &str| response_type.split(' ').any(|w| w == word);
            for (word, claim) in [
                ("code", "code"),
                ("id_token", "id_token"),
                ("token", "access_token"),
            ] {
                assert_eq!(
                    claims.get(claim).is_some(),
                    has(word),
                    "{response_type} {claim}"
                );
            }
            if has("token") {
                assert_eq!(claims["expires_in"], 600);
                assert_eq!(claims["token_type"], "Bearer");
            }
            if has("code") {
                let code = claims["code"].as_str().unwrap();
                Tokens::of(&redeem(&mut browser, client, code).await);
            }
            // It is no token of any other kind.
            assert_eq!(browser.userinfo(&jwt).await.status, 401);
            let hint = request(client, "code", "openid").with("id_token_hint", &jwt);
            let answer = browser.send(hint.get()).await;
            assert!(
                wire::param(answer.location(), "code").is_none(),
                "taken for an ID token"
            );
        }
    }
}

#[tokio::test]
async fn errors_are_signed_too() {
    let (op, mut browser) = started().await;
    for (name, value, error) in [
        ("scope", "unknown", "invalid_scope"),
        ("prompt", "none login", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("max_age", "x", "invalid_request"),
    ] {
        for mode in ["jwt", "form_post.jwt"] {
            let asked = request("hyb", "code", "openid")
                .with("response_mode", mode)
                .with(name, value);
            let (_, jwt) = signed(&browser.send(asked.get()).await);
            let claims = opened(&op, "hyb", &jwt);
            assert_eq!(claims["error"], error, "{name}");
            assert_eq!(claims["state"], "the-state");
            assert_eq!(claims.get("code"), None);
        }
    }
    let asked = request("hyb", "code", "openid")
        .with("response_mode", "jwt")
        .with("prompt", "none");
    let (_, jwt) = signed(&op.browser().send(asked.get()).await);
    assert_eq!(opened(&op, "hyb", &jwt)["error"], "login_required");
}

// AZ-08
#[tokio::test]
async fn a_signed_answer_with_a_token_is_not_in_a_query_either() {
    let (_op, mut browser) = started().await;
    for response_type in &TYPES[1..6] {
        let asked = request("hyb", response_type, "openid").with("response_mode", "query.jwt");
        let answer = browser.send(asked.get()).await;
        let start = format!("{CB}#error=invalid_request");
        assert!(
            answer.location().starts_with(&start),
            "{}",
            answer.location()
        );
    }
}

// AZ-08
#[tokio::test]
async fn a_client_that_wants_signed_answers_gets_no_others() {
    let (op, mut browser) = started().await;
    for mode in ["jwt", "query.jwt"] {
        let asked = request("only", "code", "openid").with("response_mode", mode);
        let (_, jwt) = signed(&browser.send(asked.get()).await);
        assert!(opened(&op, "only", &jwt).get("code").is_some());
    }
    for mode in [
        "query",
        "fragment",
        "form_post",
        "form_post.jwt",
        "web_message",
        "web_message.jwt",
    ] {
        let asked = request("only", "code", "openid").with("response_mode", mode);
        let answer = browser.send(asked.get()).await;
        assert_eq!(answer.error(), "invalid_request", "{mode}");
        assert_eq!(wire::param(answer.location(), "code"), None);
    }
    let plain = request("only", "code", "openid");
    assert_eq!(browser.send(plain.get()).await.error(), "invalid_request");
}

// AZ-08
#[tokio::test]
async fn a_message_goes_to_the_origin_of_the_client_and_to_no_other() {
    let (_op, mut browser) = started().await;
    for (state, response_type) in [
        ("the-state", "code"),
        ("\"></p><script>alert(1)</script>", "code id_token token"),
        (fixture::MARKER, "id_token"),
        ("\u{2028}</script>'", "none"),
    ] {
        let asked = request("hyb", response_type, "openid")
            .with("response_mode", "web_message")
            .with("state", state);
        let answer = browser.send(asked.get()).await;
        let message = message(&answer);
        assert_eq!(message["state"], state);
        assert_eq!(message["iss"], fixture::ISSUER);
        assert_eq!(
            message.get("code").is_some(),
            response_type.contains("code")
        );
        assert_eq!(message.get("error"), None);
    }
    let asked = request("hyb", "code", "openid")
        .with("response_mode", "web_message")
        .with("scope", "unknown");
    assert_eq!(
        message(&browser.send(asked.get()).await)["error"],
        "invalid_scope"
    );
}

#[tokio::test]
async fn a_signed_message_goes_to_the_same_origin_and_says_nothing_beside_the_jwt() {
    let (op, mut browser) = started().await;
    for (scope, told) in [("openid", "code"), ("unknown", "error")] {
        let asked = request("hyb", "code", "openid")
            .with("response_mode", "web_message.jwt")
            .with("scope", scope);
        let message = message(&browser.send(asked.get()).await);
        assert_eq!(message.as_object().unwrap().len(), 1);
        let claims = opened(&op, "hyb", message["response"].as_str().unwrap());
        assert!(claims.get(told).is_some(), "{claims}");
    }
    let native = Request::of("native", "openid")
        .with("redirect_uri", "com.example.app:/cb")
        .with("response_mode", "web_message.jwt");
    let answer = browser.send(native.get()).await;
    assert_eq!(answer.error(), "invalid_request");
    // Neither half of it is enough.
    for (jarm, web_message) in [(true, false), (false, true)] {
        let op = Op::with(move |policy| {
            policy.jarm = jarm;
            policy.web_message = web_message;
        })
        .await;
        let asked = Request::of("web", "openid").with("response_mode", "web_message.jwt");
        let answer = op.browser().send(asked.get()).await;
        assert_eq!(answer.error(), "invalid_request");
    }
}

/// The message on a page, which only the client may embed.
#[track_caller]
fn message(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.media()), (200, "text/html"));
    let page = answer.text();
    let tags = html::tags(&page);
    let found = tags
        .iter()
        .find(|t| t.get("id") == Some("message"))
        .unwrap();
    assert_eq!(found.get("data-origin"), Some("https://hyb.test"));
    let scripts = tags.iter().filter(|t| t.name == "script").count();
    assert_eq!(scripts, 1, "{page}");
    assert!(!page.contains("'*'") && !page.contains("\"*\""), "{page}");
    let csp = answer.header("content-security-policy").unwrap();
    assert!(csp.contains("frame-ancestors https://hyb.test;"), "{csp}");
    assert_eq!(answer.header("x-frame-options"), None);
    serde_json::from_str(found.get("data-response").unwrap()).unwrap()
}

// AZ-08
#[tokio::test]
async fn a_message_without_a_window_of_the_client_is_refused() {
    let (_op, mut browser) = started().await;
    let relayed = request("hyb", "code", "openid")
        .with("response_mode", "web_message")
        .with("web_message_uri", "https://evil.test");
    let answer = browser.send(relayed.get()).await;
    assert_eq!(answer.error(), "invalid_request");
    let native = Request::of("native", "openid")
        .with("redirect_uri", "com.example.app:/cb")
        .with("response_mode", "web_message");
    let answer = browser.send(native.get()).await;
    assert!(
        answer
            .location()
            .starts_with("com.example.app:/cb?error=invalid_request")
    );
}

#[tokio::test]
async fn nothing_of_this_is_there_unless_the_issuer_offers_it() {
    let op = Op::start().await;
    let metadata = op
        .browser()
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    assert_eq!(
        metadata["response_modes_supported"],
        json!(["query", "fragment", "form_post"])
    );
    assert_eq!(
        metadata.get("authorization_signing_alg_values_supported"),
        None
    );
    let grants = metadata["grant_types_supported"].as_array().unwrap();
    assert!(!grants.contains(&json!("implicit")));
    let (op, _) = started().await;
    let metadata = op
        .browser()
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(
        metadata["response_types_supported"],
        json!(
            TYPES
                .iter()
                .map(|t| ResponseType::parse(t).unwrap().as_str())
                .collect::<Vec<_>>()
        )
    );
    for mode in [
        "jwt",
        "query.jwt",
        "fragment.jwt",
        "form_post.jwt",
        "web_message",
        "web_message.jwt",
    ] {
        let modes = metadata["response_modes_supported"].as_array().unwrap();
        assert!(modes.contains(&json!(mode)), "{mode}");
    }
    let algs = &metadata["authorization_signing_alg_values_supported"];
    assert_eq!(*algs, json!(["ES256", "RS256", "PS256"]));
}

// RG-03
#[tokio::test]
async fn only_https_pages_start_logins_and_only_for_remote_pages_there_is_implicit() {
    let op = Op::with(|policy| {
        policy.registration.open = true;
        policy.response_types = ResponseType::ALL.to_vec();
    })
    .await;
    let mut browser = op.browser();
    let mut register =
        async |metadata: Value| browser.send(Ask::json("/register", &metadata)).await;
    let good = json!({"redirect_uris": [CB], "initiate_login_uri": "https://hyb.test/start"});
    let answer = register(good.clone()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(
        answer.json()["initiate_login_uri"],
        "https://hyb.test/start"
    );
    for bad in [
        "http://hyb.test/start",
        "http://localhost/start",
        "x",
        "javascript:alert(1)",
        "https://hyb.test/#x",
    ] {
        let mut metadata = good.clone();
        metadata["initiate_login_uri"] = json!(bad);
        let answer = register(metadata).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_client_metadata"),
            "{bad}"
        );
    }
    for response_type in &TYPES[1..6] {
        let answer =
            register(json!({"redirect_uris": [CB], "response_types": [response_type]})).await;
        let body = answer.json();
        assert_eq!(answer.status, 201, "{body}");
        let code = response_type.contains("code");
        let expected = if code {
            json!(["authorization_code", "implicit"])
        } else {
            json!(["implicit"])
        };
        let mut grants: Vec<_> = body["grant_types"].as_array().unwrap().clone();
        grants.sort_by_key(|g| g.as_str().unwrap().to_owned());
        assert_eq!(json!(grants), expected);
        for local in [
            "http://localhost/cb",
            "http://127.0.0.1/cb",
            "http://[::1]/cb",
            "https://localhost/cb",
        ] {
            let metadata = json!({"redirect_uris": [local], "response_types": [response_type]});
            let answer = register(metadata).await;
            assert_eq!(
                (answer.status, answer.error().as_str()),
                (400, "invalid_redirect_uri"),
                "{local}"
            );
        }
    }
    let native = json!({"redirect_uris": ["http://localhost/cb"], "response_types": ["id_token"], "application_type": "native"});
    assert_eq!(register(native).await.status, 201);
    let bare = register(json!({"redirect_uris": [CB], "response_types": ["token"]})).await;
    assert_eq!(bare.error(), "invalid_client_metadata");
}

#[tokio::test]
async fn a_launcher_sends_people_to_the_client_which_begins() {
    let (_op, mut browser) = started().await;
    let pairs = [
        ("client_id", "start"),
        ("login_hint", "alice"),
        ("target_link_uri", "https://hyb.test/orders"),
    ];
    let answer = browser.query("/initiate", &pairs).await;
    let location = answer.location();
    assert!(
        location.starts_with("https://hyb.test/start?"),
        "{location}"
    );
    assert_eq!(
        wire::param(location, "iss").as_deref(),
        Some(fixture::ISSUER)
    );
    assert_eq!(
        wire::param(location, "login_hint").as_deref(),
        Some("alice")
    );
    assert_eq!(
        wire::param(location, "target_link_uri").as_deref(),
        Some("https://hyb.test/orders")
    );
    for (pairs, what) in [
        (vec![], "nobody is named"),
        (vec![("client_id", "nobody")], "unknown"),
        (vec![("client_id", "hyb")], "registered no page"),
        (
            vec![("client_id", "start"), ("client_id", "hyb")],
            "named twice",
        ),
        (
            vec![
                ("client_id", "start"),
                ("target_link_uri", "https://evil.test/"),
            ],
            "foreign target",
        ),
        (vec![("client_id", fixture::MARKER)], "marker"),
    ] {
        let answer = browser.query("/initiate", &pairs).await;
        assert_eq!(
            (answer.status, answer.media()),
            (400, "text/html"),
            "{what}"
        );
        assert_eq!(answer.header("location"), None, "{what}");
    }
}

// AZ-29
#[tokio::test]
async fn a_pushed_request_is_answered_signed_and_refused_in_the_open() {
    let (op, mut browser) = started().await;
    let push = |request: &Request| {
        let pairs: Vec<(&str, &str)> = request.0.iter().map(|(n, v)| (&**n, &**v)).collect();
        Ask::form("/par", &pairs).basic("hyb", SECRET)
    };
    let good = request("hyb", "code id_token token", "openid").with("response_mode", "jwt");
    for (bad, error) in [
        (
            good.clone().with("response_mode", "query.jwt"),
            "invalid_request",
        ),
        (good.clone().without("nonce"), "invalid_request"),
        (
            good.clone().with("response_type", "token"),
            "unsupported_response_type",
        ),
        (good.clone().with("scope", "api:read"), "invalid_scope"),
    ] {
        let answer = browser.send(push(&bad)).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, error));
    }
    let pushed = browser.send(push(&good)).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    let asked = [("client_id", "hyb"), ("request_uri", uri.as_str())];
    let answer = browser.query("/authorize", &asked).await;
    let (mark, jwt) = signed(&answer);
    assert_eq!(mark, Some('#'));
    let claims = opened(&op, "hyb", &jwt);
    for claim in ["code", "id_token", "access_token", "state"] {
        assert!(claims.get(claim).is_some(), "{claim}");
    }
    // Once used it is used up, and whoever comes second gets nothing.
    let again = browser.query("/authorize", &asked).await;
    assert!(
        !again.text().contains("code=")
            && wire::param(again.header("location").unwrap_or_default(), "code").is_none()
    );
}
