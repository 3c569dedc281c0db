//! Filling of placeholders in messages.

use minijinja::{Error, HtmlEscape, Value, value::Kwargs};

/// Filter `fill`: replaces each `{name}` by the argument of that name, as plain text.
pub(crate) fn fill(message: &str, values: Kwargs) -> Result<String, Error> {
    let mut filled = String::new();
    for part in parts(message) {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Name(name) => filled.push_str(&values.get::<String>(name)?),
        }
    }
    values.assert_all_used()?;
    Ok(filled)
}

/// Filter `fill_html`: as [`fill`], with each value emphasised and isolated from the direction of the
/// text around it. Message and values are escaped.
pub(crate) fn fill_html(message: &str, values: Kwargs) -> Result<Value, Error> {
    use std::fmt::Write as _;

    let mut filled = String::new();
    for part in parts(message) {
        let written = match part {
            Part::Text(text) => write!(filled, "{}", HtmlEscape(text)),
            Part::Name(name) => {
                let value = values.get::<String>(name)?;
                write!(filled, "<strong><bdi>{}</bdi></strong>", HtmlEscape(&value))
            }
        };
        written?;
    }
    values.assert_all_used()?;
    Ok(Value::from_safe_string(filled))
}

/// Filter `named`: puts the service's name and host in, as plain text.
pub(crate) fn named(message: &str, chrome: &Value) -> Result<String, Error> {
    let part = |name: &str| Ok::<_, Error>(chrome.get_attr(name)?.to_string());
    Ok(message
        .replace("{name}", &part("name")?)
        .replace("{host}", &part("host")?))
}

/// Filter `ltr`: something that reads from the left in every language, such as a date in digits, isolated from the
/// direction of the text around it.
pub(crate) fn ltr(text: &str) -> String {
    format!("\u{2066}{text}\u{2069}")
}

/// A piece of a message.
enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// Splits a message at its placeholders. A brace without a partner is text.
fn parts(message: &str) -> impl Iterator<Item = Part<'_>> {
    message
        .split_inclusive(['{', '}'])
        .scan(false, |inside, piece| {
            let text = piece.strip_suffix(['{', '}']).unwrap_or(piece);
            let part = if *inside && piece.ends_with('}') {
                Part::Name(text)
            } else {
                Part::Text(text)
            };
            *inside = piece.ends_with('{');
            Some(part)
        })
}
