//! Gives a webhook another key.

use hallpass_core::{admin::Permission, webhook::OVERLAP};

use super::{Which, WithKey, changeable, next, view};
use crate::{Change, Context, Info, Method, Operation, Problem};

/// Gives a webhook another key.
#[derive(Debug)]
pub struct RotateSecret;

impl Operation for RotateSecret {
    const INFO: Info = Info::new(
        "webhooks.rotate_secret",
        Method::Post,
        "/projects/{project}/webhooks/{webhook}/secret",
        Permission::ChangeWebhooks,
    )
    .does("Gives a webhook another key, which is shown this once. The one before signs beside it for a day.");
    type Input = Which;
    type Output = WithKey;

    async fn run(cx: &Context, input: Which) -> Result<WithKey, Problem> {
        let (record, mut webhook) = changeable(cx, &input.webhook).await?;
        let (secret, sealed) = cx.provider().new_webhook_secret(&record.id);
        let before = std::mem::replace(&mut webhook.secret, sealed);
        webhook.previous = Some((before, cx.now().plus(OVERLAP)));
        webhook.updated_at = cx.now();
        let (next, spend) = next(&record, &webhook)?;
        let made = WithKey {
            webhook: view(&next)?,
            secret,
        };
        let change = Change::of("webhook", &record.id).spending([spend]);
        cx.commit(change, &made).await?;
        Ok(made)
    }
}
