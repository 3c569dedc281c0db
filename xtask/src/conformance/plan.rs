//! The files in `conformance/`: plans, browser scripts, and the placeholders in them.

use super::Result;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// A file in `conformance/plans/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// The file's name without `.json`.
    #[serde(skip)]
    pub(crate) name: String,
    /// The plan's name in the suite.
    pub(crate) plan: String,
    /// The choices that the suite offers for it.
    #[serde(default)]
    pub(crate) variant: Map<String, Value>,
    /// Whether the server knows the suite's clients from its own configuration.
    #[serde(default)]
    pub(crate) static_clients: bool,
    /// The configuration that is sent to the suite, without `browser` and `override`.
    pub(crate) configuration: Map<String, Value>,
}

impl Plan {
    /// Whether the suite cannot run two modules of this plan at once: their redirect URIs are the
    /// same.
    pub(crate) fn is_serial(&self) -> bool {
        self.configuration.contains_key("alias")
    }

    /// The whole configuration for the suite.
    ///
    /// # Errors
    /// A browser script names a task that does not exist.
    pub(crate) fn configuration(&self, scripts: &Scripts, words: &Words) -> Result<Value> {
        let mut configuration = self.configuration.clone();
        configuration.insert("browser".to_owned(), scripts.expand(&scripts.browser)?);
        let mut overrides = Map::new();
        for (module, browser) in &scripts.overrides {
            overrides.insert(
                module.clone(),
                json!({ "browser": scripts.expand(browser)? }),
            );
        }
        configuration.insert("override".to_owned(), Value::Object(overrides));
        Ok(words.fill_value(Value::Object(configuration)))
    }
}

/// `conformance/browser.json`: what the suite's browser does on our pages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scripts {
    /// What is done on one page, by name.
    tasks: Map<String, Value>,
    /// The scripts of most modules.
    browser: Vec<Script>,
    /// The scripts of single modules.
    #[serde(rename = "override")]
    overrides: std::collections::BTreeMap<String, Vec<Script>>,
}

/// The pages that follow when the browser is sent to a URL.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Script {
    /// Pattern of the URL.
    r#match: String,
    /// How often this script is used before the next one is.
    match_limit: Option<u32>,
    /// Names of tasks, one per page.
    tasks: Vec<String>,
}

impl Scripts {
    fn expand(&self, scripts: &[Script]) -> Result<Value> {
        let mut expanded = Vec::new();
        for script in scripts {
            let mut tasks = Vec::new();
            for name in &script.tasks {
                let mut task = self
                    .tasks
                    .get(name)
                    .and_then(Value::as_object)
                    .cloned()
                    .ok_or_else(|| format!("browser.json has no task {name:?}"))?;
                task.insert("task".to_owned(), json!(name));
                tasks.push(Value::Object(task));
            }
            let mut entry = Map::new();
            entry.insert("match".to_owned(), json!(script.r#match));
            if let Some(limit) = script.match_limit {
                entry.insert("match-limit".to_owned(), json!(limit));
            }
            entry.insert("tasks".to_owned(), Value::Array(tasks));
            expanded.push(Value::Object(entry));
        }
        Ok(Value::Array(expanded))
    }
}

/// What stands for `{name}` in the files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words(Vec<(String, String)>);

impl Words {
    /// Lets `{name}` mean `value`.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((format!("{{{name}}}"), value.into()));
    }

    /// Replaces every placeholder in a text.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        })
    }

    fn fill_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill(&text)),
            Value::Array(items) => items
                .into_iter()
                .map(|item| self.fill_value(item))
                .collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(name, member)| (name, self.fill_value(member)))
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }
}

/// The folder `conformance/` of this repository.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance")
}

/// Reads `conformance/browser.json`.
///
/// # Errors
/// The file is missing or not of its form.
pub(crate) fn scripts() -> Result<Scripts> {
    read(&folder().join("browser.json"))
}

/// Reads the named plans, or all of them in the order of their names.
///
/// # Errors
/// A file is missing or not of its form.
pub(crate) fn plans(names: &[String]) -> Result<Vec<Plan>> {
    let folder = folder().join("plans");
    let mut names = names.to_vec();
    if names.is_empty() {
        for entry in std::fs::read_dir(&folder).map_err(|error| in_file(&folder, error))? {
            let path = entry.map_err(|error| in_file(&folder, error))?.path();
            if path.extension().is_some_and(|ending| ending == "json")
                && let Some(name) = path.file_stem().and_then(std::ffi::OsStr::to_str)
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
    }
    names
        .into_iter()
        .map(|name| {
            let mut plan: Plan = read(&folder.join(format!("{name}.json")))?;
            plan.name = name;
            Ok(plan)
        })
        .collect()
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).map_err(|error| in_file(path, error))?;
    serde_json::from_slice(&text).map_err(|error| in_file(path, error))
}

/// An error with the file's name before it.
pub(crate) fn in_file(path: &Path, error: impl std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_committed_plan_expands() {
        let scripts = scripts().unwrap();
        let mut words = Words::default();
        words.set("issuer", "https://op:1");
        for plan in plans(&[]).unwrap() {
            let text = plan.configuration(&scripts, &words).unwrap().to_string();
            assert!(text.contains("https://op:1/authorize"), "{}", plan.name);
            assert!(!text.contains("{issuer}"), "{}", plan.name);
        }
    }

    #[test]
    fn a_plan_that_does_not_exist_is_an_error() {
        assert!(plans(&["no-such-plan".to_owned()]).is_err());
    }

    #[test]
    fn a_task_that_does_not_exist_is_an_error() {
        let scripts: Scripts = serde_json::from_value(json!({
            "tasks": {}, "browser": [{"match": "*", "tasks": ["nothing"]}], "override": {}
        }))
        .unwrap();
        assert!(scripts.expand(&scripts.browser).is_err());
    }
}
