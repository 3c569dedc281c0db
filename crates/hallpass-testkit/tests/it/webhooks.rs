//! Webhooks: what is told, when it is told again, and when not any more.

use hallpass_core::webhook::{Message, MessageState, Off, PATIENCE, Webhook, signature};
use hallpass_provider::webhooks::read;
use hallpass_store::{AdminKind, AdminRecord, Commit, Committed, Spend};
use hallpass_testkit::Op;
use serde_json::Value;

const URL: &str = "https://rp.example/hook";

/// A webhook, and the key of its receiver.
async fn webhook(op: &Op, id: &str, events: &[&str]) -> String {
    let (secret, sealed) = op.provider.new_webhook_secret(id);
    let webhook = Webhook {
        url: URL.to_owned(),
        description: None,
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        secret: sealed,
        previous: None,
        off: None,
        failing_since: None,
        created_at: op.provider.now(),
        updated_at: op.provider.now(),
    };
    let record = AdminRecord {
        id: id.to_owned(),
        revision: 1,
        value: serde_json::to_value(webhook).unwrap(),
    };
    let spend = Spend::Admin {
        kind: AdminKind::Webhook,
        id: id.to_owned(),
        from: None,
        next: Some(Box::new(record)),
    };
    commit(op, vec![spend]).await;
    op.provider.webhooks_changed();
    secret
}

async fn commit(op: &Op, spends: Vec<Spend>) {
    let writes = Vec::new();
    let store = op.provider.store();
    let done = store.commit(op.provider.issuer_id(), Commit { spends, writes });
    assert_eq!(done.await.unwrap(), Committed::Done);
}

async fn held(op: &Op, id: &str) -> Webhook {
    let store = op.provider.store();
    let found = store.admin_record(op.provider.issuer_id(), AdminKind::Webhook, id);
    read(&found.await.unwrap().unwrap()).unwrap()
}

async fn messages(op: &Op, id: &str) -> Vec<Message> {
    let found = op.provider.webhook_messages(id, None, 100).await.unwrap();
    found
        .iter()
        .map(|(_, record)| read(record).unwrap())
        .collect()
}

fn header<'p>(posted: &'p hallpass_testkit::ports::Posted, name: &str) -> &'p str {
    let mut found = posted.headers.iter().filter(|(n, _)| n == name);
    let (_, value) = found.next().unwrap();
    assert!(found.next().is_none());
    value
}

#[tokio::test]
async fn a_sign_in_is_told_to_whoever_wants_to_know_and_signed() {
    let op = Op::start().await;
    op.fetcher.answer_posts(URL, 204);
    let secret = webhook(&op, "wh_a", &["account.signed_in"]).await;
    webhook(&op, "wh_b", &["account.passkey_added", "clients.*"]).await;
    op.browser().sign_in("alice").await;
    op.provider.deliver_due().await.unwrap();
    let posted = op.fetcher.posted();
    assert_eq!(posted.len(), 1, "{posted:?}");
    let (posted, url) = (&posted[0], &posted[0].url);
    assert_eq!(
        (url.as_str(), posted.content_type.as_str()),
        (URL, "application/json")
    );
    let body: Value = serde_json::from_str(&posted.body).unwrap();
    assert_eq!(body["type"], "account.signed_in");
    assert_eq!(body["data"]["sub"], op.subject("alice").as_str());
    assert_eq!(body["issuer"], op.provider.policy().issuer.as_str());
    let id = header(posted, "webhook-id");
    assert!(id.starts_with("msg_") && !id.contains('.'), "{id}");
    let now = op.provider.now();
    assert_eq!(header(posted, "webhook-timestamp"), now.0.to_string());
    let key = secret.strip_prefix("whsec_").unwrap();
    let key = base64(key);
    let expected = signature([key.as_slice()], id, now, &posted.body);
    assert_eq!(header(posted, "webhook-signature"), expected);
    let kept = messages(&op, "wh_a").await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].state, MessageState::Delivered);
    assert_eq!((kept[0].status, kept[0].attempts), (Some(204), 1));
    assert!(messages(&op, "wh_b").await.is_empty());
    op.clock.advance(7 * 86_400);
    assert_eq!(op.provider.deliver_due().await.unwrap(), 0);
}

fn base64(text: &str) -> Vec<u8> {
    let url = text
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    hallpass_jose::base64url::decode(url).unwrap()
}

#[tokio::test]
async fn nothing_is_written_for_what_nobody_wants_to_know() {
    let op = Op::start().await;
    webhook(&op, "wh_a", &["clients.*"]).await;
    op.browser().sign_in("alice").await;
    assert_eq!(op.provider.deliver_due().await.unwrap(), 0);
    assert!(messages(&op, "wh_a").await.is_empty());
}

#[tokio::test]
async fn a_receiver_that_fails_is_tried_for_three_days_with_the_same_identifier_and_new_signatures()
{
    let op = Op::start().await;
    op.fetcher.answer_posts(URL, 500);
    webhook(&op, "wh_a", &["account.*"]).await;
    op.browser().sign_in("alice").await;
    let started = op.provider.now();
    let mut at = Vec::new();
    for _ in 0..400_000 / 100 {
        let before = op.fetcher.posted().len();
        op.provider.deliver_due().await.unwrap();
        if op.fetcher.posted().len() > before {
            at.push(op.provider.now().since(started) / 100);
        }
        op.clock.advance(100);
    }
    assert_eq!(at.len(), 10, "{at:?}");
    assert_eq!(at[9] / 864, 3);
    let posted = op.fetcher.posted();
    let first = header(&posted[0], "webhook-id");
    assert!(posted.iter().all(|p| header(p, "webhook-id") == first));
    let signatures: std::collections::BTreeSet<_> = posted
        .iter()
        .map(|p| header(p, "webhook-signature"))
        .collect();
    assert_eq!(signatures.len(), 10);
    let kept = messages(&op, "wh_a").await;
    assert_eq!(
        (kept[0].state, kept[0].attempts),
        (MessageState::Failed, 10)
    );
    assert_eq!(held(&op, "wh_a").await.failing_since, Some(started));
}

#[tokio::test]
async fn whoever_takes_nothing_for_days_is_told_nothing_any_more_and_the_log_says_so() {
    let op = Op::start().await;
    op.fetcher.answer_posts(URL, 503);
    webhook(&op, "wh_a", &["*"]).await;
    op.browser().sign_in("alice").await;
    op.provider.deliver_due().await.unwrap();
    assert_eq!(held(&op, "wh_a").await.off, None);
    op.clock.advance(PATIENCE);
    op.browser().sign_in("alice").await;
    op.provider.deliver_due().await.unwrap();
    let held = held(&op, "wh_a").await;
    assert_eq!(held.off, Some(Off::Failing));
    let issuer = op.provider.issuer_id();
    let log = op
        .provider
        .store()
        .audit_after(issuer, 0, 10)
        .await
        .unwrap();
    let said: Vec<_> = log
        .iter()
        .map(|l| (l.actor.kind.as_str(), l.action.as_str()))
        .collect();
    assert_eq!(said, [("server", "webhooks.switch_off")]);
    assert!(op.provider.follows(None, &log[0]));
    let sent = op.fetcher.posted().len();
    op.browser().sign_in("alice").await;
    op.clock.advance(86_400);
    op.provider.deliver_due().await.unwrap();
    assert_eq!(op.fetcher.posted().len(), sent);
}

#[tokio::test]
async fn whoever_says_gone_is_gone() {
    let op = Op::start().await;
    op.fetcher.answer_posts(URL, 410);
    webhook(&op, "wh_a", &["*"]).await;
    op.browser().sign_in("alice").await;
    op.provider.deliver_due().await.unwrap();
    assert_eq!(held(&op, "wh_a").await.off, Some(Off::Gone));
    assert_eq!(messages(&op, "wh_a").await[0].state, MessageState::Failed);
}

#[tokio::test]
async fn a_success_forgives_failures() {
    let op = Op::start().await;
    op.fetcher.answer_posts(URL, 500);
    webhook(&op, "wh_a", &["*"]).await;
    op.browser().sign_in("alice").await;
    op.provider.deliver_due().await.unwrap();
    assert!(held(&op, "wh_a").await.failing_since.is_some());
    op.fetcher.answer_posts(URL, 200);
    op.clock.advance(20);
    op.provider.deliver_due().await.unwrap();
    assert_eq!(held(&op, "wh_a").await.failing_since, None);
    assert_eq!(messages(&op, "wh_a").await[0].attempts, 2);
}

#[tokio::test]
async fn two_nodes_send_once_what_happened_once() {
    let op = Op::start().await;
    let other = op.another_node().await;
    for fetcher in [&op.fetcher, &other.fetcher] {
        fetcher.answer_posts(URL, 200);
    }
    webhook(&op, "wh_a", &["account.signed_in"]).await;
    op.browser().sign_in("alice").await;
    let (a, b) = tokio::join!(op.provider.deliver_due(), other.provider.deliver_due());
    a.unwrap();
    b.unwrap();
    op.provider.deliver_due().await.unwrap();
    let sent = op.fetcher.posted().len() + other.fetcher.posted().len();
    assert_eq!(sent, 1);
    assert_eq!(messages(&op, "wh_a").await.len(), 1);
}

#[tokio::test]
async fn what_was_told_is_forgotten_after_a_week() {
    let op = Op::start().await;
    op.fetcher.answer_posts(URL, 200);
    webhook(&op, "wh_a", &["account.signed_in"]).await;
    for _ in 0..3 {
        op.browser().sign_in("alice").await;
    }
    op.provider.deliver_due().await.unwrap();
    assert_eq!(messages(&op, "wh_a").await.len(), 3);
    op.clock.advance(7 * 86_400 + 1);
    for _ in 0..2 {
        op.browser().sign_in("alice").await;
    }
    op.provider.deliver_due().await.unwrap();
    let kept = messages(&op, "wh_a").await;
    assert_eq!(kept.len(), 2);
    let now = op.provider.now();
    assert!(kept.iter().all(|message| message.at == now));
}
