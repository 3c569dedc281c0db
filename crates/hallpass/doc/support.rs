// What the snippets of the documentation stand on: a provider in memory with one person, and a way to ask it.

#[derive(Debug)]
struct Alice;

impl hallpass::ports::Accounts for Alice {
    fn account<'a>(
        &'a self,
        _: hallpass::types::IssuerId,
        subject: &'a hallpass::Subject,
    ) -> hallpass::store::BoxFuture<'a, Result<Option<hallpass::ports::Account>, hallpass::store::StoreError>> {
        let alice = hallpass::ports::Account::new(subject.clone(), "Alice", serde_json::json!({"name": "Alice"}));
        Box::pin(async move { Ok(Some(alice).filter(|alice| alice.subject.as_str() == "alice")) })
    }
}

/// A builder with everything that must be chosen.
async fn builder() -> hallpass::Builder {
    let issuer = hallpass::Issuer::parse("https://login.example.com").unwrap();
    let page = |page, handle: &str| format!("https://login.example.com/my/{page:?}?handle={handle}");
    hallpass::Provider::builder(issuer)
        .store(std::sync::Arc::new(hallpass::store::MemoryStore::new()))
        .master_key(hallpass::MasterKey::new([7; 32]))
        .accounts(std::sync::Arc::new(Alice))
        .interaction(std::sync::Arc::new(page), "main")
        .await
        .unwrap()
}

/// What the provider answers: its status, where it leads, and its text.
async fn ask(site: &hallpass::Site, method: &str, path: &str, form: &str) -> (u16, String, String) {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("host", "login.example.com")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", "Basic am9iOmEtc2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2gtMDEyMw==")
        .body(http_body_util::Full::new(bytes::Bytes::from(form.to_owned())))
        .unwrap();
    let request = if method == "GET" {
        let (mut head, body) = request.into_parts();
        head.headers.remove("authorization");
        http::Request::from_parts(head, body)
    } else {
        request
    };
    let (head, body) = site.handle(request).await.expect("a path of the issuer").into_parts();
    let bytes = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    let to = head.headers.get("location").map_or("", |to| to.to_str().unwrap()).to_owned();
    (head.status.as_u16(), to, String::from_utf8(bytes.to_vec()).unwrap())
}

/// A service that gets tokens for itself: `job`, with the secret that [`ask`] presents.
fn job() -> hallpass::ports::ClientSpec {
    let metadata = serde_json::json!({
        "redirect_uris": [], "response_types": [],
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "client_secret_basic",
    });
    let secret = hallpass::Secret::new("a-secret-that-is-long-enough-0123".into());
    hallpass::ports::ClientSpec::new("job", metadata).secret(secret)
}

/// Runs a snippet.
fn run<T>(snippet: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(snippet)
}
