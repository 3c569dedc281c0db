//! The provider under test.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_accounts::{
    BuiltinAccounts, NewUser, Surroundings,
    hash::{Cost, HashPool, Options},
    throttle::Limits,
};
use hallpass_core::policy::Policy;
use hallpass_http::{ClientAddr, Endpoints, PeerCertificate, Response};
use hallpass_pages::{BuiltinPages, PageRoutes, Pages};
use hallpass_provider::{
    Builder, Certificate, Provider,
    ports::{Clock, Entropy, Signer, SystemEntropy},
    secrets::MasterKey,
};
use hallpass_store::{Commit, MemoryStore, Store, Write};
use hallpass_store_sqlite::SqliteStore;
use hallpass_types::{Bucket, ClientId, InitialAccess, Issuer, Opaque, Secret, Subject};
use http::Request;
use http_body::Body;
use hyper::{service::Service, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, task::JoinHandle, task::JoinSet};

use crate::{
    Browser,
    fixture::{self, Seed},
    folder::Folder,
    ports::{SeededEntropy, TestClock, TestEvents, TestFetcher, TestMailer},
    postgres::Postgres,
    stored::{put_rsa_key, store_client},
};

/// The header whose content, DER in base64, counts as a certificate that was shown in a TLS handshake.
pub const CERTIFICATE: &str = "x-fixture-certificate";

type Change = Box<dyn FnOnce(&mut Policy) + Send>;
type Build = Box<dyn FnOnce(Builder) -> Builder + Send>;

/// What is to be started.
pub struct Setup {
    changes: Vec<Change>,
    clients: Vec<Seed>,
    store: Arc<dyn Store>,
    limits: Limits,
    building: Vec<Build>,
    seed: Option<u64>,
    issuer: &'static str,
    /// The issuer's name in the store.
    name: &'static str,
    clock: Arc<TestClock>,
    /// The folder of a store on disk, deleted at the end.
    folder: Option<Arc<Folder>>,
    /// Where on PostgreSQL the store is that is opened at the start.
    postgres: Option<Postgres>,
    /// Clients and people are there already: another node of the same provider has put them there.
    joins: Option<HashMap<String, Subject>>,
    signers: Vec<Arc<dyn Signer>>,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").finish_non_exhaustive()
    }
}

impl Default for Setup {
    /// In memory; elsewhere when the variable `HALLPASS_TEST_STORE` says `sqlite` or `postgres`.
    fn default() -> Self {
        let setup = Self {
            changes: Vec::new(),
            clients: fixture::clients(),
            store: Arc::new(MemoryStore::new()),
            limits: Limits::default(),
            building: Vec::new(),
            seed: None,
            issuer: fixture::ISSUER,
            name: "fixture",
            clock: Arc::default(),
            postgres: None,
            folder: None,
            joins: None,
            signers: Vec::new(),
        };
        match std::env::var("HALLPASS_TEST_STORE").as_deref() {
            Ok("sqlite") => setup.sqlite(),
            Ok("postgres") => setup.postgres(),
            Ok(_) | Err(_) => setup,
        }
    }
}

impl Setup {
    /// Changes the policy.
    #[must_use]
    pub fn policy(mut self, change: impl FnOnce(&mut Policy) + Send + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Without the clients of the fixture.
    #[must_use]
    pub fn without_clients(mut self) -> Self {
        self.clients.clear();
        self
    }

    /// Adds a client.
    #[must_use]
    pub fn client(mut self, seed: Seed) -> Self {
        self.clients.push(seed);
        self
    }

    /// Adds members to the metadata of a fixture client, or replaces them.
    ///
    /// # Panics
    /// There is no such client.
    #[must_use]
    pub fn metadata(mut self, client: &str, members: &Value) -> Self {
        let seed = self.clients.iter_mut().find(|seed| seed.id == client);
        let held = seed.and_then(|seed| seed.metadata.as_object_mut()).unwrap();
        let members = members.as_object().unwrap().clone();
        held.extend(members);
        self
    }

    /// Keeps state somewhere else.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = store;
        self
    }

    /// Keeps state in an SQLite file of its own, deleted at the end.
    ///
    /// # Panics
    /// The file cannot be made.
    #[must_use]
    pub fn sqlite(mut self) -> Self {
        let folder = Folder::new();
        let file = folder.0.join("hallpass.sqlite");
        let store = SqliteStore::open(file, hallpass_store_sqlite::Options::default());
        self.store = Arc::new(store.unwrap());
        self.folder = Some(Arc::new(folder));
        self
    }

    /// Keeps state in a schema of its own on a PostgreSQL of the tests. Where that is not installed, in memory.
    #[must_use]
    pub fn postgres(mut self) -> Self {
        self.postgres = Postgres::new();
        self
    }

    /// Keeps state there.
    #[must_use]
    pub fn postgres_at(mut self, postgres: Postgres) -> Self {
        self.postgres = Some(postgres);
        self
    }

    /// Other limits on sign-in.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Ports of its own.
    #[must_use]
    pub fn build(mut self, with: impl FnOnce(Builder) -> Builder + Send + 'static) -> Self {
        self.building.push(Box::new(with));
        self
    }

    /// A key that signs elsewhere.
    #[must_use]
    pub fn signer(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signers.push(signer);
        self
    }

    /// The same randomness in every run.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Another issuer.
    #[must_use]
    pub fn issuer(mut self, issuer: &'static str) -> Self {
        self.issuer = issuer;
        self
    }

    /// Another issuer beside one that runs: same store, same master key, same clients and people by name.
    #[must_use]
    pub fn beside(mut self, op: &Op, issuer: &'static str, name: &'static str) -> Self {
        self.issuer = issuer;
        self.name = name;
        self.store = op.provider.store().clone();
        self.clock = op.clock.clone();
        self.folder = op.folder.clone();
        self.postgres = None;
        self
    }

    /// Another node of a provider that runs: another process would share the store and the master key, nothing else.
    #[must_use]
    pub fn joining(mut self, op: &Op) -> Self {
        self.store = op.provider.store().clone();
        self.clock = op.clock.clone();
        self.folder = op.folder.clone();
        // With connections of its own, as another process has.
        self.postgres = op.postgres.clone();
        self.joins = Some(op.subjects.clone());
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start(mut self) -> Op {
        if let Some(postgres) = &self.postgres {
            self.store = postgres.open().await;
        }
        let clock = self.clock;
        let events = Arc::new(TestEvents::default());
        let fetcher = Arc::new(TestFetcher::default());
        let mailer = Arc::new(TestMailer::default());
        let entropy: Arc<dyn Entropy> = match self.seed {
            Some(seed) => Arc::new(SeededEntropy::new(seed)),
            None => Arc::new(SystemEntropy),
        };
        let accounts = accounts(self.store.clone(), clock.clone(), self.limits);
        let issuer = Issuer::parse(self.issuer).unwrap();
        let pages = BuiltinPages::new(issuer.clone(), Arc::new(Pages::new().unwrap()));
        let ui_locales = pages.language_tags();
        let builder = Provider::builder(issuer)
            .store(self.store.clone())
            .master_key(MasterKey::new([7; 32]))
            .accounts(accounts.clone())
            .interaction(Arc::new(pages.clone()), self.name)
            .await
            .unwrap();
        let initial = Opaque::<InitialAccess>::from_random(Bucket(u32::MAX), &[9; 24]);
        let digest = builder.secrets().client_digest(initial.expose());
        let changes = self.changes;
        let builder = self.signers.into_iter().fold(builder, Builder::signer);
        let building = self.building.into_iter();
        let builder = building
            .fold(builder, |builder, with| with(builder))
            .clock(clock.clone())
            .entropy(entropy)
            .events(events.clone())
            .fetcher(fetcher.clone())
            .mail(mailer.clone(), Arc::new(pages.clone()))
            .people(accounts.clone())
            .policy(move |policy| {
                fixture::policy(policy);
                policy.ui_locales = ui_locales;
                policy.registration.initial_access_tokens = vec![digest];
                changes.into_iter().for_each(|change| change(policy));
            });
        let issuer_id = self.store.issuer(self.name).await.unwrap();
        if self.store.signing_keys(issuer_id).await.unwrap().is_empty() {
            put_rsa_key(&*self.store, builder.secrets(), issuer_id, clock.now()).await;
        }
        let provider = builder.build().await.unwrap();
        let mut registered = HashMap::new();
        let mut frames = Vec::new();
        for seed in &self.clients {
            registered.insert(seed.id.to_owned(), uris(&seed.metadata));
            let frame = seed.metadata["frontchannel_logout_uri"].as_str();
            frames.extend(frame.map(str::to_owned));
            if self.joins.is_none() {
                store_client(&provider, seed).await;
            }
        }
        let mut subjects = self.joins.unwrap_or_default();
        for (name, password, disabled) in fixture::PEOPLE {
            if !subjects.contains_key(*name) {
                let subject = store_person(&accounts, issuer_id, name, password, *disabled).await;
                subjects.insert((*name).to_owned(), subject);
            }
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let endpoints = Endpoints::new(provider.clone()).with_pages(Arc::new(pages.clone()));
        let app = App {
            pages: PageRoutes::new(endpoints.clone(), pages, accounts.clone()),
            endpoints,
        };
        let served = tokio::spawn(serve(listener, app.clone()));
        Op {
            face: Arc::new(Face {
                address,
                issuer: self.issuer.to_owned(),
                registered: Mutex::new(registered),
                frames: Mutex::new(frames),
                clock: clock.clone(),
            }),
            provider,
            accounts,
            clock,
            events,
            fetcher,
            mailer,
            initial_access_token: initial.expose().to_owned(),
            subjects,
            app,
            served,
            folder: self.folder,
            postgres: self.postgres,
        }
    }
}

/// What a browser knows of the provider that it speaks to.
#[derive(Debug)]
pub(crate) struct Face {
    pub(crate) address: SocketAddr,
    pub(crate) issuer: String,
    /// Redirect URIs of each client, for signing in and out.
    pub(crate) registered: Mutex<HashMap<String, Vec<String>>>,
    /// Pages of clients that the signed-out page loads in frames.
    pub(crate) frames: Mutex<Vec<String>>,
    pub(crate) clock: Arc<TestClock>,
}

/// A running provider. It ends when it is dropped.
#[derive(Debug)]
pub struct Op {
    pub(crate) face: Arc<Face>,
    /// The engine, for what cannot be done from outside.
    pub provider: Provider,
    /// The people.
    pub accounts: Arc<BuiltinAccounts>,
    /// The clock.
    pub clock: Arc<TestClock>,
    /// What happened.
    pub events: Arc<TestEvents>,
    /// What was fetched.
    pub fetcher: Arc<TestFetcher>,
    /// What was mailed.
    pub mailer: Arc<TestMailer>,
    /// An initial access token for registration.
    pub initial_access_token: String,
    subjects: HashMap<String, Subject>,
    app: App,
    served: JoinHandle<()>,
    folder: Option<Arc<Folder>>,
    postgres: Option<Postgres>,
}

impl Op {
    /// The fixture as it is.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// The fixture with a change to its policy.
    pub async fn with(change: impl FnOnce(&mut Policy) + Send + 'static) -> Self {
        Setup::default().policy(change).start().await
    }

    /// Another node of the same provider: another process would share the store and the master key, nothing else.
    pub async fn another_node(&self) -> Self {
        Setup::default().joining(self).start().await
    }

    /// The folder of its store, when that is on disk.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(|folder| folder.0.as_path())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.face.address
    }

    /// A browser without cookies.
    #[must_use]
    pub fn browser(&self) -> Browser {
        Browser::new(self.face.clone())
    }

    /// A browser that speaks to the same provider at another address, such as another accept loop.
    ///
    /// # Panics
    /// Somebody panicked before.
    #[must_use]
    pub fn browser_at(&self, address: SocketAddr) -> Browser {
        Browser::new(Arc::new(Face {
            address,
            issuer: self.face.issuer.clone(),
            registered: Mutex::new(self.face.registered.lock().unwrap().clone()),
            frames: Mutex::new(self.face.frames.lock().unwrap().clone()),
            clock: self.clock.clone(),
        }))
    }

    /// The program behind the socket, to be served by something else.
    #[must_use]
    pub fn app(&self) -> App {
        self.app.clone()
    }

    /// The subject of a person.
    #[must_use]
    pub fn subject(&self, name: &str) -> &Subject {
        &self.subjects[name]
    }

    /// Tells the oracles of a client that was registered meanwhile.
    ///
    /// # Panics
    /// Somebody panicked before.
    pub fn knows_client(&self, id: &str, metadata: &Value) {
        let mut registered = self.face.registered.lock().unwrap();
        registered.insert(id.to_owned(), uris(metadata));
        let frame = metadata["frontchannel_logout_uri"].as_str();
        let mut frames = self.face.frames.lock().unwrap();
        frames.extend(frame.map(str::to_owned));
    }

    /// Replaces a client's metadata, as an operator would.
    ///
    /// # Panics
    /// The metadata is refused.
    pub async fn change_client(&self, id: &str, change: impl FnOnce(&mut Map<String, Value>)) {
        self.change_record(id, |record| change(&mut record.metadata))
            .await;
    }

    /// Switches a client off.
    ///
    /// # Panics
    /// There is no such client.
    pub async fn disable_client(&self, id: &str) {
        self.change_record(id, |record| record.disabled = true)
            .await;
    }

    async fn change_record(
        &self,
        id: &str,
        change: impl FnOnce(&mut hallpass_core::client::ClientRecord),
    ) {
        let (store, issuer) = (self.provider.store(), self.provider.issuer_id());
        let id = ClientId::parse(id).unwrap();
        let mut record = store.client(issuer, &id).await.unwrap().unwrap();
        change(&mut record);
        let commit = Commit {
            spends: Vec::new(),
            writes: vec![Write::Client(Box::new(record))],
        };
        store.commit(issuer, commit).await.unwrap();
        // A change by another process is seen after a second at the latest.
        self.clock.advance(1);
    }
}

impl Drop for Op {
    fn drop(&mut self) {
        self.served.abort();
    }
}

/// The whole program as a service.
#[derive(Clone, Debug)]
pub struct App {
    pages: PageRoutes,
    endpoints: Endpoints,
}

impl<B> Service<Request<B>> for App
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let Self { pages, endpoints } = self.clone();
        Box::pin(async move {
            let request = match pages.handle(request).await {
                Ok(response) => return Ok(response),
                Err(request) => request,
            };
            Ok(match endpoints.handle(request).await {
                Ok(response) => response,
                Err(request) => pages.nothing(&request),
            })
        })
    }
}

async fn serve(listener: TcpListener, app: App) {
    let mut connections = JoinSet::new();
    while let Ok((stream, peer)) = listener.accept().await {
        let app = app.clone();
        let answer = service_fn(move |mut request: Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(ClientAddr(peer.ip()));
            let shown = request.headers().get(CERTIFICATE);
            if let Some(der) = shown.and_then(|text| STANDARD.decode(text).ok()) {
                let shown = PeerCertificate(Arc::new(Certificate::from_der(der)));
                request.extensions_mut().insert(shown);
            }
            app.call(request)
        });
        connections.spawn(async move {
            let io = TokioIo::new(stream);
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(io, answer)
                    .await,
            );
        });
        while connections.try_join_next().is_some() {}
    }
}

fn accounts(store: Arc<dyn Store>, clock: Arc<dyn Clock>, limits: Limits) -> Arc<BuiltinAccounts> {
    let options = Options {
        threads: std::num::NonZeroUsize::new(1),
        queue: Some(10_000),
        // The cheapest cost there is: the tests are about answers, not about hashing.
        cost: Cost {
            memory_kib: 8,
            iterations: 1,
            lanes: 1,
        },
        ..Options::default()
    };
    let around = Surroundings {
        store,
        clock,
        entropy: Arc::new(SystemEntropy),
    };
    let pool = Arc::new(HashPool::start(options).unwrap());
    let accounts = BuiltinAccounts::new(around, pool).with_limits(limits);
    let accounts = accounts.with_refusal(std::time::Duration::ZERO);
    Arc::new(accounts.with_attempts_everywhere([7; 32]))
}

async fn store_person(
    accounts: &BuiltinAccounts,
    issuer: hallpass_types::IssuerId,
    name: &str,
    password: &str,
    disabled: bool,
) -> Subject {
    let claims = json!({
        "name": format!("{name} <b>Example</b>"), "email": format!("{name}@example.test"),
        "email_verified": name == "alice", "phone_number": "+1 555 0100",
    });
    let new = NewUser {
        username: name.to_owned(),
        password: Some(Secret::new(password.to_owned())),
        must_change: false,
        claims: claims.as_object().unwrap().clone(),
    };
    let user = accounts.create(issuer, new).await.unwrap();
    if disabled {
        accounts
            .set_disabled(issuer, &user.subject, true)
            .await
            .unwrap();
    }
    user.subject
}

/// Every URI that a client may be redirected to.
fn uris(metadata: &Value) -> Vec<String> {
    let lists = ["redirect_uris", "post_logout_redirect_uris"];
    let lists = lists.iter().filter_map(|name| metadata[name].as_array());
    let uris = lists.flatten().chain(metadata.get("initiate_login_uri"));
    uris.filter_map(|uri| uri.as_str().map(str::to_owned))
        .collect()
}
