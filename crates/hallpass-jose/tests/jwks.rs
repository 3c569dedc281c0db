//! Key sets.

use hallpass_jose::{
    ContentEncryption, DecryptionKey, JweAlgorithm, Jwk, JwkError, Jwks, JwksPolicy, JwsAlgorithm,
    SigningKey, UnverifiedJws, base64url, json,
};
use serde_json::{Value, json};

const POLICIES: [JwksPolicy; 3] = [JwksPolicy::Client, JwksPolicy::Fetched, JwksPolicy::Own];

fn set(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

fn off_curve() -> Value {
    json!({"kty": "EC", "crv": "P-256", "x": base64url::encode([1; 32]), "y": base64url::encode([2; 32])})
}

#[test]
fn a_published_set_reads_back_and_verifies() {
    let keys: Vec<SigningKey> = [
        JwsAlgorithm::ES256,
        JwsAlgorithm::EdDSA,
        JwsAlgorithm::PS256,
    ]
    .into_iter()
    .map(|alg| SigningKey::generate(alg).unwrap())
    .collect();
    let text = Jwks::from_keys(keys.iter().map(SigningKey::public_jwk)).to_json();
    let set = Jwks::parse(text.as_bytes(), JwksPolicy::Client).unwrap();
    assert_eq!(set.len(), 3);
    assert!(!set.is_empty());
    for key in &keys {
        let token = key.sign_compact(Some("JWT"), b"{}").unwrap();
        let jws = UnverifiedJws::parse(&token).unwrap();
        let kid = jws.kid().map(str::to_owned);
        let alg = jws.algorithm();
        let candidates = set.candidates(alg, kid.as_deref());
        assert!(jws.verify(&[alg], candidates).is_ok());
        assert_eq!(set.candidates(alg, Some("other")).count(), 0);
        assert_eq!(set.candidates(alg, None).count(), 1);
        assert_eq!(set.candidates(JwsAlgorithm::HS256, None).count(), 0);
    }
}

#[test]
fn the_key_id_chooses_and_keys_without_one_come_after() {
    let public = || {
        SigningKey::generate(JwsAlgorithm::EdDSA)
            .unwrap()
            .public_jwk()
            .to_public_value()
    };
    let named = |kid: Option<&str>| {
        let mut key = public();
        match kid {
            Some(kid) => key["kid"] = kid.into(),
            None => key.as_object_mut().unwrap().remove("kid").map_or((), drop),
        }
        key
    };
    let text = set(&[
        named(None),
        named(Some("a")),
        named(Some("b")),
        named(Some("a")),
    ]);
    let set = Jwks::parse(&text, JwksPolicy::Client).unwrap();
    let kids = |kid| -> Vec<Option<&str>> {
        set.candidates(JwsAlgorithm::EdDSA, kid)
            .map(|key| key.kid())
            .collect()
    };
    assert_eq!(kids(Some("a")), [Some("a"), Some("a"), None]);
    assert_eq!(kids(Some("c")), [None]);
    assert_eq!(kids(Some("' OR 1=1--")), [None]);
    assert_eq!(kids(None), [None, Some("a"), Some("b"), Some("a")]);
}

#[test]
fn secret_keys_are_refused_in_sets_of_others() {
    let private = json!({"kty": "OKP", "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let mut null = private.clone();
    null["d"] = Value::Null;
    for key in [
        private,
        null,
        json!({"kty": "oct", "k": "AAAA"}),
        json!({"kty": "oct"}),
        json!({"kty": "unknown", "k": "AAAA"}),
        json!({"kty": "AKP", "alg": "FN-DSA-512", "pub": "AA", "priv": "AA"}),
    ] {
        for policy in [JwksPolicy::Client, JwksPolicy::Fetched] {
            let outcome = Jwks::parse(&set(std::slice::from_ref(&key)), policy);
            assert_eq!(outcome.err(), Some(JwkError::PrivateMaterial), "{key}");
        }
    }
}

//= test RFC7517#5 keys of unknown types are ignored
#[test]
fn unknown_keys_are_skipped_and_bad_ones_spoil_what_the_policy_says() {
    let good = SigningKey::generate(JwsAlgorithm::EdDSA)
        .unwrap()
        .public_jwk()
        .to_public_value();
    let unknown = [
        json!({"kty": "AKP", "alg": "FN-DSA-512", "pub": "AA"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "Ed448", "x": "AA"}),
    ];
    for policy in POLICIES {
        let text = set(&[&unknown[..], std::slice::from_ref(&good)].concat());
        assert_eq!(Jwks::parse(&text, policy).unwrap().len(), 1);
        for bad in [
            off_curve(),
            json!({}),
            json!(1),
            json!(null),
            json!({"kty": 1}),
        ] {
            let outcome = Jwks::parse(&set(&[good.clone(), bad.clone()]), policy);
            match policy {
                JwksPolicy::Fetched => assert_eq!(outcome.unwrap().len(), 1),
                JwksPolicy::Client | JwksPolicy::Own => assert!(outcome.is_err(), "{bad}"),
            }
        }
    }
}

#[test]
fn size_and_number_of_keys_are_limited() {
    let key = SigningKey::generate(JwsAlgorithm::EdDSA)
        .unwrap()
        .public_jwk()
        .to_public_value();
    for policy in POLICIES {
        let most = Jwks::parse(&set(&vec![key.clone(); 100]), policy);
        assert_eq!(most.unwrap().len(), 100);
        let more = Jwks::parse(&set(&vec![key.clone(); 101]), policy);
        assert_eq!(more.err(), Some(JwkError::TooManyKeys));
        let many = Jwks::parse(&set(&vec![key.clone(); 10_000]), policy);
        assert_eq!(many.err(), Some(JwkError::TooLarge));
        let unknown = vec![json!({"kty": "x"}); 101];
        let unknown = Jwks::parse(&set(&unknown), policy);
        assert_eq!(unknown.err(), Some(JwkError::TooManyKeys));
    }
}

#[test]
fn documents_that_are_no_set_are_refused() {
    for text in [
        "",
        "[]",
        "{}",
        "null",
        r#"{"keys":null}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":"x"}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[{"kty":"x","kty":"x"}]}"#,
        r#"{"keys":[]} "#,
        "\u{feff}{\"keys\":[]}",
    ] {
        for policy in POLICIES {
            let outcome = Jwks::parse(text.as_bytes(), policy);
            assert_eq!(outcome.is_ok(), text == r#"{"keys":[]} "#, "{text}");
        }
    }
    let value = json::parse(br#"{"keys":[]}"#, 4).unwrap();
    assert!(
        Jwks::from_value(&value, JwksPolicy::Client)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn an_encryption_key_is_found_by_its_algorithms() {
    let alg = JweAlgorithm::EcdhEs;
    let enc = ContentEncryption::A256Gcm;
    let signing = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let key = DecryptionKey::generate(alg).unwrap();
    let keys: Vec<Jwk> = [signing.public_jwk()]
        .into_iter()
        .chain(key.public_jwk())
        .collect();
    let set = Jwks::from_keys(keys);
    assert_eq!(set.encryption_key(alg, enc).unwrap().kid(), key.kid());
    assert!(set.encryption_key(JweAlgorithm::RsaOaep256, enc).is_none());
    assert!(set.encryption_key(JweAlgorithm::Dir, enc).is_none());
    // The key for encryption does not verify, and the one for signatures does not encrypt.
    assert_eq!(set.candidates(JwsAlgorithm::ES256, None).count(), 1);
}
