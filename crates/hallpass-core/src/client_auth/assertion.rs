//! Client assertions, [RFC 7523 §2.2 and §3](https://www.rfc-editor.org/rfc/rfc7523#section-3),
//! [OpenID Connect Core §9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication).

use std::sync::Arc;

use hallpass_jose::{Claims, JwsAlgorithm, UnverifiedJws};
use hallpass_types::{ClientId, Key, Params, Timestamp, sha256};
use serde_json::Value;

use super::{Credential, Facts, Found, OnceUse, Reason, Request};
use crate::{client::Client, fapi::Profile, jwt_type, policy::is_host_of};

/// An assertion whose form is checked and whose claims are read; nothing is verified.
#[derive(Debug)]
pub struct Assertion<'p> {
    pub(super) jws: UnverifiedJws<'p>,
    client_id: ClientId,
    claims: Claims,
}

impl<'p> Assertion<'p> {
    /// Takes the assertion out of the parameters.
    pub(super) fn read(params: &'p Params) -> Result<Option<Self>, Reason> {
        //= RFC7521#4.2 MUST: an assertion stands beside its type
        //= RFC7523#2.2 MUST: the type of a JWT assertion is the jwt-bearer URN
        let text = match (
            params.get("client_assertion"),
            params.get("client_assertion_type"),
        ) {
            (None, None) => return Ok(None),
            (Some(text), Some(JWT_BEARER)) => text,
            (Some(_) | None, Some(_) | None) => return Err(Reason::AssertionType),
        };
        Self::parse(text).map(Some)
    }

    /// Reads an assertion.
    pub(super) fn parse(text: &'p str) -> Result<Self, Reason> {
        let jws = UnverifiedJws::parse_with_limit(text, MAX_LEN).map_err(|_| Reason::Malformed)?;
        Self::of(jws)
    }

    /// Reads an assertion that stands nowhere in the request as it is.
    pub(super) fn parse_owned(text: &str) -> Result<Self, Reason> {
        let jws = UnverifiedJws::parse_with_limit(text, MAX_LEN).map_err(|_| Reason::Malformed)?;
        Self::of(jws.into_owned())
    }

    fn of(jws: UnverifiedJws<'p>) -> Result<Self, Reason> {
        //= RFC8725#3.11 SHOULD: a token that says it is for something else is not used here
        if !jwt_type::is_any_or(jws.typ(), Some("client-authentication+jwt")) {
            return Err(Reason::Claims);
        }
        let claims = jws.claims_unverified().map_err(|_| Reason::Malformed)?;
        let claim = |name| claims.str(name).ok().flatten();
        //= RFC7523#3 MUST: iss and sub are there, and for client authentication sub is the client_id
        //= OIDC-CORE#9 MUST: iss is the client_id, too
        let subject = claim("sub").ok_or(Reason::Subject)?;
        if claim("iss") != Some(subject) {
            return Err(Reason::IssuedBy);
        }
        let client_id = ClientId::parse(subject).map_err(|_| Reason::Subject)?;
        Ok(Self {
            jws,
            client_id,
            claims,
        })
    }

    /// The client that it speaks for.
    pub(super) fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The assertion as a credential of the method that its algorithm belongs to.
    pub(super) fn found(self: &Arc<Self>, algs: &[JwsAlgorithm]) -> Option<Found<'p>> {
        algs.contains(&self.jws.algorithm()).then(|| Found {
            client_id: self.client_id.clone(),
            credential: Credential::Assertion(Arc::clone(self)),
        })
    }

    /// The assertion of a request, when it has one with one of these algorithms.
    pub(super) fn of_request(request: &Request<'p>, algs: &[JwsAlgorithm]) -> Option<Found<'p>> {
        let assertion = request.assertion.as_ref();
        assertion.and_then(|assertion| assertion.found(algs))
    }

    /// The assertion that a credential is, with claims that are right and the algorithm that the client registered. Its
    /// signature is still to be verified.
    pub(super) fn checked<'c>(
        credential: &'c Credential<'p>,
        client: &Client,
        facts: &Facts<'_>,
    ) -> Result<(&'c Self, Option<OnceUse>), Reason> {
        let assertion = match credential {
            Credential::Assertion(assertion) => assertion,
            Credential::None
            | Credential::Secret(_)
            | Credential::Certificate(_)
            | Credential::Attested(_) => {
                return Err(Reason::Malformed);
            }
        };
        let once = assertion.check_claims(Some(client), facts)?;
        let registered = client.auth_signing_alg;
        //= RFC8725#3.1 MUST: the algorithm is the one that was registered, not the one that the token names
        if registered.is_some_and(|registered| registered != assertion.jws.algorithm()) {
            return Err(Reason::Algorithm);
        }
        Ok((assertion, once))
    }

    /// Checks the claims, which are cheap to check, so that a signature is worth checking. Without a client, as they would be
    /// for one without a profile. None: there is nothing that could be spent.
    pub(super) fn check_claims(
        &self,
        client: Option<&Client>,
        facts: &Facts<'_>,
    ) -> Result<Option<OnceUse>, Reason> {
        let profile = client.and_then(|client| client.fapi);
        // Only what is signed by a key pair, since that is what those clients have.
        let lenient = facts.policy.compatibility.loginid
            && profile.is_none()
            && !self.jws.algorithm().is_symmetric();
        self.check_audience(profile, lenient, facts)?;
        let longest = if lenient {
            facts.policy.compatibility.assertion_lifetime
        } else {
            MAX_LIFE
        };
        let expires_at = self.check_times(longest, facts)?;
        //= OIDC-CORE#9 MUST: jti is there and an assertion works once
        let jti = self.claims.str("jti").map_err(|_| Reason::JwtId)?;
        let Some(jti) = jti else {
            return lenient.then_some(None).ok_or(Reason::JwtId);
        };
        if jti.is_empty() || jti.len() > MAX_JTI {
            return Err(Reason::JwtId);
        }
        Ok(Some(OnceUse {
            key: Key::once(expires_at, digest(&self.client_id, jti)),
            expires_at,
        }))
    }

    //= RFC7523#3 MUST: aud names this server
    //= RFC7523#3 exception: it is the issuer or an endpoint's URL, alone; an assertion for several servers is refused
    fn check_audience(
        &self,
        profile: Option<Profile>,
        lenient: bool,
        facts: &Facts<'_>,
    ) -> Result<(), Reason> {
        let issuer = &facts.policy.issuer;
        let audience = self
            .claims
            .audience()
            .map_err(|_| Reason::AssertionAudience)?;
        let ours = |one: &str| {
            let mut urls = facts.token_endpoint.iter().chain(facts.endpoint);
            one == issuer.as_str()
                || urls.any(|url| url == one)
                || (lenient && is_host_of(one, issuer))
        };
        let Some(profile) = profile else {
            return match audience.as_slice() {
                [one] if ours(one) => Ok(()),
                _ => Err(Reason::AssertionAudience),
            };
        };
        //= FAPI2-SP#5.3.2.1 MUST: the audience of an assertion is the issuer, as a single text
        let good = if profile.is_second() {
            self.claims.get("aud").and_then(Value::as_str) == Some(issuer.as_str())
        } else {
            // FAPI 1.0 goes by RFC 7523 §3 as it stands: one of several is enough.
            audience.iter().any(|one| ours(one))
        };
        good.then_some(()).ok_or(Reason::ProfileAudience)
    }

    fn check_times(&self, longest: i64, facts: &Facts<'_>) -> Result<Timestamp, Reason> {
        let now = facts.now;
        let time = |name, reason| {
            let seconds = self.claims.int_seconds(name).map_err(|_| reason)?;
            Ok(seconds.map(Timestamp))
        };
        //= RFC7523#3 MUST: exp is there and not over
        //= RFC7523#3 MAY: an exp that lies unreasonably far ahead is refused
        let expires_at = time("exp", Reason::Expiry)?.ok_or(Reason::Expiry)?;
        if expires_at.is_over(now) || expires_at.since(now) > longest {
            return Err(Reason::Expiry);
        }
        //= RFC7523#3 MUST: before nbf an assertion is refused
        let issued_at = time("iat", Reason::Begin)?;
        for begin in [time("nbf", Reason::Begin)?, issued_at]
            .into_iter()
            .flatten()
        {
            if begin.is_ahead(now) {
                return Err(Reason::Begin);
            }
        }
        // What says nothing of its use (jti) could be used before as well as now.
        let once = self.claims.get("jti").is_some();
        if once
            && facts
                .policy
                .keys
                .may_be_used(issued_at, expires_at, longest)
        {
            return Err(Reason::Time);
        }
        Ok(expires_at)
    }
}

/// The length keeps identifier and `jti` apart.
fn digest(client_id: &ClientId, jti: &str) -> [u8; 32] {
    let id = client_id.as_str();
    sha256(format!("client assertion\n{}\n{id}\n{jti}", id.len()).as_bytes())
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An assertion ends at most so many seconds ahead: what is remembered for replays stays small.
const MAX_LIFE: i64 = 3600;
const MAX_LEN: usize = 16 * 1024;
const MAX_JTI: usize = 512;
