//! The `claims` parameter,
//! [OpenID Connect Core §5.5](https://openid.net/specs/openid-connect-core-1_0.html#ClaimsParameter).

use std::collections::{BTreeMap, BTreeSet};

use hallpass_jose::json;
use serde_json::{Map, Value};

use crate::{authorize::Reason, policy::Policy, record::ClaimsRequest};

/// What a `claims` parameter says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requested {
    /// Claims by name, without `sub`, which is always there.
    pub claims: ClaimsRequest,
    /// The only subject for whom the answer may be positive.
    pub subject: Option<String>,
    /// Values of an essential `acr`: one of them must be reached.
    pub essential_acr: Vec<String>,
    /// Values of an `acr` that would only be welcome.
    pub acr_values: Vec<String>,
}

const MAX_LEN: usize = 8192;
const MAX_DEPTH: u8 = 8;

/// Claims about the event, not about the person: nobody is asked for consent to them.
const PROTOCOL_CLAIMS: &[&str] = &["acr", "amr", "auth_time", "sid", "sub"];

/// Reads the parameter.
///
/// # Errors
/// [`Reason::ClaimsMalformed`] when it is not a JSON object of the right shape, has repeated members, is nested more than eight
/// levels deep or longer than 8192 bytes; [`Reason::ClaimsSubjectMalformed`] when it wants a `sub` that is not one string.
pub fn parse(text: &str) -> Result<Requested, Reason> {
    if text.len() > MAX_LEN {
        return Err(Reason::ClaimsMalformed);
    }
    let mut object =
        json::parse_object(text.as_bytes(), MAX_DEPTH).map_err(|_| Reason::ClaimsMalformed)?;
    //= OIDC-CORE#5.5 MUST: members beside userinfo and id_token that are not understood are ignored
    let mut userinfo = section(object.remove("userinfo"))?;
    let mut id_token = section(object.remove("id_token"))?;
    let subject = merge(
        wanted_subject(userinfo.remove("sub"))?,
        wanted_subject(id_token.remove("sub"))?,
    )?;
    let acr = id_token.get("acr").and_then(Value::as_object);
    let values = acr.map(wanted_values).transpose()?.unwrap_or_default();
    let essential = acr.is_some_and(|acr| acr.get("essential") == Some(&Value::Bool(true)));
    let (essential_acr, acr_values) = if essential {
        (values, Vec::new())
    } else {
        (Vec::new(), values)
    };
    Ok(Requested {
        claims: ClaimsRequest { userinfo, id_token },
        subject,
        essential_acr,
        acr_values,
    })
}

/// Leaves only claims that the issuer can release: those of its scopes, in any language, and those about the event.
pub fn retain_offered(claims: &mut ClaimsRequest, policy: &Policy) {
    let offered = |name: &str| {
        let base = name.split_once('#').map_or(name, |(base, _)| base);
        PROTOCOL_CLAIMS.contains(&name)
            || policy
                .scopes
                .iter()
                .any(|scope| scope.claims.iter().any(|claim| claim == base))
    };
    claims.userinfo.retain(|name, _| offered(name));
    claims.id_token.retain(|name, _| offered(name));
}

/// Names of requested claims that tell something about the person.
#[must_use]
pub fn personal(claims: &ClaimsRequest) -> BTreeSet<&str> {
    claims
        .userinfo
        .keys()
        .chain(claims.id_token.keys())
        .map(String::as_str)
        .filter(|name| is_personal(name))
        .collect()
}

/// Whether a claim tells something about the person rather than about the event.
#[must_use]
pub fn is_personal(name: &str) -> bool {
    !PROTOCOL_CLAIMS.contains(&name)
}

//= OIDC-CORE#5.5.1 MUST: each requested claim is null or an object
fn section(value: Option<Value>) -> Result<BTreeMap<String, Value>, Reason> {
    let members = match value {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(members)) => members,
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            return Err(Reason::ClaimsMalformed);
        }
    };
    for member in members.values() {
        let right = match member {
            Value::Null => true,
            Value::Object(wish) => {
                wish.get("essential").is_none_or(Value::is_boolean)
                    && wish.get("values").is_none_or(Value::is_array)
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
        };
        if !right {
            return Err(Reason::ClaimsMalformed);
        }
    }
    Ok(members.into_iter().collect())
}

//= OIDC-CORE#5.5.1 MUST: a sub with a value allows a positive answer for that person only
fn wanted_subject(member: Option<Value>) -> Result<Option<String>, Reason> {
    let Some(Value::Object(wish)) = member else {
        return Ok(None);
    };
    let values = wanted_values(&wish).map_err(|_| Reason::ClaimsSubjectMalformed)?;
    match values.as_slice() {
        [] if wish.contains_key("values") => Err(Reason::ClaimsSubjectMalformed),
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        [..] => Err(Reason::ClaimsSubjectMalformed),
    }
}

fn merge(a: Option<String>, b: Option<String>) -> Result<Option<String>, Reason> {
    match (a, b) {
        (Some(a), Some(b)) if a != b => Err(Reason::ClaimsSubjectMalformed),
        (a, b) => Ok(a.or(b)),
    }
}

/// `value` and `values` together, which must be strings.
fn wanted_values(wish: &Map<String, Value>) -> Result<Vec<String>, Reason> {
    let several = wish.get("values").and_then(Value::as_array);
    let mut out = Vec::new();
    for value in wish
        .get("value")
        .into_iter()
        .chain(several.into_iter().flatten())
    {
        let text = value.as_str().ok_or(Reason::ClaimsMalformed)?;
        if !out.iter().any(|known| known == text) {
            out.push(text.to_owned());
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
