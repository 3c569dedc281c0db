//! Clients that show certificates, and tokens that are bound to them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_jose::{JwsAlgorithm, SigningKey, base64url};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Prover, Request, Setup, Tokens, fixture::Seed, flow, op::CERTIFICATE,
};
use hallpass_types::sha256;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

/// A certificate that the fixture's server takes for shown in the handshake.
struct Shown(Vec<u8>);

impl Shown {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let made = CertificateParams::default().self_signed(&key).unwrap();
        Self(made.der().to_vec())
    }

    fn with(&self, ask: Ask) -> Ask {
        ask.header(CERTIFICATE, &STANDARD.encode(&self.0))
    }

    fn thumbprint(&self) -> String {
        base64url::encode(sha256(&self.0))
    }

    fn keys(&self) -> Value {
        let mut key = SigningKey::generate(JwsAlgorithm::ES256)
            .unwrap()
            .public_jwk()
            .to_public_value();
        key["x5c"] = json!([STANDARD.encode(&self.0)]);
        json!({"keys": [key]})
    }
}

fn seed(id: &'static str, metadata: Value) -> Seed {
    let mut all = json!({
        "redirect_uris": ["https://rp.test/cb"],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "tls_client_certificate_bound_access_tokens": true,
        "scope": "openid email offline_access",
    });
    all.as_object_mut()
        .unwrap()
        .extend(metadata.as_object().unwrap().clone());
    Seed {
        id,
        secret: None,
        disabled: false,
        metadata: all,
    }
}

async fn op(own: &Shown) -> Op {
    let by_certificate = seed(
        "cert",
        json!({"token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks": own.keys()}),
    );
    let public = seed(
        "public",
        json!({
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        }),
    );
    Setup::default()
        .policy(|policy| {
            policy.mtls.enabled = true;
            policy.mtls.base = Some("https://mtls.op.test".to_owned());
        })
        .client(by_certificate)
        .client(public)
        .start()
        .await
}

fn form(client: &str, pairs: &[(&str, &str)]) -> Ask {
    let mut all = vec![("client_id", client)];
    all.extend_from_slice(pairs);
    Ask::form("/token", &all)
}

async fn code(browser: &mut Browser, client: &str) -> String {
    let request = Request::of("web", "openid email offline_access").with("client_id", client);
    browser.code("alice", &request).await
}

fn redemption(client: &str, code: &str) -> Ask {
    form(
        client,
        &[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", "https://rp.test/cb"),
            ("code_verifier", flow::VERIFIER),
        ],
    )
}

fn refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!(
        (answer.status, &*answer.error()),
        (status, error),
        "{}",
        answer.text()
    );
}

// TK-51, TK-52, IN-06
#[tokio::test]
async fn a_registered_certificate_authenticates_and_binds_what_it_gets() {
    //= test RFC8705#3 a token that is bound to a certificate is of type Bearer
    //= test RFC8705#3.1 the confirmation is the SHA-256 of the DER encoding of the certificate
    //= test RFC8705#3.2 introspection of a bound token tells its certificate
    let (own, other) = (Shown::new(), Shown::new());
    let op = op(&own).await;
    let mut browser = op.browser();
    let code = code(&mut browser, "cert").await;
    let ask = redemption("cert", &code);
    refused(&browser.send(ask.clone()).await, 401, "invalid_client");
    refused(
        &browser.send(other.with(ask.clone())).await,
        401,
        "invalid_client",
    );
    let secret = own.with(ask.clone()).basic("cert", "x");
    refused(&browser.send(secret).await, 401, "invalid_client");
    let tokens = Tokens::of(&browser.send(own.with(ask)).await);

    let used = Ask::get("/userinfo").bearer(&tokens.access);
    let answer = browser.send(own.with(used.clone())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    refused(&browser.send(used.clone()).await, 401, "invalid_token");
    refused(
        &browser.send(other.with(used.clone())).await,
        401,
        "invalid_token",
    );
    let proof = Prover::default().userinfo(&tokens.access, op.clock.seconds());
    let mixed = Ask::get("/userinfo")
        .header("Authorization", &format!("DPoP {}", tokens.access))
        .header("DPoP", &proof);
    refused(&browser.send(own.with(mixed)).await, 401, "invalid_token");

    let told = Ask::form(
        "/introspect",
        &[("client_id", "cert"), ("token", &tokens.access)],
    );
    let told = browser.send(own.with(told)).await.json();
    assert_eq!(told["cnf"], json!({"x5t#S256": own.thumbprint()}));
    assert_eq!(told["token_type"], "Bearer");

    // One binding for a token: a proof beside the certificate is refused.
    let proof = Prover::default().post("/token", op.clock.seconds());
    let both = form("cert", &[("grant_type", "client_credentials")]).header("DPoP", &proof);
    refused(&browser.send(own.with(both)).await, 400, "invalid_request");
}

// TK-52
#[tokio::test]
async fn a_public_clients_refresh_token_is_bound_to_its_certificate() {
    //= test RFC8705#4 refresh tokens of public clients are bound to the certificate
    let (own, other) = (Shown::new(), Shown::new());
    let op = op(&own).await;
    let mut browser = op.browser();
    let code = code(&mut browser, "public").await;
    let ask = redemption("public", &code);
    // Without a certificate there is nothing to bind to.
    refused(&browser.send(ask.clone()).await, 400, "invalid_request");
    let tokens = Tokens::of(&browser.send(own.with(ask)).await);
    let refresh = form(
        "public",
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.refresh()),
        ],
    );
    refused(
        &browser.send(other.with(refresh.clone())).await,
        400,
        "invalid_grant",
    );
    let next = Tokens::of(&browser.send(own.with(refresh)).await);
    assert_eq!(next.refresh(), tokens.refresh());
}

// JW-08
#[tokio::test]
async fn what_is_advertised_follows_from_what_is_set_up() {
    //= test RFC8705#3.3 that tokens can be bound to certificates is told
    //= test RFC8705#5 clients that use mutual TLS prefer the endpoints of mtls_endpoint_aliases
    let own = Shown::new();
    let op = op(&own).await;
    let mut browser = op.browser();
    let metadata = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(metadata["tls_client_certificate_bound_access_tokens"], true);
    let methods = metadata["token_endpoint_auth_methods_supported"].to_string();
    assert!(methods.contains("self_signed_tls_client_auth"), "{methods}");
    // Nobody vouches for anybody.
    assert!(!methods.contains("\"tls_client_auth\""), "{methods}");
    let aliases = metadata["mtls_endpoint_aliases"].as_object().unwrap();
    for (name, url) in aliases {
        let path = url.as_str().unwrap().strip_prefix("https://mtls.op.test");
        let own = metadata[name]
            .as_str()
            .unwrap()
            .strip_prefix("https://op.test");
        assert_eq!(path, own, "{name}");
    }
    for name in [
        "token_endpoint",
        "userinfo_endpoint",
        "introspection_endpoint",
    ] {
        assert!(aliases.contains_key(name), "{name}");
    }
    assert!(!aliases.contains_key("authorization_endpoint"));
    // A proof may name either URL.
    let prover = Prover::default();
    let mut claims = Prover::claims("POST", "/token", op.clock.seconds());
    claims["htu"] = json!("https://mtls.op.test/token");
    let proof = prover.sign(&prover.header(), &claims);
    let ask = browser.ask_as("machine", "/token", &[("grant_type", "client_credentials")]);
    Tokens::of_type(&browser.send(ask.header("DPoP", &proof)).await, "DPoP");

    let plain = Op::start().await;
    let metadata = plain
        .browser()
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(
        metadata.get("tls_client_certificate_bound_access_tokens"),
        None
    );
    assert_eq!(metadata.get("mtls_endpoint_aliases"), None);
    let methods = metadata["token_endpoint_auth_methods_supported"].to_string();
    assert!(!methods.contains("tls_client_auth"), "{methods}");
}
