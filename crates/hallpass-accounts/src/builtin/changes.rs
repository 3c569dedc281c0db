//! What changes of accounts hold against: credentials that changed meanwhile, and strangers that hash.

use std::{net::IpAddr, time::Duration};

use hallpass_provider::ports::{
    Change, KnownBrowser, NewAccount, PasswordChoice, PasswordRefused, PasswordSignIn as _,
    People as _, SignInAttempt, SignInOutcome, Unfit,
};
use hallpass_store::{Commit, Committed};
use hallpass_types::{ClientId, EmailAddress, Timestamp};
use serde_json::Map;

use super::{
    tests::{CHEAP, ISSUER, World, built_on, create, secret, world},
    *,
};
use crate::hash::tests::{start, stopped};

const PASSWORD: &str = "correct horse";
const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

// LG-20: what an old session knows of the account changes nothing after a reset
#[tokio::test]
async fn nothing_is_changed_for_whoever_proved_something_before_the_credentials_changed() {
    let World { accounts, .. } = world();
    let ada = create(&accounts, "ada", PASSWORD).await;
    let before = account(ada.clone());
    let new = secret("set by an operator");
    let reset = accounts.set_password(ISSUER, &ada.subject, &new);
    let now = account(reset.await.unwrap());
    let address = EmailAddress::parse("ada@new.test").unwrap();
    let client = ClientId::parse("web").unwrap();
    let (claims, password) = (Map::new(), secret("chosen by a thief"));
    let changes = |account| {
        [
            Change::Password {
                account,
                password: &password,
                peer: Some(PEER),
            },
            Change::Address(account, &address),
            Change::Claims(account, &claims),
            Change::EndAll(account),
            Change::Disconnect(account, &client, Timestamp(1)),
            Change::Delete(account),
        ]
    };
    for change in changes(&before) {
        let prepared = accounts.prepare(ISSUER, change).await.unwrap();
        assert_eq!(prepared.err(), Some(Unfit::Changed), "{change:?}");
    }
    let choice = |account| PasswordChoice {
        issuer: ISSUER,
        account,
        password: &password,
        peer: Some(PEER),
    };
    let chosen = accounts.choose_password(choice(&before)).await.unwrap();
    assert!(matches!(chosen, Err(PasswordRefused::Busy { .. })));
    // Who knows the account as it is changes it.
    for change in changes(&now) {
        assert!(accounts.prepare(ISSUER, change).await.unwrap().is_ok());
    }
    let chosen = accounts.choose_password(choice(&now)).await.unwrap();
    assert_eq!(chosen.unwrap().account.epoch, now.epoch + 1);
}

#[tokio::test]
async fn a_change_that_is_overtaken_between_its_making_and_its_commit_does_nothing() {
    let World {
        accounts, around, ..
    } = world();
    let ada = account(create(&accounts, "ada", PASSWORD).await);
    let password = secret("chosen by a thief");
    let choice = PasswordChoice {
        issuer: ISSUER,
        account: &ada,
        password: &password,
        peer: None,
    };
    let chosen = accounts.choose_password(choice).await.unwrap().unwrap();
    let new = secret("set by an operator");
    let reset = accounts.set_password(ISSUER, &ada.subject, &new);
    let reset = reset.await.unwrap();
    let commit = Commit {
        spends: chosen.spends,
        writes: chosen.writes,
    };
    let committed = around.store.commit(ISSUER, commit).await.unwrap();
    assert_eq!(committed, Committed::TooLate(0));
    let now = around.store.user(ISSUER, &ada.subject).await.unwrap();
    assert_eq!(now.unwrap().password, reset.password);
}

// Strangers who choose passwords wait among strangers
#[tokio::test]
async fn a_password_that_somebody_chooses_takes_nobodys_place_in_the_queue() {
    let World {
        accounts, around, ..
    } = world();
    let ada = account(create(&accounts, "ada", PASSWORD).await);
    // One job waits at most, and nobody computes.
    let pool = Arc::new(stopped(1, Duration::from_secs(60)));
    let accounts = BuiltinAccounts::new(around, Arc::clone(&pool));
    let password = secret(PASSWORD);
    let attempt = SignInAttempt {
        issuer: ISSUER,
        username: "ada",
        password: &password,
        peer: Some(IpAddr::from([198, 51, 100, 1])),
        known: &[],
    };
    let mut waiting = accounts.sign_in(attempt);
    assert!(start(&mut waiting).await.is_none(), "it waits");
    let address = EmailAddress::parse("new@new.test").unwrap();
    for change in [
        Change::New(NewAccount {
            address: Some(&address),
            password: Some(&password),
            peer: Some(PEER),
            ..NewAccount::default()
        }),
        Change::Password {
            account: &ada,
            password: &password,
            peer: Some(PEER),
        },
    ] {
        let mut prepared = accounts.prepare(ISSUER, change);
        let refused = start(&mut prepared).await.expect("at once").unwrap();
        assert!(matches!(refused, Err(Unfit::Busy(_))), "{change:?}");
    }
    let choice = PasswordChoice {
        issuer: ISSUER,
        account: &ada,
        password: &password,
        peer: Some(PEER),
    };
    let mut chosen = accounts.choose_password(choice);
    let refused = start(&mut chosen).await.expect("at once").unwrap();
    assert!(matches!(refused, Err(PasswordRefused::Busy { .. })));
    assert!(start(&mut waiting).await.is_none(), "it still waits");
    // What an operator does goes before strangers.
    let new = secret("set by an operator");
    let mut command = Box::pin(accounts.set_password(ISSUER, &ada.subject, &new));
    assert!(start(&mut command).await.is_none(), "it waits");
    assert!(start(&mut waiting).await.is_some(), "it lost its place");
}

// LG-04: a flood fills the queue with strangers
#[tokio::test]
async fn a_browser_that_is_known_takes_the_place_of_a_stranger_and_not_for_another_account() {
    let World {
        accounts, around, ..
    } = world();
    let ada = create(&accounts, "ada", PASSWORD).await;
    create(&accounts, "eve", PASSWORD).await;
    let pool = Arc::new(stopped(1, Duration::from_secs(60)));
    let accounts = BuiltinAccounts::new(around, pool).with_refusal(Duration::ZERO);
    let password = secret(PASSWORD);
    let known = [KnownBrowser {
        subject: ada.subject.clone(),
        epoch: ada.epoch,
        name: [7; 16],
    }];
    let attempt = |username, last, known| {
        accounts.sign_in(SignInAttempt {
            issuer: ISSUER,
            username,
            password: &password,
            peer: Some(IpAddr::from([198, 51, 100, last])),
            known,
        })
    };
    let mut stranger = attempt("nobody", 1, &[]);
    assert!(start(&mut stranger).await.is_none(), "it waits");
    for name in ["eve", "nobody"] {
        let mut other = attempt(name, 2, &known);
        let outcome = start(&mut other).await.expect("at once").unwrap();
        assert!(matches!(outcome, SignInOutcome::Busy { .. }), "{outcome:?}");
    }
    let mut own = attempt("ada", 1, &known);
    assert!(start(&mut own).await.is_none(), "it waits");
    let outcome = start(&mut stranger).await.expect("at once").unwrap();
    assert!(matches!(outcome, SignInOutcome::Busy { .. }), "{outcome:?}");
    assert!(start(&mut own).await.is_none(), "it keeps its place");
}

// LG-05: who has the first of many dear hashes looked at learns it of none that follows
#[tokio::test]
async fn a_hash_that_is_dearer_than_expected_puts_off_every_refusal() {
    const HASH: &str = "$pbkdf2-sha256$i=50000,l=32$c2l4dGVlbiBieXRlIHNsdA$FR9Zs8h7eX6Y7D3B+m3Zepk5DP6mMXNac85I63StulE";
    let World { around, .. } = world();
    let short = Duration::from_micros(1);
    let accounts = built_on(&around, CHEAP).with_refusal(short);
    let new = NewUser {
        username: "ada".to_owned(),
        password: None,
        must_change: false,
        claims: Map::new(),
    };
    let imported = accounts.import(ISSUER, new, Some(HASH.to_owned()), false);
    imported.await.unwrap();
    let password = secret(PASSWORD);
    for (name, before) in [("nobody", true), ("ada", true), ("nobody", false)] {
        assert_eq!(accounts.refused_after() == short, before, "{name}");
        let began = std::time::Instant::now();
        let attempt = SignInAttempt {
            issuer: ISSUER,
            username: name,
            password: &password,
            peer: Some(PEER),
            known: &[],
        };
        let outcome = accounts.sign_in(attempt).await.unwrap();
        assert!(matches!(outcome, SignInOutcome::Refused), "{outcome:?}");
        assert!(began.elapsed() >= accounts.refused_after(), "{name}");
    }
    let most = Duration::from_secs(3);
    assert!(accounts.refused_after() <= most);
    assert_eq!(
        accounts.with_refusal(Duration::ZERO).refused_after(),
        Duration::ZERO
    );
}
