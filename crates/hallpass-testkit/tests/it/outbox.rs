//! Requests to clients that are written first and sent afterwards.

use hallpass_core::record::SealedRequest;
use hallpass_provider::Outgoing;
use hallpass_store::Commit;
use hallpass_testkit::{Op, Setup};
use hallpass_types::ClientId;

const URL: &str = "https://rp.example/told";

async fn queue(op: &Op, lifetime: i64) {
    queue_for(op, "web", lifetime).await;
}

async fn queue_for(op: &Op, client: &str, lifetime: i64) {
    let client = ClientId::parse(client).unwrap();
    let outgoing = Outgoing {
        kind: "test",
        client: &client,
        url: URL,
        request: SealedRequest {
            content_type: "application/json".to_owned(),
            authorization: Some("Bearer zq-secret".to_owned()),
            body: "{\"a\":1}".to_owned(),
        },
        expires_at: op.provider.now().plus(lifetime),
    };
    let write = op.provider.outgoing(&outgoing).unwrap();
    assert!(!format!("{write:?}").contains("zq-secret"));
    let commit = Commit {
        spends: Vec::new(),
        writes: vec![write],
    };
    let store = op.provider.store();
    store.commit(op.provider.issuer_id(), commit).await.unwrap();
}

#[tokio::test]
async fn what_is_in_the_outbox_is_sent_once() {
    let op = Op::start().await;
    op.fetcher.answer_posts(URL, 204);
    queue(&op, 3600).await;
    assert_eq!(op.provider.deliver_due().await.unwrap(), 1);
    let posted = op.fetcher.posted();
    assert_eq!(posted.len(), 1);
    assert_eq!(posted[0].url, URL);
    assert_eq!(posted[0].content_type, "application/json");
    assert_eq!(posted[0].authorization.as_deref(), Some("Bearer zq-secret"));
    assert_eq!(posted[0].body, "{\"a\":1}");
    op.clock.advance(7200);
    assert_eq!(op.provider.deliver_due().await.unwrap(), 0);
    assert_eq!(op.events.count("outcome: \"delivered\""), 1);
}

// LO-09
#[tokio::test]
async fn a_receiver_that_is_down_is_tried_again_less_and_less_often_and_given_up() {
    let op = Op::start().await;
    queue(&op, 86_400).await;
    let mut at = Vec::new();
    let started = op.provider.now();
    for _ in 0..86_400 / 20 {
        let before = op.fetcher.posted().len();
        op.provider.deliver_due().await.unwrap();
        if op.fetcher.posted().len() > before {
            at.push(op.provider.now().since(started));
        }
        op.clock.advance(20);
    }
    assert_eq!(at, [0, 20, 100, 420, 1700, 5300, 8900, 12_500]);
    assert_eq!(op.events.count("outcome: \"failed\""), 8);
    assert_eq!(op.events.count("outcome: \"given_up\""), 1);
}

#[tokio::test]
async fn what_is_too_old_is_not_sent_any_more() {
    let op = Op::start().await;
    op.fetcher.answer_posts(URL, 200);
    queue(&op, 60).await;
    op.clock.advance(60);
    assert_eq!(op.provider.deliver_due().await.unwrap(), 0);
    assert!(op.fetcher.posted().is_empty());
}

#[tokio::test]
async fn a_refusal_is_final_and_a_failure_is_not() {
    for (status, attempts) in [
        (200, 1),
        (204, 1),
        (400, 1),
        (404, 1),
        // Redirects are not followed, and whoever answers so is not who was registered.
        (301, 1),
        (307, 1),
        (408, 2),
        (429, 2),
        (500, 2),
        (503, 2),
    ] {
        let op = Op::start().await;
        op.fetcher.answer_posts(URL, status);
        queue(&op, 3600).await;
        op.provider.deliver_due().await.unwrap();
        op.clock.advance(20);
        op.provider.deliver_due().await.unwrap();
        assert_eq!(op.fetcher.posted().len(), attempts, "{status}");
    }
}

// LO-09: who keeps a server busy does not make others miss what it is told
#[tokio::test]
async fn waiting_for_a_turn_is_no_attempt_and_takes_longer_and_longer() {
    let op = Op::start().await;
    op.fetcher.hold_posts(URL);
    queue(&op, 86_400).await;
    let mut looks = 0;
    for _ in 0..3600 {
        looks += op.provider.deliver_due().await.unwrap();
        op.clock.advance(1);
    }
    assert_eq!(looks, 20, "after 1, 3, 7 .. 511 seconds, then every 300");
    assert_eq!(op.events.count("outcome"), 0);
    op.fetcher.answer_posts(URL, 503);
    op.clock.advance(300);
    op.provider.deliver_due().await.unwrap();
    op.fetcher.answer_posts(URL, 200);
    op.clock.advance(20);
    op.provider.deliver_due().await.unwrap();
    assert_eq!(op.fetcher.posted().len(), 2, "the first pause comes first");
    assert_eq!(op.events.count("outcome: \"delivered\""), 1);
}

// LO-09: who has much to be told does not make others wait
#[tokio::test]
async fn one_client_does_not_take_all_the_room() {
    let op = Op::start().await;
    op.fetcher.answer_posts(URL, 200);
    for _ in 0..30 {
        queue(&op, 3600).await;
    }
    queue_for(&op, "web2", 3600).await;
    let claimed = op.provider.claim_deliveries(48).await.unwrap();
    assert_eq!(claimed.len(), 31);
    let mut all = tokio::task::JoinSet::new();
    for one in claimed {
        let provider = op.provider.clone();
        all.spawn(async move { provider.deliver(one).await });
    }
    all.join_all().await;
    assert_eq!(op.events.count("ClientId(\"web\")"), 4);
    assert_eq!(op.events.count("ClientId(\"web2\")"), 1);
    // The others have their turn later, and none is lost.
    for _ in 0..30 {
        op.clock.advance(20);
        op.provider.deliver_due().await.unwrap();
    }
    assert_eq!(op.events.count("outcome: \"delivered\""), 31);
    assert_eq!(op.events.count("outcome"), 31);
}

// OP-05: two nodes and one outbox
#[tokio::test]
async fn two_nodes_never_send_the_same_attempt() {
    let op = Setup::default().start().await;
    for _ in 0..20 {
        queue(&op, 3600).await;
    }
    op.fetcher.answer_posts(URL, 200);
    let (one, other) = (op.provider.clone(), op.provider.clone());
    let (one, other) = tokio::join!(one.deliver_due(), other.deliver_due());
    assert_eq!(one.unwrap() + other.unwrap(), 20);
    assert_eq!(op.fetcher.posted().len(), 20);
}
