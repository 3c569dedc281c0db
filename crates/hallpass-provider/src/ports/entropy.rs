//! Randomness.

/// Draws random bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the slice with unpredictable bytes.
    fn fill(&self, out: &mut [u8]);
}

/// Randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        hallpass_jose::random::fill(out);
    }
}
