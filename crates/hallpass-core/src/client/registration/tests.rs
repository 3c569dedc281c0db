use hallpass_types::Timestamp;
use serde_json::json;

use super::*;
use crate::client::{
    ClientOrigin,
    fixtures::{SECRET, digest, object, policy, record},
};

const ENDPOINT: &str = "https://op.test/register";

fn rp() -> ClientRecord {
    let metadata = json!({"redirect_uris": ["https://rp.test/cb"], "client_name": "RP", "logo_uri": "https://rp.test/l"});
    record("rp/1", &metadata, ClientOrigin::Registration, &policy()).unwrap()
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
        check_update(&input, &rp(), &digest, &policy())
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
        check_update(
            &object(&json!({"redirect_uris": ["https://rp.test/cb"]})),
            &rp(),
            &digest,
            &policy()
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
    assert!(check_update(&input, &public, &digest, &policy()).is_ok());
    input.insert("client_secret".into(), json!("chosen"));
    assert!(check_update(&input, &public, &digest, &policy()).is_err());
}

#[test]
fn an_update_replaces_and_does_not_add() {
    //= test RFC7592#2.2 the update replaces all metadata; what is left out is deleted
    let input = json!({"client_id": "rp/1", "redirect_uris": ["https://rp.test/new"], "client_name": null, "trusted": true, "skip_consent": true});
    let metadata = check_update(&object(&input), &rp(), &digest, &policy()).unwrap();
    let fresh = json!({"redirect_uris": ["https://rp.test/new"]});
    let fresh = record("rp", &fresh, ClientOrigin::Registration, &policy()).unwrap();
    assert_eq!(metadata, fresh.metadata);
}
