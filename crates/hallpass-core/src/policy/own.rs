//! What an embedding program adds to the words of the protocol.

use std::{fmt, sync::Arc};

use serde_json::Value;

use super::ScopeSpec;

/// A further parameter of authorization requests. It is kept with the request, for pages and prompts of the program; it
/// changes nothing by itself.
#[derive(Clone)]
pub struct OwnParameter {
    name: &'static str,
    check: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

impl OwnParameter {
    /// A parameter of that name; a request whose value does not pass the check is refused, and so is one that repeats it.
    /// The name of a parameter that the protocol has is of no effect.
    #[must_use]
    pub fn new(name: &'static str, check: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        let check = Arc::new(check);
        Self { name, check }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn takes(&self, value: &str) -> bool {
        value.len() <= MAX && (self.check)(value)
    }
}

/// A longer value is refused: it travels in the address of pages.
const MAX: usize = 1024;

impl fmt::Debug for OwnParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnParameter").field(&self.name).finish()
    }
}

/// Two of the same name are the same: a check cannot be compared.
impl PartialEq for OwnParameter {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for OwnParameter {}

/// A further member of client metadata. It is kept with the client, whoever made it, and found at
/// [`Client::own`](crate::client::Client::own); it changes nothing by itself.
#[derive(Clone)]
pub struct OwnMember {
    name: &'static str,
    check: Arc<dyn Fn(&Value) -> bool + Send + Sync>,
}

impl OwnMember {
    /// A member of that name; metadata whose value does not pass the check is refused. The name of a member that has a rule
    /// here already is of no effect.
    #[must_use]
    pub fn new(name: &'static str, check: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        let check = Arc::new(check);
        Self { name, check }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn takes(&self, value: &Value) -> bool {
        (self.check)(value)
    }
}

impl fmt::Debug for OwnMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnMember").field(&self.name).finish()
    }
}

impl ScopeSpec {
    /// A scope that only means something to resources.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: None,
            title: None,
            required: false,
            claims: Vec::new(),
        }
    }
}
