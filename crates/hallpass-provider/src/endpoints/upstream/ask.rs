//! What is asked of another provider: its metadata, tokens, and who the person is.

use std::time::Duration;

use hallpass_core::upstream::{
    ClientAuthentication, Endpoints, Expected, Metadata, Reason, Upstream, check_id_token,
    metadata_url, read_metadata,
};
use hallpass_jose::{
    Claims, HmacKey, JwsAlgorithm, JwsError, UnverifiedJws, base64url, left_half_hash,
};
use hallpass_types::{Params, Secret, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Away, Person};
use crate::{
    Failure, Provider,
    documents::Whose,
    ports::{ExchangeRequest, Exchanged, FetchRequest},
};

const MAX_BYTES: usize = 65_536;
/// A person waits no longer than this for any one answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Metadata are held for so many seconds.
const METADATA_AGE: i64 = 600;

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    token_type: String,
    id_token: Option<String>,
}

impl Provider {
    /// The metadata of an issuer, as they are held or fetched. What was good before goes on for a day while the issuer is
    /// silent; it is not asked again at once.
    pub(super) async fn upstream_metadata(&self, issuer: &str) -> Result<Metadata, Reason> {
        let now = self.now();
        let (held, failed) = self.inner.upstream_metadata.get(issuer, now);
        if failed {
            return held.map(|(metadata, _)| metadata).ok_or(Reason::Metadata);
        }
        if let Some((metadata, at)) = &held
            && (0..METADATA_AGE).contains(&now.since(*at))
        {
            return Ok(metadata.clone());
        }
        match (self.probe_upstream(issuer).await, held) {
            (Ok(metadata), _) => {
                self.inner.upstream_metadata.put(issuer, &metadata, now);
                Ok(metadata)
            }
            (Err(reason), held) => {
                self.inner.upstream_metadata.failed(issuer, now);
                held.map(|(metadata, _)| metadata).ok_or(reason)
            }
        }
    }

    /// Our secret at another provider, sealed for the settings of the issuer.
    #[must_use]
    pub fn sealed_upstream_secret(&self, of: &[u8; 32], secret: &Secret) -> Vec<u8> {
        self.inner.secrets.seal_upstream_secret(of, secret)
    }

    /// What an issuer says of itself now, whatever is held of it.
    ///
    /// # Errors
    /// It does not answer, or not with what it should.
    pub async fn probe_upstream(&self, issuer: &str) -> Result<Metadata, Reason> {
        let request = FetchRequest {
            url: &metadata_url(issuer),
            accept: "application/json",
            max_bytes: MAX_BYTES,
            timeout: TIMEOUT,
        };
        let fetched = self.inner.fetcher.fetch(request).await;
        fetched
            .map_err(|_| Reason::Metadata)
            .and_then(|fetched| read_metadata(&fetched.body, issuer))
    }

    /// Redeems a code: who the person is, and what the provider says of them.
    pub(super) async fn upstream_person(
        &self,
        upstream: &Upstream,
        away: &Away,
        code: &str,
    ) -> Result<Person, Failure> {
        match &upstream.endpoints {
            Endpoints::OpenId {
                issuer,
                algs,
                userinfo,
            } => {
                let metadata = self.upstream_metadata(issuer).await?;
                let tokens = self
                    .upstream_tokens(upstream, &metadata.token, away, code)
                    .await?;
                let id_token = tokens.id_token.as_deref().ok_or(Reason::IdToken)?;
                let (claims, alg) = self
                    .upstream_id_token(upstream, id_token, algs, &metadata.jwks)
                    .await?;
                let expected = Expected {
                    issuer,
                    client_id: &upstream.client_id,
                    nonce: &away.nonce,
                    now: self.now(),
                };
                let subject = check_id_token(&claims, &expected)?;
                //= OIDC-CORE#3.1.3.8 MAY: at_hash ties the access token to the ID token
                let at_hash = claims.str("at_hash").map_err(|_| Reason::IdToken)?;
                let fits = |hash| hash == left_half_hash(alg, &tokens.access_token);
                if !at_hash.is_none_or(fits) {
                    return Err(Reason::IdToken.into());
                }
                let signed_in_at = claims.int_seconds("auth_time");
                let signed_in_at = signed_in_at.map_err(|_| Reason::IdToken)?.map(Timestamp);
                let mut said = claims.into_map();
                if *userinfo && let Some(endpoint) = &metadata.userinfo {
                    let info = self.upstream_userinfo(endpoint, &tokens).await?;
                    //= OIDC-CORE#5.3.2 MUST: the sub of UserInfo is that of the ID token
                    if info.get("sub").and_then(Value::as_str) != Some(&*subject) {
                        return Err(Reason::UserInfo.into());
                    }
                    said.extend(info);
                }
                Ok(Person {
                    subject,
                    claims: said,
                    signed_in_at,
                })
            }
            Endpoints::OAuth {
                token, userinfo, ..
            } => {
                let tokens = self.upstream_tokens(upstream, token, away, code).await?;
                let claims = self.upstream_userinfo(userinfo, &tokens).await?;
                let subject = match claims.get(&upstream.subject_claim) {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Number(number)) => number.to_string(),
                    Some(_) | None => return Err(Reason::UserInfo.into()),
                };
                if !(1..=255).contains(&subject.len()) {
                    return Err(Reason::UserInfo.into());
                }
                Ok(Person {
                    subject,
                    claims,
                    signed_in_at: None,
                })
            }
        }
    }

    async fn upstream_tokens(
        &self,
        upstream: &Upstream,
        endpoint: &str,
        away: &Away,
        code: &str,
    ) -> Result<TokenAnswer, Failure> {
        let redirect_uri = self.upstream_redirect_uri(&upstream.id);
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", away.verifier.clone()),
        ];
        let mut authorization = None;
        match &upstream.authentication {
            ClientAuthentication::None => {
                form.push(("client_id", upstream.client_id.clone()));
            }
            ClientAuthentication::Post(secret) => {
                form.push(("client_id", upstream.client_id.clone()));
                form.push(("client_secret", secret.0.expose().to_owned()));
            }
            //= RFC6749#2.3.1 MUST: identifier and secret are form-encoded before they become a header
            ClientAuthentication::Basic(secret) => {
                use base64::{Engine as _, engine::general_purpose::STANDARD};
                let encoded = |text: &str| -> String {
                    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
                };
                let pair = format!(
                    "{}:{}",
                    encoded(&upstream.client_id),
                    encoded(secret.0.expose())
                );
                authorization = Some(format!("Basic {}", STANDARD.encode(pair)));
            }
            //= RFC7523#3 MUST: the assertion names us, the endpoint, a time and a unique identifier
            ClientAuthentication::PrivateKeyJwt(alg) => {
                let now = self.now();
                let claims = json!({
                    "iss": upstream.client_id, "sub": upstream.client_id, "aud": endpoint,
                    "iat": now.0, "exp": now.plus(60).0, "jti": base64url::encode(self.random::<16>()),
                });
                let assertion = self.sign(*alg, None, &claims.to_string()).await?;
                form.push((
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
                ));
                form.push(("client_assertion", assertion));
            }
        }
        let body = Params::from_pairs(form).to_query();
        let answer = self
            .upstream_exchange(ExchangeRequest {
                url: endpoint,
                form: Some(&body),
                accept: "application/json",
                authorization: authorization.as_deref(),
                max_bytes: MAX_BYTES,
                timeout: TIMEOUT,
            })
            .await
            .ok_or(Reason::Token)?;
        let tokens: TokenAnswer =
            serde_json::from_slice(&answer.body).map_err(|_| Reason::Token)?;
        let is_bearer =
            tokens.token_type.is_empty() || tokens.token_type.eq_ignore_ascii_case("bearer");
        let is_token = !tokens.access_token.is_empty()
            && tokens.access_token.bytes().all(|b| b.is_ascii_graphic());
        if !is_bearer || !is_token {
            return Err(Reason::Token.into());
        }
        Ok(tokens)
    }

    async fn upstream_userinfo(
        &self,
        endpoint: &str,
        tokens: &TokenAnswer,
    ) -> Result<Map<String, Value>, Reason> {
        let authorization = format!("Bearer {}", tokens.access_token);
        let answer = self
            .upstream_exchange(ExchangeRequest {
                url: endpoint,
                form: None,
                accept: "application/json",
                authorization: Some(&authorization),
                max_bytes: MAX_BYTES,
                timeout: TIMEOUT,
            })
            .await
            .ok_or(Reason::UserInfo)?;
        serde_json::from_slice(&answer.body).map_err(|_| Reason::UserInfo)
    }

    async fn upstream_exchange(&self, request: ExchangeRequest<'_>) -> Option<Exchanged> {
        let url = request.url.to_owned();
        match self.inner.fetcher.exchange(request).await {
            Ok(answer) if answer.status == 200 => Some(answer),
            Ok(answer) => {
                tracing::warn!(url, status = answer.status, "another provider refused us");
                None
            }
            Err(error) => {
                tracing::warn!(url, error = %error, "another provider does not answer");
                None
            }
        }
    }

    /// Verifies the signature of an ID token, with a key of the issuer, or with our secret where it signs so.
    async fn upstream_id_token(
        &self,
        upstream: &Upstream,
        text: &str,
        algs: &[JwsAlgorithm],
        jwks: &str,
    ) -> Result<(Claims, JwsAlgorithm), Failure> {
        let mut again = false;
        loop {
            let jws = UnverifiedJws::parse(text).map_err(|_| Reason::IdToken)?;
            let alg = jws.algorithm();
            if !algs.contains(&alg) || jws.typ().is_some_and(|t| !t.eq_ignore_ascii_case("jwt")) {
                return Err(Reason::IdToken.into());
            }
            let verified = if alg.is_symmetric() {
                let (ClientAuthentication::Basic(secret) | ClientAuthentication::Post(secret)) =
                    &upstream.authentication
                else {
                    return Err(Reason::IdToken.into());
                };
                let key = HmacKey::new(alg, secret.0.expose().as_bytes());
                jws.verify_hmac(&[alg], &key.map_err(|_| Reason::IdToken)?)
            } else {
                let keys = self
                    .remote_keys(Whose::Ours, jwks, again)
                    .await
                    .ok_or(Reason::IdToken)?;
                let kid = jws.kid().map(str::to_owned);
                jws.verify(&[alg], keys.candidates(alg, kid.as_deref()))
            };
            match verified {
                Ok(verified) => {
                    let claims = verified.claims().map_err(|_| Reason::IdToken)?;
                    return Ok((claims, alg));
                }
                //= OIDC-CORE#10.1.1 SHOULD: an unfamiliar key makes the verifier fetch the keys again
                Err(JwsError::NoKey | JwsError::Signature) if !again && !alg.is_symmetric() => {
                    again = true;
                }
                Err(_) => return Err(Reason::IdToken.into()),
            }
        }
    }
}
