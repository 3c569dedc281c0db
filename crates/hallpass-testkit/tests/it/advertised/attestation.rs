//! Clients whose instances an attester vouches for.

use std::sync::Arc;

use hallpass_core::policy::Attester;
use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey};
use hallpass_testkit::{Ask, assertion};
use serde_json::json;

use super::desk::{Desk, Rp, key, next};

const ATTESTER: &str = "https://attester.test";

/// An attester with a key for every algorithm, whether we take it or not.
pub(super) fn attester() -> Attester {
    let algorithms = JwsAlgorithm::ALL.iter().filter(|alg| !alg.is_symmetric());
    let keys = algorithms.map(|alg| key(*alg).public_jwk());
    Attester {
        issuer: ATTESTER.to_owned(),
        jwks: Arc::new(Jwks::from_keys(keys)),
    }
}

/// The request with an attestation and its proof, signed with the keys and under the names of two algorithms.
pub(super) fn shown(desk: &Desk, rp: &Rp, ask: Ask, by: [&str; 2]) -> Ask {
    let [attester, instance] = by.map(|name| {
        let algorithm = JwsAlgorithm::parse(name).filter(|alg| !alg.is_symmetric());
        key(algorithm.unwrap_or(JwsAlgorithm::ES256))
    });
    let now = desk.op.clock.seconds();
    let attestation = json!({
        "iss": ATTESTER, "sub": rp.id, "exp": now + 3600,
        "cnf": {"jwk": instance.public_jwk().to_public_value()},
    });
    let mut proof = json!({
        "aud": "https://op.test", "jti": format!("instance-{}", next()), "iat": now,
    });
    if let Some(challenge) = desk.op.provider.attestation_challenge() {
        proof["challenge"] = challenge.into();
    }
    let signed = |key: &SigningKey, typ: &str, name: &str, claims: &serde_json::Value| {
        let header = json!({"alg": name, "typ": typ, "kid": key.kid()});
        assertion::sign_with_header(key, &header, claims.to_string().as_bytes())
    };
    let typ = "oauth-client-attestation+jwt";
    let attestation = signed(&attester, typ, by[0], &attestation);
    let typ = "oauth-client-attestation-pop+jwt";
    let proof = signed(&instance, typ, by[1], &proof);
    ask.header("OAuth-Client-Attestation", &attestation)
        .header("OAuth-Client-Attestation-PoP", &proof)
}

async fn known(desk: &Desk, by: [&str; 2]) -> bool {
    let method = json!({"token_endpoint_auth_method": "attest_jwt_client_auth"});
    let Some(rp) = desk.register(method).await else {
        return false;
    };
    let pairs = [("client_id", rp.id.as_str()), ("token", "x")];
    let ask = shown(desk, &rp, Ask::form("/revoke", &pairs), by);
    desk.op.browser().send(ask).await.status == 200
}

pub(super) async fn attestation(desk: &Desk, value: &str) -> bool {
    known(desk, [value, "ES256"]).await
}

pub(super) async fn proof(desk: &Desk, value: &str) -> bool {
    known(desk, ["ES256", value]).await
}

/// Whether an attestation beside a secret is looked at, and may come with that proof, or be left out.
pub(super) async fn signal(desk: &Desk, value: &str) -> bool {
    let method = json!({"token_endpoint_auth_method": "client_secret_post"});
    let Some(rp) = desk.register(method).await else {
        return false;
    };
    let secret = rp.secret.as_deref().unwrap();
    let pairs = [
        ("client_id", rp.id.as_str()),
        ("client_secret", secret),
        ("token", "x"),
    ];
    let plain = Ask::form("/revoke", &pairs);
    let wrong = plain.clone().header("OAuth-Client-Attestation", "x");
    let mut browser = desk.op.browser();
    if browser.send(wrong).await.error() != "invalid_client_attestation" {
        return false;
    }
    let ask = match value {
        "none" => plain,
        "attestation_pop_jwt" => shown(desk, &rp, plain, ["ES256", "ES256"]),
        _ => return false,
    };
    browser.send(ask).await.status == 200
}
