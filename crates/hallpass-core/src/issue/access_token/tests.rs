use hallpass_jose::JwsAlgorithm;
use hallpass_types::{Bucket, Thumbprint};
use serde_json::{Value, json};

use super::*;
use crate::{
    policy::TokenFormat,
    record::Confirmation,
    token::{
        Target,
        fixture::{ISSUER, NOW, READ, WRITE, access_token, grant, scope, texts, web},
    },
};

fn issuer() -> Issuer {
    Issuer::parse(ISSUER).unwrap()
}

fn token() -> AccessToken {
    AccessToken {
        audience: texts(&[READ]),
        scope: scope("api:read"),
        ..access_token(&web())
    }
}

fn read(json: &str) -> Option<AccessToken> {
    from_claims(&Claims::parse(json.as_bytes()).unwrap(), &issuer())
}

/// The claims of [`token`] with one replaced, or without it.
fn with(name: &str, value: Option<Value>) -> String {
    let written = jwt_claims(&token(), &issuer(), None);
    let mut claims: Map<_, _> = serde_json::from_str(&written).unwrap();
    assert!(claims.remove(name).is_some());
    claims.extend(value.map(|value| (name.to_owned(), value)));
    Value::Object(claims).to_string()
}

#[test]
fn a_token_is_made_of_a_decision() {
    let access = AccessGrant {
        grant: Some(grant(&web()).id),
        subject: "alice".to_owned(),
        scope: scope("api:read"),
        target: Target {
            audience: texts(&[READ]),
            format: TokenFormat::Jwt(JwsAlgorithm::ES256),
            lifetime: 300,
        },
        confirmation: None,
        extra: None,
        details: Vec::new(),
        authentication: None,
        issued_as: None,
        person: None,
    };
    let made = build(access, &web().id, NOW, TokenId([1; 16]));
    let expected = AccessToken {
        issued_at: NOW,
        expires_at: NOW.plus(300),
        ..token()
    };
    assert_eq!(made, expected);
}

#[test]
fn the_claims_are_exactly_these() {
    //= test RFC9068#2.2 iss, exp, aud, sub, client_id, iat and jti are there
    let grant = grant(&web());
    let ours = format!(r#""AQEBAQEBAQEBAQEBAQEBAQ.{}""#, grant.id);
    assert_eq!(
        jwt_claims(&token(), &issuer(), Some(&grant.authentication)).replace(&ours, "JTI"),
        concat!(
            r#"{"iss":"https://op.test:8443","sub":"alice","aud":"https://read.test","client_id":"web","#,
            r#""exp":1800000590,"iat":1799999990,"jti":JTI,"#,
            r#""scope":"api:read","auth_time":1799999900,"acr":"urn:acr:1","amr":["pwd","otp"]}"#
        )
    );
    let service = AccessToken {
        grant: None,
        subject: "client:web".to_owned(),
        scope: scope(""),
        audience: texts(&[READ, WRITE]),
        ..token()
    };
    assert_eq!(
        jwt_claims(&service, &issuer(), None),
        concat!(
            r#"{"iss":"https://op.test:8443","sub":"client:web","aud":["https://read.test","https://write.test"],"#,
            r#""client_id":"web","exp":1800000590,"iat":1799999990,"jti":"AQEBAQEBAQEBAQEBAQEBAQ"}"#
        )
    );
}

#[test]
fn a_token_that_is_bound_says_to_what() {
    //= test RFC9449#6.1 a bound JWT says its key in cnf
    //= test RFC8705#3.1 a bound JWT says its certificate in cnf
    let thumbprint = Thumbprint([7; 32]);
    for (confirmation, name) in [
        (Confirmation::Jkt(thumbprint), "jkt"),
        (Confirmation::X5tS256(thumbprint), "x5t#S256"),
    ] {
        let bound = AccessToken {
            confirmation: Some(confirmation),
            ..token()
        };
        let claims: Value = serde_json::from_str(&jwt_claims(&bound, &issuer(), None)).unwrap();
        assert_eq!(claims["cnf"], json!({ name: thumbprint.to_string() }));
    }
    let free: Value = serde_json::from_str(&jwt_claims(&token(), &issuer(), None)).unwrap();
    assert_eq!(free.get("cnf"), None);
}

#[test]
fn what_is_written_reads_back() {
    let how = grant(&web()).authentication;
    let odd = ClientId::parse("https://client.test/ \"\\").unwrap();
    for token in [
        token(),
        access_token(&web()),
        AccessToken {
            grant: None,
            scope: scope(""),
            audience: texts(&[READ, WRITE]),
            client_id: odd,
            subject: "client:https://client.test/ \"\\".to_owned(),
            ..token()
        },
        AccessToken {
            audience: texts(&[ISSUER, READ]),
            grant: Some(GrantId {
                bucket: Bucket(u32::MAX),
                random: [255; 12],
            }),
            ..token()
        },
    ] {
        for how in [None, Some(&how)] {
            assert_eq!(
                read(&jwt_claims(&token, &issuer(), how)),
                Some(token.clone())
            );
        }
    }
}

#[test]
fn claims_that_we_do_not_write_are_no_token() {
    // UI-08
    use serde_json::json;
    for (name, bad) in [
        ("iss", json!("https://evil.test")),
        ("iss", json!("https://op.test:8443/")),
        ("iss", json!(["https://op.test:8443"])),
        ("sub", json!(7)),
        ("sub", json!(null)),
        ("aud", json!(null)),
        ("aud", json!([])),
        ("aud", json!([READ, null])),
        ("aud", json!({"a": READ})),
        ("client_id", json!("")),
        ("client_id", json!(["web"])),
        ("client_id", json!("w\u{e9}b")),
        ("exp", json!("1800000590")),
        ("exp", json!(1e300)),
        ("exp", json!(null)),
        ("iat", json!("1799999990")),
        ("jti", json!("")),
        ("jti", json!("AQEB")),
        ("jti", json!("AQEBAQEBAQEBAQEBAQEBAQ.")),
        ("jti", json!("AQEBAQEBAQEBAQEBAQEBAQ.AAA")),
        ("jti", json!(".AAepkAkJCQkJCQkJCQkJCQ")),
        (
            "jti",
            json!("AQEBAQEBAQEBAQEBAQEBAQ.AAepkAkJCQkJCQkJCQkJCQ."),
        ),
        ("jti", json!("AQEBAQEBAQEBAQEBAQEBAQ==")),
        ("jti", json!(1)),
        ("scope", json!(["api:read"])),
        ("scope", json!("api:read  api:write")),
        ("scope", json!(null)),
    ] {
        assert_eq!(read(&with(name, Some(bad.clone()))), None, "{name}: {bad}");
    }
    for name in ["iss", "sub", "aud", "client_id", "exp", "iat", "jti"] {
        assert_eq!(read(&with(name, None)), None, "{name}");
    }
    assert!(read(&with("scope", None)).is_some());
}
