//! A database from a backup, made safe: nothing that was used, revoked or handed out since comes back.

use hallpass_jose::JwsAlgorithm;
use hallpass_provider::{roots, secrets::MasterKey};
use hallpass_store::{Commit, Write};
use hallpass_testkit::{
    Answer, Browser, Op, Prover, Request, Setup, Tokens, assertion, fixture, wire,
};
use hallpass_types::{Opaque, Session};

/// What the command does to the store, and the server that starts on it afterwards.
async fn restored(op: &Op) -> Op {
    op.clock.advance(1);
    let (store, now) = (op.provider.store(), op.provider.now());
    let master = MasterKey::new([7; 32]);
    roots::invalidate(&**store, op.provider.issuer_id(), &master, now, now)
        .await
        .unwrap();
    dpop(Setup::default()).joining(op).start().await
}

fn dpop(setup: Setup) -> Setup {
    setup.policy(|policy| policy.dpop.enabled = true)
}

async fn start() -> Op {
    dpop(Setup::default()).start().await
}

async fn machine(browser: &mut Browser, resource: &str) -> String {
    let pairs = [
        ("grant_type", "client_credentials"),
        ("scope", "api:read"),
        ("resource", resource),
    ];
    Tokens::of(&browser.call("web", "/token", &pairs).await).access
}

// A process that had not heard of the end of everything writes a session a moment later.
#[tokio::test]
async fn a_session_from_before_opens_nothing_though_its_record_is_there() {
    let op = start().await;
    let mut browser = op.browser();
    browser.code_flow("first", "openid").await;
    let (store, issuer) = (op.provider.store().clone(), op.provider.issuer_id());
    let cookie = browser.cookie("session").unwrap().to_owned();
    let key = Opaque::<Session>::parse(&cookie).unwrap().key();
    let record = store.session(issuer, key).await.unwrap().unwrap();
    let silent = || Request::of("first", "openid").with("prompt", "none").get();
    assert!(wire::param(browser.send(silent()).await.location(), "code").is_some());
    let op = restored(&op).await;
    let commit = Commit {
        spends: Vec::new(),
        writes: vec![Write::Session(key, Box::new(record))],
    };
    store.commit(issuer, commit).await.unwrap();
    let mut after = op.browser();
    for (name, value) in browser.cookies() {
        after.set_cookie(name, value);
    }
    assert_eq!(after.send(silent()).await.error(), "login_required");
    after.code_flow("first", "openid").await;
    assert!(wire::param(after.send(silent()).await.location(), "code").is_some());
}

// F14, I3, TK-02
#[tokio::test]
async fn nothing_that_was_handed_out_before_works_afterwards() {
    let op = start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid email offline_access");
    let tokens = browser.flow_of("alice", "web", &request).await;
    let request = Request::of("web", "openid api:read").with("resource", fixture::API1);
    let jwt = browser.flow_of("alice", "web", &request).await.access;
    let code = browser.code("alice", &Request::of("web", "openid")).await;
    // Tokens without a row: a client's own.
    let (sealed, signed) = (
        machine(&mut browser, fixture::API2).await,
        machine(&mut browser, fixture::API1).await,
    );
    let silent = Request::of("first", "openid").with("prompt", "none");
    let answer = browser.send(silent.get()).await;
    assert!(wire::param(answer.location(), "code").is_some());

    let op = restored(&op).await;
    let mut after = op.browser();
    for (name, value) in browser.cookies() {
        after.set_cookie(name, value);
    }
    assert_eq!(after.userinfo(&tokens.access).await.status, 401);
    for (client, token) in [
        ("web", tokens.access.as_str()),
        ("web", tokens.refresh()),
        ("rs1", &jwt),
        ("rs2", &sealed),
        ("rs1", &signed),
    ] {
        assert!(!after.is_active(client, token).await, "{token}");
    }
    let refreshed = after.refresh("web", tokens.refresh()).await;
    assert_eq!(refreshed.error(), "invalid_grant");
    assert_eq!(after.redeem("web", &code).await.error(), "invalid_grant");
    let silent = Request::of("first", "openid").with("prompt", "none");
    assert_eq!(after.send(silent.get()).await.error(), "login_required");

    // People, clients and consents are there, and everything can be had anew.
    let mut fresh = op.browser();
    let tokens = fresh
        .flow_of("alice", "web", &Request::of("web", "openid offline_access"))
        .await;
    let id = op.verified("web", tokens.id.as_ref().unwrap());
    assert_eq!(id["aud"], "web");
    assert_eq!(fresh.userinfo(&tokens.access).await.status, 200);
    Tokens::of(&fresh.refresh("web", tokens.refresh()).await);
    let signed = machine(&mut fresh, fixture::API1).await;
    assert!(fresh.is_active("rs1", &signed).await);
}

#[tokio::test]
async fn subjects_stay_and_id_tokens_from_before_are_still_hints() {
    let op = start().await;
    let before = op.browser().code_flow("pair", "openid").await;
    let before = before.id.unwrap();
    let op = restored(&op).await;
    let mut browser = op.browser();
    let after = browser.code_flow("pair", "openid").await.id.unwrap();
    let sub = |token: &str| assertion::payload(token)["sub"].clone();
    assert_eq!(sub(&before), sub(&after), "pairwise subjects stay");
    let answer = browser
        .query("/logout", &[("id_token_hint", before.as_str())])
        .await;
    assert_eq!(answer.status, 303, "signing keys stay");
}

// TK-20
#[tokio::test]
async fn what_waits_for_its_second_half_is_over() {
    let op = start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid");
    let pushed = browser.call("web", "/par", &pairs(&request)).await.json();
    let uri = pushed["request_uri"].as_str().unwrap().to_owned();
    // Somebody stands before the sign-in page.
    let page = browser.send(Request::of("web", "openid").get()).await;
    let page = browser.follow(&page).await;
    assert_eq!(page.status, 200);
    let op = restored(&op).await;
    let mut after = op.browser();
    let answer = after
        .query("/authorize", &[("client_id", "web"), ("request_uri", &uri)])
        .await;
    assert_ne!(answer.status, 303, "{}", answer.text());
}

fn pairs(request: &Request) -> Vec<(&str, &str)> {
    let pairs = request.0.iter();
    pairs.map(|(n, v)| (n.as_str(), v.as_str())).collect()
}

async fn with_assertion(browser: &mut Browser, claims: &serde_json::Value) -> Answer {
    let jwt = assertion::sign(fixture::pkjwt_key(), claims);
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", assertion::JWT_BEARER),
        ("client_assertion", jwt.as_str()),
    ];
    browser.form("/token", &pairs).await
}

// CA-05: a `jti` that the backup does not know was used
#[tokio::test]
async fn an_assertion_that_was_used_since_the_backup_does_not_work_again() {
    let op = start().await;
    let now = op.clock.seconds();
    let dated = assertion::claims("pkjwt", now, "used");
    let mut undated = assertion::claims("pkjwt", now, "used and undated");
    undated.as_object_mut().unwrap().remove("iat");
    for claims in [&dated, &undated] {
        let answer = with_assertion(&mut op.browser(), claims).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let op = restored(&op).await;
    for claims in [&dated, &undated] {
        let answer = with_assertion(&mut op.browser(), claims).await;
        assert_eq!(answer.status, 401, "{claims}");
        assert_eq!(answer.error(), "invalid_client");
    }
    let fresh = assertion::claims("pkjwt", op.clock.seconds(), "fresh");
    let answer = with_assertion(&mut op.browser(), &fresh).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

// DP-06
#[tokio::test]
async fn a_proof_that_was_used_since_the_backup_does_not_work_again() {
    let op = start().await;
    let prover = Prover::new(JwsAlgorithm::ES256);
    let proof = prover.post("/token", op.clock.seconds());
    let ask = |browser: &Browser, proof: &str| {
        let pairs = [("grant_type", "client_credentials"), ("scope", "api:read")];
        browser
            .ask_as("web", "/token", &pairs)
            .header("dpop", proof)
    };
    let mut browser = op.browser();
    let first = ask(&browser, &proof);
    let used = browser.send(first).await;
    assert_eq!(used.status, 200, "{}", used.text());
    let op = restored(&op).await;
    let mut browser = op.browser();
    let second = ask(&browser, &proof);
    let again = browser.send(second).await;
    assert_eq!(again.error(), "invalid_dpop_proof", "{}", again.text());
    let fresh = prover.post("/token", op.clock.seconds());
    let ask = ask(&browser, &fresh);
    assert_eq!(browser.send(ask).await.status, 200);
}
