//! Signing keys. Only public parts are shown.

pub mod change;
pub mod list;

pub use change::{Retire, Rotate};
pub use list::{KeyView, List};
