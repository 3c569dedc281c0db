//! The token endpoint, [RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2).

use hallpass_core::{
    client_auth::AuthenticatedClient, client_request::ClientRequest, issue::TokenResponse,
    policy::Place, token::Reason,
};

use super::Endpoint;
use crate::{Call, Failure, GrantHandler, Provider, ports::Event, unspent::Unspent};

impl Provider {
    /// Answers a token request.
    ///
    /// # Errors
    /// The client did not authenticate, or the grant was refused.
    pub async fn token(&self, request: &ClientRequest<'_>) -> Result<TokenResponse, Failure> {
        let (client, unspent) = self
            .identified(request)
            .await
            .map_err(|failure| self.failed("token", None, failure))?;
        let granted = self.grant_tokens(request, &client, &unspent).await;
        self.settled(&unspent, granted)
            .await
            .map_err(|failure| self.failed("token", Some(&client.client().id), failure))
    }

    async fn identified(
        &self,
        request: &ClientRequest<'_>,
    ) -> Result<(AuthenticatedClient, Unspent), Failure> {
        if !request.params.duplicated().is_empty() {
            return Err(Reason::ParameterRepeated.into());
        }
        self.authenticate_unspent(Endpoint::Token, request).await
    }

    /// What grants a request of this client.
    fn handler(
        &self,
        request: &ClientRequest<'_>,
        client: &AuthenticatedClient,
    ) -> Result<&dyn GrantHandler, Reason> {
        let grant_type = request.params.get("grant_type");
        let grant_type = grant_type.ok_or(Reason::GrantTypeMissing)?;
        let handler = self.inner.grants.get(grant_type);
        let handler = handler.ok_or(Reason::GrantTypeUnsupported)?;
        //= RFC6749#5.2 MUST: a client uses only the grant types that it is authorized for
        if !client.client().may_use(grant_type) {
            return Err(Reason::GrantTypeNotAllowed);
        }
        //= RFC9396#6 MUST: details that cannot be granted are refused and not passed over
        let details = "authorization_details";
        if request.params.get(details).is_some() && !handler.params().contains(&details) {
            return Err(Reason::DetailsNotTaken);
        }
        Ok(handler)
    }

    async fn grant_tokens(
        &self,
        request: &ClientRequest<'_>,
        client: &AuthenticatedClient,
        unspent: &Unspent,
    ) -> Result<TokenResponse, Failure> {
        let handler = match self.handler(request, client) {
            Ok(handler) => handler,
            Err(reason) => {
                let failure = reason.into();
                // A proof that is not good ends by itself.
                let proof = self.proof_by(Place::Token, request, client);
                self.spend_proof(client, proof.ok().flatten(), &failure)
                    .await?;
                return Err(failure);
            }
        };
        let proved = self.proved(Place::Token, request, client)?;
        let call = Call {
            client,
            params: &request.params.only(handler.params()),
            proved,
            request,
            unspent,
        };
        if !handler.spends_by_issuing() {
            self.spend(unspent).await?;
        }
        let issued = match handler.handle(self, call).await {
            Ok(issued) => issued,
            Err(failure) => {
                self.spend_proof(client, proved, &failure).await?;
                return Err(failure);
            }
        };
        self.client_used(client.client()).await;
        self.emit(&Event::TokensIssued {
            grant_type: handler.grant_type(),
            jwt: issued.jwt,
            client: &client.client().id,
        });
        Ok(issued.response)
    }
}
