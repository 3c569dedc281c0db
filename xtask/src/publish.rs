//! Whether every crate that is meant for others could be published: what its manifest says, whether it packs, and whether each of
//! its features compiles alone and none does.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

use crate::workspace::{root, run};

const CARGO: &str = env!("CARGO");

/// A crate that is meant for others.
struct Package {
    name: String,
    version: String,
    features: Vec<String>,
    /// Members of its manifest that are missing.
    lacks: Vec<&'static str>,
}

/// What stands in the way.
pub(crate) fn problems() -> Result<Vec<String>, String> {
    let packages = packages()?;
    let mut problems: Vec<String> = packages
        .iter()
        .filter(|package| !package.lacks.is_empty())
        .map(|package| {
            format!(
                "{} does not say its {}",
                package.name,
                package.lacks.join(", ")
            )
        })
        .collect();
    problems.extend(pack(&packages).err());
    for package in &packages {
        let packed = run_for_text(&[
            "package",
            "--list",
            "--allow-dirty",
            "--package",
            &package.name,
        ])?;
        problems.extend(misses(&package.name, &packed));
    }
    for package in &packages {
        problems.extend(each_alone(package));
    }
    Ok(problems)
}

/// Names and versions of the crates that are meant for programs of others: all but the server, which is a program itself.
pub(crate) fn libraries() -> Result<Vec<(String, String)>, String> {
    let packages = packages()?.into_iter();
    let libraries = packages.filter(|package| package.name != "hallpass-server");
    Ok(libraries
        .map(|package| (package.name, package.version))
        .collect())
}

fn packages() -> Result<Vec<Package>, String> {
    let output = Command::new(CARGO)
        .args(["metadata", "--no-deps", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .map_err(|e| format!("cargo metadata: {e}"))?;
    let all: Value =
        serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    Ok(of(&all))
}

fn of(metadata: &Value) -> Vec<Package> {
    let all = metadata.get("packages").and_then(Value::as_array);
    let meant = all.into_iter().flatten().filter(|package| {
        // An empty list of registries is what `publish = false` becomes.
        package.get("publish").is_none_or(Value::is_null)
    });
    meant.map(package).collect()
}

fn package(package: &Value) -> Package {
    let says = |member: &&str| match package.get(*member) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) | None => false,
    };
    let wanted = [
        "description",
        "license",
        "readme",
        "rust_version",
        "keywords",
        "categories",
    ];
    let features = package.get("features").and_then(Value::as_object);
    let text = |member| package.get(member).and_then(Value::as_str);
    Package {
        name: text("name").unwrap_or_default().to_owned(),
        version: text("version").unwrap_or_default().to_owned(),
        features: features
            .into_iter()
            .flat_map(|all| all.keys())
            .filter(|name| *name != "default")
            .cloned()
            .collect(),
        lacks: wanted.into_iter().filter(|member| !says(member)).collect(),
    }
}

/// Packs all together, without building them once more: a file that is not in its crate, or a dependency without a version, is
/// found by that.
fn pack(packages: &[Package]) -> Result<(), String> {
    let mut arguments = vec![
        "package",
        "--no-verify",
        "--locked",
        "--allow-dirty",
        "--quiet",
    ];
    for package in packages {
        arguments.extend(["--package", &package.name]);
    }
    run(CARGO, &arguments)
}

/// What a package must hold and does not, or holds and must not: the texts of its licenses go with every copy, and tests need what is
/// not published.
fn misses(name: &str, packed: &str) -> Vec<String> {
    let holds = |file: &str| packed.lines().any(|line| line == file);
    let mut problems: Vec<String> = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"]
        .into_iter()
        .filter(|file| !holds(file))
        .map(|file| format!("{name} is packed without {file}"))
        .collect();
    let tests = packed.lines().filter(|line| line.starts_with("tests/"));
    problems.extend(tests.map(|file| format!("{name} is packed with {file}")));
    problems
}

fn run_for_text(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(CARGO)
        .args(arguments)
        .current_dir(root())
        .output()
        .map_err(|e| format!("cargo: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("cargo {} failed\n{said}", arguments.join(" ")))
}

/// Without features, and with each alone. All together are what everything else here is built with.
fn each_alone(package: &Package) -> Vec<String> {
    let mut sets: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    if !package.features.is_empty() {
        sets.insert("none", Vec::new());
    }
    for feature in &package.features {
        sets.insert(feature, vec!["--features", feature]);
    }
    let check = [
        "check",
        "--quiet",
        "--locked",
        "--no-default-features",
        "--package",
        &package.name,
    ];
    let checked = sets
        .into_values()
        .map(|more| run(CARGO, &[&check[..], &more].concat()));
    checked.filter_map(Result::err).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_package_has_its_licenses_and_no_tests() {
        let whole =
            "Cargo.toml\nLICENSE-APACHE\nLICENSE-MIT\nREADME.md\nsrc/lib.rs\nsrc/tests.rs\n";
        assert_eq!(misses("a", whole), Vec::<String>::new());
        let less = whole.replace("LICENSE-MIT\n", "tests/it/main.rs\n");
        let said = [
            "a is packed without LICENSE-MIT",
            "a is packed with tests/it/main.rs",
        ];
        assert_eq!(misses("a", &less), said);
    }

    #[test]
    fn what_a_manifest_does_not_say_is_named() {
        let whole = json!({"name": "a", "publish": null, "description": "d", "license": "l", "readme": "r",
            "rust_version": "1.95", "keywords": ["k"], "categories": ["c"], "features": {"default": [], "x": []}});
        let mut less = whole.clone();
        less["name"] = json!("b");
        less["keywords"] = json!([]);
        less["readme"] = Value::Null;
        let mut kept = whole.clone();
        kept["publish"] = json!([]);
        let found = of(&json!({"packages": [whole, less, kept]}));
        let lacks: Vec<_> = found
            .iter()
            .map(|p| (p.name.as_str(), p.lacks.clone()))
            .collect();
        assert_eq!(lacks, [("a", vec![]), ("b", vec!["readme", "keywords"])]);
        assert_eq!(found[0].features, ["x"]);
    }
}
