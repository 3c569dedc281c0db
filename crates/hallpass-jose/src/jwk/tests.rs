use serde_json::json;

use super::*;
use crate::algorithm::JwsAlgorithm;
use crate::jws::{SigningKey, VerifyingKey};

fn rsa() -> Value {
    // RFC 7517 appendix A.1.
    let file: Value =
        serde_json::from_str(include_str!("../../tests/vectors/rfc7517.json")).unwrap();
    file["public"]["keys"][1].clone()
}

fn ec() -> Value {
    // RFC 7517 appendix A.2.
    json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "kid": "1",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
    })
}

fn ed() -> Value {
    // RFC 8037 appendix A.1.
    json!({
        "kty": "OKP", "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    })
}

fn with(mut key: Value, name: &str, value: Value) -> Value {
    key[name] = value;
    key
}

fn without(mut key: Value, name: &str) -> Value {
    key.as_object_mut().unwrap().remove(name);
    key
}

fn error(key: &Value) -> JwkError {
    match Jwk::from_value(key) {
        Ok(jwk) => panic!("accepted {jwk:?}"),
        Err(error) => error,
    }
}

#[test]
fn good_keys_are_read() {
    for key in [rsa(), ec(), ed(), json!({"kty": "oct", "k": "AA"})] {
        let jwk = Jwk::parse(&key.to_string()).unwrap();
        assert_eq!(jwk.kid(), key["kid"].as_str());
        assert_eq!(
            Jwk::from_value(&key).unwrap().thumbprint(),
            jwk.thumbprint()
        );
        assert!(!format!("{jwk:?}").contains("870MB6"));
    }
    let jwk = Jwk::from_value(&ec()).unwrap();
    assert_eq!(jwk.key_use(), Some(KeyUse::Signature));
    assert_eq!(jwk.key_type(), KeyType::Ec(EcCurve::P256));
    assert!(jwk.is_private());
    let public = jwk.to_public_value();
    assert_eq!(public, without(ec(), "d"));
    assert_eq!(serde_json::to_value(&jwk).unwrap(), public);
    assert!(!Jwk::from_value(&public).unwrap().is_private());
}

#[test]
fn a_symmetric_key_shows_nothing_of_itself_in_public() {
    let jwk = Jwk::from_value(&json!({"kty": "oct", "k": "AAAA", "kid": "x"})).unwrap();
    assert_eq!(jwk.to_public_value(), json!({"kty": "oct", "kid": "x"}));
}

//= test RFC7517#4.3 no operation is listed twice
#[test]
fn members_that_are_missing_or_of_the_wrong_type_are_errors() {
    for key in [rsa(), ec(), ed()] {
        for name in ["kty", "crv", "x", "y", "n", "e"] {
            if key.get(name).is_some() {
                assert_eq!(error(&without(key.clone(), name)), JwkError::Missing);
                for bad in [json!(null), json!(1), json!(["x"]), json!({})] {
                    let key = with(key.clone(), name, bad);
                    assert_eq!(error(&key), JwkError::Malformed);
                }
            }
        }
        for name in ["kid", "use", "alg", "key_ops"] {
            for bad in [json!(null), json!(1), json!({}), json!([1])] {
                assert_eq!(error(&with(key.clone(), name, bad)), JwkError::Malformed);
            }
        }
        assert_eq!(
            error(&with(key.clone(), "kid", json!("k".repeat(513)))),
            JwkError::Malformed
        );
        assert_eq!(
            error(&with(key.clone(), "key_ops", json!(["verify", "verify"]))),
            JwkError::Malformed
        );
    }
    assert_eq!(error(&json!([])), JwkError::Malformed);
    assert_eq!(error(&json!("x")), JwkError::Malformed);
}

#[test]
fn duplicate_members_are_refused() {
    let text = ed().to_string().replacen('{', r#"{"kty":"OKP","#, 1);
    assert!(matches!(Jwk::parse(&text), Err(JwkError::Json(_))));
    let long = format!(r#"{{"kty":"oct","k":"{}"}}"#, "A".repeat(40_000));
    assert_eq!(Jwk::parse(&long).unwrap_err(), JwkError::TooLarge);
}

#[test]
fn unknown_types_and_curves_are_unsupported() {
    for key in [
        json!({"kty": "AKP", "alg": "FN-DSA-512", "pub": "AA"}),
        json!({"kty": "AKP", "alg": "ES256", "pub": "AA"}),
        json!({"kty": "rsa"}),
        with(ec(), "crv", json!("secp256k1")),
        with(ec(), "crv", json!("Ed25519")),
        with(ed(), "crv", json!("Ed448")),
        with(ed(), "crv", json!("P-256")),
    ] {
        assert_eq!(error(&key), JwkError::UnsupportedType);
    }
}

//= test RFC7518#6.3.1.1 numbers are written in the fewest octets
//= test RFC7518#3.3 RSA keys have 2048 bits or more
#[test]
fn rsa_keys_must_be_long_odd_and_with_a_sane_exponent() {
    let modulus = |bits: usize| {
        let mut n = vec![0xff; bits / 8];
        n[0] = 0x80;
        base64url::encode(n)
    };
    for bits in [512, 1024, 2040, 8200, 16384] {
        assert_eq!(
            error(&with(rsa(), "n", json!(modulus(bits)))),
            JwkError::Invalid,
            "{bits}"
        );
    }
    let good = rsa();
    let n = base64url::decode(good["n"].as_str().unwrap()).unwrap();
    let mut even = n.clone();
    *even.last_mut().unwrap() &= 0xfe;
    assert_eq!(
        error(&with(rsa(), "n", json!(base64url::encode(even)))),
        JwkError::Invalid
    );
    let padded = [&[0], &n[..]].concat();
    assert_eq!(
        error(&with(rsa(), "n", json!(base64url::encode(padded)))),
        JwkError::Malformed
    );
    for e in ["AQ", "Ag", "BA", "AQAAAAE", "AQAA"] {
        assert_eq!(error(&with(rsa(), "e", json!(e))), JwkError::Invalid, "{e}");
    }
    for e in ["", "AAE", "AAEAAQ", "AA"] {
        assert_eq!(
            error(&with(rsa(), "e", json!(e))),
            JwkError::Malformed,
            "{e}"
        );
    }
    assert!(Jwk::from_value(&with(rsa(), "e", json!("Aw"))).is_ok());
    for n in ["", "=", "AQAB==", "A", "AQ B"] {
        assert_eq!(
            error(&with(rsa(), "n", json!(n))),
            JwkError::Malformed,
            "{n}"
        );
    }
}

#[test]
fn private_rsa_keys_must_be_whole() {
    let file: Value =
        serde_json::from_str(include_str!("../../tests/vectors/rfc7515.json")).unwrap();
    let key = file["jws"][1]["key"].clone();
    assert!(SigningKey::from_jwk(&Jwk::from_value(&key).unwrap(), JwsAlgorithm::RS256).is_ok());
    for name in ["p", "q", "dp", "dq", "qi"] {
        assert_eq!(error(&without(key.clone(), name)), JwkError::Missing);
        // With another number in its place the key does not hold together.
        let wrong = with(key.clone(), name, key["d"].clone());
        let wrong = Jwk::from_value(&wrong).unwrap();
        assert!(SigningKey::from_jwk(&wrong, JwsAlgorithm::RS256).is_err());
    }
    assert_eq!(error(&without(key.clone(), "d")), JwkError::PrivateMaterial);
    assert_eq!(
        error(&with(key.clone(), "oth", json!([]))),
        JwkError::UnsupportedType
    );
    let other = with(key, "n", rsa()["n"].clone());
    let other = Jwk::from_value(&other).unwrap();
    assert!(SigningKey::from_jwk(&other, JwsAlgorithm::RS256).is_err());
}

//= test RFC7518#6.2.1.2 a coordinate has the full length of the curve's field
#[test]
fn ec_points_must_be_on_the_curve_and_of_full_length() {
    let good = without(ec(), "d");
    let mut swapped = good.clone();
    (swapped["x"], swapped["y"]) = (good["y"].clone(), good["x"].clone());
    assert_eq!(error(&swapped), JwkError::Invalid);
    let zero = json!(base64url::encode([0; 32]));
    assert_eq!(
        error(&with(good.clone(), "x", zero.clone())),
        JwkError::Invalid
    );
    assert_eq!(
        error(&with(good.clone(), "y", zero.clone())),
        JwkError::Invalid
    );
    assert_eq!(
        error(&with(with(good.clone(), "x", zero.clone()), "y", zero)),
        JwkError::Invalid
    );
    let x = base64url::decode(good["x"].as_str().unwrap()).unwrap();
    for bad in [&x[1..], &[&[0], &x[..]].concat(), &[]] {
        let bad = with(good.clone(), "x", json!(base64url::encode(bad)));
        assert_eq!(error(&bad), JwkError::Malformed);
    }
    assert_eq!(
        error(&with(good, "crv", json!("P-384"))),
        JwkError::Malformed
    );
}

#[test]
fn a_private_part_must_belong_to_the_public_one() {
    let one = json!(base64url::encode([1; 32]));
    for key in [ec(), ed(), with(ed(), "crv", json!("X25519"))] {
        assert_eq!(
            error(&with(key.clone(), "d", one.clone())),
            JwkError::Invalid
        );
        assert_eq!(
            error(&with(key.clone(), "d", json!("AQ"))),
            JwkError::Malformed
        );
    }
    let zero = json!(base64url::encode([0; 32]));
    assert_eq!(error(&with(ec(), "d", zero)), JwkError::Invalid);
}

#[test]
fn ed25519_points_of_small_order_or_in_a_second_form_are_refused() {
    let small = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for hex in small {
        let mut point: Vec<u8> = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        for sign in [0, 0x80] {
            point[31] |= sign;
            let key = with(without(ed(), "d"), "x", json!(base64url::encode(&point)));
            assert_eq!(error(&key), JwkError::Invalid, "{hex}");
        }
    }
}

//= test RFC7517#4.3 `use` and `key_ops` together say the same
#[test]
fn declared_use_operations_and_algorithm_must_fit() {
    let good = without(ec(), "d");
    for ops in [json!(["encrypt"]), json!(["verify", "wrapKey"])] {
        assert_eq!(error(&with(good.clone(), "key_ops", ops)), JwkError::Usage);
    }
    let fits = |key: Value| VerifyingKey::from_jwk(&Jwk::from_value(&key).unwrap()).is_ok();
    assert!(fits(good.clone()));
    assert!(fits(with(good.clone(), "alg", json!("ES256"))));
    assert!(fits(with(good.clone(), "key_ops", json!(["verify"]))));
    assert!(fits(with(ed(), "alg", json!("Ed25519"))));
    for (name, value) in [
        ("use", json!("enc")),
        ("use", json!("")),
        ("alg", json!("ES384")),
        ("alg", json!("RS256")),
        ("alg", json!("HS256")),
        ("alg", json!("none")),
        ("alg", json!("ECDH-ES")),
        ("key_ops", json!([])),
    ] {
        assert!(!fits(with(good.clone(), name, value)));
    }
    assert!(!fits(with(
        without(good, "use"),
        "key_ops",
        json!(["deriveKey"])
    )));
    assert!(!fits(
        json!({"kty": "oct", "k": base64url::encode([1; 64])})
    ));
    let x25519 = with(without(ed(), "d"), "crv", json!("X25519"));
    assert!(!fits(x25519));
}

#[test]
fn private_keys_in_the_older_forms_are_read() {
    let element = |tag: u8, content: &[u8]| {
        let len = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &len[..], content].concat()
    };
    let short =
        |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
    let bytes = |key: &Value, name: &str| base64url::decode(key[name].as_str().unwrap()).unwrap();

    // SEC 1, with the curve inside.
    let ec = ec();
    let curve = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let body = [
        short(2, &[1]),
        short(4, &bytes(&ec, "d")),
        short(0xa0, &curve),
    ]
    .concat();
    let key = SigningKey::from_pkcs8(JwsAlgorithm::ES256, &short(0x30, &body)).unwrap();
    assert_eq!(key.kid(), Jwk::from_value(&ec).unwrap().thumbprint());
    assert!(SigningKey::from_pkcs8(JwsAlgorithm::ES384, &short(0x30, &body)).is_err());
    assert!(SigningKey::from_pkcs8(JwsAlgorithm::EdDSA, &short(0x30, &body)).is_err());

    // PKCS #1.
    let file: Value =
        serde_json::from_str(include_str!("../../tests/vectors/rfc7515.json")).unwrap();
    let rsa = &file["jws"][1]["key"];
    let mut body = short(2, &[0]);
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let number = bytes(rsa, name);
        let positive = if number[0] < 0x80 {
            number
        } else {
            [&[0], &number[..]].concat()
        };
        body.extend(match positive.len() {
            0..0x80 => short(2, &positive),
            0x80..0x100 => {
                let len = u8::try_from(positive.len()).unwrap();
                [&[2, 0x81, len], &positive[..]].concat()
            }
            _ => element(2, &positive),
        });
    }
    let document = element(0x30, &body);
    let key = SigningKey::from_pkcs8(JwsAlgorithm::PS256, &document).unwrap();
    assert_eq!(key.kid(), Jwk::from_value(rsa).unwrap().thumbprint());
    assert!(SigningKey::from_pkcs8(JwsAlgorithm::ES256, &document).is_err());
}

#[test]
fn a_certificate_is_der_in_base64_and_in_no_other_spelling() {
    //= test RFC7517#4.7 each certificate is DER in base64, not base64url
    let with = |value: Value| {
        let mut key = ec();
        key["x5c"] = value;
        Jwk::from_value(&key).map(|key| key.certificates().to_vec())
    };
    // The bytes fb ff bf make both letters that the two alphabets spell differently.
    let der = vec![0xfb, 0xff, 0xbf, 0];
    assert_eq!(with(json!(["+/+/AA=="])), Ok(vec![der]));
    assert_eq!(with(json!([])), Ok(Vec::new()));
    for bad in [
        json!(["-_-_AA"]),
        json!(["-_-_AA=="]),
        json!(["+/+/AA"]),
        json!(["+/+/\nAA=="]),
        json!(["+/+/AA==", 7]),
        json!("+/+/AA=="),
        json!(null),
    ] {
        assert_eq!(with(bad.clone()), Err(JwkError::Malformed), "{bad}");
    }
    let many = vec!["AA=="; 9];
    assert_eq!(with(json!(many)), Err(JwkError::TooLarge));
}
