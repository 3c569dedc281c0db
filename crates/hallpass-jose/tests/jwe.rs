//! Encrypting, decrypting, and everything that must not open.

use hallpass_jose::{
    ContentEncryption, DecryptionKey, EncryptionKey, JweAlgorithm, JweError, JweHeader, Jwk,
    UnverifiedJwe, base64url, encrypt_compact,
};
use serde_json::{Value, json};

const ALGS: &[JweAlgorithm] = JweAlgorithm::ALL;
const ENCS: &[ContentEncryption] = ContentEncryption::ALL;

/// Keys of both sides for every algorithm, on every curve.
fn pairs(alg: JweAlgorithm, enc: ContentEncryption) -> Vec<(EncryptionKey, DecryptionKey)> {
    if alg.is_symmetric() {
        let secret = "a client secret";
        return EncryptionKey::from_client_secret(secret, alg, enc)
            .into_iter()
            .zip(DecryptionKey::from_client_secret(secret, alg, enc))
            .collect();
    }
    DecryptionKey::generate(alg)
        .into_iter()
        .filter_map(|key| {
            let public = EncryptionKey::from_jwk(&key.public_jwk()?).ok()?;
            Some((public, key))
        })
        .collect()
}

fn open(text: &str, key: &DecryptionKey) -> Result<Vec<u8>, JweError> {
    let opened = UnverifiedJwe::parse(text)?.decrypt(key, ALGS, ENCS)?;
    Ok(opened.plaintext().to_vec())
}

fn parts(text: &str) -> Vec<Vec<u8>> {
    text.split('.').filter_map(base64url::decode).collect()
}

fn join(parts: &[Vec<u8>]) -> String {
    let parts: Vec<String> = parts.iter().map(base64url::encode).collect();
    parts.join(".")
}

fn with_header(header: &Value) -> String {
    format!(
        "{}.AAAA.AAAA.AAAA.AAAA",
        base64url::encode(header.to_string())
    )
}

#[test]
fn every_pair_of_algorithms_opens_what_it_closed() {
    for &alg in ALGS {
        for &enc in ENCS {
            let pairs = pairs(alg, enc);
            assert_eq!(pairs.len(), 1);
            for (public, private) in pairs {
                for plaintext in [&b""[..], b"x", &[7; 16], &[9; 1000]] {
                    let header = JweHeader {
                        cty: Some("JWT"),
                        typ: Some("JWE"),
                        iss: Some("https://op.example"),
                        aud: Some("client"),
                        ..JweHeader::default()
                    };
                    let text = encrypt_compact(alg, enc, &public, header, plaintext).unwrap();
                    let jwe = UnverifiedJwe::parse(&text).unwrap();
                    assert_eq!((jwe.algorithm(), jwe.encryption()), (alg, enc));
                    assert_eq!(jwe.kid(), private.kid());
                    assert_eq!(jwe.iss(), Some("https://op.example"));
                    let opened = jwe.decrypt(&private, &[alg], &[enc]).unwrap();
                    assert_eq!(opened.plaintext(), plaintext, "{alg} {enc}");
                    assert_eq!(opened.cty(), Some("JWT"));
                    assert_eq!(opened.typ(), Some("JWE"));
                }
            }
        }
    }
}

#[test]
fn ecdh_works_on_every_curve_and_its_keys_survive_sealing() {
    let jwks = [
        json!({"kty": "EC", "crv": "P-384",
            "x": "YU4rRUzdmVqmRtWOs2OpDE_T5fsNIodcG8G5FWPrTPMyxpzsSOGaQLpe2FpxBmu2",
            "y": "A8-yxCHxkfBz3hKZfI1jUYMjUhsEveZ9THuwFjH2sCNdtksRJU7D5-SkgaFL1ETP",
            "d": "iTx2pk7wW-GqJkHcEkFQb2EFyYcO7RugmaW3mRrQVAOUiPommT0IdnYK2xDlZh-j"}),
        json!({"kty": "OKP", "crv": "X25519",
            "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
            "d": "XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os"}),
        json!({"kty": "EC", "crv": "P-521",
            "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
            "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
            "d": "AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C"}),
    ];
    for jwk in jwks {
        let jwk = Jwk::from_value(&jwk).unwrap();
        let public = EncryptionKey::from_jwk(&jwk).unwrap();
        let private = DecryptionKey::from_jwk(&jwk).unwrap();
        for alg in [
            "ECDH-ES",
            "ECDH-ES+A128KW",
            "ECDH-ES+A192KW",
            "ECDH-ES+A256KW",
        ] {
            let alg = JweAlgorithm::parse(alg).unwrap();
            let document = private.to_pkcs8().unwrap();
            let again = DecryptionKey::from_pkcs8(alg, &document).unwrap();
            assert_eq!(again.kid(), Some(jwk.thumbprint().as_str()));
            for &enc in ENCS {
                let text = encrypt_compact(alg, enc, &public, JweHeader::default(), b"hi").unwrap();
                assert_eq!(open(&text, &private).unwrap(), b"hi");
                assert_eq!(open(&text, &again).unwrap(), b"hi");
            }
        }
    }
}

//= test RFC7516#11.5 a failure to recover the content key looks like any other failure
//= test RFC7516#5.2 with direct keys the encrypted key is empty
#[test]
fn nothing_changed_or_shortened_opens_and_every_failure_looks_alike() {
    //= test RFC7518#5.2.2.2 the tag is compared before anything is decrypted
    for &alg in ALGS {
        for &enc in &[ContentEncryption::A128Gcm, ContentEncryption::A192CbcHs384] {
            for (public, private) in pairs(alg, enc) {
                let text =
                    encrypt_compact(alg, enc, &public, JweHeader::default(), b"secret").unwrap();
                let good = parts(&text);
                for part in 1..good.len() {
                    let mut bad = Vec::new();
                    for at in 0..good[part].len().min(70) {
                        let mut changed = good.clone();
                        changed[part][at] ^= 0x80;
                        bad.push(changed);
                    }
                    for len in 0..good[part].len().min(20) {
                        let mut cut = good.clone();
                        cut[part].truncate(len);
                        bad.push(cut);
                    }
                    let mut longer = good.clone();
                    longer[part].push(0);
                    bad.push(longer);
                    for bad in bad {
                        assert_eq!(open(&join(&bad), &private), Err(JweError::Decrypt));
                    }
                }
                // Other bytes of the header with the same meaning.
                let spaced = good.clone();
                let header = String::from_utf8(spaced[0].clone()).unwrap();
                let mut spaced = good.clone();
                spaced[0] = header.replacen('{', "{ ", 1).into_bytes();
                assert_eq!(open(&join(&spaced), &private), Err(JweError::Decrypt));
            }
        }
    }
}

#[test]
fn a_wrong_key_of_the_right_or_another_kind_fails_alike() {
    let enc = ContentEncryption::A256Gcm;
    for &alg in ALGS {
        for (public, _) in pairs(alg, enc) {
            let text = encrypt_compact(alg, enc, &public, JweHeader::default(), b"x").unwrap();
            for &other in ALGS {
                let other = if other.is_symmetric() {
                    DecryptionKey::from_client_secret("another secret", other, enc).unwrap()
                } else {
                    DecryptionKey::generate(other).unwrap()
                };
                assert_eq!(open(&text, &other), Err(JweError::Decrypt), "{alg}");
            }
        }
    }
}

#[test]
fn a_key_that_does_not_fit_is_not_used_to_encrypt() {
    let enc = ContentEncryption::A128Gcm;
    for &alg in ALGS {
        for (public, _) in pairs(alg, enc) {
            for &other in ALGS.iter().filter(|other| **other != alg) {
                let outcome = encrypt_compact(other, enc, &public, JweHeader::default(), b"x");
                assert_eq!(outcome, Err(JweError::NoKey), "{alg} {other}");
            }
        }
    }
    // A key for `dir` has the length of one content encryption.
    let dir = EncryptionKey::from_client_secret("s", JweAlgorithm::Dir, enc).unwrap();
    let other = ContentEncryption::A256Gcm;
    assert!(!dir.supports(JweAlgorithm::Dir, other));
}

#[test]
fn only_algorithms_that_the_caller_allows_are_used() {
    let (alg, enc) = (JweAlgorithm::EcdhEs, ContentEncryption::A128Gcm);
    for (public, private) in pairs(alg, enc) {
        let text = encrypt_compact(alg, enc, &public, JweHeader::default(), b"x").unwrap();
        for (algs, encs) in [
            (&[][..], ENCS),
            (ALGS, &[]),
            (&[JweAlgorithm::RsaOaep], ENCS),
            (ALGS, &[ContentEncryption::A256Gcm]),
        ] {
            let outcome = UnverifiedJwe::parse(&text)
                .unwrap()
                .decrypt(&private, algs, encs);
            assert_eq!(outcome.err(), Some(JweError::AlgorithmNotAllowed));
        }
    }
}

//= test RFC8725#3.6 nothing is decompressed
#[test]
fn compression_passwords_extensions_and_key_locations_are_refused_before_any_work() {
    for (name, value) in [
        ("zip", json!("DEF")),
        ("zip", json!(null)),
        ("p2c", json!(2_147_483_648_u64)),
        ("p2s", json!("AAAA")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("jwk", json!({})),
        ("jku", json!("https://attacker.example/")),
        ("x5u", json!("https://attacker.example/")),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = json!({"alg": "A128KW", "enc": "A128GCM"});
        header[name] = value;
        let error = UnverifiedJwe::parse(&with_header(&header)).err();
        assert_eq!(error, Some(JweError::HeaderForbidden), "{header}");
    }
}

#[test]
fn unknown_and_weak_algorithms_do_not_exist() {
    for (alg, enc) in [
        ("RSA1_5", "A128GCM"),
        ("PBES2-HS256+A128KW", "A128GCM"),
        ("none", "A128GCM"),
        ("RSA-OAEP-512", "A128GCM"),
        ("dir", "none"),
        ("dir", "A128CBC"),
        ("dir", ""),
    ] {
        let header = json!({"alg": alg, "enc": enc});
        let error = UnverifiedJwe::parse(&with_header(&header)).err();
        assert_eq!(error, Some(JweError::UnsupportedAlgorithm), "{header}");
    }
    for header in [
        json!({"alg": "dir"}),
        json!({"enc": "A128GCM"}),
        json!({"alg": 1, "enc": "A128GCM"}),
        json!({"alg": "dir", "enc": null}),
        json!({"alg": "dir", "enc": "A128GCM", "kid": 7}),
        json!({"alg": "dir", "enc": "A128GCM", "apu": 7}),
        json!({"alg": "dir", "enc": "A128GCM", "apv": "=="}),
        json!({"alg": "dir", "enc": "A128GCM", "iv": {}}),
    ] {
        let error = UnverifiedJwe::parse(&with_header(&header)).err();
        assert_eq!(error, Some(JweError::HeaderType), "{header}");
    }
    let twice = base64url::encode(r#"{"alg":"dir","alg":"dir","enc":"A128GCM"}"#);
    let error = UnverifiedJwe::parse(&format!("{twice}....")).err();
    assert!(matches!(error, Some(JweError::HeaderJson(_))));
}

#[test]
fn an_ephemeral_key_that_is_no_point_of_the_curve_does_not_agree() {
    let alg = JweAlgorithm::EcdhEs;
    let enc = ContentEncryption::A128CbcHs256;
    let (public, private) = pairs(alg, enc).remove(0);
    let text = encrypt_compact(alg, enc, &public, JweHeader::default(), b"x").unwrap();
    let good = parts(&text);
    let header: Value = serde_json::from_slice(&good[0]).unwrap();
    let zero = base64url::encode([0; 32]);
    let mut swapped = header["epk"].clone();
    (swapped["x"], swapped["y"]) = (header["epk"]["y"].clone(), header["epk"]["x"].clone());
    let low_order = |hex: &str| json!({"kty": "OKP", "crv": "X25519", "x": hex});
    for epk in [
        json!(null),
        json!("x"),
        json!({}),
        swapped,
        json!({"kty": "EC", "crv": "P-256", "x": zero, "y": zero}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-256", "x": header["epk"]["x"]}),
        json!({"kty": "oct", "k": zero}),
        low_order(&zero),
    ] {
        let mut header = header.clone();
        header["epk"] = epk;
        let mut bad = good.clone();
        bad[0] = header.to_string().into_bytes();
        assert_eq!(open(&join(&bad), &private), Err(JweError::Decrypt));
    }
    let x25519 = Jwk::from_value(&json!({"kty": "OKP", "crv": "X25519",
        "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
        "d": "XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os"}))
    .unwrap();
    let private = DecryptionKey::from_jwk(&x25519).unwrap();
    let header = json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": low_order(&zero)});
    let mut bad = good;
    bad[0] = header.to_string().into_bytes();
    assert_eq!(open(&join(&bad), &private), Err(JweError::Decrypt));
}

#[test]
fn text_that_is_not_five_parts_of_strict_base64url_is_refused() {
    let header = base64url::encode(r#"{"alg":"dir","enc":"A128GCM"}"#);
    for text in [
        String::new(),
        "....".into(),
        format!("{header}..."),
        format!("{header}....."),
        format!("{header}...=."),
        format!("{header}....A"),
        format!("{header}.. .."),
        format!("{header}=...."),
    ] {
        assert!(UnverifiedJwe::parse(&text).is_err(), "{text}");
    }
    assert!(UnverifiedJwe::parse(&format!("{header}....")).is_ok());
    let dots = ".".repeat(1_000_000);
    assert_eq!(UnverifiedJwe::parse(&dots).err(), Some(JweError::TooLarge));
    assert_eq!(
        UnverifiedJwe::parse_with_limit(&dots, usize::MAX).err(),
        Some(JweError::NotCompact)
    );
}

#[test]
fn an_empty_shared_key_does_not_exist() {
    let jwk = json!({"kty": "oct", "k": ""});
    assert!(Jwk::from_value(&jwk).is_err());
    // Nor one of another length than the algorithm's.
    let jwk = Jwk::from_value(&json!({"kty": "oct", "k": "AAAA"})).unwrap();
    let key = DecryptionKey::from_jwk(&jwk).unwrap();
    for &alg in ALGS {
        for &enc in ENCS {
            assert!(!key.supports(alg, enc));
        }
    }
}

//= test OIDC-Core#10.2 the left-most bytes of the smallest sufficient SHA-2 digest of the secret
#[test]
fn a_client_secret_becomes_the_left_part_of_its_digest() {
    // SHA-256 of "abc" begins with these bytes.
    let jwk = Jwk::from_value(&json!({"kty": "oct", "k": base64url::encode([
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
        0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23_u8,
    ])}))
    .unwrap();
    let (alg, enc) = (JweAlgorithm::A128Kw, ContentEncryption::A128Gcm);
    let secret = EncryptionKey::from_client_secret("abc", alg, enc).unwrap();
    let text = encrypt_compact(alg, enc, &secret, JweHeader::default(), b"x").unwrap();
    let key = DecryptionKey::from_jwk(&jwk).unwrap();
    assert_eq!(open(&text, &key).unwrap(), b"x");
    assert!(EncryptionKey::from_client_secret("abc", JweAlgorithm::RsaOaep, enc).is_err());
}

#[test]
fn keys_for_signatures_or_other_algorithms_are_refused() {
    let mut jwk = json!({"kty": "OKP", "crv": "X25519",
        "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"});
    assert!(EncryptionKey::from_jwk(&Jwk::from_value(&jwk).unwrap()).is_ok());
    assert!(DecryptionKey::from_jwk(&Jwk::from_value(&jwk).unwrap()).is_err());
    for (name, value) in [
        ("use", json!("sig")),
        ("use", json!("other")),
        ("key_ops", json!(["verify"])),
        ("alg", json!("EdDSA")),
        ("alg", json!("RSA1_5")),
    ] {
        jwk[name] = value;
        let parsed = Jwk::from_value(&jwk).unwrap();
        assert!(EncryptionKey::from_jwk(&parsed).is_err(), "{jwk}");
        jwk.as_object_mut().unwrap().remove(name);
    }
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let (alg, enc) = (JweAlgorithm::Dir, ContentEncryption::A128Gcm);
    for (public, private) in pairs(alg, enc) {
        assert_eq!(
            format!("{public:?}"),
            r#"EncryptionKey { key: "oct", kid: None, .. }"#
        );
        assert_eq!(
            format!("{private:?}"),
            r#"DecryptionKey { key: "oct", kid: None, .. }"#
        );
    }
}
