mod assertions;
mod attestations;
mod secrets;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_types::{ContentDigest, ErrorCode};
use serde_json::json;

use super::*;
use crate::client::fixtures::{self, NOW, SECRET, configured, policy, registered};

const TOKEN: &str = "https://op.test/token";
const REVOKE: &str = "https://op.test/revoke";

/// Decides at [`NOW`] at the revocation endpoint.
fn decide(
    presented: &Presented<'_>,
    client: Option<&Arc<Client>>,
) -> Result<Authenticated, Reason> {
    decide_with(presented, client, None)
}

fn decide_with(
    presented: &Presented<'_>,
    client: Option<&Arc<Client>>,
    fetched_jwks: Option<&Jwks>,
) -> Result<Authenticated, Reason> {
    let policy = policy();
    let facts = Facts {
        now: NOW,
        policy: &policy,
        token_endpoint: &[TOKEN.to_owned()],
        endpoint: &[REVOKE.to_owned()],
        secret_digest: &fixtures::digest,
        fetched_jwks,
        challenge: None,
        dpop_nonce: None,
    };
    authenticate(presented, client, &facts)
}

fn params(pairs: &[(&str, &str)]) -> Params {
    Params::from_pairs(pairs.iter().copied())
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// A client `rp` with that method.
fn client(method: &str) -> Arc<Client> {
    Arc::new(registered(
        "rp",
        &json!({"redirect_uris": ["https://rp.test/cb"], "token_endpoint_auth_method": method}),
    ))
}

#[test]
fn every_reason_to_refuse_credentials_looks_the_same_outside_but_for_claims_that_anybody_can_read()
{
    // They are judged before the client is known, so they tell nothing of it.
    let of_claims = [
        Reason::Subject,
        Reason::IssuedBy,
        Reason::JwtId,
        Reason::AssertionAudience,
        Reason::Expiry,
        Reason::Begin,
    ];
    let mut ids: Vec<&str> = Reason::ALL.iter().map(|r| r.id()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        assert!(hallpass_types::description_text(reason.text()));
        if of_claims.contains(reason) {
            assert_eq!(reason.code(), ErrorCode::InvalidClient);
            assert!(reason.text().contains("of the client's JWT"));
        } else if reason.code() == ErrorCode::InvalidClient {
            assert_eq!(reason.text(), "client authentication failed");
        } else {
            // What the client's software must do otherwise.
            assert!(
                matches!(
                    reason.code(),
                    ErrorCode::InvalidRequest
                        | ErrorCode::InvalidClientAttestation
                        | ErrorCode::UseFreshAttestation
                        | ErrorCode::UseAttestationChallenge
                        | ErrorCode::UseDpopNonce
                ),
                "{reason:?}"
            );
        }
    }
}

#[test]
fn methods_have_one_name_each() {
    for known in METHODS {
        assert_eq!(method(known.name()).unwrap().name(), known.name());
        assert!(!known.signing_algs().is_empty() || known.kind() != Kind::Keys);
        let set_up = matches!(known.kind(), Kind::Certificate | Kind::Attested);
        assert_eq!(known.is_offered(&policy()), !set_up);
    }
    assert!(method("").is_none());
}

#[test]
fn a_public_client_names_itself() {
    //= test RFC6749#3.2.1 a client that does not authenticate sends its client_id
    let params = params(&[("client_id", "rp")]);
    let presented = Presented::read(&ClientRequest::new(&params, None)).unwrap();
    assert_eq!(presented.method(), "none");
    assert!(!presented.used_header());
    let public = client("none");
    let decided = decide(&presented, Some(&public)).unwrap();
    assert_eq!(decided.once, None);
    assert_eq!(decided.client.method(), "none");
    assert!(!decided.client.is_confidential());
    assert!(AuthenticatedClient::for_tests(client("client_secret_post")).is_confidential());
    assert_eq!(
        identify_public(&presented, Some(&public))
            .unwrap()
            .client()
            .id,
        public.id
    );

    for method in [
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
    ] {
        let confidential = client(method);
        let refused = decide(&presented, Some(&confidential)).unwrap_err();
        assert_eq!(refused, Reason::MethodNotRegistered, "{method}");
        assert!(identify_public(&presented, Some(&confidential)).is_err());
    }
    assert_eq!(decide(&presented, None).unwrap_err(), Reason::UnknownClient);
    assert!(identify_public(&presented, None).is_err());
    let other = Arc::new(configured(
        "other",
        &json!({"redirect_uris": ["https://rp.test/cb"], "token_endpoint_auth_method": "none"}),
    ));
    assert_eq!(
        decide(&presented, Some(&other)).unwrap_err(),
        Reason::UnknownClient
    );
    assert!(identify_public(&presented, Some(&other)).is_err());
}

#[test]
fn nobody_is_not_a_client() {
    //= test RFC6749#2.3.1 a secret in the body stands beside the client_id
    let read = |pairs: &[(&str, &str)], header| {
        Presented::read(&ClientRequest::new(&params(pairs), header))
            .map(drop)
            .unwrap_err()
    };
    assert_eq!(read(&[], None), Reason::Missing);
    assert_eq!(read(&[("client_id", "")], None), Reason::Missing);
    assert_eq!(
        read(&[("client_secret", "x")], None),
        Reason::ClientIdMissing
    );
    assert_eq!(
        read(&[("client_id", "caf\u{E9}")], None),
        Reason::UnknownClient
    );
    assert_eq!(
        read(&[("client_id", &"a".repeat(256))], None),
        Reason::UnknownClient
    );
    for header in ["Bearer x", "Digest x", "", "Basi cnA6eA==", "DPoP x"] {
        assert_eq!(
            read(&[("client_id", "rp")], Some(header)),
            Reason::UnsupportedScheme,
            "{header}"
        );
    }
}

#[test]
fn two_methods_in_one_request_are_refused() {
    //= test RFC7521#4.2 a client_id beside an assertion names the same client
    // TK-25
    //= test RFC6749#2.3 a client uses one authentication method in each request
    let assertion = assertions::sample();
    let header = basic("rp", SECRET);
    let jwt = [
        ("client_assertion", assertion.as_str()),
        ("client_assertion_type", assertions::JWT_BEARER),
    ];
    let read = |pairs: &[(&str, &str)], header: Option<&str>| {
        Presented::read(&ClientRequest::new(&params(pairs), header)).map(drop)
    };
    let secret = ("client_secret", SECRET);
    assert_eq!(
        read(&[("client_id", "rp"), secret], Some(&header)),
        Err(Reason::TwoMethods)
    );
    assert_eq!(read(&[secret], Some(&header)), Err(Reason::TwoMethods));
    assert_eq!(read(&jwt, Some(&header)), Err(Reason::TwoMethods));
    assert_eq!(
        read(&[jwt[0], jwt[1], secret], None),
        Err(Reason::TwoMethods)
    );
    assert_eq!(
        read(&[jwt[0], jwt[1], secret, ("client_id", "rp")], None),
        Err(Reason::TwoMethods)
    );
    // The header of one client and the body of another.
    assert_eq!(
        read(&[("client_id", "other")], Some(&header)),
        Err(Reason::ClientIdMismatch)
    );
    assert_eq!(
        read(&[jwt[0], jwt[1], ("client_id", "other")], None),
        Err(Reason::ClientIdMismatch)
    );
    assert_eq!(read(&[("client_id", "rp")], Some(&header)), Ok(()));
    assert_eq!(read(&[jwt[0], jwt[1], ("client_id", "rp")], None), Ok(()));
}

#[test]
fn repeated_parameters_are_refused() {
    for name in PARAMS {
        let twice = Params::from_pairs([("client_id", "rp"), (*name, "a"), (*name, "a")]);
        assert_eq!(
            Presented::read(&ClientRequest::new(&twice, None)).map(drop),
            Err(Reason::Duplicated),
            "{name}"
        );
        let header = basic("rp", SECRET);
        assert_eq!(
            Presented::read(&ClientRequest::new(&twice, Some(&header))).map(drop),
            Err(Reason::Duplicated),
            "{name}"
        );
    }
}

#[test]
fn an_unknown_client_costs_what_a_wrong_secret_costs() {
    let calls = AtomicU32::new(0);
    let counting = |secret: &str| -> ContentDigest {
        calls.fetch_add(1, Ordering::Relaxed);
        fixtures::digest(secret)
    };
    let policy = policy();
    let facts = Facts {
        now: NOW,
        policy: &policy,
        token_endpoint: &[TOKEN.to_owned()],
        endpoint: &[TOKEN.to_owned()],
        secret_digest: &counting,
        fetched_jwks: None,
        challenge: None,
        dpop_nonce: None,
    };
    for secret in ["wrong", "wr%2Bong", "wr+ong"] {
        let header = basic("rp", secret);
        let no_params = Params::default();
        let presented = Presented::read(&ClientRequest::new(&no_params, Some(&header))).unwrap();
        let mut costs = Vec::new();
        for client in [
            None,
            Some(client("client_secret_basic")),
            Some(client("client_secret_post")),
            Some(client("none")),
        ] {
            calls.store(0, Ordering::Relaxed);
            assert!(authenticate(&presented, client.as_ref(), &facts).is_err());
            costs.push(calls.load(Ordering::Relaxed));
        }
        assert!(
            costs.iter().all(|cost| *cost == costs[0] && *cost > 0),
            "{secret} {costs:?}"
        );
    }
}
