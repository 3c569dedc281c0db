//! What people see of themselves: sessions, consents, activity; and that everything goes.

use hallpass_core::record::{Activity, ActivityRecord, SessionRecord, Visit};
use hallpass_types::{Bucket, ClientId, Key, Session, Subject, Timestamp};

use super::{
    Trial,
    sample::{NOW, client_id, consent, key, live, session, subject, user},
};
use crate::{Committed, CredentialData, CredentialRecord, Email, MAX_PAGE, Spend, Write};

fn begin(name: &str, record: SessionRecord) -> Write {
    Write::Session(key(name), Box::new(record))
}

async fn sessions(t: &Trial, who: &str) -> Vec<Key<Session>> {
    let issuer = t.issuer().await;
    let found = t.store.account_sessions(issuer, &subject(who)).await;
    let mut keys: Vec<_> = found.unwrap().into_iter().map(|(key, _)| key).collect();
    keys.sort();
    keys
}

fn sorted(names: &[&str]) -> Vec<Key<Session>> {
    let mut keys: Vec<_> = names.iter().map(|name| key(name)).collect();
    keys.sort();
    keys
}

/// What has ended or expired is not counted, nor what another issuer has.
pub async fn sessions_are_counted_until_they_end_or_expire(t: Trial) {
    let issuer = t.issuer().await;
    let count = async |from| t.store.count_sessions(issuer, from).await.unwrap();
    let here = live();
    assert_eq!(count(here).await, 0);
    let later: Key<Session> = Key::from_parts(Bucket(here.0 + 1), key::<Session>("c").digest);
    t.write(vec![
        begin("a", session("alice")),
        begin("b", session("bob")),
        Write::Session(later, Box::new(session("bob"))),
    ])
    .await;
    assert_eq!(count(Bucket(0)).await, 3);
    assert_eq!(count(here).await, 3);
    assert_eq!(count(Bucket(here.0 + 1)).await, 1);
    assert_eq!(count(Bucket(here.0 + 2)).await, 0);
    // Written anew it is the same one.
    t.write(vec![begin("a", session("alice"))]).await;
    assert_eq!(count(here).await, 3);
    t.write(vec![Write::EndSession(key("a"))]).await;
    assert_eq!(count(here).await, 2);
    let other = t.store.issuer("https://other.example").await.unwrap();
    assert_eq!(t.store.count_sessions(other, Bucket(0)).await.unwrap(), 0);
    // Of many that begin at once each is counted, and none twice.
    for round in 0..t.rounds {
        let begun = |n: u8| format!("r{round}-{n}");
        let change = |n: u8| {
            std::future::ready(crate::Commit {
                spends: Vec::new(),
                writes: vec![begin(&begun(n), session("carol"))],
            })
        };
        assert_eq!(t.race(4, change).await, 4);
        assert_eq!(count(here).await, 6);
        let ends = (0..4).map(|n| Write::EndSession(key(&begun(n))));
        t.write(ends.collect()).await;
        assert_eq!(count(here).await, 2);
    }
}

/// A session is its person's as long as it lasts, whoever else has some.
pub async fn sessions_are_listed_by_their_person(t: Trial) {
    assert!(sessions(&t, "alice").await.is_empty());
    let visit = Visit {
        device: "Firefox on Linux".to_owned(),
        address: Some("192.0.2.1".to_owned()),
        known_by: Some([7; 16]),
    };
    let visited = SessionRecord {
        visit: Some(Box::new(visit)),
        ..session("alice")
    };
    t.write(vec![
        begin("a1", visited.clone()),
        begin("a2", session("alice")),
        begin("b1", session("bob")),
    ])
    .await;
    assert_eq!(sessions(&t, "alice").await, sorted(&["a1", "a2"]));
    assert_eq!(sessions(&t, "bob").await, sorted(&["b1"]));
    assert!(sessions(&t, "alic").await.is_empty());
    let issuer = t.issuer().await;
    let all = t.store.account_sessions(issuer, &subject("alice")).await;
    let all = all.unwrap();
    let first = all.iter().find(|(found, _)| *found == key("a1")).unwrap();
    assert_eq!(first.1, visited);
    let other = t.store.issuer("https://other.example").await.unwrap();
    let elsewhere = t.store.account_sessions(other, &subject("alice")).await;
    assert!(elsewhere.unwrap().is_empty());
    t.write(vec![Write::EndSession(key("a1"))]).await;
    assert_eq!(sessions(&t, "alice").await, sorted(&["a2"]));
}

async fn seen(t: &Trial, name: &str) -> Option<Timestamp> {
    let issuer = t.issuer().await;
    let found = t.store.session(issuer, key(name)).await.unwrap();
    found.map(|record| record.seen_at)
}

/// The note of its last use goes forward only, survives a change of the session, and revives none.
pub async fn the_last_use_of_a_session_never_goes_back(t: Trial) {
    t.write(vec![begin("s", session("alice"))]).await;
    assert_eq!(seen(&t, "s").await, Some(NOW));
    t.write(vec![Write::SessionSeen(key("s"), NOW.plus(3600))])
        .await;
    t.write(vec![Write::SessionSeen(key("s"), NOW.plus(60))])
        .await;
    assert_eq!(seen(&t, "s").await, Some(NOW.plus(3600)));
    let superseded = SessionRecord {
        superseded: true,
        ..session("alice")
    };
    t.write(vec![begin("s", superseded)]).await;
    assert_eq!(seen(&t, "s").await, Some(NOW.plus(3600)));
    let issuer = t.issuer().await;
    let listed = t.store.account_sessions(issuer, &subject("alice")).await;
    assert_eq!(listed.unwrap()[0].1.seen_at, NOW.plus(3600));
    t.write(vec![Write::EndSession(key("s"))]).await;
    t.write(vec![Write::SessionSeen(key("s"), NOW.plus(7200))])
        .await;
    assert_eq!(seen(&t, "s").await, None);
}

async fn allowed(t: &Trial, who: &str) -> Vec<(ClientId, String)> {
    let issuer = t.issuer().await;
    let found = t.store.consents_of(issuer, &subject(who)).await.unwrap();
    let mut found: Vec<_> = found
        .into_iter()
        .map(|(client, record)| (client, record.scope.to_string()))
        .collect();
    found.sort();
    found
}

/// What one person allowed, by client.
pub async fn consents_are_listed_by_their_person(t: Trial) {
    let allow = |who: &str, client: &str, scope: &str| {
        Write::Consent(subject(who), client_id(client), Box::new(consent(scope)))
    };
    t.write(vec![
        allow("alice", "a", "openid"),
        allow("alice", "b", "openid email"),
        allow("bob", "a", "profile"),
    ])
    .await;
    let expected = [("a", "openid"), ("b", "openid email")]
        .map(|(client, scope)| (client_id(client), scope.to_owned()));
    assert_eq!(allowed(&t, "alice").await, expected);
    t.write(vec![Write::ForgetConsent(subject("alice"), client_id("a"))])
        .await;
    assert_eq!(allowed(&t, "alice").await, expected[1..]);
    assert_eq!(allowed(&t, "bob").await.len(), 1);
    assert!(allowed(&t, "carol").await.is_empty());
}

fn happened(who: &str, at: i64, bucket: Bucket, name: u8) -> Write {
    let record = ActivityRecord {
        subject: subject(who),
        at: NOW.plus(at),
        what: Activity::SignedIn,
        visit: None,
        client: None,
        turn: 0,
    };
    Write::Activity(bucket, [name; 16], Box::new(record))
}

async fn times(t: &Trial, who: &str, limit: usize) -> Vec<i64> {
    let issuer = t.issuer().await;
    let found = t.store.activity_of(issuer, &subject(who), limit).await;
    let found = found.unwrap();
    found.iter().map(|record| record.at.since(NOW)).collect()
}

/// The newest come first, so many as are asked for, until their bucket is over.
pub async fn activity_is_listed_newest_first_and_purged(t: Trial) {
    let over = Bucket(1);
    t.write(vec![
        happened("alice", 1, live(), 1),
        happened("alice", 3, live(), 3),
        happened("alice", 2, over, 2),
        happened("bob", 9, live(), 4),
    ])
    .await;
    assert_eq!(times(&t, "alice", 10).await, [3, 2, 1]);
    assert_eq!(times(&t, "alice", 2).await, [3, 2]);
    assert_eq!(times(&t, "alice", 0).await, [3]);
    assert_eq!(times(&t, "bob", MAX_PAGE * 2).await, [9]);
    assert!(times(&t, "carol", 10).await.is_empty());
    while t.store.purge(live(), 100).await.unwrap() > 0 {}
    assert_eq!(times(&t, "alice", 10).await, [3, 1]);
}

/// What happened in an issuer is listed from its youngest place to its oldest, once each, whoever it was, and nothing of
/// another issuer.
pub async fn activity_of_an_issuer_is_listed_page_by_page(t: Trial) {
    let (early, late) = (
        Bucket(live().0.saturating_add(1)),
        Bucket(live().0.saturating_add(2)),
    );
    t.write(vec![
        happened("alice", 1, early, 1),
        happened("bob", 3, late, 2),
        happened("alice", 2, early, 7),
    ])
    .await;
    let issuer = t.issuer().await;
    let listed = async |before, limit| {
        let found = t.store.activity_before(issuer, before, limit).await;
        found.unwrap()
    };
    let all = listed(None, 10).await;
    let times: Vec<i64> = all.iter().map(|(_, r)| r.at.since(NOW)).collect();
    assert_eq!(times, [3, 2, 1]);
    let mut place = None;
    for expected in &all {
        let one = listed(place, 1).await;
        assert_eq!(&one[0], expected);
        place = Some(one[0].0);
    }
    assert!(listed(place, 10).await.is_empty());
    assert_eq!(listed(None, 0).await.len(), 1);
    let other = t.store.issuer("https://other.example").await.unwrap();
    let found = t.store.activity_before(other, None, 10).await.unwrap();
    assert!(found.is_empty());
}

fn email(who: &str) -> CredentialRecord {
    CredentialRecord {
        subject: subject(who),
        id: hallpass_types::CredentialId([5; 16]),
        data: CredentialData::Email(Email {
            address: format!("{who}@example.org"),
            verified_at: None,
        }),
        lookup: Some(hallpass_types::ContentDigest(hallpass_types::sha256(
            who.as_bytes(),
        ))),
        name: String::new(),
        created_at: NOW,
        last_used_at: None,
        revision: 0,
    }
}

/// The account goes in its current revision alone, and everything about the person with it; nobody else loses
/// anything, and the name is free.
pub async fn a_person_is_forgotten_whole_and_alone(t: Trial) {
    for who in ["alice", "bob"] {
        let mut spends = vec![Spend::NewUser(Box::new(user(who)))];
        spends.push(Spend::NewCredential(Box::new(email(
            user(who).subject.as_str(),
        ))));
        let writes = vec![
            Write::Consent(
                user(who).subject,
                client_id("c"),
                Box::new(consent("openid")),
            ),
            happened(user(who).subject.as_str(), 1, live(), who.as_bytes()[0]),
        ];
        assert_eq!(t.commit(spends, writes).await, Committed::Done);
    }
    let (alice, bob) = (user("alice"), user("bob"));
    let delete = |revision: u64| Spend::DeleteUser {
        subject: alice.subject.clone(),
        revision,
    };
    let forget = || vec![Write::ForgetPerson(alice.subject.clone())];
    let wrong = alice.revision + 1;
    assert_eq!(
        t.commit(vec![delete(wrong)], forget()).await,
        Committed::TooLate(0)
    );
    // Taken back with a later spend.
    let late = vec![delete(alice.revision), Spend::Session(key("none"))];
    assert_eq!(t.commit(late, forget()).await, Committed::TooLate(1));
    let issuer = t.issuer().await;
    let found = |of: Subject| {
        let store = t.store.clone();
        async move {
            (
                store.user(issuer, &of).await.unwrap().is_some(),
                store.credentials(issuer, &of).await.unwrap().len(),
                store.consents_of(issuer, &of).await.unwrap().len(),
                store.activity_of(issuer, &of, 9).await.unwrap().len(),
            )
        }
    };
    assert_eq!(found(alice.subject.clone()).await, (true, 1, 1, 1));
    let done = t.commit(vec![delete(alice.revision)], forget()).await;
    assert_eq!(done, Committed::Done);
    assert_eq!(found(alice.subject.clone()).await, (false, 0, 0, 0));
    assert_eq!(found(bob.subject.clone()).await, (true, 1, 1, 1));
    let lookup = email(alice.subject.as_str()).lookup.unwrap();
    let gone = t.store.credential_by_lookup(issuer, lookup).await;
    assert_eq!(gone.unwrap(), None);
    let again = t.spend(delete(alice.revision)).await;
    assert_eq!(again, Committed::TooLate(0));
    let heir = crate::UserRecord {
        subject: subject("heir"),
        ..user("alice")
    };
    assert_eq!(
        t.spend(Spend::NewUser(Box::new(heir))).await,
        Committed::Done
    );
}

/// Of many that delete an account or change it at once, one succeeds.
pub async fn deleting_and_changing_an_account_exclude_each_other(t: Trial) {
    for round in 0..t.rounds {
        let name = format!("racer{round}");
        let record = user(&name);
        let made = t.spend(Spend::NewUser(Box::new(record.clone()))).await;
        assert_eq!(made, Committed::Done);
        let won = t
            .race(8, |task| {
                let record = record.clone();
                async move {
                    let spend = if task % 2 == 0 {
                        Spend::DeleteUser {
                            subject: record.subject,
                            revision: record.revision,
                        }
                    } else {
                        Spend::User {
                            revision: record.revision,
                            record: Box::new(crate::UserRecord {
                                revision: record.revision + 1,
                                ..record
                            }),
                        }
                    };
                    crate::Commit {
                        spends: vec![spend],
                        writes: Vec::new(),
                    }
                }
            })
            .await;
        assert_eq!(won, 1);
    }
}
