//! A program with users and pages of its own. Other programs sign their people in with it, beside all else that it does.

use std::{collections::HashMap, error::Error, sync::Arc};

use axum::{Form, Router, extract::Query, extract::State, http::HeaderMap, response::Html, routing::get};
use hallpass::endpoints::{Endpoints, Response};
use hallpass::interaction::ConsentDecision;
use hallpass::ports::{Account, Accounts, ClientSpec, PageKind};
use hallpass::store::{BoxFuture, MemoryStore, StoreError};
use hallpass::{Issuer, MasterKey, Provider, Site, Subject, types::IssuerId};

// [users]
struct Users; // A real program asks its database.

fn user_named(name: &str) -> Option<Account> {
    let subject = Subject::parse("user-1").ok().filter(|_| name == "alice")?;
    Some(Account::new(subject, name, serde_json::json!({"name": "Alice Liddell"})))
}

impl Accounts for Users {
    fn account<'a>(
        &'a self,
        _: IssuerId,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Option<Account>, StoreError>> {
        Box::pin(async { Ok(user_named("alice").filter(|user| user.subject == *subject)) })
    }
}
// [/users]

// [pages]
const SIGN_IN: &str = "<form method=post><input name=name><input name=password type=password><button>Go";
const CONSENT: &str = "<form method=post><button>Allow</button></form>";

#[derive(serde::Deserialize)]
struct Waiting {
    handle: String,
}
type Asked = (State<Endpoints>, HeaderMap, Query<Waiting>);

async fn sign_in((State(login), headers, Query(waiting)): Asked) -> Result<Html<&'static str>, Response> {
    login.page(&headers, &waiting.handle).details(PageKind::Login).await?;
    Ok(Html(SIGN_IN))
}

async fn signed_in(
    asked: Asked,
    form: Form<HashMap<String, String>>,
) -> Result<Response, Html<&'static str>> {
    let (State(login), headers, Query(waiting)) = asked;
    let field = |name| form.get(name).map_or("", String::as_str);
    let user = user_named(field("name")).filter(|_| field("password") == "wonderland-1865");
    let user = user.ok_or(Html("That was not right. <a href=>Again</a>"))?;
    Ok(login.page(&headers, &waiting.handle).signed_in(&user, &["pwd"]).await)
}

async fn consent((State(login), headers, Query(waiting)): Asked) -> Result<Html<String>, Response> {
    let asked = login.page(&headers, &waiting.handle).details(PageKind::Consent).await?;
    let scopes: Vec<_> = asked.scopes.iter().map(|scope| scope.name.as_str()).collect();
    Ok(Html(format!("{}: {}{CONSENT}", asked.client.redirect_host, scopes.join(", "))))
}

async fn consented((State(login), headers, Query(waiting)): Asked) -> Response {
    let all = ConsentDecision::Allow { only: None, claims: None };
    login.page(&headers, &waiting.handle).consented(all).await
}
// [/pages]

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = std::env::var("PORT").unwrap_or("3000".into());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = format!("http://localhost:{}", listener.local_addr()?.port());
    let issuer = Issuer::parse(&address)?;
    println!("{address}");
    // [mount]
    let pages = move |page, handle: &str| match page {
        PageKind::Consent => format!("{address}/my/consent?handle={handle}"),
        _ => format!("{address}/my/sign-in?handle={handle}"),
    };
    let provider = Provider::builder(issuer)
        .store(Arc::new(MemoryStore::new()))
        .master_key(MasterKey::new([7; 32])) // In a real program 32 random bytes.
        .accounts(Arc::new(Users))
        .interaction(Arc::new(pages), "main")
        .await?
        .client(ClientSpec::public("app", "http://127.0.0.1:7777/callback"))
        .build()
        .await?;
    let site = Site::new(provider);
    let app = Router::new()
        .route("/", get(|| async { "whatever the program does" }))
        .route("/my/sign-in", get(sign_in).post(signed_in))
        .route("/my/consent", get(consent).post(consented))
        .with_state(site.endpoints().clone())
        .fallback_service(site.into_router());
    // [/mount]
    Ok(axum::serve(listener, app).await?)
}
