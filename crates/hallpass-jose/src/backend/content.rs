//! Content encryption, RFC 7518 section 5.

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use crate::jwe::algorithm::{AesSize, Cipher};
use crate::jwk::Secret;
use crate::mac::constant_time_eq;
use crate::random;

/// The three parts of an authenticated ciphertext.
pub(crate) struct Sealed {
    pub(crate) iv: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) tag: Vec<u8>,
}

/// Encrypts and authenticates under a fresh nonce.
pub(crate) fn seal(cipher: Cipher, key: &[u8], aad: &[u8], plaintext: &[u8]) -> Option<Sealed> {
    match cipher {
        Cipher::Gcm(size) => {
            let key = gcm_key(size, key)?;
            let iv: [u8; GCM_IV_LEN] = random::bytes();
            let mut ciphertext = plaintext.to_vec();
            let tag = key
                .seal_in_place_separate_tag(
                    Nonce::assume_unique_for_key(iv),
                    Aad::from(aad),
                    &mut ciphertext,
                )
                .ok()?;
            Some(Sealed {
                iv: iv.to_vec(),
                ciphertext,
                tag: tag.as_ref().to_vec(),
            })
        }
        Cipher::CbcHmac(size) => {
            let (mac_key, key) = halves(size, key)?;
            let iv: [u8; CBC_IV_LEN] = random::bytes();
            let mut ciphertext = plaintext.to_vec();
            let key = UnboundCipherKey::new(aes(size), key).ok()?;
            PaddedBlockEncryptingKey::cbc_pkcs7(key)
                .ok()?
                .less_safe_encrypt(
                    &mut ciphertext,
                    EncryptionContext::Iv128(FixedLength::from(iv)),
                )
                .ok()?;
            let tag = cbc_tag(size, mac_key, aad, &iv, &ciphertext);
            Some(Sealed {
                iv: iv.to_vec(),
                ciphertext,
                tag,
            })
        }
    }
}

/// Checks the tag, then decrypts.
pub(crate) fn open(cipher: Cipher, key: &[u8], aad: &[u8], sealed: Sealed) -> Option<Secret> {
    match cipher {
        Cipher::Gcm(size) => {
            //= RFC7518#5.3 MUST: the nonce has 96 bits and the tag 128
            let iv: [u8; GCM_IV_LEN] = sealed.iv.try_into().ok()?;
            if sealed.tag.len() != GCM_TAG_LEN {
                return None;
            }
            let mut plaintext = Zeroizing::new(vec![0; sealed.ciphertext.len()]);
            gcm_key(size, key)?
                .open_separate_gather(
                    Nonce::assume_unique_for_key(iv),
                    Aad::from(aad),
                    &sealed.ciphertext,
                    &sealed.tag,
                    &mut plaintext,
                )
                .ok()?;
            Some(plaintext)
        }
        Cipher::CbcHmac(size) => {
            let (mac_key, key) = halves(size, key)?;
            let iv: [u8; CBC_IV_LEN] = sealed.iv.try_into().ok()?;
            //= RFC7518#5.2.2.2 MUST: the tag is compared before anything is decrypted
            let tag = cbc_tag(size, mac_key, aad, &iv, &sealed.ciphertext);
            if !constant_time_eq(&tag, &sealed.tag) {
                return None;
            }
            let key = UnboundCipherKey::new(aes(size), key).ok()?;
            let mut plaintext = Zeroizing::new(sealed.ciphertext);
            let len = PaddedBlockDecryptingKey::cbc_pkcs7(key)
                .ok()?
                .decrypt(
                    &mut plaintext,
                    DecryptionContext::Iv128(FixedLength::from(iv)),
                )
                .ok()?
                .len();
            plaintext.truncate(len);
            Some(plaintext)
        }
    }
}

fn gcm_key(size: AesSize, key: &[u8]) -> Option<LessSafeKey> {
    let algorithm = match size {
        AesSize::Aes128 => &AES_128_GCM,
        AesSize::Aes192 => &AES_192_GCM,
        AesSize::Aes256 => &AES_256_GCM,
    };
    UnboundKey::new(algorithm, key).ok().map(LessSafeKey::new)
}

fn aes(size: AesSize) -> &'static aws_lc_rs::cipher::Algorithm {
    match size {
        AesSize::Aes128 => &AES_128,
        AesSize::Aes192 => &AES_192,
        AesSize::Aes256 => &AES_256,
    }
}

//= RFC7518#5.2.2.1 MUST: the first half of the key is for the MAC, the second for the cipher
fn halves(size: AesSize, key: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = size.key_len();
    let (mac_key, key) = key.split_at_checked(len)?;
    (key.len() == len).then_some((mac_key, key))
}

fn cbc_tag(size: AesSize, key: &[u8], aad: &[u8], iv: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let algorithm = match size {
        AesSize::Aes128 => hmac::HMAC_SHA256,
        AesSize::Aes192 => hmac::HMAC_SHA384,
        AesSize::Aes256 => hmac::HMAC_SHA512,
    };
    let aad_bits = u64::try_from(aad.len())
        .unwrap_or(u64::MAX)
        .saturating_mul(8)
        .to_be_bytes();
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    for part in [aad, iv, ciphertext, &aad_bits] {
        context.update(part);
    }
    let mut tag = context.sign().as_ref().to_vec();
    tag.truncate(size.key_len());
    tag
}

const GCM_IV_LEN: usize = 12;
const GCM_TAG_LEN: usize = 16;
const CBC_IV_LEN: usize = 16;
