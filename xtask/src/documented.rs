//! Whether the commands and settings that pages speak of are there: every line of a shell that begins with `hallpass`, every
//! setting between backticks, every block of configuration. What there is stands in the two generated pages.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::workspace;

const COMMANDS: &str = "docs/reference/command-line.md";
const SCHEMA: &str = "docs/reference/configuration.schema.json";
const OPERATIONS: &str = "docs/reference/openapi.json";
/// Pages that speak of what was, or of other programs.
const ELSEWHERE: &[&str] = &["docs/decisions/", "fuzz/", "benches/", "conformance/"];

/// What is named and is not there.
pub(crate) fn problems() -> Result<Vec<String>, String> {
    let commands = Commands::read(&workspace::read(COMMANDS)?);
    let settings = Settings::read(&workspace::read(SCHEMA)?, &workspace::read(OPERATIONS)?)?;
    let mut problems = Vec::new();
    for path in workspace::files(".md")? {
        if path == COMMANDS || ELSEWHERE.iter().any(|start| path.starts_with(start)) {
            continue;
        }
        let page = workspace::read(&path)?;
        let found = page_problems(&page, &commands, &settings);
        problems.extend(
            found
                .into_iter()
                .map(|(line, what)| format!("{path}:{line}: {what}")),
        );
    }
    Ok(problems)
}

/// What is wrong in one page, with the line.
fn page_problems(page: &str, commands: &Commands, settings: &Settings) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            for span in line.split('`').skip(1).step_by(2) {
                let words = span.strip_prefix("hallpass ");
                problems.extend(words.and_then(|w| commands.problem(w)).map(|p| (at, p)));
                problems.extend(settings.problem(span).map(|p| (at, p)));
            }
            continue;
        };
        let block: Vec<(usize, &str)> = lines
            .by_ref()
            .take_while(|(_, line)| !line.starts_with("```"))
            .collect();
        match language {
            "sh" | "console" => problems.extend(shell_problems(&block, commands)),
            "toml" => {
                let text: Vec<&str> = block.iter().map(|(_, line)| *line).collect();
                problems.extend(settings.block(&text.join("\n")).map(|p| (at, p)));
            }
            _ => {}
        }
    }
    problems
        .into_iter()
        .map(|(at, what)| (at.saturating_add(1), what))
        .collect()
}

/// Lines of a shell, where one that ends with a backslash goes on.
fn shell_problems(block: &[(usize, &str)], commands: &Commands) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    let mut whole = String::new();
    for (at, line) in block {
        if let Some(part) = line.strip_suffix('\\') {
            whole.push_str(part);
            continue;
        }
        whole.push_str(line);
        let line = std::mem::take(&mut whole);
        let line = line.trim();
        let (program, words) = line.split_once(' ').unwrap_or((line, ""));
        if program == "hallpass" || program.ends_with("/hallpass") {
            problems.extend(commands.problem(words).map(|problem| (*at, problem)));
        }
    }
    problems
}

/// Every command with its options, by its words.
struct Commands(BTreeMap<String, BTreeMap<String, Takes>>);

/// What stands behind an option.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// A value behind `=`, if any.
    Maybe,
    Value,
}

impl Commands {
    fn read(page: &str) -> Self {
        let mut all: BTreeMap<String, BTreeMap<String, Takes>> = BTreeMap::new();
        let mut now = String::new();
        for line in page.lines() {
            if let Some(title) = line.strip_prefix("## `hallpass") {
                title.trim_end_matches('`').trim().clone_into(&mut now);
                all.entry(now.clone()).or_default();
            } else if let Some(option) = option(line)
                && let Some(options) = all.get_mut(&now)
            {
                options.extend(option);
            }
        }
        Self(all)
    }

    /// What is wrong with the words behind `hallpass`.
    fn problem(&self, line: &str) -> Option<String> {
        let words = words(line);
        let mut words = words.iter().map(String::as_str).peekable();
        let mut command = String::new();
        let mut beginning = true;
        while let Some(word) = words.next() {
            if word.starts_with('-') {
                let (name, value) = match word.split_once('=') {
                    Some((name, _)) => (name, true),
                    None => (word, false),
                };
                match self.0.get(&command)?.get(name) {
                    None => return Some(format!("`hallpass {command}` has no option {name}")),
                    Some(Takes::Value) if !value => drop(words.next()),
                    Some(Takes::Nothing) if value => {
                        return Some(format!("{name} of `hallpass {command}` takes no value"));
                    }
                    Some(Takes::Value | Takes::Nothing | Takes::Maybe) => {}
                }
                continue;
            }
            if !beginning {
                continue;
            }
            let deeper = format!("{command} {word}");
            let deeper = deeper.trim_start();
            if self.0.contains_key(deeper) {
                deeper.clone_into(&mut command);
            } else if self.has_commands(&command) {
                return Some(format!("there is no command `hallpass {deeper}`"));
            } else {
                beginning = false;
            }
        }
        None
    }

    fn has_commands(&self, command: &str) -> bool {
        let start = format!("{command} ");
        command.is_empty() || self.0.keys().any(|known| known.starts_with(&start))
    }
}

/// The names of an option in a page of help, and what it takes.
fn option(line: &str) -> Option<Vec<(String, Takes)>> {
    let text = line.strip_prefix("  ")?.trim_start();
    if !text.starts_with('-') {
        return None;
    }
    let takes = match text.find(['<', '[']) {
        Some(at) if text.get(at..)?.starts_with('[') => Takes::Maybe,
        Some(_) => Takes::Value,
        None => Takes::Nothing,
    };
    let names = text.split([' ', ',', '=', '[']);
    let names = names.filter(|name| name.starts_with('-'));
    Some(names.map(|name| (name.to_owned(), takes)).collect())
}

/// The words of a command as a shell would split them, up to what is no part of it. Brackets say that something can be left out.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '|' | '>' | ';' | '&') => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '[' | ']' | '…') => {}
            (Some(_) | None, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Every setting there is.
struct Settings {
    schema: Value,
    /// What is named like a setting and is an operation of administration.
    operations: String,
}

impl Settings {
    fn read(schema: &str, operations: &str) -> Result<Self, String> {
        let schema = serde_json::from_str(schema).map_err(|error| format!("{SCHEMA}: {error}"))?;
        let operations = operations.to_owned();
        Ok(Self { schema, operations })
    }

    /// What is wrong with a span that names a setting: `[section]`, `[[section]]`, `section.name`, or either with a value.
    fn problem(&self, span: &str) -> Option<String> {
        let named = span.split(" = ").next()?;
        let is_section = named.starts_with('[');
        let name = named.trim_start_matches('[').trim_end_matches(']');
        let segments: Vec<&str> = name.split('.').map(|s| s.trim_end_matches("[]")).collect();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let is_name = |s: &&str| !s.is_empty() && s.chars().all(plain);
        // Names of files and of what pages of people are called look the same.
        let ends = segments.last().copied().unwrap_or_default();
        let is_file = ["html", "json", "jsonl", "jwk", "rs", "toml"].contains(&ends);
        let ours = segments.first().is_some_and(|first| {
            let sections = self.schema.get("properties").and_then(Value::as_object);
            sections.is_some_and(|all| all.contains_key(*first))
        });
        if !segments.iter().all(is_name)
            || is_file
            || !ours
            || (segments.len() == 1 && !is_section)
            || self.operations.contains(&format!("\"{name}\""))
        {
            return None;
        }
        (!self.has(&self.schema, &segments)).then(|| format!("there is no setting `{name}`"))
    }

    fn has(&self, schema: &Value, segments: &[&str]) -> bool {
        let Some((first, rest)) = segments.split_first() else {
            return true;
        };
        let mut members = self.members(schema, first);
        members.any(|member| self.has(member, rest))
    }

    /// The schemas that a member of that name can have.
    fn members<'a>(&'a self, schema: &'a Value, name: &str) -> std::vec::IntoIter<&'a Value> {
        let mut found = Vec::new();
        let mut open = vec![schema];
        while let Some(schema) = open.pop() {
            let Some(map) = schema.as_object() else {
                // Anything goes.
                found.extend((schema == &Value::Bool(true)).then_some(schema));
                continue;
            };
            open.extend(self.referred(map));
            for list in ["anyOf", "oneOf", "allOf"] {
                open.extend(
                    map.get(list)
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten(),
                );
            }
            open.extend(map.get("items"));
            let own = map.get("properties").and_then(|all| all.get(name));
            let others = map.get("additionalProperties");
            found.extend(own.or_else(|| others.filter(|other| **other != Value::Bool(false))));
        }
        found.into_iter()
    }

    fn referred(&self, map: &Map<String, Value>) -> Option<&Value> {
        let name = map.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
        self.schema.get("$defs")?.get(name)
    }

    /// What is wrong with a block of configuration.
    fn block(&self, text: &str) -> Option<String> {
        if text.contains("dependencies]") {
            return None;
        }
        match toml::from_str::<Value>(text) {
            Ok(value) => {
                let mut path = Vec::new();
                self.table(&self.schema, &value, &mut path)
            }
            Err(error) => Some(format!("is no TOML: {}", error.message())),
        }
    }

    fn table(&self, schema: &Value, value: &Value, path: &mut Vec<String>) -> Option<String> {
        match value {
            Value::Object(map) => map.iter().find_map(|(name, value)| {
                path.push(name.clone());
                let members: Vec<&Value> = self.members(schema, name).collect();
                let problem = if members.is_empty() {
                    Some(format!("there is no setting `{}`", path.join(".")))
                } else {
                    // One of the schemas must take it.
                    let tried = members
                        .iter()
                        .map(|member| self.table(member, value, &mut path.clone()));
                    let tried: Option<Vec<String>> = tried.collect();
                    tried.and_then(|all| all.into_iter().next())
                };
                path.pop();
                problem
            }),
            Value::Array(list) => list
                .iter()
                .find_map(|value| self.table(schema, value, path)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str = "## `hallpass`\n\n      --config <FILE>\n  -h, --help\n## `hallpass key`\n      --json\n\
        ## `hallpass key rotate`\n      --now\n      --after[=<TIME>]\n      --alg <ALG>\n## `hallpass serve`\n      --demo\n";

    fn settings() -> Settings {
        let schema = r##"{"properties": {"store": {"$ref": "#/$defs/Store"}, "pages": {"additionalProperties": true},
            "clients": {"type": "array", "items": {"properties": {"client_id": {}}}}},
            "$defs": {"Store": {"additionalProperties": false, "properties": {"kind": {"type": "string"},
            "postgres": {"anyOf": [{"properties": {"url": {}}}, {"type": "null"}]}}}}}"##;
        Settings::read(schema, "{\"operationId\": \"clients.update\"}").unwrap()
    }

    #[test]
    fn commands_that_are_there_are_found_and_others_are_named() {
        let commands = Commands::read(HELP);
        for good in [
            "key rotate --now",
            "--config a.toml key rotate --alg ES256 --after=TIME",
            "key rotate [--alg ES256]   # at once",
            "serve --demo > log",
            "--help",
            "key",
        ] {
            assert_eq!(commands.problem(good), None, "{good}");
        }
        for bad in [
            "key turn",
            "keys rotate",
            "key rotate --later",
            "serve --now",
            "key rotate --now=1",
        ] {
            assert!(commands.problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn settings_that_are_there_are_found_and_others_are_named() {
        let settings = settings();
        for good in [
            "store.kind",
            "[store]",
            "[store.postgres]",
            "store.postgres.url",
            "store.kind = \"sqlite\"",
            "pages.colors.accent",
            "clients[].client_id",
            // Nothing of ours.
            "store",
            "ttl.code",
            "store.html",
            "clients.update",
            "[Some](link)",
        ] {
            assert_eq!(settings.problem(good), None, "{good}");
        }
        for bad in [
            "store.sort",
            "[store.mysql]",
            "clients[].secret",
            "store.postgres.user",
        ] {
            assert!(settings.problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn blocks_are_read_as_configuration() {
        let settings = settings();
        assert_eq!(
            settings
                .block("[store]\nkind = \"x\"\n[[clients]]\nclient_id = \"a\"\n[pages.a]\nb = 1"),
            None
        );
        for bad in [
            "[store]\nsort = 1",
            "[other]\n",
            "[[clients]]\nname = 1",
            "[store",
        ] {
            assert!(settings.block(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn pages_are_looked_at_line_by_line() {
        let page = "`hallpass nothing` and `store.sort`\n```sh\nhallpass key \\\n  turn\n./x/hallpass serve\nls hallpass x\n```\n\
            ```toml\n[store]\nsort = 1\n```\n```toml code/a.toml\n[other]\n```\n```text\nhallpass nothing\n```\n";
        let found = page_problems(page, &Commands::read(HELP), &settings());
        let lines: Vec<usize> = found.into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [1, 1, 4, 8]);
    }
}
