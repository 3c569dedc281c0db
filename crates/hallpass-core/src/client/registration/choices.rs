//! Lists of what a client can do, from which one value each is chosen,
//! [OpenID Connect Relying Party Metadata Choices 1.0](https://openid.net/specs/openid-connect-rp-metadata-choices-1_0.html).

use std::cell::OnceCell;

use serde_json::{Map, Value};

use super::super::{ClientOrigin, MetadataError, MetadataReason, metadata};
use crate::policy::Policy;

/// A list has at most so many entries.
const MAX_COUNT: usize = 30;

/// So many values are tried in all, each with a look at the whole metadata but the keys, which are read once. Clients that
/// list what exists need a few of each list; whoever lists what does not is not worth the work.
const MAX_TRIES: usize = 64;
/// Of one list so many.
const MAX_OF_LIST: usize = 16;

/// Each list and the member that one of its values becomes. What can be chosen follows from what registration takes; a
/// member that registration does not know, and drops, takes the client's first choice and is dropped with it.
#[rustfmt::skip]
const LISTS: &[(&str, &str)] = &[
    ("subject_types_supported",                                         "subject_type"),
    ("token_endpoint_auth_methods_supported",                           "token_endpoint_auth_method"),
    ("token_endpoint_auth_signing_alg_values_supported",                "token_endpoint_auth_signing_alg"),
    ("id_token_signing_alg_values_supported",                           "id_token_signed_response_alg"),
    ("id_token_encryption_alg_values_supported",                        "id_token_encrypted_response_alg"),
    ("id_token_encryption_enc_values_supported",                        "id_token_encrypted_response_enc"),
    ("userinfo_signing_alg_values_supported",                           "userinfo_signed_response_alg"),
    ("userinfo_encryption_alg_values_supported",                        "userinfo_encrypted_response_alg"),
    ("userinfo_encryption_enc_values_supported",                        "userinfo_encrypted_response_enc"),
    ("request_object_signing_alg_values_supported",                     "request_object_signing_alg"),
    ("request_object_encryption_alg_values_supported",                  "request_object_encryption_alg"),
    ("request_object_encryption_enc_values_supported",                  "request_object_encryption_enc"),
    ("authorization_signing_alg_values_supported",                      "authorization_signed_response_alg"),
    ("authorization_encryption_alg_values_supported",                   "authorization_encrypted_response_alg"),
    ("authorization_encryption_enc_values_supported",                   "authorization_encrypted_response_enc"),
    ("introspection_signing_alg_values_supported",                      "introspection_signed_response_alg"),
    ("introspection_encryption_alg_values_supported",                   "introspection_encrypted_response_alg"),
    ("introspection_encryption_enc_values_supported",                   "introspection_encrypted_response_enc"),
    ("backchannel_authentication_request_signing_alg_values_supported", "backchannel_authentication_request_signing_alg"),
];

/// Replaces every list by one of its values that this server takes: the client's preferred one if it names one, otherwise
/// the first in its order.
///
/// # Errors
/// [`MetadataError`] for a list that is none, a preferred value that is not in its list, or when nothing of a list is taken.
//= OIDC-RP-CHOICES#2 MUST: a single value that stands beside a list is in the list
//= OIDC-RP-CHOICES#4 SHOULD: one of the values that are supported is used, or the registration is refused
pub fn choose(
    mut input: Map<String, Value>,
    origin: ClientOrigin,
    policy: &Policy,
) -> Result<Map<String, Value>, MetadataError> {
    let mut lists = Vec::new();
    for (list, single) in LISTS {
        if let Some(value) = input.remove(*list).filter(|value| !value.is_null()) {
            let wanted = strings(&value).ok_or_else(|| MetadataReason::WrongType.at(list))?;
            lists.push((*list, *single, wanted));
        }
    }
    let mut left = MAX_TRIES;
    let keys = OnceCell::new();
    for (list, single, mut wanted) in lists {
        if let Some(preferred) = input.get(single).filter(|value| !value.is_null()) {
            let place = wanted.iter().position(|v| preferred.as_str() == Some(v));
            let place = place.ok_or_else(|| MetadataReason::Unsupported.at(single))?;
            wanted.swap(0, place);
        }
        let taken = wanted
            .into_iter()
            .take(left.min(MAX_OF_LIST))
            .find(|value| {
                left = left.saturating_sub(1);
                input.insert(single.to_owned(), value.as_str().into());
                let refused = metadata::normalize_with(&input, origin, policy, &keys).err();
                refused.is_none_or(|error| error.field != single)
            });
        if taken.is_none() {
            return Err(MetadataReason::Unsupported.at(list));
        }
    }
    Ok(input)
}

/// Takes the list away from which `single` would be chosen, since somebody else says what it is.
pub(super) fn settle(input: &mut Map<String, Value>, single: &str) {
    for (list, _) in LISTS.iter().filter(|(_, member)| *member == single) {
        input.remove(*list);
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    let entries = value.as_array()?;
    if entries.is_empty() || entries.len() > MAX_COUNT {
        return None;
    }
    entries
        .iter()
        .map(|entry| entry.as_str().map(str::to_owned))
        .collect()
}
