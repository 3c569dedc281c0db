mod encryption;
mod flows;
mod keys;

use hallpass_jose::JwsAlgorithm;
use serde_json::json;

use super::*;
use crate::{
    client::{
        fixtures::{object, policy},
        sector,
    },
    policy::Resource,
};
use ClientOrigin::{Administration, Configuration, Registration};

const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

fn run(value: &Value, origin: ClientOrigin) -> Result<Map<String, Value>, MetadataError> {
    normalize(&object(value), origin, &policy())
}

/// A web client with one more member.
fn with(name: &str, value: &Value) -> Value {
    let mut input = object(&json!({"redirect_uris": ["https://rp.test/cb"]}));
    input.insert(name.to_owned(), value.clone());
    Value::Object(input)
}

fn refused(input: &Value) -> (MetadataReason, &'static str) {
    let error = run(input, Registration).expect_err(&input.to_string());
    (error.reason, error.field)
}

fn p256() -> Value {
    serde_json::from_str(P256).unwrap()
}

#[test]
fn a_registered_client_gets_the_defaults_of_the_specification() {
    //= test RFC7591#2 the default grant type is authorization_code
    //= test RFC7591#2 the default response type is code
    //= test RFC7591#2 the default authentication method is client_secret_basic
    //= test OIDC-REG#2 the default algorithm of ID tokens is RS256
    let metadata = run(
        &json!({"redirect_uris": ["https://rp.test/cb"]}),
        Registration,
    )
    .unwrap();
    assert_eq!(
        Value::Object(metadata),
        json!({
            "application_type": "web",
            "token_endpoint_auth_method": "client_secret_basic",
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "redirect_uris": ["https://rp.test/cb"],
            "id_token_signed_response_alg": "RS256",
            "subject_type": "public",
        })
    );
}

#[test]
fn an_operators_client_gets_the_issuers_first_algorithm_and_pkce() {
    //= test OIDC-REG#2 clients that an operator made get the issuer's first algorithm
    for origin in [Configuration, Administration] {
        let metadata = run(&json!({"redirect_uris": ["https://rp.test/cb"]}), origin).unwrap();
        assert_eq!(metadata["id_token_signed_response_alg"], "ES256");
        assert_eq!(metadata["require_pkce"], true);
        assert_eq!(
            metadata["token_endpoint_auth_method"],
            "client_secret_basic"
        );
    }
}

#[test]
fn what_was_normalised_stays_as_it_is() {
    //= test RFC7591#2.2 human-readable values may stand in several languages, tagged behind a hash sign
    let full = json!({
        "redirect_uris": ["https://rp.test/cb", "https://rp.test/cb2", "https://rp.test/cb"],
        "post_logout_redirect_uris": ["https://rp.test/bye"],
        "response_types": ["code", "code"], "grant_types": ["refresh_token", "client_credentials", "implicit"],
        "response_modes": ["query", "form_post"], "application_type": "web",
        "client_name": " The\nclient ", "client_name#de": "Der Klient", "client_name#x y": "dropped",
        "client_uri": "https://rp.test/", "logo_uri": "https://rp.test/logo", "policy_uri": "https://rp.test/p",
        "tos_uri#fr-CA": "https://rp.test/t", "contacts": ["a@rp.test", "a@rp.test"],
        "scope": "openid email made-up", "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256", "jwks": {"keys": [p256(), {"kty": "new"}], "more": 1},
        "subject_type": "pairwise", "sector_identifier_uri": "https://sector.test/doc",
        "id_token_signed_response_alg": "ES256", "userinfo_signed_response_alg": "RS256",
        "default_max_age": 60, "require_auth_time": true, "default_acr_values": ["unreachable"],
        "initiate_login_uri": "https://rp.test/login", "request_uris": ["https://rp.test/r#47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"],
        "frontchannel_logout_uri": "https://rp.test/f", "frontchannel_logout_session_required": true,
        "backchannel_logout_uri": "https://rp.test/b", "backchannel_logout_session_required": false,
        "software_id": "x", "software_version": "1", "software_statement": "a.b.c", "policy_uri#de": null,
    });
    for origin in [Registration, Configuration] {
        let mut full = object(&full);
        if origin == Configuration {
            full.insert("scope".into(), "openid email".into());
        }
        let once = run(&Value::Object(full), origin).unwrap();
        let twice = normalize(&once, origin, &policy()).unwrap();
        assert_eq!(once, twice);
        assert_eq!(
            once["redirect_uris"],
            json!(["https://rp.test/cb", "https://rp.test/cb2"])
        );
        assert_eq!(
            once["grant_types"],
            json!(["authorization_code", "refresh_token", "client_credentials"])
        );
        assert_eq!(once["response_types"], json!(["code"]));
        assert_eq!(once["client_name"], "The client");
        assert_eq!(once["client_name#de"], "Der Klient");
        assert_eq!(once["tos_uri#fr-CA"], "https://rp.test/t");
        assert_eq!(once["scope"], "openid email");
        assert_eq!(once["jwks"], json!({"keys": [p256()]}));
        assert_eq!(once["contacts"], json!(["a@rp.test"]));
        for dropped in [
            "client_name#x y",
            "policy_uri#de",
            "default_acr_values",
            "software_statement",
        ] {
            assert!(!once.contains_key(dropped), "{dropped}");
        }
    }
}

#[test]
fn what_only_the_server_decides_has_no_effect() {
    // RG-10
    //= test RFC7591#2 metadata that is not understood is ignored
    let plain = run(
        &json!({"redirect_uris": ["https://rp.test/cb"]}),
        Registration,
    )
    .unwrap();
    for (name, value) in [
        ("client_id", json!("admin")),
        ("client_secret", json!("chosen")),
        ("client_secret_expires_at", json!(0)),
        ("client_id_issued_at", json!(0)),
        ("registration_access_token", json!("x")),
        ("trusted", json!(true)),
        ("skip_consent", json!(true)),
        ("required_acr", json!("high")),
        ("require_pkce", json!(false)),
        ("resources", json!(["https://api.test"])),
        ("introspection_resources", json!(["https://api.test"])),
        ("enabled", json!(true)),
        ("disabled", json!(false)),
        ("origin", json!("configuration")),
        ("tenant", json!("t1")),
        ("owner", json!("root")),
        ("roles", json!(["admin"])),
        ("ssf.enabled", json!(true)),
        ("protocol_mappers", json!([{}])),
        ("default_acr_values", json!(["urn:admin"])),
        ("__proto__", json!({"trusted": true})),
        ("tls_client_auth_subject_dn", json!("CN=x")),
        ("software_statement", json!("e30.e30.")),
    ] {
        assert_eq!(
            run(&with(name, &value), Registration).unwrap(),
            plain,
            "{name}"
        );
    }
}

#[test]
fn trust_is_an_operators_to_give() {
    let mut policy = policy();
    policy.resources.push(Resource {
        name: None,
        identifier: "https://api.test".into(),
        scopes: vec![],
        format: crate::policy::TokenFormat::Sealed,
        access_token_lifetime: None,
    });
    let input = object(&json!({
        "redirect_uris": ["https://rp.test/cb"], "skip_consent": true, "require_pkce": false, "resources": ["https://api.test"],
    }));
    let metadata = normalize(&input, Configuration, &policy).unwrap();
    assert_eq!(metadata["skip_consent"], true);
    assert_eq!(metadata["require_pkce"], false);
    assert_eq!(metadata["resources"], json!(["https://api.test"]));

    let error = |value: Value| {
        let error = normalize(&object(&value), Configuration, &policy).unwrap_err();
        (error.reason, error.field)
    };
    let unsupported = MetadataReason::Unsupported;
    assert_eq!(
        error(with("resources", &json!(["https://other.test"]))),
        (unsupported, "resources")
    );
    assert_eq!(
        error(with("required_acr", &json!("made-up"))),
        (unsupported, "required_acr")
    );
    assert_eq!(
        error(with("skip_consent", &json!("yes"))),
        (MetadataReason::WrongType, "skip_consent")
    );
    //= test RFC9700#2.1.1 public clients use PKCE
    let mut public = with("token_endpoint_auth_method", &json!("none"));
    public["require_pkce"] = json!(false);
    assert_eq!(error(public), (unsupported, "require_pkce"));
    // An operator means what they wrote: nothing is left out silently.
    assert_eq!(
        error(with("scope", &json!("openid made-up"))),
        (unsupported, "scope")
    );
    assert_eq!(
        error(with(
            "grant_types",
            &json!(["authorization_code", "password"])
        )),
        (unsupported, "grant_types")
    );
}

#[test]
fn wrong_types_are_refused_and_null_is_nothing() {
    // RG-13
    //= test RFC7592#2.2 null stands for a member that was left out
    let plain = run(
        &json!({"redirect_uris": ["https://rp.test/cb"]}),
        Registration,
    )
    .unwrap();
    let texts = [
        "application_type",
        "token_endpoint_auth_method",
        "client_name",
        "client_uri",
        "logo_uri",
        "policy_uri",
        "tos_uri",
        "scope",
        "jwks_uri",
        "sector_identifier_uri",
        "subject_type",
        "id_token_signed_response_alg",
        "userinfo_signed_response_alg",
        "token_endpoint_auth_signing_alg",
        "initiate_login_uri",
        "frontchannel_logout_uri",
        "backchannel_logout_uri",
        "software_id",
        "software_version",
        "client_name#de",
    ];
    let lists = [
        "post_logout_redirect_uris",
        "response_types",
        "grant_types",
        "response_modes",
        "contacts",
        "default_acr_values",
        "request_uris",
    ];
    let flags = [
        "require_auth_time",
        "frontchannel_logout_session_required",
        "backchannel_logout_session_required",
        "require_signed_request_object",
        "require_pushed_authorization_requests",
        "dpop_bound_access_tokens",
        "tls_client_certificate_bound_access_tokens",
    ];
    let wrong = |names: &[&str], values: &[Value]| {
        for name in names {
            for value in values {
                let (reason, field) = refused(&with(name, value));
                assert_eq!(reason, MetadataReason::WrongType, "{name} {value}");
                assert_eq!(field, name.split('#').next().unwrap());
            }
            assert_eq!(
                run(&with(name, &Value::Null), Registration).unwrap(),
                plain,
                "{name}"
            );
        }
    };
    wrong(&texts, &[json!(1), json!(true), json!(["x"]), json!({})]);
    wrong(
        &lists,
        &[
            json!("x"),
            json!(1),
            json!({}),
            json!([1]),
            json!([null]),
            json!([["x"]]),
        ],
    );
    wrong(&flags, &[json!("true"), json!(1), json!([]), json!({})]);
    wrong(&["default_max_age"], &[json!("1"), json!(true), json!([1])]);
    wrong(&["jwks"], &[json!("x"), json!([]), json!(1)]);
    for value in [
        json!("https://rp.test/cb"),
        json!({}),
        json!([null]),
        json!([1]),
        json!(["https://rp.test/cb", null]),
    ] {
        assert_eq!(
            refused(&json!({"redirect_uris": value})),
            (MetadataReason::WrongType, "redirect_uris")
        );
    }
    for value in [
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(400_000_000),
    ] {
        assert_eq!(
            refused(&with("default_max_age", &value)).0,
            MetadataReason::OutOfBounds,
            "{value}"
        );
    }
}

#[test]
fn names_cannot_change_how_their_surroundings_look() {
    // RG-05
    let name = |text: &str| {
        run(&with("client_name", &json!(text)), Registration).map(|m| m.get("client_name").cloned())
    };
    for (text, shown) in [
        ("Plain", Some("Plain")),
        ("a\u{202E}b\u{202C}\u{2066}c\u{2069}", Some("abc")),
        // RG-05: invisible, and empty though letters.
        ("Ba\u{200C}n\u{200D}k\u{FE0F}\u{34F}", Some("Bank")),
        ("\u{3164}Bank\u{115F}\u{2800}AG\u{FFA0}", Some("Bank AG")),
        ("\u{200D}\u{3164}\u{2800}", None),
        ("a\u{200D}\u{915}", Some("a\u{915}")),
        // Within words of scripts that need them they stay.
        (
            "\u{645}\u{6CC}\u{200C}\u{62E}",
            Some("\u{645}\u{6CC}\u{200C}\u{62E}"),
        ),
        (
            "\u{915}\u{94D}\u{200D}\u{937}",
            Some("\u{915}\u{94D}\u{200D}\u{937}"),
        ),
        (
            "\u{915}\u{200D}\u{200D}\u{937}",
            Some("\u{915}\u{200D}\u{937}"),
        ),
        ("a\u{200B}b\u{FEFF}\u{2060}c", Some("abc")),
        (" a \r\n\t b\u{0}\u{7}\u{85}c ", Some("a b c")),
        (
            "<script>alert(1)</script>",
            Some("<script>alert(1)</script>"),
        ),
        ("\u{6CC}\u{200C}\u{645}", Some("\u{6CC}\u{200C}\u{645}")),
        ("\u{200B}\u{202E}", None),
        ("", None),
    ] {
        assert_eq!(name(text).unwrap(), shown.map(Value::from), "{text:?}");
    }
    assert_eq!(
        name(&"a".repeat(10_000)).unwrap_err().reason,
        MetadataReason::OutOfBounds
    );
    assert!(name(&"a".repeat(200)).is_ok());

    let mut input = object(&with("client_uri", &json!("")));
    for n in 0..60 {
        input.insert(format!("client_name#l{n}"), json!("x"));
    }
    assert_eq!(
        refused(&Value::Object(input)),
        (MetadataReason::OutOfBounds, "client_name")
    );
    for tag in [
        "",
        "-",
        "de-",
        "de--at",
        "ninechars",
        "d e",
        "de#at",
        "\u{E4}",
    ] {
        let metadata = run(
            &with(&format!("client_name#{tag}"), &json!("x")),
            Registration,
        )
        .unwrap();
        assert!(
            !metadata.keys().any(|k| k.starts_with("client_name")),
            "{tag}"
        );
    }
}

#[test]
fn bounds_hold_for_every_list_and_text() {
    //= test RFC7591#2 the server replaces requested values; a client may not name scopes that do not exist
    let long = "a".repeat(10_000);
    let many: Vec<String> = (0..101).map(|n| format!("x{n}")).collect();
    for name in [
        "contacts",
        "default_acr_values",
        "request_uris",
        "post_logout_redirect_uris",
        "grant_types",
    ] {
        assert_eq!(
            refused(&with(name, &json!(many))),
            (MetadataReason::OutOfBounds, name)
        );
    }
    for name in [
        "software_id",
        "software_version",
        "application_type",
        "subject_type",
        "scope",
    ] {
        assert_eq!(
            refused(&with(name, &json!(long))),
            (MetadataReason::OutOfBounds, name)
        );
    }
    for scope in [" openid", "a  b", "a\"b", "caf\u{E9}"] {
        assert_eq!(
            refused(&with("scope", &json!(scope))),
            (MetadataReason::OutOfBounds, "scope"),
            "{scope}"
        );
    }
    assert_eq!(
        refused(&with("scope", &json!("admin root"))),
        (MetadataReason::Unsupported, "scope")
    );
    assert!(
        !run(&with("scope", &json!("")), Registration)
            .unwrap()
            .contains_key("scope")
    );
}

#[test]
fn reasons_have_one_identifier_each_and_text_for_the_wire() {
    let mut ids: Vec<&str> = MetadataReason::ALL.iter().map(|r| r.id()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), MetadataReason::ALL.len());
    for reason in MetadataReason::ALL {
        assert!(hallpass_types::description_text(
            &reason.at("client_name").description()
        ));
    }
}

// S14
#[test]
fn lifetimes_are_an_operators_to_say_and_only_shorten() {
    let policy = policy();
    let names = [
        ("code_lifetime", policy.lifetimes.code),
        ("access_token_lifetime", policy.lifetimes.access_token),
        ("id_token_lifetime", policy.lifetimes.id_token),
        ("refresh_token_lifetime", policy.lifetimes.refresh_absolute),
    ];
    for (name, most) in names {
        let with = |value: Value| {
            let given = json!({ "redirect_uris": ["https://rp.test/cb"], name: value });
            given.as_object().unwrap().clone()
        };
        let of = |value: Value, origin| normalize(&with(value), origin, &policy);
        let kept = of(json!(most), Administration).unwrap();
        assert_eq!(kept[name], most);
        for value in [
            json!(0),
            json!(-1),
            json!(most + 1),
            json!("60"),
            json!(1.5),
        ] {
            let refused = of(value.clone(), Administration);
            assert_eq!(refused.unwrap_err().field, name, "{value}");
        }
        let asked = of(json!(1), Registration).unwrap();
        assert!(
            !asked.contains_key(name),
            "who registers has no say in {name}"
        );
    }
}
