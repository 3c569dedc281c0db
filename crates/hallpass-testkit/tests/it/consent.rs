//! The consent page, and what is remembered of it.

use hallpass_testkit::{
    Ask, Browser, Op, Request, Setup, fixture, fixture::Seed, flow, html, wire,
};
use serde_json::json;

/// Signs in and goes to the consent page of a request: its path, and what it shows.
async fn at_consent(op: &Op, request: &Request) -> (Browser, String, String) {
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let (target, page) = open(&mut browser, request).await;
    (browser, target, page)
}

async fn open(browser: &mut Browser, request: &Request) -> (String, String) {
    let answer = browser.send(request.get()).await;
    let target = answer
        .location()
        .strip_prefix("https://op.test")
        .unwrap()
        .to_owned();
    assert!(target.starts_with("/consent?"), "{target}");
    let page = browser.get(&target).await.text();
    html::form(&page, "consent");
    (target, page)
}

async fn is_asked(browser: &mut Browser, request: &Request) -> bool {
    let answer = browser.send(request.get()).await;
    let location = answer.location();
    assert!(wire::param(location, "error").is_none(), "{location}");
    location.starts_with("https://op.test/consent?")
}

fn code_of(answer: &hallpass_testkit::Answer) -> Option<String> {
    wire::param(answer.header("location")?, "code")
}

// AZ-22
#[tokio::test]
async fn nobody_else_can_allow_and_no_form_can_widen() {
    let op = Op::start().await;
    let request = Request::of("web", "openid email");
    let (mut browser, target, _) = at_consent(&op, &request).await;
    let allow = [
        ("decision", "allow"),
        ("scope.openid", "yes"),
        ("scope.email", "yes"),
    ];
    let from = |site: &str, origin: &str| {
        Ask::form(&target, &allow)
            .header("Sec-Fetch-Site", site)
            .header("Origin", origin)
    };
    for ask in [
        from("cross-site", "https://evil.test"),
        from("cross-site", fixture::ISSUER),
        from("same-origin", "https://evil.test"),
        from("same-origin", "null"),
        Ask::post(&target, "text/plain", "decision=allow"),
        Ask::json(&target, &json!({"decision": "allow"})),
        Ask::get(&format!("{target}&decision=allow")),
        Ask::form("/consent", &allow),
        Ask::form("/consent?handle=AAAA", &allow),
        Ask::form(&target, &[]),
        Ask::form(&target, &[("decision", "ALLOW")]),
        Ask::form(&target, &[allow[0], allow[0]]),
    ] {
        let shown = format!("{:?}", ask.headers);
        let answer = browser.send(ask).await;
        assert!(
            matches!(answer.status, 200 | 400 | 403 | 415),
            "{shown}: {}",
            answer.status
        );
        assert_eq!(code_of(&answer), None, "{shown}");
    }
    // The page of another browser and session.
    let (mut bob, bobs, _) = at_consent(&op, &request).await;
    for (browser, target) in [(&mut browser, &bobs), (&mut bob, &target)] {
        let answer = browser.send(Ask::form(target, &allow)).await;
        assert_eq!((answer.status, code_of(&answer)), (403, None));
    }
    // More than was asked for.
    let wider = [
        allow[0],
        allow[1],
        allow[2],
        ("scope.phone", "yes"),
        ("scope.offline_access", "yes"),
        ("scope", "phone"),
        ("claims", r#"{"userinfo":{"name":null}}"#),
        ("resource", fixture::API1),
        ("client_id", "web2"),
        ("redirect_uri", "https://evil.test/"),
        ("account", "bob"),
    ];
    let answer = browser
        .send(Ask::form(&target, &wider).header("Origin", fixture::ISSUER))
        .await;
    assert!(answer.location().starts_with(fixture::WEB_CB));
    let tokens = browser
        .redeem("web", &code_of(&answer).unwrap())
        .await
        .json();
    let access = tokens["access_token"].as_str().unwrap();
    let seen = browser
        .call("web", "/introspect", &[("token", access)])
        .await
        .json();
    assert_eq!(seen["scope"], "openid email");
    let info = browser.userinfo(access).await.json();
    assert_eq!((info.get("name"), info.get("phone_number")), (None, None));
}

// AZ-22
#[tokio::test]
async fn less_than_what_was_asked_for_can_be_allowed() {
    let op = Op::start().await;
    let (mut browser, target, _) = at_consent(&op, &Request::of("web", "openid email phone")).await;
    let ask = Ask::form(&target, &[("decision", "allow"), ("scope.phone", "yes")])
        .header("Origin", fixture::ISSUER);
    let answer = browser.send(ask).await;
    let tokens = browser
        .redeem("web", &code_of(&answer).unwrap())
        .await
        .json();
    //= test RFC6749#5.1 scope is there when it differs from what was asked for; here, always
    assert_eq!(tokens["scope"], "openid phone");
    let info = browser
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await
        .json();
    assert_eq!(info.get("email"), None);
    assert_eq!(info["phone_number"], "+1 555 0100");
}

// AZ-22: approve after deny
#[tokio::test]
async fn who_denies_has_denied() {
    let op = Op::start().await;
    let (mut browser, _, page) = at_consent(&op, &Request::of("web", "openid email")).await;
    let denied = browser.press(&page, "consent", "deny", &[]).await;
    assert!(denied.location().starts_with(fixture::WEB_CB));
    assert_eq!(denied.error(), "access_denied");
    assert_eq!(
        wire::param(denied.location(), "state").as_deref(),
        Some("the-state")
    );
    let after = browser.press(&page, "consent", "allow", &[]).await;
    assert_eq!(
        code_of(&after),
        None,
        "{} {:?}",
        after.status,
        after.header("location")
    );
}

// AZ-24
#[tokio::test]
async fn what_was_allowed_is_remembered_for_exactly_that() {
    let op = Op::start().await;
    let mut browser = op.browser();
    browser
        .code(
            "alice",
            &Request::of("web", "openid email").with("resource", fixture::API1),
        )
        .await;
    let good = Request::of("web", "openid email").with("resource", fixture::API1);
    assert!(!is_asked(&mut browser, &good).await);
    assert!(!is_asked(&mut browser, &good.clone().with("scope", "openid")).await);
    for (what, request) in [
        (
            "a wider scope",
            good.clone().with("scope", "openid email phone"),
        ),
        (
            "another resource",
            good.clone().with("resource", fixture::API2),
        ),
        (
            "one more resource",
            good.clone()
                .with("scope", "openid email api:read")
                .with("resource", fixture::API2),
        ),
        (
            "offline access",
            good.clone().with("scope", "openid email offline_access"),
        ),
        ("prompt=consent", good.clone().with("prompt", "consent")),
        (
            "claims",
            good.clone()
                .with("claims", r#"{"userinfo":{"phone_number":null}}"#),
        ),
        (
            "another client of the same name",
            Request::of("web2", "openid email"),
        ),
    ] {
        assert!(is_asked(&mut browser, &request).await, "{what}");
    }
    // Somebody else has allowed nothing.
    let mut bob = op.browser();
    bob.sign_in("bob").await;
    assert!(is_asked(&mut bob, &good).await);
    // Another set of redirect URIs is another client.
    op.change_client("web", |metadata| {
        metadata["redirect_uris"] = json!(["https://rp.test/cb", "https://rp.test/another"]);
    })
    .await;
    assert!(is_asked(&mut browser, &good).await);
}

// AZ-24, RFC 8252 §8.6
#[tokio::test]
async fn an_application_that_nothing_vouches_for_is_asked_about_every_time() {
    let op = Op::start().await;
    for uri in ["http://127.0.0.1:51004/cb", "com.example.app:/cb"] {
        let mut browser = op.browser();
        let request = Request::of("native", "openid").with("redirect_uri", uri);
        browser.code("alice", &request).await;
        assert!(is_asked(&mut browser, &request).await, "{uri}");
        let silent = browser.send(request.with("prompt", "none").get()).await;
        assert!(
            matches!(
                silent.error().as_str(),
                "interaction_required" | "consent_required"
            ),
            "{uri}: {}",
            silent.error()
        );
    }
}

// RG-05, RG-10, RG-19, AZ-17: a client that registered itself
#[tokio::test]
async fn a_client_that_registered_itself_is_shown_as_what_it_is() {
    let op = Op::with(|policy| policy.registration.open = true).await;
    let mut browser = op.browser();
    let name = "Web \u{202e}<script>alert(1)</script>{{7*7}}";
    let metadata = json!({
        "redirect_uris": ["https://self.test/cb"], "client_name": name, "client_uri": "https://self.test/", "skip_consent": true,
        "policy_uri": "https://self.test/policy", "logo_uri": "https://self.test/logo.png",
    });
    let client = browser.send(Ask::json("/register", &metadata)).await.json();
    let id = client["client_id"].as_str().unwrap();
    op.knows_client(id, &metadata);
    browser.sign_in("alice").await;
    let request = Request::of("web", "openid")
        .with("client_id", id)
        .with("redirect_uri", "https://self.test/cb");
    let silent = browser
        .send(request.clone().with("prompt", "none").get())
        .await;
    assert_eq!(silent.error(), "consent_required");
    let (_, page) = open(&mut browser, &request).await;
    assert!(page.contains("self.test"), "{page}");
    assert!(page.contains("unverified"), "{page}");
    assert!(
        !page.contains("<script>alert") && page.contains("{{7*7}}") && !page.contains("logo.png"),
        "{page}"
    );
    let bidi = html::text_of(&page, "client-host");
    assert!(bidi.is_none_or(|host| !host.contains('\u{202e}')));
}

// AZ-22: consent is given by the person who saw the page
#[tokio::test]
async fn a_page_that_one_person_saw_is_not_answered_by_the_next() {
    let op = Op::start().await;
    let (mut browser, _, page) = at_consent(&op, &Request::of("web", "openid email")).await;
    let fresh = Request::of("first", "openid").with("prompt", "login");
    browser.code("bob", &fresh).await;
    let answer = browser.press(&page, "consent", "allow", &[]).await;
    if let Some(code) = code_of(&answer) {
        let tokens = browser.redeem("web", &code).await.json();
        let info = browser
            .userinfo(tokens["access_token"].as_str().unwrap())
            .await
            .json();
        panic!("allowed by {}", info["sub"]);
    }
}

// AZ-24: a client that lost its right meanwhile
#[tokio::test]
async fn a_page_is_worth_nothing_once_its_client_changed() {
    let op = Op::start().await;
    for change in ["disabled", "uri", "scope"] {
        let id = match change {
            "disabled" => "web",
            "uri" => "post",
            _ => "sjwt",
        };
        let (mut browser, _, page) = at_consent(&op, &Request::of(id, "openid email")).await;
        match change {
            "disabled" => op.disable_client(id).await,
            "uri" => {
                op.change_client(id, |m| {
                    m["redirect_uris"] = json!(["https://post.test/other"]);
                })
                .await;
            }
            _ => {
                op.change_client(id, |m| {
                    m.insert("scope".to_owned(), json!("openid"));
                })
                .await;
            }
        }
        let answer = browser.press(&page, "consent", "allow", &[]).await;
        if change == "scope" {
            // What the client may not have any more falls away.
            let tokens = browser.redeem(id, &code_of(&answer).unwrap()).await.json();
            assert_eq!(tokens["scope"], "openid");
        } else {
            assert_eq!(
                (answer.status, answer.header("location")),
                (400, None),
                "{change}"
            );
        }
    }
}

// AZ-23 (RFC 9700 §4.7): a request of one browser is not continued in another
#[tokio::test]
async fn a_request_is_finished_where_it_was_started() {
    let op = Op::start().await;
    let (_, target, page) = at_consent(&op, &Request::of("web", "openid")).await;
    let mut victim = op.browser();
    victim.sign_in("alice").await;
    let answer = victim.get(&target).await;
    assert_eq!((answer.status, answer.header("location")), (400, None));
    let answer = victim.press(&page, "consent", "allow", &[]).await;
    assert_eq!((answer.status, code_of(&answer)), (403, None));
}

// AZ-19 for pages: they are over after an hour
#[tokio::test]
async fn a_page_that_waited_too_long_is_over() {
    let op = Op::start().await;
    let (mut browser, target, page) = at_consent(&op, &Request::of("web", "openid")).await;
    op.clock.advance(3_600);
    assert_eq!(browser.get(&target).await.status, 400);
    let answer = browser.press(&page, "consent", "allow", &[]).await;
    assert_eq!((answer.status, code_of(&answer)), (403, None));
}

// AZ-08 with consent: the form-action of a page lets the response through
#[tokio::test]
async fn a_page_lets_its_form_lead_to_the_client_and_nowhere_else() {
    let second = Seed {
        id: "tracked",
        secret: Some("hpk_tracked-0123456789abcdefghijklmnopqrstu"),
        disabled: false,
        metadata: json!({"redirect_uris": ["https://tracked.test/cb"], "client_uri": "https://tracked.test/", "logo_uri": "https://tracked.test/logo"}),
    };
    let op = Setup::default().client(second).start().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let request = Request::of("web", "openid")
        .with("client_id", "tracked")
        .with("redirect_uri", "https://tracked.test/cb");
    let answer = browser.send(request.get()).await;
    let page = browser.follow(&answer).await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        !policy.contains("tracked.test/logo") && !policy.contains("img-src *"),
        "{policy}"
    );
    assert!(!page.text().contains("https://tracked.test/logo"));
    assert_eq!(flow::redirect_uri("web"), fixture::WEB_CB);
}

// RG-04, RG-19: a picture is fetched by us, once, and only where somebody decides
#[tokio::test]
async fn a_logo_is_part_of_the_consent_page_and_nobody_else_is_asked_for_it() {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x20\0\0\0\x10\x08";
    let url = "https://tracked.test/logo";
    let seed = || Seed {
        id: "tracked",
        secret: Some("hpk_tracked-0123456789abcdefghijklmnopqrstu"),
        disabled: false,
        metadata: json!({"redirect_uris": ["https://tracked.test/cb"], "logo_uri": url}),
    };
    let request = Request::of("web", "openid")
        .with("client_id", "tracked")
        .with("redirect_uri", "https://tracked.test/cb");
    for (document, shown) in [
        (Some(PNG), true),
        (Some(b"<svg onload=\"alert(1)\"/>"), false),
        (None, false),
    ] {
        let op = Setup::default().client(seed()).start().await;
        if let Some(document) = document {
            op.fetcher.put(url, document);
        }
        let mut browser = op.browser();
        let answer = browser.send(request.get()).await;
        let page = browser.follow(&answer).await.text();
        html::form(&page, "login");
        assert_eq!(op.fetcher.asked(), Vec::<String>::new());
        browser.sign_in("alice").await;
        for _ in 0..2 {
            let (_, page) = open(&mut browser, &request).await;
            let tags = html::tags(&page);
            let logo = tags.iter().find(|tag| tag.get("id") == Some("client-logo"));
            let source = logo.and_then(|tag| tag.get("src")).map(html::decode);
            assert_eq!(
                source
                    .is_some_and(|source| source.starts_with("data:image/png;base64,iVBORw0KGgo")),
                shown
            );
            assert!(!page.contains(url) && !page.contains("<svg onload"));
        }
        assert_eq!(op.fetcher.asked(), [url]);
    }
}

// LG-22, G5
#[tokio::test]
async fn a_name_that_looks_like_markup_is_shown_as_text() {
    let op = Op::start().await;
    let issuer = op.provider.issuer_id();
    let password = "a long pass phrase of nobody";
    for name in [
        "<svg/onload=1>",
        "\"onfocus=alert(1)",
        "{{7*7}}",
        "</title><script>x</script>",
        "a\u{202e}b",
        "&lt;b&gt;",
    ] {
        let new = hallpass_accounts::NewUser {
            username: name.to_owned(),
            password: Some(hallpass_types::Secret::new(password.to_owned())),
            must_change: false,
            claims: serde_json::Map::new(),
        };
        // Some of these are no names at all.
        if op.accounts.create(issuer, new).await.is_err() {
            continue;
        }
        let mut browser = op.browser();
        let answer = browser.send(Request::of("web", "openid").get()).await;
        let page = browser.follow(&answer).await.text();
        let answer = browser
            .press(
                &page,
                "login",
                "sign-in",
                &[("username", name), ("password", password)],
            )
            .await;
        let consent = browser.follow(&answer).await.text();
        html::form(&consent, "consent");
        let answer = browser.query("/logout", &[]).await;
        let logout = browser.follow(&answer).await.text();
        html::form(&logout, "logout");
        for page in [&consent, &logout] {
            assert!(
                html::tags(page)
                    .iter()
                    .all(|t| t.name != "svg" || t.get("onload").is_none()),
                "{page}"
            );
            assert!(
                html::tags(page)
                    .iter()
                    .all(|t| t.name != "script" && t.get("onfocus").is_none()),
                "{page}"
            );
            assert!(html::decode(page).contains(name), "{name}: {page}");
        }
    }
}
