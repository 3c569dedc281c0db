//! What operators keep, and what they did.

use hallpass_types::{Bucket, Once};
use serde_json::{Map, json};

use super::{
    Trial,
    sample::{NOW, client_id, key, subject, user},
};
use crate::{
    Actor, AdminKind, AdminRecord, AuditRecord, Commit, Committed, Day, Spend, Write,
    operator_of_person,
};

const OPERATOR: AdminKind = AdminKind::Operator;

fn record(id: &str, revision: u64, says: &str) -> AdminRecord {
    AdminRecord {
        id: id.to_owned(),
        revision,
        value: json!({ "says": says }),
    }
}

fn put(kind: AdminKind, from: Option<u64>, next: AdminRecord) -> Spend {
    Spend::Admin {
        kind,
        id: next.id.clone(),
        from,
        next: Some(Box::new(next)),
    }
}

fn delete(kind: AdminKind, id: &str, from: Option<u64>) -> Spend {
    Spend::Admin {
        kind,
        id: id.to_owned(),
        from,
        next: None,
    }
}

fn line(seq: u64, by: &str) -> AuditRecord {
    AuditRecord {
        seq,
        at: NOW,
        actor: Actor {
            kind: "user".to_owned(),
            id: by.to_owned(),
            client: None,
        },
        action: "clients.create".to_owned(),
        target: Some("client".to_owned()),
        target_id: None,
        details: Map::new(),
        address: Some([127, 0, 0, 1].into()),
        chain: [7; 32],
    }
}

fn append(seq: u64, by: &str) -> Spend {
    Spend::Audit(Box::new(line(seq, by)))
}

/// With an account or a client goes what it may administer, in this issuer and for this one alone: whoever has the name next
/// is somebody else.
pub async fn whoever_goes_administers_nothing_any_more(t: Trial) {
    let issuer = t.issuer().await;
    let ids = ["user:ann", "user:anna", "client:ann", "client:bob"];
    for id in ids {
        assert_eq!(
            t.spend(put(OPERATOR, None, record(id, 1, "one"))).await,
            Committed::Done
        );
    }
    let other = put(AdminKind::Webhook, None, record("user:ann", 1, "one"));
    assert_eq!(t.spend(other).await, Committed::Done);
    let left = async || {
        let found = t.store.admin_records(issuer, OPERATOR, None, 9).await;
        let found = found.unwrap().items.into_iter();
        found.map(|record| record.id).collect::<Vec<_>>()
    };
    let ann = Write::ForgetPerson(subject("ann"));
    // Not when it does not come to pass.
    let late = t
        .commit(vec![Spend::Session(key("none"))], vec![ann.clone()])
        .await;
    assert_eq!((late, left().await.len()), (Committed::TooLate(0), 4));
    assert_eq!(t.commit(Vec::new(), vec![ann]).await, Committed::Done);
    assert_eq!(left().await, ["client:ann", "client:bob", "user:anna"]);
    let bob = Write::DeleteClient(client_id("bob"));
    assert_eq!(t.commit(Vec::new(), vec![bob]).await, Committed::Done);
    assert_eq!(left().await, ["client:ann", "user:anna"]);
    let webhook = t.store.admin_record(issuer, AdminKind::Webhook, "user:ann");
    assert!(webhook.await.unwrap().is_some());
}

/// With a person goes by whom they do not want to be asked, and nobody else's.
pub async fn whoever_goes_refuses_nobody_any_more(t: Trial) {
    let (issuer, kind) = (t.issuer().await, AdminKind::Refusals);
    for id in ["ann", "anna", "user:ann"] {
        let made = t.spend(put(kind, None, record(id, 1, "one"))).await;
        assert_eq!(made, Committed::Done);
    }
    let forget = vec![Write::ForgetPerson(subject("ann"))];
    assert_eq!(t.commit(Vec::new(), forget).await, Committed::Done);
    let left = t.store.admin_records(issuer, kind, None, 9).await.unwrap();
    let left: Vec<String> = left.items.into_iter().map(|record| record.id).collect();
    assert_eq!(left, ["anna", "user:ann"]);
}

/// Of many who change what a person refuses at once, one does; the others read it again.
pub async fn of_many_changes_of_what_a_person_refuses_one_is_written(t: Trial) {
    let (issuer, kind) = (t.issuer().await, AdminKind::Refusals);
    for round in 0..t.rounds {
        let id = format!("ann{round}");
        let race = async |from: Option<u64>, revision: u64| {
            t.race(8, |task| {
                let change = put(kind, from, record(&id, revision, &format!("{task}")));
                async move {
                    Commit {
                        spends: vec![change],
                        writes: Vec::new(),
                    }
                }
            })
            .await
        };
        assert_eq!(race(None, 1).await, 1);
        assert_eq!(race(Some(1), 2).await, 1);
        let kept = t.store.admin_record(issuer, kind, &id).await.unwrap();
        assert_eq!(kept.map(|record| record.revision), Some(2));
    }
}

/// Whoever makes an operator asserts that the account is as they have read it: of that and its deletion one comes first, and
/// either way nobody administers without an account.
pub async fn nobody_becomes_an_operator_while_they_are_deleted(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds {
        let person = user(&format!("racer{round}"));
        let made = t.spend(Spend::NewUser(Box::new(person.clone()))).await;
        assert_eq!(made, Committed::Done);
        let id = operator_of_person(&person.subject);
        let won = t
            .race(8, |task| {
                let (person, id) = (person.clone(), id.clone());
                async move {
                    let (subject, revision) = (person.subject.clone(), person.revision);
                    if task % 2 == 0 {
                        let forget = Write::ForgetPerson(subject.clone());
                        return Commit {
                            spends: vec![Spend::DeleteUser { subject, revision }],
                            writes: vec![forget],
                        };
                    }
                    let same = Spend::User {
                        revision,
                        record: Box::new(crate::UserRecord {
                            revision: revision + 1,
                            ..person
                        }),
                    };
                    Commit {
                        spends: vec![same, put(OPERATOR, None, record(&id, 1, "one"))],
                        writes: Vec::new(),
                    }
                }
            })
            .await;
        assert_eq!(won, 1);
        let account = t.store.user(issuer, &person.subject).await.unwrap();
        let operator = t.store.admin_record(issuer, OPERATOR, &id).await.unwrap();
        assert_eq!(account.is_some(), operator.is_some());
    }
}

/// Made once, changed from the revision that was read, deleted likewise.
pub async fn a_record_changes_when_its_revision_is_current(t: Trial) {
    let issuer = t.issuer().await;
    let read = async |id: &str| t.store.admin_record(issuer, OPERATOR, id).await.unwrap();
    assert_eq!(read("ann").await, None);
    let made = record("ann", 1, "one");
    let late = Committed::TooLate(0);
    assert_eq!(t.spend(put(OPERATOR, Some(1), made.clone())).await, late);
    assert_eq!(t.spend(delete(OPERATOR, "ann", None)).await, late);
    assert_eq!(
        t.spend(put(OPERATOR, None, made.clone())).await,
        Committed::Done
    );
    assert_eq!(read("ann").await, Some(made.clone()));
    assert_eq!(t.spend(put(OPERATOR, None, made)).await, late);
    let next = record("ann", 2, "two");
    assert_eq!(
        t.spend(put(OPERATOR, Some(1), next.clone())).await,
        Committed::Done
    );
    assert_eq!(
        t.spend(put(OPERATOR, Some(1), record("ann", 2, "three")))
            .await,
        late
    );
    assert_eq!(read("ann").await, Some(next));
    assert_eq!(t.spend(delete(OPERATOR, "ann", Some(1))).await, late);
    assert_eq!(
        t.spend(delete(OPERATOR, "ann", Some(2))).await,
        Committed::Done
    );
    assert_eq!(read("ann").await, None);
    assert_eq!(t.spend(delete(OPERATOR, "ann", Some(2))).await, late);
}

/// Kinds do not see each other, and pages follow each other without gaps.
pub async fn records_are_listed_in_pages_by_kind(t: Trial) {
    let issuer = t.issuer().await;
    for id in ["b", "a", "d", "c"] {
        t.spend(put(OPERATOR, None, record(id, 1, id))).await;
    }
    t.spend(put(AdminKind::Webhook, None, record("x", 1, "x")))
        .await;
    let page = async |after: Option<&str>, limit| {
        let page = t.store.admin_records(issuer, OPERATOR, after, limit).await;
        let page = page.unwrap();
        let ids: Vec<String> = page.items.into_iter().map(|record| record.id).collect();
        (ids.concat(), page.next)
    };
    assert_eq!(page(None, 2).await, ("ab".to_owned(), Some("b".to_owned())));
    assert_eq!(page(Some("b"), 2).await, ("cd".to_owned(), None));
    assert_eq!(
        page(Some("bb"), 1).await,
        ("c".to_owned(), Some("c".to_owned()))
    );
    assert_eq!(page(Some("d"), 5).await, (String::new(), None));
    let other = AdminKind::Webhook;
    let hooks = t.store.admin_records(issuer, other, None, 9).await.unwrap();
    assert_eq!(hooks.items.len(), 1);
    let none = t.store.admin_record(issuer, other, "a").await.unwrap();
    assert_eq!(none, None);
}

/// One of many wins, whether they make it or change it.
pub async fn a_record_that_many_make_or_change_is_one(t: Trial) {
    for round in 0..t.rounds {
        let id = format!("r{round}");
        for from in [None, Some(1)] {
            let revision = from.unwrap_or_default() + 1;
            let task = |task: u8| {
                let next = record(&id, revision, &task.to_string());
                std::future::ready(Commit {
                    spends: vec![put(OPERATOR, from, next)],
                    writes: Vec::new(),
                })
            };
            assert_eq!(t.race(8, task).await, 1, "round {round} from {from:?}");
        }
    }
}

/// In order, backwards, and from the middle on.
pub async fn lines_are_appended_once_and_read_from_both_ends(t: Trial) {
    let issuer = t.issuer().await;
    for seq in 1..=4 {
        assert_eq!(t.spend(append(seq, "ann")).await, Committed::Done);
    }
    assert_eq!(t.spend(append(3, "bob")).await, Committed::TooLate(0));
    let numbers = |lines: Vec<AuditRecord>| lines.iter().map(|l| l.seq).collect::<Vec<_>>();
    let after = async |after, limit| {
        let lines = t.store.audit_after(issuer, after, limit).await;
        numbers(lines.unwrap())
    };
    let before = async |before, limit| {
        let lines = t.store.audit_before(issuer, before, limit).await;
        numbers(lines.unwrap())
    };
    assert_eq!(after(0, 9).await, [1, 2, 3, 4]);
    assert_eq!(after(2, 1).await, [3]);
    assert!(after(4, 9).await.is_empty());
    assert_eq!(before(None, 2).await, [4, 3]);
    assert_eq!(before(Some(3), 9).await, [2, 1]);
    assert!(before(Some(1), 9).await.is_empty());
    let third = t.store.audit_after(issuer, 2, 1).await.unwrap();
    assert_eq!(third, [line(3, "ann")]);
}

/// What was to be written down was not done either.
pub async fn a_line_that_is_late_takes_back_the_whole_commit(t: Trial) {
    let issuer = t.issuer().await;
    t.spend(append(1, "ann")).await;
    let spends = vec![
        put(OPERATOR, None, record("bob", 1, "x")),
        Spend::Once(key("k")),
        append(1, "bob"),
    ];
    assert_eq!(t.commit(spends, Vec::new()).await, Committed::TooLate(2));
    let held = t.store.admin_record(issuer, OPERATOR, "bob").await;
    assert_eq!(held.unwrap(), None);
    assert_eq!(
        t.spend(Spend::Once(key::<Once>("k"))).await,
        Committed::Done
    );
    let spends = vec![
        append(2, "ann"),
        put(OPERATOR, Some(1), record("bob", 2, "x")),
    ];
    assert_eq!(t.commit(spends, Vec::new()).await, Committed::TooLate(1));
    assert_eq!(t.spend(append(2, "bob")).await, Committed::Done);
}

/// There is one line of each number, whoever writes at once.
pub async fn of_many_that_append_a_line_of_one_number_one_succeeds(t: Trial) {
    for round in 0..t.rounds {
        let seq = u64::from(round) + 1;
        let task = |task: u8| {
            std::future::ready(Commit {
                spends: vec![append(seq, &task.to_string())],
                writes: Vec::new(),
            })
        };
        assert_eq!(t.race(8, task).await, 1, "line {seq}");
    }
}

/// By day and name, in order, from one day to another with both.
pub async fn numbers_of_a_day_add_up(t: Trial) {
    let issuer = t.issuer().await;
    let tally = |day, name: &str, n| Write::Tally(Day(day), name.to_owned(), n);
    t.write(vec![tally(20_000, "b", 1), tally(20_000, "a", 5)])
        .await;
    t.write(vec![tally(20_000, "b", 2), tally(20_001, "b", 7)])
        .await;
    t.write(vec![tally(20_002, "b", 9), tally(20_002, "b", 1)])
        .await;
    let between = async |from, to| t.store.tallies(issuer, Day(from), Day(to)).await.unwrap();
    let row = |day, name: &str, n| (Day(day), name.to_owned(), n);
    let first = [
        row(20_000, "a", 5),
        row(20_000, "b", 3),
        row(20_001, "b", 7),
    ];
    assert_eq!(between(20_000, 20_001).await, first);
    assert_eq!(between(20_002, 30_000).await, [row(20_002, "b", 10)]);
    assert!(between(10_000, 19_999).await.is_empty());
    let below = Day(20_001).tally_bucket();
    assert_eq!(t.store.purge(below, 100).await.unwrap(), 2);
    assert_eq!(between(0, 30_000).await.len(), 2);
}

/// Whoever comes again is not somebody else.
pub async fn whoever_was_there_is_counted_once(t: Trial) {
    let issuer = t.issuer().await;
    let (month, next) = (Bucket(5000), Bucket(6000));
    let active = |period, who| Write::Active(period, [who; 16]);
    t.write(vec![active(month, 1), active(month, 2)]).await;
    t.write(vec![active(month, 1), active(next, 1)]).await;
    let count = async |period| t.store.count_active(issuer, period).await.unwrap();
    assert_eq!((count(month).await, count(next).await), (2, 1));
    assert_eq!(count(Bucket(7000)).await, 0);
    assert_eq!(t.store.purge(next, 100).await.unwrap(), 2);
    assert_eq!((count(month).await, count(next).await), (0, 1));
}

/// Additions at one time are all there.
pub async fn a_number_that_many_add_to_loses_nothing(t: Trial) {
    let issuer = t.issuer().await;
    for _ in 0..t.rounds {
        let add = |_| {
            std::future::ready(Commit {
                spends: Vec::new(),
                writes: vec![Write::Tally(Day(20_000), "n".to_owned(), 1)],
            })
        };
        assert_eq!(t.race(8, add).await, 8);
    }
    let found = t.store.tallies(issuer, Day(20_000), Day(20_000)).await;
    assert_eq!(
        found.unwrap(),
        [(Day(20_000), "n".to_owned(), u64::from(t.rounds) * 8)]
    );
}

/// Each issuer has a log of its own, which no purge touches.
pub async fn administration_of_two_issuers_is_apart_and_never_purged(t: Trial) {
    let (issuer, other) = (t.issuer().await, t.store.issuer("other").await.unwrap());
    let spends = vec![append(1, "ann"), put(OPERATOR, None, record("ann", 1, "x"))];
    for whose in [issuer, other] {
        let spends = spends.clone();
        let writes = Vec::new();
        let done = t.store.commit(whose, Commit { spends, writes }).await;
        assert_eq!(done.unwrap(), Committed::Done);
    }
    t.spend(delete(OPERATOR, "ann", Some(1))).await;
    t.store.purge(Bucket(u32::MAX), 1000).await.unwrap();
    let theirs = t.store.admin_record(other, OPERATOR, "ann").await.unwrap();
    assert!(theirs.is_some());
    let ours = t.store.admin_record(issuer, OPERATOR, "ann").await.unwrap();
    assert!(ours.is_none());
    assert_eq!(t.store.audit_after(issuer, 0, 9).await.unwrap().len(), 1);
    t.store.forget_issued(other, 1000).await.unwrap();
    assert_eq!(t.store.audit_after(other, 0, 9).await.unwrap().len(), 1);
}
