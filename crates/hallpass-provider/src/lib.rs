//! The embeddable OpenID Provider engine: looks up, decides, signs, commits.

pub mod ports;
