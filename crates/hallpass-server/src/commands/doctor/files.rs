//! Whether files are there, for their owner alone, and have room.

use std::path::Path;

use super::Findings;
use crate::config::{Config, StoreKind};
use crate::data_folder::{self, FoundKeys};
use crate::wiring::database_path;

/// Looks at the data folder and the master key's files in it.
pub(super) fn look(config: &Config, findings: &mut Findings) -> FoundKeys {
    let folder = &config.server.data_dir;
    if config.store.kind == StoreKind::Sqlite {
        let path = database_path(config);
        if let Err(error) = data_folder::check_database(&path) {
            findings.error("permissions", error.to_string(), CHMOD);
        }
    }
    if !folder.exists() {
        return FoundKeys::default();
    }
    if let Err(error) = data_folder::check_folder(folder) {
        findings.error("permissions", error.to_string(), CHMOD);
    }
    let held = match data_folder::find_keys(folder) {
        Ok(held) => held,
        Err(error) => {
            let help = "Without it the database is of no use: put the right key there, for its owner alone (chmod 600)";
            findings.error("master_key_file", error.to_string(), help);
            return FoundKeys::default();
        }
    };
    if held.unfinished {
        let text = "master.key.next is there: the replacement of the master key was interrupted";
        let help = "Go on with it: hallpass key rotate-master";
        findings.warning("master_key_unfinished", text, help);
    }
    let needed = config.keys.master_key.is_none();
    if needed && held.current.is_none() && database_path(config).exists() {
        let text = format!("{} has no master.key", folder.display());
        let help =
            "Put the master key there, or name it by keys.master_key_file. A new one opens nothing";
        findings.error("master_key_missing", text, help);
    }
    held
}

/// Looks at the space that is left for the database.
pub(super) fn space(database: &Path, findings: &mut Findings) {
    let folder = match database.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let Ok(found) = rustix::fs::statvfs(folder) else {
        return;
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let size = std::fs::metadata(database).map_or(0, |metadata| metadata.len());
    let wanted = size.max(LEAST_FREE);
    if free < wanted {
        let text = format!(
            "{} MiB are free where the database is, which has {} MiB",
            free >> 20,
            size >> 20
        );
        let help = "Make room: the log, a backup and a vacuum need space, and a full disk stops every write";
        findings.warning("disk_space", text, help);
    }
}

const CHMOD: &str = "Whoever can read or replace these files has every account and key";
const LEAST_FREE: u64 = 256 << 20;
