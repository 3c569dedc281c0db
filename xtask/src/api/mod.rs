//! What each crate offers to others, written down in `xtask/api/`, so that nobody takes something away by accident.
//!
//! The lists follow from what rustdoc knows of the crates with all their features. A change of them is seen in review; against the last tagged
//! version it is also judged: what that version had must be there, or the version's number must say that something broke. Types
//! of other crates in signatures tie our version to theirs, and only those that are listed here may stand there.

mod lines;
mod render;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::{Command, ExitCode},
};

use serde_json::Value;

use self::lines::Offered;
use crate::{publish, report, workspace};

/// The lists, one for each crate.
const FOLDER: &str = "xtask/api";

/// By this variable this program knows that cargo calls it in rustdoc's place.
const AS_RUSTDOC: &str = "HALLPASS_AS_RUSTDOC";

/// The form of rustdoc's description that is read here: that of the toolchain that is tested.
const FORMAT: u64 = 57;

/// The common words of HTTP and JSON in Rust, which may stand in every signature (`docs/decisions/0050-foreign-types.md`).
const COMMON: &[&str] = &[
    "bytes",
    "http",
    "http_body",
    "http_body_util",
    "serde",
    "serde_core",
    "serde_json",
    "tower_layer",
    "tower_service",
];

/// Others, and whose signatures may name them.
const FOREIGN: &[(&str, &[&str])] = &[
    ("axum", &["hallpass", "hallpass-http"]),
    ("rustls_pki_types", &["hallpass-fetch"]),
    ("tokio_postgres", &["hallpass-store-postgres"]),
    ("schemars", &["hallpass-admin"]),
    ("toml", &["hallpass-pages"]),
    (
        "zeroize",
        &["hallpass-jose", "hallpass-provider", "hallpass-types"],
    ),
];

/// `cargo xtask api [--write]`
pub(crate) fn main(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    report(all(arguments.any(|argument| argument == "--write")))
}

/// Lists that are out of date, what broke since the last tag, and signatures that name what they must not.
pub(crate) fn all(write: bool) -> Result<Vec<String>, String> {
    let crates = publish::libraries()?;
    let folder = describe()?;
    let tag = last_tag();
    let mut problems = Vec::new();
    for (name, version) in &crates {
        let path = folder.join(format!("{}.json", name.replace('-', "_")));
        let text = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let whole: Value =
            serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        let format = whole.get("format_version").and_then(Value::as_u64);
        if format != Some(FORMAT) {
            return Err(format!(
                "rustdoc describes crates in form {}, and form {FORMAT} is read here",
                format.unwrap_or_default()
            ));
        }
        let offered = lines::offered(&whole);
        problems.extend(foreign(name, &offered));
        let list = format!("{FOLDER}/{name}.txt");
        if let Some(tag) = &tag
            && let Some(before) = at_tag(tag, &list)
        {
            problems.extend(broken(name, &before, version, &offered.lines));
        }
        let now = written(name, version, &offered.lines);
        if write {
            workspace::write(&list, &now, false)?;
        } else {
            problems.extend(differences(
                &list,
                &workspace::read(&list).unwrap_or_default(),
                &now,
            ));
        }
    }
    Ok(problems)
}

/// Lets rustdoc describe all crates. That is not stable, and stable rustdoc does it when it is told to; what it is told must not
/// reach the compiler, which would build everything anew. So cargo calls this program instead, and this program calls rustdoc.
fn describe() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|e| format!("this program: {e}"))?;
    println!("$ cargo doc --workspace --lib --all-features --no-deps, described for programs");
    let rustdoc = std::env::var("RUSTDOC").unwrap_or_else(|_| "rustdoc".to_owned());
    let status = Command::new(env!("CARGO"))
        .args(["doc", "--workspace", "--lib", "--all-features", "--no-deps"])
        .args(["--locked", "--quiet"])
        .env("RUSTDOC", &program)
        .env(AS_RUSTDOC, rustdoc)
        .env(
            "RUSTDOCFLAGS",
            "-Z unstable-options --output-format json --cap-lints allow",
        )
        .current_dir(workspace::root())
        .status()
        .map_err(|e| format!("cargo doc: {e}"))?;
    if !status.success() {
        return Err("cargo doc failed".to_owned());
    }
    let builds = std::env::var_os("CARGO_TARGET_DIR");
    let builds = builds.map_or_else(|| workspace::root().join("target"), PathBuf::from);
    Ok(builds.join("doc"))
}

/// Calls rustdoc, if cargo has called this program for that.
pub(crate) fn as_rustdoc() -> Option<ExitCode> {
    let rustdoc = std::env::var_os(AS_RUSTDOC)?;
    let status = Command::new(rustdoc)
        .args(std::env::args_os().skip(1))
        .env("RUSTC_BOOTSTRAP", "1")
        .status();
    let done = status.is_ok_and(|status| status.success());
    Some(if done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Other crates in signatures where they must not be.
fn foreign(name: &str, offered: &Offered) -> Vec<String> {
    let ours = |krate: &str| krate == "hallpass" || krate.starts_with("hallpass_");
    let excepted = |krate: &str| {
        FOREIGN
            .iter()
            .any(|(known, where_)| *known == krate && where_.contains(&name))
    };
    let others = offered
        .named
        .iter()
        .filter(|(krate, _)| !(ours(krate) || COMMON.contains(&krate.as_str()) || excepted(krate)));
    others
        .map(|(krate, line)| format!("{name} must not name {krate} in public: {line}"))
        .collect()
}

fn written(name: &str, version: &str, lines: &BTreeSet<String>) -> String {
    let mut out = format!("# {name} {version}, written by `cargo xtask api --write`\n");
    for line in lines {
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// The version and the lines of a list.
fn read(list: &str) -> (&str, BTreeSet<String>) {
    let (head, lines) = list.split_once('\n').unwrap_or((list, ""));
    let version = head.split([' ', ',']).nth(2).unwrap_or_default();
    (version, lines.lines().map(str::to_owned).collect())
}

/// What changed since the list was written.
fn differences(path: &str, old: &str, new: &str) -> Vec<String> {
    if old == new {
        return Vec::new();
    }
    let ((_, old), (_, new)) = (read(old), read(new));
    let gone = old.difference(&new).map(|line| format!("  - {line}"));
    let come = new.difference(&old).map(|line| format!("  + {line}"));
    let head =
        format!("{path} is out of date: look at what changed and run `cargo xtask api --write`");
    std::iter::once(head).chain(gone).chain(come).collect()
}

/// What the last published version had and this one has not, unless its number says that it may.
fn broken(name: &str, before: &str, version: &str, now: &BTreeSet<String>) -> Vec<String> {
    let (published, lines) = read(before);
    if compatible(published) != compatible(version) {
        return Vec::new();
    }
    let gone = lines.difference(now);
    gone.map(|line| format!("{name} {version} breaks who uses {published}: {line}"))
        .collect()
}

/// The part of a version that changes when something breaks: the first number that is not 0.
fn compatible(version: &str) -> Vec<&str> {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let mut out = Vec::new();
    for number in core.split('.') {
        out.push(number);
        if number != "0" {
            break;
        }
    }
    out
}

fn last_tag() -> Option<String> {
    git(&["describe", "--tags", "--abbrev=0", "HEAD"]).map(|tag| tag.trim().to_owned())
}

fn at_tag(tag: &str, path: &str) -> Option<String> {
    git(&["show", &format!("{tag}:{path}")])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(workspace::root())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests;
