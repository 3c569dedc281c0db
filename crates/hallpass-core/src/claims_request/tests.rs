use serde_json::json;

use super::*;
use crate::authorize::fixture::policy;

#[test]
fn both_sections_are_read_and_others_are_ignored() {
    //= test OIDC-CORE#5.5 members beside userinfo and id_token that are not understood are ignored
    let requested = parse(
        r#"{
            "userinfo": {"given_name": {"essential": true}, "nickname": null, "name#de": {"purpose": "x"}},
            "id_token": {"auth_time": {"essential": true}, "acr": {"values": ["a", "b"]}},
            "other": 7
        }"#,
    )
    .unwrap();
    assert_eq!(
        requested.claims.userinfo.get("given_name"),
        Some(&json!({"essential": true}))
    );
    assert_eq!(requested.claims.userinfo.len(), 3);
    assert_eq!(requested.claims.id_token.len(), 2);
    assert_eq!(requested.acr_values, ["a", "b"]);
    assert!(requested.essential_acr.is_empty());
    assert_eq!(requested.subject, None);
    for empty in ["{}", r#"{"userinfo":null,"id_token":{}}"#, r#"{"x":[]}"#] {
        assert_eq!(parse(empty), Ok(Requested::default()), "{empty}");
    }
}

#[test]
fn whatever_has_not_the_right_shape_is_refused() {
    //= test OIDC-CORE#5.5.1 each requested claim is null or an object
    let deep = format!(
        r#"{{"id_token":{{"a":{{"value":{}{}}}}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let nested = r#"{"id_token":{"a":{"value":[[[[[[1]]]]]]}}}"#;
    let long = format!(r#"{{"id_token":{{"{}":null}}}}"#, "a".repeat(9000));
    for bad in [
        "",
        "x",
        "[]",
        "null",
        "\"{}\"",
        "7",
        "{",
        "{}x",
        "\u{feff}{}",
        r#"{"userinfo":"email"}"#,
        r#"{"userinfo":[]}"#,
        r#"{"id_token":true}"#,
        r#"{"userinfo":{"email":"yes"}}"#,
        r#"{"userinfo":{"email":true}}"#,
        r#"{"userinfo":{"email":[]}}"#,
        r#"{"userinfo":{"email":0}}"#,
        r#"{"userinfo":{"email":{"essential":"true"}}}"#,
        r#"{"userinfo":{"email":{"values":"x"}}}"#,
        r#"{"userinfo":{"email":null,"email":null}}"#,
        r#"{"userinfo":{},"userinfo":{}}"#,
        r#"{"id_token":{"acr":{"values":["a",1]}}}"#,
        r#"{"id_token":{"acr":{"essential":true,"value":7}}}"#,
        nested,
        &deep,
        &long,
    ] {
        assert_eq!(parse(bad), Err(Reason::ClaimsMalformed), "{bad:.60}");
    }
}

#[test]
fn a_wanted_sub_is_one_person() {
    //= test OIDC-CORE#5.5.1 a sub with a value allows a positive answer for that person only
    for (text, subject) in [
        (r#"{"id_token":{"sub":{"value":"bob"}}}"#, Some("bob")),
        (r#"{"userinfo":{"sub":{"value":"bob"}}}"#, Some("bob")),
        (r#"{"id_token":{"sub":{"values":["bob"]}}}"#, Some("bob")),
        (
            r#"{"id_token":{"sub":{"value":"bob","values":["bob"]}}}"#,
            Some("bob"),
        ),
        (
            r#"{"userinfo":{"sub":{"value":"bob"}},"id_token":{"sub":{"value":"bob"}}}"#,
            Some("bob"),
        ),
        (r#"{"id_token":{"sub":null}}"#, None),
        (r#"{"id_token":{"sub":{"essential":true}}}"#, None),
    ] {
        let requested = parse(text).unwrap();
        assert_eq!(requested.subject.as_deref(), subject, "{text}");
        assert!(requested.claims.is_empty(), "sub needs no asking");
    }
    for bad in [
        r#"{"id_token":{"sub":{"value":7}}}"#,
        r#"{"id_token":{"sub":{"value":null}}}"#,
        r#"{"id_token":{"sub":{"value":["bob"]}}}"#,
        r#"{"id_token":{"sub":{"values":[]}}}"#,
        r#"{"id_token":{"sub":{"values":["alice","bob"]}}}"#,
        r#"{"id_token":{"sub":{"value":"alice","values":["bob"]}}}"#,
        r#"{"userinfo":{"sub":{"value":"alice"}},"id_token":{"sub":{"value":"bob"}}}"#,
    ] {
        assert_eq!(parse(bad), Err(Reason::ClaimsSubjectMalformed), "{bad}");
    }
}

#[test]
fn only_claims_that_the_issuer_has_are_kept() {
    let text = r#"{
        "userinfo": {"email": null, "name#de": null, "salary": null, "constructor": null, "__proto__": null},
        "id_token": {"acr": null, "auth_time": null, "amr": null, "password": null}
    }"#;
    let mut claims = parse(text).unwrap().claims;
    retain_offered(&mut claims, &policy());
    let names = |section: &BTreeMap<String, Value>| section.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&claims.userinfo), ["email", "name#de"]);
    assert_eq!(names(&claims.id_token), ["acr", "amr", "auth_time"]);
    assert_eq!(
        personal(&claims).into_iter().collect::<Vec<_>>(),
        ["email", "name#de"]
    );
}
