//! Authorization requests that are signed, fetched or pushed.

use hallpass_jose::{
    ContentEncryption, EncryptionKey, JweAlgorithm, JweHeader, Jwks, JwksPolicy, JwsAlgorithm,
    encrypt_compact,
};
use hallpass_testkit::{Ask, assertion, wire};
use serde_json::{Value, json};

use super::{
    desk::{Desk, Rp, key, key_set},
    requests::goes_on,
};

/// The claims of a good request object of a client.
fn claims(desk: &Desk, rp: &Rp) -> Value {
    let mut claims = json!({"iss": rp.id, "aud": "https://op.test"});
    for (name, value) in desk.request(rp, "openid").0 {
        claims[name] = json!(value);
    }
    claims
}

/// A client registers the algorithm and signs a request with it, which goes on to a page of ours.
pub(super) async fn algorithm(desk: &Desk, value: &str) -> bool {
    let algorithm = JwsAlgorithm::parse(value);
    let keys = algorithm.filter(|algorithm| !algorithm.is_symmetric());
    let members = json!({
        "request_object_signing_alg": value, "jwks": key_set(keys.unwrap_or(JwsAlgorithm::ES256)),
    });
    let Some(rp) = desk.register(members).await else {
        let rp = desk
            .register(json!({"jwks": key_set(JwsAlgorithm::ES256)}))
            .await
            .unwrap();
        // A client that registered nothing signs rightly and names it.
        let header = json!({"alg": value});
        let payload = claims(desk, &rp).to_string();
        let key = key(JwsAlgorithm::ES256);
        let object = assertion::sign_with_header(&key, &header, payload.as_bytes());
        assert!(!taken(desk, &rp, &object).await, "{value}");
        return false;
    };
    if !rp.has("request_object_signing_alg", value) {
        return false;
    }
    let object = match (keys, algorithm) {
        (Some(algorithm), _) => {
            let header = json!({"alg": value});
            let payload = claims(desk, &rp).to_string();
            assertion::sign_with_header(&key(algorithm), &header, payload.as_bytes())
        }
        (None, Some(symmetric)) => {
            let secret = rp.secret.as_deref().unwrap().as_bytes();
            assertion::sign_hmac(symmetric, secret, &claims(desk, &rp))
        }
        (None, None) => return false,
    };
    taken(desk, &rp, &object).await
}

/// A client registers how it encrypts its signed requests, and one of them goes on to a page of ours.
pub(super) async fn encryption(desk: &Desk, alg: &str, enc: &str) -> bool {
    let members = json!({
        "request_object_signing_alg": "ES256", "jwks": key_set(JwsAlgorithm::ES256),
        "request_object_encryption_alg": alg, "request_object_encryption_enc": enc,
    });
    let Some(rp) = desk.register(members).await else {
        return false;
    };
    let (alg, enc) = (
        JweAlgorithm::parse(alg).unwrap(),
        ContentEncryption::parse(enc).unwrap(),
    );
    let set = desk.op.browser().get("/jwks").await.body;
    let published = Jwks::parse(&set, JwksPolicy::Fetched).unwrap();
    let recipient = if alg.is_symmetric() {
        EncryptionKey::from_client_secret(rp.secret.as_deref().unwrap(), alg, enc).unwrap()
    } else {
        let own = published.encryption_key(alg, enc);
        own.expect("a key to encrypt to").clone()
    };
    let payload = claims(desk, &rp).to_string();
    let signing = key(JwsAlgorithm::ES256);
    let signed =
        assertion::sign_with_header(&signing, &json!({"alg": "ES256"}), payload.as_bytes());
    let header = JweHeader::default();
    let object = encrypt_compact(alg, enc, &recipient, header, signed.as_bytes()).unwrap();
    taken(desk, &rp, &object).await
}

async fn taken(desk: &Desk, rp: &Rp, object: &str) -> bool {
    let pairs = [("client_id", rp.id.as_str()), ("request", object)];
    goes_on(
        &desk
            .op
            .browser()
            .send(Ask::query("/authorize", &pairs))
            .await,
    )
}

/// A plain request is refused where requests have to be signed or pushed.
pub(super) async fn plain_is_refused(desk: &Desk) -> bool {
    let rp = desk.register(json!({})).await.unwrap();
    let answer = desk
        .op
        .browser()
        .send(desk.request(&rp, "openid").get())
        .await;
    !goes_on(&answer)
}

/// A client registers the type and asks for it.
pub(super) async fn detail_type(desk: &Desk, value: &str) -> bool {
    let types = json!({"authorization_details_types": [value]});
    let registered = desk.register(types).await;
    let rp = match &registered {
        Some(rp) => rp,
        None => &desk.register(json!({})).await.unwrap(),
    };
    let details = json!([{"type": value}]).to_string();
    let request = desk
        .request(rp, "openid")
        .with("authorization_details", &details);
    let pairs: Vec<(&str, &str)> = request
        .0
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let pushed = desk.call(rp, "/par", &pairs).await;
    assert_eq!(pushed.status == 201, registered.is_some(), "{value}");
    if pushed.status != 201 {
        return false;
    }
    let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    let pairs = [("client_id", rp.id.as_str()), ("request_uri", &uri)];
    goes_on(
        &desk
            .op
            .browser()
            .send(Ask::query("/authorize", &pairs))
            .await,
    )
}

/// An address that was not registered is not even looked at.
pub(super) async fn unregistered_is_refused(desk: &Desk) -> bool {
    let rp = desk.register(json!({})).await.unwrap();
    let request = desk
        .request(&rp, "openid")
        .with("request_uri", "https://new.test/request");
    let answer = desk.op.browser().send(request.get()).await;
    assert!(
        desk.op
            .fetcher
            .asked()
            .iter()
            .all(|url| url != "https://new.test/request")
    );
    wire::param(answer.location(), "error").as_deref() == Some("invalid_request_uri")
}
