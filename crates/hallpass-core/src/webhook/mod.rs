//! Webhooks: who is told of what happens, and what each attempt to tell them means. Requests are signed as the Standard Webhooks
//! specification says.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_jose::mac::HmacSha256Key;
use hallpass_types::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::{Host, Url};

/// Something that happened, as it waits to be told.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// The same for everybody who is told, and for every attempt.
    pub id: String,
    /// What it is, such as `clients.create` or `account.signed_in`.
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// What is known of it, never a secret.
    pub data: Map<String, Value>,
}

impl fmt::Debug for EventRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventRecord")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// An address that is told what happens, as it is kept. Prints without its secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Where requests are posted.
    pub url: String,
    /// For operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Names of events, or beginnings of names that end with `.*`, or `*`.
    pub events: Vec<String>,
    /// The key that signs, sealed.
    pub secret: Vec<u8>,
    /// The key before that one, sealed, and until when it signs too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<(Vec<u8>, Timestamp)>,
    /// Nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<Off>,
    /// Since when no request has been taken; none while they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed by somebody.
    pub updated_at: Timestamp,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("url", &self.url)
            .field("events", &self.events)
            .field("off", &self.off)
            .finish_non_exhaustive()
    }
}

/// Why nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "operators are told which of them it is"
)]
pub enum Off {
    /// An operator has said so.
    ByOperator,
    /// It did not take anything for days.
    Failing,
    /// It answered that it is gone (410).
    Gone,
}

impl Webhook {
    /// Whether it is told of an event.
    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        self.off.is_none() && self.events.iter().any(|pattern| fits(pattern, kind))
    }
}

/// Whether a pattern takes an event in.
#[must_use]
pub fn fits(pattern: &str, kind: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    match pattern.strip_suffix('*') {
        Some(beginning) => beginning.ends_with('.') && kind.starts_with(beginning),
        None => pattern == kind,
    }
}

/// Whether something can be a pattern: words of lower case letters, digits and `_` with dots between them, the last of which may be `*`.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if text.len() > 100 {
        return false;
    }
    if text == "*" {
        return true;
    }
    text.strip_suffix(".*").unwrap_or(text).split('.').all(word)
}

/// Whether requests can be posted there: an absolute https URL without user and fragment, or one of this machine for tests. Which
/// addresses are reached is decided at every request.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let plain = text.len() <= 2_000 && text.bytes().all(|byte| byte.is_ascii_graphic());
    let fits = url.scheme() == "https" || (url.scheme() == "http" && local);
    plain
        && fits
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
}

/// A key in the form in which receivers get it.
#[must_use]
pub fn written(key: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(key))
}

/// The value of `webhook-signature` for an attempt: one signature for each key.
//= STANDARD-WEBHOOKS#signature MUST: what is signed is the identifier, the moment of the attempt and the body, with full stops between them
#[must_use]
pub fn signature<'k>(
    keys: impl IntoIterator<Item = &'k [u8]>,
    id: &str,
    at: Timestamp,
    body: &str,
) -> String {
    let head = format!("{id}.{}.", at.0);
    let all = keys.into_iter().map(|key| {
        let tag = HmacSha256Key::new(key).sign_parts(&[head.as_bytes(), body.as_bytes()]);
        format!("v1,{}", STANDARD.encode(tag))
    });
    all.collect::<Vec<_>>().join(" ")
}

/// What is posted.
#[must_use]
pub fn body(event: &EventRecord, issuer: &str) -> String {
    serde_json::json!({
        "type": event.kind,
        "timestamp": moment(event.at),
        "issuer": issuer,
        "data": event.data,
    })
    .to_string()
}

/// A moment in the form of RFC 3339, in UTC.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    let (days, second) = (at.0.div_euclid(86_400), at.0.rem_euclid(86_400));
    // Days since the first of March of year 0, in eras of four hundred years.
    let shifted = days.saturating_add(719_468);
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = of_era
        .saturating_sub(of_era.div_euclid(1460))
        .saturating_add(of_era.div_euclid(36_524))
        .saturating_sub(of_era.div_euclid(146_096))
        .div_euclid(365);
    let begins = year
        .saturating_mul(365)
        .saturating_add(year.div_euclid(4))
        .saturating_sub(year.div_euclid(100));
    let of_year = of_era.saturating_sub(begins);
    let march = of_year.saturating_mul(5).saturating_add(2).div_euclid(153);
    let before = march.saturating_mul(153).saturating_add(2).div_euclid(5);
    let day = of_year.saturating_sub(before).saturating_add(1);
    let month = if march < 10 {
        march.saturating_add(3)
    } else {
        march.saturating_sub(9)
    };
    let year = year
        .saturating_add(era.saturating_mul(400))
        .saturating_add(i64::from(month <= 2));
    let (hour, minute) = (
        second.div_euclid(3600),
        second.rem_euclid(3600).div_euclid(60),
    );
    let second = second.rem_euclid(60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A request to a webhook, as it is kept for operators.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The event's identifier.
    pub event: String,
    /// What kind of event it is.
    pub kind: String,
    /// When that happened.
    pub at: Timestamp,
    /// What is posted.
    pub body: String,
    /// Whether it has arrived.
    pub state: MessageState,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// The status of the last answer; none when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When it was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_at: Option<Timestamp>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("event", &self.event)
            .field("kind", &self.kind)
            .field("state", &self.state)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

/// Whether a message has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "operators are told which of them it is"
)]
pub enum MessageState {
    /// Not yet: it is tried again.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// It was given up.
    Failed,
}

/// How an attempt ended, as far as the receiver is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "each of them means something else")]
pub enum Answer {
    /// Taken.
    Taken,
    /// Not taken, or there was no answer.
    Missed,
    /// There is nobody any more.
    Gone,
}

impl Answer {
    /// What a status means. Anything but success is tried again, redirections too: they are not followed.
    //= STANDARD-WEBHOOKS#delivery MUST: only a status of the 200 range means that it was taken
    //= STANDARD-WEBHOOKS#delivery SHOULD: whoever answers 410 is not told anything any more
    #[must_use]
    pub const fn of(status: Option<u16>) -> Self {
        match status {
            Some(200..=299) => Self::Taken,
            Some(410) => Self::Gone,
            Some(_) | None => Self::Missed,
        }
    }
}

/// What becomes of a message after its `attempts`th attempt (the first is 1).
#[must_use]
pub const fn after(answer: Answer, attempts: u32) -> MessageState {
    match answer {
        Answer::Taken => MessageState::Delivered,
        Answer::Gone => MessageState::Failed,
        Answer::Missed if attempts >= MOST_ATTEMPTS => MessageState::Failed,
        Answer::Missed => MessageState::Waiting,
    }
}

/// What becomes of a webhook by an answer. None: it stays as it is.
#[must_use]
pub fn health(webhook: &Webhook, answer: Answer, now: Timestamp) -> Option<Webhook> {
    let mut next = webhook.clone();
    match answer {
        Answer::Taken => next.failing_since = None,
        Answer::Gone => {
            next.failing_since = next.failing_since.or(Some(now));
            next.off = next.off.or(Some(Off::Gone));
        }
        Answer::Missed => {
            let since = *next.failing_since.get_or_insert(now);
            if now.0.saturating_sub(since.0) >= PATIENCE {
                next.off = next.off.or(Some(Off::Failing));
            }
        }
    }
    (next != *webhook).then_some(next)
}

/// When a message that was tried the `attempt`th time (the first is 1) at `now` is tried again.
#[must_use]
pub fn next_attempt(attempt: u32, now: Timestamp) -> Timestamp {
    let place = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    let pause = PAUSES.get(place).or(PAUSES.last()).copied();
    now.plus(pause.unwrap_or_default())
}

/// Three days in all. The first is longer than any attempt can last.
const PAUSES: [i64; 9] = [
    20, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
];
/// After so many attempts a message is given up.
pub const MOST_ATTEMPTS: u32 = 10;
/// A message is given up then at the latest, in seconds.
pub const GIVEN_UP_AFTER: i64 = 4 * 86_400;
/// Whoever takes nothing for so many seconds is not told anything any more.
pub const PATIENCE: i64 = 5 * 86_400;
/// Messages are kept for operators for so many seconds.
pub const KEPT: i64 = 7 * 86_400;
/// So many webhooks there are in a project at most.
pub const MOST: usize = 20;
/// A key that was replaced signs beside the new one for so many seconds.
pub const OVERLAP: i64 = 86_400;

#[cfg(test)]
mod tests;
