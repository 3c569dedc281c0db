//! Issuers that are made at run time.

use std::sync::Arc;

use hallpass_types::IssuerId;
use serde_json::json;

use super::{
    Trial,
    deliveries::delivery,
    sample::{
        NOW, client, client_id, code, consent, grant, grant_id, key, session, signing_key, subject,
        token_id, user, waiting,
    },
};
use crate::{
    Commit, Committed, IssuerDone, IssuerRecord, IssuerState, IssuerWork, KeyPhase, NewIssuer,
    Spend, Write,
};

fn new(name: &str, place: &str) -> NewIssuer {
    NewIssuer {
        name: name.to_owned(),
        identifier: format!("https://{place}"),
        settings: json!({"lifetimes": {"code": 30}, "x": "\u{0}ü"})
            .as_object()
            .unwrap()
            .clone(),
        at: NOW,
    }
}

async fn make(t: &Trial, name: &str) -> IssuerRecord {
    let new = new(name, &format!("op.example/p/{name}"));
    t.store.create_issuer(new).await.unwrap().unwrap()
}

fn ids(records: &[IssuerRecord]) -> Vec<IssuerId> {
    records.iter().map(|record| record.id).collect()
}

/// Names and places are unique, and what is found is what was made.
pub async fn an_issuer_is_made_once_for_its_name_and_its_place(t: Trial) {
    let s = &t.store;
    let default = t.issuer().await;
    let made = s.create_issuer(new("a", "a.example")).await.unwrap();
    let made = made.unwrap();
    assert_ne!(made.id, default);
    assert_eq!(made.state, IssuerState::Enabled);
    assert_eq!(
        (made.revision, made.created_at, made.updated_at),
        (1, NOW, NOW)
    );
    assert_eq!(made.settings, new("a", "a.example").settings);
    assert_eq!(s.issuer_named("a").await.unwrap(), Some(made.clone()));
    assert_eq!(s.issuer_at("a.example").await.unwrap(), Some(made.clone()));
    for other in ["A", "a ", "", "a.example", "https://a.example", "%"] {
        assert_eq!(s.issuer_named(other).await.unwrap(), None, "{other}");
    }
    for other in ["a", "A.example", "a.example/", "https://a.example", ""] {
        assert_eq!(s.issuer_at(other).await.unwrap(), None, "{other}");
    }
    // The same name, the same place, the same place by another scheme.
    let http = NewIssuer {
        identifier: "http://a.example".to_owned(),
        ..new("c", "")
    };
    for taken in [new("a", "b.example"), new("b", "a.example"), http] {
        assert_eq!(s.create_issuer(taken).await.unwrap(), None);
    }
    assert_eq!(s.issuer_named("b").await.unwrap(), None);
    let second = s.create_issuer(new("b", "a.example/p/x")).await.unwrap();
    assert_ne!(second.unwrap().id, made.id);
}

/// Of two changes of one revision the second is too late; what identifies an issuer stays.
pub async fn an_issuer_changes_when_the_revision_is_current(t: Trial) {
    let made = make(&t, "a").await;
    let other = make(&t, "b").await;
    let changed = IssuerRecord {
        state: IssuerState::Disabled,
        settings: serde_json::Map::new(),
        updated_at: NOW.plus(5),
        name: "other".to_owned(),
        identifier: "https://other.example".to_owned(),
        revision: 77,
        change: 0,
        ..made.clone()
    };
    assert!(t.store.change_issuer(1, changed.clone()).await.unwrap());
    let found = t.store.issuer_named("a").await.unwrap().unwrap();
    assert_eq!(found.state, IssuerState::Disabled);
    assert_eq!((found.revision, found.updated_at), (2, NOW.plus(5)));
    assert!(found.settings.is_empty());
    assert_eq!((found.id, &found.identifier), (made.id, &made.identifier));
    assert!(found.change > other.change, "the latest change of all");
    assert_eq!(
        t.store.issuer_at(made.place()).await.unwrap(),
        Some(found.clone())
    );
    for (revision, record) in [
        (1, changed.clone()),
        (3, changed.clone()),
        (
            1,
            IssuerRecord {
                id: IssuerId(4_000_000),
                ..changed.clone()
            },
        ),
    ] {
        assert!(!t.store.change_issuer(revision, record).await.unwrap());
    }
    assert_eq!(t.store.issuer_named("a").await.unwrap(), Some(found));
    assert_eq!(t.store.issuer_named("b").await.unwrap(), Some(other));
}

/// A commit that uses a key, and notes something.
fn once(name: &str, said: &str) -> Commit {
    Commit {
        spends: vec![Spend::Once(key(name))],
        writes: vec![Write::Client(Box::new(client(said)))],
    }
}

/// Making and changing an issuer is part of a commit of another one: both happen, or neither.
pub async fn an_issuer_changes_with_a_commit_of_another_or_not_at_all(t: Trial) {
    let (store, home) = (&t.store, t.issuer().await);
    let does = async |work, commit| store.commit_issuer(work, home, commit).await.unwrap();
    let known = async |id: &str| {
        let id = client_id(id);
        store.client(home, &id).await.unwrap().is_some()
    };
    let make = |name: &str| IssuerWork::Create(new(name, &format!("{name}.example")));
    let IssuerDone::Done(made) = does(make("a"), once("k1", "one")).await else {
        panic!("it is not made");
    };
    assert_eq!(store.issuer_named("a").await.unwrap(), Some(*made.clone()));
    assert!(known("one").await);
    // The commit is too late: there is no issuer.
    let late = does(make("b"), once("k1", "two")).await;
    assert_eq!(late, IssuerDone::TooLate(0));
    assert_eq!(store.issuer_named("b").await.unwrap(), None);
    assert!(!known("two").await);
    // The name is taken: nothing was spent, nothing is written.
    assert_eq!(does(make("a"), once("k2", "two")).await, IssuerDone::Late);
    assert!(!known("two").await);
    let disable = |revision| IssuerWork::Change {
        revision,
        record: Box::new(IssuerRecord {
            state: IssuerState::Disabled,
            ..(*made).clone()
        }),
    };
    assert_eq!(does(disable(7), once("k2", "two")).await, IssuerDone::Late);
    let late = does(disable(1), once("k1", "two")).await;
    assert_eq!(late, IssuerDone::TooLate(0));
    let held = store.issuer_named("a").await.unwrap().unwrap();
    assert_eq!((held.state, held.revision), (IssuerState::Enabled, 1));
    assert!(!known("two").await);
    let IssuerDone::Done(changed) = does(disable(1), once("k2", "two")).await else {
        panic!("it is not changed");
    };
    assert_eq!(
        (changed.state, changed.revision),
        (IssuerState::Disabled, 2)
    );
    assert_eq!(store.issuer_named("a").await.unwrap(), Some(*changed));
    assert!(known("two").await);
    let made = does(make("b"), once("k3", "three")).await;
    assert!(matches!(made, IssuerDone::Done(_)));
}

/// Of two that change one revision in the same moment one commits, and what the other wanted to write is not there.
pub async fn of_two_that_change_an_issuer_at_once_one_commits(t: Trial) {
    let (store, home) = (&t.store, t.issuer().await);
    let made = make(&t, "a").await;
    let change = |at: i64| IssuerWork::Change {
        revision: 1,
        record: Box::new(IssuerRecord {
            updated_at: NOW.plus(at),
            ..made.clone()
        }),
    };
    let (one, two) = tokio::join!(
        store.commit_issuer(change(1), home, once("k1", "one")),
        store.commit_issuer(change(2), home, once("k2", "two")),
    );
    let done = [one.unwrap(), two.unwrap()].map(|done| matches!(done, IssuerDone::Done(_)));
    assert_ne!(done[0], done[1]);
    for (name, done) in ["one", "two"].into_iter().zip(done) {
        let found = store.client(home, &client_id(name)).await.unwrap();
        assert_eq!(found.is_some(), done, "{name}");
    }
    let held = store.issuer_named("a").await.unwrap().unwrap();
    assert_eq!(held.revision, 2);
}

/// Whoever follows the changes knows every issuer as it is.
pub async fn changes_of_issuers_are_seen_in_order_and_none_is_missed(t: Trial) {
    assert!(t.store.issuers_changed(0, 10).await.unwrap().is_empty());
    let [a, b, c] = ["a", "b", "c"];
    let a = make(&t, a).await;
    let b = make(&t, b).await;
    let c = make(&t, c).await;
    let all = t.store.issuers_changed(0, 10).await.unwrap();
    assert_eq!(ids(&all), [a.id, b.id, c.id]);
    let first = t.store.issuers_changed(0, 2).await.unwrap();
    assert_eq!(ids(&first), [a.id, b.id]);
    let last = all[2].change;
    assert!(t.store.issuers_changed(last, 10).await.unwrap().is_empty());
    assert!(t.store.change_issuer(1, a.clone()).await.unwrap());
    let later = t.store.issuers_changed(last, 10).await.unwrap();
    assert_eq!(ids(&later), [a.id]);
    assert_eq!(later[0].revision, 2);
    let all = t.store.issuers_changed(0, 10).await.unwrap();
    assert_eq!(ids(&all), [b.id, c.id, a.id]);

    // One who follows while many are made misses none.
    let (store, rounds) = (t.store.clone(), t.rounds.clamp(1, 40));
    let makers = 4;
    let mut making = tokio::task::JoinSet::new();
    for maker in 0..makers {
        let t = t.clone();
        making.spawn(async move {
            for round in 0..rounds {
                make(&t, &format!("m{maker}-{round}")).await;
            }
        });
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut after = 0;
    loop {
        let ended = making.is_empty();
        let changed = store.issuers_changed(after, 3).await.unwrap();
        for record in &changed {
            assert!(record.change > after);
            after = record.change;
            seen.insert(record.id);
        }
        if ended && changed.is_empty() {
            break;
        }
        if changed.is_empty() {
            let one = tokio::time::timeout(std::time::Duration::from_millis(1), making.join_next());
            if let Ok(Some(done)) = one.await {
                done.unwrap();
            }
        }
    }
    assert_eq!(seen.len(), (makers * rounds + 3) as usize);
}

/// A listing has every issuer once, in order.
pub async fn issuers_are_listed_in_pages_by_name(t: Trial) {
    for name in ["b", "ä", "a", "c"] {
        make(&t, name).await;
    }
    let mut names = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = t.store.issuers(after.as_deref(), 2).await.unwrap();
        assert!(page.items.len() <= 2);
        names.extend(page.items.into_iter().map(|record| record.name));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, ["a", "b", "c", "ä"]);
}

/// One of everything.
async fn fill(t: &Trial, issuer: IssuerId) {
    let commit = Commit {
        spends: vec![
            Spend::NewUser(Box::new(user("u"))),
            Spend::Once(key("o")),
            Spend::NewWaiting(key("w"), Box::new(waiting("w"))),
            Spend::NewClient(Box::new(client("d"))),
        ],
        writes: vec![
            Write::Code(key("c"), Box::new(code("c"))),
            Write::Grant(Box::new(grant("g"))),
            Write::DenyToken(token_id("t"), NOW),
            Write::Session(key("s"), Box::new(session("s"))),
            Write::Consent(subject("s"), client_id("c"), Box::new(consent("openid"))),
            Write::Client(Box::new(client("c"))),
            Write::SigningKey(Box::new(signing_key("k", KeyPhase::Active))),
            Write::Delivery(key("d"), Box::new(delivery(0))),
        ],
    };
    let done = t.store.commit(issuer, commit).await.unwrap();
    assert_eq!(done, Committed::Done);
}

async fn has_anything(t: &Trial, issuer: IssuerId) -> bool {
    let s = &t.store;
    let standing = s.standing(issuer, Some(grant_id("g")), token_id("t"), NOW);
    let standing = standing.await.unwrap();
    standing.grant.is_some()
        || standing.token_denied
        || s.code(issuer, key("c")).await.unwrap().is_some()
        || s.waiting(issuer, key("w")).await.unwrap().is_some()
        || s.session(issuer, key("s")).await.unwrap().is_some()
        || s.consent(issuer, &subject("s"), &client_id("c"))
            .await
            .unwrap()
            .is_some()
        || !s.clients(issuer, None, 9).await.unwrap().items.is_empty()
        || !s.users(issuer, None, 9).await.unwrap().items.is_empty()
        || s.user_by_name(issuer, "u").await.unwrap().is_some()
        || !s.signing_keys(issuer).await.unwrap().is_empty()
        || !s
            .due_deliveries(issuer, NOW.plus(9), 9)
            .await
            .unwrap()
            .is_empty()
}

/// Nothing is left of a deleted issuer, whoever takes its name later is another, and its neighbours keep what they have.
pub async fn what_an_issuer_has_goes_in_bites_and_its_number_never_comes_back(t: Trial) {
    let (a, b) = (make(&t, "a").await, make(&t, "b").await);
    for issuer in [a.id, b.id] {
        fill(&t, issuer).await;
    }
    let deleting = IssuerRecord {
        state: IssuerState::Deleting,
        ..a.clone()
    };
    assert!(t.store.change_issuer(1, deleting).await.unwrap());
    let again = t
        .store
        .create_issuer(new("a", "new.example"))
        .await
        .unwrap();
    assert_eq!(again, None, "the name is taken until everything is gone");
    let mut gone = 0;
    loop {
        let bite = t.store.erase_issuer(a.id, 3).await.unwrap();
        assert!(bite <= 3);
        gone += bite;
        if bite == 0 {
            break;
        }
        assert!(t.store.issuer_named("a").await.unwrap().is_some());
    }
    assert!(gone >= 11, "{gone}");
    assert!(!has_anything(&t, a.id).await);
    assert!(has_anything(&t, b.id).await);
    assert_eq!(t.store.issuer_named("a").await.unwrap(), None);
    assert_eq!(t.store.issuer_at(a.place()).await.unwrap(), None);
    assert_eq!(t.store.erase_issuer(a.id, 3).await.unwrap(), 0);
    let made = make(&t, "a").await;
    assert!(made.id > a.id && made.id != b.id);
    assert!(!has_anything(&t, made.id).await);
}

/// Only who is being deleted loses anything.
pub async fn an_issuer_that_is_not_deleted_keeps_everything(t: Trial) {
    let a = make(&t, "a").await;
    fill(&t, a.id).await;
    assert_eq!(t.store.erase_issuer(a.id, 100).await.unwrap(), 0);
    let disabled = IssuerRecord {
        state: IssuerState::Disabled,
        ..a.clone()
    };
    assert!(t.store.change_issuer(1, disabled).await.unwrap());
    assert_eq!(t.store.erase_issuer(a.id, 100).await.unwrap(), 0);
    assert!(has_anything(&t, a.id).await);
    assert!(t.store.issuer_named("a").await.unwrap().is_some());
    // The one of the configuration has no record.
    let default = t.issuer().await;
    fill(&t, default).await;
    assert_eq!(t.store.erase_issuer(default, 100).await.unwrap(), 0);
    assert!(has_anything(&t, default).await);
}

/// Who has something to send is found, and nobody else.
pub async fn issuers_with_due_deliveries_are_found(t: Trial) {
    let default = t.issuer().await;
    let mut due = vec![default];
    for name in ["a", "b", "c", "d"] {
        due.push(make(&t, name).await.id);
    }
    for (issuer, after) in due.iter().zip([0, 10, -10, 0, 11]) {
        let writes = vec![
            Write::Delivery(key("d"), Box::new(delivery(after))),
            Write::Delivery(key("e"), Box::new(delivery(20))),
        ];
        let commit = Commit {
            spends: Vec::new(),
            writes,
        };
        t.store.commit(*issuer, commit).await.unwrap();
    }
    let found = |after, limit| t.store.due_issuers(NOW, after, limit);
    assert_eq!(found(None, 9).await.unwrap(), [due[0], due[2], due[3]]);
    assert_eq!(found(None, 2).await.unwrap(), [due[0], due[2]]);
    assert_eq!(found(Some(due[2]), 2).await.unwrap(), [due[3]]);
    assert!(found(Some(due[3]), 2).await.unwrap().is_empty());
}

/// Two nodes, one name; two operators, one revision.
pub async fn of_many_that_make_or_change_one_issuer_one_succeeds(t: Trial) {
    for round in 0..t.rounds.div_ceil(20) {
        let barrier = Arc::new(tokio::sync::Barrier::new(8));
        let mut running = tokio::task::JoinSet::new();
        for task in 0..8 {
            let (store, barrier) = (t.store.clone(), barrier.clone());
            running.spawn(async move {
                // Half want the name, half the place.
                let new = match task % 2 {
                    0 => new(&format!("r{round}"), &format!("r{round}-{task}.example")),
                    _ => new(&format!("r{round}"), &format!("r{round}.example")),
                };
                barrier.wait().await;
                let made = store.create_issuer(new).await.unwrap();
                barrier.wait().await;
                let record = store.issuer_named(&format!("r{round}")).await.unwrap();
                let record = record.unwrap();
                barrier.wait().await;
                let changed = store.change_issuer(record.revision, record).await.unwrap();
                (made.is_some(), changed)
            });
        }
        let ends = running.join_all().await;
        assert_eq!(ends.iter().filter(|(made, _)| *made).count(), 1);
        assert_eq!(ends.iter().filter(|(_, changed)| *changed).count(), 1);
    }
}
