//! Makes a webhook.

use hallpass_core::{
    admin::Permission,
    webhook::{MOST, Off, Webhook},
};
use hallpass_jose::base64url;
use hallpass_store::{AdminKind, AdminRecord, Spend};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{WithKey, check_description, check_events, check_url, view};
use crate::{Change, Context, Info, Kind, Method, Operation, Problem};

/// Makes a webhook.
#[derive(Debug)]
pub struct Create;

/// What is to be made.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Where requests are posted: an https URL.
    pub url: String,
    /// What it is told: names of events such as `account.signed_in`, beginnings such as `clients.*`, or `*`.
    pub events: Vec<String>,
    /// For operators.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether it is told nothing until somebody switches it on.
    #[serde(default)]
    pub disabled: bool,
}

impl Operation for Create {
    const INFO: Info = Info::new(
        "webhooks.create",
        Method::Post,
        "/projects/{project}/webhooks",
        Permission::ChangeWebhooks,
    )
    .answers(201)
    .fails(&[Kind::Unfit])
    .does("Makes a webhook. The key that signs what it is told is shown this once.");
    type Input = Input;
    type Output = WithKey;

    async fn run(cx: &Context, input: Input) -> Result<WithKey, Problem> {
        check_url(&input.url)?;
        check_events(&input.events)?;
        check_description(input.description.as_deref())?;
        let provider = cx.provider();
        if provider.webhooks().await?.len() >= MOST {
            return Err(Problem::new(Kind::WrongState).because("there are too many already"));
        }
        let id = format!("wh_{}", base64url::encode(provider.random::<16>()));
        let (secret, sealed) = provider.new_webhook_secret(&id);
        let webhook = Webhook {
            url: input.url,
            description: input.description,
            events: input.events,
            secret: sealed,
            previous: None,
            off: input.disabled.then_some(Off::ByOperator),
            failing_since: None,
            created_at: cx.now(),
            updated_at: cx.now(),
        };
        let record = AdminRecord {
            id: id.clone(),
            revision: 1,
            value: serde_json::to_value(&webhook).map_err(|_| Problem::new(Kind::Internal))?,
        };
        let made = WithKey {
            webhook: view(&record)?,
            secret,
        };
        let change = Change::of("webhook", &id)
            .saying("url", webhook.url)
            .saying("events", webhook.events)
            .spending([Spend::Admin {
                kind: AdminKind::Webhook,
                id: id.clone(),
                from: None,
                next: Some(Box::new(record)),
            }]);
        cx.commit(change, &made).await?;
        provider.webhooks_changed();
        Ok(made)
    }
}
