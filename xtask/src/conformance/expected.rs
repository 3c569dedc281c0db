//! `conformance/expected.json`: what each module is expected to end with.

use super::Result;
use super::plan::{folder, in_file};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The whole file: plan name, then module name.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// The suite's version that this was seen with.
    pub(crate) suite: String,
    /// One entry per file in `conformance/plans/`.
    pub(crate) plans: BTreeMap<String, BTreeMap<String, Expectation>>,
}

/// What one module is expected to end with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Expectation {
    /// A good end.
    Result(String),
    /// An end that needs a reason: why it is so, and what ends it.
    Because { result: String, because: String },
}

impl Expectation {
    /// The expected result.
    pub(crate) fn result(&self) -> &str {
        match self {
            Self::Result(result) | Self::Because { result, .. } => result,
        }
    }

    /// Why the result is what it is.
    pub(crate) fn because(&self) -> Option<&str> {
        match self {
            Self::Result(_) => None,
            Self::Because { because, .. } => Some(because),
        }
    }
}

impl Expected {
    /// Reads the file.
    ///
    /// # Errors
    /// The file is missing or not of its form.
    pub(crate) fn read() -> Result<Self> {
        let path = folder().join("expected.json");
        let text = std::fs::read(&path).map_err(|error| in_file(&path, error))?;
        serde_json::from_slice(&text).map_err(|error| in_file(&path, error))
    }

    /// Sees to it that every bad end has its reason.
    ///
    /// # Errors
    /// Names the first module that has none.
    pub(crate) fn check(&self) -> Result<()> {
        for (plan, modules) in &self.plans {
            for (module, expectation) in modules {
                let reason = expectation.because().unwrap_or_default();
                if !is_good(expectation.result()) && reason.is_empty() {
                    let path = folder().join("expected.json");
                    return Err(in_file(&path, format!("{plan}/{module} needs a reason")));
                }
            }
        }
        Ok(())
    }

    /// Takes what was seen of a plan as the expectation, keeping reasons that still hold.
    pub(crate) fn replace(&mut self, plan: &str, seen: &[(String, String)]) {
        let modules = self.plans.entry(plan.to_owned()).or_default();
        for (module, result) in seen {
            match modules.get(module) {
                Some(old) if old.result() == result => {}
                Some(_) | None => {
                    let expectation = if is_good(result) {
                        Expectation::Result(result.clone())
                    } else {
                        Expectation::Because {
                            result: result.clone(),
                            because: String::new(),
                        }
                    };
                    modules.insert(module.clone(), expectation);
                }
            }
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self) -> Result<()> {
        let path = folder().join("expected.json");
        let mut text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        text.push('\n');
        std::fs::write(&path, text).map_err(|error| in_file(&path, error))
    }
}

/// Whether a result is one that the suite's certification takes without a question.
pub(crate) fn is_good(result: &str) -> bool {
    matches!(result, "PASSED" | "REVIEW" | "SKIPPED")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_file_is_of_its_form_and_has_every_reason() {
        Expected::read().unwrap().check().unwrap();
    }

    #[test]
    fn a_bad_end_without_a_reason_is_refused() {
        for (result, good) in [
            ("PASSED", true),
            ("REVIEW", true),
            ("WARNING", false),
            ("FAILED", false),
        ] {
            let mut expected = Expected::default();
            expected.replace("p", &[("m".to_owned(), result.to_owned())]);
            assert_eq!(expected.check().is_ok(), good, "{result}");
        }
    }

    #[test]
    fn a_reason_stays_as_long_as_the_result_does() {
        let mut expected = Expected::default();
        let known = Expectation::Because {
            result: "FAILED".to_owned(),
            because: "known".to_owned(),
        };
        expected
            .plans
            .entry("p".to_owned())
            .or_default()
            .insert("m".to_owned(), known.clone());
        expected.replace("p", &[("m".to_owned(), "FAILED".to_owned())]);
        assert_eq!(expected.plans["p"]["m"], known);
        expected.replace("p", &[("m".to_owned(), "PASSED".to_owned())]);
        assert_eq!(
            expected.plans["p"]["m"],
            Expectation::Result("PASSED".to_owned())
        );
    }
}
