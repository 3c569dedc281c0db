//! Revocation, [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009#section-2).

use hallpass_core::{
    client_request::ClientRequest,
    revoke::{self, Reason, Revocation},
};
use hallpass_jose::json;
use hallpass_store::{Commit, Write};

use super::{Endpoint, presented::Presented};
use crate::{Failure, Provider, ports::Event};

impl Provider {
    /// Answers a revocation request. Unknown tokens and those of others are no error.
    ///
    /// # Errors
    /// The client did not authenticate, sent no token, or the store failed.
    pub async fn revoke(&self, request: &ClientRequest<'_>) -> Result<(), Failure> {
        self.decide_and_revoke(request)
            .await
            .map_err(|failure| self.failed("revoke", None, failure))
    }

    async fn decide_and_revoke(&self, request: &ClientRequest<'_>) -> Result<(), Failure> {
        let params = request.params;
        if !params.duplicated().is_empty() {
            return Err(Reason::ParameterRepeated.into());
        }
        let client = self.authenticate(Endpoint::Revocation, request).await?;
        let text = params.get("token").ok_or(Reason::TokenMissing)?;
        let now = self.now();
        let decision = match self.open_token(text, now).await {
            Presented::Access(token) => {
                let compatibility = self.inner.policy.compatibility;
                revoke::access_token(&client, &token, now, compatibility)
            }
            Presented::Refresh(token) => {
                let found = self
                    .inner
                    .store
                    .grant(self.inner.issuer_id, token.grant)
                    .await?;
                revoke::refresh_token(&client, found.as_ref())
            }
            Presented::Unknown => Revocation::Nothing,
        };
        self.carry_out(decision, "revoked_by_client").await
    }

    /// Revokes for whoever holds a token, which is the `token` of a JSON object, where the issuer puts up with that ([`Compatibility::loginid`]); otherwise nothing
    /// happens.
    ///
    /// [`Compatibility::loginid`]: hallpass_core::policy::Compatibility::loginid
    ///
    /// # Errors
    /// There is no token, or the store failed.
    pub async fn revoke_held(&self, body: &[u8]) -> Result<(), Failure> {
        self.decide_and_revoke_held(body)
            .await
            .map_err(|failure| self.failed("revoke", None, failure))
    }

    async fn decide_and_revoke_held(&self, body: &[u8]) -> Result<(), Failure> {
        let body = json::parse_object(body, 4).ok();
        let text = body.as_ref().and_then(|body| body.get("token")?.as_str());
        let text = text.ok_or(Reason::TokenMissing)?;
        if !self.inner.policy.compatibility.loginid {
            return Ok(());
        }
        let now = self.now();
        let decision = match self.open_token(text, now).await {
            Presented::Access(token) => {
                let known = self.known(&token).await?;
                revoke::access_token_of_holder(&token, &known.facts(), now)
            }
            Presented::Refresh(token) => {
                let inner = &self.inner;
                let found = inner.store.grant(inner.issuer_id, token.grant).await?;
                revoke::refresh_token_of_holder(found.as_ref())
            }
            Presented::Unknown => Revocation::Nothing,
        };
        self.carry_out(decision, "revoked_by_holder").await
    }

    async fn carry_out(&self, decision: Revocation, why: &'static str) -> Result<(), Failure> {
        match decision {
            Revocation::Nothing => Ok(()),
            Revocation::Grant(grant) => self.revoke_grant(grant, why).await,
            Revocation::Token(token, until) => {
                let writes = vec![Write::DenyToken(token, until)];
                self.commit(Commit {
                    spends: Vec::new(),
                    writes,
                })
                .await?;
                self.emit(&Event::TokenRevoked { reason: why });
                Ok(())
            }
        }
    }
}
