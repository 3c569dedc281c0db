//! Many at once.

use hallpass_core::record::GrantRecord;
use hallpass_types::{Code, Key, Once};

use super::{
    Trial,
    sample::{NOW, client, code, grant, grant_id, key, subject, user},
};
use crate::{Commit, Committed, Spend, UserRecord, Write};

const TASKS: u8 = 8;

fn rotate(name: &str, from: u32) -> Spend {
    Spend::Refresh {
        grant: grant_id(name),
        from,
        at: NOW,
        idle_expires_at: NOW,
    }
}

/// Exactly one redemption wins, and the grant is the winner's.
pub async fn a_code_that_many_redeem_is_redeemed_once(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds {
        let name = format!("r{round}");
        let k: Key<Code> = key(&name);
        t.write(vec![Write::Code(k, Box::new(code(&name)))]).await;
        let redeem = |task: u8| {
            let record = GrantRecord {
                subject: subject(&format!("task-{task}")),
                ..grant(&name)
            };
            std::future::ready(Commit {
                spends: vec![Spend::Code(k)],
                writes: vec![Write::Grant(Box::new(record))],
            })
        };
        assert_eq!(t.race(TASKS, redeem).await, 1, "round {round}");
        assert!(t.store.code(issuer, k).await.unwrap().unwrap().spent);
        let made = t.store.grant(issuer, grant_id(&name)).await.unwrap();
        assert!(made.is_some());
    }
}

/// Exactly one rotation per generation wins.
pub async fn a_generation_that_many_rotate_is_rotated_once(t: Trial) {
    let issuer = t.issuer().await;
    t.write(vec![Write::Grant(Box::new(grant("family")))]).await;
    for generation in 0..t.rounds {
        let rotation = |_| {
            std::future::ready(Commit {
                spends: vec![rotate("family", generation)],
                writes: Vec::new(),
            })
        };
        assert_eq!(t.race(TASKS, rotation).await, 1, "generation {generation}");
        let found = t.store.grant(issuer, grant_id("family")).await.unwrap();
        let refresh = found.unwrap().record.refresh.unwrap();
        assert_eq!(refresh.generation, generation + 1);
    }
}

/// An assertion's identifier is good for one of many.
pub async fn a_key_that_many_use_is_used_once(t: Trial) {
    for round in 0..t.rounds {
        let k: Key<Once> = key(&format!("r{round}"));
        let one = |_| {
            std::future::ready(Commit {
                spends: vec![Spend::Once(k)],
                writes: Vec::new(),
            })
        };
        assert_eq!(t.race(TASKS, one).await, 1, "round {round}");
    }
}

/// Names are unique however fast they are taken.
pub async fn a_user_name_that_many_take_is_taken_once(t: Trial) {
    for round in 0..t.rounds.div_ceil(10) {
        let name = format!("r{round}");
        let take = |task: u8| {
            let record = UserRecord {
                subject: subject(&format!("{name}-{task}")),
                ..user(&name)
            };
            std::future::ready(Commit {
                spends: vec![Spend::NewUser(Box::new(record))],
                writes: Vec::new(),
            })
        };
        assert_eq!(t.race(TASKS, take).await, 1, "round {round}");
    }
    let issuer = t.issuer().await;
    let all = t.store.users(issuer, None, 500).await.unwrap().items;
    assert_eq!(all.len(), t.rounds.div_ceil(10).min(500) as usize);
}

/// Identifiers are unique however fast they are taken.
pub async fn a_client_identifier_that_many_take_is_taken_once(t: Trial) {
    for round in 0..t.rounds.div_ceil(10) {
        let take = |_| {
            std::future::ready(Commit {
                spends: vec![Spend::NewClient(Box::new(client(&format!("r{round}"))))],
                writes: Vec::new(),
            })
        };
        assert_eq!(t.race(TASKS, take).await, 1, "round {round}");
    }
}

/// Of many changes of one revision, one happens.
pub async fn a_user_that_many_change_is_changed_once(t: Trial) {
    t.spend(Spend::NewUser(Box::new(user("u")))).await;
    for round in 0..t.rounds.div_ceil(10) {
        let revision = u64::from(round) + 1;
        let change = |task: u8| {
            let record = UserRecord {
                username: format!("{task}"),
                revision: revision + 1,
                ..user("u")
            };
            std::future::ready(Commit {
                spends: vec![Spend::User {
                    revision,
                    record: Box::new(record),
                }],
                writes: Vec::new(),
            })
        };
        assert_eq!(t.race(TASKS, change).await, 1, "round {round}");
    }
}

/// Rotations race a revocation. After it was acknowledged none succeeds.
pub async fn no_rotation_succeeds_after_a_revocation_was_acknowledged(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds.div_ceil(10) {
        let name = format!("r{round}");
        t.write(vec![Write::Grant(Box::new(grant(&name)))]).await;
        let rotating = {
            let (t, name) = (t.clone(), name.clone());
            tokio::spawn(async move {
                let mut generation = 0;
                while t.spend(rotate(&name, generation)).await == Committed::Done {
                    generation += 1;
                    tokio::task::yield_now().await;
                }
                generation
            })
        };
        tokio::task::yield_now().await;
        t.write(vec![Write::RevokeGrant(grant_id(&name), NOW)])
            .await;
        let seen = t.store.grant(issuer, grant_id(&name)).await.unwrap();
        let seen = seen.unwrap();
        assert_eq!(seen.revoked_at, Some(NOW));
        let last = rotating.await.unwrap();
        assert_eq!(seen.record.refresh.unwrap().generation, last);
    }
}

/// Whoever asks after the answer sees it, in any task.
pub async fn what_was_acknowledged_is_read_by_everybody(t: Trial) {
    let issuer = t.issuer().await;
    let mut running = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let t = t.clone();
        running.spawn(async move {
            for round in 0..t.rounds.div_ceil(TASKS.into()) {
                let name = format!("{task}-{round}");
                let k: Key<Code> = key(&name);
                t.write(vec![Write::Code(k, Box::new(code(&name)))]).await;
                let store = t.store.clone();
                let read = tokio::spawn(async move { store.code(issuer, k).await.unwrap() });
                assert!(!read.await.unwrap().unwrap().spent);
                assert_eq!(t.spend(Spend::Code(k)).await, Committed::Done);
                assert!(t.store.code(issuer, k).await.unwrap().unwrap().spent);
            }
        });
    }
    running.join_all().await;
}

/// Two keys in opposite order: one commit gets both, the other none.
pub async fn two_commits_that_want_the_same_two_keys_do_not_both_fail_or_win(t: Trial) {
    for round in 0..t.rounds {
        let (a, b) = (
            Spend::Once(key(&format!("a{round}"))),
            Spend::Once(key(&format!("b{round}"))),
        );
        let both = |task: u8| {
            let spends = if task == 0 {
                vec![a.clone(), b.clone()]
            } else {
                vec![b.clone(), a.clone()]
            };
            std::future::ready(Commit {
                spends,
                writes: Vec::new(),
            })
        };
        assert_eq!(t.race(2, both).await, 1, "round {round}");
    }
}
