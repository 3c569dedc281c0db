//! Clients that anybody could have made: what they may not make of this server.

use hallpass_core::policy::Policy;
use hallpass_jose::JwsAlgorithm;
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Request, Tokens, assertion, fixture,
    flow::{VERIFIER, challenge},
    html, wire,
};
use serde_json::json;

const CB: &str = "https://new.test/cb";
const DOCUMENT: &str = "https://app.test/client";

async fn open(change: impl FnOnce(&mut Policy) + Send + 'static) -> Op {
    Op::with(|policy| {
        policy.registration.open = true;
        policy.client_documents.enabled = true;
        change(policy);
    })
    .await
}

/// The identifier of a client that has just registered itself.
async fn registered(op: &Op, token: Option<&str>) -> String {
    let metadata = json!({"redirect_uris": [CB], "token_endpoint_auth_method": "none"});
    let ask = Ask::json("/register", &metadata);
    let ask = match token {
        Some(token) => ask.bearer(token),
        None => ask,
    };
    let answer = op.browser().send(ask).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = answer.json()["client_id"].as_str().unwrap().to_owned();
    op.knows_client(&id, &metadata);
    id
}

fn request(id: &str) -> Request {
    let pairs = [
        ("client_id", id),
        ("response_type", "code"),
        ("redirect_uri", CB),
        ("scope", "openid"),
        ("state", "the-state"),
        ("code_challenge", &challenge(VERIFIER)),
        ("code_challenge_method", "S256"),
    ];
    Request(pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec())
}

/// Requests that are wrong in themselves.
fn wrong(id: &str) -> Vec<Request> {
    let good = request(id);
    vec![
        good.clone().with("response_type", "nothing"),
        good.clone().without("response_type"),
        good.clone().with("scope", "unheard-of"),
        good.clone().with("code_challenge_method", "plain"),
        good.clone().without("code_challenge"),
        good.clone().with("prompt", "none login"),
        good.clone().with("request", "x"),
        good.clone().with("id_token_hint", "x"),
        good.with("resource", "https://nowhere.test/"),
    ]
}

#[track_caller]
fn assert_held(answer: &Answer, what: &Request) {
    let page = answer.text();
    assert_eq!(
        (answer.status, answer.media()),
        (400, "text/html"),
        "{what:?}"
    );
    assert_eq!(answer.header("location"), None, "{what:?}");
    let tags = html::tags(&page);
    let link = tags.iter().find(|tag| tag.get("id") == Some("back"));
    let target = link.and_then(|link| link.get("href")).expect("a link");
    assert!(target.starts_with("https://new.test/cb?error="), "{target}");
    assert!(target.contains("state=the-state"), "{target}");
    let (_, shown) = page.split_once("<span>Return to ").unwrap();
    let (shown, _) = shown.split_once("</a>").unwrap();
    assert!(shown.contains("new.test"), "whose it is: {shown}");
    assert!(html::text_of(&page, "error-code").is_some(), "{page}");
}

async fn all_go_back(browser: &mut Browser, id: &str) {
    for request in wrong(id) {
        let answer = browser.send(request.get()).await;
        assert_eq!(answer.status, 303, "{request:?}: {}", answer.text());
        assert!(answer.location().starts_with(CB), "{request:?}");
        assert!(
            wire::param(answer.location(), "error").is_some(),
            "{request:?}"
        );
    }
}

// AZ-17, AZ-02
#[tokio::test]
async fn an_error_of_a_client_that_anybody_could_have_made_is_read_by_a_person_first() {
    //= test RFC9700#4.11.2 nobody is sent on by itself to where a client that is not trusted wants them
    //= test RFC9700#4.11.2 a frame that asks with prompt=none gets its answer, since nobody would look at a page there
    //= test RFC9700#4.11.2 the person decides whether to go on
    let op = open(|_| ()).await;
    let document = json!({"client_id": DOCUMENT, "client_name": "The app", "redirect_uris": [CB]});
    op.fetcher.put(DOCUMENT, document.to_string());
    op.knows_client(DOCUMENT, &document);
    let own = registered(&op, None).await;
    for id in [own.as_str(), DOCUMENT] {
        let mut signed_in = op.browser();
        signed_in.sign_in("alice").await;
        for mut browser in [op.browser(), signed_in] {
            for request in wrong(id) {
                assert_held(&browser.send(request.get()).await, &request);
            }
            // A link with prompt=none is a link all the same. A frame is nobody's sight: it gets its answer.
            for silent in [
                request(id).with("prompt", "none"),
                request(id)
                    .with("prompt", "none")
                    .with("scope", "unheard-of"),
            ] {
                assert_held(&browser.send(silent.get()).await, &silent);
                let framed = silent.get().header("sec-fetch-dest", "iframe");
                let answer = browser.send(framed).await;
                assert_eq!(answer.status, 303, "{}", answer.text());
                assert!(answer.location().starts_with(CB), "{}", answer.location());
            }
            // Without prompt=none a frame shows what a window does.
            let wrong = request(id).with("scope", "unheard-of");
            let framed = wrong.get().header("sec-fetch-dest", "iframe");
            assert_held(&browser.send(framed).await, &wrong);
            // What is right is asked as ever.
            let answer = browser.send(request(id).get()).await;
            assert!(answer.location().starts_with("https://op.test/"));
        }
        // Whoever has read a page and says no is sent back.
        let mut browser = op.browser();
        browser.sign_in("alice").await;
        let page = browser.send(request(id).get()).await;
        let page = browser.follow(&page).await.text();
        let answer = browser.press(&page, "consent", "deny", &[]).await;
        assert!(answer.location().starts_with(CB), "{}", answer.text());
        assert_eq!(answer.error(), "access_denied");
        // Whom they let in is no stranger to them any more, but is to others.
        let page = browser.send(request(id).get()).await;
        let page = browser.follow(&page).await.text();
        let answer = browser.press(&page, "consent", "allow", &[]).await;
        assert!(wire::param(answer.location(), "code").is_some());
        let more = request(id)
            .with("scope", "openid email")
            .with("prompt", "none");
        let answer = browser.send(more.get()).await;
        assert_eq!(answer.error(), "consent_required");
        let mut other = op.browser();
        other.sign_in("bob").await;
        assert_held(&other.send(more.get()).await, &more);
    }
}

// AZ-17
#[tokio::test]
async fn an_error_goes_straight_to_a_client_that_somebody_vouched_for() {
    let op = open(|_| ()).await;
    let token = op.initial_access_token.clone();
    let id = registered(&op, Some(&token)).await;
    all_go_back(&mut op.browser(), &id).await;
    // Where nobody registers without a token, nobody is a stranger.
    let op = Op::start().await;
    let token = op.initial_access_token.clone();
    let id = registered(&op, Some(&token)).await;
    all_go_back(&mut op.browser(), &id).await;
    // Neither is a document of a host that the operator chose.
    let op = open(|policy| {
        policy.client_documents.allow_hosts = vec!["app.test".to_owned()];
    })
    .await;
    let document = json!({"client_id": DOCUMENT, "client_name": "The app", "redirect_uris": [CB]});
    op.fetcher.put(DOCUMENT, document.to_string());
    op.knows_client(DOCUMENT, &document);
    all_go_back(&mut op.browser(), DOCUMENT).await;
    // And where the operator wants it so.
    let op = open(|policy| policy.requests.redirect_strangers = true).await;
    let id = registered(&op, None).await;
    all_go_back(&mut op.browser(), &id).await;
}

const BYE: &str = "https://new.test/bye";
const START: &str = "https://new.test/start";

/// The identifier of a client with addresses at which people arrive who were not sent by the authorization endpoint.
async fn registered_with_ways(op: &Op, token: Option<&str>) -> String {
    let metadata = json!({"redirect_uris": [CB], "token_endpoint_auth_method": "none",
        "post_logout_redirect_uris": [BYE], "initiate_login_uri": START});
    let ask = Ask::json("/register", &metadata);
    let ask = match token {
        Some(token) => ask.bearer(token),
        None => ask,
    };
    let answer = op.browser().send(ask).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = answer.json()["client_id"].as_str().unwrap().to_owned();
    op.knows_client(&id, &metadata);
    id
}

// LO-13
#[tokio::test]
async fn nobody_is_sent_to_a_stranger_by_a_link_that_signs_out() {
    let op = open(|_| ()).await;
    let id = registered_with_ways(&op, None).await;
    let without = [
        ("client_id", &*id),
        ("post_logout_redirect_uri", BYE),
        ("state", "s"),
    ];
    // A hint that the stranger has from an account of their own makes no difference.
    let mut theirs = op.browser();
    let code = theirs.code("bob", &request(&id)).await;
    let redemption = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", CB),
        ("code_verifier", VERIFIER),
        ("client_id", &*id),
    ];
    let tokens = Tokens::of(&theirs.form("/token", &redemption).await);
    let hint = tokens.id.unwrap();
    let with = [
        without[0],
        without[1],
        without[2],
        ("id_token_hint", &*hint),
    ];
    for pairs in [&without[..], &with[..]] {
        let mut browser = op.browser();
        let answer = browser.query("/logout", pairs).await;
        let asked = answer.location().to_owned();
        assert!(
            asked.starts_with("https://op.test/logout/confirm?handle="),
            "{asked}"
        );
        // Who says yes goes there.
        let page = browser.follow(&answer).await.text();
        let gone = browser.press(&page, "logout", "logout-yes", &[]).await;
        assert_eq!(gone.location(), format!("{BYE}?state=s"));
    }
    // Who is signed in there goes back at once.
    let back = theirs.query("/logout", &with).await;
    assert_eq!(back.location(), format!("{BYE}?state=s"));
    // A client that somebody vouched for is trusted to send people back.
    let token = op.initial_access_token.clone();
    let id = registered_with_ways(&op, Some(&token)).await;
    let pairs = [("client_id", &*id), ("post_logout_redirect_uri", BYE)];
    let answer = op.browser().query("/logout", &pairs).await;
    assert_eq!(answer.location(), BYE);
}

// LO-05
#[tokio::test]
async fn a_strangers_own_word_signs_nobody_out() {
    let op = open(|policy| policy.signing_algs.push(JwsAlgorithm::HS256)).await;
    let metadata = json!({"redirect_uris": [CB], "id_token_signed_response_alg": "HS256",
        "post_logout_redirect_uris": [BYE]});
    let answer = op
        .browser()
        .send(Ask::json("/register", &metadata))
        .await
        .json();
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    let (id, secret) = (text("client_id"), text("client_secret"));
    op.knows_client(&id, &metadata);
    let mut alice = op.browser();
    alice.sign_in("alice").await;
    // Whoever made the client has the key of its hints, and has heard of alice elsewhere.
    let now = op.clock.seconds();
    let forged = json!({"iss": fixture::ISSUER, "aud": id, "sub": op.subject("alice").as_str(),
        "iat": now, "exp": now + 60});
    let hint = assertion::sign_hmac(JwsAlgorithm::HS256, secret.as_bytes(), &forged);
    let pairs = [("id_token_hint", &*hint), ("post_logout_redirect_uri", BYE)];
    let answer = alice.query("/logout", &pairs).await;
    let asked = answer.location();
    assert!(
        asked.starts_with("https://op.test/logout/confirm?handle="),
        "{asked}"
    );
    let silent = Request::of("web", "openid").with("prompt", "none");
    let still = alice.send(silent.get()).await;
    assert_ne!(still.error(), "login_required");
}

// LO-13
#[tokio::test]
async fn nobody_is_sent_to_a_stranger_to_be_signed_in_there() {
    let op = open(|policy| policy.parts.initiated_login = true).await;
    let token = op.initial_access_token.clone();
    for (token, sent) in [(None, false), (Some(&*token), true)] {
        let id = registered_with_ways(&op, token).await;
        let mut browser = op.browser();
        let answer = browser.query("/initiate", &[("client_id", &*id)]).await;
        let location = answer.header("location").map(str::to_owned);
        assert_eq!(answer.status, if sent { 303 } else { 400 }, "{location:?}");
        assert_eq!(location.is_some_and(|l| l.starts_with(START)), sent);
    }
}

/// What a signed answer says.
fn claims_of(op: &Op, jwt: &str) -> serde_json::Value {
    let jws = hallpass_jose::UnverifiedJws::parse(jwt).unwrap();
    let (algorithm, keys) = (jws.algorithm(), op.provider.signing_keys());
    let verified = jws.verify(&[algorithm], keys.public()).expect("it is ours");
    serde_json::Value::Object(verified.claims().unwrap().into_map())
}

// AZ-17
#[tokio::test]
async fn an_answer_that_cannot_be_a_link_is_a_form_that_the_person_sends() {
    let op = open(|policy| policy.jarm = true).await;
    let id = registered(&op, None).await;
    for mode in ["form_post", "form_post.jwt"] {
        let request = request(&id)
            .with("response_mode", mode)
            .with("scope", "unheard-of");
        let mut signed_in = op.browser();
        signed_in.sign_in("alice").await;
        for mut browser in [op.browser(), signed_in] {
            let answer = browser.send(request.get()).await;
            let page = answer.text();
            assert_eq!(
                (answer.status, answer.media()),
                (400, "text/html"),
                "{page}"
            );
            assert_eq!(answer.header("location"), None);
            // It goes nowhere by itself.
            assert!(
                !page.contains("<script") && !page.contains("http-equiv"),
                "{page}"
            );
            let policy = answer.header("content-security-policy").unwrap();
            assert!(!policy.contains("script-src"), "{policy}");
            let form = html::form(&page, "go-back");
            assert_eq!(form.action, CB);
            let sent = |name: &str| {
                let mut all = form.fields.iter().filter(|(field, _)| field == name);
                (all.next().map(|(_, value)| value.clone()), all.count())
            };
            if mode == "form_post" {
                assert_eq!(sent("error"), (Some("invalid_scope".to_owned()), 0));
                assert_eq!(sent("state"), (Some("the-state".to_owned()), 0));
                assert_eq!(sent("iss"), (Some(fixture::ISSUER.to_owned()), 0));
            } else {
                let (jwt, more) = sent("response");
                let claims = claims_of(&op, &jwt.unwrap());
                assert_eq!(claims["aud"], *id);
                assert_eq!(claims["error"], "invalid_scope");
                assert_eq!((&claims["state"], more), (&json!("the-state"), 0));
            }
            let (_, shown) = page.split_once("<span>Return to ").unwrap();
            let (shown, _) = shown.split_once("</button>").unwrap();
            assert!(shown.contains("new.test"), "whose it is: {shown}");
        }
        // After the person said no it goes by itself, as ever.
        let mut browser = op.browser();
        browser.sign_in("alice").await;
        let good = crate::strangers::request(&id).with("response_mode", mode);
        let page = browser.send(good.get()).await;
        let page = browser.follow(&page).await.text();
        let answer = browser.press(&page, "consent", "deny", &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(html::form(&answer.text(), "form-post").action, CB);
    }
}

// AZ-17
#[tokio::test]
async fn an_error_that_stays_on_the_persons_own_machine_goes_there() {
    //= test RFC9700#4.11.2 an answer that stays on the person's own machine goes there
    const APP: &str = "http://127.0.0.1/callback";
    let op = open(|_| ()).await;
    let metadata = json!({
        "redirect_uris": [APP], "token_endpoint_auth_method": "none", "application_type": "native",
    });
    let answer = op.browser().send(Ask::json("/register", &metadata)).await;
    let id = answer.json()["client_id"].as_str().unwrap().to_owned();
    op.knows_client(&id, &metadata);
    let at = "http://127.0.0.1:4711/callback";
    let request = request(&id)
        .with("redirect_uri", at)
        .with("scope", "unheard-of");
    let answer = op.browser().send(request.get()).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(answer.location().starts_with(at), "{}", answer.location());
}

// AZ-17
#[tokio::test]
async fn a_pushed_request_of_a_stranger_is_held_as_any_other() {
    let op = open(|_| ()).await;
    let id = registered(&op, None).await;
    let pushed = request(&id).0;
    let pushed: Vec<(&str, &str)> = pushed
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let answer = op.browser().form("/par", &pushed).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
    // Gone after its first answer; what is beside it says where the error would go.
    let by = |uri: &str| request(&id).with("request_uri", uri);
    let unknown = by("urn:ietf:params:oauth:request_uri:nothing");
    assert_held(&op.browser().send(unknown.get()).await, &unknown);
    let answer = op.browser().send(by(&uri).get()).await;
    assert!(
        answer.location().starts_with("https://op.test/"),
        "{}",
        answer.text()
    );
}
