//! Lists and shows webhooks.

use hallpass_core::admin::Permission;
use hallpass_store::{AdminKind, MAX_PAGE};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{WebhookView, Which, find, view};
use crate::{Context, Info, Operation, Problem, v1::page::Listed};

/// Lists webhooks.
#[derive(Debug)]
pub struct List;

/// Shows a webhook.
#[derive(Debug)]
pub struct Show;

/// Nothing more is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

impl Operation for List {
    const INFO: Info = Info::get(
        "webhooks.list",
        "/projects/{project}/webhooks",
        Permission::ReadWebhooks,
    )
    .does("Lists the webhooks of a project, twenty at most.");
    type Input = Input;
    type Output = Listed<WebhookView>;

    async fn run(cx: &Context, _: Input) -> Result<Listed<WebhookView>, Problem> {
        let (store, issuer) = (cx.store(), cx.issuer());
        let found = store.admin_records(issuer, AdminKind::Webhook, None, MAX_PAGE);
        let items = found.await?.items;
        let items: Result<Vec<_>, _> = items.iter().map(view).collect();
        Ok(Listed {
            items: items?,
            next: None,
        })
    }
}

impl Operation for Show {
    const INFO: Info = Info::get(
        "webhooks.show",
        "/projects/{project}/webhooks/{webhook}",
        Permission::ReadWebhooks,
    )
    .does("Shows a webhook.");
    type Input = Which;
    type Output = WebhookView;

    async fn run(cx: &Context, input: Which) -> Result<WebhookView, Problem> {
        view(&find(cx, &input.webhook).await?)
    }
}
