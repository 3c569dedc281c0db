//! How often one address may do something within a window. In memory and bounded.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_types::IssuerId;
use tokio::time::Instant;

use crate::listen::share;
use crate::shared_limits::{SharedLimits, What};

/// A limit for each address (IPv6: each /64, and sixteen times as much for each /48) within windows of fixed length.
#[derive(Debug)]
pub struct Limit {
    most: u32,
    window: Duration,
    issuer: IssuerId,
    table: Table,
    elsewhere: Option<(What, SharedLimits)>,
}

/// Issuers are counted apart in one table.
type Table = Arc<Mutex<HashMap<Place, Window>>>;

/// Whose address or network.
type Place = (IssuerId, Network);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    /// An address of IPv4, or a /64.
    Of(IpAddr),
    /// A /48, which has 65,536 of these.
    Site(Ipv6Addr),
}

impl Network {
    /// How many times the limit of one it has.
    const fn times(self) -> u32 {
        match self {
            Self::Of(_) => 1,
            Self::Site(_) => SITE,
        }
    }

    fn all(address: IpAddr) -> impl Iterator<Item = Self> {
        let network = share(address);
        let site = match network {
            IpAddr::V4(_) => None,
            IpAddr::V6(network) => Some(Ipv6Addr::from_bits(network.to_bits() & (u128::MAX << 80))),
        };
        std::iter::once(Self::Of(network)).chain(site.map(Self::Site))
    }
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
            issuer: IssuerId(0),
            table: Arc::default(),
            elsewhere: None,
        }
    }

    /// Counted together with other processes.
    #[must_use]
    pub fn with_elsewhere(self, what: What, limits: Option<SharedLimits>) -> Self {
        let elsewhere = limits.map(|limits| (what, limits));
        Self { elsewhere, ..self }
    }

    /// Another limit of an issuer, counted in the same table, which is bounded for all of them together.
    #[must_use]
    pub fn beside(&self, issuer: IssuerId, most: u32, window: Duration) -> Self {
        Self {
            most,
            window,
            issuer,
            table: Arc::clone(&self.table),
            elsewhere: self.elsewhere.clone(),
        }
    }

    /// Counts one before it is done, so that neither many at once nor one that is broken off passes the limit. It stays
    /// counted unless it is [given back](Reserved::give_back).
    ///
    /// # Errors
    /// How long an address that has reached the limit has to wait. Nothing was counted.
    pub fn reserve(&self, address: IpAddr) -> Result<Reserved<'_>, Duration> {
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        if let Some((what, limits)) = &self.elsewhere
            && let Some(wait) = limits.wait(*what, self.issuer, address, most)
        {
            return Err(wait);
        }
        let now = Instant::now();
        let places: Vec<Place> = Network::all(address)
            .map(|network| (self.issuer, network))
            .collect();
        let mut table = self.table();
        let known = places.iter().all(|place| table.contains_key(place));
        if !known && table.len().saturating_add(places.len()) > MOST_ADDRESSES {
            self.make_room(&mut table);
        }
        let wait = places.iter().filter_map(|place| {
            let window = table.get(place)?;
            let age = now.saturating_duration_since(window.begin);
            let most = self.most.saturating_mul(place.1.times());
            (age < self.window && window.count >= most).then(|| self.window.saturating_sub(age))
        });
        if let Some(wait) = wait.max() {
            return Err(wait);
        }
        let counted = places.into_iter().map(|place| {
            let fresh = Window {
                begin: now,
                count: 0,
            };
            let window = table.entry(place).or_insert(fresh);
            if now.saturating_duration_since(window.begin) >= self.window {
                *window = fresh;
            }
            window.count = window.count.saturating_add(1);
            (place, window.begin)
        });
        let counted = counted.collect();
        drop(table);
        self.tell(address, 1);
        Ok(Reserved {
            counted,
            limit: self,
            address,
        })
    }

    fn tell(&self, address: IpAddr, by: i64) {
        if let Some((what, limits)) = &self.elsewhere {
            limits.change(*what, self.issuer, address, (self.window, by));
        }
    }

    /// Forgets what is over, and where that is not enough those that did least: a flood from everywhere has nobody
    /// forgotten who does much.
    fn make_room(&self, table: &mut HashMap<Place, Window>) {
        table.retain(|(issuer, _), window| {
            *issuer != self.issuer || window.begin.elapsed() < self.window
        });
        if table.len().saturating_add(2) > MOST_ADDRESSES {
            let rank = |window: &Window| (window.count, window.begin);
            let mut ranks: Vec<_> = table.values().map(rank).collect();
            let part = ranks.len() >> 2;
            let (_, weakest, _) = ranks.select_nth_unstable(part);
            let weakest = *weakest;
            table.retain(|_, window| rank(window) > weakest);
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Place, Window>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that has been counted. Dropping it leaves it so.
#[derive(Debug)]
#[must_use = "what does not count has to be given back"]
pub struct Reserved<'a> {
    limit: &'a Limit,
    address: IpAddr,
    /// Where, and in which windows.
    counted: Vec<(Place, Instant)>,
}

impl Reserved<'_> {
    /// It does not count.
    pub fn give_back(self) {
        self.limit.tell(self.address, -1);
        let mut table = self.limit.table();
        for (place, begin) in self.counted {
            // Otherwise it was counted in a window that is over.
            let Some(window) = table.get_mut(&place).filter(|w| w.begin == begin) else {
                continue;
            };
            window.count = window.count.saturating_sub(1);
            if window.count == 0 {
                table.remove(&place);
            }
        }
    }

    /// It counts.
    pub fn keep(self) {}
}

const MOST_ADDRESSES: usize = 65_536;
/// All networks of a site together may do so many times what one may.
const SITE: u32 = 16;

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
        assert_eq!(limit.table().len(), 2, "what was given back leaves nothing");
        for number in 0..100_000_u32 {
            limit.reserve(IpAddr::V4(number.into())).unwrap().keep();
        }
        assert!(limit.table().len() <= MOST_ADDRESSES);
    }

    #[test]
    fn a_48_of_ipv6_has_less_than_all_of_its_networks_would() {
        let limit = Limit::new(2, Duration::from_secs(60));
        let of = |network: u16| Ipv6Addr::new(0x2001, 0xdb8, 1, network, 0, 0, 0, 1).into();
        let passed = (0..1000).filter(|n| limit.reserve(of(*n)).map(Reserved::keep).is_ok());
        assert_eq!(passed.count(), 32);
        assert!(wait(&limit, "2001:db8:2::1").is_none(), "another site");
    }

    #[test]
    fn a_flood_has_nobody_forgotten_who_does_much() {
        let limit = Limit::new(3, Duration::from_secs(3600));
        let busy = address("2001:db8::1");
        for _ in 0..3 {
            limit.reserve(busy).unwrap().keep();
        }
        for number in 0..150_000_u32 {
            limit.reserve(IpAddr::V4(number.into())).unwrap().keep();
        }
        assert!(limit.reserve(busy).is_err());
        assert!(limit.table().len() <= MOST_ADDRESSES);
    }
}
