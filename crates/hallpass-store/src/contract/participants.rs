//! Clients that are told when a session ends.

use hallpass_core::record::ParticipantRecord;
use hallpass_types::{Bucket, Key, Session, Sid, sha256};

use super::{
    Trial,
    sample::{client_id, grant_id, key, subject},
};
use crate::{Commit, Committed, Spend, Write};

fn participant(client: &str, grant: &str) -> ParticipantRecord {
    ParticipantRecord {
        client_id: client_id(client),
        subject: subject("alice"),
        sid: Sid::parse("sid").unwrap(),
        grant: Some(grant_id(grant)),
    }
}

fn put(session: &str, record: ParticipantRecord) -> Write {
    Write::Participant(key(session), Box::new(record))
}

async fn of(t: &Trial, session: Key<Session>) -> Vec<String> {
    let issuer = t.issuer().await;
    let found = t.store.participants(issuer, session).await.unwrap();
    let mut names: Vec<_> = found
        .iter()
        .map(|p| format!("{} {}", p.client_id.as_str(), p.grant.unwrap()))
        .collect();
    names.sort();
    names
}

fn named(client: &str, grant: &str) -> String {
    format!("{client} {}", grant_id(grant))
}

/// Whoever tells clients needs each of them once.
pub async fn each_client_of_a_session_is_found_once_however_many_grants_it_has(t: Trial) {
    let issuer = t.issuer().await;
    let clients = async |session: &str| {
        let found = t.store.participating(issuer, key(session)).await.unwrap();
        let mut names: Vec<_> = found
            .into_iter()
            .map(|p| p.client_id.as_str().to_owned())
            .collect();
        names.sort();
        names
    };
    assert!(clients("s").await.is_empty());
    for grant in 0..40 {
        let grant = grant.to_string();
        t.write(vec![
            put("s", participant("a", &grant)),
            put("other", participant("x", &grant)),
        ])
        .await;
    }
    for name in ["b", "c", "d", "e"] {
        let beside = ParticipantRecord {
            grant: None,
            ..participant(name, "1")
        };
        t.write(vec![put("s", beside), put("s", participant(name, "2"))])
            .await;
    }
    assert_eq!(clients("s").await, ["a", "b", "c", "d", "e"]);
    assert_eq!(clients("other").await, ["x"]);
}

/// Each grant of a client stands, and what it got beside grants is one; another session's are others.
pub async fn participants_are_those_of_one_session_by_client_and_grant(t: Trial) {
    assert!(of(&t, key("s")).await.is_empty());
    t.write(vec![
        put("s", participant("a", "1")),
        put("s", participant("b", "2")),
        put("other", participant("c", "3")),
    ])
    .await;
    t.write(vec![
        put("s", participant("a", "4")),
        put("s", participant("a", "4")),
    ])
    .await;
    let mut all = [named("a", "1"), named("a", "4"), named("b", "2")];
    all.sort();
    assert_eq!(of(&t, key("s")).await, all);
    for _ in 0..2 {
        let beside = ParticipantRecord {
            grant: None,
            ..participant("b", "2")
        };
        t.write(vec![put("beside", beside)]).await;
    }
    let issuer = t.issuer().await;
    let beside = t.store.participants(issuer, key("beside")).await.unwrap();
    assert_eq!(beside.len(), 1);
    assert_eq!(of(&t, key("other")).await, [named("c", "3")]);
    let elsewhere = Key::from_parts(Bucket(1), sha256(b"s"));
    assert!(of(&t, elsewhere).await.is_empty());
}

/// Forgetting is for one grant of one client and idempotent.
pub async fn a_participant_is_forgotten_alone(t: Trial) {
    let forget = |grant| Write::ForgetParticipant(key("s"), client_id("a"), grant);
    t.write(vec![
        put("s", participant("a", "1")),
        put("s", participant("a", "3")),
        put("s", participant("b", "1")),
    ])
    .await;
    let mut left = [named("a", "3"), named("b", "1")];
    left.sort();
    for _ in 0..2 {
        t.write(vec![forget(Some(grant_id("1"))), forget(None)])
            .await;
        assert_eq!(of(&t, key("s")).await, left);
    }
}

/// The sessions of one person, in which somebody takes part.
pub async fn sessions_with_participants_are_found_by_subject(t: Trial) {
    let issuer = t.issuer().await;
    let bob = ParticipantRecord {
        subject: subject("bob"),
        ..participant("a", "1")
    };
    t.write(vec![
        put("s1", participant("a", "1")),
        put("s1", participant("b", "2")),
        put("s2", participant("a", "3")),
        put("s3", bob),
    ])
    .await;
    let found = t.store.sessions_of(issuer, &subject("alice")).await;
    let mut found = found.unwrap();
    found.sort();
    let mut expected: Vec<Key<Session>> = vec![key("s1"), key("s2")];
    expected.sort();
    assert_eq!(found, expected);
    let nobody = t.store.sessions_of(issuer, &subject("carol")).await;
    assert!(nobody.unwrap().is_empty());
    let other = t.store.issuer("https://other.example").await.unwrap();
    let elsewhere = t.store.sessions_of(other, &subject("alice")).await;
    assert!(elsewhere.unwrap().is_empty());
    assert!(
        t.store
            .participants(other, key("s1"))
            .await
            .unwrap()
            .is_empty()
    );
}

/// Whoever joins beside the end of the session is either known to whoever reads afterwards, or did not join.
pub async fn nobody_joins_a_session_that_has_ended(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds.div_ceil(10) {
        let name = format!("s{round}");
        let session: Key<Session> = key(&name);
        let record = super::sample::session("alice");
        t.write(vec![Write::Session(session, Box::new(record))])
            .await;
        let joins = |task: u8| {
            let name = name.clone();
            std::future::ready(if task == 0 {
                Commit {
                    spends: Vec::new(),
                    writes: vec![Write::EndSession(session)],
                }
            } else {
                Commit {
                    spends: vec![Spend::Session(session)],
                    writes: vec![put(&name, participant(&format!("c{task}"), "1"))],
                }
            })
        };
        let done = t.race(8, joins).await;
        let joined = t.store.participants(issuer, session).await.unwrap().len();
        assert_eq!(joined, done - 1, "round {round}");
        let late = Commit {
            spends: vec![Spend::Session(session)],
            writes: vec![put(&name, participant("late", "1"))],
        };
        let late = t.store.commit(issuer, late).await.unwrap();
        assert_eq!(late, Committed::TooLate(0));
    }
}

/// They go when the session would have expired.
pub async fn participants_are_purged_with_their_session(t: Trial) {
    for bucket in [Bucket(10), Bucket(11)] {
        let session = Key::from_parts(bucket, sha256(b"s"));
        for client in ["a", "b", "c"] {
            let record = Box::new(participant(client, "1"));
            t.write(vec![Write::Participant(session, record)]).await;
        }
    }
    assert_eq!(t.store.purge(Bucket(11), 2).await.unwrap(), 2);
    assert_eq!(t.store.purge(Bucket(11), 2).await.unwrap(), 1);
    let left = of(&t, Key::from_parts(Bucket(11), sha256(b"s"))).await;
    assert_eq!(left.len(), 3);
}
