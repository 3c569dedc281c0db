//! Spans of requests, for a collector that speaks OTLP.
//!
//! A request that is traced has one span, and one for each question to the store that was not answered at once. Names and attributes are
//! words of ours, identifiers of clients, and numbers. Nothing of a path, a query, a header, a body or a person is among them.

mod otlp;
mod parent;

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hallpass_fetch::{Guard, Settings};
use hallpass_provider::ports::{Fetcher, PostRequest};
use http::HeaderMap;
use tokio::sync::{mpsc, oneshot};

use super::metrics::{Metrics, Observe};
use crate::config;
use crate::config::Parents;
use parent::Parent;

tokio::task_local! {
    /// The trace of the request that the current task works on.
    static LIVE: Arc<Live>;
}

/// Where spans go. Clones are the same.
#[derive(Clone)]
pub struct Traces(Arc<Inner>);

struct Inner {
    to_exporter: mpsc::Sender<Message>,
    /// Of 2^64 draws so many are traced.
    below: u64,
    parents: Parents,
    random: Random,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    exported: AtomicU64,
    dropped: AtomicU64,
}

enum Message {
    Spans(Box<Spans>),
    Flush(oneshot::Sender<()>),
}

/// A request with its parts, ended.
struct Spans {
    live: Arc<Live>,
    name: String,
    status: u16,
    took: Duration,
}

/// A request that is traced.
pub struct Live {
    trace: [u8; 16],
    id: [u8; 8],
    parent: Option<[u8; 8]>,
    begin: Instant,
    /// Nanoseconds since 1970.
    begin_unix: u64,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    parts: Vec<Part>,
    attributes: Vec<(&'static str, String)>,
}

/// A question to the store.
struct Part {
    name: &'static str,
    id: u64,
    /// After the beginning of the request.
    after: Duration,
    took: Duration,
}

impl Traces {
    /// Begins to send, if there is a place to send to. The endpoint is the operator's word alone, so it may be anywhere.
    ///
    /// # Errors
    /// The way out cannot be made.
    pub fn start(settings: &config::Traces) -> Result<Option<Self>, Box<dyn std::error::Error>> {
        let Some(endpoint) = settings.endpoint.clone() else {
            return Ok(None);
        };
        let everywhere = ["0.0.0.0/0", "::/0"].map(str::parse).into_iter();
        let guard = Guard::new(Settings {
            private_addresses: everywhere.collect::<Result<_, _>>()?,
            extra_roots: Vec::new(),
        })?;
        let (to_exporter, messages) = mpsc::channel(WAITING);
        let traces = Self(Arc::new(Inner {
            to_exporter,
            below: share(settings.sample),
            parents: settings.parents,
            random: Random::default(),
            counts: Counts::default(),
        }));
        let exporter = Exporter {
            endpoint,
            authorization: settings.authorization.clone(),
            interval: settings.interval.duration(),
            resource: otlp::resource(&settings.service_name),
            guard,
        };
        tokio::spawn(exporter.run(messages, Arc::downgrade(&traces.0)));
        Ok(Some(traces))
    }

    /// Shows how many spans there were.
    pub fn watch(&self, metrics: &Metrics) {
        type Count = fn(&Counts) -> &AtomicU64;
        let counts: [(&'static str, &'static str, Count); 2] = [
            (
                "hallpass_traces_exported",
                "Traced requests that a collector took",
                |counts| &counts.exported,
            ),
            (
                "hallpass_traces_dropped",
                "Traced requests of which no collector heard",
                |counts| &counts.dropped,
            ),
        ];
        for (name, help, count) in counts {
            let of = self.clone();
            let read = move || vec![(Vec::new(), count(&of.0.counts).load(Ordering::Relaxed))];
            metrics.observe(name, help, Observe::Counter(Box::new(read)));
        }
    }

    /// A request begins. None, if it is not to be traced.
    pub(crate) fn begin(&self, headers: &HeaderMap, by_proxy: bool) -> Option<Arc<Live>> {
        let inner = &*self.0;
        let believed = match inner.parents {
            Parents::Proxies => by_proxy,
            Parents::Everybody => true,
            Parents::Nobody => false,
        };
        let parent = believed.then(|| Parent::of(headers)).flatten();
        let draw = inner.random.next();
        let traced = match &parent {
            Some(parent) => parent.sampled,
            None => draw < inner.below || inner.below == u64::MAX,
        };
        if !traced {
            return None;
        }
        let mut fresh = [0; 16];
        let (high, low) = fresh.split_at_mut(8);
        high.copy_from_slice(&inner.random.next().to_be_bytes());
        low.copy_from_slice(&inner.random.next().to_be_bytes());
        Some(Arc::new(Live {
            trace: parent.as_ref().map_or(fresh, |parent| parent.trace),
            id: inner.random.next().to_be_bytes(),
            parent: parent.map(|parent| parent.span),
            begin: Instant::now(),
            begin_unix: unix_nanos(),
            noted: Mutex::default(),
        }))
    }

    /// A request ends. The method and the endpoint are among those that are known.
    pub(crate) fn end(&self, live: Arc<Live>, method: &str, endpoint: &'static str, status: u16) {
        let method = known_method(method);
        live.note("http.request.method", method);
        live.note("hallpass.endpoint", endpoint);
        let spans = Spans {
            took: live.begin.elapsed(),
            name: format!("{method} {endpoint}"),
            status,
            live,
        };
        let sent = self.0.to_exporter.try_send(Message::Spans(Box::new(spans)));
        if sent.is_err() {
            self.0.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends what waits, and gives up after a moment.
    pub async fn flush(&self) {
        let (done, told) = oneshot::channel();
        let all = async {
            if self.0.to_exporter.send(Message::Flush(done)).await.is_ok() {
                drop(told.await);
            }
        };
        drop(tokio::time::timeout(TIMEOUT, all).await);
    }

    fn count(&self, count: fn(&Counts) -> &AtomicU64, number: usize) {
        count(&self.0.counts).fetch_add(u64::try_from(number).unwrap_or(0), Ordering::Relaxed);
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").finish_non_exhaustive()
    }
}

impl Live {
    /// What is done for this request.
    pub(crate) async fn within<F: Future>(self: &Arc<Self>, work: F) -> F::Output {
        LIVE.scope(Arc::clone(self), work).await
    }

    /// Adds an attribute.
    pub(crate) fn note(&self, name: &'static str, value: &str) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.attributes.len() < MOST_ATTRIBUTES {
            noted.attributes.push((name, value.to_owned()));
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

/// Adds an attribute to the request that the current task works on, if it is traced.
pub(crate) fn note(name: &'static str, value: &str) {
    let _untraced = LIVE.try_with(|live| live.note(name, value));
}

/// Adds a question to the store, asked at that time and answered now, to the request that the current task works on.
pub(crate) fn asked(name: &'static str, since: Instant) {
    let add = |live: &Arc<Live>| {
        let mut noted = live.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.parts.len() < MOST_PARTS {
            // Unlike its neighbours within the trace is all that the identifier of a part has to be.
            let number = u64::try_from(noted.parts.len()).unwrap_or(0);
            let id = mix(u64::from_be_bytes(live.id)
                .wrapping_add(number)
                .wrapping_add(1));
            noted.parts.push(Part {
                name,
                id,
                after: since.saturating_duration_since(live.begin),
                took: since.elapsed(),
            });
        }
    };
    let _untraced = LIVE.try_with(add);
}

/// Numbers for identifiers, which are no secrets.
#[derive(Debug)]
struct Random {
    start: u64,
    next: AtomicU64,
}

impl Default for Random {
    fn default() -> Self {
        use std::hash::{BuildHasher, Hasher, RandomState};
        Self {
            start: RandomState::new().build_hasher().finish(),
            next: AtomicU64::new(0),
        }
    }
}

impl Random {
    fn next(&self) -> u64 {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        mix(self
            .start
            .wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .max(1)
    }
}

/// The finalizer of SplitMix64.
fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn known_method(method: &str) -> &'static str {
    let known = super::metrics::METHODS
        .iter()
        .find(|known| **known == method);
    known.copied().unwrap_or("_OTHER")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of requests; the cast of a number that is too large is the largest"
)]
fn share(of_one: f64) -> u64 {
    (of_one * u64::MAX as f64) as u64
}

#[expect(
    clippy::disallowed_methods,
    reason = "spans have nanoseconds, and nothing is decided by them"
)]
fn unix_nanos() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.ok()
        .and_then(|since| u64::try_from(since.as_nanos()).ok())
        .unwrap_or(0)
}

/// The task that sends.
struct Exporter {
    endpoint: String,
    authorization: Option<config::Secret>,
    interval: Duration,
    resource: serde_json::Value,
    guard: Guard,
}

impl Exporter {
    async fn run(self, mut messages: mpsc::Receiver<Message>, inner: std::sync::Weak<Inner>) {
        let mut waiting: Vec<Box<Spans>> = Vec::new();
        let mut tick = tokio::time::interval(self.interval);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let mut told = None;
            let send = tokio::select! {
                message = messages.recv() => match message {
                    None => return,
                    Some(Message::Spans(spans)) => {
                        waiting.push(spans);
                        waiting.len() >= TOGETHER
                    }
                    Some(Message::Flush(done)) => {
                        told = Some(done);
                        true
                    }
                },
                _ = tick.tick() => true,
            };
            if send && !waiting.is_empty() {
                let body = otlp::request(&self.resource, &waiting).to_string();
                let taken = self.send(&body).await;
                if let Some(inner) = inner.upgrade() {
                    let count: fn(&Counts) -> &AtomicU64 = if taken {
                        |counts| &counts.exported
                    } else {
                        |counts| &counts.dropped
                    };
                    Traces(inner).count(count, waiting.len());
                }
                waiting.clear();
            }
            if let Some(done) = told {
                // Whoever waited may have given up.
                let _gone = done.send(());
            }
        }
    }

    async fn send(&self, body: &str) -> bool {
        let request = PostRequest {
            url: &self.endpoint,
            content_type: "application/json",
            authorization: self.authorization.as_ref().map(config::Secret::expose),
            headers: &[],
            body,
            timeout: TIMEOUT,
        };
        match self.guard.post(request).await {
            Ok(200..=299) => true,
            Ok(status) => {
                tracing::debug!(status, "the collector refused spans");
                false
            }
            Err(error) => {
                tracing::debug!(%error, "the collector cannot be reached");
                false
            }
        }
    }
}

/// So many requests may wait to be sent; more are dropped.
const WAITING: usize = 4096;
/// So many are sent at once.
const TOGETHER: usize = 256;
const MOST_PARTS: usize = 64;
const MOST_ATTRIBUTES: usize = 16;
const TIMEOUT: Duration = Duration::from_secs(3);
