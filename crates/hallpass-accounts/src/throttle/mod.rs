//! Limits on sign-in attempts: failures per account and per network within a window.
//!
//! An attempt is counted *before* its password is hashed and given back when it turns out right, so that a burst in
//! parallel cannot try more passwords than one after the other. Everything is in memory and bounded; nothing is
//! written for somebody who has not signed in. Other ways to sign in and live sessions never come here.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hallpass_types::{IssuerId, Subject, Timestamp};

/// How much is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failures per account within the window.
    pub per_account: usize,
    /// Failures per network (IPv4 address, IPv6 /64) within the window. All networks of a site (IPv6 /48) together may fail 16 times
    /// as often.
    pub per_network: usize,
    /// Length of the window in seconds: the longest time that a lock lasts.
    pub window: i64,
    /// Accounts and networks that are remembered at most, each.
    pub remembered: usize,
}

impl Default for Limits {
    /// 10 per account and 100 per network in 15 minutes.
    fn default() -> Self {
        Self {
            per_account: 10,
            per_network: 100,
            window: 900,
            remembered: 131_072,
        }
    }
}

/// Whose password is tried. Both behave the same, so that a lock does not tell whether the account exists.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// An account, whichever of its names was typed.
    Account(&'a Subject),
    /// An account in a browser where it was signed in to before, by the name of that browser. It is counted for itself.
    Browser(&'a Subject, &'a [u8; 16]),
    /// A name that belongs to nobody, in the form in which names are compared.
    Nobody(&'a str),
}

/// Too many failures; nothing was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// Seconds until one more attempt is allowed.
    pub retry_after: u32,
}

/// What other processes have counted of a network. It is asked in the middle of a request and answers at once, from what it
/// knows; where it knows nothing, the count of this process decides alone.
pub trait Elsewhere: std::fmt::Debug + Send + Sync {
    /// Seconds until one more attempt of the network is allowed, when all processes together have counted so many.
    fn wait(&self, issuer: IssuerId, network: IpAddr, most: usize) -> Option<i64>;

    /// Attempts were counted here, or given back where `by` is below zero. The window is in seconds.
    fn changed(&self, issuer: IssuerId, network: IpAddr, window: i64, by: i64);
}

/// Counts attempts.
#[derive(Debug)]
pub struct Throttle {
    limits: Limits,
    shared: Arc<Shared>,
    elsewhere: Option<Arc<dyn Elsewhere>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Keys make the tables' keys unpredictable; two of them give 128 bits, so that none collide.
    keys: [RandomState; 2],
    counts: Mutex<Counts>,
}

impl Throttle {
    /// Nobody has failed yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            shared: Arc::default(),
            elsewhere: None,
        }
    }

    /// Nobody has failed yet, and others count as before.
    pub(crate) fn anew(self, limits: Limits) -> Self {
        Self {
            limits,
            shared: Arc::default(),
            ..self
        }
    }

    /// Attempts of a network are counted by other processes, too.
    #[must_use]
    pub fn with_elsewhere(self, elsewhere: Option<Arc<dyn Elsewhere>>) -> Self {
        Self { elsewhere, ..self }
    }

    /// Other limits over the same counts. Issuers are counted apart, and what is remembered is bounded for all together.
    #[must_use]
    pub fn sharing(&self, limits: Limits) -> Self {
        Self {
            limits,
            shared: Arc::clone(&self.shared),
            elsewhere: self.elsewhere.clone(),
        }
    }

    /// Counts an attempt before it is made. It stays counted unless it is [given back](Attempt::give_back).
    ///
    /// # Errors
    /// [`Throttled`] when account or network have no attempt left. What others of the network did holds no known browser up: it has
    /// few attempts of its own, and came by signing in.
    pub fn attempt(
        &self,
        issuer: IssuerId,
        target: Target<'_>,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Attempt<'_>, Throttled> {
        let account = match target {
            Target::Account(subject) => self.key((issuer, 0, subject.as_str())),
            Target::Nobody(name) => self.key((issuer, 1, name)),
            Target::Browser(subject, name) => self.key((issuer, 3, subject.as_str(), name)),
        };
        let site = peer.and_then(site).map(|site| self.key((issuer, 4, site)));
        let peer = peer.map(network);
        let network = peer.map(|peer| self.key((issuer, 2, peer)));
        let Limits {
            per_account,
            per_network,
            window,
            remembered,
        } = self.limits;
        let since = now.plus(window.saturating_neg());

        let mut counts = self.lock();
        let account_wait = counts.accounts.wait(account, per_account, now, since);
        let network_wait = network.map_or(0, |network| {
            counts.networks.wait(network, per_network, now, since)
        });
        let elsewhere = self.elsewhere.as_deref().zip(peer);
        let elsewhere_wait = elsewhere
            .and_then(|(elsewhere, peer)| elsewhere.wait(issuer, peer, per_network))
            .unwrap_or_default();
        let per_site = per_network.saturating_mul(NETWORKS_OF_A_SITE);
        let site_wait = site.map_or(0, |site| counts.sites.wait(site, per_site, now, since));
        let others = match target {
            Target::Browser(_, _) => 0,
            Target::Account(_) | Target::Nobody(_) => {
                network_wait.max(site_wait).max(elsewhere_wait)
            }
        };
        let wait = account_wait.max(others);
        if wait > 0 {
            return Err(Throttled {
                retry_after: u32::try_from(wait).unwrap_or(u32::MAX),
            });
        }
        let count = counts.accounts.add(account, now, since, remembered);
        if let Some(network) = network {
            counts.networks.add(network, now, since, remembered);
        }
        if let Some(site) = site {
            counts.sites.add(site, now, since, remembered);
        }
        drop(counts);
        if let Some((elsewhere, peer)) = elsewhere {
            elsewhere.changed(issuer, peer, window, 1);
        }
        Ok(Attempt {
            throttle: self,
            account,
            network,
            site,
            peer: peer.map(|peer| (issuer, peer)),
            at: now,
            count,
        })
    }

    /// How much is allowed.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The number of accounts and of networks that are remembered now.
    pub fn remembered(&self) -> (usize, usize) {
        let counts = self.lock();
        (counts.accounts.0.len(), counts.networks.0.len())
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.shared
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, of: impl std::hash::Hash) -> [u64; 2] {
        let keys = self.shared.keys.each_ref();
        keys.map(|key| key.hash_one(&of))
    }
}

/// An attempt that has been counted.
#[derive(Debug)]
#[must_use = "an attempt that succeeded, or was never evaluated, has to be given back"]
pub struct Attempt<'a> {
    throttle: &'a Throttle,
    account: [u64; 2],
    network: Option<[u64; 2]>,
    site: Option<[u64; 2]>,
    peer: Option<(IssuerId, IpAddr)>,
    at: Timestamp,
    count: usize,
}

impl Attempt<'_> {
    /// The password was right, or was not looked at: the attempt does not count. Earlier failures still do.
    pub fn give_back(self) {
        let mut counts = self.throttle.lock();
        counts.accounts.remove(self.account, self.at);
        if let Some(network) = self.network {
            counts.networks.remove(network, self.at);
        }
        if let Some(site) = self.site {
            counts.sites.remove(site, self.at);
        }
        drop(counts);
        if let Some((elsewhere, (issuer, peer))) = self.throttle.elsewhere.as_deref().zip(self.peer)
        {
            elsewhere.changed(issuer, peer, self.throttle.limits.window, -1);
        }
    }

    /// How many attempts of the account count here now, this one among them.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The password was wrong: the attempt counts. Dropping it does the same.
    pub fn failed(self) {}
}

/// The network that shares a limit: an IPv4 address, or the /64 of an IPv6 address.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
    }
}

/// The /48 of an IPv6 address: who has one has 65,536 networks.
fn site(peer: IpAddr) -> Option<Ipv6Addr> {
    match peer.to_canonical() {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => Some(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80))),
    }
}

/// All networks of a site together may fail so many times as often as one.
const NETWORKS_OF_A_SITE: usize = 16;

#[derive(Debug, Default)]
struct Counts {
    accounts: Table,
    networks: Table,
    sites: Table,
}

/// The times of the failures within the window, oldest first, by key. A key is present only with times.
#[derive(Debug, Default)]
struct Table(HashMap<[u64; 2], VecDeque<Timestamp>>);

impl Table {
    /// Seconds until the key has less than `limit` failures after `since`; zero if it has so now.
    fn wait(&mut self, key: [u64; 2], limit: usize, now: Timestamp, since: Timestamp) -> i64 {
        let Some(times) = self.0.get_mut(&key) else {
            return i64::from(limit == 0);
        };
        // After a step back of the clock failures lie in the future; they must not lock for longer than the window.
        for at in times.iter_mut().rev().take_while(|at| **at > now) {
            *at = now;
        }
        while times.front().is_some_and(|at| *at <= since) {
            times.pop_front();
        }
        if times.is_empty() {
            self.0.remove(&key);
            return i64::from(limit == 0);
        }
        // The newest `limit` of them must fall below the limit: wait for the oldest of these to leave.
        let Some(at) = times.len().checked_sub(limit) else {
            return 0;
        };
        times.get(at).map_or(1, |oldest| oldest.since(since).max(1))
    }

    /// How many there are now.
    fn add(&mut self, key: [u64; 2], now: Timestamp, since: Timestamp, remembered: usize) -> usize {
        if !self.0.contains_key(&key) && self.0.len() >= remembered {
            self.make_room(since, remembered);
        }
        let times = self.0.entry(key).or_default();
        times.push_back(now);
        times.len()
    }

    fn remove(&mut self, key: [u64; 2], at: Timestamp) {
        let Some(times) = self.0.get_mut(&key) else {
            return;
        };
        // An earlier one is its own, too, if the clock has gone back meanwhile.
        if let Some(index) = times.iter().rposition(|other| *other <= at) {
            times.remove(index);
        }
        if times.is_empty() {
            self.0.remove(&key);
        }
    }

    /// Forgets what has left the window, and if that is not enough, the quarter with the fewest failures. Whoever
    /// floods the table with names therefore pushes out his own names first, not the accounts under attack.
    fn make_room(&mut self, since: Timestamp, remembered: usize) {
        self.0
            .retain(|_, times| times.back().is_some_and(|at| *at > since));
        let goal = remembered.saturating_sub(remembered.div_ceil(4));
        let surplus = self.0.len().saturating_sub(goal);
        if self.0.len() < remembered || surplus == 0 {
            return;
        }
        let mut ranks: Vec<_> = self
            .0
            .iter()
            .map(|(key, times)| (times.len(), times.back().copied(), *key))
            .collect();
        ranks.sort_unstable();
        for (_, _, key) in ranks.into_iter().take(surplus) {
            self.0.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests;
