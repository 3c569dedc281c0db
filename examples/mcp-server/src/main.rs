//! An MCP server with the authorization that its clients expect: they find the resource's metadata by the challenge, the
//! authorization server by the metadata, register themselves or are known by the URL of their document, and come back with a
//! token for this server alone, bound to a key of theirs if they have one. A tool that needs more says so when it is called.

use std::{error::Error, net::SocketAddr, sync::Arc};

use axum::extract::{Request as Asked, State};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::{Json, Router, body::Bytes, routing::get, routing::post};
use hallpass::accounts::{BuiltinAccounts, NewUser};
use hallpass::fetch::{Guard, Settings};
use hallpass::jose::JwsAlgorithm;
use hallpass::pages::{BuiltinPages, Pages};
use hallpass::policy::{Policy, Resource, ScopeSpec, TokenFormat};
use hallpass::ports::ClientSpec;
use hallpass::store::{MemoryStore, Store};
use hallpass::{Issuer, MasterKey, Provider, Secret, Site};
use hallpass_resource::{BoxFuture, Demand, Http, HttpError, Outgoing, Received, ResourceServer};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The way to the authorization server. Everything is on this machine here, so plain HTTP will do; a real program wraps the
/// client that it has, with TLS and without redirects.
struct Web(Client<HttpConnector, Full<Bytes>>);

impl Http for Web {
    fn send<'a>(&'a self, outgoing: Outgoing<'a>) -> BoxFuture<'a, Result<Received, HttpError>> {
        Box::pin(async move {
            let request = Request::get(outgoing.url).header("accept", outgoing.accept);
            let request = request.body(Full::default()).map_err(|_| HttpError)?;
            let answer = tokio::time::timeout(outgoing.timeout, self.0.request(request)).await;
            let answer = answer.map_err(|_| HttpError)?.map_err(|_| HttpError)?;
            if answer.status() != 200 {
                return Err(HttpError);
            }
            let body = Limited::new(answer.into_body(), outgoing.max_bytes).collect().await;
            Ok(Received { body: body.map_err(|_| HttpError)?.to_bytes().to_vec(), max_age: None })
        })
    }
}

// [mcp]
/// What a call demands. A client that lacks a scope is told which to ask for, with those that it has.
fn demand(call: &Value) -> Demand {
    match (call["method"].as_str(), call["params"]["name"].as_str()) {
        (Some("tools/call"), Some("remember")) => Demand::scope("greet remember"),
        _ => Demand::scope("greet"),
    }
}

/// The tools: one greets whoever the token stands for, the other remembers them.
async fn answer(
    State(server): State<ResourceServer>,
    asked: Asked,
) -> Result<Json<Value>, (StatusCode, HeaderMap)> {
    let (head, body) = asked.into_parts();
    let body = axum::body::to_bytes(body, 65_536).await.unwrap_or_default();
    let call: Value = serde_json::from_slice(&body).unwrap_or_default();
    let token = server.check(&head, &demand(&call)).await;
    let token = token.map_err(|rejected| (rejected.status, rejected.headers))?;
    let said = |text: String| json!({"content": [{"type": "text", "text": text}]});
    let result = match (call["method"].as_str(), call["params"]["name"].as_str()) {
        (Some("initialize"), _) => json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
            "serverInfo": {"name": "greeter", "version": "1.0.0"}}),
        (Some("tools/list"), _) => json!({"tools": [
            {"name": "greet", "inputSchema": {"type": "object"}},
            {"name": "remember", "inputSchema": {"type": "object"}}]}),
        (Some("tools/call"), Some("greet")) => said(format!("Hello, {}", token.subject)),
        (Some("tools/call"), Some("remember")) => said(format!("{} it is", token.subject)),
        _ => {
            let error = json!({"code": -32601, "message": "there is no such method"});
            return Ok(Json(json!({"jsonrpc": "2.0", "id": call["id"], "error": error})));
        }
    };
    Ok(Json(json!({"jsonrpc": "2.0", "id": call["id"], "result": result})))
}

fn mcp(issuer: &str, resource: &str) -> Fallible<Router> {
    let web = Client::builder(TokioExecutor::new()).build_http();
    let server = ResourceServer::builder(issuer, resource);
    let server = server.scope("greet").scope("remember").build(Arc::new(Web(web)))?;
    let (path, document) = (server.metadata_path(), server.metadata().to_string());
    let json = [("content-type", "application/json")];
    Ok(Router::new()
        .route("/mcp", post(answer))
        .route(&path, get(move || async move { (json, document) }))
        .with_state(server))
}
// [/mcp]

/// The provider that signs people in, as in the example minimal.
async fn provider(address: &str, change: impl FnOnce(&mut Policy)) -> Fallible<Site> {
    let issuer = Issuer::parse(address)?;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let people = Arc::new(BuiltinAccounts::in_store(Arc::clone(&store))?);
    let pages = BuiltinPages::new(issuer.clone(), Arc::new(Pages::new()?));
    let provider = Provider::builder(issuer)
        .store(store)
        .master_key(MasterKey::new([7; 32])) // In a real program 32 random bytes.
        .accounts(people.clone())
        .interaction(Arc::new(pages.clone()), "main")
        .await?
        .client(ClientSpec::public("app", "http://127.0.0.1:7777/callback"))
        // The way out, to the documents that describe clients: public addresses alone.
        .fetcher(Arc::new(Guard::new(Settings::default())?))
        .policy(change)
        .build()
        .await?;
    let password = Some(Secret::new("wonderland-1865".into()));
    let claims = serde_json::Map::new();
    let alice = NewUser { username: "alice".into(), password, must_change: false, claims };
    people.create(provider.issuer_id(), alice).await?;
    Ok(Site::with_pages(provider, pages, people))
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let port = std::env::var("PORT").unwrap_or("3000".into());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = format!("http://localhost:{}", listener.local_addr()?.port());
    println!("{address}");
    let resource = format!("{address}/mcp");
    // [policy]
    let site = provider(&address, |policy| {
        // Clients are described by the document at their identifier, or register themselves: whoever comes may.
        policy.client_documents.enabled = true;
        policy.registration.enabled = true;
        policy.registration.open = true;
        policy.scopes.extend([ScopeSpec::new("greet"), ScopeSpec::new("remember")]);
        policy.resources.push(Resource {
            identifier: resource.clone(),
            name: Some("Greeter".into()),
            scopes: vec!["greet".into(), "remember".into()],
            format: TokenFormat::Jwt(JwsAlgorithm::ES256),
            access_token_lifetime: None,
        });
    });
    // [/policy]
    let app = mcp(&address, &resource)?.fallback_service(site.await?.into_router());
    Ok(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?)
}
