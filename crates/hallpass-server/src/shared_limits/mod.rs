//! Limits that several processes count together, with the help of Redis.
//!
//! Every process counts for itself, always, and that count alone already bounds what one address may do here. What it counts
//! is told to Redis a few times in a second, beside the requests, and Redis answers what all have counted. So a request
//! never waits for Redis. While it is away, was emptied, or tells less than is true, each process goes by its own count
//! again; while it tells more, an address is turned away until the window ends. It decides about nothing else.

mod redis;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_accounts::throttle::Elsewhere;
use hallpass_types::{IssuerId, sha256};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use zeroize::Zeroizing;

pub use redis::Address;
use redis::{Connection, Reply};

use crate::listen::share;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Failed sign-ins.
    SignIn,
    /// Failed client authentications.
    ClientAuthentication,
    /// Registrations of clients.
    Registration,
    /// Tokens that nobody has handed out.
    WrongToken,
    /// Clients that are none, named by people's browsers.
    WrongClient,
    /// What pages of other sites make people's browsers do.
    OfPage,
}

impl What {
    const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::ClientAuthentication => "client",
            Self::Registration => "register",
            Self::WrongToken => "token",
            Self::WrongClient => "named",
            Self::OfPage => "page",
        }
    }
}

/// What other processes have counted, as far as it is known here.
#[derive(Clone, Debug)]
pub struct SharedLimits(Arc<Inner>);

struct Inner {
    counts: Mutex<HashMap<Key, Count>>,
    /// Addresses of people do not lie in Redis, and other installations count elsewhere there.
    key: Zeroizing<[u8; 32]>,
    connected: AtomicBool,
    failures: AtomicU64,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("connected", &self.connected)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    what: What,
    issuer: IssuerId,
    address: IpAddr,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    /// Counted here and not told yet; less than zero where more was given back.
    untold: i64,
    /// What all had counted when that was last told here.
    total: i64,
    until: Instant,
    window: Duration,
    changed: Instant,
}

impl Count {
    /// Until the window of all has ended, and that of what was counted here.
    fn is_needed(&self, now: Instant) -> bool {
        self.until > now || now.saturating_duration_since(self.changed) < self.window
    }
}

impl SharedLimits {
    /// Counts under this key, which all processes have alike.
    #[must_use]
    pub fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(Arc::new(Inner {
            counts: Mutex::default(),
            key,
            connected: AtomicBool::new(false),
            failures: AtomicU64::new(0),
        }))
    }

    /// How long an address has to wait by what all have counted.
    #[must_use]
    pub fn wait(
        &self,
        what: What,
        issuer: IssuerId,
        address: IpAddr,
        most: usize,
    ) -> Option<Duration> {
        let key = Key {
            what,
            issuer,
            address: share(address),
        };
        let counts = self.counts();
        let count = counts.get(&key)?;
        let rest = count.until.checked_duration_since(Instant::now())?;
        let all = count.total.saturating_add(count.untold);
        let reached = usize::try_from(all).is_ok_and(|all| all >= most);
        (reached && !rest.is_zero()).then_some(rest)
    }

    /// Something was counted here, or given back.
    pub fn change(
        &self,
        what: What,
        issuer: IssuerId,
        address: IpAddr,
        (window, by): (Duration, i64),
    ) {
        let key = Key {
            what,
            issuer,
            address: share(address),
        };
        let now = Instant::now();
        let mut counts = self.counts();
        // What has no room here is counted by the process alone, until others have left at the next turn.
        if counts.len() >= MOST && !counts.contains_key(&key) {
            return;
        }
        let count = counts.entry(key).or_insert(Count {
            untold: 0,
            total: 0,
            until: now,
            window,
            changed: now,
        });
        count.untold = count.untold.saturating_add(by);
        count.window = window;
        count.changed = now;
    }

    /// Whether Redis answers.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.connected.load(Ordering::Relaxed)
    }

    /// How often it did not.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    /// Tells and asks, for ever.
    pub async fn run(self, address: Arc<Address>) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut connection: Option<Connection> = None;
        let mut pause = PAUSE;
        loop {
            ticks.tick().await;
            self.forget();
            let told = match timeout(PATIENCE, self.turn(&address, &mut connection)).await {
                Ok(told) => told,
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer")),
            };
            match told {
                Ok(()) => {
                    pause = PAUSE;
                    if !self.0.connected.swap(true, Ordering::Relaxed) {
                        tracing::info!("limits are counted together");
                    }
                }
                Err(error) => {
                    connection = None;
                    self.0.failures.fetch_add(1, Ordering::Relaxed);
                    // Once, not all the time.
                    if self.0.connected.swap(false, Ordering::Relaxed) || pause == PAUSE {
                        tracing::warn!(%error, "Redis does not answer: every process counts for itself");
                    }
                    sleep(pause).await;
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn turn(&self, address: &Address, connection: &mut Option<Connection>) -> io::Result<()> {
        let mut open = match connection.take() {
            Some(open) => open,
            None => Connection::open(address).await?,
        };
        loop {
            let changes = self.take();
            let last = changes.len() < AT_ONCE;
            self.tell(&mut open, &changes).await?;
            if last {
                *connection = Some(open);
                return Ok(());
            }
        }
    }

    /// Makes room.
    fn forget(&self) {
        let now = Instant::now();
        self.counts().retain(|_, count| count.is_needed(now));
    }

    /// What is to be told. It counts as told whatever comes of that: what was told and not answered is not told twice.
    fn take(&self) -> Vec<(Key, Count)> {
        let mut counts = self.counts();
        let untold = counts.iter_mut().filter(|(_, count)| count.untold != 0);
        untold
            .take(AT_ONCE)
            .map(|(key, count)| {
                let taken = *count;
                count.total = count.total.saturating_add(count.untold);
                count.untold = 0;
                (*key, taken)
            })
            .collect()
    }

    async fn tell(&self, open: &mut Connection, changes: &[(Key, Count)]) -> io::Result<()> {
        let texts: Vec<[Vec<u8>; 3]> = changes
            .iter()
            .map(|(key, count)| {
                let window = count.window.as_millis().max(1).to_string();
                [
                    self.name(*key).into_bytes(),
                    count.untold.to_string().into_bytes(),
                    window.into_bytes(),
                ]
            })
            .collect();
        let mut commands: Vec<Vec<&[u8]>> = Vec::new();
        for [name, by, window] in &texts {
            commands.push(vec![b"SET", name, b"0", b"PX", window, b"NX"]);
            commands.push(vec![b"INCRBY", name, by]);
            commands.push(vec![b"PTTL", name]);
        }
        if commands.is_empty() {
            commands.push(vec![b"PING"]);
        }
        let replies = open.ask(&commands).await?;
        let mut endless: Vec<Vec<&[u8]>> = Vec::new();
        for ((key, _), (three, [name, _, window])) in
            changes.iter().zip(replies.chunks(3).zip(&texts))
        {
            match three {
                [_, Reply::Number(total), Reply::Number(rest)] => {
                    let rest = u64::try_from(*rest).ok();
                    if rest.is_none() {
                        // It ended between the first command and the second.
                        endless.push(vec![b"PEXPIRE", name, window]);
                    }
                    self.learn(*key, *total, rest.map(Duration::from_millis));
                }
                [.., Reply::Error(error), _] | [.., Reply::Error(error)] => {
                    // No memory, or read-only.
                    return Err(io::Error::other(error.clone()));
                }
                _ => return Err(io::Error::other("an answer to something else")),
            }
        }
        if !endless.is_empty() {
            open.ask(&endless).await?;
        }
        Ok(())
    }

    fn learn(&self, key: Key, total: i64, rest: Option<Duration>) {
        let now = Instant::now();
        if let Some(count) = self.counts().get_mut(&key) {
            count.total = total;
            // Whatever it says, nobody waits for longer than the window.
            let rest = rest.unwrap_or_default().min(count.window);
            count.until = now.checked_add(rest).unwrap_or(now);
        }
    }

    fn name(&self, key: Key) -> String {
        let Key {
            what,
            issuer,
            address,
        } = key;
        let text = format!("{}/{}/{address}", what.name(), issuer.0);
        let mut secret = Zeroizing::new(self.0.key.to_vec());
        secret.extend_from_slice(text.as_bytes());
        let digest = sha256(&secret);
        let short = digest.get(..16).unwrap_or(&digest);
        format!("hallpass:limit:{}", hallpass_jose::base64url::encode(short))
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Key, Count>> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Elsewhere for SharedLimits {
    fn wait(&self, issuer: IssuerId, network: IpAddr, most: usize) -> Option<i64> {
        let wait = self.wait(What::SignIn, issuer, network, most)?;
        i64::try_from(wait.as_secs().saturating_add(1)).ok()
    }

    fn changed(&self, issuer: IssuerId, network: IpAddr, window: i64, by: i64) {
        let window = Duration::from_secs(u64::try_from(window).unwrap_or_default());
        self.change(What::SignIn, issuer, network, (window, by));
    }
}

/// So much later than here a count is seen elsewhere, about.
const EVERY: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Changes told together.
const AT_ONCE: usize = 1000;
const MOST: usize = 65_536;

#[cfg(test)]
mod tests;
