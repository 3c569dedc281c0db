//! Built-in users, passwords and their hashing pool.
//!
//! [`BuiltinAccounts`] answers the provider's account ports from a store. [`hash::HashPool`] computes Argon2id on
//! threads of its own behind a bounded queue; [`throttle::Throttle`] decides before that whether a password may be
//! tried at all.

mod builtin;
pub mod hash;
pub mod strength;
pub mod throttle;

pub use builtin::{AccountError, Arriving, BuiltinAccounts, NewUser, Surroundings, username_key};
