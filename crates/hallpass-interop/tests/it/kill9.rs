//! `kill -9` under load, again and again, on one data folder.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hallpass_load::browser::{Browser, User};
use hallpass_load::http::{Authority, Connection, Failure, Response, Template, basic, encode_form};
use hallpass_load::{Client, Endpoints};
use serde_json::Value;
use tokio::task::JoinHandle;
use url::Url;

use crate::support::{CHALLENGE, Demo, Folder, Ports, Server, VERIFIER, random_below};

//= test RFC6749#4.1.2 a second use of a code is refused; SHOULD: what it had produced is revoked
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_nothing_acknowledged_and_lets_no_code_work_twice() {
    let kills = std::env::var("HALLPASS_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let (folder, ports) = (Folder::new("kill9"), Ports::free());
    let mut server = Server::start_in(folder.path(), ports);
    let (demo, line) = (server.demo.clone(), server.line.clone());
    let mut auditor = Auditor::new(&demo).await;
    let (mut signers, mut refreshers) = workers(&demo, &auditor.endpoints).await;

    for _ in 0..kills {
        let pulse = Arc::new(Pulse::default());
        let signing = Vec::from_iter(
            signers
                .into_iter()
                .map(|w| tokio::spawn(w.run(pulse.clone()))),
        );
        let refreshing = Vec::from_iter(
            refreshers
                .into_iter()
                .map(|w| tokio::spawn(w.run(pulse.clone()))),
        );
        pulse.reach(1 + random_below(MOST_ANSWERS)).await;
        pulse.killed.store(true, Ordering::SeqCst);
        server.kill();
        (signers, refreshers) = (join(signing).await, join(refreshing).await);
        auditor.tally.answers += pulse.answers.load(Ordering::SeqCst);

        let restart = Instant::now();
        server = Server::start_in(folder.path(), ports);
        let tally = &mut auditor.tally;
        tally.slowest_start = tally.slowest_start.max(restart.elapsed());
        assert_eq!(server.line, line, "the demo is the same after a restart");
        auditor.connection.reset();
        for signer in &mut signers {
            auditor.check_codes(signer).await;
        }
        for refresher in &mut refreshers {
            auditor.check_family(refresher).await;
        }
    }

    // What was acknowledged before the first kill has outlived all of them.
    for token in std::mem::take(&mut auditor.alive) {
        assert!(auditor.is_active(&token).await, "lost: {token}");
        auditor.tally.tokens_alive_at_the_end += 1;
    }
    for signer in &signers {
        assert_eq!(signer.browser.passwords(), 1, "a session was lost");
    }
    println!("{kills} kills: {:#?}", auditor.tally);
}

async fn join<W>(tasks: Vec<JoinHandle<W>>) -> Vec<W> {
    let mut workers = Vec::new();
    for task in tasks {
        let worker = tokio::time::timeout(ROUND_LIMIT, task).await;
        workers.push(worker.expect("the worker notices the kill").unwrap());
    }
    workers
}

/// What all rounds came to.
#[derive(Debug, Default)]
struct Tally {
    /// Under load.
    answers: u64,
    /// Codes that were given out before a kill and exchanged after it.
    codes_kept: u32,
    /// Codes whose exchange a kill interrupted before it had happened.
    exchanges_undone: u32,
    /// Codes whose exchange a kill interrupted after it had happened.
    exchanges_done: u32,
    /// Codes that were exchanged before a kill and refused after it.
    replays_refused: u32,
    /// Codes that were sent on two connections at once.
    races: u32,
    refreshes: u32,
    /// Refreshes that a kill interrupted and that were sent again after it.
    refreshes_repeated: u32,
    tokens_alive_at_the_end: u32,
    slowest_start: Duration,
}

/// How a round goes.
#[derive(Debug, Default)]
struct Pulse {
    answers: AtomicU64,
    killed: AtomicBool,
}

impl Pulse {
    fn beat(&self) {
        self.answers.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until that many answers have come, and then until some moment within the next few.
    async fn reach(&self, answers: u64) {
        let end = Instant::now() + ROUND_LIMIT;
        while self.answers.load(Ordering::SeqCst) < answers {
            assert!(Instant::now() < end, "no answers");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        tokio::time::sleep(Duration::from_micros(random_below(3_000))).await;
    }

    /// A connection may break by the kill; anything else is a failure of the test.
    fn expect_kill(&self, failure: &Failure) {
        let broken = matches!(failure, Failure::Io(_) | Failure::Closed);
        assert!(broken && self.killed.load(Ordering::SeqCst), "{failure}");
    }
}

/// The requests of one client that authenticates with its secret, or has none.
#[derive(Clone, Debug)]
struct Caller {
    client_id: String,
    redirect_uri: String,
    authorize: Url,
    token: Template,
}

impl Caller {
    fn new(endpoints: &Endpoints, client: &Client) -> Self {
        Self {
            client_id: client.client_id.clone(),
            redirect_uri: client.redirect_uris[0].clone(),
            authorize: Url::parse(&endpoints.authorization_endpoint).unwrap(),
            token: post(&endpoints.token_endpoint, client),
        }
    }

    /// A new code for the person in the browser.
    async fn code(
        &self,
        browser: &mut Browser,
        user: &User,
        scope: &str,
    ) -> Result<String, Failure> {
        let mut url = self.authorize.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", scope)
            .append_pair("code_challenge", CHALLENGE)
            .append_pair("code_challenge_method", "S256");
        if scope.contains("offline_access") {
            url.query_pairs_mut().append_pair("prompt", "consent");
        }
        let end = browser.walk(url, user, &self.redirect_uri).await?;
        let code = end.query_pairs().find(|(name, _)| name == "code");
        Ok(code.unwrap_or_else(|| panic!("{end}")).1.into_owned())
    }

    fn exchange(&mut self, code: &str) -> &[u8] {
        self.token.with_body(&encode_form([
            ("grant_type", "authorization_code"),
            ("client_id", &self.client_id),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", VERIFIER),
        ]))
    }

    fn refresh(&mut self, refresh_token: &str) -> &[u8] {
        self.token.with_body(&encode_form([
            ("grant_type", "refresh_token"),
            ("client_id", &self.client_id),
            ("refresh_token", refresh_token),
        ]))
    }
}

/// Gets codes with a live session and exchanges them.
struct Signer {
    caller: Caller,
    user: User,
    browser: Browser,
    connection: Connection,
    second: Connection,
    flows: u32,
    races: u32,
    unused: Vec<String>,
    unknown: Option<String>,
    /// Codes with the access tokens that they gave.
    spent: Vec<(String, String)>,
}

impl Signer {
    /// Works until the server is killed.
    async fn run(mut self, pulse: Arc<Pulse>) -> Self {
        loop {
            if let Err(failure) = self.flow(&pulse).await {
                pulse.expect_kill(&failure);
                // The other connections lead to the same process.
                self.browser.reconnect();
                self.connection.reset();
                self.second.reset();
                return self;
            }
        }
    }

    async fn flow(&mut self, pulse: &Pulse) -> Result<(), Failure> {
        self.flows += 1;
        let code = self
            .caller
            .code(&mut self.browser, &self.user, "openid")
            .await?;
        pulse.beat();
        match self.flows % 8 {
            0 => self.unused.push(code),
            4 => self.race(&code, pulse).await?,
            _ => self.exchange(code, pulse).await?,
        }
        Ok(())
    }

    async fn exchange(&mut self, code: String, pulse: &Pulse) -> Result<(), Failure> {
        match self.connection.exchange(self.caller.exchange(&code)).await {
            Ok(response) => {
                let tokens = tokens(&response).unwrap_or_else(|error| panic!("{error}"));
                self.spent.push((code, tokens.0));
                pulse.beat();
                Ok(())
            }
            Err(failure) => {
                self.unknown = Some(code);
                Err(failure)
            }
        }
    }

    /// The same code on two connections at once: exactly one of them gets tokens.
    async fn race(&mut self, code: &str, pulse: &Pulse) -> Result<(), Failure> {
        let request = self.caller.exchange(code).to_vec();
        let (first, second) = tokio::join!(
            self.connection.exchange(&request),
            self.second.exchange(&request)
        );
        let (first, second) = (first?, second?);
        let successes = [&first, &second].map(|r| u32::from(exchanged(r).is_some()));
        assert_eq!(successes.iter().sum::<u32>(), 1, "a code in a race");
        self.races += 1;
        pulse.beat();
        Ok(())
    }
}

/// Follows one family of refresh tokens.
struct Refresher {
    caller: Caller,
    connection: Connection,
    refresh_token: String,
    access_tokens: Vec<String>,
}

impl Refresher {
    /// Works until the server is killed.
    async fn run(mut self, pulse: Arc<Pulse>) -> Self {
        loop {
            if let Err(failure) = self.refresh().await {
                pulse.expect_kill(&failure);
                return self;
            }
            pulse.beat();
        }
    }

    async fn refresh(&mut self) -> Result<(), Failure> {
        let request = self.caller.refresh(&self.refresh_token);
        let response = self.connection.exchange(request).await?;
        let (access_token, next) = tokens(&response).unwrap_or_else(|error| panic!("{error}"));
        self.access_tokens.push(access_token);
        self.refresh_token = next.expect("a refresh token of a public client is replaced");
        Ok(())
    }
}

/// Workers whose users are signed in.
async fn workers(demo: &Demo, endpoints: &Endpoints) -> (Vec<Signer>, Vec<Refresher>) {
    let (mut signers, mut refreshers) = (Vec::new(), Vec::new());
    for _ in 0..WORKERS {
        let mut public = Caller::new(endpoints, demo.public());
        let mut signer = Signer {
            caller: Caller::new(endpoints, demo.confidential()),
            user: demo.user.clone(),
            browser: Browser::new(&public.authorize, Vec::new()).unwrap(),
            connection: connect(&endpoints.token_endpoint),
            second: connect(&endpoints.token_endpoint),
            flows: 0,
            races: 0,
            unused: Vec::new(),
            unknown: None,
            spent: Vec::new(),
        };
        let scope = "openid offline_access";
        let code = public
            .code(&mut signer.browser, &demo.user, scope)
            .await
            .unwrap();
        let mut connection = connect(&endpoints.token_endpoint);
        let response = connection.exchange(public.exchange(&code)).await.unwrap();
        let (access_token, refresh_token) = tokens(&response).unwrap();
        signers.push(signer);
        refreshers.push(Refresher {
            caller: public,
            connection,
            refresh_token: refresh_token.expect("offline access"),
            access_tokens: vec![access_token],
        });
    }
    (signers, refreshers)
}

/// Looks at what is left after a kill.
struct Auditor {
    caller: Caller,
    endpoints: Endpoints,
    introspect: Template,
    connection: Connection,
    /// Access tokens that must be good until they expire.
    alive: Vec<String>,
    tally: Tally,
}

impl Auditor {
    async fn new(demo: &Demo) -> Self {
        let issuer = hallpass_load::Server::Issuer(demo.issuer.clone());
        let endpoints = issuer.endpoints().await.unwrap();
        Self {
            caller: Caller::new(&endpoints, demo.confidential()),
            introspect: post(&endpoints.introspection_endpoint, demo.resource_server()),
            connection: connect(&endpoints.token_endpoint),
            endpoints,
            alive: Vec::new(),
            tally: Tally::default(),
        }
    }

    async fn check_codes(&mut self, signer: &mut Signer) {
        self.tally.races += std::mem::take(&mut signer.races);
        for code in signer.unused.drain(..) {
            let token = self.exchange(&code).await;
            let token = token.expect("a code that was given out works");
            assert!(self.is_active(&token).await);
            assert_eq!(self.exchange(&code).await, None, "a code worked twice");
            self.tally.codes_kept += 1;
        }
        if let Some(code) = signer.unknown.take() {
            if self.exchange(&code).await.is_some() {
                assert_eq!(self.exchange(&code).await, None, "a code worked twice");
                self.tally.exchanges_undone += 1;
            } else {
                self.tally.exchanges_done += 1;
            }
        }
        for (_, token) in &signer.spent {
            assert!(self.is_active(token).await, "lost: {token}");
        }
        // The last ones are those that a kill could undo. A replay ends the grant, so the others are left alone.
        let last = signer.spent.len().saturating_sub(REPLAYS);
        for (code, token) in signer.spent.split_off(last) {
            assert_eq!(self.exchange(&code).await, None, "a code worked twice");
            assert!(
                !self.is_active(&token).await,
                "the tokens of a replayed code live"
            );
            self.tally.replays_refused += 1;
        }
        self.alive
            .extend(signer.spent.drain(..).map(|(_, token)| token));
    }

    async fn check_family(&mut self, refresher: &mut Refresher) {
        for token in &refresher.access_tokens {
            assert!(self.is_active(token).await, "lost: {token}");
        }
        self.tally.refreshes += u32::try_from(refresher.access_tokens.len()).unwrap();
        self.alive.append(&mut refresher.access_tokens);
        // The last request had no answer, and may have been a rotation all the same.
        refresher.refresh().await.expect("the family goes on");
        self.tally.refreshes_repeated += 1;
    }

    async fn exchange(&mut self, code: &str) -> Option<String> {
        let response = self.connection.exchange(self.caller.exchange(code)).await;
        exchanged(&response.unwrap())
    }

    async fn is_active(&mut self, token: &str) -> bool {
        let request = self.introspect.with_body(&encode_form([("token", token)]));
        let response = self.connection.exchange(request).await.unwrap();
        assert_eq!(response.status, 200);
        let answer: Value = serde_json::from_slice(response.body).unwrap();
        answer["active"].as_bool().unwrap()
    }
}

/// Access token and refresh token of an answer of the token endpoint.
fn tokens(response: &Response<'_>) -> Result<(String, Option<String>), String> {
    let answer: Value = serde_json::from_slice(response.body).unwrap_or_default();
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    match (response.status, text("access_token")) {
        (200, Some(access_token)) => Ok((access_token, text("refresh_token"))),
        (status, _) => Err(format!("{status} {answer}")),
    }
}

/// The access token for a code, or none where the answer is `invalid_grant`.
fn exchanged(response: &Response<'_>) -> Option<String> {
    let answer: Value = serde_json::from_slice(response.body).unwrap_or_default();
    match (response.status, answer["error"].as_str()) {
        (200, None) => Some(answer["access_token"].as_str().unwrap().to_owned()),
        (400, Some("invalid_grant")) => None,
        (status, _) => panic!("{status} {answer}"),
    }
}

fn post(endpoint: &str, client: &Client) -> Template {
    let url = Url::parse(endpoint).unwrap();
    match &client.client_secret {
        Some(secret) => {
            let authorization = basic(&client.client_id, secret);
            Template::post_form(&url, &[("Authorization", &authorization)])
        }
        None => Template::post_form(&url, &[]),
    }
}

fn connect(endpoint: &str) -> Connection {
    Connection::new(Authority::of(&Url::parse(endpoint).unwrap()).unwrap())
}

/// How often; `HALLPASS_KILLS` says another number. About 0.3 s each.
const KILLS: u32 = 50;
/// Before a kill, at most.
const MOST_ANSWERS: u64 = 300;
/// Of each kind.
const WORKERS: usize = 3;
/// Codes of each signer that are sent again after each kill.
const REPLAYS: usize = 5;
const ROUND_LIMIT: Duration = Duration::from_secs(30);
