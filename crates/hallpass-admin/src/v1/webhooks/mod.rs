//! Webhooks: addresses that are told what happens.

pub mod change;
pub mod create;
pub mod delete;
pub mod deliveries;
pub mod list;
pub mod secret;

use hallpass_core::webhook::{self, Off, Webhook};
use hallpass_provider::webhooks;
use hallpass_store::{AdminKind, AdminRecord, Spend};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use change::Update;
pub use create::Create;
pub use delete::Delete;
pub use deliveries::{Deliveries, Replay, Test};
pub use list::{List, Show};
pub use secret::RotateSecret;

use crate::{Context, Kind, Problem};

/// Which webhook.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Its identifier.
    pub webhook: String,
}

/// Why nothing is sent to a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the same as those of the rules")]
pub enum OffReason {
    /// An operator has said so.
    ByOperator,
    /// It did not take anything for five days.
    Failing,
    /// It answered that it is gone (410).
    Gone,
}

impl From<Off> for OffReason {
    fn from(off: Off) -> Self {
        match off {
            Off::ByOperator => Self::ByOperator,
            Off::Failing => Self::Failing,
            Off::Gone => Self::Gone,
        }
    }
}

/// A webhook as operators see it. Its key is not in it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WebhookView {
    /// Its identifier.
    pub id: String,
    /// Where requests are posted.
    pub url: String,
    /// For operators.
    pub description: Option<String>,
    /// Names of events, or beginnings of names that end with `.*`, or `*`.
    pub events: Vec<String>,
    /// Whether it is told anything.
    pub enabled: bool,
    /// Why not.
    pub off: Option<OffReason>,
    /// Since when it takes nothing, in seconds since 1970; null while it does.
    pub failing_since: Option<i64>,
    /// Changes with every change.
    pub revision: String,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// When somebody last changed it.
    pub updated_at: i64,
}

/// A webhook with the key that it got just now, which is shown this once.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WithKey {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// The key that its receiver verifies with: `whsec_`, and 32 bytes in Base64.
    pub secret: String,
}

fn view(record: &AdminRecord) -> Result<WebhookView, Problem> {
    let webhook: Webhook = webhooks::read(record)?;
    Ok(WebhookView {
        id: record.id.clone(),
        url: webhook.url,
        description: webhook.description,
        events: webhook.events,
        enabled: webhook.off.is_none(),
        off: webhook.off.map(OffReason::from),
        failing_since: webhook.failing_since.map(|at| at.0),
        revision: record.revision.to_string(),
        created_at: webhook.created_at.0,
        updated_at: webhook.updated_at.0,
    })
}

async fn find(cx: &Context, id: &str) -> Result<AdminRecord, Problem> {
    let store = cx.store();
    let found = store
        .admin_record(cx.issuer(), AdminKind::Webhook, id)
        .await?;
    found.ok_or_else(|| Kind::NotFound.into())
}

/// One that is to be changed.
async fn changeable(cx: &Context, id: &str) -> Result<(AdminRecord, Webhook), Problem> {
    let record = find(cx, id).await?;
    cx.matches(&record.revision.to_string())?;
    let webhook = webhooks::read(&record)?;
    Ok((record, webhook))
}

/// What takes the place of a record, and what writes that.
fn next(record: &AdminRecord, webhook: &Webhook) -> Result<(AdminRecord, Spend), Problem> {
    let next = AdminRecord {
        id: record.id.clone(),
        revision: record.revision.saturating_add(1),
        value: serde_json::to_value(webhook).map_err(|_| Problem::new(Kind::Internal))?,
    };
    let spend = Spend::Admin {
        kind: AdminKind::Webhook,
        id: record.id.clone(),
        from: Some(record.revision),
        next: Some(Box::new(next.clone())),
    };
    Ok((next, spend))
}

pub(crate) fn check_url(url: &str) -> Result<(), Problem> {
    if webhook::is_address(url) {
        return Ok(());
    }
    let text = "is an https URL without user and fragment, 2000 characters at most";
    Err(Problem::unfit("url", text))
}

/// Whether something may be sent there, as far as can be said before it is.
async fn check_callable(cx: &Context, url: &str) -> Result<(), Problem> {
    check_url(url)?;
    if cx.provider().may_call(url).await {
        return Ok(());
    }
    let text = "leads to an address inside, to which nothing is sent";
    Err(Problem::unfit("url", text))
}

pub(crate) fn check_events(events: &[String]) -> Result<(), Problem> {
    if events.is_empty() || events.len() > 100 {
        return Err(Problem::unfit("events", "has 1 to 100 entries"));
    }
    if !events.iter().all(|event| webhook::is_pattern(event)) {
        let text = "holds names of events such as account.signed_in, clients.* or *";
        return Err(Problem::unfit("events", text));
    }
    Ok(())
}

pub(crate) fn check_description(description: Option<&str>) -> Result<(), Problem> {
    let fits = |text: &str| text.len() <= 200 && !text.chars().any(char::is_control);
    if description.is_none_or(fits) {
        return Ok(());
    }
    let text = "has 200 bytes at most, without control characters";
    Err(Problem::unfit("description", text))
}
