//! Gives an application another secret.

use hallpass_core::{admin::Permission, client::metadata};
use hallpass_store::Spend;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ClientView, WithSecret, changeable, readable, with_new_secret};
use crate::{Change, Context, Info, Method, Operation, Problem};

/// Gives an application another secret.
#[derive(Debug)]
pub struct RotateSecret;

/// Which one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its identifier.
    pub client: String,
}

impl Operation for RotateSecret {
    const INFO: Info = Info::new(
        "clients.rotate_secret",
        Method::Post,
        "/projects/{project}/clients/{client}/secret",
        Permission::ChangeClients,
    )
    .does(
        "Gives an application another secret, which is shown this once. The old one ends at once.",
    );
    type Input = Input;
    type Output = WithSecret;

    async fn run(cx: &Context, input: Input) -> Result<WithSecret, Problem> {
        let before = changeable(cx, &input.client).await?;
        let has = metadata::needs_secret(&before.metadata)
            || metadata::needs_plain_secret(&before.metadata);
        if !has {
            let text = "the client has no use for a secret";
            return Err(Problem::new(crate::Kind::WrongState).because(text));
        }
        let mut record = before.clone();
        let secret = with_new_secret(cx, &mut record);
        record.updated_at = cx.now();
        readable(cx, &record, Some(secret.clone()))?;
        let changed = WithSecret {
            client: ClientView::of(cx.provider().policy(), &record),
            client_secret: Some(secret.expose().to_owned()),
        };
        let id = record.client_id.clone();
        let change = Change::of("client", id.as_str()).spending([Spend::Client {
            expected: Box::new(before),
            record: Box::new(record),
        }]);
        cx.commit(change, &changed).await?;
        cx.provider().client_changed(&id);
        Ok(changed)
    }
}
