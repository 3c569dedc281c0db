//! Words as operators read them.

/// Day and minute of seconds since 1970.
pub(crate) fn minute(at: i64) -> String {
    hallpass_pages::time::minute(hallpass_types::Timestamp(at))
}

/// The day of seconds since 1970.
pub(crate) fn day_of(at: i64) -> String {
    hallpass_pages::time::day(hallpass_types::Timestamp(at))
}

/// The first letter of a name.
pub(crate) fn initial(name: &str) -> String {
    let first = name.chars().find(|c| c.is_alphanumeric());
    first.map_or_else(|| "?".to_owned(), |c| c.to_uppercase().collect())
}

/// A number with thin spaces between thousands.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    let length = digits.len();
    for (place, digit) in digits.chars().enumerate() {
        let left = length.saturating_sub(place);
        if place > 0 && left.checked_rem(3) == Some(0) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A span of time in its largest unit, as people write it.
pub(crate) fn span(seconds: i64) -> String {
    for (unit, length) in [("d", 86_400), ("h", 3600), ("m", 60)] {
        if seconds > 0 && seconds.checked_rem(length) == Some(0) {
            return format!("{}{unit}", seconds.div_euclid(length));
        }
    }
    format!("{seconds}s")
}

/// Seconds of a span such as 90s, 10m, 12h or 14d; a number alone is seconds.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let (number, length) = match text.char_indices().next_back()? {
        (end, unit @ ('s' | 'm' | 'h' | 'd')) => {
            let length = match unit {
                'm' => 60,
                'h' => 3600,
                'd' => 86_400,
                _ => 1,
            };
            (text.get(..end)?, length)
        }
        _ => (text, 1),
    };
    let digits = number.bytes().all(|b| b.is_ascii_digit());
    let number: i64 = number.parse().ok().filter(|_| digits)?;
    number.checked_mul(length)
}

/// A sentence that begins with a capital.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

/// A member of an operation's input in words.
pub(crate) fn field(name: &str) -> String {
    let known = match name {
        "metadata.redirect_uris" => "Redirect URIs",
        "metadata.client_name" | "name" => "Name",
        "metadata.scope" => "Scopes",
        "metadata.jwks" => "Public keys",
        "metadata.code_lifetime" => "Codes are good for",
        "metadata.access_token_lifetime" => "Access tokens are good for",
        "metadata.id_token_lifetime" => "ID tokens are good for",
        "metadata.refresh_token_lifetime" => "Refresh tokens are good for",
        "logo" => "Logo",
        "logo_url" => "The address of the logo",
        "metadata.post_logout_redirect_uris" => "Addresses after sign-out",
        "issuer" => "Issuer",
        "username" => "User name",
        "password" => "Password",
        "accent" => "Colour",
        "dark_accent" => "Colour in the dark",
        "radius" => "Corners",
        "description" => "Sentence at consent",
        "upstream" => "The provider",
        "url" => "Address",
        "events" => "Events",
        "email" => "Mail address",
        _ => return sentence(&name.rsplit('.').next().unwrap_or(name).replace('_', " ")),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_spaces_between_thousands() {
        for (n, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1\u{202f}000"),
            (1_234_567, "1\u{202f}234\u{202f}567"),
        ] {
            assert_eq!(number(n), expected);
        }
    }

    #[test]
    fn spans_are_written_in_their_largest_unit_and_read_again() {
        for (length, text) in [
            (0, "0s"),
            (90, "90s"),
            (600, "10m"),
            (7200, "2h"),
            (1_209_600, "14d"),
        ] {
            assert_eq!(span(length), text);
            assert_eq!(seconds(text), Some(length));
        }
        assert_eq!(seconds("45"), Some(45));
        for text in [
            "",
            "s",
            "-1s",
            "+1s",
            "1.5h",
            "1 h",
            "1w",
            "h1",
            "é",
            "9223372036854775807d",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_without_letters_has_an_initial_all_the_same() {
        assert_eq!(initial("élan"), "É");
        assert_eq!(initial("--"), "?");
    }

    #[test]
    fn members_have_words() {
        assert_eq!(field("metadata.redirect_uris"), "Redirect URIs");
        assert_eq!(field("metadata.default_max_age"), "Default max age");
    }
}
