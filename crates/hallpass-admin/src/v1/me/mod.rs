//! Who calls.

mod show;

pub use show::{Input, Me, Show};
