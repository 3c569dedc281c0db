//! Questions of the embedding program.

use hallpass_core::{authorize::RequestRecord, client::Client};
use hallpass_store::{BoxFuture, StoreError};
use hallpass_types::IssuerId;

use super::Account;

/// A request whose person is known, before they are asked for their consent.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PromptAbout<'a> {
    /// The issuer.
    pub issuer: IssuerId,
    /// Who asks.
    pub client: &'a Client,
    /// The person.
    pub account: &'a Account,
    /// What is asked for, with the parameters that the program added ([`RequestRecord::own`]).
    pub request: &'a RequestRecord,
}

/// Has questions to people who sign in: new terms, a missing telephone number, the choice of a tenant.
///
/// They come behind the built-in ones about who the person is, and before consent, on a page at the URL of
/// [`PageKind::Own`](super::PageKind::Own). Each step asks again, so that none can be skipped by an address. A request with
/// `prompt=none` is refused where something is open. Requests of backchannel authentication (CIBA), which have no browser, are
/// not concerned.
pub trait OwnPrompts: Send + Sync + 'static {
    /// The names of the questions that are open for this request, in the order in which they are asked. One that was answered
    /// within the request ([`Provider::own_prompt_answered`](crate::Provider::own_prompt_answered)) may still be among them.
    fn open<'a>(&'a self, about: PromptAbout<'a>)
    -> BoxFuture<'a, Result<Vec<String>, StoreError>>;
}
