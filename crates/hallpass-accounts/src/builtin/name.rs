//! User names.

use hallpass_types::Subject;

use super::AccountError;

/// Longest user name, in bytes.
const MAX_LEN: usize = 200;
/// Characters of what somebody likes to be called in a name that is made of it.
const MOST_CALLED: usize = 24;
/// Characters of the subject behind it.
const TAIL: usize = 8;

/// The form under which a user name is unique and looked up: without surrounding space, in lower case.
pub fn username_key(typed: &str) -> String {
    typed.trim().to_lowercase()
}

/// Checks a name that somebody wants: 1 to 200 bytes without space, control and invisible characters.
///
/// # Errors
/// [`AccountError::InvalidName`]
pub(super) fn check(name: &str) -> Result<(), AccountError> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || is_invisible(c);
    if name.is_empty() || name.len() > MAX_LEN || name.contains(odd) {
        return Err(AccountError::InvalidName);
    }
    Ok(())
}

/// A name for somebody who gave none to sign in with: how they like to be called, and something that nobody else has.
pub(super) fn made(called: &str, subject: &Subject) -> String {
    let typed = |c: &char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let words = called.split_whitespace();
    let words = words.map(|word| word.chars().filter(typed).collect::<String>());
    let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    let mut name: String = words.join(".").chars().take(MOST_CALLED).collect();
    if name.is_empty() {
        name.push_str("user");
    }
    let tail: String = subject.as_str().chars().take(TAIL).collect();
    format!("{name}-{tail}").to_lowercase()
}

/// Whether a name can belong to an account at all; if not, it need not be looked up.
pub(super) fn is_possible(key: &str) -> bool {
    // Lower case may be longer than what was typed.
    !key.is_empty() && key.len() <= MAX_LEN.saturating_mul(3)
}

/// Characters that show nothing: two names that differ only in them look the same.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_and_surrounding_space() {
        assert_eq!(
            username_key("  Ada.Lovelace@Example.COM "),
            "ada.lovelace@example.com"
        );
        assert_eq!(username_key("ÅSA"), "åsa");
    }

    #[test]
    fn a_name_that_is_made_up_is_one_that_can_be_typed_and_looks_like_no_address() {
        let subject = Subject::parse("0123456789abcdef").unwrap();
        for (called, expected) in [
            ("Ada Lovelace", "ada.lovelace-01234567"),
            ("", "user-01234567"),
            ("root@op.example", "rootop.example-01234567"),
            ("\u{200B}\n<b>", "b-01234567"),
        ] {
            let name = made(called, &subject);
            assert_eq!(name, expected);
            assert!(check(&name).is_ok());
        }
        let long = made(&"x".repeat(500), &subject);
        assert!(check(&long).is_ok() && long.len() < 40);
    }

    #[test]
    fn names_that_cannot_be_seen_or_told_apart_are_refused() {
        for bad in [
            "",
            " ",
            "a b",
            "a\u{0}b",
            "a\nb",
            "a\u{200B}",
            "\u{202E}a",
            "a\u{00A0}b",
            "\u{3164}",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check(&"a".repeat(201)).is_err());
        for good in [
            "a",
            "ada@example.com",
            "Åsa",
            "ada+test",
            "写真",
            &"a".repeat(200),
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn empty_and_endless_names_are_not_looked_up() {
        assert!(!is_possible(&username_key("  ")));
        assert!(!is_possible(&"a".repeat(601)));
        assert!(is_possible("ada"));
    }
}
