//! Signing out.

pub mod rp_initiated;
