//! Whatever the input, parsers answer and never panic.

use std::sync::LazyLock;

use hallpass_jose::aead::SealKey;
use hallpass_jose::{
    Claims, ContentEncryption, DecryptionKey, EncryptionKey, HeaderPolicy, JweAlgorithm, JweHeader,
    Jwk, Jwks, JwksPolicy, JwsAlgorithm, ParseOptions, SigningKey, UnverifiedJwe, UnverifiedJws,
    VerifyingKey, base64url, encrypt_compact, json,
};
use proptest::prelude::*;

static SIGNER: LazyLock<Option<SigningKey>> =
    LazyLock::new(|| SigningKey::generate(JwsAlgorithm::EdDSA).ok());

static RECIPIENT: LazyLock<Option<(EncryptionKey, DecryptionKey)>> = LazyLock::new(|| {
    let key = DecryptionKey::generate(JweAlgorithm::EcdhEsA256Kw).ok()?;
    let public = EncryptionKey::from_jwk(&key.public_jwk()?).ok()?;
    Some((public, key))
});

/// Runs every parser over the text; what it makes of it does not matter.
fn parse_all(text: &str) {
    let bytes = text.as_bytes();
    drop(json::parse(bytes, 16));
    drop(Claims::parse(bytes));
    drop(Jwk::parse(text));
    for policy in [JwksPolicy::Client, JwksPolicy::Fetched, JwksPolicy::Own] {
        drop(Jwks::parse(bytes, policy));
    }
    for header in [HeaderPolicy::Strict, HeaderPolicy::EmbeddedJwk] {
        let options = ParseOptions {
            header,
            ..ParseOptions::default()
        };
        if let Ok(jws) = UnverifiedJws::parse_with(text, options) {
            drop(jws.embedded_jwk());
            drop(jws.claims_unverified());
            let key = SIGNER.as_ref().and_then(|key| key.verifying_key().ok());
            assert!(jws.verify(JwsAlgorithm::ALL, key.iter()).is_err());
        }
    }
    if let (Ok(jwe), Some((_, key))) = (UnverifiedJwe::parse(text), RECIPIENT.as_ref()) {
        let opened = jwe.decrypt(key, JweAlgorithm::ALL, ContentEncryption::ALL);
        assert!(opened.is_err());
    }
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let names = prop_oneof![
        4 => prop::sample::select(vec![
            "kty", "crv", "x", "y", "d", "n", "e", "k", "kid", "use", "key_ops", "alg", "keys",
            "enc", "epk", "typ", "jwk", "crit", "apu", "iv", "tag", "aud", "exp", "iss",
        ])
        .prop_map(str::to_owned),
        1 => ".*",
    ];
    let words = prop::sample::select(vec![
        "RSA", "EC", "OKP", "oct", "P-256", "Ed25519", "X25519", "sig", "enc", "AQAB", "AA",
        "ES256", "EdDSA", "HS256", "none", "RSA-OAEP", "ECDH-ES", "dir", "A128GCM", "A128KW",
    ])
    .prop_map(Value::from);
    let bytes = prop::collection::vec(any::<u8>(), 0..70)
        .prop_map(|bytes| Value::from(base64url::encode(bytes)));
    let leaf = prop_oneof![
        4 => words,
        3 => bytes,
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(names.clone(), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_parser_panics_on_arbitrary_text(text in "\\PC{0,300}") {
        parse_all(&text);
    }

    #[test]
    fn no_parser_panics_on_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(json::parse(&bytes, 8));
        drop(Claims::parse(&bytes));
        drop(Jwks::parse(&bytes, JwksPolicy::Own));
        drop(base64url::decode(&bytes));
        parse_all(&String::from_utf8_lossy(&bytes));
        for &algorithm in JwsAlgorithm::ALL {
            prop_assert!(SigningKey::from_pkcs8(algorithm, &bytes).is_err());
        }
        for &algorithm in JweAlgorithm::ALL {
            prop_assert!(DecryptionKey::from_pkcs8(algorithm, &bytes).is_err());
        }
        prop_assert!(SealKey::new(&[1; 32]).open(b"", &bytes).is_none());
    }

    #[test]
    fn no_parser_panics_on_json_that_looks_like_keys_and_headers(
        values in prop::collection::vec(json_value(), 1..4),
    ) {
        for value in &values {
            parse_all(&value.to_string());
        }
        let parts: Vec<String> = values
            .iter()
            .chain([&values[0], &values[0], &values[0], &values[0]])
            .map(|value| base64url::encode(value.to_string()))
            .collect();
        for count in [3, 5] {
            parse_all(&parts[..count].join("."));
        }
    }

    #[test]
    fn no_changed_token_verifies(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let key = SIGNER.as_ref().expect("a key");
        let public: VerifyingKey = key.verifying_key().expect("a key");
        let token = key.sign_compact(Some("JWT"), br#"{"iss":"a","aud":["b"]}"#).expect("signs");
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = with;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let verified = UnverifiedJws::parse(&text)
            .and_then(|jws| jws.verify(&[JwsAlgorithm::EdDSA], [&public]));
        prop_assert_eq!(verified.is_ok(), text == token);
    }

    #[test]
    fn no_changed_encryption_opens(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let (public, private) = RECIPIENT.as_ref().expect("a key");
        let text = encrypt_compact(
            JweAlgorithm::EcdhEsA256Kw,
            ContentEncryption::A256CbcHs512,
            public,
            JweHeader::default(),
            b"some plaintext",
        )
        .expect("encrypts");
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = with;
        let changed = String::from_utf8_lossy(&bytes).into_owned();
        let opened = UnverifiedJwe::parse(&changed)
            .and_then(|jwe| jwe.decrypt(private, JweAlgorithm::ALL, ContentEncryption::ALL));
        prop_assert_eq!(opened.is_ok(), changed == text);
    }

    #[test]
    fn what_is_sealed_opens(aad in prop::collection::vec(any::<u8>(), 0..40),
                            value in prop::collection::vec(any::<u8>(), 0..400)) {
        let key = SealKey::new(&[3; 32]);
        prop_assert_eq!(key.open(&aad, &key.seal(&aad, &value)), Some(value));
    }
}
