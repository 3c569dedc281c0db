//! The crypto backend, `aws-lc-rs`, behind the types of this crate.

pub(crate) mod agree;
mod der;
pub(crate) mod sign;
pub(crate) mod verify;
