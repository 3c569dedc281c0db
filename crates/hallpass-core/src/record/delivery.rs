//! Requests to clients that must survive: written with what they report, sent afterwards.

use std::fmt;

use hallpass_types::{ClientId, Key, Session, Sid, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::webhook::{self, EventRecord};

/// A request to a client's server that waits to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// What is to be sent.
    pub content: DeliveryContent,
    /// How often it was claimed for sending. Every claim raises it by one.
    #[serde(default)]
    pub attempts: u32,
    /// How often it was put off because others were under way; that is no attempt.
    #[serde(default)]
    pub put_off: u32,
    /// Not sent before; whoever claims it moves this, so that nobody else sends it meanwhile.
    pub next_at: Timestamp,
    /// Given up then.
    pub expires_at: Timestamp,
}

/// What is to be sent.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryContent {
    /// A POST request that was made beforehand.
    Request {
        /// Whose server it goes to.
        client_id: ClientId,
        /// What it is, for logs and metrics: fixed text.
        kind: String,
        /// An absolute URL.
        url: String,
        /// [`SealedRequest`] as JSON, sealed under the master key, since it may hold tokens.
        sealed: Vec<u8>,
    },
    /// Sessions have ended: becomes a logout token for each client that took part in them.
    SessionsEnded {
        /// Which.
        sessions: Vec<Key<Session>>,
        /// Clients of the first of them up to this one have their tokens already.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<ClientId>,
    },
    /// A logout token, which is made anew for every attempt.
    LogoutToken {
        /// Whom it is for.
        client_id: ClientId,
        /// Who was signed in: the account's own subject.
        subject: Subject,
        /// The session that ended.
        sid: Sid,
    },
    /// A mail to a person.
    Mail {
        /// What it is, for logs and metrics: fixed text.
        kind: String,
        /// To whom and what about, sealed under the master key: an address, and what a link in it stands for.
        sealed: Vec<u8>,
    },
    /// Something happened: becomes a message to each webhook that wants to know.
    Event(Box<EventRecord>),
    /// A message to a webhook, which is signed anew for every attempt.
    Webhook {
        /// Which webhook.
        webhook: String,
        /// Which message of it.
        message: String,
    },
}

/// The part of a prepared request that is nobody's business.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedRequest {
    /// `Content-Type`.
    pub content_type: String,
    /// `Authorization`, where the receiver wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<String>,
    /// The body.
    pub body: String,
}

impl fmt::Debug for DeliveryContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request {
                client_id,
                kind,
                url,
                sealed: _,
            } => f
                .debug_struct("Request")
                .field("client_id", client_id)
                .field("kind", kind)
                .field("url", url)
                .finish_non_exhaustive(),
            Self::SessionsEnded { sessions, after } => f
                .debug_struct("SessionsEnded")
                .field("sessions", sessions)
                .field("after", after)
                .finish(),
            Self::LogoutToken {
                client_id,
                subject,
                sid,
            } => f
                .debug_struct("LogoutToken")
                .field("client_id", client_id)
                .field("subject", subject)
                .field("sid", sid)
                .finish(),
            Self::Mail { kind, sealed: _ } => f
                .debug_struct("Mail")
                .field("kind", kind)
                .finish_non_exhaustive(),
            Self::Event(event) => f.debug_tuple("Event").field(event).finish(),
            Self::Webhook { webhook, message } => f
                .debug_struct("Webhook")
                .field("webhook", webhook)
                .field("message", message)
                .finish(),
        }
    }
}

impl DeliveryContent {
    /// When it is tried again that was claimed the `attempt`th time (the first is 1) at `now`, unless it succeeds.
    #[must_use]
    pub fn next_attempt(&self, attempt: u32, now: Timestamp) -> Timestamp {
        match self {
            Self::Webhook { .. } => webhook::next_attempt(attempt, now),
            Self::Request { .. }
            | Self::SessionsEnded { .. }
            | Self::LogoutToken { .. }
            | Self::Mail { .. }
            | Self::Event(_) => next_attempt(attempt, now),
        }
    }

    const fn most_attempts(&self) -> u32 {
        match self {
            Self::Webhook { .. } => webhook::MOST_ATTEMPTS,
            // Whoever cannot be told because of the store is told later.
            Self::Event(_) => u32::MAX,
            Self::Request { .. }
            | Self::SessionsEnded { .. }
            | Self::LogoutToken { .. }
            | Self::Mail { .. } => MOST_ATTEMPTS,
        }
    }
}

impl fmt::Debug for SealedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedRequest").finish_non_exhaustive()
    }
}

/// When a delivery that was claimed the `attempt`th time (the first is 1) at `now` is tried again, unless it
/// succeeds. Later than any attempt can last.
#[must_use]
pub fn next_attempt(attempt: u32, now: Timestamp) -> Timestamp {
    let factor = 4_i64.saturating_pow(attempt.saturating_sub(1));
    now.plus(FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE))
}

/// When a delivery comes to its turn again that was put off so often before. Soon at first; what a crowd waits for is
/// not looked at all the time.
#[must_use]
pub fn next_turn(put_off: u32, now: Timestamp) -> Timestamp {
    now.plus(2_i64.saturating_pow(put_off).min(LONGEST_TURN))
}

/// Whether a delivery is given up instead of being tried once more.
#[must_use]
pub fn is_over(record: &DeliveryRecord, now: Timestamp) -> bool {
    record.attempts >= record.content.most_attempts() || record.expires_at <= now
}

const FIRST_PAUSE: i64 = 20;
const LONGEST_PAUSE: i64 = 3600;
const LONGEST_TURN: i64 = 300;
/// Between three and four hours in all.
const MOST_ATTEMPTS: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(attempts: u32) -> DeliveryRecord {
        DeliveryRecord {
            content: DeliveryContent::Request {
                client_id: ClientId::parse("c").unwrap(),
                kind: "test".to_owned(),
                url: "https://rp.example/".to_owned(),
                sealed: vec![1],
            },
            attempts,
            put_off: 0,
            next_at: Timestamp(0),
            expires_at: Timestamp(1000),
        }
    }

    #[test]
    fn pauses_grow_to_an_hour_and_never_beyond() {
        let pauses: Vec<i64> = [1, 2, 3, 4, 5, 6, 100, u32::MAX]
            .iter()
            .map(|attempt| next_attempt(*attempt, Timestamp(7)).0 - 7)
            .collect();
        assert_eq!(pauses, [20, 80, 320, 1280, 3600, 3600, 3600, 3600]);
    }

    #[test]
    fn turns_come_soon_at_first() {
        let turns =
            [0, 1, 5, 8, 9, 100, u32::MAX].map(|times| next_turn(times, Timestamp(7)).0 - 7);
        assert_eq!(turns, [1, 2, 32, 256, 300, 300, 300]);
    }

    #[test]
    fn a_delivery_is_given_up_after_some_attempts_or_when_its_time_is_over() {
        assert!(!is_over(&record(0), Timestamp(999)));
        assert!(!is_over(&record(7), Timestamp(999)));
        assert!(is_over(&record(8), Timestamp(0)));
        assert!(is_over(&record(0), Timestamp(1000)));
    }

    #[test]
    fn what_is_sealed_is_not_printed() {
        let printed = format!("{:?}", record(0));
        assert!(!printed.contains("sealed"), "{printed}");
        let request = SealedRequest {
            content_type: "t".to_owned(),
            authorization: Some("Bearer zq".to_owned()),
            body: "zq".to_owned(),
        };
        assert!(!format!("{request:?}").contains("zq"));
    }
}
