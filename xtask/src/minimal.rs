//! Whether the lowest versions of other crates that our manifests promise are enough: all of them at once, in a copy of the
//! repository. What those crates need themselves stays as the lock file has it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use serde_json::Value;

use crate::{report, workspace};

const CARGO: &str = env!("CARGO");

/// `cargo xtask minimal`
pub(crate) fn main() -> ExitCode {
    report(try_them().map(|()| Vec::new()))
}

fn try_them() -> Result<(), String> {
    let lock = workspace::read("Cargo.lock")?;
    let lower = lower(&promises()?, &versions(&lock))?;
    if lower.is_empty() {
        println!(
            "the lock file has the lowest versions that are promised, and with it everything is tried"
        );
        return Ok(());
    }
    let builds = std::env::var_os("CARGO_TARGET_DIR");
    let builds = builds.map_or_else(|| workspace::root().join("target"), PathBuf::from);
    let tree = builds.join("minimal");
    copy(&tree)?;
    in_rounds(lower, |(name, locked, lowest)| {
        let package = format!("{name}@{locked}");
        let update = ["update", "--package", &package, "--precise", lowest];
        cargo(&tree, &update, &[])
    })?;
    let builds = builds.to_string_lossy();
    let check = ["check", "--workspace", "--all-features", "--locked"];
    cargo(&tree, &check, &[("CARGO_TARGET_DIR", &builds)])
}

/// Names and demands of everything that our crates take from elsewhere.
fn promises() -> Result<BTreeSet<(String, String)>, String> {
    let output = Command::new(CARGO)
        .args(["metadata", "--no-deps", "--format-version", "1", "--locked"])
        .current_dir(workspace::root())
        .output()
        .map_err(|e| format!("cargo metadata: {e}"))?;
    let all: Value =
        serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    let members = |value: &Value, name: &str| {
        value
            .get(name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let mut promises = BTreeSet::new();
    for package in members(&all, "packages") {
        for dependency in members(&package, "dependencies") {
            let text = |name: &str| {
                dependency
                    .get(name)
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            };
            if let (Some(_), Some(name), Some(demand)) = (text("source"), text("name"), text("req"))
            {
                promises.insert((name, demand));
            }
        }
    }
    Ok(promises)
}

/// What the lock file has newer than it is promised: name, locked and lowest version.
fn lower(
    promises: &BTreeSet<(String, String)>,
    locked: &BTreeMap<String, Vec<String>>,
) -> Result<Vec<(String, String, String)>, String> {
    let mut lower = Vec::new();
    for (name, demand) in promises {
        let lowest = demand.strip_prefix('^').unwrap_or(demand);
        let whole =
            lowest.split('.').count() == 3 && lowest.starts_with(|c: char| c.is_ascii_digit());
        if !whole {
            return Err(format!(
                "{name} = \"{demand}\" promises no single version: write all three numbers"
            ));
        }
        let fits = |version: &&String| compatible(version) == compatible(lowest);
        let mut all = locked.get(name).into_iter().flatten();
        let version = all.rfind(fits);
        let version = version.ok_or_else(|| format!("the lock file has no {name} {demand}"))?;
        // What follows a plus sign does not count.
        if version.split('+').next() != Some(lowest) {
            lower.push((name.clone(), version.clone(), lowest.to_owned()));
        }
    }
    Ok(lower)
}

/// Does each, and those that failed once more as long as another one goes: a version may ask for more of a neighbour than the lower
/// one does that is still to come.
fn in_rounds<T>(
    mut left: Vec<T>,
    mut one: impl FnMut(&T) -> Result<(), String>,
) -> Result<(), String> {
    while !left.is_empty() {
        let before = left.len();
        let mut failed = Ok(());
        left.retain(|item| {
            let done = one(item);
            let stays = done.is_err();
            failed = std::mem::replace(&mut failed, Ok(())).and(done);
            stays
        });
        if left.len() == before {
            return failed;
        }
    }
    Ok(())
}

/// The numbers that must be the same for one version to do in another's place.
pub(crate) fn compatible(version: &str) -> Vec<&str> {
    let mut out = Vec::new();
    for number in version.split('.') {
        out.push(number);
        if number != "0" {
            break;
        }
    }
    out
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

/// The versions of each crate in a lock file.
pub(crate) fn versions(lock: &str) -> BTreeMap<String, Vec<String>> {
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

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"0.3.9\"\n\n[[package]]\nname = \"a\"\nversion = \"1.4.0\"\n\n\
                        [[package]]\nname = \"b\"\nversion = \"2.0.1+x\"\n";

    fn of(name: &str, demand: &str) -> Result<Vec<(String, String, String)>, String> {
        lower(
            &BTreeSet::from([(name.to_owned(), demand.to_owned())]),
            &versions(LOCK),
        )
    }

    #[test]
    fn what_the_lock_file_has_newer_is_named_with_both_versions() {
        let one = |locked: &str, lowest: &str| {
            vec![("a".to_owned(), locked.to_owned(), lowest.to_owned())]
        };
        assert_eq!(of("a", "^1.2.0"), Ok(one("1.4.0", "1.2.0")));
        assert_eq!(of("a", "^0.3.1"), Ok(one("0.3.9", "0.3.1")));
        assert_eq!(of("a", "^1.4.0"), Ok(Vec::new()));
        assert_eq!(of("b", "^2.0.1"), Ok(Vec::new()));
    }

    #[test]
    fn what_another_one_is_in_the_way_of_is_done_after_it() {
        let mut done = Vec::new();
        // Each needs that the next one is done.
        let all = in_rounds(vec![1, 2, 3], |item| {
            if *item == 3 || done.contains(&(item + 1)) {
                done.push(*item);
                return Ok(());
            }
            Err(format!("{item} is held"))
        });
        assert_eq!((all, done), (Ok(()), vec![3, 2, 1]));
        let held = in_rounds(vec![1, 2], |item| match item {
            1 => Ok(()),
            other => Err(format!("{other} is held")),
        });
        assert_eq!(held, Err("2 is held".to_owned()));
    }

    #[test]
    fn a_promise_that_names_no_version_is_refused() {
        for demand in ["^1", "^1.4", "*", ">=1.2.0, <2.0.0"] {
            assert!(of("a", demand).is_err(), "{demand}");
        }
        assert!(of("a", "^3.0.0").is_err());
        assert!(of("c", "^1.0.0").is_err());
    }
}
