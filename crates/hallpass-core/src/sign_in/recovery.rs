//! Recovery codes: ten words on paper, each good once.

/// How many there are in a set.
pub const CODES: usize = 10;
/// Random bytes of a code: 64 bits, of which fifty are used.
pub const RANDOM_LEN: usize = 8;
/// Characters of a code without its hyphen.
const LEN: usize = 10;
/// Digits and letters that are not taken for one another.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A code as it is shown: two groups of five.
#[must_use]
pub fn shown(random: [u8; RANDOM_LEN]) -> String {
    let mut left = u64::from_be_bytes(random);
    let mut text = String::with_capacity(LEN.saturating_add(1));
    for place in 0..LEN {
        if place == LEN / 2 {
            text.push('-');
        }
        let digit = usize::try_from(left & 31).unwrap_or(0);
        text.extend(ALPHABET.get(digit).map(|b| char::from(*b)));
        left >>= 5;
    }
    text
}

/// What was typed, in the form under which codes are kept; none for what is no code.
#[must_use]
pub fn canonical(typed: &str) -> Option<String> {
    // A person may type a few separators; nobody types hundreds.
    if typed.len() > LEN.saturating_mul(4) {
        return None;
    }
    let mut code = String::with_capacity(LEN);
    for c in typed.chars() {
        match c.to_ascii_lowercase() {
            ' ' | '-' => {}
            'o' => code.push('0'),
            'i' | 'l' => code.push('1'),
            c if c.is_ascii_alphanumeric() => code.push(c),
            _ => return None,
        }
    }
    (code.len() == LEN).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_however_it_is_typed() {
        let code = shown([1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(code.len(), 11);
        let kept = canonical(&code).unwrap();
        assert_eq!(kept, code.replace('-', ""));
        for typed in [
            code.to_uppercase(),
            code.replace('-', ""),
            code.replace('-', " "),
            format!(" {code} "),
            code.replace('0', "O").replace('1', "l"),
        ] {
            assert_eq!(canonical(&typed), Some(kept.clone()), "{typed}");
        }
    }

    #[test]
    fn what_is_no_code_is_none() {
        for odd in [
            "",
            "abcde",
            "abcde-fghjk-m",
            "abcde_fghjk",
            "ábcde-fghjk",
            &"-".repeat(1_000_000),
        ] {
            assert_eq!(canonical(odd), None);
        }
    }

    #[test]
    fn codes_of_other_randomness_are_other_codes() {
        let mut codes: Vec<String> = (0..=255).map(|n| shown([0, 0, 0, 0, 0, 0, n, n])).collect();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), 256);
    }
}
