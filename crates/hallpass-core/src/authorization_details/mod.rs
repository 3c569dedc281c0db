//! Rich authorization requests, [RFC 9396](https://www.rfc-editor.org/rfc/rfc9396): JSON objects that say what is asked for
//! in more detail than a scope can.
//!
//! A [`Detail`] is an object whose common members have the right form. Whether its type exists and what belongs into it is
//! the registry's to say ([`DetailType`]), which is part of the policy.

mod kinds;
#[cfg(test)]
mod tests;

use hallpass_jose::json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{client::Client, policy::Policy};

pub use kinds::{DetailCheck, DetailType, Member, MemberKind, Predicate};

/// One authorization detail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Detail(Map<String, Value>);

/// The parameter is not an array of objects with a type, or is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads the `authorization_details` parameter.
///
/// # Errors
/// It is no JSON array, is empty or too large, or an entry is no object with a `type` and well-formed common members.
pub fn parse(text: &str) -> Result<Vec<Detail>, Malformed> {
    if text.len() > MAX_LEN {
        return Err(Malformed);
    }
    //= RFC9396#2 MUST: the parameter is a JSON array of objects
    let Ok(Value::Array(entries)) = json::parse(text.as_bytes(), MAX_DEPTH) else {
        return Err(Malformed);
    };
    if entries.is_empty() || entries.len() > MAX_COUNT {
        return Err(Malformed);
    }
    entries.into_iter().map(Detail::of).collect()
}

/// The details as the text of a JSON array.
#[must_use]
pub fn to_text(details: &[Detail]) -> String {
    serde_json::to_string(details).unwrap_or_else(|_| "[]".to_owned())
}

/// The details as JSON.
#[must_use]
pub fn to_value(details: &[Detail]) -> Value {
    Value::Array(
        details
            .iter()
            .map(|detail| Value::Object(detail.0.clone()))
            .collect(),
    )
}

impl Detail {
    fn of(value: Value) -> Result<Self, Malformed> {
        let Value::Object(members) = value else {
            return Err(Malformed);
        };
        //= RFC9396#2 MUST: every object has a type, which is a string
        let named = members
            .get("type")
            .and_then(Value::as_str)
            .is_some_and(|name| !name.is_empty());
        //= RFC9396#2.2 MUST: the common members have their types
        let common = members
            .iter()
            .all(|(name, value)| common_kind(name).is_none_or(|kind| kind.fits(value)));
        if named && common {
            Ok(Self(members))
        } else {
            Err(Malformed)
        }
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Its members.
    #[must_use]
    pub const fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Where it is to be used; none means everywhere.
    #[must_use]
    pub fn locations(&self) -> Option<impl Iterator<Item = &str>> {
        let list = self.0.get("locations")?.as_array()?;
        Some(list.iter().filter_map(Value::as_str))
    }

    /// Whether it belongs into a token for this audience; one for the provider itself has them all.
    //= RFC9396#7 MAY: details that mean nothing at the token's resource are left out
    fn concerns(&self, policy: &Policy, audience: &[String]) -> bool {
        let Some(mut locations) = self.locations().filter(|_| !audience.is_empty()) else {
            return true;
        };
        locations.any(|location| {
            let known = policy.resource(location);
            known.is_some_and(|resource| audience.contains(&resource.identifier))
                || audience.iter().any(|name| name == location)
        })
    }
}

/// Whether the issuer still knows the detail's type, and the client may still ask for it.
#[must_use]
pub fn is_permitted(detail: &Detail, policy: &Policy, client: &Client) -> bool {
    let known = policy.detail_type(detail.kind());
    known.is_some_and(|known| known.allows(detail)) && client.may_ask_for(detail.kind())
}

/// What of granted details goes into a token: those that were asked for, that are still permitted, for its audience.
///
/// # Errors
/// Something was asked for that was not granted.
//= RFC9396#6 MUST: a token request does not get more than what was granted
pub fn narrowed(
    granted: &[Detail],
    asked: Option<&[Detail]>,
    (policy, client): (&Policy, &Client),
    audience: &[String],
) -> Result<Vec<Detail>, NotGranted> {
    // Who allowed one payment has not allowed two of it.
    let often = |detail: &Detail, list: &[Detail]| list.iter().filter(|one| *one == detail).count();
    let more = |asked: &[Detail]| {
        asked
            .iter()
            .any(|detail| often(detail, asked) > often(detail, granted))
    };
    if asked.is_some_and(more) {
        return Err(NotGranted);
    }
    Ok(asked
        .unwrap_or(granted)
        .iter()
        .filter(|detail| is_permitted(detail, policy, client))
        .filter(|detail| detail.concerns(policy, audience))
        .cloned()
        .collect())
}

/// A token request asks for details that were not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotGranted;

/// The kinds of the members that RFC 9396 §2.2 defines.
fn common_kind(name: &str) -> Option<MemberKind> {
    match name {
        "locations" | "actions" | "datatypes" | "privileges" => Some(MemberKind::Texts),
        "identifier" => Some(MemberKind::Text),
        _ => None,
    }
}

/// What waits in a browser must fit into an address.
const MAX_LEN: usize = 6000;
const MAX_COUNT: usize = 32;
const MAX_DEPTH: u8 = 8;
