//! Key agreement.

use aws_lc_rs::agreement::{self, PrivateKey};

use crate::error::JwkError;
use crate::mac::constant_time_eq;

/// Checks that an X25519 secret belongs to the public value.
pub(crate) fn check_x25519_pair(d: &[u8], x: &[u8]) -> Result<(), JwkError> {
    let public = PrivateKey::from_private_key(&agreement::X25519, d)
        .map_err(|_| JwkError::Invalid)?
        .compute_public_key()
        .map_err(|_| JwkError::Invalid)?;
    if constant_time_eq(public.as_ref(), x) {
        Ok(())
    } else {
        Err(JwkError::Invalid)
    }
}
