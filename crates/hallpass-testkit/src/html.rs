//! Just enough HTML to find forms and links in our own pages.

/// A tag with its attributes.
#[derive(Clone, Debug)]
pub struct Tag {
    /// Its name, in lower case; closing tags begin with `/`.
    pub name: String,
    /// Attributes, decoded.
    pub attributes: Vec<(String, String)>,
}

impl Tag {
    /// An attribute's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

/// A form.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// Its `id`.
    pub id: String,
    /// Where it goes.
    pub action: String,
    /// Named fields with their values, hidden ones and others; a box that is not ticked is left out.
    pub fields: Vec<(String, String)>,
    /// Buttons: `id`, name, value.
    pub buttons: Vec<(String, String, String)>,
}

impl Form {
    /// The fields as they are sent when the button with this `id` is pressed, with `typed` in place of what was there.
    ///
    /// # Panics
    /// There is no such button.
    #[must_use]
    pub fn press(&self, button: &str, typed: &[(&str, &str)]) -> Vec<(String, String)> {
        let (_, name, value) = self
            .buttons
            .iter()
            .find(|(id, ..)| id == button)
            .unwrap_or_else(|| panic!("no button {button} in {self:?}"));
        let mut sent: Vec<(String, String)> = self
            .fields
            .iter()
            .filter(|(n, _)| typed.iter().all(|(t, _)| t != n))
            .cloned()
            .collect();
        sent.extend(
            typed
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
        );
        if !name.is_empty() {
            sent.push((name.clone(), value.clone()));
        }
        sent
    }

    /// A field's value.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

/// All tags of a document in order.
#[must_use]
pub fn tags(document: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    let mut rest = document;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if rest.starts_with('!') {
            continue;
        }
        let (tag, after) = tag(rest);
        rest = after;
        if tag.name == "script" || tag.name == "style" {
            let end = format!("</{}", tag.name);
            rest = rest.find(&end).map_or("", |at| &rest[at..]);
        }
        found.push(tag);
    }
    found
}

fn tag(text: &str) -> (Tag, &str) {
    let end = |c: char| c.is_ascii_whitespace() || c == '>';
    let at = text.find(end).unwrap_or(text.len());
    let mut tag = Tag {
        name: text[..at].trim_end_matches('/').to_ascii_lowercase(),
        attributes: Vec::new(),
    };
    if text.starts_with('/') {
        tag.name = text[..at].to_ascii_lowercase();
    }
    let mut rest = text[at..].trim_start();
    loop {
        rest = rest.trim_start().trim_start_matches('/');
        if rest.is_empty() {
            return (tag, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (tag, after);
        }
        let at = rest
            .find(|c: char| c == '=' || c == '/' || end(c))
            .unwrap_or(rest.len());
        let name = rest[..at].to_ascii_lowercase();
        rest = rest[at..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            rest = after.trim_start();
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
            if let Some(quote) = quote {
                let inner = &rest[1..];
                let close = inner.find(quote).unwrap_or(inner.len());
                value = &inner[..close];
                rest = inner.get(close + 1..).unwrap_or_default();
            } else {
                let close = rest.find(end).unwrap_or(rest.len());
                value = &rest[..close];
                rest = &rest[close..];
            }
        }
        if name.is_empty() {
            // Nothing that an attribute could be: go on behind it.
            rest = rest.get(1..).unwrap_or_default();
        } else {
            tag.attributes.push((name, decode(value)));
        }
    }
}

/// All forms of a document.
#[must_use]
pub fn forms(document: &str) -> Vec<Form> {
    let mut found: Vec<Form> = Vec::new();
    let mut open = false;
    for tag in tags(document) {
        let text = |name: &str| tag.get(name).unwrap_or_default().to_owned();
        match (tag.name.as_str(), found.last_mut()) {
            ("form", _) => {
                open = true;
                found.push(Form {
                    id: text("id"),
                    action: text("action"),
                    ..Form::default()
                });
            }
            ("/form", _) => open = false,
            ("input", Some(form)) if open => {
                let kind = text("type");
                let ticked = tag.get("checked").is_some();
                let boxed = kind == "checkbox" || kind == "radio";
                if kind == "submit" {
                    form.buttons.push((text("id"), text("name"), text("value")));
                } else if tag.get("name").is_some() && (!boxed || ticked) {
                    form.fields.push((text("name"), text("value")));
                }
            }
            ("button", Some(form)) if open => {
                form.buttons.push((text("id"), text("name"), text("value")));
            }
            _ => {}
        }
    }
    found
}

/// The form with that `id`.
///
/// # Panics
/// There is none.
pub fn form(document: &str, id: &str) -> Form {
    forms(document)
        .into_iter()
        .find(|f| f.id == id)
        .unwrap_or_else(|| panic!("no form {id} in {document}"))
}

/// The text directly inside the element with that `id`.
#[must_use]
pub fn text_of(document: &str, id: &str) -> Option<String> {
    let at = [format!("id=\"{id}\""), format!("id={id}>")]
        .iter()
        .find_map(|p| document.find(p.as_str()))?;
    let rest = &document[at..];
    let inner = &rest[rest.find('>')? + 1..];
    Some(decode(inner[..inner.find('<')?].trim()))
}

/// Replaces character references.
#[must_use]
pub fn decode(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').unwrap_or(0);
        let name = rest.get(1..end.max(1)).unwrap_or_default();
        let character = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => name.strip_prefix('#').and_then(|number| {
                let code = match number.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => number.parse().ok(),
                };
                code.and_then(char::from_u32)
            }),
        };
        match character {
            Some(character) => {
                out.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_found_with_fields_and_buttons() {
        let page = r#"<!doctype html><p id=x>a &amp; b</p><form id="login" method=post action="/s?a=1&amp;b=2">
            <input type="hidden" name="h" value="&lt;&#39;&#x2F;"><input name=u><input type=checkbox name=c value=1>
            <input type=checkbox name=d value=2 checked><button id="go" name="k" value="v">Go</button></form>"#;
        let form = form(page, "login");
        assert_eq!(form.action, "/s?a=1&b=2");
        assert_eq!(form.field("h"), Some("<'/"));
        let sent = form.press("go", &[("u", "me")]);
        let text = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        assert_eq!(
            sent,
            [
                text("h", "<'/"),
                text("d", "2"),
                text("u", "me"),
                text("k", "v")
            ]
        );
        assert_eq!(text_of(page, "x").as_deref(), Some("a & b"));
    }

    #[test]
    fn odd_markup_ends() {
        for odd in [
            "<",
            "<a",
            "<a b",
            "<a b=",
            "<a b='",
            "<a =>",
            "<form/><input",
            "&",
            "&;",
            "&#x;",
            "<script>",
        ] {
            drop((forms(odd), decode(odd)));
        }
    }
}
