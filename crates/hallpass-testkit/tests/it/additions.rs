//! What an embedding program adds: clients, members of their metadata, parameters of requests, questions to people.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use hallpass_core::policy::{OwnMember, OwnParameter};
use hallpass_http::Endpoints;
use hallpass_provider::ports::{ClientSpec, Clients, OwnPrompts, PageKind, PromptAbout};
use hallpass_store::{BoxFuture, StoreError};
use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Setup, Tokens, flow, wire};
use hallpass_types::{ClientId, IssuerId, Secret};
use http::{HeaderMap, HeaderValue, header::COOKIE};
use serde_json::{Value, json};

const REDIRECT: &str = "https://own.test/cb";

fn request(client: &str, scope: &str) -> Request {
    Request::of("web", scope)
        .with("client_id", client)
        .with("redirect_uri", REDIRECT)
}

async fn redeemed(browser: &mut Browser, client: &str, code: &str) -> Answer {
    let pairs = [
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("redirect_uri", REDIRECT),
        ("code_verifier", flow::VERIFIER),
        ("code", code),
    ];
    browser.form("/token", &pairs).await
}

#[tokio::test]
async fn a_client_of_the_program_signs_people_in_and_is_in_no_store() {
    let op = Setup::default()
        .build(|builder| builder.client(ClientSpec::public("own", REDIRECT)))
        .start()
        .await;
    op.knows_client("own", &json!({"redirect_uris": [REDIRECT]}));
    let mut browser = op.browser();
    let code = browser.code("alice", &request("own", "openid")).await;
    let tokens = Tokens::of(&redeemed(&mut browser, "own", &code).await);
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "own"),
        ("refresh_token", "hpr_nonsense"),
    ];
    assert_eq!(browser.form("/token", &form).await.error(), "invalid_grant");
    assert_eq!(browser.userinfo(&tokens.access).await.status, 200);
    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    let id = ClientId::parse("own").unwrap();
    assert!(store.client(issuer, &id).await.unwrap().is_none());
    // Another redirect URI is none of its own.
    let foreign = request("own", "openid").with("redirect_uri", "https://own.test/cb2");
    assert_eq!(browser.send(foreign.get()).await.status, 400);
}

#[tokio::test]
async fn a_program_with_a_client_that_cannot_be_one_does_not_start() {
    for spec in [
        ClientSpec::new("own", json!({})),
        ClientSpec::new("own", json!("no object")),
        ClientSpec::new("", json!({"redirect_uris": [REDIRECT]})),
        ClientSpec::public("own", "http://own.test/cb"),
        // It authenticates by a secret and has none.
        ClientSpec::new("own", json!({"redirect_uris": [REDIRECT]})),
    ] {
        let issuer = hallpass_types::Issuer::parse("https://op.test").unwrap();
        let shown = format!("{spec:?}");
        let people: Arc<dyn hallpass_provider::ports::Accounts> = Arc::new(Nobody);
        let builder = hallpass_provider::Provider::builder(issuer)
            .store(Arc::new(hallpass_store::MemoryStore::new()))
            .master_key(hallpass_provider::secrets::MasterKey::new([7; 32]))
            .accounts(people)
            .interaction(Arc::new(|_: PageKind, _: &str| String::new()), "t")
            .await
            .unwrap();
        assert!(builder.client(spec).build().await.is_err(), "{shown}");
    }
}

struct Nobody;

impl hallpass_provider::ports::Accounts for Nobody {
    fn account<'a>(
        &'a self,
        _: IssuerId,
        _: &'a hallpass_types::Subject,
    ) -> BoxFuture<'a, Result<Option<hallpass_provider::ports::Account>, StoreError>> {
        Box::pin(async { Ok(None) })
    }
}

/// A table of another database.
#[derive(Default)]
struct Elsewhere(AtomicUsize);

impl Clients for Elsewhere {
    fn client<'a>(
        &'a self,
        _: IssuerId,
        id: &'a ClientId,
    ) -> BoxFuture<'a, Result<Option<ClientSpec>, StoreError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let spec = match id.as_str() {
            "machine9" => {
                let metadata = json!({"redirect_uris": [], "response_types": [],
                    "grant_types": ["client_credentials"], "scope": "api:read"});
                let spec = ClientSpec::new("machine9", metadata);
                Some(spec.secret(Secret::new("of-another-database-0123456789".to_owned())))
            }
            // Another one than was asked for.
            "impostor" => Some(ClientSpec::public("web", REDIRECT)),
            _ => None,
        };
        Box::pin(async { Ok(spec) })
    }
}

#[tokio::test]
async fn clients_of_another_database_are_asked_for_and_held_as_long_as_others() {
    let elsewhere = Arc::new(Elsewhere::default());
    let port = Arc::clone(&elsewhere);
    let op = Setup::default()
        .build(|builder| builder.clients(port))
        .start()
        .await;
    let mut browser = op.browser();
    let ask = |secret: &str| {
        let form = [("grant_type", "client_credentials"), ("scope", "api:read")];
        Ask::form("/token", &form).basic("machine9", secret)
    };
    let before = elsewhere.0.load(Ordering::Relaxed);
    for _ in 0..3 {
        let answer = browser.send(ask("of-another-database-0123456789")).await;
        Tokens::of(&answer);
    }
    assert_eq!(elsewhere.0.load(Ordering::Relaxed), before + 1);
    assert_eq!(browser.send(ask("another")).await.error(), "invalid_client");
    op.clock.advance(1);
    let answer = browser.send(ask("of-another-database-0123456789")).await;
    Tokens::of(&answer);
    assert_eq!(elsewhere.0.load(Ordering::Relaxed), before + 2);
    let impostor = browser.send(request("impostor", "openid").get()).await;
    assert!(impostor.header("location").is_none() && impostor.status >= 400);
    // Those of the store are there as before.
    assert!(
        browser
            .code("alice", &Request::of("web", "openid"))
            .await
            .len()
            > 20
    );
}

async fn register(browser: &mut Browser, member: &str, value: Value) -> Answer {
    let mut metadata = json!({"redirect_uris": ["https://new.test/cb"]});
    metadata[member] = value;
    browser.send(Ask::json("/register", &metadata)).await
}

#[tokio::test]
async fn members_that_a_program_adds_are_checked_and_kept_and_change_no_rule() {
    let op = Op::with(|policy| {
        policy.registration.open = true;
        let tier = |value: &Value| matches!(value.as_str(), Some("gold" | "silver"));
        policy.client_members = vec![
            OwnMember::new("org.example.tier", tier),
            // What only an operator may say stays so.
            OwnMember::new("skip_consent", |_| true),
            OwnMember::new("client_secret", |_| true),
        ];
    })
    .await;
    let mut browser = op.browser();
    let answer = register(&mut browser, "org.example.tier", json!("gold")).await;
    assert_eq!(
        (answer.status, &answer.json()["org.example.tier"]),
        (201, &json!("gold"))
    );
    let id = ClientId::parse(answer.json()["client_id"].as_str().unwrap()).unwrap();
    let client = op.provider.client(&id).await.unwrap().unwrap();
    assert_eq!(client.own["org.example.tier"], "gold");
    for wrong in [json!("tin"), json!(7), json!(["gold"]), json!({})] {
        let answer = register(&mut browser, "org.example.tier", wrong.clone()).await;
        assert_eq!(answer.error(), "invalid_client_metadata", "{wrong}");
    }
    let answer = register(&mut browser, "org.example.other", json!("gold")).await;
    assert_eq!(answer.json().get("org.example.other"), None);
    let answer = register(&mut browser, "skip_consent", json!(true)).await;
    let id = ClientId::parse(answer.json()["client_id"].as_str().unwrap()).unwrap();
    let client = op.provider.client(&id).await.unwrap().unwrap();
    assert!(!client.skip_consent && client.own.is_empty());
    let answer = register(&mut browser, "client_secret", json!("mine")).await;
    assert_ne!(answer.json()["client_secret"], "mine");
}

/// Endpoints for pages of one's own, and the headers of a browser.
fn seen_by(op: &Op, browser: &Browser) -> (Endpoints, HeaderMap) {
    let pairs = browser.cookies().iter().map(|(n, v)| format!("{n}={v}"));
    let cookies = pairs.collect::<Vec<_>>().join("; ");
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, HeaderValue::from_str(&cookies).unwrap());
    (Endpoints::new(op.provider.clone()), headers)
}

fn location(response: &hallpass_http::Response) -> &str {
    response.headers()["location"].to_str().unwrap()
}

async fn with_parameter() -> Op {
    Op::with(|policy| {
        let known = |value: &str| matches!(value, "acme" | "globex");
        policy.requests.own = vec![
            OwnParameter::new("tenant", known),
            OwnParameter::new("client_id", |_| false),
        ];
    })
    .await
}

#[tokio::test]
async fn a_parameter_that_a_program_adds_is_checked_and_shown_to_its_pages() {
    let op = with_parameter().await;
    let mut browser = op.browser();
    let with = |value: &str| Request::of("web", "openid").with("tenant", value);
    for pushed in [false, true] {
        let mut browser = op.browser();
        let asked = if pushed {
            let sent = with("acme");
            let pairs: Vec<_> = sent.0.iter().map(|(n, v)| (&**n, &**v)).collect();
            let answer = browser.call("web", "/par", &pairs).await.json();
            let uri = answer["request_uri"].as_str().unwrap().to_owned();
            Ask::query("/authorize", &[("client_id", "web"), ("request_uri", &uri)])
        } else {
            with("acme").get()
        };
        let answer = browser.send(asked).await;
        let handle = wire::param(answer.location(), "handle").unwrap();
        let (endpoints, headers) = seen_by(&op, &browser);
        let page = endpoints.page(&headers, &handle);
        let details = page.details(PageKind::Login).await.unwrap();
        assert_eq!(details.own_parameters["tenant"], "acme", "{pushed}");
    }
    let refused = [
        with("other"),
        with(&"a".repeat(2000)),
        with("acme").and("tenant", "acme"),
        with("acme").and("tenant", "globex"),
    ];
    for request in refused {
        let answer = browser.send(request.get()).await;
        let error = wire::param(answer.location(), "error");
        assert_eq!(error.as_deref(), Some("invalid_request"), "{request:?}");
    }
    // Who does not send it is asked for nothing.
    browser.code("alice", &Request::of("web", "openid")).await;
}

/// Terms that everybody reads in each request that names a tenant, and a question that only its answer in a database ends.
#[derive(Default)]
struct Terms(AtomicUsize);

impl OwnPrompts for Terms {
    fn open<'a>(
        &'a self,
        about: PromptAbout<'a>,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        let wanted = about.request.own.contains_key("tenant");
        let mut open = Vec::new();
        if wanted {
            open.push("terms".to_owned());
        }
        if wanted && self.0.load(Ordering::Relaxed) == 1 {
            open.push("phone".to_owned());
        }
        Box::pin(async { Ok(open) })
    }
}

#[tokio::test]
async fn a_question_of_the_program_is_asked_before_consent_and_cannot_be_skipped() {
    let terms = Arc::new(Terms::default());
    let port = Arc::clone(&terms);
    let op = Setup::default()
        .build(|builder| builder.own_prompts(port))
        .policy(|policy| policy.requests.own = vec![OwnParameter::new("tenant", |_| true)])
        .start()
        .await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let request = Request::of("web", "openid").with("tenant", "acme");
    let answer = browser.send(request.get()).await;
    let asked = answer.location().to_owned();
    assert!(asked.starts_with("https://op.test/?handle="), "{asked}");
    let handle = wire::param(&asked, "handle").unwrap();
    let (endpoints, headers) = seen_by(&op, &browser);
    let page = endpoints.page(&headers, &handle);
    let details = page.details(PageKind::Own).await.unwrap();
    assert_eq!(details.own_prompt.as_deref(), Some("terms"));
    // The consent page of the same request leads back to the question, and its form does not help.
    let consent = format!("/consent?handle={handle}");
    assert_eq!(browser.get(&consent).await.location(), asked_at(&handle));
    let allow = [("decision", "allow"), ("scope.openid", "yes")];
    let jumped = browser.form(&consent, &allow).await;
    assert!(jumped.location().starts_with("https://op.test/?handle="));
    // Another browser answers nothing, nor does a form of another site.
    let (_, strangers) = seen_by(&op, &op.browser());
    let stranger = endpoints.page(&strangers, &handle).answered().await;
    assert_eq!(stranger.status(), 403);
    let mut foreign = headers.clone();
    foreign.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    let foreign = endpoints.page(&foreign, &handle).answered().await;
    assert_eq!(foreign.status(), 403);
    // A second question comes after the first, and the answer to the one is none to the other.
    terms.0.store(1, Ordering::Relaxed);
    let next = page.answered().await;
    let handle = wire::param(location(&next), "handle").unwrap();
    let second = endpoints.page(&headers, &handle);
    let details = second.details(PageKind::Own).await.unwrap();
    assert_eq!(details.own_prompt.as_deref(), Some("phone"));
    let next = second.answered().await;
    assert!(location(&next).starts_with("https://op.test/consent?"));
    let target = location(&next).strip_prefix("https://op.test").unwrap();
    let answer = browser.form(target, &allow).await;
    assert!(wire::param(answer.location(), "code").is_some());
    // Where nothing may be asked it is an error, also when everything else is settled.
    let silent = request.clone().with("prompt", "none");
    let answer = browser.send(silent.get()).await;
    let error = wire::param(answer.location(), "error");
    assert_eq!(error.as_deref(), Some("interaction_required"));
    // The next request asks anew.
    let answer = browser.send(request.get()).await;
    assert!(answer.location().starts_with("https://op.test/?handle="));
}

fn asked_at(handle: &str) -> String {
    format!("https://op.test/?handle={handle}")
}

#[tokio::test]
async fn whoever_signs_in_after_a_question_was_shown_is_asked_it_again() {
    let op = Setup::default()
        .build(|builder| builder.own_prompts(Arc::new(Terms::default())))
        .policy(|policy| policy.requests.own = vec![OwnParameter::new("tenant", |_| true)])
        .start()
        .await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let request = Request::of("web", "openid").with("tenant", "acme");
    let answer = browser.send(request.get()).await;
    let handle = wire::param(answer.location(), "handle").unwrap();
    // Somebody else signs in within this browser, in another tab.
    let anew = Request::of("web", "openid").with("prompt", "login");
    browser.code("bob", &anew).await;
    let (endpoints, headers) = seen_by(&op, &browser);
    let next = endpoints.page(&headers, &handle).answered().await;
    let next = location(&next);
    assert!(next.starts_with("https://op.test/?handle="), "{next}");
}
