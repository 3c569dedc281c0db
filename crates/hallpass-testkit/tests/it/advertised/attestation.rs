//! Clients whose instances an attester vouches for.

use std::sync::Arc;

use hallpass_core::policy::Attester;
use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey};
use hallpass_testkit::{Ask, Prover, assertion};
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

/// An attestation of a client's instance, signed with the key and under the name of an algorithm.
fn vouched(desk: &Desk, rp: &Rp, instance: &SigningKey, by: &str) -> String {
    let algorithm = JwsAlgorithm::parse(by).filter(|alg| !alg.is_symmetric());
    let attester = key(algorithm.unwrap_or(JwsAlgorithm::ES256));
    let claims = json!({
        "iss": ATTESTER, "sub": rp.id, "exp": desk.op.clock.seconds() + 3600,
        "cnf": {"jwk": instance.public_jwk().to_public_value()},
    });
    let header = json!({"alg": by, "typ": "oauth-client-attestation+jwt", "kid": attester.kid()});
    assertion::sign_with_header(&attester, &header, claims.to_string().as_bytes())
}

/// The request to `path` with an attestation and a DPoP proof of its key.
pub(super) fn with_dpop(desk: &Desk, rp: &Rp, ask: Ask, path: &str) -> Ask {
    let instance = key(JwsAlgorithm::ES256);
    let mut claims = Prover::claims("POST", path, desk.op.clock.seconds());
    let provider = &desk.op.provider;
    let nonce = provider
        .attestation_challenge()
        .or_else(|| provider.dpop_nonce());
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    let header =
        json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": instance.public_jwk().to_public_value()});
    let proof = assertion::sign_with_header(&instance, &header, claims.to_string().as_bytes());
    ask.header(
        "OAuth-Client-Attestation",
        &vouched(desk, rp, &instance, "ES256"),
    )
    .header("DPoP", &proof)
}

/// The request with an attestation and its proof, signed with the keys and under the names of two algorithms.
pub(super) fn shown(desk: &Desk, rp: &Rp, ask: Ask, by: [&str; 2]) -> Ask {
    let algorithm = JwsAlgorithm::parse(by[1]).filter(|alg| !alg.is_symmetric());
    let instance = key(algorithm.unwrap_or(JwsAlgorithm::ES256));
    let now = desk.op.clock.seconds();
    let mut proof = json!({
        "aud": "https://op.test", "jti": format!("instance-{}", next()), "iat": now,
    });
    if let Some(challenge) = desk.op.provider.attestation_challenge() {
        proof["challenge"] = challenge.into();
    }
    let header =
        json!({"alg": by[1], "typ": "oauth-client-attestation-pop+jwt", "kid": instance.kid()});
    let proof = assertion::sign_with_header(&instance, &header, proof.to_string().as_bytes());
    ask.header(
        "OAuth-Client-Attestation",
        &vouched(desk, rp, &instance, by[0]),
    )
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
        "dpop_combined" => with_dpop(desk, &rp, plain, "/revoke"),
        _ => return false,
    };
    browser.send(ask).await.status == 200
}
