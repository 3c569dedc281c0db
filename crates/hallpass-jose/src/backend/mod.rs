//! The crypto backend, `aws-lc-rs`, behind the types of this crate.

pub(crate) mod agree;
pub(crate) mod content;
pub(crate) mod der;
pub(crate) mod oaep;
pub(crate) mod shake;
pub(crate) mod sign;
pub(crate) mod verify;
pub(crate) mod wrap;
