//! What is registered: a feature is one file and one line here.

mod grants;

pub use grants::{Call, Fetch, GrantHandler, Grants, Issued};
