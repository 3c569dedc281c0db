//! What there is in the repository, by kind.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::workspace;

/// Names of what exists.
pub(super) struct Tree {
    /// Kind and name.
    names: BTreeSet<(&'static str, String)>,
    /// Types with their public fields.
    fields: BTreeMap<String, BTreeSet<String>>,
    /// String literals of our own code, by the part of the tree they stand in.
    literals: BTreeMap<&'static str, BTreeSet<String>>,
}

/// Kinds that are found by a literal of the code, and where that stands.
const LITERALS: [(&str, &[&str]); 3] = [
    (
        "endpoint",
        &[
            "crates/hallpass-core/src/policy/",
            "crates/hallpass-provider/src/endpoints/",
            "crates/hallpass-pages/src/routes/",
            "crates/hallpass-http/src/",
            "crates/hallpass-server/src/",
        ],
    ),
    ("member", &["crates/hallpass-core/src/client"]),
    (
        "metadata",
        &["crates/hallpass-testkit/tests/it/advertised/probes.rs"],
    ),
];

impl Tree {
    pub(super) fn read() -> Result<Self, String> {
        let mut tree = Self {
            names: BTreeSet::new(),
            fields: BTreeMap::new(),
            literals: BTreeMap::new(),
        };
        for file in workspace::files(".rs")? {
            tree.add_code(&file, &workspace::read(&file)?);
        }
        tree.add_settings(&workspace::read("hallpass.example.toml")?);
        let commands = workspace::read("docs/reference/command-line.md")?;
        for line in commands.lines() {
            if let Some(name) = line.strip_prefix("## `").and_then(|l| l.strip_suffix('`')) {
                tree.names.insert(("command", name.to_owned()));
            }
        }
        let expected = workspace::read("conformance/expected.json")?;
        let expected: Value =
            serde_json::from_str(&expected).map_err(|e| format!("expected: {e}"))?;
        let plans = expected.get("plans").and_then(Value::as_object);
        for (_, modules) in plans.into_iter().flatten() {
            for name in modules.as_object().into_iter().flat_map(|m| m.keys()) {
                // A repeated module is told apart by its variant.
                let name = name.split([' ', '(', '[']).next().unwrap_or_default();
                tree.names.insert(("suite", name.to_owned()));
            }
        }
        Ok(tree)
    }

    /// Whether there is something of that kind and name; none when there is no such kind.
    pub(super) fn has(&self, kind: &str, name: &str) -> Option<bool> {
        match kind {
            "field" => Some(name.split_once("::").is_some_and(|(ty, field)| {
                self.fields
                    .get(ty)
                    .is_some_and(|fields| fields.contains(field))
            })),
            "setting" | "command" | "suite" | "test" | "port" | "type" | "function" | "event" => {
                Some(self.names.iter().any(|(k, n)| *k == kind && n == name))
            }
            _ => {
                let (kind, _) = LITERALS.iter().find(|(k, _)| *k == kind)?;
                let literals = self.literals.get(kind);
                Some(literals.is_some_and(|l| l.contains(name)))
            }
        }
    }

    fn add_code(&mut self, file: &str, text: &str) {
        let is_test_file = file.contains("/tests/") || file.ends_with("tests.rs");
        let code = match text.split_once("#[cfg(test)]\nmod tests {") {
            Some((code, _)) => code,
            None => text,
        };
        for (kind, places) in LITERALS {
            let here = places.iter().any(|p| file.starts_with(p));
            if here && (kind == "metadata" || !is_test_file) {
                let literals = self.literals.entry(kind).or_default();
                literals.extend(code.split('"').skip(1).step_by(2).map(str::to_owned));
            }
        }
        self.add_items(text, file.contains("/contract/"));
        if file.ends_with("ports/events.rs") {
            self.add_events(text);
        }
    }

    /// Functions, types and their fields.
    fn add_items(&mut self, text: &str, contract: bool) {
        let mut under_test = false;
        let mut holder: Option<String> = None;
        for line in text.lines() {
            let item = line.trim_start();
            if item.starts_with("#[") && item.contains("test") && !item.contains("cfg(") {
                under_test = true;
            }
            if let Some(name) = after(item, &["fn "]) {
                let public = item.starts_with("pub ");
                if under_test || (contract && public) {
                    self.names.insert(("test", name.to_owned()));
                }
                if public {
                    self.names.insert(("function", name.to_owned()));
                }
                under_test = false;
            }
            if line.starts_with("pub trait ")
                && let Some(name) = after(line, &["trait "])
            {
                self.names.insert(("port", name.to_owned()));
            }
            // Also within a macro that declares it.
            if item.starts_with("pub ")
                && let Some(name) = after(item, &["struct ", "enum "])
            {
                self.names.insert(("type", name.to_owned()));
                holder = line.ends_with('{').then(|| name.to_owned());
            }
            if line == "}" {
                holder = None;
            }
            if let Some(ty) = &holder
                && let Some(rest) = line.strip_prefix("    pub ")
                && let Some((field, _)) = rest.split_once(':')
            {
                self.fields
                    .entry(ty.clone())
                    .or_default()
                    .insert(field.to_owned());
            }
        }
    }

    fn add_events(&mut self, text: &str) {
        let inside = text
            .split_once("pub enum Event")
            .map_or("", |(_, rest)| rest);
        for line in inside.lines().take_while(|line| *line != "}") {
            if let Some(name) = line.strip_prefix("    ")
                && name.starts_with(|c: char| c.is_ascii_uppercase())
            {
                let name = name.split([' ', ',', '(']).next().unwrap_or_default();
                self.names.insert(("event", name.to_owned()));
            }
        }
    }

    /// `section.name`, and `section.list[].name` for what stands in lists. A test of the server holds the example file
    /// against everything that can be set.
    fn add_settings(&mut self, example: &str) {
        let mut section = String::new();
        for line in example.lines() {
            // `#name` has no default, `# name` is one of several that exclude each other.
            let line = line.trim_start_matches('#');
            let line = line.strip_prefix(' ').unwrap_or(line);
            if let Some(rest) = line.strip_prefix('[') {
                let name: String = rest.chars().take_while(|c| !matches!(c, ']')).collect();
                section = match name.strip_prefix('[') {
                    Some(list) => {
                        self.names.insert(("setting", list.to_owned()));
                        format!("{list}[]")
                    }
                    None => name,
                };
                self.names.insert(("setting", section.clone()));
            } else if let Some((name, _)) = line.split_once(" = ")
                && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            {
                self.names.insert(("setting", format!("{section}.{name}")));
            }
        }
    }
}

/// The identifier behind one of these words.
fn after<'a>(line: &'a str, words: &[&str]) -> Option<&'a str> {
    let rest = words.iter().find_map(|word| {
        let at = line.find(word)?;
        let before = line.get(..at)?;
        let whole = before.is_empty() || before.ends_with(' ');
        (whole && !before.contains("//")).then(|| line.get(at.checked_add(word.len())?..))?
    })?;
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    rest.get(..end).filter(|name| !name.is_empty())
}
