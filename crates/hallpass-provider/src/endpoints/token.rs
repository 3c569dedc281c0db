//! The token endpoint, [RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2).

use hallpass_core::{client_auth::AuthenticatedClient, issue::TokenResponse, token::Reason};
use hallpass_types::Params;

use super::Endpoint;
use crate::{Failure, Provider, ports::Event};

impl Provider {
    /// Answers a token request. `authorization` is the header of that name.
    ///
    /// # Errors
    /// The client did not authenticate, or the grant was refused.
    pub async fn token(
        &self,
        params: &Params,
        authorization: Option<&str>,
    ) -> Result<TokenResponse, Failure> {
        let client = self
            .identified(params, authorization)
            .await
            .map_err(|failure| self.failed("token", None, failure))?;
        self.grant_tokens(params, &client)
            .await
            .map_err(|failure| self.failed("token", Some(&client.client().id), failure))
    }

    async fn identified(
        &self,
        params: &Params,
        authorization: Option<&str>,
    ) -> Result<AuthenticatedClient, Failure> {
        if !params.duplicated().is_empty() {
            return Err(Reason::ParameterRepeated.into());
        }
        self.authenticate(Endpoint::Token, params, authorization)
            .await
    }

    async fn grant_tokens(
        &self,
        params: &Params,
        client: &AuthenticatedClient,
    ) -> Result<TokenResponse, Failure> {
        let grant_type = params.get("grant_type").ok_or(Reason::GrantTypeMissing)?;
        let handler = self
            .inner
            .grants
            .get(grant_type)
            .ok_or(Reason::GrantTypeUnsupported)?;
        //= RFC6749#5.2 MUST: a client uses only the grant types that it is authorized for
        if !client.client().may_use(grant_type) {
            return Err(Reason::GrantTypeNotAllowed.into());
        }
        let issued = handler
            .handle(self, client, &params.only(handler.params()))
            .await?;
        self.emit(&Event::TokensIssued {
            grant_type: handler.grant_type(),
            jwt: issued.jwt,
            client: &client.client().id,
        });
        Ok(issued.response)
    }
}
