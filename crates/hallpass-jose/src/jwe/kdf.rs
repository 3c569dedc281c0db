//! What keys are derived from.

use zeroize::Zeroizing;

use crate::hash;
use crate::jwk::Secret;

/// The input of the key derivation of ECDH-ES apart from the agreed secret.
//= RFC7518#4.6.2 MUST: algorithm, both parties and key length are part of the derivation
pub(crate) fn concat_info(algorithm: &str, apu: &[u8], apv: &[u8], key_len: usize) -> Vec<u8> {
    let mut info = Vec::new();
    for part in [algorithm.as_bytes(), apu, apv] {
        info.extend_from_slice(&length(part.len()));
        info.extend_from_slice(part);
    }
    info.extend_from_slice(&length(key_len.saturating_mul(8)));
    info
}

/// A symmetric key of up to 64 bytes made from a client secret.
//= OIDC-Core#10.2 MUST: the left-most bytes of the smallest sufficient SHA-2 digest of the secret
pub(super) fn from_client_secret(secret: &str, len: usize) -> Option<Secret> {
    let secret = secret.as_bytes();
    let digest = Zeroizing::new(match len {
        0..=32 => hash::sha256(secret).to_vec(),
        33..=48 => hash::sha384(secret).to_vec(),
        _ => hash::sha512(secret).to_vec(),
    });
    Some(Zeroizing::new(digest.get(..len)?.to_vec()))
}

fn length(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes()
}
