//! Codes of authenticator apps, [RFC 6238](https://www.rfc-editor.org/rfc/rfc6238): SHA-1, six digits, thirty seconds, which
//! is what the apps know.

use hallpass_jose::{constant_time_eq, mac::hmac_sha1};
use hallpass_types::Timestamp;

/// Bytes of a secret.
//= RFC4226#4 MUST: the shared secret has at least 128 bits; 160 are recommended
pub const SECRET_LEN: usize = 20;
/// Seconds of a step.
pub const PERIOD: i64 = 30;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// So many steps before and after now are taken, since clocks differ.
//= RFC6238#5.2 SHOULD: at most one step is allowed for delay on the way
const SKEW: u64 = 1;

/// The step of an instant.
#[must_use]
pub fn step_at(now: Timestamp) -> u64 {
    u64::try_from(now.0.div_euclid(PERIOD)).unwrap_or(0)
}

/// The code of a step.
#[must_use]
pub fn code(secret: &[u8], step: u64) -> [u8; DIGITS] {
    let tag = hmac_sha1(secret, &step.to_be_bytes());
    let offset = usize::from(tag.last().copied().unwrap_or(0) & 0x0f);
    let word = tag
        .get(offset..)
        .and_then(|rest| rest.first_chunk::<4>())
        .copied()
        .unwrap_or_default();
    let mut number = u32::from_be_bytes(word) & 0x7fff_ffff;
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        let last = u8::try_from(number % 10).unwrap_or(0);
        *digit = b'0'.saturating_add(last);
        number /= 10;
    }
    digits
}

/// The step whose code this is, if there is one that is near now and newer than the last that was taken.
//= RFC6238#5.2 MUST: a code that was taken once is not taken again
#[must_use]
pub fn matching_step(
    secret: &[u8],
    typed: &str,
    last_step: Option<u64>,
    now: Timestamp,
) -> Option<u64> {
    let digits: Vec<u8> = typed
        .bytes()
        .filter(|b| !matches!(b, b' ' | b'-'))
        .collect();
    if digits.len() != DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let current = step_at(now);
    // All of them are computed, whichever fits.
    let mut found = None;
    for step in current.saturating_sub(SKEW)..=current.saturating_add(SKEW) {
        let fits = constant_time_eq(&code(secret, step), &digits);
        if fits && last_step.is_none_or(|last| step > last) {
            found = found.or(Some(step));
        }
    }
    found
}

/// A secret as people type it: base32 (RFC 4648 §6) without padding.
#[must_use]
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    let (mut bits, mut held) = (0_u32, 0_u32);
    let mut push = |value: u32| {
        let place = usize::try_from(value & 31).unwrap_or(0);
        text.extend(ALPHABET.get(place).map(|b| char::from(*b)));
    };
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits = bits.saturating_add(8);
        while bits >= 5 {
            bits = bits.saturating_sub(5);
            push(held >> bits);
        }
        held &= 0xff;
    }
    if bits > 0 {
        push(held << 5_u32.saturating_sub(bits));
    }
    text
}

/// Reads a secret as people type it; none for what is no base32. Case, spaces and padding do not matter.
#[must_use]
pub fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut held) = (0_u32, 0_u32);
    let mut out = Vec::new();
    let typed = text.trim_end_matches('=').bytes().filter(|b| *b != b' ');
    for byte in typed {
        let value = match byte.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter.saturating_sub(b'A'),
            digit @ b'2'..=b'7' => digit.saturating_sub(b'2').saturating_add(26),
            _ => return None,
        };
        held = ((held << 5) | u32::from(value)) & 0xfff;
        bits = bits.saturating_add(5);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            out.push(u8::try_from((held >> bits) & 0xff).ok()?);
        }
    }
    Some(out)
}

/// What an authenticator app reads from a QR code.
#[must_use]
pub fn key_uri(secret: &[u8], service: &str, account: &str) -> String {
    let service = encoded(service);
    format!(
        "otpauth://totp/{service}:{}?secret={}&issuer={service}&algorithm=SHA1&digits={DIGITS}&period={PERIOD}",
        encoded(account),
        base32(secret),
    )
}

/// Percent-encoded, with nothing left that has a meaning in such an address.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "codes are digits")]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    fn text(step: u64) -> String {
        String::from_utf8(code(SECRET, step).to_vec()).unwrap()
    }

    #[test]
    fn base32_reads_back() {
        for length in 0..40_u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(37)).collect();
            assert_eq!(from_base32(&base32(&bytes)), Some(bytes));
        }
        assert_eq!(from_base32("jbsw y3dp===="), Some(b"Hello".to_vec()));
        for wrong in ["1", "A!", "Ä", "A=B"] {
            assert_eq!(from_base32(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn codes_are_those_of_the_specification() {
        // RFC 6238 appendix B, the last six of its eight digits.
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(text(step_at(Timestamp(seconds))), expected, "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_one_step_around_and_once() {
        //= test RFC6238#5.2 at most one step is allowed for delay on the way
        //= test RFC6238#5.2 a code that was taken once is not taken again
        let now = Timestamp(3000);
        for (step, found) in [
            (98, None),
            (99, Some(99)),
            (100, Some(100)),
            (101, Some(101)),
            (102, None),
        ] {
            assert_eq!(matching_step(SECRET, &text(step), None, now), found);
        }
        for last in [100, 101, u64::MAX] {
            assert_eq!(matching_step(SECRET, &text(100), Some(last), now), None);
            assert_eq!(matching_step(SECRET, &text(99), Some(last), now), None);
        }
        assert_eq!(matching_step(SECRET, &text(101), Some(100), now), Some(101));
        let spaced = format!(" {} {}", &text(100)[..3], &text(100)[3..]);
        assert_eq!(matching_step(SECRET, &spaced, None, now), Some(100));
    }

    #[test]
    fn what_is_no_code_is_none() {
        let now = Timestamp(3000);
        let good = text(100);
        for odd in [
            "",
            "1",
            &good[..5],
            &format!("{good}0"),
            &format!("{good}\u{0}"),
            "١٢٣٤٥٦",
            &"0".repeat(1_000_000),
        ] {
            assert_eq!(matching_step(SECRET, odd, None, now), None);
        }
        assert_eq!(
            matching_step(b"another secret of 20", &good, None, now),
            None
        );
        // Before 1970 there is no step to go back to.
        assert_eq!(matching_step(SECRET, "000000", None, Timestamp(-5)), None);
    }

    #[test]
    fn a_secret_is_written_as_apps_read_it() {
        assert_eq!(base32(SECRET), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (bytes, expected) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), expected);
        }
        assert_eq!(
            key_uri(SECRET, "My & Co: x", "ada@example.com"),
            "otpauth://totp/My%20%26%20Co%3A%20x:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=My%20%26%20Co%3A%20x&algorithm=SHA1&digits=6&period=30"
        );
    }
}
