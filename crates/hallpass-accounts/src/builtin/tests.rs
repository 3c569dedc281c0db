use std::{
    net::IpAddr,
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
};

use hallpass_provider::ports::{PasswordSignIn as _, SignInAttempt, SignInOutcome};
use hallpass_store::MemoryStore;
use hallpass_types::{Secret, Timestamp};
use serde_json::{Map, json};

use super::*;
use crate::hash::{Cost, Options};

pub(super) const ISSUER: IssuerId = IssuerId(1);
pub(super) const CHEAP: Cost = Cost {
    memory_kib: 8,
    iterations: 1,
    lanes: 1,
};

pub(super) struct FixedClock(pub(super) AtomicI64);
impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct Counting(AtomicU64);
impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        for (byte, value) in out.iter_mut().zip(number.to_be_bytes().iter().cycle()) {
            *byte = *value;
        }
    }
}

pub(super) struct World {
    pub(super) accounts: BuiltinAccounts,
    pub(super) clock: Arc<FixedClock>,
    pub(super) around: Surroundings,
}

pub(super) fn world() -> World {
    let clock = Arc::new(FixedClock(AtomicI64::new(1_800_000_000)));
    let around = Surroundings {
        store: Arc::new(MemoryStore::new()),
        clock: clock.clone(),
        entropy: Arc::new(Counting(AtomicU64::new(1))),
    };
    World {
        accounts: built_on(&around, CHEAP),
        clock,
        around,
    }
}

pub(super) fn built_on(around: &Surroundings, cost: Cost) -> BuiltinAccounts {
    let options = Options {
        cost,
        queue: Some(1000),
        ..Options::default()
    };
    BuiltinAccounts::new(around.clone(), Arc::new(HashPool::start(options).unwrap()))
        .with_refusal(Duration::ZERO)
}

pub(super) fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn new_user(username: &str, password: &str) -> NewUser {
    NewUser {
        username: username.to_owned(),
        password: Some(secret(password)),
        must_change: false,
        claims: Map::new(),
    }
}

pub(super) async fn create(
    accounts: &BuiltinAccounts,
    username: &str,
    password: &str,
) -> UserRecord {
    accounts
        .create(ISSUER, new_user(username, password))
        .await
        .unwrap()
}

async fn sign_in(accounts: &BuiltinAccounts, username: &str, password: &str) -> SignInOutcome {
    sign_in_from(accounts, username, password, IpAddr::from([192, 0, 2, 1])).await
}

async fn sign_in_from(
    accounts: &BuiltinAccounts,
    username: &str,
    password: &str,
    peer: IpAddr,
) -> SignInOutcome {
    let attempt = SignInAttempt {
        issuer: ISSUER,
        username,
        password: &secret(password),
        peer: Some(peer),
        known: &[],
    };
    accounts.sign_in(attempt).await.unwrap()
}

fn is_signed_in(outcome: &SignInOutcome) -> bool {
    matches!(outcome, SignInOutcome::SignedIn { .. })
}

#[tokio::test]
async fn the_right_password_signs_in_under_every_spelling_of_the_name() {
    let World { accounts, .. } = world();
    let ada = create(&accounts, "Ada", "correct horse").await;
    for name in ["Ada", "ada", "ADA", " ada "] {
        let SignInOutcome::SignedIn { account, amr, .. } =
            sign_in(&accounts, name, "correct horse").await
        else {
            panic!("{name} is refused");
        };
        assert_eq!(account.subject, ada.subject);
        assert_eq!(account.display_name, "Ada");
        assert_eq!(amr, ["pwd"]);
    }
}

#[tokio::test]
async fn everything_wrong_gets_the_same_answer_and_computes_one_hash() {
    let World { accounts, .. } = world();
    create(&accounts, "ada", "correct horse").await;
    let bob = create(&accounts, "bob", "correct horse").await;
    accounts
        .set_disabled(ISSUER, &bob.subject, true)
        .await
        .unwrap();
    let bare = NewUser {
        password: None,
        ..new_user("carol", "")
    };
    accounts.create(ISSUER, bare).await.unwrap();
    for (name, password) in [
        ("ada", "correct horse "),
        ("ada", "Correct horse"),
        ("ada", ""),
        ("bob", "correct horse"),
        ("carol", ""),
        ("nobody", "correct horse"),
        ("", ""),
        ("a\0da", "correct horse"),
        (&"x".repeat(100_000), "correct horse"),
    ] {
        let before = accounts.pool().stats().computed;
        let outcome = sign_in(&accounts, name, password).await;
        assert!(matches!(outcome, SignInOutcome::Refused), "{name}");
        assert_eq!(accounts.pool().stats().computed, before + 1, "{name}");
    }
}

#[tokio::test]
async fn a_password_of_a_megabyte_is_refused_without_being_hashed_or_counted() {
    let World { accounts, .. } = world();
    create(&accounts, "ada", "correct horse").await;
    let before = accounts.pool().stats().computed;
    for _ in 0..20 {
        let outcome = sign_in(&accounts, "ada", &"x".repeat(1 << 20)).await;
        assert!(matches!(outcome, SignInOutcome::Refused));
    }
    assert_eq!(accounts.pool().stats().computed, before);
    assert!(is_signed_in(
        &sign_in(&accounts, "ada", "correct horse").await
    ));
}

#[tokio::test]
async fn the_right_password_is_refused_too_while_the_account_is_locked() {
    let World {
        accounts, clock, ..
    } = world();
    create(&accounts, "ada", "correct horse").await;
    for name in ["ada", "nobody"] {
        for _ in 0..10 {
            assert!(matches!(
                sign_in(&accounts, name, "wrong").await,
                SignInOutcome::Refused
            ));
        }
        for password in ["wrong", "correct horse"] {
            let outcome = sign_in(&accounts, name, password).await;
            assert!(
                matches!(outcome, SignInOutcome::Throttled { retry_after: 900 }),
                "{name}"
            );
        }
    }
    clock.0.fetch_add(900, Ordering::SeqCst);
    assert!(is_signed_in(
        &sign_in(&accounts, "ada", "correct horse").await
    ));
}

#[tokio::test]
async fn locking_an_account_leaves_its_sessions_and_other_accounts_alone() {
    let World { accounts, .. } = world();
    let ada = create(&accounts, "ada", "correct horse").await;
    create(&accounts, "bob", "correct horse").await;
    for _ in 0..10 {
        sign_in(&accounts, "ada", "wrong").await;
    }
    let still = accounts
        .account(ISSUER, &ada.subject)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(still.epoch, ada.epoch);
    assert!(is_signed_in(
        &sign_in(&accounts, "bob", "correct horse").await
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parallel_burst_evaluates_no_more_than_the_limit() {
    let World { accounts, .. } = world();
    let ada = create(&accounts, "ada", "correct horse").await;
    assert_eq!(accounts.pool().stats().computed, 1);
    let accounts = Arc::new(accounts);
    let tasks: Vec<_> = (0_u8..200)
        .map(|number| {
            let accounts = Arc::clone(&accounts);
            tokio::spawn(async move {
                let peer = IpAddr::from([192, 0, 2, number]);
                sign_in_from(&accounts, "ada", "wrong", peer).await
            })
        })
        .collect();
    let mut throttled = 0;
    for task in tasks {
        let outcome = task.await.unwrap();
        if !matches!(outcome, SignInOutcome::Refused) {
            assert!(matches!(outcome, SignInOutcome::Throttled { .. }));
            throttled += 1;
        }
    }
    assert_eq!(throttled, 190);
    assert_eq!(accounts.pool().stats().computed, 11);
    assert_eq!(ada.epoch, 0);
}

#[tokio::test]
async fn one_address_cannot_spray_a_password_over_more_than_a_hundred_names() {
    let World { accounts, .. } = world();
    create(&accounts, "user100", "seven herons").await;
    for number in 0..100 {
        let outcome = sign_in(&accounts, &format!("user{number}"), "seven herons").await;
        assert!(matches!(outcome, SignInOutcome::Refused), "{number}");
    }
    let here = sign_in(&accounts, "user100", "seven herons").await;
    assert!(matches!(here, SignInOutcome::Throttled { .. }));
    let elsewhere = sign_in_from(
        &accounts,
        "user100",
        "seven herons",
        IpAddr::from([192, 0, 2, 2]),
    )
    .await;
    assert!(is_signed_in(&elsewhere));
}

#[tokio::test]
async fn a_new_password_replaces_the_old_one_and_raises_the_epoch() {
    let World { accounts, .. } = world();
    let ada = create(&accounts, "ada", "correct horse").await;
    let changed = accounts
        .set_password(ISSUER, &ada.subject, &secret("battery staple"))
        .await
        .unwrap();
    assert_eq!((changed.epoch, changed.revision), (1, 1));
    assert!(!is_signed_in(
        &sign_in(&accounts, "ada", "correct horse").await
    ));
    assert!(is_signed_in(
        &sign_in(&accounts, "ada", "battery staple").await
    ));
}

#[tokio::test]
async fn a_disabled_account_is_gone_and_comes_back_with_another_epoch() {
    let World { accounts, .. } = world();
    let ada = create(&accounts, "ada", "correct horse").await;
    accounts
        .set_disabled(ISSUER, &ada.subject, true)
        .await
        .unwrap();
    assert!(
        accounts
            .account(ISSUER, &ada.subject)
            .await
            .unwrap()
            .is_none()
    );
    let back = accounts
        .set_disabled(ISSUER, &ada.subject, false)
        .await
        .unwrap();
    assert_eq!(back.epoch, 1);
    assert!(is_signed_in(
        &sign_in(&accounts, "ada", "correct horse").await
    ));
}

#[tokio::test]
async fn passwords_of_every_form_are_kept_exactly() {
    let World { accounts, .. } = world();
    for (number, password) in [
        "a\0bcdefg",
        " padded  ",
        &format!("{}abcx", "wq7-z".repeat(204)),
        "Ünïcödé8",
        &format!("{}1", "y8-qv6tz".repeat(9)),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("user{number}");
        create(&accounts, &name, password).await;
        assert!(
            is_signed_in(&sign_in(&accounts, &name, password).await),
            "{password:?}"
        );
        let other = format!(
            "{}!",
            password.strip_suffix(['g', ' ', 'x', '8', '1']).unwrap()
        );
        assert!(
            !is_signed_in(&sign_in(&accounts, &name, &other).await),
            "{other:?}"
        );
    }
}

#[tokio::test]
async fn bad_names_passwords_and_claims_make_no_account() {
    let World { accounts, .. } = world();
    create(&accounts, "Ada", "correct horse").await;
    let refusal = async |new| accounts.create(ISSUER, new).await.unwrap_err();
    assert!(matches!(
        refusal(new_user("aDA", "correct horse")).await,
        AccountError::NameTaken
    ));
    assert!(matches!(
        refusal(new_user("a b", "correct horse")).await,
        AccountError::InvalidName
    ));
    assert!(matches!(
        refusal(new_user("bob", "7 chars")).await,
        AccountError::TooShort(8)
    ));
    assert!(matches!(
        refusal(new_user("bob", &"ü".repeat(7))).await,
        AccountError::TooShort(8)
    ));
    assert!(matches!(
        refusal(new_user("bob", &"x".repeat(1025))).await,
        AccountError::TooLong
    ));
    for guessed in ["password1", "carolinemiller1", "aaaaaaaaaa"] {
        assert!(
            matches!(
                refusal(new_user("carolinemiller", guessed)).await,
                AccountError::Guessed
            ),
            "{guessed}"
        );
    }
    for claim in ["sub", "iss", "cnf", "auth_time"] {
        let mut new = new_user("bob", "correct horse");
        new.claims.insert(claim.to_owned(), json!("x"));
        assert!(
            matches!(refusal(new).await, AccountError::ReservedClaim),
            "{claim}"
        );
    }
    assert!(accounts.by_name(ISSUER, "bob").await.unwrap().is_none());
}

#[tokio::test]
async fn changes_of_an_unknown_account_are_refused() {
    let World { accounts, .. } = world();
    let nobody = Subject::parse("nobody").unwrap();
    let changed = accounts.set_disabled(ISSUER, &nobody, true).await;
    assert!(matches!(changed, Err(AccountError::Unknown)));
    let changed = accounts
        .set_password(ISSUER, &nobody, &secret("correct horse"))
        .await;
    assert!(matches!(changed, Err(AccountError::Unknown)));
}

#[tokio::test]
async fn accounts_of_one_issuer_do_not_exist_for_another() {
    let World { accounts, .. } = world();
    let ada = create(&accounts, "ada", "correct horse").await;
    let elsewhere = IssuerId(2);
    assert!(
        accounts
            .account(elsewhere, &ada.subject)
            .await
            .unwrap()
            .is_none()
    );
    assert!(accounts.by_name(elsewhere, "ada").await.unwrap().is_none());
}

#[tokio::test]
async fn subjects_differ_and_are_hexadecimal() {
    let World { accounts, .. } = world();
    let one = create(&accounts, "ada", "correct horse").await.subject;
    let two = create(&accounts, "bob", "correct horse").await.subject;
    assert_ne!(one, two);
    assert_eq!(one.as_str().len(), 32);
    assert!(one.as_str().bytes().all(|b| b.is_ascii_hexdigit()));
}

#[tokio::test]
async fn what_the_record_implies_is_a_claim_unless_it_says_otherwise() {
    let World { accounts, .. } = world();
    let ada = create(&accounts, "ada", "correct horse").await;
    let account = accounts
        .account(ISSUER, &ada.subject)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(account.claims["preferred_username"], "ada");
    assert_eq!(account.claims["updated_at"], 1_800_000_000);
    let mut new = new_user("bob", "correct horse");
    new.claims
        .insert("preferred_username".to_owned(), json!("Bobby"));
    new.claims
        .insert("email".to_owned(), json!("bob@example.com"));
    let bob = accounts.create(ISSUER, new).await.unwrap();
    let account = accounts
        .account(ISSUER, &bob.subject)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(account.claims["preferred_username"], "Bobby");
    assert_eq!(account.claims["email"], "bob@example.com");
}

#[tokio::test]
async fn a_hash_of_other_parameters_is_renewed_at_sign_in_and_ends_no_session() {
    let World {
        accounts, around, ..
    } = world();
    let ada = create(&accounts, "ada", "correct horse").await;
    let dearer = Cost {
        iterations: 2,
        ..CHEAP
    };
    let newer = built_on(&around, dearer);
    assert!(is_signed_in(&sign_in(&newer, "ada", "correct horse").await));
    let after = newer.by_name(ISSUER, "ada").await.unwrap().unwrap();
    assert!(after.password.unwrap().contains("m=8,t=2,p=1"));
    assert_eq!(
        (after.epoch, after.revision, after.updated_at),
        (ada.epoch, 1, ada.updated_at)
    );
    assert!(is_signed_in(&sign_in(&newer, "ada", "correct horse").await));
    let again = newer.by_name(ISSUER, "ada").await.unwrap().unwrap();
    assert_eq!(again.revision, 1);
}

#[tokio::test]
async fn a_stored_hash_that_cannot_be_used_refuses_like_a_wrong_password() {
    let World {
        accounts, around, ..
    } = world();
    let ada = create(&accounts, "ada", "correct horse").await;
    let record = UserRecord {
        password: Some("$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc".to_owned()),
        revision: 1,
        ..ada
    };
    let commit = hallpass_store::Commit {
        spends: vec![hallpass_store::Spend::User {
            revision: 0,
            record: Box::new(record),
        }],
        writes: Vec::new(),
    };
    around.store.commit(ISSUER, commit).await.unwrap();
    assert!(matches!(
        sign_in(&accounts, "ada", "correct horse").await,
        SignInOutcome::Refused
    ));
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let World { accounts, .. } = world();
    let printed = format!("{:?} {accounts:?}", new_user("ada", "correct horse"));
    assert!(!printed.contains("correct"), "{printed}");
}
