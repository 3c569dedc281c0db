//! The least that signs people in: state in memory, the built-in accounts and pages, one application.
//!
//! `cargo run -p minimal`, then open the address that it prints with an OpenID Connect client of your choice.

use std::{error::Error, net::SocketAddr, sync::Arc};

use hallpass::{
    Issuer, MasterKey, Provider, Secret, Site,
    accounts::{BuiltinAccounts, NewUser},
    pages::{BuiltinPages, Pages},
    ports::{ClientSpec, Entropy, SystemEntropy},
    store::{MemoryStore, Store},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = std::env::var("PORT").unwrap_or("3000".into());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let issuer = format!("http://localhost:{}", listener.local_addr()?.port());
    // [provider]
    let issuer = Issuer::parse(&issuer)?;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let accounts = Arc::new(BuiltinAccounts::in_store(Arc::clone(&store))?);
    let pages = BuiltinPages::new(issuer.clone(), Arc::new(Pages::new()?));
    let mut key = [0; 32]; // In a real program: 32 random bytes that stay the same.
    SystemEntropy.fill(&mut key);

    let provider = Provider::builder(issuer.clone())
        .store(store)
        .master_key(MasterKey::new(key))
        .accounts(accounts.clone())
        .interaction(Arc::new(pages.clone()), "main")
        .await?
        .client(ClientSpec::public("app", "http://127.0.0.1:7777/callback"))
        .client(ClientSpec::device("tv"))
        .policy(|policy| policy.device.enabled = true)
        .build()
        .await?;
    // [/provider]
    let alice = NewUser {
        username: "alice".into(),
        password: Some(Secret::new("wonderland-1865".into())),
        must_change: false,
        claims: serde_json::Map::new(),
    };
    accounts.create(provider.issuer_id(), alice).await?;
    // [serve]
    let site = Site::with_pages(provider, pages, accounts).into_router();
    println!("{}", issuer.as_str());
    axum::serve(listener, site.into_make_service_with_connect_info::<SocketAddr>()).await?;
    // [/serve]
    Ok(())
}
