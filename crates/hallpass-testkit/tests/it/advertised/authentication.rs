//! Client authentication: a client registers a method and uses it at the endpoint that lists it.

use hallpass_jose::JwsAlgorithm;
use hallpass_testkit::assertion;
use serde_json::json;

use super::{
    certificates,
    desk::{Desk, Rp, key, key_set},
};

/// The endpoint whose member this is, with something to ask of it.
fn endpoint(member: &str) -> (&'static str, &'static [(&'static str, &'static str)]) {
    if member.starts_with("introspection") {
        ("/introspect", &[("token", "x")])
    } else if member.starts_with("revocation") {
        ("/revoke", &[("token", "x")])
    } else {
        let code = &[("grant_type", "authorization_code"), ("code", "x")];
        ("/token", code)
    }
}

/// Whether the endpoint knows the client; what it wants may be refused for another reason.
async fn is_known(desk: &Desk, member: &str, rp: &Rp) -> bool {
    let (path, pairs) = endpoint(member);
    let answer = desk.call(rp, path, pairs).await;
    !matches!(answer.status, 401 | 404) && answer.error() != "invalid_client"
}

pub(super) async fn works(desk: &Desk, member: &str, value: &str) -> bool {
    let mut members = certificates::members(value);
    members["token_endpoint_auth_method"] = json!(value);
    match desk.register(members).await {
        Some(rp) if rp.has("token_endpoint_auth_method", value) => {
            is_known(desk, member, &rp).await
        }
        Some(_) | None => false,
    }
}

pub(super) async fn algorithm_works(desk: &Desk, member: &str, value: &str) -> bool {
    let algorithm = JwsAlgorithm::parse(value);
    let symmetric = algorithm.is_some_and(JwsAlgorithm::is_symmetric);
    let method = if symmetric {
        "client_secret_jwt"
    } else {
        "private_key_jwt"
    };
    let mut members = json!({
        "token_endpoint_auth_method": method, "token_endpoint_auth_signing_alg": value,
    });
    if !symmetric {
        members["jwks"] = key_set(algorithm.unwrap_or(JwsAlgorithm::ES256));
    }
    match desk.register(members).await {
        Some(rp) => is_known(desk, member, &rp).await,
        None => misnamed_is_known(desk, member, value).await,
    }
}

/// A client whose registered algorithm is another one signs rightly and names this one.
async fn misnamed_is_known(desk: &Desk, member: &str, value: &str) -> bool {
    let members = json!({
        "token_endpoint_auth_method": "private_key_jwt", "jwks": key_set(JwsAlgorithm::ES256),
    });
    let Some(rp) = desk.register(members).await else {
        return false;
    };
    let (path, pairs) = endpoint(member);
    let claims = desk.claims(&rp).to_string();
    let header = json!({"alg": value});
    let jwt = assertion::sign_with_header(&key(JwsAlgorithm::ES256), &header, claims.as_bytes());
    let ask = desk.asserting(path, pairs, &jwt);
    !matches!(desk.op.browser().send(ask).await.status, 401 | 404)
}
