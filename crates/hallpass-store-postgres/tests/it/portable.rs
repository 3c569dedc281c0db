//! Statements use only what CockroachDB, YugabyteDB and Citus document as well. Whether they run there was not tried; this keeps
//! out what is known not to.

#![expect(
    clippy::string_slice,
    reason = "what is found is cut where it was found"
)]

use std::{collections::BTreeSet, fs, path::Path};

/// The texts of SQL in migrations and in the program, each with where it stands. A literal counts where it begins as a
/// statement or a part of one does.
fn statements() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for file in files(&root.join("migrations"), "sql") {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().map(|line| line.split("--").next().unwrap());
        found.push((file, lines.collect::<Vec<_>>().join("\n")));
    }
    for file in files(&root.join("src"), "rs") {
        // It reads databases of other products.
        if file.ends_with("/source.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let program = text.split("#[cfg(test)]").next().unwrap();
        for literal in literals(program) {
            // Hints, without which everything works: by name, and in one place.
            if file.ends_with("/hints.rs") && HINTS.contains(&&*literal) {
                continue;
            }
            if words(&literal).any(|word| VERBS.contains(&word)) {
                found.push((file.clone(), literal));
            }
        }
    }
    found
}

const HINTS: &[&str] = &["LISTEN hallpass", "SELECT pg_notify('hallpass', $1)"];

/// In capitals, as statements are written here and sentences are not.
const VERBS: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "ALTER",
    "WITH",
    "FROM",
    "WHERE",
    "LOCK",
    "LISTEN",
    "NOTIFY",
    "SET",
    "RETURNING",
    "BEGIN",
    "COMMIT",
    "CALL",
    "DO",
    "COPY",
    "TRUNCATE",
];

fn files(folder: &Path, kind: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, kind));
        } else if path.extension().is_some_and(|found| found == kind) {
            found.push(path.to_str().unwrap().to_owned());
        }
    }
    found
}

/// The string literals of a program. Enough of Rust for that: comments, characters, escapes and raw strings.
fn literals(program: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = program;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let (before, from) = rest.split_at(at);
        if let Some(comment) = from.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(after) = from.strip_prefix("'\"'") {
            rest = after;
        } else if let Some(text) = from.strip_prefix('"') {
            let raw = before.ends_with("r#");
            let mut end = 0;
            let mut escaped = false;
            for (place, letter) in text.char_indices() {
                end = place;
                let closes = if raw {
                    text[place..].starts_with("\"#")
                } else {
                    letter == '"' && !escaped
                };
                if closes {
                    break;
                }
                escaped = !raw && letter == '\\' && !escaped;
            }
            found.push(text[..end].to_owned());
            rest = &text[end + 1..];
        } else {
            rest = &from[1..];
        }
    }
    found
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
}

/// What at least one of them lacks, does otherwise, or advises against where correctness hangs on it.
const FORBIDDEN: &[&str] = &[
    "listen",
    "notify",
    "unlisten",
    "sequence",
    "serial",
    "bigserial",
    "smallserial",
    "nextval",
    "currval",
    "trigger",
    "function",
    "procedure",
    "temp",
    "temporary",
    "unlogged",
    "inherits",
    "exclude",
    "rule",
    "domain",
    "ctid",
    "xmin",
    "xmax",
    "txid_current",
    "tableoid",
    "copy",
    "merge",
    "tablesample",
    "vacuum",
    "cluster",
    "reindex",
    "savepoint",
    "cursor",
    "deferrable",
    "gin",
    "gist",
    "brin",
    "nowait",
    "call",
    "exclusive",
    "partition",
    "tablespace",
    "rowtype",
    "xml",
    "money",
    "enum",
    "extension",
];

/// Functions that all of them have.
const FUNCTIONS: &[&str] = &[
    "array",
    "clock_timestamp",
    "coalesce",
    "count",
    "current_setting",
    "extract",
    "greatest",
    "least",
    "length",
    "max",
    "min",
    "now",
    "set_config",
    "substring",
    "sum",
    "unnest",
];

/// Words before a bracket that call nothing.
const NO_FUNCTIONS: &[&str] = &[
    "all", "and", "any", "as", "by", "conflict", "else", "exists", "from", "in", "index", "into",
    "key", "lateral", "not", "on", "or", "over", "select", "set", "table", "then", "union",
    "unique", "values", "when", "where", "with",
];

#[test]
fn statements_use_nothing_that_distributed_engines_lack() {
    let mut wrong = BTreeSet::new();
    let statements = statements();
    assert!(statements.len() > 50, "{}", statements.len());
    for (file, text) in &statements {
        for word in words(text) {
            let word = word.to_ascii_lowercase();
            if FORBIDDEN.contains(&&*word) || word.starts_with("pg_advisory") {
                wrong.insert(format!("{file}: {word} in {text}"));
            }
        }
        if text.to_ascii_lowercase().contains("lock table") {
            wrong.insert(format!("{file}: a lock of a table in {text}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn statements_call_only_functions_that_all_engines_have() {
    let mut wrong = BTreeSet::new();
    for (file, text) in statements() {
        for (at, _) in text.match_indices('(') {
            let before = text[..at].trim_end();
            let start = before
                .rfind(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                .map_or(0, |place| place + 1);
            let name = before[start..].to_ascii_lowercase();
            let spaced = before.len() != at;
            let known = FUNCTIONS.contains(&&*name) || NO_FUNCTIONS.contains(&&*name);
            // A table with its columns has a space before them.
            if !name.is_empty() && !spaced && !known {
                wrong.insert(format!("{name} in {file}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn literals_are_read_as_they_are_written() {
    let program =
        "let a = \"SELECT \\\"x\\\"\"; // \"no\"\nlet b = '\"'; let c = r#\"a \"b\" c\"#;";
    assert_eq!(
        literals(program),
        ["SELECT \\\"x\\\"", "a \"b\" c"].map(str::to_owned)
    );
}
