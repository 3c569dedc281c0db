//! Clients whose identifier is the URL of a document that describes them.

use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Request, Tokens,
    assertion::{self, JWT_BEARER},
    fixture,
    flow::{VERIFIER, challenge},
};
use serde_json::{Value, json};

const APP: &str = "https://app.test/oauth/client.json";
const CB: &str = "https://app.test/cb";

async fn op() -> Op {
    Op::with(|policy| {
        policy.client_documents.enabled = true;
        policy.client_documents.deny_hosts = vec!["*.denied.test".to_owned()];
        policy.client_documents.max_age = 3600;
    })
    .await
}

fn document(id: &str) -> Value {
    json!({
        "client_id": id,
        "client_name": "The app",
        "redirect_uris": [CB],
        "grant_types": ["authorization_code", "refresh_token"],
    })
}

fn publish(op: &Op, id: &str, document: &Value) {
    op.fetcher.put(id, document.to_string());
    op.knows_client(id, document);
}

fn request(id: &str, redirect_uri: &str) -> Request {
    let pairs = [
        ("client_id", id),
        ("response_type", "code"),
        ("redirect_uri", redirect_uri),
        ("scope", "openid offline_access"),
        ("state", "the-state"),
        ("nonce", "the-nonce"),
        ("code_challenge", &challenge(VERIFIER)),
        ("code_challenge_method", "S256"),
    ];
    Request(pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec())
}

fn redemption<'a>(id: &'a str, code: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CB),
        ("code_verifier", VERIFIER),
        ("client_id", id),
    ]
}

async fn tokens(op: &Op, id: &str) -> (Browser, Tokens) {
    let mut browser = op.browser();
    let code = browser.code("alice", &request(id, CB)).await;
    let answer = browser.form("/token", &redemption(id, &code)).await;
    let tokens = Tokens::of(&answer);
    (browser, tokens)
}

async fn refresh(browser: &mut Browser, token: &str) -> Answer {
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", APP),
    ];
    browser.form("/token", &pairs).await
}

#[track_caller]
fn assert_page(answer: &Answer, id: &str, what: &str) {
    assert_eq!(answer.status, 400, "{what}");
    assert!(answer.header("location").is_none(), "{what}");
    assert!(answer.text().contains(id), "{what}: {}", answer.text());
}

const UNUSABLE: &str = "authorization_client_document";

// CI-01, CI-07
#[tokio::test]
async fn a_client_that_nobody_registered_goes_through_the_whole_flow() {
    //= test CIMD#6 support for metadata documents is advertised
    let op = op().await;
    publish(&op, APP, &document(APP));
    let metadata = op.browser().get("/.well-known/openid-configuration").await;
    assert_eq!(
        metadata.json()["client_id_metadata_document_supported"],
        true
    );
    let (mut browser, tokens) = tokens(&op, APP).await;
    assert_eq!(op.verified(APP, tokens.id.as_deref().unwrap())["aud"], APP);
    assert_eq!(browser.userinfo(&tokens.access).await.status, 200);
    let rotated = refresh(&mut browser, tokens.refresh()).await;
    assert_ne!(Tokens::of(&rotated).refresh(), tokens.refresh());
    assert_eq!(op.fetcher.asked(), [APP], "fetched once");
    // PKCE is not left to a stranger.
    let answer = browser
        .send(request(APP, CB).without("code_challenge").get())
        .await;
    assert_page(&answer, "code_challenge_missing", APP);
}

// AZ-01, JW-08
#[tokio::test]
async fn unless_it_is_switched_on_a_url_is_an_unknown_client_and_nothing_is_fetched() {
    let op = Op::start().await;
    publish(&op, APP, &document(APP));
    let mut browser = op.browser();
    let answer = browser.send(request(APP, CB).get()).await;
    assert_page(&answer, "authorization_client_unknown", "off");
    let answer = browser.form("/token", &redemption(APP, "x")).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_client")
    );
    let metadata = browser.get("/.well-known/oauth-authorization-server").await;
    let member = metadata
        .json()
        .get("client_id_metadata_document_supported")
        .cloned();
    assert_eq!(member, None);
    assert!(op.fetcher.asked().is_empty());
}

// RG-18: the identifier
#[tokio::test]
async fn what_is_no_url_of_a_document_is_never_fetched() {
    let op = op().await;
    let mut browser = op.browser();
    for id in [
        "http://app.test/client",
        "HTTPS://app.test/client",
        "https://app.test",
        "https://app.test/client#x",
        "https://app.test/client?x=1",
        "https://user@app.test/client",
        "https://app.test/../client",
        "https://app.test/%2e%2e/client",
        "https://app.test/a\\b",
        "https://127.1/client",
        "https://192.0.2.1/client",
        "https://[2001:db8::1]/client",
        "https://app.test/",
        "https://APP.test/client",
        "https://app.test:443/client",
        "https://app.test:0/client",
        "https://app.test@evil.test/client",
        "https://www.denied.test/client",
        &format!("https://app.test/{}", "x".repeat(300)),
    ] {
        publish(&op, id, &document(id));
        let answer = browser.send(request(id, CB).get()).await;
        assert_page(&answer, "authorization_client_unknown", id);
    }
    assert!(op.fetcher.asked().is_empty(), "{:?}", op.fetcher.asked());
}

// RG-18: the document; CI-04, CI-05
#[tokio::test]
async fn a_bad_document_makes_no_client() {
    //= test CIMD#5.2 neither errors nor malformed documents are cached
    //= test CIMD#8.7 no more than 5 kilobytes of a document are read
    let op = op().await;
    let mut browser = op.browser();
    let mut bad = vec![
        (
            "other id",
            document("https://app.test/other"),
            Some("application/json"),
        ),
        ("text", document(APP), Some("text/plain")),
        ("no type", document(APP), None),
        ("array", json!([document(APP)]), Some("application/json")),
    ];
    for (name, value) in [
        ("client_secret", json!("secret")),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        (
            "jwks",
            json!({"keys": [{"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0"}]}),
        ),
        ("redirect_uris", json!(["http://app.test/cb"])),
        ("redirect_uris", json!([CB, "javascript:alert(1)"])),
        ("redirect_uris", json!("https://app.test/cb")),
        ("redirect_uris", json!([])),
        ("client_secret_expires_at", json!(0)),
        ("token_endpoint_auth_method", json!("client_secret_post")),
        ("token_endpoint_auth_method", json!("client_secret_jwt")),
        ("jwks_uri", json!("http://app.test/jwks")),
        ("logo_uri", json!("http://app.test/logo.png")),
        ("client_uri", json!("javascript:alert(1)")),
        ("post_logout_redirect_uris", json!(["http://app.test/bye"])),
        ("backchannel_logout_uri", json!("http://app.test/out")),
        ("jwks", {
            let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
            let mut jwk = key.public_jwk().to_public_value();
            jwk["d"] = json!(hallpass_jose::base64url::encode([7; 32]));
            json!({"keys": [jwk]})
        }),
        ("client_id", json!("HTTPS://app.test/oauth/client.json")),
        ("client_id", json!("https://app.test/oauth/client.json ")),
        ("client_id", json!([APP])),
        ("client_id", Value::Null),
        ("client_name", json!("x".repeat(5200))),
    ] {
        let mut document = document(APP);
        document[name] = value;
        bad.push((name, document, Some("application/json")));
    }
    for (what, document, media) in bad {
        op.clock.advance(60);
        op.fetcher
            .serve(APP, document.to_string(), media, Some(3600));
        let answer = browser.send(request(APP, CB).get()).await;
        assert_page(&answer, UNUSABLE, what);
    }
    // Nothing of that was held: a good document counts at once.
    op.clock.advance(60);
    publish(&op, APP, &document(APP));
    assert_eq!(browser.send(request(APP, CB).get()).await.status, 303);
}

// CI-04
#[tokio::test]
async fn only_redirect_uris_of_the_document_are_gone_to() {
    let op = op().await;
    publish(&op, APP, &document(APP));
    let mut browser = op.browser();
    for uri in [
        "https://app.test/cb/",
        "https://app.test/cb?x",
        "https://APP.test/cb",
        "https://app.test/oauth/client.json",
        "https://evil.test/cb",
        "http://127.0.0.1/cb",
    ] {
        let answer = browser.send(request(APP, uri).get()).await;
        assert_page(&answer, "redirect_uri_not_registered", uri);
    }
}

// CI-06
#[tokio::test]
async fn a_document_is_held_as_long_as_it_says_within_bounds() {
    let op = op().await;
    let mut browser = op.browser();
    let mut expected = 0;
    for (max_age, held) in [
        (Some(0), 60),
        (Some(1000), 1000),
        (Some(1_000_000), 3600),
        (None, 300),
    ] {
        op.fetcher.serve(
            APP,
            document(APP).to_string(),
            Some("application/json"),
            max_age,
        );
        op.knows_client(APP, &document(APP));
        expected += 1;
        for wait in [0, held - 1] {
            op.clock.advance(wait);
            assert_eq!(browser.send(request(APP, CB).get()).await.status, 303);
            assert_eq!(op.fetcher.asked().len(), expected, "{max_age:?} {wait}");
        }
        op.clock.advance(1);
    }
}

// CI-06: the client disappears with its document
#[tokio::test]
async fn a_client_ends_with_its_document() {
    let op = op().await;
    publish(&op, APP, &document(APP));
    let (mut browser, tokens) = tokens(&op, APP).await;
    op.fetcher.remove(APP);
    op.clock.advance(301);
    // Nothing new at once; what was granted goes on for a while, since a server may be down for a moment.
    assert_page(
        &browser.send(request(APP, CB).get()).await,
        UNUSABLE,
        "gone",
    );
    let answer = refresh(&mut browser, tokens.refresh()).await;
    let next = Tokens::of(&answer);
    op.clock.advance(601);
    let answer = refresh(&mut browser, next.refresh()).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_client")
    );
    assert_eq!(browser.userinfo(&next.access).await.status, 401);
    // What was granted is still its own when it comes back, even at a node that never saw it.
    publish(&op, APP, &document(APP));
    op.clock.advance(60);
    assert_eq!(refresh(&mut browser, next.refresh()).await.status, 200);
}

#[tokio::test]
async fn a_change_of_the_document_is_a_change_of_the_client() {
    let op = op().await;
    publish(&op, APP, &document(APP));
    let (mut browser, _) = tokens(&op, APP).await;
    let answer = browser.send(request(APP, CB).get()).await;
    assert!(answer.location().starts_with(CB), "consent is remembered");
    let mut changed = document(APP);
    changed["redirect_uris"] = json!([CB, "https://elsewhere.test/cb"]);
    publish(&op, APP, &changed);
    op.clock.advance(301);
    let answer = browser.send(request(APP, CB).get()).await;
    assert!(
        answer.location().starts_with("https://op.test/consent"),
        "{}",
        answer.location()
    );
    changed["redirect_uris"] = json!(["https://elsewhere.test/cb"]);
    publish(&op, APP, &changed);
    op.clock.advance(301);
    let answer = browser.send(request(APP, CB).get()).await;
    assert_page(&answer, "redirect_uri_not_registered", "taken away");
}

// RG-19, CI-07
#[tokio::test]
async fn consent_shows_whose_document_it_is_and_where_the_answer_goes() {
    //= test CIMD#8.5 the host of the client's identifier is shown where the person decides
    let op = op().await;
    for (uri, shown, loopback) in [
        ("https://elsewhere.test/cb", "elsewhere.test", false),
        ("http://127.0.0.1:4000/cb", "127.0.0.1", true),
    ] {
        let id = format!("https://app.test/{loopback}");
        let mut document = document(&id);
        document["redirect_uris"] = json!([uri]);
        document["client_name"] = json!("Bank <b>");
        document["logo_uri"] = json!("https://elsewhere.test/logo.png");
        publish(&op, &id, &document);
        let mut browser = op.browser();
        browser.sign_in("alice").await;
        let answer = browser.send(request(&id, uri).get()).await;
        let page = browser.follow(&answer).await.text();
        let part = |id: &str| {
            let (_, rest) = page.split_once(&format!("id=\"{id}\""))?;
            Some(rest.split_once("</div>")?.0.to_owned())
        };
        assert!(part("client-host").unwrap().contains("<bdi>app.test<"));
        assert!(part("redirect-host").unwrap().contains(shown));
        assert!(part("unverified").unwrap().contains("app.test"));
        assert_eq!(part("loopback").is_some(), loopback);
        assert!(!page.contains("elsewhere.test/logo.png"));
    }
    // A picture in its name comes from its own host, and it is fetched here.
    let asked = op.fetcher.asked();
    assert!(
        !asked.iter().any(|url| url.ends_with("logo.png")),
        "{asked:?}"
    );
}

// CI-05
#[tokio::test]
async fn a_declared_key_is_demanded() {
    let op = op().await;
    let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let jwks = Jwks::from_keys([key.public_jwk()]).to_json();
    let mut document = document(APP);
    document["token_endpoint_auth_method"] = json!("private_key_jwt");
    document["jwks"] = serde_json::from_str(&jwks).unwrap();
    publish(&op, APP, &document);
    let mut browser = op.browser();
    let code = browser.code("alice", &request(APP, CB)).await;
    let answer = browser.form("/token", &redemption(APP, &code)).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_client")
    );
    let other = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    for (signer, status) in [(&other, 401), (&key, 200)] {
        let claims = assertion::claims(APP, op.clock.seconds(), &format!("jti-{status}"));
        let jwt = assertion::sign(signer, &claims);
        let mut pairs = redemption(APP, &code);
        pairs.push(("client_assertion_type", JWT_BEARER));
        pairs.push(("client_assertion", &jwt));
        assert_eq!(browser.form("/token", &pairs).await.status, status);
    }
}

// L10
#[tokio::test]
async fn nobody_makes_a_fetch_cannon_of_us() {
    let op = op().await;
    let mut browser = op.browser();
    for number in 0..100 {
        let id = format!("https://victim.test/{number}");
        let ask = Ask::form("/token", &redemption(&id, "x"));
        assert_eq!(browser.send(ask).await.status, 401);
        let answer = browser.send(request(&id, CB).get()).await;
        assert_page(&answer, UNUSABLE, &id);
    }
    assert_eq!(
        op.fetcher.asked().len(),
        10,
        "one server is asked a few times"
    );
    for number in 0..300 {
        let id = format!("https://victim-{number}.test/client");
        let answer = browser.send(request(&id, CB).get()).await;
        assert_page(&answer, UNUSABLE, &id);
    }
    assert_eq!(op.fetcher.asked().len(), 120, "and all servers together");
    // A client that has a record publishes its keys, and is met for the first time while that goes on.
    let keys = "https://pkjwt.test/jwks";
    let set = Jwks::from_keys([fixture::pkjwt_key().public_jwk()]).to_json();
    op.fetcher.put(keys, set);
    op.change_client("pkjwt", |m| {
        m.remove("jwks");
        m.insert("jwks_uri".to_owned(), json!(keys));
    })
    .await;
    let own = [("grant_type", "client_credentials")];
    let answer = browser.call("pkjwt", "/token", &own).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // Nor by the keys that a document names.
    let mut keyed = document("https://app.test/keys");
    keyed["token_endpoint_auth_method"] = json!("private_key_jwt");
    op.clock.advance(60);
    let before = op.fetcher.asked().len();
    for number in 0..50 {
        let id = format!("https://app.test/keys/{number}");
        keyed["client_id"] = json!(id);
        keyed["jwks_uri"] = json!(format!("https://other.test/{number}"));
        op.fetcher.put(&id, keyed.to_string());
        let jwt = assertion::sign(
            fixture::pkjwt_key(),
            &assertion::claims(&id, op.clock.seconds(), "jti"),
        );
        let mut pairs = redemption(&id, "x");
        pairs.push(("client_assertion_type", JWT_BEARER));
        pairs.push(("client_assertion", &jwt));
        assert_eq!(browser.form("/token", &pairs).await.status, 401);
    }
    let asked = op.fetcher.asked().split_off(before);
    let burdened = asked
        .iter()
        .filter(|url| url.starts_with("https://other.test/"));
    assert_eq!(burdened.count(), 10);
    // Who was there before is not kept out, and others come again soon.
    op.clock.advance(60);
    publish(&op, APP, &document(APP));
    assert_eq!(browser.send(request(APP, CB).get()).await.status, 303);
}

// L10: good documents, too, where one server has as many as are asked for
#[tokio::test]
async fn a_server_with_a_document_for_every_question_is_not_asked_without_end() {
    let op = op().await;
    let mut browser = op.browser();
    let id = |number: usize| format!("https://endless.test/{number}");
    for number in 0..100 {
        publish(&op, &id(number), &document(&id(number)));
        let answer = browser.send(request(&id(number), CB).get()).await;
        if number < 20 {
            assert_eq!(answer.status, 303, "{number}: {}", answer.text());
        } else {
            assert_page(&answer, UNUSABLE, &id(number));
        }
    }
    assert_eq!(op.fetcher.asked().len(), 20);
    // What is held is used on, and read again when it is old.
    assert_eq!(browser.send(request(&id(3), CB).get()).await.status, 303);
    op.clock.advance(400);
    let before = op.fetcher.asked().len();
    assert_eq!(browser.send(request(&id(3), CB).get()).await.status, 303);
    assert_eq!(op.fetcher.asked().len(), before + 1);
    // Others are not held to it.
    publish(&op, APP, &document(APP));
    assert_eq!(browser.send(request(APP, CB).get()).await.status, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_want_one_document_make_one_fetch() {
    let op = op().await;
    publish(&op, APP, &document(APP));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let mut browser = op.browser();
        tasks.spawn(async move { browser.send(request(APP, CB).get()).await.status });
    }
    assert!(tasks.join_all().await.iter().all(|status| *status == 303));
    assert_eq!(op.fetcher.asked(), [APP]);
}

#[tokio::test]
async fn a_record_under_the_url_of_a_document_is_what_counts() {
    let op = op().await;
    publish(&op, APP, &document(APP));
    let mut browser = op.browser();
    assert_eq!(browser.send(request(APP, CB).get()).await.status, 303);
    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    let web = hallpass_types::ClientId::parse("web").unwrap();
    let mut record = store.client(issuer, &web).await.unwrap().unwrap();
    record.client_id = hallpass_types::ClientId::parse(APP).unwrap();
    record.disabled = true;
    let commit = hallpass_store::Commit {
        spends: Vec::new(),
        writes: vec![hallpass_store::Write::Client(Box::new(record))],
    };
    store.commit(issuer, commit).await.unwrap();
    op.clock.advance(1);
    let answer = browser.send(request(APP, CB).get()).await;
    assert_eq!(answer.status, 400, "an operator switched it off");
}

// CI-08
#[tokio::test]
async fn our_own_identifiers_are_no_urls() {
    let op = Op::with(|policy| policy.registration.open = true).await;
    let metadata = json!({"client_id": APP, "redirect_uris": [CB]});
    let answer = op.browser().send(Ask::json("/register", &metadata)).await;
    let id = answer.json()["client_id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("c_"), "{id}");
}

// UI-09
#[tokio::test]
async fn browser_applications_of_documents_may_call_the_token_endpoint() {
    let op = op().await;
    let mut browser = op.browser();
    for (origin, allowed) in [
        ("https://app.test", true),
        ("http://localhost:5173", true),
        ("http://app.test", false),
        ("null", false),
        ("https://app.test/", false),
    ] {
        let ask = Ask::new("OPTIONS", "/token")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST");
        let answer = browser.send(ask).await;
        let named = answer.header("access-control-allow-origin");
        assert_eq!(named, allowed.then_some(origin));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}
