//! Request objects that were fetched from an address whose fragment names their content.
//! [OpenID Connect Core §6.2](https://openid.net/specs/openid-connect-core-1_0.html#RequestUriParameter).

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use hallpass_core::request_object::Reference;

/// More objects than this are not held at once.
const CAPACITY: usize = 500;

/// More addresses than this are not known to be good at once.
const MOST_GOOD: usize = 5000;

#[derive(Debug, Default)]
pub(crate) struct Referenced {
    /// By address with fragment. What is held cannot be another content, so it does not grow old.
    held: Mutex<HashMap<String, Arc<str>>>,
    /// Addresses whose last fetch brought an object.
    good: Mutex<HashSet<String>>,
}

impl Referenced {
    pub(crate) fn get(&self, reference: &Reference<'_>) -> Option<Arc<str>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(reference.whole()).cloned()
    }

    /// Holds the object if it is what the fragment says.
    pub(crate) fn put(&self, reference: &Reference<'_>, object: &Arc<str>) {
        if !reference.names(object) {
            return;
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CAPACITY {
            held.clear();
        }
        held.insert(reference.whole().to_owned(), object.clone());
    }

    /// Whether the last fetch from that address brought an object.
    pub(crate) fn is_good(&self, reference: &Reference<'_>) -> bool {
        let good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        good.contains(reference.address())
    }

    /// Remembers whether a fetch brought an object.
    pub(crate) fn note(&self, reference: &Reference<'_>, is_good: bool) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_good {
            good.remove(reference.address());
            return;
        }
        if good.len() >= MOST_GOOD {
            good.clear();
        }
        good.insert(reference.address().to_owned());
    }
}
