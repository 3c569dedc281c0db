//! Accounts.

use super::{Trial, sample::user};
use crate::{Committed, MAX_PAGE, Spend, UserRecord};

fn change(revision: u64, record: UserRecord) -> Spend {
    Spend::User {
        revision,
        record: Box::new(record),
    }
}

async fn by_name(t: &Trial, name: &str) -> Option<UserRecord> {
    let issuer = t.issuer().await;
    t.store.user_by_name(issuer, name).await.unwrap()
}

/// Both keys lead to the same record.
pub async fn a_user_is_found_by_name_and_by_subject(t: Trial) {
    let issuer = t.issuer().await;
    let alice = UserRecord {
        username: "Alice".to_owned(),
        ..user("alice")
    };
    assert_eq!(
        t.spend(Spend::NewUser(Box::new(alice.clone()))).await,
        Committed::Done
    );
    assert_eq!(by_name(&t, "alice").await, Some(alice.clone()));
    assert_eq!(by_name(&t, "Alice").await, None);
    let found = t.store.user(issuer, &alice.subject).await.unwrap();
    assert_eq!(found, Some(alice));
    let other = t.store.user(issuer, &user("bob").subject).await.unwrap();
    assert_eq!(other, None);
}

/// Either of them being taken is enough, and the holder is left alone.
pub async fn name_and_subject_are_given_once(t: Trial) {
    let new = |u: UserRecord| Spend::NewUser(Box::new(u));
    assert_eq!(t.spend(new(user("alice"))).await, Committed::Done);
    let same_name = UserRecord {
        subject: user("x").subject,
        ..user("alice")
    };
    let same_subject = UserRecord {
        subject: user("alice").subject,
        ..user("bob")
    };
    for taken in [user("alice"), same_name, same_subject] {
        assert_eq!(t.spend(new(taken)).await, Committed::TooLate(0));
    }
    assert_eq!(by_name(&t, "alice").await, Some(user("alice")));
    assert_eq!(by_name(&t, "bob").await, None);
    assert_eq!(t.spend(new(user("bob"))).await, Committed::Done);
}

/// Two that changed the same revision: the second reads again.
pub async fn a_user_changes_when_the_revision_is_current(t: Trial) {
    let second = UserRecord {
        disabled: true,
        epoch: 2,
        revision: 2,
        ..user("alice")
    };
    assert_eq!(
        t.spend(change(1, second.clone())).await,
        Committed::TooLate(0)
    );
    t.spend(Spend::NewUser(Box::new(user("alice")))).await;
    for wrong in [0, 2, u64::MAX] {
        assert_eq!(
            t.spend(change(wrong, second.clone())).await,
            Committed::TooLate(0)
        );
    }
    assert_eq!(t.spend(change(1, second.clone())).await, Committed::Done);
    assert_eq!(
        t.spend(change(1, user("alice"))).await,
        Committed::TooLate(0)
    );
    assert_eq!(by_name(&t, "alice").await, Some(second));
}

/// Renaming: the new name leads to the account, the old one is free.
pub async fn a_changed_name_moves_and_frees_the_old_one(t: Trial) {
    t.spend(Spend::NewUser(Box::new(user("alice")))).await;
    let renamed = UserRecord {
        username_key: "alicia".to_owned(),
        revision: 2,
        ..user("alice")
    };
    assert_eq!(t.spend(change(1, renamed.clone())).await, Committed::Done);
    assert_eq!(by_name(&t, "alice").await, None);
    assert_eq!(by_name(&t, "alicia").await, Some(renamed));
    let next = UserRecord {
        subject: user("next").subject,
        ..user("alice")
    };
    assert_eq!(
        t.spend(Spend::NewUser(Box::new(next))).await,
        Committed::Done
    );
}

/// Renaming to a name that is taken changes nothing.
pub async fn a_name_of_somebody_else_is_too_late(t: Trial) {
    for name in ["alice", "bob"] {
        t.spend(Spend::NewUser(Box::new(user(name)))).await;
    }
    let thief = UserRecord {
        username_key: "bob".to_owned(),
        revision: 2,
        ..user("alice")
    };
    assert_eq!(t.spend(change(1, thief)).await, Committed::TooLate(0));
    assert_eq!(by_name(&t, "alice").await, Some(user("alice")));
    assert_eq!(by_name(&t, "bob").await, Some(user("bob")));
}

/// Pages are in byte order of the names' unique forms, whole and without repetition.
pub async fn users_are_listed_in_pages_by_name(t: Trial) {
    let issuer = t.issuer().await;
    let mut names: Vec<_> = (0..31).map(|n| format!("user{n}")).collect();
    names.extend(["Ünal".to_owned(), "Z".to_owned()]);
    for name in &names {
        t.spend(Spend::NewUser(Box::new(user(name)))).await;
    }
    names.sort();
    for limit in [0, 1, 5, 33, 34, usize::MAX] {
        let mut listed = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = t.store.users(issuer, after.as_deref(), limit).await;
            let page = page.unwrap();
            assert!(page.items.len() <= limit.clamp(1, MAX_PAGE));
            listed.extend(page.items.into_iter().map(|u| u.username_key));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(listed, names, "limit {limit}");
    }
}
