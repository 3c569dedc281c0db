//! The relying party of [WebAuthn Level 3](https://www.w3.org/TR/webauthn-3/): what authenticators send, read and verified.
//!
//! Pure functions: no I/O, no clock, no state. Whoever calls them made the challenge, uses it up, and keeps the keys.
//! Attestation is neither asked for nor believed: a passkey is as good as the person who registered it.

mod authenticator;
mod cbor;
mod ceremony;
mod cose;

pub use authenticator::{AuthenticatorData, Flags};
pub use ceremony::{
    Asserted, Assertion, Expected, Registered, Registration, Rejected, verify_assertion,
    verify_registration,
};
pub use cose::{ALGORITHMS, CoseKey};
