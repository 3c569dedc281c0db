//! A copy of the database at one moment, taken while others write.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
};

use hallpass_store::StoreError;
use rusqlite::{Connection, OpenFlags};

use crate::{Options, SqliteStore, check, connection, failure::store_error, migration};

/// A copy that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// Its size in bytes.
    pub bytes: u64,
}

impl SqliteStore {
    /// Writes the database as it is at one moment into a new file, which is for its owner's eyes only and on the disk when
    /// this returns. Others read and write meanwhile; what they delete is not in the copy. The file appears when it is
    /// whole.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file exists already or cannot be written, and what reading runs into.
    pub fn back_up(path: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<Copied, StoreError> {
        let (path, to) = (path.as_ref(), to.as_ref());
        if to.try_exists().map_err(connection::unavailable)? {
            return Err(StoreError::unavailable(
                "the file for the copy exists already",
            ));
        }
        let unfinished = beside(to, &format!(".unfinished-{}", std::process::id()));
        drop(std::fs::remove_file(&unfinished));
        let made = copy(path, &unfinished).and_then(|bytes| {
            // Not replacing what somebody else has put there meanwhile.
            std::fs::hard_link(&unfinished, to).map_err(connection::unavailable)?;
            Ok(bytes)
        });
        drop(std::fs::remove_file(&unfinished));
        let bytes = made?;
        sync_folder_of(to)?;
        Ok(Copied { bytes })
    }

    /// Looks at a database without changing it: its migrations, its structure, and every record. Answers what is wrong, in
    /// sentences, and the names of migrations that it lacks.
    ///
    /// # Errors
    /// As [`Self::open`]; [`StoreError::Corrupt`] and [`StoreError::Version`] for another program's database and that of
    /// a newer version.
    pub fn inspect(path: impl AsRef<Path>) -> Result<Inspected, StoreError> {
        let db = connection::reader(path.as_ref(), &Options::default())?;
        let steps = migration::pending(&db, migration::ALL)?.iter();
        let lacking: Vec<String> = steps.map(|step| step.name.to_owned()).collect();
        if !lacking.is_empty() {
            // Its tables are not all there yet.
            let problems = check::structure_of(&db)?;
            return Ok(Inspected { problems, lacking });
        }
        Ok(Inspected {
            problems: check::check(&db)?,
            lacking,
        })
    }

    /// Puts what is in the write-ahead log into the database file, so that the file alone is everything. Nobody else may
    /// have the database open.
    ///
    /// # Errors
    /// The log cannot be read, or somebody has the database open.
    pub fn settle(path: impl AsRef<Path>) -> Result<(), StoreError> {
        let db = connection::writer(path.as_ref(), &Options::default())?;
        let busy: i64 = db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(|e| store_error(&e))?;
        if busy != 0 {
            return Err(StoreError::unavailable("somebody has the database open"));
        }
        Ok(())
    }
}

/// What was found in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspected {
    /// What is wrong with it, in sentences.
    pub problems: Vec<String>,
    /// The migrations that it lacks.
    pub lacking: Vec<String>,
}

fn copy(path: &Path, to: &Path) -> Result<u64, StoreError> {
    // Made by us, so that nobody else can read it at any moment.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(to).map_err(connection::unavailable)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(|e| store_error(&e))?;
    let name = to
        .to_str()
        .ok_or_else(|| StoreError::unavailable("the name of the copy is no text"))?;
    let write = || {
        db.busy_timeout(Options::default().busy_timeout)?;
        db.execute("VACUUM INTO ?1", [name])
    };
    write().map_err(|e| store_error(&e))?;
    let copy = File::open(to).map_err(connection::unavailable)?;
    copy.sync_all().map_err(connection::unavailable)?;
    Ok(copy.metadata().map_err(connection::unavailable)?.len())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn sync_folder_of(path: &Path) -> Result<(), StoreError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(connection::unavailable)
}
