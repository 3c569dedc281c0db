//! Things that may happen once, asked for many times at once.

use std::collections::HashSet;

use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Setup, Tokens};
use tokio::task::JoinSet;

/// A provider with one node and one with two, each on every store.
async fn providers() -> Vec<(&'static str, Vec<Op>)> {
    let mut all = Vec::new();
    for (name, setup) in [
        ("memory", Setup::default()),
        ("SQLite", Setup::default().sqlite()),
        ("PostgreSQL", Setup::default().postgres()),
    ] {
        let op = setup.start().await;
        let second = op.another_node().await;
        all.push((name, vec![op, second]));
    }
    all
}

/// Sends the same request many times at once, in turns to all nodes.
async fn at_once(nodes: &[Op], times: usize, ask: &Ask) -> Vec<Answer> {
    let mut tasks = JoinSet::new();
    for number in 0..times {
        let (mut browser, ask) = (nodes[number % nodes.len()].browser(), ask.clone());
        tasks.spawn(async move { browser.send(ask).await });
    }
    tasks.join_all().await
}

fn redemption(browser: &Browser, client: &str, code: &str) -> Ask {
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", hallpass_testkit::flow::redirect_uri(client)),
        ("code_verifier", hallpass_testkit::flow::VERIFIER),
    ];
    browser.ask_as(client, "/token", &pairs)
}

fn refreshing(browser: &Browser, client: &str, token: &str) -> Ask {
    browser.ask_as(
        client,
        "/token",
        &[("grant_type", "refresh_token"), ("refresh_token", token)],
    )
}

#[track_caller]
fn assert_refused(answers: &[&Answer]) {
    for answer in answers {
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_grant"),
            "{}",
            answer.text()
        );
    }
}

/// How often a code is raced for, on each store. A thousand times, with `HALLPASS_ROUNDS=1000`, is the long form.
fn rounds() -> usize {
    let asked = std::env::var("HALLPASS_ROUNDS");
    asked.map_or(20, |text| text.parse().unwrap())
}

// TK-02: in turns at one node and at two
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s41_of_fifty_redemptions_of_one_code_at_once_at_most_one_succeeds() {
    for (store, nodes) in providers().await {
        let mut browser = nodes[0].browser();
        for round in 0..rounds() {
            let asked = if round % 4 < 2 {
                &nodes[..]
            } else {
                &nodes[..1]
            };
            let client = if round % 2 == 0 { "web" } else { "spa" };
            let code = browser
                .code("alice", &Request::of(client, "openid offline_access"))
                .await;
            let ask = redemption(&browser, client, &code);
            let answers = at_once(asked, 50, &ask).await;
            let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 200);
            assert!(
                good.len() <= 1,
                "{store}, round {round}: {} succeeded",
                good.len()
            );
            assert_refused(&bad);
            // The others were replays: what the one got is over, on every node.
            for tokens in good.into_iter().map(Tokens::of) {
                for node in &nodes {
                    let mut browser = node.browser();
                    assert_eq!(
                        browser.userinfo(&tokens.access).await.status,
                        401,
                        "{store}"
                    );
                    assert_refused(&[&browser.refresh(client, tokens.refresh()).await]);
                }
            }
        }
    }
}

// TK-14
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_refreshes_with_one_token_at_once_are_one_rotation_and_a_hundred_usable_answers()
{
    for (store, nodes) in providers().await {
        let mut browser = nodes[0].browser();
        for round in 0..5 {
            let zero = browser.code_flow("spa", "openid offline_access").await;
            let ask = refreshing(&browser, "spa", zero.refresh());
            let answers = at_once(&nodes, 100, &ask).await;
            let tokens: Vec<Tokens> = answers.iter().map(Tokens::of).collect();
            let successors: HashSet<&str> = tokens.iter().map(Tokens::refresh).collect();
            assert_eq!(successors.len(), 1, "{store}, round {round}");
            assert!(!successors.contains(zero.refresh()));
            for each in tokens.iter().step_by(9) {
                assert_eq!(
                    nodes[1].browser().userinfo(&each.access).await.status,
                    200,
                    "{store}"
                );
            }
            // The successor works; after that the parent is a replay and ends everything.
            let one = tokens[0].refresh();
            let two = Tokens::of(&browser.refresh("spa", one).await);
            assert_refused(&[&browser.refresh("spa", zero.refresh()).await]);
            assert_refused(&[
                &browser.refresh("spa", two.refresh()).await,
                &browser.refresh("spa", one).await,
            ]);
            assert_eq!(browser.userinfo(&two.access).await.status, 401, "{store}");
        }
    }
}

// TK-14 with the window switched off
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_a_window_at_most_one_of_many_refreshes_succeeds_and_no_two_families_live() {
    for setup in [
        Setup::default(),
        Setup::default().sqlite(),
        Setup::default().postgres(),
    ] {
        let op = setup
            .policy(|policy| policy.lifetimes.refresh_retry = 0)
            .start()
            .await;
        let nodes = [op];
        let mut browser = nodes[0].browser();
        for _ in 0..10 {
            let zero = browser.code_flow("spa", "openid offline_access").await;
            let answers = at_once(&nodes, 50, &refreshing(&browser, "spa", zero.refresh())).await;
            let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 200);
            assert!(good.len() <= 1, "{} succeeded", good.len());
            assert_refused(&bad);
            for tokens in good.into_iter().map(Tokens::of) {
                assert_refused(&[&browser.refresh("spa", tokens.refresh()).await]);
            }
        }
    }
}

// TK-14 for a client that keeps its token
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_refreshes_of_a_confidential_client_all_succeed() {
    for (store, nodes) in providers().await {
        let mut browser = nodes[0].browser();
        let tokens = browser.code_flow("web", "openid offline_access").await;
        let answers = at_once(&nodes, 100, &refreshing(&browser, "web", tokens.refresh())).await;
        assert!(answers.iter().all(|a| a.status == 200), "{store}");
    }
}

// LO-12, RV-04
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_survives_a_revocation_among_a_hundred_refreshes() {
    for (store, nodes) in providers().await {
        for client in ["web", "spa"] {
            let mut browser = nodes[0].browser();
            let tokens = browser.code_flow(client, "openid offline_access").await;
            let refresh = refreshing(&browser, client, tokens.refresh());
            let revoke = browser.ask_as(client, "/revoke", &[("token", tokens.refresh())]);
            let mut tasks = JoinSet::new();
            for number in 0..100 {
                let mut browser = nodes[number % 2].browser();
                let ask = if number == 50 {
                    revoke.clone()
                } else {
                    refresh.clone()
                };
                tasks.spawn(async move { (number, browser.send(ask).await) });
            }
            let mut live = vec![tokens.clone()];
            for (number, answer) in tasks.join_all().await {
                if number != 50 && answer.status == 200 {
                    live.push(Tokens::of(&answer));
                } else {
                    assert!(
                        number == 50 && answer.status == 200 || answer.status == 400,
                        "{}",
                        answer.text()
                    );
                }
            }
            for each in live {
                assert_eq!(
                    nodes[1].browser().userinfo(&each.access).await.status,
                    401,
                    "{store}"
                );
                if let Some(token) = &each.refresh {
                    assert_refused(&[&browser.refresh(client, token).await]);
                }
            }
        }
    }
}

// A person who ends a session while codes of it are redeemed
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_that_ends_takes_along_what_is_redeemed_at_that_moment() {
    for (store, nodes) in providers().await {
        for _ in 0..10 {
            let mut browser = nodes[0].browser();
            let hint = browser.code_flow("first", "openid").await.id.unwrap();
            let mut codes = Vec::new();
            for _ in 0..8 {
                codes.push(browser.code("alice", &Request::of("first", "openid")).await);
            }
            let mut tasks = JoinSet::new();
            for code in &codes {
                let ask = redemption(&browser, "first", code);
                let mut other = nodes[1].browser();
                tasks.spawn(async move { other.send(ask).await });
            }
            let mut leaver = browser.clone();
            tasks.spawn(async move { leaver.query("/logout", &[("id_token_hint", &hint)]).await });
            for answer in tasks.join_all().await {
                if answer.status == 200 {
                    let tokens = Tokens::of(&answer);
                    assert_eq!(
                        browser.userinfo(&tokens.access).await.status,
                        401,
                        "{store}"
                    );
                }
            }
        }
    }
}

// RG-14 at once
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_answer_on_a_page_many_times_makes_codes_of_one_grant_each() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let answer = browser.send(Request::of("web", "openid email").get()).await;
    let page = browser.follow(&answer).await;
    let typed = [
        ("username", "alice"),
        ("password", hallpass_testkit::fixture::password("alice")),
    ];
    let answer = browser
        .press(&page.text(), "login", "sign-in", &typed)
        .await;
    let page = browser.follow(&answer).await.text();
    let mut tasks = JoinSet::new();
    for _ in 0..30 {
        let (mut browser, page) = (browser.clone(), page.clone());
        tasks.spawn(async move { browser.press(&page, "consent", "allow", &[]).await });
    }
    for answer in tasks.join_all().await {
        assert!(matches!(answer.status, 303 | 400), "{}", answer.text());
    }
}

// LO-12
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_survives_signing_out_everywhere_among_a_hundred_refreshes() {
    for (store, nodes) in providers().await {
        let alice = nodes[0].subject("alice").clone();
        let issuer = nodes[0].provider.issuer_id();
        let mut browser = nodes[0].browser();
        let mut tokens = Vec::new();
        for client in ["web", "spa"] {
            for scope in ["openid offline_access", "openid"] {
                let got = browser.code_flow(client, scope).await;
                tokens.push((client, got));
            }
        }
        let mut tasks = JoinSet::new();
        for number in 0..100 {
            let (client, old) = tokens[number % tokens.len()].clone();
            let mut browser = nodes[number % 2].browser();
            tasks.spawn(async move {
                let Some(refresh) = &old.refresh else {
                    return (client, None);
                };
                let answer = browser.refresh(client, refresh).await;
                assert!(matches!(answer.status, 200 | 400), "{}", answer.text());
                let good = (answer.status == 200).then(|| Tokens::of(&answer));
                (client, good)
            });
        }
        nodes[1].accounts.end_all(issuer, &alice).await.unwrap();
        let mut live = tokens;
        for (client, got) in tasks.join_all().await {
            live.extend(got.map(|got| (client, got)));
        }
        for node in &nodes {
            let mut browser = node.browser();
            for (client, each) in &live {
                let told = browser.userinfo(&each.access).await.status;
                assert_eq!(told, 401, "{store}, {client}");
                assert!(!browser.is_active("web", &each.access).await, "{store}");
                if let Some(token) = &each.refresh {
                    assert_refused(&[&browser.refresh(client, token).await]);
                }
            }
        }
        let silent = Request::of("web", "openid").with("prompt", "none");
        assert_eq!(browser.send(silent.get()).await.error(), "login_required");
    }
}
