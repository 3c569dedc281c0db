//! Why an operation was not done, [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457).

use std::borrow::Cow;

use hallpass_provider::Failure;
use hallpass_store::StoreError;
use serde_json::{Map, Value, json};

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident => $status:literal, $id:literal, $title:literal;)+) => {
        /// What kind of problem it is. Texts are fixed and never hold what was sent.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(clippy::exhaustive_enums, reason = "its statuses are part of what operations promise")]
        pub enum Kind { $($(#[$doc])* $kind,)+ }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// The status of the response.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$kind => $status,)+ }
            }

            /// A stable identifier.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$kind => $id,)+ }
            }

            /// A sentence for people.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)+ }
            }
        }
    };
}

kinds! {
    /// The body cannot be read.
    InvalidBody => 400, "invalid_body", "The body is not the JSON object that is described.";
    /// A parameter cannot be read.
    InvalidParameter => 400, "invalid_parameter", "A parameter of the URL is unknown or does not have the form that is described.";
    /// The header cannot be one of ours.
    InvalidHeader => 400, "invalid_header", "A header does not have the form that is described.";
    /// No access token.
    TokenMissing => 401, "token_missing", "There is no access token.";
    /// An access token that does not stand.
    TokenInvalid => 401, "token_invalid", "The access token is not valid here.";
    /// The sign-in behind the token is too weak.
    SignInTooWeak => 401, "sign_in_too_weak", "Changing something takes a sign-in with a passkey or a second factor.";
    /// The token covers too little.
    ScopeMissing => 403, "scope_missing", "The access token does not cover this.";
    /// The role covers too little.
    Forbidden => 403, "forbidden", "Your role does not allow this.";
    /// Nothing there, or nothing that the caller may know of.
    NotFound => 404, "not_found", "There is no such thing here.";
    /// No operation by that method.
    MethodNotAllowed => 405, "method_not_allowed", "There is no such operation here.";
    /// Somebody has the name.
    Taken => 409, "taken", "The name or identifier is taken.";
    /// Somebody else changed it.
    Changed => 409, "changed", "Somebody else has changed it at the same time; look at it again.";
    /// It cannot be done in the state in which it is.
    WrongState => 409, "wrong_state", "It cannot be done in the state in which things are.";
    /// It is not what `If-Match` says.
    PreconditionFailed => 412, "precondition_failed", "It is not any more what If-Match says.";
    /// The body is too large or too slow.
    TooLarge => 413, "too_large", "The body is too large.";
    /// The body is something else.
    UnsupportedMediaType => 415, "unsupported_media_type", "The body must be application/json.";
    /// It can be read and makes no sense.
    Unfit => 422, "unfit", "What is asked for cannot be.";
    /// The key was used for another request.
    KeyReused => 422, "idempotency_key_reused", "The Idempotency-Key was sent with another request before.";
    /// Too many.
    Throttled => 429, "throttled", "Too many requests, try again later.";
    /// A failure of ours.
    Internal => 500, "internal", "Something went wrong on our side.";
    /// Try again.
    Unavailable => 503, "unavailable", "The server is busy, try again soon.";
}

/// Problems that every operation may have.
pub const EVERYWHERE: &[Kind] = &[
    Kind::InvalidParameter,
    Kind::InvalidHeader,
    Kind::TokenMissing,
    Kind::TokenInvalid,
    Kind::SignInTooWeak,
    Kind::ScopeMissing,
    Kind::Forbidden,
    Kind::NotFound,
    Kind::Throttled,
    Kind::Internal,
    Kind::Unavailable,
];

/// Why an operation was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    detail: Option<Cow<'static, str>>,
    field: Option<String>,
    retry_after: Option<u32>,
    /// The same request was answered before; its answer is in the store.
    repeated: bool,
}

impl Problem {
    /// Of that kind.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            detail: None,
            field: None,
            retry_after: None,
            repeated: false,
        }
    }

    /// The request was answered at the same moment.
    pub(crate) const fn repeated() -> Self {
        let mut problem = Self::new(Kind::Changed);
        problem.repeated = true;
        problem
    }

    pub(crate) const fn is_repeated(&self) -> bool {
        self.repeated
    }

    /// What is asked for cannot be, for a reason in a text of ours.
    #[must_use]
    pub fn unfit(field: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Unfit).about(field, detail)
    }

    /// Names a member of the request and says what about it.
    #[must_use]
    pub fn about(mut self, field: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        if !field.is_empty() {
            self.field = Some(field.to_owned());
        }
        self.detail = Some(detail.into());
        self
    }

    /// Says more, in a text of ours.
    #[must_use]
    pub fn because(self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.about("", detail)
    }

    /// Again after so many seconds.
    #[must_use]
    pub const fn after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What more is known, in a text of ours.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The member of the request that it is about.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Again after so many seconds.
    #[must_use]
    pub const fn retry_after(&self) -> Option<u32> {
        self.retry_after
    }

    /// The members of RFC 9457 §3.1, and `field`.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut out = Map::new();
        let kind = self.kind;
        out.insert("type".to_owned(), json!(format!("{TYPE}{}", kind.id())));
        out.insert("title".to_owned(), json!(kind.title()));
        out.insert("status".to_owned(), json!(kind.status()));
        if let Some(detail) = &self.detail {
            out.insert("detail".to_owned(), json!(detail));
        }
        if let Some(field) = &self.field {
            out.insert("field".to_owned(), json!(field));
        }
        Value::Object(out)
    }
}

/// In front of the identifiers of problems.
pub const TYPE: &str = "urn:hallpass:problem:";

impl From<Kind> for Problem {
    fn from(kind: Kind) -> Self {
        Self::new(kind)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Failure::from(error).into()
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => Self::new(Kind::Unfit).because(refusal.text),
            Failure::Unavailable { retry_after } => {
                Self::new(Kind::Unavailable).after(retry_after.max(1))
            }
            Failure::Throttled { retry_after } => {
                Self::new(Kind::Throttled).after(retry_after.max(1))
            }
            Failure::Internal(error) => {
                tracing::error!(error, "an operation failed");
                Self::new(Kind::Internal)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn identifiers_are_unique() {
        let ids: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.id()).collect();
        assert_eq!(ids.len(), Kind::ALL.len());
    }
}
