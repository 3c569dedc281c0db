//! Filling of placeholders in messages.

use minijinja::{Error, HtmlEscape, Value, value::Kwargs};

use crate::messages::{Lang, Plural};

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

/// A duration in the largest unit that fits, rounded up: `90` is "2 minutes".
pub(crate) fn duration(lang: Lang, seconds: u64) -> String {
    let messages = lang.messages();
    let (unit, forms): (u64, &Plural) = match seconds {
        0..=59 => (1, &messages.seconds),
        60..=3_599 => (60, &messages.minutes),
        3_600..=86_399 => (3_600, &messages.hours),
        _ => (86_400, &messages.days),
    };
    let count = seconds.div_ceil(unit);
    lang.plural(forms, count).replace("{n}", &count.to_string())
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
