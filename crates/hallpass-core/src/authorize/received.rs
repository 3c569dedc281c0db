//! What arrived: only parameters, nothing known about them.

use std::sync::Arc;

use hallpass_types::{ClientId, Params};

use super::{Identified, Unidentified};
use crate::client::{Client, redirect_uri};

/// An authorization request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    params: Params,
}

impl Received {
    /// Takes the decoded parameters, of a query or of a form body.
    #[must_use]
    pub const fn new(params: Params) -> Self {
        Self { params }
    }

    /// The client to look up.
    ///
    /// # Errors
    /// A page: `client_id` is missing, repeated, or cannot be one.
    pub fn client_id(&self) -> Result<ClientId, Unidentified> {
        if self.is_repeated("client_id") {
            return Err(Unidentified::ClientRepeated);
        }
        let id = self
            .params
            .get("client_id")
            .ok_or(Unidentified::ClientMissing)?;
        ClientId::parse(id).map_err(|_| Unidentified::ClientUnknown)
    }

    /// Settles who asks and where the answer goes. `client` is what the look-up of [`Self::client_id`] found; none
    /// for a client that is unknown or disabled.
    ///
    /// # Errors
    /// A page, never a redirect.
    pub fn identify(self, client: Option<Arc<Client>>) -> Result<Identified, Unidentified> {
        let client_id = self.client_id()?;
        //= RFC6749#4.1.2.1 MUST: with an unknown client nobody is redirected anywhere
        let client = client
            .filter(|found| found.id == client_id)
            .ok_or(Unidentified::ClientUnknown)?;
        if self.is_repeated("redirect_uri") {
            return Err(Unidentified::RedirectUriRepeated);
        }
        //= OIDC-CORE#3.1.2.1 MUST: redirect_uri is required, also where only one is registered
        let uri = self
            .params
            .get("redirect_uri")
            .ok_or(Unidentified::RedirectUriMissing)?;
        //= RFC6749#4.1.2.1 MUST: nobody is redirected to a URI that this client has not registered
        //= RFC9700#2.1 MUST: redirect URIs are compared exactly, but for the port of native loopback URIs
        if uri.len() > MAX_REDIRECT_URI || !redirect_uri::matches(&client, uri) {
            return Err(Unidentified::RedirectUriNotRegistered);
        }
        let redirect_uri = uri.to_owned();
        Ok(Identified::new(self.params, client, redirect_uri))
    }

    fn is_repeated(&self, name: &str) -> bool {
        self.params.duplicated().iter().any(|n| n == name)
    }
}

/// Registered URIs are shorter; longer ones are not even compared.
const MAX_REDIRECT_URI: usize = 4096;
