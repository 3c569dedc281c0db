//! People who do not want to be asked by a client any more (CIBA).

use hallpass_testkit::{Answer, Ask, Browser, Op, fixture, html};
use hallpass_types::ClientId;
use serde_json::json;
use tokio::task::JoinSet;

use crate::backchannel::{
    ENDPOINT, SECRET, TOKEN, actions, ask, assert_error, at_approvals, begin, decide, poll, setup,
};

const PAIRS: [(&str, &str); 2] = [("scope", "openid"), ("login_hint", "alice")];

/// Alice, who has refused a client that asked her.
async fn after_refusing(op: &Op, client: &str, decision: &str) -> (Browser, String) {
    let id = begin(op, client, &[]).await;
    let mut alice = at_approvals(op, "alice").await;
    let action = actions(&mut alice).await.remove(0);
    let answer = alice.send(decide(&action, decision)).await;
    assert_eq!(answer.location(), "https://op.test/approvals");
    (alice, id)
}

#[track_caller]
fn assert_denied(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (403, "access_denied"),
        "{}",
        answer.text()
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.json().get("auth_req_id").is_none());
}

/// The clients that a page says may not ask.
fn refused(page: &str) -> Vec<String> {
    let tags = html::tags(page);
    let named = tags.iter().filter_map(|tag| tag.get("data-refused"));
    named.map(str::to_owned).collect()
}

// CB-09: the person can block
#[tokio::test]
async fn a_client_that_its_person_refuses_asks_nobody_until_it_may_again() {
    //= test CIBA#13 a client that a person does not want to hear from is denied before anybody is asked
    //= test CIBA#13 what is denied before anybody was asked is answered with 403
    for setup in [setup(), setup().sqlite()] {
        let op = setup.start().await;
        let (mut alice, id) = after_refusing(&op, "bank", "deny_always").await;
        assert_error(&poll(&op, "bank", &id).await, "access_denied");
        for _ in 0..5 {
            assert_denied(&ask(&op, "bank", &PAIRS).await);
        }
        assert_eq!(refused(&alice.get("/approvals").await.text()), ["bank"]);
        // Nobody else is meant: neither other clients nor other people.
        begin(&op, "bank2", &[]).await;
        begin(&op, "bank", &[("login_hint", "bob")]).await;
        op.clock.advance(400 * 86_400);
        assert_denied(&ask(&op, "bank", &PAIRS).await);
        // They let it ask again where they see it, and it does.
        let mut alice = if alice.get("/approvals").await.status == 200 {
            alice
        } else {
            at_approvals(&op, "alice").await
        };
        let page = alice.get("/approvals").await.text();
        let answer = alice.press(&page, "refused-1", "admit-1", &[]).await;
        assert_eq!(answer.location(), "https://op.test/approvals");
        assert!(refused(&alice.get("/approvals").await.text()).is_empty());
        begin(&op, "bank", &[]).await;
        assert_eq!(actions(&mut alice).await.len(), 1);
    }
}

// CB-09
#[tokio::test]
async fn a_refusal_for_a_day_is_over_after_a_day() {
    let op = setup().start().await;
    after_refusing(&op, "bank", "deny_day").await;
    op.clock.advance(86_399);
    assert_denied(&ask(&op, "bank", &PAIRS).await);
    op.clock.advance(1);
    begin(&op, "bank", &[]).await;
    let mut alice = at_approvals(&op, "alice").await;
    assert!(refused(&alice.get("/approvals").await.text()).is_empty());
}

// CB-09
#[tokio::test]
async fn what_a_refused_client_has_asked_is_denied_and_it_is_told_so() {
    let op = setup().start().await;
    op.fetcher.answer_posts(ENDPOINT, 204);
    let token = ("client_notification_token", TOKEN);
    let others = [
        begin(&op, "push", &[token]).await,
        begin(&op, "push", &[token]).await,
    ];
    let mut alice = at_approvals(&op, "alice").await;
    let before = actions(&mut alice).await;
    alice.send(decide(&before[0], "deny_always")).await;
    assert!(actions(&mut alice).await.is_empty());
    op.provider.deliver_due().await.unwrap();
    let mut told: Vec<String> = Vec::new();
    for posted in op.fetcher.posted() {
        let body: serde_json::Value = serde_json::from_str(&posted.body).unwrap();
        assert_eq!(body["error"], "access_denied", "{body}");
        told.push(body["auth_req_id"].as_str().unwrap().to_owned());
    }
    told.sort_unstable();
    let mut expected = others.to_vec();
    expected.sort_unstable();
    assert_eq!(told, expected);
    // A form that was open all the time allows nothing any more.
    let late = alice.send(decide(&before[1], "allow")).await;
    assert_eq!(late.status, 400);
    // Refused is what the person wants, also when the request is over.
    let again = alice.send(decide(&before[1], "deny_always")).await;
    assert_eq!(again.status, 303, "{}", again.text());
}

// CB-09
#[tokio::test]
async fn the_account_page_shows_who_may_not_ask_and_lets_them_ask_again() {
    let op = setup().start().await;
    let (mut alice, _) = after_refusing(&op, "bank", "deny_always").await;
    let page = alice.get("/account/apps").await.text();
    assert_eq!(refused(&page), ["bank"]);
    assert!(page.contains("Bank &lt;b&gt;bank"), "{page}");
    let export = alice.get("/account/export").await.text();
    let export = alice.press(&export, "export", "download", &[]).await.json();
    assert_eq!(export["refused_applications"][0]["client_id"], "bank");
    let answer = alice.press(&page, "refused-1", "admit-1", &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(refused(&alice.get("/account/apps").await.text()).is_empty());
    begin(&op, "bank", &[]).await;
}

// CB-09
#[tokio::test]
async fn only_the_person_says_who_may_not_ask_them() {
    let op = setup().start().await;
    begin(&op, "bank", &[]).await;
    let mut alice = at_approvals(&op, "alice").await;
    let action = actions(&mut alice).await.remove(0);
    let mut bob = at_approvals(&op, "bob").await;
    for decision in ["deny_day", "deny_always"] {
        assert_eq!(bob.send(decide(&action, decision)).await.status, 403);
        let stranger = op.browser().send(decide(&action, decision)).await;
        assert_eq!(stranger.status, 403);
        let ask = Ask::form(&action, &[("decision", decision)])
            .header("Sec-Fetch-Site", "cross-site")
            .header("Origin", "https://evil.test");
        assert_eq!(alice.send(ask).await.status, 403);
    }
    begin(&op, "bank", &[]).await;
    // Nor does anybody else lift it.
    alice.send(decide(&action, "deny_always")).await;
    let page = alice.get("/approvals").await.text();
    for other in [&mut bob, &mut op.browser()] {
        let lifted = other.press(&page, "refused-1", "admit-1", &[]).await;
        assert_eq!(lifted.status, 403, "{}", lifted.text());
    }
    let form = html::form(&page, "refused-1");
    let sealed = form.fields.iter().find(|(name, _)| name == "form").unwrap();
    for client in ["bank2", "nobody", "", "a\u{0}b"] {
        let ask = Ask::form("/approvals", &[("admit", client), ("form", &sealed.1)])
            .header("Origin", fixture::ISSUER);
        let status = alice.send(ask).await.status;
        // A form without a client is none of ours.
        let expected = if client.is_empty() { 403 } else { 400 };
        assert_eq!(status, expected, "{client:?}");
    }
    let bare = Ask::form("/approvals", &[("admit", "bank")]).header("Origin", fixture::ISSUER);
    assert_eq!(alice.send(bare).await.status, 403);
    assert_denied(&ask(&op, "bank", &PAIRS).await);
}

// CB-09: at two nodes, and whoever refuses two at once
#[tokio::test]
async fn of_clients_that_are_refused_at_once_every_one_is_refused_on_every_node() {
    let op = setup().sqlite().start().await;
    let node = setup().joining(&op).start().await;
    let ids = ["bank", "bank2", "ping", "push"];
    let mut tasks = JoinSet::new();
    for (number, id) in ids.into_iter().enumerate() {
        let provider = [&op, &node][number % 2].provider.clone();
        let subject = op.subject("alice").clone();
        tasks.spawn(async move {
            let client = ClientId::parse(id).unwrap();
            provider.refuse_client(&subject, &client, None).await
        });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    for at in [&op, &node] {
        for id in ids {
            let told = [PAIRS[0], PAIRS[1], ("client_notification_token", TOKEN)];
            let pairs = if id.starts_with("bank") {
                &told[..2]
            } else {
                &told
            };
            assert_denied(&ask(at, id, pairs).await);
        }
    }
    let (alice, bank) = (
        op.subject("alice").clone(),
        ClientId::parse("bank").unwrap(),
    );
    assert!(op.provider.admit_client(&alice, &bank).await.unwrap());
    assert!(!node.provider.admit_client(&alice, &bank).await.unwrap());
    begin(&node, "bank", &[]).await;
}

// CB-09: nothing is left of a person who goes
#[tokio::test]
async fn whom_a_person_refused_is_forgotten_with_them() {
    let op = setup().start().await;
    let (mut alice, _) = after_refusing(&op, "bank", "deny_always").await;
    let subject = op.subject("alice").clone();
    let kept = async || {
        let kind = hallpass_store::AdminKind::Refusals;
        let store = op.provider.store();
        let found = store.admin_record(op.provider.issuer_id(), kind, subject.as_str());
        found.await.unwrap()
    };
    let record = kept().await.unwrap();
    assert_eq!(
        record.value["clients"]["bank"].get("until"),
        None,
        "{}",
        json!(record)
    );
    let page = alice.get("/account/delete").await.text();
    let typed = [("typed", "alice")];
    let deleted = alice.press(&page, "delete", "delete-account", &typed).await;
    assert!(deleted.status < 400, "{}", deleted.text());
    assert_eq!(kept().await, None);
    assert_error(&ask(&op, "bank", &PAIRS).await, "unknown_user_id");
}

#[tokio::test]
async fn a_client_that_does_not_authenticate_learns_of_no_refusal() {
    let op = setup().start().await;
    after_refusing(&op, "bank", "deny_always").await;
    let wrong = Ask::form("/backchannel", &PAIRS).basic("bank", "hpk_wrong");
    assert_eq!(op.browser().send(wrong).await.status, 401);
    let right = Ask::form("/backchannel", &PAIRS).basic("bank", SECRET);
    assert_denied(&op.browser().send(right).await);
}
