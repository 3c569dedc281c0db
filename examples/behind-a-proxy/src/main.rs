//! A provider behind a proxy that ends TLS, served by hyper alone. The issuer is what the world sees; nothing of a request
//! changes it. From the proxy, and from nobody else, the address of the person is believed.

use std::{error::Error, net::IpAddr, sync::Arc};

use hallpass::accounts::BuiltinAccounts;
use hallpass::pages::{BuiltinPages, Pages};
use hallpass::ports::ClientSpec;
use hallpass::store::{MemoryStore, Store};
use hallpass::{ClientAddr, Issuer, MasterKey, Provider, Site};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tower_service::Service;

// [address]
/// Where the proxy is.
const PROXY: &str = "127.0.0.1";

/// The address of the person: the last one that the proxy wrote, when it is the proxy that connects.
fn from(peer: IpAddr, request: &Request<Incoming>) -> ClientAddr {
    let told = request.headers().get_all("x-forwarded-for").iter().next_back();
    let told = told.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    ClientAddr(told.filter(|_| peer.to_string() == PROXY).unwrap_or(peer))
}
// [/address]

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = std::env::var("PORT").unwrap_or("3000".into());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://127.0.0.1:{}", listener.local_addr()?.port());
    let issuer = Issuer::parse("https://login.example.com")?;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let people = Arc::new(BuiltinAccounts::in_store(Arc::clone(&store))?);
    let pages = BuiltinPages::new(issuer.clone(), Arc::new(Pages::new()?));
    let provider = Provider::builder(issuer)
        .store(store)
        .master_key(MasterKey::new([7; 32])) // In a real program 32 random bytes.
        .accounts(people.clone())
        .interaction(Arc::new(pages.clone()), "main")
        .await?
        .client(ClientSpec::public("app", "https://app.example.com/callback"))
        .build()
        .await?;
    let site = Site::with_pages(provider, pages, people);
    // [serve]
    loop {
        let (stream, peer) = listener.accept().await?;
        let site = site.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let person = from(peer.ip(), &request);
            request.extensions_mut().insert(person);
            site.clone().call(request)
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
    // [/serve]
}
