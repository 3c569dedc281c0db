//! Request objects: RFC 9101 and OpenID Connect Core §6.

use hallpass_jose::{JwsAlgorithm, SigningKey, base64url};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Setup, assertion,
    fixture::{self, Seed},
    flow::{Request, Tokens},
    wire,
};
use serde_json::{Value, json};

const CB: &str = "https://pkjwt.test/cb";

/// The parameters of a request as the claims of an object of `pkjwt`.
fn claims(op: &Op, request: &Request) -> Value {
    let now = op.clock.seconds();
    let mut claims = json!({"iss": "pkjwt", "aud": fixture::ISSUER, "exp": now + 300, "nbf": now});
    for (name, value) in &request.0 {
        claims[name] = json!(value);
    }
    claims
}

fn object(op: &Op, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims(op, &Request::of("pkjwt", "openid email"));
    change(&mut claims);
    assertion::sign(fixture::pkjwt_key(), &claims)
}

fn ask(object: &str) -> Ask {
    Ask::query("/authorize", &[("client_id", "pkjwt"), ("request", object)])
}

async fn code(browser: &mut Browser, ask: Ask) -> String {
    let answer = browser.send(ask).await;
    let answer = browser.through_pages("alice", answer).await;
    let location = answer.location();
    assert!(location.starts_with(&format!("{CB}?")), "{location}");
    wire::param(location, "code").unwrap_or_else(|| panic!("{location}"))
}

/// An error that goes to the client.
#[track_caller]
fn assert_redirected(answer: &Answer, error: &str, what: &str) {
    assert_eq!(answer.status, 303, "{what}: {}", answer.text());
    assert!(
        answer.location().starts_with(CB),
        "{what}: {}",
        answer.location()
    );
    assert_eq!(answer.error(), error, "{what}");
}

#[track_caller]
fn assert_page(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    assert_eq!(answer.header("location"), None, "{what}");
}

#[tokio::test]
async fn a_signed_request_leads_to_tokens() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let code = code(&mut browser, ask(&object(&op, |_| ()))).await;
    let tokens = Tokens::of(&browser.redeem("pkjwt", &code).await);
    assert_eq!(tokens.claims()["nonce"], "the-nonce");
    assert_eq!(tokens.scope.as_deref(), Some("openid email"));
}

// AZ-12
#[tokio::test]
async fn only_what_is_signed_counts() {
    //= test RFC9101#6.3 only the parameters in the object count, whatever stands beside it
    let op = Op::start().await;
    let mut browser = op.browser();
    let signed = object(&op, |c| drop(c.as_object_mut().unwrap().remove("state")));
    let beside = Request::of("pkjwt", "openid profile phone")
        .with("state", "outside")
        .with("nonce", "outside")
        .with("redirect_uri", "https://evil.test/")
        .with("code_challenge", "x")
        .with("response_mode", "form_post")
        .with("request", &signed);
    let answer = browser.send(beside.get()).await;
    let answer = browser.through_pages("alice", answer).await;
    let location = answer.location();
    assert_eq!(wire::param(location, "state"), None, "{location}");
    let code = wire::param(location, "code").unwrap();
    let tokens = Tokens::of(&browser.redeem("pkjwt", &code).await);
    assert_eq!(tokens.claims()["nonce"], "the-nonce");
    assert_eq!(tokens.scope.as_deref(), Some("openid email"));
    // What is missing inside is missing.
    for name in ["response_type", "code_challenge"] {
        let signed = object(&op, |c| drop(c.as_object_mut().unwrap().remove(name)));
        let beside = Request::of("pkjwt", "openid").with("request", &signed);
        assert_redirected(&browser.send(beside.get()).await, "invalid_request", name);
    }
    let signed = object(&op, |c| {
        drop(c.as_object_mut().unwrap().remove("redirect_uri"));
    });
    let beside = Request::of("pkjwt", "openid").with("request", &signed);
    assert_page(&browser.send(beside.get()).await, "without redirect_uri");
}

// AZ-12
#[tokio::test]
async fn where_requests_must_be_signed_nothing_outside_fills_in() {
    for all in [true, false] {
        let op = Op::with(move |policy| {
            policy.requests.complete_from_query = true;
            policy.requests.require_signed = all;
        })
        .await;
        op.change_client("pkjwt", |metadata| {
            metadata.insert("require_signed_request_object".to_owned(), json!(!all));
        })
        .await;
        let signed = object(&op, |c| drop(c.as_object_mut().unwrap().remove("state")));
        let beside = Request::of("pkjwt", "openid")
            .with("prompt", "none")
            .with("request", &signed);
        let mut browser = op.browser();
        let answer = browser.send(beside.get()).await;
        let answer = browser.through_pages("alice", answer).await;
        let location = answer.location();
        assert!(wire::param(location, "code").is_some(), "{location}");
        assert_eq!(wire::param(location, "state"), None, "{location}");
    }
}

// AZ-03
#[tokio::test]
async fn a_parameter_that_stands_twice_beside_an_object_is_not_passed_over() {
    //= test RFC6749#3.1 a repeated parameter makes the request invalid
    let op = Op::start().await;
    let mut browser = op.browser();
    let signed = object(&op, |_| ());
    let pairs: Vec<(&str, &str)> = vec![("request", &signed)];
    let pushed = browser.call("pkjwt", "/par", &pairs).await;
    let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    for (carrier, value) in [("request", &signed), ("request_uri", &uri)] {
        for name in ["scope", "state", "nonce", "prompt", "max_age", "claims"] {
            let twice = Request::of("pkjwt", "openid")
                .without(name)
                .with(carrier, value)
                .and(name, "1")
                .and(name, "1");
            let answer = browser.send(twice.get()).await;
            assert_redirected(&answer, "invalid_request", name);
        }
        // Of the two that say where to go one is not chosen.
        for name in ["client_id", "redirect_uri"] {
            let known = if name == "client_id" { "pkjwt" } else { CB };
            let twice = Request::of("pkjwt", "openid")
                .with(carrier, value)
                .and(name, known);
            let answer = browser.send(twice.get()).await;
            if answer.status == 303 {
                // The object has one that is registered.
                assert_redirected(&answer, "invalid_request", name);
            } else {
                assert_page(&answer, name);
            }
        }
        // What is not known means nothing, however often.
        let more = Request::of("pkjwt", "openid")
            .with(carrier, value)
            .and("unknown", "1")
            .and("unknown", "2");
        let answer = browser.send(more.get()).await;
        assert!(
            answer.location().starts_with("https://op.test/"),
            "{carrier}"
        );
    }
}

#[tokio::test]
async fn where_the_issuer_says_so_parameters_outside_fill_in_and_never_override() {
    //= test OIDC-CORE#6.1 where both have a parameter, the object's counts
    let op = Op::with(|policy| policy.requests.complete_from_query = true).await;
    let mut browser = op.browser();
    let signed = object(&op, |c| {
        for name in [
            "state",
            "code_challenge",
            "code_challenge_method",
            "redirect_uri",
        ] {
            c.as_object_mut().unwrap().remove(name);
        }
    });
    let beside = Request::of("pkjwt", "openid profile")
        .with("nonce", "outside")
        .with("request", &signed);
    let answer = browser.send(beside.get()).await;
    let answer = browser.through_pages("alice", answer).await;
    let location = answer.location();
    assert_eq!(wire::param(location, "state").as_deref(), Some("the-state"));
    let code = wire::param(location, "code").unwrap();
    let tokens = Tokens::of(&browser.redeem("pkjwt", &code).await);
    assert_eq!(tokens.claims()["nonce"], "the-nonce");
    assert_eq!(tokens.scope.as_deref(), Some("openid email"));
}

#[tokio::test]
async fn an_object_that_contradicts_what_is_beside_it_is_refused() {
    //= test RFC9101#5 request and request_uri do not stand together
    //= test OIDC-CORE#6.1 response_type and client_id beside the object are those inside it
    let op = Op::start().await;
    let mut browser = op.browser();
    let beside = Request::of("pkjwt", "openid")
        .with("response_type", "code id_token")
        .with("request", &object(&op, |_| ()));
    let answer = browser.send(beside.get()).await;
    assert_redirected(&answer, "invalid_request_object", "response_type");
    // Another client's object, with and without a client_id of its own.
    for signed in [
        object(&op, |_| ()),
        object(&op, |c| {
            drop(c.as_object_mut().unwrap().remove("client_id"));
        }),
    ] {
        let beside = Request::of("web", "openid").with("request", &signed);
        let answer = browser.send(beside.get()).await;
        assert!(
            answer.location().starts_with(fixture::WEB_CB),
            "{}",
            answer.text()
        );
        assert_eq!(answer.error(), "invalid_request_object");
    }
    let twice = Request::of("pkjwt", "openid")
        .with("request", &object(&op, |_| ()))
        .with("request_uri", "https://pkjwt.test/request");
    assert_redirected(&browser.send(twice.get()).await, "invalid_request", "both");
}

// AZ-09
#[tokio::test]
async fn an_object_that_is_not_good_now_and_here_is_refused() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let now = op.clock.seconds();
    let other = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let good = claims(&op, &Request::of("pkjwt", "openid"));
    let payload = good.to_string();
    let key = fixture::pkjwt_key();
    let signed = object(&op, |_| ());
    let head = &signed[..signed.rfind('.').unwrap()];
    let mut cases = vec![
        assertion::compact(&json!({"alg": "none"}), payload.as_bytes(), b""),
        assertion::compact(&json!({"alg": "None"}), payload.as_bytes(), b""),
        assertion::compact(
            &json!({"alg": "nOnE", "typ": "oauth-authz-req+jwt"}),
            payload.as_bytes(),
            b"x",
        ),
        format!("{head}."),
        head.to_owned(),
        format!("{signed}."),
        assertion::sign(&other, &good),
        assertion::sign_with_header(key, &json!({"alg": "ES256", "jwk": {}}), payload.as_bytes()),
        assertion::sign_with_header(
            key,
            &json!({"alg": "ES256", "typ": "at+jwt"}),
            payload.as_bytes(),
        ),
        assertion::sign_with_header(
            key,
            &json!({"alg": "ES256", "crit": ["x"], "x": 1}),
            payload.as_bytes(),
        ),
        object(&op, |c| c["exp"] = json!(now)),
        object(&op, |c| c["exp"] = json!("soon")),
        object(&op, |c| c["nbf"] = json!(now + 61)),
        // More than an hour, from where it begins, and from now where it does not say when it begins.
        object(&op, |c| c["exp"] = json!(now + 3601)),
        object(&op, |c| c["nbf"] = json!(now - 3601)),
        object(&op, |c| {
            c["exp"] = json!(now + 3601);
            drop(c.as_object_mut().unwrap().remove("nbf"));
        }),
        object(&op, |c| {
            c["iat"] = json!(now - 60);
            c["exp"] = json!(now + 3541);
            drop(c.as_object_mut().unwrap().remove("nbf"));
        }),
        object(&op, |c| c["aud"] = json!("https://other.test")),
        object(&op, |c| c["aud"] = json!("https://op.test/")),
        object(&op, |c| drop(c.as_object_mut().unwrap().remove("aud"))),
        object(&op, |c| c["iss"] = json!("web")),
        object(&op, |c| drop(c.as_object_mut().unwrap().remove("iss"))),
        object(&op, |c| c["sub"] = json!("pkjwt")),
        object(&op, |c| c["scope"] = json!(["openid"])),
        object(&op, |c| c["max_age"] = json!([1])),
        object(&op, |c| {
            c["request_uri"] = json!("https://pkjwt.test/request");
        }),
        object(&op, |c| c["request"] = json!("x")),
        // A client assertion of this very client.
        assertion::sign(key, &assertion::claims("pkjwt", now, "as-object")),
    ];
    // AZ-10: the public key as a secret.
    let public = key.public_jwk().to_public_value().to_string();
    cases.push(assertion::sign_hmac(
        JwsAlgorithm::HS256,
        public.as_bytes(),
        &good,
    ));
    for case in &cases {
        let beside = Request::of("pkjwt", "openid").with("request", case);
        let answer = browser.send(beside.get()).await;
        assert_redirected(&answer, "invalid_request_object", case);
        assert_eq!(
            wire::param(answer.location(), "state").as_deref(),
            Some("the-state")
        );
    }
    // The same at the endpoint for pushed requests.
    for case in &cases {
        let answer = browser.call("pkjwt", "/par", &[("request", case)]).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(answer.error(), "invalid_request_object");
    }
    assert!(op.fetcher.asked().is_empty());
}

// AZ-11
#[tokio::test]
async fn keys_and_places_in_the_header_are_not_followed() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let evil = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let payload = claims(&op, &Request::of("pkjwt", "openid")).to_string();
    let jwk = evil.public_jwk().to_public_value();
    let long = "x".repeat(20_000);
    for header in [
        json!({"alg": "ES256", "jku": "https://evil.test/jwks"}),
        json!({"alg": "ES256", "x5u": "https://evil.test/chain"}),
        json!({"alg": "ES256", "jwk": jwk}),
        json!({"alg": "ES256", "x5c": ["AAAA"]}),
        json!({"alg": "ES256", "kid": "../../../etc/passwd"}),
        json!({"alg": "ES256", "kid": "' OR 1=1--"}),
        json!({"alg": "ES256", "kid": long}),
        json!({"alg": "ES256", "kid": 1}),
    ] {
        let object = assertion::sign_with_header(&evil, &header, payload.as_bytes());
        // As a form, since it may be longer than a URL can be.
        let answer = browser.call("pkjwt", "/par", &[("request", &object)]).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(answer.error(), "invalid_request_object", "{header:.60}");
    }
    assert!(op.fetcher.asked().is_empty());
}

// AZ-R
#[tokio::test]
async fn a_redirect_uri_inside_is_compared_like_one_outside() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for uri in [
        "https://pkjwt.test/cb/",
        "https://pkjwt.test/CB",
        "https://PKJWT.test/cb",
        "https://pkjwt.test/cb?x",
        "https://pkjwt.test/cb#x",
        "https://pkjwt.test.evil.test/cb",
        "https://evil.test/",
        "//evil.test",
        "javascript:alert(1)",
        fixture::MARKER,
        "",
    ] {
        let signed = object(&op, |c| c["redirect_uri"] = json!(uri));
        assert_page(&browser.send(ask(&signed)).await, uri);
        let answer = browser.call("pkjwt", "/par", &[("request", &signed)]).await;
        assert_eq!(answer.status, 400, "{uri}");
        assert_eq!(answer.error(), "invalid_request", "{uri}");
        // Not even an object that nobody signed leads there.
        let unsigned = assertion::compact(
            &json!({"alg": "none"}),
            json!({"redirect_uri": uri, "state": "x"})
                .to_string()
                .as_bytes(),
            b"",
        );
        assert_page(&browser.send(ask(&unsigned)).await, uri);
    }
    code(&mut browser, ask(&object(&op, |_| ()))).await;
}

#[tokio::test]
async fn an_error_goes_where_the_object_wants_it_if_that_is_registered() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let bad = object(&op, |c| {
        c["aud"] = json!("https://other.test");
        c["state"] = json!("inside");
        c["response_mode"] = json!("fragment");
    });
    let answer = browser.send(ask(&bad)).await;
    assert_redirected(&answer, "invalid_request_object", "hints");
    let location = answer.location();
    assert!(
        location.contains('#') && location.contains("state=inside"),
        "{location}"
    );
}

#[tokio::test]
async fn a_request_object_can_be_pushed_and_lives_no_longer_than_it_says() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let signed = object(&op, |c| c["exp"] = json!(op.clock.seconds() + 20));
    // What stands beside it does not count.
    let pairs = [
        ("request", signed.as_str()),
        ("scope", "openid phone"),
        ("state", "outside"),
    ];
    let answer = browser.call("pkjwt", "/par", &pairs).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["expires_in"], 20);
    let uri = body["request_uri"].as_str().unwrap();
    let bring = Ask::query(
        "/authorize",
        &[("client_id", "pkjwt"), ("request_uri", uri)],
    );
    let answer = browser.send(bring.clone()).await;
    let answer = browser.through_pages("alice", answer).await;
    let location = answer.location();
    assert_eq!(wire::param(location, "state").as_deref(), Some("the-state"));
    let code = wire::param(location, "code").unwrap();
    let tokens = Tokens::of(&browser.redeem("pkjwt", &code).await);
    assert_eq!(tokens.scope.as_deref(), Some("openid email"));
    assert_page(&browser.send(bring).await, "used");
}

#[tokio::test]
async fn where_signing_is_required_nothing_else_is_taken() {
    //= test RFC9101#10.5 where signed request objects are required, a request without one is refused
    let op = Op::start().await;
    let mut browser = op.browser();
    op.change_client("pkjwt", |metadata| {
        metadata.insert("require_signed_request_object".to_owned(), json!(true));
    })
    .await;
    let plain = Request::of("pkjwt", "openid");
    assert_redirected(&browser.send(plain.get()).await, "invalid_request", "plain");
    let pairs: Vec<(&str, &str)> = plain
        .0
        .iter()
        .filter(|(n, _)| n != "client_id")
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let answer = browser.call("pkjwt", "/par", &pairs).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "invalid_request")
    );
    code(&mut browser, ask(&object(&op, |_| ()))).await;
    browser.code("alice", &Request::of("web", "openid")).await;
    let op = Op::with(|policy| policy.requests.require_signed = true).await;
    let mut browser = op.browser();
    let answer = browser.send(Request::of("web", "openid").get()).await;
    assert_eq!(answer.error(), "invalid_request");
    code(&mut browser, ask(&object(&op, |_| ()))).await;
}

#[tokio::test]
async fn the_registered_algorithm_is_the_only_one() {
    let op = Op::start().await;
    let mut browser = op.browser();
    op.change_client("pkjwt", |metadata| {
        metadata.insert("request_object_signing_alg".to_owned(), json!("PS256"));
    })
    .await;
    let answer = browser.send(ask(&object(&op, |_| ()))).await;
    assert_redirected(
        &answer,
        "invalid_request_object",
        "ES256 where PS256 is registered",
    );
    op.change_client("pkjwt", |metadata| {
        metadata.insert("request_object_signing_alg".to_owned(), json!("ES256"));
    })
    .await;
    code(&mut browser, ask(&object(&op, |_| ()))).await;
}

#[tokio::test]
async fn the_keys_of_an_object_may_be_published_and_change() {
    let seed = Seed {
        id: "published",
        secret: Some("hpk_published-0123456789abcdefghijklmnopqrst"),
        disabled: false,
        metadata: json!({"redirect_uris": ["https://published.test/cb"], "jwks_uri": "https://published.test/jwks",
            "grant_types": ["authorization_code"], "skip_consent": true}),
    };
    let op = Setup::default().client(seed).start().await;
    let mut browser = op.browser();
    let publish = |key: &SigningKey| {
        let keys = hallpass_jose::Jwks::from_keys([key.public_jwk()]).to_json();
        op.fetcher.put("https://published.test/jwks", keys);
    };
    let request = |key: &SigningKey| {
        let mut claims = claims(&op, &Request::of("pkjwt", "openid"));
        for name in ["iss", "client_id"] {
            claims[name] = json!("published");
        }
        claims["redirect_uri"] = json!("https://published.test/cb");
        let signed = assertion::sign(key, &claims);
        Ask::query(
            "/authorize",
            &[("client_id", "published"), ("request", &signed)],
        )
    };
    let [first, second] = [0, 1].map(|_| SigningKey::generate(JwsAlgorithm::ES256).unwrap());
    publish(&first);
    let answer = browser.send(request(&first)).await;
    assert!(
        answer.location().starts_with(fixture::ISSUER),
        "{}",
        answer.location()
    );
    // A new key is looked for once.
    op.clock.advance(5);
    publish(&second);
    let answer = browser.send(request(&second)).await;
    assert!(
        answer.location().starts_with(fixture::ISSUER),
        "{}",
        answer.location()
    );
    op.clock.advance(5);
    let unknown = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let answer = browser.send(request(&unknown)).await;
    assert_eq!(answer.error(), "invalid_request_object");
}

fn by_reference() -> Setup {
    Setup::default().policy(|policy| policy.requests.by_reference = true)
}

async fn registers(op: &Op, uris: Value) {
    op.change_client("pkjwt", |metadata| {
        metadata.insert("request_uris".to_owned(), uris);
    })
    .await;
}

fn reference(uri: &str) -> Ask {
    Ask::query(
        "/authorize",
        &[("client_id", "pkjwt"), ("request_uri", uri)],
    )
}

#[tokio::test]
async fn an_object_is_fetched_from_where_its_client_registered() {
    //= test OIDC-CORE#6.2 a content is held under the address whose fragment is its hash
    let op = by_reference().start().await;
    let mut browser = op.browser();
    let address = "https://pkjwt.test/request";
    registers(&op, json!([address])).await;
    let signed = object(&op, |_| ());
    op.fetcher.put(address, signed.clone());
    code(&mut browser, reference(address)).await;
    // A fragment that is not the hash of the content says nothing, so that the content is fetched each time.
    let odd = format!("{address}#{}", base64url::encode([7; 32]));
    code(&mut browser, reference(&odd)).await;
    code(&mut browser, reference(&odd)).await;
    assert_eq!(op.fetcher.asked(), [address; 3]);
    let hash = base64url::encode(hallpass_types::sha256(signed.as_bytes()));
    let named = format!("{address}#{hash}");
    code(&mut browser, reference(&named)).await;
    code(&mut browser, reference(&named)).await;
    assert_eq!(op.fetcher.asked().len(), 4);
    // What is held is checked like everything else.
    op.clock.advance(301);
    let beside = Request::of("pkjwt", "openid").with("request_uri", &named);
    let answer = browser.send(beside.get()).await;
    assert_redirected(&answer, "invalid_request_object", "expired");
}

// AZ-13
#[tokio::test]
async fn nothing_else_is_fetched() {
    let op = by_reference().start().await;
    let mut browser = op.browser();
    registers(
        &op,
        json!([
            "https://pkjwt.test/request",
            "https://pkjwt.test/gone",
            "https://pkjwt.test/bad"
        ]),
    )
    .await;
    op.fetcher.put("https://pkjwt.test/bad", vec![0xFF, 0xFE]);
    for uri in [
        "https://evil.test/request",
        "https://pkjwt.test/request/",
        "https://pkjwt.test/request?x",
        "https://pkjwt.test/Request",
        "https://pkjwt.test:443/request",
        "http://pkjwt.test/request",
        "http://169.254.169.254/",
        "http://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://evil.test",
        "urn:x",
        "x",
        fixture::MARKER,
    ] {
        let beside = Request::of("pkjwt", "openid").with("request_uri", uri);
        let answer = browser.send(beside.get()).await;
        assert_redirected(&answer, "invalid_request_uri", uri);
        assert_page(&browser.send(reference(uri)).await, uri);
    }
    assert!(op.fetcher.asked().is_empty());
    for uri in ["https://pkjwt.test/gone", "https://pkjwt.test/bad"] {
        let beside = Request::of("pkjwt", "openid").with("request_uri", uri);
        let answer = browser.send(beside.get()).await;
        assert_redirected(&answer, "invalid_request_uri", uri);
    }
    op.fetcher
        .put("https://pkjwt.test/request", "not an object");
    let beside = Request::of("pkjwt", "openid").with("request_uri", "https://pkjwt.test/request");
    let answer = browser.send(beside.get()).await;
    assert_redirected(&answer, "invalid_request_object", "no object");
    // Pushed addresses are not fetched either.
    let asked = op.fetcher.asked().len();
    let pairs = [("request_uri", "https://pkjwt.test/request")];
    let answer = browser.call("pkjwt", "/par", &pairs).await;
    assert_eq!(answer.error(), "invalid_request");
    assert_eq!(op.fetcher.asked().len(), asked);
}

// AZ-13, L11: who asks for a good address all the time gets it fetched no more than at a walk
#[tokio::test]
async fn strangers_cannot_have_a_good_address_fetched_without_end() {
    let op = by_reference().start().await;
    let good = "https://pkjwt.test/request";
    registers(&op, json!([good])).await;
    op.fetcher.put(good, object(&op, |_| ()));
    for _ in 0..150 {
        let answer = op.browser().send(reference(good)).await;
        assert!(answer.location().starts_with(fixture::ISSUER));
    }
    let asked = op.fetcher.asked().len();
    assert!((20..=23).contains(&asked), "{asked}");
    // What served them all does so for a few seconds only.
    let other = object(&op, |claims| {
        claims["redirect_uri"] = json!("https://evil.test/cb");
    });
    op.fetcher.put(good, other);
    let answer = op.browser().send(reference(good)).await;
    assert!(answer.location().starts_with(fixture::ISSUER));
    op.clock.advance(5);
    assert_page(&op.browser().send(reference(good)).await, "another object");
}

// AZ-13
#[tokio::test]
async fn strangers_cannot_have_an_address_fetched_without_end_that_brings_no_object() {
    let op = by_reference().start().await;
    let mut browser = op.browser();
    let (page, good) = ("https://page.test/", "https://pkjwt.test/request");
    registers(&op, json!([page, good])).await;
    op.fetcher.put(page, "<!doctype html>");
    for _ in 0..30 {
        let beside = Request::of("pkjwt", "openid").with("request_uri", page);
        browser.send(beside.get()).await;
    }
    let asked = op.fetcher.asked().len();
    assert!((1..=10).contains(&asked), "{asked}");
    // Who publishes objects is not held up by that, however often they are fetched.
    op.fetcher.put(good, object(&op, |_| ()));
    for _ in 0..12 {
        code(&mut browser, reference(good)).await;
    }
}

// JW-08
#[tokio::test]
async fn what_is_switched_off_is_not_advertised_and_refused() {
    let op = Op::with(|policy| policy.requests.by_value = false).await;
    let mut browser = op.browser();
    let metadata = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(metadata["request_parameter_supported"], false);
    assert_eq!(metadata["request_uri_parameter_supported"], false);
    assert_eq!(
        metadata.get("request_object_signing_alg_values_supported"),
        None
    );
    assert_redirected(
        &browser.send(ask(&object(&op, |_| ()))).await,
        "request_not_supported",
        "by value",
    );
    let answer = browser
        .call("pkjwt", "/par", &[("request", &object(&op, |_| ()))])
        .await;
    assert_eq!(answer.error(), "request_not_supported");
    let op = by_reference().start().await;
    let metadata = op
        .browser()
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(metadata["request_uri_parameter_supported"], true);
    assert_eq!(metadata["require_request_uri_registration"], true);
    let algs = metadata["request_object_signing_alg_values_supported"]
        .as_array()
        .unwrap();
    assert!(!algs.contains(&json!("none")) && algs.contains(&json!("RS256")));
}
