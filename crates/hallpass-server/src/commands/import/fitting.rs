//! What a client had elsewhere and cannot have here. Where the client is the same without it, only plainer or shorter, it is left
//! out and said; what would make it weaker refuses the whole client.

use hallpass_core::authorize::ResponseType;
use hallpass_core::client::{ClientOrigin, MetadataError, metadata};
use hallpass_core::policy::Policy;
use hallpass_jose::JwsAlgorithm;
use serde_json::{Map, Value};

use super::arrivals::{Kind, Notes};

/// Members that can be left out.
const SOFT: &[&str] = &[
    "access_token_lifetime",
    "backchannel_logout_uri",
    "client_uri",
    "code_lifetime",
    "contacts",
    "frontchannel_logout_uri",
    "id_token_lifetime",
    "initiate_login_uri",
    "logo_uri",
    "policy_uri",
    "refresh_token_lifetime",
    "tos_uri",
];
/// What other systems write about a client beside its metadata, and nobody misses.
const BOOKKEEPING: &[&str] = &["created_at", "updated_at"];

/// What signs ID tokens.
const ID_TOKEN_ALG: &str = "id_token_signed_response_alg";

/// Why a client does not come.
pub(super) enum Misfit {
    /// Of what it did, nothing is offered here.
    Nothing,
    /// A member that it must have cannot be had.
    Member(MetadataError),
}

/// The metadata as it is stored here.
pub(super) fn fit(
    id: &str,
    mut input: Map<String, Value>,
    policy: &Policy,
    notes: &mut Notes,
) -> Result<Map<String, Value>, Misfit> {
    flows(id, &mut input, policy, notes)?;
    signed_as_there(id, &mut input, policy, notes);
    let normal = loop {
        match metadata::normalize(&input, ClientOrigin::Administration, policy) {
            Ok(normal) => break normal,
            Err(error) => {
                let before = input.len();
                if SOFT.contains(&error.field) {
                    input.retain(|name, _| of_member(name) != error.field);
                }
                if input.len() == before {
                    unknown_scopes(id, &input, policy, &error, notes);
                    return Err(Misfit::Member(error));
                }
                let text = "a member of it was left out, since it cannot be so here";
                notes.say(Kind::Client, text, &format!("{id}: {error}"));
            }
        }
    };
    for (name, value) in &input {
        let said = !matches!(value, Value::Null | Value::Bool(false))
            && value.as_array().is_none_or(|list| !list.is_empty());
        if said && !normal.contains_key(name) && !BOOKKEEPING.contains(&name.as_str()) {
            let text = "a member of it means nothing here and was left out";
            notes.say(Kind::Client, text, &format!("{id}: {name}"));
        }
    }
    Ok(normal)
}

/// The name without a language.
fn of_member(name: &str) -> &str {
    name.split('#').next().unwrap_or(name)
}

/// Where nothing is said of what signs its ID tokens it was RS256, and applications often take nothing else.
//= OIDC-REG#2 MUST: the default algorithm of ID tokens is RS256
fn signed_as_there(id: &str, input: &mut Map<String, Value>, policy: &Policy, notes: &mut Notes) {
    // The profiles of FAPI do not allow RS256.
    if input.contains_key(ID_TOKEN_ALG) || input.contains_key("fapi_profile") {
        return;
    }
    if policy.signing_algs.contains(&JwsAlgorithm::RS256) {
        input.insert(ID_TOKEN_ALG.to_owned(), JwsAlgorithm::RS256.name().into());
    } else {
        let text =
            "its ID tokens were signed with RS256, which is not among protocol.signing_algs here";
        notes.say(Kind::Client, text, id);
    }
}

/// Takes away response types and grants that nobody has here. A client of which nothing is left does not come.
fn flows(
    id: &str,
    input: &mut Map<String, Value>,
    policy: &Policy,
    notes: &mut Notes,
) -> Result<(), Misfit> {
    let response = |name: &str| {
        ResponseType::parse(name).is_some_and(|known| policy.response_types.contains(&known))
    };
    // Whether these belong to a response type is looked at with the response types.
    let grant = |name: &str| {
        matches!(name, "authorization_code" | "implicit")
            || policy.registrable_grant_types().any(|known| known == name)
    };
    let responses = retain(input, "response_types", response);
    for name in &responses.lost {
        let text = "a response type is not offered here and was left out";
        notes.say(Kind::Client, text, &format!("{id}: {name}"));
    }
    let grants = retain(input, "grant_types", grant);
    for name in &grants.lost {
        let text = "a grant is not offered here and was left out";
        notes.say(Kind::Client, text, &format!("{id}: {name}"));
    }
    let lost = !responses.lost.is_empty() || !grants.lost.is_empty();
    let works = |name: &String| {
        !matches!(
            name.as_str(),
            "authorization_code" | "implicit" | "refresh_token"
        )
    };
    let left = responses.left.iter().flatten().next().is_some()
        || grants.left.iter().flatten().any(works)
        // Metadata that names none has the usual ones.
        || (responses.left.is_none() && responses.lost.is_empty());
    if lost && !left {
        return Err(Misfit::Nothing);
    }
    Ok(())
}

/// What came of a list.
struct Retained {
    left: Option<Vec<String>>,
    lost: Vec<String>,
}

fn retain(input: &mut Map<String, Value>, name: &str, keep: impl Fn(&str) -> bool) -> Retained {
    let Some(Value::Array(list)) = input.get_mut(name) else {
        return Retained {
            left: None,
            lost: Vec::new(),
        };
    };
    let mut lost = Vec::new();
    list.retain(|value| {
        // What is no text is refused with its reason.
        let kept = value.as_str().is_none_or(&keep);
        if !kept {
            lost.extend(value.as_str().map(str::to_owned));
        }
        kept
    });
    let left = list.iter().filter_map(Value::as_str).map(str::to_owned);
    Retained {
        left: Some(left.collect()),
        lost,
    }
}

/// The scopes that an operator must name before the client can come.
fn unknown_scopes(
    id: &str,
    input: &Map<String, Value>,
    policy: &Policy,
    error: &MetadataError,
    notes: &mut Notes,
) {
    if error.field != "scope" {
        return;
    }
    let scopes = input
        .get("scope")
        .and_then(Value::as_str)
        .unwrap_or_default();
    for name in scopes.split(' ').filter(|name| !name.is_empty()) {
        if policy.scope(name).is_none() {
            let text =
                "a scope of it is in no setting here: name it in protocol.scopes and import again";
            notes.say(Kind::Client, text, &format!("{id}: {name}"));
        }
    }
}
