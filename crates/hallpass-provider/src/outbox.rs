//! The outbox: requests to clients, and mail to people, that are written in the same commit as what they report, and sent afterwards. A
//! process that is killed in between leaves them to the next one.

use std::time::Duration;

use hallpass_core::record::{DeliveryContent, DeliveryRecord, SealedRequest, is_over, next_turn};
use hallpass_store::{Commit, Committed, Spend, StoreError, Write};
use hallpass_types::{Bucket, ClientId, Delivery, Key, Opaque, Timestamp};

use crate::{
    Failure, Provider,
    ports::{Event, FetchError, PostRequest},
    webhooks::turn_of,
};

/// A request to a client's server.
pub struct Outgoing<'a> {
    /// What it is, for logs and metrics.
    pub kind: &'static str,
    /// Whose server.
    pub client: &'a ClientId,
    /// An absolute URL.
    pub url: &'a str,
    /// `Content-Type`, `Authorization` and body.
    pub request: SealedRequest,
    /// Given up then.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("kind", &self.kind)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// A delivery that this process has claimed: nobody else sends it meanwhile.
#[derive(Debug)]
pub struct Claimed {
    key: Key<Delivery>,
    record: DeliveryRecord,
}

/// How an attempt ended.
pub(crate) enum Attempt {
    /// Delivered.
    Done,
    /// Will be tried again.
    Failed,
    /// Was not made: others were under way.
    Busy,
    /// The receiver does not want it, or there is nobody to send it to.
    Final,
    /// There turned out to be nothing to send.
    Nothing,
    /// It has become other deliveries, and is gone.
    Resolved,
}

impl Provider {
    /// The write that puts a request into the outbox. It is sent soon after the commit.
    ///
    /// # Errors
    /// Only failures of ours.
    pub fn outgoing(&self, outgoing: &Outgoing<'_>) -> Result<Write, Failure> {
        let key = self.delivery_key(outgoing.expires_at);
        self.outgoing_at(outgoing, key, self.now())
    }

    /// As [`Self::outgoing`], under a key of the caller's, not to be sent before that time.
    pub(crate) fn outgoing_at(
        &self,
        outgoing: &Outgoing<'_>,
        key: Key<Delivery>,
        next_at: Timestamp,
    ) -> Result<Write, Failure> {
        let plain = serde_json::to_vec(&outgoing.request)
            .map_err(|e| Failure::Internal(format!("a delivery cannot be written: {e}")))?;
        let content = DeliveryContent::Request {
            client_id: outgoing.client.clone(),
            kind: outgoing.kind.to_owned(),
            url: outgoing.url.to_owned(),
            sealed: self.inner.secrets.seal_delivery(key, &plain),
        };
        Ok(delivery(key, content, (next_at, outgoing.expires_at)))
    }

    pub(crate) fn delivery_key(&self, expires_at: Timestamp) -> Key<Delivery> {
        let bucket = Bucket::holding(expires_at);
        Opaque::<Delivery>::from_random(bucket, &self.random_in_order()).key()
    }

    pub(crate) fn delivery(
        &self,
        key: Key<Delivery>,
        content: DeliveryContent,
        expires_at: Timestamp,
    ) -> Write {
        delivery(key, content, (self.now(), expires_at))
    }

    /// Waits until something was put into the outbox by this process.
    pub async fn delivery_queued(&self) {
        self.inner.outbox.notified().await;
    }

    /// Claims at most `limit` deliveries whose time has come, for [`Self::deliver`]. Those whose time is over are
    /// given up.
    ///
    /// # Errors
    /// The store fails.
    pub async fn claim_deliveries(&self, limit: usize) -> Result<Vec<Claimed>, StoreError> {
        let inner = &self.inner;
        let now = self.now();
        let mut claimed = Vec::new();
        loop {
            let due = inner.store.due_deliveries(inner.issuer_id, now, limit);
            let due = due.await?;
            if due.is_empty() {
                return Ok(claimed);
            }
            for (key, mut record) in due {
                if is_over(&record, now) {
                    if self.settle(key, record.attempts, None).await? {
                        self.tell_delivery(&record.content, "given_up");
                    }
                    continue;
                }
                let attempt = record.attempts.saturating_add(1);
                let next_at = record.content.next_attempt(attempt, now);
                if self.settle(key, record.attempts, Some(next_at)).await? {
                    record.attempts = record.attempts.saturating_add(1);
                    claimed.push(Claimed { key, record });
                }
            }
            // None of them was to be had; there may be others behind them.
            if !claimed.is_empty() {
                return Ok(claimed);
            }
        }
    }

    /// Makes the attempt that was claimed. When it fails, the delivery is due again later.
    ///
    /// # Errors
    /// The store fails; the delivery is due again later, too.
    pub async fn deliver(&self, claimed: Claimed) -> Result<(), StoreError> {
        let Claimed { key, record } = claimed;
        let client = match &record.content {
            DeliveryContent::Request { client_id, .. }
            | DeliveryContent::LogoutToken { client_id, .. } => Some(client_id.clone()),
            DeliveryContent::Webhook { webhook, .. } => turn_of(webhook),
            DeliveryContent::SessionsEnded { .. }
            | DeliveryContent::Mail { .. }
            | DeliveryContent::Event(_) => None,
        };
        let again = record.attempts > 1;
        let turn = client
            .as_ref()
            .map(|client| self.inner.sending.enter(client, again));
        let attempt = match &turn {
            Some(None) => Attempt::Busy,
            Some(Some(_)) | None => self.attempt(key, &record).await?,
        };
        drop(turn);
        match attempt {
            Attempt::Done => {
                self.settle(key, record.attempts, None).await?;
                self.tell_delivery(&record.content, "delivered");
            }
            Attempt::Final => {
                self.settle(key, record.attempts, None).await?;
                self.tell_delivery(&record.content, "refused");
            }
            Attempt::Nothing => {
                self.settle(key, record.attempts, None).await?;
            }
            Attempt::Resolved => {}
            Attempt::Failed => self.tell_delivery(&record.content, "failed"),
            Attempt::Busy => self.put_off(key, record).await?,
        }
        Ok(())
    }

    /// Sends everything that is due, one after the other. For programs that do not run the job of the server.
    ///
    /// # Errors
    /// The store fails.
    pub async fn deliver_due(&self) -> Result<usize, StoreError> {
        let mut sent = 0_usize;
        loop {
            let claimed = self.claim_deliveries(64).await?;
            if claimed.is_empty() {
                return Ok(sent);
            }
            for one in claimed {
                self.deliver(one).await?;
                sent = sent.saturating_add(1);
            }
        }
    }

    async fn attempt(
        &self,
        key: Key<Delivery>,
        record: &DeliveryRecord,
    ) -> Result<Attempt, StoreError> {
        match &record.content {
            DeliveryContent::Request {
                client_id: _,
                kind: _,
                url,
                sealed,
            } => {
                let opened = self.inner.secrets.open_delivery(key, sealed);
                let request = opened.and_then(|plain| serde_json::from_slice(&plain).ok());
                let Some(request) = request else {
                    tracing::error!("a delivery cannot be opened with this master key");
                    return Ok(Attempt::Final);
                };
                Ok(match self.post(url, &request).await {
                    Ok(200..=299) => Attempt::Done,
                    Ok(408 | 425 | 429) => Attempt::Failed,
                    // A redirect is not followed: whoever answers so is not who was registered.
                    Ok(300..=499) => Attempt::Final,
                    Ok(_) | Err(FetchError::Failed | FetchError::Blocked) => Attempt::Failed,
                    Err(FetchError::Busy) => Attempt::Busy,
                })
            }
            DeliveryContent::SessionsEnded { sessions, after } => {
                self.tell_participants(key, record, sessions, after.as_ref())
                    .await?;
                Ok(Attempt::Resolved)
            }
            // A client that cannot sign its person out now may be able to later, so that no status is final.
            DeliveryContent::LogoutToken {
                client_id,
                subject,
                sid,
            } => Ok(
                match self.post_logout_token(client_id, subject, sid).await? {
                    Some(Ok(200..=299)) => Attempt::Done,
                    Some(Ok(_) | Err(FetchError::Failed | FetchError::Blocked)) => Attempt::Failed,
                    Some(Err(FetchError::Busy)) => Attempt::Busy,
                    None => Attempt::Final,
                },
            ),
            DeliveryContent::Mail { kind: _, sealed } => self.send_mail(key, sealed).await,
            DeliveryContent::Event(event) => {
                self.tell_webhooks(key, record, event).await?;
                Ok(Attempt::Resolved)
            }
            DeliveryContent::Webhook { webhook, message } => {
                self.post_to_webhook(key, record, (webhook, message)).await
            }
        }
    }

    pub(crate) async fn post(&self, url: &str, request: &SealedRequest) -> Result<u16, FetchError> {
        let request = PostRequest {
            url,
            content_type: &request.content_type,
            authorization: request.authorization.as_deref(),
            headers: &[],
            body: &request.body,
            timeout: Duration::from_secs(TIMEOUT),
        };
        self.inner.fetcher.post(request).await
    }

    /// Moves a claimed delivery, or deletes it. Whether it was still ours.
    async fn settle(
        &self,
        key: Key<Delivery>,
        attempts: u32,
        next_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let spends = vec![Spend::Delivery {
            key,
            attempts,
            next_at,
        }];
        let writes = Vec::new();
        Ok(self.commit(Commit { spends, writes }).await? == Committed::Done)
    }

    /// Gives a claimed delivery back as it was: an attempt that was not made does not count.
    async fn put_off(
        &self,
        key: Key<Delivery>,
        mut record: DeliveryRecord,
    ) -> Result<(), StoreError> {
        let spends = vec![Spend::Delivery {
            key,
            attempts: record.attempts,
            next_at: None,
        }];
        record.attempts = record.attempts.saturating_sub(1);
        record.next_at = next_turn(record.put_off, self.now());
        record.put_off = record.put_off.saturating_add(1);
        let writes = vec![Write::Delivery(key, Box::new(record))];
        // Too late means that another node took it over.
        self.commit(Commit { spends, writes }).await?;
        Ok(())
    }

    fn tell_delivery(&self, content: &DeliveryContent, outcome: &'static str) {
        match content {
            DeliveryContent::Request {
                client_id, kind, ..
            } => self.emit(&Event::Delivery {
                kind,
                client: client_id,
                outcome,
            }),
            DeliveryContent::LogoutToken { client_id, .. } => self.emit(&Event::Delivery {
                kind: "logout_token",
                client: client_id,
                outcome,
            }),
            DeliveryContent::Mail { kind, .. } => self.emit(&Event::Mail { kind, outcome }),
            // Webhooks tell of their messages themselves.
            DeliveryContent::SessionsEnded { .. }
            | DeliveryContent::Event(_)
            | DeliveryContent::Webhook { .. } => {}
        }
    }
}

fn delivery(
    key: Key<Delivery>,
    content: DeliveryContent,
    (next_at, expires_at): (Timestamp, Timestamp),
) -> Write {
    let record = DeliveryRecord {
        content,
        attempts: 0,
        put_off: 0,
        next_at,
        expires_at,
    };
    Write::Delivery(key, Box::new(record))
}

/// Shorter than the first pause between attempts, so that nobody sends beside us.
pub(crate) const TIMEOUT: u64 = 10;
