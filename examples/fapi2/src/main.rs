//! A provider that holds every client to the FAPI 2.0 Security Profile: requests are pushed, clients prove themselves by a
//! key, codes and tokens are bound to one. One line of policy; what does not come up to it is not offered.

use std::{error::Error, net::SocketAddr, sync::Arc};

use hallpass::accounts::{BuiltinAccounts, NewUser};
use hallpass::pages::{BuiltinPages, Pages};
use hallpass::policy::Profile;
use hallpass::ports::ClientSpec;
use hallpass::store::{MemoryStore, Store};
use hallpass::{Issuer, MasterKey, Provider, Secret, Site};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = std::env::var("PORT").unwrap_or("3000".into());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = format!("http://localhost:{}", listener.local_addr()?.port());
    let issuer = Issuer::parse(&address)?;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let people = Arc::new(BuiltinAccounts::in_store(Arc::clone(&store))?);
    let pages = BuiltinPages::new(issuer.clone(), Arc::new(Pages::new()?));
    // [profile]
    // The public half of the client's key (here that of RFC 7515 appendix A.3, which everybody has). In a real program the client
    // gives it, or the address where it is published.
    let key = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
    let bank = json!({
        "redirect_uris": ["https://bank.example.com/callback"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "dpop_bound_access_tokens": true,
        "jwks": {"keys": [key]},
    });
    let provider = Provider::builder(issuer)
        .store(store)
        .master_key(MasterKey::new([7; 32])) // In a real program 32 random bytes.
        .accounts(people.clone())
        .interaction(Arc::new(pages.clone()), "main")
        .await?
        .policy(|policy| policy.fapi_profile = Some(Profile::Fapi2Security))
        .client(ClientSpec::new("bank", bank))
        .build()
        .await?;
    // [/profile]
    let password = Some(Secret::new("wonderland-1865".into()));
    let claims = serde_json::Map::new();
    let alice = NewUser { username: "alice".into(), password, must_change: false, claims };
    people.create(provider.issuer_id(), alice).await?;
    println!("{address}");
    let site = Site::with_pages(provider, pages, people).into_router();
    Ok(axum::serve(listener, site.into_make_service_with_connect_info::<SocketAddr>()).await?)
}
