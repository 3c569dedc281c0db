//! What a person types to name a device, [RFC 8628 §6.1](https://www.rfc-editor.org/rfc/rfc8628#section-6.1).

use std::fmt;

/// Characters of a code: upper case, without vowels, so that no words come of them, and nothing that looks like
/// something else. Twenty of them.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Characters in a code. 20^8 codes are about 2^34.5.
const LEN: usize = 8;
/// Longer input is not looked at.
const MAX_INPUT: usize = 64;

/// Random bytes that [`UserCode::from_random`] wants. Each gives a character in 15 of 16 cases; that fewer than
/// eight of so many do does not happen.
pub const RANDOM_LEN: usize = 32;

/// A code as a person reads it from the screen of a device. It is not printed: for some minutes, whoever knows it can
/// answer for the device.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode([u8; LEN]);

impl UserCode {
    /// A code of uniformly drawn characters; none when the bytes do not give enough of them.
    #[must_use]
    pub fn from_random(random: &[u8; RANDOM_LEN]) -> Option<Self> {
        // 240 is the largest multiple of 20 below 256: every character has the same chance.
        let mut fair = random.iter().filter(|byte| **byte < 240);
        let mut code = [0; LEN];
        for place in &mut code {
            let byte = fair.next()?;
            *place = *ALPHABET.get(usize::from(byte.checked_rem(20)?))?;
        }
        Some(Self(code))
    }

    /// Reads what a person typed: case does not matter, nor does ASCII punctuation or space anywhere.
    //= RFC8628#6.1 SHOULD: the server ignores case and the characters that are not in its alphabet's kind
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > MAX_INPUT || !typed.is_ascii() {
            return None;
        }
        let mut code = [0; LEN];
        let mut places = code.iter_mut();
        let meant = typed
            .bytes()
            .filter(|byte| !byte.is_ascii_punctuation() && *byte != b' ');
        for byte in meant {
            let upper = byte.to_ascii_uppercase();
            if !ALPHABET.contains(&upper) {
                return None;
            }
            *places.next()? = upper;
        }
        places.next().is_none().then_some(Self(code))
    }

    /// The characters without anything between them, for the digest under which a store knows the code.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The code as it is shown: two halves with a hyphen.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut out = String::with_capacity(LEN.saturating_add(1));
        for (index, byte) in self.0.iter().enumerate() {
            if index == LEN / 2 {
                out.push('-');
            }
            out.push(char::from(*byte));
        }
        out
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_back_however_it_is_typed() {
        //= test RFC8628#6.1 the server ignores case and the characters that are not in its alphabet's kind
        let mut random = [0; RANDOM_LEN];
        for (byte, value) in random
            .iter_mut()
            .zip([255, 240, 0, 19, 20, 239, 7, 100, 101, 102])
        {
            *byte = value;
        }
        let code = UserCode::from_random(&random).unwrap();
        let shown = code.shown();
        assert_eq!(shown, "BZBZ-KBCD");
        for typed in [
            "BZBZ-KBCD",
            "bzbzkbcd",
            " bzbz kbcd ",
            "B.Z.B.Z.K.B.C.D",
            "\"bzbz\"-KbCd",
        ] {
            assert_eq!(UserCode::parse(typed).as_ref(), Some(&code), "{typed}");
        }
    }

    #[test]
    fn nothing_else_is_a_code() {
        // DV-06
        for typed in [
            "",
            "BZBZ-KBC",
            "BZBZ-KBCDF",
            "BZBZ-KBCA",
            "BZBZ-KBC1",
            "BZBZ-KBC\u{432}",
            "\u{ff22}ZBZ-KBCD",
            "BZBZ\u{2010}KBCD",
            "BZBZ\tKBCD",
            "BZBZ\0KBCD",
            "\"><script>alert(1)</script>",
            &"-".repeat(80),
            &"B".repeat(10_000),
        ] {
            assert_eq!(UserCode::parse(typed), None, "{typed:.40}");
        }
    }

    #[test]
    fn every_character_has_the_same_chance() {
        let mut counts = [0_u32; 256];
        for byte in 0..=255_u8 {
            let mut random = [255; RANDOM_LEN];
            random.iter_mut().take(8).for_each(|place| *place = byte);
            match UserCode::from_random(&random) {
                Some(code) => counts[usize::from(code.0[0])] += 1,
                None => assert!(byte >= 240),
            }
        }
        for character in ALPHABET {
            assert_eq!(counts[usize::from(*character)], 12);
        }
        assert_eq!(counts.iter().sum::<u32>(), 240);
    }

    #[test]
    fn a_code_does_not_print() {
        let code = UserCode::parse("BCDF-GHJK").unwrap();
        assert!(!format!("{code:?}").contains("BCDF"));
    }
}
