//! Whoever behaves.

use std::time::{Duration, Instant};

use hallpass_load::browser::Browser;

use crate::Failed;
use crate::caller::{Caller, Place};
use crate::history::Outcome;
use crate::server::Demo;

/// A person and a client that do what such do, at a modest pace.
#[derive(Debug)]
pub(crate) struct Golden {
    place: Place,
    browser: Browser,
    public: Caller,
    refresh: String,
    rounds: u32,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    pub(crate) done: u32,
    pub(crate) failed: u32,
    /// Those that were told to come back later, and did so once. That time counts in what they took.
    pub(crate) came_back: u32,
    pub(crate) last: String,
    took: Vec<Duration>,
}

impl Watched {
    /// 99 of 100 took no longer.
    pub(crate) fn p99(&self) -> Duration {
        let mut took = self.took.clone();
        took.sort();
        let at = took
            .len()
            .saturating_mul(99)
            .checked_div(100)
            .unwrap_or_default();
        took.get(at.min(took.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.done = self.done.saturating_add(other.done);
        self.failed = self.failed.saturating_add(other.failed);
        self.came_back = self.came_back.saturating_add(other.came_back);
        if other.failed > 0 {
            self.last = other.last;
        }
        self.took.extend(other.took);
    }

    pub(crate) fn note(&mut self, outcome: Outcome, took: Duration, what: &str) {
        if outcome == Outcome::Ok {
            self.done = self.done.saturating_add(1);
            self.took.push(took);
        } else {
            self.failed = self.failed.saturating_add(1);
            self.last = format!("{what}: {outcome:?}");
        }
    }
}

impl Golden {
    pub(crate) async fn new(demo: &Demo) -> Result<Self, Failed> {
        let place = Place::of(demo).await?;
        let mut golden = Self {
            browser: place.browser()?,
            public: Caller::new(&place, place.public()?)?,
            place,
            refresh: String::new(),
            rounds: 0,
        };
        let user = golden.place.demo.user.clone();
        let scope = "openid offline_access";
        let (_, code) = golden.public.code(&mut golden.browser, &user, scope).await;
        let code = code.ok_or_else(|| Failed::new("the golden client gets no code"))?;
        let (_, tokens) = golden.public.exchange(&code).await;
        golden.refresh = tokens
            .and_then(|tokens| tokens.refresh)
            .ok_or_else(|| Failed::new("the golden client gets no tokens"))?;
        Ok(golden)
    }

    /// Makes new connections: nobody has used these for minutes, and a server closes such.
    pub(crate) fn reconnect(&mut self) {
        self.browser.reconnect();
        self.public.reset();
    }

    /// Goes on for that long.
    pub(crate) async fn watch(&mut self, time: Duration) -> Watched {
        let mut watched = Watched::default();
        let began = Instant::now();
        while began.elapsed() < time {
            self.round(&mut watched).await;
            tokio::time::sleep(PAUSE).await;
        }
        watched
    }

    async fn round(&mut self, watched: &mut Watched) {
        self.rounds = self.rounds.wrapping_add(1);
        let began = Instant::now();
        let (mut outcome, mut tokens) = self.public.refresh(&self.refresh).await;
        if self.comes_back(outcome, watched).await {
            (outcome, tokens) = self.public.refresh(&self.refresh).await;
        }
        watched.note(outcome, began.elapsed(), "refresh");
        let Some(tokens) = tokens else { return };
        self.refresh = tokens.refresh.unwrap_or_default();
        let began = Instant::now();
        let (mut outcome, mut active) = self.public.introspect(&tokens.access).await;
        if self.comes_back(outcome, watched).await {
            (outcome, active) = self.public.introspect(&tokens.access).await;
        }
        let outcome = if active == Some(true) {
            outcome
        } else {
            Outcome::Refused
        };
        watched.note(outcome, began.elapsed(), "introspection");
        if self.rounds.is_multiple_of(5) {
            let user = self.place.demo.user.clone();
            let began = Instant::now();
            let (mut outcome, code) = self.public.code(&mut self.browser, &user, "openid").await;
            if let Some(code) = code {
                outcome = self.public.exchange(&code).await.0;
                if self.comes_back(outcome, watched).await {
                    outcome = self.public.exchange(&code).await.0;
                }
            }
            watched.note(outcome, began.elapsed(), "code flow");
        }
    }

    /// Whoever is told to come back later does so, as a client that behaves.
    async fn comes_back(&self, outcome: Outcome, watched: &mut Watched) -> bool {
        match self.public.retry_after() {
            Some(wait) if outcome == Outcome::Unavailable => {
                watched.came_back = watched.came_back.saturating_add(1);
                tokio::time::sleep(wait).await;
                true
            }
            Some(_) | None => false,
        }
    }
}

const PAUSE: Duration = Duration::from_millis(40);
