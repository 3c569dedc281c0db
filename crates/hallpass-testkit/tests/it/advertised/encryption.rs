//! Encryption of what a client gets: it registers it, and can open what comes.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use hallpass_core::introspect::JWT_MEDIA;
use hallpass_jose::{ContentEncryption, DecryptionKey, JweAlgorithm, Jwks, UnverifiedJwe};
use hallpass_testkit::Ask;
use serde_json::{Value, json};

use super::desk::{Desk, Rp};

pub(super) async fn algorithm(desk: &Desk, member: &str, value: &str) -> bool {
    let encryption = ContentEncryption::A128Gcm;
    works(desk, member, value, encryption.name()).await
}

pub(super) async fn content(desk: &Desk, member: &str, value: &str) -> bool {
    works(desk, member, JweAlgorithm::EcdhEs.name(), value).await
}

/// Whether the answer whose member this is comes encrypted in this way.
async fn works(desk: &Desk, member: &str, alg: &str, enc: &str) -> bool {
    let kind = member.split("_encryption").next().unwrap();
    if kind == "request_object" {
        return super::objects::encryption(desk, alg, enc).await;
    }
    let mut members = json!({
        format!("{kind}_encrypted_response_alg"): alg, format!("{kind}_encrypted_response_enc"): enc,
    });
    let known = JweAlgorithm::parse(alg).filter(|alg| !alg.is_symmetric());
    let pair = known.map(key);
    if let Some(pair) = &pair {
        let set = Jwks::from_keys(pair.public_jwk()).to_json();
        members["jwks"] = serde_json::from_str(&set).unwrap();
    }
    let Some(rp) = desk.register(members).await else {
        return false;
    };
    let (alg, enc) = (
        JweAlgorithm::parse(alg).unwrap(),
        ContentEncryption::parse(enc).unwrap(),
    );
    let pair = pair.unwrap_or_else(|| {
        DecryptionKey::from_client_secret(rp.secret.as_deref().unwrap(), alg, enc).unwrap()
    });
    let Some(answer) = answer(desk, &rp, kind).await else {
        return false;
    };
    let opened = UnverifiedJwe::parse(&answer)
        .unwrap()
        .decrypt(&pair, &[alg], &[enc]);
    !opened.unwrap().plaintext().is_empty()
}

/// What the client gets of that kind; none where it can get nothing.
async fn answer(desk: &Desk, rp: &Rp, kind: &str) -> Option<String> {
    match kind {
        "introspection" => {
            let answer = desk.introspected(rp).await;
            if answer.status == 404 {
                return None;
            }
            assert_eq!(answer.media(), JWT_MEDIA, "{}", answer.text());
            return Some(answer.text());
        }
        "authorization" => return desk.signed_response(rp).await,
        _ => {}
    }
    let tokens: Value = desk.tokens(rp, &desk.request(rp, "openid")).await;
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    Some(match kind {
        "id_token" => text("id_token"),
        "userinfo" => {
            let ask = Ask::get("/userinfo").bearer(&text("access_token"));
            let answer = desk.op.browser().send(ask).await;
            assert_eq!(answer.media(), "application/jwt");
            answer.text()
        }
        other => panic!("{other} is not asked for here"),
    })
}

/// A client's key pair. Each is made once, since that takes long.
fn key(algorithm: JweAlgorithm) -> DecryptionKey {
    static MADE: Mutex<Option<HashMap<&'static str, Vec<u8>>>> = Mutex::new(None);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let family = if algorithm.name().starts_with("RSA") {
        JweAlgorithm::RsaOaep256
    } else {
        JweAlgorithm::EcdhEs
    };
    let document = made
        .get_or_insert_default()
        .entry(family.name())
        .or_insert_with(|| {
            let key = DecryptionKey::generate(family).unwrap();
            key.to_pkcs8().unwrap().to_vec()
        });
    DecryptionKey::from_pkcs8(algorithm, document).unwrap()
}
