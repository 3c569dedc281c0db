//! Deletes an application.

use hallpass_core::admin::Permission;
use hallpass_store::{Spend, Write};
use schemars::JsonSchema;
use serde::Deserialize;

use super::changeable;
use crate::{Change, Context, Info, Method, Nothing, Operation, Problem};

/// Deletes an application.
#[derive(Debug)]
pub struct Delete;

/// Which one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its identifier.
    pub client: String,
}

impl Operation for Delete {
    const INFO: Info = Info::new(
        "clients.delete",
        Method::Delete,
        "/projects/{project}/clients/{client}",
        Permission::ChangeClients,
    )
    .does("Deletes an application; what it was granted is over at once.");
    type Input = Input;
    type Output = Nothing;

    async fn run(cx: &Context, input: Input) -> Result<Nothing, Problem> {
        let record = changeable(cx, &input.client).await?;
        let id = record.client_id.clone();
        // It is still what was looked at.
        let same = Spend::Client {
            expected: Box::new(record.clone()),
            record: Box::new(record),
        };
        let change = Change::of("client", id.as_str())
            .spending([same])
            .writing([Write::DeleteClient(id.clone())]);
        cx.commit(change, &Nothing {}).await?;
        cx.provider().client_changed(&id);
        Ok(Nothing {})
    }
}
