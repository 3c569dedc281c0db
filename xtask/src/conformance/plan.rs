//! The files in `conformance/`: plans, browser scripts, and the placeholders in them.

use super::Result;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file in `conformance/plans/`.
#[derive(Debug, Clone, Deserialize)]
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
    /// Choices of which every combination is a run of its own, named after its values.
    #[serde(default)]
    matrix: BTreeMap<String, Vec<String>>,
    /// Parts of the server's configuration beside `server.toml`: files in `conformance/server/` without `.toml`.
    #[serde(default)]
    pub(crate) server: Vec<String>,
    /// Whether the plan calls a protected resource.
    #[serde(default)]
    pub(crate) resource: bool,
    /// Whether a real browser is needed: the suite's own cannot run these modules.
    #[serde(default)]
    pub(crate) chromium: bool,
    /// What words mean under one value of a choice: choice, value, word.
    #[serde(default)]
    words: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
    /// The configuration that is sent to the suite, without `browser` and `override`.
    pub(crate) configuration: Map<String, Value>,
}

impl Plan {
    /// One plan for each combination of the matrix.
    fn runs(self) -> Vec<Self> {
        let mut runs = vec![self];
        let matrix = runs
            .first()
            .map(|plan| plan.matrix.clone())
            .unwrap_or_default();
        for (choice, values) in &matrix {
            runs = runs
                .iter()
                .flat_map(|plan| values.iter().map(|value| plan.with(choice, value)))
                .collect();
        }
        runs
    }

    fn with(&self, choice: &str, value: &str) -> Self {
        let mut plan = self.clone();
        plan.variant.insert(choice.to_owned(), json!(value));
        plan.name = format!("{}-{}", self.name, value.replace(' ', "_"));
        plan
    }

    /// Adds the name of the run, its choices, and what they let other words mean.
    pub(crate) fn add_words(&self, words: &mut Words) {
        words.set("run", &self.name);
        for (choice, value) in &self.variant {
            let value = value.as_str().unwrap_or_default();
            words.set(choice, value);
            let meant = self.words.get(choice).and_then(|values| values.get(value));
            for (word, text) in meant.into_iter().flatten() {
                words.set(word, words.fill(text));
            }
        }
    }

    /// Whether no two modules of this plan can run at once: their redirect URIs are the same, or there is one browser.
    pub(crate) fn is_serial(&self) -> bool {
        self.chromium || self.configuration.contains_key("alias")
    }

    /// The whole configuration for the suite.
    ///
    /// # Errors
    /// A browser script names a task that does not exist.
    pub(crate) fn configuration(&self, scripts: &Scripts, words: &Words) -> Result<Value> {
        let mut configuration = self.configuration.clone();
        if self.chromium {
            return Ok(words.fill_value(Value::Object(configuration)));
        }
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
    overrides: BTreeMap<String, Vec<Script>>,
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
pub(crate) struct Words {
    texts: Vec<(String, String)>,
    values: Vec<(String, Value)>,
}

impl Words {
    /// Lets `{name}` mean `value`.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.texts.push((format!("{{{name}}}"), value.into()));
    }

    /// Lets a text that is `{name}` and nothing else mean `value`.
    pub(crate) fn set_value(&mut self, name: &str, value: Value) {
        self.values.push((format!("{{{name}}}"), value));
    }

    /// Replaces every placeholder in a text.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.texts
            .iter()
            .fold(text.to_owned(), |text, (name, value)| {
                text.replace(name, value)
            })
    }

    /// Replaces every placeholder in a value.
    pub(crate) fn fill_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => match self.values.iter().find(|(name, _)| *name == text) {
                Some((_, value)) => value.clone(),
                None => Value::String(self.fill(&text)),
            },
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

/// Reads the named plans, or all of them in the order of their names. A name is a file's, for every run of its matrix,
/// or a single run's.
///
/// # Errors
/// A file is not of its form, or there is no plan of a name.
pub(crate) fn plans(names: &[String]) -> Result<Vec<Plan>> {
    let folder = folder().join("plans");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(|error| in_file(&folder, error))? {
        let path = entry.map_err(|error| in_file(&folder, error))?.path();
        if path.extension().is_some_and(|ending| ending == "json")
            && let Some(name) = path.file_stem().and_then(std::ffi::OsStr::to_str)
        {
            files.push(name.to_owned());
        }
    }
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let mut plan: Plan = read(&folder.join(format!("{file}.json")))?;
        plan.name.clone_from(&file);
        all.extend(plan.runs().into_iter().map(|run| (file.clone(), run)));
    }
    let wanted = |file: &String, run: &Plan| {
        names.is_empty() || names.contains(file) || names.contains(&run.name)
    };
    let known = |name: &String| {
        all.iter()
            .any(|(file, run)| file == name || run.name == *name)
    };
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(format!("there is no plan {unknown:?}"));
    }
    all.retain(|(file, run)| wanted(file, run));
    Ok(all.into_iter().map(|(_, run)| run).collect())
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
            let mut words = words.clone();
            plan.add_words(&mut words);
            let text = plan.configuration(&scripts, &words).unwrap().to_string();
            assert_eq!(
                text.contains("https://op:1/authorize"),
                !plan.chromium,
                "{}",
                plan.name
            );
            assert!(!text.contains("{issuer}"), "{}", plan.name);
        }
    }

    #[test]
    fn no_part_of_the_servers_configuration_says_again_what_another_says() {
        for plan in plans(&[]).unwrap() {
            let files = std::iter::once("server.toml".to_owned())
                .chain(plan.server.iter().map(|part| format!("server/{part}.toml")));
            let text: String = files
                .map(|file| std::fs::read_to_string(folder().join(file)).unwrap())
                .collect();
            let mut tables: Vec<_> = text
                .lines()
                .filter(|line| line.starts_with('[') && !line.starts_with("[["))
                .filter(|line| *line != "[users.claims]" && *line != "[users.claims.address]")
                .collect();
            tables.sort_unstable();
            let all = tables.len();
            tables.dedup();
            assert_eq!(tables.len(), all, "{}", plan.name);
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
