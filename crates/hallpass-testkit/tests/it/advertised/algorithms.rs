//! Algorithms of what we sign for a client: it registers one and gets it.

use hallpass_core::introspect::JWT_MEDIA;
use hallpass_jose::JwsAlgorithm;
use hallpass_testkit::{Answer, Ask, assertion, fixture};
use serde_json::json;

use super::{
    desk::{Desk, Rp, key, next},
    endpoints::algorithm,
};

async fn registered(desk: &Desk, member: &str, value: &str) -> Option<Rp> {
    let rp = desk.register(json!({member: value})).await?;
    rp.has(member, value).then_some(rp)
}

pub(super) async fn id_token(desk: &Desk, value: &str) -> bool {
    let Some(rp) = registered(desk, "id_token_signed_response_alg", value).await else {
        return false;
    };
    let tokens = desk.tokens(&rp, &desk.request(&rp, "openid")).await;
    let token = tokens["id_token"].as_str().unwrap();
    let claims = desk.op.verified(&rp.id, token);
    assert_eq!(algorithm(token), value);
    claims["sub"] == desk.op.subject("alice").as_str()
}

pub(super) async fn userinfo(desk: &Desk, value: &str) -> bool {
    let Some(rp) = registered(desk, "userinfo_signed_response_alg", value).await else {
        return false;
    };
    let tokens = desk.tokens(&rp, &desk.request(&rp, "openid")).await;
    let token = tokens["access_token"].as_str().unwrap();
    let ask = Ask::get("/userinfo").bearer(token);
    let answer = desk.op.browser().send(ask).await;
    assert_eq!(answer.media(), "application/jwt", "{}", answer.text());
    algorithm(&answer.text()) == value
}

pub(super) async fn introspection(desk: &Desk, value: &str) -> bool {
    let Some(rp) = registered(desk, "introspection_signed_response_alg", value).await else {
        return false;
    };
    let answer = desk.introspected(&rp).await;
    if answer.status == 404 {
        return false;
    }
    assert_eq!(answer.media(), JWT_MEDIA, "{}", answer.text());
    algorithm(&answer.text()) == value
}

pub(super) async fn authorization(desk: &Desk, value: &str) -> bool {
    let Some(rp) = registered(desk, "authorization_signed_response_alg", value).await else {
        return false;
    };
    let Some(response) = desk.signed_response(&rp).await else {
        return false;
    };
    assert_eq!(assertion::payload(&response)["iss"], fixture::ISSUER);
    algorithm(&response) == value
}

/// Whether a token is bound to the key of a proof that names this algorithm.
pub(super) async fn dpop(desk: &Desk, value: &str) -> bool {
    let first = shown(desk, value, None).await;
    let answer = match first.header("dpop-nonce") {
        Some(nonce) if first.error() == "use_dpop_nonce" => shown(desk, value, Some(nonce)).await,
        Some(_) | None => first,
    };
    if answer.status != 200 {
        assert_eq!(answer.error(), "invalid_dpop_proof", "{value}");
        return false;
    }
    answer.json()["token_type"] == "DPoP"
}

async fn shown(desk: &Desk, value: &str, nonce: Option<&str>) -> Answer {
    // An algorithm that nobody has a key for is claimed for another one's signature.
    let algorithm = JwsAlgorithm::parse(value).filter(|algorithm| !algorithm.is_symmetric());
    let key = key(algorithm.unwrap_or(JwsAlgorithm::ES256));
    let header =
        json!({"typ": "dpop+jwt", "alg": value, "jwk": key.public_jwk().to_public_value()});
    let mut claims = json!({
        "jti": format!("proof-{}", next()), "htm": "POST", "htu": "https://op.test/token",
        "iat": desk.op.clock.seconds(),
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    let proof = assertion::sign_with_header(&key, &header, claims.to_string().as_bytes());
    let ask = Ask::form("/token", &[("grant_type", "client_credentials")])
        .basic("machine", fixture::secret("machine"))
        .header("DPoP", &proof);
    desk.op.browser().send(ask).await
}
