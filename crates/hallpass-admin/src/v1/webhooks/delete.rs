//! Deletes a webhook.

use hallpass_core::admin::Permission;
use hallpass_store::{AdminKind, Spend};

use super::{Which, changeable};
use crate::{Change, Context, Info, Method, Nothing, Operation, Problem};

/// Deletes a webhook.
#[derive(Debug)]
pub struct Delete;

impl Operation for Delete {
    const INFO: Info = Info::new(
        "webhooks.delete",
        Method::Delete,
        "/projects/{project}/webhooks/{webhook}",
        Permission::ChangeWebhooks,
    )
    .does("Deletes a webhook: it is told nothing any more, and what it was told is forgotten.");
    type Input = Which;
    type Output = Nothing;

    async fn run(cx: &Context, input: Which) -> Result<Nothing, Problem> {
        let (record, webhook) = changeable(cx, &input.webhook).await?;
        let change = Change::of("webhook", &record.id)
            .saying("url", webhook.url)
            .spending([Spend::Admin {
                kind: AdminKind::Webhook,
                id: record.id.clone(),
                from: Some(record.revision),
                next: None,
            }]);
        cx.commit(change, &Nothing {}).await?;
        let provider = cx.provider();
        provider.webhooks_changed();
        for _ in 0..MOST {
            if !provider.forget_webhook_messages(&record.id).await? {
                break;
            }
        }
        Ok(Nothing {})
    }
}

/// So often some are forgotten; what is left is nobody's any more.
const MOST: usize = 1_000;
