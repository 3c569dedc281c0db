//! Where the parameters of an authorization request are: in it, in a request object, or pushed before.

use std::{sync::Arc, time::Duration};

use hallpass_core::{
    authorize::{Carried, Identified, Reason, Received, Unidentified},
    client::Client,
    request_object::{self, Demands, Facts, Reference, RequestObject, Verified},
};
use hallpass_jose::JwsAlgorithm;
use hallpass_store::StoreError;
use hallpass_types::Params;

use crate::{Failure, Provider, Refusal, documents::Whose, ports::FetchRequest, remote_keys};

/// Why a request has no parameters to go on with.
#[derive(Debug)]
pub(crate) enum Unresolved {
    /// The error goes to the client.
    Redirect(Identified, Reason),
    /// Nobody is redirected.
    Page(Refusal),
}

/// An object that was refused, and what it says about where the answer should go.
struct Refused {
    reason: Reason,
    hints: Params,
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            hints: Params::default(),
        }
    }
}

impl Provider {
    /// Finds the parameters that count, and settles who asks and where the answer goes.
    pub(crate) async fn resolve(
        &self,
        received: Received,
        client: Option<Arc<Client>>,
    ) -> Result<Result<Identified, Unresolved>, StoreError> {
        let Some(known) = client.clone() else {
            return Ok(received.identify(None).map_err(page));
        };
        let found = match received.carried(&self.inner.policy.requests) {
            Ok(Carried::Here) => return Ok(received.identify(client).map_err(page)),
            Ok(Carried::Object(text)) => self.object(text, &received, &known).await?,
            Ok(Carried::Reference(uri)) => match self.referenced(uri, &known).await {
                Ok(text) => self.object(&text, &received, &known).await?,
                Err(reason) => Err(reason.into()),
            },
            Ok(Carried::Pushed(handle)) => {
                let key = handle.key();
                let found = self.inner.store.waiting(self.inner.issuer_id, key).await?;
                received
                    .with_pushed(key, found, &known, self.now())
                    .map_err(Refused::from)
            }
            Err(reason) => Err(Refused {
                reason,
                hints: received.hints(),
            }),
        };
        Ok(match found {
            Ok(received) => received.identify(client).map_err(page),
            // Where the object wants its answer, else where the parameters beside it do: both only if registered.
            Err(Refused { reason, hints }) => Err(
                match received
                    .refused_with(hints)
                    .identify(client.clone())
                    .or_else(|_| received.refused_with(Params::default()).identify(client))
                {
                    Ok(identified) => Unresolved::Redirect(identified, reason),
                    Err(_) => Unresolved::Page(reason.into()),
                },
            ),
        })
    }

    /// The request with the parameters of its object.
    async fn object(
        &self,
        text: &str,
        received: &Received,
        client: &Arc<Client>,
    ) -> Result<Result<Received, Refused>, StoreError> {
        let (registered, demands) = (client.requests.signing_alg, client.request_object_demands());
        let verified = self
            .verify_request_object(text, client, registered, demands)
            .await?;
        let merged = verified.and_then(|object| {
            let mut requests = self.inner.policy.requests.clone();
            //= FAPI1-ADV#5.2.2 MUST: only parameters in the signed request are used
            // Where a request must be signed, one that is signed in part would be as good as none.
            requests.complete_from_query &= client.fapi.is_none()
                && !requests.require_signed
                && !client.requests.require_signed;
            received.clone().with_object(&object, &requests)
        });
        Ok(merged.map_err(|reason| Refused {
            reason,
            hints: request_object::hints(text),
        }))
    }

    /// Verifies a request object of a client, for whichever endpoint. `registered` is the one algorithm that the client
    /// registered for it.
    ///
    /// # Errors
    /// The store fails; the inner error says why the object is not taken.
    pub(crate) async fn verify_request_object(
        &self,
        text: &str,
        client: &Arc<Client>,
        registered: Option<JwsAlgorithm>,
        demands: Demands,
    ) -> Result<Result<Verified, Reason>, StoreError> {
        //= RFC9101#6.1 MUST: an encrypted object is decrypted, and holds a signed one
        let Some(text) = self.opened(text, Some(client)) else {
            return Ok(Err(Reason::RequestObjectEncryption));
        };
        let object = match RequestObject::read(&text) {
            Ok(object) => object,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut client = client.clone();
        let mut again = false;
        loop {
            let uri = object.needs_jwks(&client).map(str::to_owned);
            let mut fetched = None;
            if let Some(uri) = &uri {
                fetched = self.remote_keys(Whose::of(&client), uri, again).await;
                // The fetch may have taken seconds: meanwhile the client may have been changed or deleted.
                let Some(now) = self.client(&client.id).await? else {
                    return Ok(Err(Reason::RequestObjectKeysUnavailable));
                };
                client = now;
                fetched = fetched.filter(|_| object.needs_jwks(&client) == Some(uri));
            }
            let facts = Facts {
                now: self.now(),
                policy: &self.inner.policy,
                registered,
                demands,
                fetched_jwks: fetched.as_deref(),
            };
            match object.clone().verify(&client, &facts) {
                Err(Reason::RequestObjectKeyMiss) if uri.is_some() && !again => again = true,
                result => return Ok(result),
            }
        }
    }

    /// Fetches a request object from an address that its client registered.
    async fn referenced(&self, uri: &str, client: &Client) -> Result<Arc<str>, Reason> {
        let reference = Reference::parse(uri, client)?;
        if let Some(held) = self.inner.referenced.get(&reference) {
            return Ok(held);
        }
        let inner = &self.inner;
        let Some(good) = inner.referenced.good(&reference) else {
            return self.fetched_at_last(&reference, Whose::of(client)).await;
        };
        if good.at_a_walk(self.now()) {
            return self.fetched(&reference).await;
        }
        let _turn = good.turn.lock().await;
        if let Some(recent) = inner.referenced.recent(&reference, self.now()) {
            return Ok(recent);
        }
        let object = self.fetched(&reference).await?;
        inner.referenced.hold(&reference, &object, self.now());
        Ok(object)
    }

    /// Fetches from an address that brought nothing so far, if its server was not asked for nothing too often.
    async fn fetched_at_last(
        &self,
        reference: &Reference<'_>,
        whose: Whose,
    ) -> Result<Arc<str>, Reason> {
        let documents = &self.inner.documents;
        let origin = remote_keys::origin(reference.address());
        if !documents.ration(whose, &origin, self.now()) {
            return Err(Reason::RequestUriUnreachable);
        }
        let object = self.fetched(reference).await;
        if self.inner.referenced.good(reference).is_some() {
            documents.give_back(whose, &origin);
        }
        object
    }

    async fn fetched(&self, reference: &Reference<'_>) -> Result<Arc<str>, Reason> {
        let inner = &self.inner;
        let request = FetchRequest {
            url: reference.address(),
            accept: "application/oauth-authz-req+jwt, application/jwt",
            max_bytes: request_object::MAX_LEN,
            timeout: Duration::from_secs(5),
        };
        let fetched = inner.fetcher.fetch(request).await.ok();
        let text = fetched.and_then(|fetched| String::from_utf8(fetched.body).ok());
        let text: Option<Arc<str>> = text.map(|text| Arc::from(text.trim_ascii()));
        let is_good = text.as_deref().is_some_and(request_object::has_form);
        inner.referenced.note(reference, is_good);
        let text = text.ok_or(Reason::RequestUriUnreachable)?;
        inner.referenced.put(reference, &text);
        Ok(text)
    }
}

fn page(reason: Unidentified) -> Unresolved {
    Unresolved::Page(reason.into())
}

impl From<Unresolved> for Failure {
    /// For endpoints that redirect nobody.
    fn from(unresolved: Unresolved) -> Self {
        match unresolved {
            Unresolved::Redirect(_, reason) => reason.into(),
            Unresolved::Page(refusal) => Self::Refused(refusal),
        }
    }
}
