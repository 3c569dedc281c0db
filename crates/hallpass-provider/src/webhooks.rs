//! Webhooks: what happens is written into the outbox in the commit in which it happens, and becomes a message to each webhook that wants
//! to know. Messages are kept for a week, so that operators see what arrived and send again what did not.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hallpass_core::{
    record::{ActivityRecord, DeliveryContent, DeliveryRecord},
    webhook::{self, Answer, EventRecord, Message, MessageState, Off, Webhook},
};
use hallpass_jose::base64url;
use hallpass_store::{
    Actor, AdminKind, AdminRecord, AuditRecord, Commit, Committed, MAX_PAGE, Spend, StoreError,
    Write,
};
use hallpass_types::{ClientId, Delivery, Key, Timestamp};
use serde_json::{Map, Value, json};

use crate::{
    Noted, Provider, Said,
    outbox::{Attempt, TIMEOUT},
    ports::{Event, FetchError, PostRequest},
};

/// What is wanted, as it was a moment ago: most projects have no webhook, and signing in must not be slower for it.
#[derive(Debug, Default)]
pub(crate) struct Wanted(Mutex<Option<(Instant, Arc<Vec<Webhook>>)>>);

impl Wanted {
    fn held(&self) -> Option<Arc<Vec<Webhook>>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = held.as_ref().filter(|(since, _)| since.elapsed() < HELD);
        fresh.map(|(_, all)| Arc::clone(all))
    }

    fn set(&self, all: Option<Arc<Vec<Webhook>>>) {
        let next = all.map(|all| (Instant::now(), all));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

/// A record of administration as the type that it is.
///
/// # Errors
/// It is something else.
pub fn read<T: serde::de::DeserializeOwned>(record: &AdminRecord) -> Result<T, StoreError> {
    serde_json::from_value(record.value.clone()).map_err(|error| StoreError::Corrupt(error.into()))
}

impl Provider {
    /// All webhooks, by their identifiers.
    ///
    /// # Errors
    /// The store fails.
    pub async fn webhooks(&self) -> Result<Vec<(String, Webhook)>, StoreError> {
        let inner = &self.inner;
        let found = inner
            .store
            .admin_records(inner.issuer_id, AdminKind::Webhook, None, MAX_PAGE);
        let found = found.await?.items;
        found
            .iter()
            .map(|record| Ok((record.id.clone(), read(record)?)))
            .collect()
    }

    /// Webhooks were changed by this process: what is held of them is over.
    pub fn webhooks_changed(&self) {
        self.inner.wanted.set(None);
    }

    /// A new key for a webhook: in the form for its receiver, and sealed.
    #[must_use]
    pub fn new_webhook_secret(&self, id: &str) -> (String, Vec<u8>) {
        let key = self.random::<32>();
        let sealed = self.inner.secrets.seal_webhook_secret(id, &key);
        (webhook::written(&key), sealed)
    }

    /// The write that tells of something, where somebody may want to know.
    ///
    /// # Errors
    /// The store fails.
    pub async fn told_of(
        &self,
        kind: &str,
        at: Timestamp,
        data: Map<String, Value>,
    ) -> Result<Option<Write>, StoreError> {
        let all = self.wanted().await?;
        if !all.iter().any(|webhook| webhook.wants(kind)) {
            return Ok(None);
        }
        let event = self.event(kind, at, data);
        let expires_at = self.now().plus(webhook::GIVEN_UP_AFTER);
        let key = self.delivery_key(expires_at);
        let content = DeliveryContent::Event(Box::new(event));
        Ok(Some(self.delivery(key, content, expires_at)))
    }

    async fn wanted(&self) -> Result<Arc<Vec<Webhook>>, StoreError> {
        if let Some(held) = self.inner.wanted.held() {
            return Ok(held);
        }
        let all = self.webhooks().await?;
        let all = Arc::new(all.into_iter().map(|(_, webhook)| webhook).collect());
        self.inner.wanted.set(Some(Arc::clone(&all)));
        Ok(all)
    }

    /// Something that happened just now, with a new identifier.
    #[must_use]
    pub fn event(&self, kind: &str, at: Timestamp, data: Map<String, Value>) -> EventRecord {
        EventRecord {
            id: format!("msg_{}", base64url::encode(self.random::<16>())),
            kind: kind.to_owned(),
            at,
            data,
        }
    }

    /// What tells of what happened with accounts.
    pub(crate) async fn told_of_accounts(
        &self,
        happened: &[ActivityRecord],
    ) -> Result<Vec<Write>, StoreError> {
        let mut writes = Vec::new();
        for record in happened {
            let kind = format!("account.{}", record.what.as_str());
            let visit = record.visit.as_ref();
            let data = object(json!({
                "sub": record.subject,
                "client_id": record.client,
                "address": visit.and_then(|visit| visit.address.as_deref()),
                "device": visit.map(|visit| visit.device.as_str()),
            }));
            writes.extend(self.told_of(&kind, record.at, data).await?);
        }
        Ok(writes)
    }

    /// A message to one webhook: what notes it, what sends it, and the name by which it is found.
    ///
    /// # Errors
    /// Only failures of ours.
    pub fn webhook_message(
        &self,
        id: &str,
        event: &EventRecord,
    ) -> Result<(Spend, Write, String), StoreError> {
        let issuer = self.inner.policy.issuer.as_str();
        let message = Message {
            event: event.id.clone(),
            kind: event.kind.clone(),
            at: event.at,
            body: webhook::body(event, issuer),
            state: MessageState::Waiting,
            attempts: 0,
            status: None,
            tried_at: None,
        };
        let name = format!(
            "{}{}",
            before(self.inner.clock.millis()),
            base64url::encode(self.random::<6>())
        );
        let record = AdminRecord {
            id: place(id, &name),
            revision: 1,
            value: value(&message)?,
        };
        let spend = Spend::Admin {
            kind: AdminKind::WebhookMessage,
            id: record.id.clone(),
            from: None,
            next: Some(Box::new(record)),
        };
        Ok((spend, self.webhook_delivery(id, &name), name))
    }

    fn webhook_delivery(&self, id: &str, name: &str) -> Write {
        let expires_at = self.now().plus(webhook::GIVEN_UP_AFTER);
        let content = DeliveryContent::Webhook {
            webhook: id.to_owned(),
            message: name.to_owned(),
        };
        self.delivery(self.delivery_key(expires_at), content, expires_at)
    }

    /// Messages to a webhook, the youngest first, after the one of that name.
    ///
    /// # Errors
    /// The store fails.
    pub async fn webhook_messages(
        &self,
        id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, AdminRecord)>, StoreError> {
        let inner = &self.inner;
        let after = place(id, after.unwrap_or_default());
        let kind = AdminKind::WebhookMessage;
        let found = inner
            .store
            .admin_records(inner.issuer_id, kind, Some(&after), limit);
        let found = found.await?.items.into_iter();
        let own = found.filter_map(|record| {
            let name = record.id.strip_prefix(id)?.strip_prefix('/')?.to_owned();
            Some((name, record))
        });
        Ok(own.collect())
    }

    /// One message to a webhook.
    ///
    /// # Errors
    /// The store fails.
    pub async fn webhook_message_named(
        &self,
        id: &str,
        name: &str,
    ) -> Result<Option<AdminRecord>, StoreError> {
        let inner = &self.inner;
        let kind = AdminKind::WebhookMessage;
        let place = place(id, name);
        inner
            .store
            .admin_record(inner.issuer_id, kind, &place)
            .await
    }

    /// What sends a message again, as if it had never been tried. None: it waits already.
    ///
    /// # Errors
    /// Only failures of ours.
    pub fn webhook_replay(
        &self,
        id: &str,
        name: &str,
        record: &AdminRecord,
    ) -> Result<Option<(Spend, Write)>, StoreError> {
        let mut message: Message = read(record)?;
        if message.state == MessageState::Waiting {
            return Ok(None);
        }
        message.state = MessageState::Waiting;
        message.attempts = 0;
        let spend = changed(AdminKind::WebhookMessage, record, &message)?;
        Ok(Some((spend, self.webhook_delivery(id, name))))
    }

    /// Forgets messages to a webhook; whether there may be more.
    ///
    /// # Errors
    /// The store fails.
    pub async fn forget_webhook_messages(&self, id: &str) -> Result<bool, StoreError> {
        let found = self.webhook_messages(id, None, FORGET).await?;
        self.forget(found.into_iter().map(|(_, record)| record))
            .await
    }

    async fn forget(&self, records: impl Iterator<Item = AdminRecord>) -> Result<bool, StoreError> {
        let spends: Vec<Spend> = records
            .map(|record| Spend::Admin {
                kind: AdminKind::WebhookMessage,
                from: Some(record.revision),
                id: record.id,
                next: None,
            })
            .collect();
        if spends.is_empty() {
            return Ok(false);
        }
        let writes = Vec::new();
        // Too late means that somebody else forgets them, too, or that one is under way.
        self.commit(Commit { spends, writes }).await?;
        Ok(true)
    }

    /// Something happened: it becomes messages.
    pub(crate) async fn tell_webhooks(
        &self,
        key: Key<Delivery>,
        record: &DeliveryRecord,
        event: &EventRecord,
    ) -> Result<(), StoreError> {
        let mut spends = vec![Spend::Delivery {
            key,
            attempts: record.attempts,
            next_at: None,
        }];
        let mut writes = Vec::new();
        let mut told = Vec::new();
        for (id, webhook) in self.webhooks().await? {
            if webhook.wants(&event.kind) {
                let (spend, write, _) = self.webhook_message(&id, event)?;
                spends.push(spend);
                writes.push(write);
                told.push(id);
            }
        }
        // Too late means that another node was faster.
        self.commit(Commit { spends, writes }).await?;
        let old = self.now().plus(-webhook::KEPT).0.saturating_mul(1000);
        let old = before(u64::try_from(old).unwrap_or_default());
        for id in told {
            // Two go where one comes, so that they do not heap up.
            let found = self.webhook_messages(&id, Some(&old), 2).await?;
            self.forget(found.into_iter().map(|(_, record)| record))
                .await?;
        }
        Ok(())
    }

    /// Posts a message and notes how it went.
    pub(crate) async fn post_to_webhook(
        &self,
        key: Key<Delivery>,
        record: &DeliveryRecord,
        (id, name): (&str, &str),
    ) -> Result<Attempt, StoreError> {
        let inner = &self.inner;
        let kind = AdminKind::Webhook;
        let known = inner.store.admin_record(inner.issuer_id, kind, id).await?;
        let (Some(known), Some(noted)) = (known, self.webhook_message_named(id, name).await?)
        else {
            return Ok(Attempt::Nothing);
        };
        let webhook: Webhook = read(&known)?;
        let mut message: Message = read(&noted)?;
        if message.state != MessageState::Waiting {
            return Ok(Attempt::Nothing);
        }
        let now = self.now();
        let answer = if webhook.off.is_some() {
            message.state = MessageState::Failed;
            None
        } else {
            let Some(status) = self.post_signed(id, &webhook, &message).await else {
                return Ok(Attempt::Busy);
            };
            let answer = Answer::of(status);
            message.status = status;
            message.tried_at = Some(now);
            message.attempts = record.attempts;
            message.state = webhook::after(answer, record.attempts);
            Some(answer)
        };
        let mut spends = vec![changed(AdminKind::WebhookMessage, &noted, &message)?];
        if message.state != MessageState::Waiting {
            spends.push(Spend::Delivery {
                key,
                attempts: record.attempts,
                next_at: None,
            });
        }
        let writes = Vec::new();
        // Too late means that another node took it over, or an operator did.
        if self.commit(Commit { spends, writes }).await? != Committed::Done {
            return Ok(Attempt::Resolved);
        }
        self.emit(&Event::Webhook {
            webhook: id,
            outcome: match message.state {
                MessageState::Waiting => "failed",
                MessageState::Delivered => "delivered",
                MessageState::Failed => "given_up",
            },
        });
        if let Some(answer) = answer {
            self.note_health(&known, &webhook, answer).await?;
        }
        Ok(Attempt::Resolved)
    }

    /// The status of the answer, none without one. Outer none: there is no room for the request now.
    async fn post_signed(
        &self,
        id: &str,
        webhook: &Webhook,
        message: &Message,
    ) -> Option<Option<u16>> {
        let now = self.now();
        let secrets = &self.inner.secrets;
        let previous = webhook.previous.as_ref();
        let previous = previous.filter(|(_, until)| !until.is_over(now));
        let sealed = [Some(&webhook.secret), previous.map(|(sealed, _)| sealed)];
        let keys = sealed.into_iter().flatten();
        let keys: Vec<_> = keys
            .filter_map(|sealed| secrets.open_webhook_secret(id, sealed))
            .collect();
        if keys.is_empty() {
            tracing::error!(webhook.id = id, "the secret of a webhook cannot be opened");
            return Some(None);
        }
        let keys = keys.iter().map(|key| key.as_slice());
        let signature = webhook::signature(keys, &message.event, now, &message.body);
        let at = now.0.to_string();
        let headers = [
            ("webhook-id", message.event.as_str()),
            ("webhook-timestamp", at.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        let request = PostRequest {
            url: &webhook.url,
            content_type: "application/json",
            authorization: None,
            headers: &headers,
            body: &message.body,
            timeout: Duration::from_secs(TIMEOUT),
        };
        match self.inner.fetcher.post(request).await {
            Ok(status) => Some(Some(status)),
            Err(FetchError::Failed | FetchError::Blocked) => Some(None),
            Err(FetchError::Busy) => None,
        }
    }

    /// Notes that a webhook fails or does not any more; switched off it is with a line of the audit log.
    async fn note_health(
        &self,
        known: &AdminRecord,
        webhook: &Webhook,
        answer: Answer,
    ) -> Result<(), StoreError> {
        let Some(next) = webhook::health(webhook, answer, self.now()) else {
            return Ok(());
        };
        let spend = changed(AdminKind::Webhook, known, &next)?;
        let reason = match next.off.filter(|_| webhook.off.is_none()) {
            None => {
                let (spends, writes) = (vec![spend], Vec::new());
                // Too late means that it was changed, or that another attempt has noted it.
                self.commit(Commit { spends, writes }).await?;
                return Ok(());
            }
            Some(Off::Gone) => "gone",
            Some(Off::Failing | Off::ByOperator) => "failing",
        };
        let details = object(json!({"reason": reason}));
        if self
            .note_line(spend, "webhooks.switch_off", &known.id, details)
            .await?
        {
            tracing::warn!(webhook.id = known.id, reason, "a webhook is switched off");
        }
        self.webhooks_changed();
        Ok(())
    }

    /// Commits something that the server does by itself, with its line in the audit log. Whether it was in time.
    async fn note_line(
        &self,
        spend: Spend,
        action: &str,
        id: &str,
        details: Map<String, Value>,
    ) -> Result<bool, StoreError> {
        let said = Said {
            actor: Actor {
                kind: "server".to_owned(),
                id: "outbox".to_owned(),
                client: None,
            },
            action: action.to_owned(),
            target: Some("webhook".to_owned()),
            target_id: Some(id.to_owned()),
            details,
            address: None,
        };
        let commit = Commit {
            spends: vec![spend],
            writes: Vec::new(),
        };
        let noted = self.commit_noted(said, commit, None).await?;
        Ok(matches!(noted, Noted::Done(_)))
    }

    /// What tells of a line of the audit log.
    ///
    /// # Errors
    /// The store fails.
    pub(crate) async fn told_of_line(&self, line: &AuditRecord) -> Result<Vec<Write>, StoreError> {
        let data = object(json!({
            "seq": line.seq,
            "actor_kind": line.actor.kind,
            "actor": line.actor.id,
            "actor_client": line.actor.client,
            "target": line.target,
            "target_id": line.target_id,
            "details": line.details,
            "address": line.address,
        }));
        let told = self.told_of(&line.action, line.at, data).await?;
        Ok(told.into_iter().collect())
    }
}

/// Whose turn it is among deliveries.
pub(crate) fn turn_of(webhook: &str) -> Option<ClientId> {
    ClientId::parse(webhook).ok()
}

/// Where a message is kept.
fn place(webhook: &str, name: &str) -> String {
    format!("{webhook}/{name}")
}

/// Comes the earlier the later the moment is.
fn before(millis: u64) -> String {
    format!("{:013x}", LAST.saturating_sub(millis))
}

fn changed(
    kind: AdminKind,
    record: &AdminRecord,
    next: &impl serde::Serialize,
) -> Result<Spend, StoreError> {
    Ok(Spend::Admin {
        kind,
        id: record.id.clone(),
        from: Some(record.revision),
        next: Some(Box::new(AdminRecord {
            id: record.id.clone(),
            revision: record.revision.saturating_add(1),
            value: value(next)?,
        })),
    })
}

fn value(of: &impl serde::Serialize) -> Result<Value, StoreError> {
    serde_json::to_value(of).map_err(|error| StoreError::Corrupt(error.into()))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

/// For so long other processes may not know of a new webhook.
const HELD: Duration = Duration::from_secs(2);
/// Thirteen hexadecimal digits.
const LAST: u64 = 0x000F_FFFF_FFFF_FFFF;
/// So many messages are forgotten in one commit.
const FORGET: usize = 100;
