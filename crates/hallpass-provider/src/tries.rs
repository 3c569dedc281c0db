//! How often something may be done within a window: in memory, bounded, one process; and where it is worth a row, in the store
//! for all processes.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use hallpass_store::{
    Store, StoreError,
    attempts::{self, Counted, Most, Place},
};
use hallpass_types::{IssuerId, Timestamp, sha256};

/// Counts within windows of fixed length that begin with the first count. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Tries {
    window: i64,
    /// Whose counts they are; issuers that count in one table are apart.
    issuer: IssuerId,
    table: Arc<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// Two keys make 128 bits, so that none collide and nobody chooses them.
    keys: [RandomState; 2],
    counts: Mutex<HashMap<[u64; 2], Count>>,
}

/// The tables that issuers of one process share.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) pushes: Tries,
    pub(crate) device_requests: Tries,
    pub(crate) wrong_codes: Tries,
    /// Mails that strangers wanted to be sent, by address and by where they were.
    pub(crate) mails: Tries,
    /// Codes that were sent to telephones, of all together.
    pub(crate) texts: Tries,
    /// Accounts that were made without mail.
    pub(crate) newcomers: Tries,
    /// Wrong user codes of backchannel authentication, by client and person.
    pub(crate) user_codes: Tries,
    /// Codes of second steps, by account.
    pub(crate) wrong_second: Tries,
    /// Answers of other providers that came to nothing, by browser and by where they came from.
    pub(crate) answers: Tries,
    /// Passwords that are hashed because somebody chose them, by link or account.
    pub(crate) hashes: Tries,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pushes: Tries::new(60),
            device_requests: Tries::new(60),
            wrong_codes: Tries::new(900),
            mails: Tries::new(3600),
            texts: Tries::new(86_400),
            newcomers: Tries::new(3600),
            user_codes: Tries::new(900),
            wrong_second: Tries::new(900),
            answers: Tries::new(900),
            hashes: Tries::new(900),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Timestamp,
    count: u32,
}

/// With a limit above this a count in every process is enough.
const LARGEST: usize = 1000;

impl Count {
    /// Who has the lowest is forgotten first.
    const fn rank(&self) -> (u32, i64) {
        (self.count, self.since.0)
    }
}

/// What is counted.
pub(crate) trait Limited: Hash {
    /// How many times the limit of one it has.
    fn times(&self) -> u32 {
        1
    }
}

impl Limited for (&str, &str) {}
impl Limited for [u8; 32] {}

/// Keys that are remembered at most.
const REMEMBERED: usize = 65_536;

impl Tries {
    pub(crate) fn new(window: i64) -> Self {
        Self {
            window,
            issuer: IssuerId(0),
            table: Arc::default(),
        }
    }

    /// The same table for another issuer.
    pub(crate) fn of(&self, issuer: IssuerId) -> Self {
        Self {
            issuer,
            ..self.clone()
        }
    }

    /// Counts one for every key, unless one of them has reached `most`: then nothing is counted, and the answer is the
    /// number of seconds to wait.
    pub(crate) fn count<K: Limited>(
        &self,
        keys: &[K],
        most: u32,
        now: Timestamp,
    ) -> Result<(), u32> {
        let each = |key: &K| (self.key(key), most.saturating_mul(key.times()));
        let keys: Vec<([u64; 2], u32)> = keys.iter().map(each).collect();
        let mut counts = self
            .table
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let alive = |count: &Count| (0..self.window).contains(&now.since(count.since));
        let wait = keys
            .iter()
            .filter_map(|(key, most)| {
                let count = counts.get(key)?;
                (alive(count) && count.count >= *most).then_some(count)
            })
            .map(|count| self.window.saturating_sub(now.since(count.since)))
            .max();
        if let Some(wait) = wait {
            return Err(u32::try_from(wait).unwrap_or(u32::MAX).max(1));
        }
        if counts.len().saturating_add(keys.len()) > REMEMBERED {
            counts.retain(|_, count| alive(count));
            // A flood from everywhere. To forget those that have tried least is better than to grow, to turn everybody away,
            // or to let a flood have others forgotten.
            if counts.len().saturating_add(keys.len()) > REMEMBERED {
                let mut ranks: Vec<_> = counts.values().map(Count::rank).collect();
                let part = ranks.len() >> 2;
                let (_, weakest, _) = ranks.select_nth_unstable(part);
                let weakest = *weakest;
                counts.retain(|_, count| count.rank() > weakest);
            }
        }
        for (key, _) in keys {
            let fresh = Count {
                since: now,
                count: 0,
            };
            let count = counts.entry(key).or_insert(fresh);
            if !alive(count) {
                *count = fresh;
            }
            count.count = count.count.saturating_add(1);
        }
        Ok(())
    }

    /// Counts one for a key, as [`Self::count`] does, and then in the store, where all processes count together. A key that
    /// is full at one of the two places is full.
    ///
    /// # Errors
    /// The store fails. Then nothing is counted.
    pub(crate) async fn count_everywhere(
        &self,
        store: &dyn Store,
        secret: &[u8; 32],
        by: &By<'_>,
        most: u32,
        now: Timestamp,
    ) -> Result<Result<Option<Counted>, u32>, StoreError> {
        let keys = std::slice::from_ref(by);
        if let Err(wait) = self.count(keys, most, now) {
            return Ok(Err(wait));
        }
        let most = Most {
            tries: usize::try_from(most).unwrap_or(usize::MAX),
            window: self.window,
        };
        if most.tries > LARGEST {
            return Ok(Ok(None));
        }
        let (kind, name) = by.place();
        let place = Place::of(secret, self.issuer, &[&[kind], &name], most, now);
        let counted = attempts::count(store, &place, self.counted(by), now).await;
        if !matches!(counted, Ok(Ok(_))) {
            self.give_back(keys);
        }
        counted
    }

    /// What was counted at both places turned out not to count. Where the store fails it does for a while.
    pub(crate) async fn give_back_everywhere(
        &self,
        store: &dyn Store,
        by: &By<'_>,
        counted: Option<Counted>,
    ) {
        self.give_back(std::slice::from_ref(by));
        if let Some(counted) = counted
            && let Err(error) = counted.give_back(store).await
        {
            tracing::warn!(%error, "a try of a code could not be given back");
        }
    }

    /// How many there are of a key now.
    fn counted(&self, of: &impl Hash) -> usize {
        let counts = self
            .table
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = counts.get(&self.key(of)).map_or(0, |count| count.count);
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// What was counted last turned out not to count.
    pub(crate) fn give_back<K: Hash>(&self, keys: &[K]) {
        let mut counts = self
            .table
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            if let Some(count) = counts.get_mut(&self.key(key)) {
                count.count = count.count.saturating_sub(1);
            }
        }
    }

    fn key(&self, of: &impl Hash) -> [u64; 2] {
        let keys = self.table.keys.each_ref();
        keys.map(|key| key.hash_one((self.issuer.0, of)))
    }
}

/// Whom a count is about.
#[derive(Debug, Hash)]
pub(crate) enum By<'a> {
    /// A client.
    Client(&'a str),
    /// All clients of documents together.
    Documents,
    /// Everybody of whom nothing is known.
    Anybody,
    /// An IPv4 address, or the /64 of an IPv6 address.
    Network(IpAddr),
    /// The /48 of an IPv6 address: who has one has 65,536 networks.
    Site(Ipv6Addr),
    /// A browser, by its binding cookie.
    Browser(&'a str),
    /// A mail address, in the form in which addresses are compared.
    Address(&'a str),
    /// An account, by its subject.
    Account(&'a str),
    /// An account whose recovery codes somebody types who has proved nothing. Apart from [`Self::Account`], so that strangers
    /// do not use up the tries of the person's second step.
    Recovered(&'a str),
    /// The same, in a browser that is known for the account, by the name of that browser.
    Known(&'a str, [u8; 16]),
    /// A person of whom a client says a code, by client and subject.
    Coded(&'a str, &'a str),
}

impl Limited for By<'_> {
    fn times(&self) -> u32 {
        match self {
            Self::Site(_) => SITE,
            Self::Client(_)
            | Self::Documents
            | Self::Anybody
            | Self::Network(_)
            | Self::Browser(_)
            | Self::Address(_)
            | Self::Account(_)
            | Self::Recovered(_)
            | Self::Known(..)
            | Self::Coded(..) => 1,
        }
    }
}

/// All networks of a site together may do so many times what one may.
const SITE: u32 = 16;

impl By<'_> {
    /// What it is, and which one, for the store.
    fn place(&self) -> (u8, Vec<u8>) {
        let (kind, name) = match self {
            Self::Client(id) => (16, id.as_bytes()),
            Self::Documents => (17, [].as_slice()),
            Self::Anybody => (18, [].as_slice()),
            Self::Network(IpAddr::V4(address)) => return (19, address.octets().to_vec()),
            Self::Network(IpAddr::V6(address)) => return (20, address.octets().to_vec()),
            Self::Browser(cookie) => (21, cookie.as_bytes()),
            Self::Address(address) => (22, address.as_bytes()),
            Self::Account(subject) => (23, subject.as_bytes()),
            Self::Site(address) => return (24, address.octets().to_vec()),
            Self::Recovered(subject) => (25, subject.as_bytes()),
            Self::Known(subject, browser) => {
                return (27, [&browser[..], subject.as_bytes()].concat());
            }
            Self::Coded(client, subject) => {
                // Neither may take a letter from the other.
                let (client, subject) = (sha256(client.as_bytes()), sha256(subject.as_bytes()));
                return (26, [client, subject].concat());
            }
        };
        (kind, name.to_vec())
    }

    /// The network of an address, and the site that it belongs to.
    pub(crate) fn networks(peer: IpAddr) -> impl Iterator<Item = Self> {
        let (network, site) = match peer.to_canonical() {
            IpAddr::V4(address) => (IpAddr::V4(address), None),
            IpAddr::V6(address) => {
                let first = |bits| Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << bits));
                (IpAddr::V6(first(64)), Some(first(80)))
            }
        };
        std::iter::once(Self::Network(network)).chain(site.map(Self::Site))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    impl Limited for &str {}
    impl Limited for u32 {}

    #[test]
    fn so_many_are_allowed_within_a_window_and_no_more() {
        let tries = Tries::new(60);
        let one = [By::Client("a")];
        for _ in 0..3 {
            assert_eq!(tries.count(&one, 3, NOW), Ok(()));
        }
        assert_eq!(tries.count(&one, 3, NOW.plus(10)), Err(50));
        assert_eq!(tries.count(&[By::Client("b")], 3, NOW), Ok(()));
        assert_eq!(tries.count(&one, 3, NOW.plus(60)), Ok(()), "a new window");
    }

    #[test]
    fn issuers_that_share_a_table_are_counted_apart_and_remembered() {
        let shared = Limits::default();
        let one = || shared.wrong_codes.of(IssuerId(1));
        assert_eq!(one().count(&[By::Browser("x")], 1, NOW), Ok(()));
        assert_eq!(one().count(&[By::Browser("x")], 1, NOW), Err(900));
        let other = shared.wrong_codes.of(IssuerId(2));
        assert_eq!(other.count(&[By::Browser("x")], 1, NOW), Ok(()));
    }

    #[test]
    fn one_key_that_is_full_counts_nothing_for_the_others() {
        let tries = Tries::new(60);
        let address = || By::Network("192.0.2.1".parse().unwrap());
        assert_eq!(tries.count(&[address()], 1, NOW), Ok(()));
        let both = || [address(), By::Browser("x")];
        assert_eq!(tries.count(&both(), 1, NOW), Err(60));
        assert_eq!(tries.count(&[By::Browser("x")], 1, NOW), Ok(()));
        tries.give_back(&both());
        assert_eq!(tries.count(&both(), 1, NOW), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_is_one_and_a_mapped_address_is_what_it_maps() {
        let tries = Tries::new(60);
        let of = |text: &str| By::networks(text.parse().unwrap()).collect::<Vec<_>>();
        assert_eq!(tries.count(&of("2001:db8::1"), 1, NOW), Ok(()));
        assert_eq!(tries.count(&of("2001:db8::ffff:2"), 1, NOW), Err(60));
        assert_eq!(tries.count(&of("2001:db8:0:1::1"), 1, NOW), Ok(()));
        assert_eq!(tries.count(&of("192.0.2.9"), 1, NOW), Ok(()));
        assert_eq!(tries.count(&of("::ffff:192.0.2.9"), 1, NOW), Err(60));
    }

    #[test]
    fn a_site_of_ipv6_has_less_than_all_of_its_networks_would() {
        let tries = Tries::new(60);
        let of = |site: u16, network: u16| {
            let address = Ipv6Addr::new(0x2001, 0xdb8, site, network, 0, 0, 0, 1);
            By::networks(address.into()).collect::<Vec<_>>()
        };
        let passed = (0..1000).filter(|n| tries.count(&of(1, *n), 3, NOW).is_ok());
        assert_eq!(passed.count(), 48);
        assert_eq!(tries.count(&of(1, 2000), 3, NOW), Err(60));
        assert_eq!(tries.count(&of(2, 0), 3, NOW), Ok(()), "another site");
    }

    #[test]
    fn a_flood_has_nobody_forgotten_who_tried_more_than_once() {
        let tries = Tries::new(60);
        for _ in 0..3 {
            assert_eq!(tries.count(&["guesser"], 3, NOW), Ok(()));
        }
        for number in 0..200_000_u32 {
            assert_eq!(tries.count(&[number], 1, NOW.plus(1)), Ok(()));
        }
        assert_eq!(tries.count(&["guesser"], 3, NOW.plus(1)), Err(59));
        assert!(tries.table.counts.lock().unwrap().len() <= REMEMBERED);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_a_clock_that_steps_back_locks_nobody() {
        let tries = Tries::new(60);
        for number in 0..70_000_u32 {
            assert_eq!(tries.count(&[number], 1, NOW), Ok(()));
        }
        assert!(tries.table.counts.lock().unwrap().len() <= REMEMBERED);
        let tries = Tries::new(60);
        assert_eq!(tries.count(&["a"], 1, NOW), Ok(()));
        assert_eq!(tries.count(&["a"], 1, NOW.plus(-100)), Ok(()));
    }
}
