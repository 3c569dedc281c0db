use super::*;
use crate::{
    policy::TokenFormat,
    token::{
        Spend,
        fixture::{
            NOW, READ, SEALED, WRITE, params, policy, proven, resource, scope, spa, texts, web,
        },
    },
};

/// A service that an operator made, with two scopes.
fn service() -> Client {
    Client {
        grant_types: texts(&["client_credentials"]),
        scope: Some(scope("api:read api:write")),
        ..web()
    }
}

fn ask_with(policy: &Policy, client: &Client, pairs: &[(&str, &str)]) -> Result<Issuance, Reason> {
    let request = ClientCredentials::parse(&params(pairs).only(ClientCredentials::PARAMS))?;
    let cx = Context {
        now: NOW,
        policy,
        client: &proven(client),
        binding: None,
    };
    let Nothing = ClientCredentials::key(&request);
    ClientCredentials::decide(&cx, request, ()).map_err(|refused| {
        assert_eq!(refused.effect, None);
        refused.reason
    })
}

fn ask(client: &Client, pairs: &[(&str, &str)]) -> Result<Issuance, Reason> {
    ask_with(&policy(), client, pairs)
}

#[test]
fn a_service_gets_a_token_and_nothing_else() {
    //= test RFC6749#4.4.3 there is no refresh token
    //= test RFC9068#5 no client can look like a person by its sub
    let issued = ask(&service(), &[("scope", "api:read")]).unwrap();
    assert_eq!(
        issued,
        Issuance {
            spend: None::<Spend>,
            new_grant: None,
            touch_idle: None,
            access: AccessGrant {
                grant: None,
                subject: "client:web".to_owned(),
                scope: scope("api:read"),
                target: Target {
                    audience: Vec::new(),
                    format: TokenFormat::Sealed,
                    lifetime: 600,
                },
                confirmation: None,
                extra: None,
                details: Vec::new(),
                authentication: None,
                issued_as: None,
                person: None,
            },
            id_token: None,
            refresh: None,
            replay_revokes: None,
        }
    );
}

#[test]
fn a_pairwise_service_is_called_the_same() {
    let client = Client {
        subject_type: crate::client::SubjectType::Pairwise,
        ..service()
    };
    assert_eq!(ask(&client, &[]).unwrap().access.subject, "client:web");
}

#[test]
fn without_scope_there_is_none() {
    // TK-44: never all that the client could have
    //= test RFC6749#3.3 without scope there is a default, or an error; here, a token without scope
    for pairs in [&[][..], &[("scope", "")]] {
        let issued = ask(&service(), pairs).unwrap();
        assert!(issued.access.scope.is_empty());
    }
}

#[test]
fn only_registered_scopes_that_exist_are_had() {
    // TK-44
    //= test RFC6749#3.3 a scope beyond what the client may have is an error
    let restricted = Client {
        scope: Some(scope("api:read gone openid email groups offline_access")),
        ..service()
    };
    let unrestricted = Client {
        scope: None,
        ..service()
    };
    for (client, asked, reason) in [
        (&restricted, "api:write", Reason::ScopeNotGranted),
        (&restricted, "api:read api:write", Reason::ScopeNotGranted),
        (&restricted, "gone", Reason::ScopeNotGranted),
        (&restricted, "unknown", Reason::ScopeNotGranted),
        (&restricted, "API:READ", Reason::ScopeNotGranted),
        // About a person: none of these, whatever is registered.
        (&restricted, "openid", Reason::ScopeNotGranted),
        (&restricted, "openid api:read", Reason::ScopeNotGranted),
        (&restricted, "email", Reason::ScopeNotGranted),
        (&restricted, "groups", Reason::ScopeNotGranted),
        (&restricted, "offline_access", Reason::ScopeNotGranted),
        // Nobody gave it any.
        (&unrestricted, "api:read", Reason::ScopeNotGranted),
        (&restricted, " ", Reason::ScopeMalformed),
        (&restricted, "api:read  api:write", Reason::ScopeMalformed),
        (&restricted, "api:read\"", Reason::ScopeMalformed),
    ] {
        let answer = ask(client, &[("scope", asked)]);
        assert_eq!(answer, Err(reason), "{asked:?}");
        assert_eq!(reason.code().as_str(), "invalid_scope");
    }
    let issued = ask(&service(), &[("scope", "api:write api:read")]).unwrap();
    assert_eq!(issued.access.scope, scope("api:write api:read"));
}

#[test]
fn a_scope_of_a_resource_alone_can_be_registered_too() {
    let mut policy = policy();
    let special = resource("https://special.test", &["special"], TokenFormat::Sealed);
    policy.resources.push(special);
    let client = Client {
        scope: Some(scope("special")),
        ..service()
    };
    for pairs in [
        &[("scope", "special")][..],
        &[("scope", "special"), ("resource", "https://special.test")],
    ] {
        let issued = ask_with(&policy, &client, pairs).unwrap();
        assert_eq!(issued.access.scope, scope("special"));
    }
}

#[test]
fn a_resource_gets_only_scopes_that_it_knows() {
    let with = |resource, asked| ask(&service(), &[("resource", resource), ("scope", asked)]);
    let issued = with(READ, "api:read").unwrap();
    assert_eq!(issued.access.target.audience, [READ]);
    assert_eq!(issued.access.scope, scope("api:read"));
    assert_eq!(with(READ, "api:write"), Err(Reason::ScopeNotGranted));
    assert_eq!(
        with(READ, "api:read api:write"),
        Err(Reason::ScopeNotGranted)
    );
    let both = [("resource", READ), ("resource", WRITE)];
    let issued = ask(&service(), &both).unwrap();
    assert_eq!(issued.access.target.audience, [READ, WRITE]);
    let disagreeing = [("resource", READ), ("resource", SEALED)];
    assert_eq!(ask(&service(), &disagreeing), Err(Reason::TargetsDisagree));
}

#[test]
fn only_allowed_resources_are_had() {
    // TK-44
    let restricted = Client {
        resources: Some(texts(&[READ])),
        ..service()
    };
    assert!(ask(&restricted, &[("resource", READ)]).is_ok());
    for (client, bad) in [
        (&restricted, WRITE),
        (&restricted, "https://read.test/x"),
        (&service(), "https://unknown.test"),
        (&service(), "https://read.test#x"),
    ] {
        assert_eq!(
            ask(client, &[("resource", bad)]),
            Err(Reason::TargetUnknown),
            "{bad}"
        );
    }
}

#[test]
fn a_client_that_registered_itself_is_allowed_nothing() {
    let registered = Client {
        origin: ClientOrigin::Registration,
        ..service()
    };
    let issued = ask(&registered, &[]).unwrap();
    assert!(issued.access.scope.is_empty() && issued.access.target.audience.is_empty());
    assert_eq!(
        ask(&registered, &[("scope", "api:read")]),
        Err(Reason::ScopeNotGranted)
    );
    assert_eq!(
        ask(&registered, &[("resource", READ)]),
        Err(Reason::TargetUnknown)
    );
}

#[test]
fn a_public_client_cannot_speak_for_itself() {
    //= test RFC6749#4.4 only confidential clients use this grant
    let client = Client {
        scope: Some(scope("api:read")),
        ..spa()
    };
    for pairs in [&[][..], &[("scope", "api:read")]] {
        let answer = ask(&client, pairs);
        assert_eq!(answer, Err(Reason::GrantTypeNotAllowed));
    }
    assert_eq!(
        Reason::GrantTypeNotAllowed.code().as_str(),
        "unauthorized_client"
    );
}

#[test]
fn other_parameters_have_no_influence() {
    // TK-57
    let plain = ask(&service(), &[]).unwrap();
    let loaded = [
        ("sub", "alice"),
        ("aud", READ),
        ("audience", READ),
        ("exp", "9999999999"),
        ("expires_in", "999999"),
        ("cnf", "{}"),
        ("code", "hpc_x"),
        ("refresh_token", "hpr_x"),
    ];
    assert_eq!(ask(&service(), &loaded).unwrap(), plain);
}
