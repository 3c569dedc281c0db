//! A provider below a prefix of an actix-web program. actix speaks a version of the `http` types of its own; two short functions
//! are all that lies between.

use std::{error::Error, sync::Arc};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::Bytes;
use hallpass::accounts::{BuiltinAccounts, NewUser};
use hallpass::pages::{BuiltinPages, Pages};
use hallpass::ports::ClientSpec;
use hallpass::store::{MemoryStore, Store};
use hallpass::{ClientAddr, Issuer, MasterKey, Provider, Secret, Site};
use http_body_util::{BodyExt, Full};

// [mount]
/// What no route of the program has: the provider's, or nothing.
async fn provider(site: web::Data<Site>, asked: HttpRequest, body: web::Bytes) -> HttpResponse {
    let Ok(request) = request_of(&asked, body) else { return HttpResponse::BadRequest().finish() };
    match site.handle(request).await {
        Ok(response) => answer(response).await,
        Err(_) => HttpResponse::NotFound().body("no such page of this program"),
    }
}

fn request_of(asked: &HttpRequest, body: Bytes) -> http::Result<http::Request<Full<Bytes>>> {
    let mut request = http::Request::builder().method(asked.method().as_str()).uri(asked.uri().to_string());
    for (name, value) in asked.headers() {
        request = request.header(name.as_str(), value.as_bytes());
    }
    // Limits that count by address need it. Behind a proxy it is the proxy that tells it.
    if let Some(peer) = asked.peer_addr() {
        request = request.extension(ClientAddr(peer.ip()));
    }
    request.body(Full::new(body))
}

async fn answer(response: hallpass::endpoints::Response) -> HttpResponse {
    let (head, body) = response.into_parts();
    let status = actix_web::http::StatusCode::from_u16(head.status.as_u16());
    let mut answer = HttpResponse::build(status.unwrap_or_default());
    for (name, value) in &head.headers {
        answer.append_header((name.as_str(), value.as_bytes()));
    }
    match body.collect().await {
        Ok(body) => answer.body(body.to_bytes()),
        Err(never) => match never {},
    }
}
// [/mount]

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = std::env::var("PORT").unwrap_or("3000".into());
    let listener = std::net::TcpListener::bind(format!("127.0.0.1:{port}"))?;
    let address = format!("http://localhost:{}/login", listener.local_addr()?.port());
    let issuer = Issuer::parse(&address)?;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let people = Arc::new(BuiltinAccounts::in_store(Arc::clone(&store))?);
    let pages = BuiltinPages::new(issuer.clone(), Arc::new(Pages::new()?));
    let built = Provider::builder(issuer)
        .store(store)
        .master_key(MasterKey::new([7; 32])) // In a real program 32 random bytes.
        .accounts(people.clone())
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
    people.create(built.issuer_id(), alice).await?;
    println!("{address}");
    // [serve]
    let site = web::Data::new(Site::with_pages(built, pages, people));
    let program = move || {
        App::new()
            .app_data(site.clone())
            .route("/", web::get().to(|| async { "whatever the program does" }))
            .default_service(web::to(provider))
    };
    HttpServer::new(program).workers(2).listen(listener)?.run().await?;
    // [/serve]
    Ok(())
}
