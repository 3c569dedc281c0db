//! `attest_jwt_client_auth`: an attester that the operator trusts vouches for one instance of a client, which proves its key,
//! [draft-ietf-oauth-attestation-based-client-auth-10](https://datatracker.ietf.org/doc/draft-ietf-oauth-attestation-based-client-auth/10/).
//! Experimental.

use hallpass_jose::{Claims, Jwk, JwsAlgorithm, UnverifiedJws, VerifyingKey};
use hallpass_types::{ClientId, Key, Thumbprint, Timestamp, sha256};

use super::{Credential, Facts, Found, Kind, Method, OnceUse, Reason, Request};
use crate::{
    client::Client,
    client_request::Header,
    policy::{Policy, Signal},
};

/// An attestation with a proof of its key.
#[derive(Debug)]
pub(super) struct Attestation;

/// Its registered name.
pub const ATTESTATION: &str = "attest_jwt_client_auth";

/// Algorithms of attestations and of their proofs.
pub const ALGS: &[JwsAlgorithm] = crate::binding::dpop::ALGS;

/// The two headers as they were sent.
#[derive(Clone, Copy, Debug)]
pub struct Attested<'p> {
    pub(super) attestation: Header<'p>,
    pub(super) proof: Header<'p>,
}

impl Attested<'_> {
    /// Whether there is anything to look at.
    pub(super) fn is_there(self) -> bool {
        self.attestation != Header::Absent || self.proof != Header::Absent
    }

    /// The client that the attestation is for, nothing being verified.
    pub(super) fn client_id(self) -> Option<ClientId> {
        let jws = read(self.attestation).ok()?;
        let claims = jws.claims_unverified().ok()?;
        ClientId::parse(claims.str("sub").ok()??).ok()
    }
}

impl Method for Attestation {
    fn name(&self) -> &'static str {
        ATTESTATION
    }

    fn kind(&self) -> Kind {
        Kind::Attested
    }

    fn is_offered(&self, policy: &Policy) -> bool {
        !policy.attesters.is_empty() && policy.fapi_profile.is_none_or(|p| p.takes(self.kind()))
    }

    /// The request reads like one that only names its client; what that client registered decides.
    fn read<'p>(&self, _: &Request<'p>) -> Result<Option<Found<'p>>, Reason> {
        Ok(None)
    }

    fn verify(
        &self,
        credential: &Credential<'_>,
        client: &Client,
        facts: &Facts<'_>,
    ) -> Result<Option<OnceUse>, Reason> {
        let sent = match credential {
            Credential::Attested(sent) => sent,
            Credential::None
            | Credential::Secret(_)
            | Credential::Assertion(_)
            | Credential::Certificate(_) => return Err(Reason::Malformed),
        };
        check(*sent, client, facts).map(|vouched| Some(vouched.once))
    }
}

/// An instance of a client for which an attester vouches, and which has proved its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vouched {
    /// The key of the instance.
    pub(super) instance: Thumbprint,
    /// The proof works once.
    pub(super) once: OnceUse,
}

/// Checks an attestation and the proof that came with it.
pub(super) fn check(
    sent: Attested<'_>,
    client: &Client,
    facts: &Facts<'_>,
) -> Result<Vouched, Reason> {
    let attestation = read(sent.attestation)?;
    let instance = check_attestation(&attestation, client, facts)?;
    let proof = read(sent.proof)?;
    check_proof(&proof, &instance, facts)
}

/// The proof that an attestation beside another method of authentication leaves to be spent, where the issuer looks at such.
///
/// # Errors
/// There must be one and there is none, or it is wrong.
//= ATTESTATION#7.6 MAY: an attestation stands beside another method, as a signal of its own
pub(super) fn signal(
    sent: Attested<'_>,
    client: &Client,
    facts: &Facts<'_>,
) -> Result<Option<OnceUse>, Reason> {
    match facts.policy.attestation.signal {
        Signal::Ignored => return Ok(None),
        Signal::Accepted if !sent.is_there() => return Ok(None),
        Signal::Demanded if !sent.is_there() => return Err(Reason::SignalMissing),
        Signal::Accepted | Signal::Demanded => {}
    }
    match check(sent, client, facts) {
        Ok(vouched) => Ok(Some(vouched.once)),
        Err(reason @ (Reason::Challenge | Reason::AttestationOld)) => Err(reason),
        // Who the client is was shown already: what is wrong is what it adds.
        Err(_) => Err(Reason::SignalWrong),
    }
}

/// Whether anybody's attestation is looked at.
pub(crate) fn is_looked_at(policy: &Policy) -> bool {
    Attestation.is_offered(policy)
        || (!policy.attesters.is_empty() && policy.attestation.signal != Signal::Ignored)
}

/// Whether challenges are handed out for proofs.
#[must_use]
pub fn hands_out_challenges(policy: &Policy) -> bool {
    policy.attestation.challenges && is_looked_at(policy)
}

/// The `client_attestation_pop_methods_supported` of an issuer; none where a signal means nothing.
//= ATTESTATION#7.6 MUST NOT: a method that is not accepted is not told
#[must_use]
pub fn pop_methods(policy: &Policy) -> Option<&'static [&'static str]> {
    if policy.attesters.is_empty() {
        return None;
    }
    match policy.attestation.signal {
        Signal::Ignored => None,
        Signal::Accepted => Some(&["attestation_pop_jwt", "none"]),
        Signal::Demanded => Some(&["attestation_pop_jwt"]),
    }
}

fn read(header: Header<'_>) -> Result<UnverifiedJws<'_>, Reason> {
    match header {
        Header::Once(text) => {
            UnverifiedJws::parse_with_limit(text, MAX_LEN).map_err(|_| Reason::Malformed)
        }
        Header::Absent => Err(Reason::Missing),
        Header::Unusable => Err(Reason::Duplicated),
    }
}

/// Checks the attestation and gives the key of the instance that it is about.
//= ATTESTATION#7.1 MUST: it has sub, exp and cnf, sub is the client, and a trusted attester signed it
fn check_attestation(
    jws: &UnverifiedJws<'_>,
    client: &Client,
    facts: &Facts<'_>,
) -> Result<Jwk, Reason> {
    let claims = typed(jws, "oauth-client-attestation+jwt")?;
    if text(&claims, "sub")? != client.id.as_str() {
        return Err(Reason::Claims);
    }
    let issuer = claims.str("iss").map_err(|_| Reason::Claims)?;
    // One that names nobody may be anybody's whose key has signed it.
    let mut attesters = facts
        .policy
        .attesters
        .iter()
        .filter(|attester| issuer.is_none_or(|name| attester.issuer == name))
        .peekable();
    if attesters.peek().is_none() {
        return Err(Reason::Attester);
    }
    let expires_at = time(&claims, "exp")?.ok_or(Reason::Claims)?;
    if begins_later(&claims, facts.now)? {
        return Err(Reason::Time);
    }
    let key = claims.object("cnf").map_err(|_| Reason::Claims)?;
    let key = key.and_then(|cnf| cnf.get("jwk")).ok_or(Reason::Claims)?;
    let key = Jwk::from_value(key).map_err(|_| Reason::Claims)?;
    if key.is_private() {
        return Err(Reason::Claims);
    }
    let candidates =
        attesters.flat_map(|attester| attester.jwks.candidates(jws.algorithm(), jws.kid()));
    jws.clone()
        .verify(ALGS, candidates)
        .map_err(|_| Reason::Signature)?;
    //= ATTESTATION#7.4 MUST: whose attestation is too old is told so
    if expires_at.is_over(facts.now) {
        return Err(Reason::AttestationOld);
    }
    Ok(key)
}

/// Checks that the instance made the proof, for this server, a short while ago.
//= ATTESTATION#7.2 MUST: the proof has aud, jti and iat, and the key of the attestation signed it
fn check_proof(jws: &UnverifiedJws<'_>, key: &Jwk, facts: &Facts<'_>) -> Result<Vouched, Reason> {
    let claims = typed(jws, "oauth-client-attestation-pop+jwt")?;
    if text(&claims, "aud")? != facts.policy.issuer.as_str() {
        return Err(Reason::Audience);
    }
    let jti = text(&claims, "jti")?;
    let created = time(&claims, "iat")?.ok_or(Reason::Claims)?;
    let expires_at = created.plus(WINDOW);
    if jti.is_empty() || jti.len() > MAX_JTI {
        return Err(Reason::Claims);
    }
    let used = facts
        .policy
        .keys
        .may_be_used(Some(created), expires_at, WINDOW);
    if used || expires_at.is_over(facts.now) || begins_later(&claims, facts.now)? {
        return Err(Reason::Time);
    }
    let verifying = VerifyingKey::from_jwk(key).map_err(|_| Reason::Claims)?;
    jws.clone()
        .verify(ALGS, [&verifying])
        .map_err(|_| Reason::Signature)?;
    //= ATTESTATION#7.2 MUST: where challenges are handed out the proof holds one of them
    //= ATTESTATION#7.4 MUST: a proof without one is answered with use_attestation_challenge
    if let Some(is_ours) = facts.challenge {
        let challenge = claims.str("challenge").ok().flatten();
        if !challenge.is_some_and(is_ours) {
            return Err(Reason::Challenge);
        }
    }
    let thumbprint = key.thumbprint();
    let digest = sha256(format!("client attestation\n{thumbprint}\n{jti}").as_bytes());
    Ok(Vouched {
        instance: Thumbprint::parse(&thumbprint).ok_or(Reason::Claims)?,
        once: OnceUse {
            key: Key::once(expires_at, digest),
            expires_at,
        },
    })
}

fn typed(jws: &UnverifiedJws<'_>, typ: &str) -> Result<Claims, Reason> {
    if !jws.typ().is_some_and(|own| own.eq_ignore_ascii_case(typ)) {
        return Err(Reason::Malformed);
    }
    if !ALGS.contains(&jws.algorithm()) {
        return Err(Reason::Algorithm);
    }
    jws.claims_unverified().map_err(|_| Reason::Malformed)
}

fn text<'c>(claims: &'c Claims, name: &str) -> Result<&'c str, Reason> {
    claims.str(name).ok().flatten().ok_or(Reason::Claims)
}

fn time(claims: &Claims, name: &str) -> Result<Option<Timestamp>, Reason> {
    let seconds = claims.int_seconds(name).map_err(|_| Reason::Claims)?;
    Ok(seconds.map(Timestamp))
}

fn begins_later(claims: &Claims, now: Timestamp) -> Result<bool, Reason> {
    let begins = [time(claims, "nbf")?, time(claims, "iat")?];
    Ok(begins
        .into_iter()
        .flatten()
        .any(|at| at.since(now) > MAX_SKEW))
}

const MAX_LEN: usize = 16 * 1024;
const MAX_JTI: usize = 512;
/// A proof may have been made so many seconds ago.
const WINDOW: i64 = 300;
/// A client's clock may be ahead by so many seconds.
const MAX_SKEW: i64 = 10;
