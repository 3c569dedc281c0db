//! The server, the people and clients that it knows, and a browser.

mod browser;
mod html;
mod store;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use hallpass_accounts::{
    BuiltinAccounts, NewUser, Surroundings,
    hash::{Cost, HashPool, Options},
};
use hallpass_core::client::{ClientOrigin, ClientRecord, metadata::normalize};
use hallpass_http::{ClientAddr, Endpoints};
use hallpass_pages::{BuiltinPages, DemoClient, PageRoutes, Pages};
use hallpass_provider::{
    Provider,
    ports::{Clock, Event, Events, PasswordSignIn, SystemEntropy},
    secrets::MasterKey,
};
use hallpass_store::{Commit, Store, Write};
use hallpass_types::{ClientId, Issuer, Secret, Timestamp};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

pub(crate) use browser::{Browser, Response};
pub(crate) use html::Form;
use store::Counting;

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
pub(crate) const CALLBACK: &str = "https://rp.test/cb";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

impl TestClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// Remembers how sign-ins ended.
#[derive(Debug, Default)]
struct SignIns(Mutex<Vec<&'static str>>);

impl Events for SignIns {
    fn on(&self, event: &Event<'_>) {
        if let Event::SignIn { outcome, .. } = event {
            self.0.lock().unwrap().push(outcome);
        }
    }
}

/// How a server differs from the usual one.
#[derive(Default)]
pub(crate) struct Setup {
    /// Path of the issuer.
    pub(crate) path: &'static str,
    pub(crate) sign_in: Option<Arc<dyn PasswordSignIn>>,
    pub(crate) demo: bool,
}

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) issuer: Issuer,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) accounts: Arc<BuiltinAccounts>,
    pub(crate) provider: Provider,
    sign_ins: Arc<SignIns>,
    store: Arc<Counting>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let issuer = Issuer::parse(&format!("http://{address}{}", setup.path)).unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(1_800_000_000)));
        let store = Arc::new(Counting::default());
        let sign_ins = Arc::new(SignIns::default());
        let pool = HashPool::start(Options {
            cost: Cost {
                memory_kib: 8,
                iterations: 1,
                lanes: 1,
            },
            queue: Some(1000),
            ..Options::default()
        });
        let around = Surroundings {
            store: store.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
        };
        let accounts = BuiltinAccounts::new(around, Arc::new(pool.unwrap()));
        let accounts = Arc::new(accounts.with_refusal(std::time::Duration::ZERO));
        let pages = BuiltinPages::new(issuer.clone(), Arc::new(Pages::new().unwrap()));
        let provider = Provider::builder(issuer.clone())
            .store(store.clone())
            .master_key(MasterKey::new([7; 32]))
            .accounts(accounts.clone())
            .interaction(Arc::new(pages.clone()), "test")
            .await
            .unwrap()
            .clock(clock.clone())
            .events(sign_ins.clone())
            .build()
            .await
            .unwrap();
        let endpoints = Endpoints::new(provider.clone()).with_pages(Arc::new(pages.clone()));
        let sign_in = setup.sign_in.unwrap_or_else(|| accounts.clone());
        let mut routes = PageRoutes::new(endpoints.clone(), pages, sign_in);
        if setup.demo {
            routes = routes.with_demo(DemoClient {
                client_id: "demo".to_owned(),
                scope: "openid profile".to_owned(),
            });
        }
        drop(tokio::spawn(serve(listener, endpoints, routes)));
        let world = Self {
            address,
            issuer,
            clock,
            accounts,
            provider,
            sign_ins,
            store,
        };
        world.people().await;
        world.clients().await;
        world
    }

    async fn people(&self) {
        for username in ["alice", "bob", "carol"] {
            let claims = json!({"email": format!("{username}@people.test"), "name": username});
            let new = NewUser {
                username: username.to_owned(),
                password: Some(Secret::new(PASSWORD.to_owned())),
                must_change: false,
                claims: object(&claims),
            };
            let user = self.accounts.create(self.provider.issuer_id(), new).await;
            if username == "carol" {
                let subject = user.unwrap().subject;
                let disabled =
                    self.accounts
                        .set_disabled(self.provider.issuer_id(), &subject, true);
                disabled.await.unwrap();
            }
        }
    }

    async fn clients(&self) {
        let web = json!({
            "client_name": "Web <b>App</b>",
            "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": ["https://rp.test/bye"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "client_secret_post",
            "policy_uri": "https://rp.test/policy",
        });
        self.client("web", web, ClientOrigin::Configuration).await;
        let trusted = json!({
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "client_secret_post",
            "skip_consent": true,
        });
        self.client("trusted", trusted, ClientOrigin::Configuration)
            .await;
        let stranger = json!({
            "client_name": "Your Bank",
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "client_secret_post",
        });
        self.client("stranger", stranger, ClientOrigin::Registration)
            .await;
    }

    async fn client(&self, id: &str, metadata: Value, origin: ClientOrigin) {
        let metadata = normalize(&object(&metadata), origin, self.provider.policy()).unwrap();
        let now = self.clock.now();
        let record = ClientRecord {
            client_id: ClientId::parse(id).unwrap(),
            metadata,
            secret: Some(self.provider.secrets().client_digest(SECRET)),
            secret_sealed: None,
            secret_expires_at: None,
            vouched: false,
            decided: Map::new(),
            registration_token: None,
            policies: Vec::new(),
            origin,
            disabled: false,
            created_at: now,
            updated_at: now,
        };
        let commit = Commit {
            spends: Vec::new(),
            writes: vec![Write::Client(Box::new(record))],
        };
        self.store
            .commit(self.provider.issuer_id(), commit)
            .await
            .unwrap();
    }

    /// How often something was written.
    pub(crate) fn commits(&self) -> usize {
        self.store.commits()
    }

    pub(crate) fn clock_now(&self) -> i64 {
        self.clock.now().0
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser::new(self)
    }

    /// How the sign-ins since the last call ended.
    pub(crate) fn sign_ins(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.sign_ins.0.lock().unwrap())
    }

    /// The path and query of an authorization request of the client "web", with some parameters added or replaced.
    pub(crate) fn request(&self, changes: &[(&str, &str)]) -> String {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let challenge = URL_SAFE_NO_PAD.encode(hallpass_types::sha256(VERIFIER.as_bytes()));
        let mut params = vec![
            ("response_type", "code"),
            ("client_id", "web"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid email"),
            ("state", "st"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changes {
            params.retain(|(n, _)| n != name);
            params.push((name, value));
        }
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(params)
            .finish();
        format!("{}/authorize?{query}", self.issuer.path())
    }

    /// Redeems a code of a client. Answers the claims of the ID token, and the granted scope in `scope`.
    pub(crate) async fn redeem(&self, client: &str, code: &str) -> Value {
        let response = self
            .browser()
            .post(
                &self.issuer.url("/token"),
                &[
                    ("grant_type", "authorization_code"),
                    ("code", code),
                    ("redirect_uri", CALLBACK),
                    ("client_id", client),
                    ("client_secret", SECRET),
                    ("code_verifier", VERIFIER),
                ],
            )
            .await;
        assert_eq!(response.status, 200, "{}", response.body);
        let tokens: Value = serde_json::from_str(&response.body).unwrap();
        let id_token = tokens["id_token"].as_str().unwrap();
        let mut claims = payload(id_token);
        claims["scope"] = tokens["scope"].clone();
        claims["raw"] = json!(id_token);
        claims
    }
}

fn payload(jws: &str) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let body = jws.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

async fn serve(listener: TcpListener, endpoints: Endpoints, routes: PageRoutes) {
    while let Ok((stream, peer)) = listener.accept().await {
        let (endpoints, routes) = (endpoints.clone(), routes.clone());
        let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            let (endpoints, routes) = (endpoints.clone(), routes.clone());
            request.extensions_mut().insert(ClientAddr(peer.ip()));
            async move {
                Ok::<_, std::convert::Infallible>(match endpoints.handle(request).await {
                    Ok(response) => response,
                    Err(request) => match routes.handle(request).await {
                        Ok(response) => response,
                        Err(request) => routes.nothing(&request),
                    },
                })
            }
        });
        drop(tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        ));
    }
}
