//! How long files may be.

use crate::workspace;

/// A file of code fails above this many lines, its test module not counted.
const CODE: usize = 600;
/// A file of tests fails above this many lines.
const TESTS: usize = 800;
/// Programs that promise to be short.
const SHORT: &[(&str, usize)] = &[
    ("examples/minimal/src/main.rs", 60),
    ("examples/axum-app/src/main.rs", 99),
];

/// Files that are too long.
pub(crate) fn problems() -> Result<Vec<String>, String> {
    let mut problems = Vec::new();
    for file in workspace::files(".rs")? {
        let text = workspace::read(&file)?;
        let is_test = file.contains("/tests/") || file.ends_with("tests.rs");
        let (lines, limit) = if is_test {
            (text.lines().count(), TESTS)
        } else {
            (code_lines(&text), CODE)
        };
        if lines > limit {
            problems.push(format!("{file}: {lines} lines, at most {limit}"));
        }
    }
    for (file, limit) in SHORT {
        let lines = workspace::read(file)?.lines().count();
        if lines > *limit {
            problems.push(format!("{file}: {lines} lines, at most {limit}"));
        }
    }
    Ok(problems)
}

/// Lines before the test module at the end.
fn code_lines(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|w| matches!(w, [a, b] if *a == "#[cfg(test)]" && b.starts_with("mod ") && b.ends_with('{')));
    tests.unwrap_or(lines.len())
}
