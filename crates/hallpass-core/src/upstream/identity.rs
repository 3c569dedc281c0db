//! ID tokens of others, [OpenID Connect Core §3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation).

use hallpass_jose::Claims;
use hallpass_types::Timestamp;

use super::Reason;

/// Who must have issued an ID token, for whom, and for which sign-in.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The provider's issuer identifier.
    pub issuer: &'a str,
    /// We, as it knows us.
    pub client_id: &'a str,
    /// What was sent with the person.
    pub nonce: &'a str,
    /// Now.
    pub now: Timestamp,
}

/// Clocks may differ by so many seconds.
const SKEW: i64 = 60;
/// An ID token is good for so many seconds at most, whatever it says.
const OLDEST: i64 = 600;
/// Identifiers of people have at most so many bytes (OpenID Connect Core §2).
const MAX_SUBJECT: usize = 255;

/// When a person signed in at another provider, as it says; none where it does not say so. `oldest` is the earliest moment
/// that does for what was asked.
///
/// # Errors
/// It was earlier, or nobody says when it was.
//= OIDC-CORE#3.1.3.7 SHOULD: where max_age was sent, auth_time decides whether the person must sign in again
pub fn sign_in_time(
    said: Option<Timestamp>,
    oldest: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Reason> {
    match (said, oldest) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Reason::NotFresh),
        (Some(said), Some(oldest)) if oldest.since(said) > SKEW => Err(Reason::NotFresh),
        // Where clocks differ by little, theirs follows ours.
        (Some(said), oldest) => {
            let earliest = oldest.unwrap_or(said);
            Ok(Some(said.max(earliest).min(now)))
        }
    }
}

/// Checks the claims of an ID token whose signature was verified with a key of the issuer. Answers whom it is about.
///
/// # Errors
/// It is not one for us and for this sign-in.
pub fn check_id_token(claims: &Claims, expected: &Expected<'_>) -> Result<String, Reason> {
    let wrong = |_| Reason::IdToken;
    //= OIDC-CORE#3.1.3.7 MUST: iss is exactly the issuer that was asked
    if claims.str("iss").map_err(wrong)? != Some(expected.issuer) {
        return Err(Reason::IdToken);
    }
    //= OIDC-CORE#3.1.3.7 MUST: aud holds us, and nobody who is not trusted
    if claims.audience().map_err(wrong)? != [expected.client_id] {
        return Err(Reason::IdToken);
    }
    //= OIDC-CORE#3.1.3.7 SHOULD: azp, where it is there, is us
    let azp = claims.str("azp").map_err(wrong)?;
    if azp.is_some_and(|azp| azp != expected.client_id) {
        return Err(Reason::IdToken);
    }
    //= OIDC-CORE#3.1.3.7 MUST: the token has not expired
    let time = |name| {
        claims
            .int_seconds(name)
            .map_err(wrong)?
            .ok_or(Reason::IdToken)
    };
    let (exp, iat) = (time("exp")?, time("iat")?);
    let now = expected.now.0;
    let is_late = exp.saturating_add(SKEW) <= now;
    //= RFC7519#4.1.5 MUST: before nbf a token is refused
    let begins = claims.int_seconds("nbf").map_err(wrong)?.unwrap_or(iat);
    let is_early = iat.max(begins).saturating_sub(SKEW) > now;
    let is_old = iat.saturating_add(OLDEST) <= now;
    if is_late || is_early || is_old {
        return Err(Reason::IdToken);
    }
    //= OIDC-CORE#3.1.3.7 MUST: the nonce is the one that was sent
    if claims.str("nonce").map_err(wrong)? != Some(expected.nonce) {
        return Err(Reason::IdToken);
    }
    let subject = claims.str("sub").map_err(wrong)?;
    subject
        .filter(|subject| (1..=MAX_SUBJECT).contains(&subject.len()))
        .map(str::to_owned)
        .ok_or(Reason::IdToken)
}
