//! RP-initiated logout.

use hallpass_jose::{JwsAlgorithm, SigningKey};
use hallpass_store::{Commit, Write};
use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Setup, assertion, fixture, html, wire};
use hallpass_types::{ClientId, Secret};
use serde_json::json;

const BYE: &str = "https://rp.test/bye";

/// A browser with a session of alice, and an ID token of the client `web`.
async fn signed_in(op: &Op) -> (Browser, String) {
    let mut browser = op.browser();
    let id = browser.code_flow("web", "openid").await.id.unwrap();
    (browser, id)
}

async fn has_session(browser: &mut Browser) -> bool {
    let answer = browser
        .send(Request::of("web", "openid").with("prompt", "none").get())
        .await;
    let location = answer.location();
    let alive = wire::param(location, "code").is_some();
    assert!(alive || answer.error() == "login_required", "{location}");
    alive
}

/// The request led to the question whether to sign out.
#[track_caller]
fn assert_asks(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 303, "{what}: {}", answer.text());
    assert!(
        answer
            .location()
            .starts_with("https://op.test/logout/confirm?"),
        "{what}: {}",
        answer.location()
    );
}

#[track_caller]
fn assert_error(answer: &Answer, what: &str) {
    assert_eq!(
        (answer.status, answer.media()),
        (400, "text/html"),
        "{what}: {:?}",
        answer.header("location")
    );
    assert_eq!(answer.header("location"), None, "{what}");
}

// LO-01
#[tokio::test]
async fn without_a_proof_the_person_is_asked() {
    let op = Op::start().await;
    let (mut browser, _) = signed_in(&op).await;
    for pairs in [
        &[][..],
        &[("client_id", "web")],
        &[("client_id", "web"), ("post_logout_redirect_uri", BYE)],
        &[("logout_hint", "alice")],
        &[("state", "x")],
    ] {
        for ask in [Ask::query("/logout", pairs), Ask::form("/logout", pairs)] {
            let answer = browser
                .send(ask.header("Sec-Fetch-Site", "cross-site"))
                .await;
            assert_asks(&answer, &format!("{pairs:?}"));
            assert!(has_session(&mut browser).await, "{pairs:?}");
            let page = browser.follow(&answer).await.text();
            html::form(&page, "logout");
            assert!(has_session(&mut browser).await, "{pairs:?}");
        }
    }
    let answer = browser
        .query(
            "/logout",
            &[
                ("client_id", "web"),
                ("post_logout_redirect_uri", BYE),
                ("state", "s"),
            ],
        )
        .await;
    let page = browser.follow(&answer).await.text();
    let stays = browser.press(&page, "logout", "logout-no", &[]).await;
    assert_ne!(stays.status, 500);
    assert!(has_session(&mut browser).await);
    let leaves = browser.press(&page, "logout", "logout-yes", &[]).await;
    assert_eq!(leaves.location(), "https://rp.test/bye?state=s");
    assert!(!has_session(&mut browser).await);
}

// LO-02
#[tokio::test]
async fn nobody_else_can_say_yes() {
    let op = Op::start().await;
    let (mut browser, _) = signed_in(&op).await;
    let answer = browser.query("/logout", &[]).await;
    let target = answer
        .location()
        .strip_prefix("https://op.test")
        .unwrap()
        .to_owned();
    let yes = [("logout", "yes")];
    let from = |site: &str, origin: &str| {
        Ask::form(&target, &yes)
            .header("Sec-Fetch-Site", site)
            .header("Origin", origin)
    };
    for (ask, status) in [
        (from("cross-site", "https://evil.test"), 403),
        (from("cross-site", fixture::ISSUER), 403),
        (from("same-site", fixture::ISSUER), 403),
        (from("same-origin", "https://evil.test"), 403),
        (from("same-origin", "null"), 403),
        (Ask::post(&target, "text/plain", "logout=yes"), 415),
        (Ask::json(&target, &json!({"logout": "yes"})), 415),
        (Ask::get(&format!("{target}&logout=yes")), 200),
        (Ask::form("/logout/confirm", &yes), 403),
        (Ask::form("/logout/confirm?handle=x", &yes), 403),
        (Ask::form(&target, &[]), 400),
        (Ask::form(&target, &[("logout", "x")]), 400),
        (Ask::form(&target, &[yes[0], yes[0]]), 400),
    ] {
        let shown = format!("{:?} {}", ask.headers, ask.target.len());
        let answer = browser.send(ask).await;
        assert_eq!(answer.status, status, "{shown}");
        assert!(has_session(&mut browser).await, "{shown}");
    }
    // A page that another browser was given.
    let (mut bob, _) = signed_in(&op).await;
    let bobs = bob.query("/logout", &[]).await;
    let bobs = bobs
        .location()
        .strip_prefix("https://op.test")
        .unwrap()
        .to_owned();
    let answer = browser.send(Ask::form(&bobs, &yes)).await;
    assert!(matches!(answer.status, 400 | 403), "{}", answer.status);
    assert!(has_session(&mut browser).await && has_session(&mut bob).await);
    // A page that this browser was given, in another browser.
    let mut thief = op.browser();
    assert!(matches!(
        thief.send(Ask::form(&target, &yes)).await.status,
        400 | 403
    ));
    assert!(has_session(&mut browser).await);
}

// LO-03, LO-06, LO-13
#[tokio::test]
async fn people_are_sent_to_registered_places_only() {
    let op = Op::start().await;
    let (mut browser, id) = signed_in(&op).await;
    for uri in [
        "https://rp.test/bye/",
        "https://rp.test/bye?x",
        "https://rp.test/bye#",
        "https://rp.test/BYE",
        "https://RP.test/bye",
        "https://rp2.test/bye",
        "https://rp.test/cb",
        "https://evil.test/",
        "//evil.test",
        "/\\evil.test",
        "/%5cevil.test",
        "/%09/evil.test",
        "https:evil.test",
        "\\\\evil.test",
        "/@evil.test",
        "/.evil.test",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://rp.test@evil.test/bye",
        "https://rp.test/bye\r\nX: y",
        " https://rp.test/bye",
        "https://op.test/logout",
        fixture::MARKER,
    ] {
        for proof in [
            &[("id_token_hint", id.as_str())][..],
            &[("client_id", "web")],
            &[("client_id", "web"), ("id_token_hint", &id)],
        ] {
            let mut pairs = proof.to_vec();
            pairs.push(("post_logout_redirect_uri", uri));
            for ask in [Ask::query("/logout", &pairs), Ask::form("/logout", &pairs)] {
                let answer = browser.send(ask).await;
                assert_error(&answer, uri);
            }
            assert!(has_session(&mut browser).await, "{uri}");
        }
    }
    // Without a client there is nobody whose URI it could be.
    let answer = browser
        .query("/logout", &[("post_logout_redirect_uri", BYE)])
        .await;
    if answer.status == 303 {
        assert_asks(&answer, "no client");
        let page = browser.follow(&answer).await.text();
        let left = browser.press(&page, "logout", "logout-yes", &[]).await;
        assert!(
            !left
                .header("location")
                .unwrap_or_default()
                .contains("rp.test"),
            "{:?}",
            left.header("location")
        );
    }
}

// LO-06, AZ-03
#[tokio::test]
async fn requests_that_contradict_themselves_are_errors() {
    let op = Op::start().await;
    let (mut browser, id) = signed_in(&op).await;
    let hint = ("id_token_hint", id.as_str());
    for pairs in [
        vec![hint, ("client_id", "web2")],
        vec![hint, ("client_id", "nobody")],
        vec![("client_id", "nobody")],
        vec![("client_id", "off")],
        vec![hint, hint],
        vec![("client_id", "web"), ("client_id", "web")],
        vec![
            hint,
            ("post_logout_redirect_uri", BYE),
            ("post_logout_redirect_uri", BYE),
        ],
        vec![
            hint,
            ("post_logout_redirect_uri", BYE),
            ("state", "a"),
            ("state", "b"),
        ],
    ] {
        assert_error(
            &browser.query("/logout", &pairs).await,
            &format!("{:?}", pairs.last()),
        );
        assert!(has_session(&mut browser).await);
    }
}

// LO-04
#[tokio::test]
async fn an_address_of_script_that_was_stored_once_is_no_link_and_nobody_is_sent_there() {
    let op = Op::start().await;
    for uri in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
    ] {
        let (mut browser, id) = signed_in(&op).await;
        // Such a client cannot be registered; an older version or another program may have written it.
        op.change_client("web", |metadata| {
            metadata.insert("post_logout_redirect_uris".to_owned(), json!([uri]));
            for name in ["client_uri", "policy_uri", "tos_uri", "logo_uri"] {
                metadata.insert(name.to_owned(), json!(uri));
            }
        })
        .await;
        let with_hint = [
            ("id_token_hint", id.as_str()),
            ("post_logout_redirect_uri", uri),
        ];
        let by_name = [("client_id", "web"), ("post_logout_redirect_uri", uri)];
        for pairs in [&with_hint[..], &by_name, &by_name[..1], &[]] {
            let mut browser = browser.clone();
            let mut answer = browser.query("/logout", pairs).await;
            let mut pages = Vec::new();
            for _ in 0..3 {
                if answer.status == 303 {
                    answer = browser.follow(&answer).await;
                }
                let page = answer.text();
                let asks = page.contains("id=\"logout-yes\"");
                pages.push(page.clone());
                if !asks {
                    break;
                }
                answer = browser.press(&page, "logout", "logout-yes", &[]).await;
            }
            for tag in pages.iter().flat_map(|page| html::tags(page)) {
                for name in ["href", "action", "src", "formaction", "content"] {
                    let value = tag.get(name).unwrap_or_default().to_ascii_lowercase();
                    assert!(
                        !value.contains("script:") && !value.starts_with("data:"),
                        "{uri}: {name}={value}"
                    );
                }
            }
        }
        op.change_client("web", |metadata| {
            metadata.insert("post_logout_redirect_uris".to_owned(), json!([BYE]));
            for name in ["client_uri", "policy_uri", "tos_uri", "logo_uri"] {
                metadata.remove(name);
            }
        })
        .await;
        drop(browser.get("/").await);
    }
}

// LO-05, LO-11
#[tokio::test]
async fn a_hint_that_proves_nothing_ends_nothing() {
    let op = Op::start().await;
    let (mut browser, id) = signed_in(&op).await;
    let claims = assertion::payload(&id);
    let key = fixture::rsa_key();
    let sign = |claims: &serde_json::Value| assertion::sign(key, claims);
    let mut other_issuer = claims.clone();
    other_issuer["iss"] = json!("https://other.test");
    let mut of_bob = claims.clone();
    of_bob["sub"] = json!(op.subject("bob").as_str());
    of_bob.as_object_mut().unwrap().remove("sid");
    let stranger = SigningKey::generate(JwsAlgorithm::RS256).unwrap();
    let payload = claims.to_string();
    #[rustfmt::skip]
    let hints = [
        ("none", assertion::compact(&json!({"alg": "none"}), payload.as_bytes(), b"")), ("modified", format!("{}x", &id[..id.len() - 2])),
        ("another issuer", sign(&other_issuer)), ("bob", sign(&of_bob)), ("a stranger", assertion::sign(&stranger, &claims)),
        ("a logout token", assertion::sign_with_header(key, &json!({"alg": "RS256", "kid": key.kid(), "typ": "logout+jwt"}), payload.as_bytes())),
        ("an access token", assertion::sign_with_header(key, &json!({"alg": "RS256", "kid": key.kid(), "typ": "at+jwt"}), payload.as_bytes())),
        ("null", assertion::sign_with_header(key, &json!({"alg": "RS256"}), b"null")), ("text", "alice".to_owned()), ("dots", "..".to_owned()),
        ("empty parts", "a.b.c".to_owned()), ("marker", fixture::MARKER.to_owned()), ("long", "a".repeat(50_000)),
        ("HMAC with the key set", assertion::sign_hmac(JwsAlgorithm::HS256, &op.provider.signing_keys().document().body, &claims)),
    ];
    for (what, hint) in &hints {
        let answer = browser.form("/logout", &[("id_token_hint", hint)]).await;
        assert_asks(&answer, what);
        let pairs = [
            ("id_token_hint", hint.as_str()),
            ("client_id", "web"),
            ("post_logout_redirect_uri", BYE),
        ];
        let answer = browser.form("/logout", &pairs).await;
        if answer.status == 303 {
            assert_asks(&answer, what);
        } else {
            assert_error(&answer, what);
        }
        assert!(has_session(&mut browser).await, "{what}");
    }
    let endless = browser
        .form("/logout", &[("id_token_hint", &"a".repeat(1_000_000))])
        .await;
    assert_eq!(endless.status, 413);
}

// LO-05: a genuine hint of an earlier session or of another person
#[tokio::test]
async fn a_genuine_hint_of_somebody_else_asks_the_person_who_is_here() {
    let op = Op::start().await;
    let (_, alices) = signed_in(&op).await;
    let mut bob = op.browser();
    bob.code("bob", &Request::of("web", "openid")).await;
    let answer = bob
        .query(
            "/logout",
            &[
                ("id_token_hint", &alices),
                ("post_logout_redirect_uri", BYE),
            ],
        )
        .await;
    assert_asks(&answer, "alice's hint");
    assert!(has_session(&mut bob).await);
}

// LO-07
#[tokio::test]
async fn a_state_comes_back_once_and_encoded() {
    let op = Op::start().await;
    for state in [
        "a\r\nX-Inj: 1",
        fixture::MARKER,
        &"s".repeat(4_000),
        "&post_logout_redirect_uri=https://evil.test",
        "#x",
        "\u{1f600}",
    ] {
        let (mut browser, id) = signed_in(&op).await;
        let pairs = [
            ("id_token_hint", id.as_str()),
            ("post_logout_redirect_uri", BYE),
            ("state", state),
        ];
        let answer = browser.query("/logout", &pairs).await;
        assert_eq!(
            wire::param(answer.location(), "state").as_deref(),
            Some(state)
        );
        assert_eq!(answer.location().matches("state=").count(), 1);
        assert!(!answer.location().contains('#'));
    }
}

// LO-08, LG-07
#[tokio::test]
async fn after_signing_out_the_old_cookie_is_nothing_anywhere() {
    let op = Op::start().await;
    let other = op.another_node().await;
    let (mut browser, id) = signed_in(&op).await;
    let mut tab = browser.clone();
    let mut elsewhere = other.browser();
    for (name, value) in browser.cookies() {
        elsewhere.set_cookie(name, value);
    }
    assert!(has_session(&mut tab).await && has_session(&mut elsewhere).await);
    let waiting = tab
        .send(Request::of("web", "openid email profile").get())
        .await;
    let consent = tab.follow(&waiting).await.text();
    let answer = browser
        .query(
            "/logout",
            &[("id_token_hint", &id), ("post_logout_redirect_uri", BYE)],
        )
        .await;
    assert_eq!(answer.location(), BYE);
    assert_eq!(browser.cookie("session"), None);
    assert!(!has_session(&mut browser).await);
    assert!(!has_session(&mut tab).await, "a second tab");
    assert!(!has_session(&mut elsewhere).await, "another node");
    // A consent page that is still open.
    let answer = tab.press(&consent, "consent", "allow", &[]).await;
    let code = answer
        .header("location")
        .and_then(|l| wire::param(l, "code"));
    assert_eq!(code, None);
    // Once more is no error.
    let again = browser
        .query(
            "/logout",
            &[("id_token_hint", &id), ("post_logout_redirect_uri", BYE)],
        )
        .await;
    assert_eq!(again.status, 303);
}

// A window in which the person signs out has not heard yet that they signed in once more in another one.
#[tokio::test]
async fn a_session_that_goes_on_with_the_one_that_ends_ends_too() {
    let op = Op::start().await;
    let (mut browser, id) = signed_in(&op).await;
    let mut late = browser.clone();
    for _ in 0..3 {
        let request = Request::of("web", "openid").with("prompt", "login");
        browser.flow_of("alice", "web", &request).await;
    }
    assert!(has_session(&mut browser).await);
    assert!(!has_session(&mut late).await, "it is superseded");
    let mut elsewhere = op.browser();
    elsewhere.code_flow("web", "openid").await;
    late.query(
        "/logout",
        &[("id_token_hint", &id), ("post_logout_redirect_uri", BYE)],
    )
    .await;
    assert!(!has_session(&mut browser).await);
    assert!(has_session(&mut elsewhere).await, "another browser's stays");
}

#[tokio::test]
async fn the_end_session_endpoint_takes_get_and_post_only() {
    let op = Op::start().await;
    let (mut browser, id) = signed_in(&op).await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let ask = Ask::query("/logout", &[("id_token_hint", &id)]).method(method);
        assert_eq!(browser.send(ask).await.status, 405, "{method}");
    }
    assert!(has_session(&mut browser).await);
    let answer = browser
        .form(
            "/logout",
            &[("id_token_hint", &id), ("post_logout_redirect_uri", BYE)],
        )
        .await;
    assert_eq!(answer.location(), BYE);
}

// LO-02, LG-10
#[tokio::test]
async fn no_form_of_any_page_is_taken_without_what_its_page_gave_it() {
    let op = Op::with(|policy| policy.backchannel.enabled = true).await;
    let (mut browser, _) = signed_in(&op).await;
    let all = [
        ("logout", "yes"),
        ("decision", "allow"),
        ("account", "current"),
        ("organization", "x"),
        ("username", "bob"),
        ("password", fixture::password("bob")),
        ("unlink", "x"),
    ];
    for page in [
        "/sign-in",
        "/select-account",
        "/consent",
        "/logout/confirm",
        "/approvals",
    ] {
        for handle in ["", "?handle=", "?handle=x", "?handle=x&handle=x"] {
            let answer = browser
                .send(Ask::form(&format!("{page}{handle}"), &all))
                .await;
            assert_eq!(answer.status, 403, "{page}{handle}: {}", answer.text());
        }
        // Who only asks for the page has a wrong address and nothing that is forbidden.
        if page != "/approvals" {
            let shown = browser.get(&format!("{page}?handle=x")).await;
            assert_eq!(shown.status, 400, "{page}");
        }
    }
    // What a page of an account carries stands in the form.
    let profile = browser.get("/account/sessions").await.text();
    let forms = html::forms(&profile);
    let own = forms
        .iter()
        .find_map(|form| form.field("form"))
        .unwrap()
        .to_owned();
    let (mut other, _) = signed_in(&op).await;
    for page in [
        "/account/profile",
        "/account/password",
        "/account/sessions",
        "/account/apps",
        "/account/export",
        "/account/delete",
    ] {
        let sent = |form: Option<&str>| {
            let mut fields = vec![("session", "others"), ("client", "web")];
            fields.extend(form.map(|form| ("form", form)));
            Ask::form(page, &fields)
        };
        for form in [None, Some(""), Some("x")] {
            let answer = browser.send(sent(form)).await;
            assert_eq!(answer.status, 403, "{page} {form:?}: {}", answer.text());
        }
        let foreign = other.send(sent(Some(&own))).await;
        assert_eq!(foreign.status, 403, "{page}");
    }
    let admitted = Ask::form("/approvals", &[("admit", "web")]);
    assert_eq!(browser.send(admitted).await.status, 403);
    assert!(has_session(&mut browser).await && has_session(&mut other).await);
    op.clock.advance(3600);
    let late = Ask::form(
        "/account/sessions",
        &[("session", "others"), ("form", &own)],
    );
    assert_eq!(browser.send(late).await.status, 403);
}

// LO-02: a page that was answered is not answered again
#[tokio::test]
async fn a_yes_is_for_the_session_that_was_asked_about() {
    let op = Op::start().await;
    let (mut browser, _) = signed_in(&op).await;
    let answer = browser.query("/logout", &[]).await;
    let page = browser.follow(&answer).await.text();
    browser.press(&page, "logout", "logout-yes", &[]).await;
    assert!(!has_session(&mut browser).await);
    // In the same browser, by the same person and by another one.
    for person in ["alice", "bob"] {
        browser.code(person, &Request::of("web", "openid")).await;
        assert!(has_session(&mut browser).await);
        for button in ["logout-yes", "logout-no"] {
            let again = browser.press(&page, "logout", button, &[]).await;
            assert_ne!(again.status, 500);
            assert!(has_session(&mut browser).await, "{person}: {button}");
        }
        let answer = browser.query("/logout", &[]).await;
        let own = browser.follow(&answer).await.text();
        browser.press(&own, "logout", "logout-yes", &[]).await;
        assert!(!has_session(&mut browser).await);
    }
}

// LO-01: from a picture, a frame, a link, a form of another site
#[tokio::test]
async fn nothing_that_another_page_loads_signs_anybody_out() {
    let op = Op::start().await;
    let (mut browser, _) = signed_in(&op).await;
    for (mode, destination) in [
        ("no-cors", "image"),
        ("no-cors", "script"),
        ("navigate", "iframe"),
        ("navigate", "document"),
        ("cors", "empty"),
        ("websocket", "websocket"),
    ] {
        for target in [
            "/logout",
            "/logout?client_id=web",
            "/logout?logout=yes",
            "/logout/confirm?logout=yes",
            "/signed-out",
        ] {
            for method in ["GET", "POST", "HEAD"] {
                let ask = Ask::new(method, target)
                    .header("Sec-Fetch-Site", "cross-site")
                    .header("Sec-Fetch-Mode", mode)
                    .header("Sec-Fetch-Dest", destination)
                    .header("Origin", "https://evil.test");
                let answer = browser.send(ask).await;
                assert!(answer.status < 500, "{method} {target}");
                assert!(has_session(&mut browser).await, "{method} {target} {mode}");
            }
        }
    }
}

// LO-11
#[tokio::test]
async fn a_hint_of_a_client_that_changed_its_secret_or_is_gone_only_asks() {
    //= test RFC7591#3.2.1 a secret does not work after client_secret_expires_at
    let symmetric = json!({"id_token_signed_response_alg": "HS256"});
    let op = Setup::default()
        .metadata("web", &symmetric)
        .policy(|policy| policy.signing_algs.push(JwsAlgorithm::HS256))
        .start()
        .await;
    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    let web = ClientId::parse("web").unwrap();
    let put = async |write: Write| {
        let commit = Commit {
            spends: Vec::new(),
            writes: vec![write],
        };
        store.commit(issuer, commit).await.unwrap();
        op.clock.advance(1);
    };
    let pairs = |hint: &str| {
        [
            ("id_token_hint", hint.to_owned()),
            ("post_logout_redirect_uri", BYE.to_owned()),
        ]
    };
    let leave = async |browser: &mut Browser, hint: &str| {
        let pairs = pairs(hint);
        let pairs = pairs.each_ref().map(|(n, v)| (*n, v.as_str()));
        browser.query("/logout", &pairs).await
    };
    let (mut browser, hint) = signed_in(&op).await;
    assert_eq!(assertion::header(&hint)["alg"], "HS256");
    assert_eq!(leave(&mut browser, &hint).await.location(), BYE);
    // Another secret: nobody can say any more whose hint that is.
    let (mut browser, hint) = signed_in(&op).await;
    let record = store.client(issuer, &web).await.unwrap().unwrap();
    let secret = Secret::new("hpk_second-0123456789abcdefghijklmnopqrs".to_owned());
    let (id, metadata) = (web.clone(), record.metadata.clone());
    let (_, new) = op
        .provider
        .new_record(id, metadata, Some(&secret), record.origin);
    let mut rotated = record.clone();
    rotated.secret = new.secret;
    rotated.secret_sealed = new.secret_sealed;
    put(Write::Client(Box::new(rotated))).await;
    let answer = leave(&mut browser, &hint).await;
    if answer.status == 303 {
        assert_asks(&answer, "another secret");
    } else {
        assert_error(&answer, "another secret");
    }
    assert!(has_session(&mut browser).await);
    // A secret that is over.
    let mut over = record.clone();
    over.secret_expires_at = Some(op.provider.now());
    put(Write::Client(Box::new(over))).await;
    let answer = leave(&mut browser, &hint).await;
    assert!(answer.status < 500, "{}", answer.text());
    assert!(
        !answer
            .header("location")
            .unwrap_or_default()
            .starts_with(BYE)
    );
    // And a client that is gone, or switched off, whichever way its hints are signed.
    put(Write::Client(Box::new(record))).await;
    let first = browser.code_flow("first", "openid").await.id.unwrap();
    let other = browser.code_flow("web2", "openid").await.id.unwrap();
    put(Write::DeleteClient(web)).await;
    put(Write::DeleteClient(ClientId::parse("first").unwrap())).await;
    op.disable_client("web2").await;
    for (hint, bye) in [
        (&hint, BYE),
        (&first, "https://first.test/bye"),
        (&other, "https://rp2.test/bye"),
    ] {
        let named = [
            ("id_token_hint", hint.as_str()),
            ("post_logout_redirect_uri", bye),
        ];
        for pairs in [&named[..], &named[..1]] {
            let answer = browser.query("/logout", pairs).await;
            if answer.status == 303 {
                assert_asks(&answer, bye);
            } else {
                assert_error(&answer, bye);
            }
        }
    }
    let silent = Request::of("spa", "openid").with("prompt", "none");
    let answer = browser.send(silent.get()).await;
    assert_ne!(answer.error(), "login_required", "nobody was signed out");
}
