//! Built-in users, passwords and their hashing pool.
//!
//! [`hash::HashPool`] computes Argon2id on threads of its own behind a bounded queue; [`throttle::Throttle`]
//! decides before that whether a password may be tried at all.

pub mod hash;
pub mod throttle;
