//! Revocation, [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009#section-2).

use hallpass_core::{
    client_request::ClientRequest,
    revoke::{self, Reason, Revocation},
};
use hallpass_store::{Commit, Write};

use super::{Endpoint, presented::Presented};
use crate::{Failure, Provider};

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
            Presented::Access(token) => revoke::access_token(&client, &token, now),
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
        match decision {
            Revocation::Nothing => Ok(()),
            Revocation::Grant(grant) => self.revoke_grant(grant, "revoked_by_client").await,
            Revocation::Token(token, until) => {
                let writes = vec![Write::DenyToken(token, until)];
                self.commit(Commit {
                    spends: Vec::new(),
                    writes,
                })
                .await?;
                Ok(())
            }
        }
    }
}
