//! What is taken over of what another provider says about a person.

use serde_json::{Map, Value};

use crate::issue::id_token::is_reserved;

/// A claim of ours and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimSource {
    /// Its name here.
    pub name: String,
    /// Its name there; `a.b` is the member `b` of the object `a`.
    pub from: String,
}

/// A value larger than this, as JSON, is not taken over.
const MAX_VALUE: usize = 2048;

/// Claims that say what somebody may do here. No provider says that.
const OURS: &[&str] = &[
    "roles",
    "groups",
    "permissions",
    "organization",
    "organization_name",
];

/// Claims that say that somebody made sure of another one.
const ASSURED: &[&str] = &["email_verified", "phone_number_verified"];

/// The claims that are taken over: those that the operator maps, and no others. That an address is verified is said on only
/// where the provider is believed, and of the address that it says this of: our clients trust us, not it.
#[must_use]
pub fn mapped(
    sources: &[ClaimSource],
    theirs: &Map<String, Value>,
    is_believed: bool,
) -> Map<String, Value> {
    let mut ours = taken_over(sources, theirs);
    for name in ASSURED {
        if let Some(said) = ours.get_mut(*name) {
            *said = Value::Bool(false);
        }
    }
    let email = ours.get("email").and_then(Value::as_str);
    let is_verified = is_believed && email.is_some() && email == verified_email(theirs);
    if let Some(said) = ours.get_mut("email_verified") {
        *said = Value::Bool(is_verified);
    }
    ours
}

fn taken_over(sources: &[ClaimSource], theirs: &Map<String, Value>) -> Map<String, Value> {
    sources
        .iter()
        .filter(|source| !is_reserved(&source.name) && !OURS.contains(&source.name.as_str()))
        .filter_map(|source| {
            let value = find(theirs, &source.from)?;
            let is_plain = !value.is_null() && value.to_string().len() <= MAX_VALUE;
            is_plain.then(|| (source.name.clone(), value.clone()))
        })
        .collect()
}

fn find<'v>(claims: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let mut parts = path.split('.');
    let mut value = claims.get(parts.next()?)?;
    for part in parts {
        value = value.get(part)?;
    }
    Some(value)
}

/// The mail address, if the provider says that it is verified: by the truth value alone.
#[must_use]
pub fn verified_email(theirs: &Map<String, Value>) -> Option<&str> {
    if theirs.get("email_verified") != Some(&Value::Bool(true)) {
        return None;
    }
    theirs
        .get("email")?
        .as_str()
        .filter(|email| is_address(email))
}

/// One `@`, something on both sides, and nothing that could end a line or hide.
fn is_address(email: &str) -> bool {
    let mut parts = email.split('@');
    let (Some(local), Some(domain), None) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    email.len() <= 254
        && !local.is_empty()
        && domain.contains('.')
        && email.bytes().all(|b| b.is_ascii_graphic())
}
