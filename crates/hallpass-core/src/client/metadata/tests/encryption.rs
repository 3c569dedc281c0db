use hallpass_jose::{ContentEncryption, DecryptionKey, JweAlgorithm};

use super::*;
use crate::client::{Encryption, fixtures};

const KINDS: [&str; 4] = [
    "id_token_encrypted_response",
    "userinfo_encrypted_response",
    "introspection_encrypted_response",
    "authorization_encrypted_response",
];

fn jwk(alg: JweAlgorithm) -> Value {
    let key = DecryptionKey::generate(alg).unwrap().public_jwk().unwrap();
    key.to_public_value()
}

fn input(kind: &str, alg: &str, more: &Value) -> Value {
    let mut input = with(&format!("{kind}_alg"), &json!(alg));
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

#[test]
fn encryption_is_registered_with_its_content_encryption_and_a_key_for_it() {
    //= test OIDC-REG#2 the default content encryption is A128CBC-HS256
    //= test OIDC-REG#2 an answer is encrypted as the client registered, or the registration is refused
    let keys = json!({"keys": [jwk(JweAlgorithm::EcdhEs)]});
    for kind in KINDS {
        let (alg, enc) = (format!("{kind}_alg"), format!("{kind}_enc"));
        let asked = input(kind, "ECDH-ES", &json!({"jwks": keys}));
        let metadata = run(&asked, Registration).unwrap();
        assert_eq!(metadata[&alg], "ECDH-ES");
        assert_eq!(metadata[&enc], "A128CBC-HS256");
        assert!(!needs_plain_secret(&metadata));
        let mut asked = input(
            kind,
            "RSA-OAEP",
            &json!({"jwks_uri": "https://rp.test/jwks"}),
        );
        asked[&enc] = json!("A256GCM");
        let metadata = run(&asked, Registration).unwrap();
        assert_eq!(metadata[&enc], "A256GCM");
    }
}

#[test]
fn encryption_that_cannot_work_is_refused() {
    //= test OIDC-REG#2 a content encryption comes with its key management algorithm
    let other_key = json!({"keys": [jwk(JweAlgorithm::EcdhEs)]});
    for kind in KINDS {
        let alg: &str = &format!("{kind}_alg");
        let enc: &str = &format!("{kind}_enc");
        let field_of = |input: &Value| {
            let (reason, field) = refused(input);
            (reason, field.to_owned())
        };
        for name in [
            "RSA1_5",
            "none",
            "PBES2-HS256+A128KW",
            "",
            "ecdh-es",
            "dir ",
        ] {
            let asked = input(kind, name, &json!({"jwks": other_key}));
            let expected = (MetadataReason::AlgorithmUnsupported, alg.to_owned());
            assert_eq!(field_of(&asked), expected, "{name}");
        }
        for name in ["A128CBC", "none", "", "a128gcm"] {
            let mut asked = input(kind, "ECDH-ES", &json!({"jwks": other_key}));
            asked[enc] = json!(name);
            let expected = (MetadataReason::AlgorithmUnsupported, enc.to_owned());
            assert_eq!(field_of(&asked), expected, "{name}");
        }
        let alone = with(enc, &json!("A128GCM"));
        let expected = (MetadataReason::AlgorithmUnsupported, enc.to_owned());
        assert_eq!(field_of(&alone), expected);
        // No key, and a key of another kind.
        for more in [json!({}), json!({"jwks": other_key})] {
            let asked = input(kind, "RSA-OAEP-256", &more);
            let expected = (MetadataReason::EncryptionKeyMissing, alg.to_owned());
            assert_eq!(field_of(&asked), expected);
        }
        assert_eq!(
            field_of(&with(alg, &json!(7))),
            (MetadataReason::WrongType, alg.to_owned())
        );
    }
}

#[test]
fn a_key_for_signatures_is_not_encrypted_to() {
    let mut key = p256();
    key["use"] = json!("sig");
    let asked = input(KINDS[0], "ECDH-ES", &json!({"jwks": {"keys": [key]}}));
    assert_eq!(
        refused(&asked),
        (
            MetadataReason::EncryptionKeyMissing,
            "id_token_encrypted_response_alg"
        )
    );
}

#[test]
fn a_symmetric_algorithm_needs_a_client_with_a_secret() {
    //= test OIDC-CORE#10.2 a symmetric key is derived from the client_secret
    for alg in ["dir", "A128KW", "A256GCMKW"] {
        for method in ["client_secret_basic", "client_secret_jwt"] {
            let asked = input(
                KINDS[0],
                alg,
                &json!({"token_endpoint_auth_method": method}),
            );
            let metadata = run(&asked, Registration).unwrap();
            assert!(needs_plain_secret(&metadata), "{alg}");
        }
        for method in ["none", "private_key_jwt"] {
            let more = json!({"token_endpoint_auth_method": method, "jwks": {"keys": [p256()]}});
            let (reason, _) = refused(&input(KINDS[0], alg, &more));
            assert_eq!(reason, MetadataReason::AlgorithmUnsupported, "{method}");
        }
    }
}

#[test]
fn request_objects_are_encrypted_by_what_the_issuer_has_keys_for() {
    let kind = "request_object_encryption";
    for alg in ["ECDH-ES", "ECDH-ES+A256KW", "A128KW", "dir"] {
        let metadata = run(&input(kind, alg, &json!({})), Registration).unwrap();
        assert_eq!(metadata["request_object_encryption_alg"], alg);
        assert_eq!(metadata["request_object_encryption_enc"], "A128CBC-HS256");
    }
    for alg in ["RSA-OAEP", "RSA-OAEP-256", "RSA1_5"] {
        let (reason, _) = refused(&input(kind, alg, &json!({})));
        assert_eq!(reason, MetadataReason::AlgorithmUnsupported, "{alg}");
    }
    let mut policy = policy();
    policy.encryption.own.push(JweAlgorithm::RsaOaep256);
    let asked = object(&input(kind, "RSA-OAEP-256", &json!({})));
    assert!(normalize(&asked, Registration, &policy).is_ok());
}

#[test]
fn an_issuer_without_encryption_registers_none() {
    let mut policy = policy();
    policy.encryption.algs.clear();
    let keys = json!({"keys": [jwk(JweAlgorithm::EcdhEs)]});
    let asked = object(&input(KINDS[0], "ECDH-ES", &json!({"jwks": keys})));
    assert!(normalize(&asked, Registration, &policy).is_err());
}

#[test]
fn a_stored_client_knows_how_it_is_encrypted_to() {
    let asked = input(KINDS[1], "A256KW", &json!({}));
    let client = fixtures::registered("web", &asked);
    let encryption = Encryption {
        alg: JweAlgorithm::A256Kw,
        enc: ContentEncryption::A128CbcHs256,
    };
    assert_eq!(client.encryption.userinfo, Some(encryption));
    assert_eq!(client.encryption.id_token, None);
    assert!(client.encryption_key(encryption, None).is_some());
    let other = Encryption {
        alg: JweAlgorithm::EcdhEs,
        ..encryption
    };
    assert!(client.encryption_key(other, None).is_none());
    // What is not offered any more makes the client unusable, not its answers plain.
    let mut policy = policy();
    let record = fixtures::record("web", &asked, Registration, &policy).unwrap();
    policy.encryption.algs.clear();
    let secret = Some(hallpass_types::Secret::new(fixtures::SECRET.to_owned()));
    assert!(crate::client::Client::from_record(&record, &policy, secret).is_err());
}
