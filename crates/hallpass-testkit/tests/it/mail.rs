//! Mail to people waits in the outbox, sealed, and is sent at least once.

use hallpass_provider::ports::{MailError, MailLink, Message};
use hallpass_store::Commit;
use hallpass_testkit::Op;
use hallpass_types::EmailAddress;

const URL: &str = "https://op.example/zq-secret";

async fn queue(op: &Op, lifetime: i64) {
    let message = Message::Recover {
        link: MailLink {
            url: URL.to_owned(),
            lifetime: 1800,
        },
    };
    let to = EmailAddress::parse("alice@example.test").unwrap();
    let expires_at = op.provider.now().plus(lifetime);
    let write = op.provider.mail(&to, message, expires_at).unwrap();
    // Neither a log nor a reader of the store learns whom it is for or what it opens.
    for shown in [format!("{write:?}"), stored(&write)] {
        assert!(!shown.contains("alice") && !shown.contains("zq-secret"));
    }
    let commit = Commit {
        spends: Vec::new(),
        writes: vec![write],
    };
    let store = op.provider.store();
    store.commit(op.provider.issuer_id(), commit).await.unwrap();
}

fn stored(write: &hallpass_store::Write) -> String {
    let hallpass_store::Write::Delivery(_, record) = write else {
        panic!("something else is written");
    };
    serde_json::to_string(record).unwrap()
}

#[tokio::test]
async fn a_mail_is_sent_once_and_says_what_it_should() {
    let op = Op::start().await;
    queue(&op, 1800).await;
    assert_eq!(op.provider.deliver_due().await.unwrap(), 1);
    let sent = op.mailer.to("alice@example.test");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].link(), URL);
    op.clock.advance(3600);
    assert_eq!(op.provider.deliver_due().await.unwrap(), 0);
    assert_eq!(op.events.count("outcome: \"delivered\""), 1);
}

#[tokio::test]
async fn a_server_that_is_down_is_tried_again_with_the_same_mail_and_one_that_refuses_is_not() {
    let op = Op::start().await;
    op.mailer.fail(Some(MailError::Failed));
    queue(&op, 1800).await;
    assert_eq!(op.provider.deliver_due().await.unwrap(), 1);
    assert!(op.mailer.sent().is_empty());
    // Nobody sends it at once from another node either.
    let other = op.another_node().await;
    assert_eq!(other.provider.deliver_due().await.unwrap(), 0);
    op.clock.advance(20);
    assert_eq!(other.provider.deliver_due().await.unwrap(), 1);
    assert_eq!(other.mailer.sent().len(), 1);

    op.mailer.fail(Some(MailError::Refused));
    queue(&op, 1800).await;
    op.provider.deliver_due().await.unwrap();
    op.mailer.fail(None);
    op.clock.advance(900);
    assert_eq!(op.provider.deliver_due().await.unwrap(), 0);
    assert!(op.mailer.sent().is_empty());
}

#[tokio::test]
async fn a_mail_whose_link_is_over_is_not_sent() {
    let op = Op::start().await;
    queue(&op, 1800).await;
    op.clock.advance(1800);
    assert_eq!(op.provider.deliver_due().await.unwrap(), 0);
    assert!(op.mailer.sent().is_empty());
}
