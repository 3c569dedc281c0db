//! What happened, for audit and metrics.

use std::net::IpAddr;

use hallpass_types::{ClientId, GrantId, Subject};

use super::PageKind;

/// One thing that happened. Never carries a secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An authorization request passed its checks. What comes of it is told by the events below; nothing, where its person
    /// goes away.
    RequestAccepted {
        /// Who asks.
        client: &'a ClientId,
    },
    /// A person is led to a page that asks them something, within an authorization request or a device's.
    Asked {
        /// Which page.
        page: PageKind,
        /// Who asks; the provider itself, where somebody signs in to their account page.
        client: &'a ClientId,
    },
    /// A person answered that page, or left it, and the request goes on.
    Answered {
        /// Which page.
        page: PageKind,
        /// Who asks.
        client: &'a ClientId,
    },
    /// An authorization request ended with what it asked for: its answer is committed, with a code or tokens.
    Authorized {
        /// Who gets it.
        client: &'a ClientId,
        /// Whose account it is.
        account: &'a Subject,
        /// `response_type` of the request.
        response_type: &'static str,
    },
    /// A client pushed an authorization request.
    Pushed {
        /// Who.
        client: &'a ClientId,
    },
    /// A device, or a client by backchannel authentication (CIBA), waits for its person.
    Waiting {
        /// The grant type by which it will ask for tokens.
        grant_type: &'static str,
        /// Who.
        client: &'a ClientId,
    },
    /// The person of such a request decided.
    Decided {
        /// The grant type.
        grant_type: &'static str,
        /// Who waits.
        client: &'a ClientId,
        /// Whether they allowed it.
        allowed: bool,
    },
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
    /// A single access token was revoked; what else there is of its grant goes on.
    TokenRevoked {
        /// Why, as a stable identifier.
        reason: &'static str,
    },
    /// A session began: somebody signed in, or proved themselves once more.
    SessionBegan {
        /// Whose account it is.
        account: &'a Subject,
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
    /// A person signed out: sessions of theirs ended.
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
    /// A request could not be answered now: the store did not answer, or too many did the same at once. It may be sent again.
    Unavailable {
        /// Which endpoint.
        endpoint: &'static str,
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
