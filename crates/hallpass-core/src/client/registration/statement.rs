//! Software statements: metadata that somebody vouches for with a signature,
//! [RFC 7591 §2.3](https://www.rfc-editor.org/rfc/rfc7591#section-2.3).

use hallpass_jose::{Jwks, UnverifiedJws};
use hallpass_types::Timestamp;
use serde_json::{Map, Value};

use super::{
    super::{MetadataError, MetadataReason},
    choices,
};
use crate::jwt_type;

/// The member of registration requests and responses.
pub const MEMBER: &str = "software_statement";
/// Longer statements are refused.
const MAX_LEN: usize = 16 * 1024;
/// Clocks may differ by so much (seconds).
const LEEWAY: i64 = 60;

/// Somebody whose statements are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementIssuer {
    /// The `iss` of the statements.
    pub issuer: String,
    /// Its keys, where they are known.
    pub jwks: Option<Value>,
    /// Where its keys are published.
    pub jwks_uri: Option<String>,
}

/// The statement of a request and who claims to have made it. None when there is none.
///
/// # Errors
/// [`MetadataError`] when it is no statement, or nobody is believed who made it.
pub fn read<'i, 'm>(
    input: &'m Map<String, Value>,
    issuers: &'i [StatementIssuer],
) -> Result<Option<(&'m str, &'i StatementIssuer)>, MetadataError> {
    let Some(value) = input.get(MEMBER).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let invalid = || MetadataReason::StatementInvalid.at(MEMBER);
    let text = value.as_str().ok_or_else(invalid)?;
    if text.len() > MAX_LEN {
        return Err(invalid());
    }
    let claims = UnverifiedJws::parse(text)
        .and_then(|jws| jws.claims_unverified())
        .map_err(|_| invalid())?;
    //= RFC7591#2.3 MUST: a statement names its issuer
    let issuer = claims.str("iss").ok().flatten().ok_or_else(invalid)?;
    //= RFC7591#3.2.2 MUST: a statement of somebody who is not believed is unapproved
    let known = issuers.iter().find(|known| known.issuer == issuer);
    let known = known.ok_or_else(|| MetadataReason::StatementUnapproved.at(MEMBER))?;
    Ok(Some((text, known)))
}

/// Lets a statement have its say: its claims take the place of what the request says.
///
/// `audience` is this issuer, for statements that are made for somebody.
///
/// # Errors
/// [`MetadataReason::StatementInvalid`] when the signature, the issuer, the audience or the time is wrong.
//= RFC7591#2.3 MUST: a statement is signed
//= RFC7591#2.3 MUST: a value in a statement wins over the one in the request
pub fn apply(
    text: &str,
    issuer: &StatementIssuer,
    keys: &Jwks,
    audience: &str,
    now: Timestamp,
    input: &mut Map<String, Value>,
) -> Result<(), MetadataError> {
    let invalid = || MetadataReason::StatementInvalid.at(MEMBER);
    let jws = UnverifiedJws::parse(text).map_err(|_| invalid())?;
    //= RFC8725#3.11 SHOULD: a token that says it is for something else is no statement
    if !jwt_type::is_any_or(jws.typ(), None) {
        return Err(invalid());
    }
    let algorithm = jws.algorithm();
    if algorithm.is_symmetric() {
        return Err(invalid());
    }
    let kid = jws.kid().map(str::to_owned);
    let verified = jws
        .verify(&[algorithm], keys.candidates(algorithm, kid.as_deref()))
        .map_err(|_| invalid())?;
    let claims = verified.claims().map_err(|_| invalid())?;
    let time = |name: &str| claims.int_seconds(name).map_err(|_| invalid());
    let over = time("exp")?.is_some_and(|at| now.since(Timestamp(at)) >= LEEWAY);
    let early = time("nbf")?.is_some_and(|at| Timestamp(at).since(now) > LEEWAY);
    let elsewhere = claims.get("aud").is_some()
        && !claims.audience().is_ok_and(|list| list.contains(&audience));
    let other = claims.str("iss").ok().flatten() != Some(issuer.issuer.as_str());
    if over || early || elsewhere || other {
        return Err(invalid());
    }
    let claims = claims.into_map();
    for name in claims.keys() {
        // A list of the request has nothing to say where the statement names the value.
        choices::settle(input, name);
    }
    for (name, value) in claims {
        if !OWN.contains(&name.as_str()) {
            input.insert(name, value);
        }
    }
    Ok(())
}

/// A registration came without a statement where one is needed.
#[must_use]
pub fn missing() -> MetadataError {
    MetadataReason::StatementUnapproved.at(MEMBER)
}

/// Claims about the statement itself, and what only this server or the request says.
const OWN: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "client_secret",
    "client_secret_expires_at",
    "client_id_issued_at",
    "registration_access_token",
    "registration_client_uri",
    MEMBER,
];
