use serde_json::json;

use super::*;
use crate::client::fixtures::policy;

fn endpoints() -> Endpoints {
    let url = |path: &str| format!("https://op.test{path}");
    Endpoints {
        authorization: url("/authorize"),
        token: url("/token"),
        userinfo: url("/userinfo"),
        jwks: url("/jwks"),
        pushed_authorization: url("/par"),
        registration: url("/register"),
        introspection: url("/introspect"),
        revocation: url("/revoke"),
        end_session: url("/logout"),
        device_authorization: url("/device/auth"),
        backchannel_authentication: url("/backchannel"),
        check_session: url("/session/check"),
        challenge: url("/challenge"),
    }
}

#[test]
fn the_document_says_what_there_is() {
    //= test OIDC-DISCOVERY#3 issuer is the issuer identifier, exactly
    //= test RFC8414#2 issuer is the issuer identifier, exactly
    //= test OIDC-DISCOVERY#3 the default of request_uri_parameter_supported is true, so false is said
    //= test RFC7662#2.1 introspection is for callers that authenticate
    //= test RFC8414#2 methods that use signed assertions come with the algorithms that they take
    //= test RFC8414#2 without code_challenge_methods_supported clients take it that there is no PKCE
    //= test RFC9101#10.5 require_signed_request_object says whether every request must be signed
    //= test RFC9126#5 require_pushed_authorization_requests says whether every request must be pushed
    //= test RFC9207#3 true when every authorization response carries iss
    let document = metadata(&policy(), &endpoints());
    let mut shown = Value::Object(document);
    let claims = shown
        .as_object_mut()
        .unwrap()
        .remove("claims_supported")
        .unwrap();
    for channel in ["backchannel", "frontchannel"] {
        for what in ["logout_supported", "logout_session_supported"] {
            let members = shown.as_object_mut().unwrap();
            let said = members.remove(&format!("{channel}_{what}"));
            assert_eq!(said, Some(json!(true)));
        }
    }
    let methods = [
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "private_key_jwt",
        "none",
    ];
    let algs = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
        "ES384", "ES512", "EdDSA",
    ];
    let key_management = [
        "RSA-OAEP",
        "RSA-OAEP-256",
        "ECDH-ES",
        "ECDH-ES+A128KW",
        "ECDH-ES+A192KW",
        "ECDH-ES+A256KW",
        "A128KW",
        "A192KW",
        "A256KW",
        "A128GCMKW",
        "A192GCMKW",
        "A256GCMKW",
        "dir",
    ];
    let content = [
        "A128CBC-HS256",
        "A192CBC-HS384",
        "A256CBC-HS512",
        "A128GCM",
        "A192GCM",
        "A256GCM",
    ];
    let request_algs = [
        "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA",
        "HS256", "HS384", "HS512",
    ];
    // Apart, since the macro does not nest as deep as the whole document.
    let requests = json!({
        "request_parameter_supported": true,
        "request_uri_parameter_supported": false,
        "request_object_signing_alg_values_supported": request_algs,
        "request_object_encryption_alg_values_supported": key_management[2..],
        "request_object_encryption_enc_values_supported": content,
        "require_signed_request_object": false,
        "pushed_authorization_request_endpoint": "https://op.test/par",
        "require_pushed_authorization_requests": false,
    });
    for (name, expected) in requests.as_object().unwrap() {
        let said = shown.as_object_mut().unwrap().remove(name);
        assert_eq!(said.as_ref(), Some(expected), "{name}");
    }
    assert_eq!(
        shown,
        json!({
            "issuer": "https://op.test",
            "authorization_endpoint": "https://op.test/authorize",
            "token_endpoint": "https://op.test/token",
            "userinfo_endpoint": "https://op.test/userinfo",
            "jwks_uri": "https://op.test/jwks",
            "introspection_endpoint": "https://op.test/introspect",
            "revocation_endpoint": "https://op.test/revoke",
            "dpop_signing_alg_values_supported": ["ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"],
            "end_session_endpoint": "https://op.test/logout",
            "scopes_supported": ["openid", "profile", "email", "address", "phone", "offline_access"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "subject_types_supported": ["public", "pairwise"],
            "id_token_signing_alg_values_supported": ["ES256", "RS256"],
            "userinfo_signing_alg_values_supported": ["ES256", "RS256"],
            "id_token_encryption_alg_values_supported": key_management,
            "id_token_encryption_enc_values_supported": content,
            "userinfo_encryption_alg_values_supported": key_management,
            "userinfo_encryption_enc_values_supported": content,
            "introspection_signing_alg_values_supported": ["ES256", "RS256"],
            "introspection_encryption_alg_values_supported": key_management,
            "introspection_encryption_enc_values_supported": content,
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg_values_supported": algs,
            "revocation_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_signing_alg_values_supported": algs,
            "introspection_endpoint_auth_methods_supported": methods[..4],
            "introspection_endpoint_auth_signing_alg_values_supported": algs,
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "display_values_supported": ["page", "popup", "touch", "wap"],
            "claim_types_supported": ["normal", "aggregated", "distributed"],
            "claims_parameter_supported": true,
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "ui_locales_supported": ["en"],
        })
    );
    let claims = claims.as_array().unwrap();
    for claim in [
        "sub",
        "name",
        "email_verified",
        "address",
        "iss",
        "auth_time",
    ] {
        assert_eq!(claims.iter().filter(|c| *c == claim).count(), 1, "{claim}");
    }
}

#[test]
fn what_is_switched_off_or_empty_is_left_out() {
    //= test RFC8414#3.2 claims with no elements are left out
    let mut policy = policy();
    policy.ui_locales.clear();
    policy.claims_parameter = false;
    policy.requests.by_value = false;
    policy.requests.pushed = false;
    let document = metadata(&policy, &endpoints());
    for absent in [
        "registration_endpoint",
        "pushed_authorization_request_endpoint",
        "require_pushed_authorization_requests",
        "request_object_signing_alg_values_supported",
        "request_object_encryption_alg_values_supported",
        "request_object_encryption_enc_values_supported",
        "require_signed_request_object",
        "require_request_uri_registration",
        "acr_values_supported",
        "ui_locales_supported",
        "service_documentation",
        "op_policy_uri",
        "op_tos_uri",
    ] {
        assert!(!document.contains_key(absent), "{absent}");
    }
    assert_eq!(document["claims_parameter_supported"], false);
    let acr = Value::from("acr");
    let claims = |document: &Map<String, Value>| document["claims_supported"].as_array().cloned();
    assert!(!claims(&document).unwrap().contains(&acr));

    policy.registration.enabled = true;
    policy.acr_values = vec!["urn:two".to_owned()];
    policy.documents.op_tos_uri = Some("https://op.test/tos".to_owned());
    let document = metadata(&policy, &endpoints());
    assert_eq!(
        document["registration_endpoint"],
        "https://op.test/register"
    );
    assert_eq!(document["acr_values_supported"], json!(["urn:two"]));
    assert!(claims(&document).unwrap().contains(&acr));
    assert_eq!(document["op_tos_uri"], "https://op.test/tos");
}

#[test]
fn every_advertised_value_can_be_registered_and_no_other() {
    use crate::client::{ClientOrigin, metadata::normalize};
    let policy = policy();
    let document = metadata(&policy, &endpoints());
    let key = hallpass_jose::SigningKey::generate(hallpass_jose::JwsAlgorithm::ES256).unwrap();
    let accepts = |name: &str, value: Value| {
        let mut input = Map::new();
        input.insert("redirect_uris".into(), json!(["https://rp.test/cb"]));
        input.insert(
            "jwks".into(),
            json!({"keys": [key.public_jwk().to_public_value()]}),
        );
        input.insert(name.into(), value);
        normalize(&input, ClientOrigin::Configuration, &policy).is_ok()
    };
    let every_alg: Vec<&str> = hallpass_jose::JwsAlgorithm::ALL
        .iter()
        .map(|a| a.name())
        .chain(["none"])
        .collect();
    let modes = [
        "query",
        "fragment",
        "form_post",
        "jwt",
        "query.jwt",
        "web_message",
    ];
    for (advertised, member, all, list) in [
        (
            "id_token_signing_alg_values_supported",
            "id_token_signed_response_alg",
            every_alg.as_slice(),
            false,
        ),
        (
            "userinfo_signing_alg_values_supported",
            "userinfo_signed_response_alg",
            &every_alg,
            false,
        ),
        (
            "subject_types_supported",
            "subject_type",
            &["public", "pairwise", "other"],
            false,
        ),
        (
            "token_endpoint_auth_methods_supported",
            "token_endpoint_auth_method",
            &[
                "none",
                "client_secret_basic",
                "client_secret_post",
                "client_secret_jwt",
                "private_key_jwt",
                "tls_client_auth",
            ],
            false,
        ),
        (
            "response_types_supported",
            "response_types",
            &["code", "id_token", "token", "none"],
            true,
        ),
        ("response_modes_supported", "response_modes", &modes, true),
        (
            "grant_types_supported",
            "grant_types",
            &[
                "authorization_code",
                "refresh_token",
                "client_credentials",
                "password",
            ],
            true,
        ),
        (
            "scopes_supported",
            "scope",
            &[
                "openid",
                "profile",
                "email",
                "address",
                "phone",
                "offline_access",
                "admin",
            ],
            false,
        ),
    ] {
        let values = document[advertised].as_array().unwrap();
        for value in all {
            let sent = if list { json!([value]) } else { json!(value) };
            assert_eq!(
                accepts(member, sent),
                values.contains(&json!(value)),
                "{member} {value}"
            );
        }
    }
}

#[test]
fn the_device_grant_is_named_when_it_is_offered() {
    //= test RFC8628#4 the metadata names the device authorization endpoint
    let mut policy = policy();
    let named =
        |policy: &Policy| metadata(policy, &endpoints()).remove("device_authorization_endpoint");
    assert_eq!(named(&policy), None);
    policy.device.enabled = true;
    assert_eq!(named(&policy), Some(json!("https://op.test/device/auth")));
}
