//! Whether the lowest versions of other crates that our manifests promise are enough: all of them at once, in a copy of the
//! repository.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use crate::{report, workspace};

const CARGO: &str = env!("CARGO");

/// `cargo xtask minimal`
pub(crate) fn main() -> ExitCode {
    report(try_them().map(|()| Vec::new()))
}

fn try_them() -> Result<(), String> {
    let builds = std::env::var_os("CARGO_TARGET_DIR");
    let builds = builds.map_or_else(|| workspace::root().join("target"), PathBuf::from);
    let tree = builds.join("minimal");
    copy(&tree)?;
    // Resolving like this is not stable; cargo does it when it is told to. What is compiled afterwards is compiled as ever.
    let resolve = ["-Z", "direct-minimal-versions", "generate-lockfile"];
    cargo(&tree, &resolve, &[("RUSTC_BOOTSTRAP", "1")])?;
    let lowest = read(&tree.join("Cargo.lock"))?;
    for line in differences(&workspace::read("Cargo.lock")?, &lowest) {
        println!("{line}");
    }
    let builds = builds.to_string_lossy();
    let check = ["check", "--workspace", "--all-features", "--locked"];
    cargo(&tree, &check, &[("CARGO_TARGET_DIR", &builds)])
}

/// Everything that git knows of or would, without what an earlier call left.
fn copy(tree: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", tree.display());
    if tree.exists() {
        std::fs::remove_dir_all(tree).map_err(failed)?;
    }
    for file in workspace::files("")? {
        let to = tree.join(&file);
        std::fs::create_dir_all(to.parent().unwrap_or(tree)).map_err(failed)?;
        std::fs::copy(workspace::root().join(&file), to).map_err(failed)?;
    }
    Ok(())
}

fn cargo(tree: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Result<(), String> {
    println!("$ cargo {}", arguments.join(" "));
    let status = Command::new(CARGO)
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(tree)
        .status()
        .map_err(|e| format!("cargo: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("cargo {} failed", arguments.join(" ")))
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// What is older than in the other lock file.
fn differences(usual: &str, lowest: &str) -> Vec<String> {
    let (usual, lowest) = (versions(usual), versions(lowest));
    lowest
        .into_iter()
        .filter_map(|(name, low)| {
            let high = usual.get(&name)?;
            (*high != low)
                .then(|| format!("{name} {} instead of {}", low.join(", "), high.join(", ")))
        })
        .collect()
}

/// The versions of each crate in a lock file.
fn versions(lock: &str) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut name = "";
    let value = |line: &'_ str| {
        line.split('"')
            .nth(1)
            .map(str::to_owned)
            .unwrap_or_default()
    };
    for line in lock.lines() {
        if let Some(rest) = line.strip_prefix("name = \"") {
            name = rest.trim_end_matches('"');
        } else if line.starts_with("version = \"") && !name.is_empty() {
            all.entry(name.to_owned()).or_default().push(value(line));
            name = "";
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_is_named() {
        let lock = |a: &str, b: &str| {
            format!(
                "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"{a}\"\n\n[[package]]\nname = \"b\"\nversion = \"{b}\"\n"
            )
        };
        assert_eq!(
            differences(&lock("1.4.0", "2.0.0"), &lock("1.2.0", "2.0.0")),
            ["a 1.2.0 instead of 1.4.0"]
        );
        assert!(differences(&lock("1.4.0", "2.0.0"), &lock("1.4.0", "2.0.0")).is_empty());
    }
}
