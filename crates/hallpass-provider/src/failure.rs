//! How a request ends when it does not succeed.

use hallpass_store::StoreError;
use hallpass_types::ErrorCode;

/// A request that did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// The caller's fault: a code, a stable identifier and a fixed text.
    Refused(Refusal),
    /// Ours, and it may pass: try again after so many seconds.
    Unavailable {
        /// Seconds.
        retry_after: u32,
    },
    /// The caller does something too often: again after so many seconds.
    Throttled {
        /// Seconds.
        retry_after: u32,
    },
    /// Ours. The text is for the log and never leaves the process otherwise.
    Internal(String),
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error code on the wire.
    pub code: ErrorCode,
    /// A stable identifier for logs and pages.
    pub id: &'static str,
    /// `error_description`.
    pub text: &'static str,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy { retry_after } => Self::Unavailable { retry_after },
            StoreError::Unavailable(_) => {
                tracing::error!(error = describe(&error), "the store is unavailable");
                Self::Unavailable { retry_after: 2 }
            }
            StoreError::Collision | StoreError::Corrupt(_) | StoreError::Version { .. } | _ => {
                Self::Internal(describe(&error))
            }
        }
    }
}

fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

/// Turns the reason types of the rules into a [`Refusal`].
macro_rules! refuses {
    ($($reason:ty),+ $(,)?) => {$(
        impl From<$reason> for Refusal {
            fn from(reason: $reason) -> Self {
                Self { code: reason.code(), id: reason.id(), text: reason.text() }
            }
        }
        impl From<$reason> for Failure {
            fn from(reason: $reason) -> Self {
                Self::Refused(reason.into())
            }
        }
    )+};
}

refuses! {
    hallpass_core::token::Reason,
    hallpass_core::userinfo::Reason,
    hallpass_core::upstream::Reason,
    hallpass_core::introspect::Reason,
    hallpass_core::revoke::Reason,
    hallpass_core::client_auth::Reason,
    hallpass_core::binding::Reason,
    hallpass_core::binding::dpop::Reason,
    hallpass_core::client::MetadataReason,
    hallpass_core::client::encryption::Reason,
    hallpass_core::authorize::Unidentified,
    hallpass_core::authorize::Reason,
    hallpass_core::authorize::initiate::Reason,
    hallpass_core::device::Reason,
    hallpass_core::backchannel::Reason,
    hallpass_core::logout::rp_initiated::Reason,
    hallpass_core::admin::Reason,
    crate::browser::Reason,
    crate::endpoints::register::Reason,
    crate::endpoints::mailed::Reason,
}

impl From<hallpass_core::binding::Failure> for Failure {
    fn from(failure: hallpass_core::binding::Failure) -> Self {
        use hallpass_core::binding::Failure as Binding;
        match failure {
            Binding::Binding(reason) => reason.into(),
            Binding::Proof(reason) => reason.into(),
        }
    }
}
