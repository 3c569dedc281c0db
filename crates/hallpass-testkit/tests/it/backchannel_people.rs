//! CIBA and its people: how recent their sign-in must be, what they read, what a client hears when nobody answers, secret codes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use hallpass_core::authorization_details::{DetailType, Member};
use hallpass_provider::ports::BackchannelDevice;
use hallpass_store::{
    Answer as StoreAnswer, Around, BoxFuture, MemoryStore, Store, StoreError, Verb,
};
use hallpass_testkit::{Answer, Ask, Op, Setup, Tokens};
use hallpass_types::{IssuerId, Secret, Subject};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::second_factor;

use crate::backchannel::{
    ENDPOINT, SECRET, TOKEN, actions, answer_all, ask, assert_error, at_approvals, bank, begin,
    decide, poll, setup,
};

#[tokio::test]
async fn a_sign_in_that_is_too_old_for_the_request_has_to_be_repeated() {
    //= test OIDC-CORE#3.1.2.1 when the last authentication is older than max_age, the person proves again who they are
    let op = setup().start().await;
    let mut alice = at_approvals(&op, "alice").await;
    op.clock.advance(100);
    let id = begin(&op, "bank", &[("max_age", "60")]).await;
    let page = alice.get("/approvals").await.text();
    assert!(page.contains("data-sign-in-again"), "{page}");
    let action = actions(&mut alice).await.remove(0);
    let answer = alice.send(decide(&action, "allow")).await;
    assert!(
        answer.location().ends_with("/approvals?sign_in=again"),
        "{}",
        answer.location()
    );
    assert_error(&poll(&op, "bank", &id).await, "authorization_pending");
    op.clock.advance(5);
    let away = alice.get("/approvals?sign_in=again").await;
    let form = alice.follow(&away).await.text();
    let typed = [
        ("username", "alice"),
        ("password", hallpass_testkit::fixture::password("alice")),
    ];
    alice.press(&form, "login", "sign-in", &typed).await;
    let page = alice.get("/approvals").await.text();
    assert!(!page.contains("data-sign-in-again"), "{page}");
    let action = actions(&mut alice).await.remove(0);
    assert_eq!(alice.send(decide(&action, "allow")).await.status, 303);
    op.clock.advance(5);
    let tokens = Tokens::of(&poll(&op, "bank", &id).await);
    let signed_in = tokens.claims()["auth_time"].as_i64().unwrap();
    assert_eq!(signed_in, op.clock.seconds() - 5);
}

#[tokio::test]
async fn what_is_recent_enough_is_not_asked_for_again() {
    let op = setup()
        .metadata("web", &json!({}))
        .client(with_default_max_age())
        .start()
        .await;
    let mut alice = at_approvals(&op, "alice").await;
    op.clock.advance(50);
    for (client, changes) in [
        ("bank", &[("max_age", "60")][..]),
        ("bank", &[]),
        ("aged", &[("max_age", "60")]),
    ] {
        let id = begin(&op, client, changes).await;
        let action = actions(&mut alice).await.remove(0);
        let answer = alice.send(decide(&action, "allow")).await;
        assert!(answer.location().ends_with("/approvals"));
        Tokens::of(&poll(&op, client, &id).await);
    }
    // What the client registered holds where the request says nothing, and zero means always.
    for (client, changes) in [("aged", &[][..]), ("bank", &[("max_age", "0")])] {
        begin(&op, client, changes).await;
        let action = actions(&mut alice).await.remove(0);
        let answer = alice.send(decide(&action, "allow")).await;
        assert!(answer.location().ends_with("again"), "{client}");
        alice.send(decide(&action, "deny")).await;
    }
    for odd in ["-1", "x", "1.5"] {
        let pairs = [
            ("scope", "openid"),
            ("login_hint", "alice"),
            ("max_age", odd),
        ];
        assert_error(&ask(&op, "bank", &pairs).await, "invalid_request");
    }
}

fn with_default_max_age() -> hallpass_testkit::fixture::Seed {
    let mut seed = bank("aged", "poll");
    seed.metadata["default_max_age"] = json!(30);
    seed
}

/// The bodies that were posted to the client.
fn pushed(op: &Op) -> Vec<Value> {
    let posted = op.fetcher.posted();
    let bodies = posted.iter().map(|posted| &posted.body);
    bodies
        .map(|body| serde_json::from_str(body).unwrap())
        .collect()
}

#[tokio::test]
async fn a_client_to_which_tokens_are_pushed_hears_that_nobody_answered() {
    //= test CIBA#12 a client to which tokens are pushed is told when its request expires
    let op = setup().start().await;
    op.fetcher.answer_posts(ENDPOINT, 204);
    let token = ("client_notification_token", TOKEN);
    let id = begin(&op, "push", &[token, ("requested_expiry", "120")]).await;
    op.clock.advance(119);
    op.provider.deliver_due().await.unwrap();
    assert!(pushed(&op).is_empty());
    op.clock.advance(1);
    op.provider.deliver_due().await.unwrap();
    let told = pushed(&op);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["auth_req_id"], &told[0]["error"]),
        (&json!(id), &json!("expired_token"))
    );
    assert_eq!(
        op.fetcher.posted()[0].authorization.as_deref(),
        Some(&*format!("Bearer {TOKEN}"))
    );
    // Nobody can answer any more, and it is said once.
    answer_all(&op, "alice", "allow").await;
    op.clock.advance(3600);
    op.provider.deliver_due().await.unwrap();
    assert_eq!(pushed(&op).len(), 1);
}

#[tokio::test]
async fn who_was_told_of_an_answer_is_not_told_of_an_expiry() {
    let op = setup().start().await;
    op.fetcher.answer_posts(ENDPOINT, 204);
    for decision in ["allow", "deny"] {
        begin(&op, "push", &[("client_notification_token", TOKEN)]).await;
        answer_all(&op, "alice", decision).await;
        op.provider.deliver_due().await.unwrap();
    }
    // Neither are clients that ask by themselves.
    begin(&op, "ping", &[("client_notification_token", TOKEN)]).await;
    begin(&op, "bank", &[]).await;
    op.clock.advance(3600);
    op.provider.deliver_due().await.unwrap();
    let told = pushed(&op);
    assert_eq!(told.len(), 2);
    assert!(told[0].get("access_token").is_some());
    assert_eq!(told[1]["error"], "access_denied");
}

/// A channel that knows one code, and how often it was asked.
#[derive(Default)]
struct Codes(AtomicUsize);

impl BackchannelDevice for Codes {
    fn user_code_fits<'a>(
        &'a self,
        _: IssuerId,
        _: &'a Subject,
        code: &'a Secret,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let fits = code.expose() == "4711";
        Box::pin(async move { Ok(fits) })
    }
}

fn with_codes(codes: &Arc<Codes>) -> Setup {
    let codes = codes.clone();
    let coded = |id| {
        let mut seed = bank(id, "poll");
        seed.metadata["backchannel_user_code_parameter"] = json!(true);
        seed
    };
    setup()
        .policy(|policy| {
            policy.backchannel.user_code = true;
            policy.backchannel.pending_per_person = 100;
        })
        .build(move |builder| builder.backchannel_device(codes))
        .client(coded("coded"))
        .client(coded("coded2"))
}

// CB-10
#[tokio::test]
async fn a_code_is_needed_where_the_client_registered_for_it_and_guesses_are_counted() {
    //= test CIBA#7.2 a client that registered for user codes sends one, and it is right
    //= test CIBA#15 guesses at user codes are limited
    let codes = Arc::new(Codes::default());
    let op = with_codes(&codes).start().await;
    let asked = |client: &'static str, person: &'static str, code: &'static str| {
        let op = &op;
        async move {
            let mut pairs = vec![("scope", "openid"), ("login_hint", person)];
            if !code.is_empty() {
                pairs.push(("user_code", code));
            }
            ask(op, client, &pairs).await
        }
    };
    assert_error(&asked("coded", "alice", "").await, "missing_user_code");
    assert_eq!(codes.0.load(Ordering::SeqCst), 0);
    for _ in 0..20 {
        assert_eq!(asked("coded", "alice", "4711").await.status, 200);
    }
    for _ in 0..5 {
        assert_error(&asked("coded", "alice", "0000").await, "invalid_user_code");
    }
    let tries = codes.0.load(Ordering::SeqCst);
    for code in ["0001", "4711"] {
        let answer = asked("coded", "alice", code).await;
        assert_eq!(answer.status, 429, "{}", answer.text());
        let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=900).contains(&wait));
    }
    assert_eq!(
        codes.0.load(Ordering::SeqCst),
        tries,
        "no code is looked at"
    );
    // Neither the person's other apps nor the app's other people pay for it.
    assert_eq!(asked("coded2", "alice", "4711").await.status, 200);
    assert_eq!(asked("coded", "bob", "4711").await.status, 200);
    assert_eq!(asked("bank", "alice", "").await.status, 200);
    op.clock.advance(900);
    assert_eq!(asked("coded", "alice", "4711").await.status, 200);
}

// CB-10
#[tokio::test]
async fn codes_of_people_are_guessed_no_faster_at_two_nodes() {
    let codes = Arc::new(Codes::default());
    let op = with_codes(&codes).start().await;
    let other = with_codes(&codes).joining(&op).start().await;
    let mut answers = Vec::new();
    for number in 0..20 {
        let pairs = [
            ("scope", "openid"),
            ("login_hint", "alice"),
            ("user_code", "0000"),
        ];
        let node = [&op, &other][number % 2];
        answers.push(ask(node, "coded", &pairs).await.status);
    }
    let looked_at = answers.iter().filter(|status| **status == 400).count();
    assert!((5..=7).contains(&looked_at), "{answers:?}");
    assert!(answers.ends_with(&[429, 429]), "{answers:?}");
}

fn with_app_codes() -> Setup {
    let mut coded = bank("coded", "poll");
    coded.metadata["backchannel_user_code_parameter"] = json!(true);
    setup()
        .policy(|policy| {
            policy.backchannel.user_code = true;
            policy.backchannel.app_codes = true;
            policy.backchannel.pending_per_person = 100;
        })
        .client(coded)
}

#[tokio::test]
async fn a_code_of_the_persons_app_asks_once() {
    //= test CIBA#7.2 a client that registered for user codes sends one, and it is right
    let op = with_app_codes().start().await;
    let with_code = |code: String| {
        let op = &op;
        async move {
            let pairs = [
                ("scope", "openid"),
                ("login_hint", "alice"),
                ("user_code", &code),
            ];
            ask(op, "coded", &pairs).await
        }
    };
    // Whoever has no app cannot be asked by such a client.
    assert_error(&with_code("000000".to_owned()).await, "invalid_user_code");
    let (_, secret) = second_factor::enrolled(&op).await;
    let fresh = second_factor::code(&op, &secret, 0);
    assert_eq!(with_code(fresh.clone()).await.status, 200);
    assert_error(&with_code(fresh).await, "invalid_user_code");
    assert_error(
        &with_code(second_factor::code(&op, &secret, -10)).await,
        "invalid_user_code",
    );
}

#[tokio::test]
async fn of_many_requests_with_one_code_at_once_one_asks() {
    let op = with_app_codes()
        .policy(|policy| policy.backchannel.wrong_user_codes = 100)
        .start()
        .await;
    let (_, secret) = second_factor::enrolled(&op).await;
    let code = second_factor::code(&op, &secret, 0);
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let mut browser = op.browser();
        let pairs = [
            ("scope", "openid"),
            ("login_hint", "alice"),
            ("user_code", code.as_str()),
        ];
        let ask = Ask::form("/backchannel", &pairs).basic("coded", SECRET);
        tasks.spawn(async move { browser.send(ask).await });
    }
    let answers = tasks.join_all().await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(
        good,
        1,
        "{:?}",
        answers.iter().map(Answer::text).collect::<Vec<_>>()
    );
}

// CB-02
#[tokio::test]
async fn a_client_that_looks_for_people_is_slowed_down_and_no_other_is() {
    let op = setup()
        .policy(|policy| {
            policy.backchannel.unknown_people = 20;
            policy.backchannel.pending_per_person = 100;
        })
        .start()
        .await;
    let asked = async |client: &str, person: &str| {
        ask(&op, client, &[("scope", "openid"), ("login_hint", person)]).await
    };
    let names: Vec<String> = (0..20).map(|number| format!("nobody{number}")).collect();
    for name in &names {
        assert_eq!(asked("bank", "alice").await.status, 200);
        assert_error(&asked("bank", name).await, "unknown_user_id");
    }
    // From now on the answer is the same for everybody.
    for name in ["alice", "nobody", "carol"] {
        let answer = asked("bank", name).await;
        assert_eq!(answer.status, 429, "{}", answer.text());
        let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=900).contains(&wait));
    }
    assert_eq!(asked("bank2", "alice").await.status, 200);
    op.clock.advance(900);
    assert_eq!(asked("bank", "alice").await.status, 200);
    // Who does not authenticate learns nothing at all.
    for name in ["alice", "nobody"] {
        let pairs = [("scope", "openid"), ("login_hint", name)];
        let ask = Ask::form("/backchannel", &pairs).basic("bank", "hpk_wrong");
        assert_eq!(op.browser().send(ask).await.status, 401);
    }
}

#[tokio::test]
async fn details_are_shown_before_they_are_allowed() {
    let op = setup()
        .policy(|policy| {
            let kind = DetailType::new("payment".to_owned());
            policy.detail_types = vec![DetailType {
                description: Some("Make a payment".to_owned()),
                members: vec![Member::new("amount")],
                ..kind
            }];
        })
        .start()
        .await;
    let details = r#"[{"type":"payment","amount":"12.50 EUR"}]"#;
    let pairs = [
        ("scope", "openid"),
        ("login_hint", "alice"),
        ("authorization_details", details),
    ];
    assert_eq!(
        ask(&op, "bank", &pairs).await.error(),
        "invalid_authorization_details"
    );
    op.change_client("bank", |metadata| {
        metadata.insert("authorization_details_types".to_owned(), json!(["payment"]));
    })
    .await;
    let id = begin(&op, "bank", &[("authorization_details", details)]).await;
    let mut alice = at_approvals(&op, "alice").await;
    let page = alice.get("/approvals").await.text();
    assert!(
        page.contains("Make a payment") && page.contains("12.50 EUR"),
        "{page}"
    );
    let action = &actions(&mut alice).await[0];
    alice.send(decide(action, "allow")).await;
    let body = poll(&op, "bank", &id).await.json();
    assert_eq!(body["authorization_details"][0]["amount"], "12.50 EUR");
}

/// A store that counts how often it is asked for what waits.
struct Counting {
    store: MemoryStore,
    asked: AtomicUsize,
}

impl Around for Counting {
    fn inner(&self) -> &dyn Store {
        &self.store
    }

    fn around<'a, T: Send + 'a>(
        &'a self,
        verb: Verb,
        ask: impl FnOnce() -> StoreAnswer<'a, T>,
    ) -> StoreAnswer<'a, T> {
        if verb == Verb::Waiting {
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
        ask()
    }
}

#[tokio::test]
async fn what_was_answered_costs_nothing_any_more_whoever_looks() {
    let store = Arc::new(Counting {
        store: MemoryStore::new(),
        asked: AtomicUsize::new(0),
    });
    let op = setup().store(store.clone()).start().await;
    let mut alice = at_approvals(&op, "alice").await;
    let cost = || store.asked.swap(0, Ordering::Relaxed);
    let mut costs = Vec::new();
    for round in 0..60 {
        let id = begin(&op, "bank", &[]).await;
        let action = actions(&mut alice).await.remove(0);
        let answer = alice.send(decide(&action, "allow")).await;
        assert_eq!(answer.status, 303, "{round}");
        op.clock.advance(1);
        Tokens::of(&poll(&op, "bank", &id).await);
        costs.push(cost());
    }
    // As much in the last round as in the second.
    let (early, late) = (costs[2], costs[59]);
    assert!(late <= early.saturating_add(2), "{costs:?}");
    // One that waits is still there to be answered.
    begin(&op, "bank", &[]).await;
    begin(&op, "bank2", &[]).await;
    assert_eq!(actions(&mut alice).await.len(), 2);
}
