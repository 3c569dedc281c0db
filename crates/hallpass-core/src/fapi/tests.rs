use serde_json::{Value, json};

use super::*;
use crate::client::{
    ClientOrigin, MetadataError, MetadataReason,
    fixtures::{object, policy, record},
};

fn keys() -> Value {
    let key = hallpass_jose::SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    json!({"keys": [key.public_jwk().to_public_value()]})
}

fn issuer() -> Policy {
    let mut policy = policy();
    policy.mtls.enabled = true;
    policy.jarm = true;
    policy.response_types = ResponseType::ALL.to_vec();
    policy.grant_types.push(CIBA.to_owned());
    policy
}

fn metadata(profile: Profile) -> Value {
    let response_types = match profile {
        Profile::Fapi1Advanced => json!(["code id_token"]),
        Profile::Fapi2Security | Profile::Fapi2MessageSigning => json!(["code"]),
        Profile::FapiCiba => json!([]),
    };
    let grants = match profile {
        Profile::Fapi1Advanced => json!(["authorization_code", "implicit", "refresh_token"]),
        Profile::Fapi2Security | Profile::Fapi2MessageSigning => {
            json!(["authorization_code", "refresh_token"])
        }
        Profile::FapiCiba => json!([CIBA]),
    };
    json!({
        "redirect_uris": ["https://rp.test/cb"],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": keys(),
        "response_types": response_types, "grant_types": grants,
        "fapi_profile": profile.as_str(),
        "backchannel_token_delivery_mode": "poll",
        "backchannel_authentication_request_signing_alg": "ES256",
    })
}

fn with(profile: Profile, name: &str, value: Value) -> Value {
    let mut metadata = object(&metadata(profile));
    metadata.insert(name.to_owned(), value);
    Value::Object(metadata)
}

fn load(metadata: &Value, origin: ClientOrigin, policy: &Policy) -> Result<Client, MetadataError> {
    Client::from_record(&record("rp", metadata, origin, policy)?, policy, None)
}

fn configured(metadata: &Value) -> Result<Client, MetadataError> {
    load(metadata, ClientOrigin::Configuration, &issuer())
}

#[test]
fn every_profile_has_its_name() {
    for profile in Profile::ALL {
        assert_eq!(Profile::parse(profile.as_str()), Some(*profile));
    }
    for other in ["", "fapi2", "FAPI2-security", "fapi2-security "] {
        assert_eq!(Profile::parse(other), None);
        if !other.is_empty() {
            let refused = configured(&with(Profile::Fapi2Security, "fapi_profile", json!(other)));
            assert_eq!(refused.unwrap_err().field, "fapi_profile");
        }
    }
}

#[test]
fn one_setting_turns_on_what_a_profile_demands() {
    let client = |profile| configured(&metadata(profile)).unwrap();
    for profile in [Profile::Fapi2Security, Profile::Fapi2MessageSigning] {
        //= test FAPI2-SP#5.3.2.2 authorization requests are pushed
        //= test FAPI2-SP#5.3.2.2 PKCE with S256 is used
        let client = client(profile);
        assert_eq!(client.fapi, Some(profile));
        assert!(client.requests.require_pushed && client.require_pkce);
        //= test FAPI2-MS#5.3.1 authorization requests are signed
        let signs = profile == Profile::Fapi2MessageSigning;
        assert_eq!(client.requests.require_signed, signs);
        assert!(!client.rotate_refresh_tokens);
        assert_eq!(client.request_object_demands(), Demands::FAPI);
        //= test FAPI2-SP#5.3.2.2 codes live for sixty seconds at most
        assert_eq!(profile.longest_code(), Some(60));
    }
    //= test FAPI1-ADV#5.2.2 authorization requests are signed
    //= test FAPI1-ADV#5.2.2 access tokens are bound to the client's certificate
    let first = client(Profile::Fapi1Advanced);
    assert!(first.requests.require_signed && first.certificate_bound_access_tokens);
    assert!(!first.requests.require_pushed);
    let ciba = client(Profile::FapiCiba);
    assert!(ciba.certificate_bound_access_tokens);
    assert!(ciba.request_object_demands().jti && ciba.request_object_demands().iat);
}

#[test]
fn what_does_not_come_up_to_its_profile_is_no_client() {
    //= test FAPI2-SP#5.3.2.1 clients authenticate by mutual TLS or private_key_jwt
    //= test FAPI1-ADV#5.2.2 clients authenticate by mutual TLS or private_key_jwt
    //= test FAPI2-SP#5.4.1 JWTs are signed with PS256, ES256 or EdDSA
    //= test FAPI1-ADV#8.6 JWTs are signed with PS256 or ES256
    //= test FAPI2-SP#5.3.2.2 the response type is code
    //= test FAPI2-SP#5.3.2.2 redirect URIs use https, but for native applications on the loopback interface
    let lacks = |profile: Profile, name: &'static str, value: Value, field: &str| {
        let error = configured(&with(profile, name, value)).unwrap_err();
        assert_eq!(
            (error.reason, error.field),
            (MetadataReason::ProfileUnmet, field),
            "{profile:?} {name}"
        );
    };
    for profile in Profile::ALL.iter().copied() {
        const METHOD: &str = "token_endpoint_auth_method";
        // Without a secret of its own nobody may use backchannel authentication anyway.
        if profile != Profile::FapiCiba {
            lacks(profile, METHOD, json!("none"), METHOD);
        }
        for name in [
            "token_endpoint_auth_signing_alg",
            "id_token_signed_response_alg",
            "request_object_signing_alg",
        ] {
            let keys = name != "token_endpoint_auth_signing_alg";
            if keys {
                lacks(profile, name, json!("RS256"), name);
            }
        }
    }
    for profile in [Profile::Fapi2Security, Profile::Fapi2MessageSigning] {
        let mut hybrid = object(&metadata(profile));
        hybrid.insert(
            "response_types".to_owned(),
            json!(["code", "code id_token"]),
        );
        hybrid.insert(
            "grant_types".to_owned(),
            json!(["authorization_code", "implicit"]),
        );
        let error = configured(&Value::Object(hybrid)).unwrap_err();
        assert_eq!(error.field, "response_types");
        let native = json!({
            "redirect_uris": ["http://127.0.0.1/cb"], "application_type": "native",
            "token_endpoint_auth_method": "private_key_jwt", "jwks": keys(),
            "fapi_profile": profile.as_str(),
        });
        assert!(configured(&native).is_ok());
    }
    //= test FAPI-CIBA#5.2.2 authentication requests are signed
    const SIGNED: &str = "backchannel_authentication_request_signing_alg";
    let mut unsigned = object(&metadata(Profile::FapiCiba));
    unsigned.remove(SIGNED);
    let error = configured(&Value::Object(unsigned)).unwrap_err();
    assert_eq!(
        (error.reason, error.field),
        (MetadataReason::ProfileUnmet, SIGNED)
    );
    //= test FAPI-CIBA#5.2.2 the modes are poll and ping
    for profile in Profile::ALL.iter().copied() {
        const MODE: &str = "backchannel_token_delivery_mode";
        let mut pushed = object(&with(profile, MODE, json!("push")));
        let grants = pushed["grant_types"].as_array_mut().unwrap();
        grants.push(json!(CIBA));
        let endpoint = json!("https://rp.test/told");
        pushed.insert(
            "backchannel_client_notification_endpoint".to_owned(),
            endpoint,
        );
        let mut policy = issuer();
        policy.backchannel.delivery_modes = vec![DeliveryMode::Poll, DeliveryMode::Push];
        let origin = ClientOrigin::Configuration;
        let error = load(&Value::Object(pushed), origin, &policy).unwrap_err();
        assert_eq!(
            (error.reason, error.field),
            (MetadataReason::ProfileUnmet, MODE),
            "{profile:?}"
        );
    }
    // What the issuer must have, too.
    let without = |change: fn(&mut Policy), profile: Profile| {
        let mut policy = issuer();
        change(&mut policy);
        load(&metadata(profile), ClientOrigin::Configuration, &policy)
            .unwrap_err()
            .field
    };
    let unbound = |policy: &mut Policy| {
        policy.mtls.enabled = false;
        policy.dpop.enabled = false;
    };
    assert_eq!(without(unbound, Profile::Fapi2Security), "mtls.enabled");
    let mtls_off = |policy: &mut Policy| policy.mtls.enabled = false;
    assert_eq!(without(mtls_off, Profile::Fapi1Advanced), "mtls.enabled");
    let no_push = |policy: &mut Policy| policy.requests.pushed = false;
    assert_eq!(
        without(no_push, Profile::Fapi2Security),
        "pushed_requests.enabled"
    );
    let no_jarm = |policy: &mut Policy| policy.jarm = false;
    assert_eq!(
        without(no_jarm, Profile::Fapi2MessageSigning),
        "protocol.signed_responses"
    );
}

#[test]
fn a_profile_of_the_issuer_holds_for_everybody_and_nobody_chooses_their_own() {
    let mut policy = issuer();
    Profile::Fapi2Security.narrow(&mut policy);
    assert_eq!(policy.response_types, [ResponseType::Code]);
    assert_eq!(policy.signing_algs, [JwsAlgorithm::ES256]);
    assert!(policy.requests.require_pushed);
    let offered: Vec<&str> = client_auth::METHODS
        .iter()
        .filter(|method| method.is_offered(&policy))
        .map(|method| method.name())
        .collect();
    assert_eq!(offered, ["private_key_jwt", "self_signed_tls_client_auth"]);
    let plain = json!({
        "redirect_uris": ["https://rp.test/cb"],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": keys(),
    });
    let registered = load(&plain, ClientOrigin::Registration, &policy).unwrap();
    assert_eq!(registered.fapi, Some(Profile::Fapi2Security));
    let secret = json!({"redirect_uris": ["https://rp.test/cb"]});
    assert!(load(&secret, ClientOrigin::Registration, &policy).is_err());
    // A client that registers itself has no say in it.
    let own = metadata(Profile::Fapi1Advanced);
    let mut own = object(&own);
    own.insert("response_types".to_owned(), json!(["code"]));
    own.insert("grant_types".to_owned(), json!(["authorization_code"]));
    let registered = load(&Value::Object(own), ClientOrigin::Registration, &policy).unwrap();
    assert_eq!(registered.fapi, Some(Profile::Fapi2Security));
}

#[test]
fn only_answers_that_the_profile_knows_are_given() {
    //= test FAPI1-ADV#5.2.2 the response type is code id_token, or code with an answer that is signed
    //= test FAPI2-MS#5.4.2 authorization responses are signed
    use ResponseMode as M;
    use ResponseType as T;
    let first = Profile::Fapi1Advanced;
    assert!(first.answers(T::CodeIdToken, M::Fragment));
    assert!(first.answers(T::Code, M::QueryJwt));
    assert!(!first.answers(T::Code, M::Query));
    let signing = Profile::Fapi2MessageSigning;
    assert!(signing.answers(T::Code, M::FormPostJwt));
    for mode in [M::Query, M::Fragment, M::FormPost] {
        assert!(!signing.answers(T::Code, mode));
    }
    assert!(Profile::Fapi2Security.answers(T::Code, M::Query));
}
