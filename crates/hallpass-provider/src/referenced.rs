//! Request objects that were fetched from an address whose fragment names their content.
//! [OpenID Connect Core §6.2](https://openid.net/specs/openid-connect-core-1_0.html#RequestUriParameter).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use hallpass_core::request_object::Reference;

/// More objects than this are not held at once.
const CAPACITY: usize = 500;

/// By address with fragment. What is held cannot be another content, so it does not grow old.
#[derive(Debug, Default)]
pub(crate) struct Referenced(Mutex<HashMap<String, Arc<str>>>);

impl Referenced {
    pub(crate) fn get(&self, reference: &Reference<'_>) -> Option<Arc<str>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(reference.whole()).cloned()
    }

    /// Holds the object if it is what the fragment says.
    pub(crate) fn put(&self, reference: &Reference<'_>, object: &Arc<str>) {
        if !reference.names(object) {
            return;
        }
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CAPACITY {
            held.clear();
        }
        held.insert(reference.whole().to_owned(), object.clone());
    }
}
