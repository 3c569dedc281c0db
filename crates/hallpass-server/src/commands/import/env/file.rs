//! Files of environment variables, as programs for Node read them.

use std::collections::BTreeMap;

/// Variables by name.
pub(super) type Variables = BTreeMap<String, String>;

/// Reads `NAME=value` lines: comments, `export`, quotes of three kinds, values over several lines in quotes. Of a name that stands
/// twice the last one counts.
///
/// # Errors
/// The number of the line that is none of that.
pub(super) fn parse(text: &str) -> Result<Variables, usize> {
    let mut variables = Variables::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let number = at.saturating_add(1);
        let line = line.trim_start_matches('\u{feff}').trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, rest) = line.split_once('=').ok_or(number)?;
        let name = name.trim_end();
        if !is_name(name) {
            return Err(number);
        }
        let rest = rest.trim_start();
        let quote = rest
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\'' | '`'));
        let value = match quote {
            None => match rest.split_once(" #") {
                Some((value, _)) => value.trim_end().to_owned(),
                None if rest.starts_with('#') => String::new(),
                None => rest.to_owned(),
            },
            Some(quote) => {
                let mut text = rest.strip_prefix(quote).unwrap_or(rest).to_owned();
                let end = loop {
                    if let Some(end) = end_of(&text, quote) {
                        break end;
                    }
                    let (_, more) = lines.next().ok_or(number)?;
                    text.push('\n');
                    text.push_str(more);
                };
                let value = text.get(..end).unwrap_or_default();
                if quote == '"' {
                    value.replace("\\n", "\n").replace("\\\"", "\"")
                } else {
                    value.to_owned()
                }
            }
        };
        variables.insert(name.to_owned(), value);
    }
    Ok(variables)
}

/// Where the quote is that ends a value; in double quotes a backslash keeps one from doing so.
fn end_of(text: &str, quote: char) -> Option<usize> {
    let mut kept = false;
    for (at, c) in text.char_indices() {
        if c == quote && !kept {
            return Some(at);
        }
        kept = quote == '"' && c == '\\' && !kept;
    }
    None
}

fn is_name(name: &str) -> bool {
    let first = name.chars().next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && name.len() <= 100
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_node_would_read() {
        let text = "\u{feff}# a comment\n\nA=1\n export B = two words # and a comment\nC='it''s # not'\nD=\"a\\nb \\\"c\\\"\" # x\n\
            E=\nF=`back`\nKEY=\"-----BEGIN\nline\n-----END\"\nA=2\nURL=postgres://u:p@h/d?x=#frag\nG=#only\n";
        let all = parse(text).unwrap();
        for (name, value) in [
            ("A", "2"),
            ("B", "two words"),
            ("C", "it"),
            ("D", "a\nb \"c\""),
            ("E", ""),
            ("F", "back"),
            ("KEY", "-----BEGIN\nline\n-----END"),
            ("URL", "postgres://u:p@h/d?x=#frag"),
            ("G", ""),
        ] {
            assert_eq!(all.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(all.len(), 9);
    }

    #[test]
    fn what_is_no_variable_is_named_by_its_line() {
        for (text, line) in [
            ("A=1\nnothing", 2),
            ("1A=1", 1),
            ("A B=1", 1),
            ("=1", 1),
            ("A=\"never ends\nB=1", 1),
            ("\n\n\u{1b}[31m=1", 3),
        ] {
            assert_eq!(parse(text), Err(line), "{text:?}");
        }
    }
}
