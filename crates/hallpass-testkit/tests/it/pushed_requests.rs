//! Pushed authorization requests: RFC 9126.

use hallpass_testkit::{
    Answer, Ask, Browser, Op, Prover, Setup, fixture,
    flow::{Request, Tokens, VERIFIER, challenge},
    wire,
};
use serde_json::json;

const URN: &str = "urn:ietf:params:oauth:request_uri:";

async fn push(browser: &mut Browser, client: &str, request: &Request) -> Answer {
    let pairs: Vec<(&str, &str)> = request
        .0
        .iter()
        .filter(|(name, _)| name != "client_id")
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    browser.call(client, "/par", &pairs).await
}

/// The `request_uri` of a good push.
async fn pushed(browser: &mut Browser, client: &str, request: &Request) -> String {
    let answer = push(browser, client, request).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let body = answer.json();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let expires_in = body["expires_in"].as_i64().unwrap();
    assert!((1..600).contains(&expires_in), "{expires_in}");
    let uri = body["request_uri"].as_str().unwrap().to_owned();
    assert!(uri.starts_with(URN), "{uri}");
    uri
}

fn bring(client: &str, uri: &str) -> Ask {
    Ask::query("/authorize", &[("client_id", client), ("request_uri", uri)])
}

/// An error page: nobody is redirected.
#[track_caller]
fn assert_page(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    assert_eq!(answer.header("location"), None, "{what}");
    assert_eq!(answer.media(), "text/html", "{what}");
}

#[track_caller]
fn assert_refused(answer: &Answer, error: &str, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    assert_eq!(answer.error(), error, "{what}");
}

#[tokio::test]
async fn a_pushed_request_leads_to_tokens_for_every_kind_of_client() {
    //= test RFC9126#2 clients authenticate as at the token endpoint
    let op = Op::start().await;
    for client in ["web", "post", "sjwt", "pkjwt", "spa", "native"] {
        let mut browser = op.browser();
        let uri = pushed(&mut browser, client, &Request::of(client, "openid email")).await;
        let answer = browser.send(bring(client, &uri)).await;
        let answer = browser.through_pages("alice", answer).await;
        let location = answer.location();
        assert!(
            location.starts_with(hallpass_testkit::flow::redirect_uri(client)),
            "{location}"
        );
        assert_eq!(wire::param(location, "state").as_deref(), Some("the-state"));
        let code = wire::param(location, "code").unwrap();
        let tokens = Tokens::of(&browser.redeem(client, &code).await);
        let claims = op.verified(client, tokens.id.as_deref().unwrap());
        assert_eq!(claims["nonce"], "the-nonce");
        assert_eq!(tokens.scope.as_deref(), Some("openid email"));
    }
}

// PA-01
#[tokio::test]
async fn only_an_authenticated_client_pushes() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid");
    let pairs: Vec<(&str, &str)> = request
        .0
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    for ask in [
        Ask::form("/par", &pairs),
        Ask::form("/par", &pairs).basic("web", "wrong"),
        Ask::form("/par", &pairs[1..]).basic("nobody", "x"),
        Ask::form("/par", &pairs).bearer("x"),
    ] {
        let answer = browser.send(ask).await;
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert_eq!(answer.error(), "invalid_client");
    }
    // PA-06: what is pushed for one client is not pushed by another.
    let answer = browser
        .send(Ask::form("/par", &pairs).basic("web2", fixture::secret("web2")))
        .await;
    assert_refused(&answer, "invalid_request", "client_id of another client");
}

// PA-02
#[tokio::test]
async fn a_request_uri_is_not_pushed() {
    //= test RFC9126#2.1 request_uri is not pushed
    let op = Op::start().await;
    let mut browser = op.browser();
    let good = Request::of("web", "openid");
    let uri = pushed(&mut browser, "web", &good).await;
    for value in [uri.as_str(), "https://rp.test/request", "x"] {
        let answer = push(
            &mut browser,
            "web",
            &good.clone().with("request_uri", value),
        )
        .await;
        assert_refused(&answer, "invalid_request", value);
        let alone = Request(vec![("request_uri".to_owned(), value.to_owned())]);
        let answer = push(&mut browser, "web", &alone).await;
        assert_refused(&answer, "invalid_request", value);
    }
}

// PA-03
#[tokio::test]
async fn only_a_posted_form_is_a_push() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid");
    let pairs: Vec<(&str, &str)> = request
        .0
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let basic = |ask: Ask| ask.basic("web", fixture::secret("web"));
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let answer = browser
            .send(basic(Ask::form("/par", &pairs).method(method)))
            .await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("POST, OPTIONS"), "{method}");
    }
    let answer = browser
        .send(basic(Ask::json("/par", &json!({"scope": "openid"}))))
        .await;
    assert!(matches!(answer.status, 400 | 415), "{}", answer.status);
    // What stands in the query is not read.
    let target = format!("/par?{}", wire::encode(&pairs));
    let answer = browser.send(basic(Ask::form(&target, &[]))).await;
    assert_refused(&answer, "invalid_request", "parameters in the query");
}

// PA-05, PA-09
#[tokio::test]
async fn a_push_is_checked_as_the_authorization_endpoint_would() {
    //= test RFC9126#2.1 the request is checked as the authorization endpoint would
    let op = Op::start().await;
    let mut browser = op.browser();
    let good = Request::of("web", "openid");
    let cases = [
        (good.clone().without("redirect_uri"), "invalid_request"),
        (
            good.clone().with("redirect_uri", "https://rp.test/cb/"),
            "invalid_request",
        ),
        (
            good.clone().with("redirect_uri", "https://rp.test/CB"),
            "invalid_request",
        ),
        (
            good.clone().with("redirect_uri", "https://evil.test/"),
            "invalid_request",
        ),
        (
            good.clone().and("redirect_uri", fixture::WEB_CB),
            "invalid_request",
        ),
        (good.clone().and("state", "again"), "invalid_request"),
        (good.clone().without("response_type"), "invalid_request"),
        (
            good.clone().with("response_type", "code id_token"),
            "unsupported_response_type",
        ),
        (
            good.clone().with("response_type", "token"),
            "unsupported_response_type",
        ),
        (good.clone().with("response_mode", "x"), "invalid_request"),
        (
            good.clone()
                .without("code_challenge")
                .without("code_challenge_method"),
            "invalid_request",
        ),
        (
            good.clone().with("code_challenge_method", "plain"),
            "invalid_request",
        ),
        (good.clone().with("scope", "nothing"), "invalid_scope"),
        (good.clone().with("prompt", "none login"), "invalid_request"),
        (good.clone().with("claims", "{"), "invalid_request"),
        (
            good.clone().with("resource", "https://unknown.test"),
            "invalid_target",
        ),
        (
            good.clone().with("registration", "{}"),
            "registration_not_supported",
        ),
    ];
    for (request, error) in cases {
        let answer = push(&mut browser, "web", &request).await;
        assert_refused(&answer, error, &format!("{request:?}"));
        let body = answer.json();
        assert!(
            body.as_object()
                .unwrap()
                .keys()
                .all(|k| k == "error" || k == "error_description"),
            "{body}"
        );
    }
    assert_eq!(push(&mut browser, "web", &good).await.status, 201);
}

// PA-10
#[tokio::test]
async fn handles_are_long_and_different() {
    //= test RFC9126#2.2 request_uri cannot be guessed and has a lifetime
    let op = Op::start().await;
    let mut browser = op.browser();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let uri = pushed(&mut browser, "web", &Request::of("web", "openid")).await;
        assert!(uri.len() >= URN.len() + 40, "{uri}");
        assert!(seen.insert(uri));
    }
}

// AZ-14
#[tokio::test]
async fn a_pushed_request_is_its_clients_alone() {
    //= test RFC9126#2.2 a request_uri is bound to the client that posted the request
    let op = Op::start().await;
    let mut browser = op.browser();
    let uri = pushed(&mut browser, "web", &Request::of("web", "openid")).await;
    assert_page(&browser.send(bring("web2", &uri)).await, "another client");
    assert_page(&browser.send(bring("nobody", &uri)).await, "no client");
    let answer = browser
        .send(Ask::query("/authorize", &[("request_uri", &uri)]))
        .await;
    assert_page(&answer, "without client_id");
    // Another client with a redirect URI of its own hears of it there.
    let request = Request::of("web2", "openid").with("request_uri", &uri);
    let answer = browser.send(request.get()).await;
    assert!(answer.location().starts_with("https://rp2.test/cb?"));
    assert_eq!(answer.error(), "invalid_request_uri");
    // It still works for its own.
    let answer = browser.send(bring("web", &uri)).await;
    let answer = browser.through_pages("alice", answer).await;
    assert!(wire::param(answer.location(), "code").is_some());
}

// AZ-15
#[tokio::test]
async fn a_pushed_request_can_be_loaded_again_until_it_has_its_answer() {
    //= test RFC9126#7.3 a request_uri works once; here, until the request has its answer
    let op = Op::start().await;
    let mut browser = op.browser();
    let uri = pushed(&mut browser, "web", &Request::of("web", "openid")).await;
    for _ in 0..3 {
        let answer = browser.send(bring("web", &uri)).await;
        assert_eq!(answer.status, 303);
        assert!(
            answer.location().starts_with(fixture::ISSUER),
            "a page of ours"
        );
    }
    let mut other = op.browser();
    let waiting = other.send(bring("web", &uri)).await;
    let answer = browser.send(bring("web", &uri)).await;
    let answer = browser.through_pages("alice", answer).await;
    assert!(wire::param(answer.location(), "code").is_some());
    // After that it is over, for everybody, also for somebody who is already signing in.
    for browser in [&mut browser, &mut op.browser()] {
        assert_page(&browser.send(bring("web", &uri)).await, "used");
    }
    let answer = other.through_pages("bob", waiting).await;
    assert_eq!(
        answer.error(),
        "invalid_request_uri",
        "{}",
        answer.location()
    );
    assert_eq!(wire::param(answer.location(), "code"), None);
}

#[tokio::test]
async fn an_error_is_an_answer_too() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid").with("prompt", "none");
    let uri = pushed(&mut browser, "web", &request).await;
    let answer = browser.send(bring("web", &uri)).await;
    assert_eq!(answer.error(), "login_required");
    assert_page(&browser.send(bring("web", &uri)).await, "after an error");
    let uri = pushed(&mut browser, "web", &Request::of("web", "openid")).await;
    browser.sign_in("alice").await;
    let page = browser.send(bring("web", &uri)).await;
    let page = browser.follow(&page).await;
    let answer = browser.press(&page.text(), "consent", "deny", &[]).await;
    assert_eq!(answer.error(), "access_denied", "{}", answer.text());
    assert_page(&browser.send(bring("web", &uri)).await, "after a refusal");
}

// AZ-16
#[tokio::test]
async fn a_pushed_request_expires_but_not_while_its_person_signs_in() {
    //= test RFC9126#4 expired request_uri values are invalid
    let op = Op::start().await;
    let mut browser = op.browser();
    let good = Request::of("web", "openid");
    let late = pushed(&mut browser, "web", &good).await;
    let in_time = pushed(&mut browser, "web", &good).await;
    let answer = browser.send(bring("web", &in_time)).await;
    op.clock.advance(59);
    let answer_again = browser.send(bring("web", &late)).await;
    assert_eq!(answer_again.status, 303, "a second before its end");
    op.clock.advance(1);
    assert_page(&browser.send(bring("web", &late)).await, "at its end");
    op.clock.advance(1800);
    let below =
        hallpass_types::Bucket::purgeable_below(hallpass_types::Timestamp(op.clock.seconds()));
    op.provider.store().purge(below, 10_000).await.unwrap();
    let answer = browser.through_pages("alice", answer).await;
    let code = wire::param(answer.location(), "code").unwrap();
    Tokens::of(&browser.redeem("web", &code).await);
    // In the end nothing of either is left.
    op.clock.advance(7200);
    let below =
        hallpass_types::Bucket::purgeable_below(hallpass_types::Timestamp(op.clock.seconds()));
    assert!(op.provider.store().purge(below, 10_000).await.unwrap() > 0);
}

// PA-11
#[tokio::test]
async fn handles_that_nobody_was_given_are_all_refused_alike() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let uri = pushed(&mut browser, "web", &Request::of("web", "openid")).await;
    let mut texts = std::collections::BTreeSet::new();
    let mut cases = vec![
        URN.to_owned(),
        format!("{URN}x"),
        format!("{uri}A"),
        format!("{uri}="),
        uri.to_uppercase(),
        uri[..uri.len() - 1].to_owned(),
        format!("{URN}{}", fixture::MARKER),
        format!("{URN}../{}", &uri[URN.len()..]),
        uri.replace("hpw_", "hpc_"),
    ];
    let random = hallpass_types::Opaque::<hallpass_types::Waiting>::from_random(
        hallpass_types::Bucket(40_000_000),
        &[1; 24],
    );
    cases.push(format!("{URN}{}", random.expose()));
    for case in cases {
        let answer = browser.send(bring("web", &case)).await;
        assert_page(&answer, &case);
        if case.starts_with(URN) {
            texts.insert(answer.text());
        }
    }
    assert_eq!(texts.len(), 1, "{texts:?}");
}

// PA-12
#[tokio::test]
async fn a_client_that_pushes_without_end_is_stopped_and_no_other() {
    let op = Op::with(|policy| policy.requests.max_pushed = 20).await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid");
    let mut last = String::new();
    for _ in 0..20 {
        last = pushed(&mut browser, "web", &request).await;
    }
    let answer = push(&mut browser, "web", &request).await;
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    pushed(&mut browser, "web2", &Request::of("web2", "openid")).await;
    // One that is used makes room for one.
    let answer = browser.send(bring("web", &last)).await;
    browser.through_pages("alice", answer).await;
    pushed(&mut browser, "web", &request).await;
    assert_eq!(push(&mut browser, "web", &request).await.status, 429);
    op.clock.advance(2 * 3600);
    pushed(&mut browser, "web", &request).await;
}

// PA-12: whoever speaks for a public client does so from somewhere
#[tokio::test]
async fn one_address_cannot_push_without_end_for_clients_that_prove_nothing() {
    let op = Op::with(|policy| policy.requests.pushed_per_network_per_minute = 3).await;
    let mut browser = op.browser();
    let request = Request::of("spa", "openid");
    for _ in 0..3 {
        pushed(&mut browser, "spa", &request).await;
    }
    let answer = push(&mut browser, "spa", &request).await;
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    // Clients that prove themselves have a bound of their own.
    for _ in 0..5 {
        pushed(&mut browser, "web", &Request::of("web", "openid")).await;
    }
    op.clock.advance(60);
    pushed(&mut browser, "spa", &request).await;
}

// PA-13
#[tokio::test]
async fn where_pushing_is_required_nothing_else_is_taken() {
    //= test RFC9126#6 where pushed requests are required, the authorization endpoint takes no others
    let op = Op::start().await;
    let mut browser = op.browser();
    op.change_client("web", |metadata| {
        metadata.insert(
            "require_pushed_authorization_requests".to_owned(),
            json!(true),
        );
    })
    .await;
    let good = Request::of("web", "openid");
    for ask in [good.get(), good.post()] {
        let mut browser = op.browser();
        let mut answer = browser.send(ask).await;
        if answer.location().starts_with(fixture::ISSUER) {
            answer = browser.follow(&answer).await;
        }
        assert!(
            answer.location().starts_with(fixture::WEB_CB),
            "{}",
            answer.location()
        );
        assert_eq!(answer.error(), "invalid_request");
    }
    let uri = pushed(&mut browser, "web", &good).await;
    let answer = browser.send(bring("web", &uri)).await;
    let answer = browser.through_pages("alice", answer).await;
    assert!(wire::param(answer.location(), "code").is_some());
    // Others do as they like.
    browser.code("alice", &Request::of("web2", "openid")).await;
    let op = Op::with(|policy| policy.requests.require_pushed = true).await;
    let mut browser = op.browser();
    let answer = browser.send(Request::of("web2", "openid").get()).await;
    assert_eq!(answer.error(), "invalid_request");
    let metadata = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
}

#[tokio::test]
async fn what_stands_beside_a_pushed_request_does_not_count() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let uri = pushed(&mut browser, "web", &Request::of("web", "openid")).await;
    let beside = Request::of("web", "openid email phone")
        .with("state", "another")
        .with("redirect_uri", "https://evil.test/")
        .with("response_mode", "fragment")
        .with("code_challenge", "x")
        .with("request_uri", &uri);
    let answer = browser.send(beside.get()).await;
    let answer = browser.through_pages("alice", answer).await;
    let location = answer.location();
    assert!(location.starts_with("https://rp.test/cb?"), "{location}");
    assert_eq!(wire::param(location, "state").as_deref(), Some("the-state"));
    let code = wire::param(location, "code").unwrap();
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", fixture::WEB_CB),
        ("code_verifier", VERIFIER),
    ];
    let tokens = Tokens::of(&browser.call("web", "/token", &pairs).await);
    assert_eq!(tokens.scope.as_deref(), Some("openid"));
}

// AZ-40
#[tokio::test]
async fn nothing_of_a_pushed_request_is_in_the_clear_on_the_way() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid email")
        .with("login_hint", "somebody-special")
        .with("state", "state-special")
        .with("nonce", "nonce-special");
    let uri = pushed(&mut browser, "web", &request).await;
    let answer = browser.send(bring("web", &uri)).await;
    let clear = |text: &str| text.contains("special");
    assert!(!clear(answer.location()));
    assert!(browser.cookies().iter().all(|(_, value)| !clear(value)));
    // IN-03: a handle is no token.
    let handle = &uri[URN.len()..];
    for token in [uri.as_str(), handle] {
        let answer = browser
            .call("web", "/introspect", &[("token", token)])
            .await;
        assert_eq!(answer.body, br#"{"active":false}"#);
    }
    let answer = browser.redeem("web", handle).await;
    assert_refused(&answer, "invalid_grant", "a handle as a code");
}

// AD-24
#[tokio::test]
async fn a_request_pushed_to_one_issuer_is_unknown_to_another() {
    let op = Op::start().await;
    let other = Setup::default()
        .beside(&op, "https://other.test", "other")
        .start()
        .await;
    let uri = pushed(&mut op.browser(), "web", &Request::of("web", "openid")).await;
    assert_page(
        &other.browser().send(bring("web", &uri)).await,
        "another issuer",
    );
}

// F03: two nodes, one person's browser each, the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pushed_request_has_one_code_however_many_complete_it_at_once() {
    let op = Op::start().await;
    let node = op.another_node().await;
    let mut browsers = Vec::new();
    for (index, op) in [&op, &node, &op, &node].into_iter().enumerate() {
        let mut browser = op.browser();
        browser
            .sign_in(if index % 2 == 0 { "alice" } else { "bob" })
            .await;
        // Consent is remembered, so that one request completes it.
        browser
            .code(
                if index % 2 == 0 { "alice" } else { "bob" },
                &Request::of("web", "openid"),
            )
            .await;
        browsers.push(browser);
    }
    for _ in 0..10 {
        let uri = pushed(&mut op.browser(), "web", &Request::of("web", "openid")).await;
        let mut tasks = tokio::task::JoinSet::new();
        for browser in std::mem::take(&mut browsers) {
            let (mut browser, ask) = (browser, bring("web", &uri));
            tasks.spawn(async move {
                let answer = browser.send(ask).await;
                (browser, answer)
            });
        }
        let mut codes = 0;
        for (browser, answer) in tasks.join_all().await {
            if answer.status == 303 && wire::param(answer.location(), "code").is_some() {
                codes += 1;
            }
            browsers.push(browser);
        }
        assert_eq!(codes, 1);
    }
}

#[tokio::test]
async fn where_pushing_is_switched_off_there_is_no_endpoint() {
    let op = Op::with(|policy| policy.requests.pushed = false).await;
    let mut browser = op.browser();
    let answer = push(&mut browser, "web", &Request::of("web", "openid")).await;
    assert_eq!(answer.status, 404);
    let answer = browser.send(bring("web", &format!("{URN}x"))).await;
    assert_page(&answer, "switched off");
    let metadata = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(metadata.get("pushed_authorization_request_endpoint"), None);
}

// TK-46: pushed requests as token requests
#[tokio::test]
async fn a_proof_of_a_pushed_request_that_came_to_nothing_was_shown_all_the_same() {
    //= test RFC9449#11.1 a proof that was used is refused when it is shown again
    let op = Setup::default().start().await;
    let node = op.another_node().await;
    let (mut here, mut there) = (op.browser(), node.browser());
    let now = op.clock.seconds();
    let other = challenge("of-another-key");
    let good = Request::of("web", "openid");
    for wrong in [
        good.clone().with("scope", "unheard-of"),
        good.clone().with("response_type", "nothing"),
        good.clone().with("redirect_uri", "https://evil.test/cb"),
        good.clone().with("dpop_jkt", &other),
        good.clone().with("request_uri", "https://rp.test/request"),
        good.clone().with("request", "x"),
    ] {
        let proof = Prover::default().post("/par", now);
        let push = |browser: &Browser, request: &Request| {
            let pairs: Vec<(&str, &str)> = request
                .0
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            browser.ask_as("web", "/par", &pairs).header("DPoP", &proof)
        };
        let answer = here.send(push(&here, &wrong)).await;
        assert_eq!(answer.status, 400, "{wrong:?}: {}", answer.text());
        let other_key = wrong.0.iter().any(|(name, _)| name == "dpop_jkt");
        assert_eq!(
            answer.error() == "invalid_dpop_proof",
            other_key,
            "{wrong:?}"
        );
        for request in [&wrong, &good] {
            let again = there.send(push(&there, request)).await;
            assert_eq!(
                (again.status, again.error().as_str()),
                (400, "invalid_dpop_proof")
            );
        }
    }
    // Who did not authenticate uses up nothing.
    let proof = Prover::default().post("/par", now);
    let wrong = Ask::form("/par", &[("client_id", "web"), ("client_secret", "wrong")])
        .header("DPoP", &proof);
    assert_eq!(here.send(wrong).await.status, 401);
    let pairs: Vec<(&str, &str)> = good
        .0
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let right = here.ask_as("web", "/par", &pairs).header("DPoP", &proof);
    let answer = here.send(right).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}
