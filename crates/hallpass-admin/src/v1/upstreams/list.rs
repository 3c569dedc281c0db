//! Lists other providers.

use hallpass_core::admin::Permission;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{UpstreamView, own, view};
use crate::{Context, Info, Operation, Problem, v1::page::Listed};

/// Lists other providers.
#[derive(Debug)]
pub struct List;

/// Nothing more is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

impl Operation for List {
    const INFO: Info = Info::get(
        "upstreams.list",
        "/projects/{project}/upstreams",
        Permission::ReadProject,
    )
    .does("Lists the other providers at which people can sign in, with what is to be registered there.");
    type Input = Input;
    type Output = Listed<UpstreamView>;

    async fn run(cx: &Context, _: Input) -> Result<Listed<UpstreamView>, Problem> {
        let found = cx.store().issuer_named(cx.name()).await?;
        let own = found
            .map(|record| own(&record.settings))
            .unwrap_or_default();
        let provider = cx.provider();
        let all = provider.policy().upstreams.iter();
        Ok(Listed {
            items: all.map(|one| view(provider, one, &own)).collect(),
            next: None,
        })
    }
}
