//! What stands beside clients that registered themselves, and the tokens that let them.

use hallpass_core::client::{ClientOrigin, ClientRecord};
use hallpass_types::{ContentDigest, sha256};

use super::{
    Trial,
    sample::{NOW, client, client_id},
};
use crate::{Commit, Committed, Day, InitialAccessRecord, Registration, Spend, Write};

const TASKS: u8 = 8;

fn registered(id: &str) -> Spend {
    Spend::NewClient(Box::new(ClientRecord {
        origin: ClientOrigin::Registration,
        ..client(id)
    }))
}

fn registration(id: &str, used: u32) -> Registration {
    Registration {
        client: client_id(id),
        used: Day(used),
        software: None,
        fold: None,
    }
}

fn beside(registration: Registration) -> Spend {
    Spend::NewRegistration(Box::new(registration))
}

fn access(max_uses: Option<u32>) -> Box<InitialAccessRecord> {
    Box::new(InitialAccessRecord {
        label: "Müller & \u{0} Söhne".to_owned(),
        policies: vec!["spa".to_owned()],
        created_at: NOW,
        expires_at: Some(NOW.plus(60)),
        max_uses,
        uses: 0,
    })
}

fn digest(text: &str) -> ContentDigest {
    ContentDigest(sha256(text.as_bytes()))
}

/// Clients that were not used since a day are found, the longest unused first; one that is used again is not.
pub async fn unused_clients_are_found_by_the_day_of_their_last_use(t: Trial) {
    let issuer = t.issuer().await;
    for (id, day) in [("c", 30), ("a", 10), ("b", 20)] {
        let spends = vec![registered(id), beside(registration(id, day))];
        assert_eq!(t.commit(spends, Vec::new()).await, Committed::Done);
    }
    let idle = |before, limit| {
        let store = t.store.clone();
        async move {
            let found = store
                .idle_clients(issuer, Day(before), limit)
                .await
                .unwrap();
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        }
    };
    assert!(idle(10, 10).await.is_empty());
    assert_eq!(idle(30, 10).await, ["a", "b"]);
    assert_eq!(idle(31, 2).await, ["a", "b"]);
    assert_eq!(idle(31, 0).await, ["a"], "one at least");
    let used = |id, day| t.write(vec![Write::ClientUsed(client_id(id), Day(day))]);
    used("a", 40).await;
    used("a", 5).await;
    used("unknown", 40).await;
    assert_eq!(idle(31, 10).await, ["b", "c"]);
    assert_eq!(idle(41, 10).await, ["b", "c", "a"], "never back");
}

/// The assertion and the deletion are one commit.
pub async fn a_client_that_was_used_meanwhile_is_not_idle(t: Trial) {
    let spends = vec![registered("a"), beside(registration("a", 10))];
    assert_eq!(t.commit(spends, Vec::new()).await, Committed::Done);
    let forget = |before| Commit {
        spends: vec![Spend::IdleClient {
            client: client_id("a"),
            before: Day(before),
        }],
        writes: vec![Write::DeleteClient(client_id("a"))],
    };
    let issuer = t.issuer().await;
    let commit = |before| t.store.commit(issuer, forget(before));
    assert_eq!(commit(10).await.unwrap(), Committed::TooLate(0));
    t.write(vec![Write::ClientUsed(client_id("a"), Day(20))])
        .await;
    assert_eq!(commit(20).await.unwrap(), Committed::TooLate(0));
    assert_eq!(commit(21).await.unwrap(), Committed::Done);
    assert!(
        t.store
            .client(issuer, &client_id("a"))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(commit(99).await.unwrap(), Committed::TooLate(0), "unknown");
    assert!(
        t.store
            .idle_clients(issuer, Day(99), 9)
            .await
            .unwrap()
            .is_empty()
    );
}

/// Software is counted as long as its clients are there.
pub async fn clients_of_one_software_are_counted(t: Trial) {
    let issuer = t.issuer().await;
    let (one, other) = (sha256(b"one"), sha256(b"other"));
    for (id, software) in [
        ("a", Some(one)),
        ("b", Some(one)),
        ("c", Some(other)),
        ("d", None),
    ] {
        let beside = beside(Registration {
            software,
            ..registration(id, 1)
        });
        let done = t.commit(vec![registered(id), beside], Vec::new()).await;
        assert_eq!(done, Committed::Done);
    }
    let count = |digest| t.store.count_clients_of_software(issuer, digest);
    assert_eq!(count(one).await.unwrap(), 2);
    t.write(vec![Write::DeleteClient(client_id("a"))]).await;
    assert_eq!(count(one).await.unwrap(), 1);
    assert_eq!(count(other).await.unwrap(), 1);
    assert_eq!(count(sha256(b"none")).await.unwrap(), 0);
    let elsewhere = t.store.issuer("https://other.example").await.unwrap();
    let there = t.store.count_clients_of_software(elsewhere, one).await;
    assert_eq!(there.unwrap(), 0);
}

/// Of many who register the same at once one makes the client.
pub async fn the_same_metadata_makes_one_client(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds.div_ceil(10) {
        let fold = sha256(&round.to_be_bytes());
        let register = |task: u8| {
            let id = format!("r{round}-{task}");
            let beside = beside(Registration {
                fold: Some(fold),
                ..registration(&id, 1)
            });
            std::future::ready(Commit {
                spends: vec![registered(&id), beside],
                writes: Vec::new(),
            })
        };
        assert_eq!(t.race(TASKS, register).await, 1, "round {round}");
        let found = t.store.folded_client(issuer, fold).await.unwrap();
        let found = found.unwrap();
        assert!(t.store.client(issuer, &found).await.unwrap().is_some());
        t.write(vec![Write::DeleteClient(found)]).await;
        let gone = t.store.folded_client(issuer, fold).await.unwrap();
        assert!(gone.is_none(), "free for the next one");
    }
    let left = t.store.count_registered_clients(issuer).await.unwrap();
    assert_eq!(left, 0, "nothing of the others is there");
}

/// What stands beside a client goes with it, even when an operator made it theirs meanwhile.
pub async fn nothing_is_left_beside_a_client_that_is_gone(t: Trial) {
    let issuer = t.issuer().await;
    let fold = sha256(b"metadata");
    let beside = beside(Registration {
        fold: Some(fold),
        software: Some(fold),
        ..registration("a", 1)
    });
    t.commit(vec![registered("a"), beside], Vec::new()).await;
    let mut own = client("a");
    own.origin = ClientOrigin::Administration;
    t.write(vec![Write::Client(Box::new(own))]).await;
    t.write(vec![Write::DeleteClient(client_id("a"))]).await;
    let folded = t.store.folded_client(issuer, fold).await.unwrap();
    assert_eq!(folded, None);
    let counted = t.store.count_clients_of_software(issuer, fold).await;
    assert_eq!(counted.unwrap(), 0);
    let idle = t.store.idle_clients(issuer, Day(99), 9).await.unwrap();
    assert!(idle.is_empty());
}

/// A token is used as often as it allows, and not once more, whoever asks at the same time.
pub async fn an_initial_access_token_is_used_as_often_as_it_allows(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds.div_ceil(10) {
        let key = digest(&format!("r{round}"));
        t.write(vec![Write::InitialAccess(key, access(Some(3)))])
            .await;
        let register = |task: u8| {
            std::future::ready(Commit {
                spends: vec![
                    Spend::InitialAccess(key),
                    registered(&format!("{round}-{task}")),
                ],
                writes: Vec::new(),
            })
        };
        assert_eq!(t.race(TASKS, register).await, 3, "round {round}");
        let found = t.store.initial_access(issuer, key).await.unwrap();
        assert_eq!(found.unwrap().uses, 3);
    }
    let key = digest("unlimited");
    t.write(vec![Write::InitialAccess(key, access(None))]).await;
    for _ in 0..5 {
        assert_eq!(t.spend(Spend::InitialAccess(key)).await, Committed::Done);
    }
    let unknown = Spend::InitialAccess(digest("unknown"));
    assert_eq!(t.spend(unknown).await, Committed::TooLate(0));
}

/// A registration that fails uses nothing up.
pub async fn a_use_is_taken_back_with_its_commit(t: Trial) {
    let issuer = t.issuer().await;
    let key = digest("token");
    t.write(vec![Write::InitialAccess(key, access(Some(1)))])
        .await;
    t.spend(registered("a")).await;
    let taken = vec![
        Spend::InitialAccess(key),
        beside(registration("a", 1)),
        registered("a"),
    ];
    assert_eq!(t.commit(taken, Vec::new()).await, Committed::TooLate(2));
    let found = t.store.initial_access(issuer, key).await.unwrap().unwrap();
    assert_eq!(found, *access(Some(1)));
    assert!(
        t.store
            .idle_clients(issuer, Day(9), 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(t.spend(Spend::InitialAccess(key)).await, Committed::Done);
    let all = t.store.initial_accesses(issuer, None, 9).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].0, all[0].1.uses), (key, 1));
    t.write(vec![Write::DeleteInitialAccess(key)]).await;
    assert!(t.store.initial_access(issuer, key).await.unwrap().is_none());
    let none = t.store.initial_accesses(issuer, None, 9).await;
    assert!(none.unwrap().is_empty());
}

/// Pages follow one another by the digests, with nothing twice and nothing left out, and end.
pub async fn initial_access_tokens_are_read_page_by_page(t: Trial) {
    let issuer = t.issuer().await;
    let other = t.store.issuer("https://other.example").await.unwrap();
    let mut expected: Vec<_> = (0..7).map(|n| digest(&format!("page {n}"))).collect();
    for key in &expected {
        t.write(vec![Write::InitialAccess(*key, access(None))])
            .await;
    }
    expected.sort_by_key(|key| key.0);
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = t.store.initial_accesses(issuer, after, 3).await.unwrap();
        assert!(page.len() <= 3, "{}", page.len());
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        found.extend(page.into_iter().map(|(key, _)| key));
    }
    assert!(found == expected, "{} of 7", found.len());
    // None is there twice at the end, and another issuer has none of them.
    let last = expected.last().copied();
    let behind = t.store.initial_accesses(issuer, last, 3).await.unwrap();
    assert!(behind.is_empty());
    let theirs = t.store.initial_accesses(other, None, 3).await.unwrap();
    assert!(theirs.is_empty());
}

/// Of many that delete a client which nobody uses, one does; whoever uses it at that moment keeps it or comes too late, and
/// it is never deleted after it was seen to be used.
pub async fn a_client_is_deleted_once_or_used_when_both_happen_at_once(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds.div_ceil(10) {
        let id = format!("r{round}");
        let spends = vec![registered(&id), beside(registration(&id, 10))];
        assert_eq!(t.commit(spends, Vec::new()).await, Committed::Done);
        let act = |task: u8| {
            let client = client_id(&id);
            std::future::ready(if task == 7 && round % 2 == 0 {
                Commit {
                    spends: Vec::new(),
                    writes: vec![Write::ClientUsed(client, Day(30))],
                }
            } else {
                Commit {
                    spends: vec![Spend::IdleClient {
                        client: client.clone(),
                        before: Day(20),
                    }],
                    writes: vec![Write::DeleteClient(client)],
                }
            })
        };
        let used = usize::from(round % 2 == 0);
        let deleted = t.race(TASKS, act).await - used;
        let there = t.store.client(issuer, &client_id(&id)).await.unwrap();
        assert_eq!(deleted, usize::from(there.is_none()), "round {round}");
        assert!(used == 1 || deleted == 1, "round {round}");
        if there.is_some() {
            let late = Spend::IdleClient {
                client: client_id(&id),
                before: Day(20),
            };
            assert_eq!(t.spend(late).await, Committed::TooLate(0));
        }
    }
}
