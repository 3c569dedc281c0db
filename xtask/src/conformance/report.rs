//! What is printed and written about a run.

use super::expected::{Expected, is_good};
use super::plan::in_file;
use super::{Result, suite::Module};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// How one module ended.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// The module's label in its plan.
    pub(crate) module: String,
    /// The suite's result, `INTERRUPTED`, `TIMEOUT` or `ERROR`.
    pub(crate) result: String,
    /// How long it took.
    pub(crate) seconds: u64,
    /// Failures, warnings and skips, as `LEVEL Condition: message`.
    pub(crate) notes: Vec<String>,
}

/// How all modules of a plan ended, in the plan's order.
#[derive(Debug)]
pub(crate) struct PlanOutcome {
    pub(crate) plan: String,
    pub(crate) outcomes: Vec<Outcome>,
}

/// The log entries that explain a result.
pub(crate) fn notes(log: &[Value]) -> Vec<String> {
    let text = |entry: &Value, name: &str| {
        entry
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    log.iter()
        .filter_map(|entry| {
            let level = text(entry, "result");
            matches!(
                level.as_str(),
                "FAILURE" | "WARNING" | "INTERRUPTED" | "SKIPPED"
            )
            .then(|| format!("{level} {}: {}", text(entry, "src"), text(entry, "msg")))
        })
        .collect()
}

/// A name for each module that is unique in its plan: the variant is added where a name repeats.
pub(crate) fn labels(modules: &[Module]) -> Vec<String> {
    modules
        .iter()
        .map(|module| {
            let name = &module.test_module;
            let same = modules.iter().filter(|other| other.test_module == *name);
            match &module.variant {
                Some(variant) if same.count() > 1 => {
                    let values: Vec<&str> = variant.values().filter_map(Value::as_str).collect();
                    format!("{name}[{}]", values.join(","))
                }
                Some(_) | None => name.clone(),
            }
        })
        .collect()
}

/// Prints one line for a module, and one per note.
pub(crate) fn print(plan: &str, outcome: &Outcome) {
    let mut text = format!(
        "{:<11} {:>4} s  {plan}: {}",
        outcome.result, outcome.seconds, outcome.module
    );
    for note in &outcome.notes {
        text.push_str("\n                    ");
        text.push_str(note);
    }
    // In one go: plans that run side by side print lines of their own.
    println!("{text}");
}

/// Prints the total of each plan and every difference to the expectation; says whether all is well.
pub(crate) fn judge(plans: &[PlanOutcome], expected: &Expected, whole: bool) -> bool {
    let mut differences = Vec::new();
    println!();
    for plan in plans {
        println!("{}: {}", plan.plan, counts(&plan.outcomes));
        let known = expected.plans.get(&plan.plan);
        for outcome in &plan.outcomes {
            let label = format!("{}/{}", plan.plan, outcome.module);
            match known.and_then(|modules| modules.get(&outcome.module)) {
                None => differences.push(format!("{label}: {}, not expected", outcome.result)),
                Some(expectation) if expectation.result() != outcome.result => {
                    differences.push(format!(
                        "{label}: {}, expected {}",
                        outcome.result,
                        expectation.result()
                    ));
                }
                Some(_) => {}
            }
        }
        for module in known.into_iter().flatten().map(|(module, _)| module) {
            if whole && !plan.outcomes.iter().any(|seen| seen.module == *module) {
                differences.push(format!("{}/{module}: missing", plan.plan));
            }
        }
    }
    for difference in &differences {
        println!("difference: {difference}");
    }
    println!(
        "{}",
        if differences.is_empty() {
            "as expected"
        } else {
            "NOT as expected"
        }
    );
    differences.is_empty()
}

/// Writes the table for people.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(
    path: &Path,
    plans: &[PlanOutcome],
    expected: &Expected,
    suite: &str,
    commit: &str,
) -> Result<()> {
    let mut text = format!(
        "# Conformance results\n\n\
         Written by `cargo xtask conformance --write-results`.\n\n\
         - Date: {}\n- Commit: {commit}\n- OpenID Foundation conformance suite: {suite}\n\n\
         | plan | modules | passed | review | skipped | warning | failed |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
        said_by("date", &["-u", "+%Y-%m-%d"]),
    );
    for plan in plans {
        let count = |result: &str| {
            plan.outcomes
                .iter()
                .filter(|outcome| outcome.result == result)
                .count()
        };
        let good = ["PASSED", "REVIEW", "SKIPPED", "WARNING"].map(count);
        let bad = plan.outcomes.len().saturating_sub(good.iter().sum());
        let [passed, review, skipped, warning] = good;
        line(
            &mut text,
            &format!(
                "| {} | {} | {passed} | {review} | {skipped} | {warning} | {bad} |",
                plan.plan,
                plan.outcomes.len()
            ),
        );
    }
    let all = plans.iter().flat_map(|plan| &plan.outcomes);
    let count = |result: &str| all.clone().filter(|o| o.result == result).count();
    let good = ["PASSED", "REVIEW", "SKIPPED", "WARNING"].map(count);
    let modules = all.clone().count();
    let bad = modules.saturating_sub(good.iter().sum());
    let [passed, review, skipped, warning] = good;
    line(
        &mut text,
        &format!(
            "| **{} plans** | **{modules}** | {passed} | {review} | {skipped} | {warning} | {bad} |",
            plans.len()
        ),
    );
    line(
        &mut text,
        "\nEvery module that did not simply pass. REVIEW means that the module has a picture of a page for a person to look at.\n\n\
         | plan | module | result | |\n|---|---|---|---|",
    );
    for plan in plans {
        for outcome in plan.outcomes.iter().filter(|o| o.result != "PASSED") {
            let because = expected
                .plans
                .get(&plan.plan)
                .and_then(|modules| modules.get(&outcome.module))
                .and_then(|expectation| expectation.because())
                .unwrap_or_default();
            line(
                &mut text,
                &format!(
                    "| {} | {} | {} | {because} |",
                    plan.plan, outcome.module, outcome.result
                ),
            );
        }
    }
    std::fs::write(path, text).map_err(|error| in_file(path, error))
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn counts(outcomes: &[Outcome]) -> String {
    let mut results: Vec<&str> = outcomes.iter().map(|o| o.result.as_str()).collect();
    results.sort_unstable_by_key(|result| (!is_good(result), *result));
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for result in results {
        match counted.last_mut() {
            Some((name, count)) if *name == result => *count = count.saturating_add(1),
            Some(_) | None => counted.push((result, 1)),
        }
    }
    let parts: Vec<String> = counted
        .iter()
        .map(|(result, count)| format!("{count} {result}"))
        .collect();
    format!("{} modules, {}", outcomes.len(), parts.join(", "))
}

/// The commit that is checked out.
pub(crate) fn commit() -> String {
    said_by("git", &["describe", "--always", "--dirty"])
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    Command::new(program)
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map_or_else(
            || "unknown".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_entries_that_explain_a_result_are_notes() {
        let log = [
            json!({"src": "A", "msg": "fine", "result": "SUCCESS"}),
            json!({"src": "B", "msg": "bad", "result": "FAILURE"}),
            json!({"src": "C", "msg": "odd", "result": "WARNING"}),
            json!({"msg": "no result"}),
        ];
        assert_eq!(notes(&log), ["FAILURE B: bad", "WARNING C: odd"]);
    }

    #[test]
    fn a_repeated_module_is_told_apart_by_its_variant() {
        let modules: Vec<Module> = serde_json::from_value(json!([
            {"testModule": "a", "variant": {"x": "1"}},
            {"testModule": "b", "variant": {"x": "1"}},
            {"testModule": "b", "variant": {"x": "2"}},
        ]))
        .unwrap();
        assert_eq!(labels(&modules), ["a", "b[1]", "b[2]"]);
    }

    fn outcome(result: &str) -> Vec<PlanOutcome> {
        vec![PlanOutcome {
            plan: "p".to_owned(),
            outcomes: vec![Outcome {
                module: "m".to_owned(),
                result: result.to_owned(),
                seconds: 1,
                notes: Vec::new(),
            }],
        }]
    }

    fn expecting(modules: &[&str]) -> Expected {
        let mut expected = Expected::default();
        let seen: Vec<_> = modules
            .iter()
            .map(|module| ((*module).to_owned(), "PASSED".to_owned()))
            .collect();
        expected.replace("p", &seen);
        expected
    }

    #[test]
    fn a_difference_a_stranger_and_a_missing_module_are_not_well() {
        assert!(judge(&outcome("PASSED"), &expecting(&["m"]), true));
        assert!(!judge(&outcome("WARNING"), &expecting(&["m"]), true));
        assert!(!judge(&outcome("PASSED"), &expecting(&[]), true));
        assert!(!judge(&outcome("PASSED"), &expecting(&["m", "n"]), true));
        assert!(judge(&outcome("PASSED"), &expecting(&["m", "n"]), false));
    }
}
