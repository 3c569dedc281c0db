//! `hallpass backup`

use std::fs;
use std::path::{Path, PathBuf};

use hallpass_store::StoreError;
use hallpass_store_sqlite::SqliteStore;
use serde_json::json;

use super::only_sqlite;
use crate::cli;
use crate::config::Config;
use crate::data_folder::{Purpose, check_database, sync_folder_of, write_private};
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::{Ground, database_path};

pub(super) fn run(config: &Config, options: &cli::Backup, output: Output) -> Result<(), Failure> {
    only_sqlite(
        config,
        "of PostgreSQL backups are made with its own tools: see docs/guide/backup.md",
    )?;
    let ground = Ground::open(config, Purpose::Command)?;
    let path = database_path(config);
    check_database(&path).map_err(|error| Failure::new(format!("store.path: {error}")))?;
    if !path.exists() {
        return Err(Failure::new(format!(
            "{}: there is no database yet",
            path.display()
        )));
    }
    let file = &options.file;
    let doing = |error| Failure::doing(&format!("backup {}", file.display()), &error);
    let copied = SqliteStore::back_up(&path, file).map_err(doing)?;
    if !options.unchecked {
        let found = SqliteStore::inspect(file).map_err(doing)?;
        if !found.problems.is_empty() {
            return Err(Failure::new(format!(
                "{}: the copy was made, and the database is damaged: {}",
                file.display(),
                found.problems.join("; ")
            )));
        }
    }
    let mut text = format!(
        "{} has {} bytes. Without the master key it is of no use: keep that one too, elsewhere",
        file.display(),
        copied.bytes
    );
    let mut key_file = None;
    if options.with_master_key {
        let beside = with_suffix(file, ".master-key");
        write_private(&beside, &ground.master_key_text())?;
        text = format!(
            "{} has {} bytes. WARNING: {} is the master key. Whoever has both files has every account and key: \
             store them apart",
            file.display(),
            copied.bytes,
            beside.display()
        );
        key_file = Some(beside);
    }
    output.say(
        &json!({ "file": file, "bytes": copied.bytes, "master_key_file": key_file }),
        text,
    )
}

/// The path with something behind its name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Puts a copy of a backup where the database is, in one step, and the database of now aside. What is written after a
/// moment of failure is either all old or all new.
pub(super) fn put_in_place(new: &Path, database: &Path, aside: &Path) -> Result<(), Failure> {
    let wal = with_suffix(database, "-wal");
    let there = database.exists();
    if there {
        match SqliteStore::settle(database) {
            Ok(()) => {}
            // Its log is kept beside it, and never comes upon another database.
            Err(StoreError::Corrupt(_) | StoreError::Version { .. }) => {
                let kept = fs::rename(&wal, with_suffix(aside, "-wal"));
                if let Err(error) = kept
                    && error.kind() != std::io::ErrorKind::NotFound
                {
                    let what = format!("cannot put {} aside", wal.display());
                    return Err(Failure::doing(&what, &error));
                }
            }
            Err(error) => return Err(Failure::doing(&database.display().to_string(), &error)),
        }
    }
    let replace = || {
        if there {
            fs::hard_link(database, aside)?;
        }
        if fs::metadata(&wal).is_ok_and(|wal| wal.len() > 0) {
            return Err(std::io::Error::other(
                "somebody else has just written to the database",
            ));
        }
        fs::rename(new, database)?;
        for suffix in ["-wal", "-shm"] {
            drop(fs::remove_file(with_suffix(database, suffix)));
        }
        sync_folder_of(database)
    };
    replace()
        .map_err(|error| Failure::doing(&format!("cannot replace {}", database.display()), &error))
}
