//! Building what is measured, and fetching the peers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::Result;
use super::options::Options;
use super::peers;
use super::target::Target;

/// Programs and folders that the measurement needs.
#[derive(Debug)]
pub(crate) struct Built {
    /// The server.
    pub(crate) hallpass: Option<PathBuf>,
    /// The load generator.
    pub(crate) load: PathBuf,
    /// The program that measures commits on PostgreSQL.
    pub(crate) store_rate: Option<PathBuf>,
    /// A folder on the disk that the build is on, for data folders.
    pub(crate) work: PathBuf,
    /// Where the peers are installed that are not installed beside their lock files.
    pub(crate) peers: PathBuf,
}

/// Builds the release programs and installs what the peers need.
///
/// # Errors
/// A build that fails, or a program that is missing.
pub(crate) fn build(options: &Options) -> Result<Built> {
    let ours = |target: &Target| matches!(target, Target::Hallpass | Target::HallpassPostgres);
    let with_hallpass = options.targets.iter().any(ours);
    let mut packages = vec!["hallpass-load"];
    if with_hallpass {
        packages.push("hallpass-server");
    }
    let programs = match &options.programs {
        Some(folder) => ["hallpass-load", "hallpass"]
            .map(|name| (name.to_owned(), folder.join(name)))
            .into_iter()
            .filter(|(_, path)| path.is_file())
            .collect(),
        None => cargo_build(&packages)?,
    };
    let program = |name: &str| {
        let found = programs.iter().find(|(known, _)| known == name);
        found.map(|(_, path)| path.clone())
    };
    let load = program("hallpass-load").ok_or("cargo built no hallpass-load")?;
    let hallpass = program("hallpass");
    if with_hallpass && hallpass.is_none() {
        return Err("cargo built no hallpass".to_owned());
    }
    let target = load.parent().and_then(Path::parent);
    let target = target.ok_or("no target folder")?;
    let peers = target.join("peers");
    for target in &options.targets {
        peers::install(*target, &peers)?;
    }
    let store_rate = if options.targets.contains(&Target::HallpassPostgres) {
        match &options.programs {
            Some(folder) => {
                let program = folder.join("examples/store_rate");
                program.is_file().then_some(program)
            }
            None => Some(store_rate()?),
        }
    } else {
        None
    };
    Ok(Built {
        hallpass,
        work: target.join("bench"),
        load,
        store_rate,
        peers,
    })
}

/// The folder of the peer.
pub(crate) fn node_oidc_provider() -> PathBuf {
    peer("node-oidc-provider")
}

/// The folder that has what this project knows about a peer.
pub(crate) fn peer(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../benches/peers")
        .join(name)
}

/// By itself, since an example brings features that the server does without.
fn store_rate() -> Result<PathBuf> {
    let arguments = [
        "--package",
        "hallpass-store-postgres",
        "--example",
        "store_rate",
    ];
    let built = cargo(&arguments)?;
    let program = built.into_iter().find(|(name, _)| name == "store_rate");
    let (_, path) = program.ok_or("cargo built no store_rate")?;
    Ok(path)
}

/// Builds packages in release mode; answers the programs with their names.
pub(crate) fn cargo_build(packages: &[&str]) -> Result<Vec<(String, PathBuf)>> {
    let packages: Vec<_> = packages
        .iter()
        .flat_map(|name| ["--package", name])
        .collect();
    cargo(&packages)
}

fn cargo(arguments: &[&str]) -> Result<Vec<(String, PathBuf)>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--release",
        "--message-format=json-render-diagnostics",
    ]);
    let output = command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err("cargo build failed".to_owned());
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    let messages = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    Ok(messages
        .filter_map(|message: Message| Some((message.target?.name, message.executable?)))
        .collect())
}

#[derive(Deserialize)]
struct Message {
    target: Option<MessageTarget>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct MessageTarget {
    name: String,
}

/// Installs the locked packages, once.
pub(crate) fn npm_ci(folder: &Path) -> Result<()> {
    let lock = folder.join("package-lock.json");
    let sources = Sources::read([lock.as_path()])?;
    let installed = folder.join("node_modules/.hallpass-installed");
    if sources.are_in(&installed) {
        return Ok(());
    }
    let status = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("npm: {error}; --no-peers does without it"))?;
    if status.success() {
        sources.write(&installed)
    } else {
        Err("npm ci failed; --no-peers does without it".to_owned())
    }
}

/// What something was made of. It is made again when that has changed, and not when a checkout has only written it again.
pub(crate) struct Sources(Vec<u8>);

impl Sources {
    /// The contents of these files.
    ///
    /// # Errors
    /// One cannot be read.
    pub(crate) fn read<'a>(files: impl IntoIterator<Item = &'a Path>) -> Result<Self> {
        let mut all = Vec::new();
        for file in files {
            let bytes = std::fs::read(file).map_err(|error| at(file, &error))?;
            all.extend(bytes);
            all.push(0);
        }
        Ok(Self(all))
    }

    /// Whether that file says that it was made of the same.
    pub(crate) fn are_in(&self, file: &Path) -> bool {
        std::fs::read(file).is_ok_and(|bytes| bytes == self.0)
    }

    /// Says so.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        std::fs::write(file, &self.0).map_err(|error| at(file, &error))
    }
}

fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_known_by_what_it_was_made_of() {
        let folder = std::env::temp_dir().join(format!("hallpass-sources-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (one, two, made) = (folder.join("1"), folder.join("2"), folder.join("made"));
        std::fs::write(&one, "a").unwrap();
        std::fs::write(&two, "b").unwrap();
        let read = || Sources::read([one.as_path(), two.as_path()]).unwrap();
        assert!(!read().are_in(&made), "nothing was made");
        read().write(&made).unwrap();
        std::fs::write(&one, "a").unwrap();
        assert!(read().are_in(&made), "written again, and the same");
        std::fs::write(&one, "ab").unwrap();
        std::fs::write(&two, "").unwrap();
        assert!(!read().are_in(&made), "the same bytes in other files");
        assert!(Sources::read([folder.join("3").as_path()]).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
