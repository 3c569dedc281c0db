//! Introspection, [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662#section-2).

use hallpass_core::{
    client::Signed,
    client_request::ClientRequest,
    introspect::{self, Caller, INACTIVE, Reason},
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
        // Whoever says who they are is held to it, also where nobody has to.
        let anonymous =
            self.inner.policy.compatibility.loginid && introspect::is_anonymous(request);
        let caller = if anonymous {
            None
        } else {
            Some(self.authenticate(Endpoint::Introspection, request).await?)
        };
        //= RFC7662#2.1 MUST: the caller is authorized, so that nobody can scan for tokens
        if caller
            .as_ref()
            .is_some_and(|caller| caller.client().is_public())
        {
            return Err(Reason::PublicClient.into());
        }
        let jwt = match &caller {
            Some(caller) => introspect::wants_jwt(request.accept, caller.client())?,
            None => false,
        };
        let text = params.get("token").ok_or(Reason::TokenMissing)?;
        let (now, policy) = (self.now(), &self.inner.policy);
        let body = match self.open_token(text, now).await {
            Presented::Access(token) => {
                let known = self.known(&token).await?;
                let holder = self.client(&token.client_id).await?;
                introspect::access_token(
                    Caller::of(caller.as_ref(), None),
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
                        let holder = match &caller {
                            Some(_) => None,
                            None => self.client(&grant.record.client_id).await?,
                        };
                        introspect::refresh_token(
                            Caller::of(caller.as_ref(), holder.as_deref()),
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
        if let Some(caller) = caller.filter(|_| jwt) {
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
