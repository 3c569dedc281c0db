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

/// A signature of ECDSA as the backend reads it (RFC 3279 §2.2.3), without memory that has to be asked for.
pub(crate) struct EcdsaSignature {
    bytes: [u8; LONGEST_SIGNATURE],
    len: usize,
}

impl EcdsaSignature {
    /// Puts together the two numbers of a JWS (RFC 7518 §3.4), each in so many bytes. None: they are not as long as that.
    //= RFC7518#3.4 MUST: a signature of ECDSA is two numbers of the length that the curve fixes
    pub(crate) fn from_fixed(signature: &[u8], number_len: usize) -> Option<Self> {
        let (r, s) = signature.split_at_checked(number_len)?;
        if s.len() != number_len {
            return None;
        }
        let (r, s) = (Integer::of(r), Integer::of(s));
        let body = r.len().checked_add(s.len())?;
        let mut out = Self {
            bytes: [0; LONGEST_SIGNATURE],
            len: 0,
        };
        out.head(SEQUENCE, body)?;
        out.integer(&r)?;
        out.integer(&s)?;
        Some(out)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn integer(&mut self, integer: &Integer<'_>) -> Option<()> {
        self.head(INTEGER, integer.content_len())?;
        if integer.is_padded() {
            self.push(&[0])?;
        }
        self.push(integer.0)
    }

    fn head(&mut self, tag: u8, len: usize) -> Option<()> {
        let len = u8::try_from(len).ok()?;
        if len < 0x80 {
            self.push(&[tag, len])
        } else {
            self.push(&[tag, 0x81, len])
        }
    }

    fn push(&mut self, part: &[u8]) -> Option<()> {
        let end = self.len.checked_add(part.len())?;
        self.bytes.get_mut(self.len..end)?.copy_from_slice(part);
        self.len = end;
        Some(())
    }
}

/// A number that is not negative, without leading zeros but for the last byte.
struct Integer<'a>(&'a [u8]);

impl<'a> Integer<'a> {
    fn of(mut bytes: &'a [u8]) -> Self {
        while let [0, rest @ ..] = bytes
            && !rest.is_empty()
        {
            bytes = rest;
        }
        Self(bytes)
    }

    /// Whether a zero stands before it, so that it is not read as a negative one.
    fn is_padded(&self) -> bool {
        self.0.first().is_some_and(|first| *first >= 0x80)
    }

    fn content_len(&self) -> usize {
        self.0.len().saturating_add(usize::from(self.is_padded()))
    }

    /// With its head, which is two bytes for every curve.
    fn len(&self) -> usize {
        self.content_len().saturating_add(2)
    }
}

/// Of P-521: a head of three bytes, and two numbers of 66 bytes, each with a head of two and perhaps a zero.
const LONGEST_SIGNATURE: usize = 3 + 2 * (2 + 1 + 66);

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

    fn put_together(signature: &[u8], number_len: usize) -> Option<Vec<u8>> {
        EcdsaSignature::from_fixed(signature, number_len).map(|der| der.as_bytes().to_vec())
    }

    /// RFC 3279 §2.2.3 and X.690 §8.3: numbers are as short as can be, and have a zero before a first bit that is set.
    #[test]
    fn the_two_numbers_of_a_signature_are_put_together() {
        for (fixed, der) in [
            (
                [0x01, 0x02, 0x03, 0x04],
                "3008020201020202".to_owned() + "0304",
            ),
            (
                [0x80, 0x00, 0x7f, 0xff],
                "30090203008000".to_owned() + "02027fff",
            ),
            (
                [0x00, 0x80, 0x00, 0x01],
                "3007020200800201".to_owned() + "01",
            ),
            ([0x00, 0x00, 0x00, 0x00], "3006020100020100".to_owned()),
            (
                [0xff, 0xff, 0xff, 0xff],
                "300a020300ffff0203".to_owned() + "00ffff",
            ),
        ] {
            let made = put_together(&fixed, 2).unwrap();
            let hex: String = made.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, der);
        }
    }

    #[test]
    fn the_longest_signature_of_each_curve_fits() {
        for (number_len, len) in [(32, 72), (48, 104), (66, 141)] {
            let made = put_together(&vec![0xff; 2 * number_len], number_len).unwrap();
            assert_eq!(made.len(), len);
            let (body, rest) = element(&made, SEQUENCE).unwrap();
            let (r, body) = element(body, INTEGER).unwrap();
            let (s, body) = element(body, INTEGER).unwrap();
            assert!(rest.is_empty() && body.is_empty());
            for number in [r, s] {
                assert_eq!(unsigned(number), vec![0xff; number_len]);
            }
        }
    }

    //= test RFC7518#3.4 a signature of ECDSA is two numbers of the length that the curve fixes
    #[test]
    fn a_signature_of_another_length_is_none() {
        for len in (0..140).filter(|len| *len != 64) {
            assert_eq!(put_together(&vec![1; len], 32), None, "{len}");
        }
    }
}
