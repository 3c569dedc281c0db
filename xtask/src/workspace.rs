//! Where the repository is, and its files.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Tracked and new files with this ending, as paths from the root.
pub(crate) fn files(ending: &str) -> Result<Vec<String>, String> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .map_err(|e| format!("git does not answer: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut files: Vec<String> = text
        .lines()
        .filter(|f| f.ends_with(ending) && root().join(f).is_file())
        .map(str::to_owned)
        .collect();
    files.sort();
    Ok(files)
}

/// The text of a file.
pub(crate) fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(root().join(path)).map_err(|e| format!("{path}: {e}"))
}

/// Writes a generated file, or with `check` says that it is out of date.
pub(crate) fn write(path: &str, text: &str, check: bool) -> Result<Option<String>, String> {
    if read(path).is_ok_and(|old| old == text) {
        return Ok(None);
    }
    if check {
        return Ok(Some(format!(
            "{path} is out of date: run `cargo xtask generate`"
        )));
    }
    let target = root().join(path);
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder).map_err(|e| format!("{path}: {e}"))?;
    }
    std::fs::write(target, text).map_err(|e| format!("{path}: {e}"))?;
    println!("wrote {path}");
    Ok(None)
}

/// Runs a command in the root and says whether it succeeded.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    run_with(program, arguments, &[])
}

/// The same with variables of the environment.
pub(crate) fn run_with(
    program: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Result<(), String> {
    let set: String = variables
        .iter()
        .map(|(name, value)| format!("{name}={value} "))
        .collect();
    println!("$ {set}{program} {}", arguments.join(" "));
    let status = Command::new(program)
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(root())
        .status()
        .map_err(|e| format!("{program}: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{program} {} failed", arguments.join(" ")))
    }
}
