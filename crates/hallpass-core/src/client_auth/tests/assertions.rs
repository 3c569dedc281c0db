use std::sync::OnceLock;

use hallpass_jose::{HmacKey, SigningKey, base64url};
use serde_json::Value;

use super::*;

pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(JwsAlgorithm::ES256).unwrap())
}

fn other_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(JwsAlgorithm::ES256).unwrap())
}

fn claims() -> Value {
    json!({
        "iss": "rp", "sub": "rp", "aud": "https://op.test", "jti": "one", "iat": NOW.0, "exp": NOW.0 + 60,
    })
}

fn changed(name: &str, value: Value) -> Value {
    let mut claims = claims();
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

fn sign(key: &SigningKey, header: &Value, payload: &[u8]) -> String {
    let input = [header.to_string().as_bytes(), payload]
        .map(base64url::encode)
        .join(".");
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", base64url::encode(signature))
}

fn signed(claims: &Value) -> String {
    key()
        .sign_compact(None, claims.to_string().as_bytes())
        .unwrap()
}

/// An assertion that works.
pub(super) fn sample() -> String {
    signed(&claims())
}

fn keys_of(key: &SigningKey) -> Value {
    json!({"keys": [key.public_jwk().to_public_value()]})
}

fn by_keys(more: &[(&str, Value)]) -> Arc<Client> {
    let mut metadata = json!({"redirect_uris": ["https://rp.test/cb"], "token_endpoint_auth_method": "private_key_jwt"});
    if more.is_empty() {
        metadata["jwks"] = keys_of(key());
    }
    for (name, value) in more {
        metadata[*name] = value.clone();
    }
    Arc::new(registered("rp", &metadata))
}

fn sent(assertion: &str) -> Params {
    params(&[
        ("client_assertion", assertion),
        ("client_assertion_type", JWT_BEARER),
    ])
}

fn verdict(assertion: &str, client: &Arc<Client>) -> Result<OnceUse, Reason> {
    let params = sent(assertion);
    let presented = Presented::read(&ClientRequest::new(&params, None))?;
    decide(&presented, Some(client)).map(|decided| decided.once.expect("an assertion is spent"))
}

#[test]
fn an_assertion_under_the_registered_key_works_and_is_spent() {
    let client = by_keys(&[]);
    let once = verdict(&sample(), &client).unwrap();
    assert_eq!(once.expires_at, NOW.plus(60));
    assert!(once.key.bucket >= hallpass_types::Bucket::holding(NOW.plus(60)));
    // The same jti is the same use, whatever else the assertion says; another jti or client is another.
    let again = verdict(&signed(&changed("nbf", json!(NOW.0))), &client).unwrap();
    assert_eq!(once.key, again.key);
    let other = verdict(&signed(&changed("jti", json!("two"))), &client).unwrap();
    assert_ne!(once.key, other.key);
}

#[test]
fn an_assertion_under_the_secret_works_and_is_spent() {
    let client = client("client_secret_jwt");
    let hmac = |alg, secret: &str, claims: &Value| {
        HmacKey::new(alg, secret.as_bytes())
            .unwrap()
            .sign_compact(None, claims.to_string().as_bytes())
    };
    for alg in [
        JwsAlgorithm::HS256,
        JwsAlgorithm::HS384,
        JwsAlgorithm::HS512,
    ] {
        let params = sent(&hmac(alg, SECRET, &claims()));
        let decided = decide(
            &Presented::read(&ClientRequest::new(&params, None)).unwrap(),
            Some(&client),
        )
        .unwrap();
        assert_eq!(decided.client.method(), "client_secret_jwt");
        assert!(decided.once.is_some());
    }
    let wrong = SECRET.replace('0', "1");
    assert_eq!(
        verdict(&hmac(JwsAlgorithm::HS256, &wrong, &claims()), &client),
        Err(Reason::Signature)
    );
    assert_eq!(
        verdict(&sample(), &client),
        Err(Reason::MethodNotRegistered)
    );

    let mut short = (*client).clone();
    short.auth_signing_alg = Some(JwsAlgorithm::HS512);
    assert_eq!(
        verdict(
            &hmac(JwsAlgorithm::HS256, SECRET, &claims()),
            &Arc::new(short.clone())
        ),
        Err(Reason::Algorithm)
    );
    assert!(
        verdict(
            &hmac(JwsAlgorithm::HS512, SECRET, &claims()),
            &Arc::new(short)
        )
        .is_ok()
    );

    let mut expired = (*client).clone();
    expired.secret.as_mut().unwrap().expires_at = Some(NOW);
    assert_eq!(
        verdict(
            &hmac(JwsAlgorithm::HS256, SECRET, &claims()),
            &Arc::new(expired)
        ),
        Err(Reason::SecretExpired)
    );
    let mut sealed = (*client).clone();
    sealed.secret.as_mut().unwrap().plain = None;
    assert_eq!(
        verdict(
            &hmac(JwsAlgorithm::HS256, SECRET, &claims()),
            &Arc::new(sealed)
        ),
        Err(Reason::WrongSecret)
    );
}

#[test]
fn the_audience_is_this_server_alone() {
    //= test RFC7523#3 it is the issuer or an endpoint's URL, alone; an assertion for several servers is refused
    // TK-30
    //= test RFC7523#3 aud names this server
    let client = by_keys(&[]);
    for good in [
        json!("https://op.test"),
        json!(["https://op.test"]),
        json!(TOKEN),
        json!([TOKEN]),
        json!(REVOKE),
        json!([REVOKE]),
    ] {
        assert!(
            verdict(&signed(&changed("aud", good.clone())), &client).is_ok(),
            "{good}"
        );
    }
    for bad in [
        json!("https://evil.test"),
        json!("https://op.test/"),
        json!("https://OP.test"),
        json!("HTTPS://op.test"),
        json!("op.test"),
        json!("https://op.test/other/token"),
        json!("https://op.test/token/"),
        json!("https://op.test/token?x"),
        json!("https://op.test/par"),
        json!(""),
        json!([]),
        json!(["https://op.test", "https://evil.test"]),
        json!(["https://op.test", TOKEN]),
        json!(["https://op.test", "https://op.test"]),
        json!(["https://op.test", null]),
        json!([["https://op.test"]]),
        json!({"0": "https://op.test"}),
        json!(1),
        json!(true),
        Value::Null,
    ] {
        let reason = verdict(&signed(&changed("aud", bad.clone())), &client).unwrap_err();
        assert_eq!(reason, Reason::AssertionAudience, "{bad}");
    }
}

#[test]
fn times_are_there_and_close() {
    //= test RFC7523#3 an exp that lies unreasonably far ahead is refused
    // TK-31
    //= test RFC7523#3 exp is there and not over
    //= test RFC7523#3 before nbf an assertion is refused
    let client = by_keys(&[]);
    for (name, value, works) in [
        ("exp", json!(NOW.0 + 1), true),
        ("exp", json!(NOW.0 + 3600), true),
        ("exp", json!(NOW.0), false),
        ("exp", json!(NOW.0 - 1), false),
        ("exp", json!(NOW.0 + 3601), false),
        ("exp", json!(i64::MAX), false),
        ("exp", json!(1e300), false),
        ("exp", json!(-1), false),
        ("exp", json!(0), false),
        ("exp", json!((NOW.0 + 60).to_string()), false),
        ("exp", json!([NOW.0 + 60]), false),
        ("exp", json!(true), false),
        ("exp", Value::Null, false),
        ("iat", Value::Null, true),
        ("iat", json!(NOW.0 + 8), true),
        ("iat", json!(NOW.0 + 10), true),
        ("iat", json!(NOW.0 + 11), false),
        ("iat", json!(NOW.0 + 61), false),
        ("iat", json!(NOW.0 - 86_400), true),
        ("iat", json!("now"), false),
        ("nbf", json!(NOW.0), true),
        ("nbf", json!(NOW.0 + 10), true),
        ("nbf", json!(NOW.0 + 61), false),
        ("nbf", json!("now"), false),
        ("nbf", json!({}), false),
    ] {
        let outcome = verdict(&signed(&changed(name, value.clone())), &client);
        assert_eq!(outcome.is_ok(), works, "{name} {value} {outcome:?}");
    }
}

#[test]
fn iss_sub_and_client_id_are_one() {
    //= test OIDC-CORE#9 iss is the client_id, too
    // TK-32
    //= test RFC7523#3 iss and sub are there, and for client authentication sub is the client_id
    let client = by_keys(&[]);
    for name in ["iss", "sub"] {
        for bad in [
            json!("other"),
            json!("RP"),
            json!("rp "),
            json!(""),
            json!(["rp"]),
            json!({}),
            json!(1),
            Value::Null,
        ] {
            let reason = verdict(&signed(&changed(name, bad.clone())), &client).unwrap_err();
            let named = matches!(reason, Reason::Subject | Reason::IssuedBy);
            assert!(named, "{name} {bad}: {reason:?}");
        }
    }
    let mut foreign = claims();
    foreign["iss"] = json!("other");
    foreign["sub"] = json!("other");
    let params = sent(&signed(&foreign));
    let presented = Presented::read(&ClientRequest::new(&params, None)).unwrap();
    assert_eq!(presented.client_id().as_str(), "other");
    assert_eq!(
        decide(&presented, Some(&client)).unwrap_err(),
        Reason::UnknownClient
    );
    assert_eq!(decide(&presented, None).unwrap_err(), Reason::UnknownClient);
}

#[test]
fn an_assertion_has_an_identifier() {
    //= test OIDC-CORE#9 jti is there and an assertion works once
    let client = by_keys(&[]);
    for bad in [
        Value::Null,
        json!(""),
        json!(1),
        json!(["one"]),
        json!("x".repeat(513)),
    ] {
        assert_eq!(
            verdict(&signed(&changed("jti", bad)), &client),
            Err(Reason::JwtId)
        );
    }
}

#[test]
fn the_algorithm_is_the_registered_one() {
    // TK-33
    //= test RFC8725#3.1 the algorithm is the one that was registered, not the one that the token names
    let client = by_keys(&[]);
    let payload = claims().to_string();
    let header = |alg: &str| json!({"alg": alg, "kid": key().kid()});
    for alg in ["none", "None", "nOnE", "", "HS1", "es256"] {
        for signature in ["", "AAAA"] {
            let text = format!(
                "{}.{}.{signature}",
                base64url::encode(header(alg).to_string()),
                base64url::encode(&payload)
            );
            assert_eq!(verdict(&text, &client), Err(Reason::Malformed), "{alg}");
        }
    }
    let no_alg = sign(key(), &json!({"kid": key().kid()}), payload.as_bytes());
    assert_eq!(verdict(&no_alg, &client), Err(Reason::Malformed));
    // A public key is no secret.
    let public = key().public_jwk().to_public_value().to_string();
    let confused = HmacKey::new(JwsAlgorithm::HS256, public.as_bytes())
        .unwrap()
        .sign_compact(None, payload.as_bytes());
    assert_eq!(
        verdict(&confused, &client),
        Err(Reason::MethodNotRegistered)
    );
    // The header names another family than the key.
    for alg in ["RS256", "PS256", "ES384", "EdDSA"] {
        assert_eq!(
            verdict(&sign(key(), &header(alg), payload.as_bytes()), &client),
            Err(Reason::Signature),
            "{alg}"
        );
    }
    let rsa_only = Arc::new({
        let mut client = (*client).clone();
        client.auth_signing_alg = Some(JwsAlgorithm::RS256);
        client
    });
    assert_eq!(verdict(&sample(), &rsa_only), Err(Reason::Algorithm));
    // Signatures that are none.
    let text = sample();
    let (input, _) = text.rsplit_once('.').unwrap();
    for signature in [
        vec![0; 64],
        vec![0xFF; 64],
        vec![],
        vec![0; 63],
        vec![0x30; 70],
    ] {
        let forged = format!("{input}.{}", base64url::encode(signature));
        assert_eq!(verdict(&forged, &client), Err(Reason::Signature));
    }
    let elsewhere = other_key().sign_compact(None, payload.as_bytes()).unwrap();
    assert_eq!(verdict(&elsewhere, &client), Err(Reason::Signature));
}

#[test]
fn a_header_chooses_nothing() {
    // TK-34
    let client = by_keys(&[]);
    let payload = claims().to_string();
    for (name, value) in [
        ("jku", json!("https://evil.test/")),
        ("x5u", json!("https://evil.test/")),
        ("jwk", key().public_jwk().to_public_value()),
        ("x5c", json!(["AA"])),
        ("crit", json!(["x"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("kid", json!(1)),
        ("typ", json!(1)),
    ] {
        let mut header = json!({"alg": "ES256"});
        header[name] = value;
        assert_eq!(
            verdict(&sign(key(), &header, payload.as_bytes()), &client),
            Err(Reason::Malformed),
            "{name}"
        );
    }
    for kid in ["../../etc/passwd", "' OR 1=1 --", "nobody", ""] {
        let text = sign(
            key(),
            &json!({"alg": "ES256", "kid": kid}),
            payload.as_bytes(),
        );
        assert_eq!(verdict(&text, &client), Err(Reason::Signature), "{kid}");
    }
    let long = sign(
        key(),
        &json!({"alg": "ES256", "kid": "x".repeat(65_536)}),
        payload.as_bytes(),
    );
    assert_eq!(verdict(&long, &client), Err(Reason::Malformed));
    let nameless = sign(key(), &json!({"alg": "ES256"}), payload.as_bytes());
    assert!(verdict(&nameless, &client).is_ok());
}

#[test]
fn a_token_for_something_else_is_no_assertion() {
    //= test RFC8725#3.11 a token that says it is for something else is not used here
    let client = by_keys(&[]);
    let payload = claims().to_string();
    let typed = |typ: &str| {
        verdict(
            &sign(
                key(),
                &json!({"alg": "ES256", "typ": typ}),
                payload.as_bytes(),
            ),
            &client,
        )
    };
    for typ in [
        "JWT",
        "jwt",
        "application/jwt",
        "client-authentication+jwt",
        "application/client-authentication+JWT",
    ] {
        assert!(typed(typ).is_ok(), "{typ}");
    }
    for typ in [
        "",
        "JOSE",
        "JWS",
        "ID",
        "jwt+x",
        "application/",
        "text/jwt",
        "at+jwt",
        "dpop+jwt",
        "oauth-authz-req+jwt",
        "logout+jwt",
        "application/token-introspection+jwt",
        "SECEVENT+JWT",
    ] {
        assert_eq!(typed(typ), Err(Reason::Claims), "{typ}");
    }
}

#[test]
fn what_is_not_an_assertion_is_refused_early() {
    // TK-35, TK-36, TK-37
    let client = by_keys(&[]);
    let dots = ".".repeat(1_000_000);
    let jwe = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA";
    for text in [
        "x",
        "a.b",
        "a.b.c",
        "..",
        "a.b.c.d",
        &dots,
        jwe,
        "e30.e30.",
        "\u{E9}.e30.AA",
    ] {
        assert_eq!(verdict(text, &client), Err(Reason::Malformed), "{text:.40}");
    }
    let header = json!({"alg": "ES256"});
    for payload in [
        r#"{"iss":"rp","iss":"rp","sub":"rp"}"#,
        "\u{FEFF}{}",
        "[]",
        "null",
        "1",
        "",
        "{",
        r#"{"iss":"rp","sub":"rp"}x"#,
    ] {
        assert_eq!(
            verdict(&sign(key(), &header, payload.as_bytes()), &client),
            Err(Reason::Malformed),
            "{payload}"
        );
    }
    let not_text = sign(key(), &header, b"{\"iss\":\"\xFF\"}");
    assert_eq!(verdict(&not_text, &client), Err(Reason::Malformed));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(50), "]".repeat(50));
    assert_eq!(
        verdict(&sign(key(), &header, deep.as_bytes()), &client),
        Err(Reason::Malformed)
    );
}

#[test]
fn an_assertion_stands_beside_its_type() {
    //= test RFC7523#2.2 the type of a JWT assertion is the jwt-bearer URN
    //= test RFC7521#4.2 an assertion stands beside its type
    let text = sample();
    for pairs in [
        &[("client_assertion", text.as_str())][..],
        &[("client_assertion_type", JWT_BEARER)],
        &[("client_assertion_type", JWT_BEARER), ("client_id", "rp")],
        &[
            ("client_assertion", text.as_str()),
            ("client_assertion_type", "jwt"),
        ],
        &[
            ("client_assertion", text.as_str()),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
            ),
        ],
        &[
            ("client_assertion", text.as_str()),
            (
                "client_assertion_type",
                "URN:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
        ],
    ] {
        assert_eq!(
            Presented::read(&ClientRequest::new(&params(pairs), None)).map(drop),
            Err(Reason::AssertionType)
        );
    }
}

#[test]
fn keys_at_an_address_are_fetched_and_once_more_for_a_new_one() {
    //= test OIDC-CORE#10.1.1 an unfamiliar kid makes the verifier fetch the keys again
    let client = by_keys(&[("jwks_uri", json!("https://rp.test/jwks"))]);
    let fetched = |value: &Value| {
        Jwks::parse(
            value.to_string().as_bytes(),
            hallpass_jose::JwksPolicy::Fetched,
        )
        .unwrap()
    };
    let current = fetched(&keys_of(key()));
    let old = fetched(&keys_of(other_key()));
    let params = sent(&sample());
    let presented = Presented::read(&ClientRequest::new(&params, None)).unwrap();
    assert_eq!(presented.needs_jwks(&client), Some("https://rp.test/jwks"));
    assert_eq!(
        decide(&presented, Some(&client)).unwrap_err(),
        Reason::KeysUnavailable
    );
    assert_eq!(
        decide_with(&presented, Some(&client), Some(&old)).unwrap_err(),
        Reason::KeyMiss
    );
    assert_eq!(
        decide_with(&presented, Some(&client), Some(&Jwks::default())).unwrap_err(),
        Reason::KeyMiss
    );
    assert!(decide_with(&presented, Some(&client), Some(&current)).is_ok());

    // The key that the assertion names is there: the signature is wrong, and no fetching helps.
    let forged = sign(
        other_key(),
        &json!({"alg": "ES256", "kid": key().kid()}),
        claims().to_string().as_bytes(),
    );
    let forged = sent(&forged);
    let presented = Presented::read(&ClientRequest::new(&forged, None)).unwrap();
    assert_eq!(
        decide_with(&presented, Some(&client), Some(&current)).unwrap_err(),
        Reason::Signature
    );
    // Without a name a new key cannot be told from a forgery.
    let nameless = sent(&sign(
        key(),
        &json!({"alg": "ES256"}),
        claims().to_string().as_bytes(),
    ));
    let presented = Presented::read(&ClientRequest::new(&nameless, None)).unwrap();
    assert_eq!(
        decide_with(&presented, Some(&client), Some(&old)).unwrap_err(),
        Reason::KeyMiss
    );
    // Claims that do not hold are never worth fetching for.
    let late = sent(&signed(&changed("exp", json!(NOW.0))));
    let presented = Presented::read(&ClientRequest::new(&late, None)).unwrap();
    assert_eq!(
        decide_with(&presented, Some(&client), Some(&old)).unwrap_err(),
        Reason::Expiry
    );
}

#[test]
fn only_clients_with_keys_elsewhere_need_them_fetched() {
    let params = sent(&sample());
    let presented = Presented::read(&ClientRequest::new(&params, None)).unwrap();
    assert_eq!(presented.needs_jwks(&by_keys(&[])), None);
    assert_eq!(presented.needs_jwks(&client("client_secret_jwt")), None);
    let elsewhere = by_keys(&[("jwks_uri", json!("https://rp.test/jwks"))]);
    let header = basic("rp", SECRET);
    let none = Params::default();
    assert_eq!(
        Presented::read(&ClientRequest::new(&none, Some(&header)))
            .unwrap()
            .needs_jwks(&elsewhere),
        None
    );
    // Registered keys are the only ones.
    let fetched = Jwks::parse(
        keys_of(other_key()).to_string().as_bytes(),
        hallpass_jose::JwksPolicy::Fetched,
    )
    .unwrap();
    let foreign = sent(
        &other_key()
            .sign_compact(None, claims().to_string().as_bytes())
            .unwrap(),
    );
    let presented = Presented::read(&ClientRequest::new(&foreign, None)).unwrap();
    assert_eq!(
        decide_with(&presented, Some(&by_keys(&[])), Some(&fetched)).unwrap_err(),
        Reason::Signature
    );
}
