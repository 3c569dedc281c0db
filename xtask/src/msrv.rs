//! Whether the compiler that everything is tried with is the oldest one that manifests promise.

use std::process::Command;

use crate::workspace;

/// A promise that this compiler does not show to be true.
pub(crate) fn problems() -> Result<Vec<String>, String> {
    let output = Command::new("rustc")
        .arg("--version")
        .current_dir(workspace::root())
        .output()
        .map_err(|e| format!("rustc: {e}"))?;
    let compiler = String::from_utf8_lossy(&output.stdout);
    let mut problems = Vec::new();
    let promised =
        promised(&workspace::read("Cargo.toml")?).ok_or("Cargo.toml has no rust-version")?;
    problems.extend(differs(&promised, &compiler));
    // What people read is the same promise.
    for page in ["README.md", "docs/start/embedding.md"] {
        if !workspace::read(page)?.contains(&format!("Rust {promised}")) {
            problems.push(format!("{page} does not say `Rust {promised}`"));
        }
    }
    Ok(problems)
}

/// The version in the manifest of the workspace.
fn promised(manifest: &str) -> Option<String> {
    let line = manifest
        .lines()
        .find(|line| line.starts_with("rust-version = "))?;
    line.split('"').nth(1).map(str::to_owned)
}

fn differs(promised: &str, compiler: &str) -> Option<String> {
    let version = compiler.split(' ').nth(1).unwrap_or_default();
    let same = version == promised
        || version
            .strip_prefix(promised)
            .is_some_and(|rest| rest.starts_with('.'));
    (!same).then(|| {
        format!(
            "rust-version is {promised}, and {} compiles here: nothing tries what is promised",
            compiler.trim()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_compiler_shows_nothing_about_an_older_one() {
        assert_eq!(
            differs("1.95", "rustc 1.95.0 (59807616e 2026-04-14)\n"),
            None
        );
        for other in ["rustc 1.96.0 (x)", "rustc 1.9.5 (x)", "rustc 1.950.0", ""] {
            assert!(differs("1.95", other).is_some(), "{other}");
        }
    }

    #[test]
    fn the_promise_is_that_of_the_workspace() {
        assert_eq!(
            promised("[workspace.package]\nrust-version = \"1.95\"\n").as_deref(),
            Some("1.95")
        );
        assert_eq!(promised("[workspace]\n"), None);
    }
}
