//! Dynamic registration.

use hallpass_jose::JwsAlgorithm;
use hallpass_testkit::{Answer, Ask, Browser, Op, Setup, fixture};
use serde_json::{Value, json};

pub(crate) async fn open() -> Op {
    Op::with(|policy| policy.registration.open = true).await
}

pub(crate) async fn register(browser: &mut Browser, metadata: &Value) -> Answer {
    browser.send(Ask::json("/register", metadata)).await
}

pub(crate) fn with(member: &str, value: Value) -> Value {
    let mut metadata = json!({"redirect_uris": ["https://new.test/cb"]});
    metadata[member] = value;
    metadata
}

#[track_caller]
pub(crate) fn assert_refused(answer: &Answer, code: &str, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    assert_eq!(answer.error(), code, "{what}: {}", answer.text());
}

// RG-01
#[tokio::test]
async fn without_an_initial_access_token_nobody_registers() {
    //= test RFC7591#3 the endpoint is protected by an initial access token
    let op = Op::start().await;
    let mut browser = op.browser();
    let metadata = json!({"redirect_uris": ["https://new.test/cb"]});
    let token = op.initial_access_token.clone();
    let mut wrong = vec![
        Ask::json("/register", &metadata),
        Ask::json("/register", &metadata).header("Authorization", "Bearer"),
        Ask::json("/register", &metadata).header("Authorization", &format!("Basic {token}")),
        Ask::json("/register", &metadata).header("Authorization", &token),
        Ask::json("/register", &metadata).basic("web", fixture::secret("web")),
        Ask::json(&format!("/register?access_token={token}"), &metadata),
        Ask::json("/register", &with("access_token", json!(token))),
    ];
    for text in [
        "x",
        "hpi_",
        &token[..token.len() - 1],
        &format!("{token}A"),
        &token.to_uppercase(),
        "hpi_AAAA",
    ] {
        wrong.push(Ask::json("/register", &metadata).bearer(text));
    }
    for ask in wrong {
        let shown = format!("{:?}", ask.headers);
        let bearer = shown.contains("\"Bearer ");
        let answer = browser.send(ask).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (401, "invalid_token"),
            "{shown}"
        );
        //= test RFC6750#3.1 without a token the challenge says nothing of an error
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer realm="), "{shown}");
        assert_eq!(challenge.contains("error="), bearer, "{challenge}: {shown}");
    }
    let answer = browser
        .send(Ask::json("/register", &metadata).bearer(&token))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

// RG-01
#[tokio::test]
async fn where_registration_is_switched_off_there_is_nothing() {
    let op = Op::with(|policy| policy.registration.enabled = false).await;
    let mut browser = op.browser();
    for ask in [
        Ask::json(
            "/register",
            &json!({"redirect_uris": ["https://new.test/cb"]}),
        )
        .bearer(&op.initial_access_token),
        Ask::get("/register"),
        Ask::get("/register/web"),
        Ask::new("DELETE", "/register/web").bearer("hpm_x"),
    ] {
        assert_eq!(browser.send(ask).await.status, 404);
    }
    let metadata = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(metadata.get("registration_endpoint"), None);
}

#[tokio::test]
async fn a_registration_answers_with_everything_and_can_be_used() {
    let op = open().await;
    let mut browser = op.browser();
    let answer = register(&mut browser, &json!({
        "redirect_uris": ["https://new.test/cb"], "grant_types": ["authorization_code", "client_credentials"],
        "client_name": "New", "client_name#de": "Neu",
    })).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let body = answer.json();
    let text = |name: &str| {
        body[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name}: {body}"))
            .to_owned()
    };
    assert_eq!(body["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(body["client_secret_expires_at"], 0);
    assert_eq!(
        body["client_id_issued_at"].as_i64(),
        Some(op.clock.seconds())
    );
    assert!(text("client_secret").len() >= 43);
    assert!(text("registration_access_token").starts_with("hpm_"));
    let ask = Ask::form("/token", &[("grant_type", "client_credentials")]);
    let token = browser
        .send(ask.basic(&text("client_id"), &text("client_secret")))
        .await;
    assert_eq!(token.status, 200, "{}", token.text());
}

// RG-05
#[tokio::test]
async fn names_are_bounded() {
    let op = open().await;
    let mut browser = op.browser();
    let long = register(
        &mut browser,
        &with("client_name", json!("a".repeat(10_000))),
    )
    .await;
    assert_refused(&long, "invalid_client_metadata", "long");
    for name in [
        "<script>alert(1)</script>",
        "a\u{202e}b",
        "a\u{200b}b",
        "a\nb",
        "a\u{0}b",
        fixture::MARKER,
    ] {
        let answer = register(&mut browser, &with("client_name", json!(name))).await;
        if answer.status != 201 {
            assert_refused(&answer, "invalid_client_metadata", name);
        }
    }
}

// RG-08, TK-38
#[tokio::test]
async fn key_sets_hold_public_keys_that_are_worth_something() {
    let op = open().await;
    let mut browser = op.browser();
    let good = fixture::pkjwt_key().public_jwk().to_public_value();
    let change = |member: &str, value: Value| {
        let mut key = good.clone();
        key[member] = value;
        json!({"keys": [key]})
    };
    let swapped = {
        let mut key = good.clone();
        (key["x"], key["y"]) = (good["y"].clone(), good["x"].clone());
        json!({"keys": [key]})
    };
    let rsa = |bytes: usize, odd: u8| {
        let mut modulus = vec![0xc3; bytes];
        modulus[bytes - 1] = odd;
        hallpass_jose::base64url::encode(modulus)
    };
    let many: Vec<Value> = (0..10_000).map(|_| good.clone()).collect();
    #[rustfmt::skip]
    let cases = [
        ("private", change("d", json!("AAAA"))), ("secret", json!({"keys": [{"kty": "oct", "k": "AAAA"}]})), ("null", json!(null)),
        ("null key", json!({"keys": [null]})), ("no keys", json!({})), ("a list", json!([good])), ("a string", json!("x")),
        ("keys null", json!({"keys": null})), ("off the curve", change("x", good["y"].clone())), ("swapped", swapped),
        ("short", change("x", json!("AA"))), ("not base64", change("x", json!("???"))), ("x5u", change("kty", json!("RSA"))),
        ("RSA 512", json!({"keys": [{"kty": "RSA", "n": rsa(64, 1), "e": "AQAB"}]})),
        ("RSA 1024", json!({"keys": [{"kty": "RSA", "n": rsa(128, 1), "e": "AQAB"}]})),
        ("RSA 16384", json!({"keys": [{"kty": "RSA", "n": rsa(2048, 1), "e": "AQAB"}]})),
        ("RSA even", json!({"keys": [{"kty": "RSA", "n": rsa(256, 2), "e": "AQAB"}]})),
        ("RSA e=1", json!({"keys": [{"kty": "RSA", "n": rsa(256, 1), "e": "AQ"}]})),
        ("the same kid twice", json!({"keys": [good, good]})), ("10 000 keys", json!({"keys": many})),
    ];
    for (what, jwks) in cases {
        let metadata = json!({
            "redirect_uris": ["https://new.test/cb"], "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
        });
        let answer = register(&mut browser, &metadata).await;
        assert!(
            matches!(answer.status, 400 | 413),
            "{what}: {} {}",
            answer.status,
            answer.text()
        );
    }
    let both = json!({
        "redirect_uris": ["https://new.test/cb"], "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [good]},
        "jwks_uri": "https://new.test/jwks",
    });
    assert_refused(
        &register(&mut browser, &both).await,
        "invalid_client_metadata",
        "jwks and jwks_uri",
    );
    let neither = json!({"redirect_uris": ["https://new.test/cb"], "token_endpoint_auth_method": "private_key_jwt"});
    assert_refused(
        &register(&mut browser, &neither).await,
        "invalid_client_metadata",
        "no keys at all",
    );
}

// RG-10
#[tokio::test]
async fn nobody_gives_themselves_anything() {
    let op = open().await;
    let mut browser = op.browser();
    let answer = register(&mut browser, &json!({
        "redirect_uris": ["https://new.test/cb"], "client_id": "web", "client_secret": "mine", "client_secret_expires_at": 1,
        "client_id_issued_at": 1, "registration_access_token": "hpm_mine", "registration_client_uri": "https://evil.test/",
        "trusted": true, "skip_consent": true, "require_pkce": false, "enabled": true, "disabled": false, "origin": "configuration",
        "tenant": "x", "owner": "x", "roles": ["admin"], "resources": [fixture::API1], "default_acr": "x", "sub": "alice",
        "grant_types": ["authorization_code", "password", "urn:openid:params:grant-type:ciba", "implicit"],
        "scope": "openid api:read admin *", "protocol_mappers": [{}], "ssf.enabled": true, "metadata": {"x": 1},
    })).await;
    if answer.status == 400 {
        return;
    }
    assert_eq!(answer.status, 201, "{}", answer.text());
    let body = answer.json();
    assert_ne!(body["client_id"], "web");
    assert_ne!(body["client_secret"], "mine");
    assert_eq!(body["client_secret_expires_at"], 0);
    assert_ne!(body["registration_access_token"], "hpm_mine");
    assert!(
        body["registration_client_uri"]
            .as_str()
            .unwrap()
            .starts_with("https://op.test/register/")
    );
    for member in [
        "trusted",
        "skip_consent",
        "require_pkce",
        "enabled",
        "disabled",
        "origin",
        "tenant",
        "owner",
        "roles",
        "resources",
        "default_acr",
        "sub",
        "protocol_mappers",
        "ssf.enabled",
        "metadata",
    ] {
        assert_eq!(body.get(member), None, "{member}");
    }
    assert_eq!(body["grant_types"], json!(["authorization_code"]));
    let scope = body["scope"].as_str().unwrap();
    assert!(!scope.contains("admin") && !scope.contains('*'), "{scope}");
}

// HT-09, RG-13
#[tokio::test]
async fn bodies_that_are_no_json_object_are_refused() {
    let op = open().await;
    let mut browser = op.browser();
    let deep = |n: usize| format!("{{\"redirect_uris\":{}{}}}", "[".repeat(n), "]".repeat(n));
    let good = r#"{"redirect_uris":["https://new.test/cb"]}"#;
    #[rustfmt::skip]
    let cases: Vec<Vec<u8>> = vec![
        b"".to_vec(), b"null".to_vec(), b"[]".to_vec(), b"1".to_vec(), b"\"x\"".to_vec(), b"{".to_vec(), b"{}{}".to_vec(), b"{,}".to_vec(),
        deep(100).into_bytes(), deep(50_000).into_bytes(),
        br#"{"redirect_uris":["https://new.test/cb"],"redirect_uris":["https://evil.test/cb"]}"#.to_vec(),
        br#"{"redirect_uris":["https://new.test/cb"],"\u0072edirect_uris":["https://evil.test/cb"]}"#.to_vec(),
        [b"\xef\xbb\xbf", good.as_bytes()].concat(), format!("{good} x").into_bytes(), format!("{good}\0").into_bytes(),
        br#"{"redirect_uris":["https://new.test/\ud800"]}"#.to_vec(), b"{\"redirect_uris\":[\"https://new.test/\xff\"]}".to_vec(),
        br#"{"redirect_uris":["https://new.test/cb"],"default_max_age":1e400}"#.to_vec(),
        br#"{"redirect_uris":["https://new.test/cb"],"default_max_age":NaN}"#.to_vec(),
        format!("{{\"redirect_uris\":[\"https://new.test/cb\"],\"default_max_age\":{}}}", "9".repeat(100_000)).into_bytes(),
        good.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ];
    for body in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = browser
            .send(Ask::post("/register", "application/json", body))
            .await;
        assert!(
            matches!(answer.status, 400 | 413),
            "{shown}: {} {}",
            answer.status,
            answer.text()
        );
    }
    let answer = browser
        .send(Ask::post(
            "/register",
            "application/json",
            vec![b' '; 1_000_000],
        ))
        .await;
    assert_eq!(answer.status, 413);
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
    ] {
        assert_eq!(
            browser
                .send(Ask::post("/register", kind, good))
                .await
                .status,
            415,
            "{kind}"
        );
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(
            browser
                .send(Ask::post("/register", kind, good))
                .await
                .status,
            201,
            "{kind}"
        );
    }
}

// RG-13
#[tokio::test]
async fn a_member_of_the_wrong_type_is_refused() {
    let op = open().await;
    let mut browser = op.browser();
    let texts = [
        "application_type",
        "client_name",
        "client_uri",
        "logo_uri",
        "policy_uri",
        "tos_uri",
        "jwks_uri",
        "sector_identifier_uri",
        "subject_type",
        "id_token_signed_response_alg",
        "userinfo_signed_response_alg",
        "token_endpoint_auth_method",
        "token_endpoint_auth_signing_alg",
        "initiate_login_uri",
        "scope",
        "backchannel_logout_uri",
    ];
    for member in texts {
        for value in [
            json!(1),
            json!(true),
            json!([]),
            json!(["x"]),
            json!({"a": 1}),
            json!(fixture::MARKER),
        ] {
            let answer = register(&mut browser, &with(member, value.clone())).await;
            let stored = |a: &Answer| a.json().get(member).is_some();
            // A name may be anything, and what has no effect may be left out.
            let harmless = value.is_string() && (member == "client_name" || !stored(&answer));
            assert!(
                answer.status == 400 || harmless && answer.status == 201,
                "{member} = {value}: {}",
                answer.text()
            );
        }
    }
    for member in [
        "grant_types",
        "response_types",
        "contacts",
        "default_acr_values",
        "request_uris",
        "post_logout_redirect_uris",
    ] {
        for value in [
            json!(1),
            json!("x"),
            json!([1]),
            json!([null]),
            json!([[]]),
            json!({"0": "code"}),
        ] {
            let answer = register(&mut browser, &with(member, value.clone())).await;
            assert_eq!(answer.status, 400, "{member} = {value}: {}", answer.text());
        }
    }
    for (member, value) in [
        ("default_max_age", json!(-1)),
        ("default_max_age", json!("1")),
        ("default_max_age", json!(1.5)),
        ("default_max_age", json!(1e300)),
        ("require_auth_time", json!("true")),
        ("require_auth_time", json!(1)),
    ] {
        let answer = register(&mut browser, &with(member, value.clone())).await;
        assert_eq!(answer.status, 400, "{member} = {value}: {}", answer.text());
    }
}

// RG-14
#[tokio::test]
async fn so_many_clients_and_no_more() {
    let op = Op::with(|policy| {
        policy.registration.open = true;
        policy.registration.max_clients = 3;
    })
    .await;
    let mut browser = op.browser();
    let metadata = json!({"redirect_uris": ["https://new.test/cb"]});
    for _ in 0..3 {
        assert_eq!(register(&mut browser, &metadata).await.status, 201);
    }
    let answer = register(&mut browser, &metadata).await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some());
}

// RG-16
#[tokio::test]
async fn combinations_that_make_no_sense_are_refused() {
    let op = open().await;
    let mut browser = op.browser();
    let refused = [
        json!({"token_endpoint_auth_method": "none", "grant_types": ["client_credentials"], "response_types": []}),
        json!({"token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "client_credentials"]}),
        with("id_token_signed_response_alg", json!("none")),
        with("response_types", json!(["token"])),
        with("response_types", json!(["id_token token"])),
        with("response_types", json!(["code token"])),
        with("response_types", json!(["none"])),
        with("grant_types", json!(["password"])),
        with("token_endpoint_auth_method", json!("client_secret")),
        with("subject_type", json!("secret")),
        with("require_signed_request_object", json!(true)),
        with("request_object_signing_alg", json!("none")),
        with("id_token_encrypted_response_alg", json!("RSA-OAEP")),
        with("id_token_encrypted_response_alg", json!("RSA1_5")),
        json!({"redirect_uris": ["https://new.test/cb"], "token_endpoint_auth_method": "none", "id_token_signed_response_alg": "HS256"}),
    ];
    for metadata in refused {
        let mut metadata = metadata;
        if metadata.get("redirect_uris").is_none() {
            metadata["redirect_uris"] = json!(["https://new.test/cb"]);
        }
        let answer = register(&mut browser, &metadata).await;
        let alone = metadata["grant_types"] == json!(["password"]);
        // What is not offered may also be left out of what is registered.
        let dropped = answer.status == 201
            && alone
            && answer.json()["grant_types"] == json!(["authorization_code"]);
        assert!(
            answer.status == 400 || dropped,
            "{metadata}: {}",
            answer.text()
        );
    }
}

// TK-56
#[tokio::test]
async fn nobody_registers_for_id_tokens_under_a_weak_key() {
    let op = Setup::default()
        .policy(|policy| {
            policy.registration.open = true;
            policy.registration.enabled = true;
            policy
                .signing_algs
                .extend([JwsAlgorithm::HS256, JwsAlgorithm::HS512]);
        })
        .start()
        .await;
    let mut browser = op.browser();
    for member in [
        "id_token_signed_response_alg",
        "userinfo_signed_response_alg",
    ] {
        for alg in ["none", "None", "HS1", "hs256", "RS256 ", ""] {
            let answer = register(&mut browser, &with(member, json!(alg))).await;
            assert_eq!(answer.status, 400, "{member} {alg}: {}", answer.text());
        }
        for (alg, long) in [("HS256", 32), ("HS512", 64)] {
            // A public client has no secret that could be a key.
            let mut public = with(member, json!(alg));
            public["token_endpoint_auth_method"] = json!("none");
            let answer = register(&mut browser, &public).await;
            assert_eq!(answer.status, 400, "{member} {alg}: {}", answer.text());
            // The secret that is made is as long as the hash, whatever the client would like it to be.
            let mut short = with(member, json!(alg));
            short["client_secret"] = json!("short");
            let answer = register(&mut browser, &short).await;
            assert_eq!(answer.status, 201, "{member} {alg}: {}", answer.text());
            let secret = answer.json()["client_secret"].as_str().unwrap().to_owned();
            assert!(secret.len() >= long, "{member} {alg}: {}", secret.len());
        }
    }
}

// RG-17
#[tokio::test]
async fn an_error_echoes_nothing() {
    let op = open().await;
    let mut browser = op.browser();
    for member in [
        "redirect_uris",
        "client_uri",
        "token_endpoint_auth_method",
        "application_type",
        "subject_type",
    ] {
        let value = if member == "redirect_uris" {
            json!([fixture::MARKER])
        } else {
            json!(fixture::MARKER)
        };
        let ask = Ask::json("/register", &with(member, value)).header("Accept", "text/html");
        let answer = browser.send(ask).await;
        assert_eq!(
            (answer.status, answer.media()),
            (400, "application/json"),
            "{member}"
        );
        assert!(
            !answer.text().contains("onload"),
            "{member}: {}",
            answer.text()
        );
    }
}

// RG-13: yes and no, numbers, objects and keys of the wrong kind
#[tokio::test]
async fn a_flag_a_number_or_a_key_set_of_the_wrong_type_is_refused() {
    let op = Op::with(|policy| {
        policy.registration.open = true;
        policy.dpop.enabled = true;
        policy.mtls.enabled = true;
    })
    .await;
    let mut browser = op.browser();
    for member in [
        "require_auth_time",
        "require_pushed_authorization_requests",
        "dpop_bound_access_tokens",
        "tls_client_certificate_bound_access_tokens",
        "backchannel_logout_session_required",
        "frontchannel_logout_session_required",
        "require_signed_request_object",
    ] {
        for value in [
            json!("true"),
            json!(1),
            json!(0),
            json!([]),
            json!([true]),
            json!({}),
            json!(fixture::MARKER),
        ] {
            let answer = register(&mut browser, &with(member, value.clone())).await;
            assert_refused(
                &answer,
                "invalid_client_metadata",
                &format!("{member} = {value}"),
            );
        }
    }
    for value in [
        json!("{\"keys\":[]}"),
        json!(7),
        json!(true),
        json!([[]]),
        json!({"keys": {}}),
        json!({"keys": [[]]}),
        json!({"keys": ["x"]}),
        json!({"keys": [{}, null]}),
    ] {
        let answer = register(&mut browser, &with("jwks", value.clone())).await;
        assert_refused(
            &answer,
            "invalid_client_metadata",
            &format!("jwks = {value}"),
        );
    }
    for value in [
        json!(1e300),
        json!(-0.5),
        json!(true),
        json!([1]),
        json!(u64::MAX),
    ] {
        let answer = register(&mut browser, &with("default_max_age", value.clone())).await;
        assert_refused(&answer, "invalid_client_metadata", &format!("{value}"));
    }
}

// RG-04: in the clear, and with a mark for each visitor
#[tokio::test]
async fn no_link_of_a_stranger_is_loaded_by_a_page_or_told_who_looks() {
    let op = open().await;
    for uri in ["http://new.test/x", "https://new.test/pixel.gif?visitor=1"] {
        let mut browser = op.browser();
        let mut metadata = json!({"redirect_uris": ["https://new.test/cb"]});
        for member in ["logo_uri", "client_uri", "policy_uri", "tos_uri"] {
            metadata[member] = json!(uri);
        }
        let answer = register(&mut browser, &metadata).await;
        if uri.starts_with("http:") {
            assert_refused(&answer, "invalid_client_metadata", uri);
            continue;
        }
        let id = answer.json()["client_id"].as_str().unwrap().to_owned();
        op.knows_client(&id, &metadata);
        browser.sign_in("alice").await;
        let request = hallpass_testkit::Request::of("web", "openid")
            .with("client_id", &id)
            .with("redirect_uri", "https://new.test/cb");
        let answer = browser.send(request.get()).await;
        let page = browser.follow(&answer).await;
        let policy = page.header("content-security-policy").unwrap();
        assert!(!policy.contains("new.test"), "{policy}");
        for tag in hallpass_testkit::html::tags(&page.text()) {
            for name in ["src", "srcset", "data", "poster", "style", "action"] {
                let value = tag.get(name).unwrap_or_default();
                assert!(!value.contains("pixel"), "<{} {name}={value}>", tag.name);
            }
            // A link that a person follows tells nobody where they come from.
            if tag.name == "a" && tag.get("href").is_some_and(|href| href.contains("pixel")) {
                let rel = tag.get("rel").unwrap_or_default();
                assert!(rel.contains("noreferrer"), "{rel}");
            }
        }
    }
}
