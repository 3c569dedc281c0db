use super::*;

#[test]
fn flows_that_redirect_need_redirect_uris() {
    //= test RFC7591#2 clients of redirecting flows register their redirect URIs
    for none in [
        json!({}),
        json!({"redirect_uris": []}),
        json!({"redirect_uris": null}),
    ] {
        assert_eq!(
            refused(&none),
            (MetadataReason::RedirectUriMissing, "redirect_uris")
        );
    }
    let many: Vec<String> = (0..300).map(|n| format!("https://rp.test/{n}")).collect();
    assert_eq!(
        refused(&json!({"redirect_uris": many})),
        (MetadataReason::RedirectUriCount, "redirect_uris")
    );
    for (uri, reason) in [
        ("javascript:alert(1)", MetadataReason::RedirectUriScheme),
        ("JaVaScRiPt:alert(1)", MetadataReason::RedirectUriMalformed),
        ("http://rp.test/cb", MetadataReason::RedirectUriScheme),
        ("com.example.app:/cb", MetadataReason::RedirectUriScheme),
        ("https://rp.test/cb#x", MetadataReason::RedirectUriFragment),
        ("https://*.rp.test/cb", MetadataReason::RedirectUriMalformed),
        ("https://u@rp.test/cb", MetadataReason::RedirectUriMalformed),
        ("https:///cb", MetadataReason::RedirectUriMalformed),
        ("https://rp.test/\0", MetadataReason::RedirectUriMalformed),
        ("", MetadataReason::RedirectUriMalformed),
    ] {
        let input = json!({"redirect_uris": ["https://rp.test/cb", uri]});
        assert_eq!(refused(&input), (reason, "redirect_uris"), "{uri}");
        assert_eq!(reason.code(), hallpass_types::ErrorCode::InvalidRedirectUri);
    }
}

#[test]
fn other_uris_are_checked_as_strictly() {
    //= test OIDC-CORE#4 initiate_login_uri uses https
    //= test OIDC-REG#5 sector_identifier_uri uses https
    //= test OIDC-REG#2 the fragment of a request URI is the SHA-256 of the document
    // RG-03, RG-04
    let bad = [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "http://rp.test/",
        "https://u@rp.test/",
        "https://*.rp.test/",
        "https:///x",
        "https://rp.test/\0",
        "https://rp.test/ x",
        "https://evil.test\\@rp.test/",
        "com.example.app:/x",
        "myapp:/x",
        "//rp.test/x",
        "https://rp.test/%0d%0a",
    ];
    for uri in bad {
        for name in ["post_logout_redirect_uris", "request_uris"] {
            let (reason, field) = refused(&with(name, &json!([uri])));
            assert!(
                matches!(
                    reason,
                    MetadataReason::UriMalformed | MetadataReason::UriScheme
                ),
                "{name} {uri:?}"
            );
            assert_eq!(field, name);
            assert_eq!(
                reason.code(),
                hallpass_types::ErrorCode::InvalidClientMetadata
            );
        }
        for name in [
            "initiate_login_uri",
            "frontchannel_logout_uri",
            "backchannel_logout_uri",
            "client_uri",
            "logo_uri",
            "policy_uri",
            "tos_uri",
            "jwks_uri",
            "sector_identifier_uri",
        ] {
            let (reason, field) = refused(&with(name, &json!(uri)));
            let fits = [
                MetadataReason::UriMalformed,
                MetadataReason::UriScheme,
                MetadataReason::OutOfBounds,
            ];
            assert!(fits.contains(&reason), "{name} {uri:?} {reason:?}");
            assert_eq!(field, name);
        }
    }
    for fragment in [
        "#",
        "#short",
        "#47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
    ] {
        let uri = format!("https://rp.test/r{fragment}");
        assert_eq!(
            refused(&with("request_uris", &json!([uri]))).0,
            MetadataReason::UriMalformed
        );
        assert_eq!(
            refused(&with("client_uri", &json!(uri))).0,
            MetadataReason::UriMalformed
        );
    }
    for name in ["jwks_uri", "sector_identifier_uri", "initiate_login_uri"] {
        assert_eq!(
            refused(&with(name, &json!("http://localhost/x"))),
            (MetadataReason::UriScheme, name)
        );
    }
    for name in ["client_uri", "backchannel_logout_uri"] {
        assert!(run(&with(name, &json!("http://localhost:8080/x")), Registration).is_ok());
    }
}

#[test]
fn response_and_grant_types_are_made_to_fit() {
    //= test RFC7591#2.1 code and authorization_code are registered together; one is completed by the other
    //= test RFC7591#2.1 a client whose grants never redirect has no response type
    let none: [&str; 0] = [];
    for (grants, responses, want_grants, want_responses) in [
        (
            json!(["client_credentials"]),
            Value::Null,
            vec!["client_credentials"],
            vec![],
        ),
        (
            json!(["refresh_token"]),
            json!(["code"]),
            vec!["authorization_code", "refresh_token"],
            vec!["code"],
        ),
        (
            json!(["implicit"]),
            json!(["code"]),
            vec!["authorization_code"],
            vec!["code"],
        ),
        (
            json!(["implicit"]),
            Value::Null,
            vec!["authorization_code"],
            vec!["code"],
        ),
        (
            json!(["authorization_code", "client_credentials"]),
            json!([]),
            vec!["client_credentials"],
            vec![],
        ),
        (json!([]), Value::Null, none.to_vec(), vec![]),
        (
            json!([
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code"
            ]),
            json!(["code"]),
            vec!["authorization_code", "refresh_token"],
            vec!["code"],
        ),
    ] {
        let input = json!({"redirect_uris": ["https://rp.test/cb"], "grant_types": grants, "response_types": responses});
        let metadata = run(&input, Registration).unwrap();
        assert_eq!(metadata["grant_types"], json!(want_grants), "{input}");
        assert_eq!(metadata["response_types"], json!(want_responses), "{input}");
    }
}

#[test]
fn flows_that_do_not_exist_cannot_be_registered() {
    // RG-16
    for response in [
        "token",
        "id_token",
        "code id_token",
        "id_token code",
        "code token",
        "code id_token token",
        "none",
        "CODE",
        "code ",
        "",
    ] {
        let (reason, field) = refused(&with("response_types", &json!(["code", response])));
        assert!(
            matches!(
                reason,
                MetadataReason::Unsupported | MetadataReason::OutOfBounds
            ),
            "{response:?}"
        );
        assert_eq!(field, "response_types");
    }
    for grant in [
        "password",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:openid:params:grant-type:ciba",
        "AUTHORIZATION_CODE",
    ] {
        let input = json!({"grant_types": [grant], "response_types": []});
        assert_eq!(
            refused(&input),
            (MetadataReason::Unsupported, "grant_types"),
            "{grant}"
        );
    }
    //= test RFC6749#4.4 only confidential clients use the client credentials grant
    let input = json!({
        "redirect_uris": ["https://rp.test/cb"], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "client_credentials"],
    });
    assert_eq!(
        refused(&input),
        (MetadataReason::PublicClientCredentials, "grant_types")
    );
    assert_eq!(
        refused(&with("response_modes", &json!(["web_message"]))).0,
        MetadataReason::Unsupported
    );
    assert_eq!(
        refused(&with("response_modes", &json!([]))).0,
        MetadataReason::FlowMismatch
    );
    for (name, value) in [
        ("application_type", "desktop"),
        ("token_endpoint_auth_method", "tls_client_auth"),
        ("token_endpoint_auth_method", "attest_jwt_client_auth"),
        ("token_endpoint_auth_method", ""),
        ("subject_type", "ephemeral"),
    ] {
        assert_eq!(
            refused(&with(name, &json!(value))),
            (MetadataReason::Unsupported, name)
        );
    }
}

#[test]
fn protections_that_cannot_be_given_are_refused_and_not_forgotten() {
    let name = "tls_client_certificate_bound_access_tokens";
    assert_eq!(
        refused(&with(name, &json!(true))),
        (MetadataReason::ProtectionUnsupported, name)
    );
    let off = run(&with(name, &json!(false)), Registration).unwrap();
    assert!(!off.contains_key(name));
}

#[test]
fn a_grant_of_the_engines_own_can_be_registered() {
    let mut policy = policy();
    policy.grant_types.push("urn:example:own".to_owned());
    let input = object(&json!({"grant_types": ["urn:example:own"], "response_types": []}));
    let metadata = normalize(&input, Registration, &policy).unwrap();
    assert_eq!(metadata["grant_types"], json!(["urn:example:own"]));
    policy.grant_types.clear();
    assert!(normalize(&input, Registration, &policy).is_err());
}

#[test]
fn bound_tokens_are_promised_only_where_they_exist() {
    //= test RFC9449#5.2 without a proof there is no token for a client that registered dpop_bound_access_tokens
    const NAME: &str = "dpop_bound_access_tokens";
    let metadata = run(&with(NAME, &json!(true)), Registration).unwrap();
    assert_eq!(metadata[NAME], json!(true));
    let off = run(&with(NAME, &json!(false)), Registration).unwrap();
    assert!(!off.contains_key(NAME));
    let mut policy = policy();
    policy.dpop.enabled = false;
    let refused = normalize(&object(&with(NAME, &json!(true))), Registration, &policy).unwrap_err();
    assert_eq!(refused.reason, MetadataReason::ProtectionUnsupported);
}

#[test]
fn demands_on_requests_are_kept_where_they_can_be_met_and_refused_elsewhere() {
    let with_keys = |more: Value| {
        let mut input = object(&json!({
            "redirect_uris": ["https://rp.test/cb"], "jwks_uri": "https://rp.test/jwks"
        }));
        input.extend(object(&more));
        Value::Object(input)
    };
    let demands = json!({
        "require_signed_request_object": true, "require_pushed_authorization_requests": true,
        "request_object_signing_alg": "PS256",
    });
    let metadata = run(&with_keys(demands.clone()), Registration).unwrap();
    for (name, value) in demands.as_object().unwrap() {
        assert_eq!(metadata[name], *value);
    }
    let mut none = policy();
    none.requests.by_value = false;
    none.requests.pushed = false;
    for name in [
        "require_signed_request_object",
        "require_pushed_authorization_requests",
    ] {
        let error = normalize(
            &object(&with_keys(json!({name: true}))),
            Registration,
            &none,
        )
        .unwrap_err();
        assert_eq!(error.reason, MetadataReason::ProtectionUnsupported);
    }
    assert_eq!(
        refused(&with("require_signed_request_object", &json!(true))),
        (MetadataReason::KeysMissing, "require_signed_request_object")
    );
}

#[test]
fn unsigned_request_objects_cannot_be_registered() {
    //= test RFC9101#10.1 the algorithm none is not taken for a signature
    for alg in ["none", "RSA-OAEP", "ES256K", ""] {
        assert_eq!(
            refused(&with("request_object_signing_alg", &json!(alg))),
            (
                MetadataReason::AlgorithmUnsupported,
                "request_object_signing_alg"
            )
        );
    }
    let public = json!({
        "redirect_uris": ["https://rp.test/cb"], "token_endpoint_auth_method": "none",
        "request_object_signing_alg": "HS256",
    });
    let error = run(&public, Registration).unwrap_err();
    assert_eq!(error.reason, MetadataReason::AlgorithmUnsupported);
}

#[test]
fn response_types_with_tokens_bring_implicit_along_where_they_exist() {
    //= test OIDC-REG#2 so are response types with tokens and implicit
    let mut policy = policy();
    policy.response_types = crate::authorize::ResponseType::ALL.to_vec();
    for response in &policy.response_types {
        let input =
            json!({"redirect_uris": ["https://rp.test/cb"], "response_types": [response.as_str()]});
        for origin in [Registration, Configuration] {
            let metadata = normalize(&object(&input), origin, &policy).unwrap();
            let mut grants: Vec<&str> = metadata["grant_types"]
                .as_array()
                .unwrap()
                .iter()
                .map(|g| g.as_str().unwrap())
                .collect();
            grants.sort_unstable();
            assert_eq!(grants, response.grant_types(), "{input}");
            assert_eq!(normalize(&metadata, origin, &policy).unwrap(), metadata);
        }
    }
    let bare = json!({"redirect_uris": ["https://rp.test/cb"], "response_types": ["token"]});
    let refused = normalize(&object(&bare), Registration, &policy).unwrap_err();
    assert_eq!(
        (refused.reason, refused.field),
        (MetadataReason::Unsupported, "response_types")
    );
}

#[test]
fn tokens_are_redirected_to_other_machines_by_https() {
    //= test OIDC-REG#2 web clients that get tokens by redirect use https, and not the host localhost
    //= test OIDC-REG#2 clients that an operator made may use http on a loopback host, for development
    let mut policy = policy();
    policy.response_types = crate::authorize::ResponseType::ALL.to_vec();
    for (uri, web, native) in [
        ("https://rp.test/cb", true, true),
        ("https://localhost/cb", false, true),
        ("http://localhost/cb", false, true),
        ("http://127.0.0.1:8000/cb", false, true),
        ("http://[::1]/cb", false, true),
    ] {
        for (kind, fits) in [("web", web), ("native", native)] {
            let input = json!({"redirect_uris": [uri], "response_types": ["code id_token"], "application_type": kind});
            let registered = normalize(&object(&input), Registration, &policy);
            assert_eq!(registered.is_ok(), fits, "{uri} {kind}");
            if let Err(error) = registered {
                assert_eq!(error.reason, MetadataReason::RedirectUriScheme);
            }
            assert!(normalize(&object(&input), Configuration, &policy).is_ok());
            let code = json!({"redirect_uris": [uri], "application_type": kind});
            assert!(
                normalize(&object(&code), Registration, &policy).is_ok(),
                "{uri}"
            );
        }
    }
}
