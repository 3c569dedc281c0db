//! The token endpoint: what every request must be, and the client credentials grant.

use hallpass_testkit::{Ask, Op, assertion, fixture};
use serde_json::json;

const CREDENTIALS: (&str, &str) = ("grant_type", "client_credentials");

// TK-39
#[tokio::test]
async fn only_the_offered_grant_types_exist() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for grant in [
        "password",
        "implicit",
        "AUTHORIZATION_CODE",
        "Authorization_Code",
        "authorization_code ",
        " refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "x",
        "*",
        fixture::MARKER,
    ] {
        let pairs = [
            ("grant_type", grant),
            ("username", "alice"),
            ("password", fixture::password("alice")),
        ];
        let answer = browser.call("web", "/token", &pairs).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "unsupported_grant_type"),
            "{grant}"
        );
    }
    for pairs in [&[][..], &[("grant_type", "")]] {
        let answer = browser.call("web", "/token", pairs).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_request")
        );
    }
}

// TK-40
#[tokio::test]
async fn a_grant_type_that_the_client_did_not_register_is_refused() {
    //= test RFC6749#5.2 a client uses only the grant types that it is authorized for
    let op = Op::start().await;
    let mut browser = op.browser();
    for (client, grant) in [
        ("first", "client_credentials"),
        ("spa", "client_credentials"),
        ("rs1", "client_credentials"),
        ("rs1", "authorization_code"),
        ("rs1", "refresh_token"),
        ("machine", "authorization_code"),
        ("machine", "refresh_token"),
    ] {
        let pairs = [
            ("grant_type", grant),
            ("code", "x"),
            ("refresh_token", "x"),
            ("redirect_uri", fixture::WEB_CB),
        ];
        let answer = browser.call(client, "/token", &pairs).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "unauthorized_client"),
            "{client} {grant}"
        );
    }
}

// TK-41
#[tokio::test]
async fn only_a_form_in_the_body_is_read() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let form = "grant_type=client_credentials";
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nclient_credentials\r\n--x--\r\n";
    #[rustfmt::skip]
    let cases = [
        ("application/json", r#"{"grant_type":"client_credentials"}"#), ("multipart/form-data; boundary=x", multipart),
        ("text/plain", form), ("application/x-www-form-urlencoded; charset=utf-16", form), ("", form), ("x", form),
        ("application/x-www-form-urlencoded, application/json", form), ("application/x-www-form-urlencodedx", form),
    ];
    for (kind, body) in cases {
        let ask = Ask::post("/token", kind, body).basic("web", fixture::secret("web"));
        let answer = browser.send(ask).await;
        assert!(
            matches!(answer.status, 400 | 415),
            "{kind}: {} {}",
            answer.status,
            answer.text()
        );
    }
    let mut nameless = Ask::new("POST", "/token").basic("web", fixture::secret("web"));
    nameless.body = form.into();
    assert!(matches!(browser.send(nameless).await.status, 400 | 415));
    for kind in [
        "application/x-www-form-urlencoded;charset=UTF-8",
        "APPLICATION/X-WWW-FORM-URLENCODED",
    ] {
        let ask = Ask::post("/token", kind, form).basic("web", fixture::secret("web"));
        assert_eq!(browser.send(ask).await.status, 200, "{kind}");
    }
}

// TK-41
#[tokio::test]
async fn nothing_is_taken_from_the_query() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let secret = fixture::secret("post");
    let query =
        format!("/token?grant_type=client_credentials&client_id=post&client_secret={secret}");
    let answer = browser.form(&query, &[]).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_client")
    );
    let answer = browser.form(&query, &[CREDENTIALS]).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_client")
    );
    let ask =
        Ask::form("/token?grant_type=client_credentials", &[]).basic("web", fixture::secret("web"));
    let answer = browser.send(ask).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "invalid_request")
    );
}

// TK-42
#[tokio::test]
async fn other_methods_are_not_allowed() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for path in ["/token", "/introspect", "/revoke"] {
        for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "X"] {
            let ask = Ask::new(
                method,
                &format!("{path}?grant_type=client_credentials&token=x"),
            );
            let answer = browser.send(ask.basic("web", fixture::secret("web"))).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(answer.header("allow").unwrap().contains("POST"));
        }
    }
}

// TK-42, UI-09
#[tokio::test]
async fn only_registered_browser_applications_may_read_answers_across_origins() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let bad = [
        "https://evil.test",
        "null",
        "https://rp.test",
        "https://spa.test.evil.test",
        "http://spa.test",
        "https://spa.test:8443",
        "https://spa.test/",
        "https://SPA.test",
        "*",
        "https://spa.test, https://evil.test",
        "https://evil.test?https://spa.test",
    ];
    for path in ["/token", "/userinfo", "/revoke"] {
        for (origin, good) in bad
            .iter()
            .map(|o| (*o, false))
            .chain([("https://spa.test", true)])
        {
            let preflight = Ask::new("OPTIONS", path)
                .header("Origin", origin)
                .header("Access-Control-Request-Method", "POST")
                .header("Access-Control-Request-Headers", "authorization");
            let call = Ask::form(
                path,
                &[("grant_type", "refresh_token"), ("client_id", "spa")],
            )
            .header("Origin", origin);
            for ask in [preflight, call] {
                let method = ask.method.clone();
                let answer = browser.send(ask).await;
                let allowed = answer.header("access-control-allow-origin");
                assert_eq!(
                    allowed,
                    good.then_some(origin),
                    "{method} {path} from {origin}"
                );
                assert_eq!(
                    answer.header("vary"),
                    Some("Origin"),
                    "{method} {path} from {origin}"
                );
            }
        }
        let two = Ask::form(path, &[("client_id", "spa")])
            .header("Origin", "https://spa.test")
            .header("Origin", "https://evil.test");
        assert_eq!(
            browser
                .send(two)
                .await
                .header("access-control-allow-origin"),
            None
        );
    }
}

// TK-43
#[tokio::test]
async fn a_parameter_that_stands_twice_is_refused() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let names = [
        "grant_type",
        "scope",
        "code",
        "redirect_uri",
        "code_verifier",
        "refresh_token",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "unknown",
        "token",
        "token_type_hint",
    ];
    for path in ["/token", "/introspect", "/revoke"] {
        for name in names {
            for (first, second) in [("a", "a"), ("a", "b"), ("", "b")] {
                let pairs = [(name, first), CREDENTIALS, (name, second), ("token", "x")];
                let pairs: Vec<_> = pairs
                    .into_iter()
                    .filter(|(n, v)| {
                        *n == name || !(name == "grant_type" || *v == "x" && path == "/token")
                    })
                    .collect();
                let ask = Ask::form(path, &pairs).basic("web", fixture::secret("web"));
                let answer = browser.send(ask).await;
                assert_eq!(
                    (answer.status, answer.error().as_str()),
                    (400, "invalid_request"),
                    "{path}: {name} twice"
                );
            }
        }
    }
}

// TK-44
#[tokio::test]
async fn a_client_for_itself_gets_what_it_asked_for_and_may_have() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for (client, scope) in [
        ("web", "openid"),
        ("web", "offline_access"),
        ("web", "api:read openid"),
        ("web", "profile"),
        ("web", "email"),
        ("web", "unknown"),
        ("web", "*"),
        ("web", "api:read unknown"),
        ("web", "API:READ"),
        ("machine", "api:write"),
        ("web", "api:read\n"),
        ("web", "\u{e9}"),
        ("web", "a\"b"),
        ("web", "a\\b"),
        ("web", fixture::MARKER),
    ] {
        let answer = browser
            .call(client, "/token", &[CREDENTIALS, ("scope", scope)])
            .await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_scope"),
            "{client}: {scope}"
        );
    }
    let empty = browser
        .call("machine", "/token", &[CREDENTIALS, ("scope", "")])
        .await
        .json();
    assert!(
        empty["scope"].as_str().unwrap_or_default().is_empty(),
        "{empty}"
    );
    for answer in [
        browser
            .call(
                "web",
                "/token",
                &[CREDENTIALS, ("scope", "api:read api:write")],
            )
            .await,
        browser
            .call(
                "machine",
                "/token",
                &[
                    CREDENTIALS,
                    ("scope", "api:read"),
                    ("resource", fixture::API1),
                ],
            )
            .await,
    ] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        for member in ["refresh_token", "id_token"] {
            assert_eq!(body.get(member), None);
        }
        assert!(
            body["expires_in"]
                .as_i64()
                .is_some_and(|s| (1..=3600).contains(&s))
        );
    }
}

// TK-44, AZ-27
#[tokio::test]
async fn a_resource_that_is_not_the_clients_is_refused() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for (client, resource) in [
        ("machine", fixture::API2),
        ("web", "https://api3.test"),
        ("web", "https://op.test"),
        ("web", "/api1"),
        ("web", "api1.test"),
        ("web", "https://api1.test#x"),
        ("web", "https://api1.test#"),
        ("web", "javascript:alert(1)"),
        ("web", "https://api1.test@evil.test"),
        ("web", "https://api1.test/x"),
        ("web", "https://api1.test?x"),
        ("web", "http://api1.test"),
        ("web", fixture::MARKER),
    ] {
        let pairs = [CREDENTIALS, ("scope", "api:read"), ("resource", resource)];
        let answer = browser.call(client, "/token", &pairs).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_target"),
            "{client}: {resource}"
        );
    }
    let mut many = vec![CREDENTIALS];
    many.extend(std::iter::repeat_n(("resource", fixture::API1), 100));
    assert_eq!(
        browser.call("web", "/token", &many).await.error(),
        "invalid_target"
    );
    // Two resources with tokens of different forms cannot share one.
    let two = [
        CREDENTIALS,
        ("resource", fixture::API1),
        ("resource", fixture::API2),
    ];
    assert_eq!(
        browser.call("web", "/token", &two).await.error(),
        "invalid_target"
    );
}

// TK-44, G10: RFC 9068 §2.2
#[tokio::test]
async fn a_clients_own_token_names_the_client_in_a_form_that_no_person_has() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let pairs = [
        CREDENTIALS,
        ("scope", "api:read"),
        ("resource", fixture::API1),
    ];
    let token = browser.call("web", "/token", &pairs).await.json();
    let token = token["access_token"].as_str().unwrap();
    assert_eq!(assertion::header(token)["typ"], "at+jwt");
    let claims = assertion::payload(token);
    assert_eq!(claims["iss"], fixture::ISSUER);
    assert_eq!(claims["aud"], fixture::API1);
    assert_eq!(claims["client_id"], "web");
    assert_eq!(claims["scope"], "api:read");
    assert_eq!(claims["sub"], "client:web");
    let now = op.clock.seconds();
    assert_eq!(
        (claims["iat"].as_i64(), claims["exp"].as_i64()),
        (Some(now), Some(now + 600))
    );
    for person in ["auth_time", "acr", "amr", "sid", "email"] {
        assert_eq!(claims.get(person), None);
    }
    let seen = browser
        .call("rs1", "/introspect", &[("token", token)])
        .await
        .json();
    for name in [
        "sub",
        "client_id",
        "scope",
        "aud",
        "iss",
        "exp",
        "iat",
        "jti",
    ] {
        assert_eq!(seen[name], claims[name], "{name}");
    }
}

// TK-57
#[tokio::test]
async fn parameters_that_mean_nothing_change_nothing() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let pairs = [
        CREDENTIALS,
        ("resource", fixture::API1),
        ("expires_in", "999999"),
        ("exp", "9999999999"),
        ("sub", "alice"),
        ("aud", "https://x"),
        ("cnf", "{}"),
        ("iss", "https://evil.test"),
        ("lifetime", "1"),
        ("access_token", "x"),
        ("acr_values", "x"),
        ("audience", fixture::API2),
        ("state", fixture::MARKER),
        ("nonce", fixture::MARKER),
    ];
    let answer = browser.call("web", "/token", &pairs).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let claims = assertion::payload(answer.json()["access_token"].as_str().unwrap());
    assert_eq!(claims["sub"], "client:web");
    assert_eq!(claims["aud"], fixture::API1);
    assert_eq!(claims["exp"].as_i64(), Some(op.clock.seconds() + 600));
    assert_eq!(claims.get("cnf"), None);
}

// TK-01 without a code, TK-11, TK-60
#[tokio::test]
async fn guessed_and_garbled_codes_and_refresh_tokens_get_one_and_the_same_answer() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let mut answers = Vec::new();
    let garbage = [
        "x",
        "hpc_",
        "hpr_",
        "hpa_",
        &format!("hpc_{}", "A".repeat(43)),
        &format!("hpr_{}", "A".repeat(70)),
        "../../x",
        "' OR 1=1--",
        "\u{1f600}",
        &"x".repeat(40_000),
        fixture::MARKER,
        "null",
        "undefined",
        "0",
        "hpc_====",
        "hpr_\n",
    ];
    for text in garbage {
        for pairs in [
            [
                ("grant_type", "authorization_code"),
                ("code", text),
                ("redirect_uri", fixture::WEB_CB),
                ("code_verifier", "x"),
            ],
            [
                ("grant_type", "refresh_token"),
                ("refresh_token", text),
                ("x", "y"),
                ("z", "y"),
            ],
        ] {
            let answer = browser.call("web", "/token", &pairs).await;
            assert_eq!(answer.status, 400, "{text:.20}");
            answers.push(answer.json());
        }
    }
    answers.dedup();
    assert_eq!(
        answers,
        [json!({"error": "invalid_grant", "error_description": "the grant is not valid"})]
    );
}

// TK-43: parameters of every other grant, and every other endpoint for clients
#[tokio::test]
async fn no_endpoint_for_clients_reads_a_parameter_that_stands_twice() {
    let setup = super::device::setup().policy(|policy| policy.backchannel.enabled = true);
    let op = setup
        .client(super::backchannel::bank("bank", "poll"))
        .start()
        .await;
    let mut browser = op.browser();
    for (path, first, names) in [
        (
            "/token",
            CREDENTIALS,
            &[
                "device_code",
                "auth_req_id",
                "assertion",
                "subject_token",
                "subject_token_type",
                "actor_token",
                "actor_token_type",
                "requested_token_type",
                "authorization_details",
            ][..],
        ),
        (
            "/device/auth",
            ("scope", "openid"),
            &[
                "client_id",
                "client_secret",
                "claims",
                "acr_values",
                "unknown",
            ],
        ),
        (
            "/backchannel",
            ("login_hint", "alice"),
            &[
                "scope",
                "binding_message",
                "requested_expiry",
                "user_code",
                "client_notification_token",
                "acr_values",
                "request",
                "unknown",
            ],
        ),
        (
            "/par",
            ("response_type", "code"),
            &[
                "client_id",
                "redirect_uri",
                "state",
                "nonce",
                "code_challenge",
                "dpop_jkt",
                "request",
                "request_uri",
                "unknown",
            ],
        ),
    ] {
        for name in names {
            for (one, two) in [("a", "a"), ("a", "b"), ("", "b")] {
                let pairs = [first, (name, one), (name, two)];
                let client = if path == "/backchannel" {
                    "bank"
                } else {
                    "web"
                };
                let secret = match client {
                    "bank" => super::backchannel::SECRET,
                    _ => fixture::secret(client),
                };
                let ask = Ask::form(path, &pairs).basic(client, secret);
                let answer = browser.send(ask).await;
                assert_eq!(
                    (answer.status, answer.error().as_str()),
                    (400, "invalid_request"),
                    "{path}: {name} twice: {}",
                    answer.text()
                );
            }
        }
    }
}
