//! An API that takes access tokens, and only those that are bound to a key (DPoP). The provider runs in the same program, to
//! have something to try; the API knows nothing of it but its address.

use std::net::SocketAddr;

use hallpass::accounts::{BuiltinAccounts, NewUser};
use hallpass::jose::JwsAlgorithm;
use hallpass::pages::{BuiltinPages, Pages};
use hallpass::policy::{Policy, Resource, ScopeSpec, TokenFormat};
use hallpass::ports::ClientSpec;
use hallpass::store::{MemoryStore, Store};
use hallpass::{Issuer, MasterKey, Provider, Secret, Site};

// [imports]
use std::{error::Error, sync::Arc};

use axum::{Extension, Router, body::Bytes, http::Request, routing::get};
use hallpass_resource::AccessToken;
use hallpass_resource::{BoxFuture, Demand, Http, HttpError, Outgoing, Received, ResourceServer};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;
// [/imports]

// [web]
/// The way to the authorization server. Everything is on this machine here, so plain HTTP will do; a real program wraps the
/// client that it has, with TLS and without redirects.
struct Web(Client<HttpConnector, Full<Bytes>>);

impl Http for Web {
    fn send<'a>(&'a self, outgoing: Outgoing<'a>) -> BoxFuture<'a, Result<Received, HttpError>> {
        let exchange = async move {
            let mut request = Request::get(outgoing.url).header("accept", outgoing.accept);
            if outgoing.form.is_some() {
                let kind = "application/x-www-form-urlencoded";
                request = request.method("POST").header("content-type", kind);
            }
            if let Some(credentials) = outgoing.authorization {
                request = request.header("authorization", credentials);
            }
            let form = Full::from(outgoing.form.unwrap_or_default().to_owned());
            let request = request.body(form).map_err(|_| HttpError)?;
            let answer = self.0.request(request).await.map_err(|_| HttpError)?;
            if answer.status() != 200 {
                return Err(HttpError);
            }
            let cache = answer.headers().get("cache-control").and_then(|text| text.to_str().ok());
            let mut parts = cache.unwrap_or_default().split(',').map(str::trim);
            let max_age = parts.find_map(|part| part.strip_prefix("max-age=")?.parse().ok());
            let body = Limited::new(answer.into_body(), outgoing.max_bytes).collect().await;
            Ok(Received { body: body.map_err(|_| HttpError)?.to_bytes().to_vec(), max_age })
        };
        let limited = tokio::time::timeout(outgoing.timeout, exchange);
        Box::pin(async { limited.await.unwrap_or(Err(HttpError)) })
    }
}
// [/web]

// [api]
async fn orders(Extension(token): Extension<AccessToken>) -> String {
    format!("orders of {}", token.subject)
}

async fn refunds(Extension(token): Extension<AccessToken>) -> String {
    format!("money back for {}", token.subject)
}

fn api(issuer: &str, resource: &str) -> Fallible<Router> {
    let web = Client::builder(TokioExecutor::new()).build_http();
    let server = ResourceServer::builder(issuer, resource)
        .scope("orders:read")
        .bound_tokens_only()
        .build(Arc::new(Web(web)))?;
    let (path, document) = (server.metadata_path(), server.metadata().to_string());
    let json = [("content-type", "application/json")];
    let reading = Demand::scope("orders:read");
    // Whoever wants money back has signed in within the last five minutes.
    let fresh = reading.clone().max_age(300);
    let refunds = Router::new().route("/orders/refunds", get(refunds)).layer(server.layer(fresh));
    Ok(Router::new()
        .route("/orders", get(orders))
        .layer(server.layer(reading))
        .merge(refunds)
        .route(&path, get(move || async move { (json, document) })))
}
// [/api]

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
    let resource = format!("{address}/orders");
    let site = provider(&address, |policy| {
        policy.scopes.push(ScopeSpec::new("orders:read"));
        policy.resources.push(Resource {
            identifier: resource.clone(),
            name: Some("Orders".into()),
            scopes: vec!["orders:read".into()],
            format: TokenFormat::Jwt(JwsAlgorithm::ES256),
            access_token_lifetime: None,
        });
    });
    let app = api(&address, &resource)?.fallback_service(site.await?.into_router());
    Ok(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?)
}
