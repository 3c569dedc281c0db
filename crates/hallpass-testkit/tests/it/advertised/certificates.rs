//! Clients that show certificates.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_jose::JwsAlgorithm;
use hallpass_testkit::{Ask, op::CERTIFICATE, wire};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

use super::desk::{Desk, key_set};

/// An authority, and the certificate that it made for the host of the clients of these tests.
fn made() -> &'static (Vec<u8>, Vec<u8>) {
    static MADE: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        let params = CertificateParams::new(vec!["new.test".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let own = params.signed_by(&key, &authority).unwrap();
        (authority.der().to_vec(), own.der().to_vec())
    })
}

/// The authority, in DER.
pub(super) fn authority() -> Vec<u8> {
    made().0.clone()
}

/// The request with the client's certificate.
pub(super) fn shown(ask: Ask) -> Ask {
    ask.header(CERTIFICATE, &STANDARD.encode(&made().1))
}

/// What a client registers so that its certificate is known.
pub(super) fn members(method: &str) -> Value {
    let mut keys = key_set(JwsAlgorithm::ES256);
    match method {
        "tls_client_auth" => return json!({"tls_client_auth_san_dns": "new.test"}),
        "self_signed_tls_client_auth" => {
            keys["keys"][0]["x5c"] = json!([STANDARD.encode(&made().1)]);
        }
        _ => {}
    }
    json!({"jwks": keys})
}

/// Whether a token is bound to the certificate that was shown when it was given out.
pub(super) async fn bind_tokens(desk: &Desk) -> bool {
    let members = json!({"tls_client_certificate_bound_access_tokens": true});
    let Some(rp) = desk.register(members).await else {
        return false;
    };
    let answer = desk.agreed(&desk.request(&rp, "openid")).await;
    let code = wire::param(answer.location(), "code").unwrap();
    let redemption = desk.redemption(&rp, &code);
    let mut browser = desk.op.browser();
    assert_ne!(browser.send(redemption.clone()).await.status, 200);
    let tokens = browser.send(shown(redemption)).await.json();
    let token = tokens["access_token"].as_str().unwrap();
    let used = Ask::get("/userinfo").bearer(token);
    assert_eq!(browser.send(used.clone()).await.status, 401);
    browser.send(shown(used)).await.status == 200
}

/// The endpoints that ask for certificates are our own under another URL.
pub(super) async fn aliases(desk: &Desk, value: &str) -> bool {
    let Some(base) = &desk.op.provider.policy().mtls.base else {
        return value.is_empty();
    };
    let aliases: Value = serde_json::from_str(value).unwrap();
    for (name, url) in aliases.as_object().unwrap() {
        let own = desk.metadata[name].as_str().unwrap();
        let path = own.strip_prefix("https://op.test").unwrap();
        assert_eq!(url, &format!("{base}{path}"), "{name}");
    }
    let called = [
        "token_endpoint",
        "userinfo_endpoint",
        "introspection_endpoint",
    ];
    called.iter().all(|name| aliases.get(*name).is_some())
}
