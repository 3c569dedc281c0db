//! What MCP clients ask of an authorization server, point by point.

use hallpass_core::policy::{Resource, ScopeSpec, TokenFormat};
use hallpass_jose::JwsAlgorithm;
use hallpass_testkit::{
    Answer, Browser, Op, Request, Setup, Tokens, assertion,
    flow::{VERIFIER, challenge},
    wire,
};
use serde_json::{Value, json};

const SERVER: &str = "https://mcp.test/mcp";
const OTHER: &str = "https://other.test/mcp";
const CLIENT: &str = "https://client.test/oauth/client.json";
const CB: &str = "http://127.0.0.1/callback";

fn setup() -> Setup {
    Setup::default().policy(|policy| {
        policy.client_documents.enabled = true;
        for name in ["tools:read", "tools:write"] {
            policy.scopes.push(ScopeSpec {
                title: None,
                required: false,
                name: name.to_owned(),
                description: Some("Use the tools".to_owned()),
                claims: Vec::new(),
            });
        }
        let servers = [SERVER, OTHER].map(|identifier| Resource {
            name: None,
            identifier: identifier.to_owned(),
            scopes: vec!["tools:read".to_owned(), "tools:write".to_owned()],
            format: TokenFormat::Jwt(JwsAlgorithm::ES256),
            access_token_lifetime: None,
        });
        policy.resources.extend(servers);
    })
}

async fn op() -> Op {
    let op = setup().start().await;
    let document = json!({
        "client_id": CLIENT, "client_name": "An MCP client", "redirect_uris": [CB],
        "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none",
    });
    op.fetcher.put(CLIENT, document.to_string());
    op.knows_client(CLIENT, &document);
    op
}

fn request(scope: &str, resource: &str) -> Request {
    let pairs = [
        ("client_id", CLIENT),
        ("response_type", "code"),
        ("redirect_uri", CB),
        ("scope", scope),
        ("state", "s"),
        ("resource", resource),
        ("code_challenge", &challenge(VERIFIER)),
        ("code_challenge_method", "S256"),
    ];
    Request(pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec())
}

async fn redeem(browser: &mut Browser, code: &str, resource: &str) -> Answer {
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CB),
        ("code_verifier", VERIFIER),
        ("client_id", CLIENT),
        ("resource", resource),
    ];
    browser.form("/token", &pairs).await
}

fn refused(answer: &Answer) -> String {
    assert!(wire::param(answer.location(), "code").is_none());
    // AS-07
    assert_eq!(
        wire::param(answer.location(), "iss").unwrap(),
        "https://op.test"
    );
    wire::param(answer.location(), "error").unwrap()
}

// AS-01, AS-02, AS-07, AS-08, AS-09
#[tokio::test]
async fn metadata_is_the_same_at_all_three_places_and_says_what_clients_need() {
    let op = setup().issuer("https://op.test/tenant").start().await;
    let mut browser = op.browser();
    let mut documents: Vec<Value> = Vec::new();
    for path in [
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/openid-configuration",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(
            (answer.status, answer.media()),
            (200, "application/json"),
            "{path}"
        );
        documents.push(answer.json());
    }
    let has = |name: &str, value: &str| {
        documents.iter().all(|document| {
            let list = document[name].as_array().unwrap();
            list.iter().any(|entry| entry == value)
        })
    };
    for document in &documents {
        assert_eq!(document["issuer"], "https://op.test/tenant");
        assert_eq!(
            document["authorization_response_iss_parameter_supported"],
            true
        );
        assert_eq!(document["client_id_metadata_document_supported"], true);
        assert_eq!(document, &documents[0]);
    }
    assert!(has("code_challenge_methods_supported", "S256"));
    assert!(!has("code_challenge_methods_supported", "plain"));
    assert!(has("scopes_supported", "offline_access"));
    assert!(has("token_endpoint_auth_methods_supported", "none"));
    assert!(has(
        "token_endpoint_auth_methods_supported",
        "private_key_jwt"
    ));
    assert!(has(
        "token_endpoint_auth_signing_alg_values_supported",
        "ES256"
    ));
    assert!(has("grant_types_supported", "refresh_token"));
    assert!(!has("response_types_supported", "token"));
}

// AS-02, AS-03
#[tokio::test]
async fn nothing_is_granted_without_pkce_or_by_another_response_type() {
    let op = op().await;
    let mut browser = op.browser();
    let good = request("tools:read", SERVER);
    for bad in [
        good.clone().without("code_challenge"),
        good.clone()
            .without("code_challenge")
            .without("code_challenge_method"),
        good.clone()
            .with("code_challenge_method", "plain")
            .with("code_challenge", VERIFIER),
        good.clone().without("code_challenge_method"),
    ] {
        assert_eq!(refused(&browser.send(bad.get()).await), "invalid_request");
    }
    let implicit = good.with("response_type", "token");
    assert_eq!(
        refused(&browser.send(implicit.get()).await),
        "unsupported_response_type"
    );
}

// AS-03, AS-05, AS-06
#[tokio::test]
async fn a_token_is_for_the_server_that_was_named_and_refresh_tokens_rotate() {
    let op = op().await;
    let mut browser = op.browser();
    // Scheme, host and one slash may be written otherwise.
    let asked = request("tools:read offline_access", "HTTPS://MCP.test/mcp/")
        .with("redirect_uri", "http://127.0.0.1:49152/callback");
    let code = browser.code("alice", &asked).await;
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", "http://127.0.0.1:49152/callback"),
        ("code_verifier", VERIFIER),
        ("client_id", CLIENT),
        ("resource", SERVER),
    ];
    let answer = browser.form("/token", &pairs).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let tokens = Tokens::of(&answer);
    let claims = assertion::payload(&tokens.access);
    assert_eq!(claims["aud"], SERVER);
    assert_eq!(claims["client_id"], CLIENT);
    assert_eq!(claims["scope"], "tools:read");
    let refresh = |token: &str| {
        let pairs = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", CLIENT),
            ("resource", SERVER),
        ];
        hallpass_testkit::Ask::form("/token", &pairs)
    };
    let next = Tokens::of(&browser.send(refresh(tokens.refresh())).await);
    assert_ne!(next.refresh(), tokens.refresh());
    assert_eq!(assertion::payload(&next.access)["aud"], SERVER);
    // A code is good once, and a second use ends what came of it.
    pairs.retain(|(name, _)| *name != "resource");
    assert_eq!(
        browser.form("/token", &pairs).await.error(),
        "invalid_grant"
    );
    assert_eq!(
        browser.send(refresh(next.refresh())).await.error(),
        "invalid_grant"
    );
}

// AS-06, AS-11
#[tokio::test]
async fn a_token_never_fits_a_server_that_did_not_ask() {
    let op = op().await;
    let mut browser = op.browser();
    for bad in [
        "https://mcp.test/mcp#x",
        "https://mcp.test/other",
        "mcp",
        "https://mcp.test",
    ] {
        let answer = browser.send(request("tools:read", bad).get()).await;
        assert_eq!(refused(&answer), "invalid_target", "{bad}");
    }
    let code = browser.code("alice", &request("tools:read", SERVER)).await;
    let answer = redeem(&mut browser, &code, OTHER).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "invalid_target")
    );
    let code = browser.code("alice", &request("tools:read", SERVER)).await;
    let tokens = Tokens::of(&redeem(&mut browser, &code, SERVER).await);
    assert_eq!(assertion::payload(&tokens.access)["aud"], SERVER);
    // Both may ask together; each token is still for one of them.
    let both = request("tools:read", SERVER).and("resource", OTHER);
    let code = browser.code("alice", &both).await;
    let tokens = Tokens::of(&redeem(&mut browser, &code, OTHER).await);
    assert_eq!(assertion::payload(&tokens.access)["aud"], OTHER);
}

// AS-10
#[tokio::test]
async fn who_needs_more_asks_for_what_it_had_and_more() {
    let op = op().await;
    let mut browser = op.browser();
    let code = browser.code("alice", &request("tools:read", SERVER)).await;
    let tokens = Tokens::of(&redeem(&mut browser, &code, SERVER).await);
    assert_eq!(
        tokens.scope.as_deref().unwrap_or("tools:read"),
        "tools:read"
    );
    let wider = request("tools:read tools:write", SERVER);
    let code = browser.code("alice", &wider).await;
    let tokens = Tokens::of(&redeem(&mut browser, &code, SERVER).await);
    assert_eq!(
        assertion::payload(&tokens.access)["scope"],
        "tools:read tools:write"
    );
}
