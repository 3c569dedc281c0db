//! The embeddable OpenID Provider engine: looks up, decides, signs, commits.
//!
//! [`Provider`] runs the endpoints; the rules are in `hallpass-core`, state is behind
//! [`hallpass_store::Store`], and everything else that is asked of the surroundings is a port in [`ports`].

mod access;
pub mod browser;
mod builder;
mod clients;
mod documents;
mod encrypt;
pub mod endpoints;
mod failure;
mod issue;
mod key_life;
pub mod keys;
mod known;
mod logos;
mod mail;
mod noted;
mod outbox;
mod outstanding;
pub mod ports;
mod provider;
mod referenced;
mod registry;
mod remote_keys;
pub mod roots;
pub mod secrets;
mod sending;
mod sessions;
mod tallies;
mod texts;
mod together;
mod tries;
mod unspent;
mod upstream_metadata;
pub mod webhooks;

pub use builder::{
    BuildError, Builder, WantsAccounts, WantsInteraction, WantsMasterKey, WantsStore,
};
pub use failure::{Failure, Refusal};
pub use hallpass_core::client_request::{Certificate, ClientRequest, Header};
pub use noted::{Noted, Said};
pub use outbox::{Claimed, Outgoing};
pub use provider::Provider;
pub use registry::{Call, Fetch, GrantHandler, Grants, Issued};
pub use texts::TextHook;
