//! The surroundings of a provider, as a test wants them.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use hallpass_provider::ports::{
    Clock, Entropy, Event, Events, ExchangeRequest, Exchanged, FetchError, FetchRequest, Fetched,
    Fetcher, Mail, MailError, Mailer, PostRequest,
};
use hallpass_store::BoxFuture;
use hallpass_types::{EmailAddress, Timestamp};

use crate::wire::{Answer, Ask, exchange};

/// A clock that moves only when it is told to.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// Where every test begins: 2027-01-15.
    pub const BEGIN: i64 = 1_800_000_000;

    /// Moves it forward, in seconds.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Now, in seconds since 1970.
    pub fn seconds(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicI64::new(Self::BEGIN))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.seconds())
    }
}

/// Bytes that are the same in every run and never repeat within one.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// Begins a sequence.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            drawn: AtomicU64::new(0),
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        for piece in out.chunks_mut(32) {
            let number = self.drawn.fetch_add(1, Ordering::SeqCst);
            let block = hallpass_types::sha256(format!("{} {number}", self.seed).as_bytes());
            piece.copy_from_slice(&block[..piece.len()]);
        }
    }
}

/// Answers with prepared documents, dials nobody, and remembers what was asked for.
#[derive(Debug, Default)]
pub struct TestFetcher {
    documents: Mutex<HashMap<String, Fetched>>,
    asked: Mutex<Vec<String>>,
    statuses: Mutex<HashMap<String, u16>>,
    busy: Mutex<HashSet<String>>,
    posted: Mutex<Vec<Posted>>,
    peers: Mutex<HashMap<String, SocketAddr>>,
    twisted: Mutex<HashMap<String, (u16, Vec<u8>)>>,
    exchanged: Mutex<Vec<Posted>>,
    forbidden: Mutex<Vec<String>>,
    looked_up: Mutex<Vec<String>>,
}

/// A POST request that went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Where to.
    pub url: String,
    /// `Content-Type`.
    pub content_type: String,
    /// `Authorization`.
    pub authorization: Option<String>,
    /// Headers beside these.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl TestFetcher {
    /// Puts a document under a URL.
    pub fn put(&self, url: &str, body: impl Into<Vec<u8>>) {
        self.serve(url, body, Some("application/json"), None);
    }

    /// Puts a document under a URL, of that media type and to be held for so many seconds.
    pub fn serve(
        &self,
        url: &str,
        body: impl Into<Vec<u8>>,
        content_type: Option<&str>,
        max_age: Option<u32>,
    ) {
        let fetched = Fetched {
            body: body.into(),
            max_age,
            content_type: content_type.map(str::to_owned),
        };
        lock(&self.documents).insert(url.to_owned(), fetched);
    }

    /// Lets every URL that begins so be one that nobody may fetch from.
    pub fn forbid(&self, beginning: &str) {
        lock(&self.forbidden).push(beginning.to_owned());
    }

    /// Every URL of which was asked whether anybody may fetch from it, which makes a look for its host.
    pub fn looked_up(&self) -> Vec<String> {
        lock(&self.looked_up).clone()
    }

    /// Takes a document away.
    pub fn remove(&self, url: &str) {
        lock(&self.documents).remove(url);
    }

    /// Answers POST requests to a URL with that status from now on. Without one nothing can be sent there.
    pub fn answer_posts(&self, url: &str, status: u16) {
        lock(&self.busy).remove(url);
        lock(&self.statuses).insert(url.to_owned(), status);
    }

    /// Makes no POST request to a URL from now on, as if too many were under way there.
    pub fn hold_posts(&self, url: &str) {
        lock(&self.busy).insert(url.to_owned());
    }

    /// Every POST request that was made, answered or not.
    pub fn posted(&self) -> Vec<Posted> {
        lock(&self.posted).clone()
    }

    /// Dials a server for an origin, such as another provider of the test.
    pub fn reach(&self, origin: &str, address: SocketAddr) {
        lock(&self.peers).insert(origin.to_owned(), address);
    }

    /// Answers exchanges with a URL so, whoever is there.
    pub fn twist(&self, url: &str, status: u16, body: impl Into<Vec<u8>>) {
        lock(&self.twisted).insert(url.to_owned(), (status, body.into()));
    }

    /// Lets a URL answer for itself again.
    pub fn untwist(&self, url: &str) {
        lock(&self.twisted).remove(url);
    }

    /// Every exchange that was made.
    pub fn exchanged(&self) -> Vec<Posted> {
        lock(&self.exchanged).clone()
    }

    /// The server of an origin, and the rest of the URL.
    fn peer<'u>(&self, url: &'u str) -> Option<(SocketAddr, String, &'u str)> {
        let end = url.find("://")? + 3;
        let end = url[end..].find('/').map_or(url.len(), |at| end + at);
        let (origin, path) = url.split_at(end);
        let address = *lock(&self.peers).get(origin)?;
        Some((address, origin.to_owned(), path))
    }

    async fn ask_peer(&self, url: &str, ask: impl FnOnce(&str) -> Ask) -> Option<Answer> {
        let (address, origin, path) = self.peer(url)?;
        let host = origin.split("://").nth(1).unwrap_or_default();
        let ask = ask(path).header("Host", host);
        Some(Answer::parse(&exchange(address, &ask.to_bytes()).await))
    }

    /// Every URL that was asked for.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.asked).clone()
    }
}

impl Fetcher for TestFetcher {
    fn permits<'a>(&'a self, url: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            lock(&self.looked_up).push(url.to_owned());
            let forbidden = lock(&self.forbidden);
            !forbidden
                .iter()
                .any(|beginning| url.starts_with(beginning.as_str()))
        })
    }

    fn fetch<'a>(
        &'a self,
        request: FetchRequest<'a>,
    ) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move {
            lock(&self.asked).push(request.url.to_owned());
            // Others get their turn while it is under way.
            tokio::task::yield_now().await;
            let mut fetched = lock(&self.documents).get(request.url).cloned();
            if fetched.is_none()
                && let Some(answer) = self.ask_peer(request.url, Ask::get).await
                && answer.status == 200
            {
                fetched = Some(Fetched {
                    body: answer.body.clone(),
                    max_age: None,
                    content_type: Some(answer.media().to_owned()),
                });
            }
            let fetched = fetched.ok_or(FetchError::Blocked)?;
            if fetched.body.len() > request.max_bytes {
                return Err(FetchError::Failed);
            }
            Ok(fetched)
        })
    }

    fn exchange<'a>(
        &'a self,
        request: ExchangeRequest<'a>,
    ) -> BoxFuture<'a, Result<Exchanged, FetchError>> {
        Box::pin(async move {
            lock(&self.exchanged).push(Posted {
                url: request.url.to_owned(),
                content_type: String::new(),
                authorization: request.authorization.map(str::to_owned),
                headers: Vec::new(),
                body: request.form.unwrap_or_default().to_owned(),
            });
            let twisted = lock(&self.twisted).get(request.url).cloned();
            let (status, body) = match twisted {
                Some(twisted) => twisted,
                None => {
                    let ask = |path: &str| {
                        let form = "application/x-www-form-urlencoded";
                        let ask = match request.form {
                            Some(body) => Ask::post(path, form, body),
                            None => Ask::get(path),
                        };
                        match request.authorization {
                            Some(value) => ask.header("Authorization", value),
                            None => ask,
                        }
                    };
                    let answer = self.ask_peer(request.url, ask).await;
                    let answer = answer.ok_or(FetchError::Blocked)?;
                    (answer.status, answer.body)
                }
            };
            if body.len() > request.max_bytes {
                return Err(FetchError::Failed);
            }
            Ok(Exchanged { status, body })
        })
    }

    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<u16, FetchError>> {
        Box::pin(async move {
            // Others get their turn while it is under way.
            tokio::task::yield_now().await;
            if lock(&self.busy).contains(request.url) {
                return Err(FetchError::Busy);
            }
            lock(&self.posted).push(Posted {
                url: request.url.to_owned(),
                content_type: request.content_type.to_owned(),
                authorization: request.authorization.map(str::to_owned),
                headers: owned(request.headers),
                body: request.body.to_owned(),
            });
            let status = lock(&self.statuses).get(request.url).copied();
            status.ok_or(FetchError::Failed)
        })
    }
}

fn owned(headers: &[(&'static str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    headers.iter().map(owned).collect()
}

/// Remembers what happened, one line for each event.
#[derive(Debug, Default)]
pub struct TestEvents(Mutex<Vec<String>>);

impl TestEvents {
    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.0).clone()
    }

    /// How many lines contain a text.
    pub fn count(&self, text: &str) -> usize {
        lock(&self.0).iter().filter(|l| l.contains(text)).count()
    }
}

impl Events for TestEvents {
    fn on(&self, event: &Event<'_>) {
        lock(&self.0).push(format!("{event:?}"));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends nothing, and remembers what it was given.
#[derive(Debug, Default)]
pub struct TestMailer {
    sent: Mutex<Vec<Sent>>,
    refusal: Mutex<Option<MailError>>,
}

/// A mail that went out.
#[derive(Clone, Debug)]
pub struct Sent {
    /// To whom.
    pub to: EmailAddress,
    /// Its subject.
    pub subject: String,
    /// As plain text.
    pub text: String,
    /// As HTML.
    pub html: String,
    /// Its name.
    pub id: String,
}

impl Sent {
    /// The link in it.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn link(&self) -> &str {
        let mut lines = self.text.lines();
        lines.find(|line| line.starts_with("http")).unwrap()
    }
}

impl TestMailer {
    /// Everything that went out, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        lock(&self.sent).clone()
    }

    /// What went to an address, oldest first.
    pub fn to(&self, address: &str) -> Vec<Sent> {
        let mut all = self.sent();
        all.retain(|mail| mail.to.as_str() == address);
        all
    }

    /// Forgets what went out.
    pub fn forget(&self) {
        lock(&self.sent).clear();
    }

    /// Fails from now on, or does not any more.
    pub fn fail(&self, refusal: Option<MailError>) {
        *lock(&self.refusal) = refusal;
    }
}

impl Mailer for TestMailer {
    fn send<'a>(&'a self, mail: Mail<'a>) -> BoxFuture<'a, Result<(), MailError>> {
        Box::pin(async move {
            if let Some(refusal) = *lock(&self.refusal) {
                return Err(refusal);
            }
            lock(&self.sent).push(Sent {
                to: mail.to.clone(),
                subject: mail.letter.subject.clone(),
                text: mail.letter.text.clone(),
                html: mail.letter.html.clone(),
                id: mail.id.to_owned(),
            });
            Ok(())
        })
    }
}
