//! Where a request came from.

use std::net::IpAddr;

/// The address of the person's computer, as far as it can be known: the peer, or what a trusted proxy says. Whoever
/// accepts connections puts it into the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);
