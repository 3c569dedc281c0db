//! Whatever is presented when, by however many at once: a family has one live leaf or none.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    client::Client,
    policy::Policy,
    token::fixture::{ALICE, NOW, found, grant, params, policy, proven, spa},
};

/// What can happen.
#[derive(Clone, Debug)]
enum Step {
    /// Time passes.
    Wait(i64),
    /// Somebody presents the token that is so many generations old; the request reads the family and decides.
    Present {
        slot: usize,
        age: u32,
        rotates: bool,
    },
    /// The request commits what it decided; with `again`, it will do so once more.
    Commit { slot: usize, again: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let slot = 0..SLOTS;
    let step = prop_oneof![
        1 => prop_oneof![0_i64..5, 55_i64..65, 0_i64..100_000].prop_map(Step::Wait),
        // Mostly young tokens and clients that rotate; everything else now and then.
        4 => (slot.clone(), prop_oneof![4 => 0_u32..2, 1 => 0_u32..6], prop::bool::weighted(0.9))
            .prop_map(|(slot, age, rotates)| Step::Present { slot, age, rotates }),
        4 => (slot, prop::bool::weighted(0.2))
            .prop_map(|(slot, again)| Step::Commit { slot, again }),
    ];
    vec(step, 1..80)
}

/// A request between its decision and its commit.
#[derive(Clone, Debug)]
struct Waiting {
    generation: u32,
    rotates: bool,
    decision: Result<Issuance, Refused>,
}

/// The store, the clock and the requests under way.
struct World {
    policy: Policy,
    now: Timestamp,
    grant: FoundGrant,
    waiting: [Option<Waiting>; SLOTS],
    handed_out: u32,
    rotations: u32,
}

impl World {
    fn new(window: i64) -> Self {
        let mut policy = policy();
        policy.lifetimes.refresh_retry = window;
        Self {
            policy,
            now: NOW,
            grant: found(grant(&spa())),
            waiting: [None, None, None],
            handed_out: 0,
            rotations: 0,
        }
    }

    fn state(&self) -> RefreshState {
        self.grant.record.refresh.unwrap()
    }

    fn decide(&self, generation: u32, rotates: bool) -> Result<Issuance, Refused> {
        let client = Client {
            rotate_refresh_tokens: rotates,
            ..spa()
        };
        let request = Refresh::parse(&params(&[("refresh_token", "hpr_x")])).unwrap();
        let cx = Context {
            now: self.now,
            policy: &self.policy,
            client: &proven(&client),
            binding: None,
        };
        let found = RefreshFound {
            token: Some(RefreshToken {
                grant: self.grant.record.id,
                generation,
            }),
            grant: Some(self.grant.clone()),
            account: ALICE,
            session_alive: true,
        };
        Refresh::decide(&cx, request, found)
    }

    fn present(&mut self, slot: usize, generation: u32, rotates: bool) {
        let decision = self.decide(generation, rotates);
        let state = self.state();
        let is_parent = generation.saturating_add(1) == state.generation
            && self.now.since(state.rotated_at) < self.policy.lifetimes.refresh_retry;
        if let Ok(issued) = &decision {
            assert_eq!(self.grant.revoked_at, None, "a revoked family answers");
            assert!(
                generation == state.generation || is_parent,
                "a generation older than the parent is alive"
            );
            let next = state
                .generation
                .saturating_add(u32::from(rotates && !is_parent));
            assert_eq!(issued.refresh.unwrap().generation, next, "a second leaf");
        }
        self.waiting[slot] = Some(Waiting {
            generation,
            rotates,
            decision,
        });
    }

    /// As the engine and every store do it.
    fn commit(&mut self, slot: usize, again: bool) {
        let Some(waiting) = self.waiting[slot].clone() else {
            return;
        };
        if !again {
            self.waiting[slot] = None;
        }
        let issued = match waiting.decision {
            Ok(issued) => issued,
            Err(refused) => {
                if let Some(Effect::RevokeGrant(_)) = refused.effect {
                    self.grant.revoked_at.get_or_insert(self.now);
                }
                return;
            }
        };
        let stands = self.grant.revoked_at.is_none();
        let refresh = self.grant.record.refresh.as_mut().unwrap();
        let done = match issued.spend {
            Some(Spend::Refresh {
                from,
                idle_expires_at,
                ..
            }) => {
                let first = stands && refresh.generation == from;
                if first {
                    *refresh = RefreshState {
                        generation: from.saturating_add(1),
                        rotated_at: self.now,
                        idle_expires_at,
                    };
                    self.rotations = self.rotations.saturating_add(1);
                }
                first
            }
            Some(Spend::Standing(_)) => match issued.touch_idle {
                Some((_, limit)) if stands => {
                    refresh.idle_expires_at = limit;
                    true
                }
                Some(_) => false,
                // Nothing to write: the answer goes out on what was read.
                None => true,
            },
            Some(
                Spend::Code(_) | Spend::CodeOf { .. } | Spend::Waiting { .. } | Spend::Once(_),
            )
            | None => {
                unreachable!("a refresh spends its family")
            }
        };
        if done {
            let generation = issued.refresh.unwrap().generation;
            assert!(generation <= self.state().generation, "never committed");
            self.handed_out = self.handed_out.max(generation);
        } else {
            self.present(slot, waiting.generation, waiting.rotates);
        }
    }

    /// Of all tokens that were ever handed out, those that still work, and what each would be answered with.
    fn alive(&self) -> Vec<(u32, u32)> {
        (0..=self.handed_out)
            .filter_map(|generation| {
                let answer = self.decide(generation, true).ok()?;
                Some((generation, answer.refresh?.generation))
            })
            .collect()
    }

    fn check(&self) {
        assert_eq!(self.state().generation, self.rotations);
        assert!(self.handed_out <= self.rotations);
        let alive = self.alive();
        let newest = self.state().generation;
        match alive.as_slice() {
            [] => {}
            [(one, _)] => assert!(*one == newest || one.saturating_add(1) == newest),
            // The parent leads to the leaf, the leaf to its successor.
            [(parent, to), (leaf, _)] => {
                assert_eq!((*leaf, *to), (newest, newest));
                assert_eq!(parent.saturating_add(1), newest);
            }
            more => panic!("{more:?} are alive"),
        }
    }
}

const SLOTS: usize = 3;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_interleaving_leaves_two_live_leaves(
        steps in steps(),
        window in prop_oneof![Just(60_i64), Just(60), Just(0), Just(1_000_000)],
    ) {
        let mut world = World::new(window);
        let mut dead = None;
        for step in steps {
            match step {
                Step::Wait(seconds) => world.now = world.now.plus(seconds),
                Step::Present { slot, age, rotates } => {
                    let generation = world.handed_out.saturating_sub(age);
                    world.present(slot, generation, rotates);
                }
                Step::Commit { slot, again } => world.commit(slot, again),
            }
            world.check();
            // Once over, always over.
            if dead.is_some() {
                prop_assert!(world.alive().is_empty());
            }
            dead = world.grant.revoked_at;
        }
    }
}

#[test]
fn a_hundred_at_once_cost_one_rotation() {
    // TK-14
    let mut world = World::new(60);
    let mut answers = Vec::new();
    let decisions: Vec<_> = (0..100).map(|_| world.decide(0, true)).collect();
    for decision in decisions {
        world.waiting[0] = Some(Waiting {
            generation: 0,
            rotates: true,
            decision,
        });
        while world.waiting[0].is_some() {
            if let Some(Waiting {
                decision: Ok(issued),
                ..
            }) = &world.waiting[0]
            {
                answers.push(issued.refresh.unwrap().generation);
            }
            world.commit(0, false);
        }
    }
    assert_eq!(world.state().generation, 1);
    assert!(answers.iter().all(|g| *g == 1), "{answers:?}");
    assert_eq!(world.grant.revoked_at, None);
}

#[test]
fn a_thief_is_noticed_when_both_have_used_the_token() {
    // The person's application rotates; much later the thief shows what was stolen before.
    let mut world = World::new(60);
    world.present(0, 0, true);
    world.commit(0, false);
    world.now = world.now.plus(60);
    world.present(0, 0, true);
    world.commit(0, false);
    assert!(world.grant.revoked_at.is_some());
    assert!(world.alive().is_empty());
}
