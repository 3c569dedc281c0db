//! Client assertions, [RFC 7523 §2.2 and §3](https://www.rfc-editor.org/rfc/rfc7523#section-3),
//! [OpenID Connect Core §9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication).

use hallpass_jose::{Claims, JwsAlgorithm, UnverifiedJws};
use hallpass_types::{ClientId, Key, Params, Timestamp, sha256};
use serde_json::Value;

use super::{Credential, Facts, Found, OnceUse, Reason};
use crate::{client::Client, fapi::Profile};

/// An assertion whose form is checked and whose claims are read; nothing is verified.
#[derive(Clone, Debug)]
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
        let jws = UnverifiedJws::parse_with_limit(text, MAX_LEN).map_err(|_| Reason::Malformed)?;
        //= RFC8725#3.11 SHOULD: a token that says it is for something else is not used here
        if jws.typ().is_some_and(is_for_something_else) {
            return Err(Reason::Claims);
        }
        let claims = jws.claims_unverified().map_err(|_| Reason::Malformed)?;
        let claim = |name| claims.str(name).ok().flatten().ok_or(Reason::Claims);
        //= RFC7523#3 MUST: iss and sub are there, and for client authentication sub is the client_id
        //= OIDC-CORE#9 MUST: iss is the client_id, too
        let subject = claim("sub")?;
        if claim("iss")? != subject {
            return Err(Reason::Claims);
        }
        let client_id = ClientId::parse(subject).map_err(|_| Reason::Claims)?;
        Ok(Some(Self {
            jws,
            client_id,
            claims,
        }))
    }

    /// The assertion as a credential of the method that its algorithm belongs to.
    pub(super) fn found(&self, algs: &[JwsAlgorithm]) -> Option<Found<'p>> {
        algs.contains(&self.jws.algorithm()).then(|| Found {
            client_id: self.client_id.clone(),
            credential: Credential::Assertion(self.clone()),
        })
    }

    /// Checks the claims, which are cheap to check, so that a signature is worth checking.
    pub(super) fn check_claims(
        &self,
        client: &Client,
        facts: &Facts<'_>,
    ) -> Result<OnceUse, Reason> {
        self.check_audience(client.fapi, facts)?;
        let expires_at = self.check_times(facts)?;
        //= OIDC-CORE#9 MUST: jti is there and an assertion works once
        let jti = self
            .claims
            .str("jti")
            .ok()
            .flatten()
            .filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI)
            .ok_or(Reason::Claims)?;
        Ok(OnceUse {
            key: Key::once(expires_at, digest(&self.client_id, jti)),
            expires_at,
        })
    }

    //= RFC7523#3 MUST: aud names this server
    //= RFC7523#3 exception: it is the issuer or an endpoint's URL, alone; an assertion for several servers is refused
    fn check_audience(&self, profile: Option<Profile>, facts: &Facts<'_>) -> Result<(), Reason> {
        let issuer = facts.policy.issuer.as_str();
        //= FAPI2-SP#5.3.2.1 MUST: the audience of an assertion is the issuer, as a single text
        if profile.is_some_and(Profile::is_second) {
            let own = self.claims.get("aud").and_then(Value::as_str) == Some(issuer);
            return own.then_some(()).ok_or(Reason::Audience);
        }
        let audience = self.claims.audience().map_err(|_| Reason::Claims)?;
        // FAPI 1.0 goes by RFC 7523 §3 as it stands: one of several is enough.
        if profile.is_some() {
            return audience
                .iter()
                .any(|one| Self::is_ours(one, facts))
                .then_some(())
                .ok_or(Reason::Audience);
        }
        let [audience] = audience.as_slice() else {
            return Err(Reason::Audience);
        };
        Self::is_ours(audience, facts)
            .then_some(())
            .ok_or(Reason::Audience)
    }

    fn is_ours(audience: &str, facts: &Facts<'_>) -> bool {
        let mut urls = facts.token_endpoint.iter().chain(facts.endpoint);
        audience == facts.policy.issuer.as_str() || urls.any(|url| url == audience)
    }

    fn check_times(&self, facts: &Facts<'_>) -> Result<Timestamp, Reason> {
        let now = facts.now;
        let time = |name| {
            let seconds = self.claims.int_seconds(name).map_err(|_| Reason::Claims)?;
            Ok(seconds.map(Timestamp))
        };
        //= RFC7523#3 MUST: exp is there and not over
        //= RFC7523#3 MAY: an exp that lies unreasonably far ahead is refused
        let expires_at = time("exp")?.ok_or(Reason::Claims)?;
        if expires_at.is_over(now) || expires_at.since(now) > MAX_LIFE {
            return Err(Reason::Time);
        }
        //= RFC7523#3 MUST: before nbf an assertion is refused
        for begin in [time("nbf")?, time("iat")?].into_iter().flatten() {
            if begin.since(now) > MAX_SKEW {
                return Err(Reason::Time);
            }
        }
        let keys = &facts.policy.keys;
        if keys.may_be_used(time("iat")?, expires_at, MAX_LIFE) {
            return Err(Reason::Time);
        }
        Ok(expires_at)
    }
}

/// Media types that end in `+jwt` name one use; only that of client authentication is this one.
fn is_for_something_else(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    let typ = typ.strip_prefix("application/").unwrap_or(&typ);
    typ.ends_with("+jwt") && typ != "client-authentication+jwt"
}

/// The length keeps identifier and `jti` apart.
fn digest(client_id: &ClientId, jti: &str) -> [u8; 32] {
    let id = client_id.as_str();
    sha256(format!("client assertion\n{}\n{id}\n{jti}", id.len()).as_bytes())
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An assertion ends at most so many seconds ahead: what is remembered for replays stays small.
const MAX_LIFE: i64 = 3600;
/// A client's clock may be ahead by so many seconds.
const MAX_SKEW: i64 = 10;
const MAX_LEN: usize = 16 * 1024;
const MAX_JTI: usize = 512;
