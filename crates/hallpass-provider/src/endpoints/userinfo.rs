//! UserInfo, [OpenID Connect Core §5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo).

use std::borrow::Cow;

use hallpass_core::{
    binding::{self, dpop},
    client::Client,
    client::Signed,
    client_auth::OnceUse,
    client_request::ClientRequest,
    issue::TokenType,
    policy::Place,
    record::Confirmation,
    userinfo::{self, Reason},
};
use hallpass_store::{Commit, Committed, Spend};
use serde_json::{Map, Value};

use crate::{Failure, Provider};

/// A UserInfo response.
#[derive(Debug)]
pub enum UserInfo {
    /// `application/json`.
    Json(String),
    /// `application/jwt`, for a client that registered `userinfo_signed_response_alg` or
    /// `userinfo_encrypted_response_alg`.
    Jwt(String),
}

impl Provider {
    /// Answers for the holder of an access token, which was presented in that way.
    ///
    /// # Errors
    /// The token does not stand, does not cover `openid`, or is bound to a key that the request does not show.
    pub async fn userinfo(
        &self,
        token: &str,
        presented: TokenType,
        request: &ClientRequest<'_>,
    ) -> Result<UserInfo, Failure> {
        self.claims_of(token, presented, request)
            .await
            .map_err(|failure| self.failed("userinfo", None, failure))
    }

    /// Whether the request shows the key that the token is bound to. The proof, which works once and is still to be spent.
    fn shows_key(
        &self,
        text: &str,
        client: &Client,
        confirmation: Option<Confirmation>,
        presented: TokenType,
        request: &ClientRequest<'_>,
    ) -> Result<Option<OnceUse>, Failure> {
        let proof = match presented {
            TokenType::DPoP => self.proof(Place::UserInfo, request, client, Some(text))?,
            TokenType::Bearer => None,
        };
        //= RFC9449#7.1 MUST: without a proof a DPoP-bound token is refused
        if presented == TokenType::DPoP && proof.is_none() {
            return Err(dpop::Reason::Missing.into());
        }
        binding::may_use(confirmation, presented, proof, request.certificate)?;
        Ok(proof.and_then(|proof| proof.once))
    }

    async fn claims_of(
        &self,
        bearer: &str,
        presented: TokenType,
        request: &ClientRequest<'_>,
    ) -> Result<UserInfo, Failure> {
        let now = self.now();
        let policy = &self.inner.policy;
        let token = self
            .open_access(bearer, now)
            .await
            .ok_or(Reason::TokenUnknown)?;
        let client = self
            .client(&token.client_id)
            .await?
            .ok_or(Reason::TokenRevoked)?;
        let known = self.known(&token).await?;
        let organization = known.standing.grant.as_ref();
        let organization = organization.and_then(|found| found.record.organization.as_deref());
        let account = match &known.account {
            Some(account) => {
                self.claims_with_access(account, organization, &token.scope)
                    .await?
            }
            None => Cow::Owned(Map::new()),
        };
        let once = self.shows_key(bearer, &client, token.confirmation, presented, request)?;
        // A token that is over, or for somebody else, must not be good for writing anything.
        let mut claims = userinfo::answer(&token, &known.facts(), &account, &client, policy, now)?;
        //= RFC9449#11.1 SHOULD: a proof that was used is refused when it is shown again
        if let Some(once) = once {
            let commit = Commit {
                spends: vec![Spend::Once(once.key)],
                writes: Vec::new(),
            };
            if self.commit(commit).await? != Committed::Done {
                return Err(dpop::Reason::Replayed.into());
            }
        }
        let signed = Signed::UserInfo;
        if signed.algorithm(&client).is_none() && signed.encryption(&client).is_none() {
            return Ok(UserInfo::Json(Value::Object(claims).to_string()));
        }
        //= OIDC-CORE#5.3.2 SHOULD: a signed response carries iss and aud
        claims.insert("iss".to_owned(), Value::from(policy.issuer.as_str()));
        claims.insert("aud".to_owned(), Value::from(client.id.as_str()));
        claims.insert("iat".to_owned(), Value::from(now.0));
        let body = Value::Object(claims).to_string();
        let jwt = self.sign_and_maybe_encrypt(&client, signed, &body).await?;
        Ok(UserInfo::Jwt(jwt))
    }
}
