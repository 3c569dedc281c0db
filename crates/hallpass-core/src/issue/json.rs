//! Writes flat JSON objects without a tree in between.

/// Adds a member with a text value.
pub(crate) fn text(out: &mut String, name: &str, value: &str) {
    comma(out);
    quoted(out, name);
    out.push(':');
    quoted(out, value);
}

/// Adds a member with a number.
pub(crate) fn number(out: &mut String, name: &str, value: i64) {
    comma(out);
    quoted(out, name);
    out.push(':');
    out.push_str(&value.to_string());
}

/// Adds a member with any value.
pub(crate) fn value(out: &mut String, name: &str, value: &serde_json::Value) {
    comma(out);
    quoted(out, name);
    out.push(':');
    out.push_str(&value.to_string());
}

/// Adds a member whose value is JSON already.
pub(crate) fn raw(out: &mut String, name: &str, value: &str) {
    comma(out);
    quoted(out, name);
    out.push(':');
    out.push_str(value);
}

/// Adds a member with a list of texts.
pub(crate) fn list(out: &mut String, name: &str, values: &[String]) {
    comma(out);
    quoted(out, name);
    out.push_str(":[");
    for (index, item) in values.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        quoted(out, item);
    }
    out.push(']');
}

fn comma(out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
}

fn quoted(out: &mut String, text: &str) {
    let plain = text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    if plain {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut out = String::from("{");
        text(&mut out, "a", "plain");
        text(&mut out, "b", "q\"\\\n\u{1}\u{e9}");
        number(&mut out, "c", -5);
        list(&mut out, "d", &["x".into(), "y\"".into()]);
        value(&mut out, "e", &serde_json::json!({"f": null}));
        out.push('}');
        let read: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            read,
            serde_json::json!({"a": "plain", "b": "q\"\\\n\u{1}\u{e9}", "c": -5, "d": ["x", "y\""], "e": {"f": null}})
        );
    }
}
