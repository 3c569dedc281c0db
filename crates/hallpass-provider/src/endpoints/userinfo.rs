//! UserInfo, [OpenID Connect Core §5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo).

use hallpass_core::userinfo::{self, Reason};
use serde_json::{Map, Value};

use crate::{Failure, Provider, issue};

/// A UserInfo response.
#[derive(Debug)]
pub enum UserInfo {
    /// `application/json`.
    Json(String),
    /// `application/jwt`, for a client that registered `userinfo_signed_response_alg`.
    Jwt(String),
}

impl Provider {
    /// Answers for the holder of an access token.
    ///
    /// # Errors
    /// The token does not stand or does not cover `openid`.
    pub async fn userinfo(&self, bearer: &str) -> Result<UserInfo, Failure> {
        self.claims_of(bearer)
            .await
            .map_err(|failure| self.failed("userinfo", None, failure))
    }

    async fn claims_of(&self, bearer: &str) -> Result<UserInfo, Failure> {
        let now = self.now();
        let policy = &self.inner.policy;
        let token = self.open_access(bearer, now).ok_or(Reason::TokenUnknown)?;
        let client = self
            .client(&token.client_id)
            .await?
            .ok_or(Reason::TokenRevoked)?;
        let known = self.known(&token).await?;
        let empty = Map::new();
        let account = known.account.as_ref().map_or(&empty, |a| &a.claims);
        let mut claims = userinfo::answer(&token, &known.facts(), account, &client, policy, now)?;
        let Some(algorithm) = client.userinfo_signed_response_alg else {
            return Ok(UserInfo::Json(Value::Object(claims).to_string()));
        };
        //= OIDC-CORE#5.3.2 SHOULD: a signed response carries iss and aud
        claims.insert("iss".to_owned(), Value::from(policy.issuer.as_str()));
        claims.insert("aud".to_owned(), Value::from(client.id.as_str()));
        claims.insert("iat".to_owned(), Value::from(now.0));
        let body = Value::Object(claims).to_string();
        let jwt = if algorithm.is_symmetric() {
            issue::symmetric(&client, algorithm, &body)?
        } else {
            self.sign(algorithm, None, &body)?
        };
        Ok(UserInfo::Jwt(jwt))
    }
}
