//! Introspection, [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662#section-2).

use hallpass_core::{
    client_request::ClientRequest,
    introspect::{self, INACTIVE, Reason},
};
use hallpass_types::TokenId;
use serde_json::Value;

use super::{Endpoint, presented::Presented};
use crate::{Failure, Provider};

impl Provider {
    /// Answers an introspection request with a JSON body.
    ///
    /// # Errors
    /// The caller did not authenticate, or sent no token.
    pub async fn introspect(&self, request: &ClientRequest<'_>) -> Result<String, Failure> {
        self.describe(request)
            .await
            .map_err(|failure| self.failed("introspect", None, failure))
    }

    async fn describe(&self, request: &ClientRequest<'_>) -> Result<String, Failure> {
        let params = request.params;
        if !params.duplicated().is_empty() {
            return Err(Reason::ParameterRepeated.into());
        }
        let caller = self.authenticate(Endpoint::Introspection, request).await?;
        //= RFC7662#2.1 MUST: the caller is authorized, so that nobody can scan for tokens
        if caller.client().is_public() {
            return Err(Reason::PublicClient.into());
        }
        let text = params.get("token").ok_or(Reason::TokenMissing)?;
        let (now, policy, inner) = (self.now(), &self.inner.policy, &self.inner);
        let body = match self.open_token(text, now) {
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
                let found = inner
                    .store
                    .standing(inner.issuer_id, Some(token.grant), TokenId([0; 16]), now)
                    .await?;
                match &found.grant {
                    Some(grant) => {
                        let account = self.account_facts(&grant.record.subject).await?;
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
        Ok(body.map_or_else(|| INACTIVE.to_owned(), |map| Value::Object(map).to_string()))
    }
}
