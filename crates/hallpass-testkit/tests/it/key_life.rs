//! Our keys from their publication to their end, with several nodes and with keys that sign elsewhere.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use hallpass_jose::{
    Jwks, JwksPolicy, JwsAlgorithm, OutsideKey, SigningKey, UnverifiedJws, VerifyingKey,
};
use hallpass_provider::{
    keys::Rotate,
    ports::{SignError, Signer},
};
use hallpass_store::{BoxFuture, KeyPhase};
use hallpass_testkit::{Browser, Op, Request, Setup, Tokens, assertion, fixture};

/// Whether a hint is one of ours.
async fn is_hint(browser: &mut Browser, hint: &str) -> bool {
    let request = Request::of("first", "openid")
        .with("prompt", "none")
        .with("id_token_hint", hint);
    let answer = browser.send(request.get()).await;
    // Whoever is not signed in cannot be asked; whoever shows a wrong hint does not get that far.
    match answer.error().as_str() {
        "login_required" => true,
        "invalid_request" => false,
        other => panic!("{other}"),
    }
}

/// A relying party or resource server that keeps the published keys for as long as it may and never asks in between.
struct Party {
    node: usize,
    fetched_at: i64,
    keys: Vec<VerifyingKey>,
}

impl Party {
    fn verifies(&self, token: &str) -> bool {
        let jws = UnverifiedJws::parse(token).unwrap();
        let (algorithm, kid) = (jws.algorithm(), jws.kid().map(str::to_owned));
        let named = self.keys.iter().filter(|key| key.kid() == kid.as_deref());
        jws.verify(&[algorithm], named).is_ok()
    }
}

async fn published(browser: &mut Browser) -> Vec<VerifyingKey> {
    let answer = browser.get("/jwks").await;
    assert_eq!(answer.header("cache-control"), Some("public, max-age=60"));
    let keys = Jwks::parse(&answer.body, JwksPolicy::Client).unwrap();
    keys.keys()
        .filter_map(|k| VerifyingKey::from_jwk(k).ok())
        .collect()
}

async fn machine_token(browser: &mut Browser) -> String {
    let pairs = [
        ("grant_type", "client_credentials"),
        ("scope", "api:read"),
        ("resource", fixture::API1),
    ];
    Tokens::of(&browser.call("machine", "/token", &pairs).await).access
}

fn quick(setup: Setup) -> Setup {
    setup.policy(|policy| {
        policy.signing_algs = vec![JwsAlgorithm::ES256];
        policy.encryption.own.clear();
        policy.keys.max_age = 60;
        policy.lifetimes.access_token = 60;
        policy.lifetimes.id_token = 60;
    })
}

// JW-09, F12: a new key every five seconds on two nodes, while everybody keeps the published keys for a minute
#[tokio::test]
async fn nobody_who_keeps_the_published_keys_for_a_minute_meets_an_unknown_one() {
    const EVERY: i64 = 5;
    let one = quick(Setup::default()).start().await;
    let two = quick(Setup::default()).joining(&one).start().await;
    let nodes = [&one, &two];
    let mut browsers = [one.browser(), two.browser()];
    let start = one.clock.seconds();
    let mut parties: Vec<Party> = (0..6)
        .map(|n| Party {
            node: n % 2,
            fetched_at: i64::MIN,
            keys: Vec::new(),
        })
        .collect();
    let mut rotations = 0;
    let mut signers = std::collections::BTreeSet::new();
    let mut verified = 0;
    let mut recent: Vec<(i64, String)> = Vec::new();
    while rotations < 60 {
        let now = one.clock.seconds();
        assert!(now - start < 60 * EVERY + 200, "{rotations} rotations");
        // Each node looks at the store every other second, at moments of its own.
        for (offset, node) in nodes.iter().enumerate() {
            if (now - start) % 2 == offset as i64 {
                node.provider.reload_keys().await.unwrap();
            }
        }
        if (now - start) % EVERY == 0 {
            for node in nodes {
                node.provider.keep_next_keys(EVERY).await.unwrap();
            }
            let (a, b) = tokio::join!(
                one.provider.rotate_keys(None, Rotate::Older(EVERY)),
                two.provider.rotate_keys(None, Rotate::Older(EVERY)),
            );
            let done = a.unwrap().done.len() + b.unwrap().done.len();
            assert!(done <= 1, "one of the two rotates");
            rotations += done;
        }
        for (n, party) in parties.iter_mut().enumerate() {
            // They did not all begin at the same moment.
            let due = party.fetched_at.saturating_add(60) <= now;
            if due && now - start >= (n as i64) * 9 {
                party.keys = published(&mut browsers[party.node]).await;
                party.fetched_at = now;
            }
        }
        for browser in &mut browsers {
            let token = machine_token(browser).await;
            signers.insert(assertion::header(&token)["kid"].to_string());
            recent.push((now, token));
        }
        recent.retain(|(at, _)| now - at < 60);
        for party in parties.iter().filter(|p| !p.keys.is_empty()) {
            // What is new, and, with keys that are new, what is still good.
            let all = if party.fetched_at == now {
                0
            } else {
                recent.len() - 2
            };
            for (_, token) in &recent[all..] {
                assert!(party.verifies(token), "{} s, {token}", now - start);
                verified += 1;
            }
        }
        // Each node knows what the other one has just signed.
        for (node, browser) in browsers.iter_mut().enumerate() {
            let (_, other) = &recent[recent.len() - 1 - node];
            assert!(browser.is_active("rs1", other).await, "{}", now - start);
        }
        one.clock.advance(1);
    }
    assert!(signers.len() >= 60, "{} keys have signed", signers.len());
    assert!(verified > 5_000, "{verified}");
    let records = one
        .provider
        .store()
        .signing_keys(one.provider.issuer_id())
        .await
        .unwrap();
    let active = records
        .iter()
        .filter(|r| r.phase == KeyPhase::Active && r.alg == "ES256");
    assert_eq!(active.count(), 1);
}

#[tokio::test]
async fn what_a_key_signed_that_is_not_known_here_yet_is_not_refused() {
    let one = quick(Setup::default()).start().await;
    let two = quick(Setup::default()).joining(&one).start().await;
    let (mut first, mut second) = (one.browser(), two.browser());
    // A rotation by force: the other node has not heard of the new key, and nobody looks at the store meanwhile.
    one.provider
        .rotate_keys(None, Rotate::Forced)
        .await
        .unwrap();
    one.provider
        .rotate_keys(None, Rotate::Forced)
        .await
        .unwrap();
    let token = machine_token(&mut first).await;
    let known = two.provider.signing_keys();
    let kid = assertion::header(&token)["kid"].clone();
    assert!(known.iter().all(|held| kid != held.key.kid()));
    assert!(second.is_active("rs1", &token).await);
    one.provider
        .rotate_keys(None, Rotate::Forced)
        .await
        .unwrap();
    one.provider
        .rotate_keys(None, Rotate::Forced)
        .await
        .unwrap();
    let hint = first.code_flow("first", "openid").await.id.unwrap();
    assert!(is_hint(&mut second, &hint).await);
    // Made-up keys are looked for and not found.
    let stranger = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let forged = stranger
        .sign_compact(
            Some("at+jwt"),
            assertion::payload(&token).to_string().as_bytes(),
        )
        .unwrap();
    for _ in 0..3 {
        assert!(!second.is_active("rs1", &forged).await);
    }
}

#[tokio::test]
async fn a_leaked_key_is_gone_at_once_and_with_it_what_it_signed() {
    let one = quick(Setup::default()).start().await;
    let two = quick(Setup::default()).joining(&one).start().await;
    let (mut first, mut second) = (one.browser(), two.browser());
    let token = machine_token(&mut first).await;
    let hint = first.code_flow("first", "openid").await.id.unwrap();
    let kid = assertion::header(&token)["kid"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(first.is_active("rs1", &token).await);
    assert!(!one.provider.retire_key("no such key").await.unwrap());
    assert!(one.provider.retire_key(&kid).await.unwrap());
    assert!(!one.provider.retire_key(&kid).await.unwrap(), "it is gone");
    two.provider.reload_keys().await.unwrap();
    for (op, browser) in [(&one, &mut first), (&two, &mut second)] {
        assert!(!browser.is_active("rs1", &token).await);
        assert!(!is_hint(&mut op.browser(), &hint).await);
        let keys = browser.get("/jwks").await.text();
        assert!(!keys.contains(&kid));
        let fresh = machine_token(browser).await;
        assert_ne!(assertion::header(&fresh)["kid"], *kid);
        assert!(browser.is_active("rs1", &fresh).await);
    }
    // A next key that leaks before it was used goes as quietly, and there is another.
    let next = |op: &Op| {
        let keys = op.provider.signing_keys();
        let next = keys.iter().find(|k| k.phase == KeyPhase::Next).unwrap();
        next.key.kid().to_owned()
    };
    let leaked = next(&one);
    assert!(one.provider.retire_key(&leaked).await.unwrap());
    assert_ne!(next(&one), leaked);
    let active = one.provider.signing_keys();
    let active = active
        .iter()
        .filter(|k| k.phase == KeyPhase::Active && k.key.algorithm() == JwsAlgorithm::ES256);
    assert_eq!(active.count(), 1);
}

#[tokio::test]
async fn a_retired_key_is_published_no_more_and_its_hints_are_still_known() {
    let op = quick(Setup::default()).start().await;
    let mut browser = op.browser();
    let hint = browser.code_flow("first", "openid").await.id.unwrap();
    let kid = assertion::header(&hint)["kid"].to_string();
    op.provider.rotate_keys(None, Rotate::Forced).await.unwrap();
    // The last token that it signed lives for another minute, and clocks get five.
    op.clock.advance(359);
    op.provider.reload_keys().await.unwrap();
    assert!(browser.get("/jwks").await.text().contains(&kid));
    op.clock.advance(1);
    op.provider.reload_keys().await.unwrap();
    op.provider.purge().await.unwrap();
    assert!(!browser.get("/jwks").await.text().contains(&kid));
    assert!(is_hint(&mut op.browser(), &hint).await);
    op.clock.advance(15 * 86_400);
    op.provider.purge().await.unwrap();
    assert!(!is_hint(&mut op.browser(), &hint).await);
}

/// A key elsewhere that does what it is told.
struct Elsewhere {
    key: SigningKey,
    public: OutsideKey,
    mood: AtomicU8,
}

const WELL: u8 = 0;
const BROKEN: u8 = 1;
const WRONG: u8 = 2;

impl Elsewhere {
    fn new(algorithm: JwsAlgorithm) -> Arc<Self> {
        let key = SigningKey::generate(algorithm).unwrap();
        Arc::new(Self {
            public: OutsideKey::new(&key.public_jwk()).unwrap(),
            key,
            mood: AtomicU8::new(WELL),
        })
    }
}

impl Signer for Elsewhere {
    fn key(&self) -> &OutsideKey {
        &self.public
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignError>> {
        Box::pin(async move {
            match self.mood.load(Ordering::SeqCst) {
                WELL => Ok(self.key.sign(message).unwrap()),
                BROKEN => Err(SignError::Failed("zq: out of order".to_owned())),
                _ => Ok(self.key.sign(b"something else").unwrap()),
            }
        })
    }
}

#[tokio::test]
async fn a_key_elsewhere_signs_everything_of_its_algorithm_and_is_published() {
    let elsewhere = Elsewhere::new(JwsAlgorithm::ES256);
    let later = Elsewhere::new(JwsAlgorithm::ES256);
    let op = Setup::default()
        .signer(elsewhere.clone())
        .signer(later.clone())
        .start()
        .await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid api:read").with("resource", fixture::API1);
    let tokens = browser.flow_of("alice", "web", &request).await;
    let id = tokens.id.clone().unwrap();
    for token in [&id, &tokens.access] {
        assert_eq!(
            assertion::header(token)["kid"],
            elsewhere.public.kid(),
            "{token}"
        );
    }
    assert_eq!(op.verified("web", &id)["aud"], "web");
    assert!(browser.is_active("rs1", &tokens.access).await);
    let keys = browser.get("/jwks").await.text();
    for key in [&elsewhere, &later] {
        assert!(keys.contains(key.public.kid()), "published before it signs");
    }
    let own = op.provider.signing_keys();
    assert!(
        own.iter()
            .all(|held| held.key.algorithm() != JwsAlgorithm::ES256),
        "no key of ours is made for what is signed elsewhere"
    );
    op.provider.rotate_keys(None, Rotate::Forced).await.unwrap();
    assert_eq!(
        assertion::header(&machine_token(&mut browser).await)["kid"],
        elsewhere.public.kid()
    );
}

#[tokio::test]
async fn a_key_elsewhere_that_fails_costs_a_retry_and_no_code() {
    let elsewhere = Elsewhere::new(JwsAlgorithm::ES256);
    let op = Setup::default().signer(elsewhere.clone()).start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid offline_access");
    let code = browser.code("alice", &request).await;
    for mood in [BROKEN, WRONG] {
        elsewhere.mood.store(mood, Ordering::SeqCst);
        let answer = browser.redeem("web", &code).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert_eq!(answer.error(), "temporarily_unavailable");
        assert!(answer.header("retry-after").is_some());
        assert!(!answer.text().contains("zq"));
    }
    elsewhere.mood.store(WELL, Ordering::SeqCst);
    let tokens = Tokens::of(&browser.redeem("web", &code).await);
    elsewhere.mood.store(BROKEN, Ordering::SeqCst);
    assert_eq!(
        browser.refresh("web", tokens.refresh()).await.status,
        503,
        "the family does not move"
    );
    elsewhere.mood.store(WELL, Ordering::SeqCst);
    Tokens::of(&browser.refresh("web", tokens.refresh()).await);
}

// The example of a signing service, as it is documented.
#[path = "../../../hallpass-provider/examples/remote_signer.rs"]
#[expect(dead_code, reason = "it is a program of its own, too")]
mod remote_signer;

#[tokio::test]
async fn the_example_of_a_signing_service_signs_and_its_absence_costs_a_retry() {
    use remote_signer::{RemoteSigner, Service};
    let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let service = Service::start("127.0.0.1:0", key.clone(), "shared")
        .await
        .unwrap();
    let address = service.address();
    assert!(RemoteSigner::connect(address, "wrong").await.is_err());
    let signer = Arc::new(RemoteSigner::connect(address, "shared").await.unwrap());
    let op = quick(Setup::default()).signer(signer.clone()).start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid");
    let code = browser.code("alice", &request).await;
    drop(service);
    assert_eq!(browser.redeem("web", &code).await.status, 503);
    assert!(!signer.ready());
    let again = Service::start(&address.to_string(), key, "shared")
        .await
        .unwrap();
    let tokens = Tokens::of(&browser.redeem("web", &code).await);
    assert_eq!(
        assertion::header(tokens.id.as_ref().unwrap())["kid"],
        signer.key().kid()
    );
    assert!(signer.ready());
    drop(again);
}
