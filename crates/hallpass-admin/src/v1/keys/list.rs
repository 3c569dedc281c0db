//! Lists the keys of a project.

use hallpass_core::admin::Permission;
use hallpass_store::KeyPhase;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Context, Info, Operation, Problem, v1::page::Listed};

/// Lists the keys of a project.
#[derive(Debug)]
pub struct List;

/// Nothing more is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

/// A key.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct KeyView {
    /// Its identifier.
    pub kid: String,
    /// Its algorithm.
    pub alg: String,
    /// `sig` or `enc`.
    #[serde(rename = "use")]
    pub purpose: String,
    /// `next`, `active`, `retiring`, `retired`, or `elsewhere` for a key that a key service holds.
    pub phase: String,
    /// When it was made, in seconds since 1970; null for a key elsewhere.
    pub created_at: Option<i64>,
    /// Since when it is in its phase.
    pub phase_since: Option<i64>,
    /// When it has been published for long enough to sign.
    pub ripe_at: Option<i64>,
    /// Until when it is published, for one that signs no more.
    pub published_until: Option<i64>,
}

impl Operation for List {
    const INFO: Info = Info::get(
        "keys.list",
        "/projects/{project}/keys",
        Permission::ReadKeys,
    )
    .does("Lists the keys of a project with their phases.");
    type Input = Input;
    type Output = Listed<KeyView>;

    async fn run(cx: &Context, _: Input) -> Result<Listed<KeyView>, Problem> {
        cx.provider().reload_keys().await?;
        Ok(Listed {
            items: views(cx),
            next: None,
        })
    }
}

/// Keys that sign, then those elsewhere, then keys that decrypt.
pub(super) fn views(cx: &Context) -> Vec<KeyView> {
    let provider = cx.provider();
    let ripe = provider.policy().keys.ripe();
    let keys = provider.signing_keys();
    let name = |phase: KeyPhase, published: bool| match phase {
        KeyPhase::Next => "next",
        KeyPhase::Active => "active",
        KeyPhase::Retiring if published => "retiring",
        KeyPhase::Retiring => "retired",
    };
    let signing = keys.iter().map(|held| KeyView {
        kid: held.key.kid().to_owned(),
        alg: held.key.algorithm().name().to_owned(),
        purpose: "sig".to_owned(),
        phase: name(held.phase, held.published).to_owned(),
        created_at: Some(held.created_at.0),
        phase_since: Some(held.phase_since.0),
        ripe_at: (held.phase == KeyPhase::Next).then(|| held.phase_since.plus(ripe).0),
        published_until: held.published_until.map(|at| at.0),
    });
    let outside = keys.outside().map(|key| KeyView {
        kid: key.signer().key().kid().to_owned(),
        alg: key.signer().key().algorithm().name().to_owned(),
        purpose: "sig".to_owned(),
        phase: "elsewhere".to_owned(),
        created_at: None,
        phase_since: None,
        ripe_at: None,
        published_until: None,
    });
    let decryption = keys.decryption().map(|held| KeyView {
        kid: held.kid.clone(),
        alg: held.algorithm.name().to_owned(),
        purpose: "enc".to_owned(),
        phase: name(held.phase, true).to_owned(),
        created_at: Some(held.created_at.0),
        phase_since: Some(held.phase_since.0),
        ripe_at: None,
        published_until: None,
    });
    signing.chain(outside).chain(decryption).collect()
}
