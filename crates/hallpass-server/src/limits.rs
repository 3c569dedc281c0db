//! How often one address may do something within a window. In memory and bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_types::IssuerId;
use tokio::time::Instant;

use crate::listen::share;

/// A limit for each address (IPv6: each /64) within windows of fixed length.
#[derive(Debug)]
pub struct Limit {
    most: u32,
    window: Duration,
    issuer: IssuerId,
    table: Table,
}

/// Issuers are counted apart in one table.
type Table = Arc<Mutex<HashMap<(IssuerId, IpAddr), Window>>>;

#[derive(Clone, Copy, Debug)]
struct Window {
    begin: Instant,
    count: u32,
}

impl Limit {
    /// At most so many within a window.
    #[must_use]
    pub fn new(most: u32, window: Duration) -> Self {
        Self {
            most,
            window,
            issuer: IssuerId(0),
            table: Arc::default(),
        }
    }

    /// Another limit of an issuer, counted in the same table, which is bounded for all of them together.
    #[must_use]
    pub fn beside(&self, issuer: IssuerId, most: u32, window: Duration) -> Self {
        Self {
            most,
            window,
            issuer,
            table: Arc::clone(&self.table),
        }
    }

    /// Counts one before it is done, so that neither many at once nor one that is broken off passes the limit. It stays
    /// counted unless it is [given back](Reserved::give_back).
    ///
    /// # Errors
    /// How long an address that has reached the limit has to wait. Nothing was counted.
    pub fn reserve(&self, address: IpAddr) -> Result<Reserved<'_>, Duration> {
        let (now, address) = (Instant::now(), (self.issuer, share(address)));
        let mut table = self.table();
        if table.len() >= MOST_ADDRESSES && !table.contains_key(&address) {
            table.retain(|(issuer, _), window| {
                *issuer != self.issuer || window.begin.elapsed() < self.window
            });
            // A flood from everywhere: who comes first is forgotten first is better than to grow.
            if table.len() >= MOST_ADDRESSES {
                table.clear();
            }
        }
        let fresh = Window {
            begin: now,
            count: 0,
        };
        let window = table.entry(address).or_insert(fresh);
        let age = now.saturating_duration_since(window.begin);
        if age >= self.window {
            *window = fresh;
        } else if window.count >= self.most {
            return Err(self.window.saturating_sub(age));
        }
        window.count = window.count.saturating_add(1);
        Ok(Reserved {
            limit: self,
            address,
            begin: window.begin,
        })
    }

    fn table(&self) -> MutexGuard<'_, HashMap<(IssuerId, IpAddr), Window>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that has been counted. Dropping it leaves it so.
#[derive(Debug)]
#[must_use = "what does not count has to be given back"]
pub struct Reserved<'a> {
    limit: &'a Limit,
    address: (IssuerId, IpAddr),
    begin: Instant,
}

impl Reserved<'_> {
    /// It does not count.
    pub fn give_back(self) {
        let mut table = self.limit.table();
        let Some(window) = table.get_mut(&self.address) else {
            return;
        };
        // Otherwise it was counted in a window that is over.
        if window.begin == self.begin {
            window.count = window.count.saturating_sub(1);
            if window.count == 0 {
                table.remove(&self.address);
            }
        }
    }

    /// It counts.
    pub fn keep(self) {}
}

const MOST_ADDRESSES: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn wait(limit: &Limit, text: &str) -> Option<Duration> {
        limit.reserve(address(text)).map(Reserved::give_back).err()
    }

    #[tokio::test(start_paused = true)]
    async fn past_the_limit_an_address_waits_for_the_end_of_the_window() {
        let limit = Limit::new(2, Duration::from_secs(60));
        let one = address("192.0.2.1");
        limit.reserve(one).unwrap().keep();
        assert_eq!(wait(&limit, "192.0.2.1"), None);
        limit.reserve(one).unwrap().keep();
        tokio::time::advance(Duration::from_secs(20)).await;
        let rest = Duration::from_secs(40);
        assert_eq!(wait(&limit, "192.0.2.1"), Some(rest));
        assert_eq!(wait(&limit, "192.0.2.2"), None);
        tokio::time::advance(rest).await;
        limit.reserve(one).unwrap().keep();
        assert_eq!(wait(&limit, "192.0.2.1"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_flight_or_was_broken_off_counts() {
        let limit = Limit::new(2, Duration::from_secs(60));
        let one = address("192.0.2.1");
        let flying = limit.reserve(one).unwrap();
        drop(limit.reserve(one).unwrap());
        assert!(limit.reserve(one).is_err());
        flying.give_back();
        assert_eq!(wait(&limit, "192.0.2.1"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_given_back_late_takes_nothing_off_the_next_window() {
        let limit = Limit::new(1, Duration::from_secs(60));
        let one = address("192.0.2.1");
        let flying = limit.reserve(one).unwrap();
        tokio::time::advance(Duration::from_secs(60)).await;
        limit.reserve(one).unwrap().keep();
        flying.give_back();
        assert!(limit.reserve(one).is_err());
    }

    #[test]
    fn issuers_that_share_a_table_are_counted_apart() {
        let first = Limit::new(1, Duration::from_secs(60));
        let second = || first.beside(IssuerId(2), 2, Duration::from_secs(60));
        let one = address("192.0.2.1");
        first.reserve(one).unwrap().keep();
        assert!(first.reserve(one).is_err());
        second().reserve(one).unwrap().keep();
        second().reserve(one).unwrap().keep();
        assert!(second().reserve(one).is_err());
    }

    #[test]
    fn a_64_of_ipv6_is_one_address_and_the_table_is_bounded() {
        let limit = Limit::new(1, Duration::from_secs(60));
        limit.reserve(address("2001:db8::1")).unwrap().keep();
        assert!(wait(&limit, "2001:db8::2").is_some());
        assert!(wait(&limit, "2001:db8:0:1::1").is_none());
        assert_eq!(limit.table().len(), 1, "what was given back leaves nothing");
        for number in 0..100_000_u32 {
            limit.reserve(IpAddr::V4(number.into())).unwrap().keep();
        }
        assert!(limit.table().len() <= MOST_ADDRESSES);
    }
}
