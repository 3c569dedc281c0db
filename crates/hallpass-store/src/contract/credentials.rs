//! What people prove who they are with.

use hallpass_types::{Bucket, ContentDigest, CredentialId, sha256};
use serde_json::json;

use super::{
    Trial,
    sample::{NOW, key, subject},
};
use crate::{
    Commit, Committed, CredentialData, CredentialRecord, RecoveryCodes, Spend, Totp, Write,
};

fn id(name: &str) -> CredentialId {
    let mut id = [0; 16];
    id.copy_from_slice(&sha256(name.as_bytes())[..16]);
    CredentialId(id)
}

fn digest(name: &str) -> ContentDigest {
    ContentDigest(sha256(name.as_bytes()))
}

fn credential(person: &str, name: &str, lookup: Option<&str>) -> CredentialRecord {
    CredentialRecord {
        subject: subject(person),
        id: id(name),
        data: CredentialData::Totp(Totp {
            sealed: vec![0, 255],
            last_step: 5,
        }),
        lookup: lookup.map(digest),
        name: name.to_owned(),
        created_at: NOW,
        last_used_at: None,
        revision: 0,
    }
}

fn new(record: &CredentialRecord) -> Spend {
    Spend::NewCredential(Box::new(record.clone()))
}

fn change(record: &CredentialRecord, next: Option<CredentialRecord>) -> Spend {
    Spend::Credential {
        subject: record.subject.clone(),
        id: record.id,
        revision: record.revision,
        next: next.map(Box::new),
    }
}

fn used(record: &CredentialRecord) -> CredentialRecord {
    CredentialRecord {
        last_used_at: Some(NOW.plus(1)),
        revision: record.revision + 1,
        ..record.clone()
    }
}

async fn of(t: &Trial, person: &str) -> Vec<CredentialRecord> {
    let issuer = t.issuer().await;
    let person = subject(person);
    let mut found = t.store.credentials(issuer, &person).await.unwrap();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

async fn by_digest(t: &Trial, name: &str) -> Option<CredentialRecord> {
    let issuer = t.issuer().await;
    let found = t.store.credential_by_lookup(issuer, digest(name)).await;
    found.unwrap()
}

/// Both lead to the same record, and to no other person's.
pub async fn a_credential_is_found_by_its_person_and_by_its_digest(t: Trial) {
    let (a, b) = (
        credential("ada", "a", Some("x")),
        credential("ada", "b", None),
    );
    let other = credential("bob", "a", Some("y"));
    for record in [&a, &b, &other] {
        assert_eq!(t.spend(new(record)).await, Committed::Done);
    }
    assert_eq!(of(&t, "ada").await, [a.clone(), b]);
    assert_eq!(of(&t, "bob").await, std::slice::from_ref(&other));
    assert_eq!(of(&t, "ad").await, []);
    assert_eq!(by_digest(&t, "x").await, Some(a));
    assert_eq!(by_digest(&t, "y").await, Some(other));
    assert_eq!(by_digest(&t, "z").await, None);
}

/// Either of them being taken is enough, and the holder is left alone.
pub async fn identity_and_digest_are_given_once(t: Trial) {
    let held = credential("ada", "a", Some("x"));
    assert_eq!(t.spend(new(&held)).await, Committed::Done);
    for taken in [
        credential("ada", "a", None),
        credential("ada", "a", Some("y")),
        credential("ada", "b", Some("x")),
        credential("bob", "a", Some("x")),
    ] {
        assert_eq!(t.spend(new(&taken)).await, Committed::TooLate(0));
    }
    assert_eq!(of(&t, "ada").await, [held]);
    assert_eq!(of(&t, "bob").await, []);
    assert_eq!(by_digest(&t, "y").await, None);
}

/// Two that changed the same revision: the second reads again.
pub async fn a_credential_changes_when_the_revision_is_current(t: Trial) {
    let first = credential("ada", "a", Some("x"));
    t.spend(new(&first)).await;
    let second = used(&first);
    let changed = change(&first, Some(second.clone()));
    assert_eq!(t.spend(changed.clone()).await, Committed::Done);
    assert_eq!(of(&t, "ada").await, std::slice::from_ref(&second));
    assert_eq!(t.spend(changed).await, Committed::TooLate(0));
    let unknown = credential("ada", "b", None);
    for late in [
        change(&unknown, Some(used(&unknown))),
        change(&credential("bob", "a", Some("x")), None),
        change(&first, None),
    ] {
        assert_eq!(t.spend(late).await, Committed::TooLate(0));
    }
    assert_eq!(of(&t, "ada").await, [second]);
}

/// What is found under a digest follows the record.
pub async fn a_changed_digest_moves_and_frees_the_old_one(t: Trial) {
    let a = credential("ada", "a", Some("x"));
    let b = credential("bob", "b", Some("y"));
    t.commit(vec![new(&a), new(&b)], Vec::new()).await;
    let thief = CredentialRecord {
        lookup: Some(digest("y")),
        ..used(&a)
    };
    assert_eq!(
        t.spend(change(&a, Some(thief))).await,
        Committed::TooLate(0)
    );
    let moved = CredentialRecord {
        lookup: Some(digest("z")),
        ..used(&a)
    };
    let change = change(&a, Some(moved.clone()));
    assert_eq!(t.spend(change).await, Committed::Done);
    assert_eq!(by_digest(&t, "x").await, None);
    assert_eq!(by_digest(&t, "z").await, Some(moved));
    assert_eq!(by_digest(&t, "y").await, Some(b));
    let next = credential("bob", "c", Some("x"));
    assert_eq!(t.spend(new(&next)).await, Committed::Done);
}

/// And can be made anew.
pub async fn a_deleted_credential_is_gone_with_its_digest(t: Trial) {
    let a = credential("ada", "a", Some("x"));
    t.spend(new(&a)).await;
    assert_eq!(t.spend(change(&a, None)).await, Committed::Done);
    assert_eq!(of(&t, "ada").await, []);
    assert_eq!(by_digest(&t, "x").await, None);
    assert_eq!(t.spend(change(&a, None)).await, Committed::TooLate(0));
    assert_eq!(t.spend(new(&a)).await, Committed::Done);
}

/// All or nothing.
pub async fn a_change_is_taken_back_with_its_commit(t: Trial) {
    let (kept, gone) = (
        credential("ada", "a", Some("x")),
        credential("ada", "b", Some("y")),
    );
    t.commit(vec![new(&kept), new(&gone)], Vec::new()).await;
    let moved = CredentialRecord {
        lookup: Some(digest("z")),
        ..used(&kept)
    };
    let spends = vec![
        change(&kept, Some(moved)),
        change(&gone, None),
        new(&credential("ada", "c", Some("w"))),
        Spend::Session(key("none")),
    ];
    assert_eq!(t.commit(spends, Vec::new()).await, Committed::TooLate(3));
    assert_eq!(of(&t, "ada").await, [kept.clone(), gone.clone()]);
    assert_eq!(by_digest(&t, "x").await, Some(kept));
    assert_eq!(by_digest(&t, "y").await, Some(gone));
    for free in ["z", "w"] {
        assert_eq!(by_digest(&t, free).await, None);
    }
}

/// One issuer's people are not another's.
pub async fn credentials_of_two_issuers_are_apart(t: Trial) {
    let other = t.store.issuer("https://other.example").await.unwrap();
    let a = credential("ada", "a", Some("x"));
    t.spend(new(&a)).await;
    let found = t.store.credentials(other, &subject("ada")).await.unwrap();
    assert!(found.is_empty());
    let found = t.store.credential_by_lookup(other, digest("x")).await;
    assert_eq!(found.unwrap(), None);
    let commit = |spend| Commit {
        spends: vec![spend],
        writes: Vec::new(),
    };
    let end = t.store.commit(other, commit(change(&a, None))).await;
    assert_eq!(end.unwrap(), Committed::TooLate(0));
    let end = t.store.commit(other, commit(new(&a))).await;
    assert_eq!(end.unwrap(), Committed::Done);
}

/// A store that another version wrote to keeps what it does not know.
pub async fn a_kind_of_another_version_survives(t: Trial) {
    let data = json!({"kind": "of tomorrow", "more": [1, {"a": null}]});
    let record = CredentialRecord {
        data: CredentialData::Unknown(data.as_object().unwrap().clone()),
        ..credential("ada", "a", None)
    };
    t.spend(new(&record)).await;
    assert_eq!(of(&t, "ada").await, std::slice::from_ref(&record));
    let end = t.spend(change(&record, Some(used(&record)))).await;
    assert_eq!(end, Committed::Done);
    assert_eq!(of(&t, "ada").await, [used(&record)]);
}

/// They have no end.
pub async fn credentials_are_never_purged(t: Trial) {
    let a = credential("ada", "a", Some("x"));
    t.spend(new(&a)).await;
    assert_eq!(t.store.purge(Bucket(u32::MAX), 1000).await.unwrap(), 0);
    assert_eq!(of(&t, "ada").await, [a]);
}

/// A recovery code, or a step of an authenticator app, is good for one of many.
pub async fn of_many_that_change_one_credential_one_succeeds(t: Trial) {
    let mut record = CredentialRecord {
        data: CredentialData::RecoveryCodes(RecoveryCodes {
            left: vec![digest("1"), digest("2")],
            of: 2,
        }),
        ..credential("ada", "a", Some("x"))
    };
    t.spend(new(&record)).await;
    for round in 0..t.rounds.div_ceil(10) {
        let take = |_| {
            std::future::ready(Commit {
                spends: vec![change(&record, Some(used(&record)))],
                writes: Vec::<Write>::new(),
            })
        };
        assert_eq!(t.race(8, take).await, 1, "round {round}");
        record = used(&record);
        assert_eq!(of(&t, "ada").await, std::slice::from_ref(&record));
    }
}

/// However fast it is taken.
pub async fn a_digest_that_many_take_is_taken_once(t: Trial) {
    for round in 0..t.rounds.div_ceil(10) {
        let lookup = format!("r{round}");
        let take = |task: u8| {
            let person = format!("p{task}");
            std::future::ready(Commit {
                spends: vec![new(&credential(&person, &lookup, Some(&lookup)))],
                writes: Vec::new(),
            })
        };
        assert_eq!(t.race(8, take).await, 1, "round {round}");
        assert!(by_digest(&t, &lookup).await.is_some());
    }
}
