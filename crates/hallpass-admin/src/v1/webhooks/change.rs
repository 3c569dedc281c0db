//! Changes a webhook.

use hallpass_core::{admin::Permission, webhook::Off};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{WebhookView, changeable, check_callable, check_description, check_events, next, view};
use crate::{Change, Context, Info, Kind, Method, Operation, Problem};

/// Changes a webhook.
#[derive(Debug)]
pub struct Update;

/// What is to be changed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its identifier.
    pub webhook: String,
    /// Where requests are posted: an https URL.
    #[serde(default)]
    pub url: Option<String>,
    /// What it is told: names of events such as `account.signed_in`, beginnings such as `clients.*`, or `*`.
    #[serde(default)]
    pub events: Option<Vec<String>>,
    /// For operators; empty for none.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether it is told anything. One that was switched off for failing begins anew.
    #[serde(default)]
    pub enabled: Option<bool>,
}

impl Operation for Update {
    const INFO: Info = Info::new(
        "webhooks.update",
        Method::Patch,
        "/projects/{project}/webhooks/{webhook}",
        Permission::ChangeWebhooks,
    )
    .fails(&[Kind::Unfit])
    .does("Changes a webhook, or switches it off and on.");
    type Input = Input;
    type Output = WebhookView;

    async fn run(cx: &Context, input: Input) -> Result<WebhookView, Problem> {
        let (record, mut webhook) = changeable(cx, &input.webhook).await?;
        let mut change = Change::of("webhook", &record.id);
        if let Some(url) = input.url {
            check_callable(cx, &url).await?;
            change = change.saying("url", url.as_str());
            webhook.url = url;
        }
        if let Some(events) = input.events {
            check_events(&events)?;
            change = change.saying("events", events.clone());
            webhook.events = events;
        }
        if let Some(description) = input.description {
            check_description(Some(&description))?;
            webhook.description = Some(description).filter(|text| !text.is_empty());
        }
        if let Some(enabled) = input.enabled {
            change = change.saying("enabled", enabled);
            webhook.off = (!enabled).then_some(Off::ByOperator);
            webhook.failing_since = None;
        }
        webhook.updated_at = cx.now();
        let (next, spend) = next(&record, &webhook)?;
        let view = view(&next)?;
        cx.commit(change.spending([spend]), &view).await?;
        cx.provider().webhooks_changed();
        Ok(view)
    }
}
