//! `docs/reference/pages.md`: what templates of an operator are given, read from the declarations of the pages.

use crate::workspace;

/// The file of the declarations, or the folder.
const VIEW: &str = "crates/hallpass-pages/src/view";
const PAGE: &str = "docs/reference/pages.md";

/// Writes the page.
pub(crate) fn generate(check: bool) -> Result<Option<String>, String> {
    let view = view()?;
    workspace::write(PAGE, &page(&items(&view)), check)
}

fn view() -> Result<String, String> {
    let mut text = String::new();
    for file in workspace::files(".rs")? {
        if file.starts_with(VIEW) {
            text.push_str(&workspace::read(&file)?);
        }
    }
    Ok(text)
}

/// A struct or enum of the pages' declarations.
#[derive(Debug, Default)]
struct Item {
    name: String,
    doc: String,
    /// Name, type and description of each field or variant.
    rows: Vec<(String, String, String)>,
}

fn items(source: &str) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let (mut doc, mut skipped, mut open) = (String::new(), false, false);
    for line in source.lines() {
        let text = line.trim();
        if let Some(more) = text.strip_prefix("/// ") {
            if !doc.is_empty() {
                doc.push(' ');
            }
            doc.push_str(more);
        } else if text.starts_with("#[serde(skip)]") {
            skipped = true;
        } else if text.starts_with("#[") {
        } else if let Some(rest) = text
            .strip_prefix("pub struct ")
            .or_else(|| text.strip_prefix("pub enum "))
        {
            let name = rest.split(['<', ' ']).next().unwrap_or_default().to_owned();
            items.push(Item {
                name,
                doc: std::mem::take(&mut doc),
                rows: Vec::new(),
            });
            open = text.ends_with('{');
        } else if line.starts_with('}') {
            open = false;
        } else if open && !text.is_empty() {
            let field = text
                .strip_prefix("pub ")
                .and_then(|rest| rest.split_once(": "));
            let (name, kind) = match field {
                Some((name, kind)) => (name, kind.trim_end_matches(',')),
                None => text
                    .trim_end_matches(',')
                    .split_once('(')
                    .unwrap_or_else(|| (text.trim_end_matches(','), "")),
            };
            let row = (name.to_owned(), kind.to_owned(), std::mem::take(&mut doc));
            if !skipped && let Some(item) = items.last_mut() {
                item.rows.push(row);
            }
            skipped = false;
        } else {
            doc.clear();
        }
    }
    items
}

/// Members that are made when a page is rendered: of which struct, name, kind and description.
const MADE: &[(&str, &str, &str, &str)] = &[
    ("SignIn", "retry", "text or none", "`retry_after` in words."),
    ("Device", "retry", "text or none", "`retry_after` in words."),
    (
        "Device",
        "qr",
        "a picture or none",
        "`side` and `path` of the QR code of the page's address.",
    ),
    ("Consent", "lasts", "text or none", "`lifetime` in words."),
    (
        "Consent",
        "groups",
        "list",
        "Scopes by what they are about: `resource` ([Resource](#resource) or none) and `scopes` (list of [Scope](#scope)).",
    ),
    (
        "Consent",
        "claims",
        "list",
        "Single claims asked for beyond the scopes: `name` and `label`; each a checkbox named `claim.` and its name.",
    ),
    (
        "Consent",
        "resources",
        "list of [Resource](#resource)",
        "Resource servers that the tokens are for.",
    ),
    (
        "Approvals",
        "requests",
        "list of [Approval](#approval)",
        "What waits for an answer; may be nothing.",
    ),
    (
        "Approval",
        "scopes",
        "list of [Scope](#scope)",
        "What is asked for.",
    ),
    ("Approval", "left_text", "text", "`left` in words."),
    ("Error", "title", "text", "The title for what went wrong."),
    ("Error", "text", "text", "What a person can do about it."),
    (
        "SignedOut",
        "script",
        "markup",
        "The one line that goes on when all frames are loaded; the page's policy allows it and no other.",
    ),
    (
        "FormPost",
        "script",
        "markup",
        "The one line that submits the form; the page's policy allows it and no other.",
    ),
];

const INTRODUCTION: &str = "# Pages

Written by `cargo xtask generate` from the declarations of the pages.

`pages.templates_dir` names a folder. Each file in it whose name ends in `.html` takes the place of the built-in template of that name, or can be included by
others. The templates are those of [MiniJinja](https://docs.rs/minijinja), which are Jinja2's. The built-in ones are in
`crates/hallpass-pages/templates/` and make a good beginning. Files in its folder `assets` (CSS, SVG, PNG, WebP, JPEG, AVIF) are served; `{{ assets[\"name.css\"] }}` is the address of one.

At the start every template is tried with samples of every page in every language; one that is broken, or that names something which is not given, ends the
start with file and line. With `pages.reload_templates` the folder is read again for every page, and the page shows what is wrong.

- Every value is escaped. There is no filter `safe`, and escaping cannot be switched off.
- The `Content-Security-Policy` of a page stays what it is: no scripts but our own, nothing from other servers, no inline styles.
- The ids and names of forms, fields and buttons are what the server reads and what automation holds on to. Keep them.
- A small change needs no template: colours, fonts, logo and words are settings of `[pages]`.

## What every template is given

| name | what |
|---|---|
| `page` | what this page shows, see below |
| `chrome.base`, `chrome.host`, `chrome.name` | path of the issuer, its host, the name of the service |
| `m` | all texts in the language of the page, such as `m.sign_in.title`; `m.own` holds what `[pages.texts]` adds |
| `lang`, `dir` | the language and its direction, for `<html>` |
| `style`, `icon`, `icon_type`, `logo`, `demo` | addresses of our own files; `logo` may be none |
| `ground.light`, `ground.dark` | the colour behind the page in both schemes |
| `assets` | addresses of the files in the folder `assets`, by name |

## Filters

| filter | does |
|---|---|
| `fill(name=value)` | puts values in the place of `{name}` in a text |
| `fill_html(name=value)` | the same, each value emphasised and isolated from the direction of the text around it |
| `ltr` | isolates what reads from the left in every language, such as a date in digits |
| `initial` | the first letter of a name |
";

fn page(items: &[Item]) -> String {
    let mut out = INTRODUCTION.to_owned();
    let variants = items.iter().find(|item| item.name == "Page");
    let pages = variants
        .map(|item| item.rows.as_slice())
        .unwrap_or_default();
    for (variant, kind, doc) in pages {
        out.push_str(&format!("\n## `{}.html`\n\n{doc}\n", snake(variant)));
        if let Some(item) = items.iter().find(|item| item.name == shown(kind)) {
            rows(&mut out, item, items);
        }
    }
    for item in items {
        let is_page = pages.iter().any(|(_, kind, _)| shown(kind) == item.name);
        if !is_page && !matches!(item.name.as_str(), "Page" | "Chrome") {
            out.push_str(&format!("\n## {}\n\n{}\n", item.name, item.doc));
            rows(&mut out, item, items);
        }
    }
    out
}

/// The struct that a variant holds.
fn shown(kind: &str) -> &str {
    kind.split(['<', ')']).next().unwrap_or_default()
}

fn rows(out: &mut String, item: &Item, items: &[Item]) {
    let made = MADE.iter().filter(|(of, ..)| *of == item.name);
    let mut rows: Vec<[String; 3]> = Vec::new();
    for (name, kind, doc) in &item.rows {
        // Variants of an enumeration are texts.
        let is_field = !kind.is_empty();
        let name = if is_field {
            name.clone()
        } else {
            format!("\"{}\"", snake(name))
        };
        rows.push([name, described(kind, items), doc.clone()]);
    }
    for (_, name, kind, doc) in made {
        rows.push([(*name).to_owned(), (*kind).to_owned(), (*doc).to_owned()]);
    }
    if rows.is_empty() {
        return;
    }
    out.push_str("\n| member | holds | what |\n|---|---|---|\n");
    for [name, kind, doc] in rows {
        out.push_str(&format!("| `{name}` | {kind} | {doc} |\n"));
    }
}

/// A type in words.
fn described(kind: &str, items: &[Item]) -> String {
    let plain = kind
        .replace("<'a>", "")
        .replace("&'a ", "")
        .replace("'a ", "");
    if let Some(inner) = plain
        .strip_prefix("Option<")
        .and_then(|k| k.strip_suffix('>'))
    {
        return format!("{} or none", described(inner, items));
    }
    if let Some(inner) = plain.strip_prefix('[').and_then(|k| k.strip_suffix(']')) {
        return format!("list of {}", described(inner, items));
    }
    match plain.as_str() {
        "" | "str" | "String" => "text".to_owned(),
        "bool" => "yes or no".to_owned(),
        "u64" | "u32" | "usize" => "number".to_owned(),
        "Hidden" => "list of pairs".to_owned(),
        other if items.iter().any(|item| item.name == other) => {
            format!("[{other}](#{})", other.to_lowercase())
        }
        other => format!("`{other}`"),
    }
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_described_with_all_that_it_is_given() {
        let view = view().unwrap();
        let text = page(&items(&view));
        for line in [
            "## `sign_in.html`",
            "## `device_done.html`",
            "| `client` | [Client](#client) or none |",
            "| `scopes` | list of [Scope](#scope) |",
            "| `hidden` | list of pairs |",
            "## Account\n",
            "| `section` | text | Which part: `overview` or one of the sections. |",
            "| `\"refused\"` | text |",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("| `about` |"), "{text}");
    }
}
