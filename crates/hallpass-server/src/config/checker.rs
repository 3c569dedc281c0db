//! Gathering of what is wrong while the sections are checked.

use std::fmt::Display;
use std::path::Path;

use super::problem::Problem;
use super::source::Source;
use super::value::{Seconds, Secret};

/// Gathers problems and knows where each setting stands.
#[derive(Debug)]
pub(super) struct Checker<'a> {
    source: &'a Source,
    problems: Vec<Problem>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self {
            source,
            problems: Vec::new(),
        }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Notes a problem with the setting of this name.
    pub(super) fn problem(&mut self, setting: &str, message: impl Display) {
        self.problems.push(Problem {
            place: self.source.place(setting),
            setting: setting.to_owned(),
            message: message.to_string(),
        });
    }

    /// Notes a problem unless the span of time lies within the bounds, both included.
    pub(super) fn between(&mut self, setting: &str, value: Seconds, least: u64, most: u64) {
        if value.0 < least || value.0 > most {
            let (least, most) = (Seconds(least), Seconds(most));
            self.problem(
                setting,
                format!("must be from {least} to {most}, not {value}"),
            );
        }
    }

    /// Notes a problem unless the number lies within the bounds, both included.
    pub(super) fn number(&mut self, setting: &str, value: u64, least: u64, most: u64) {
        if value < least || value > most {
            self.problem(
                setting,
                format!("must be from {least} to {most}, not {value}"),
            );
        }
    }

    /// A secret given as it is or by the name of a file; both at once are refused, an empty one too.
    pub(super) fn secret(
        &mut self,
        setting: &str,
        value: Option<Secret>,
        file: Option<&Path>,
    ) -> Option<Secret> {
        let file_setting = format!("{setting}_file");
        let (secret, setting) = match (value, file) {
            (None, None) => return None,
            (Some(_), Some(_)) => {
                self.problem(
                    setting,
                    format!("is given both here and by {file_setting}; keep one"),
                );
                return None;
            }
            (Some(value), None) => (value, setting),
            (None, Some(path)) => (self.secret_file(&file_setting, path)?, &*file_setting),
        };
        if secret.expose().is_empty() {
            self.problem(setting, "is empty");
            return None;
        }
        Some(secret)
    }

    /// The content of a file that only its owner and group may read, without the line break at its end.
    pub(super) fn secret_file(&mut self, setting: &str, path: &Path) -> Option<Secret> {
        match read_secret_file(path) {
            Ok(text) => Some(text),
            Err(message) => {
                self.problem(setting, message);
                None
            }
        }
    }
}

fn read_secret_file(path: &Path) -> Result<Secret, String> {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    let name = path.display();
    let failed = |error: std::io::Error| format!("cannot read {name}: {error}");
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.permissions().mode() & 0o007 != 0 {
        return Err(format!(
            "{name} is open to every user of this machine; take that away with: chmod o= {name}"
        ));
    }
    let mut text = String::new();
    let limit = 1 << 20;
    Read::by_ref(&mut file)
        .take(limit)
        .read_to_string(&mut text)
        .map_err(failed)?;
    let trimmed = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(trimmed);
    Ok(Secret::new(text))
}
