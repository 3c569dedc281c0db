//! AES key wrap, [RFC 3394](https://www.rfc-editor.org/rfc/rfc3394).

use aws_lc_rs::cipher::{
    self, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::key_wrap::{self, AesKek, KeyWrap as _};
use zeroize::Zeroizing;

use crate::jwe::algorithm::AesSize;
use crate::jwk::Secret;
use crate::mac::constant_time_eq;

/// Wraps a content key.
pub(crate) fn wrap(size: AesSize, kek: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    if !(MIN_LEN..=MAX_LEN).contains(&key.len()) || !key.len().is_multiple_of(8) {
        return None;
    }
    let algorithm = match size {
        AesSize::Aes128 => &key_wrap::AES_128,
        AesSize::Aes192 => return wrap_192(kek, key),
        AesSize::Aes256 => &key_wrap::AES_256,
    };
    let mut out = vec![0; key.len().saturating_add(8)];
    let kek = AesKek::new(algorithm, kek).ok()?;
    kek.wrap(key, &mut out).ok()?;
    Some(out)
}

/// Unwraps a content key.
pub(crate) fn unwrap(size: AesSize, kek: &[u8], wrapped: &[u8]) -> Option<Secret> {
    let len = wrapped.len().checked_sub(8)?;
    if !(MIN_LEN..=MAX_LEN).contains(&len) || !len.is_multiple_of(8) {
        return None;
    }
    let algorithm = match size {
        AesSize::Aes128 => &key_wrap::AES_128,
        AesSize::Aes192 => return unwrap_192(kek, wrapped),
        AesSize::Aes256 => &key_wrap::AES_256,
    };
    let mut out = Zeroizing::new(vec![0; len]);
    let kek = AesKek::new(algorithm, kek).ok()?;
    kek.unwrap(wrapped, &mut out).ok()?;
    Some(out)
}

/// RFC 3394 section 2.2.1 by hand: the backend wraps with 128 and 256 bits only.
fn wrap_192(kek: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let cipher = EncryptingKey::ecb(UnboundCipherKey::new(&cipher::AES_192, kek).ok()?).ok()?;
    let mut check = CHECK;
    let mut blocks = Zeroizing::new(key.to_vec());
    let mut step: u64 = 0;
    for _ in 0..ROUNDS {
        for half in blocks.chunks_exact_mut(8) {
            step = step.saturating_add(1);
            let mut block = joined(check, half)?;
            cipher
                .less_safe_encrypt(block.as_mut_slice(), EncryptionContext::None)
                .ok()?;
            check = u64::from_be_bytes(*block.first_chunk()?) ^ step;
            half.copy_from_slice(block.last_chunk::<8>()?);
        }
    }
    let mut out = check.to_be_bytes().to_vec();
    out.extend_from_slice(&blocks);
    Some(out)
}

/// RFC 3394 section 2.2.2 by hand.
fn unwrap_192(kek: &[u8], wrapped: &[u8]) -> Option<Secret> {
    let cipher = DecryptingKey::ecb(UnboundCipherKey::new(&cipher::AES_192, kek).ok()?).ok()?;
    let (first, rest) = wrapped.split_first_chunk::<8>()?;
    let mut check = u64::from_be_bytes(*first);
    let mut blocks = Zeroizing::new(rest.to_vec());
    let count = u64::try_from(blocks.len()).ok()? / 8;
    let mut step = count.saturating_mul(ROUNDS);
    for _ in 0..ROUNDS {
        for half in blocks.chunks_exact_mut(8).rev() {
            let mut block = joined(check ^ step, half)?;
            cipher
                .decrypt(block.as_mut_slice(), DecryptionContext::None)
                .ok()?;
            check = u64::from_be_bytes(*block.first_chunk()?);
            half.copy_from_slice(block.last_chunk::<8>()?);
            step = step.saturating_sub(1);
        }
    }
    constant_time_eq(&check.to_be_bytes(), &CHECK.to_be_bytes()).then_some(blocks)
}

fn joined(check: u64, half: &[u8]) -> Option<Zeroizing<[u8; 16]>> {
    let mut block = Zeroizing::new([0; 16]);
    *block.first_chunk_mut::<8>()? = check.to_be_bytes();
    *block.last_chunk_mut::<8>()? = half.try_into().ok()?;
    Some(block)
}

/// The value that proves an unwrapped key whole, RFC 3394 section 2.2.3.1.
const CHECK: u64 = 0xa6a6_a6a6_a6a6_a6a6;
const ROUNDS: u64 = 6;
const MIN_LEN: usize = 16;
const MAX_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn wrapping_gives_the_values_of_rfc_3394() {
        // RFC 3394 sections 4.1 to 4.6.
        let kek = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
        let key = "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F";
        let cases = [
            (
                AesSize::Aes128,
                16,
                "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
            ),
            (
                AesSize::Aes192,
                16,
                "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D",
            ),
            (
                AesSize::Aes256,
                16,
                "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7",
            ),
            (
                AesSize::Aes256,
                32,
                "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
            ),
        ];
        for (size, len, expected) in cases {
            let kek = &bytes(kek)[..size.key_len()];
            let key = &bytes(key)[..len];
            let wrapped = wrap(size, kek, key).unwrap();
            assert_eq!(wrapped, bytes(expected));
            assert_eq!(unwrap(size, kek, &wrapped).unwrap().as_slice(), key);
        }
    }

    #[test]
    fn nothing_changed_or_of_odd_length_unwraps() {
        for size in [AesSize::Aes128, AesSize::Aes192, AesSize::Aes256] {
            let kek = vec![7; size.key_len()];
            for len in [16, 24, 32, 48, 64] {
                let key = vec![9; len];
                let wrapped = wrap(size, &kek, &key).unwrap();
                assert_eq!(unwrap(size, &kek, &wrapped).unwrap().as_slice(), key);
                for at in 0..wrapped.len() {
                    let mut changed = wrapped.clone();
                    changed[at] ^= 0x10;
                    assert!(unwrap(size, &kek, &changed).is_none());
                    assert!(unwrap(size, &kek, &wrapped[..at]).is_none());
                }
                assert!(unwrap(size, &kek[1..], &wrapped).is_none());
            }
            for len in [0, 8, 15, 17, 65, 72] {
                assert!(wrap(size, &kek, &vec![0; len]).is_none());
            }
        }
    }
}
