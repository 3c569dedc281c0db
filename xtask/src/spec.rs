//! Which demands of which specification the code names, and which tests prove them.
//!
//! A rule stands under `//= RFC6749#4.1.3 MUST: the demand in our own words`; the test that proves it repeats the
//! reference as `//= test RFC6749#4.1.3 the same words`. A demand that nothing proves, and a test of a demand that no
//! code names, are problems.

use std::{collections::BTreeMap, process::ExitCode};

use crate::workspace;

const PAGE: &str = "docs/reference/spec-coverage.md";

#[derive(Default)]
struct Demand {
    level: String,
    code: Vec<String>,
    tests: Vec<String>,
}

type Coverage = BTreeMap<(String, String, String), Demand>;

pub(crate) fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    let check = arguments.iter().any(|a| a == "--check");
    let only = arguments.iter().find(|a| !a.starts_with("--"));
    match (only, coverage()) {
        (_, Err(error)) => crate::report(Err(error)),
        (Some(document), Ok(coverage)) => {
            print!("{}", page(&coverage, Some(document)));
            ExitCode::SUCCESS
        }
        (None, Ok(coverage)) => {
            let written = workspace::write(PAGE, &page(&coverage, None), check);
            crate::report(written.map(|problem| {
                let mut problems = unproved(&coverage);
                problems.extend(problem);
                problems
            }))
        }
    }
}

/// The page, for `generate`.
pub(crate) fn generate(check: bool) -> Result<Option<String>, String> {
    workspace::write(PAGE, &page(&coverage()?, None), check)
}

/// What no test proves, and what a test proves that nothing demands, for `check`.
pub(crate) fn problems() -> Result<Vec<String>, String> {
    Ok(unproved(&coverage()?))
}

fn unproved(coverage: &Coverage) -> Vec<String> {
    let mut problems = Vec::new();
    for ((document, section, words), demand) in coverage {
        let problem = match (demand.code.first(), demand.tests.first()) {
            (Some(code), None) => format!("{code}: no test for"),
            (None, Some(test)) => format!("{test}: no code under"),
            (Some(_), Some(_)) | (None, None) => continue,
        };
        problems.push(format!("{problem} `{document}#{section} {words}`"));
    }
    problems
}

fn coverage() -> Result<Coverage, String> {
    let mut coverage = Coverage::new();
    for file in workspace::files(".rs")? {
        if file.starts_with("xtask/") {
            continue;
        }
        for line in workspace::read(&file)?.lines() {
            let Some(text) = line.trim().strip_prefix("//= ") else {
                continue;
            };
            read_line(&mut coverage, &file, text)?;
        }
    }
    Ok(coverage)
}

fn read_line(coverage: &mut Coverage, file: &str, text: &str) -> Result<(), String> {
    // Two demands may share a line; the second begins with its own level.
    let test = text.strip_prefix("test ");
    let (reference, rest) = test
        .unwrap_or(text)
        .split_once(' ')
        .ok_or_else(|| format!("{file}: `//= {text}` has no demand"))?;
    let (document, section) = reference
        .split_once('#')
        .ok_or_else(|| format!("{file}: `//= {text}` names no section"))?;
    let (level, demand) = match rest.split_once(": ") {
        Some((level, demand))
            if !level.contains(' ')
                || matches!(level, "MUST NOT" | "SHOULD NOT")
                || level.starts_with("exception") =>
        {
            (level, demand)
        }
        Some(_) | None => match rest.split_once(' ') {
            Some((word, demand)) if matches!(word, "implication" | "todo" | "exception:") => {
                (word, demand)
            }
            Some(_) | None => ("", rest),
        },
    };
    let entry = coverage
        .entry((
            document.to_owned(),
            section.to_owned(),
            demand.trim().to_owned(),
        ))
        .or_default();
    if !level.is_empty() {
        level.trim_end_matches(':').clone_into(&mut entry.level);
    }
    let list = if test.is_some() {
        &mut entry.tests
    } else {
        &mut entry.code
    };
    if list.last().is_none_or(|last| last != file) {
        list.push(file.to_owned());
    }
    Ok(())
}

fn page(coverage: &Coverage, only: Option<&String>) -> String {
    let mut out = String::from(
        "# Specification coverage\n\nWritten by `cargo xtask spec` from the `//=` lines of the code. A demand without a test is work to do.\n",
    );
    let mut current = "";
    for ((document, section, demand), entry) in coverage {
        if only.is_some_and(|o| o != document) {
            continue;
        }
        if document != current {
            current = document;
            out.push_str(&format!("\n## {document}\n\n| section | level | demand | code | test |\n|---|---|---|---|---|\n"));
        }
        let cell = |files: &[String]| {
            files
                .iter()
                .map(|f| format!("`{}`", f.trim_start_matches("crates/")))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let demand = demand.replace('|', "\\|");
        out.push_str(&format!(
            "| {section} | {} | {demand} | {} | {} |\n",
            entry.level,
            cell(&entry.code),
            cell(&entry.tests)
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Coverage {
        let mut coverage = Coverage::new();
        for line in lines {
            read_line(&mut coverage, "file.rs", line).unwrap();
        }
        coverage
    }

    #[test]
    fn a_demand_without_a_test_and_a_test_of_no_demand_are_found() {
        for level in ["MUST", "MUST NOT", "SHOULD", "MAY", "exception"] {
            let demand = format!("RFC1#2 {level}: it is so");
            let both = read(&[&demand, "test RFC1#2 it is so"]);
            assert!(unproved(&both).is_empty(), "{level}");
            let alone = unproved(&read(&[&demand]));
            assert_eq!(alone, ["file.rs: no test for `RFC1#2 it is so`"], "{level}");
            for other in ["RFC1#2 it is not so", "RFC1#3 it is so", "RFC2#2 it is so"] {
                let apart = unproved(&read(&[&demand, &format!("test {other}")]));
                assert_eq!(apart.len(), 2, "{other}");
            }
        }
        let test = unproved(&read(&["test RFC1#2 it is so"]));
        assert_eq!(test, ["file.rs: no code under `RFC1#2 it is so`"]);
    }

    #[test]
    fn a_line_that_names_no_section_or_no_demand_is_refused() {
        for line in ["RFC1 MUST: it is so", "RFC1#2", "test RFC1"] {
            let mut coverage = Coverage::new();
            assert!(read_line(&mut coverage, "file.rs", line).is_err(), "{line}");
        }
    }
}
