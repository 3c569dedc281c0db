//! What webhooks were told.

use hallpass_core::{
    admin::Permission,
    webhook::{Message, MessageState},
};
use hallpass_provider::webhooks;
use hallpass_store::AdminRecord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Which, find};
use crate::{
    Change, Context, Info, Kind, Method, Operation, Problem,
    v1::page::{self, Listed},
};

/// Lists what a webhook was told.
#[derive(Debug)]
pub struct Deliveries;

/// Tells a webhook something again.
#[derive(Debug)]
pub struct Replay;

/// Tells a webhook something that means nothing.
#[derive(Debug)]
pub struct Test;

/// Which deliveries.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The webhook.
    pub webhook: String,
    /// Only those that are `waiting`, `delivered` or `failed`.
    #[serde(default)]
    pub state: Option<StateName>,
    /// The page that follows another one.
    #[serde(default)]
    pub cursor: Option<String>,
    /// How many at most: 1 to 200, usually 50.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Whether something has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the same as those of the rules")]
pub enum StateName {
    /// Not yet: it is tried again.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// It was given up.
    Failed,
}

impl From<MessageState> for StateName {
    fn from(state: MessageState) -> Self {
        match state {
            MessageState::Waiting => Self::Waiting,
            MessageState::Delivered => Self::Delivered,
            MessageState::Failed => Self::Failed,
        }
    }
}

/// Which of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct One {
    /// The webhook.
    pub webhook: String,
    /// Its delivery.
    pub delivery: String,
}

/// Something that a webhook was told, or is to be.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeliveryView {
    /// Its identifier.
    pub id: String,
    /// The event's identifier, which is sent as `webhook-id`.
    pub event_id: String,
    /// What kind of event it is.
    pub event: String,
    /// When that happened, in seconds since 1970.
    pub at: i64,
    /// Whether it has arrived.
    pub state: StateName,
    /// How often it was tried.
    pub attempts: u32,
    /// The status of the last answer; null when there was none.
    pub status: Option<u16>,
    /// When it was tried last, in seconds since 1970.
    pub tried_at: Option<i64>,
    /// What is posted.
    pub body: String,
}

impl DeliveryView {
    fn new(id: String, message: Message) -> Self {
        Self {
            id,
            event_id: message.event,
            event: message.kind,
            at: message.at.0,
            state: message.state.into(),
            attempts: message.attempts,
            status: message.status,
            tried_at: message.tried_at.map(|at| at.0),
            body: message.body,
        }
    }

    fn of(id: String, record: &AdminRecord) -> Result<Self, Problem> {
        Ok(Self::new(id, webhooks::read(record)?))
    }
}

impl Operation for Deliveries {
    const INFO: Info = Info::get(
        "webhooks.deliveries",
        "/projects/{project}/webhooks/{webhook}/deliveries",
        Permission::ReadWebhooks,
    )
    .does("Lists what a webhook was told within the last week, the youngest first.");
    type Input = Input;
    type Output = Listed<DeliveryView>;

    async fn run(cx: &Context, input: Input) -> Result<Listed<DeliveryView>, Problem> {
        let limit = page::limit(input.limit)?;
        let mut after = page::after(input.cursor.as_deref())?;
        let webhook = find(cx, &input.webhook).await?.id;
        let mut items = Vec::new();
        let mut looked = 0_usize;
        loop {
            let found = cx
                .provider()
                .webhook_messages(&webhook, after.as_deref(), PAGE)
                .await?;
            let end = found.len() < PAGE;
            for (name, record) in found {
                if items.len() >= limit {
                    let next = after.as_deref().map(page::cursor);
                    return Ok(Listed { items, next });
                }
                looked = looked.saturating_add(1);
                after = Some(name.clone());
                let view = DeliveryView::of(name, &record)?;
                if input.state.is_none_or(|state| state == view.state) {
                    items.push(view);
                }
            }
            if end || looked >= page::SEARCHED {
                let next = after.as_deref().filter(|_| !end).map(page::cursor);
                return Ok(Listed { items, next });
            }
        }
    }
}

impl Operation for Replay {
    const INFO: Info = Info::new(
        "webhooks.replay",
        Method::Post,
        "/projects/{project}/webhooks/{webhook}/deliveries/{delivery}/replay",
        Permission::ChangeWebhooks,
    )
    .answers(202)
    .does("Sends something to a webhook again, with the same identifier and body.");
    type Input = One;
    type Output = DeliveryView;

    async fn run(cx: &Context, input: One) -> Result<DeliveryView, Problem> {
        let webhook = enabled(cx, &input.webhook).await?;
        let provider = cx.provider();
        let found = provider.webhook_message_named(&webhook, &input.delivery);
        let record = found.await?.ok_or_else(|| Problem::new(Kind::NotFound))?;
        let again = provider.webhook_replay(&webhook, &input.delivery, &record)?;
        let Some((spend, write)) = again else {
            return Err(Problem::new(Kind::WrongState).because("it waits to be sent already"));
        };
        let mut message: Message = webhooks::read(&record)?;
        message.state = MessageState::Waiting;
        message.attempts = 0;
        let event = message.event.clone();
        let view = DeliveryView::new(input.delivery, message);
        let change = Change::of("webhook", &webhook)
            .saying("event_id", event)
            .spending([spend])
            .writing([write]);
        cx.commit(change, &view).await?;
        Ok(view)
    }
}

impl Operation for Test {
    const INFO: Info = Info::new(
        "webhooks.test",
        Method::Post,
        "/projects/{project}/webhooks/{webhook}/test",
        Permission::ChangeWebhooks,
    )
    .answers(202)
    .does("Sends an event of the kind `webhook.test` to a webhook.");
    type Input = Which;
    type Output = DeliveryView;

    async fn run(cx: &Context, input: Which) -> Result<DeliveryView, Problem> {
        let webhook = enabled(cx, &input.webhook).await?;
        let provider = cx.provider();
        let mut data = Map::new();
        data.insert("webhook".to_owned(), Value::from(webhook.as_str()));
        let event = provider.event("webhook.test", cx.now(), data);
        let (spend, write, name) = provider.webhook_message(&webhook, &event)?;
        let body = hallpass_core::webhook::body(&event, provider.policy().issuer.as_str());
        let view = DeliveryView {
            id: name,
            event_id: event.id,
            event: event.kind,
            at: event.at.0,
            state: StateName::Waiting,
            attempts: 0,
            status: None,
            tried_at: None,
            body,
        };
        let change = Change::of("webhook", &webhook)
            .spending([spend])
            .writing([write]);
        cx.commit(change, &view).await?;
        Ok(view)
    }
}

/// One that is told anything at all.
async fn enabled(cx: &Context, id: &str) -> Result<String, Problem> {
    let record = find(cx, id).await?;
    let webhook: hallpass_core::webhook::Webhook = webhooks::read(&record)?;
    if webhook.off.is_some() {
        return Err(Problem::new(Kind::WrongState).because("the webhook is switched off"));
    }
    Ok(record.id)
}

const PAGE: usize = 200;
