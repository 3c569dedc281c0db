//! `hallpass import sourceloop --env-file`: a configuration from the environment variables of SourceLoop's OIDC service.
//!
//! Nothing is asked and nothing is written but a folder with `hallpass.toml` and a file for each secret, for the owner's eyes only.
//! What has no counterpart is said, with its reason. No value of a variable is printed.

mod file;
mod mapping;

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_provider::ports::{Entropy, SystemEntropy};
use serde_json::json;

use crate::config::Config;
use crate::failure::Failure;
use crate::output::Output;
use mapping::Moved;

/// Bytes of a file of variables.
const LONGEST: u64 = 1 << 20;
const NAME: &str = "hallpass.toml";

pub(super) fn run(path: &Path, out: &Path, output: Output) -> Result<(), Failure> {
    let name = path.display();
    let cannot = |error: std::io::Error| Failure::new(format!("cannot read {name}: {error}"));
    if std::fs::metadata(path).map_err(cannot)?.len() > LONGEST {
        return Err(Failure::new(format!("{name} is larger than 1 MiB")));
    }
    let text = std::fs::read_to_string(path).map_err(cannot)?;
    let variables = file::parse(&text)
        .map_err(|line| Failure::new(format!("{name}:{line}: is no NAME=value")))?;
    // The server may be started in another folder than this command.
    let out = std::path::absolute(out).map_err(cannot)?;
    let folder = out
        .to_str()
        .ok_or_else(|| Failure::new("the name of the folder is no text"))?;
    let moved = mapping::map(variables, folder, master_key);
    write(&out, &moved)?;
    let file = out.join(NAME);
    let wrong = match Config::load(Some(&file), std::iter::empty()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
    };
    say(&moved, &file, &wrong, output)
}

fn master_key() -> String {
    let mut key = zeroize::Zeroizing::new([0; 32]);
    SystemEntropy.fill(&mut *key);
    URL_SAFE_NO_PAD.encode(*key)
}

/// Everything anew, or nothing: a configuration that is there is somebody's work, a master key opens a database.
fn write(folder: &Path, moved: &Moved) -> Result<(), Failure> {
    let shown = folder.display();
    let failed = |error: std::io::Error| Failure::new(format!("cannot write {shown}: {error}"));
    let mut builder = DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed)?;
    let settings = toml::to_string(&moved.settings)
        .map_err(|error| Failure::doing("cannot write the configuration", &error))?;
    let secrets = moved
        .files
        .iter()
        .map(|(name, content)| (*name, content.as_str()));
    let all: Vec<(&str, &str)> = secrets.chain([(NAME, settings.as_str())]).collect();
    if let Some((name, _)) = all.iter().find(|(name, _)| folder.join(name).exists()) {
        return Err(Failure::new(format!(
            "{shown}/{name} is there already, nothing was written; name another folder with --out"
        )));
    }
    for (name, content) in all {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = match options.open(folder.join(name)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(Failure::new(format!("{shown}/{name} was made meanwhile")));
            }
            opened => opened.map_err(failed)?,
        };
        file.write_all(content.as_bytes()).map_err(failed)?;
        file.write_all(b"\n").map_err(failed)?;
        file.sync_all().map_err(failed)?;
    }
    Ok(())
}

fn say(moved: &Moved, file: &Path, wrong: &[String], output: Output) -> Result<(), Failure> {
    let files: Vec<&str> = moved.files.iter().map(|(name, _)| *name).collect();
    let pair =
        |(variable, other): &(String, String)| json!({ "variable": variable, "setting": other });
    let why = |(variable, why): &(String, &str)| json!({ "variable": variable, "why": why });
    let value = json!({
        "file": file.display().to_string(),
        "secrets": files,
        "became": moved.became.iter().map(pair).collect::<Vec<_>>(),
        "without_counterpart": moved.nothing.iter().map(why).collect::<Vec<_>>(),
        "unknown": moved.unknown,
        "notes": moved.notes,
        "to_mend": wrong,
    });
    let mut lines = vec![format!("{} is written", file.display())];
    let mut part = |title: &str, rows: Vec<String>| {
        if !rows.is_empty() {
            lines.push(String::new());
            lines.push(title.to_owned());
            lines.extend(rows.into_iter().map(|row| format!("  {row}")));
        }
    };
    let became = moved.became.iter();
    part(
        "became",
        became
            .map(|(name, setting)| format!("{name}: {setting}"))
            .collect(),
    );
    let nothing = moved.nothing.iter();
    part(
        "has no counterpart",
        nothing
            .map(|(name, why)| format!("{name}: {why}"))
            .collect(),
    );
    part("is not known, and was left out", moved.unknown.clone());
    part(
        "secrets, each in a file beside it",
        files.iter().map(|name| (*name).to_owned()).collect(),
    );
    part("to look at", moved.notes.clone());
    part("to mend before the first start", wrong.to_vec());
    output.say(&value, lines.join("\n"))
}
