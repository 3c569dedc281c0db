//! Client authentication, shared by every endpoint that asks for it.

use std::{net::IpAddr, sync::Arc};

use hallpass_core::{
    client::{Client, ClientOrigin},
    client_auth::{self, AuthenticatedClient, Facts, Presented, attestation},
    client_request::ClientRequest,
    policy::{DpopNonce, Place, Policy},
};

use crate::{
    Failure, Provider,
    documents::Whose,
    tries::{By, Tries},
    unspent::Unspent,
};

/// An endpoint that authenticates clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The token endpoint.
    Token,
    /// Introspection.
    Introspection,
    /// Revocation.
    Revocation,
    /// Device authorization.
    DeviceAuthorization,
    /// Pushed authorization requests.
    PushedAuthorization,
    /// Backchannel authentication.
    BackchannelAuthentication,
}

impl Endpoint {
    /// Its place among the routes.
    #[must_use]
    pub const fn place(self) -> Place {
        match self {
            Self::Token => Place::Token,
            Self::Introspection => Place::Introspection,
            Self::Revocation => Place::Revocation,
            Self::DeviceAuthorization => Place::DeviceAuthorization,
            Self::PushedAuthorization => Place::PushedAuthorization,
            Self::BackchannelAuthentication => Place::BackchannelAuthentication,
        }
    }
}

/// The URLs of the endpoints, made once: every authentication is held against those of two of them.
#[derive(Debug)]
pub(crate) struct Urls([Vec<String>; Place::ALL.len()]);

impl Urls {
    pub(crate) fn new(policy: &Policy) -> Self {
        Self(Place::ALL.map(|place| {
            let paths: Vec<&str> = policy.routes.all(place).collect();
            let own = paths.iter().map(|path| policy.issuer.url(path));
            let with_certificates = paths.iter().filter_map(|path| policy.mtls.alias(path));
            own.chain(with_certificates).collect()
        }))
    }

    /// Every URL of an endpoint, that which the metadata tells first.
    pub(crate) fn of(&self, place: Place) -> &[String] {
        let mut all = Place::ALL.iter().zip(&self.0);
        all.find(|(one, _)| **one == place)
            .map_or(&[], |(_, urls)| urls)
    }
}

impl Provider {
    /// Authenticates the client of a request.
    ///
    /// # Errors
    /// The client is unknown, did not prove itself, or used something a second time.
    pub(crate) async fn authenticate(
        &self,
        endpoint: Endpoint,
        request: &ClientRequest<'_>,
    ) -> Result<AuthenticatedClient, Failure> {
        let (client, unspent) = self.authenticate_unspent(endpoint, request).await?;
        self.spend(&unspent).await?;
        Ok(client)
    }

    /// As [`Self::authenticate`], but an assertion is still to be spent: in the commit of what is asked for, or else by
    /// [`Self::settled`].
    ///
    /// # Errors
    /// The client is unknown, or did not prove itself.
    pub(crate) async fn authenticate_unspent(
        &self,
        endpoint: Endpoint,
        request: &ClientRequest<'_>,
    ) -> Result<(AuthenticatedClient, Unspent), Failure> {
        let inner = &self.inner;
        let presented = Presented::read_with(request, inner.policy.compatibility)?;
        let (mut client, held) = self.client_or_held(presented.client_id()).await?;
        let digest = |secret: &str| inner.secrets.client_digest(secret);
        let published = |client: Option<&Arc<Client>>| {
            client
                .and_then(|c| presented.needs_jwks(c))
                .map(str::to_owned)
        };
        let token_endpoint = inner.urls.of(Place::Token);
        let called = inner.urls.of(endpoint.place());
        let now = self.now();
        let is_ours = |text: &str| inner.secrets.is_challenge(text, now);
        let challenge = attestation::hands_out_challenges(&inner.policy)
            .then_some(&is_ours as &(dyn Fn(&str) -> bool + Sync));
        let is_nonce = |text: &str| inner.secrets.is_dpop_nonce(text, now);
        let dpop_nonce = matches!(inner.policy.dpop.nonce, DpopNonce::Always)
            .then_some(&is_nonce as &(dyn Fn(&str) -> bool + Sync));
        let mut again = false;
        let authenticated = loop {
            let uri = published(client.as_ref());
            let mut fetched = None;
            if let Some(uri) = &uri {
                let whose = client.as_deref().map_or(Whose::Strangers, Whose::of);
                fetched = self.remote_keys(whose, uri, again).await;
                // The fetch may have taken seconds: meanwhile the client may have been changed or deleted.
                client = self.client(presented.client_id()).await?;
                fetched = fetched.filter(|_| published(client.as_ref()).as_ref() == Some(uri));
            }
            let facts = Facts {
                now: self.now(),
                policy: &inner.policy,
                token_endpoint,
                endpoint: called,
                secret_digest: &digest,
                fetched_jwks: fetched.as_deref(),
                challenge,
                dpop_nonce,
            };
            match client_auth::authenticate(&presented, client.as_ref(), &facts) {
                Ok(authenticated) => break authenticated,
                Err(client_auth::Reason::KeyMiss) if uri.is_some() && !again => again = true,
                Err(reason) => {
                    if held {
                        self.look_in_vain(presented.client_id()).await?;
                    }
                    return Err(reason.into());
                }
            }
        };
        let once = [authenticated.once, authenticated.signal];
        Ok((authenticated.client, Unspent::new(once)))
    }

    /// Counts a request that makes something wait, if anybody could make it: for a client that only named itself, or one
    /// that anybody makes by publishing a document. What others do is not counted.
    ///
    /// # Errors
    /// Too many came from the network of `peer` already.
    pub(crate) fn count_strangers(
        &self,
        tries: &Tries,
        client: &AuthenticatedClient,
        peer: Option<IpAddr>,
        most: u32,
    ) -> Result<(), Failure> {
        let trusted = client.is_confidential() && client.client().origin != ClientOrigin::Document;
        match peer {
            Some(peer) if !trusted => tries
                .count(&By::networks(peer).collect::<Vec<_>>(), most, self.now())
                .map_err(|retry_after| Failure::Throttled { retry_after }),
            Some(_) | None => Ok(()),
        }
    }
}
