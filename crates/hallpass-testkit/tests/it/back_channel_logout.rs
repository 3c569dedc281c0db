//! Back-channel logout.

use hallpass_core::record::ParticipantRecord;
use hallpass_jose::{HmacKey, JwsAlgorithm, UnverifiedJws};
use hallpass_store::{Commit, Committed, MAX_PAGE, Write};
use hallpass_testkit::{
    Answer, Browser, Op, Request, Setup, Tokens, fixture, html, ports::Posted, wire,
};
use hallpass_types::{Bucket, ClientId, GrantId};
use serde_json::{Value, json};

const OUT: &str = "https://rp.test/out?a=b";
const OUT2: &str = "https://rp2.test/out";

/// `web` wants to know which session ended, `web2` only who.
fn setup() -> Setup {
    Setup::default()
        .metadata(
            "web",
            &json!({"backchannel_logout_uri": OUT, "backchannel_logout_session_required": true}),
        )
        .metadata("web2", &json!({"backchannel_logout_uri": OUT2}))
}

async fn started(setup: Setup) -> Op {
    let op = setup.start().await;
    op.fetcher.answer_posts(OUT, 200);
    op.fetcher.answer_posts(OUT2, 204);
    op
}

async fn sign_out(browser: &mut Browser) {
    let answer = browser.query("/logout", &[]).await;
    let page = browser.follow(&answer).await.text();
    let answer = browser.press(&page, "logout", "logout-yes", &[]).await;
    assert_eq!(answer.location(), "https://op.test/signed-out");
}

/// What was posted since the start, to whom and with which claims.
fn told(op: &Op) -> Vec<(String, Value)> {
    let posted = op.fetcher.posted();
    posted
        .iter()
        .map(|p| (p.url.clone(), token(op, p)))
        .collect()
}

/// The claims of a logout token that is as it must be.
fn token(op: &Op, posted: &Posted) -> Value {
    assert_eq!(posted.content_type, "application/x-www-form-urlencoded");
    assert_eq!(posted.authorization, None);
    let text = posted.body.strip_prefix("logout_token=").unwrap();
    assert!(!text.contains('&'));
    let jws = UnverifiedJws::parse(text).unwrap();
    assert_eq!(jws.typ(), Some("logout+jwt"));
    let algorithm = jws.algorithm();
    let keys = op.provider.signing_keys();
    let verified = jws.verify(&[algorithm], keys.public()).unwrap();
    let claims = Value::Object(verified.claims().unwrap().into_map());
    assert_eq!(claims["iss"], "https://op.test");
    let (issued, expires) = (claims["iat"].as_i64(), claims["exp"].as_i64());
    assert_eq!(issued, Some(op.provider.now().0));
    assert_eq!(expires, Some(op.provider.now().0 + 120));
    let event = "http://schemas.openid.net/event/backchannel-logout";
    assert_eq!(claims["events"], json!({event: {}}));
    assert!(claims["jti"].as_str().unwrap().len() >= 16);
    assert_eq!(claims.get("nonce"), None);
    claims
}

async fn tokens(browser: &mut Browser, client: &str) -> (Tokens, Value) {
    let tokens = browser.code_flow(client, "openid").await;
    let claims = tokens.claims();
    (tokens, claims)
}

// LO-09
#[tokio::test]
async fn every_client_of_the_session_is_told_once_and_no_other() {
    //= test OIDC-BACKCHANNEL#2.2 a client that is told which session ended has sid in its ID tokens
    //= test OIDC-BACKCHANNEL#2.4 a logout token says by its type that it is none of the other JWTs
    //= test OIDC-BACKCHANNEL#2.5 the token is posted as the form parameter logout_token
    let op = started(setup()).await;
    let mut browser = op.browser();
    let (_, of_web) = tokens(&mut browser, "web").await;
    let (_, of_web2) = tokens(&mut browser, "web2").await;
    // Again, and a client that did not ask to be told.
    tokens(&mut browser, "web").await;
    tokens(&mut browser, "spa").await;
    // Another session of another person.
    let mut bob = op.browser();
    bob.flow_of("bob", "web", &Request::of("web", "openid"))
        .await;
    assert_eq!(op.provider.deliver_due().await.unwrap(), 0);
    sign_out(&mut browser).await;
    op.provider.deliver_due().await.unwrap();
    let mut told = told(&op);
    told.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(told.len(), 2, "{told:?}");
    let (url, claims) = &told[0];
    assert_eq!((url.as_str(), &claims["aud"]), (OUT, &json!("web")));
    assert_eq!(claims["sub"], of_web["sub"]);
    assert!(of_web["sid"].is_string());
    assert_eq!(claims["sid"], of_web["sid"]);
    let (url, claims) = &told[1];
    assert_eq!((url.as_str(), &claims["aud"]), (OUT2, &json!("web2")));
    assert_eq!(claims["sub"], of_web2["sub"]);
    assert_eq!((of_web2.get("sid"), claims.get("sid")), (None, None));
    op.clock.advance(100_000);
    assert_eq!(op.provider.deliver_due().await.unwrap(), 0, "once");
}

// LO-09
#[tokio::test]
async fn nobody_is_left_out_however_many_clients_a_session_has_reached() {
    let op = started(setup()).await;
    let mut browser = op.browser();
    tokens(&mut browser, "web").await;
    tokens(&mut browser, "web2").await;
    // Both have got more in it than is looked at in one step, and there are more clients than that.
    let many = MAX_PAGE + 20;
    let others: Vec<String> = (0..many).map(|n| format!("rp-{n}")).collect();
    join(
        &op,
        &others.iter().map(|id| (id.as_str(), 1)).collect::<Vec<_>>(),
    )
    .await;
    join(&op, &[("web", MAX_PAGE + 5), ("web2", MAX_PAGE + 5)]).await;
    sign_out(&mut browser).await;
    op.provider.deliver_due().await.unwrap();
    let mut told: Vec<String> = told(&op)
        .iter()
        .map(|(_, claims)| claims["aud"].as_str().unwrap().to_owned())
        .collect();
    told.sort();
    let mut expected = others;
    expected.extend(["web".to_owned(), "web2".to_owned()]);
    expected.sort();
    assert_eq!(told, expected, "each once");
    op.clock.advance(100_000);
    assert_eq!(op.provider.deliver_due().await.unwrap(), 0);
}

/// Grants of clients like `web` in the one session that there is, as if they had been there. Each has a frame of its own.
pub(crate) async fn join(op: &Op, clients: &[(&str, usize)]) {
    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    let web = ClientId::parse("web").unwrap();
    let like = store.client(issuer, &web).await.unwrap().unwrap();
    let subject = store.users(issuer, None, 10).await.unwrap().items;
    let alice = subject
        .iter()
        .find(|user| user.username == "alice")
        .unwrap();
    let sessions = store
        .account_sessions(issuer, &alice.subject)
        .await
        .unwrap();
    let [(session, record)] = &*sessions else {
        panic!("{sessions:?}");
    };
    for (number, (client, grants)) in (0_u32..).zip(clients) {
        let client_id = ClientId::parse(client).unwrap();
        let mut writes = Vec::new();
        if !client.starts_with("web") {
            let mut client = like.clone();
            client.client_id = client_id.clone();
            let frame = json!(format!("https://rp.test/out/{}", client_id.as_str()));
            let known = client.metadata.get_mut("frontchannel_logout_uri");
            if let Some(known) = known {
                *known = frame;
            }
            writes.push(Write::Client(Box::new(client)));
        }
        for grant in 0..*grants {
            let (n, of) = (u32::try_from(grant).unwrap(), number);
            let mut random = [0; 12];
            random[..4].copy_from_slice(&n.to_be_bytes());
            random[4..8].copy_from_slice(&of.to_be_bytes());
            let participant = ParticipantRecord {
                client_id: client_id.clone(),
                subject: record.subject.clone(),
                sid: record.sid.clone(),
                grant: Some(GrantId {
                    bucket: Bucket(1),
                    random,
                }),
            };
            writes.push(Write::Participant(*session, Box::new(participant)));
        }
        let spends = Vec::new();
        let done = store.commit(issuer, Commit { spends, writes }).await;
        assert_eq!(done.unwrap(), Committed::Done);
    }
}

// LO-09
#[tokio::test]
async fn who_leaves_a_client_alone_leaves_all_that_it_got_however_much_that_is() {
    let op = started(setup()).await;
    let mut browser = op.browser();
    let (of_web, _) = tokens(&mut browser, "web").await;
    tokens(&mut browser, "web2").await;
    join(&op, &[("web", MAX_PAGE * 2 + 5)]).await;
    let page = confirmation(&mut browser, "web").await;
    browser.press(&page, "logout", "logout-client", &[]).await;
    op.provider.deliver_due().await.unwrap();
    let told = told(&op);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].1["aud"], "web");
    assert_eq!(browser.userinfo(&of_web.access).await.status, 401);
    // Nothing of it is left to be told of.
    sign_out(&mut browser).await;
    op.provider.deliver_due().await.unwrap();
    let told = self::told(&op);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1].1["aud"], "web2");
}

// LO-09
#[tokio::test]
async fn nobody_waits_for_a_client_that_is_down_and_each_attempt_has_a_fresh_token() {
    let op = setup().start().await;
    let mut browser = op.browser();
    tokens(&mut browser, "web").await;
    sign_out(&mut browser).await;
    op.provider.deliver_due().await.unwrap();
    op.clock.advance(20);
    op.fetcher.answer_posts(OUT, 503);
    op.provider.deliver_due().await.unwrap();
    op.clock.advance(80);
    op.fetcher.answer_posts(OUT, 400);
    op.provider.deliver_due().await.unwrap();
    op.clock.advance(320);
    op.fetcher.answer_posts(OUT, 302);
    op.provider.deliver_due().await.unwrap();
    op.clock.advance(1280);
    op.fetcher.answer_posts(OUT, 200);
    op.provider.deliver_due().await.unwrap();
    let posted = op.fetcher.posted();
    assert_eq!(posted.len(), 5);
    // The last one is good now; `token` looks at its times.
    token(&op, &posted[4]);
    let jti = |p: &Posted| {
        let text = p.body.strip_prefix("logout_token=").unwrap();
        let jws = UnverifiedJws::parse(text).unwrap();
        let claims = jws.claims_unverified().unwrap();
        claims.str("jti").unwrap().unwrap().to_owned()
    };
    let mut ids: Vec<_> = posted.iter().map(jti).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
    op.clock.advance(100_000);
    assert_eq!(op.provider.deliver_due().await.unwrap(), 0);
    assert_eq!(op.events.count("outcome: \"delivered\""), 1);
}

#[tokio::test]
async fn a_new_sign_in_of_the_same_person_tells_nobody_and_the_end_tells_of_both_sessions() {
    let op = started(setup()).await;
    let mut browser = op.browser();
    let (_, first) = tokens(&mut browser, "web").await;
    tokens(&mut browser, "web2").await;
    let again = Request::of("web", "openid").with("prompt", "login");
    let second = browser.flow_of("alice", "web", &again).await.claims();
    browser
        .flow_of("alice", "web2", &Request::of("web2", "openid"))
        .await;
    assert_ne!(first["sid"], second["sid"]);
    op.provider.deliver_due().await.unwrap();
    assert!(op.fetcher.posted().is_empty());
    sign_out(&mut browser).await;
    op.provider.deliver_due().await.unwrap();
    let told = told(&op);
    let sids: Vec<_> = told
        .iter()
        .filter(|(url, _)| url == OUT)
        .map(|(_, claims)| &claims["sid"])
        .collect();
    assert_eq!(sids.len(), 2, "{told:?}");
    assert!(sids.contains(&&first["sid"]) && sids.contains(&&second["sid"]));
    // Who is told about the person as a whole is told once.
    assert_eq!(told.len(), 3, "{told:?}");
}

#[tokio::test]
async fn another_person_at_the_same_browser_ends_the_session_of_the_first() {
    let op = started(setup()).await;
    let mut browser = op.browser();
    let (_, first) = tokens(&mut browser, "web").await;
    let other = Request::of("web2", "openid").with("prompt", "login");
    browser.flow_of("bob", "web2", &other).await;
    op.provider.deliver_due().await.unwrap();
    let told = told(&op);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1["sub"], first["sub"]);
}

#[tokio::test]
async fn a_pairwise_client_hears_of_its_own_subject() {
    let out = "https://pair.test/out";
    let setup = Setup::default().metadata("pair", &json!({"backchannel_logout_uri": out}));
    let op = setup.start().await;
    op.fetcher.answer_posts(out, 200);
    let mut browser = op.browser();
    let (_, claims) = tokens(&mut browser, "pair").await;
    sign_out(&mut browser).await;
    op.provider.deliver_due().await.unwrap();
    assert_eq!(told(&op)[0].1["sub"], claims["sub"]);
}

//= test OIDC-BACKCHANNEL#2.4 a logout token is signed, and encrypted, as ID tokens for this client are
#[tokio::test]
async fn a_logout_token_is_signed_as_the_id_tokens_are() {
    let symmetric = json!({"id_token_signed_response_alg": "HS256"});
    let setup = setup()
        .metadata("web", &symmetric)
        .policy(|policy| policy.signing_algs.push(JwsAlgorithm::HS256));
    let op = started(setup).await;
    let mut browser = op.browser();
    tokens(&mut browser, "web").await;
    sign_out(&mut browser).await;
    op.provider.deliver_due().await.unwrap();
    let body = op.fetcher.posted()[0].body.clone();
    let jws = UnverifiedJws::parse(body.strip_prefix("logout_token=").unwrap()).unwrap();
    assert_eq!(jws.typ(), Some("logout+jwt"));
    let secret = fixture::secret("web").as_bytes();
    let key = HmacKey::new(JwsAlgorithm::HS256, secret).unwrap();
    jws.verify_hmac(&[JwsAlgorithm::HS256], &key).unwrap();
}

// LO-05: a logout token is no hint
#[tokio::test]
async fn a_logout_token_proves_nothing() {
    let op = started(setup()).await;
    let mut browser = op.browser();
    tokens(&mut browser, "web").await;
    sign_out(&mut browser).await;
    op.provider.deliver_due().await.unwrap();
    let body = op.fetcher.posted()[0].body.clone();
    let token = body.strip_prefix("logout_token=").unwrap();
    tokens(&mut browser, "web").await;
    let answer = browser.query("/logout", &[("id_token_hint", token)]).await;
    assert!(answer.location().contains("/logout/confirm?"));
}

#[tokio::test]
async fn a_client_that_is_gone_or_changed_its_mind_is_not_told() {
    let op = started(setup()).await;
    let mut browser = op.browser();
    tokens(&mut browser, "web").await;
    tokens(&mut browser, "web2").await;
    op.disable_client("web").await;
    op.clock.advance(2);
    sign_out(&mut browser).await;
    op.provider.deliver_due().await.unwrap();
    let told = told(&op);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, OUT2);
}

// LO-12
#[tokio::test]
async fn what_ends_with_the_session_ends_and_what_outlasts_it_stays() {
    let op = started(setup()).await;
    let mut browser = op.browser();
    let (bound, _) = tokens(&mut browser, "web").await;
    let lasting = browser.code_flow("web2", "openid offline_access").await;
    sign_out(&mut browser).await;
    assert_eq!(browser.userinfo(&bound.access).await.status, 401);
    assert_eq!(browser.userinfo(&lasting.access).await.status, 200);
    let answer = browser.refresh("web2", lasting.refresh()).await;
    assert_eq!(answer.status, 200);
}

async fn confirmation(browser: &mut Browser, client: &str) -> String {
    let pairs = [
        ("client_id", client),
        ("post_logout_redirect_uri", "https://rp.test/bye"),
    ];
    let answer: Answer = browser.query("/logout", &pairs).await;
    browser.follow(&answer).await.text()
}

#[tokio::test]
async fn a_person_can_leave_one_client_alone() {
    let op = started(setup()).await;
    let mut browser = op.browser();
    let (earlier, _) = tokens(&mut browser, "web").await;
    let (of_web, claims) = tokens(&mut browser, "web").await;
    let (of_web2, _) = tokens(&mut browser, "web2").await;
    let page = confirmation(&mut browser, "web").await;
    let answer = browser.press(&page, "logout", "logout-client", &[]).await;
    assert_eq!(answer.location(), "https://rp.test/bye");
    op.provider.deliver_due().await.unwrap();
    let told = told(&op);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1["sid"], claims["sid"]);
    // All that it got in the session ends, not only what came last.
    for of_web in [&of_web, &earlier] {
        assert_eq!(browser.userinfo(&of_web.access).await.status, 401);
    }
    assert_eq!(browser.userinfo(&of_web2.access).await.status, 200);
    // Nothing is left to leave, and at the end the client is not told again.
    let page = confirmation(&mut browser, "web").await;
    assert!(!page.contains("logout-client"));
    sign_out(&mut browser).await;
    op.provider.deliver_due().await.unwrap();
    assert_eq!(op.fetcher.posted().len(), 2);
}

#[tokio::test]
async fn only_who_takes_part_and_is_told_can_be_left_alone() {
    let op = started(setup()).await;
    let mut browser = op.browser();
    tokens(&mut browser, "web2").await;
    let page = confirmation(&mut browser, "web").await;
    assert!(page.contains("logout-yes") && !page.contains("logout-client"));
    // Posted all the same, it ends nothing.
    let form = html::form(&page, "logout");
    let answer = browser.form(&form.action, &[("logout", "client")]).await;
    assert_eq!(answer.location(), "https://rp.test/bye");
    op.provider.deliver_due().await.unwrap();
    assert!(op.fetcher.posted().is_empty());
    let silent = Request::of("web2", "openid").with("prompt", "none").get();
    let answer = browser.send(silent).await;
    assert!(wire::param(answer.location(), "code").is_some());
}

#[tokio::test]
async fn an_operator_ends_the_sessions_of_a_person() {
    let op = started(setup()).await;
    let (mut one, mut two, mut bob) = (op.browser(), op.browser(), op.browser());
    let (_, first) = tokens(&mut one, "web").await;
    let (_, second) = tokens(&mut two, "web").await;
    bob.flow_of("bob", "web", &Request::of("web", "openid"))
        .await;
    let alice = hallpass_types::Subject::parse(first["sub"].as_str().unwrap()).unwrap();
    assert_eq!(op.provider.end_sessions_of(&alice).await.unwrap(), 2);
    assert_eq!(op.provider.end_sessions_of(&alice).await.unwrap(), 0);
    op.provider.deliver_due().await.unwrap();
    let told = told(&op);
    let sids: Vec<_> = told.iter().map(|(_, claims)| &claims["sid"]).collect();
    assert_eq!(sids.len(), 2);
    assert!(sids.contains(&&first["sid"]) && sids.contains(&&second["sid"]));
}

#[tokio::test]
async fn where_it_is_switched_off_nobody_is_told_and_nothing_is_advertised() {
    let op = started(setup().policy(|policy| policy.logout.back_channel = false)).await;
    let mut browser = op.browser();
    let (_, claims) = tokens(&mut browser, "web").await;
    assert_eq!(claims.get("sid"), None);
    sign_out(&mut browser).await;
    op.provider.deliver_due().await.unwrap();
    assert!(op.fetcher.posted().is_empty());
    let document = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(document.get("backchannel_logout_supported"), None);
    assert_eq!(document["frontchannel_logout_supported"], true);
}
