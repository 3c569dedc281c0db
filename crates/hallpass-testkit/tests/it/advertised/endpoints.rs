//! The issuer, its keys and its links.

use std::collections::HashSet;

use hallpass_jose::UnverifiedJws;

use super::desk::Desk;

pub(super) async fn is_issuer(desk: &Desk, value: &str) -> bool {
    let rp = desk.register(serde_json::json!({})).await.unwrap();
    let tokens = desk.tokens(&rp, &desk.request(&rp, "openid")).await;
    let claims = desk
        .op
        .verified(&rp.id, tokens["id_token"].as_str().unwrap());
    claims["iss"] == value && value == "https://op.test"
}

/// There is a key for every algorithm that we say we sign with. There may be more: what was signed earlier is verified, too.
pub(super) async fn is_key_set(desk: &Desk, value: &str) -> bool {
    let path = value.strip_prefix("https://op.test").unwrap();
    let keys = desk.op.browser().get(path).await.json();
    let algorithms: HashSet<String> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| key["use"] == "sig")
        .map(|key| key["alg"].as_str().unwrap().to_owned())
        .collect();
    let listed = desk.listed("id_token_signing_alg_values_supported");
    listed
        .iter()
        .all(|algorithm| algorithms.contains(algorithm))
}

/// A link is there when the operator named one, and it is that one.
pub(super) async fn is_link(desk: &Desk, value: &str) -> bool {
    let documents = &desk.op.provider.policy().documents;
    let named = [
        &documents.service_documentation,
        &documents.op_policy_uri,
        &documents.op_tos_uri,
    ];
    let any = named.iter().any(|link| link.as_deref() == Some(value));
    any || (value.is_empty() && named.iter().all(|link| link.is_none()))
}

/// The algorithm in the header of a JWS.
pub(super) fn algorithm(jws: &str) -> String {
    UnverifiedJws::parse(jws)
        .unwrap()
        .algorithm()
        .name()
        .to_owned()
}
