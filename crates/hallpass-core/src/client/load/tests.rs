use hallpass_types::{Subject, Timestamp};
use serde_json::json;

use super::*;
use crate::client::fixtures::{SECRET, configured, policy, record, registered};

#[test]
fn a_client_is_what_its_metadata_says() {
    let client = configured(
        "rp",
        &json!({
            "redirect_uris": ["https://rp.test/cb", "http://localhost:3000/cb", "https://rp.test/other"],
            "post_logout_redirect_uris": ["https://rp.test/bye"],
            "grant_types": ["authorization_code", "refresh_token"], "response_modes": ["query"],
            "scope": "openid email", "client_name": "RP", "client_uri": "https://rp.test/", "tos_uri": "https://rp.test/t",
            "default_max_age": 60, "require_auth_time": true, "userinfo_signed_response_alg": "RS256",
            "skip_consent": true, "require_pkce": false,
            "sector_identifier_uri": "https://sector.test/doc", "subject_type": "pairwise",
        }),
    );
    assert_eq!(client.application_type, ApplicationType::Web);
    assert_eq!(client.response_types, ["code"]);
    assert!(client.may_use("refresh_token") && !client.may_use("client_credentials"));
    assert_eq!(
        client.response_modes.as_deref(),
        Some(&["query".to_owned()][..])
    );
    assert_eq!(client.scope.as_ref().unwrap().to_string(), "openid email");
    assert_eq!(
        client.cors_origins,
        ["http://localhost:3000", "https://rp.test"]
    );
    assert_eq!(client.sector.as_deref(), Some("sector.test"));
    assert_eq!(client.subject_type, SubjectType::Pairwise);
    assert_eq!(client.id_token_signed_response_alg, JwsAlgorithm::ES256);
    assert_eq!(
        client.userinfo_signed_response_alg,
        Some(JwsAlgorithm::RS256)
    );
    assert_eq!(
        (client.default_max_age, client.require_auth_time),
        (Some(60), true)
    );
    assert!(
        client.skip_consent
            && !client.require_pkce
            && !client.rotate_refresh_tokens
            && !client.is_public()
    );
    assert_eq!(client.name.as_deref(), Some("RP"));
    assert_eq!(client.links.client_uri.as_deref(), Some("https://rp.test/"));
    assert_eq!(client.links.policy_uri, None);
    assert!(client.secret.is_some_and(|s| s.plain.is_none()));
}

#[test]
fn public_clients_use_pkce_and_rotate() {
    //= test RFC9700#2.1.1 public clients use PKCE
    //= test RFC9700#4.14.2 refresh tokens of public clients rotate or are bound to a key
    let metadata =
        json!({"redirect_uris": ["https://rp.test/cb"], "token_endpoint_auth_method": "none"});
    for client in [registered("rp", &metadata), configured("rp", &metadata)] {
        assert!(client.is_public() && client.require_pkce && client.rotate_refresh_tokens);
        assert!(client.secret.is_none() && !client.skip_consent);
    }
}

#[test]
fn pkce_of_registered_confidential_clients_is_the_issuers_choice() {
    let mut policy = policy();
    let metadata = json!({"redirect_uris": ["https://rp.test/cb"]});
    let registered = record("rp", &metadata, ClientOrigin::Registration, &policy).unwrap();
    let configured = record("rp", &metadata, ClientOrigin::Configuration, &policy).unwrap();
    assert!(
        !Client::from_record(&registered, &policy, None)
            .unwrap()
            .require_pkce
    );
    assert!(
        Client::from_record(&configured, &policy, None)
            .unwrap()
            .require_pkce
    );
    policy.pkce_for_registered_clients = true;
    assert!(
        Client::from_record(&registered, &policy, None)
            .unwrap()
            .require_pkce
    );
}

#[test]
fn trust_in_the_metadata_of_a_registered_client_is_void() {
    let policy = policy();
    let metadata = json!({"redirect_uris": ["https://rp.test/cb"]});
    let mut record = record("rp", &metadata, ClientOrigin::Registration, &policy).unwrap();
    record.metadata.insert("skip_consent".into(), json!(true));
    record.metadata.insert("require_pkce".into(), json!(true));
    record
        .metadata
        .insert("resources".into(), json!(["https://api.test"]));
    let client = Client::from_record(&record, &policy, None).unwrap();
    assert!(!client.skip_consent && !client.require_pkce && client.resources.is_none());
}

#[test]
fn a_client_without_what_it_needs_is_not_made() {
    let mut policy = policy();
    policy.signing_algs.push(JwsAlgorithm::HS256);
    let secret = |text: &str| Some(Secret::new(text.to_owned()));
    let basic = record(
        "rp",
        &json!({"redirect_uris": ["https://rp.test/cb"]}),
        ClientOrigin::Registration,
        &policy,
    )
    .unwrap();
    let reason = |record: &ClientRecord, plain, policy: &Policy| {
        Client::from_record(record, policy, plain)
            .map(drop)
            .map_err(|e| e.reason)
    };

    let short: String = SECRET.chars().take(31).collect();
    let enough: String = SECRET.chars().take(32).collect();
    let mut no_secret = basic.clone();
    no_secret.secret = None;
    assert_eq!(
        reason(&no_secret, None, &policy),
        Err(MetadataReason::SecretMissing)
    );

    for metadata in [
        json!({"redirect_uris": ["https://rp.test/cb"], "token_endpoint_auth_method": "client_secret_jwt"}),
        json!({"redirect_uris": ["https://rp.test/cb"], "id_token_signed_response_alg": "HS256"}),
        json!({"redirect_uris": ["https://rp.test/cb"], "userinfo_signed_response_alg": "HS256"}),
    ] {
        //= test RFC7518#3.2 an HMAC key is at least as long as the digest
        let record = record("rp", &metadata, ClientOrigin::Registration, &policy).unwrap();
        assert_eq!(
            reason(&record, None, &policy),
            Err(MetadataReason::SecretMissing)
        );
        assert_eq!(
            reason(&record, secret(&short), &policy),
            Err(MetadataReason::SecretTooShort)
        );
        assert_eq!(reason(&record, secret(&enough), &policy), Ok(()));
    }

    // The issuer's keys may have changed since.
    policy.signing_algs = vec![JwsAlgorithm::ES256];
    assert_eq!(
        reason(&basic, None, &policy),
        Err(MetadataReason::AlgorithmUnsupported)
    );

    for (name, value) in [
        ("redirect_uris", json!("https://rp.test/cb")),
        ("grant_types", json!(null)),
        ("token_endpoint_auth_method", json!("tls_client_auth")),
        ("application_type", json!("desktop")),
        ("id_token_signed_response_alg", json!("none")),
        ("jwks", json!({"keys": [{"kty": "oct", "k": "AQ"}]})),
        ("scope", json!("  ")),
    ] {
        let mut broken = basic.clone();
        broken.metadata.insert(name.into(), value);
        assert!(reason(&broken, None, &policy).is_err(), "{name}");
    }
}

#[test]
fn remembered_consent_is_for_a_set_of_redirect_uris() {
    let client =
        |uris: &[&str]| registered("rp", &json!({ "redirect_uris": uris })).redirect_uris_digest;
    let one = client(&["https://a.test/", "https://b.test/"]);
    assert_eq!(one, client(&["https://b.test/", "https://a.test/"]));
    assert_ne!(one, client(&["https://a.test/"]));
    assert_ne!(one, client(&["https://a.test/", "https://b.test/x"]));
}

#[test]
fn native_schemes_are_no_origins() {
    let client = registered(
        "app",
        &json!({"application_type": "native", "redirect_uris": ["com.example.app:/cb", "https://app.test:8443/cb"]}),
    );
    assert_eq!(client.cors_origins, ["https://app.test:8443"]);
}

#[test]
fn subjects_are_public_or_the_sectors_own() {
    let policy = policy();
    let alice = Subject::parse("alice").unwrap();
    let client = |uri: &str, kind: &str| {
        registered("rp", &json!({"redirect_uris": [uri], "subject_type": kind}))
    };
    let public = client("https://a.test/cb", "public");
    assert_eq!(public.subject(&policy, &alice), "alice");
    let a = client("https://a.test/cb", "pairwise").subject(&policy, &alice);
    assert_eq!(
        a,
        client("https://A.test/other", "pairwise").subject(&policy, &alice)
    );
    assert_ne!(
        a,
        client("https://b.test/cb", "pairwise").subject(&policy, &alice)
    );
    assert_ne!(a, "alice");
}

#[test]
fn the_end_of_a_secret_is_kept() {
    let policy = policy();
    let mut record = record(
        "rp",
        &json!({"redirect_uris": ["https://rp.test/cb"]}),
        ClientOrigin::Registration,
        &policy,
    )
    .unwrap();
    record.secret_expires_at = Some(Timestamp(7));
    let client = Client::from_record(&record, &policy, None).unwrap();
    assert_eq!(client.secret.unwrap().expires_at, Some(Timestamp(7)));
}
