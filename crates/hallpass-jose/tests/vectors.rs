//! The examples of the specifications.

use hallpass_jose::{
    ContentEncryption, DecryptionKey, EncryptionKey, HmacKey, JweAlgorithm, JweHeader, Jwk, Jwks,
    JwksPolicy, JwsAlgorithm, SigningKey, UnverifiedJwe, UnverifiedJws, VerifyingKey, base64url,
    encrypt_compact,
};
use serde::Deserialize;
use serde_json::{Map, Value};

const RFC7515: &str = include_str!("vectors/rfc7515.json");
const RFC7516: &str = include_str!("vectors/rfc7516.json");
const RFC7517: &str = include_str!("vectors/rfc7517.json");
const RFC7520: &str = include_str!("vectors/rfc7520.json");
const RFC8037: &str = include_str!("vectors/rfc8037.json");
const RFC9964: &str = include_str!("vectors/rfc9964.json");
const INTEROP: &str = include_str!("vectors/interop.json");

#[derive(Deserialize)]
struct File {
    /// Keys that the examples name instead of repeating them.
    #[serde(default)]
    keys: Map<String, Value>,
    #[serde(default)]
    jws: Vec<Signed>,
    #[serde(default)]
    jwe: Vec<Encrypted>,
}

#[derive(Deserialize)]
struct Signed {
    title: String,
    reproducible: bool,
    key: Value,
    alg: JwsAlgorithm,
    compact: String,
    payload: String,
}

#[derive(Deserialize)]
struct Encrypted {
    title: String,
    #[serde(default)]
    refused: bool,
    #[serde(default)]
    key: Value,
    alg: Option<JweAlgorithm>,
    enc: Option<ContentEncryption>,
    compact: String,
    plaintext: Option<String>,
}

fn key<'a>(keys: &'a Map<String, Value>, key: &'a Value) -> &'a Value {
    key.as_str().and_then(|name| keys.get(name)).unwrap_or(key)
}

//= test RFC7518#3.5 the salt is as long as the digest (the backend's default)
#[test]
fn signed_examples_verify_and_the_reproducible_ones_are_made_again() {
    //= test RFC9964#5 the context is empty
    let mut count = 0;
    for text in [RFC7515, RFC7520, RFC9964, INTEROP] {
        let file: File = serde_json::from_str(text).unwrap();
        for example in &file.jws {
            let title = &example.title;
            let jwk = Jwk::from_value(key(&file.keys, &example.key)).unwrap();
            let jws = UnverifiedJws::parse(&example.compact).unwrap();
            assert_eq!(jws.algorithm(), example.alg, "{title}");
            let (input, signature) = example.compact.rsplit_once('.').unwrap();
            let mut changed = example.compact.clone().into_bytes();
            let middle = input.len() + signature.len() / 2;
            changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let changed = UnverifiedJws::parse(&changed).unwrap();
            let verified = if example.alg.is_symmetric() {
                let key = HmacKey::from_jwk(&jwk, example.alg).unwrap();
                assert!(changed.verify_hmac(&[example.alg], &key).is_err());
                assert_eq!(base64url::encode(key.sign(input.as_bytes())), signature);
                jws.verify_hmac(&[example.alg], &key)
            } else {
                let key = VerifyingKey::from_jwk(&jwk).unwrap();
                assert!(changed.verify(&[example.alg], [&key]).is_err());
                if jwk.is_private() {
                    let private = SigningKey::from_jwk(&jwk, example.alg).unwrap();
                    let ours = private.sign(input.as_bytes()).unwrap();
                    assert!(key.verify(example.alg, input.as_bytes(), &ours).is_ok());
                    if example.reproducible && !example.alg.name().starts_with("PS") {
                        assert_eq!(base64url::encode(ours), signature, "{title}");
                    }
                }
                jws.verify(&[example.alg], [&key])
            };
            assert_eq!(verified.unwrap().payload(), example.payload.as_bytes());
            count += 1;
        }
    }
    assert_eq!(count, 4 + 6 + 3 + 13);
}

#[test]
fn encrypted_examples_open_and_the_unsupported_ones_are_refused() {
    let (mut opened, mut refused) = (0, 0);
    for text in [RFC7516, RFC7520, INTEROP] {
        let file: File = serde_json::from_str(text).unwrap();
        for example in &file.jwe {
            let title = &example.title;
            let jwe = UnverifiedJwe::parse(&example.compact);
            if example.refused {
                assert!(jwe.is_err(), "{title}");
                refused += 1;
                continue;
            }
            let jwk = Jwk::from_value(key(&file.keys, &example.key)).unwrap();
            let (alg, enc) = (example.alg.unwrap(), example.enc.unwrap());
            let key = DecryptionKey::from_jwk(&jwk).unwrap();
            let plaintext = example.plaintext.clone().unwrap();
            let decrypted = jwe.unwrap().decrypt(&key, &[alg], &[enc]);
            assert_eq!(decrypted.unwrap().text().unwrap(), plaintext, "{title}");

            let public = if jwk.is_private() && alg.is_symmetric() {
                EncryptionKey::from_jwk(&jwk).unwrap()
            } else {
                EncryptionKey::from_jwk(&Jwk::from_value(&jwk.to_public_value()).unwrap()).unwrap()
            };
            let ours = encrypt_compact(
                alg,
                enc,
                &public,
                JweHeader::default(),
                plaintext.as_bytes(),
            )
            .unwrap();
            let jwe = UnverifiedJwe::parse(&ours).unwrap();
            let decrypted = jwe.decrypt(&key, &[alg], &[enc]).unwrap();
            assert_eq!(decrypted.text().unwrap(), plaintext, "{title}");
            opened += 1;
        }
    }
    assert_eq!((opened, refused), (2 + 8 + 150, 4));
}

//= test RFC7638#3 only the required members, in lexicographic order, without white space
#[test]
fn the_keys_of_rfc_7517_are_read_and_their_thumbprint_is_that_of_rfc_7638() {
    let file: Value = serde_json::from_str(RFC7517).unwrap();
    let public = Jwks::parse(file["public"].to_string().as_bytes(), JwksPolicy::Client).unwrap();
    assert_eq!(public.len(), 2);
    let rsa = public.keys().nth(1).unwrap();
    assert_eq!(rsa.thumbprint(), file["rsa_thumbprint"].as_str().unwrap());
    assert_eq!(rsa.kid(), Some("2011-04-29"));
    assert_eq!(rsa.alg(), Some("RS256"));
    assert!(public.keys().all(|key| !key.is_private()));
    // The EC key is for encryption, the RSA key for RS256.
    for (alg, count) in [
        (JwsAlgorithm::RS256, 1),
        (JwsAlgorithm::PS256, 0),
        (JwsAlgorithm::ES256, 0),
    ] {
        assert_eq!(public.candidates(alg, None).count(), count);
    }

    for name in ["private", "symmetric"] {
        let text = file[name].to_string();
        for policy in [JwksPolicy::Client, JwksPolicy::Fetched] {
            assert!(Jwks::parse(text.as_bytes(), policy).is_err());
        }
        let own = Jwks::parse(text.as_bytes(), JwksPolicy::Own).unwrap();
        assert!(own.keys().all(Jwk::is_private));
        let published: Value = serde_json::from_str(&own.to_json()).unwrap();
        for key in published["keys"].as_array().unwrap() {
            for secret in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(key.get(secret).is_none());
            }
        }
    }
}

//= test RFC9964#6 the thumbprint of an AKP key covers `alg`, `kty` and `pub`
//= test RFC9964#3 `alg` and `pub` are there, in the form that the algorithm demands
//= test RFC9964#4 `priv` is the seed, 32 bytes
//= test RFC9964#5 `pub` is the encoded public key, whose length the algorithm fixes
#[test]
fn keys_of_one_algorithm_are_read_named_and_refused_by_their_own_rules() {
    let file: File = serde_json::from_str(RFC9964).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for example in &file.jws {
        let jwk = Jwk::from_value(&example.key).unwrap();
        assert_eq!(Some(jwk.thumbprint().as_str()), jwk.kid());
        names.insert(jwk.thumbprint());
        let public = jwk.to_public_value();
        assert_eq!(public.get("priv"), None);
        assert_eq!(public["pub"], example.key["pub"]);
        // A key that we make reads back, and another algorithm of the same kind is not its own.
        let made = SigningKey::generate(example.alg).unwrap();
        let again = SigningKey::from_pkcs8(example.alg, &made.to_pkcs8().unwrap()).unwrap();
        assert_eq!(made.kid(), again.kid());
        let signed = again.sign_compact(Some("JWT"), b"{}").unwrap();
        let key = made.verifying_key().unwrap();
        let jws = || UnverifiedJws::parse(&signed).unwrap();
        assert!(jws().verify(&[example.alg], [&key]).is_ok());
        let other = VerifyingKey::from_jwk(&jwk).unwrap();
        assert!(jws().verify(&[example.alg], [&other]).is_err());
        for alg in JwsAlgorithm::ALL.iter().filter(|alg| **alg != example.alg) {
            assert!(!key.supports(*alg), "{alg}");
            assert!(SigningKey::from_jwk(&jwk, *alg).is_err(), "{alg}");
        }
        type Change = fn(&mut Map<String, Value>);
        let bad: [Change; 8] = [
            |key| drop(key.remove("alg")),
            |key| drop(key.remove("pub")),
            |key| drop(key.insert("alg".to_owned(), "ML-DSA-99".into())),
            |key| drop(key.insert("alg".to_owned(), "ES256".into())),
            |key| drop(key.insert("pub".to_owned(), "AAAA".into())),
            |key| drop(key.insert("priv".to_owned(), "AAAA".into())),
            |key| drop(key.insert("priv".to_owned(), base64url::encode([1; 32]).into())),
            |key| drop(key.insert("priv".to_owned(), base64url::encode([0; 33]).into())),
        ];
        for (at, change) in bad.iter().enumerate() {
            let mut changed = example.key.as_object().unwrap().clone();
            change(&mut changed);
            assert!(Jwk::from_value(&Value::Object(changed)).is_err(), "{at}");
        }
        // A secret part spoils the set of a client.
        let set = serde_json::json!({"keys": [example.key]});
        assert!(Jwks::from_value(&set, JwksPolicy::Client).is_err());
        let set = serde_json::json!({"keys": [public]});
        assert_eq!(Jwks::from_value(&set, JwksPolicy::Client).unwrap().len(), 1);
    }
    assert_eq!(names.len(), 3);
}

//= test RFC8037#2 the thumbprint of an OKP key covers `crv`, `kty` and `x`
#[test]
fn the_examples_of_rfc_8037_hold() {
    let file: Value = serde_json::from_str(RFC8037).unwrap();
    let jwk = Jwk::from_value(&file["key"]).unwrap();
    assert_eq!(jwk.thumbprint(), file["thumbprint"].as_str().unwrap());
    let key = SigningKey::from_jwk(&jwk, JwsAlgorithm::EdDSA).unwrap();
    assert_eq!(key.kid(), jwk.thumbprint());
    let compact = file["compact"].as_str().unwrap();
    let (input, signature) = compact.rsplit_once('.').unwrap();
    let ours = key.sign(input.as_bytes()).unwrap();
    assert_eq!(base64url::encode(ours), signature);
    let public = key.verifying_key().unwrap();
    let verified = UnverifiedJws::parse(compact)
        .unwrap()
        .verify(&[JwsAlgorithm::EdDSA], [&public])
        .unwrap();
    assert_eq!(
        verified.payload(),
        file["payload"].as_str().unwrap().as_bytes()
    );
}
