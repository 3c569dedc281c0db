//! Mail in the outbox: what is to be said waits sealed, and is put into words when it is sent.

use std::sync::Arc;

use hallpass_core::record::DeliveryContent;
use hallpass_store::{StoreError, Write};
use hallpass_types::{Delivery, EmailAddress, Key, Opaque, Timestamp, Waiting};
use serde::{Deserialize, Serialize};

use crate::{
    Failure, Provider,
    outbox::Attempt,
    ports::{Letters, Mail, MailError, Mailer, Message},
};

/// How mail is written and sent.
pub(crate) struct Post {
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) letters: Arc<dyn Letters>,
}

/// A mail that waits to be sent.
#[derive(Serialize, Deserialize)]
pub(crate) struct Order {
    #[serde(rename = "t")]
    pub(crate) to: EmailAddress,
    #[serde(rename = "a")]
    pub(crate) about: About,
}

/// What it is about.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum About {
    /// This.
    Message(Message),
    /// What somebody asked for, of whom it is not known whether they have an account. That is looked up when the mail is
    /// written, so that asking takes the same time and writes the same for everybody.
    Asked {
        /// What stands behind the link or the code.
        token: String,
        /// The code, where it is one.
        code: Option<String>,
    },
}

impl Provider {
    /// Whether mail can be sent at all.
    #[must_use]
    pub fn has_mail(&self) -> bool {
        self.inner.post.is_some()
    }

    /// The write that puts a mail into the outbox. It is sent soon after the commit, at least once, and given up at
    /// `expires_at`. Limits on how much mail somebody gets are the caller's.
    ///
    /// # Errors
    /// Only failures of ours.
    pub fn mail(
        &self,
        to: &EmailAddress,
        message: Message,
        expires_at: Timestamp,
    ) -> Result<Write, Failure> {
        let kind = message.kind();
        let order = Order {
            to: to.clone(),
            about: About::Message(message),
        };
        self.order(kind, &order, expires_at)
    }

    pub(crate) fn order(
        &self,
        kind: &str,
        order: &Order,
        expires_at: Timestamp,
    ) -> Result<Write, Failure> {
        let key = self.delivery_key(expires_at);
        let plain = serde_json::to_vec(order)
            .map_err(|e| Failure::Internal(format!("a mail cannot be written: {e}")))?;
        let content = DeliveryContent::Mail {
            kind: kind.to_owned(),
            sealed: self.inner.secrets.seal_delivery(key, &plain),
        };
        Ok(self.delivery(key, content, expires_at))
    }

    pub(crate) async fn send_mail(
        &self,
        key: Key<Delivery>,
        sealed: &[u8],
    ) -> Result<Attempt, StoreError> {
        let Some(post) = &self.inner.post else {
            return Ok(Attempt::Failed);
        };
        let opened = self.inner.secrets.open_delivery(key, sealed);
        let order = opened.and_then(|plain| serde_json::from_slice::<Order>(&plain).ok());
        let Some(Order { to, about }) = order else {
            tracing::error!("a mail cannot be opened with this master key");
            return Ok(Attempt::Final);
        };
        let message = match about {
            About::Message(message) => Some(message),
            About::Asked { token, code } => match Opaque::<Waiting>::parse(&token) {
                Some(token) => self.answer_to(&token, code).await?,
                None => None,
            },
        };
        let Some(message) = message else {
            return Ok(Attempt::Nothing);
        };
        let Some(letter) = post.letters.letter(&message) else {
            return Ok(Attempt::Failed);
        };
        let mail = Mail {
            to: &to,
            letter: &letter,
            id: &mail_id(key),
            at: self.now(),
        };
        Ok(match post.mailer.send(mail).await {
            Ok(()) => Attempt::Done,
            Err(MailError::Failed) => Attempt::Failed,
            Err(MailError::Refused) => Attempt::Final,
        })
    }
}

/// The same for every attempt, so that a reader's program can tell copies.
fn mail_id(key: Key<Delivery>) -> String {
    let half = key.digest.first_chunk::<16>().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(half))
}
