//! The connections that are open, and which of them have to go when there are too many.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// All open connections of a listener.
#[derive(Debug)]
pub struct OpenConnections {
    /// Times are counted from here, in milliseconds.
    start: Instant,
    most: usize,
    most_per_address: usize,
    table: Mutex<Table>,
    empty: Notify,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Arc<State>>,
    per_address: HashMap<IpAddr, usize>,
}

/// What is known about one connection.
#[derive(Debug)]
struct State {
    /// The address that it counts for, if its share is limited.
    address: Option<IpAddr>,
    /// Requests that are being worked on.
    busy: AtomicU32,
    /// When the last of them ended, or the connection began.
    idle_since: AtomicU64,
    /// What it was told last, as a [`Told`].
    told: AtomicU8,
    /// It was told something.
    notice: Notify,
    /// A body was not read to its end.
    body_left: AtomicBool,
}

/// How a connection was told to come to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// To make room: at once, if no request is being worked on.
    Leave,
    /// In an orderly way: the server ends.
    Finish,
}

/// One open connection. Counts as open until it is dropped.
#[derive(Debug)]
pub struct OpenConnection {
    all: Arc<OpenConnections>,
    id: u64,
    state: Arc<State>,
}

/// A request that is being worked on, until it is dropped.
#[derive(Debug)]
pub struct Busy {
    all: Arc<OpenConnections>,
    state: Arc<State>,
}

impl OpenConnections {
    /// None so far.
    #[must_use]
    pub fn new(most: usize, most_per_address: usize) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            most,
            most_per_address,
            table: Mutex::default(),
            empty: Notify::new(),
        })
    }

    /// Takes in a connection from an address; without one its share is not limited.
    ///
    /// Where there are too many, those that have been idle for longest are told to go. Nothing if the newcomer has to
    /// go itself, since all others are at work. The number tells how many were told to go.
    #[must_use]
    pub fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> (Option<OpenConnection>, usize) {
        let address = address.map(share);
        let mut table = self.table();
        let mut evicted = 0_usize;
        let open_here = address.and_then(|address| table.per_address.get(&address).copied());
        if open_here.unwrap_or(0) >= self.most_per_address {
            evicted = evict(&table, address, 1);
            if evicted == 0 || open_here.unwrap_or(0) >= with_slack(self.most_per_address) {
                return (None, evicted);
            }
        }
        if table.open.len() >= self.most {
            evicted = evict(&table, None, AT_ONCE);
            if evicted == 0 || table.open.len() >= with_slack(self.most) {
                return (None, evicted);
            }
        }
        let id = table.next;
        table.next = table.next.wrapping_add(1);
        let state = Arc::new(State {
            address,
            busy: AtomicU32::new(0),
            idle_since: AtomicU64::new(self.now()),
            told: AtomicU8::new(NOTHING),
            notice: Notify::new(),
            body_left: AtomicBool::new(false),
        });
        table.open.insert(id, Arc::clone(&state));
        if let Some(address) = address {
            let count = table.per_address.entry(address).or_insert(0);
            *count = count.saturating_add(1);
        }
        (
            Some(OpenConnection {
                all: Arc::clone(self),
                id,
                state,
            }),
            evicted,
        )
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.table().open.len()
    }

    /// Tells up to `most` idle connections to go, the longest idle first, and says how many there were.
    #[must_use]
    pub fn evict_idle(&self, most: usize) -> usize {
        evict(&self.table(), None, most)
    }

    /// Tells every connection to come to an end once its requests are done.
    pub fn close_all(&self) {
        for state in self.table().open.values() {
            state.tell(FINISH);
        }
    }

    /// Waits until none is open.
    pub async fn none_open(&self) {
        loop {
            let empty = self.empty.notified();
            if self.count() == 0 {
                return;
            }
            empty.await;
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl OpenConnection {
    /// Notes that a request is being worked on.
    #[must_use]
    pub fn busy(&self) -> Busy {
        self.state.busy.fetch_add(1, Ordering::Relaxed);
        Busy {
            all: Arc::clone(&self.all),
            state: Arc::clone(&self.state),
        }
    }

    /// Notes that a request's body was not read to its end.
    pub fn leave_body(&self) {
        self.state.body_left.store(true, Ordering::Relaxed);
    }

    /// Whether the body of a request was not read to its end.
    #[must_use]
    pub fn body_left(&self) -> bool {
        self.state.body_left.load(Ordering::Relaxed)
    }

    /// How long no request has been worked on. Nothing while there is one.
    #[must_use]
    pub fn idle(&self) -> Option<Duration> {
        let since = self.state.idle_since.load(Ordering::Relaxed);
        let idle = self.state.busy.load(Ordering::Relaxed) == 0;
        idle.then(|| Duration::from_millis(self.all.now().saturating_sub(since)))
    }

    /// Waits until the connection is told to come to an end.
    pub async fn told_to_close(&self) -> Told {
        self.state.notice.notified().await;
        if self.state.told.load(Ordering::Relaxed) == FINISH {
            Told::Finish
        } else {
            Told::Leave
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let mut table = self.all.table();
        table.open.remove(&self.id);
        if let Some(address) = self.state.address
            && let Some(count) = table.per_address.get_mut(&address)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                table.per_address.remove(&address);
            }
        }
        if table.open.is_empty() {
            self.all.empty.notify_waiters();
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.state
            .idle_since
            .store(self.all.now(), Ordering::Relaxed);
        self.state.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl State {
    fn tell(&self, what: u8) {
        self.told.store(what, Ordering::Relaxed);
        self.notice.notify_one();
    }
}

/// Tells the longest idle connections, of one address or of all, to go. Those that know already are passed over.
fn evict(table: &Table, address: Option<IpAddr>, most: usize) -> usize {
    let mut idle: Vec<(u64, &State)> = table
        .open
        .values()
        .filter(|state| address.is_none() || state.address == address)
        .filter(|state| state.told.load(Ordering::Relaxed) == NOTHING)
        .filter(|state| state.busy.load(Ordering::Relaxed) == 0)
        .map(|state| (state.idle_since.load(Ordering::Relaxed), &**state))
        .collect();
    if idle.len() > most {
        idle.select_nth_unstable_by_key(most, |(since, _)| *since);
        idle.truncate(most);
    }
    for (_, state) in &idle {
        state.tell(LEAVE);
    }
    idle.len()
}

/// What shares one limit: an IPv4 address, or the /64 of an IPv6 address, which is what one subscriber gets.
pub(crate) fn share(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Those told to go are still counted until they are gone, which does not take long.
fn with_slack(most: usize) -> usize {
    most.saturating_add(most.div_ceil(8).min(64))
}

const NOTHING: u8 = 0;
const LEAVE: u8 = 1;
const FINISH: u8 = 2;

/// Looking for the longest idle means to look at all, so several go at once.
const AT_ONCE: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn told(connection: &OpenConnection) -> bool {
        use std::task::{Context, Poll, Waker};
        let mut told = std::pin::pin!(connection.told_to_close());
        let mut context = Context::from_waker(Waker::noop());
        told.as_mut().poll(&mut context) == Poll::Ready(Told::Leave)
    }

    #[test]
    fn past_the_limit_the_longest_idle_connection_goes() {
        let all = OpenConnections::new(100, 2);
        let (first, _) = all.admit(address("192.0.2.1"));
        let (second, _) = all.admit(address("192.0.2.1"));
        let (first, second) = (first.unwrap(), second.unwrap());
        first.state.idle_since.store(5, Ordering::Relaxed);
        second.state.idle_since.store(4, Ordering::Relaxed);
        let (third, evicted) = all.admit(address("192.0.2.1"));
        assert!(third.is_some() && evicted == 1);
        assert!(told(&second) && !told(&first));
        assert_eq!(all.count(), 3);
    }

    #[test]
    fn a_connection_at_work_is_never_told_to_go() {
        let all = OpenConnections::new(2, 100);
        let (first, _) = all.admit(address("192.0.2.1"));
        let (second, _) = all.admit(address("192.0.2.2"));
        let (first, second) = (first.unwrap(), second.unwrap());
        let busy = (first.busy(), second.busy());
        assert!(all.admit(address("192.0.2.3")).0.is_none());
        assert_eq!(first.idle(), None);
        drop(busy);
        assert!(first.idle().is_some());
        assert!(all.admit(address("192.0.2.3")).0.is_some());
    }

    #[test]
    fn newcomers_are_shed_while_those_told_to_go_are_still_there() {
        let all = OpenConnections::new(8, 100);
        let kept: Vec<_> = (0..40).map(|_| all.admit(None).0).collect();
        assert_eq!(kept.iter().flatten().count(), with_slack(8));
    }

    #[test]
    fn a_64_of_ipv6_is_one_address() {
        let all = OpenConnections::new(1000, 1);
        let (first, _) = all.admit(address("2001:db8::1"));
        let first = first.unwrap();
        let (other, evicted) = all.admit(address("2001:db8:0:1::1"));
        assert!(other.is_some() && evicted == 0);
        let (same, evicted) = all.admit(address("2001:db8::2"));
        assert!(same.is_some() && evicted == 1 && told(&first));
    }

    #[test]
    fn a_closed_connection_leaves_nothing_behind() {
        let all = OpenConnections::new(10, 10);
        drop(all.admit(address("192.0.2.1")));
        let table = all.table();
        assert!(table.open.is_empty() && table.per_address.is_empty());
    }
}
