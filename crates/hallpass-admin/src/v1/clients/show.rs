//! Shows an application.

use hallpass_core::admin::Permission;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ClientView, find};
use crate::{Context, Info, Operation, Problem};

/// Shows an application.
#[derive(Debug)]
pub struct Show;

/// Which one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its identifier.
    pub client: String,
}

impl Operation for Show {
    const INFO: Info = Info::get(
        "clients.show",
        "/projects/{project}/clients/{client}",
        Permission::ReadClients,
    )
    .does("Shows an application.");
    type Input = Input;
    type Output = ClientView;

    async fn run(cx: &Context, input: Input) -> Result<ClientView, Problem> {
        let record = find(cx, &input.client).await?;
        Ok(ClientView::of(cx.provider().policy(), &record))
    }
}
