//! Revokes a token that lets somebody register clients.

use hallpass_core::admin::Permission;
use hallpass_store::{MAX_PAGE, Write};
use schemars::JsonSchema;
use serde::Deserialize;

use super::name;
use crate::{Change, Context, Info, Kind, Method, Nothing, Operation, Problem};

/// Revokes a token that lets somebody register clients.
#[derive(Debug)]
pub struct Delete;

/// Which token.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Its name in the list.
    pub token: String,
}

impl Operation for Delete {
    const INFO: Info = Info::new(
        "registration_tokens.delete",
        Method::Delete,
        "/projects/{project}/registration-tokens/{token}",
        Permission::ChangeClients,
    )
    .does("Revokes a token that lets somebody register clients. Clients that it has let in stay.");
    type Input = Which;
    type Output = Nothing;

    async fn run(cx: &Context, input: Which) -> Result<Nothing, Problem> {
        let mut after = None;
        let (digest, record) = loop {
            let page = cx.store().initial_accesses(cx.issuer(), after, MAX_PAGE);
            let page = page.await?;
            let last = page.last().map(|(digest, _)| *digest);
            let mut page = page.into_iter();
            if let Some(found) = page.find(|(digest, _)| name(*digest) == input.token) {
                break found;
            }
            after = Some(last.ok_or_else(|| Problem::new(Kind::NotFound))?);
        };
        let change = Change::of("registration_token", &input.token)
            .saying("label", record.label)
            .writing([Write::DeleteInitialAccess(digest)]);
        cx.commit(change, &Nothing {}).await?;
        Ok(Nothing {})
    }
}
