//! What works once, sent to two nodes at the same moment, again and again: F03 in the kinds that need a person beside them.
//!
//! Short in every run. `HALLPASS_ROUNDS=10000 cargo test -p hallpass-testkit --test it once:: -- --nocapture` is the long
//! form, which `cargo xtask faults --long F03` runs, too.

use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Setup, wire};
use tokio::task::JoinSet;

use super::{backchannel, device, people, second_factor};

/// How often each kind is raced, on each store.
fn rounds() -> u32 {
    let asked = std::env::var("HALLPASS_ROUNDS");
    asked.map_or(4, |text| text.parse().unwrap())
}

/// Two nodes on one file of SQLite, and two on PostgreSQL. Nothing is limited to so many in a window here.
async fn nodes(setup: fn() -> Setup) -> Vec<(&'static str, [Op; 2])> {
    let mut all = Vec::new();
    let setup = || {
        setup().policy(|policy| {
            policy.device.per_client_per_minute = u32::MAX;
            policy.device.per_network_per_minute = u32::MAX;
            policy.people.mails_per_address = u32::MAX;
            policy.people.mails_per_network = u32::MAX;
        })
    };
    for (name, first) in [
        ("SQLite", setup().sqlite()),
        ("PostgreSQL", setup().postgres()),
    ] {
        let first = first.start().await;
        let second = setup().joining(&first).start().await;
        all.push((name, [first, second]));
    }
    all
}

/// What each of the requests is answered with, all of them sent at the same moment: each by its own browser and node.
async fn at_once(asks: Vec<(Browser, Ask)>) -> Vec<Answer> {
    let start = std::sync::Arc::new(tokio::sync::Barrier::new(asks.len()));
    let mut tasks = JoinSet::new();
    for (mut browser, ask) in asks {
        let start = start.clone();
        tasks.spawn(async move {
            start.wait().await;
            browser.send(ask).await
        });
    }
    tasks.join_all().await
}

/// The same request four times, in turns to both nodes.
async fn contest(nodes: &[Op; 2], ask: &Ask) -> Vec<Answer> {
    let asks = nodes.iter().cycle().take(4);
    at_once(asks.map(|op| (op.browser(), ask.clone())).collect()).await
}

/// One is answered with tokens, and all others are refused as the protocol says.
#[track_caller]
fn one_grant(store: &str, round: u32, answers: &[Answer]) {
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1, "{store}, round {round}");
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(
            (refused.status, refused.error().as_str()),
            (400, "invalid_grant"),
            "{store}, round {round}: {}",
            refused.text()
        );
    }
}

#[expect(clippy::print_stdout, reason = "whoever runs the long form reads it")]
fn told(kind: &str, store: &str, rounds: u32) {
    println!("F03 {kind}, {store}, two nodes: {rounds} rounds, one use in each");
}

// DV-07, F03
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_code_that_two_nodes_are_asked_for_is_one_grant() {
    for (store, nodes) in nodes(device::setup).await {
        let mut person = nodes[0].browser();
        person.sign_in("alice").await;
        for round in 0..rounds() {
            let device = device::begin(&nodes[0], "openid offline_access").await;
            device::allow(&mut person, &device.user_code).await;
            let poll = device::poll_of("tv", &device.code);
            one_grant(store, round, &contest(&nodes, &poll).await);
        }
        told("device_code", store, rounds());
    }
}

// CB-05, F03
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_two_nodes_are_asked_for_is_one_grant() {
    for (store, nodes) in nodes(backchannel::setup).await {
        let mut person = backchannel::at_approvals(&nodes[0], "alice").await;
        for round in 0..rounds() {
            let id = backchannel::begin(&nodes[1], "bank", &[]).await;
            for action in backchannel::actions(&mut person).await {
                let answer = person.send(backchannel::decide(&action, "allow")).await;
                assert_eq!(answer.status, 303, "{}", answer.text());
            }
            let poll = backchannel::poll_of("bank", &id);
            one_grant(store, round, &contest(&nodes, &poll).await);
        }
        told("auth_req_id", store, rounds());
    }
}

// LG-15, F03
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_used_at_two_nodes_sets_one_password() {
    for (store, nodes) in nodes(Setup::default).await {
        for round in 0..rounds() {
            let mut asking = nodes[0].browser();
            let link = people::recovery_link(&nodes[0], &mut asking).await;
            nodes[0].mailer.forget();
            let mut asks = Vec::new();
            for (number, op) in nodes.iter().cycle().take(4).enumerate() {
                let mut browser = op.browser();
                let page = browser.get(&link).await.text();
                let password = format!("a new password, the {number} of them");
                let typed = [("password", &*password), ("again", &*password)];
                asks.push((
                    browser.clone(),
                    browser.pressing(&page, "link", "confirm", &typed),
                ));
            }
            let answers = at_once(asks).await;
            let done = |answer: &&Answer| answer.text().contains("link-done");
            assert_eq!(
                answers.iter().filter(done).count(),
                1,
                "{store}, round {round}"
            );
            let refused = answers.iter().filter(|answer| !done(answer));
            for answer in refused {
                assert_eq!(answer.status, 400, "{store}: {}", answer.text());
            }
            // Those of another day, for the limits on hashing and the sizes of tables.
            nodes[0].clock.advance(60);
        }
        told("links of recovery", store, rounds());
    }
}

/// Browsers at both nodes that have proved alice's password, and wait on the page that asks for more.
async fn waiting(nodes: &[Op; 2]) -> Vec<(Browser, String)> {
    let mut all = Vec::new();
    for op in nodes.iter().cycle().take(4) {
        let (browser, asked) =
            second_factor::after_password(op, &Request::of("first", "openid")).await;
        all.push((browser, asked.text()));
    }
    all
}

#[track_caller]
fn one_signed_in(store: &str, round: u32, answers: &[Answer]) {
    let signed_in = |answer: &&Answer| {
        let location = answer.header("location");
        location.is_some_and(|location| wire::param(location, "code").is_some())
    };
    assert_eq!(
        answers.iter().filter(signed_in).count(),
        1,
        "{store}, round {round}"
    );
    for refused in answers.iter().filter(|answer| !signed_in(answer)) {
        assert!(
            matches!(refused.status, 200 | 400 | 429),
            "{store}, round {round}: {}",
            refused.status
        );
    }
}

// LG-18, F03
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_of_an_app_that_is_typed_at_two_nodes_opens_once() {
    for (store, nodes) in nodes(Setup::default).await {
        let (_, secret) = second_factor::enrolled(&nodes[0]).await;
        for round in 0..rounds() {
            let code = second_factor::code(&nodes[0], &secret, 0);
            let asks = waiting(&nodes).await.into_iter().map(|(browser, page)| {
                let ask = browser.pressing(&page, "second", "send-code", &[("code", &*code)]);
                (browser, ask)
            });
            one_signed_in(store, round, &at_once(asks.collect()).await);
            // The losers' tries count; they are over by then.
            nodes[0].clock.advance(1800);
        }
        told("codes of apps", store, rounds());
    }
}

// LG-18, F03
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_code_that_is_typed_at_two_nodes_opens_once() {
    for (store, nodes) in nodes(Setup::default).await {
        let mut codes = Vec::new();
        let (_, secret) = second_factor::enrolled(&nodes[0]).await;
        for round in 0..rounds() {
            if codes.is_empty() {
                codes = second_factor::new_codes(&nodes[0], &secret).await;
            }
            let code = codes.pop().unwrap();
            let asks = waiting(&nodes).await.into_iter().map(|(browser, page)| {
                let typed = [("recovery", &*code)];
                let ask = browser.pressing(&page, "recovery", "send-recovery", &typed);
                (browser, ask)
            });
            one_signed_in(store, round, &at_once(asks.collect()).await);
            nodes[0].clock.advance(1800);
        }
        told("recovery codes", store, rounds());
    }
}
