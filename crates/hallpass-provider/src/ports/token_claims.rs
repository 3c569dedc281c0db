//! Further claims of access tokens.

use hallpass_core::client::Client;
use hallpass_store::{BoxFuture, StoreError};
use hallpass_types::{GrantId, IssuerId, Scope};
use serde_json::{Map, Value};

/// The token that is being made.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TokenAbout<'a> {
    /// The issuer.
    pub issuer: IssuerId,
    /// Who gets it.
    pub client: &'a Client,
    /// Whom it stands for, as the client knows them; the client itself where there is nobody.
    pub subject: &'a str,
    /// The grant behind it; none for a client that acts for itself.
    pub grant: Option<GrantId>,
    /// What it allows.
    pub scope: &'a Scope,
    /// For whom; empty means the provider itself.
    pub audience: &'a [String],
}

/// Knows more to say in an access token than the protocol does. It is asked for every token, signed or sealed, so that
/// it has to be quick.
pub trait TokenClaims: Send + Sync + 'static {
    /// The claims. What the protocol has a place for, and what the grant itself says, is not taken from them.
    fn claims<'a>(
        &'a self,
        token: TokenAbout<'a>,
    ) -> BoxFuture<'a, Result<Map<String, Value>, StoreError>>;
}
