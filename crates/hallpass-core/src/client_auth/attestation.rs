//! `attest_jwt_client_auth` and `attest_jwt_client_auth_dpop`: an attester that the operator trusts vouches for one instance of
//! a client, which proves its key, by a proof of its own or by the DPoP proof that its tokens are bound by,
//! [draft-ietf-oauth-attestation-based-client-auth-10](https://datatracker.ietf.org/doc/draft-ietf-oauth-attestation-based-client-auth/10/).
//! Experimental.

use hallpass_jose::{Claims, Jwk, JwsAlgorithm, UnverifiedJws, VerifyingKey};
use hallpass_types::{ClientId, Key, Thumbprint, Timestamp, sha256};

use super::{Credential, Facts, Found, Kind, Method, OnceUse, Reason, Request};
use crate::{
    binding::{self, Proved, dpop},
    client::Client,
    client_request::Header,
    fapi::Profile,
    policy::{Policy, Signal},
    record::Confirmation,
};

/// An attestation with a proof of its key.
#[derive(Debug)]
pub(super) struct Attestation(Pop);

/// With a proof of its own.
pub(super) static BY_JWT: Attestation = Attestation(Pop::Jwt);

/// With the DPoP proof of the request.
pub(super) static BY_DPOP: Attestation = Attestation(Pop::Dpop);

/// What proves the key of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pop {
    /// A JWT for nothing else (§5.1 of the draft).
    Jwt,
    /// The DPoP proof: one key for both (§5.2).
    Dpop,
}

/// The registered name of the method with a proof of its own.
pub const ATTESTATION: &str = "attest_jwt_client_auth";

/// The registered name of the method that makes do with the DPoP proof.
pub const COMBINED: &str = "attest_jwt_client_auth_dpop";

/// Algorithms of attestations and of their proofs.
pub const ALGS: &[JwsAlgorithm] = dpop::ALGS;

/// The headers as they were sent, and the method of the request.
#[derive(Clone, Copy, Debug)]
pub struct Attested<'p> {
    pub(super) attestation: Header<'p>,
    pub(super) proof: Header<'p>,
    pub(super) dpop: Header<'p>,
    pub(super) http_method: &'p str,
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
        match self.0 {
            Pop::Jwt => ATTESTATION,
            Pop::Dpop => COMBINED,
        }
    }

    fn kind(&self) -> Kind {
        Kind::Attested
    }

    fn is_offered(&self, policy: &Policy) -> bool {
        let proofs = match self.0 {
            Pop::Jwt => true,
            Pop::Dpop => policy.dpop.enabled,
        };
        let taken = policy.fapi_profile.is_none_or(|p| p.takes(self.kind()));
        proofs && taken && !policy.attesters.is_empty()
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
        check(*sent, self.0, client, facts).map(|vouched| Some(vouched.once))
    }
}

/// The proof that a client of that method shows.
pub(super) fn pop_of(method: &dyn Method) -> Pop {
    if method.name() == COMBINED {
        Pop::Dpop
    } else {
        Pop::Jwt
    }
}

/// An instance of a client for which an attester vouches, and which has proved its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vouched {
    /// The key of the instance.
    pub(super) instance: Thumbprint,
    /// The proof works once.
    pub(super) once: OnceUse,
    /// What the proof binds tokens to, when it is one of DPoP.
    pub(super) proof: Option<Proved>,
}

/// Checks an attestation and the proof that came with it.
pub(super) fn check(
    sent: Attested<'_>,
    pop: Pop,
    client: &Client,
    facts: &Facts<'_>,
) -> Result<Vouched, Reason> {
    let attestation = read(sent.attestation)?;
    let instance = check_attestation(&attestation, client, facts)?;
    match pop {
        Pop::Jwt => check_proof(&read(sent.proof)?, &instance, facts),
        Pop::Dpop => check_dpop(sent, &instance, client, facts),
    }
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
) -> Result<Option<Vouched>, Reason> {
    match facts.policy.attestation.signal {
        Signal::Ignored => return Ok(None),
        Signal::Accepted if !sent.is_there() => return Ok(None),
        Signal::Demanded if !sent.is_there() => return Err(Reason::SignalMissing),
        Signal::Accepted | Signal::Demanded => {}
    }
    //= ATTESTATION#7 MUST: the header of a proof of its own decides which rules there are
    let pop = if sent.proof == Header::Absent && facts.policy.dpop.enabled {
        Pop::Dpop
    } else {
        Pop::Jwt
    };
    match check(sent, pop, client, facts) {
        Ok(vouched) => Ok(Some(vouched)),
        Err(reason @ (Reason::Challenge | Reason::DpopNonce | Reason::AttestationOld)) => {
            Err(reason)
        }
        // Who the client is was shown already: what is wrong is what it adds.
        Err(_) => Err(Reason::SignalWrong),
    }
}

/// Whether anybody's attestation is looked at.
pub(crate) fn is_looked_at(policy: &Policy) -> bool {
    BY_JWT.is_offered(policy)
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
    match (policy.attestation.signal, policy.dpop.enabled) {
        (Signal::Ignored, _) => None,
        (Signal::Accepted, true) => Some(&["attestation_pop_jwt", "dpop_combined", "none"]),
        (Signal::Accepted, false) => Some(&["attestation_pop_jwt", "none"]),
        (Signal::Demanded, true) => Some(&["attestation_pop_jwt", "dpop_combined"]),
        (Signal::Demanded, false) => Some(&["attestation_pop_jwt"]),
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
        proof: None,
    })
}

/// Checks that the DPoP proof of the request was made by the instance.
//= ATTESTATION#7.3 MUST: there is no proof of its own beside the one DPoP proof, which is good as such and of the instance's key
fn check_dpop(
    sent: Attested<'_>,
    key: &Jwk,
    client: &Client,
    facts: &Facts<'_>,
) -> Result<Vouched, Reason> {
    if sent.proof != Header::Absent {
        return Err(Reason::MethodNotRegistered);
    }
    //= ATTESTATION#7.3 MUST: where challenges are handed out, nonce is one of them
    let is_ours = |nonce: &str| {
        let by = |judge: Option<&(dyn Fn(&str) -> bool + Sync)>| judge.is_some_and(|is| is(nonce));
        by(facts.challenge) || by(facts.dpop_nonce)
    };
    let demanded = facts.challenge.is_some() || facts.dpop_nonce.is_some();
    let dpop_facts = dpop::Facts {
        now: facts.now,
        valid_from: facts.policy.keys.valid_from,
        method: sent.http_method,
        urls: facts.endpoint,
        algs: client.fapi.map_or(dpop::ALGS, Profile::algs),
        access_token: None,
        nonce: if demanded {
            dpop::Nonce::Demanded(&is_ours)
        } else {
            dpop::Nonce::Ignored
        },
    };
    let instance = Thumbprint::parse(&key.thumbprint()).ok_or(Reason::Claims)?;
    let proof = binding::read_proof(sent.dpop, &dpop_facts).map_err(|reason| match reason {
        dpop::Reason::NonceMissing | dpop::Reason::NonceOld if facts.challenge.is_some() => {
            Reason::Challenge
        }
        dpop::Reason::NonceMissing | dpop::Reason::NonceOld => Reason::DpopNonce,
        dpop::Reason::Repeated => Reason::Duplicated,
        dpop::Reason::Algorithm => Reason::Algorithm,
        dpop::Reason::Signature => Reason::Signature,
        dpop::Reason::Target => Reason::Audience,
        dpop::Reason::Time => Reason::Time,
        dpop::Reason::Missing => Reason::Missing,
        dpop::Reason::Malformed | dpop::Reason::Type => Reason::Malformed,
        dpop::Reason::PublicKey
        | dpop::Reason::Claims
        | dpop::Reason::AccessToken
        | dpop::Reason::AnotherKey
        | dpop::Reason::Replayed => Reason::Claims,
    })?;
    let Some(Proved {
        key: confirmation,
        once: Some(once),
    }) = proof
    else {
        return Err(Reason::Missing);
    };
    if confirmation != Confirmation::Jkt(instance) {
        return Err(Reason::Signature);
    }
    Ok(Vouched {
        instance,
        once,
        // It is spent with what authenticated the client.
        proof: Some(Proved {
            key: confirmation,
            once: None,
        }),
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
    Ok(begins.into_iter().flatten().any(|at| at.is_ahead(now)))
}

const MAX_LEN: usize = 16 * 1024;
const MAX_JTI: usize = 512;
/// A proof may have been made so many seconds ago.
const WINDOW: i64 = 300;
