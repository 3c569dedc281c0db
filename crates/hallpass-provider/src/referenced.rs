//! Request objects that were fetched from an address that their client registered.
//! [OpenID Connect Core §6.2](https://openid.net/specs/openid-connect-core-1_0.html#RequestUriParameter).
//!
//! A stranger can have any registered address fetched. One that brought nothing is rationed with its server. One that
//! brings objects is fetched for every request as long as these come at a walk; when they run, one is fetched at a time,
//! and what it brought serves those that come within a few seconds.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hallpass_core::request_object::Reference;
use hallpass_types::Timestamp;

use crate::documents::{Level, Ration};

/// More objects than this are not held at once.
const CAPACITY: usize = 500;

/// More addresses than this are not known to be good at once.
const MOST_GOOD: usize = 5000;

/// Fetches from one good address: so many at once, then one in a second.
const OF_GOOD: Ration = Ration {
    burst: 20,
    per: 1,
    refill: 1,
};

/// When more are asked for, the object serves for so many seconds.
const SHORT: i64 = 5;

#[derive(Debug, Default)]
pub(crate) struct Referenced {
    /// By address with fragment. What is held cannot be another content, so it does not grow old.
    held: Mutex<HashMap<String, Arc<str>>>,
    /// Addresses whose last fetch brought an object.
    good: Mutex<HashMap<String, Arc<Good>>>,
    /// What came from addresses that are asked for too often, and when.
    recent: Mutex<HashMap<String, (Arc<str>, Timestamp)>>,
}

/// An address that brings objects.
#[derive(Debug, Default)]
pub(crate) struct Good {
    level: Mutex<Level>,
    /// Whose turn it is to fetch, when it is asked for too often.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

impl Good {
    /// Whether it may be fetched for this request alone.
    pub(crate) fn at_a_walk(&self, now: Timestamp) -> bool {
        lock(&self.level).take(OF_GOOD, now)
    }
}

impl Referenced {
    pub(crate) fn get(&self, reference: &Reference<'_>) -> Option<Arc<str>> {
        lock(&self.held).get(reference.whole()).cloned()
    }

    /// Holds the object if it is what the fragment says.
    pub(crate) fn put(&self, reference: &Reference<'_>, object: &Arc<str>) {
        if !reference.names(object) {
            return;
        }
        let mut held = lock(&self.held);
        make_room(&mut held, CAPACITY, reference.whole());
        held.insert(reference.whole().to_owned(), object.clone());
    }

    /// The address, when the last fetch from it brought an object.
    pub(crate) fn good(&self, reference: &Reference<'_>) -> Option<Arc<Good>> {
        lock(&self.good).get(reference.address()).cloned()
    }

    /// Remembers whether a fetch brought an object.
    pub(crate) fn note(&self, reference: &Reference<'_>, is_good: bool) {
        let mut good = lock(&self.good);
        if !is_good {
            good.remove(reference.address());
            return;
        }
        make_room(&mut good, MOST_GOOD, reference.address());
        good.entry(reference.address().to_owned()).or_default();
    }

    /// What came from there a moment ago.
    pub(crate) fn recent(&self, reference: &Reference<'_>, now: Timestamp) -> Option<Arc<str>> {
        let recent = lock(&self.recent);
        let (object, at) = recent.get(reference.address())?;
        (0..SHORT).contains(&now.since(*at)).then(|| object.clone())
    }

    /// Holds for a moment what came from there.
    pub(crate) fn hold(&self, reference: &Reference<'_>, object: &Arc<str>, now: Timestamp) {
        let mut recent = lock(&self.recent);
        if recent.len() >= CAPACITY {
            recent.retain(|_, (_, at)| (0..SHORT).contains(&now.since(*at)));
        }
        make_room(&mut recent, CAPACITY, reference.address());
        recent.insert(reference.address().to_owned(), (object.clone(), now));
    }
}

/// Drops any one entry of a full table, unless the key has its place there.
fn make_room<T>(table: &mut HashMap<String, T>, capacity: usize, key: &str) {
    if table.len() >= capacity && !table.contains_key(key) {
        let any = table.keys().next().cloned();
        any.and_then(|any| table.remove(&any));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
