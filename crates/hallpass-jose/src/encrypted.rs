//! Private keys under a passphrase: PKCS #8 with PBES2 ([RFC 8018 §6.2](https://www.rfc-editor.org/rfc/rfc8018#section-6.2)),
//! PBKDF2 and AES-256-CBC, as OpenSSL and Node write them. Only for keys that come from elsewhere.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::pbkdf2;
use zeroize::Zeroizing;

use crate::backend::der::{INTEGER, OBJECT, OCTETS, SEQUENCE, element};

const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const HMAC_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09];
const HMAC_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0b];
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];
/// A document that asks for more would take minutes.
const MOST_ROUNDS: u32 = 5_000_000;

/// Opens an `EncryptedPrivateKeyInfo`. None: it is something else, or the passphrase is wrong.
#[must_use]
pub fn open(document: &[u8], passphrase: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (body, _) = element(document, SEQUENCE)?;
    let (how, body) = element(body, SEQUENCE)?;
    let (sealed, _) = element(body, OCTETS)?;
    let (scheme, how) = element(how, OBJECT)?;
    let (parameters, _) = element(how, SEQUENCE)?;
    let (derivation, parameters) = element(parameters, SEQUENCE)?;
    let (encryption, _) = element(parameters, SEQUENCE)?;
    let (kdf, derivation) = element(derivation, OBJECT)?;
    let (derivation, _) = element(derivation, SEQUENCE)?;
    let (salt, derivation) = element(derivation, OCTETS)?;
    let (rounds, derivation) = element(derivation, INTEGER)?;
    // The length of the key may be told; the cipher tells it, too.
    let derivation = element(derivation, INTEGER).map_or(derivation, |(_, rest)| rest);
    let algorithm = match element(derivation, SEQUENCE) {
        None => pbkdf2::PBKDF2_HMAC_SHA1,
        Some((prf, _)) => match element(prf, OBJECT)?.0 {
            HMAC_SHA256 => pbkdf2::PBKDF2_HMAC_SHA256,
            HMAC_SHA512 => pbkdf2::PBKDF2_HMAC_SHA512,
            _ => return None,
        },
    };
    let (cipher, encryption) = element(encryption, OBJECT)?;
    let (iv, _) = element(encryption, OCTETS)?;
    if scheme != PBES2 || kdf != PBKDF2 || cipher != AES_256_CBC || rounds.len() > 4 {
        return None;
    }
    let rounds = rounds
        .iter()
        .fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
    let rounds = NonZeroU32::new(rounds).filter(|r| r.get() <= MOST_ROUNDS)?;
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2::derive(algorithm, rounds, salt, passphrase, key.as_mut_slice());
    let key = UnboundCipherKey::new(&AES_256, key.as_slice()).ok()?;
    let iv = FixedLength::<16>::try_from(iv).ok()?;
    let mut plain = Zeroizing::new(sealed.to_vec());
    let length = PaddedBlockDecryptingKey::cbc_pkcs7(key)
        .ok()?
        .decrypt(&mut plain, DecryptionContext::Iv128(iv))
        .ok()?
        .len();
    plain.truncate(length);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64url;
    use crate::{JwsAlgorithm, SigningKey};

    /// What OpenSSL made of a new P-256 key with the passphrase `correct`.
    const DOCUMENT: &str = "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiP_yxcOdUrOQICCAAw\
        DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEOGC95sm_X4yiFgMSesIcBoEgZBJ\
        NP51QQpvUiv0p2n0DK5zRn4t3Mj8anwiukzj8FEfmCatAteTSvjVgYSr-Wz-jPDT\
        j8VMRj4sx09BHtvsTr3ULclbZeieCnfnaeLQ_b3wE7BIUMNJcBPb3wZO-DoN7nE8\
        6L7IYCvEvBkkFuqhuxFS4igJ_ihoXqhdPDjGDvJxEfuJTHgHngmjLQGohYi9wD0";

    #[test]
    fn a_key_opens_with_its_passphrase_and_no_other() {
        let document = base64url::decode(DOCUMENT).unwrap();
        let opened = open(&document, b"correct").unwrap();
        let key = SigningKey::from_pkcs8(JwsAlgorithm::ES256, &opened).unwrap();
        assert!(!key.kid().is_empty());
        for wrong in ["", "Correct", "correct "] {
            let opened = open(&document, wrong.as_bytes());
            let key = opened.and_then(|o| SigningKey::from_pkcs8(JwsAlgorithm::ES256, &o).ok());
            assert!(key.is_none(), "{wrong}");
        }
    }

    #[test]
    fn no_shortened_document_panics_and_a_dear_one_is_refused() {
        let document = base64url::decode(DOCUMENT).unwrap();
        for end in 0..document.len() {
            assert!(open(&document[..end], b"correct").is_none(), "{end}");
        }
        let place = document
            .windows(4)
            .position(|w| w == [0x02, 0x02, 0x08, 0x00])
            .unwrap();
        let mut dear = document[..place].to_vec();
        dear.extend([0x02, 0x02, 0x00, 0x00]);
        dear.extend(&document[place + 4..]);
        assert!(open(&dear, b"correct").is_none(), "no round at all");
    }
}
