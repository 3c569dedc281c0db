//! The little DER that the backend's interface does not cover.

/// Splits a PKCS #1 `RSAPublicKey` into modulus and exponent, without leading zeros.
pub(crate) fn rsa_public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (body, rest) = element(der, SEQUENCE)?;
    let (n, body) = element(body, INTEGER)?;
    let (e, body) = element(body, INTEGER)?;
    (rest.is_empty() && body.is_empty()).then_some((unsigned(n), unsigned(e)))
}

/// Reads one element with the tag; returns its content and what follows.
pub(crate) fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    if *found != tag {
        return None;
    }
    let (first, rest) = rest.split_first()?;
    let (len, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if !(1..=4).contains(&count) {
            return None;
        }
        let (bytes, rest) = rest.split_at_checked(count)?;
        let len = bytes
            .iter()
            .fold(0_usize, |len, byte| len << 8 | usize::from(*byte));
        (len, rest)
    };
    rest.split_at_checked(len)
}

fn unsigned(integer: &[u8]) -> &[u8] {
    match integer {
        [0, rest @ ..] => rest,
        all => all,
    }
}

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const OBJECT: u8 = 0x06;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_split() {
        let der = [0x30, 0x08, 0x02, 0x02, 0x00, 0x9f, 0x02, 0x02, 0x01, 0x01];
        assert_eq!(rsa_public_key(&der), Some((&[0x9f][..], &[1, 1][..])));
        let long = [&[0x30, 0x81, 0x08][..], &der[2..]].concat();
        assert!(rsa_public_key(&long).is_some());
    }

    #[test]
    fn no_shortened_or_changed_input_panics() {
        let der = [0x30, 0x08, 0x02, 0x02, 0x00, 0x9f, 0x02, 0x02, 0x01, 0x01];
        for end in 0..der.len() {
            assert_eq!(rsa_public_key(&der[..end]), None);
        }
        for i in 0..der.len() {
            for byte in 0..=255 {
                let mut changed = der;
                changed[i] = byte;
                let _ = rsa_public_key(&changed);
            }
        }
    }
}
