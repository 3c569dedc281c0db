use std::sync::OnceLock;

use hallpass_jose::{HmacKey, SigningKey, base64url};
use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000);
const URL: &str = "https://op.test/t1/token";
static URLS: std::sync::LazyLock<[String; 1]> = std::sync::LazyLock::new(|| [URL.to_owned()]);
const TOKEN: &str = "hpa_abc";

fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(JwsAlgorithm::ES256).unwrap())
}

fn header() -> Value {
    json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key().public_jwk().to_public_value()})
}

fn claims() -> Value {
    json!({
        "jti": "j-1", "htm": "POST", "htu": URL, "iat": NOW.0,
        "ath": "ukiW7REKn2Vdcvlx8IwD5lqX_t5Jk6eHQSJ4kVoZ_Uo",
    })
}

fn signed(header: &Value, claims: &Value) -> String {
    let input = format!(
        "{}.{}",
        base64url::encode(header.to_string()),
        base64url::encode(claims.to_string())
    );
    let signature = key().sign(input.as_bytes()).unwrap();
    format!("{input}.{}", base64url::encode(signature))
}

fn facts() -> Facts<'static> {
    Facts {
        now: NOW,
        valid_from: Timestamp(0),
        method: "POST",
        urls: &*URLS,
        algs: ALGS,
        access_token: None,
        nonce: Nonce::Ignored,
    }
}

fn changed(mut object: Value, name: &str, value: Value) -> Value {
    let members = object.as_object_mut().unwrap();
    members.remove(name);
    if !value.is_null() {
        members.insert(name.to_owned(), value);
    }
    object
}

/// What a proof with another header member is refused for.
fn with_header(name: &str, value: Value) -> Result<Proved, Reason> {
    verify(
        &signed(&changed(header(), name, value), &claims()),
        &facts(),
    )
}

fn with_claim(name: &str, value: Value) -> Result<Proved, Reason> {
    verify(
        &signed(&header(), &changed(claims(), name, value)),
        &facts(),
    )
}

#[test]
fn a_proof_proves_its_key_and_works_once() {
    // TK-45, TK-46
    let proved = verify(&signed(&header(), &claims()), &facts()).unwrap();
    let thumbprint = Thumbprint::parse(&key().public_jwk().thumbprint()).unwrap();
    assert_eq!(proved.key, Confirmation::Jkt(thumbprint));
    let once = proved.once.unwrap();
    assert_eq!(once.expires_at, NOW.plus(WINDOW));
    let again = verify(&signed(&header(), &claims()), &facts()).unwrap();
    assert_eq!(again.once.unwrap(), once);
    let other = with_claim("jti", json!("j-2")).unwrap();
    assert_ne!(other.once.unwrap().key, once.key);
}

#[test]
fn every_part_of_a_proof_must_be_there() {
    //= test RFC9449#4.3 jti, htm, htu and iat are there
    for name in ["jti", "htm", "htu", "iat"] {
        assert_eq!(with_claim(name, Value::Null), Err(Reason::Claims), "{name}");
        for odd in [json!([]), json!({}), json!(true), json!("")] {
            assert_eq!(with_claim(name, odd), Err(Reason::Claims), "{name}");
        }
    }
    assert_eq!(with_claim("htm", json!(["POST"])), Err(Reason::Claims));
    assert_eq!(
        with_claim("jti", json!("j".repeat(MAX_JTI + 1))),
        Err(Reason::Claims)
    );
    //= test RFC9449#4.3 the typ of a proof is dpop+jwt
    for typ in [Value::Null, json!("JWT"), json!("at+jwt"), json!("dpop")] {
        assert_eq!(with_header("typ", typ), Err(Reason::Type));
    }
    assert!(with_header("typ", json!("DPoP+jwt")).is_ok());
    assert_eq!(with_header("jwk", Value::Null), Err(Reason::PublicKey));
    assert_eq!(with_header("alg", Value::Null), Err(Reason::Malformed));
    // What is not known means nothing.
    assert!(with_header("other", json!(1)).is_ok());
    assert!(with_claim("other", json!({})).is_ok());
}

#[test]
fn only_asymmetric_algorithms_that_are_offered_prove_anything() {
    //= test RFC9449#4.3 the algorithm of a proof is asymmetric, and one that the server takes
    for alg in ["RS256", "RS512", "HS256"] {
        assert_eq!(
            with_header("alg", json!(alg)),
            Err(Reason::Algorithm),
            "{alg}"
        );
    }
    assert_eq!(with_header("alg", json!("none")), Err(Reason::Malformed));
    assert_eq!(with_header("alg", json!("ES384")), Err(Reason::Signature));
    let secret = HmacKey::new(JwsAlgorithm::HS256, &[1; 32]).unwrap();
    let forged = secret.sign_compact(Some(TYP), claims().to_string().as_bytes());
    assert_eq!(verify(&forged, &facts()), Err(Reason::Algorithm));
    for algorithm in ALGS {
        assert!(!algorithm.is_symmetric());
    }
}

#[test]
fn the_key_is_public_and_signed_it() {
    //= test RFC9449#4.3 the header carries a public key and nothing private
    let mut private = key().public_jwk().to_public_value();
    private["d"] = json!(base64url::encode([7; 32]));
    let refused = with_header("jwk", private).unwrap_err();
    assert!(matches!(refused, Reason::PublicKey | Reason::Malformed));
    let secret = json!({"kty": "oct", "k": base64url::encode([1; 32])});
    let refused = with_header("jwk", secret).unwrap_err();
    assert!(matches!(refused, Reason::PublicKey | Reason::Malformed));
    //= test RFC9449#4.3 the signature is valid under that key
    let mut elsewhere = key().public_jwk().to_public_value();
    elsewhere["y"] = elsewhere["x"].clone();
    assert_eq!(with_header("jwk", elsewhere), Err(Reason::PublicKey));
    let other = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let theirs = other.public_jwk().to_public_value();
    assert_eq!(with_header("jwk", theirs), Err(Reason::Signature));
    let good = signed(&header(), &claims());
    for bad in [
        "",
        "a.b.c",
        "..",
        good.strip_suffix(|_| true).unwrap(),
        &format!("{good}.x"),
        &format!("{good} "),
        &"a".repeat(MAX_LEN + 1),
    ] {
        assert!(verify(bad, &facts()).is_err(), "{bad}");
    }
    let (head, _) = good.rsplit_once('.').unwrap();
    assert_eq!(
        verify(&format!("{head}.{}", base64url::encode([1; 64])), &facts()),
        Err(Reason::Signature)
    );
}

#[test]
fn a_proof_is_for_one_method_and_one_url() {
    //= test RFC9449#4.3 htm is the method of the request and htu its URL without query and fragment
    for method in ["GET", "post", "POST "] {
        assert_eq!(with_claim("htm", json!(method)), Err(Reason::Target));
    }
    //= test RFC9449#4.3 htu is compared after normalisation by syntax and by scheme
    // TK-49
    for same in [
        URL,
        "https://op.test/t1/token?a=b",
        "https://op.test/t1/token#a",
        "https://op.test/t1/token?a#b",
        "HTTPS://OP.TEST/t1/token",
        "https://op.test:443/t1/token",
        "https://op.test/./t1/token",
    ] {
        assert!(with_claim("htu", json!(same)).is_ok(), "{same}");
    }
    for other in [
        "https://op.test/t1/token/",
        "https://op.test//t1/token",
        "https://op.test/t1/%74oken",
        "https://op.test/T1/token",
        "https://op.test/t2/token",
        "https://op.test/token",
        "http://op.test/t1/token",
        "https://op.test:8443/t1/token",
        "https://evil.test/t1/token",
        "https://op.test@evil.test/t1/token",
        "https://user@op.test/t1/token",
        "https:\\\\op.test\\t1\\token",
        "https://op.test/t1/token\t",
        "https://op.test/t1/\ntoken",
        " https://op.test/t1/token",
        "//op.test/t1/token",
        "/t1/token",
        "token",
        "?",
    ] {
        assert_eq!(
            with_claim("htu", json!(other)),
            Err(Reason::Target),
            "{other}"
        );
    }
    let long = format!("{URL}?{}", "a".repeat(MAX_URL));
    assert!(with_claim("htu", json!(long)).is_ok());
}

#[test]
fn a_proof_is_fresh() {
    //= test RFC9449#4.3 a proof was made a short while ago
    for near in [0, -10, 10, -WINDOW + 1] {
        assert!(with_claim("iat", json!(NOW.0 + near)).is_ok(), "{near}");
    }
    for far in [-WINDOW, -3600, 11, 61, WINDOW, 3600, 1_000_000_000] {
        assert_eq!(
            with_claim("iat", json!(NOW.0 + far)),
            Err(Reason::Time),
            "{far}"
        );
    }
    assert!(with_claim("exp", json!(NOW.0 + 300)).is_ok());
    assert!(with_claim("nbf", json!(NOW.0)).is_ok());
    assert_eq!(with_claim("exp", json!(NOW.0 - 60)), Err(Reason::Time));
    assert_eq!(with_claim("nbf", json!(NOW.0 + 60)), Err(Reason::Time));
    assert_eq!(with_claim("exp", json!("soon")), Err(Reason::Claims));
}

#[test]
fn with_an_access_token_the_proof_is_for_this_token() {
    //= test RFC9449#4.3 with an access token, ath is its SHA-256
    let facts = Facts {
        access_token: Some(TOKEN),
        ..facts()
    };
    let ath = base64url::encode(sha256(TOKEN.as_bytes()));
    let with = |ath: Value| verify(&signed(&header(), &changed(claims(), "ath", ath)), &facts);
    assert!(with(json!(ath)).is_ok());
    assert_eq!(with(Value::Null), Err(Reason::Claims));
    for bad in [
        json!(base64url::encode(sha256(b"hpa_abd"))),
        json!(format!("{ath}=")),
        json!(TOKEN),
    ] {
        assert_eq!(with(bad), Err(Reason::AccessToken));
    }
}

#[test]
fn where_a_nonce_is_needed_only_ours_will_do() {
    //= test RFC9449#4.3 where the server hands out nonces, nonce is one of them
    let is_ours = |nonce: &str| nonce == "n-1";
    let facts = Facts {
        nonce: Nonce::Demanded(&is_ours),
        ..facts()
    };
    let with = |nonce: Value| {
        verify(
            &signed(&header(), &changed(claims(), "nonce", nonce)),
            &facts,
        )
    };
    assert!(with(json!("n-1")).is_ok());
    assert_eq!(with(Value::Null), Err(Reason::NonceMissing));
    assert_eq!(with(json!("n-2")), Err(Reason::NonceOld));
    assert_eq!(with(json!("")), Err(Reason::NonceOld));
    assert_eq!(with(json!(1)), Err(Reason::Claims));
    assert!(
        with_claim("nonce", json!("whatever")).is_ok(),
        "where none is needed"
    );
}
