//! As much of HTML as our own pages need.

/// A form: where it goes, and what a browser would send of it before anything is pressed.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Form {
    /// The form with that identifier.
    pub(crate) fn of(page: &str, id: &str) -> Option<Self> {
        let (_, form) = page.split_once(&format!("<form id=\"{id}\""))?;
        let (form, _) = form.split_once("</form>")?;
        let action = attribute(form, "action")?;
        let mut fields = Vec::new();
        for tag in form.split("<input").skip(1) {
            let (tag, _) = tag.split_once('>')?;
            let kind = attribute(tag, "type")?;
            if kind == "checkbox" && !tag.contains(" checked") {
                continue;
            }
            let value = attribute(tag, "value").unwrap_or_default();
            fields.push((attribute(tag, "name")?, value));
        }
        Some(Self { action, fields })
    }

    /// Fills a field, or presses a button.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a field out, such as a box that is not ticked.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(n, _)| n != name);
        self
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.fields.iter().find(|(n, _)| n == name)?;
        Some(value)
    }
}

/// The value of an attribute of the first tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(unescape(value))
}

/// The text of the element with that identifier.
pub(crate) fn text_of(page: &str, id: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!(" id=\"{id}\""))?;
    let (_, rest) = rest.split_once('>')?;
    let (text, _) = rest.split_once('<')?;
    Some(unescape(text))
}

fn unescape(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
