//! People, clients and everything that is issued live in a file of a database that the program brings along: started again
//! at the same address, it knows them.

use std::{error::Error, net::SocketAddr, path::Path, sync::Arc};

use hallpass::{
    Issuer, MasterKey, Provider, Secret, Site,
    accounts::{BuiltinAccounts, NewUser},
    pages::{BuiltinPages, Pages},
    ports::ClientSpec,
    store::Store,
};
use own_store::OwnStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = std::env::var("PORT").unwrap_or("3000".into());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = format!("http://localhost:{}", listener.local_addr()?.port());
    // [provider]
    let file = std::env::args().nth(1).unwrap_or("hallpass.redb".into());
    let store: Arc<dyn Store> = Arc::new(OwnStore::open(Path::new(&file))?);
    // [/provider]
    let issuer = Issuer::parse(&address)?;
    let accounts = Arc::new(BuiltinAccounts::in_store(Arc::clone(&store))?);
    let pages = BuiltinPages::new(issuer.clone(), Arc::new(Pages::new()?));
    let provider = Provider::builder(issuer)
        .store(store)
        .master_key(MasterKey::new([7; 32])) // In a real program 32 random bytes that stay the same.
        .accounts(accounts.clone())
        .interaction(Arc::new(pages.clone()), "main")
        .await?
        .client(ClientSpec::public("app", "http://127.0.0.1:7777/callback"))
        .build()
        .await?;
    let alice = NewUser {
        username: "alice".into(),
        password: Some(Secret::new("wonderland-1865".into())),
        must_change: false,
        claims: serde_json::Map::new(),
    };
    // At the second start her name is taken.
    let new = accounts.create(provider.issuer_id(), alice).await.is_ok();
    println!("{address}");
    println!("{}", if new { "alice is new" } else { "alice is known" });
    let upkeep = hallpass::upkeep(provider.clone(), std::time::Duration::from_secs(90 * 86_400));
    tokio::spawn(upkeep);
    let site = Site::with_pages(provider, pages, accounts).into_router();
    axum::serve(listener, site.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
