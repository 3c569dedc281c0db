//! Authorization requests, apart from where their answers go.

use std::{collections::BTreeMap, time::Instant};

use hallpass_testkit::{
    Answer, Ask, Browser, Op, Request, Setup, assertion, fixture, fixture::Seed, flow, html, wire,
};
use serde_json::json;

/// A browser with a session of alice, who has allowed this client what it asks for.
pub(crate) async fn signed_in(op: &Op, client: &str, scope: &str) -> Browser {
    let mut browser = op.browser();
    browser.code("alice", &Request::of(client, scope)).await;
    browser
}

/// The error went to the client, with everything that belongs to it and no code.
#[track_caller]
fn assert_error(answer: &Answer, client: &str, code: &str, what: &str) {
    assert_eq!(
        answer.status,
        303,
        "{what}: {} {}",
        answer.status,
        answer.text()
    );
    let location = answer.location();
    assert!(
        location.starts_with(flow::redirect_uri(client)),
        "{what}: {location}"
    );
    assert_eq!(answer.error(), code, "{what}: {location}");
    assert_eq!(wire::param(location, "code"), None, "{what}");
    // AZ-29
    assert_eq!(
        wire::param(location, "iss").as_deref(),
        Some(fixture::ISSUER),
        "{what}"
    );
    let text = wire::param(location, "error_description").unwrap_or_default();
    assert!(
        text.bytes()
            .all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)),
        "{what}: {text}"
    );
}

pub(crate) async fn assert_refused(
    browser: &mut Browser,
    request: &Request,
    code: &str,
    what: &str,
) {
    let client = request
        .0
        .iter()
        .find(|(n, _)| n == "client_id")
        .unwrap()
        .1
        .clone();
    for ask in [request.get(), request.post()] {
        let method = ask.method.clone();
        let mut answer = browser.send(ask).await;
        // Without a session a posted request is turned into one that brings cookies along.
        if method == "POST"
            && answer
                .header("location")
                .is_some_and(|l| l.starts_with(SELF))
        {
            answer = browser.follow(&answer).await;
        }
        assert_error(&answer, &client, code, &format!("{method} {what}"));
    }
}

const SELF: &str = "https://op.test/authorize?";

fn names(location: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    // Errors about a response type that would answer in the fragment go there.
    let query = location.split_once(['?', '#']).unwrap().1;
    for pair in query.split('&') {
        *found
            .entry(pair.split('=').next().unwrap().to_owned())
            .or_default() += 1;
    }
    found
}

// AZ-01
#[tokio::test]
async fn without_a_known_client_there_is_a_page() {
    let op = Op::start().await;
    let mut browser = signed_in(&op, "web", "openid").await;
    let good = Request::of("web", "openid");
    let long = "a".repeat(20_000);
    let mut cases = vec![
        good.clone().without("client_id"),
        good.clone().and("client_id", "web2"),
        good.clone().and("client_id", "web"),
    ];
    for id in [
        "",
        "nobody",
        "off",
        &long,
        "web\0",
        "WEB",
        "web ",
        " web",
        "https://evil.test/client.json",
        fixture::MARKER,
        "web\n",
        "\u{202e}bew",
    ] {
        cases.push(good.clone().with("client_id", id));
    }
    for request in cases {
        for ask in [request.get(), request.post()] {
            let answer = browser.send(ask).await;
            assert_eq!(
                (answer.status, answer.media()),
                (400, "text/html"),
                "{:?}",
                request.0[0]
            );
            assert_eq!(answer.header("location"), None);
        }
    }
    let raw = browser
        .get("/authorize?client_id=%ff&redirect_uri=https%3A%2F%2Frp.test%2Fcb")
        .await;
    assert_eq!(raw.status, 400);
    assert_eq!(op.fetcher.asked(), Vec::<String>::new());
}

// AZ-03
#[tokio::test]
async fn a_parameter_that_stands_twice_is_refused() {
    let op = Op::start().await;
    let mut browser = signed_in(&op, "web", "openid").await;
    let good = Request::of("web", "openid");
    for name in [
        "response_type",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "response_mode",
        "prompt",
        "max_age",
        "display",
        "ui_locales",
        "id_token_hint",
        "login_hint",
        "acr_values",
        "claims",
        "claims_locales",
        "request",
        "request_uri",
        "registration",
        "dpop_jkt",
        "authorization_details",
    ] {
        let value = good
            .0
            .iter()
            .find(|(n, _)| n == name)
            .map_or("x", |(_, v)| v);
        for second in [value, "other"] {
            let twice = good
                .clone()
                .without(name)
                .and(name, value)
                .and(name, second);
            assert_refused(&mut browser, &twice, "invalid_request", name).await;
        }
        let mut both = good.clone().with(name, value).post();
        both.target = format!("/authorize?{}", wire::encode(&[(name, value)]));
        let answer = browser.send(both).await;
        assert_error(
            &answer,
            "web",
            "invalid_request",
            &format!("{name} in query and body"),
        );
    }
    // What nobody knows may stand as often as it likes.
    let unknown = good.and("x", "1").and("x", "2").get();
    assert!(wire::param(browser.send(unknown).await.location(), "code").is_some());
}

// AZ-03: a request whose state stands twice has no state
#[tokio::test]
async fn a_state_that_stands_twice_is_not_sent_back() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let answer = browser
        .send(Request::of("web", "openid").and("state", "other").get())
        .await;
    assert_error(&answer, "web", "invalid_request", "state");
    assert_eq!(wire::param(answer.location(), "state"), None);
}

// AZ-04
#[tokio::test]
async fn only_the_code_is_a_response_type() {
    let op = Op::start().await;
    let mut browser = signed_in(&op, "web", "openid").await;
    let good = Request::of("web", "openid");
    let long = "code ".repeat(1_000);
    for value in [
        "token",
        "id_token",
        "id_token token",
        "code token",
        "code id_token",
        "Code",
        "CODE",
        "code  token",
        "none",
        "x",
        &long,
        "code,token",
    ] {
        let request = good.clone().with("response_type", value);
        assert_refused(
            &mut browser,
            &request,
            "unsupported_response_type",
            &value[..value.len().min(20)],
        )
        .await;
    }
    assert_refused(
        &mut browser,
        &good.clone().without("response_type"),
        "invalid_request",
        "missing",
    )
    .await;
    assert_refused(
        &mut browser,
        &good.with("response_type", ""),
        "invalid_request",
        "empty",
    )
    .await;
}

// AZ-05, AZ-06, AZ-07
#[tokio::test]
async fn a_good_s256_challenge_is_demanded() {
    let op = Op::start().await;
    for client in ["web", "spa", "native", "pkjwt"] {
        let mut browser = op.browser();
        browser.sign_in("alice").await;
        let good = Request::of(client, "openid");
        let challenge = flow::challenge(flow::VERIFIER);
        let absent = good
            .clone()
            .without("code_challenge")
            .without("code_challenge_method");
        assert_refused(&mut browser, &absent, "invalid_request", "absent").await;
        let only_method = good.clone().without("code_challenge");
        assert_refused(
            &mut browser,
            &only_method,
            "invalid_request",
            "only a method",
        )
        .await;
        let no_method = good.clone().without("code_challenge_method");
        assert_refused(
            &mut browser,
            &no_method,
            "invalid_request",
            "no method means plain",
        )
        .await;
        for method in [
            "plain",
            "s256",
            "S512",
            "S256 ",
            "sha256",
            "none",
            "",
            fixture::MARKER,
        ] {
            let request = good.clone().with("code_challenge_method", method);
            assert_refused(&mut browser, &request, "invalid_request", method).await;
        }
        for value in [
            &challenge[1..],
            &format!("{challenge}="),
            &challenge[..42],
            &"A".repeat(129),
            &challenge.replace(|c: char| c.is_ascii_lowercase(), "+"),
            &format!("{}/", &challenge[..42]),
            &format!("{}\u{e9}", &challenge[..41]),
            "",
            "x",
            &format!("{} ", &challenge[..42]),
            &"A".repeat(5_000),
        ] {
            let request = good.clone().with("code_challenge", value);
            assert_refused(&mut browser, &request, "invalid_request", value).await;
        }
    }
}

// AZ-08
#[tokio::test]
async fn response_modes_are_those_that_are_offered() {
    let op = Op::start().await;
    let mut browser = signed_in(&op, "web", "openid").await;
    let good = Request::of("web", "openid");
    for mode in [
        "x",
        "Query",
        "form_post.jwt",
        "jwt",
        "query.jwt",
        "fragment.jwt",
        "web_message",
        "cookie",
        "query fragment",
        fixture::MARKER,
    ] {
        let answer = browser
            .send(good.clone().with("response_mode", mode).get())
            .await;
        assert_error(&answer, "web", "invalid_request", mode);
    }
    let fragment = browser
        .send(good.clone().with("response_mode", "fragment").get())
        .await;
    let location = fragment.location();
    assert!(
        location.starts_with("https://rp.test/cb#") && location.contains("code="),
        "{location}"
    );
}

// AZ-08
#[tokio::test]
async fn a_client_that_restricted_itself_gets_no_other_response_mode() {
    let seed = Seed {
        id: "restricted",
        secret: Some("hpk_restricted-0123456789abcdefghijklmnopqrs"),
        disabled: false,
        metadata: json!({"redirect_uris": ["https://restricted.test/cb"], "response_modes": ["query"], "skip_consent": true}),
    };
    let op = Setup::default().client(seed).start().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let good = Request::of("web", "openid")
        .with("client_id", "restricted")
        .with("redirect_uri", "https://restricted.test/cb");
    for mode in ["form_post", "fragment"] {
        let answer = browser
            .send(good.clone().with("response_mode", mode).get())
            .await;
        let location = answer.header("location").unwrap_or_default();
        assert!(
            location.starts_with("https://restricted.test/cb?"),
            "{mode}: {} {location}",
            answer.status
        );
        assert_eq!(answer.error(), "invalid_request", "{mode}");
    }
    for request in [good.clone(), good.with("response_mode", "query")] {
        let answer = browser.send(request.get()).await;
        assert!(wire::param(answer.location(), "code").is_some());
    }
}

// AZ-08, AZ-29, G5
#[tokio::test]
async fn the_form_that_posts_itself_holds_values_and_no_markup() {
    //= test OAUTH-FORM-POST#2 the parameters are the fields of a form that is posted to the redirect URI
    let op = Op::start().await;
    let mut browser = signed_in(&op, "web", "openid").await;
    for state in [
        "\"><script>alert(1)</script>",
        fixture::MARKER,
        "</form><form action=//evil.test>",
        "a\u{2028}b",
        "' onfocus=alert(1) autofocus x='",
    ] {
        let good = Request::of("web", "openid")
            .with("state", state)
            .with("response_mode", "form_post");
        for (request, member) in [
            (good.clone(), "code"),
            (good.with("scope", "unknown"), "error"),
        ] {
            let answer = browser.send(request.get()).await;
            assert_eq!((answer.status, answer.media()), (200, "text/html"));
            let page = answer.text();
            let forms = html::forms(&page);
            assert_eq!(forms.len(), 1, "{page}");
            assert_eq!(forms[0].action, fixture::WEB_CB);
            assert_eq!(forms[0].field("state"), Some(state), "{page}");
            assert_eq!(forms[0].field("iss"), Some(fixture::ISSUER));
            assert!(forms[0].field(member).is_some(), "{page}");
            let scripts = html::tags(&page)
                .iter()
                .filter(|t| t.name == "script")
                .count();
            assert!(scripts <= 1, "{page}");
            let policy = answer.header("content-security-policy").unwrap();
            assert!(
                !policy.contains("script-src *") && !policy.contains("'self' 'unsafe"),
                "{policy}"
            );
        }
    }
}

// AZ-13, AZ-09 to AZ-12 while there are no request objects
#[tokio::test]
async fn request_objects_are_not_taken_and_nothing_is_fetched() {
    let op = Op::start().await;
    let mut browser = signed_in(&op, "web", "openid").await;
    let good = Request::of("web", "openid");
    for uri in [
        "https://evil.test/request",
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "gopher://evil.test",
        "urn:ietf:params:oauth:request_uri:x",
        "x",
        "https://rp.test/request#x",
        fixture::MARKER,
    ] {
        let answer = browser
            .send(good.clone().with("request_uri", uri).get())
            .await;
        assert_eq!(answer.header("location").map(|_| ()), Some(()), "{uri}");
        assert!(
            matches!(
                answer.error().as_str(),
                "request_uri_not_supported" | "invalid_request_uri"
            ),
            "{uri}: {}",
            answer.error()
        );
    }
    let claims = json!({"client_id": "web", "redirect_uri": "https://evil.test/", "scope": "openid", "response_type": "code"});
    for object in [
        assertion::compact(&json!({"alg": "none"}), claims.to_string().as_bytes(), b""),
        "x".to_owned(),
        "..".to_owned(),
    ] {
        assert_refused(
            &mut browser,
            &good.clone().with("request", &object),
            "invalid_request_object",
            &object,
        )
        .await;
    }
    let registration = good.with("registration", "{}");
    assert_refused(
        &mut browser,
        &registration,
        "registration_not_supported",
        "registration",
    )
    .await;
    assert_eq!(op.fetcher.asked(), Vec::<String>::new());
}

// AZ-25
#[tokio::test]
async fn scopes_are_words_that_this_client_may_have() {
    let op = Op::start().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let many: Vec<String> = (0..10_000).map(|n| format!("s{n}")).collect();
    for scope in [
        "openid profile\ninjected",
        "openid\tprofile",
        "openid \"x\"",
        "openid a\\b",
        "openid \u{e9}",
        "openid\u{a0}email",
        &many.join(" "),
        fixture::MARKER,
    ] {
        let request = Request::of("web", "openid").with("scope", scope);
        let begin = Instant::now();
        let answer = browser.send(request.post()).await;
        assert!(begin.elapsed().as_secs() < 20, "{scope:.20}");
        if answer.status == 303 {
            assert_error(&answer, "web", "invalid_scope", &format!("{scope:.40}"));
        } else {
            assert!(
                matches!(answer.status, 400 | 413 | 414),
                "{scope:.20}: {}",
                answer.status
            );
        }
    }
    // OpenID Connect Core §3.1.2.1: a scope that nobody knows is left out.
    for scope in [
        "openid unknown",
        "openid *",
        "openid OPENID",
        "unknown openid email:x",
    ] {
        let tokens = browser
            .flow_of("alice", "web", &Request::of("web", scope))
            .await;
        assert!(
            matches!(tokens.scope.as_deref(), None | Some("openid")),
            "{tokens:?}"
        );
        let seen = browser
            .call("web", "/introspect", &[("token", &tokens.access)])
            .await;
        assert_eq!(seen.json()["scope"], "openid", "{scope}");
    }
    // Scopes that exist, but not for this client.
    for scope in ["openid profile", "openid api:read", "profile"] {
        assert_refused(
            &mut browser,
            &Request::of("web2", scope),
            "invalid_scope",
            scope,
        )
        .await;
    }
}

// AZ-26
#[tokio::test]
async fn the_claims_parameter_is_json_of_a_known_shape() {
    let op = Op::start().await;
    let mut browser = signed_in(&op, "web", "openid").await;
    let deep = format!(
        "{{\"userinfo\":{}{}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    for claims in [
        "x",
        "[]",
        "null",
        "1",
        "\"x\"",
        "{",
        "{}{}",
        r#"{"id_token":[]}"#,
        r#"{"id_token":"x"}"#,
        r#"{"userinfo":{"email":"x"}}"#,
        r#"{"userinfo":{"email":[]}}"#,
        r#"{"id_token":{},"id_token":{}}"#,
        r#"{"userinfo":{"email":{"essential":"yes"}}}"#,
        &deep,
        r#"{"id_token":{"sub":{"value":1}}}"#,
        r#"{"id_token":{"email":{"values":"x"}}}"#,
    ] {
        let request = Request::of("web", "openid").with("claims", claims);
        let answer = browser.send(request.post()).await;
        let page = answer.location().starts_with("https://op.test/");
        assert!(!page, "{claims:.50}: {}", answer.location());
        assert_error(&answer, "web", "invalid_request", &format!("{claims:.50}"));
    }
    let bobs = json!({"id_token": {"sub": {"value": op.subject("bob").as_str()}}}).to_string();
    let request = Request::of("web", "openid").with("claims", &bobs);
    let answer = browser.send(request.get()).await;
    assert!(
        answer.location().starts_with("https://op.test/sign-in"),
        "{}",
        answer.location()
    );
    assert_refused(
        &mut browser,
        &request.clone().with("prompt", "none"),
        "login_required",
        "another sub",
    )
    .await;
    // Alice signs in once more, and is still not bob.
    let answer = browser.send(request.get()).await;
    let page = browser.follow(&answer).await;
    let typed = [
        ("username", "alice"),
        ("password", fixture::password("alice")),
    ];
    let answer = browser
        .press(&page.text(), "login", "sign-in", &typed)
        .await;
    assert_eq!(wire::param(answer.location(), "code"), None);
}

// AZ-27
#[tokio::test]
async fn resources_are_those_of_the_issuer_and_the_client() {
    let op = Op::start().await;
    let mut browser = signed_in(&op, "web", "openid").await;
    for resource in [
        "https://api3.test",
        "/api1",
        "api1",
        "https://api1.test#x",
        "https://api1.test#",
        "javascript:alert(1)",
        "https://op.test",
        "https://op.test/",
        "https://api1.test/x",
        "https://api1.test@evil.test",
        "https://api1.test\\@evil.test",
        "http://api1.test",
        "https://api1.test:443",
        fixture::MARKER,
    ] {
        let request = Request::of("web", "openid").with("resource", resource);
        assert_refused(&mut browser, &request, "invalid_target", resource).await;
    }
    let mut many = Request::of("web", "openid");
    for _ in 0..200 {
        many = many.and("resource", fixture::API1);
    }
    let answer = browser.send(many.post()).await;
    assert!(
        matches!(
            answer.error().as_str(),
            "invalid_target" | "invalid_request"
        ),
        "{}",
        answer.error()
    );
}

// AZ-29
#[tokio::test]
async fn every_answer_names_the_issuer_and_every_parameter_once() {
    let op = Op::start().await;
    let mut browser = signed_in(&op, "web", "openid").await;
    let good = Request::of("web", "openid");
    for request in [
        good.clone(),
        good.clone().with("scope", "unknown"),
        good.clone().with("prompt", "none login"),
        good.clone().with("response_type", "token"),
        good.clone().with("max_age", "x"),
        good.clone()
            .with("iss", "https://evil.test")
            .with("error", "x")
            .with("code", "y"),
        good.without("state"),
    ] {
        let answer = browser.send(request.get()).await;
        let location = answer.location();
        assert_eq!(
            wire::param(location, "iss").as_deref(),
            Some(fixture::ISSUER),
            "{location}"
        );
        for (name, count) in names(location) {
            assert_eq!(count, 1, "{name}: {location}");
            assert!(
                ["code", "state", "iss", "error", "error_description"].contains(&name.as_str()),
                "{location}"
            );
        }
        assert!(!location.contains("evil"), "{location}");
    }
}

// AZ-30
#[tokio::test]
async fn state_and_nonce_come_back_as_they_were() {
    let op = Op::start().await;
    let mut browser = signed_in(&op, "web", "openid").await;
    let printable: String = (' '..='~').collect();
    let long = format!("{}{}", printable.repeat(20), "äé\u{1f600}&code=evil#");
    for state in [
        printable.as_str(),
        &long,
        "&code=evil#",
        "a=b&c=d",
        "%41",
        "+",
        "%2B",
        "\u{1f600}",
        "'\"<>",
    ] {
        let answer = browser
            .send(Request::of("web", "openid").with("state", state).get())
            .await;
        assert_eq!(
            wire::param(answer.location(), "state").as_deref(),
            Some(state)
        );
        assert_eq!(names(answer.location())["code"], 1);
    }
    for request in [
        Request::of("web", "openid").without("state"),
        Request::of("web", "openid").with("state", ""),
    ] {
        let answer = browser.send(request.get()).await;
        assert!(
            !answer.location().contains("state"),
            "{}",
            answer.location()
        );
    }
    for nonce in [
        "n".repeat(64),
        "n".repeat(65),
        printable.clone(),
        "n".repeat(1_000),
    ] {
        let request = Request::of("web", "openid").with("nonce", &nonce);
        let tokens = browser.flow_of("alice", "web", &request).await;
        assert_eq!(tokens.claims()["nonce"], nonce.as_str());
    }
    let tokens = browser
        .flow_of(
            "alice",
            "web",
            &Request::of("web", "openid").without("nonce"),
        )
        .await;
    assert_eq!(tokens.claims().get("nonce"), None);
}

// AZ-31
#[tokio::test]
async fn nobody_calls_the_authorization_endpoint_from_a_script() {
    let op = Op::start().await;
    let mut browser = signed_in(&op, "spa", "openid").await;
    let good = Request::of("spa", "openid");
    for ask in [good.get(), good.post(), good.get().method("OPTIONS")] {
        let answer = browser.send(ask.header("Origin", "https://spa.test")).await;
        assert!(
            answer
                .headers
                .iter()
                .all(|(n, _)| !n.starts_with("access-control-"))
        );
    }
    for method in ["OPTIONS", "PUT", "DELETE", "PATCH", "X"] {
        let answer = browser.send(good.get().method(method)).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (405, None),
            "{method}"
        );
    }
    let pairs: serde_json::Map<_, _> = good.0.iter().map(|(n, v)| (n.clone(), json!(v))).collect();
    let answer = browser.send(Ask::json("/authorize", &json!(pairs))).await;
    assert!(matches!(answer.status, 400 | 415), "{}", answer.status);
    for ask in [good.get(), Ask::get("/logout")] {
        let head = browser.send(ask.method("HEAD")).await;
        assert_eq!(
            (head.status, head.header("allow")),
            (405, Some("GET, POST"))
        );
    }
}
