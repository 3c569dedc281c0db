//! Sealing with AES-256-GCM under a held key.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::random;

/// A key that seals and opens small values, set up once.
///
/// A sealed value is a random 96-bit nonce, the ciphertext and a 128-bit tag. Nonces are random,
/// so one key should seal no more than 2^32 values; derive keys per purpose and period.
#[derive(Clone)]
pub struct SealKey(Arc<LessSafeKey>);

impl SealKey {
    /// How many bytes longer a sealed value is than its plaintext.
    pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

    /// Makes a key from 32 secret bytes.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "the length, which is all that is checked, is in the type"
    )]
    pub fn new(secret: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, secret).expect("a key of 32 bytes fits");
        Self(Arc::new(LessSafeKey::new(key)))
    }

    /// Seals a value together with data that must be presented again to open it.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "sealing fails only for inputs of many gigabytes"
    )]
    pub fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random::bytes();
        let mut out = Vec::with_capacity(plaintext.len().saturating_add(Self::OVERHEAD));
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plaintext);
        let tag = self
            .0
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad),
                out.get_mut(NONCE_LEN..).unwrap_or_default(),
            )
            .expect("the value is shorter than the cipher's limit");
        out.extend_from_slice(tag.as_ref());
        out
    }

    /// Opens a sealed value; `None` if anything about it or the associated data is different.
    #[must_use]
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>()?;
        let mut plaintext = vec![0; ciphertext.len()];
        self.0
            .open_separate_gather(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(aad),
                ciphertext,
                tag,
                &mut plaintext,
            )
            .ok()?;
        Some(plaintext)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_with_the_same_key_and_data_only() {
        let key = SealKey::new(&[1; 32]);
        let sealed = key.seal(b"purpose", b"secret");
        assert_eq!(sealed.len(), 6 + SealKey::OVERHEAD);
        assert_eq!(key.open(b"purpose", &sealed).unwrap(), b"secret");
        assert_eq!(key.open(b"other", &sealed), None);
        assert_eq!(SealKey::new(&[2; 32]).open(b"purpose", &sealed), None);
        assert_ne!(key.seal(b"purpose", b"secret"), sealed);
    }

    #[test]
    fn no_changed_or_shortened_value_opens() {
        let key = SealKey::new(&[1; 32]);
        let sealed = key.seal(b"", b"abc");
        for i in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[i] ^= 1 << bit;
                assert_eq!(key.open(b"", &changed), None);
            }
            assert_eq!(key.open(b"", &sealed[..i]), None);
            assert_eq!(key.open(b"", &sealed[i + 1..]), None);
        }
    }

    #[test]
    fn an_empty_value_can_be_sealed() {
        let key = SealKey::new(&[1; 32]);
        assert_eq!(key.open(b"", &key.seal(b"", b"")).unwrap(), b"");
    }
}
