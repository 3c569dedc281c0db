use hallpass_jose::Claims;
use hallpass_types::{Params, Timestamp};
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "https://idp.test";

fn upstream() -> Upstream {
    Upstream {
        id: "idp".to_owned(),
        name: "Example".to_owned(),
        endpoints: Endpoints::OpenId {
            issuer: ISSUER.to_owned(),
            algs: vec![JwsAlgorithm::ES256],
            userinfo: false,
        },
        client_id: "us".to_owned(),
        authentication: ClientAuthentication::None,
        scopes: vec!["openid".to_owned(), "email".to_owned()],
        parameters: vec![
            ("hd".to_owned(), "example.org".to_owned()),
            ("state".to_owned(), "fixed".to_owned()),
            ("nonce".to_owned(), "fixed".to_owned()),
        ],
        subject_claim: "sub".to_owned(),
        claims: Vec::new(),
        first_time: FirstTime::Refuse,
        link_by_email: false,
    }
}

#[test]
fn what_keeps_answers_apart_cannot_be_configured_away() {
    let sent = Sent {
        redirect_uri: "https://op.test/upstream/idp/callback",
        state: "s",
        nonce: "n",
        code_challenge: "c",
        max_age: None,
    };
    let url = authorization_url(&upstream(), "https://idp.test/authorize?x=1", &sent);
    let url = url::Url::parse(&url).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let all = |name: &str| -> Vec<&str> {
        let found = pairs.iter().filter(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str()).collect()
    };
    for (name, value) in [
        ("x", "1"),
        ("hd", "example.org"),
        ("state", "s"),
        ("nonce", "n"),
        ("code_challenge", "c"),
        ("code_challenge_method", "S256"),
        ("response_type", "code"),
        ("client_id", "us"),
        ("scope", "openid email"),
        ("redirect_uri", sent.redirect_uri),
    ] {
        assert_eq!(all(name), [value], "{name}");
    }
}

// UP-10
//= test OIDC-DISCOVERY#4.3 the issuer in the metadata is exactly the one that was asked
#[test]
fn metadata_of_another_issuer_is_refused() {
    let document = |issuer: &str, token: &str| {
        json!({
            "issuer": issuer, "authorization_endpoint": "https://idp.test/a", "token_endpoint": token,
            "jwks_uri": "https://idp.test/k", "authorization_response_iss_parameter_supported": true,
        })
        .to_string()
    };
    let good = read_metadata(document(ISSUER, "https://idp.test/t").as_bytes(), ISSUER).unwrap();
    assert!(good.names_itself && good.userinfo.is_none());
    for (issuer, token) in [
        ("https://idp.test/", "https://idp.test/t"),
        ("https://IDP.test", "https://idp.test/t"),
        ("https://evil.test", "https://idp.test/t"),
        (ISSUER, "javascript:alert(1)"),
        (ISSUER, "/t"),
        (ISSUER, "https://idp.test/t#x"),
    ] {
        let read = read_metadata(document(issuer, token).as_bytes(), ISSUER);
        assert_eq!(read, Err(Reason::Metadata), "{issuer} {token}");
    }
    for broken in ["", "{}", "[]", "null"] {
        assert_eq!(
            read_metadata(broken.as_bytes(), ISSUER),
            Err(Reason::Metadata)
        );
    }
    assert_eq!(
        metadata_url("https://idp.test/t/"),
        "https://idp.test/t/.well-known/openid-configuration"
    );
}

// UP-01, mix-up
//= test RFC9207#2.4 an answer with another issuer than the one that was asked is refused
//= test RFC9207#2.4 where the issuer says that its answers name it, one that does not is refused
#[test]
fn an_answer_is_of_the_provider_that_was_asked() {
    let read = |query: &str, issuer, names_itself| {
        let params = Params::parse(query.as_bytes()).unwrap();
        read_answer(&params, issuer, names_itself).map(|answer| answer.code)
    };
    let code = Ok("c".to_owned());
    for (query, issuer, names_itself, expected) in [
        ("code=c", Some(ISSUER), false, code.clone()),
        (
            "code=c&iss=https://idp.test",
            Some(ISSUER),
            true,
            code.clone(),
        ),
        ("code=c", None, false, code),
        ("code=c", Some(ISSUER), true, Err(Reason::Issuer)),
        (
            "code=c&iss=https://evil.test",
            Some(ISSUER),
            false,
            Err(Reason::Issuer),
        ),
        (
            "code=c&iss=https://idp.test/",
            Some(ISSUER),
            false,
            Err(Reason::Issuer),
        ),
        (
            "error=x&iss=https://evil.test",
            Some(ISSUER),
            false,
            Err(Reason::Issuer),
        ),
        ("error=access_denied", None, false, Err(Reason::Refused)),
        ("error=x&code=c", None, false, Err(Reason::Refused)),
        ("code=c&code=d", None, false, Err(Reason::NoCode)),
        ("code=c&iss=a&iss=b", None, false, Err(Reason::NoCode)),
        ("", None, false, Err(Reason::NoCode)),
        ("code=", None, false, Err(Reason::NoCode)),
    ] {
        assert_eq!(read(query, issuer, names_itself), expected, "{query}");
    }
    assert_eq!(
        read(&format!("code={}", "c".repeat(5000)), None, false),
        Err(Reason::NoCode)
    );
}

fn id_token() -> Value {
    json!({"iss": ISSUER, "aud": "us", "sub": "ada", "exp": 1300, "iat": 1000, "nonce": "n"})
}

fn checked(token: &Value) -> Result<String, Reason> {
    let claims = Claims::parse(token.to_string().as_bytes()).map_err(|_| Reason::IdToken)?;
    let expected = Expected {
        issuer: ISSUER,
        client_id: "us",
        nonce: "n",
        now: Timestamp(1000),
    };
    check_id_token(&claims, &expected)
}

// UP-03
//= test OIDC-CORE#3.1.3.7 iss is exactly the issuer that was asked
//= test OIDC-CORE#3.1.3.7 aud holds us, and nobody who is not trusted
//= test OIDC-CORE#3.1.3.7 azp, where it is there, is us
//= test OIDC-CORE#3.1.3.7 the token has not expired
//= test OIDC-CORE#3.1.3.7 the nonce is the one that was sent
//= test RFC7519#4.1.5 before nbf a token is refused
#[test]
fn an_id_token_is_for_us_and_for_this_sign_in() {
    assert_eq!(checked(&id_token()).as_deref(), Ok("ada"));
    for (name, good) in [
        ("aud", json!(["us"])),
        ("azp", json!("us")),
        ("exp", json!(941)),
        ("iat", json!(1059)),
        ("iat", json!(401)),
        ("nbf", json!(1059)),
        ("nbf", json!(0)),
        ("sub", json!("x".repeat(255))),
        ("extra", json!({"a": [1]})),
    ] {
        let mut token = id_token();
        token[name] = good.clone();
        assert!(checked(&token).is_ok(), "{name} {good}");
    }
    for (name, bad) in [
        ("iss", json!("https://evil.test")),
        ("iss", json!("https://idp.test/")),
        ("iss", json!([ISSUER])),
        ("iss", Value::Null),
        ("aud", json!("them")),
        ("aud", json!(["us", "them"])),
        ("aud", json!([])),
        ("aud", json!(["US"])),
        ("azp", json!("them")),
        ("azp", json!(1)),
        ("exp", json!(940)),
        ("exp", json!("1300")),
        ("exp", Value::Null),
        ("iat", json!(1061)),
        ("iat", json!(400)),
        ("iat", json!("1000")),
        ("iat", Value::Null),
        ("nbf", json!(1061)),
        ("nbf", json!("1000")),
        ("nonce", json!("other")),
        ("nonce", json!(["n"])),
        ("nonce", Value::Null),
        ("sub", json!("")),
        ("sub", json!(7)),
        ("sub", json!("x".repeat(256))),
        ("sub", Value::Null),
    ] {
        let mut token = id_token();
        token[name] = bad.clone();
        assert_eq!(checked(&token), Err(Reason::IdToken), "{name} {bad}");
        if bad.is_null() {
            token.as_object_mut().unwrap().remove(name);
            assert_eq!(checked(&token), Err(Reason::IdToken), "without {name}");
        }
    }
}

// UP-11, UP-16
#[test]
fn only_mapped_claims_are_taken_over_and_none_that_says_what_somebody_may_do() {
    let source = |name: &str, from: &str| ClaimSource {
        name: name.to_owned(),
        from: from.to_owned(),
    };
    let theirs = json!({
        "sub": "x", "name": "Ada", "roles": ["admin"], "email": "ada@idp.test", "email_verified": true,
        "picture": {"data": {"url": "https://idp.test/p"}}, "a.b": "dotted", "big": "x".repeat(5000), "none": null,
    });
    let theirs = theirs.as_object().unwrap();
    let sources = [
        source("name", "name"),
        source("picture", "picture.data.url"),
        source("dotted", "a.b"),
        source("big", "big"),
        source("none", "none"),
        source("gone", "gone.far"),
        source("sub", "sub"),
        source("roles", "roles"),
        source("acr", "name"),
        source("permissions", "roles"),
    ];
    assert_eq!(
        Value::Object(mapped(&sources, theirs, true)),
        json!({"name": "Ada", "picture": "https://idp.test/p", "dotted": "dotted"})
    );
    assert!(mapped(&[], theirs, true).is_empty());
}

// UP-04, UP-05
#[test]
fn that_an_address_is_verified_is_said_on_of_a_believed_provider_and_of_that_address_alone() {
    let source = |name: &str, from: &str| ClaimSource {
        name: name.to_owned(),
        from: from.to_owned(),
    };
    let sources = [
        source("email", "mail"),
        source("email_verified", "checked"),
        source("phone_number_verified", "checked"),
    ];
    let said = |theirs: Value, is_believed: bool| {
        let ours = mapped(&sources, theirs.as_object().unwrap(), is_believed);
        assert_eq!(ours.get("phone_number_verified"), Some(&json!(false)));
        ours.get("email_verified").cloned()
    };
    let all = |mail: &str, verified: Value| json!({"mail": mail, "checked": verified, "email": "ada@idp.test", "email_verified": verified});
    let (yes, no) = (Some(json!(true)), Some(json!(false)));
    assert_eq!(said(all("ada@idp.test", json!(true)), true), yes);
    assert_eq!(said(all("ada@idp.test", json!(true)), false), no);
    assert_eq!(said(all("eve@idp.test", json!(true)), true), no);
    assert_eq!(said(all("ada@idp.test", json!("true")), true), no);
    assert_eq!(said(all("ada@idp.test", json!(false)), true), no);
    // What is not mapped is not made up.
    let ours = mapped(
        &sources[..1],
        all("ada@idp.test", json!(true)).as_object().unwrap(),
        true,
    );
    assert_eq!(ours.get("email_verified"), None);
}

#[test]
fn who_was_asked_to_sign_in_again_is_asked_again_there() {
    let mut idp = upstream();
    for name in ["prompt", "max_age"] {
        idp.parameters.push((name.to_owned(), "99".to_owned()));
    }
    let asked = |idp: &Upstream, max_age| {
        let sent = Sent {
            redirect_uri: "https://op.test/upstream/idp/callback",
            state: "s",
            nonce: "n",
            code_challenge: "c",
            max_age,
        };
        let url = authorization_url(idp, "https://idp.test/authorize", &sent);
        let url = url::Url::parse(&url).unwrap();
        let all = |name: &str| -> Vec<String> {
            let pairs = url.query_pairs();
            let found = pairs.filter(|(n, _)| n == name);
            found.map(|(_, value)| value.into_owned()).collect()
        };
        [all("max_age"), all("prompt")].map(|all| all.join("+"))
    };
    assert_eq!(asked(&idp, None), ["99", "99"]);
    assert_eq!(asked(&idp, Some(300)), ["300", "99"]);
    assert_eq!(asked(&idp, Some(0)), ["0", "login"]);
    idp.parameters.clear();
    assert_eq!(asked(&idp, None), ["", ""]);
    assert_eq!(asked(&idp, Some(0)), ["0", "login"]);
}

#[test]
fn a_silent_return_is_no_sign_in_of_late() {
    let (now, at) = (Timestamp(10_000), |seconds| Some(Timestamp(seconds)));
    let time = |said, oldest| sign_in_time(said, oldest, now);
    // Nothing was asked: what is said counts, as far as it can be.
    assert_eq!(time(None, None), Ok(None));
    assert_eq!(time(at(100), None), Ok(at(100)));
    assert_eq!(time(at(20_000), None), Ok(Some(now)));
    // A sign-in after 9,700 was asked for.
    assert_eq!(time(at(9_800), at(9_700)), Ok(at(9_800)));
    assert_eq!(time(at(9_650), at(9_700)), Ok(at(9_700)), "clocks differ");
    assert_eq!(time(at(9_639), at(9_700)), Err(Reason::NotFresh));
    assert_eq!(time(at(0), at(9_700)), Err(Reason::NotFresh));
    assert_eq!(time(None, at(9_700)), Err(Reason::NotFresh));
}

// UP-05, UP-15
#[test]
fn a_mail_address_is_verified_by_the_truth_value_alone() {
    let email = |email: Value, verified: Value| {
        let claims = json!({"email": email, "email_verified": verified});
        verified_email(claims.as_object().unwrap()).map(str::to_owned)
    };
    let good = || json!("ada@corp.test");
    assert_eq!(email(good(), json!(true)).as_deref(), Some("ada@corp.test"));
    for verified in [
        json!(false),
        json!("true"),
        json!(1),
        Value::Null,
        json!([true]),
    ] {
        assert_eq!(email(good(), verified.clone()), None, "{verified}");
    }
    for bad in [
        "a@evil@corp.test",
        "@corp.test",
        "ada@",
        "ada",
        "ada@corp",
        "ada @corp.test",
        "ad\u{0430}@corp.test",
        "a@b.c\n",
    ] {
        assert_eq!(email(json!(bad), json!(true)), None, "{bad}");
    }
    assert_eq!(email(json!(["ada@corp.test"]), json!(true)), None);
}
