//! Keys that sign elsewhere: a key service, a hardware module.

use hallpass_jose::OutsideKey;
use hallpass_store::BoxFuture;

/// A key of which only the public half is here.
///
/// The engine keeps keys of its own, which sign in the process. A signer takes the place of the engine's key for one
/// algorithm ([`Builder::signer`](crate::Builder::signer)). Its signatures are verified before they leave. Nothing that
/// can be used once is spent before the signature is there, so that a signer that fails costs a retry and no code.
pub trait Signer: Send + Sync + 'static {
    /// Its public half, with algorithm and key id.
    fn key(&self) -> &OutsideKey;

    /// Signs bytes; the signature has the form of RFC 7518 §3 (for ECDSA: `r` and `s`, one behind the other). The engine
    /// waits for three seconds at most.
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignError>>;

    /// Whether it could sign when it was last asked. A server that is not ready because of it gets no requests from a load
    /// balancer.
    fn ready(&self) -> bool {
        true
    }
}

/// A signer did not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// It did not answer in time.
    #[error("the signer did not answer in time")]
    Timeout,
    /// It cannot be reached, is overloaded, or refuses. The text is for the log.
    #[error("the signer failed: {0}")]
    Failed(String),
}
