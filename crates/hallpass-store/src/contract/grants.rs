//! Grants and refresh families.

use hallpass_core::record::{FoundGrant, GrantRecord, RefreshState};
use hallpass_types::{Bucket, Code, GrantId, Key};

use super::{
    Trial,
    sample::{NOW, code, grant, grant_id, key},
};
use crate::{Commit, Committed, Spend, StoreError, Write};

async fn found(t: &Trial, name: &str) -> FoundGrant {
    let issuer = t.issuer().await;
    let found = t.store.grant(issuer, grant_id(name)).await.unwrap();
    found.unwrap()
}

fn rotate(name: &str, from: u32) -> Spend {
    Spend::Refresh {
        grant: grant_id(name),
        from,
        at: NOW.plus(10),
        idle_expires_at: NOW.plus(20),
    }
}

/// What was written is what is found.
pub async fn a_grant_is_found_with_its_refresh_state(t: Trial) {
    let issuer = t.issuer().await;
    let without = GrantRecord {
        refresh: None,
        ..grant("b")
    };
    t.write(vec![
        Write::Grant(Box::new(grant("a"))),
        Write::Grant(Box::new(without.clone())),
    ])
    .await;
    assert_eq!(found(&t, "a").await.record, grant("a"));
    assert_eq!(found(&t, "a").await.revoked_at, None);
    assert_eq!(found(&t, "b").await.record, without);
    let elsewhere = GrantId {
        bucket: Bucket(grant_id("a").bucket.0 - 1),
        ..grant_id("a")
    };
    assert!(t.store.grant(issuer, elsewhere).await.unwrap().is_none());
}

/// A rotation moves generation, time and idle limit, and nothing else.
pub async fn a_generation_is_rotated_once(t: Trial) {
    t.write(vec![Write::Grant(Box::new(grant("a")))]).await;
    assert_eq!(t.spend(rotate("a", 0)).await, Committed::Done);
    assert_eq!(t.spend(rotate("a", 0)).await, Committed::TooLate(0));
    let expected = GrantRecord {
        refresh: Some(RefreshState {
            generation: 1,
            rotated_at: NOW.plus(10),
            idle_expires_at: NOW.plus(20),
        }),
        ..grant("a")
    };
    assert_eq!(found(&t, "a").await.record, expected);
    assert_eq!(t.spend(rotate("a", 1)).await, Committed::Done);
}

/// Neither the past nor the future is rotated.
pub async fn a_rotation_from_another_generation_is_too_late(t: Trial) {
    t.write(vec![Write::Grant(Box::new(grant("a")))]).await;
    for from in [1, 2, u32::MAX] {
        assert_eq!(t.spend(rotate("a", from)).await, Committed::TooLate(0));
    }
    assert_eq!(found(&t, "a").await.record, grant("a"));
}

/// A family that ended stays ended.
pub async fn a_revoked_or_unknown_grant_does_not_rotate(t: Trial) {
    t.write(vec![
        Write::Grant(Box::new(grant("a"))),
        Write::RevokeGrant(grant_id("a"), NOW),
    ])
    .await;
    assert_eq!(t.spend(rotate("a", 0)).await, Committed::TooLate(0));
    assert_eq!(t.spend(rotate("none", 0)).await, Committed::TooLate(0));
}

/// A grant without a refresh family has no generation.
pub async fn a_grant_without_refresh_tokens_does_not_rotate(t: Trial) {
    let without = GrantRecord {
        refresh: None,
        ..grant("a")
    };
    let touch = Write::TouchRefresh {
        grant: grant_id("a"),
        idle_expires_at: NOW.plus(9),
    };
    t.write(vec![Write::Grant(Box::new(without.clone())), touch])
        .await;
    assert_eq!(t.spend(rotate("a", 0)).await, Committed::TooLate(0));
    assert_eq!(found(&t, "a").await.record, without);
}

/// The counter never wraps.
pub async fn the_last_generation_is_the_end(t: Trial) {
    let last = GrantRecord {
        refresh: Some(RefreshState {
            generation: u32::MAX,
            rotated_at: NOW,
            idle_expires_at: NOW,
        }),
        ..grant("a")
    };
    t.write(vec![Write::Grant(Box::new(last.clone()))]).await;
    assert_eq!(t.spend(rotate("a", u32::MAX)).await, Committed::TooLate(0));
    assert_eq!(found(&t, "a").await.record, last);
}

/// A refresh without a rotation keeps the generation.
pub async fn touching_moves_the_idle_limit_alone(t: Trial) {
    let touch = |name| Write::TouchRefresh {
        grant: grant_id(name),
        idle_expires_at: NOW.plus(99),
    };
    t.write(vec![Write::Grant(Box::new(grant("a")))]).await;
    t.write(vec![touch("a"), touch("none")]).await;
    let expected = GrantRecord {
        refresh: Some(RefreshState {
            generation: 0,
            rotated_at: NOW,
            idle_expires_at: NOW.plus(99),
        }),
        ..grant("a")
    };
    assert_eq!(found(&t, "a").await.record, expected);
}

/// Whoever revokes later changes nothing; an unknown grant is no error.
pub async fn revocation_is_idempotent_and_the_first_time_stands(t: Trial) {
    t.write(vec![Write::Grant(Box::new(grant("a")))]).await;
    for later in [5, 6, 4] {
        t.write(vec![Write::RevokeGrant(grant_id("a"), NOW.plus(later))])
            .await;
        assert_eq!(found(&t, "a").await.revoked_at, Some(NOW.plus(5)));
    }
    t.write(vec![Write::RevokeGrant(grant_id("none"), NOW)])
        .await;
    let issuer = t.issuer().await;
    let none = t.store.grant(issuer, grant_id("none")).await.unwrap();
    assert!(none.is_none());
}

/// An assertion in a commit, not a change.
pub async fn a_grant_stands_until_it_is_revoked(t: Trial) {
    let stands = || Spend::Standing(grant_id("a"));
    assert_eq!(t.spend(stands()).await, Committed::TooLate(0));
    t.write(vec![Write::Grant(Box::new(grant("a")))]).await;
    assert_eq!(t.spend(stands()).await, Committed::Done);
    assert_eq!(t.spend(stands()).await, Committed::Done);
    assert_eq!(found(&t, "a").await.record, grant("a"));
    t.write(vec![Write::RevokeGrant(grant_id("a"), NOW)]).await;
    assert_eq!(t.spend(stands()).await, Committed::TooLate(0));
}

/// A second grant of the same identity does not overwrite a revoked one.
pub async fn a_grant_identity_that_is_taken_is_a_collision_and_revives_nothing(t: Trial) {
    t.write(vec![
        Write::Grant(Box::new(grant("a"))),
        Write::RevokeGrant(grant_id("a"), NOW),
    ])
    .await;
    let again = vec![Write::Grant(Box::new(grant("a")))];
    assert!(matches!(
        t.try_commit(Vec::new(), again).await,
        Err(StoreError::Collision)
    ));
    assert_eq!(found(&t, "a").await.revoked_at, Some(NOW));
}

/// What needs a grant is written before it is revoked, or not at all: what many write beside its revocation is there as often
/// as they were told so, and nothing comes afterwards.
pub async fn nothing_is_written_for_a_grant_once_it_is_revoked(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds.div_ceil(4) {
        let name = format!("r{round}");
        t.write(vec![Write::Grant(Box::new(grant(&name)))]).await;
        let written = |task: u8| -> Key<Code> { key(&format!("{name} {task}")) };
        let act = |task: u8| {
            std::future::ready(if task == 3 {
                Commit {
                    spends: Vec::new(),
                    writes: vec![Write::RevokeGrant(grant_id(&name), NOW)],
                }
            } else {
                Commit {
                    spends: vec![Spend::Standing(grant_id(&name))],
                    writes: vec![Write::Code(written(task), Box::new(code(&name)))],
                }
            })
        };
        let done = t.race(8, act).await - 1;
        let mut there = 0;
        for task in 0..8 {
            let found = t.store.code(issuer, written(task)).await.unwrap();
            there += usize::from(found.is_some());
        }
        assert_eq!(there, done, "round {round}");
        let late = Spend::Standing(grant_id(&name));
        assert_eq!(t.spend(late).await, Committed::TooLate(0));
    }
}
