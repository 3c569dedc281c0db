use hallpass_types::Timestamp;
use serde_json::json;

use super::*;
use crate::client::{
    ClientOrigin,
    fixtures::{SECRET, digest, object, policy, record},
    metadata,
    registration::{
        choices,
        rules::Rules,
        statement::{self, StatementIssuer},
    },
};

const ENDPOINT: &str = "https://op.test/register";

fn rp() -> ClientRecord {
    let metadata = json!({"redirect_uris": ["https://rp.test/cb"], "client_name": "RP", "logo_uri": "https://rp.test/l"});
    record("rp/1", &metadata, ClientOrigin::Registration, &policy()).unwrap()
}

/// What an update leaves, where the operator has no further rules.
fn updated(
    input: &Map<String, Value>,
    record: &ClientRecord,
) -> Result<Map<String, Value>, MetadataError> {
    check_update(input, record, &digest)?;
    metadata::normalize(input, record.origin, &policy())
}

#[test]
fn a_response_echoes_what_was_registered_and_names_where_it_is_managed() {
    //= test RFC7591#3.2.1 the response holds all registered metadata, as it was registered
    //= test RFC7591#3.2.1 client_secret_expires_at stands beside a secret; 0 means never
    //= test RFC7592#3 where the client is managed and the token for it stand in the response
    let secret = Secret::new(SECRET.to_owned());
    let body = response(&rp(), Some(&secret), Some("hpm_x"), ENDPOINT);
    let mut expected = object(&json!({
        "client_id": "rp/1",
        "client_id_issued_at": 1_800_000_000,
        "client_secret": SECRET,
        "client_secret_expires_at": 0,
        "registration_access_token": "hpm_x",
        "registration_client_uri": "https://op.test/register/rp%2F1",
    }));
    expected.extend(rp().metadata);
    assert_eq!(body, expected);

    let mut ending = rp();
    ending.secret_expires_at = Some(Timestamp(1_900_000_000));
    assert_eq!(
        response(&ending, Some(&secret), None, ENDPOINT)["client_secret_expires_at"],
        1_900_000_000
    );
}

#[test]
fn a_response_says_nothing_of_what_there_is_not() {
    let body = response(&rp(), None, None, ENDPOINT);
    for absent in [
        "client_secret",
        "client_secret_expires_at",
        "registration_access_token",
        "registration_client_uri",
    ] {
        assert!(!body.contains_key(absent), "{absent}");
    }
}

#[test]
fn an_identifier_stays_one_segment_of_the_path() {
    for (id, path) in [
        ("plain-1_2.3~", "plain-1_2.3~"),
        ("../x", "..%2Fx"),
        ("a b?c#d%", "a%20b%3Fc%23d%25"),
    ] {
        let id = ClientId::parse(id).unwrap();
        assert_eq!(client_uri(ENDPOINT, &id), format!("{ENDPOINT}/{path}"));
    }
}

#[test]
fn an_update_names_the_client_and_its_secret_and_nothing_that_the_server_decides() {
    //= test RFC7592#2.2 an update does not contain what only the server decides
    //= test RFC7592#2.2 an update contains the client_id, and it is that of the client
    //= test RFC7592#2.2 a client_secret in an update is the current one; a client never chooses its own
    let update = |more: Value| {
        let mut input =
            object(&json!({"client_id": "rp/1", "redirect_uris": ["https://rp.test/new"]}));
        input.extend(object(&more));
        updated(&input, &rp())
    };
    assert!(update(json!({})).is_ok());
    assert!(update(json!({"client_secret": SECRET})).is_ok());
    assert!(update(json!({"client_secret": null})).is_ok());
    for (more, reason, field) in [
        (
            json!({"client_id": "other"}),
            MetadataReason::ClientIdMismatch,
            "client_id",
        ),
        (
            json!({"client_id": null}),
            MetadataReason::ClientIdMismatch,
            "client_id",
        ),
        (
            json!({"client_id": ["rp/1"]}),
            MetadataReason::ClientIdMismatch,
            "client_id",
        ),
        (
            json!({"client_secret": "chosen"}),
            MetadataReason::ClientSecretMismatch,
            "client_secret",
        ),
        (
            json!({"client_secret": ""}),
            MetadataReason::ClientSecretMismatch,
            "client_secret",
        ),
        (
            json!({"client_secret": 1}),
            MetadataReason::ClientSecretMismatch,
            "client_secret",
        ),
        (
            json!({"registration_access_token": "x"}),
            MetadataReason::MemberForbidden,
            "registration_access_token",
        ),
        (
            json!({"registration_client_uri": "x"}),
            MetadataReason::MemberForbidden,
            "registration_client_uri",
        ),
        (
            json!({"client_secret_expires_at": 0}),
            MetadataReason::MemberForbidden,
            "client_secret_expires_at",
        ),
        (
            json!({"client_id_issued_at": null}),
            MetadataReason::MemberForbidden,
            "client_id_issued_at",
        ),
        // RG-12: what cannot be registered cannot be put there later.
        (
            json!({"redirect_uris": ["javascript:alert(1)"]}),
            MetadataReason::RedirectUriScheme,
            "redirect_uris",
        ),
        (
            json!({"redirect_uris": []}),
            MetadataReason::RedirectUriMissing,
            "redirect_uris",
        ),
        (
            json!({"id_token_signed_response_alg": "none"}),
            MetadataReason::AlgorithmUnsupported,
            "id_token_signed_response_alg",
        ),
    ] {
        let error = update(more.clone()).unwrap_err();
        assert_eq!((error.reason, error.field), (reason, field), "{more}");
    }
    assert_eq!(
        updated(
            &object(&json!({"redirect_uris": ["https://rp.test/cb"]})),
            &rp()
        )
        .unwrap_err()
        .reason,
        MetadataReason::ClientIdMismatch
    );
}

#[test]
fn a_client_without_a_secret_cannot_send_one() {
    let metadata =
        json!({"redirect_uris": ["https://rp.test/cb"], "token_endpoint_auth_method": "none"});
    let public = record("rp", &metadata, ClientOrigin::Registration, &policy()).unwrap();
    let mut input = object(&metadata);
    input.insert("client_id".into(), json!("rp"));
    assert!(updated(&input, &public).is_ok());
    input.insert("client_secret".into(), json!("chosen"));
    assert!(updated(&input, &public).is_err());
}

#[test]
fn an_update_replaces_and_does_not_add() {
    //= test RFC7592#2.2 the update replaces all metadata; what is left out is deleted
    let input = json!({"client_id": "rp/1", "redirect_uris": ["https://rp.test/new"], "client_name": null, "trusted": true, "skip_consent": true});
    let metadata = updated(&object(&input), &rp()).unwrap();
    let fresh = json!({"redirect_uris": ["https://rp.test/new"]});
    let fresh = record("rp", &fresh, ClientOrigin::Registration, &policy()).unwrap();
    assert_eq!(metadata, fresh.metadata);
}

fn chosen(metadata: &Value) -> Result<Map<String, Value>, MetadataError> {
    let mut input = object(&json!({"redirect_uris": ["https://rp.test/cb"]}));
    input.extend(object(metadata));
    choices::choose(input, ClientOrigin::Registration, &policy())
}

//= test OIDC-RP-CHOICES#2 a single value that stands beside a list is in the list
//= test OIDC-RP-CHOICES#4 one of the values that are supported is used, or the registration is refused
#[test]
fn of_a_list_the_preferred_or_the_first_value_that_is_taken_is_chosen() {
    const METHODS: &str = "token_endpoint_auth_methods_supported";
    const METHOD: &str = "token_endpoint_auth_method";
    for (metadata, member, expected) in [
        (json!({METHODS: ["none"]}), METHOD, "none"),
        (
            json!({METHODS: ["unheard_of", "client_secret_post", "none"]}),
            METHOD,
            "client_secret_post",
        ),
        (
            json!({METHODS: ["none", "client_secret_post"], METHOD: "client_secret_post"}),
            METHOD,
            "client_secret_post",
        ),
        (
            json!({METHODS: ["unheard_of", "none"], METHOD: "unheard_of"}),
            METHOD,
            "none",
        ),
        (
            json!({"id_token_signing_alg_values_supported": ["PS512", "ES256"], "id_token_signed_response_alg": "PS512"}),
            "id_token_signed_response_alg",
            "ES256",
        ),
        (
            json!({"subject_types_supported": ["ephemeral", "pairwise"]}),
            "subject_type",
            "pairwise",
        ),
    ] {
        let chosen = chosen(&metadata).unwrap();
        assert_eq!(chosen[member], expected, "{metadata}");
        assert!(
            !chosen.keys().any(|name| name.ends_with("_supported")),
            "{metadata}"
        );
    }
    for metadata in [
        json!({METHODS: ["unheard_of"]}),
        json!({METHODS: []}),
        json!({METHODS: "none"}),
        json!({METHODS: [1]}),
        json!({METHODS: ["none"], METHOD: "client_secret_basic"}),
        json!({METHODS: vec!["none"; 31]}),
        json!({"id_token_signing_alg_values_supported": ["none", "HS256x"]}),
    ] {
        let error = chosen(&metadata).unwrap_err();
        assert_eq!(
            error.reason.code(),
            hallpass_types::ErrorCode::InvalidClientMetadata,
            "{metadata}"
        );
    }
    assert!(
        chosen(&json!({METHODS: null}))
            .unwrap()
            .get(METHODS)
            .is_none()
    );
}

#[test]
fn the_rules_of_an_operator_complete_force_and_forbid() {
    let set = |value: Value| object(&value);
    let first = Rules {
        defaults: set(json!({"client_name": "A", "grant_types": ["authorization_code"]})),
        forced: set(json!({"subject_type": "pairwise"})),
        ..Rules::default()
    };
    let second = Rules {
        defaults: set(json!({"client_name": "B"})),
        allowed: [
            ("grant_types", vec!["authorization_code", "refresh_token"]),
            ("scope", vec!["openid", "email"]),
            ("require_auth_time", vec!["true"]),
        ]
        .map(|(name, list)| {
            (
                name.to_owned(),
                list.into_iter().map(str::to_owned).collect(),
            )
        })
        .into(),
        required: vec!["client_name".to_owned()],
        ..Rules::default()
    };
    let all = [&first, &second];
    let mut input = set(json!({"subject_type": "public", "client_name": null}));
    rules::complete(&all, &mut input);
    rules::force(&all, &mut input);
    assert_eq!(
        Value::Object(input),
        json!({
            "client_name": "A", "grant_types": ["authorization_code"], "subject_type": "pairwise",
        })
    );
    for (metadata, good) in [
        (json!({"client_name": "x"}), true),
        (json!({}), false),
        (
            json!({"client_name": "x", "grant_types": ["refresh_token"]}),
            true,
        ),
        (
            json!({"client_name": "x", "grant_types": ["refresh_token", "client_credentials"]}),
            false,
        ),
        (json!({"client_name": "x", "grant_types": [1]}), false),
        (json!({"client_name": "x", "scope": "email openid"}), true),
        (json!({"client_name": "x", "scope": "openid phone"}), false),
        (json!({"client_name": "x", "require_auth_time": true}), true),
        (
            json!({"client_name": "x", "require_auth_time": false}),
            false,
        ),
    ] {
        assert_eq!(
            rules::check(&all, &set(metadata.clone())).is_ok(),
            good,
            "{metadata}"
        );
    }
}

// RG-15
//= test RFC7591#2.3 a statement is signed
//= test RFC7591#2.3 a value in a statement wins over the one in the request
//= test RFC7591#2.3 a statement names its issuer
//= test RFC7591#3.2.2 a statement of somebody who is not believed is unapproved
#[test]
fn a_software_statement_wins_where_it_is_believed() {
    use hallpass_jose::{HmacKey, Jwks, JwsAlgorithm, SigningKey};
    let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let keys = Jwks::from_keys([key.public_jwk()]);
    let issuer = StatementIssuer {
        issuer: "https://vendor.test".to_owned(),
        jwks: None,
        jwks_uri: None,
    };
    let now = Timestamp(1_800_000_000);
    let sign = |claims: &Value| {
        key.sign_compact(None, claims.to_string().as_bytes())
            .unwrap()
    };
    let good = json!({
        "iss": "https://vendor.test", "client_name": "Vouched", "software_id": "s", "client_id": "chosen",
        "client_secret": "chosen", "exp": now.0 + 60,
    });
    let apply = |text: &str| {
        let mut input = object(
            &json!({"client_name": "Claimed", "software_statement": text, "tos_uri": "https://a.test"}),
        );
        let issuers = [issuer.clone()];
        let read = input.clone();
        let (text, issuer) = statement::read(&read, &issuers)?.unwrap();
        statement::apply(text, issuer, &keys, "https://op.test", now, &mut input)?;
        input.remove("software_statement");
        Ok::<_, MetadataError>(Value::Object(input))
    };
    let applied = apply(&sign(&good)).unwrap();
    assert_eq!(
        applied,
        json!({"client_name": "Vouched", "software_id": "s", "tos_uri": "https://a.test"})
    );
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        sign(&claims)
    };
    assert!(apply(&with("aud", json!(["https://op.test"]))).is_ok());
    let other = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let hmac = HmacKey::new(JwsAlgorithm::HS256, &[1; 32]).unwrap();
    let unsigned = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL3ZlbmRvci50ZXN0In0.";
    for (what, text) in [
        (
            "another key",
            other
                .sign_compact(None, good.to_string().as_bytes())
                .unwrap(),
        ),
        (
            "a secret",
            hmac.sign_compact(None, good.to_string().as_bytes()),
        ),
        ("none", unsigned.to_owned()),
        ("over", with("exp", json!(now.0 - 60))),
        ("early", with("nbf", json!(now.0 + 61))),
        ("no time", with("exp", json!("soon"))),
        (
            "for somebody else",
            with("aud", json!("https://other.test")),
        ),
        ("no issuer", with("iss", json!(1))),
        ("no statement", "x".to_owned()),
        ("long", format!("{}{}", sign(&good), "A".repeat(20_000))),
    ] {
        assert_eq!(
            apply(&text).unwrap_err().reason,
            MetadataReason::StatementInvalid,
            "{what}"
        );
    }
    let stranger = apply(&with("iss", json!("https://other.test"))).unwrap_err();
    assert_eq!(stranger.reason, MetadataReason::StatementUnapproved);
}

#[test]
fn lists_of_what_does_not_exist_end_before_they_cost_much() {
    let after = |many: usize, last: &str| {
        let unknown = (0..many).map(|number| format!("X{number}"));
        json!(unknown.chain([last.to_owned()]).collect::<Vec<_>>())
    };
    let long = |last: &str| after(15, last);
    let too_long = json!({"id_token_signing_alg_values_supported": after(16, "ES256")});
    assert!(chosen(&too_long).is_err());
    let mut lists = json!({
        "id_token_signing_alg_values_supported": long("ES256"),
        "userinfo_signing_alg_values_supported": long("ES256"),
        "request_object_signing_alg_values_supported": long("ES256"),
        "token_endpoint_auth_methods_supported": long("none"),
    });
    let taken = chosen(&lists).unwrap();
    assert_eq!(taken["userinfo_signed_response_alg"], "ES256");
    lists["subject_types_supported"] = long("public");
    let refused = chosen(&lists).unwrap_err();
    assert_eq!(refused.reason, MetadataReason::Unsupported);
}

// RG-10, R8.2
#[test]
fn who_leaves_a_bounded_member_out_has_what_is_allowed_and_not_everything() {
    let rules = |name: &str, values: &[&str], required: &[&str]| Rules {
        allowed: [(name.to_owned(), texts(values))].into(),
        required: texts(required),
        ..Rules::default()
    };
    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }
    let bounded = |all: &[&Rules], input: Value| {
        let mut input = object(&input);
        rules::bound(all, &mut input).map(|()| Value::Object(input))
    };
    let one = rules("scope", &["openid", "profile", "email"], &[]);
    let two = rules("scope", &["email", "openid", "phone"], &[]);
    let none = rules("scope", &["orders"], &[]);
    let modes = rules("response_modes", &["query", "form_post"], &[]);
    for silent in [json!({}), json!({"scope": null}), json!({"scope": ""})] {
        assert_eq!(
            bounded(&[&one], silent.clone()),
            Ok(json!({"scope": "openid profile email"}))
        );
        assert_eq!(
            bounded(&[&one, &modes, &two], silent.clone()),
            Ok(json!({"scope": "openid email", "response_modes": ["query", "form_post"]}))
        );
        assert!(bounded(&[&one, &none], silent.clone()).is_err());
        assert_eq!(bounded(&[], silent.clone()), Ok(silent));
    }
    for said in [
        json!({"scope": "openid phone"}),
        json!({"scope": ["a"]}),
        json!({"scope": 1}),
    ] {
        assert_eq!(
            bounded(&[&one], said.clone()),
            Ok(said),
            "that is checked later"
        );
    }
    let demanded = rules("scope", &["openid"], &["scope"]);
    assert_eq!(bounded(&[&demanded], json!({})), Ok(json!({})));
}

// RG-10, R8.2
#[test]
fn what_a_client_has_beyond_its_rules_is_named() {
    let texts = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
    let rules = Rules {
        allowed: [
            ("scope".to_owned(), texts(&["openid", "email"])),
            ("response_modes".to_owned(), texts(&["query"])),
        ]
        .into(),
        required: texts(&["contacts"]),
        forced: object(&json!({"subject_type": "pairwise"})),
        ..Rules::default()
    };
    let good = json!({"scope": "openid", "response_modes": ["query"], "contacts": ["a@rp.test"],
        "subject_type": "pairwise"});
    for (member, value, found) in [
        ("client_name", json!("x"), None),
        ("scope", json!("email openid"), None),
        ("scope", json!("openid phone"), Some("scope")),
        ("scope", Value::Null, Some("scope")),
        (
            "response_modes",
            json!(["query", "fragment"]),
            Some("response_modes"),
        ),
        ("response_modes", Value::Null, Some("response_modes")),
        ("contacts", Value::Null, Some("contacts")),
        ("subject_type", json!("public"), Some("subject_type")),
    ] {
        let mut metadata = object(&good);
        if value.is_null() {
            metadata.remove(member);
        } else {
            metadata.insert(member.to_owned(), value.clone());
        }
        let expected: Vec<&str> = found.into_iter().collect();
        assert_eq!(
            rules::exceeded(&[&rules], &metadata),
            expected,
            "{member} {value}"
        );
        assert!(rules::exceeded(&[], &metadata).is_empty());
    }
}
