//! Signing, verifying, and everything that must not verify.

use hallpass_jose::{
    HeaderPolicy, HmacKey, Jwk, JwsAlgorithm, JwsError, KeyError, ParseOptions, SigningKey,
    UnverifiedJws, VerifyingKey, base64url,
};
use serde_json::{Value, json};

const ASYMMETRIC: &[JwsAlgorithm] = &[
    JwsAlgorithm::RS256,
    JwsAlgorithm::RS384,
    JwsAlgorithm::RS512,
    JwsAlgorithm::PS256,
    JwsAlgorithm::PS384,
    JwsAlgorithm::PS512,
    JwsAlgorithm::ES256,
    JwsAlgorithm::ES384,
    JwsAlgorithm::ES512,
    JwsAlgorithm::EdDSA,
];
const SYMMETRIC: &[JwsAlgorithm] = &[
    JwsAlgorithm::HS256,
    JwsAlgorithm::HS384,
    JwsAlgorithm::HS512,
];

fn compact(header: &Value, payload: &[u8], signature: &[u8]) -> String {
    [header.to_string().as_bytes(), payload, signature]
        .map(base64url::encode)
        .join(".")
}

fn with_header(header: &str) -> String {
    format!("{}.e30.AAAA", base64url::encode(header))
}

fn parse_error(text: &str) -> Option<JwsError> {
    UnverifiedJws::parse(text).err()
}

//= test RFC7515#4.1.9 `application/` may be left out when no other slash is in the type
#[test]
fn every_algorithm_signs_what_its_public_key_verifies() {
    for &alg in ASYMMETRIC {
        let key = SigningKey::generate(alg).unwrap();
        let token = key.sign_compact(Some("at+jwt"), br#"{"sub":"x"}"#).unwrap();
        let jws = UnverifiedJws::parse(&token).unwrap();
        assert_eq!(jws.algorithm(), alg);
        assert_eq!(jws.kid(), Some(key.kid()));
        assert_eq!(jws.typ(), Some("at+jwt"));

        let published = key.public_jwk().to_public_value();
        assert_eq!(published["alg"], alg.name());
        assert_eq!(published["use"], "sig");
        assert_eq!(published["kid"], key.kid());
        let jwk = Jwk::from_value(&published).unwrap();
        assert!(!jwk.is_private());
        assert_eq!(jwk.thumbprint(), key.kid());
        let public = VerifyingKey::from_jwk(&jwk).unwrap();
        let verified = jws.verify(&[alg], [&public]).unwrap();
        assert_eq!(verified.claims().unwrap().str("sub"), Ok(Some("x")));
        assert!(verified.typ_is("AT+JWT"));
        assert!(!verified.typ_is("JWT"));
        let full = key.sign_compact(Some("Application/at+jwt"), b"").unwrap();
        let full = UnverifiedJws::parse(&full).unwrap();
        assert!(full.verify(&[alg], [&public]).unwrap().typ_is("at+jwt"));

        // The same key, sealed and opened.
        let document = key.to_pkcs8().unwrap();
        let again = SigningKey::from_pkcs8(alg, &document).unwrap();
        assert_eq!(again.kid(), key.kid());
        let token = again.sign_compact(None, b"{}").unwrap();
        let jws = UnverifiedJws::parse(&token).unwrap();
        assert_eq!(jws.typ(), None);
        assert!(jws.verify(&[alg], [&public]).is_ok());
        assert!(SigningKey::from_pkcs8(alg, &document[..document.len() - 1]).is_err());
    }
}

//= test RFC7518#3.2 the secret is at least as long as the digest
#[test]
fn every_symmetric_algorithm_signs_what_it_verifies() {
    for &alg in SYMMETRIC {
        let len = alg.hash().output_len();
        assert_eq!(
            HmacKey::new(alg, &vec![1; len - 1]).unwrap_err(),
            KeyError::TooShort
        );
        let key = HmacKey::new(alg, &vec![1; len]).unwrap();
        let token = key.sign_compact(Some("JWT"), b"{}");
        let verify = |key: &HmacKey, allowed: &[JwsAlgorithm], token: &str| {
            UnverifiedJws::parse(token)
                .unwrap()
                .verify_hmac(allowed, key)
                .map(|_| ())
        };
        assert_eq!(verify(&key, &[alg], &token), Ok(()));
        assert_eq!(
            verify(&key, &[JwsAlgorithm::RS256], &token),
            Err(JwsError::AlgorithmNotAllowed)
        );
        let other = HmacKey::new(alg, &vec![2; len]).unwrap();
        assert_eq!(verify(&other, &[alg], &token), Err(JwsError::Signature));
        for cut in 1..=len {
            let (input, tag) = token.rsplit_once('.').unwrap();
            let tag = base64url::decode(tag).unwrap();
            let cut = format!("{input}.{}", base64url::encode(&tag[..len - cut]));
            assert_eq!(verify(&key, &[alg], &cut), Err(JwsError::Signature));
        }
    }
    assert_eq!(
        HmacKey::new(JwsAlgorithm::RS256, &[1; 64]).unwrap_err(),
        KeyError::Algorithm
    );
    assert!(SigningKey::generate(JwsAlgorithm::HS256).is_err());
}

#[test]
fn a_changed_payload_header_or_signature_does_not_verify() {
    for &alg in &[
        JwsAlgorithm::ES256,
        JwsAlgorithm::EdDSA,
        JwsAlgorithm::PS256,
    ] {
        let key = SigningKey::generate(alg).unwrap();
        let public = key.verifying_key().unwrap();
        let token = key.sign_compact(Some("JWT"), br#"{"a":1}"#).unwrap();
        let parts: Vec<Vec<u8>> = token
            .split('.')
            .map(|part| base64url::decode(part).unwrap())
            .collect();
        for (i, part) in parts.iter().enumerate() {
            for at in 0..part.len() {
                let mut changed = parts.clone();
                changed[i][at] ^= 1;
                let text: Vec<String> = changed.iter().map(base64url::encode).collect();
                let text = text.join(".");
                let Ok(jws) = UnverifiedJws::parse(&text) else {
                    continue;
                };
                assert!(jws.verify(ASYMMETRIC, [&public]).is_err());
            }
        }
    }
}

//= test RFC8725#3.1 a key is used with exactly the algorithms it is for
//= test RFC8725#3.1 only algorithms that the application chose are used
//= test RFC7518#3.4 each ECDSA algorithm goes with one curve
#[test]
fn a_key_of_another_kind_or_declared_for_another_algorithm_is_not_tried() {
    let rsa = SigningKey::generate(JwsAlgorithm::PS256).unwrap();
    let ec = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let token = ec.sign_compact(None, b"{}").unwrap();
    let parse = || UnverifiedJws::parse(&token).unwrap();
    let rsa_public = rsa.verifying_key().unwrap();
    let ec_public = ec.verifying_key().unwrap();
    assert_eq!(
        parse().verify(ASYMMETRIC, [&rsa_public]).unwrap_err(),
        JwsError::NoKey
    );
    assert_eq!(parse().verify(ASYMMETRIC, []).unwrap_err(), JwsError::NoKey);
    assert_eq!(
        parse()
            .verify(&[JwsAlgorithm::RS256], [&ec_public])
            .unwrap_err(),
        JwsError::AlgorithmNotAllowed
    );
    assert_eq!(
        parse().verify(&[], [&ec_public]).unwrap_err(),
        JwsError::AlgorithmNotAllowed
    );
    // The key says PS256, so RS256 is not for it although the kind fits.
    assert!(rsa_public.supports(JwsAlgorithm::PS256));
    assert!(!rsa_public.supports(JwsAlgorithm::RS256));
}

#[test]
fn none_and_unknown_algorithms_do_not_exist() {
    for alg in [
        "none", "None", "nOnE", "NONE", "", "rs256", "ES256K", "HS1", "dir",
    ] {
        let text = compact(&json!({"alg": alg}), b"{}", b"");
        assert_eq!(
            parse_error(&text),
            Some(JwsError::UnsupportedAlgorithm),
            "{alg}"
        );
    }
    for header in [
        json!({}),
        json!({"alg": null}),
        json!({"alg": 1}),
        json!({"alg": ["ES256"]}),
        json!({"alg": "ES256", "kid": 1}),
        json!({"alg": "ES256", "kid": null}),
        json!({"alg": "ES256", "typ": {}}),
    ] {
        let text = compact(&header, b"{}", b"");
        assert_eq!(parse_error(&text), Some(JwsError::HeaderType), "{header}");
    }
}

#[test]
fn a_public_key_is_never_a_shared_secret() {
    let key = SigningKey::generate(JwsAlgorithm::RS256).unwrap();
    let jwk = key.public_jwk();
    let public = key.verifying_key().unwrap();
    let value = jwk.to_public_value();
    let n = base64url::decode(value["n"].as_str().unwrap()).unwrap();
    for secret in [value.to_string().into_bytes(), n, jwk.thumbprint().into()] {
        for &alg in SYMMETRIC {
            let Ok(forger) = HmacKey::new(alg, &secret) else {
                continue;
            };
            let token = forger.sign_compact(None, b"{}");
            let mut allowed = ASYMMETRIC.to_vec();
            allowed.extend(SYMMETRIC);
            let outcome = UnverifiedJws::parse(&token)
                .unwrap()
                .verify(&allowed, [&public]);
            assert_eq!(outcome.unwrap_err(), JwsError::AlgorithmNotAllowed);
            assert!(public.verify(alg, b"x", b"y").is_err());
        }
    }
}

#[test]
fn ecdsa_signatures_are_two_numbers_of_fixed_length_and_neither_is_zero() {
    let lengths = [
        (JwsAlgorithm::ES256, 64),
        (JwsAlgorithm::ES384, 96),
        (JwsAlgorithm::ES512, 132),
    ];
    for (alg, len) in lengths {
        let key = SigningKey::generate(alg).unwrap();
        let public = key.verifying_key().unwrap();
        let good = key.sign(b"m").unwrap();
        assert_eq!(good.len(), len);
        assert_eq!(public.verify(alg, b"m", &good), Ok(()));
        let half = len / 2;
        let trimmed = |number: &[u8]| {
            let mut number = number.to_vec();
            while number.first() == Some(&0) {
                number.remove(0);
            }
            if number.first().is_some_and(|first| first & 0x80 != 0) {
                number.insert(0, 0);
            }
            [vec![2, u8::try_from(number.len()).unwrap()], number].concat()
        };
        let body = [trimmed(&good[..half]), trimmed(&good[half..])].concat();
        let body_len = u8::try_from(body.len()).unwrap();
        let der = if body_len < 128 {
            [vec![0x30, body_len], body].concat()
        } else {
            [vec![0x30, 0x81, body_len], body].concat()
        };
        let bad = [
            der,
            vec![0; len],
            vec![0xff; len],
            [&good[..half], &vec![0; half]].concat(),
            [&vec![0; half], &good[half..]].concat(),
            [&good[..], &[0]].concat(),
            [&[0], &good[..]].concat(),
            good[..len - 1].to_vec(),
            good[half..].to_vec(),
            vec![],
        ];
        for signature in bad {
            assert_eq!(
                public.verify(alg, b"m", &signature),
                Err(JwsError::Signature)
            );
        }
    }
    // r = n of P-256.
    let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let mut signature = key.sign(b"m").unwrap();
    let order = base64url::decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE").unwrap();
    signature[..32].copy_from_slice(&order);
    let public = key.verifying_key().unwrap();
    assert!(
        public
            .verify(JwsAlgorithm::ES256, b"m", &signature)
            .is_err()
    );
}

//= test RFC7515#4.1.11 an object with a critical extension that is not understood is invalid
//= test RFC8725#3.10 keys and key locations in a header are not trusted
#[test]
fn headers_that_name_keys_extensions_or_compression_are_refused() {
    let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let jwk = key.public_jwk().to_public_value();
    for extra in [
        json!({"crit": ["exp"]}),
        json!({"crit": []}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"crit": null}),
        json!({"b64": false}),
        json!({"b64": true}),
        json!({"zip": "DEF"}),
        json!({"jku": "https://attacker.example/jwks"}),
        json!({"x5u": "https://attacker.example/cert"}),
        json!({"x5c": ["MIIB"]}),
        json!({"jwk": jwk}),
        json!({"jwk": null}),
    ] {
        let mut header = json!({"alg": "ES256"});
        for (name, value) in extra.as_object().unwrap() {
            header[name] = value.clone();
        }
        let input = format!(
            "{}.{}",
            base64url::encode(header.to_string()),
            base64url::encode("{}")
        );
        let signature = key.sign(input.as_bytes()).unwrap();
        let text = format!("{input}.{}", base64url::encode(signature));
        assert_eq!(
            parse_error(&text),
            Some(JwsError::HeaderForbidden),
            "{header}"
        );
        let options = ParseOptions {
            header: HeaderPolicy::EmbeddedJwk,
            ..ParseOptions::default()
        };
        let embedded = UnverifiedJws::parse_with(&text, options);
        if extra.get("jwk").is_none() {
            assert_eq!(embedded.unwrap_err(), JwsError::HeaderForbidden);
        } else if extra["jwk"].is_null() {
            assert!(embedded.unwrap().embedded_jwk().is_err());
        } else {
            let jws = embedded.unwrap();
            let jwk = jws.embedded_jwk().unwrap().unwrap();
            assert_eq!(jwk.thumbprint(), key.kid());
            // It is no key source: without other keys nothing verifies.
            assert_eq!(
                jws.clone().verify(ASYMMETRIC, []).unwrap_err(),
                JwsError::NoKey
            );
            let public = VerifyingKey::from_jwk(&jwk).unwrap();
            assert!(jws.verify(ASYMMETRIC, [&public]).is_ok());
        }
    }
}

#[test]
fn an_embedded_private_key_is_refused() {
    let header = json!({"alg": "EdDSA", "jwk": {
        "kty": "OKP", "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }});
    let options = ParseOptions {
        header: HeaderPolicy::EmbeddedJwk,
        ..ParseOptions::default()
    };
    let text = compact(&header, b"{}", b"x");
    let jws = UnverifiedJws::parse_with(&text, options).unwrap();
    assert!(jws.embedded_jwk().is_err());
}

#[test]
fn headers_that_are_not_strict_json_objects_are_refused() {
    for header in [
        r#"{"alg":"ES256","alg":"none"}"#,
        r#"{"alg":"none","\u0061lg":"ES256"}"#,
        r#"{"alg":"ES256","x":{"y":1,"y":2}}"#,
        "[]",
        "null",
        "\"ES256\"",
        "",
        "{",
        "{\"alg\":\"ES256\"} x",
        "\u{feff}{\"alg\":\"ES256\"}",
        r#"{"alg":"ES256","a":[[[[[1]]]]]}"#,
    ] {
        let error = parse_error(&with_header(header));
        assert!(
            matches!(error, Some(JwsError::HeaderJson(_))),
            "{header}: {error:?}"
        );
    }
    let invalid = format!(
        "{}.e30.AAAA",
        base64url::encode(b"{\"alg\":\"ES256\",\"a\":\"\xff\"}")
    );
    assert!(matches!(
        parse_error(&invalid),
        Some(JwsError::HeaderJson(_))
    ));
}

#[test]
fn claims_that_are_not_strict_json_objects_are_refused() {
    let key = SigningKey::generate(JwsAlgorithm::EdDSA).unwrap();
    let public = key.verifying_key().unwrap();
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
    for payload in [
        &br#"{"sub":"a","sub":"b"}"#[..],
        br#"{"sub":"a","\u0073ub":"b"}"#,
        b"\xef\xbb\xbf{}",
        b"{\"sub\":\"\xff\"}",
        b"[]",
        b"\"x\"",
        b"",
        b"{}{}",
        deep.as_bytes(),
    ] {
        let token = key.sign_compact(None, payload).unwrap();
        let verified = UnverifiedJws::parse(&token)
            .unwrap()
            .verify(&[JwsAlgorithm::EdDSA], [&public])
            .unwrap();
        assert!(matches!(verified.claims(), Err(JwsError::ClaimsJson(_))));
    }
}

#[test]
fn text_that_is_not_three_parts_of_strict_base64url_is_refused() {
    let key = SigningKey::generate(JwsAlgorithm::EdDSA).unwrap();
    let token = key.sign_compact(None, b"{\"a\":1}").unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    for text in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        input.into(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.AA.AA"),
        format!("{token}="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{input}=.{signature}"),
        format!("{input}.{signature}%"),
        format!("{input}.é"),
        token.replace('.', " ."),
        "e30".into(),
    ] {
        assert!(UnverifiedJws::parse(&text).is_err(), "{text}");
    }
    // The last character has bits that do not count; only one spelling is accepted.
    let last = token.chars().last().unwrap();
    let accepted = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        .chars()
        .filter(|other| {
            let text = format!("{}{other}", token.strip_suffix(last).unwrap());
            UnverifiedJws::parse(&text).is_ok()
        })
        .count();
    assert_eq!(accepted, 4);
}

#[test]
fn oversized_text_is_refused_before_it_is_read() {
    let dots = ".".repeat(1_000_000);
    assert_eq!(parse_error(&dots), Some(JwsError::TooLarge));
    assert_eq!(
        UnverifiedJws::parse_with_limit(&dots, usize::MAX).unwrap_err(),
        JwsError::NotCompact
    );
    let header = with_header(&format!(
        r#"{{"alg":"ES256","kid":"{}"}}"#,
        "k".repeat(65536)
    ));
    assert_eq!(parse_error(&header), Some(JwsError::TooLarge));
    assert_eq!(
        UnverifiedJws::parse_with_limit(&header, usize::MAX).unwrap_err(),
        JwsError::TooLarge
    );
    let key = SigningKey::generate(JwsAlgorithm::EdDSA).unwrap();
    let token = key.sign_compact(None, &[b'x'; 2000]).unwrap();
    assert!(UnverifiedJws::parse_with_limit(&token, token.len()).is_ok());
    assert_eq!(
        UnverifiedJws::parse_with_limit(&token, token.len() - 1).unwrap_err(),
        JwsError::TooLarge
    );
}

#[test]
fn no_more_than_eight_keys_are_tried() {
    let signer = SigningKey::generate(JwsAlgorithm::EdDSA).unwrap();
    let token = signer.sign_compact(None, b"{}").unwrap();
    let others: Vec<VerifyingKey> = (0..8)
        .map(|_| {
            let key = SigningKey::generate(JwsAlgorithm::EdDSA).unwrap();
            key.verifying_key().unwrap()
        })
        .collect();
    let right = signer.verifying_key().unwrap();
    let verify = |keys: Vec<&VerifyingKey>| {
        UnverifiedJws::parse(&token)
            .unwrap()
            .verify(&[JwsAlgorithm::EdDSA], keys)
            .map(|_| ())
    };
    assert_eq!(verify(others[..7].iter().chain([&right]).collect()), Ok(()));
    assert_eq!(
        verify(others.iter().chain([&right]).collect()),
        Err(JwsError::Signature)
    );
}

#[test]
fn ed25519_is_accepted_as_a_name_of_eddsa() {
    let key = SigningKey::generate(JwsAlgorithm::EdDSA).unwrap();
    let input = format!("{}.e30", base64url::encode(r#"{"alg":"Ed25519"}"#));
    let signature = key.sign(input.as_bytes()).unwrap();
    let text = format!("{input}.{}", base64url::encode(signature));
    let jws = UnverifiedJws::parse(&text).unwrap();
    let public = key.verifying_key().unwrap();
    assert!(
        jws.clone()
            .verify(&[JwsAlgorithm::EdDSA], [&public])
            .is_ok()
    );
    let ec = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let ec = ec.verifying_key().unwrap();
    assert_eq!(
        jws.verify(&[JwsAlgorithm::EdDSA], [&ec]).unwrap_err(),
        JwsError::NoKey
    );
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let key = SigningKey::generate(JwsAlgorithm::EdDSA).unwrap();
    let debug = format!("{key:?}");
    assert!(
        debug.contains(key.kid()) && !debug.contains("seed"),
        "{debug}"
    );
    let hmac = HmacKey::new(JwsAlgorithm::HS256, &[b'S'; 32]).unwrap();
    assert_eq!(format!("{hmac:?}"), "HmacKey { algorithm: HS256, .. }");
}

#[test]
fn an_object_is_not_printed_in_a_form_that_could_be_used() {
    let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let text = key.sign_compact(None, b"{\"jti\":\"1\"}").unwrap();
    let printed = format!("{:?}", UnverifiedJws::parse(&text).unwrap());
    assert!(printed.contains("ES256"), "{printed}");
    let (input, signature) = text.rsplit_once('.').unwrap();
    let signature = base64url::decode(signature).unwrap();
    for part in [
        input.to_owned(),
        format!("{signature:?}"),
        "123, 34".to_owned(),
    ] {
        assert!(!printed.contains(&part), "{printed}");
    }
}
