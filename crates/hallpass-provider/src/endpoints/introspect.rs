//! Introspection, [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662#section-2).

use hallpass_core::{
    client::Signed,
    client_request::ClientRequest,
    introspect::{self, INACTIVE, Reason},
};
use hallpass_types::TokenId;
use serde_json::Value;

use super::{Endpoint, presented::Presented};
use crate::{Failure, Provider, together::facts};

/// An introspection response.
#[derive(Debug)]
pub enum Introspection {
    /// `application/json`.
    Json(String),
    /// `application/token-introspection+jwt`, for a caller that accepts it (RFC 9701).
    Jwt(String),
}

impl Provider {
    /// Answers an introspection request.
    ///
    /// # Errors
    /// The caller did not authenticate, or sent no token.
    pub async fn introspect(&self, request: &ClientRequest<'_>) -> Result<Introspection, Failure> {
        self.describe(request)
            .await
            .map_err(|failure| self.failed("introspect", None, failure))
    }

    async fn describe(&self, request: &ClientRequest<'_>) -> Result<Introspection, Failure> {
        let params = request.params;
        if !params.duplicated().is_empty() {
            return Err(Reason::ParameterRepeated.into());
        }
        let caller = self.authenticate(Endpoint::Introspection, request).await?;
        //= RFC7662#2.1 MUST: the caller is authorized, so that nobody can scan for tokens
        if caller.client().is_public() {
            return Err(Reason::PublicClient.into());
        }
        let jwt = introspect::wants_jwt(request.accept, caller.client())?;
        let text = params.get("token").ok_or(Reason::TokenMissing)?;
        let (now, policy) = (self.now(), &self.inner.policy);
        let body = match self.open_token(text, now).await {
            Presented::Access(token) => {
                let known = self.known(&token).await?;
                let holder = self.client(&token.client_id).await?;
                introspect::access_token(
                    &caller,
                    &token,
                    &known.facts(),
                    holder.as_deref(),
                    policy,
                    now,
                )
            }
            Presented::Refresh(token) => {
                let (found, account) = self
                    .known_standing(Some(token.grant), TokenId([0; 16]), now)
                    .await?;
                match &found.grant {
                    Some(grant) => {
                        let account = facts(account, &grant.record);
                        introspect::refresh_token(
                            &caller,
                            token,
                            &introspect::RefreshFacts {
                                grant,
                                account,
                                session_alive: found.session_alive,
                            },
                            policy,
                            now,
                        )
                    }
                    None => None,
                }
            }
            Presented::Unknown => None,
        };
        if jwt {
            let client = caller.client();
            let claims = introspect::jwt_claims(client, body, policy, now);
            return self
                .sign_and_maybe_encrypt(client, Signed::Introspection, &claims)
                .await
                .map(Introspection::Jwt);
        }
        let json = body.map_or_else(|| INACTIVE.to_owned(), |map| Value::Object(map).to_string());
        Ok(Introspection::Json(json))
    }
}
