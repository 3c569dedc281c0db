//! Signing keys, and the roots of what is derived.

use hallpass_core::access::{Directory, Role};
use hallpass_types::Timestamp;

use super::{Trial, sample::signing_key};
use crate::{Commit, Committed, KeyPhase, KeyRecord, RootRecord, Spend, WrappedRoot, Write};

/// One record per `kid`, whatever its phase.
pub async fn signing_keys_are_written_replaced_and_deleted(t: Trial) {
    let issuer = t.issuer().await;
    let all = || async {
        let mut keys = t.store.signing_keys(issuer).await.unwrap();
        keys.sort_by(|a, b| a.kid.cmp(&b.kid));
        keys
    };
    let put = |kid: &str, phase| Write::SigningKey(Box::new(signing_key(kid, phase)));
    assert!(all().await.is_empty());
    t.write(vec![put("a", KeyPhase::Active), put("b", KeyPhase::Next)])
        .await;
    t.write(vec![
        put("a", KeyPhase::Retiring),
        put("b", KeyPhase::Active),
    ])
    .await;
    assert_eq!(
        all().await,
        [
            signing_key("a", KeyPhase::Retiring),
            signing_key("b", KeyPhase::Active)
        ]
    );
    for _ in 0..2 {
        t.write(vec![Write::DeleteSigningKey("a".to_owned())]).await;
        assert_eq!(all().await, [signing_key("b", KeyPhase::Active)]);
    }
}

/// A commit that was decided on other keys than the present ones writes nothing.
pub async fn keys_that_have_changed_since_they_were_read_are_noticed(t: Trial) {
    let a = |phase| signing_key("a", phase);
    let b = || signing_key("b", KeyPhase::Next);
    let put = |key| vec![Write::SigningKey(Box::new(key))];
    let first = vec![Spend::SigningKeys(Vec::new())];
    let end = t.commit(first.clone(), put(a(KeyPhase::Active))).await;
    assert_eq!(end, Committed::Done);
    let end = t.commit(first, put(b())).await;
    assert_eq!(end, Committed::TooLate(0), "somebody else was first");
    t.write(put(b())).await;
    for other in [
        vec![a(KeyPhase::Active)],
        vec![a(KeyPhase::Retiring), b()],
        vec![a(KeyPhase::Active), b(), signing_key("c", KeyPhase::Next)],
    ] {
        let end = t.spend(Spend::SigningKeys(other)).await;
        assert_eq!(end, Committed::TooLate(0));
    }
    for same in [[a(KeyPhase::Active), b()], [b(), a(KeyPhase::Active)]] {
        let end = t.spend(Spend::SigningKeys(same.to_vec())).await;
        assert_eq!(end, Committed::Done);
    }
}

fn root(revision: u32, name: &str) -> Box<RootRecord> {
    Box::new(RootRecord {
        revision,
        epoch: 3,
        wraps: vec![WrappedRoot {
            master: name.to_owned(),
            sealed: vec![0, 1, 255],
        }],
        valid_from: Timestamp(5),
        created_at: Timestamp(6),
        changed_at: Timestamp(7),
    })
}

/// The first root wins, and whoever changes one has seen the last.
pub async fn a_root_is_made_once_and_changes_when_the_revision_is_current(t: Trial) {
    let issuer = t.issuer().await;
    let put = |from, record| Spend::Root { from, record };
    assert_eq!(t.store.root(issuer).await.unwrap(), None);
    assert_eq!(
        t.spend(put(Some(0), root(1, "a"))).await,
        Committed::TooLate(0),
        "there is none"
    );
    assert_eq!(t.spend(put(None, root(0, "a"))).await, Committed::Done);
    for late in [put(None, root(0, "b")), put(Some(1), root(2, "b"))] {
        assert_eq!(t.spend(late).await, Committed::TooLate(0));
    }
    assert_eq!(t.store.root(issuer).await.unwrap(), Some(*root(0, "a")));
    let other = t.store.issuer("https://other.example").await.unwrap();
    assert_eq!(t.store.root(other).await.unwrap(), None);
    let undone = vec![
        put(Some(0), root(1, "c")),
        Spend::SigningKeys(vec![signing_key("none", KeyPhase::Active)]),
    ];
    assert_eq!(t.commit(undone, Vec::new()).await, Committed::TooLate(1));
    assert_eq!(t.store.root(issuer).await.unwrap(), Some(*root(0, "a")));
    assert_eq!(t.spend(put(Some(0), root(1, "d"))).await, Committed::Done);
    assert_eq!(t.store.root(issuer).await.unwrap(), Some(*root(1, "d")));
}

/// Nodes that start at the same moment agree on one root, and of many that change it one succeeds.
pub async fn a_root_that_many_make_or_change_is_one(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds.min(50) {
        let from = round.checked_sub(1);
        let done = t
            .race(8, |task| async move {
                let record = root(round, &format!("{task}"));
                Commit {
                    spends: vec![Spend::Root { from, record }],
                    writes: Vec::new(),
                }
            })
            .await;
        assert_eq!(done, 1, "round {round}");
        let found = t.store.root(issuer).await.unwrap().unwrap();
        assert_eq!(found.revision, round);
    }
}

fn directory(revision: u64, role: &str) -> Box<Directory> {
    let mut record = Directory {
        revision,
        ..Directory::default()
    };
    record.roles.insert(role.to_owned(), Role::default());
    Box::new(record)
}

/// Whoever changes roles, groups and organizations has seen the last ones, and each issuer has its own.
pub async fn a_directory_changes_when_its_revision_is_current(t: Trial) {
    let issuer = t.issuer().await;
    let put = |from, record| Spend::Directory { from, record };
    let held = async || t.store.directory(issuer).await.unwrap();
    assert_eq!(held().await, Directory::default());
    assert_eq!(
        t.spend(put(1, directory(2, "a"))).await,
        Committed::TooLate(0)
    );
    assert_eq!(t.spend(put(0, directory(1, "a"))).await, Committed::Done);
    for late in [put(0, directory(1, "b")), put(2, directory(3, "b"))] {
        assert_eq!(t.spend(late).await, Committed::TooLate(0));
    }
    assert_eq!(held().await, *directory(1, "a"));
    let other = t.store.issuer("https://other.example").await.unwrap();
    assert_eq!(
        t.store.directory(other).await.unwrap(),
        Directory::default()
    );
    let undone = vec![
        put(1, directory(2, "c")),
        Spend::SigningKeys(vec![signing_key("none", KeyPhase::Active)]),
    ];
    assert_eq!(t.commit(undone, Vec::new()).await, Committed::TooLate(1));
    assert_eq!(held().await, *directory(1, "a"));
    assert_eq!(t.spend(put(1, directory(2, "d"))).await, Committed::Done);
    assert_eq!(held().await, *directory(2, "d"));
}

/// Of many that change a directory at once one succeeds.
pub async fn a_directory_that_many_change_is_changed_once(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds.min(50) {
        let from = u64::from(round);
        let done = t
            .race(8, |task| async move {
                let record = directory(from + 1, &format!("{task}"));
                Commit {
                    spends: vec![Spend::Directory { from, record }],
                    writes: Vec::new(),
                }
            })
            .await;
        assert_eq!(done, 1, "round {round}");
        let found = t.store.directory(issuer).await.unwrap();
        assert_eq!((found.revision, found.roles.len()), (from + 1, 1));
    }
}

/// Every issuer once, in order, in pages.
pub async fn numbers_of_issuers_are_listed_in_pages(t: Trial) {
    assert!(t.store.issuer_numbers(None, 9).await.unwrap().is_empty());
    let mut made = Vec::new();
    for n in 0..5 {
        let name = format!("https://{n}.example");
        made.push((t.store.issuer(&name).await.unwrap(), name));
    }
    made.sort();
    let mut seen = Vec::new();
    while let Ok(page) = t
        .store
        .issuer_numbers(seen.last().map(|(n, _)| *n), 2)
        .await
        && !page.is_empty()
    {
        assert!(page.len() <= 2);
        seen.extend(page);
    }
    assert_eq!(seen, made);
}

/// One question names whose keys or roots have changed, in order, in pages, whoever else has none that did.
pub async fn whose_keys_have_changed_is_one_question(t: Trial) {
    let store = &t.store;
    let changed = |since, after| async move {
        let found = store.keys_changed(Timestamp(since), after).await;
        found.unwrap()
    };
    assert!(changed(0, None).await.is_empty());
    let mut issuers = Vec::new();
    for n in 0..4 {
        let name = format!("https://{n}.example");
        issuers.push(store.issuer(&name).await.unwrap());
    }
    issuers.sort();
    let commit = |issuer, spends, writes| async move {
        let commit = Commit { spends, writes };
        assert_eq!(store.commit(issuer, commit).await.unwrap(), Committed::Done);
    };
    let key = |name: &str, phase, at| {
        let key = signing_key(name, phase);
        Write::SigningKey(Box::new(KeyRecord {
            created_at: Timestamp(100),
            phase_since: Timestamp(at),
            ..key
        }))
    };
    let made = vec![
        key("a", KeyPhase::Active, 100),
        key("b", KeyPhase::Next, 150),
    ];
    commit(issuers[0], Vec::new(), made).await;
    commit(
        issuers[2],
        Vec::new(),
        vec![key("a", KeyPhase::Active, 200)],
    )
    .await;
    assert_eq!(changed(0, None).await, [issuers[0], issuers[2]]);
    assert_eq!(changed(151, None).await, [issuers[2]]);
    assert_eq!(changed(200, None).await, [issuers[2]]);
    assert!(changed(201, None).await.is_empty());
    assert!(changed(0, Some(issuers[2])).await.is_empty());
    // A key that takes the place of another, a root, and the root that takes its place.
    commit(
        issuers[0],
        Vec::new(),
        vec![key("b", KeyPhase::Active, 300)],
    )
    .await;
    let root_at = |from, revision, at| {
        let record = RootRecord {
            changed_at: Timestamp(at),
            ..*root(revision, "a")
        };
        let record = Box::new(record);
        vec![Spend::Root { from, record }]
    };
    commit(issuers[1], root_at(None, 0, 250), Vec::new()).await;
    assert_eq!(changed(250, None).await, [issuers[0], issuers[1]]);
    commit(issuers[1], root_at(Some(0), 1, 400), Vec::new()).await;
    assert_eq!(changed(301, None).await, [issuers[1]]);
    assert_eq!(changed(300, Some(issuers[0])).await, [issuers[1]]);
    // What is undone has not happened.
    let late = Spend::SigningKeys(vec![signing_key("none", KeyPhase::Active)]);
    let writes = vec![key("c", KeyPhase::Next, 500)];
    let commit = Commit {
        spends: vec![late],
        writes,
    };
    let done = store.commit(issuers[3], commit).await.unwrap();
    assert_eq!(done, Committed::TooLate(0));
    assert!(changed(401, None).await.is_empty());
}

/// Whoever asks after a change is told of it, also while many make changes; no issuer twice.
pub async fn of_many_that_change_their_keys_at_once_nobody_is_missed(t: Trial) {
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..t.rounds.min(40) {
        let store = t.store.clone();
        tasks.spawn(async move {
            let issuer = store.issuer(&format!("https://{n}.example")).await.unwrap();
            let key = KeyRecord {
                phase_since: Timestamp(1000),
                ..signing_key("a", KeyPhase::Active)
            };
            let writes = vec![Write::SigningKey(Box::new(key))];
            let commit = Commit {
                spends: Vec::new(),
                writes,
            };
            store.commit(issuer, commit).await.unwrap();
            let found = store.keys_changed(Timestamp(1000), None).await.unwrap();
            assert!(found.contains(&issuer), "{found:?}");
            issuer
        });
    }
    let mut made = tasks.join_all().await;
    made.sort();
    assert_eq!(
        t.store.keys_changed(Timestamp(1000), None).await.unwrap(),
        made
    );
}

/// Of many that rotate on the same keys, one does, and its new key is the only one.
pub async fn keys_that_many_rotate_are_rotated_once(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds.min(50) {
        let before = t.store.signing_keys(issuer).await.unwrap();
        let rotate = |task: u8| {
            let gone = before.iter().map(|key| key.kid.clone());
            let mut writes: Vec<Write> = gone.map(Write::DeleteSigningKey).collect();
            let new = signing_key(&format!("{round} {task}"), KeyPhase::Active);
            writes.push(Write::SigningKey(Box::new(new)));
            std::future::ready(Commit {
                spends: vec![Spend::SigningKeys(before.clone())],
                writes,
            })
        };
        assert_eq!(t.race(8, rotate).await, 1, "round {round}");
        let now = t.store.signing_keys(issuer).await.unwrap();
        let made_now = now.len() == 1 && now[0].kid.starts_with(&format!("{round} "));
        assert!(made_now, "round {round}: {now:?}");
    }
}
