//! What happened, for audit and metrics.

use std::net::IpAddr;

use hallpass_types::{ClientId, GrantId, Subject};

/// One thing that happened. Never carries a secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A token response was sent.
    TokensIssued {
        /// `grant_type`.
        grant_type: &'static str,
        /// Whether the access token is a JWT.
        jwt: bool,
        /// To whom.
        client: &'a ClientId,
    },
    /// A request was refused for a reason with this stable identifier.
    Refused {
        /// Which endpoint.
        endpoint: &'static str,
        /// The reason's identifier.
        reason: &'static str,
        /// The client, when known.
        client: Option<&'a ClientId>,
    },
    /// A grant was revoked.
    GrantRevoked {
        /// Which.
        grant: GrantId,
        /// Why, as a stable identifier.
        reason: &'static str,
    },
    /// Somebody tried to sign in.
    SignIn {
        /// `success`, `refused`, `throttled` or `busy`.
        outcome: &'static str,
        /// Whose account it is, when they succeeded. Otherwise nobody has shown who they are.
        account: Option<&'a Subject>,
        /// Where the request came from.
        peer: Option<IpAddr>,
    },
    /// Something happened with an account: what people see among what happened, by the same name.
    Account {
        /// What, such as `passkey_added`.
        what: &'static str,
        /// Whose account it is.
        account: &'a Subject,
        /// The application that it is about.
        client: Option<&'a ClientId>,
        /// The network address, where it is known.
        address: Option<&'a str>,
    },
    /// A session ended.
    SignedOut,
    /// A client was registered, changed or deleted.
    ClientChanged {
        /// `registered`, `updated` or `deleted`.
        action: &'static str,
        /// Which.
        client: &'a ClientId,
    },
    /// An attempt to send something to a client.
    Delivery {
        /// What.
        kind: &'a str,
        /// To whom.
        client: &'a ClientId,
        /// `delivered`, `failed` (it will be tried again), `refused` or `given_up`.
        outcome: &'static str,
    },
    /// An attempt to tell a webhook of something.
    Webhook {
        /// Which.
        webhook: &'a str,
        /// `delivered`, `failed` (it will be tried again) or `given_up`.
        outcome: &'static str,
    },
    /// An attempt to send a mail.
    Mail {
        /// What.
        kind: &'a str,
        /// `delivered`, `failed` (it will be tried again), `refused` or `given_up`.
        outcome: &'static str,
    },
    /// Something of ours failed; the identifier stands on the error page or in the log.
    Internal {
        /// Which endpoint.
        endpoint: &'static str,
        /// What, for the log.
        error: &'a str,
    },
}

/// Listens. Called on the request's own task: be quick.
pub trait Events: Send + Sync + 'static {
    /// Something happened.
    fn on(&self, event: &Event<'_>);
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvents;

impl Events for NoEvents {
    fn on(&self, _: &Event<'_>) {}
}
