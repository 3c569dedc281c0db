//! Connections that mend themselves.

use std::{
    collections::{HashMap, hash_map::RandomState},
    future::poll_fn,
    hash::{BuildHasher as _, Hasher as _},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{OnceCell, mpsc},
    time::{Instant, sleep, timeout},
};
use tokio_postgres::{AsyncMessage, Client, Notification, Statement};

use crate::{
    failure::{Failure, describe},
    options::{Address, Options},
    places::{self, Place},
    stats::Stats,
    tls::Connector,
};

/// Where it goes what a database tells by itself.
pub(crate) type Told = mpsc::Sender<Notification>;

/// How to make connections.
#[derive(Debug)]
pub(crate) struct Dialer {
    address: Address,
    /// Where it may be, in the order in which it is looked for.
    places: Vec<Place>,
    /// Where it was the last time.
    good: Mutex<Option<Place>>,
    connector: Connector,
    pub(crate) options: Options,
    pub(crate) stats: Arc<Stats>,
}

impl Dialer {
    pub(crate) fn new(
        mut address: Address,
        options: Options,
        stats: Arc<Stats>,
    ) -> Result<Self, String> {
        let connector = Connector::new(&address.tls)?;
        address
            .config
            .connect_timeout(options.connect_timeout)
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(3);
        #[cfg(target_os = "linux")]
        address
            .config
            .tcp_user_timeout(options.statement_timeout.saturating_mul(2));
        let places = places::written(&address.config)
            .ok_or("the numbers of hosts, addresses and ports do not fit")?;
        Ok(Self {
            address,
            places,
            good: Mutex::default(),
            connector,
            options,
            stats,
        })
    }

    /// A connection to the first place that has a database that can be written. The place of the last time comes first.
    /// Each has the time that connecting may take, since one may drop what is sent to it.
    pub(crate) async fn dial(&self) -> Result<Link, Failure> {
        self.dial_for(None).await
    }

    /// The same; what the database tells on that connection by itself is passed on, until the connection ends.
    pub(crate) async fn dial_for(&self, told: Option<Told>) -> Result<Link, Failure> {
        let mut failed = Vec::new();
        for place in self.found().await {
            match self.dial_at(&place, told.clone()).await {
                Ok(link) => {
                    self.stats.connects.fetch_add(1, Relaxed);
                    *self.good() = Some(place);
                    return Ok(link);
                }
                Err(text) => failed.push(format!("{place}: {text}")),
            }
        }
        self.stats.connect_failures.fetch_add(1, Relaxed);
        Err(Failure::Lost(match &*failed {
            [] => "no host has an address".to_owned(),
            failed => failed.join("; "),
        }))
    }

    /// Every address of every host, that of the last time first if it is among them.
    async fn found(&self) -> Vec<Place> {
        let mut found: Vec<Place> = Vec::new();
        for written in &self.places {
            match timeout(self.options.connect_timeout, written.resolved()).await {
                Ok(Ok(places)) => found.extend(places),
                Ok(Err(error)) => tracing::debug!(%error, "{written} has no address"),
                Err(_) => tracing::debug!("the address of {written} is not found in time"),
            }
        }
        let good = self.good();
        // Stable: the others stay in their order.
        found.sort_by_key(|place| Some(place) != good.as_ref());
        found
    }

    async fn dial_at(&self, place: &Place, told: Option<Told>) -> Result<Link, String> {
        let config = place.alone(&self.address.config);
        let connecting = async {
            let (client, mut connection) = config.connect(self.connector.clone()).await?;
            tokio::spawn(async move {
                loop {
                    match poll_fn(|context| connection.poll_message(context)).await {
                        Some(Ok(AsyncMessage::Notification(said))) => {
                            if let Some(told) = &told {
                                // Nobody is there any more, or everybody has enough.
                                drop(told.try_send(said));
                            }
                        }
                        Some(Ok(_)) => {}
                        Some(Err(error)) => {
                            let error = describe(&error);
                            tracing::debug!(error, "store.connection_ended: PostgreSQL");
                            break;
                        }
                        None => break,
                    }
                }
            });
            client
                .query(SETTINGS, &[&self.names(), &self.values()])
                .await?;
            Ok::<_, tokio_postgres::Error>(client)
        };
        let client = match timeout(self.options.connect_timeout, connecting).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(describe(&error)),
            Err(_) => return Err("connecting takes too long".to_owned()),
        };
        Ok(Link {
            client,
            statements: Mutex::default(),
            spoiled: AtomicBool::new(false),
        })
    }

    fn good(&self) -> std::sync::MutexGuard<'_, Option<Place>> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self) -> Vec<&'static str> {
        SET.iter().map(|(name, _)| *name).chain(TIMEOUTS).collect()
    }

    fn values(&self) -> Vec<String> {
        let timeout = self.options.statement_timeout.as_millis().to_string();
        let fixed = SET.iter().map(|(_, value)| (*value).to_owned());
        fixed
            .chain([timeout.clone(), timeout, quoted(&self.options.schema)])
            .collect()
    }
}

/// Plans are made once and are searches by key: a plan from a day on which the table was small must not be a scan on a
/// day on which it is not. Where the database knows no such setting it is left out.
const SET: &[(&str, &str)] = &[
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
    ("default_transaction_isolation", "read committed"),
];
const TIMEOUTS: [&str; 3] = [
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "search_path",
];

/// What is acknowledged is durable, whatever the database's default says.
const SETTINGS: &str = "SELECT set_config(w.name, w.value, false)
    FROM (SELECT unnest($1::text[]) AS name, unnest($2::text[]) AS value) w
    WHERE w.name IN (SELECT name FROM pg_settings)
    UNION ALL
    SELECT set_config('synchronous_commit', 'on', false) FROM pg_settings
    WHERE name = 'synchronous_commit' AND setting = 'off'";

/// An identifier as SQL takes it, whatever is in it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// One connection with the statements that were prepared on it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) client: Client,
    statements: Mutex<HashMap<Arc<str>, Arc<OnceCell<Statement>>>>,
    spoiled: AtomicBool,
}

impl Link {
    /// Prepares a statement once.
    pub(crate) async fn prepared(&self, sql: &str) -> Result<Statement, Failure> {
        let cell = {
            let mut statements = self
                .statements
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(cell) = statements.get(sql) {
                cell.clone()
            } else {
                // The connection keeps a plan of each.
                if statements.len() >= MOST_STATEMENTS {
                    statements.clear();
                }
                let cell = Arc::new(OnceCell::new());
                statements.insert(sql.into(), Arc::clone(&cell));
                cell
            }
        };
        let statement = cell.get_or_try_init(|| self.client.prepare(sql)).await?;
        Ok(statement.clone())
    }

    pub(crate) fn spoil(&self) {
        self.spoiled.store(true, Relaxed);
    }

    fn usable(&self) -> bool {
        !self.spoiled.load(Relaxed) && !self.client.is_closed()
    }
}

const MOST_STATEMENTS: usize = 256;

/// A place for a connection that is made when it is needed, and made anew when it was lost.
#[derive(Debug)]
pub(crate) struct Slot {
    dialer: Arc<Dialer>,
    current: Mutex<Option<Arc<Link>>>,
    dialing: tokio::sync::Mutex<Pause>,
}

#[derive(Debug, Default)]
struct Pause {
    until: Option<Instant>,
    failures: u32,
    last: String,
}

impl Slot {
    pub(crate) fn new(dialer: Arc<Dialer>) -> Self {
        Self {
            dialer,
            current: Mutex::new(None),
            dialing: tokio::sync::Mutex::default(),
        }
    }

    /// The connection. After a failure no other try is made for a moment, so that those who ask get their answer at
    /// once and the database has air.
    pub(crate) async fn link(&self) -> Result<Arc<Link>, Failure> {
        if let Some(link) = self.current() {
            return Ok(link);
        }
        let mut pause = self.dialing.lock().await;
        if let Some(link) = self.current() {
            return Ok(link);
        }
        if pause.until.is_some_and(|until| Instant::now() < until) {
            return Err(Failure::Lost(pause.last.clone()));
        }
        match self.dialer.dial().await {
            Ok(link) => {
                *pause = Pause::default();
                let link = Arc::new(link);
                *self.slot() = Some(Arc::clone(&link));
                Ok(link)
            }
            Err(failure) => {
                pause.failures = pause.failures.saturating_add(1);
                let length = jittered(PAUSE, pause.failures.min(LONGEST));
                pause.until = Instant::now().checked_add(length);
                if let Failure::Lost(text) = &failure {
                    if pause.failures == 1 {
                        tracing::warn!(error = text, "store.unreachable: PostgreSQL");
                    }
                    pause.last.clone_from(text);
                }
                Err(failure)
            }
        }
    }

    /// The connection where there is one. Where there is none, one is made meanwhile.
    pub(crate) fn live(self: &Arc<Self>) -> Option<Arc<Link>> {
        let link = self.current();
        if link.is_none() && !self.is_dialing_or_paused() {
            let slot = Arc::clone(self);
            // Its failure is told to those who ask for this connection by name.
            tokio::spawn(async move { drop(slot.link().await) });
        }
        link
    }

    /// Whether there is no connection and none is tried for at the moment, since the last try failed.
    pub(crate) fn is_paused(&self) -> bool {
        let paused = |pause: &Pause| pause.until.is_some_and(|until| Instant::now() < until);
        self.dialing.try_lock().is_ok_and(|pause| paused(&pause)) && self.current().is_none()
    }

    fn is_dialing_or_paused(&self) -> bool {
        match self.dialing.try_lock() {
            Ok(pause) => pause.until.is_some_and(|until| Instant::now() < until),
            Err(_) => true,
        }
    }

    pub(crate) fn current(&self) -> Option<Arc<Link>> {
        let mut slot = self.slot();
        if slot.as_ref().is_some_and(|link| !link.usable()) {
            *slot = None;
        }
        slot.clone()
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Arc<Link>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const PAUSE: Duration = Duration::from_millis(25);
/// After so many failures the pause grows no longer: 0.8 to 1.6 seconds.
const LONGEST: u32 = 6;

/// A length that doubles with every try, and is between half and all of that.
/// How often something was tried again that had given in to another transaction (40001, 40P01).
#[derive(Debug, Default)]
pub(crate) struct Tries(u32);

impl Tries {
    /// Whether it is tried once more: a bounded number of times, after a pause that grows.
    pub(crate) async fn again(&mut self, gave_in: bool, stats: &Stats) -> bool {
        if !gave_in || self.0 >= MOST_TRIES {
            return false;
        }
        stats.retries.fetch_add(1, Relaxed);
        sleep(jittered(RETRY, self.0)).await;
        self.0 = self.0.saturating_add(1);
        true
    }
}

const MOST_TRIES: u32 = 8;
const RETRY: Duration = Duration::from_millis(4);

pub(crate) fn jittered(base: Duration, tries: u32) -> Duration {
    let full = base.saturating_mul(2_u32.saturating_pow(tries));
    // A hasher's keys are random, and this needs no secret.
    let random = RandomState::new().build_hasher().finish();
    let half = full.checked_div(2).unwrap_or(full);
    let span = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
    half.saturating_add(Duration::from_micros(random.checked_rem(span).unwrap_or(0)))
}
