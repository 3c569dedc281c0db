//! What people allowed elsewhere.

use hallpass_core::{authorize::RequestRecord, client::Client};
use hallpass_store::{BoxFuture, StoreError};
use hallpass_types::{IssuerId, Scope};

use super::Account;

/// A request whose person is known.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ConsentAbout<'a> {
    /// The issuer.
    pub issuer: IssuerId,
    /// Who asks.
    pub client: &'a Client,
    /// The person.
    pub account: &'a Account,
    /// What is asked for.
    pub request: &'a RequestRecord,
}

/// What a person allowed a client already. Only what a request asks for counts, whatever stands here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedBefore {
    /// Scopes; with `offline_access` where access may last when the person has gone.
    pub scope: Scope,
    /// Claims of the `claims` parameter.
    pub claims: Vec<String>,
    /// Resources.
    pub resources: Vec<String>,
}

/// Knows what people allowed, for a program that keeps that itself, or whose own applications need no question. It is asked
/// at each step of an authorization request whose person is known; what is missing of what a request asks for is asked on the
/// consent page. `prompt=consent`, authorization details, and applications whose identity nothing assures are always asked
/// about.
pub trait Consents: Send + Sync + 'static {
    /// What the person allowed the client; none where the program does not know, and what was remembered here counts.
    fn allowed<'a>(
        &'a self,
        about: ConsentAbout<'a>,
    ) -> BoxFuture<'a, Result<Option<AllowedBefore>, StoreError>>;
}
