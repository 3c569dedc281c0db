//! An axum program whose API takes the tokens of a provider.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use axum::{Extension, Router, body::Body, routing::get};
use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey};
use hallpass_resource::{
    AccessToken, BoxFuture, Clock, Demand, Http, HttpError, Outgoing, PeerCertificate, Received,
    ResourceServer,
};
use hallpass_testkit::{Answer, Ask, Op, Prover, fixture, wire};
use hallpass_types::Timestamp;
use http::{Request, Response, header::WWW_AUTHENTICATE};
use serde_json::{Value, json};
use tower::ServiceExt as _;

mod fixed;

/// Goes to the provider of the fixture, whatever host the URL names.
struct ToProvider {
    op: Arc<Op>,
    asked: Mutex<Vec<String>>,
}

impl Http for ToProvider {
    fn send<'a>(&'a self, request: Outgoing<'a>) -> BoxFuture<'a, Result<Received, HttpError>> {
        Box::pin(async move {
            let path = request.url.strip_prefix(fixture::ISSUER).ok_or(HttpError)?;
            self.asked.lock().unwrap().push(path.to_owned());
            let ask = match request.form {
                Some(form) => Ask::post(path, "application/x-www-form-urlencoded", form),
                None => Ask::get(path),
            };
            let ask = match request.authorization {
                Some(value) => ask.header("Authorization", value),
                None => ask,
            };
            let bytes = wire::exchange(self.op.address(), &ask.to_bytes()).await;
            let answer = Answer::parse(&bytes);
            if answer.status != 200 {
                return Err(HttpError);
            }
            Ok(Received {
                body: answer.body,
                max_age: Some(300),
            })
        })
    }
}

/// The clock of the fixture.
struct OfFixture(Arc<Op>);

impl Clock for OfFixture {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.clock.seconds())
    }
}

struct Api {
    op: Arc<Op>,
    http: Arc<ToProvider>,
    app: Router,
}

async fn api(resource: &str) -> Api {
    let op = Arc::new(Op::start().await);
    let http = Arc::new(ToProvider {
        op: op.clone(),
        asked: Mutex::default(),
    });
    let server = ResourceServer::builder(fixture::ISSUER, resource)
        .scope("api:read")
        .scope("api:write")
        .introspect_as("rs2", fixture::secret("rs2"))
        .metadata_member("resource_name", "Orders")
        .clock(Arc::new(OfFixture(op.clone())))
        .build(http.clone())
        .unwrap();
    Api {
        op,
        http,
        app: router(&server),
    }
}

fn router(server: &ResourceServer) -> Router {
    let document = server.metadata();
    let who = |Extension(token): Extension<AccessToken>| async move {
        format!("{} {}", token.client_id, token.scope)
    };
    Router::new()
        .route("/write", get(who))
        .layer(server.layer(Demand::scope("api:write")))
        .merge(
            Router::new()
                .route("/orders", get(who).post(who))
                .layer(server.layer(Demand::scope("api:read"))),
        )
        .route(
            &server.metadata_path(),
            get(move || async move { Body::from(document.to_string()) }),
        )
}

impl Api {
    async fn token(&self, client: &str, resource: &str, prover: Option<&Prover>) -> String {
        let browser = self.op.browser();
        let pairs = [
            ("grant_type", "client_credentials"),
            ("scope", "api:read"),
            ("resource", resource),
        ];
        let mut ask = browser.ask_as(client, "/token", &pairs);
        if let Some(prover) = prover {
            let proof = prover.post("/token", self.op.clock.seconds());
            ask = ask.header("DPoP", &proof);
        }
        let mut browser = browser;
        let answer = browser.send(ask).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        self.send("GET", path, headers).await
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        self.app.clone().oneshot(request).await.unwrap()
    }

    async fn bearer(&self, path: &str, token: &str) -> Response<Body> {
        let value = format!("Bearer {token}");
        self.get(path, &[("authorization", &value)]).await
    }

    fn proof(&self, prover: &Prover, token: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = Prover::claims("GET", "", self.op.clock.seconds());
        claims["htu"] = json!("https://api1.test/orders");
        claims["ath"] = Prover::ath(token).into();
        change(&mut claims);
        prover.sign(&prover.header(), &claims)
    }

    async fn with_proof(&self, token: &str, proof: &str) -> Response<Body> {
        let value = format!("DPoP {token}");
        let headers = [("authorization", value.as_str()), ("dpop", proof)];
        self.get("/orders?page=2", &headers).await
    }
}

async fn text(response: Response<Body>) -> String {
    let body = axum::body::to_bytes(response.into_body(), 100_000)
        .await
        .unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[track_caller]
fn assert_refused(response: &Response<Body>, status: u16, error: &str) {
    assert_eq!(response.status(), status);
    let lines = response.headers().get_all(WWW_AUTHENTICATE).iter();
    let lines: Vec<&str> = lines.map(|line| line.to_str().unwrap()).collect();
    let expected = format!("error=\"{error}\"");
    assert!(
        lines.iter().all(|line| line.contains(&expected)),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .all(|line| line.contains("resource_metadata=\"https://")),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 2);
}

#[tokio::test]
async fn a_jwt_is_verified_with_published_keys_that_are_fetched_once() {
    let api = api(fixture::API1).await;
    let token = api.token("machine", fixture::API1, None).await;
    for _ in 0..3 {
        let response = api.bearer("/orders", &token).await;
        assert_eq!(response.status(), 200);
        assert_eq!(text(response).await, "machine api:read");
    }
    assert_eq!(
        *api.http.asked.lock().unwrap(),
        ["/.well-known/oauth-authorization-server", "/jwks"]
    );
    assert_refused(
        &api.bearer("/write", &token).await,
        403,
        "insufficient_scope",
    );
    let line = api.bearer("/write", &token).await;
    let line = line.headers()[WWW_AUTHENTICATE]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(line.contains("scope=\"api:read api:write\""), "{line}");
    api.op.clock.advance(600);
    assert_refused(&api.bearer("/orders", &token).await, 401, "invalid_token");
}

#[tokio::test]
async fn without_a_good_token_the_client_learns_where_to_get_one() {
    //= test RFC6750#2.1 a token is of the form b64token
    //= test RFC9449#4.3 there is no more than one proof
    //= test RFC9728#2 resource is the resource's identifier
    let api = api(fixture::API1).await;
    let response = api.get("/orders", &[]).await;
    assert_eq!(response.status(), 401);
    let line = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    assert_eq!(
        line,
        "Bearer scope=\"api:read api:write\", \
         resource_metadata=\"https://api1.test/.well-known/oauth-protected-resource\""
    );
    let document = text(api.get("/.well-known/oauth-protected-resource", &[]).await).await;
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["resource"], fixture::API1);
    assert_eq!(document["authorization_servers"], json!([fixture::ISSUER]));
    assert_eq!(
        document["scopes_supported"],
        json!(["api:read", "api:write"])
    );
    assert_eq!(document["bearer_methods_supported"], json!(["header"]));
    assert_eq!(document["resource_name"], "Orders");
    let token = api.token("machine", fixture::API1, None).await;
    let value = format!("Bearer {token}");
    for headers in [
        &[("authorization", "Bearer")][..],
        &[("authorization", "Bearer ")],
        &[("authorization", "Bearer a b")],
        &[("authorization", "Bearer \"x\"")],
        &[("authorization", &value), ("authorization", &value)],
    ] {
        assert_refused(&api.get("/orders", headers).await, 400, "invalid_request");
    }
    let two = [
        ("authorization", value.as_str()),
        ("dpop", "x"),
        ("dpop", "x"),
    ];
    assert_refused(&api.get("/orders", &two).await, 401, "invalid_dpop_proof");
    let path = format!("/orders?access_token={token}");
    assert_eq!(
        api.get(&path, &[]).await.status(),
        401,
        "a query is no place for a token"
    );
    assert_eq!(
        api.get("/orders", &[("authorization", "Basic eDp4")])
            .await
            .status(),
        401
    );
}

#[tokio::test]
async fn a_token_for_somebody_else_or_by_nobody_is_refused() {
    let api = api(fixture::API1).await;
    let good = api.token("machine", fixture::API1, None).await;
    let mut parts: Vec<&str> = good.split('.').collect();
    let last = parts.pop().unwrap().to_owned();
    let flipped = format!(
        "{}.{}",
        parts.join("."),
        last.chars().rev().collect::<String>()
    );
    let none = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    for token in [&flipped, &none, &format!("{good}x"), "x", "x.y.z"] {
        assert_refused(&api.bearer("/orders", token).await, 401, "invalid_token");
    }
    // An ID token is signed with the same keys.
    let mut browser = api.op.browser();
    let tokens = browser.code_flow("web", "openid api:read").await;
    assert_refused(
        &api.bearer("/orders", &tokens.id.unwrap()).await,
        401,
        "invalid_token",
    );
    // A sealed one is for the provider itself.
    assert_refused(
        &api.bearer("/orders", &tokens.access).await,
        401,
        "invalid_token",
    );
}

#[tokio::test]
async fn other_tokens_are_asked_about_and_the_answer_is_held_for_a_moment() {
    let api = api(fixture::API2).await;
    let mut browser = api.op.browser();
    let request =
        hallpass_testkit::Request::of("web", "openid api:read").with("resource", fixture::API2);
    let tokens = browser.flow_of("alice", "web", &request).await;
    for _ in 0..3 {
        let response = api.bearer("/orders", &tokens.access).await;
        assert_eq!(response.status(), 200);
    }
    let asked = api.http.asked.lock().unwrap().clone();
    assert_eq!(
        asked.iter().filter(|path| *path == "/introspect").count(),
        1,
        "{asked:?}"
    );
    browser
        .call("web", "/revoke", &[("token", &tokens.access)])
        .await;
    assert_eq!(
        api.bearer("/orders", &tokens.access).await.status(),
        200,
        "held"
    );
    api.op.clock.advance(10);
    assert_refused(
        &api.bearer("/orders", &tokens.access).await,
        401,
        "invalid_token",
    );
    // A JWT for the neighbour.
    let other = api.token("machine", fixture::API1, None).await;
    assert_refused(&api.bearer("/orders", &other).await, 401, "invalid_token");
}

//= test RFC9449#7.2 a token that is bound to a key is not taken as a bearer token
//= test RFC9449#7.1 the scheme DPoP is for tokens that are bound to a key
//= test RFC9449#7.1 ath is the hash of the access token
//= test RFC9449#11.1 a proof is taken once
#[tokio::test]
async fn a_token_that_is_bound_to_a_key_needs_a_fresh_proof() {
    //= test RFC9449#6.1 a bound JWT says its key in cnf
    //= test RFC9449#4.3 method and URL are those of the request
    //= test RFC9449#4.3 the proof is signed with the key in its header
    //= test RFC9449#4.3 the proof was made a short while ago
    //= test RFC7519#4.1.4 a proof that says when it is over is not taken afterwards
    let api = api(fixture::API1).await;
    let (prover, other) = (Prover::default(), Prover::default());
    let token = api.token("machine", fixture::API1, Some(&prover)).await;
    let proof = api.proof(&prover, &token, |_| ());
    assert_eq!(api.with_proof(&token, &proof).await.status(), 200);
    assert_refused(
        &api.with_proof(&token, &proof).await,
        401,
        "invalid_dpop_proof",
    );
    assert_refused(&api.bearer("/orders", &token).await, 401, "invalid_token");
    let value = format!("DPoP {token}");
    let without = api.get("/orders", &[("authorization", &value)]).await;
    assert_refused(&without, 401, "invalid_dpop_proof");
    let stranger = api.proof(&other, &token, |_| ());
    assert_refused(
        &api.with_proof(&token, &stranger).await,
        401,
        "invalid_token",
    );
    let now = api.op.clock.seconds();
    for (what, name, value) in [
        ("method", "htm", json!("POST")),
        ("url", "htu", json!("https://api1.test/other")),
        ("host", "htu", json!("https://evil.test/orders")),
        ("old", "iat", json!(now - 60)),
        ("early", "iat", json!(now + 61)),
        ("over", "exp", json!(now - 10)),
        ("not yet", "nbf", json!(now + 11)),
        ("token", "ath", json!(Prover::ath("other"))),
        ("no token", "ath", json!(null)),
        ("no name", "jti", json!("")),
        ("long name", "jti", json!("x".repeat(300))),
    ] {
        let proof = api.proof(&prover, &token, |claims| claims[name] = value);
        let response = api.with_proof(&token, &proof).await;
        assert_eq!(response.status(), 401, "{what}");
        assert_refused(&response, 401, "invalid_dpop_proof");
    }
    let same = api.proof(&prover, &token, |claims| {
        claims["htu"] = json!("HTTPS://API1.test:443/orders?x#y");
    });
    assert_eq!(api.with_proof(&token, &same).await.status(), 200);
    for (name, value) in [("exp", json!(now)), ("nbf", json!(now + 10))] {
        let proof = api.proof(&prover, &token, |claims| claims[name] = value);
        assert_eq!(api.with_proof(&token, &proof).await.status(), 200, "{name}");
    }
    // A proof makes no bound token out of another.
    let free = api.token("machine", fixture::API1, None).await;
    let proof = api.proof(&prover, &free, |_| ());
    assert_refused(&api.with_proof(&free, &proof).await, 401, "invalid_token");
}

#[tokio::test]
async fn a_further_audience_is_taken_and_the_issuers_own_only_when_it_is_named() {
    let api = api(fixture::API1).await;
    let server = |audience: Option<&str>| {
        let builder = ResourceServer::builder(fixture::ISSUER, "https://accounts.test")
            .introspect_as("web", fixture::secret("web"))
            .hold_answers(0, 0)
            .clock(Arc::new(OfFixture(api.op.clone())));
        let builder = match audience {
            Some(name) => builder.audience(name),
            None => builder,
        };
        builder.build(api.http.clone()).unwrap()
    };
    let own = api.op.browser().code_flow("web", "openid").await.access;
    let jwt = api.token("machine", fixture::API1, None).await;
    for (audience, sealed, signed) in [
        (None, 401, 401),
        (Some("https://other.test"), 401, 401),
        (Some(fixture::API1), 401, 200),
        (Some(fixture::ISSUER), 200, 401),
    ] {
        let server = server(audience);
        let uses = [
            status(&server, &own, None).await,
            status(&server, &jwt, None).await,
        ];
        assert_eq!(uses, [sealed, signed], "{audience:?}");
    }
}

// TK-12
#[tokio::test]
async fn a_refresh_token_that_is_active_is_no_access_token() {
    let api = api(fixture::API1).await;
    let server = ResourceServer::builder(fixture::ISSUER, "https://accounts.test")
        .introspect_as("web", fixture::secret("web"))
        .audience(fixture::ISSUER)
        .hold_answers(0, 0)
        .clock(Arc::new(OfFixture(api.op.clone())))
        .build(api.http.clone())
        .unwrap();
    let mut browser = api.op.browser();
    let request =
        hallpass_testkit::Request::of("web", "openid offline_access").with("prompt", "consent");
    let tokens = browser.flow_of("alice", "web", &request).await;
    let known = [("token", tokens.refresh())];
    let known = browser.call("web", "/introspect", &known).await;
    assert_eq!(known.json()["active"], true, "{}", known.text());
    assert_eq!(status(&server, tokens.refresh(), None).await, 401);
    assert_eq!(status(&server, &tokens.access, None).await, 200);
}

async fn status(server: &ResourceServer, token: &str, certificate: Option<[u8; 32]>) -> u16 {
    let mut request = Request::get("/mcp").header("authorization", format!("Bearer {token}"));
    if let Some(digest) = certificate {
        request = request.extension(PeerCertificate(digest));
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    match server.check(&parts, &Demand::nothing()).await {
        Ok(_) => 200,
        Err(rejected) => rejected.status.as_u16(),
    }
}
