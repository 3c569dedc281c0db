//! Client-initiated backchannel authentication,
//! [CIBA Core](https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html): the client names a
//! person, who answers on a device of their own.
//!
//! What one person is asked stands in an inbox under a keyed digest of their subject, so that they can be shown it and nobody
//! can be flooded. Inboxes stand in hours, as the pointers of user codes do ([`device`](crate::device)).

mod refusals;
mod request;
#[cfg(test)]
mod tests;

use hallpass_types::{Key, Subject, Timestamp, Waiting};
use serde::{Deserialize, Serialize};

use crate::{policy::DeliveryMode, polling::Polled, reasons};

pub use refusals::{Refusals, Refused};
pub use request::{Hint, NotificationToken, PARAMETERS, Request, is_authentication};

reasons! {
    /// Why a backchannel authentication request was refused.
    pub enum Reason {
        /// The grant is not offered, or not registered for this client.
        NotAllowed => UnauthorizedClient, "backchannel_not_allowed", "the client may not use this flow";
        /// RFC 6749 §3.2.
        ParameterRepeated => InvalidRequest, "backchannel_parameter_repeated", "a parameter stands more than once";
        /// CIBA Core §7.1.
        ScopeWithoutOpenid => InvalidScope, "backchannel_scope_without_openid", "scope must hold openid";
        /// CIBA Core §7.1.
        HintMissing => InvalidRequest, "backchannel_hint_missing", "exactly one hint must say who is meant";
        /// CIBA Core §7.1.
        HintsSeveral => InvalidRequest, "backchannel_hints_several", "exactly one hint must say who is meant";
        /// CIBA Core §7.1.
        NotificationTokenMissing => InvalidRequest, "client_notification_token_missing",
            "client_notification_token is missing";
        /// CIBA Core §7.1: not a bearer token, too short or too long.
        NotificationTokenMalformed => InvalidRequest, "client_notification_token_malformed",
            "client_notification_token is malformed";
        /// CIBA Core §7.1.
        RequestedExpiryMalformed => InvalidRequest, "requested_expiry_malformed",
            "requested_expiry is not a positive number of seconds";
        /// CIBA Core §13: it could not be shown as it is on every device.
        BindingMessageMalformed => InvalidBindingMessage, "binding_message_malformed",
            "binding_message may hold up to 64 plain letters, digits and signs";
        /// CIBA Core §7.1.1: the client registered an algorithm for signed requests.
        RequestUnsigned => InvalidRequest, "backchannel_request_unsigned", "the request must be signed";
        /// CIBA Core §7.1.1.
        RequestMixed => InvalidRequest, "backchannel_request_mixed",
            "parameters stand beside the signed request";
        /// CIBA Core §7.1.1: not a good request object of this client.
        RequestInvalid => InvalidRequest, "backchannel_request_invalid", "the signed request is not valid";
        /// CIBA Core §7.1.1: it was shown before.
        RequestReplayed => InvalidRequest, "backchannel_request_replayed", "the signed request was used before";
        /// CIBA Core §13.
        PersonUnknown => UnknownUserId, "backchannel_person_unknown", "the hint names nobody";
        /// CIBA Core §13.
        HintExpired => ExpiredLoginHintToken, "login_hint_token_expired", "login_hint_token has expired";
        /// CIBA Core §7.2: not a genuine ID token for this client.
        IdTokenHintInvalid => InvalidRequest, "backchannel_id_token_hint_invalid", "id_token_hint is not valid";
        /// CIBA Core §13: the person said that this client may not ask them.
        PersonRefuses => AccessDenied, "backchannel_person_refuses", "the person does not want to be asked by this client";
        /// CIBA Core §13.
        UserCodeMissing => MissingUserCode, "backchannel_user_code_missing", "user_code is missing";
        /// CIBA Core §13.
        UserCodeWrong => InvalidUserCode, "backchannel_user_code_wrong", "user_code is wrong";
        /// The request was answered or has expired meanwhile.
        RequestOver => InvalidRequest, "backchannel_request_over", "the request is over";
    }
}

/// A request as it waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackchannelRecord {
    /// What is asked for and what became of it.
    pub polled: Polled,
    /// Who is asked.
    pub subject: Subject,
    /// What client and person compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding_message: Option<String>,
    /// How the client learns of the answer.
    pub mode: DeliveryMode,
    /// `auth_req_id` and `client_notification_token`, sealed under the master key, where the client is to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification: Option<Vec<u8>>,
    /// Whether a delivery waits that tells the client that the request has expired; the answer takes it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expiry_is_told: bool,
}

impl BackchannelRecord {
    /// Whether a sign-in at that time is as recent as the request demands. One that came after the request is as fresh as
    /// can be.
    //= OIDC-CORE#3.1.2.1 MUST: when the last authentication is older than max_age, the person proves again who they are
    #[must_use]
    pub fn is_recent(&self, auth_time: Timestamp, now: Timestamp) -> bool {
        let recent = |max_age: i64| max_age > 0 && now.since(auth_time) <= max_age;
        auth_time >= self.polled.issued_at || self.polled.request.max_age.is_none_or(recent)
    }
}

/// The requests that wait for one person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InboxRecord {
    /// Oldest first.
    pub entries: Vec<InboxEntry>,
}

/// A request that waits for a person, or did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct InboxEntry {
    /// Where it waits.
    pub key: Key<Waiting>,
    /// When it was made.
    pub at: Timestamp,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
}

impl InboxRecord {
    /// The inbox with one more request, without those that are over and can no longer be counted.
    #[must_use]
    pub fn with(&self, entry: InboxEntry, now: Timestamp) -> Self {
        let kept = self.entries.iter().filter(|old| old.counts(now));
        Self {
            entries: kept.copied().chain([entry]).collect(),
        }
    }

    /// The inbox without requests that were answered: nobody has to look at them again.
    #[must_use]
    pub fn without(&self, answered: &[Key<Waiting>]) -> Self {
        let kept = self.entries.iter();
        let kept = kept.filter(|entry| !answered.contains(&entry.key));
        Self {
            entries: kept.copied().collect(),
        }
    }
}

impl InboxEntry {
    /// Whether it stands against the limit of its person: as long as it can be answered, and a minute in any case, so
    /// that requests which end at once bother nobody without end.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        !self.expires_at.is_over(now) || now.since(self.at) < AT_LEAST
    }
}

const AT_LEAST: i64 = 60;

/// The successful answer, CIBA Core §7.3.
#[derive(Clone)]
pub struct Acknowledgement {
    /// `auth_req_id`.
    pub auth_req_id: String,
    /// Seconds.
    pub expires_in: i64,
    /// Seconds between two polls; none where the tokens are pushed.
    pub interval: Option<i64>,
}

/// The handle is a secret and is not printed.
impl std::fmt::Debug for Acknowledgement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acknowledgement")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

impl Acknowledgement {
    /// The JSON body.
    //= CIBA#7.3 MUST: auth_req_id and expires_in are there
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut body = serde_json::json!({
            "auth_req_id": self.auth_req_id,
            "expires_in": self.expires_in,
        });
        if let (Some(interval), Some(map)) = (self.interval, body.as_object_mut()) {
            map.insert("interval".to_owned(), interval.into());
        }
        body.to_string()
    }
}
