use std::sync::Arc;

use hallpass_jose::SigningKey;
use serde_json::{Value, json};

use super::*;
use crate::client::fixtures::{SECRET, configured, policy};

const NOW: Timestamp = Timestamp(1_800_000_000);
const NAMES: &[&str] = crate::authorize::rules::PARAMETERS;

fn key() -> SigningKey {
    SigningKey::generate(JwsAlgorithm::ES256).unwrap()
}

/// A client whose keys are known.
fn client(key: &SigningKey) -> Client {
    let jwks: Value = serde_json::from_str(&Jwks::from_keys([key.public_jwk()]).to_json()).unwrap();
    configured(
        "rp",
        &json!({"redirect_uris": ["https://rp.test/cb"], "jwks": jwks}),
    )
}

fn claims() -> Value {
    json!({"iss": "rp", "aud": "https://op.test", "client_id": "rp", "scope": "openid"})
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = claims();
    change(&mut claims);
    claims
}

fn sign(key: &SigningKey, typ: Option<&str>, claims: &Value) -> String {
    key.sign_compact(typ, claims.to_string().as_bytes())
        .unwrap()
}

fn verify(text: &str, client: &Client, demands: Demands) -> Result<Verified, Reason> {
    let policy = policy();
    let facts = Facts {
        now: NOW,
        policy: &policy,
        registered: client.requests.signing_alg,
        demands,
        fetched_jwks: None,
    };
    RequestObject::read(text)?.verify(client, &facts)
}

#[test]
fn an_object_yields_its_parameters_and_nothing_else() {
    let key = key();
    let client = client(&key);
    let claims = with(|c| {
        c["max_age"] = json!(60);
        c["claims"] = json!({"userinfo": {"email": null}});
        c["resource"] = json!(["https://a.test", "https://b.test"]);
        c["state"] = json!("");
        c["unknown"] = json!([1, {}]);
        c["exp"] = json!(NOW.0 + 1);
    });
    let verified = verify(&sign(&key, None, &claims), &client, Demands::default()).unwrap();
    assert_eq!(verified.expires_at(), Some(NOW.plus(1)));
    let params = verified.params(NAMES).unwrap();
    let mut pairs: Vec<_> = params.iter().collect();
    pairs.sort_unstable();
    assert_eq!(
        pairs,
        [
            ("claims", r#"{"userinfo":{"email":null}}"#),
            ("client_id", "rp"),
            ("max_age", "60"),
            ("resource", "https://a.test"),
            ("resource", "https://b.test"),
            ("scope", "openid"),
        ]
    );
}

#[test]
fn parameters_have_the_right_type_or_the_object_is_refused() {
    //= test RFC9101#4 numbers are JSON numbers
    let key = key();
    let client = client(&key);
    for (name, value) in [
        ("scope", json!(["openid"])),
        ("scope", json!(null)),
        ("scope", json!({"a": 1})),
        ("state", json!(1)),
        ("nonce", json!(true)),
        ("redirect_uri", json!(["https://rp.test/cb"])),
        ("max_age", json!({})),
        ("max_age", json!(false)),
        ("claims", json!(1)),
        ("resource", json!([1])),
        ("resource", json!({})),
        ("state", json!("a\u{0}b")),
    ] {
        let object = sign(&key, None, &with(|c| c[name] = value.clone()));
        let verified = verify(&object, &client, Demands::default()).unwrap();
        assert_eq!(
            verified.params(NAMES).map(|_| ()),
            Err(Reason::RequestObjectMember),
            "{name} = {value}"
        );
    }
}

#[test]
fn claims_that_make_it_somebody_elses_object_are_refused() {
    //= test OIDC-CORE#6.1 here it must have both
    //= test RFC9101#5 a client_id inside is the one outside
    //= test RFC9101#4 request and request_uri are not inside
    //= test RFC9101#10.8 sub is not the client_id, or the object could pass for a client assertion
    //= test OIDC-CORE#6.1 a signed object has iss, the client, and aud, the OP
    let key = key();
    let client = client(&key);
    use Reason as R;
    #[rustfmt::skip]
    let cases = [
        ("iss", json!("other"), R::RequestObjectIssuer), ("iss", json!(null), R::RequestObjectClaims),
        ("iss", json!("https://op.test"), R::RequestObjectIssuer), ("iss", json!(["rp"]), R::RequestObjectClaims),
        ("aud", json!("https://other.test"), R::RequestObjectAudience), ("aud", json!("https://op.test/"), R::RequestObjectAudience),
        ("aud", json!("https://op.test/par"), R::RequestObjectAudience), ("aud", json!([]), R::RequestObjectAudience),
        ("aud", json!(1), R::RequestObjectClaims), ("aud", json!({}), R::RequestObjectClaims),
        ("client_id", json!("other"), R::RequestObjectMismatch), ("client_id", json!(1), R::RequestObjectClaims),
        ("sub", json!("rp"), R::RequestObjectClaims),
        ("request", json!("x"), R::RequestObjectNested), ("request_uri", json!("x"), R::RequestObjectNested),
        ("request_uri", json!(null), R::RequestObjectNested),
        ("exp", json!(NOW.0), R::RequestObjectTime), ("exp", json!("x"), R::RequestObjectClaims),
        ("nbf", json!(NOW.0 + 11), R::RequestObjectTime), ("nbf", json!([]), R::RequestObjectClaims),
        ("exp", json!(NOW.0 + 3601), R::RequestObjectTime), ("nbf", json!(NOW.0 - 3601), R::RequestObjectTime),
        ("iat", json!(NOW.0 - 3601), R::RequestObjectTime), ("iat", json!(NOW.0 + 61), R::RequestObjectTime), ("iat", json!("now"), R::RequestObjectClaims),
    ];
    for (name, value, expected) in cases {
        let object = sign(&key, None, &with(|c| c[name] = value.clone()));
        let refused = verify(&object, &client, Demands::default()).map(|_| ());
        assert_eq!(refused, Err(expected), "{name} = {value}");
    }
    for name in ["iss", "aud"] {
        let object = sign(
            &key,
            None,
            &with(|c| drop(c.as_object_mut().unwrap().remove(name))),
        );
        assert!(
            verify(&object, &client, Demands::default()).is_err(),
            "{name}"
        );
    }
    let fine = [
        ("aud", json!(["https://other.test", "https://op.test"])),
        ("nbf", json!(NOW.0 + 8)),
        ("exp", json!(NOW.0 + 3600)),
        ("nbf", json!(NOW.0 - 3600)),
        ("sub", json!("somebody")),
    ];
    for (name, value) in fine {
        let object = sign(&key, None, &with(|c| c[name] = value.clone()));
        assert!(
            verify(&object, &client, Demands::default()).is_ok(),
            "{name} = {value}"
        );
    }
}

#[test]
fn a_profile_demands_times_and_bounds_them() {
    //= test FAPI1-ADVANCED#5.2.2 exp is at most 60 minutes after nbf, and nbf at most 60 minutes ago
    //= test RFC7519#4.1.4 at exp the object is over
    //= test RFC7519#4.1.5 before nbf the object is not taken
    let key = key();
    let client = client(&key);
    let at = |nbf: Option<i64>, exp: Option<i64>| {
        let claims = with(|c| {
            if let Some(nbf) = nbf {
                c["nbf"] = json!(NOW.0 + nbf);
            }
            if let Some(exp) = exp {
                c["exp"] = json!(NOW.0 + exp);
            }
        });
        verify(&sign(&key, None, &claims), &client, Demands::FAPI).map(|_| ())
    };
    for (nbf, exp) in [(0, 60), (8, 60), (-3500, 60), (-60, 3540), (0, 3600)] {
        assert_eq!(at(Some(nbf), Some(exp)), Ok(()), "{nbf} {exp}");
    }
    for (nbf, exp) in [
        (None, Some(60)),
        (Some(0), None),
        (None, None),
        (Some(0), Some(0)),
        (Some(0), Some(3601)),
        (Some(-3601), Some(60)),
        (Some(-60), Some(3541)),
        (Some(61), Some(120)),
    ] {
        assert_eq!(
            at(nbf, exp),
            Err(Reason::RequestObjectTime),
            "{nbf:?} {exp:?}"
        );
    }
    let jti = Demands {
        jti: true,
        ..Demands::default()
    };
    let object = sign(&key, None, &claims());
    assert!(verify(&object, &client, jti).is_err());
    let object = sign(&key, None, &with(|c| c["jti"] = json!("once")));
    assert_eq!(verify(&object, &client, jti).unwrap().jti(), Some("once"));
}

#[test]
fn the_signature_is_the_clients_own_by_an_algorithm_that_it_may_use() {
    //= test RFC9101#6.2 the algorithm is the one that the client registered
    //= test RFC8725#3.1 the object does not choose its algorithm
    //= test RFC9101#10.1 the algorithm none is not taken for a signature
    let key = key();
    let mut rp = client(&key);
    let object = sign(&key, None, &claims());
    assert!(verify(&object, &rp, Demands::default()).is_ok());
    let other = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let refused =
        |text: &str, client: &Client| verify(text, client, Demands::default()).map(|_| ());
    assert_eq!(
        refused(&sign(&other, None, &claims()), &rp),
        Err(Reason::RequestObjectSignature)
    );
    rp.requests.signing_alg = Some(JwsAlgorithm::PS256);
    assert_eq!(refused(&object, &rp), Err(Reason::RequestObjectAlgorithm));
    rp.requests.signing_alg = Some(JwsAlgorithm::ES256);
    assert_eq!(refused(&object, &rp), Ok(()));
    rp.jwks = None;
    assert_eq!(
        refused(&object, &rp),
        Err(Reason::RequestObjectKeysUnavailable)
    );
    let none = format!(
        "{}.{}.",
        base64url::encode(r#"{"alg":"none"}"#),
        base64url::encode(claims().to_string())
    );
    for text in [
        none.as_str(),
        "",
        "x",
        "..",
        "a.b.c",
        object.get(1..).unwrap(),
        &format!("{object}."),
    ] {
        assert_eq!(
            refused(text, &rp),
            Err(Reason::RequestObjectMalformed),
            "{text}"
        );
    }
}

#[test]
fn a_secret_signs_only_for_a_client_that_registered_that() {
    let hs = |secret: &[u8]| {
        HmacKey::new(JwsAlgorithm::HS256, secret)
            .unwrap()
            .sign_compact(None, claims().to_string().as_bytes())
    };
    let metadata = |more: &str| json!({"redirect_uris": ["https://rp.test/cb"], "request_object_signing_alg": more});
    let rp = configured("rp", &metadata("HS256"));
    assert!(verify(&hs(SECRET.as_bytes()), &rp, Demands::default()).is_ok());
    let wrong = "x".repeat(64);
    assert_eq!(
        verify(&hs(wrong.as_bytes()), &rp, Demands::default()).map(|_| ()),
        Err(Reason::RequestObjectSignature)
    );
    // A public key as the secret: the oldest trick.
    let key = key();
    let rp = client(&key);
    let public = key.public_jwk().to_public_value().to_string();
    for registered in [None, Some(JwsAlgorithm::ES256)] {
        let mut rp = rp.clone();
        rp.requests.signing_alg = registered;
        assert_eq!(
            verify(&hs(public.as_bytes()), &rp, Demands::default()).map(|_| ()),
            Err(Reason::RequestObjectAlgorithm)
        );
    }
}

#[test]
fn what_says_that_it_is_something_else_is_no_request_object() {
    //= test RFC9101#4 where typ is there it is oauth-authz-req+jwt, or says nothing but JWT
    //= test RFC9101#10.8 explicit typing keeps other JWTs of the client away
    let key = key();
    let client = Arc::new(client(&key));
    let typed = |typ| {
        verify(
            &sign(&key, Some(typ), &claims()),
            &client,
            Demands::default(),
        )
    };
    for typ in [
        "oauth-authz-req+jwt",
        "JWT",
        "jwt",
        "application/oauth-authz-req+jwt",
    ] {
        assert!(typed(typ).is_ok(), "{typ}");
    }
    for typ in [
        "at+jwt",
        "dpop+jwt",
        "client-authentication+jwt",
        "logout+jwt",
        "JOSE",
        "",
    ] {
        assert_eq!(
            typed(typ).map(|_| ()),
            Err(Reason::RequestObjectType),
            "{typ}"
        );
    }
}

#[test]
fn an_object_that_is_refused_says_where_its_answer_may_go_and_nothing_else() {
    let of = |payload: &str| {
        let text = format!("e30.{}.", base64url::encode(payload));
        let found = hints(&text);
        let mut pairs: Vec<_> = found.iter().map(|(n, v)| format!("{n}={v}")).collect();
        pairs.sort_unstable();
        pairs.join("&")
    };
    assert_eq!(
        of(
            r#"{"state":"s","redirect_uri":"u","response_mode":"form_post","response_type":"code","scope":"x"}"#
        ),
        "redirect_uri=u&response_mode=form_post&response_type=code&state=s"
    );
    for payload in [r#"{"state":1}"#, "[]", "", "{", r#"{"state":"\u0000"}"#] {
        assert_eq!(of(payload), "", "{payload}");
    }
    for text in ["", "a", "a.b", "..", "a.!.c", &".".repeat(10_000)] {
        assert_eq!(hints(text).iter().count(), 0);
    }
}

#[test]
fn only_registered_addresses_are_fetched() {
    //= test RFC9101#10.4 the server does not fetch from arbitrary places
    //= test OIDC-REG#2 request_uris are registered beforehand; here always
    //= test OIDC-CORE#6.2 a request_uri has at most 512 ASCII characters
    let hash = base64url::encode(hallpass_types::sha256(b"content"));
    let with_hash = format!("https://rp.test/b#{hash}");
    let rp = configured(
        "rp",
        &json!({"redirect_uris": ["https://rp.test/cb"], "request_uris": ["https://rp.test/a", with_hash]}),
    );
    let parse = |uri| Reference::parse(uri, &rp);
    assert_eq!(
        parse("https://rp.test/a").unwrap().address(),
        "https://rp.test/a"
    );
    let some = parse("https://rp.test/a#anything").unwrap();
    assert_eq!(
        (some.address(), some.names("content")),
        ("https://rp.test/a", false)
    );
    let named = parse(&with_hash).unwrap();
    assert_eq!(named.address(), "https://rp.test/b");
    assert!(named.names("content") && !named.names("Content"));
    let long = format!("https://rp.test/a#{}", "x".repeat(512));
    for uri in [
        "https://rp.test/b",
        "https://rp.test/b#x",
        "https://rp.test/a/",
        "https://rp.test/a?x",
        "https://rp.test/A",
        "https://evil.test/a",
        "#",
        "",
        &long,
    ] {
        assert_eq!(parse(uri), Err(Reason::RequestUriNotRegistered), "{uri}");
    }
}
