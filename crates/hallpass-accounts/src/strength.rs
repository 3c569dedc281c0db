//! Whether a password is one that others guess: one that many people use, or made of what everybody knows of the account.
//!
//! The list holds the first bytes of the SHA-256 of each word, sorted; `examples/common_passwords.rs` makes it. That another
//! password begins with the same bytes happens once in some thirty million.

use hallpass_types::sha256;

/// Bytes of a digest in the list.
const WIDTH: usize = 5;
/// Shortest word of the list, in bytes.
const SHORTEST: usize = 5;
/// Characters that must remain when a name is taken out.
const REMAINS: usize = 6;

static COMMON: &[u8] = include_bytes!("../data/common-passwords.bin");

/// Whether others guess this password. `about` is what is known of the account: its name, its address, the name of the
/// service.
#[must_use]
pub fn is_guessed(password: &str, about: &[&str]) -> bool {
    let plain = password.to_lowercase();
    is_common(&plain) || is_uniform(&plain) || is_about(&plain, about)
}

/// It, or what remains without digits and signs before and behind, is in the list.
fn is_common(plain: &str) -> bool {
    let word = plain.trim_matches(|c: char| !c.is_alphabetic());
    let decoration = plain.chars().count().saturating_sub(word.chars().count());
    is_listed(plain) || (decoration <= MOST_DECORATION && is_listed(word))
}

/// More than this many digits and signs around a common word make it another one.
const MOST_DECORATION: usize = 4;

fn is_listed(word: &str) -> bool {
    if word.len() < SHORTEST {
        return false;
    }
    let digest = sha256(word.as_bytes());
    let (Some(wanted), (entries, _)) = (digest.first_chunk::<WIDTH>(), COMMON.as_chunks::<WIDTH>())
    else {
        return false;
    };
    entries.binary_search(wanted).is_ok()
}

/// One character again and again, or a piece of few characters repeated, or characters in a row.
fn is_uniform(plain: &str) -> bool {
    let chars: Vec<char> = plain.chars().collect();
    let repeated = (1..=3).any(|width| {
        chars
            .iter()
            .zip(chars.iter().skip(width))
            .all(|(one, other)| one == other)
    });
    let steps = |by: i64| {
        chars.iter().zip(chars.iter().skip(1)).all(|(one, next)| {
            i64::from(u32::from(*next)) == i64::from(u32::from(*one)).saturating_add(by)
        })
    };
    repeated || steps(1) || steps(-1)
}

/// Little remains without what is known of the account.
fn is_about(plain: &str, about: &[&str]) -> bool {
    let words = about
        .iter()
        .flat_map(|word| word.split(|c: char| !c.is_alphanumeric()))
        .map(str::to_lowercase)
        .filter(|word| word.chars().count() >= 4);
    let mut rest = plain.to_owned();
    let mut found = false;
    for word in words {
        found |= rest.contains(&word);
        rest = rest.replace(&word, "");
    }
    found && rest.chars().count() < REMAINS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_of_a_size_that_is_worth_it() {
        let (entries, rest) = COMMON.as_chunks::<WIDTH>();
        assert!(rest.is_empty() && entries.len() > 20_000);
        assert!(entries.is_sorted());
    }

    // LG-14
    #[test]
    fn what_others_guess_is_found() {
        for password in [
            "password",
            "Password1!",
            "12345678",
            "iloveyou",
            "ILOVEYOU99",
            "qwertyuiop",
            "trustno1",
            "dragon2024",
            "football",
            "!!sunshine!!",
            "aaaaaaaaaaaa",
            "abababababab",
            "abcdefghij",
            "987654321",
            "xyzxyzxyzxyz",
        ] {
            assert!(is_guessed(password, &[]), "{password}");
        }
    }

    #[test]
    fn what_is_known_of_an_account_is_no_password() {
        let about = ["ada.lovelace@example.com", "Ada Lovelace", "Hallpass"];
        for password in [
            "lovelace",
            "Lovelace1815",
            "adalovelace!",
            "hallpass123",
            "example.com1",
        ] {
            assert!(is_guessed(password, &about), "{password}");
        }
        // Four letters of it within a long one do no harm.
        assert!(!is_guessed("lovelace met her engine at dawn", &about));
    }

    #[test]
    fn a_password_of_ones_own_is_fine() {
        for password in [
            "correct horse battery",
            "another horse battery",
            "Tr0ub4dor&3xyz",
            "blue-kettle-seven",
            "пароль-и-чайник",
            "x7Kq!m2Zp9",
            "password of my grandmother",
        ] {
            assert!(!is_guessed(password, &["ada"]), "{password}");
        }
        assert!(!is_guessed("", &[]) || is_uniform(""));
    }
}
