//! Cleaning of text that came from outside, before it is shown.
//!
//! Escaping keeps such text from becoming markup; it does not keep a name from turning the words
//! around it to the left, hiding parts of itself, or filling the page. These functions do.

use serde::{Serialize, Serializer};

/// Longest name shown, in characters.
const NAME_LIMIT: usize = 64;
/// Longest second line or sentence shown, in characters.
const SENTENCE_LIMIT: usize = 240;
/// Longest value of an authorization detail shown, in characters: all of it, since it is to be agreed to.
const VALUE_LIMIT: usize = 6000;
/// Longest host shown, in characters: the longest DNS name and a port.
const HOST_LIMIT: usize = 260;
/// Longest link emitted, in bytes.
const LINK_LIMIT: usize = 2048;
/// Longest value put back into an input field, in characters.
const INPUT_LIMIT: usize = 256;
/// Marks allowed on one letter; more of them climb over the lines above.
const MARK_LIMIT: usize = 3;

/// Serializes a name: one line, bounded, without invisible and direction-changing characters.
pub(crate) fn name<S: Serializer>(value: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&clean(value, NAME_LIMIT))
}

/// Serializes what a person agrees to: one line, without invisible and direction-changing characters, never cut.
pub(crate) fn value<S: Serializer>(value: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&clean(value, VALUE_LIMIT))
}

/// What a person agrees to, as [`value`] has it.
pub(crate) fn shown_value(value: &str) -> String {
    clean(value, VALUE_LIMIT)
}

/// Serializes an optional sentence.
pub(crate) fn optional<S: Serializer>(value: &Option<&str>, to: S) -> Result<S::Ok, S::Error> {
    value
        .map(|value| clean(value, SENTENCE_LIMIT))
        .filter(|value| !value.is_empty())
        .serialize(to)
}

/// Serializes a host: printable ASCII only, so that no letter of it can look like another one's.
pub(crate) fn host<S: Serializer>(value: &str, to: S) -> Result<S::Ok, S::Error> {
    let shown: String = value
        .chars()
        .map(|c| if c.is_ascii_graphic() { c } else { '?' })
        .take(HOST_LIMIT)
        .collect();
    to.serialize_str(&shown)
}

/// Serializes what goes back into an input field: control characters would break the field.
pub(crate) fn input<S: Serializer>(value: &str, to: S) -> Result<S::Ok, S::Error> {
    let kept: String = value
        .chars()
        .filter(|c| !c.is_control())
        .take(INPUT_LIMIT)
        .collect();
    to.serialize_str(&kept)
}

/// Serializes a link if it is safe to follow, nothing otherwise.
pub(crate) fn link<S: Serializer>(value: &Option<&str>, to: S) -> Result<S::Ok, S::Error> {
    value.filter(|value| is_link(value)).serialize(to)
}

/// Whether a registered URI may become an `href`: absolute, `https`, and printable ASCII.
//= OIDC-REG#9.1 SHOULD: links that a client registered are not shown unless they are web pages
fn is_link(value: &str) -> bool {
    value.len() <= LINK_LIMIT
        && value.starts_with("https://")
        && value
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

/// Serializes a picture that is part of the page: no other server is asked for one.
pub(crate) fn picture<S: Serializer>(value: &Option<&str>, to: S) -> Result<S::Ok, S::Error> {
    value.filter(|value| is_picture(value)).serialize(to)
}

fn is_picture(value: &str) -> bool {
    ["png", "jpeg", "gif"].iter().any(|kind| {
        value
            .strip_prefix("data:image/")
            .and_then(|rest| rest.strip_prefix(kind))
            .and_then(|rest| rest.strip_prefix(";base64,"))
            .is_some_and(|data| {
                data.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
            })
    })
}

/// One line of at most `limit` characters without anything that cannot be seen.
pub(crate) fn clean(value: &str, limit: usize) -> String {
    let mut shown = String::new();
    let mut count = 0_usize;
    let mut marks = 0_usize;
    let mut space = false;
    for c in value.chars() {
        if is_invisible(c) {
            continue;
        }
        if c.is_whitespace() || is_blank(c) || c.is_control() {
            space = true;
            continue;
        }
        marks = if is_mark(c) {
            marks.saturating_add(1)
        } else {
            0
        };
        if marks > MARK_LIMIT {
            continue;
        }
        if count >= limit {
            shown.push('…');
            return shown;
        }
        if space && !shown.is_empty() {
            shown.push(' ');
            count = count.saturating_add(1);
        }
        space = false;
        shown.push(c);
        count = count.saturating_add(1);
    }
    shown
}

/// First letter of a name, for the badge beside it.
pub(crate) fn initial(name: &str) -> String {
    clean(name, NAME_LIMIT)
        .chars()
        .find(|c| c.is_alphanumeric())
        .map(|c| c.to_uppercase().collect())
        .unwrap_or_default()
}

/// Characters that show nothing of themselves but change what is around them, or split words unseen.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{180B}'..='\u{180F}'
        // Zero width, direction marks, embeddings and overrides, isolates, invisible operators.
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Letters by their category that nevertheless show as empty space.
fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{2800}' | '\u{3164}' | '\u{FFA0}'
    )
}

/// Marks that combine with the letter before them.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05BD}'
        | '\u{064B}'..='\u{065F}' | '\u{0E31}' | '\u{0E34}'..='\u{0E3A}' | '\u{0E47}'..='\u{0E4E}'
        | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direction_overrides_and_zero_width_characters_disappear() {
        assert_eq!(
            clean("Pay\u{202E}lap\u{2066}\u{200B}\u{FEFF}x", 64),
            "Paylapx"
        );
    }

    #[test]
    fn white_space_of_every_kind_becomes_one_space() {
        assert_eq!(
            clean("\u{3000}a \u{00A0}\r\n\u{2028}\u{3164}b\t", 64),
            "a b"
        );
    }

    #[test]
    fn a_name_of_nothing_visible_is_empty() {
        assert_eq!(clean("\u{200B}\u{2800}\u{0000} ", 64), "");
    }

    #[test]
    fn a_long_name_ends_in_an_ellipsis_and_is_bounded() {
        let shown = clean(&"x".repeat(100_000), 64);
        assert_eq!(shown.chars().count(), 65);
        assert!(shown.ends_with('…'));
    }

    #[test]
    fn a_name_of_exactly_the_limit_is_whole() {
        assert_eq!(clean(&"x".repeat(64), 64), "x".repeat(64));
    }

    #[test]
    fn a_letter_carries_at_most_three_marks() {
        let shown = clean(&format!("Z{}a", "\u{0301}".repeat(50)), 64);
        assert_eq!(shown.chars().count(), 5);
    }

    #[test]
    fn names_of_other_scripts_stay_as_they_are() {
        for name in [
            "Ćwiczenia",
            "写真プリンター",
            "مطبعة الصور",
            "Фотопечать",
            "ภาพถ่าย",
        ] {
            assert_eq!(clean(name, 64), name);
        }
    }

    #[test]
    fn only_pictures_within_the_page_are_shown() {
        assert!(is_picture("data:image/png;base64,iVBORw0KGgo="));
        for bad in [
            "https://app.example/logo.png",
            "data:image/svg+xml;base64,PHN2Zz4=",
            "data:image/png,x",
            "data:text/html;base64,PGI+",
            "data:image/png;base64,\"onerror=x",
            "",
        ] {
            assert!(!is_picture(bad), "{bad}");
        }
    }

    #[test]
    fn only_web_pages_become_links() {
        //= test OIDC-REG#9.1 links that a client registered are not shown unless they are web pages
        assert!(is_link("https://app.example/terms?x=1&y=2"));
        for bad in [
            "javascript:alert(1)",
            "JAVASCRIPT:alert(1)",
            "data:text/html,x",
            "http://app.example/",
            "//app.example/",
            "/terms",
            " https://app.example/",
            "https://app.example/\"onclick=x",
            "https://app.example/a b",
            "https://app.example/\\..\\",
            "https://app.example/\u{202E}",
            "",
        ] {
            assert!(!is_link(bad), "{bad}");
        }
        assert!(!is_link(&format!("https://{}", "a".repeat(3000))));
    }

    #[test]
    fn the_initial_is_the_first_letter_or_digit() {
        assert_eq!(initial("  «photo»"), "P");
        assert_eq!(initial("\u{202E}7 days"), "7");
        assert_eq!(initial("***"), "");
    }
}
