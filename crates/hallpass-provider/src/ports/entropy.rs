//! Randomness.

/// Draws random bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the slice with unpredictable bytes.
    ///
    /// # Errors
    /// The operating system could not provide them.
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError>;
}

/// No randomness could be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no randomness could be had")]
pub struct EntropyError;

/// Randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        hallpass_jose::random::fill(out).map_err(|_| EntropyError)
    }
}
