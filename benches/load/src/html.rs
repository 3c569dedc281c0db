//! Reading one form out of a page.
//!
//! Made for pages whose markup is well formed; not a parser of HTML at large.

/// A form with the fields that a browser would send.
#[derive(Debug, PartialEq, Eq)]
pub struct Form {
    /// Where it goes; empty for the page's own address.
    pub action: String,
    /// Names and values, in the order of the page.
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// Gives a field its value, also one that the page left out.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.fields.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.fields.push((name.to_owned(), value.to_owned())),
        }
    }
}

/// The form of that id, sent with the button of the other id.
#[must_use]
pub fn form(page: &str, id: &str, button: Option<&str>) -> Option<Form> {
    let mut inside: Option<Form> = None;
    for tag in tags(page) {
        let attribute = |name: &str| attribute(tag, name);
        let named = |wanted: &str| attribute("id").is_some_and(|found| found == wanted);
        match (word(tag), inside.as_mut()) {
            ("form", None) if named(id) => {
                inside = Some(Form {
                    action: attribute("action").unwrap_or_default(),
                    fields: Vec::new(),
                });
            }
            ("/form", Some(_)) => break,
            ("input", Some(form)) => {
                let kind = attribute("type").unwrap_or_default();
                let sent = match kind.as_str() {
                    "checkbox" | "radio" => attribute("checked").is_some(),
                    "submit" | "button" | "reset" | "image" => false,
                    _ => true,
                };
                if let (true, Some(name)) = (sent, attribute("name")) {
                    let unset = if kind == "checkbox" { "on" } else { "" };
                    let value = attribute("value").unwrap_or_else(|| unset.to_owned());
                    form.fields.push((name, value));
                }
            }
            ("button", Some(form)) if button.is_some_and(named) => {
                if let Some(action) = attribute("formaction") {
                    form.action = action;
                }
                if let Some(name) = attribute("name") {
                    let value = attribute("value").unwrap_or_default();
                    form.fields.push((name, value));
                }
            }
            _ => {}
        }
    }
    inside
}

/// Where the forms of that class go.
#[must_use]
pub fn actions(page: &str, class: &str) -> Vec<String> {
    let forms = tags(page).filter(|tag| {
        word(tag) == "form" && attribute(tag, "class").is_some_and(|found| found == class)
    });
    forms.filter_map(|tag| attribute(tag, "action")).collect()
}

/// The insides of all tags of a page.
fn tags(page: &str) -> impl Iterator<Item = &str> {
    page.split('<').skip(1).filter_map(|rest| {
        let mut quote = None;
        let end = rest.char_indices().find_map(|(at, letter)| {
            match (quote, letter) {
                (None, '>') => return Some(at),
                (None, '"' | '\'') => quote = Some(letter),
                (Some(open), _) if open == letter => quote = None,
                _ => {}
            }
            None
        })?;
        rest.get(..end)
    })
}

fn word(tag: &str) -> &str {
    tag.split([' ', '\t', '\r', '\n', '>'])
        .next()
        .unwrap_or_default()
}

/// The value of an attribute; empty for one that stands without a value.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag.get(word(tag).len()..)?;
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '/');
        if rest.is_empty() {
            return None;
        }
        let end = rest
            .find(|letter: char| letter.is_whitespace() || letter == '=')
            .unwrap_or(rest.len());
        let (found, after) = rest.split_at_checked(end)?;
        let after_space = after.trim_start();
        let value = match after_space.strip_prefix('=') {
            None => {
                rest = after;
                ""
            }
            Some(value) => {
                let value = value.trim_start();
                let quote = value.chars().next().filter(|q| matches!(q, '"' | '\''));
                let (value, remaining) = match quote {
                    Some(quote) => value.get(1..)?.split_once(quote)?,
                    None => value
                        .split_at_checked(value.find(char::is_whitespace).unwrap_or(value.len()))?,
                };
                rest = remaining;
                value
            }
        };
        if found.eq_ignore_ascii_case(name) {
            return Some(unescape(value));
        }
    }
}

/// Replaces the character references that templates write.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let reference = after.split_once(';');
        match reference.and_then(|(name, tail)| Some((character(name)?, tail))) {
            Some((letter, tail)) => {
                plain.push(letter);
                rest = tail;
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_with_its_hidden_fields_and_one_button() {
        let page = r#"<p>1 < 2</p><form method="post" id="consent" action="/a?b=1&amp;c=2">
            <input type="hidden" name="token" value="x&quot;&#x2f;&#47;>"/>
            <input type=checkbox name=remember checked><input type="checkbox" name="no">
            <button id="deny" name="choice" value="deny">No</button>
            <button id="allow" name="choice" value="allow">Yes</button></form>
            <form id="other"><input name="never"></form>"#;
        let form = form(page, "consent", Some("allow")).unwrap();
        assert_eq!(form.action, "/a?b=1&c=2");
        let fields: Vec<_> = form
            .fields
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            fields,
            [("token", "x\"//>"), ("remember", "on"), ("choice", "allow")]
        );
    }

    #[test]
    fn a_page_without_that_form_has_none() {
        assert_eq!(form("<form id=a></form>", "b", None), None);
    }

    #[test]
    fn setting_a_field_replaces_what_the_page_suggested() {
        let mut form = form("<form id=a><input name=u value=old></form>", "a", None).unwrap();
        form.set("u", "new");
        form.set("p", "secret");
        assert_eq!(form.fields[0].1, "new");
        assert_eq!(form.fields[1].1, "secret");
    }

    #[test]
    fn an_ampersand_that_starts_no_reference_stays() {
        assert_eq!(unescape("a&b &nope; &#xZZ; c"), "a&b &nope; &#xZZ; c");
    }
}
