use super::{
    super::super::fixture::{CALLBACK, CHALLENGE, identified, policy, web},
    *,
};
use crate::{authorize::Redirect, authorize::Valid, client::Client};

fn offering() -> Policy {
    Policy {
        response_types: ResponseType::ALL.to_vec(),
        jarm: true,
        web_message: true,
        ..policy()
    }
}

/// A client that registered everything.
fn any() -> Client {
    Client {
        response_types: ResponseType::ALL
            .iter()
            .map(|t| t.as_str().to_owned())
            .collect(),
        grant_types: ["authorization_code", "implicit", "refresh_token"]
            .map(str::to_owned)
            .to_vec(),
        ..web()
    }
}

fn asked(client: Client, changes: &[(&str, &str)]) -> Result<Valid, Redirect> {
    let mut all = vec![("nonce", "n-1")];
    all.retain(|(name, _)| !changes.iter().any(|(n, _)| n == name));
    all.extend(changes);
    identified(client, &all).validate(&offering())
}

fn refused(client: Client, changes: &[(&str, &str)]) -> Option<Reason> {
    asked(client, changes).err().map(|r| r.reason())
}

#[test]
fn each_name_reads_back_in_any_order_of_its_words() {
    //= test RFC6749#3.1.1 the order of the words of a response type does not matter
    for response in ResponseType::ALL {
        let mut words: Vec<&str> = response.as_str().split(' ').collect();
        for _ in 0..words.len() {
            words.rotate_left(1);
            assert_eq!(ResponseType::parse(&words.join(" ")), Some(*response));
        }
        let stored = serde_json::to_value(response).unwrap();
        assert_eq!(stored, serde_json::Value::from(response.as_str()));
    }
    //= test RFC9700#2.1.2 a response type that yields an access token and nothing to check it against does not exist
    for none in [
        "token",
        "",
        "code none",
        "id_token none",
        "Code",
        "code  token",
        " code",
    ] {
        assert_eq!(ResponseType::parse(none), None, "{none}");
    }
}

#[test]
fn what_a_response_type_yields_is_what_its_words_say() {
    //= test OIDC-REG#2 a response type stands together with the grant types that complete it
    for response in ResponseType::ALL {
        let has = |word: &str| response.as_str().split(' ').any(|w| w == word);
        assert_eq!(response.has_code(), has("code"));
        assert_eq!(response.has_id_token(), has("id_token"));
        assert_eq!(response.has_token(), has("token"));
        let grants = response.grant_types();
        assert_eq!(grants.contains(&"authorization_code"), has("code"));
        assert_eq!(
            grants.contains(&"implicit"),
            has("token") || has("id_token")
        );
    }
}

#[test]
fn a_client_needs_the_response_type_and_all_its_grant_types() {
    //= test RFC7591#2 a client uses only the response and grant types that it registered
    for response in ResponseType::ALL {
        let changes = [("response_type", response.as_str())];
        assert_eq!(refused(any(), &changes), None, "{response:?}");
        let others = ResponseType::ALL.iter().filter(|t| *t != response);
        let without = Client {
            response_types: others.map(|t| t.as_str().to_owned()).collect(),
            ..any()
        };
        assert_eq!(
            refused(without, &changes),
            Some(Reason::ResponseTypeNotAllowed)
        );
        for grant in response.grant_types() {
            let mut client = any();
            client.grant_types.retain(|g| g != grant);
            assert_eq!(
                refused(client, &changes),
                Some(Reason::ResponseTypeNotAllowed)
            );
        }
    }
}

#[test]
fn what_the_issuer_does_not_offer_is_unsupported_for_everybody() {
    //= test RFC6749#3.1.1 a missing or unknown response type is an error
    for response in ResponseType::ALL {
        let mut policy = offering();
        policy.response_types.retain(|t| t != response);
        let changes = [("nonce", "n-1"), ("response_type", response.as_str())];
        let redirect = identified(any(), &changes).validate(&policy).unwrap_err();
        assert_eq!(redirect.reason(), Reason::ResponseTypeUnsupported);
        assert_eq!(redirect.mode(&policy), response.default_mode());
    }
    assert_eq!(
        refused(any(), &[("response_type", "")]),
        Some(Reason::ResponseTypeMissing)
    );
}

#[test]
fn answers_with_tokens_go_into_the_fragment_and_never_into_the_query() {
    //= test OAUTH-RESPONSE-TYPES#5 an answer with a token, and an error instead of it, defaults to the fragment
    //= test OAUTH-RESPONSE-TYPES#5 an answer with a token is never in the query
    //= test JARM#2.3.1 a signed answer with a token that is not encrypted is not in the query either
    //= test JARM#2.3.4 jwt stands for the signed form of the response type's default mode
    for response in ResponseType::ALL {
        let with = |mode: &str| {
            let changes = [
                ("response_type", response.as_str()),
                ("response_mode", mode),
            ];
            asked(any(), &changes).map(|valid| valid.request().response_mode)
        };
        let front = response.has_token() || response.has_id_token();
        let default = if front {
            ResponseMode::Fragment
        } else {
            ResponseMode::Query
        };
        assert_eq!(with("").unwrap(), default);
        let signed = if front {
            ResponseMode::FragmentJwt
        } else {
            ResponseMode::QueryJwt
        };
        assert_eq!(with("jwt").unwrap(), signed);
        for mode in ["query", "query.jwt"] {
            match with(mode) {
                Ok(mode) => assert!(mode.is_query() && !front),
                Err(redirect) => {
                    assert!(front);
                    assert_eq!(redirect.reason(), Reason::ResponseModeUnknown);
                    assert_eq!(redirect.mode(&offering()), ResponseMode::Fragment);
                }
            }
        }
        for mode in [
            "fragment",
            "form_post",
            "fragment.jwt",
            "form_post.jwt",
            "web_message",
        ] {
            assert_eq!(with(mode).unwrap().as_str(), mode);
        }
    }
}

#[test]
fn an_error_is_not_signed_for_an_issuer_that_does_not_sign() {
    for (mode, plain) in [
        ("query.jwt", ResponseMode::Query),
        ("fragment.jwt", ResponseMode::Query),
        ("jwt", ResponseMode::Query),
        ("web_message", ResponseMode::Query),
    ] {
        let redirect = identified(any(), &[("response_mode", mode)]).validate(&policy());
        let redirect = redirect.unwrap_err();
        assert_eq!(redirect.reason(), Reason::ResponseModeUnknown, "{mode}");
        assert_eq!(redirect.respond(&policy()).mode, plain, "{mode}");
    }
}

#[test]
fn jwt_is_registered_for_redirects_of_either_kind() {
    let client = |modes: &[&str]| Client {
        response_modes: Some(modes.iter().map(|m| (*m).to_owned()).collect()),
        ..any()
    };
    for (registered, wanted, fits) in [
        ("jwt", "jwt", true),
        ("jwt", "query.jwt", true),
        ("jwt", "form_post.jwt", false),
        ("jwt", "query", false),
        ("query.jwt", "jwt", true),
        ("fragment.jwt", "jwt", false),
        ("query", "jwt", false),
    ] {
        let reason = refused(client(&[registered]), &[("response_mode", wanted)]);
        let expected = (!fits).then_some(Reason::ResponseModeNotAllowed);
        assert_eq!(reason, expected, "{registered} {wanted}");
    }
}

#[test]
fn an_id_token_needs_a_nonce_and_openid() {
    //= test OIDC-CORE#3.2.2.1 a request for an ID token from the authorization endpoint has a nonce
    //= test OIDC-CORE#3.3.2.11 so has one for a code and an ID token
    //= test OIDC-CORE#3.2.2.1 a request for an ID token has openid in its scope
    for response in ResponseType::ALL {
        let name = ("response_type", response.as_str());
        let front = response.has_id_token();
        let reason = refused(any(), &[name, ("nonce", "")]);
        assert_eq!(
            reason,
            front.then_some(Reason::NonceMissing),
            "{response:?}"
        );
        let reason = refused(any(), &[name, ("scope", "api:read")]);
        assert_eq!(
            reason,
            front.then_some(Reason::OpenidMissing),
            "{response:?}"
        );
    }
}

#[test]
fn a_challenge_is_demanded_where_there_is_a_code() {
    let public = Client {
        auth_method: "none".to_owned(),
        require_pkce: true,
        ..any()
    };
    for response in ResponseType::ALL {
        let name = ("response_type", response.as_str());
        let without = [name, ("code_challenge", ""), ("code_challenge_method", "")];
        let expected = response.has_code().then_some(Reason::CodeChallengeMissing);
        assert_eq!(refused(public.clone(), &without), expected, "{response:?}");
        let with = [name, ("code_challenge", CHALLENGE)];
        assert_eq!(refused(public.clone(), &with), None, "{response:?}");
    }
}

#[test]
fn a_client_whose_tokens_are_bound_gets_no_other() {
    let certificate = Client {
        certificate_bound_access_tokens: true,
        ..any()
    };
    let dpop = Client {
        dpop_bound_access_tokens: true,
        ..any()
    };
    for response in ResponseType::ALL {
        let name = ("response_type", response.as_str());
        let expected = response.has_token().then_some(Reason::TokenUnbound);
        assert_eq!(refused(certificate.clone(), &[name]), expected);
        assert_eq!(refused(dpop.clone(), &[name]), expected);
        assert_eq!(
            refused(dpop.clone(), &[name, ("dpop_jkt", CHALLENGE)]),
            None
        );
    }
}

#[test]
fn one_token_serves_all_resources_or_none_is_issued() {
    let mut policy = offering();
    policy.resources[0].format =
        crate::policy::TokenFormat::Jwt(hallpass_jose::JwsAlgorithm::ES256);
    let reason = |response: &ResponseType| {
        let changes = [
            ("nonce", "n-1"),
            ("response_type", response.as_str()),
            ("resource", "https://api1.test"),
            ("resource", "https://api2.test/v1/"),
        ];
        let answer = identified(any(), &changes).validate(&policy);
        answer.err().map(|redirect| redirect.reason())
    };
    for response in ResponseType::ALL {
        let expected = response.has_token().then_some(Reason::ResourcesDisagree);
        assert_eq!(reason(response), expected, "{response:?}");
    }
}

#[test]
fn a_message_needs_a_window_of_the_web() {
    let native = Client {
        redirect_uris: vec!["com.example.app:/cb".to_owned(), CALLBACK.to_owned()],
        ..any()
    };
    let mode = ("response_mode", "web_message");
    assert_eq!(refused(native.clone(), &[mode]), None);
    for changes in [
        [mode, ("redirect_uri", "com.example.app:/cb")],
        [mode, ("web_message_uri", "https://evil.test")],
    ] {
        assert_eq!(
            refused(native.clone(), &changes),
            Some(Reason::ResponseModeUnknown)
        );
    }
}
