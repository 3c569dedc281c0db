//! All or nothing.

use hallpass_types::{Code, Key, Once, Session};

use super::{
    Trial,
    sample::{NOW, client, code, grant, grant_id, key, session, token_id, user, waiting},
};
use crate::{Commit, Committed, Spend, StoreError, Write};

/// The index is that of the first spend that fails, whatever comes behind it.
pub async fn the_first_spend_that_is_too_late_is_named(t: Trial) {
    t.write(vec![Write::Code(key("code"), Box::new(code("g")))])
        .await;
    let once = |name: &str| Spend::Once(key(name));
    assert_eq!(t.spend(once("used")).await, Committed::Done);
    for (spends, index) in [
        (vec![once("used")], 0),
        (vec![once("a"), once("used")], 1),
        (vec![once("used"), once("used")], 0),
        (vec![once("a"), once("a")], 1),
        (vec![once("a"), Spend::Code(key("none")), once("used")], 1),
        (
            vec![Spend::Code(key("code")), Spend::Standing(grant_id("none"))],
            1,
        ),
        (vec![once("a"), once("b"), Spend::Session(key("none"))], 2),
    ] {
        let label = format!("{spends:?}");
        assert_eq!(
            t.commit(spends, Vec::new()).await,
            Committed::TooLate(index),
            "{label}"
        );
    }
}

/// No write happens beside a spend that is too late.
pub async fn nothing_is_written_when_a_spend_is_too_late(t: Trial) {
    let issuer = t.issuer().await;
    t.write(vec![
        Write::Session(key("old"), Box::new(session("s"))),
        Write::Grant(Box::new(grant("old"))),
    ])
    .await;
    let writes = vec![
        Write::Code(key("c"), Box::new(code("c"))),
        Write::Grant(Box::new(grant("g"))),
        Write::RevokeGrant(grant_id("old"), NOW),
        Write::DenyToken(token_id("t"), NOW),
        Write::Session(key("s"), Box::new(session("s"))),
        Write::EndSession(key("old")),
        Write::Client(Box::new(client("c"))),
    ];
    let end = t.commit(vec![Spend::Code(key("none"))], writes).await;
    assert_eq!(end, Committed::TooLate(0));
    let s = &t.store;
    assert!(s.code(issuer, key("c")).await.unwrap().is_none());
    assert!(s.grant(issuer, grant_id("g")).await.unwrap().is_none());
    let old = s.grant(issuer, grant_id("old")).await.unwrap().unwrap();
    assert_eq!(old.revoked_at, None);
    let standing = s.standing(issuer, None, token_id("t"), NOW).await.unwrap();
    assert!(!standing.token_denied);
    assert!(s.session(issuer, key("s")).await.unwrap().is_none());
    assert!(s.session(issuer, key("old")).await.unwrap().is_some());
    assert!(s.clients(issuer, None, 9).await.unwrap().items.is_empty());
}

/// What an earlier spend did is undone when a later one is too late; each kind of spend is tried.
pub async fn earlier_spends_are_taken_back(t: Trial) {
    let issuer = t.issuer().await;
    let k: Key<Code> = key("code");
    let changed = crate::UserRecord {
        revision: 2,
        username_key: "renamed".to_owned(),
        ..user("here")
    };
    t.write(vec![
        Write::Code(k, Box::new(code("c"))),
        Write::Grant(Box::new(grant("g"))),
    ])
    .await;
    t.spend(Spend::NewUser(Box::new(user("here")))).await;
    let spends = || {
        vec![
            Spend::Code(k),
            Spend::Refresh {
                grant: grant_id("g"),
                from: 0,
                at: NOW.plus(5),
                idle_expires_at: NOW.plus(6),
            },
            Spend::Standing(grant_id("g")),
            Spend::Once(key("once")),
            Spend::NewUser(Box::new(user("new"))),
            Spend::NewClient(Box::new(client("new"))),
            Spend::User {
                revision: 1,
                record: Box::new(changed.clone()),
            },
        ]
    };
    let mut late = spends();
    late.push(Spend::Session(key("none")));
    assert_eq!(t.commit(late, Vec::new()).await, Committed::TooLate(7));
    let s = &t.store;
    assert!(!s.code(issuer, k).await.unwrap().unwrap().spent);
    let found = s.grant(issuer, grant_id("g")).await.unwrap().unwrap();
    assert_eq!(found.record, grant("g"));
    assert!(s.user_by_name(issuer, "new").await.unwrap().is_none());
    assert!(s.user_by_name(issuer, "renamed").await.unwrap().is_none());
    assert_eq!(
        s.user_by_name(issuer, "here").await.unwrap(),
        Some(user("here"))
    );
    assert_eq!(t.commit(spends(), Vec::new()).await, Committed::Done);
    assert_eq!(
        s.user_by_name(issuer, "renamed").await.unwrap(),
        Some(changed.clone())
    );
    assert!(s.user_by_name(issuer, "here").await.unwrap().is_none());
}

/// What is only made is taken back, too, where nothing else happens beside it; what was there before stays.
pub async fn new_rows_are_taken_back_and_older_ones_stay(t: Trial) {
    let issuer = t.issuer().await;
    let once = |name: &str| Spend::Once(key(name));
    let new = |name: &str| Spend::NewWaiting(key(name), Box::new(waiting(name)));
    assert_eq!(t.spend(once("old")).await, Committed::Done);
    assert_eq!(t.spend(new("older")).await, Committed::Done);
    for (spends, index) in [
        (vec![once("a"), new("w"), once("b"), once("old")], 3),
        (vec![new("w"), once("a"), new("older")], 2),
        (vec![once("a"), once("a")], 1),
        (vec![once("b"), new("older"), once("old")], 1),
    ] {
        let label = format!("{spends:?}");
        let end = t.commit(spends, Vec::new()).await;
        assert_eq!(end, Committed::TooLate(index), "{label}");
        assert!(
            t.store.waiting(issuer, key("w")).await.unwrap().is_none(),
            "{label}"
        );
        let older = t.store.waiting(issuer, key("older")).await.unwrap();
        assert_eq!(older.unwrap().record, waiting("older"), "{label}");
        assert_eq!(t.spend(once("old")).await, Committed::TooLate(0), "{label}");
    }
    let all = vec![once("a"), once("b"), new("w")];
    assert_eq!(t.commit(all, Vec::new()).await, Committed::Done);
}

/// A commit that ends in an error spends and writes nothing either.
pub async fn nothing_is_written_when_a_write_fails(t: Trial) {
    let issuer = t.issuer().await;
    t.write(vec![Write::Grant(Box::new(grant("taken")))]).await;
    let once: Key<Once> = key("once");
    let writes = vec![
        Write::Session(key("s"), Box::new(session("s"))),
        Write::Grant(Box::new(grant("taken"))),
        Write::Client(Box::new(client("c"))),
    ];
    assert!(matches!(
        t.try_commit(vec![Spend::Once(once)], writes).await,
        Err(StoreError::Collision)
    ));
    let s = &t.store;
    assert!(s.session(issuer, key("s")).await.unwrap().is_none());
    assert!(s.clients(issuer, None, 9).await.unwrap().items.is_empty());
    assert_eq!(t.spend(Spend::Once(once)).await, Committed::Done);
}

/// Order inside a commit is the order of its lists.
pub async fn spends_and_writes_see_earlier_ones(t: Trial) {
    let issuer = t.issuer().await;
    let writes = vec![
        Write::Grant(Box::new(grant("g"))),
        Write::RevokeGrant(grant_id("g"), NOW),
        Write::Session(key("s"), Box::new(session("s"))),
        Write::EndSession(key("s")),
        Write::EndSession(key("t")),
        Write::Session(key("t"), Box::new(session("t"))),
    ];
    t.write(writes).await;
    let found = t.store.grant(issuer, grant_id("g")).await.unwrap();
    assert_eq!(found.unwrap().revoked_at, Some(NOW));
    let gone: Key<Session> = key("s");
    assert!(t.store.session(issuer, gone).await.unwrap().is_none());
    assert!(t.store.session(issuer, key("t")).await.unwrap().is_some());
    let rotate = |from| Spend::Refresh {
        grant: grant_id("h"),
        from,
        at: NOW,
        idle_expires_at: NOW,
    };
    t.write(vec![Write::Grant(Box::new(grant("h")))]).await;
    let two = vec![rotate(0), rotate(1)];
    assert_eq!(t.commit(two, Vec::new()).await, Committed::Done);
    assert_eq!(t.spend(rotate(1)).await, Committed::TooLate(0));
}

/// Nothing to do is done.
pub async fn an_empty_commit_is_done(t: Trial) {
    assert_eq!(t.commit(Vec::new(), Vec::new()).await, Committed::Done);
    t.store.ready().await.unwrap();
}

/// A client that hangs up in the middle leaves no half.
pub async fn a_dropped_commit_happens_whole_or_not_at_all(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds.min(200) {
        let name = format!("dropped {round}");
        let commit = Commit {
            spends: vec![Spend::Once(key(&name))],
            writes: vec![Write::Code(key(&name), Box::new(code(&name)))],
        };
        {
            let mut running = t.store.commit(issuer, commit);
            let polled = std::future::poll_fn(|cx| {
                std::task::Poll::Ready(running.as_mut().poll(cx).is_ready())
            });
            let _finished: bool = polled.await;
        }
        // Whatever became of it, it was before this one in the queue.
        let fresh = t.spend(Spend::Once(key(&name))).await == Committed::Done;
        let found = t.store.code(issuer, key(&name)).await.unwrap().is_some();
        assert_ne!(fresh, found, "round {round}");
    }
}
