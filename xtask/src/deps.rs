//! Which crate may depend on which: the directions of the architecture, and crates that only few may name.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

use crate::{
    minimal::{compatible, versions},
    workspace,
};

/// Our crates, from the ground up, and which of our crates each may use.
const DIRECTIONS: &[(&str, &[&str])] = &[
    ("hallpass-types", &[]),
    ("hallpass-jose", &[]),
    ("hallpass-core", &["hallpass-types", "hallpass-jose"]),
    ("hallpass-store", &["hallpass-types", "hallpass-core"]),
    (
        "hallpass-store-sqlite",
        &["hallpass-types", "hallpass-core", "hallpass-store"],
    ),
    (
        "hallpass-store-postgres",
        &["hallpass-types", "hallpass-core", "hallpass-store"],
    ),
    // The only code that is unsafe, apart from everything else.
    ("hallpass-resident", &[]),
    // Reads what strangers send, apart from everything that has state.
    ("hallpass-webauthn", &["hallpass-jose"]),
    (
        "hallpass-provider",
        &[
            "hallpass-types",
            "hallpass-jose",
            "hallpass-core",
            "hallpass-store",
            "hallpass-webauthn",
        ],
    ),
    (
        "hallpass-http",
        &["hallpass-types", "hallpass-core", "hallpass-provider"],
    ),
    (
        "hallpass-fetch",
        &["hallpass-types", "hallpass-store", "hallpass-provider"],
    ),
    (
        "hallpass-mail",
        &["hallpass-types", "hallpass-store", "hallpass-provider"],
    ),
    // Beside the provider: for those who take its tokens.
    ("hallpass-resource", &["hallpass-types", "hallpass-jose"]),
    (
        "hallpass-accounts",
        &[
            "hallpass-types",
            "hallpass-jose",
            "hallpass-core",
            "hallpass-store",
            "hallpass-provider",
        ],
    ),
    (
        "hallpass-admin",
        &[
            "hallpass-types",
            "hallpass-jose",
            "hallpass-core",
            "hallpass-store",
            "hallpass-provider",
            "hallpass-http",
        ],
    ),
    (
        "hallpass-pages",
        &[
            "hallpass-types",
            "hallpass-core",
            "hallpass-store",
            "hallpass-provider",
            "hallpass-http",
        ],
    ),
    // Pages for operators: another audience, another part of the program, switched off by itself.
    (
        "hallpass-dashboard",
        &[
            "hallpass-types",
            "hallpass-jose",
            "hallpass-core",
            "hallpass-store",
            "hallpass-provider",
            "hallpass-http",
            "hallpass-admin",
            "hallpass-pages",
        ],
    ),
    // One name for those who embed it; nothing stands on it.
    (
        "hallpass",
        &[
            "hallpass-types",
            "hallpass-jose",
            "hallpass-core",
            "hallpass-store",
            "hallpass-store-sqlite",
            "hallpass-store-postgres",
            "hallpass-provider",
            "hallpass-http",
            "hallpass-fetch",
            "hallpass-mail",
            "hallpass-accounts",
            "hallpass-pages",
        ],
    ),
];

/// Outside crates that only these of ours may name.
const WRAPPERS: &[(&str, &[&str])] = &[
    // hallpass-types takes digests and constant-time comparison from it.
    (
        "aws-lc-rs",
        &["hallpass-jose", "hallpass-types", "hallpass-load"],
    ),
    (
        "axum",
        &[
            "hallpass",
            "hallpass-http",
            "hallpass-server",
            "hallpass-load",
        ],
    ),
    ("rusqlite", &["hallpass-store-sqlite"]),
    ("argon2", &["hallpass-accounts"]),
    ("lettre", &["hallpass-mail"]),
    ("minijinja", &["hallpass-pages", "hallpass-dashboard"]),
    ("tokio-postgres", &["hallpass-store-postgres"]),
    (
        "rustls",
        &[
            "hallpass-server",
            "hallpass-fetch",
            "hallpass-store-postgres",
        ],
    ),
];

/// Everything that hallpass-core stands on. None of it does I/O, draws randomness for itself or reads a clock:
/// `aws-lc-rs` is reached through hallpass-jose alone.
const CORE_MUST_NOT_REACH: &[&str] = &[
    "tokio", "mio", "hyper", "http", "rusqlite", "reqwest", "socket2", "axum", "tower",
];

/// Crates of ours that nothing shipped depends on.
const TOOLS: &[&str] = &[
    "xtask",
    "hallpass-testkit",
    "hallpass-fuzz",
    "hallpass-faults",
    "hallpass-load",
    "hallpass-server",
];

/// Dependencies that point the wrong way.
pub(crate) fn problems() -> Result<Vec<String>, String> {
    let metadata = metadata()?;
    let mut problems = Vec::new();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in list(&metadata, "packages") {
        let name = text(package, "name");
        if package.get("source").is_some_and(|s| !s.is_null()) {
            continue;
        }
        for dependency in list(package, "dependencies") {
            if dependency.get("kind").is_none_or(Value::is_null) {
                edges
                    .entry(name.clone())
                    .or_default()
                    .insert(text(dependency, "name"));
            }
        }
    }
    for (name, uses) in &edges {
        let ours = uses.iter().filter(|u| u.starts_with("hallpass-"));
        match DIRECTIONS.iter().find(|(known, _)| known == name) {
            Some((_, allowed)) => problems.extend(
                ours.filter(|u| !allowed.contains(&u.as_str()))
                    .map(|u| format!("{name} must not depend on {u}")),
            ),
            None if TOOLS.contains(&name.as_str()) => {}
            None => problems.push(format!("{name} is in no list of `cargo xtask deps`")),
        }
        for (wrapped, allowed) in WRAPPERS {
            if uses.contains(*wrapped) && !allowed.contains(&name.as_str()) && name != "xtask" {
                problems.push(format!("{name} must not name {wrapped}"));
            }
        }
    }
    for reached in reach(&metadata, "hallpass-core") {
        if CORE_MUST_NOT_REACH.contains(&reached.as_str()) {
            problems.push(format!("hallpass-core reaches {reached}"));
        }
    }
    problems.extend(out_of_step(
        &workspace::read("Cargo.lock")?,
        &workspace::read("examples/Cargo.lock")?,
    ));
    Ok(problems)
}

/// Versions that the examples have and we have not, though ours would do: everything that stands on one of those is built twice.
fn out_of_step(ours: &str, examples: &str) -> Vec<String> {
    let (ours, examples) = (versions(ours), versions(examples));
    let mut problems = Vec::new();
    for (name, there) in examples {
        for version in there {
            let mut same = ours.get(&name).into_iter().flatten();
            let other = same.find(|own| compatible(own) == compatible(&version));
            if let Some(own) = other.filter(|own| **own != version) {
                let own = own.split('+').next().unwrap_or(own);
                problems.push(format!(
                    "examples/Cargo.lock has another {name}: `cargo update --manifest-path examples/Cargo.toml --package {name}@{version} --precise {own}`"
                ));
            }
        }
    }
    problems
}

/// Every package in the normal dependency tree of a package.
fn reach(metadata: &Value, start: &str) -> BTreeSet<String> {
    let names: BTreeMap<String, String> = list(metadata, "packages")
        .map(|p| (text(p, "id"), text(p, "name")))
        .collect();
    let resolve = metadata.get("resolve").unwrap_or(&Value::Null);
    let mut uses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in list(resolve, "nodes") {
        let normal = list(node, "deps")
            .filter(|d| list(d, "dep_kinds").any(|k| k.get("kind").is_none_or(Value::is_null)))
            .map(|d| text(d, "pkg"))
            .collect();
        uses.insert(text(node, "id"), normal);
    }
    let mut seen = BTreeSet::new();
    let mut todo: Vec<String> = names
        .iter()
        .filter(|(_, n)| *n == start)
        .map(|(id, _)| id.clone())
        .collect();
    while let Some(id) = todo.pop() {
        for next in uses.get(&id).into_iter().flatten() {
            if seen.insert(next.clone()) {
                todo.push(next.clone());
            }
        }
    }
    seen.iter()
        .filter_map(|id| names.get(id).cloned())
        .collect()
}

fn metadata() -> Result<Value, String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(workspace::root())
        .output()
        .map_err(|e| format!("cargo metadata: {e}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))
}

/// Our crates with their descriptions and what they use, for the architecture's table.
pub(crate) fn crates() -> Result<Vec<(String, String, Vec<String>)>, String> {
    let metadata = metadata()?;
    let mut crates: Vec<_> = list(&metadata, "packages")
        .filter(|p| p.get("source").is_none_or(Value::is_null))
        .map(|p| {
            let uses = list(p, "dependencies")
                .filter(|d| d.get("kind").is_none_or(Value::is_null))
                .map(|d| text(d, "name"))
                .filter(|n| n.starts_with("hallpass-"))
                .collect();
            (text(p, "name"), text(p, "description"), uses)
        })
        .collect();
    crates.sort();
    Ok(crates)
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text(value: &Value, name: &str) -> String {
    value
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_have_the_versions_that_we_have() {
        let lock = |a: &str| format!("[[package]]\nname = \"a\"\nversion = \"{a}\"\n");
        assert!(out_of_step(&lock("1.4.0"), &lock("1.4.0")).is_empty());
        assert!(out_of_step(&lock("1.4.0"), &lock("2.0.0")).is_empty());
        assert!(out_of_step("", &lock("2.0.0")).is_empty());
        for (ours, theirs) in [("1.4.0", "1.5.0"), ("1.4.0", "1.3.9"), ("0.3.1", "0.3.2")] {
            let told = out_of_step(&lock(ours), &lock(theirs));
            assert!(
                told.len() == 1 && told[0].contains(&format!("a@{theirs} --precise {ours}")),
                "{told:?}"
            );
        }
    }
}
