//! Randomness from the operating system, through the backend's generator.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

/// Fills a buffer with random bytes fit for keys.
#[expect(
    clippy::expect_used,
    reason = "the backend's generator ends the process rather than return without entropy"
)]
pub fn fill(buffer: &mut [u8]) {
    source()
        .fill(buffer)
        .expect("the system's random generator works");
}

/// Returns `N` random bytes fit for keys.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut buffer = [0; N];
    fill(&mut buffer);
    buffer
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where randomness enters"
)]
pub(crate) fn source() -> SystemRandom {
    SystemRandom::new()
}

#[cfg(test)]
mod tests {
    #[test]
    fn random_bytes_differ() {
        assert_ne!(super::bytes::<32>(), super::bytes::<32>());
    }
}
