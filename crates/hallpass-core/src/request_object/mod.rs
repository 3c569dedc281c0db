//! Request objects: parameters in a JWT that their client signed,
//! [RFC 9101](https://www.rfc-editor.org/rfc/rfc9101),
//! [OpenID Connect Core §6](https://openid.net/specs/openid-connect-core-1_0.html#JWTRequests).
//!
//! One verifier for every endpoint that takes them. [`RequestObject::read`] checks the form, so that the keys can be looked
//! up; [`RequestObject::verify`] checks signature and claims; [`Verified::params`] makes parameters of the claims, by the
//! names that the endpoint knows. Unsigned objects are never taken.

mod claims;
mod reference;
#[cfg(test)]
mod tests;

use hallpass_jose::{
    Claims, HmacKey, Jwks, JwsAlgorithm, JwsError, UnverifiedJws, base64url, json,
};
use hallpass_types::{ClientId, Params, Timestamp};

use crate::{authorize::Reason, client::Client, jwt_type, policy::Policy};

pub use reference::Reference;

/// A request object whose form is checked; nothing is verified.
#[derive(Clone, Debug)]
pub struct RequestObject<'t> {
    jws: UnverifiedJws<'t>,
}

/// What must be known to verify one.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The time.
    pub now: Timestamp,
    /// The issuer's policy.
    pub policy: &'a Policy,
    /// The one algorithm that the client registered for this kind of object. None: any asymmetric one of the policy.
    pub registered: Option<JwsAlgorithm>,
    /// What its claims must have beside what every object must have.
    pub demands: Demands,
    /// The keys at the client's `jwks_uri`, where [`RequestObject::needs_jwks`] asked for them.
    pub fetched_jwks: Option<&'a Jwks>,
}

/// Claims that some profiles demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a claim of its own")]
pub struct Demands {
    /// `exp` must be there.
    pub exp: bool,
    /// `nbf` must be there.
    pub nbf: bool,
    /// `iat` must be there.
    pub iat: bool,
    /// `jti` must be there.
    pub jti: bool,
    /// `nbf` (without one `iat`) lies back at most so many seconds, and `exp` comes at most so many after it; where both are
    /// missing, after now.
    pub longest: Option<i64>,
}

impl Default for Demands {
    /// What every object must have: no claim of these, but an object that says when it ends does not live long. One that says
    /// nothing is a link that a client may have made once and for all.
    fn default() -> Self {
        Self {
            exp: false,
            nbf: false,
            iat: false,
            jti: false,
            longest: Some(MAX_LIFE),
        }
    }
}

impl Demands {
    /// What FAPI demands of request objects: `exp` and `nbf`, at most sixty minutes apart and no longer ago.
    pub const FAPI: Self = Self {
        exp: true,
        nbf: true,
        iat: false,
        jti: false,
        longest: Some(MAX_LIFE),
    };
}

/// A request object that its client signed, for this server, in time.
#[derive(Clone, Debug)]
pub struct Verified {
    claims: Claims,
    client_id: ClientId,
    expires_at: Option<Timestamp>,
}

impl<'t> RequestObject<'t> {
    /// Reads the form.
    ///
    /// # Errors
    /// It is no signed JWT, is unsigned, carries keys, or says that it is for something else.
    pub fn read(text: &'t str) -> Result<Self, Reason> {
        //= RFC9101#10.1 MUST: the algorithm none is not taken for a signature
        let jws = UnverifiedJws::parse_with_limit(text, MAX_LEN)
            .map_err(|_| Reason::RequestObjectMalformed)?;
        //= RFC9101#10.8 MAY: explicit typing keeps other JWTs of the client away
        //= RFC9101#4 MUST: where typ is there it is oauth-authz-req+jwt, or says nothing but JWT
        if !jwt_type::is_any_or(jws.typ(), Some("oauth-authz-req+jwt")) {
            return Err(Reason::RequestObjectType);
        }
        Ok(Self { jws })
    }

    /// The `jwks_uri` whose keys must be in [`Facts::fetched_jwks`], if any.
    #[must_use]
    pub fn needs_jwks<'c>(&self, client: &'c Client) -> Option<&'c str> {
        if client.jwks.is_none() && !self.jws.algorithm().is_symmetric() {
            client.jwks_uri.as_deref()
        } else {
            None
        }
    }

    /// Checks who signed it, for whom, and for how long. What is cheap comes first.
    ///
    /// # Errors
    /// Why it is not taken. [`Reason::RequestObjectKeyMiss`]: the keys at `jwks_uri` do not have its key; fetching them
    /// again may help, once.
    pub fn verify(self, client: &Client, facts: &Facts<'_>) -> Result<Verified, Reason> {
        let algorithm = self.jws.algorithm();
        let offered = facts.policy.requests.signing_algs.contains(&algorithm);
        //= RFC9101#6.2 MUST: the algorithm is the one that the client registered
        //= RFC8725#3.1 MUST: the object does not choose its algorithm
        let fits = match facts.registered {
            Some(registered) => registered == algorithm,
            None => !algorithm.is_symmetric(),
        };
        let fits = fits && client.fapi.is_none_or(|p| p.algs().contains(&algorithm));
        if !offered || !fits {
            return Err(Reason::RequestObjectAlgorithm);
        }
        let unverified = self
            .jws
            .claims_unverified()
            .map_err(|_| Reason::RequestObjectMalformed)?;
        let expires_at = claims::check(&unverified, client, facts)?;
        let claims = if algorithm.is_symmetric() {
            let secret = client
                .secret
                .as_ref()
                .filter(|secret| secret.works_at(facts.now))
                .and_then(|secret| secret.plain.as_ref())
                .ok_or(Reason::RequestObjectKeysUnavailable)?;
            let key = HmacKey::new(algorithm, secret.expose().as_bytes())
                .map_err(|_| Reason::RequestObjectKeysUnavailable)?;
            self.jws
                .verify_hmac(&[algorithm], &key)
                .map_err(|_| Reason::RequestObjectSignature)?
                .claims()
        } else {
            let (keys, may_be_old) = match (&client.jwks, facts.fetched_jwks) {
                (Some(keys), _) => (keys, false),
                (None, Some(keys)) => (keys, true),
                (None, None) => return Err(Reason::RequestObjectKeysUnavailable),
            };
            let kid = self.jws.kid().map(str::to_owned);
            let kid = kid.as_deref();
            let named = kid.is_some_and(|kid| {
                keys.candidates(algorithm, Some(kid))
                    .any(|key| key.kid() == Some(kid))
            });
            match self
                .jws
                .verify(&[algorithm], keys.candidates(algorithm, kid))
            {
                Ok(verified) => verified.claims(),
                //= OIDC-CORE#10.1.1 SHOULD: an unfamiliar kid makes the verifier fetch the keys again
                Err(JwsError::NoKey | JwsError::Signature) if may_be_old && !named => {
                    return Err(Reason::RequestObjectKeyMiss);
                }
                Err(_) => return Err(Reason::RequestObjectSignature),
            }
        };
        Ok(Verified {
            claims: claims.map_err(|_| Reason::RequestObjectMalformed)?,
            client_id: client.id.clone(),
            expires_at,
        })
    }
}

impl Verified {
    /// Its `exp`.
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Its `jti`, for endpoints where an object works once.
    #[must_use]
    pub fn jti(&self) -> Option<&str> {
        self.claims.str("jti").ok().flatten()
    }

    /// Its `iat`.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.claims.int_seconds("iat").ok().flatten().map(Timestamp)
    }

    /// Its parameters: those of `names`, in the form in which they would stand in a query, with `client_id` always.
    ///
    /// # Errors
    /// A parameter has another JSON type than it should have.
    pub fn params(&self, names: &[&str]) -> Result<Params, Reason> {
        claims::params(&self.claims, &self.client_id, names)
    }
}

/// Where an object that was refused wants its answer. Nothing of it is verified: the redirect URI counts only when it is
/// registered, as if it had stood in the query.
#[must_use]
pub fn hints(text: &str) -> Params {
    let read = || {
        let payload = text
            .split('.')
            .nth(1)
            .filter(|part| part.len() <= MAX_LEN)?;
        json::parse_object(&base64url::decode(payload)?, 16).ok()
    };
    let object = read().unwrap_or_default();
    Params::from_pairs(
        ["redirect_uri", "response_mode", "response_type", "state"]
            .into_iter()
            .filter_map(|name| {
                let value = object.get(name)?.as_str()?;
                (!value.contains('\0')).then_some((name, value))
            }),
    )
}

/// Whether a text can be a request object at all: a signed one by its form, an encrypted one by its five parts.
#[must_use]
pub fn has_form(text: &str) -> bool {
    text.len() <= MAX_LEN
        && (text.split('.').count() == 5 || UnverifiedJws::parse_with_limit(text, MAX_LEN).is_ok())
}

/// Longer objects are not read.
pub const MAX_LEN: usize = 32 * 1024;
/// An object that says when it begins or ends is good for so many seconds at most.
const MAX_LIFE: i64 = 3600;
