//! Access tokens: sealed ones and JWTs, [RFC 9068](https://www.rfc-editor.org/rfc/rfc9068#section-2.2).

use hallpass_jose::Claims;
use hallpass_types::{ClientId, GrantId, Issuer, Scope, Timestamp, TokenId};
use serde_json::{Map, Value};

use super::json;
use crate::{
    authorization_details::{self, Detail},
    record::{AccessToken, Authentication},
    token::AccessGrant,
};

/// The `typ` of a JWT access token.
pub const TYP: &str = "at+jwt";

const CNF: &str = "cnf";

/// The claims that have a place of their own, here or in the authentication that the token tells about.
const CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "client_id",
    "exp",
    "iat",
    "nbf",
    "jti",
    "scope",
    CNF,
    "auth_time",
    "acr",
    "amr",
];

/// Claims that the grant itself says, or the answer about a token.
const MORE: &[&str] = &[
    "act",
    "active",
    "authorization_details",
    "may_act",
    "token_type",
    "username",
];

/// Whether a claim has a meaning of its own in a token, or in what introspection says of one.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    CLAIMS.contains(&name) || MORE.contains(&name)
}

/// Further claims beside those that the grant has, which win.
#[must_use]
pub fn with_further(extra: Option<String>, mut further: Map<String, Value>) -> Option<String> {
    further.retain(|name, _| !is_reserved(name));
    if further.is_empty() {
        return extra;
    }
    let own: Map<String, Value> = extra
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    further.extend(own);
    Some(Value::Object(further).to_string())
}

/// Makes the content of a token from a decision.
#[must_use]
pub fn build(access: AccessGrant, client: &ClientId, now: Timestamp, id: TokenId) -> AccessToken {
    let extra = with_details(access.extra, &access.details);
    AccessToken {
        id,
        grant: access.grant,
        client_id: client.clone(),
        subject: access.subject,
        scope: access.scope,
        audience: access.target.audience,
        issued_at: now,
        expires_at: now.plus(access.target.lifetime),
        confirmation: access.confirmation,
        extra,
    }
}

/// Further claims with the authorization details among them.
//= RFC9396#9.1 MUST: a JWT carries the details in authorization_details
fn with_details(extra: Option<String>, details: &[Detail]) -> Option<String> {
    if details.is_empty() {
        return extra;
    }
    let mut members: Map<String, Value> = extra
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    members.insert(
        "authorization_details".to_owned(),
        authorization_details::to_value(details),
    );
    Some(Value::Object(members).to_string())
}

/// The `jti` of a token, wherever it is told: its identity and, behind a dot, its grant's.
#[must_use]
pub fn jti(token: &AccessToken) -> String {
    token.grant.map_or_else(
        || token.id.to_string(),
        |grant| format!("{}.{grant}", token.id),
    )
}

/// The claims of a JWT access token.
#[must_use]
pub fn jwt_claims(
    token: &AccessToken,
    issuer: &Issuer,
    authentication: Option<&Authentication>,
) -> String {
    let mut out = String::with_capacity(384);
    out.push('{');
    //= RFC9068#2.2 MUST: iss, exp, aud, sub, client_id, iat and jti are there
    json::text(&mut out, "iss", issuer.as_str());
    json::text(&mut out, "sub", &token.subject);
    match token.audience.as_slice() {
        [] => json::text(&mut out, "aud", issuer.as_str()),
        [one] => json::text(&mut out, "aud", one),
        many => json::list(&mut out, "aud", many),
    }
    json::text(&mut out, "client_id", token.client_id.as_str());
    json::number(&mut out, "exp", token.expires_at.0);
    json::number(&mut out, "iat", token.issued_at.0);
    json::text(&mut out, "jti", &jti(token));
    if !token.scope.is_empty() {
        json::text(&mut out, "scope", &token.scope.to_string());
    }
    //= RFC9449#6.1 MUST: a bound JWT says its key in cnf
    //= RFC8705#3.1 MUST: a bound JWT says its certificate in cnf
    if let Some(key) = token.confirmation {
        json::value(
            &mut out,
            CNF,
            &serde_json::to_value(key).unwrap_or_default(),
        );
    }
    if let Some(how) = authentication.filter(|how| how.was_here()) {
        json::number(&mut out, "auth_time", how.auth_time.0);
        if let Some(acr) = &how.acr {
            json::text(&mut out, "acr", acr);
        }
        if !how.amr.is_empty() {
            json::list(&mut out, "amr", &how.amr);
        }
    }
    for (name, value) in &extra(token) {
        json::value(&mut out, name, value);
    }
    out.push('}');
    out
}

/// The further claims of a token, without those that have a place of their own.
#[must_use]
pub fn extra(token: &AccessToken) -> Map<String, Value> {
    let mut members: Map<String, Value> = token
        .extra
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    members.retain(|name, _| !CLAIMS.contains(&name.as_str()));
    members
}

/// Reads the claims of a JWT access token whose signature was verified with our own key, and whose `typ` is [`TYP`].
/// None when they are not what [`jwt_claims`] writes. Whether the token has expired is for the caller to look at.
#[must_use]
pub fn from_claims(claims: &Claims, issuer: &Issuer) -> Option<AccessToken> {
    if claims.str("iss").ok()?? != issuer.as_str() {
        return None;
    }
    let (id, grant) = parse_jti(claims.str("jti").ok()??)?;
    let audience = match claims.audience().ok()?.as_slice() {
        [] => return None,
        [one] if *one == issuer.as_str() => Vec::new(),
        several => several.iter().map(|a| (*a).to_owned()).collect(),
    };
    let confirmation = match claims.get(CNF) {
        Some(key) => Some(serde_json::from_value(key.clone()).ok()?),
        None => None,
    };
    let mut others = claims.as_map().clone();
    others.retain(|name, _| !CLAIMS.contains(&name.as_str()));
    Some(AccessToken {
        id,
        grant,
        client_id: ClientId::parse(claims.str("client_id").ok()??).ok()?,
        subject: claims.str("sub").ok()??.to_owned(),
        scope: Scope::parse(claims.str("scope").ok()?.unwrap_or_default()).ok()?,
        audience,
        issued_at: Timestamp(claims.int_seconds("iat").ok()??),
        expires_at: Timestamp(claims.int_seconds("exp").ok()??),
        confirmation,
        extra: (!others.is_empty()).then(|| Value::Object(others).to_string()),
    })
}

fn parse_jti(jti: &str) -> Option<(TokenId, Option<GrantId>)> {
    let bytes = |text: &str| -> Option<[u8; 16]> {
        hallpass_jose::base64url::decode(text)?.try_into().ok()
    };
    match jti.split_once('.') {
        None => Some((TokenId(bytes(jti)?), None)),
        Some((id, grant)) => Some((
            TokenId(bytes(id)?),
            Some(GrantId::from_bytes(bytes(grant)?)),
        )),
    }
}

#[cfg(test)]
mod tests;
