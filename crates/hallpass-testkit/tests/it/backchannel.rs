//! Client-initiated backchannel authentication (CIBA): the endpoint, the page where people answer, polls, pings and pushes.

use hallpass_core::policy::DeliveryMode;
use hallpass_provider::{
    Provider,
    endpoints::{BackchannelAnswer, BackchannelOutcome},
};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Setup, Tokens,
    fixture::{self, Seed},
    html,
};
use hallpass_types::sha256;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const GRANT: &str = "urn:openid:params:grant-type:ciba";
pub(crate) const SECRET: &str = "hpk_ciba-0123456789abcdefghijklmnopqrstuvwxy";
pub(crate) const ENDPOINT: &str = "https://bank.test/notify";
pub(crate) const TOKEN: &str = "8d67dc78-7faa-4d41-aabd-67707b374255";

pub(crate) fn bank(id: &'static str, mode: &str) -> Seed {
    let mut metadata = json!({"redirect_uris": [], "grant_types": [GRANT, "refresh_token"],
        "client_name": format!("Bank <b>{id}</b>"), "backchannel_token_delivery_mode": mode,
        "scope": "openid email offline_access api:read"});
    if mode != "poll" {
        metadata["backchannel_client_notification_endpoint"] = json!(ENDPOINT);
    }
    Seed {
        id,
        secret: Some(SECRET),
        disabled: false,
        metadata,
    }
}

pub(crate) fn setup() -> Setup {
    Setup::default()
        .policy(|policy| {
            policy.backchannel.enabled = true;
            policy.backchannel.delivery_modes = DeliveryMode::ALL.to_vec();
        })
        .client(bank("bank", "poll"))
        .client(bank("bank2", "poll"))
        .client(bank("ping", "ping"))
        .client(bank("push", "push"))
}

async fn start() -> Op {
    setup().start().await
}

pub(crate) async fn ask(op: &Op, client: &str, pairs: &[(&str, &str)]) -> Answer {
    let ask = Ask::form("/backchannel", pairs).basic(client, SECRET);
    op.browser().send(ask).await
}

pub(crate) async fn begin(op: &Op, client: &str, changes: &[(&str, &str)]) -> String {
    let mut pairs = vec![("scope", "openid email"), ("login_hint", "alice")];
    for change in changes {
        pairs.retain(|(name, _)| *name != change.0);
        pairs.push(*change);
    }
    let answer = ask(op, client, &pairs).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()["auth_req_id"].as_str().unwrap().to_owned()
}

pub(crate) fn poll_of(client: &str, id: &str) -> Ask {
    Ask::form("/token", &[("grant_type", GRANT), ("auth_req_id", id)]).basic(client, SECRET)
}

pub(crate) async fn poll(op: &Op, client: &str, id: &str) -> Answer {
    op.browser().send(poll_of(client, id)).await
}

#[track_caller]
pub(crate) fn assert_error(answer: &Answer, error: &str) {
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, error),
        "{}",
        answer.text()
    );
}

/// The sign-in page that leads to the page with requests.
pub(crate) async fn before_approvals(browser: &mut Browser) -> String {
    let answer = browser.get("/approvals").await;
    assert_eq!(answer.status, 303);
    browser.follow(&answer).await.text()
}

/// Signs in on the way to the page.
pub(crate) async fn at_approvals(op: &Op, person: &str) -> Browser {
    let mut browser = op.browser();
    let page = before_approvals(&mut browser).await;
    let typed = [
        ("username", person),
        ("password", fixture::password(person)),
    ];
    let answer = browser.press(&page, "login", "sign-in", &typed).await;
    assert_eq!(answer.location(), "https://op.test/approvals");
    browser
}

/// The actions of the forms on the page that answer requests, in order.
pub(crate) async fn actions(browser: &mut Browser) -> Vec<String> {
    let page = browser.get("/approvals").await.text();
    html::forms(&page)
        .into_iter()
        .map(|form| form.action)
        .filter(|action| action.contains("?handle="))
        .collect()
}

pub(crate) fn decide(action: &str, decision: &str) -> Ask {
    let pairs = [
        ("decision", decision),
        ("scope.email", "yes"),
        ("scope.offline_access", "yes"),
    ];
    Ask::form(action, &pairs).header("Origin", fixture::ISSUER)
}

pub(crate) async fn answer_all(op: &Op, person: &str, decision: &str) {
    let mut browser = at_approvals(op, person).await;
    for action in actions(&mut browser).await {
        let answer = browser.send(decide(&action, decision)).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_yes_does_not_stand_for_an_acr_that_must_be_reached() {
    let op = setup()
        .policy(|policy| policy.acr_values = ["low", "high"].map(str::to_owned).to_vec())
        .start()
        .await;
    for (essential, error) in [(true, Some("access_denied")), (false, None)] {
        let claims =
            json!({"id_token": {"acr": {"essential": essential, "values": ["high"]}}}).to_string();
        let id = begin(&op, "bank", &[("claims", &claims)]).await;
        answer_all(&op, "alice", "allow").await;
        let answer = poll(&op, "bank", &id).await;
        assert_eq!(answer.json()["error"].as_str(), error, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_person_answers_on_the_page_and_the_client_polls() {
    let op = start().await;
    let message = [
        ("binding_message", "W4SCT 12.50 EUR"),
        ("scope", "openid email offline_access"),
    ];
    let id = begin(&op, "bank", &message).await;
    assert_error(&poll(&op, "bank", &id).await, "authorization_pending");
    let mut alice = at_approvals(&op, "alice").await;
    let page = alice.get("/approvals").await.text();
    for part in [
        "W4SCT 12.50 EUR",
        "Bank &lt;b&gt;bank",
        "data-scope=\"email\"",
        "approval-warning",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let action = &actions(&mut alice).await[0];
    alice.send(decide(action, "allow")).await;
    assert!(
        actions(&mut alice).await.is_empty(),
        "nothing is left to answer"
    );
    op.clock.advance(5);
    let tokens = Tokens::of(&poll(&op, "bank", &id).await);
    assert_eq!(tokens.scope.as_deref(), Some("openid email offline_access"));
    let claims = op.verified("bank", tokens.id.as_deref().unwrap());
    assert_eq!(claims["sub"], op.subject("alice").as_str());
    assert!(claims["auth_time"].is_i64());
    assert_eq!(
        claims.get("sid"),
        None,
        "no browser of the client's is signed in"
    );
    // Access does not hang on the session in which it was allowed.
    let out = alice.get("/logout").await;
    let page = alice.follow(&out).await.text();
    alice.press(&page, "logout", "logout-yes", &[]).await;
    let info = op.browser().userinfo(&tokens.access).await.json();
    assert_eq!(info["email"], "alice@example.test");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh()),
    ];
    Tokens::of(
        &op.browser()
            .send(Ask::form("/token", &refresh).basic("bank", SECRET))
            .await,
    );
}

#[tokio::test]
async fn the_answer_to_the_client_says_how_to_go_on() {
    let op = start().await;
    let pairs = [("scope", "openid"), ("login_hint", "alice")];
    let body = ask(&op, "bank", &pairs).await.json();
    assert_eq!(
        (&body["expires_in"], &body["interval"]),
        (&json!(600), &json!(5))
    );
    let id = body["auth_req_id"].as_str().unwrap();
    assert!(
        id.len() > 40
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    );
    let short = [
        ("scope", "openid"),
        ("login_hint", "alice"),
        ("requested_expiry", "10"),
    ];
    let body = ask(&op, "bank", &short).await.json();
    assert_eq!(body["expires_in"], 10);
    let told = [
        ("scope", "openid"),
        ("login_hint", "alice"),
        ("client_notification_token", TOKEN),
    ];
    assert!(
        ask(&op, "push", &told)
            .await
            .json()
            .get("interval")
            .is_none()
    );
}

// JW-08, TK-40
#[tokio::test]
async fn what_is_not_offered_or_not_registered_does_not_exist() {
    let plain = Op::start().await;
    let metadata = plain
        .browser()
        .get("/.well-known/openid-configuration")
        .await
        .json();
    for name in [
        "backchannel_authentication_endpoint",
        "backchannel_token_delivery_modes_supported",
        "backchannel_user_code_parameter_supported",
    ] {
        assert_eq!(metadata.get(name), None, "{name}");
    }
    for path in ["/backchannel", "/backchannel/answer", "/approvals"] {
        assert_eq!(plain.browser().form(path, &[]).await.status, 404, "{path}");
    }
    let op = start().await;
    let metadata = op
        .browser()
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(
        metadata["backchannel_authentication_endpoint"],
        "https://op.test/backchannel"
    );
    assert_eq!(
        metadata["backchannel_token_delivery_modes_supported"],
        json!(["poll", "ping", "push"])
    );
    assert_eq!(metadata["backchannel_user_code_parameter_supported"], false);
    assert_eq!(
        op.browser().form("/backchannel/answer", &[]).await.status,
        404
    );
    let pairs = [("scope", "openid"), ("login_hint", "alice")];
    let answer = op.browser().call("web", "/backchannel", &pairs).await;
    assert_error(&answer, "unauthorized_client");
    let answer = op.browser().form("/backchannel", &pairs).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_client")
    );
    let answer = op.browser().call("spa", "/backchannel", &pairs).await;
    assert_error(&answer, "unauthorized_client");
}

// RG-10: who names people learns who has an account, and has them asked
#[tokio::test]
async fn who_comes_along_and_registers_cannot_name_people() {
    for open in [true, false] {
        let setup = setup().policy(move |policy| policy.registration.open = open);
        let op = setup.start().await;
        let metadata = json!({"redirect_uris": ["https://new.test/cb"], "response_types": [],
            "grant_types": [GRANT], "backchannel_token_delivery_mode": "poll"});
        let ask = Ask::json("/register", &metadata).bearer(&op.initial_access_token);
        let answer = op.browser().send(ask).await;
        let expected = if open { 400 } else { 201 };
        assert_eq!(answer.status, expected, "{open} {}", answer.text());
    }
}

// CB-01, CB-02, CB-04
#[tokio::test]
async fn a_request_that_breaks_a_rule_is_refused() {
    let op = start().await;
    for (changes, error) in [
        (&[("login_hint", "")][..], "invalid_request"),
        (&[("id_token_hint", "x")], "invalid_request"),
        (&[("login_hint_token", "x")], "invalid_request"),
        (
            &[("login_hint_token", "x"), ("id_token_hint", "x")],
            "invalid_request",
        ),
        (&[("scope", "email")], "invalid_scope"),
        (&[("scope", "")], "invalid_scope"),
        (&[("scope", "openid api:write")], "invalid_scope"),
        (&[("resource", "https://x.test")], "invalid_target"),
        (&[("requested_expiry", "0")], "invalid_request"),
        (&[("requested_expiry", "soon")], "invalid_request"),
        (&[("client_notification_token", "x")], "invalid_request"),
        (
            &[("binding_message", "<script>alert(1)</script>")],
            "invalid_binding_message",
        ),
        (
            &[("binding_message", "1234 \u{1f44d}")],
            "invalid_binding_message",
        ),
        (
            &[("binding_message", fixture::MARKER)],
            "invalid_binding_message",
        ),
        (&[("login_hint", "nobody")], "unknown_user_id"),
        (&[("login_hint", "carol")], "unknown_user_id"),
        (
            &[("login_hint", ""), ("login_hint_token", "x")],
            "unknown_user_id",
        ),
        (
            &[("login_hint", ""), ("id_token_hint", "x.y.z")],
            "invalid_request",
        ),
        (&[("request", "x.y.z")], "invalid_request"),
    ] {
        let mut pairs = vec![("scope", "openid"), ("login_hint", "alice")];
        for change in changes {
            pairs.retain(|(name, _)| *name != change.0);
            pairs.push(*change);
        }
        assert_error(&ask(&op, "bank", &pairs).await, error);
    }
    let twice = [
        ("scope", "openid"),
        ("login_hint", "alice"),
        ("login_hint", "bob"),
    ];
    assert_error(&ask(&op, "bank", &twice).await, "invalid_request");
    let untold = [("scope", "openid"), ("login_hint", "alice")];
    assert_error(&ask(&op, "ping", &untold).await, "invalid_request");
    assert_eq!(op.browser().get("/backchannel").await.status, 405);
}

#[tokio::test]
async fn an_id_token_of_the_client_names_its_person() {
    let op = start().await;
    let id = begin(&op, "bank", &[]).await;
    answer_all(&op, "alice", "allow").await;
    let tokens = Tokens::of(&poll(&op, "bank", &id).await);
    let hint = tokens.id.unwrap();
    op.clock.advance(100_000);
    let by_hint = [("scope", "openid"), ("id_token_hint", &*hint)];
    assert_eq!(
        ask(&op, "bank", &by_hint).await.status,
        200,
        "an old one, too"
    );
    assert_error(&ask(&op, "bank2", &by_hint).await, "invalid_request");
    let cut = &hint[..hint.len() - 4];
    let forged = [("scope", "openid"), ("id_token_hint", cut)];
    assert_error(&ask(&op, "bank", &forged).await, "invalid_request");
}

// CB-05
#[tokio::test]
async fn an_answer_is_fetched_once_by_the_client_that_asked() {
    for sqlite in [false, true] {
        let op = if sqlite { setup().sqlite() } else { setup() }
            .start()
            .await;
        let id = begin(&op, "bank", &[]).await;
        answer_all(&op, "alice", "allow").await;
        assert_error(&poll(&op, "bank2", &id).await, "invalid_grant");
        assert_error(&poll(&op, "ping", &id).await, "invalid_grant");
        let mut tasks = JoinSet::new();
        for _ in 0..50 {
            let (mut browser, ask) = (op.browser(), poll_of("bank", &id));
            tasks.spawn(async move { browser.send(ask).await });
        }
        let answers = tasks.join_all().await;
        assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 1);
        for refused in answers.iter().filter(|a| a.status != 200) {
            assert_error(refused, "invalid_grant");
        }
        assert_error(&poll(&op, "bank", &id).await, "invalid_grant");
        for odd in ["x", "hpd_x", ""] {
            assert_eq!(poll(&op, "bank", odd).await.status, 400);
        }
    }
}

// CB-06
#[tokio::test]
async fn who_polls_too_fast_is_slowed_down() {
    let op = start().await;
    let id = begin(&op, "bank", &[]).await;
    assert_error(&poll(&op, "bank", &id).await, "authorization_pending");
    assert_error(&poll(&op, "bank", &id).await, "slow_down");
    op.clock.advance(2);
    assert_error(&poll(&op, "bank", &id).await, "slow_down");
    op.clock.advance(15);
    assert_error(&poll(&op, "bank", &id).await, "authorization_pending");
}

#[tokio::test]
async fn a_denial_and_an_end_are_told_apart() {
    let op = start().await;
    let denied = begin(&op, "bank", &[]).await;
    answer_all(&op, "alice", "deny").await;
    assert_error(&poll(&op, "bank", &denied).await, "access_denied");
    let ended = begin(&op, "bank", &[("requested_expiry", "10")]).await;
    let mut alice = at_approvals(&op, "alice").await;
    let action = &actions(&mut alice).await[0];
    op.clock.advance(10);
    let late = alice.send(decide(action, "allow")).await;
    assert_eq!(
        html::text_of(&late.text(), "error-id").as_deref(),
        Some("backchannel_request_over")
    );
    assert_error(&poll(&op, "bank", &ended).await, "expired_token");
    assert!(actions(&mut alice).await.is_empty());
}

// CB-09
#[tokio::test]
async fn one_person_is_not_asked_without_end() {
    //= test CIBA#13 a person who is asked too much already is not asked once more
    let op = start().await;
    for client in ["bank", "bank2", "bank"] {
        begin(&op, client, &[]).await;
    }
    let pairs = [("scope", "openid"), ("login_hint", "alice")];
    for client in ["bank", "bank2"] {
        let answer = ask(&op, client, &pairs).await;
        assert_eq!(answer.status, 429);
        assert!(answer.header("retry-after").is_some());
    }
    begin(&op, "bank", &[("login_hint", "bob")]).await;
    answer_all(&op, "alice", "deny").await;
    begin(&op, "bank", &[]).await;
    // Nor by requests that end at once.
    let op = start().await;
    for _ in 0..3 {
        begin(&op, "bank", &[("requested_expiry", "1")]).await;
        op.clock.advance(2);
    }
    assert_eq!(ask(&op, "bank", &pairs).await.status, 429);
    op.clock.advance(60);
    begin(&op, "bank", &[]).await;
}

#[tokio::test]
async fn many_requests_for_one_person_at_once_stay_within_the_limit() {
    for sqlite in [false, true] {
        let op = if sqlite { setup().sqlite() } else { setup() }
            .start()
            .await;
        let mut tasks = JoinSet::new();
        for _ in 0..12 {
            let mut browser = op.browser();
            let pairs = [("scope", "openid"), ("login_hint", "alice")];
            let ask = Ask::form("/backchannel", &pairs).basic("bank", SECRET);
            tasks.spawn(async move { browser.send(ask).await });
        }
        let answers = tasks.join_all().await;
        let good = answers.iter().filter(|a| a.status == 200).count();
        assert!(good <= 3, "{good}");
        assert!(answers.iter().all(|a| matches!(a.status, 200 | 429 | 503)));
        let mut alice = at_approvals(&op, "alice").await;
        assert_eq!(actions(&mut alice).await.len(), good);
    }
}

#[tokio::test]
async fn only_the_person_of_a_request_can_answer_it_on_their_own_page() {
    let op = start().await;
    let id = begin(&op, "bank", &[]).await;
    let mut alice = at_approvals(&op, "alice").await;
    let action = actions(&mut alice).await.remove(0);
    // Nobody is shown what others are asked.
    let mut bob = at_approvals(&op, "bob").await;
    assert!(actions(&mut bob).await.is_empty());
    // The form of another browser, of nobody, of another site.
    assert_eq!(bob.send(decide(&action, "allow")).await.status, 403);
    assert_eq!(
        op.browser().send(decide(&action, "allow")).await.status,
        403
    );
    for (site, origin) in [
        ("cross-site", "https://evil.test"),
        ("same-origin", "https://evil.test"),
        ("same-origin", "null"),
    ] {
        let ask = Ask::form(&action, &[("decision", "allow")])
            .header("Sec-Fetch-Site", site)
            .header("Origin", origin);
        assert_eq!(alice.send(ask).await.status, 403, "{site} {origin}");
    }
    for odd in ["/approvals", "/approvals?handle=AAAA", "/approvals?handle="] {
        assert_eq!(alice.send(decide(odd, "allow")).await.status, 403, "{odd}");
    }
    let undecided = Ask::form(&action, &[("decision", "maybe")]).header("Origin", fixture::ISSUER);
    assert_eq!(alice.send(undecided).await.status, 400);
    // A session that ended meanwhile.
    let mut gone = alice.clone();
    let out = gone.get("/logout").await;
    let page = gone.follow(&out).await.text();
    gone.press(&page, "logout", "logout-yes", &[]).await;
    assert_eq!(alice.send(decide(&action, "allow")).await.status, 403);
    assert_error(&poll(&op, "bank", &id).await, "authorization_pending");
    // Answered twice.
    let mut alice = at_approvals(&op, "alice").await;
    let action = actions(&mut alice).await.remove(0);
    assert_eq!(alice.send(decide(&action, "deny")).await.status, 303);
    assert_eq!(alice.send(decide(&action, "allow")).await.status, 400);
    assert_error(&poll(&op, "bank", &id).await, "access_denied");
}

#[tokio::test]
async fn signing_in_on_the_page_is_as_guarded_as_elsewhere() {
    let op = start().await;
    let mut browser = op.browser();
    let page = before_approvals(&mut browser).await;
    let typed = [("username", "alice"), ("password", "wrong")];
    let refused = browser.press(&page, "login", "sign-in", &typed).await;
    assert_eq!(refused.status, 200);
    assert!(refused.text().contains("data-error=\"refused\""));
    let good = [
        ("username", "alice"),
        ("password", fixture::password("alice")),
    ];
    let form = html::form(&page, "login");
    let other = Ask::form(&form.action, &good).header("Origin", fixture::ISSUER);
    assert_eq!(
        op.browser().send(other).await.status,
        403,
        "another browser"
    );
    let foreign = Ask::form(&form.action, &good).header("Origin", "https://evil.test");
    assert_eq!(browser.send(foreign).await.status, 403);
    let bare = Ask::form("/approvals", &good).header("Origin", fixture::ISSUER);
    assert_eq!(browser.send(bare).await.status, 403);
    let mut sessions = 0;
    for _ in 0..12 {
        let page = before_approvals(&mut browser).await;
        if browser
            .press(&page, "login", "sign-in", &typed)
            .await
            .status
            == 429
        {
            sessions += 1;
        }
    }
    assert!(sessions > 0, "tries are limited here, too");
}

// LG-31
#[tokio::test]
async fn a_person_who_is_switched_off_meanwhile_grants_nothing() {
    let op = start().await;
    let id = begin(&op, "bank", &[]).await;
    answer_all(&op, "alice", "allow").await;
    let issuer = op.provider.issuer_id();
    op.accounts
        .set_disabled(issuer, op.subject("alice"), true)
        .await
        .unwrap();
    assert_error(&poll(&op, "bank", &id).await, "invalid_grant");
}

#[tokio::test]
async fn a_client_that_wants_to_be_told_is_pinged() {
    //= test CIBA#10.2 the client_notification_token authenticates the notification, sent to the registered endpoint
    //= test CIBA#10.2 the ping names the request by its auth_req_id
    let op = start().await;
    op.fetcher.answer_posts(ENDPOINT, 204);
    let id = begin(&op, "ping", &[("client_notification_token", TOKEN)]).await;
    assert_error(&poll(&op, "ping", &id).await, "authorization_pending");
    assert!(op.fetcher.posted().is_empty());
    answer_all(&op, "alice", "allow").await;
    op.provider.deliver_due().await.unwrap();
    let posted = op.fetcher.posted();
    assert_eq!(posted.len(), 1);
    let ping = &posted[0];
    assert_eq!(
        (ping.url.as_str(), ping.content_type.as_str()),
        (ENDPOINT, "application/json")
    );
    assert_eq!(
        ping.authorization.as_deref(),
        Some(&*format!("Bearer {TOKEN}"))
    );
    let body: Value = serde_json::from_str(&ping.body).unwrap();
    assert_eq!(body, json!({"auth_req_id": id}));
    Tokens::of(&poll(&op, "ping", &id).await);
    // It is told of a denial, too, and not again when it does not want to be.
    op.fetcher.answer_posts(ENDPOINT, 401);
    let id = begin(&op, "ping", &[("client_notification_token", TOKEN)]).await;
    answer_all(&op, "alice", "deny").await;
    op.provider.deliver_due().await.unwrap();
    op.clock.advance(3600);
    op.provider.deliver_due().await.unwrap();
    assert_eq!(op.fetcher.posted().len(), 2);
    assert_ne!(poll(&op, "ping", &id).await.status, 200);
}

#[tokio::test]
async fn a_client_may_have_its_tokens_pushed() {
    //= test CIBA#10.3.1 what is pushed is a token response with the auth_req_id
    //= test CIBA#10.3.1 an ID token that is pushed names the request and holds the digests of the other tokens
    //= test CIBA#11 a client to which tokens are pushed may not fetch them
    //= test CIBA#12 a client to which tokens are pushed is told of a denial, too
    let op = start().await;
    op.fetcher.answer_posts(ENDPOINT, 204);
    let changes = [
        ("client_notification_token", TOKEN),
        ("scope", "openid email offline_access"),
    ];
    let id = begin(&op, "push", &changes).await;
    assert_error(&poll(&op, "push", &id).await, "unauthorized_client");
    answer_all(&op, "alice", "allow").await;
    op.provider.deliver_due().await.unwrap();
    let posted = op.fetcher.posted();
    assert_eq!(posted.len(), 1);
    assert_eq!(
        posted[0].authorization.as_deref(),
        Some(&*format!("Bearer {TOKEN}"))
    );
    let body: Value = serde_json::from_str(&posted[0].body).unwrap();
    assert_eq!(
        (&body["auth_req_id"], &body["token_type"]),
        (&json!(id), &json!("Bearer"))
    );
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    let claims = op.verified("push", &text("id_token"));
    assert_eq!(claims["urn:openid:params:jwt:claim:auth_req_id"], json!(id));
    let half = |token: &str| hallpass_jose::base64url::encode(&sha256(token.as_bytes())[..16]);
    assert_eq!(claims["at_hash"], half(&text("access_token")));
    assert_eq!(
        claims["urn:openid:params:jwt:claim:rt_hash"],
        half(&text("refresh_token"))
    );
    let info = op.browser().userinfo(&text("access_token")).await.json();
    assert_eq!(info["sub"], op.subject("alice").as_str());
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &*text("refresh_token")),
    ];
    Tokens::of(
        &op.browser()
            .send(Ask::form("/token", &pairs).basic("push", SECRET))
            .await,
    );
    // A denial is pushed as an error.
    let id = begin(&op, "push", &changes).await;
    answer_all(&op, "alice", "deny").await;
    op.provider.deliver_due().await.unwrap();
    let body: Value = serde_json::from_str(&op.fetcher.posted()[1].body).unwrap();
    assert_eq!(
        (&body["auth_req_id"], &body["error"]),
        (&json!(id), &json!("access_denied"))
    );
    assert_eq!(body.get("access_token"), None);
}

// CB-05
#[tokio::test]
async fn who_polls_for_nothing_gets_nothing() {
    //= test CIBA#10.1 auth_req_id is there
    let op = start().await;
    let id = begin(&op, "bank", &[]).await;
    let device = ("device_code", id.as_str());
    for (what, pairs, error) in [
        ("nothing", vec![], "invalid_request"),
        ("another name", vec![device], "invalid_request"),
        ("empty", vec![("auth_req_id", "")], "invalid_request"),
        (
            "twice",
            vec![("auth_req_id", &*id), ("auth_req_id", &*id)],
            "invalid_request",
        ),
        ("unknown", vec![("auth_req_id", "x")], "invalid_grant"),
    ] {
        let pairs = [&[("grant_type", GRANT)], &pairs[..]].concat();
        let ask = Ask::form("/token", &pairs).basic("bank", SECRET);
        let answer = op.browser().send(ask).await;
        assert_eq!(
            (answer.status, &*answer.error()),
            (400, error),
            "{what}: {}",
            answer.text()
        );
    }
    assert_error(&poll(&op, "bank", &id).await, "authorization_pending");
}

#[tokio::test]
async fn another_channel_reports_what_a_person_said() {
    let op = start().await;
    let id = begin(&op, "bank", &[]).await;
    let key = Provider::backchannel_key(&id).unwrap();
    let allow = BackchannelAnswer::Allow {
        authentication: hallpass_core::record::Authentication {
            auth_time: hallpass_types::Timestamp(op.clock.seconds()),
            acr: None,
            amr: vec!["hwk".to_owned(), "user".to_owned()],
        },
        only: Some(vec!["openid".to_owned()]),
        claims: None,
    };
    let provider = &op.provider;
    let outcome = provider.backchannel_decided(key, &allow).await.unwrap();
    assert_eq!(outcome, BackchannelOutcome::Done);
    for late in [allow, BackchannelAnswer::Deny] {
        let outcome = provider.backchannel_decided(key, &late).await.unwrap();
        assert_eq!(outcome, BackchannelOutcome::Over);
    }
    let tokens = Tokens::of(&poll(&op, "bank", &id).await);
    assert_eq!(tokens.scope.as_deref(), Some("openid"));
    assert_eq!(tokens.claims()["amr"], json!(["hwk", "user"]));
    assert!(Provider::backchannel_key("hpd_x").is_none());
}

#[tokio::test]
async fn tests_can_answer_for_people_only_where_that_is_switched_on() {
    let op = setup()
        .policy(|policy| {
            policy.backchannel.automatic_approval = true;
            policy.acr_values = vec!["urn:test:one".to_owned()];
        })
        .start()
        .await;
    let id = begin(&op, "bank", &[("acr_values", "urn:test:one")]).await;
    let call = |id: &str, action: &str| {
        Ask::new(
            "POST",
            &format!("/backchannel/answer?auth_req_id={id}&action={action}"),
        )
    };
    for (id, action) in [("x", "allow"), (id.as_str(), "maybe"), ("", "")] {
        assert_eq!(op.browser().send(call(id, action)).await.status, 400);
    }
    let get = format!("/backchannel/answer?auth_req_id={id}&action=allow");
    assert_eq!(op.browser().get(&get).await.status, 405);
    assert_eq!(op.browser().send(call(&id, "allow")).await.status, 200);
    let tokens = Tokens::of(&poll(&op, "bank", &id).await);
    assert_eq!(tokens.claims()["acr"], "urn:test:one");
    let id = begin(&op, "bank", &[]).await;
    assert_eq!(op.browser().send(call(&id, "deny")).await.status, 200);
    assert_error(&poll(&op, "bank", &id).await, "access_denied");
}

// AD-24
#[tokio::test]
async fn another_issuer_knows_nothing_of_a_request() {
    let op = start().await;
    let other = setup()
        .beside(&op, "https://other.test", "other")
        .start()
        .await;
    let id = begin(&op, "bank", &[]).await;
    assert_error(&poll(&other, "bank", &id).await, "invalid_grant");
    let mut alice = other.browser();
    let page = before_approvals(&mut alice).await;
    let typed = [
        ("username", "alice"),
        ("password", fixture::password("alice")),
    ];
    alice.press(&page, "login", "sign-in", &typed).await;
    assert!(actions(&mut alice).await.is_empty());
}
