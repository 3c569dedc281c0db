//! Rotates and retires keys.

use hallpass_core::admin::Permission;
use hallpass_provider::keys::{KeyAlgorithm, Rotate as When};
use hallpass_store::{Commit, KeyPhase, Spend};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list::{KeyView, views};
use crate::{Change, Context, Info, Kind, Method, Nothing, Operation, Problem, Uncommitted};

/// How often something is tried again when others are faster.
const ATTEMPTS: usize = 8;

/// Lets the next keys sign.
#[derive(Debug)]
pub struct Rotate;

/// Makes a key unknown at once.
#[derive(Debug)]
pub struct Retire;

/// Which keys.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// Only those of this algorithm.
    pub alg: Option<String>,
    /// Also keys that were published too recently for clients to know them.
    pub now: bool,
}

/// Which key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Its identifier.
    pub kid: String,
}

/// What was done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Rotated {
    /// Algorithms with another key that signs.
    pub rotated: Vec<String>,
    /// Algorithms whose next key was published too recently, with the seconds until it is ripe.
    pub waiting: Vec<Waiting>,
}

/// A key that is not ripe.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// Its algorithm.
    pub alg: String,
    /// Seconds until it is ripe.
    pub seconds: i64,
}

/// What was done, and how the keys are now.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WithKeys {
    /// What was done.
    #[serde(flatten)]
    pub done: Rotated,
    /// All keys.
    pub items: Vec<KeyView>,
}

impl Operation for Rotate {
    const INFO: Info = Info::new(
        "keys.rotate",
        Method::Post,
        "/projects/{project}/keys/rotate",
        Permission::ChangeKeys,
    )
    .fails(&[Kind::Unfit])
    .does("Lets the next keys sign from now on; the old ones stay published until nothing that they signed is good any more.");
    type Input = Input;
    type Output = WithKeys;

    async fn run(cx: &Context, input: Input) -> Result<WithKeys, Problem> {
        let unknown = || Problem::unfit("alg", "is no algorithm of a key here");
        let only = match input.alg.as_deref() {
            Some(name) => Some(KeyAlgorithm::parse(name).ok_or_else(unknown)?),
            None => None,
        };
        let provider = cx.provider();
        if only.is_some_and(|only| {
            !provider
                .signing_keys()
                .iter()
                .any(|k| k.key.algorithm().name() == only.name())
        }) {
            return Err(unknown());
        }
        let when = if input.now { When::Forced } else { When::Ripe };
        let mut before = None;
        for _ in 0..ATTEMPTS {
            let (mut rotated, mut commit) = provider.rotating_keys(only, when).await?;
            let signing = signing(&commit);
            let first = before.get_or_insert_with(|| signing.clone());
            // What others let sign since the first look is what was wanted, and not replaced by a key that nobody has seen.
            let others: Vec<String> = signing
                .into_iter()
                .filter(|(alg, _)| only.is_none_or(|only| only.name() == alg))
                .filter(|key| !first.contains(key))
                .map(|(alg, _)| alg)
                .collect();
            if !others.is_empty() {
                (rotated, commit) = provider.rotating_keys(only, When::Ripe).await?;
            }
            let by_others = |alg: &KeyAlgorithm| others.iter().any(|other| other == alg.name());
            let own = rotated.done.iter().filter(|alg| !by_others(alg));
            let done = Rotated {
                rotated: own
                    .map(|alg| alg.name().to_owned())
                    .chain(others.iter().cloned())
                    .collect(),
                waiting: rotated
                    .waiting
                    .iter()
                    .filter(|(alg, _)| !by_others(alg))
                    .map(|(alg, seconds)| Waiting {
                        alg: alg.name().to_owned(),
                        seconds: *seconds,
                    })
                    .collect(),
            };
            if !rotated.done.is_empty() {
                let said = Change::default()
                    .saying("algorithms", done.rotated.clone())
                    .spending(commit.spends)
                    .writing(commit.writes);
                let kept = WithKeys {
                    done: done.clone(),
                    items: Vec::new(),
                };
                match cx.commit(said, &kept).await {
                    Ok(()) => {}
                    // The server itself, or somebody else, changed the keys in this very moment.
                    Err(Uncommitted::TooLate(_)) => continue,
                    Err(error @ Uncommitted::Problem(_)) => return Err(error.into()),
                }
            }
            provider.reload_keys().await?;
            return Ok(WithKeys {
                done,
                items: views(cx),
            });
        }
        Err(Kind::Changed.into())
    }
}

/// The keys that sign, by their algorithms, as a change of keys has read them.
fn signing(commit: &Commit) -> Vec<(String, String)> {
    let read = commit.spends.iter().find_map(|spend| {
        if let Spend::SigningKeys(records) = spend {
            Some(records)
        } else {
            None
        }
    });
    let active = read.into_iter().flatten();
    let active = active.filter(|record| record.phase == KeyPhase::Active);
    active
        .map(|record| (record.alg.clone(), record.kid.clone()))
        .collect()
}

impl Operation for Retire {
    const INFO: Info = Info::new(
        "keys.retire",
        Method::Delete,
        "/projects/{project}/keys/{kid}",
        Permission::ChangeKeys,
    )
    .does("Makes a key unknown at once, for one that has leaked: nothing that it signed is taken here any more.");
    type Input = Which;
    type Output = Nothing;

    async fn run(cx: &Context, input: Which) -> Result<Nothing, Problem> {
        let provider = cx.provider();
        let outside = provider.signing_keys();
        if outside
            .outside()
            .any(|key| key.signer().key().kid() == input.kid)
        {
            let text = "the key is elsewhere: take it out of the configuration, and its service";
            return Err(Problem::new(Kind::WrongState).because(text));
        }
        for attempt in 0..ATTEMPTS {
            let Some(commit) = provider.retiring_key(&input.kid).await? else {
                // Somebody else did it since the first look.
                return match attempt {
                    0 => Err(Kind::NotFound.into()),
                    _ => Ok(Nothing {}),
                };
            };
            let said = Change::of("key", &input.kid)
                .spending(commit.spends)
                .writing(commit.writes);
            match cx.commit(said, &Nothing {}).await {
                Ok(()) => {
                    provider.reload_keys().await?;
                    return Ok(Nothing {});
                }
                Err(Uncommitted::TooLate(_)) => {}
                Err(error @ Uncommitted::Problem(_)) => return Err(error.into()),
            }
        }
        Err(Kind::Changed.into())
    }
}
