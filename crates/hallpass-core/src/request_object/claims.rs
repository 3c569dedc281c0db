//! The claims of a request object, and the parameters among them.

use hallpass_jose::Claims;
use hallpass_types::{ClientId, Params, Timestamp};
use serde_json::Value;

use super::Facts;
use crate::{authorize::Reason, client::Client};

/// Checks everything but the signature; answers when the object ends.
pub(super) fn check(
    claims: &Claims,
    client: &Client,
    facts: &Facts<'_>,
) -> Result<Option<Timestamp>, Reason> {
    let text = |name| claims.str(name).map_err(|_| Reason::RequestObjectClaims);
    let id = client.id.as_str();
    //= OIDC-CORE#6.1 SHOULD: a signed object has iss, the client, and aud, the OP
    //= OIDC-CORE#6.1 exception: here it must have both
    if text("iss")? != Some(id) {
        return Err(Reason::RequestObjectIssuer);
    }
    let audience = claims.audience().map_err(|_| Reason::RequestObjectClaims)?;
    if !audience.contains(&facts.policy.issuer.as_str()) {
        return Err(Reason::RequestObjectAudience);
    }
    //= RFC9101#5 MUST: a client_id inside is the one outside
    if text("client_id")?.is_some_and(|inside| inside != id) {
        return Err(Reason::RequestObjectMismatch);
    }
    //= RFC9101#10.8 MUST: sub is not the client_id, or the object could pass for a client assertion
    if text("sub")? == Some(id) {
        return Err(Reason::RequestObjectClaims);
    }
    //= RFC9101#4 MUST: request and request_uri are not inside
    if claims.get("request").is_some() || claims.get("request_uri").is_some() {
        return Err(Reason::RequestObjectNested);
    }
    if facts.demands.jti && text("jti")?.is_none_or(str::is_empty) {
        return Err(Reason::RequestObjectClaims);
    }
    times(claims, facts)
}

fn times(claims: &Claims, facts: &Facts<'_>) -> Result<Option<Timestamp>, Reason> {
    let Facts { now, demands, .. } = *facts;
    let time = |name, demanded: bool| {
        let seconds = claims
            .int_seconds(name)
            .map_err(|_| Reason::RequestObjectClaims)?;
        if demanded && seconds.is_none() {
            return Err(Reason::RequestObjectTime);
        }
        Ok(seconds.map(Timestamp))
    };
    //= RFC7519#4.1.4 MUST: at exp the object is over
    let exp = time("exp", demands.exp)?;
    //= RFC7519#4.1.5 MUST: before nbf the object is not taken
    let nbf = time("nbf", demands.nbf)?;
    let iat = time("iat", demands.iat)?;
    if exp.is_some_and(|exp| exp.is_over(now)) {
        return Err(Reason::RequestObjectTime);
    }
    if [nbf, iat]
        .into_iter()
        .flatten()
        .any(|begin| begin.is_ahead(now))
    {
        return Err(Reason::RequestObjectTime);
    }
    //= FAPI1-ADVANCED#5.2.2 MUST: exp is at most 60 minutes after nbf, and nbf at most 60 minutes ago
    if let Some(longest) = demands.longest {
        let begin = nbf.or(iat);
        let long = match (begin, exp) {
            (Some(begin), Some(exp)) => exp.since(begin) > longest,
            (_, Some(exp)) => exp.since(now) > longest,
            (_, None) => false,
        };
        if long || begin.is_some_and(|begin| now.since(begin) > longest) {
            return Err(Reason::RequestObjectTime);
        }
    }
    Ok(exp)
}

/// The claims that are parameters.
pub(super) fn params(
    claims: &Claims,
    client_id: &ClientId,
    names: &[&str],
) -> Result<Params, Reason> {
    let mut pairs = vec![("client_id", client_id.as_str().to_owned())];
    for (name, value) in claims.as_map() {
        let Some(name) = names
            .iter()
            .find(|known| *known == name && **known != "client_id")
        else {
            continue;
        };
        match value {
            Value::String(text) => pairs.push((name, text.clone())),
            //= RFC9101#4 MUST: numbers are JSON numbers
            Value::Number(number) if NUMBERS.contains(name) => {
                pairs.push((name, number.to_string()));
            }
            Value::Object(_) | Value::Array(_) if JSON.contains(name) => {
                pairs.push((name, value.to_string()));
            }
            Value::Array(list) if LISTS.contains(name) => {
                for entry in list {
                    let text = entry.as_str().ok_or(Reason::RequestObjectMember)?;
                    pairs.push((name, text.to_owned()));
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Object(_)
            | Value::Array(_) => return Err(Reason::RequestObjectMember),
        }
    }
    if pairs.iter().any(|(_, value)| value.contains('\0')) {
        return Err(Reason::RequestObjectMember);
    }
    Ok(Params::from_pairs(pairs))
}

/// Parameters that are JSON in a query, too.
const JSON: &[&str] = &["claims", "authorization_details", "registration"];
const NUMBERS: &[&str] = &["max_age", "requested_expiry"];
const LISTS: &[&str] = &["resource", "audience"];
