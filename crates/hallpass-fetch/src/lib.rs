//! The guard for outgoing requests: addresses checked at connection, no redirects, bounded size and time.
//!
//! Clients of an authorization server may name URLs that it has to fetch: keys, sector identifiers, metadata. Each of
//! them could as well name something inside our own network. So there is one way out, [`Guard`], which
//!
//! - speaks https only, and takes no user name in a URL;
//! - resolves a name itself, drops every address that is not globally routable, and dials exactly what is left;
//! - follows no redirect, uses no proxy, sends no credentials;
//! - bounds the time and the size of the whole exchange, and how many there are at once;
//! - leaves a server alone for a while after it has failed;
//! - tells the caller no more than that an address is not allowed, or that there was no usable answer.

mod address;
mod cidr;
mod cool_down;
mod exchange;
mod guard;
mod target;

pub use cidr::{Cidr, CidrError};
pub use guard::{BadRoots, Guard, Settings};
