//! The guard for outgoing requests: addresses checked at connection, no redirects, bounded size and time.

mod cidr;

pub use cidr::{Cidr, CidrError};
