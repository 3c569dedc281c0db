//! How often one address may do something within a window. In memory and bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::listen::share;

/// A limit for each address (IPv6: each /64) within windows of fixed length.
#[derive(Debug)]
pub struct Limit {
    most: u32,
    window: Duration,
    /// How many addresses are in the table, to pass by without a lock as long as there is none.
    known: AtomicUsize,
    table: Mutex<HashMap<IpAddr, Window>>,
}

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
            known: AtomicUsize::new(0),
            table: Mutex::default(),
        }
    }

    /// How long an address has to wait, if it has reached the limit.
    #[must_use]
    pub fn wait(&self, address: IpAddr) -> Option<Duration> {
        if self.known.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let window = *self.table().get(&share(address))?;
        let age = window.begin.elapsed();
        (window.count >= self.most && age < self.window).then(|| self.window.saturating_sub(age))
    }

    /// Counts one.
    pub fn count(&self, address: IpAddr) {
        let now = Instant::now();
        let mut table = self.table();
        if table.len() >= MOST_ADDRESSES && !table.contains_key(&share(address)) {
            table.retain(|_, window| window.begin.elapsed() < self.window);
            // A flood from everywhere: who comes first is forgotten first is better than to grow.
            if table.len() >= MOST_ADDRESSES {
                table.clear();
            }
        }
        let window = table.entry(share(address)).or_insert(Window {
            begin: now,
            count: 0,
        });
        if window.begin.elapsed() >= self.window {
            *window = Window {
                begin: now,
                count: 0,
            };
        }
        window.count = window.count.saturating_add(1);
        self.known.store(table.len(), Ordering::Relaxed);
    }

    fn table(&self) -> MutexGuard<'_, HashMap<IpAddr, Window>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const MOST_ADDRESSES: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn past_the_limit_an_address_waits_for_the_end_of_the_window() {
        let limit = Limit::new(2, Duration::from_secs(60));
        let (one, other): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        assert_eq!(limit.wait(one), None);
        limit.count(one);
        assert_eq!(limit.wait(one), None);
        limit.count(one);
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(limit.wait(one), Some(Duration::from_secs(40)));
        assert_eq!(limit.wait(other), None);
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(limit.wait(one), None);
        limit.count(one);
        assert_eq!(limit.wait(one), None);
    }

    #[test]
    fn a_64_of_ipv6_is_one_address_and_the_table_is_bounded() {
        let limit = Limit::new(1, Duration::from_secs(60));
        limit.count("2001:db8::1".parse().unwrap());
        assert!(limit.wait("2001:db8::2".parse().unwrap()).is_some());
        assert!(limit.wait("2001:db8:0:1::1".parse().unwrap()).is_none());
        for number in 0..100_000_u32 {
            limit.count(IpAddr::V4(number.into()));
        }
        assert!(limit.table().len() <= MOST_ADDRESSES);
    }
}
