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
        Cipher::CbcHmac(size) => cbc_seal(size, key, random::bytes(), aad, plaintext),
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

fn cbc_seal(
    size: AesSize,
    key: &[u8],
    iv: [u8; CBC_IV_LEN],
    aad: &[u8],
    plaintext: &[u8],
) -> Option<Sealed> {
    let (mac_key, key) = halves(size, key)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    //= test RFC7518#5.2.2.1 the first half of the key is for the MAC, the second for the cipher
    #[test]
    fn cbc_with_hmac_gives_the_values_of_rfc_7518() {
        // RFC 7518 appendix B.
        let key: Vec<u8> = (0..64).collect();
        let iv = [
            0x1a, 0xf3, 0x8c, 0x2d, 0xc2, 0xb9, 0x6f, 0xfd, 0xd8, 0x66, 0x94, 0x09, 0x23, 0x41,
            0xbc, 0x04,
        ];
        let aad = b"The second principle of Auguste Kerckhoffs";
        let plaintext = b"A cipher system must not be required to be secret, and it must be able \
            to fall into the hands of the enemy without inconvenience";
        let cases = [
            (AesSize::Aes128, 0xc80e_dfa3, 0x652c_3fa3),
            (AesSize::Aes192, 0xea65_da6b, 0x8490_ac0e),
            (AesSize::Aes256, 0x4aff_aaad, 0x4dd3_b4c0),
        ];
        for (size, first_of_ciphertext, first_of_tag) in cases {
            let key = &key[..size.key_len() * 2];
            let sealed = cbc_seal(size, key, iv, aad, plaintext).unwrap();
            let first = |bytes: &[u8]| u32::from_be_bytes(*bytes.first_chunk().unwrap());
            assert_eq!(first(&sealed.ciphertext), first_of_ciphertext);
            assert_eq!(first(&sealed.tag), first_of_tag);
            assert_eq!(sealed.tag.len(), size.key_len());
            let opened = open(Cipher::CbcHmac(size), key, aad, sealed).unwrap();
            assert_eq!(opened.as_slice(), plaintext);
        }
    }

    //= test RFC7518#5.3 the nonce has 96 bits and the tag 128
    #[test]
    fn keys_nonces_and_tags_of_the_wrong_length_open_nothing() {
        for cipher in [
            Cipher::Gcm(AesSize::Aes192),
            Cipher::CbcHmac(AesSize::Aes128),
        ] {
            let (key_len, iv_len) = match cipher {
                Cipher::Gcm(_) => (24, 12),
                Cipher::CbcHmac(_) => (32, 16),
            };
            for len in (0..70).filter(|len| *len != key_len) {
                assert!(seal(cipher, &vec![0; len], b"", b"x").is_none());
            }
            let key = vec![0; key_len];
            for len in (0..20).filter(|len| *len != iv_len) {
                let sealed = seal(cipher, &key, b"", b"x").unwrap();
                let iv = vec![0; len];
                assert!(open(cipher, &key, b"", Sealed { iv, ..sealed }).is_none());
            }
            for len in 0..16 {
                let mut sealed = seal(cipher, &key, b"", b"x").unwrap();
                sealed.tag.truncate(len);
                assert!(open(cipher, &key, b"", sealed).is_none());
            }
        }
    }
}
