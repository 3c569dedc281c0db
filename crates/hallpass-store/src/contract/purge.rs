//! Purging.

use hallpass_core::record::GrantRecord;
use hallpass_types::{Bucket, GrantId, Key, Timestamp, TokenId, sha256};

use super::{
    Trial,
    sample::{
        NOW, client, client_id, code, consent, grant, session, signing_key, subject, token_id,
        user, waiting,
    },
};
use crate::{Commit, Committed, KeyPhase, Spend, Write};

fn at<K>(bucket: Bucket, name: &str) -> Key<K> {
    Key::from_parts(bucket, sha256(name.as_bytes()))
}

/// One record of every kind that expires, in that bucket.
fn one_of_each(bucket: Bucket, name: &str) -> (Vec<Spend>, Vec<Write>) {
    let record = GrantRecord {
        id: grant_in(bucket, name),
        ..grant(name)
    };
    let writes = vec![
        Write::Code(at(bucket, name), Box::new(code(name))),
        Write::Grant(Box::new(record)),
        Write::DenyToken(token_id(name), expiry(bucket)),
        Write::Session(at(bucket, name), Box::new(session("s"))),
    ];
    let spends = vec![
        Spend::Once(at(bucket, name)),
        Spend::NewWaiting(at(bucket, name), Box::new(waiting(name))),
    ];
    (spends, writes)
}

fn grant_in(bucket: Bucket, name: &str) -> GrantId {
    GrantId {
        bucket,
        ..super::sample::grant_id(name)
    }
}

fn expiry(bucket: Bucket) -> Timestamp {
    Timestamp(i64::from(bucket.0) * Bucket::SECONDS)
}

/// How many of the six are there. The key that is used once is used by asking.
async fn left(t: &Trial, bucket: Bucket, name: &str) -> usize {
    let issuer = t.issuer().await;
    let s = &t.store;
    let token: TokenId = token_id(name);
    let denied = s.standing(issuer, None, token, expiry(bucket)).await;
    let once = t.spend(Spend::Once(at(bucket, name))).await;
    [
        s.code(issuer, at(bucket, name)).await.unwrap().is_some(),
        s.grant(issuer, grant_in(bucket, name))
            .await
            .unwrap()
            .is_some(),
        denied.unwrap().token_denied,
        s.session(issuer, at(bucket, name)).await.unwrap().is_some(),
        s.waiting(issuer, at(bucket, name)).await.unwrap().is_some(),
        once == Committed::TooLate(0),
    ]
    .iter()
    .filter(|there| **there)
    .count()
}

/// The bucket that is given is the first that stays.
pub async fn expired_records_go_and_live_ones_stay(t: Trial) {
    let below = Bucket::purgeable_below(NOW);
    for (bucket, name) in [
        (Bucket(0), "first"),
        (Bucket(below.0 - 1), "last"),
        (below, "current"),
        (Bucket(u32::MAX), "never"),
    ] {
        let (spends, writes) = one_of_each(bucket, name);
        assert_eq!(t.commit(spends, writes).await, Committed::Done);
    }
    assert_eq!(t.store.purge(below, 1000).await.unwrap(), 12);
    assert_eq!(t.store.purge(below, 1000).await.unwrap(), 0);
    assert_eq!(left(&t, below, "current").await, 6);
    assert_eq!(left(&t, Bucket(u32::MAX), "never").await, 6);
    assert_eq!(left(&t, Bucket(0), "first").await, 0);
    assert_eq!(left(&t, Bucket(below.0 - 1), "last").await, 0);
}

/// Small bites, the same end.
pub async fn a_purge_takes_no_more_than_its_limit(t: Trial) {
    let old = Bucket(10);
    for n in 0..7 {
        let (spends, writes) = one_of_each(old, &format!("n{n}"));
        assert_eq!(t.commit(spends, writes).await, Committed::Done);
    }
    assert_eq!(t.store.purge(Bucket(11), 0).await.unwrap(), 0);
    for expected in [8, 8, 8, 8, 8, 2, 0] {
        assert_eq!(t.store.purge(Bucket(11), 8).await.unwrap(), expected);
    }
}

/// No issuer hides another, however large.
pub async fn a_purge_reaches_every_issuer(t: Trial) {
    for n in 0..20 {
        let name = format!("https://{n}.example");
        let issuer = t.store.issuer(&name).await.unwrap();
        for bucket in [Bucket(n), Bucket(1000)] {
            let (spends, writes) = one_of_each(bucket, &name);
            let commit = Commit { spends, writes };
            let end = t.store.commit(issuer, commit).await.unwrap();
            assert_eq!(end, Committed::Done);
        }
    }
    assert_eq!(t.store.purge(Bucket(19), 10_000).await.unwrap(), 19 * 6);
    assert_eq!(t.store.purge(Bucket(20), 10_000).await.unwrap(), 6);
    assert_eq!(t.store.purge(Bucket(1000), 10_000).await.unwrap(), 0);
    assert_eq!(t.store.purge(Bucket(1001), 10_000).await.unwrap(), 20 * 6);
}

/// Accounts, clients, consent and keys stay.
pub async fn what_does_not_expire_is_never_purged(t: Trial) {
    let issuer = t.issuer().await;
    t.spend(Spend::NewUser(Box::new(user("u")))).await;
    t.write(vec![
        Write::Client(Box::new(client("c"))),
        Write::Consent(subject("s"), client_id("c"), Box::new(consent("openid"))),
        Write::SigningKey(Box::new(signing_key("k", KeyPhase::Active))),
    ])
    .await;
    assert_eq!(t.store.purge(Bucket(u32::MAX), 1000).await.unwrap(), 0);
    let s = &t.store;
    assert!(s.user_by_name(issuer, "u").await.unwrap().is_some());
    assert!(s.client(issuer, &client_id("c")).await.unwrap().is_some());
    let consent = s.consent(issuer, &subject("s"), &client_id("c")).await;
    assert!(consent.unwrap().is_some());
    assert_eq!(s.signing_keys(issuer).await.unwrap().len(), 1);
}

/// A purge beside commits takes what is old and nothing of what arrives.
pub async fn purging_while_writing_loses_nothing(t: Trial) {
    let issuer = t.issuer().await;
    let (old, new) = (Bucket(10), Bucket(1000));
    let rounds = t.rounds.min(200);
    let writer = {
        let t = t.clone();
        tokio::spawn(async move {
            for n in 0..rounds {
                for bucket in [old, new] {
                    let (spends, writes) = one_of_each(bucket, &format!("n{n}"));
                    assert_eq!(t.commit(spends, writes).await, Committed::Done);
                }
            }
        })
    };
    let mut gone = 0;
    while !writer.is_finished() {
        gone += t.store.purge(new, 100).await.unwrap();
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    gone += t.store.purge(new, 100_000).await.unwrap();
    assert_eq!(gone, u64::from(rounds) * 6);
    for n in 0..rounds {
        let name = format!("n{n}");
        assert_eq!(left(&t, new, &name).await, 6);
        let grant = t.store.grant(issuer, grant_in(old, &name)).await.unwrap();
        assert!(grant.is_none());
    }
}

/// For a database that comes from a backup: what was handed out goes, of one issuer alone, and the rest stays.
pub async fn what_was_issued_is_forgotten_and_the_rest_stays(t: Trial) {
    let issuer = t.issuer().await;
    let other = t.store.issuer("https://other.example").await.unwrap();
    let (spends, writes) = one_of_each(Bucket(7), "other");
    let commit = Commit { spends, writes };
    assert_eq!(
        t.store.commit(other, commit).await.unwrap(),
        Committed::Done
    );
    t.spend(Spend::NewUser(Box::new(user("u")))).await;
    t.write(vec![
        Write::Client(Box::new(client("c"))),
        Write::Consent(subject("s"), client_id("c"), Box::new(consent("openid"))),
        Write::SigningKey(Box::new(signing_key("k", KeyPhase::Active))),
    ])
    .await;
    for bucket in [Bucket(0), Bucket(7), Bucket(u32::MAX - 1)] {
        for name in ["a", "b"] {
            let (spends, writes) = one_of_each(bucket, name);
            assert_eq!(t.commit(spends, writes).await, Committed::Done);
        }
    }
    let mut gone = 0;
    loop {
        let some = t.store.forget_issued(issuer, 7).await.unwrap();
        assert!(some <= 7);
        gone += some;
        if some < 7 {
            break;
        }
    }
    assert_eq!(gone, 3 * 2 * 6);
    for bucket in [Bucket(0), Bucket(7), Bucket(u32::MAX - 1)] {
        for name in ["a", "b"] {
            assert_eq!(left(&t, bucket, name).await, 0, "{bucket:?} {name}");
        }
    }
    let s = &t.store;
    assert!(s.user_by_name(issuer, "u").await.unwrap().is_some());
    assert!(s.client(issuer, &client_id("c")).await.unwrap().is_some());
    let kept = s.consent(issuer, &subject("s"), &client_id("c")).await;
    assert!(kept.unwrap().is_some());
    assert_eq!(s.signing_keys(issuer).await.unwrap().len(), 1);
    assert_eq!(s.forget_issued(other, 100).await.unwrap(), 6);
}
