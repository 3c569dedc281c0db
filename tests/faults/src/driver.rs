//! Workers that use the server as people and clients do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use hallpass_load::browser::{Browser, User};
use hallpass_load::http::Authority;
use tokio::task::JoinHandle;

use crate::Failed;
use crate::caller::{Caller, Place};
use crate::history::{Deed, History, Outcome};
use crate::server::random_below;

/// Which nodes are in service, as a balancer in front of them knows it.
#[derive(Clone, Debug)]
pub(crate) struct Rota(Arc<[Seat]>);

#[derive(Debug)]
struct Seat {
    open: AtomicBool,
    /// Workers that are in the middle of something with it.
    in_use: AtomicU32,
    /// Rises when another process takes the place.
    process: AtomicU32,
}

impl Rota {
    fn of(nodes: usize) -> Self {
        let seat = || Seat {
            open: AtomicBool::new(true),
            in_use: AtomicU32::new(0),
            process: AtomicU32::new(0),
        };
        Self(std::iter::repeat_with(seat).take(nodes).collect())
    }

    /// Sends nobody there any more, and waits until everybody who is there has their answer.
    pub(crate) async fn take_out(&self, node: usize) {
        let Some(seat) = self.0.get(node) else { return };
        seat.open.store(false, Ordering::SeqCst);
        while seat.in_use.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Another process is there.
    pub(crate) fn put_in(&self, node: usize) {
        let Some(seat) = self.0.get(node) else { return };
        seat.process.fetch_add(1, Ordering::SeqCst);
        seat.open.store(true, Ordering::SeqCst);
    }

    /// Takes a place at any node that is in service; the number of the process there.
    fn enter(&self) -> Option<(usize, u32)> {
        let number = u64::try_from(self.0.len()).unwrap_or(1);
        for _ in 0..TRIES {
            let at = usize::try_from(random_below(number)).unwrap_or_default();
            let seat = self.0.get(at)?;
            // Whoever closes the seat looks at this afterwards.
            seat.in_use.fetch_add(1, Ordering::SeqCst);
            if seat.open.load(Ordering::SeqCst) {
                return Some((at, seat.process.load(Ordering::SeqCst)));
            }
            seat.in_use.fetch_sub(1, Ordering::SeqCst);
        }
        None
    }

    fn leave(&self, at: usize) {
        if let Some(seat) = self.0.get(at) {
            seat.in_use.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

const TRIES: u32 = 100;

/// Workers under way.
#[derive(Debug)]
pub struct Load {
    pub(crate) rota: Rota,
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Worker>>,
}

/// Workers that rest: signed in, with tokens that they may go on with.
#[derive(Debug)]
pub struct Workers {
    all: Vec<Worker>,
    rota: Rota,
}

impl Workers {
    /// Signs in that many browsers.
    ///
    /// # Errors
    /// One of them cannot sign in.
    pub(crate) async fn sign_in(
        places: &[Place],
        history: &History,
        number: u32,
    ) -> Result<Self, Failed> {
        let mut all = Vec::new();
        let rota = Rota::of(places.len());
        for actor in 0..number {
            all.push(Worker::new(places, history, actor, rota.clone()).await?);
        }
        Ok(Self { all, rota })
    }

    /// Lets them work until they are stopped.
    #[must_use]
    pub fn start(self) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let run = |worker: Worker| tokio::spawn(worker.run(Arc::clone(&stop)));
        let tasks = self.all.into_iter().map(run).collect();
        Load {
            rota: self.rota,
            stop,
            tasks,
        }
    }
}

impl Load {
    /// Lets each finish what it does, and waits for all.
    ///
    /// # Errors
    /// One of them panicked.
    pub async fn stop(self) -> Result<Workers, Failed> {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Vec::new();
        for task in self.tasks {
            let worker = task.await.map_err(|error| Failed::new(error.to_string()))?;
            all.push(worker);
        }
        Ok(Workers {
            all,
            rota: self.rota,
        })
    }
}

/// The clients at one node.
#[derive(Debug)]
struct Node {
    authority: Authority,
    confidential: Caller,
    public: Caller,
    /// The process that the connections lead to.
    process: u32,
}

impl Node {
    fn new(place: &Place) -> Result<Self, Failed> {
        Ok(Self {
            authority: place.node.clone(),
            confidential: Caller::new(place, place.confidential()?)?,
            public: Caller::new(place, place.public()?)?,
            process: 0,
        })
    }

    fn reconnect(&mut self, process: u32) {
        self.process = process;
        self.confidential.reset();
        self.public.reset();
    }
}

#[derive(Debug)]
struct Worker {
    actor: u32,
    history: History,
    user: User,
    browser: Browser,
    nodes: Vec<Node>,
    rota: Rota,
    /// The node in use now; another one with each round.
    at: usize,
    /// The refresh token that goes on, and the access token beside it.
    family: Option<(String, String)>,
    rounds: u32,
}

impl Worker {
    async fn new(
        places: &[Place],
        history: &History,
        actor: u32,
        rota: Rota,
    ) -> Result<Self, Failed> {
        let nodes: Vec<Node> = places.iter().map(Node::new).collect::<Result<_, _>>()?;
        let place = places.first().ok_or_else(|| Failed::new("no node"))?;
        let mut worker = Self {
            actor,
            history: history.clone(),
            user: place.demo.user.clone(),
            browser: place.browser()?,
            nodes,
            rota,
            at: 0,
            family: None,
            rounds: 0,
        };
        worker.new_family().await;
        match worker.family {
            Some(_) => Ok(worker),
            None => Err(Failed::new("a worker cannot sign in")),
        }
    }

    async fn run(mut self, stop: Arc<AtomicBool>) -> Self {
        while !stop.load(Ordering::SeqCst) {
            if !self.round().await {
                // Nobody is there; a client would not ask again at once either.
                tokio::time::sleep(PAUSE).await;
            }
        }
        self
    }

    #[expect(clippy::indexing_slicing, reason = "it is below the number of nodes")]
    fn node(&mut self) -> &mut Node {
        &mut self.nodes[self.at]
    }

    /// One thing after another, so that all kinds are under way at any moment; whether the server answered.
    async fn round(&mut self) -> bool {
        let Some((at, process)) = self.rota.enter() else {
            return false;
        };
        self.rounds = self.rounds.wrapping_add(1);
        self.at = at;
        if self.node().process != process {
            self.node().reconnect(process);
        }
        if self.nodes.len() > 1 {
            let server = self.node().authority.clone();
            self.browser.go_through(server);
        }
        let answered = self.deed().await;
        self.rota.leave(at);
        answered
    }

    async fn deed(&mut self) -> bool {
        match (self.rounds.wrapping_add(self.actor)) % 8 {
            0 | 4 => self.code_flow().await,
            2 => self.introspect().await,
            7 if random_below(4) == 0 => self.revoke().await,
            _ => self.refresh().await,
        }
    }

    async fn code_flow(&mut self) -> bool {
        let Some(code) = self.authorize(false).await else {
            return false;
        };
        // Some codes are left for the audit.
        if random_below(6) == 0 {
            return true;
        }
        let asked = self.history.now_us();
        let (outcome, tokens) = self.node().confidential.exchange(&code).await;
        let deed = Deed::Exchange { code, tokens };
        self.history.add(self.actor, asked, deed, outcome);
        outcome != Outcome::Unknown
    }

    async fn new_family(&mut self) -> bool {
        let Some(code) = self.authorize(true).await else {
            return false;
        };
        let asked = self.history.now_us();
        let (outcome, tokens) = self.node().public.exchange(&code).await;
        self.family = tokens
            .clone()
            .and_then(|tokens| Some((tokens.refresh?, tokens.access)));
        let deed = Deed::Exchange { code, tokens };
        self.history.add(self.actor, asked, deed, outcome);
        outcome != Outcome::Unknown
    }

    async fn authorize(&mut self, offline: bool) -> Option<String> {
        let asked = self.history.now_us();
        let node = self.nodes.get(self.at)?;
        let (caller, scope) = if offline {
            (&node.public, "openid offline_access")
        } else {
            (&node.confidential, "openid")
        };
        let (outcome, code) = caller.code(&mut self.browser, &self.user, scope).await;
        let deed = Deed::Authorize { code: code.clone() };
        self.history.add(self.actor, asked, deed, outcome);
        code
    }

    async fn refresh(&mut self) -> bool {
        let Some((parent, _)) = self.family.clone() else {
            return self.new_family().await;
        };
        let asked = self.history.now_us();
        let (outcome, tokens) = self.node().public.refresh(&parent).await;
        match (outcome, &tokens) {
            (Outcome::Ok, Some(tokens)) => {
                let next = tokens.refresh.clone().unwrap_or_else(|| parent.clone());
                self.family = Some((next, tokens.access.clone()));
            }
            // It is over; a new one begins. Without an answer the parent is sent again.
            (Outcome::Refused, _) => self.family = None,
            (Outcome::Ok | Outcome::Unavailable | Outcome::Unknown, _) => {}
        }
        let deed = Deed::Refresh { parent, tokens };
        self.history.add(self.actor, asked, deed, outcome);
        outcome != Outcome::Unknown
    }

    async fn introspect(&mut self) -> bool {
        let Some((_, token)) = self.family.clone() else {
            return true;
        };
        let asked = self.history.now_us();
        let (outcome, active) = self.node().confidential.introspect(&token).await;
        let deed = Deed::Introspect { token, active };
        self.history.add(self.actor, asked, deed, outcome);
        outcome != Outcome::Unknown
    }

    async fn revoke(&mut self) -> bool {
        let Some((token, _)) = self.family.take() else {
            return true;
        };
        let asked = self.history.now_us();
        let outcome = self.node().public.revoke(&token).await;
        let deed = Deed::Revoke { token };
        self.history.add(self.actor, asked, deed, outcome);
        outcome != Outcome::Unknown
    }
}

const PAUSE: std::time::Duration = std::time::Duration::from_millis(20);
