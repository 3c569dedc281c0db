//! Sessions.

use hallpass_core::record::SessionRecord;
use hallpass_types::{Bucket, Key, Session};

use super::{
    Trial,
    sample::{NOW, key, session},
};
use crate::{Commit, Committed, Spend, Write};

/// Ending is idempotent.
pub async fn a_session_is_found_until_it_ends(t: Trial) {
    let issuer = t.issuer().await;
    let k: Key<Session> = key("s");
    let elsewhere = Key::from_parts(Bucket(k.bucket.0 + 1), k.digest);
    assert_eq!(t.store.session(issuer, k).await.unwrap(), None);
    t.write(vec![Write::Session(k, Box::new(session("alice")))])
        .await;
    t.write(vec![Write::EndSession(elsewhere)]).await;
    assert_eq!(
        t.store.session(issuer, k).await.unwrap(),
        Some(session("alice"))
    );
    assert_eq!(t.store.session(issuer, elsewhere).await.unwrap(), None);
    for _ in 0..2 {
        t.write(vec![Write::EndSession(k)]).await;
        assert_eq!(t.store.session(issuer, k).await.unwrap(), None);
    }
}

/// A new sign-in in the same session replaces its record.
pub async fn writing_a_session_replaces_it(t: Trial) {
    let issuer = t.issuer().await;
    let k: Key<Session> = key("s");
    let newer = SessionRecord {
        expires_at: NOW.plus(7),
        ..session("alice")
    };
    for record in [session("alice"), newer] {
        t.write(vec![Write::Session(k, Box::new(record.clone()))])
            .await;
        assert_eq!(t.store.session(issuer, k).await.unwrap(), Some(record));
    }
}

/// Asserting it beside the write keeps a signed-out session out.
pub async fn an_ended_session_cannot_be_renewed(t: Trial) {
    let issuer = t.issuer().await;
    let k: Key<Session> = key("s");
    let renew = || async {
        let write = Write::Session(k, Box::new(session("alice")));
        t.commit(vec![Spend::Session(k)], vec![write]).await
    };
    assert_eq!(renew().await, Committed::TooLate(0));
    t.write(vec![Write::Session(k, Box::new(session("alice")))])
        .await;
    assert_eq!(renew().await, Committed::Done);
    t.write(vec![Write::EndSession(k)]).await;
    assert_eq!(renew().await, Committed::TooLate(0));
    assert_eq!(t.store.session(issuer, k).await.unwrap(), None);
}

/// However many end one session and begin another, in whatever order they name them: nobody gives up, and some session is
/// there.
pub async fn those_who_end_one_session_and_begin_another_are_all_done(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds.div_ceil(5) {
        let (one, other): (Key<Session>, Key<Session>) =
            (key(&format!("a{round}")), key(&format!("b{round}")));
        let begin = |k| Write::Session(k, Box::new(session("alice")));
        t.write(vec![begin(one), begin(other)]).await;
        let change = |task: u8| {
            let writes = match task % 4 {
                0 => vec![Write::EndSession(one), begin(other)],
                1 => vec![Write::EndSession(other), begin(one)],
                2 => vec![begin(one), Write::EndSession(other)],
                _ => vec![begin(other), Write::EndSession(one)],
            };
            let spends = Vec::new();
            std::future::ready(Commit { spends, writes })
        };
        assert_eq!(t.race(8, change).await, 8, "round {round}");
        let one = t.store.session(issuer, one).await.unwrap();
        let other = t.store.session(issuer, other).await.unwrap();
        assert!(one.is_some() || other.is_some(), "round {round}");
    }
}

/// Of many who sign out of one session at once, one ends it, and the others are told so without waiting for each other.
pub async fn a_session_that_many_end_is_ended_once(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds.div_ceil(5) {
        let k: Key<Session> = key(&format!("r{round}"));
        t.write(vec![Write::Session(k, Box::new(session("alice")))])
            .await;
        let end = |_| {
            std::future::ready(Commit {
                spends: vec![Spend::Session(k)],
                writes: vec![Write::EndSession(k)],
            })
        };
        assert_eq!(t.race(8, end).await, 1, "round {round}");
        assert_eq!(t.store.session(issuer, k).await.unwrap(), None);
    }
}
