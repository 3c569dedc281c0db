//! Clients that authenticate with a signed assertion.

use hallpass_jose::{JwsAlgorithm, SigningKey, base64url};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Setup,
    assertion::{self, JWT_BEARER},
    fixture,
};
use serde_json::{Value, json};

fn ask(path: &str, jwt: &str) -> Ask {
    let pairs = [
        ("grant_type", "client_credentials"),
        ("token", "x"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", jwt),
    ];
    Ask::form(path, &pairs)
}

async fn token(browser: &mut Browser, jwt: &str) -> Answer {
    browser.send(ask("/token", jwt)).await
}

#[track_caller]
fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    assert_eq!(answer.error(), "invalid_client", "{what}");
}

fn signed(op: &Op, jti: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = assertion::claims("pkjwt", op.clock.seconds(), jti);
    change(&mut claims);
    assertion::sign(fixture::pkjwt_key(), &claims)
}

// TK-29
#[tokio::test]
async fn an_assertion_works_once_at_whichever_endpoint() {
    //= test RFC7523#3 an assertion that was used is refused when it is shown again
    let op = Op::start().await;
    let mut browser = op.browser();
    let jwt = signed(&op, "once", |_| ());
    assert_eq!(token(&mut browser, &jwt).await.status, 200);
    for path in ["/token", "/introspect", "/revoke"] {
        assert_refused(&browser.send(ask(path, &jwt)).await, path);
    }
    // Another signature over the same jti is the same assertion.
    assert_refused(
        &token(&mut browser, &signed(&op, "once", |_| ())).await,
        "signed again",
    );
    // Until it has expired, and after that.
    op.clock.advance(59);
    assert_refused(&token(&mut browser, &jwt).await, "a second before its end");
    op.clock.advance(1);
    assert_refused(&token(&mut browser, &jwt).await, "at its end");
    assert_eq!(
        token(&mut browser, &signed(&op, "twice", |_| ()))
            .await
            .status,
        200
    );
}

// TK-29
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_requests_with_one_assertion_at_once_are_one_success() {
    let op = Op::start().await;
    for round in 0..10 {
        let jwt = signed(&op, &format!("round {round}"), |_| ());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (mut browser, jwt) = (op.browser(), jwt.clone());
            tasks.spawn(async move { token(&mut browser, &jwt).await });
        }
        let answers = tasks.join_all().await;
        assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 1);
        assert_eq!(answers.iter().filter(|a| a.status == 401).count(), 49);
    }
}

// TK-30
#[tokio::test]
async fn an_assertion_for_somebody_else_is_refused() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let issuer = fixture::ISSUER;
    #[rustfmt::skip]
    let cases = [
        json!("https://other.test"), json!("https://op.test/"), json!("https://OP.test"), json!("HTTPS://op.test"),
        json!("https://op.test/t2/token"), json!("https://op.test/token/"), json!("https://op.test:443"), json!("op.test"),
        json!([issuer, "https://evil.test"]), json!([issuer, null]), json!([[issuer]]), json!({"a": issuer}),
        json!([]), json!(""), json!(null), json!(1), json!(true), json!([issuer, issuer]), json!("https://op.test\n"),
        json!("https://op.test/register"),
    ];
    for (number, audience) in cases.into_iter().enumerate() {
        let jwt = signed(&op, &format!("a{number}"), |c| c["aud"] = audience.clone());
        assert_refused(&token(&mut browser, &jwt).await, &audience.to_string());
    }
    let jwt = signed(&op, "none", |c| {
        drop(c.as_object_mut().unwrap().remove("aud"));
    });
    assert_refused(&token(&mut browser, &jwt).await, "missing");
    for (number, audience) in [
        json!(issuer),
        json!([issuer]),
        json!("https://op.test/token"),
    ]
    .into_iter()
    .enumerate()
    {
        let jwt = signed(&op, &format!("b{number}"), |c| c["aud"] = audience.clone());
        assert_eq!(token(&mut browser, &jwt).await.status, 200, "{audience}");
    }
}

// TK-31
#[tokio::test]
async fn times_and_identifiers_of_the_wrong_kind_are_refused() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let now = op.clock.seconds();
    #[rustfmt::skip]
    let cases = [
        ("exp", json!(now)), ("exp", json!(now - 1)), ("exp", json!(now + 100_000)), ("exp", json!(9_223_372_036_854_775_807_i64)),
        ("exp", json!(1e300)), ("exp", json!(-1)), ("exp", json!(format!("{}", now + 60))), ("exp", json!([now + 60])),
        ("exp", json!(null)), ("exp", json!({})), ("exp", json!(true)),
        ("nbf", json!(now + 61)), ("nbf", json!("x")), ("nbf", json!([])), ("nbf", json!(1e300)),
        ("iat", json!(now + 61)), ("iat", json!("now")), ("iat", json!({})),
        ("jti", json!("")), ("jti", json!(1)), ("jti", json!(null)), ("jti", json!(["x"])), ("jti", json!("x".repeat(10_000))),
        ("sub", json!(null)), ("sub", json!(["pkjwt"])), ("sub", json!("web")), ("sub", json!("")), ("sub", json!({})),
        ("iss", json!(null)), ("iss", json!(["pkjwt"])), ("iss", json!("web")), ("iss", json!("https://op.test")),
    ];
    for (number, (name, value)) in cases.into_iter().enumerate() {
        let jwt = signed(&op, &format!("t{number}"), |c| c[name] = value.clone());
        assert_refused(
            &token(&mut browser, &jwt).await,
            &format!("{name} = {value:.40}"),
        );
    }
    for name in ["exp", "jti", "sub", "iss"] {
        let jwt = signed(&op, name, |c| drop(c.as_object_mut().unwrap().remove(name)));
        assert_refused(&token(&mut browser, &jwt).await, name);
    }
    // A clock that is ten seconds ahead is a clock.
    let jwt = signed(&op, "ahead", |c| c["iat"] = json!(now + 10));
    assert_eq!(token(&mut browser, &jwt).await.status, 200);
}

// TK-32
#[tokio::test]
async fn an_assertion_speaks_for_its_own_client_only() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let both = |c: &mut Value, id: &str| (c["sub"], c["iss"]) = (json!(id), json!(id));
    for id in [
        "web",
        "spa",
        "sjwt",
        "off",
        "nobody",
        "pkjwt ",
        "PKJWT",
        "pkjwt\u{0}",
    ] {
        let jwt = signed(&op, &format!("for {id}"), |c| both(c, id));
        assert_refused(&token(&mut browser, &jwt).await, id);
    }
    let jwt = signed(&op, "client_id", |_| ());
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_id", "web"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", &jwt),
    ];
    let answer = browser.form("/token", &pairs).await;
    assert!(matches!(answer.status, 400 | 401), "{}", answer.text());
    op.disable_client("pkjwt").await;
    assert_refused(
        &token(&mut browser, &signed(&op, "off", |_| ())).await,
        "switched off",
    );
}

// TK-33
#[tokio::test]
async fn no_algorithm_but_the_keys_own_is_taken() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let key = fixture::pkjwt_key();
    let claims = |jti: &str| assertion::claims("pkjwt", op.clock.seconds(), jti).to_string();
    let good = signed(&op, "good", |_| ());
    let [head, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let raw = base64url::decode(signature).unwrap();
    // n of P-256.
    let order = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
    let order: Vec<u8> = (0..64)
        .step_by(2)
        .map(|i| u8::from_str_radix(&order[i..i + 2], 16).unwrap())
        .collect();
    let with = |signature: &[u8]| format!("{head}.{payload}.{}", base64url::encode(signature));
    let mut flipped = raw.clone();
    flipped[10] ^= 1;
    let mut der = vec![0x30, 0x44, 0x02, 0x20];
    der.extend_from_slice(&raw[..32]);
    der.extend_from_slice(&[0x02, 0x20]);
    der.extend_from_slice(&raw[32..]);
    let public = key.public_jwk().to_public_value().to_string();
    let hmac = |secret: &[u8]| {
        assertion::sign_hmac(
            JwsAlgorithm::HS256,
            secret,
            &assertion::claims("pkjwt", op.clock.seconds(), "hmac"),
        )
    };
    let unsigned =
        |alg: Value| assertion::compact(&json!({"alg": alg}), claims("none").as_bytes(), b"");
    let other = |algorithm| {
        let stranger = SigningKey::generate(algorithm).unwrap();
        let header = json!({"alg": algorithm.name(), "kid": key.kid()});
        assertion::sign_with_header(&stranger, &header, claims("other").as_bytes())
    };
    #[rustfmt::skip]
    let cases = [
        ("none", unsigned(json!("none"))), ("None", unsigned(json!("None"))), ("nOnE", unsigned(json!("nOnE"))),
        ("empty", unsigned(json!(""))), ("null", unsigned(json!(null))), ("a list", unsigned(json!(["ES256"]))),
        ("no alg", assertion::compact(&json!({}), claims("x").as_bytes(), &raw)),
        ("no signature", format!("{head}.{payload}.")), ("two parts", format!("{head}.{payload}")),
        ("HS256 with the public key", hmac(public.as_bytes())),
        ("HS256 with the thumbprint of the key", hmac(format!("{:0<32}", key.kid()).as_bytes())),
        ("zero signature", with(&[0; 64])), ("r = s = n", with(&[order.clone(), order].concat())),
        ("empty signature", with(b"")), ("half a signature", with(&raw[..32])), ("DER", with(&der)), ("flipped", with(&flipped)),
        ("a byte too many", with(&[raw.as_slice(), &[0]].concat())),
        ("a stranger's key", other(JwsAlgorithm::ES256)), ("a stranger's RSA key under our kid", other(JwsAlgorithm::RS256)),
        ("a stranger's Ed25519 key under our kid", other(JwsAlgorithm::EdDSA)),
        ("RS256 over an EC key", assertion::sign_with_header(key, &json!({"alg": "RS256"}), claims("rs").as_bytes())),
        ("ES384 over P-256", assertion::sign_with_header(key, &json!({"alg": "ES384"}), claims("es").as_bytes())),
        ("another payload", format!("{head}.{}.{signature}", base64url::encode(claims("swapped")))),
    ];
    for (what, jwt) in cases {
        let answer = token(&mut browser, &jwt).await;
        assert!(
            matches!(answer.status, 400 | 401),
            "{what}: {}",
            answer.text()
        );
    }
    assert_eq!(token(&mut browser, &good).await.status, 200);
}

// TK-34, G7
#[tokio::test]
async fn no_header_names_a_key_or_an_extension() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let stranger = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let jwk = stranger.public_jwk().to_public_value();
    let key = fixture::pkjwt_key();
    let claims = |jti: &str| assertion::claims("pkjwt", op.clock.seconds(), jti).to_string();
    #[rustfmt::skip]
    let strange = [
        json!({"alg": "ES256", "jku": "https://evil.test/jwks"}), json!({"alg": "ES256", "x5u": "https://169.254.169.254/"}),
        json!({"alg": "ES256", "jwk": jwk}), json!({"alg": "ES256", "x5c": ["MIIB"]}), json!({"alg": "ES256", "x5t": "x"}),
        json!({"alg": "ES256", "kid": "../../etc/passwd"}), json!({"alg": "ES256", "kid": "' OR 1=1--"}),
        json!({"alg": "ES256", "kid": "x".repeat(10_000)}), json!({"alg": "ES256", "kid": key.kid()}),
    ];
    for (number, header) in strange.iter().enumerate() {
        let jwt = assertion::sign_with_header(
            &stranger,
            header,
            claims(&format!("s{number}")).as_bytes(),
        );
        assert_refused(&token(&mut browser, &jwt).await, &format!("{header:.60}"));
    }
    #[rustfmt::skip]
    let extended = [
        json!({"alg": "ES256", "crit": ["x"], "x": 1}), json!({"alg": "ES256", "crit": []}), json!({"alg": "ES256", "crit": "exp"}),
        json!({"alg": "ES256", "crit": ["b64"], "b64": false}), json!({"alg": "ES256", "b64": false}),
        json!({"alg": "ES256", "crit": ["alg"]}), json!({"alg": "ES256", "zip": "DEF"}),
        json!({"alg": "ES256", "typ": "at+jwt"}), json!({"alg": "ES256", "typ": "application/logout+jwt"}),
        json!({"alg": "ES256", "typ": "JOSE"}), json!({"alg": "ES256", "typ": ""}), json!({"alg": "ES256", "typ": "id_token"}),
        json!({"alg": "ES256", "typ": "dpop+jwt"}), json!({"alg": "ES256", "typ": 1}), json!({"alg": "ES256", "kid": 1}),
        json!({"alg": "ES256", "kid": "another"}), json!({"alg": "ES256", "jku": "https://evil.test/jwks", "kid": "x"}),
    ];
    for (number, header) in extended.iter().enumerate() {
        let jwt =
            assertion::sign_with_header(key, header, claims(&format!("e{number}")).as_bytes());
        let answer = token(&mut browser, &jwt).await;
        let code = answer.error();
        assert!(
            matches!(code.as_str(), "invalid_client" | "invalid_request"),
            "{header}: {}",
            answer.text()
        );
    }
    assert_eq!(op.fetcher.asked(), Vec::<String>::new());
}

// HT-09, TK-35
#[tokio::test]
async fn sloppy_json_and_base64_are_refused() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let key = fixture::pkjwt_key();
    let now = op.clock.seconds();
    let good = assertion::claims("pkjwt", now, "sloppy").to_string();
    let deep = format!(
        "{{\"a\":{}{}}}",
        "[".repeat(50_000 / 10),
        "]".repeat(50_000 / 10)
    );
    #[rustfmt::skip]
    let payloads: Vec<(&str, Vec<u8>)> = vec![
        ("twice", good.replacen('{', "{\"sub\":\"web\",", 1).into_bytes()),
        ("twice the same", good.replacen('{', "{\"exp\":1,", 1).into_bytes()),
        ("BOM", [b"\xef\xbb\xbf", good.as_bytes()].concat()),
        ("not UTF-8", good.replace("sloppy", "\u{1}x").into_bytes().into_iter().map(|b| if b == 1 { 0xff } else { b }).collect()),
        ("more behind", format!("{good}{{}}").into_bytes()), ("a list", format!("[{good}]").into_bytes()),
        ("nothing", Vec::new()), ("null", b"null".to_vec()), ("a string", b"\"x\"".to_vec()), ("comment", format!("/**/{good}").into_bytes()),
        ("NaN", good.replacen('{', "{\"x\":NaN,", 1).into_bytes()), ("deep", deep.into_bytes()),
        ("lone surrogate", good.replacen("sloppy", "\\ud800", 1).into_bytes()),
    ];
    let header = json!({"alg": "ES256"});
    for (what, payload) in payloads {
        let jwt = assertion::sign_with_header(key, &header, &payload);
        let answer = token(&mut browser, &jwt).await;
        assert!(
            matches!(answer.status, 400 | 401),
            "{what}: {} {}",
            answer.status,
            answer.text()
        );
    }
    let jwt = signed(&op, "form", |_| ());
    for (what, text) in [
        ("padded", format!("{jwt}=")),
        ("spaced", format!("{jwt} ")),
        ("line", jwt.replacen('.', ".\n", 1)),
        ("four parts", format!("{jwt}.x")),
        ("five parts", format!("{jwt}.x.y")),
        ("dots", ".".repeat(10_000)),
        ("two dots", "..".to_owned()),
        ("plain alphabet", format!("{jwt}+/")),
        (
            "JSON serialization",
            json!({"payload": "x", "signatures": []}).to_string(),
        ),
    ] {
        let answer = token(&mut browser, &text).await;
        assert!(
            matches!(answer.status, 400 | 401),
            "{what}: {} {}",
            answer.status,
            answer.text()
        );
    }
    assert_eq!(token(&mut browser, &jwt).await.status, 200);
}

// TK-36, TK-37
#[tokio::test]
async fn encrypted_compressed_and_endless_assertions_cost_nothing() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let encrypted = |header: Value| {
        let part = base64url::encode(header.to_string());
        format!("{part}.AAAA.AAAA.AAAA.AAAA")
    };
    #[rustfmt::skip]
    let cases = [
        encrypted(json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_147_483_647, "p2s": "AAAA"})),
        encrypted(json!({"alg": "dir", "enc": "A128GCM", "zip": "DEF"})),
        encrypted(json!({"alg": "RSA1_5", "enc": "A128CBC-HS256"})),
        encrypted(json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}})),
        ".".repeat(60_000), format!("{}.e30.AA", "A".repeat(60_000)), format!("e30.{}.AA", "A".repeat(60_000)),
    ];
    for jwt in cases {
        let answer = token(&mut browser, &jwt).await;
        assert!(
            matches!(answer.status, 400 | 401),
            "{}: {}",
            answer.status,
            answer.text()
        );
    }
    for jwt in [".".repeat(1_000_000), "A".repeat(1_000_000)] {
        assert_eq!(token(&mut browser, &jwt).await.status, 413);
    }
}

#[tokio::test]
async fn assertion_and_type_stand_together() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let jwt = signed(&op, "type", |_| ());
    let saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer";
    let grant = ("grant_type", "client_credentials");
    for pairs in [
        vec![grant, ("client_assertion", jwt.as_str())],
        vec![grant, ("client_assertion_type", JWT_BEARER)],
        vec![
            grant,
            ("client_assertion_type", saml),
            ("client_assertion", jwt.as_str()),
        ],
        vec![
            grant,
            ("client_assertion_type", "jwt-bearer"),
            ("client_assertion", jwt.as_str()),
        ],
    ] {
        let answer = browser.form("/token", &pairs).await;
        assert!(
            matches!(answer.status, 400 | 401),
            "{pairs:?}: {}",
            answer.text()
        );
    }
    assert_eq!(token(&mut browser, &jwt).await.status, 200);
}

// TK-33 for shared secrets
#[tokio::test]
async fn a_secret_signs_with_hmac_of_its_own_client_only() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let now = op.clock.seconds();
    let claims = |jti: &str| assertion::claims("sjwt", now, jti);
    let secret = fixture::secret("sjwt").as_bytes();
    let sign =
        |secret: &[u8], jti: &str| assertion::sign_hmac(JwsAlgorithm::HS256, secret, &claims(jti));
    for (what, jwt) in [
        (
            "another secret",
            sign(fixture::secret("web").as_bytes(), "1"),
        ),
        ("the empty key", sign(&[0; 32], "2")),
        (
            "the public key set",
            sign(op.provider.signing_keys().document().body.as_ref(), "3"),
        ),
        (
            "a key pair",
            assertion::sign(fixture::pkjwt_key(), &claims("4")),
        ),
    ] {
        assert_refused(&token(&mut browser, &jwt).await, what);
    }
    assert_eq!(token(&mut browser, &sign(secret, "5")).await.status, 200);
    assert_refused(&token(&mut browser, &sign(secret, "5")).await, "again");
    // The secret itself is not this client's method.
    let ask = Ask::form("/token", &[("grant_type", "client_credentials")]);
    assert_refused(
        &browser
            .send(ask.basic("sjwt", fixture::secret("sjwt")))
            .await,
        "Basic",
    );
}

// TK-32: a key that the client has given up
#[tokio::test]
async fn a_key_that_the_client_took_away_signs_no_more() {
    let op = Op::start().await;
    let mut browser = op.browser();
    assert_eq!(
        token(&mut browser, &signed(&op, "before", |_| ()))
            .await
            .status,
        200
    );
    let next = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let keys = json!({"keys": [next.public_jwk().to_public_value()]});
    op.change_client("pkjwt", |metadata| {
        metadata.insert("jwks".to_owned(), keys);
    })
    .await;
    assert_refused(
        &token(&mut browser, &signed(&op, "after", |_| ())).await,
        "the old key",
    );
    let claims = assertion::claims("pkjwt", op.clock.seconds(), "next");
    let jwt = assertion::sign(&next, &claims);
    assert_eq!(token(&mut browser, &jwt).await.status, 200);
}

// TK-33: the algorithm that was registered, and no other of a key that is there
#[tokio::test]
async fn a_client_that_registered_an_algorithm_uses_no_other() {
    let (es, rs) = (fixture::pkjwt_key(), fixture::rsa_key());
    let ed = SigningKey::generate(JwsAlgorithm::EdDSA).unwrap();
    let keys = [es, rs, &ed].map(|key| key.public_jwk().to_public_value());
    let own = json!({"jwks": {"keys": keys}, "token_endpoint_auth_signing_alg": "ES256"});
    let op = Setup::default().metadata("pkjwt", &own).start().await;
    let mut browser = op.browser();
    let claims = |jti: &str| assertion::claims("pkjwt", op.clock.seconds(), jti).to_string();
    for (algorithm, key) in [("RS256", rs), ("PS256", rs), ("EdDSA", &ed), ("ES256", es)] {
        let header = json!({"alg": algorithm, "kid": key.kid()});
        let jwt = assertion::sign_with_header(key, &header, claims(algorithm).as_bytes());
        let answer = token(&mut browser, &jwt).await;
        if algorithm == "ES256" {
            assert_eq!(answer.status, 200, "{}", answer.text());
        } else {
            assert_refused(&answer, algorithm);
        }
    }
    // Where none was registered, the key decides.
    let own = json!({"jwks": {"keys": [rs.public_jwk().to_public_value()]}});
    let op = Setup::default().metadata("pkjwt", &own).start().await;
    let claims = assertion::claims("pkjwt", op.clock.seconds(), "rs").to_string();
    for (algorithm, status) in [("ES256", 401), ("RS256", 200)] {
        let header = json!({"alg": algorithm, "kid": rs.kid()});
        let jwt = assertion::sign_with_header(rs, &header, claims.as_bytes());
        let answer = token(&mut op.browser(), &jwt).await;
        assert_eq!(answer.status, status, "{algorithm}: {}", answer.text());
    }
}

// TK-33, TK-38: keys of small order, under which one signature is good for every message
#[tokio::test]
async fn a_key_of_small_order_is_no_key() {
    let op = Op::with(|policy| policy.registration.open = true).await;
    let mut browser = op.browser();
    let point = |hex: &str| {
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        base64url::encode(bytes)
    };
    // The eight points of small order of edwards25519, as they are encoded.
    for hex in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ] {
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": point(hex), "kid": "small"});
        let metadata = json!({"redirect_uris": ["https://new.test/cb"],
            "grant_types": ["authorization_code", "client_credentials"],
            "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key]}});
        let answer = browser.send(Ask::json("/register", &metadata)).await;
        if answer.status == 400 {
            continue;
        }
        assert_eq!(answer.status, 201, "{}", answer.text());
        // R the neutral element, S zero: good for every message where nobody looks at the order of the key.
        let id = answer.json()["client_id"].as_str().unwrap().to_owned();
        let mut forged = vec![1];
        forged.resize(64, 0);
        for number in 0..16 {
            let claims = assertion::claims(&id, op.clock.seconds(), &format!("{hex}{number}"));
            let header = json!({"alg": "EdDSA", "kid": "small"});
            let jwt = assertion::compact(&header, claims.to_string().as_bytes(), &forged);
            assert_refused(&token(&mut browser, &jwt).await, hex);
        }
    }
}

// TK-29: pushed here, a token there; and after a restart
#[tokio::test]
async fn an_assertion_is_used_up_for_every_endpoint_of_every_node() {
    let op = Setup::default().sqlite().start().await;
    let mut browser = op.browser();
    let request = hallpass_testkit::Request::of("pkjwt", "openid").0;
    let jwt = signed(&op, "pushed", |_| ());
    let mut pairs: Vec<(&str, &str)> = request
        .iter()
        .filter(|(name, _)| name != "client_id")
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    pairs.push(("client_assertion_type", JWT_BEARER));
    pairs.push(("client_assertion", &jwt));
    let pushed = Ask::form("/par", &pairs);
    assert_eq!(browser.send(pushed.clone()).await.status, 201);
    // Another node over the same store is what a process is that starts again.
    let node = op.another_node().await;
    for mut browser in [op.browser(), node.browser()] {
        for path in ["/token", "/introspect", "/revoke"] {
            assert_refused(&browser.send(ask(path, &jwt)).await, path);
        }
        assert_refused(&browser.send(pushed.clone()).await, "/par");
    }
    // A request that failed for another reason has used it up, too.
    let jwt = signed(&op, "failed", |_| ());
    let failing = [
        ("grant_type", "client_credentials"),
        ("scope", "nothing-of-the-kind"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", &jwt),
    ];
    let answer = browser.form("/token", &failing).await;
    assert_eq!(answer.error(), "invalid_scope");
    assert_refused(&token(&mut node.browser(), &jwt).await, "after a failure");
}
