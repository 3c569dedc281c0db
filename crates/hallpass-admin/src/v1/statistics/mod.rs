//! Numbers.

pub mod show;

pub use show::Show;
