//! What changes of accounts hold against: credentials that changed meanwhile, and strangers that hash.

use std::{net::IpAddr, time::Duration};

use hallpass_provider::ports::{
    Change, NewAccount, PasswordChoice, PasswordRefused, PasswordSignIn as _, People as _,
    SignInAttempt, Unfit,
};
use hallpass_store::{Commit, Committed};
use hallpass_types::{ClientId, EmailAddress, Timestamp};
use serde_json::Map;

use super::{
    tests::{ISSUER, World, create, secret, world},
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
