//! Several issuers in one program: each has its own people, keys, sessions and clients; store and master key are shared.

use std::{error::Error, net::SocketAddr, sync::Arc};

use axum::{Router, routing::get};
use hallpass::accounts::{BuiltinAccounts, NewUser};
use hallpass::pages::{BuiltinPages, Pages};
use hallpass::ports::ClientSpec;
use hallpass::store::{MemoryStore, Store};
use hallpass::{Issuer, MasterKey, Provider, Secret, Site, Sites};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

// [issuer]
async fn issuer(
    store: &Arc<dyn Store>,
    people: &Arc<BuiltinAccounts>,
    name: &str,
    url: &str,
) -> Fallible<Site> {
    let issuer = Issuer::parse(url)?;
    let pages = BuiltinPages::new(issuer.clone(), Arc::new(Pages::new()?)).with_name(name);
    let provider = Provider::builder(issuer)
        .store(Arc::clone(store))
        .master_key(MasterKey::new([7; 32])) // In a real program 32 random bytes.
        .accounts(people.clone())
        // Under this name the store keeps what is the issuer's, whatever its address will be.
        .interaction(Arc::new(pages.clone()), name)
        .await?
        .client(ClientSpec::public("app", "http://127.0.0.1:7777/callback"))
        .build()
        .await?;
    Ok(Site::with_pages(provider, pages, people.clone()))
}
// [/issuer]

#[tokio::main]
async fn main() -> Fallible<()> {
    let port = std::env::var("PORT").unwrap_or("3000".into());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = format!("http://localhost:{}", listener.local_addr()?.port());
    println!("{address}");
    // [mount]
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let people = Arc::new(BuiltinAccounts::in_store(Arc::clone(&store))?);
    let red = issuer(&store, &people, "red", &format!("{address}/red")).await?;
    let blue = issuer(&store, &people, "blue", &format!("{address}/blue")).await?;
    // Alice is known to one of them.
    let password = Some(Secret::new("wonderland-1865".into()));
    let claims = serde_json::Map::new();
    let alice = NewUser { username: "alice".into(), password, must_change: false, claims };
    people.create(red.provider().issuer_id(), alice).await?;
    let app = Router::new()
        .route("/", get(|| async { "red or blue" }))
        .fallback_service(Sites::new(vec![red, blue]).into_router());
    // [/mount]
    Ok(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?)
}
