//! Clients that are told when a session ends.

use hallpass_core::record::ParticipantRecord;
use hallpass_types::{Bucket, Key, Session, Sid, sha256};

use super::{
    Trial,
    sample::{client_id, grant_id, key, subject},
};
use crate::{Commit, Committed, MAX_PAGE, Spend, Write};

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
    let mut names = Vec::new();
    for client in t.store.participating(issuer, session, None).await.unwrap() {
        let found = t.store.participants(issuer, session, &client.client_id);
        for p in found.await.unwrap() {
            assert_eq!(p.client_id, client.client_id);
            names.push(format!("{} {}", p.client_id.as_str(), p.grant.unwrap()));
        }
    }
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
        let found = t.store.participating(issuer, key(session), None);
        let found = found.await.unwrap();
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

/// However many take part: nobody is left out of the pages, nobody stands in two, and who joins meanwhile moves nobody.
pub async fn clients_of_a_session_are_listed_in_pages(t: Trial) {
    let issuer = t.issuer().await;
    let most = MAX_PAGE + 7;
    let names: Vec<String> = (0..most).map(|n| format!("client-{n}")).collect();
    let all = names.iter().flat_map(|name| {
        let grants = ["1", "2"].map(|grant| participant(name, grant));
        grants.map(|record| put("s", record))
    });
    t.write(all.collect()).await;
    let mut listed = Vec::new();
    let mut after = None;
    let mut sizes = Vec::new();
    loop {
        let page = t.store.participating(issuer, key("s"), after.as_ref());
        let page = page.await.unwrap();
        sizes.push(page.len());
        listed.extend(page.iter().map(|p| p.client_id.as_str().to_owned()));
        if page.len() < MAX_PAGE {
            break;
        }
        after = page.last().map(|p| p.client_id.clone());
        // Of those that are listed already.
        t.write(vec![put("s", participant(&listed[0], "3"))]).await;
    }
    assert_eq!(sizes, [MAX_PAGE, 7]);
    listed.sort();
    let mut names = names;
    names.sort();
    assert_eq!(listed, names);
    let last = t.store.participating(issuer, key("s"), None).await.unwrap();
    let behind = last.last().map(|p| p.client_id.clone());
    let rest = t.store.participating(issuer, key("s"), behind.as_ref());
    assert_eq!(rest.await.unwrap().len(), 7);
}

/// What one client has is looked at piece by piece, and goes piece by piece.
pub async fn what_one_client_has_in_a_session_is_found_in_bounded_pieces(t: Trial) {
    let issuer = t.issuer().await;
    let client = client_id("a");
    let grants: Vec<String> = (0..MAX_PAGE + 7).map(|n| n.to_string()).collect();
    let mut all: Vec<_> = grants
        .iter()
        .map(|g| put("s", participant("a", g)))
        .collect();
    all.push(put("s", participant("b", "1")));
    t.write(all).await;
    let mut pieces = Vec::new();
    loop {
        let piece = t
            .store
            .participants(issuer, key("s"), &client)
            .await
            .unwrap();
        if piece.is_empty() {
            break;
        }
        pieces.push(piece.len());
        let forget =
            |p: &ParticipantRecord| Write::ForgetParticipant(key("s"), client.clone(), p.grant);
        t.write(piece.iter().map(forget).collect()).await;
    }
    assert_eq!(pieces, [MAX_PAGE, 7]);
    assert_eq!(of(&t, key("s")).await, [named("b", "1")]);
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
    let [a, b] = ["a", "b"].map(client_id);
    let beside = t.store.participants(issuer, key("beside"), &b);
    assert_eq!(beside.await.unwrap().len(), 1);
    let other = t.store.participants(issuer, key("beside"), &a);
    assert!(other.await.unwrap().is_empty());
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
    let a = client_id("a");
    let there = t.store.participants(other, key("s1"), &a);
    assert!(there.await.unwrap().is_empty());
    let there = t.store.participating(other, key("s1"), None);
    assert!(there.await.unwrap().is_empty());
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
        let joined = t.store.participating(issuer, session, None);
        let joined = joined.await.unwrap().len();
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
