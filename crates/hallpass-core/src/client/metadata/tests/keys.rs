use super::*;

#[test]
fn algorithms_are_those_of_the_issuer() {
    for name in [
        "id_token_signed_response_alg",
        "userinfo_signed_response_alg",
        "introspection_signed_response_alg",
        "authorization_signed_response_alg",
    ] {
        for alg in ["RS256", "ES256"] {
            assert_eq!(
                run(&with(name, &json!(alg)), Registration).unwrap()[name],
                alg
            );
        }
        for alg in [
            "none", "None", "nOnE", "", "HS256", "PS256", "ES512", "rs256", "RS256 ",
        ] {
            assert_eq!(
                refused(&with(name, &json!(alg))),
                (MetadataReason::AlgorithmUnsupported, name),
                "{alg}"
            );
        }
    }
}

#[test]
fn an_hmac_algorithm_needs_an_issuer_that_offers_it_and_a_client_with_a_secret() {
    //= test OIDC-CORE#10.1 an HMAC key is the secret of a confidential client
    let mut policy = policy();
    policy.signing_algs.push(JwsAlgorithm::HS512);
    let input = |method: &str| {
        let mut input = with("id_token_signed_response_alg", &json!("HS512"));
        input["token_endpoint_auth_method"] = json!(method);
        input["jwks"] = json!({"keys": [p256()]});
        object(&input)
    };
    for method in [
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
    ] {
        let metadata = normalize(&input(method), Registration, &policy).unwrap();
        assert!(needs_plain_secret(&metadata));
        assert_eq!(min_secret_len(&metadata), 64);
    }
    for method in ["none", "private_key_jwt"] {
        let error = normalize(&input(method), Registration, &policy).unwrap_err();
        assert_eq!(
            error.reason,
            MetadataReason::AlgorithmUnsupported,
            "{method}"
        );
    }
    policy.signing_algs = vec![JwsAlgorithm::HS256];
    let input = object(&json!({"redirect_uris": ["https://rp.test/cb"]}));
    for origin in [Registration, Configuration] {
        // A symmetric algorithm is never a default.
        assert!(normalize(&input, origin, &policy).is_err());
    }
}

#[test]
fn secrets_are_kept_readable_only_where_an_hmac_needs_them() {
    for (method, secret, plain, len) in [
        ("client_secret_basic", true, false, 0),
        ("client_secret_post", true, false, 0),
        ("client_secret_jwt", true, true, 32),
        ("private_key_jwt", false, false, 0),
        ("none", false, false, 0),
    ] {
        let mut input = with("token_endpoint_auth_method", &json!(method));
        input["jwks"] = json!({"keys": [p256()]});
        let metadata = run(&input, Registration).unwrap();
        assert_eq!(needs_secret(&metadata), secret, "{method}");
        assert_eq!(needs_plain_secret(&metadata), plain, "{method}");
        assert_eq!(min_secret_len(&metadata), len, "{method}");
    }
    let mut input = with("token_endpoint_auth_method", &json!("client_secret_jwt"));
    input["token_endpoint_auth_signing_alg"] = json!("HS384");
    assert_eq!(min_secret_len(&run(&input, Registration).unwrap()), 48);
}

#[test]
fn private_key_jwt_needs_a_key_for_its_algorithm() {
    //= test OIDC-REG#2 `none` is no algorithm for client authentication
    //= test OIDC-CORE#9 private_key_jwt is verified with keys that the client registered
    let input = |more: Value| {
        let mut input = object(&with(
            "token_endpoint_auth_method",
            &json!("private_key_jwt"),
        ));
        input.extend(object(&more));
        Value::Object(input)
    };
    assert!(run(&input(json!({"jwks": {"keys": [p256()]}})), Registration).is_ok());
    assert!(
        run(
            &input(json!({"jwks_uri": "https://rp.test/jwks"})),
            Registration
        )
        .is_ok()
    );
    let mut encryption = p256();
    encryption["use"] = json!("enc");
    for bad in [
        json!({}),
        json!({"jwks": {"keys": []}}),
        json!({"jwks": {"keys": [{"kty": "unknown"}]}}),
        json!({"jwks": {"keys": [encryption]}}),
        json!({"jwks": {"keys": [p256()]}, "token_endpoint_auth_signing_alg": "RS256"}),
    ] {
        assert_eq!(refused(&input(bad)), (MetadataReason::KeysMissing, "jwks"));
    }
    for alg in ["none", "HS256", "", "es256"] {
        let bad =
            input(json!({"jwks": {"keys": [p256()]}, "token_endpoint_auth_signing_alg": alg}));
        assert_eq!(
            refused(&bad),
            (
                MetadataReason::AlgorithmUnsupported,
                "token_endpoint_auth_signing_alg"
            )
        );
    }
    // A method that signs nothing has no use for it.
    let metadata = run(
        &with("token_endpoint_auth_signing_alg", &json!("ES256")),
        Registration,
    )
    .unwrap();
    assert!(!metadata.contains_key("token_endpoint_auth_signing_alg"));
}

#[test]
fn only_sets_of_sound_public_keys_are_taken() {
    //= test RFC7517#4.5 keys of one set have distinct key ids
    // RG-08, TK-38
    let key = |change: &[(&str, Value)]| {
        let mut key = object(&p256());
        key.extend(
            change
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        Value::Object(key)
    };
    let rsa = |n: &str, e: &str| json!({"kty": "RSA", "n": n, "e": e});
    let modulus = |bytes: usize| {
        let mut modulus = vec![0xC3; bytes];
        modulus[bytes - 1] = 0xFF;
        hallpass_jose::base64url::encode(modulus)
    };
    let many: Vec<Value> = (0..10_000).map(|_| p256()).collect();
    for keys in [
        json!([key(&[("d", json!("AQ"))])]),
        json!([{"kty": "oct", "k": "AQ"}]),
        json!([{"kty": "new", "d": "AQ"}]),
        json!([null]),
        json!([p256(), null]),
        json!([1]),
        json!(["x"]),
        json!(null),
        json!({}),
        json!(many),
        json!([key(&[("kid", json!("a"))]), key(&[("kid", json!("a"))])]),
        json!([key(&[("kid", json!(1))])]),
        json!([key(&[(
            "y",
            json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")
        )])]),
        json!([key(&[(
            "x",
            json!("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")
        )])]),
        json!([rsa(&modulus(64), "AQAB")]),
        json!([rsa(&modulus(128), "AQAB")]),
        json!([rsa(&modulus(2048), "AQAB")]),
        json!([rsa(&modulus(256), "AQ")]),
    ] {
        let (reason, field) = refused(&with("jwks", &json!({ "keys": keys })));
        assert_eq!(
            (reason, field),
            (MetadataReason::KeysInvalid, "jwks"),
            "{keys}"
        );
    }
    assert_eq!(
        refused(&with("jwks", &json!({}))).0,
        MetadataReason::KeysInvalid
    );
    //= test RFC7591#2 jwks and jwks_uri do not stand together
    let mut both = with("jwks", &json!({"keys": [p256()]}));
    both["jwks_uri"] = json!("https://rp.test/jwks");
    assert_eq!(refused(&both), (MetadataReason::KeysTwice, "jwks"));
    // What a key set carries beside its keys is not kept.
    let mut noisy = p256();
    noisy["x5u"] = json!("https://evil.test/");
    let metadata = run(
        &with("jwks", &json!({"keys": [noisy], "x": 1})),
        Registration,
    )
    .unwrap();
    assert_eq!(metadata["jwks"], json!({"keys": [p256()]}));
}

#[test]
fn pairwise_clients_have_one_sector() {
    let input = |uris: Value, sector: Value| json!({"redirect_uris": uris, "subject_type": "pairwise", "sector_identifier_uri": sector});
    let two = json!(["https://a.test/cb", "https://b.test/cb"]);
    assert_eq!(
        refused(&input(two.clone(), Value::Null)),
        (MetadataReason::SectorMissing, "sector_identifier_uri")
    );
    assert!(run(&input(two, json!("https://s.test/x")), Registration).is_ok());
    let one = run(
        &input(
            json!(["https://a.test/cb", "https://a.test/cb2"]),
            Value::Null,
        ),
        Registration,
    )
    .unwrap();
    assert_eq!(sector::needed(&one), None);
    let own = json!({"redirect_uris": ["com.example.app:/cb"], "application_type": "native", "subject_type": "pairwise"});
    assert_eq!(refused(&own).0, MetadataReason::SectorMissing);
    // RG-07: the document is checked for public subjects, too.
    let public = run(
        &with("sector_identifier_uri", &json!("https://s.test/x")),
        Registration,
    )
    .unwrap();
    assert_eq!(sector::needed(&public), Some("https://s.test/x"));
    for bad in [
        "http://s.test/x",
        "https://s.test/x#f",
        "ftp://s.test/x",
        "s.test",
        "",
    ] {
        assert!(
            run(&with("sector_identifier_uri", &json!(bad)), Registration).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn keys_that_are_looked_at_again_and_again_are_parsed_once() {
    let keys = OnceCell::new();
    let input = object(&with("jwks", &json!({"keys": []})));
    let look = || normalize_with(&input, Registration, &policy(), &keys);
    let first = look().map(drop);
    let parsed = std::ptr::from_ref(keys.get().unwrap());
    assert_eq!(look().map(drop), first);
    assert!(std::ptr::eq(parsed, keys.get().unwrap()));
    // What the first look found is what counts: a second one does not read them.
    let spoilt = OnceCell::from(Err(MetadataReason::KeysInvalid.at("jwks")));
    let refused = normalize_with(&input, Registration, &policy(), &spoilt);
    assert_eq!(refused.unwrap_err().reason, MetadataReason::KeysInvalid);
}
