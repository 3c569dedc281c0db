//! Rotates and retires keys.

use hallpass_core::admin::Permission;
use hallpass_provider::keys::{KeyAlgorithm, Rotate as When};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list::{KeyView, views};
use crate::{Change, Context, Info, Kind, Method, Nothing, Operation, Problem};

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
        let (rotated, commit) = provider.rotating_keys(only, when).await?;
        let done = Rotated {
            rotated: rotated.done.iter().map(|a| a.name().to_owned()).collect(),
            waiting: rotated
                .waiting
                .iter()
                .map(|(alg, seconds)| Waiting {
                    alg: alg.name().to_owned(),
                    seconds: *seconds,
                })
                .collect(),
        };
        if !done.rotated.is_empty() {
            let said = Change::default()
                .saying("algorithms", done.rotated.clone())
                .spending(commit.spends)
                .writing(commit.writes);
            let kept = WithKeys {
                done: done.clone(),
                items: Vec::new(),
            };
            cx.commit(said, &kept).await?;
            provider.reload_keys().await?;
        }
        Ok(WithKeys {
            done,
            items: views(cx),
        })
    }
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
        let commit = provider.retiring_key(&input.kid).await?;
        let commit = commit.ok_or_else(|| Problem::new(Kind::NotFound))?;
        let said = Change::of("key", &input.kid)
            .spending(commit.spends)
            .writing(commit.writes);
        cx.commit(said, &Nothing {}).await?;
        provider.reload_keys().await?;
        Ok(Nothing {})
    }
}
