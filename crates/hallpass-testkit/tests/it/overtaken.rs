//! Links that something has overtaken since they were made: they open nothing any more.

use hallpass_core::{policy::SignUp, record::Activity};
use hallpass_store::{AdminKind, AdminRecord, Commit, Committed, Spend};
use hallpass_testkit::Op;
use hallpass_types::EmailAddress;

use super::people::{choose, mail_to, recovery_link, target};

const ALICE: &str = "alice@example.test";
const PASSWORD: &str = "another horse battery";

async fn committed(op: &Op, spend: Spend) {
    let commit = Commit {
        spends: vec![spend],
        writes: Vec::new(),
    };
    let done = op.provider.store().commit(op.provider.issuer_id(), commit);
    assert_eq!(done.await.unwrap(), Committed::Done);
}

// LG-15: after a second request the first link is dead
#[tokio::test]
async fn of_two_links_to_set_a_password_the_one_that_was_asked_for_first_is_over() {
    for seconds in [0, 1, 60] {
        the_second_link_ends_the_first(seconds).await;
    }
}

async fn the_second_link_ends_the_first(seconds: i64) {
    let op = Op::start().await;
    let first = recovery_link(&op, &mut op.browser()).await;
    let mut thief = op.browser();
    let page = thief.get(&first).await.text();
    op.clock.advance(seconds);
    let second = recovery_link(&op, &mut op.browser()).await;
    assert_ne!(first, second);
    assert_eq!(thief.get(&first).await.status, 400);
    let answer = choose(&mut thief, &page, PASSWORD).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("link_over"));
    let mut alice = op.browser();
    let page = alice.get(&second).await.text();
    let answer = choose(&mut alice, &page, PASSWORD).await;
    assert!(answer.status < 400, "{}", answer.text());
    // Who has an account sees that somebody asked, as often as they did.
    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    let happened = store.activity_of(issuer, op.subject("alice"), 50).await;
    let asked = happened.unwrap().into_iter();
    let asked = asked.filter(|activity| activity.what == Activity::RecoveryAsked);
    assert_eq!(asked.count(), 2);
}

// LG-21: change mail then use old verification link
#[tokio::test]
async fn a_link_to_confirm_an_address_is_over_once_another_one_was_confirmed() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let answer = browser.get("/account/email").await;
    let mut page = browser.through_pages("alice", answer).await.text();
    let mut links = Vec::new();
    for address in ["first@new.test", "second@new.test"] {
        browser
            .press(&page, "change-email", "save", &[("email", address)])
            .await;
        links.push(target(mail_to(&op, address).await[0].link()).to_owned());
        page = browser.get("/account/email").await.text();
    }
    let first = browser.get(&links[0]).await.text();
    let second = browser.get(&links[1]).await.text();
    let answer = browser.press(&second, "link", "confirm", &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let answer = browser.press(&first, "link", "confirm", &[]).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("link_over"));
    let user = op
        .provider
        .store()
        .user(op.provider.issuer_id(), op.subject("alice"));
    let user = user.await.unwrap().unwrap();
    assert_eq!(user.claims["email"], "second@new.test");
}

// AD-08
#[tokio::test]
async fn a_link_from_before_somebody_became_an_operator_opens_no_operator_s_account() {
    let op = Op::start().await;
    let address = EmailAddress::parse(ALICE).unwrap();
    let subject = op.subject("alice").clone();
    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    let epoch = store.user(issuer, &subject).await.unwrap().unwrap().epoch;
    let mut paths = Vec::new();
    for for_operators in [false, true] {
        let about = Some((&subject, epoch));
        let link = op.provider.new_link(&address, about, for_operators);
        paths.push(target(&link.url).to_owned());
        committed(&op, link.spend).await;
    }
    let mut helper = op.browser();
    let page = helper.get(&paths[0]).await;
    assert_eq!(page.status, 200);
    let id = format!("user:{}", subject.as_str());
    let record = AdminRecord {
        id: id.clone(),
        revision: 1,
        value: serde_json::json!({"name": "alice", "roles": {"*": "owner"}}),
    };
    let promoted = Spend::Admin {
        kind: AdminKind::Operator,
        id,
        from: None,
        next: Some(Box::new(record)),
    };
    committed(&op, promoted).await;
    assert_eq!(helper.get(&paths[0]).await.status, 400);
    let answer = choose(&mut helper, &page.text(), PASSWORD).await;
    assert!(answer.text().contains("link_over"), "{}", answer.text());
    // One that was made by who may do so is as good as before.
    let page = helper.get(&paths[1]).await.text();
    let answer = choose(&mut helper, &page, PASSWORD).await;
    assert!(answer.status < 400, "{}", answer.text());
}

// LG-21
#[tokio::test]
async fn an_invitation_that_is_handed_over_proves_no_address_and_a_mailed_one_does() {
    let op = Op::with(|policy| policy.people.sign_up = SignUp::Invitation).await;
    for (address, mailed) in [("handed@new.test", false), ("mailed@new.test", true)] {
        let to = EmailAddress::parse(address).unwrap();
        let link = if mailed {
            op.provider.new_invitation(&to).unwrap()
        } else {
            op.provider.new_link(&to, None, false)
        };
        let path = target(&link.url).to_owned();
        committed(&op, link.spend).await;
        let mut browser = op.browser();
        let page = browser.get(&path).await.text();
        let answer = choose(&mut browser, &page, PASSWORD).await;
        assert!(answer.status < 400, "{}", answer.text());
        let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
        let user = store.user_by_name(issuer, address).await.unwrap().unwrap();
        assert_eq!(user.claims["email_verified"], mailed, "{address}");
        let lookup = hallpass_store::Email::lookup(&to);
        let held = store.credential_by_lookup(issuer, lookup).await.unwrap();
        assert_eq!(held.is_some(), mailed, "{address}");
    }
}
