//! Makes a webhook.

use hallpass_core::{
    admin::Permission,
    webhook::{MOST, Off, Webhook},
};
use hallpass_jose::base64url;
use hallpass_store::{AdminKind, AdminRecord, Spend};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{WithKey, check_callable, check_description, check_events, view};
use crate::{Change, Context, Info, Kind, Method, Operation, Problem, Uncommitted};

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
        check_callable(cx, &input.url).await?;
        check_events(&input.events)?;
        check_description(input.description.as_deref())?;
        let provider = cx.provider();
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
        let new = Spend::Admin {
            kind: AdminKind::Webhook,
            id: id.clone(),
            from: None,
            next: Some(Box::new(record)),
        };
        for _ in 0..ROUNDS {
            let one_more = one_more(cx).await?;
            let change = Change::of("webhook", &id)
                .saying("url", webhook.url.as_str())
                .saying("events", webhook.events.clone())
                .spending([one_more, new.clone()]);
            match cx.commit(change, &made).await {
                Ok(()) => {
                    provider.webhooks_changed();
                    return Ok(made);
                }
                // Somebody else has made one since they were counted.
                Err(Uncommitted::TooLate(0)) => {}
                Err(uncommitted) => return Err(uncommitted.into()),
            }
        }
        Err(Kind::Changed.into())
    }
}

/// Counts them, and says so in a way that holds while one more is made.
async fn one_more(cx: &Context) -> Result<Spend, Problem> {
    let (store, issuer, kind) = (cx.store(), cx.issuer(), AdminKind::Bounded);
    // First this, then the count: who makes one in between raises it.
    let held = store.admin_record(issuer, kind, LIST).await?;
    if cx.provider().webhooks().await?.len() >= MOST {
        return Err(Problem::new(Kind::WrongState).because("there are too many already"));
    }
    let from = held.map(|record| record.revision);
    Ok(Spend::Admin {
        kind,
        id: LIST.to_owned(),
        from,
        next: Some(Box::new(AdminRecord {
            id: LIST.to_owned(),
            revision: from.unwrap_or_default().saturating_add(1),
            value: Value::Null,
        })),
    })
}

/// Under which the list of webhooks is kept to its bound.
const LIST: &str = "webhooks";
/// Whoever is too late so often had all the others make one before.
const ROUNDS: usize = 2 * MOST;
