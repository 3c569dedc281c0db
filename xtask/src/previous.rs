//! The version before this one, for the rolling upgrade: the last tag, or the commit before the last migration.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use serde::Deserialize;

use crate::{report, workspace::root};

/// Builds it once, from the history of this repository; the binary is `previous/hallpass` in the folder of builds.
pub(crate) fn main() -> ExitCode {
    if git(&["rev-parse", "--is-shallow-repository"]).as_deref() != Ok("false") {
        println!(
            "SKIPPED: there is no history here to build the version before from; a clone without --depth has one"
        );
        return ExitCode::SUCCESS;
    }
    report(build().map(|path| {
        println!("{}", path.display());
        Vec::new()
    }))
}

/// The binary, where it was built.
pub(crate) fn built() -> Option<PathBuf> {
    let path = target().join("previous/hallpass");
    path.is_file().then_some(path)
}

fn build() -> Result<PathBuf, String> {
    let commit = commit()?;
    let folder = target().join("previous");
    let (binary, built) = (folder.join("hallpass"), folder.join("commit"));
    if binary.is_file() && std::fs::read_to_string(&built).is_ok_and(|known| known == commit) {
        return Ok(binary);
    }
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let tree = folder.join("tree");
    let place = tree.to_string_lossy();
    // What a build that was interrupted has left.
    drop(git(&["worktree", "remove", "--force", &place]));
    drop(git(&["worktree", "prune"]));
    git(&["worktree", "add", "--detach", "--force", &place, &commit])?;
    let executable = cargo_build(&tree);
    let copied = executable.and_then(|path| std::fs::copy(path, &binary).map_err(failed));
    git(&["worktree", "remove", "--force", &place])?;
    copied?;
    std::fs::write(&built, &commit).map_err(failed)?;
    Ok(binary)
}

/// The last tag before this commit, or the parent of the commit that brought the last migration.
fn commit() -> Result<String, String> {
    if let Ok(tag) = git(&["describe", "--tags", "--abbrev=0", "HEAD^"]) {
        return git(&["rev-parse", &format!("{tag}^{{commit}}")]);
    }
    let last = git(&[
        "log",
        "-1",
        "--format=%H",
        "--diff-filter=A",
        "--",
        "crates/hallpass-store-postgres/migrations",
    ])?;
    git(&["rev-parse", &format!("{last}^")])
}

/// In the folder of all builds, so that the dependencies of both versions are built once. What `cargo` puts under the plain
/// name afterwards is the older program, until the next build of the newer one.
fn cargo_build(tree: &Path) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--locked", "--package", "hallpass-server"])
        .args(["--bin", "hallpass"])
        .arg("--message-format=json-render-diagnostics")
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_INCREMENTAL", "0")
        .current_dir(tree)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err("the version before cannot be built".to_owned());
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .find_map(|message| message.executable)
        .ok_or_else(|| "cargo names no executable".to_owned())
}

#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}

/// This program is in its folder `debug` or `release`.
fn target() -> PathBuf {
    let program = std::env::current_exe().ok();
    let folder = program
        .as_deref()
        .and_then(Path::parent)
        .and_then(Path::parent);
    folder.map_or_else(|| root().join("target"), Path::to_owned)
}

fn git(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root())
        .output()
        .map_err(|error| format!("git: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("git {}: {}", arguments.join(" "), said.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
