//! Where people are asked who are not before a browser (CIBA).

use hallpass_store::{BoxFuture, StoreError};
use hallpass_types::{IssuerId, Key, Secret, Subject, Timestamp, Waiting};

/// Whom a `login_hint_token` names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HintedPerson {
    /// This account.
    Known(Subject),
    /// Nobody, or the token is not one of those that are believed.
    Unknown,
    /// The token has expired.
    Expired,
}

/// A request that waits for a person.
#[derive(Clone, Copy, Debug)]
pub struct BackchannelNotice<'a> {
    /// The issuer.
    pub issuer: IssuerId,
    /// Who is asked.
    pub subject: &'a Subject,
    /// Names the request when the answer is reported
    /// ([`Provider::backchannel_decided`](crate::Provider::backchannel_decided)).
    pub key: Key<Waiting>,
    /// Who asks, by the name that people know.
    pub client_name: &'a str,
    /// What the person compares with what the client shows; plain ASCII, at most 64 characters.
    pub binding_message: Option<&'a str>,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
}

/// A channel to people's own devices: push messages, an app, a telephone. Without one, people find what they are asked on
/// the page at `/approvals`.
pub trait BackchannelDevice: Send + Sync + 'static {
    /// Tells the person that a request waits. Called after it was written; be quick, and try again by yourself.
    fn ask<'a>(&'a self, notice: BackchannelNotice<'a>) -> BoxFuture<'a, ()> {
        let _ = notice;
        Box::pin(async {})
    }

    /// The person of a `login_hint_token`. What such a token is, only the channel knows.
    fn person_of_token<'a>(
        &'a self,
        issuer: IssuerId,
        token: &'a str,
    ) -> BoxFuture<'a, Result<HintedPerson, StoreError>> {
        let _ = (issuer, token);
        Box::pin(async { Ok(HintedPerson::Unknown) })
    }

    /// Whether a code is the secret code of the person. Wrong ones were counted before, in this process
    /// ([`BackchannelPolicy::wrong_user_codes`](hallpass_core::policy::BackchannelPolicy::wrong_user_codes)).
    fn user_code_fits<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
        code: &'a Secret,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        let _ = (issuer, subject, code);
        Box::pin(async { Ok(false) })
    }
}

/// No channel: people look at the page.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDevice;

impl BackchannelDevice for NoDevice {}
