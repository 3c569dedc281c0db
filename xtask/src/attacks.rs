//! Which rows of the catalogue of attacks which tests try.
//!
//! A test says so in a comment before it or in it, `// LG-05: every name costs one hash`. The ids are grouped by what is
//! attacked; the catalogue itself is no part of this repository.

use std::collections::BTreeMap;

use crate::workspace;

const PAGE: &str = "docs/reference/attacks.md";

/// Rows by their group, in the order of the page.
const GROUPS: &[(&str, &str)] = &[
    ("AZ", "Authorization requests and redirect URIs"),
    ("PA", "Pushed authorization requests"),
    ("TK", "Token endpoint"),
    ("UI", "UserInfo and other protected resources"),
    ("IN", "Introspection"),
    ("RV", "Revocation"),
    ("RG", "Registration and client documents"),
    ("JW", "Discovery and keys"),
    ("LO", "Sign-out"),
    ("DV", "Device grant"),
    ("CB", "Backchannel authentication"),
    ("LG", "Sign-in, recovery, account and consent pages"),
    ("PK", "Passkeys"),
    ("AD", "Administration and tenants"),
    ("UP", "Other providers"),
    ("HT", "HTTP and TLS"),
    ("OP", "Operation"),
];

/// The tests of each row, by group and number.
type Rows = BTreeMap<(usize, String), Vec<(String, String)>>;

/// The page, for `generate`.
pub(crate) fn generate(check: bool) -> Result<Option<String>, String> {
    let mut rows = Rows::new();
    for file in workspace::files(".rs")? {
        if !file.starts_with("xtask/") {
            read(&mut rows, &file, &workspace::read(&file)?);
        }
    }
    workspace::write(PAGE, &page(&rows), check)
}

fn read(rows: &mut Rows, file: &str, text: &str) {
    let mut waiting: Vec<(usize, String)> = Vec::new();
    let mut within = "";
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("// ") {
            waiting.extend(ids(comment));
        } else if line.starts_with("#[") {
            is_test |= line.contains("test");
        } else if let Some(name) = function(line) {
            // Helpers try nothing by themselves: what stands before one is of the tests around.
            within = if is_test { name } else { "" };
            is_test = false;
            note(rows, file, within, &mut waiting);
        } else if !line.is_empty() {
            note(rows, file, within, &mut waiting);
        }
    }
}

fn note(rows: &mut Rows, file: &str, test: &str, waiting: &mut Vec<(usize, String)>) {
    for id in waiting.drain(..) {
        let entry = (file.to_owned(), test.to_owned());
        let tests = rows.entry(id).or_default();
        if !tests.contains(&entry) {
            tests.push(entry);
        }
    }
}

/// The name of a function that begins in this line.
fn function(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let only_words = before
        .split_whitespace()
        .all(|word| word == "async" || word == "const" || word.starts_with("pub"));
    let name = rest.split(['(', '<']).next()?;
    only_words.then_some(name)
}

fn ids(comment: &str) -> Vec<(usize, String)> {
    comment
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter_map(|word| {
            let (prefix, number) = word.split_once('-')?;
            let group = GROUPS.iter().position(|(known, _)| *known == prefix)?;
            let digits = number.strip_prefix(['R', 'N']).unwrap_or(number);
            let is_id = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
            is_id.then(|| (group, number.to_owned()))
        })
        .collect()
}

fn page(rows: &Rows) -> String {
    let mut out = String::from(
        "# Attacks and their tests\n\nWritten by `cargo xtask generate` from the comments before tests. Each row is an attack, or a kind of damage, that was thought of \
         beforehand; the tests try it from outside wherever that can be done.\n",
    );
    let mut current = usize::MAX;
    for ((group, number), tests) in rows {
        let (prefix, title) = GROUPS.get(*group).copied().unwrap_or_default();
        if current != *group {
            current = *group;
            out.push_str(&format!("\n## {title}\n\n| row | tests |\n|---|---|\n"));
        }
        let tests: Vec<String> = tests
            .iter()
            .map(|(file, test)| {
                let file = file.trim_start_matches("crates/").trim_end_matches(".rs");
                if test.is_empty() {
                    format!("`{file}`")
                } else {
                    format!("`{test}` ({file})")
                }
            })
            .collect();
        out.push_str(&format!("| {prefix}-{number} | {} |\n", tests.join(", ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_belong_to_the_test_after_them_or_around_them() {
        let text = "// LG-05, TK-58: time\n#[tokio::test]\nasync fn one() {\n    // AZ-R01\n    f();\n}\n\
                    /// ES-25\n// HT-1, F03, XX-01\nfn helper() {}\n// LG-06\n#[test]\nfn two() {}\n";
        let mut rows = Rows::new();
        read(&mut rows, "a.rs", text);
        let found: Vec<_> = rows
            .iter()
            .map(|((group, number), tests)| {
                (
                    format!("{}-{number}", GROUPS[*group].0),
                    tests[0].1.as_str(),
                )
            })
            .collect();
        let expected = [
            ("AZ-R01", "one"),
            ("TK-58", "one"),
            ("LG-05", "one"),
            ("LG-06", "two"),
        ];
        assert_eq!(found, expected.map(|(id, test)| (id.to_owned(), test)));
    }
}
