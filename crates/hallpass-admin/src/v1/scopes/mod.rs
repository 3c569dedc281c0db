//! What tokens of a project can be good for.

use hallpass_core::{admin::Permission, policy::TokenFormat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Context, Info, Operation, Problem};

/// Shows scopes and resources.
#[derive(Debug)]
pub struct Show;

/// Nothing more is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

/// Scopes and resources. They are changed in the settings of the project (`protocol.scopes`, `protocol.resources`).
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Scopes {
    /// The scopes that exist.
    pub scopes: Vec<ScopeView>,
    /// The resources that tokens can be made for.
    pub resources: Vec<ResourceView>,
}

/// A scope.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ScopeView {
    /// The token in `scope`.
    pub name: String,
    /// A few words that name it at consent.
    pub title: Option<String>,
    /// The sentence at consent; null for a standard one, which the pages describe.
    pub description: Option<String>,
    /// Whether it cannot be left out at consent.
    pub required: bool,
    /// Claims that it releases.
    pub claims: Vec<String>,
}

/// A resource.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ResourceView {
    /// Its indicator.
    pub identifier: String,
    /// What people call it.
    pub name: Option<String>,
    /// Scopes that mean something there; none: all of them.
    pub scopes: Vec<String>,
    /// `jwt` or `sealed`.
    pub format: String,
    /// Lifetime of its access tokens in seconds, where it differs.
    pub access_token_lifetime: Option<i64>,
}

impl Operation for Show {
    const INFO: Info = Info::get(
        "scopes.show",
        "/projects/{project}/scopes",
        Permission::ReadProject,
    )
    .does("Shows the scopes that exist and the resources that tokens can be made for.");
    type Input = Input;
    type Output = Scopes;

    async fn run(cx: &Context, _: Input) -> Result<Scopes, Problem> {
        let policy = cx.provider().policy();
        let scopes = policy.scopes.iter().map(|scope| ScopeView {
            name: scope.name.clone(),
            title: scope.title.clone(),
            description: scope.description.clone(),
            required: scope.required,
            claims: scope.claims.clone(),
        });
        let resources = policy.resources.iter().map(|resource| ResourceView {
            identifier: resource.identifier.clone(),
            name: resource.name.clone(),
            scopes: resource.scopes.clone(),
            format: match resource.format {
                TokenFormat::Sealed => "sealed",
                TokenFormat::Jwt(_) => "jwt",
            }
            .to_owned(),
            access_token_lifetime: resource.access_token_lifetime,
        });
        Ok(Scopes {
            scopes: scopes.collect(),
            resources: resources.collect(),
        })
    }
}
