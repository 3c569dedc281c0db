//! Pushed authorization requests, [RFC 9126](https://www.rfc-editor.org/rfc/rfc9126).

use hallpass_core::{
    authorize::{Endpoint as Rules, PUSHED_URI, Pushed, Reason, Received},
    binding::{Proved, dpop},
    client::Client,
    client_auth::{self, AuthenticatedClient},
    client_request::ClientRequest,
    policy::Place,
    record::{Confirmation, PushedRequest, WaitingRecord},
};
use hallpass_store::{Commit, Committed, Spend};
use hallpass_types::{Bucket, Opaque, Params, Waiting};
use serde_json::json;

use super::Endpoint;
use crate::{Failure, Provider, outstanding::Whose, ports::Event, unspent::Unspent};

impl Provider {
    /// Takes a pushed authorization request; answers the body of the 201 response.
    ///
    /// # Errors
    /// The client did not authenticate, the request breaks a rule, or too many requests of the client wait already.
    pub async fn push(&self, request: &ClientRequest<'_>) -> Result<String, Failure> {
        //= RFC9126#2 MUST: clients authenticate as at the token endpoint
        let (client, unspent) = self
            .authenticate_unspent(Endpoint::PushedAuthorization, request)
            .await
            .map_err(|failure| self.failed("par", None, failure))?;
        let kept = self.keep(request, &client, &unspent).await;
        self.settled(&unspent, kept)
            .await
            .map_err(|failure| self.failed("par", Some(&client.client().id), failure))
    }

    async fn keep(
        &self,
        request: &ClientRequest<'_>,
        client: &AuthenticatedClient,
        unspent: &Unspent,
    ) -> Result<String, Failure> {
        let params = request.params;
        let inner = &self.inner;
        let most = inner.policy.requests.pushed_per_network_per_minute;
        self.count_strangers(&inner.pushes, client, request.peer, most)?;
        let proof = self.proof_by(Place::PushedAuthorization, request, client)?;
        match self.keep_proved(params, client, unspent, proof).await {
            Ok(kept) => Ok(kept),
            Err(failure) => {
                self.spend_proof(client, proof, &failure).await?;
                Err(failure)
            }
        }
    }

    async fn keep_proved(
        &self,
        params: &Params,
        client: &AuthenticatedClient,
        unspent: &Unspent,
        proof: Option<Proved>,
    ) -> Result<String, Failure> {
        let inner = &self.inner;
        let known = inner.policy.requests.parameters();
        let repeated = |name: &String| known.contains(&name.as_str());
        if params.duplicated().iter().any(repeated) {
            return Err(Reason::ParameterRepeated.into());
        }
        //= RFC9126#2.1 MUST: request_uri is not pushed
        if params.get("request_uri").is_some() {
            return Err(Reason::RequestUriPushed.into());
        }
        let own = params.iter().filter(|(name, _)| *name != "client_id");
        let received = Received::new(Params::from_pairs(
            own.chain([("client_id", client.client().id.as_str())]),
        ));
        let identified = self
            .resolve(received, Some(client.client().clone()))
            .await??;
        //= RFC9126#2.1 MUST: the request is checked as the authorization endpoint would
        let (via, mut kept) = (identified.via(), identified.to_pushed(&inner.policy));
        let valid = identified
            .validate_at(&inner.policy, Rules::PushedAuthorization)
            .map_err(|redirect| Failure::from(redirect.reason()))?;
        //= RFC9449#10.1 MUST: a proof along with a pushed request binds its code; dpop_jkt names no other key
        if let Some(Confirmation::Jkt(key)) = proof.map(|proof| proof.key) {
            match valid.request().dpop_jkt {
                None => kept.push(("dpop_jkt".to_owned(), key.to_string())),
                Some(named) if named == key => {}
                Some(_) => return Err(dpop::Reason::AnotherKey.into()),
            }
        }
        let now = self.now();
        let latest = now.plus(inner.policy.lifetimes.pushed_request);
        let expires_at = via.expires_at.map_or(latest, |exp| exp.min(latest));
        let record = PushedRequest {
            client_id: client.client().id.clone(),
            params: kept,
            signed: via.signed,
            instance: client.instance(),
            issued_at: now,
            expires_at,
        };
        // It is looked at until it expires, and consumed as long as somebody may still be signing in for it.
        let last = expires_at.plus(inner.policy.lifetimes.interaction);
        let bucket = Bucket::holding(last);
        let handle = Opaque::<Waiting>::from_random(bucket, &self.random_in_order());
        let current = Bucket::purgeable_below(now);
        let limit = inner.policy.requests.max_pushed;
        let whose = Whose::from(&**client.client());
        if !inner.outstanding.add(whose, bucket, current, limit) {
            return Err(Failure::Throttled { retry_after: 60 });
        }
        let mut spends = vec![Spend::NewWaiting(
            handle.key(),
            Box::new(WaitingRecord::Pushed(Box::new(record))),
        )];
        spends.extend(unspent.pending());
        let shown = spends.len();
        //= RFC9449#11.1 SHOULD: a proof that was used is refused when it is shown again
        spends.extend(
            proof
                .and_then(|proof| proof.once)
                .map(|once| Spend::Once(once.key)),
        );
        let commit = Commit {
            spends,
            writes: Vec::new(),
        };
        match self.commit(commit).await {
            Ok(Committed::Done) => unspent.settle(),
            Ok(Committed::TooLate(0)) => {
                return Err(Failure::Internal("a handle was given twice".to_owned()));
            }
            Ok(Committed::TooLate(index)) => {
                inner.outstanding.remove(whose, bucket);
                if index >= shown {
                    return Err(dpop::Reason::Replayed.into());
                }
                unspent.settle();
                return Err(client_auth::Reason::Replayed.into());
            }
            Err(error) => {
                inner.outstanding.remove(whose, bucket);
                return Err(error.into());
            }
        }
        self.emit(&Event::Pushed {
            client: &client.client().id,
        });
        //= RFC9126#2.2 MUST: request_uri cannot be guessed and has a lifetime
        Ok(json!({
            "request_uri": format!("{PUSHED_URI}{}", handle.expose()),
            "expires_in": expires_at.since(now),
        })
        .to_string())
    }

    /// Consumes a pushed request whose answer is an error. It does not matter whether somebody was faster.
    pub(crate) async fn finish_pushed(
        &self,
        client: &Client,
        pushed: Option<Pushed>,
    ) -> Result<(), Failure> {
        let Some(pushed) = pushed else { return Ok(()) };
        let spends = vec![spend_of(pushed)];
        let commit = Commit {
            spends,
            writes: Vec::new(),
        };
        if self.commit(commit).await? == Committed::Done {
            self.inner
                .outstanding
                .remove(client.into(), pushed.key.bucket);
        }
        Ok(())
    }
}

/// Consumes a pushed request.
//= RFC9126#7.3 SHOULD: a request_uri works once; here, until the request has its answer
pub(crate) fn spend_of(pushed: Pushed) -> Spend {
    Spend::Waiting {
        key: pushed.key,
        revision: pushed.revision,
        next: None,
    }
}
