//! The resource server.

use std::sync::Arc;

use hallpass_jose::{Claims, JwsAlgorithm, UnverifiedJws, base64url, constant_time_eq};
use hallpass_types::{Scope, Timestamp};
use http::request::Parts;
use serde_json::{Map, Value};
use url::Url;

use crate::{
    AccessToken, Clock, Demand, GuardLayer, Http, Refusal, Rejected, SystemClock,
    challenge::Challenges,
    dpop,
    introspection::{Answers, Credentials},
    issuer::IssuerCache,
    metadata,
    presented::{Presented, Scheme},
    token::Confirmation,
};

/// Clocks may differ by so much (seconds).
const LEEWAY: i64 = 60;

/// One protected resource and the authorization server whose tokens it takes. Cheap to clone.
#[derive(Clone)]
pub struct ResourceServer {
    inner: Arc<Inner>,
}

struct Inner {
    issuer: String,
    resource: String,
    audiences: Vec<String>,
    url: Url,
    scopes: Vec<String>,
    algorithms: Vec<JwsAlgorithm>,
    bound_only: bool,
    more: Map<String, Value>,
    credentials: Option<Credentials>,
    answers: Answers,
    cache: IssuerCache,
    seen: dpop::Seen,
    challenges: Challenges,
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResourceServer")
            .field("issuer", &self.inner.issuer)
            .field("resource", &self.inner.resource)
            .finish_non_exhaustive()
    }
}

/// A resource server cannot be what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// RFC 8707 §2.
    #[error("the resource is named by an absolute https URL without fragment")]
    Resource,
    /// RFC 8414 §2.
    #[error("the issuer is an https URL without query and fragment")]
    Issuer,
    /// RFC 6749 §3.3.
    #[error("a scope holds a character that it may not hold")]
    Scope,
}

/// Builds a [`ResourceServer`].
pub struct Builder {
    issuer: String,
    resource: String,
    audiences: Vec<String>,
    scopes: Vec<String>,
    algorithms: Vec<JwsAlgorithm>,
    bound_only: bool,
    more: Map<String, Value>,
    credentials: Option<Credentials>,
    answer_age: i64,
    answer_capacity: usize,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("issuer", &self.issuer)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// A scope that means something here, for the metadata and for clients that come without a token.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        self.scopes.push(scope.to_owned());
        self
    }

    /// A further audience whose tokens are taken. By the issuer's own name that includes tokens about which the authorization
    /// server names no audience when it is asked: those that were made without a resource indicator. Then whoever has a
    /// token for the authorization server itself may use it here.
    #[must_use]
    pub fn audience(mut self, name: &str) -> Self {
        self.audiences.push(name.to_owned());
        self
    }

    /// Asks the authorization server about tokens that are no JWTs, with this client's credentials.
    #[must_use]
    pub fn introspect_as(mut self, client_id: &str, client_secret: &str) -> Self {
        let form = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
        };
        //= RFC6749#2.3.1 MUST: identifier and secret are form-encoded before they are joined
        let pair = format!("{}:{}", form(client_id), form(client_secret));
        let authorization = format!("Basic {}", base64(pair.as_bytes()));
        self.credentials = Some(Credentials { authorization });
        self
    }

    /// Holds answers of the authorization server for so many seconds, so many of them. A token that was revoked works for
    /// as long. Without this: 10 seconds, 10,000 answers; with 0 every use of a token asks.
    #[must_use]
    pub const fn hold_answers(mut self, seconds: u32, most: usize) -> Self {
        self.answer_age = seconds as i64;
        self.answer_capacity = most;
        self
    }

    /// Takes tokens signed with these algorithms and no others. Without this: every asymmetric one that this project has.
    #[must_use]
    pub fn algorithms(mut self, algorithms: &[JwsAlgorithm]) -> Self {
        self.algorithms = algorithms
            .iter()
            .copied()
            .filter(|alg| !alg.is_symmetric())
            .collect();
        self
    }

    /// Takes no token that whoever finds it could use.
    #[must_use]
    pub const fn bound_tokens_only(mut self) -> Self {
        self.bound_only = true;
        self
    }

    /// A further member of the metadata, such as `resource_name` or `resource_documentation`.
    #[must_use]
    pub fn metadata_member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the resource server. Nothing is fetched before the first token comes.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn build(self, http: Arc<dyn Http>) -> Result<ResourceServer, ConfigError> {
        let url = Url::parse(&self.resource).map_err(|_| ConfigError::Resource)?;
        if !is_web(&url) || url.fragment().is_some() || !url.username().is_empty() {
            return Err(ConfigError::Resource);
        }
        let issuer = Url::parse(&self.issuer).map_err(|_| ConfigError::Issuer)?;
        if !is_web(&issuer) || issuer.query().is_some() || issuer.fragment().is_some() {
            return Err(ConfigError::Issuer);
        }
        let scope = self.scopes.join(" ");
        Scope::parse(&scope).map_err(|_| ConfigError::Scope)?;
        let algs: Vec<&str> = dpop::ALGS.iter().map(|alg| alg.name()).collect();
        let challenges = Challenges {
            metadata: metadata::url(&url),
            scope,
            algs: algs.join(" "),
            bearer: !self.bound_only,
        };
        Ok(ResourceServer {
            inner: Arc::new(Inner {
                issuer: self.issuer,
                resource: self.resource,
                audiences: self.audiences,
                url,
                scopes: self.scopes,
                algorithms: self.algorithms,
                bound_only: self.bound_only,
                more: self.more,
                credentials: self.credentials,
                answers: Answers::new(self.answer_age, self.answer_capacity),
                cache: IssuerCache::default(),
                seen: dpop::Seen::default(),
                challenges,
                http,
                clock: self.clock,
            }),
        })
    }
}

impl ResourceServer {
    /// Begins to build: the issuer whose tokens are taken, and the identifier of this resource, which is the audience of
    /// its tokens.
    #[must_use]
    pub fn builder(issuer: &str, resource: &str) -> Builder {
        Builder {
            issuer: issuer.to_owned(),
            resource: resource.to_owned(),
            audiences: Vec::new(),
            scopes: Vec::new(),
            algorithms: JwsAlgorithm::ALL
                .iter()
                .copied()
                .filter(|alg| !alg.is_symmetric())
                .collect(),
            bound_only: false,
            more: Map::new(),
            credentials: None,
            answer_age: 10,
            answer_capacity: 10_000,
            clock: Arc::new(SystemClock),
        }
    }

    /// A layer that lets requests through whose token meets the demand.
    #[must_use]
    pub fn layer(&self, demand: Demand) -> GuardLayer {
        GuardLayer::new(self.clone(), demand)
    }

    /// The path of the metadata document at the resource's host.
    #[must_use]
    pub fn metadata_path(&self) -> String {
        metadata::path(&self.inner.url)
    }

    /// The metadata document (RFC 9728 §2).
    #[must_use]
    pub fn metadata(&self) -> Value {
        let inner = &self.inner;
        metadata::document(&metadata::Facts {
            resource: &inner.resource,
            issuer: &inner.issuer,
            scopes: &inner.scopes,
            dpop_algs: dpop::ALGS.iter().map(|alg| alg.name()).collect(),
            bound_only: inner.bound_only,
            more: &inner.more,
        })
    }

    /// Decides about a request. The token is in its `Authorization` header.
    ///
    /// The URL that a proof is for is the resource's scheme and host with the path of the request, whatever host the
    /// request names.
    ///
    /// # Errors
    /// [`Rejected`]: status and headers of the answer.
    pub async fn check(&self, parts: &Parts, demand: &Demand) -> Result<AccessToken, Rejected> {
        let checked = self.decide(parts, demand).await;
        checked.map_err(|refusal| self.inner.challenges.reject(refusal))
    }

    async fn decide(&self, parts: &Parts, demand: &Demand) -> Result<AccessToken, Refusal> {
        let inner = &self.inner;
        let presented = Presented::read(parts)?;
        let now = inner.clock.now();
        let (token, confirmation) = self.token(presented.token, now).await?;
        //= RFC9068#4 MUST: a token that is over is not taken
        if token.expires_at.is_over(now) {
            return Err(Refusal::InvalidToken);
        }
        self.check_binding(&presented, &confirmation, parts, now)?;
        demand.check(&token, now)?;
        Ok(token)
    }

    async fn token(
        &self,
        text: &str,
        now: Timestamp,
    ) -> Result<(AccessToken, Confirmation), Refusal> {
        let inner = &self.inner;
        match UnverifiedJws::parse(text) {
            Ok(jws) => {
                let claims = self.verified(text, jws.kid(), jws.algorithm(), now).await?;
                self.check_claims(&claims, now)?;
                AccessToken::of(claims).map_err(|_| Refusal::InvalidToken)
            }
            Err(_) => {
                let Some(credentials) = &inner.credentials else {
                    return Err(Refusal::InvalidToken);
                };
                let http = &*inner.http;
                let metadata = inner.cache.metadata(http, &inner.issuer, now).await;
                let metadata = metadata.ok_or(Refusal::Unavailable)?;
                let endpoint = metadata.introspection_endpoint.as_deref();
                let endpoint = endpoint.ok_or(Refusal::Unavailable)?;
                let asked = inner.answers.ask(http, endpoint, credentials, text, now);
                let said = asked.await.map_err(|()| Refusal::Unavailable)?;
                let known = said.ok_or(Refusal::InvalidToken)?;
                let (token, confirmation) = (*known).clone();
                let claims = Value::Object(token.claims.clone()).to_string();
                let claims = Claims::parse(claims.as_bytes()).map_err(|_| Refusal::InvalidToken)?;
                let nobody = claims.audience().is_ok_and(|list| list.is_empty());
                let own = nobody && inner.is_meant(&inner.issuer);
                if own || inner.is_for(&claims) {
                    Ok((token, confirmation))
                } else {
                    Err(Refusal::InvalidToken)
                }
            }
        }
    }

    /// The claims of a JWT that the issuer signed.
    async fn verified(
        &self,
        text: &str,
        kid: Option<&str>,
        algorithm: JwsAlgorithm,
        now: Timestamp,
    ) -> Result<Claims, Refusal> {
        let inner = &self.inner;
        //= RFC9068#4 MUST: only algorithms that were chosen are taken, and none is not among them
        if !inner.algorithms.contains(&algorithm) {
            return Err(Refusal::InvalidToken);
        }
        let mut again = false;
        loop {
            let keys = inner
                .cache
                .keys(&*inner.http, &inner.issuer, now, again)
                .await
                .ok_or(Refusal::Unavailable)?;
            let jws = UnverifiedJws::parse(text).map_err(|_| Refusal::InvalidToken)?;
            let known = keys.candidates(algorithm, kid).next().is_some();
            match jws.verify(&inner.algorithms, keys.candidates(algorithm, kid)) {
                //= RFC9068#4 MUST: the typ of a token is at+jwt
                Ok(jws) if jws.typ_is("at+jwt") => {
                    return jws.claims().map_err(|_| Refusal::InvalidToken);
                }
                // Its key may be newer than what is held.
                Err(_) if !known && !again => again = true,
                Ok(_) | Err(_) => return Err(Refusal::InvalidToken),
            }
        }
    }

    //= RFC9068#4 MUST: issuer and audience of a token are the expected ones
    fn check_claims(&self, claims: &Claims, now: Timestamp) -> Result<(), Refusal> {
        let inner = &self.inner;
        let issuer = claims.str("iss").ok().flatten() == Some(inner.issuer.as_str());
        let named = claims.str("jti").is_ok_and(|jti| jti.is_some());
        let time = |name: &str| claims.int_seconds(name).map_err(|_| Refusal::InvalidToken);
        let early = time("nbf")?.is_some_and(|at| Timestamp(at).since(now) > LEEWAY);
        let issued = time("iat")?.is_some_and(|at| Timestamp(at).since(now) <= LEEWAY);
        let good = issuer && named && issued && !early && inner.is_for(claims);
        good.then_some(()).ok_or(Refusal::InvalidToken)
    }

    fn check_binding(
        &self,
        presented: &Presented<'_>,
        confirmation: &Confirmation,
        parts: &Parts,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let inner = &self.inner;
        match confirmation {
            //= RFC9449#7.2 MUST: a token that is bound to a key is not taken as a bearer token
            Confirmation::Key(thumbprint) => {
                if presented.scheme != Scheme::Dpop {
                    return Err(Refusal::InvalidToken);
                }
                let proof = presented.proof.ok_or(Refusal::InvalidProof)?;
                let origin = inner.url.origin().ascii_serialization();
                let facts = dpop::Facts {
                    now,
                    method: parts.method.as_str(),
                    url: &format!("{origin}{}", parts.uri.path()),
                    token: presented.token,
                };
                let proof = dpop::verify(proof, facts).map_err(|()| Refusal::InvalidProof)?;
                if !constant_time_eq(proof.key.as_bytes(), thumbprint.as_bytes()) {
                    return Err(Refusal::InvalidToken);
                }
                if !inner.seen.is_new(&proof, now) {
                    return Err(Refusal::InvalidProof);
                }
            }
            //= RFC8705#3 MUST: the certificate of the connection is the one that the token is bound to
            Confirmation::Certificate(thumbprint) => {
                let shown = presented.certificate.ok_or(Refusal::InvalidToken)?;
                let shown = base64url::encode(shown.0);
                let same = constant_time_eq(shown.as_bytes(), thumbprint.as_bytes());
                if presented.scheme != Scheme::Bearer || !same {
                    return Err(Refusal::InvalidToken);
                }
            }
            Confirmation::None => {
                //= RFC9449#7.1 MUST: the scheme DPoP is for tokens that are bound to a key
                if inner.bound_only || presented.scheme == Scheme::Dpop {
                    return Err(Refusal::InvalidToken);
                }
            }
        }
        Ok(())
    }
}

impl Inner {
    /// Whether that is an audience of ours.
    fn is_meant(&self, name: &str) -> bool {
        name == self.resource || self.audiences.iter().any(|own| own == name)
    }

    fn is_for(&self, claims: &Claims) -> bool {
        let list = claims.audience();
        list.is_ok_and(|list| list.iter().any(|name| self.is_meant(name)))
    }
}

/// https, or http on this machine for development.
fn is_web(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")),
        _ => false,
    }
}

/// Base64 with padding, for the Basic scheme.
fn base64(bytes: &[u8]) -> String {
    let mut text: String = base64url::encode(bytes)
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_encoded_before_they_are_joined() {
        //= test RFC6749#2.3.1 identifier and secret are form-encoded before they are joined
        let builder = ResourceServer::builder("https://op.test", "https://api.test");
        let builder = builder.introspect_as("a:b", "c d+\u{e4}");
        let sent = builder.credentials.map(|all| all.authorization);
        // a%3Ab:c+d%2B%C3%A4
        assert_eq!(sent.as_deref(), Some("Basic YSUzQWI6YytkJTJCJUMzJUE0"));
    }
}
