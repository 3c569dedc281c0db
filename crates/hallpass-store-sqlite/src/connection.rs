//! Opening the file, and what every connection to it is told.

use std::{
    fs::{File, OpenOptions},
    io::ErrorKind,
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};

use hallpass_store::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use crate::{Options, failure::store_error};

/// Held while a database is opened. Closing any descriptor of a file drops all POSIX locks that the process has on
/// it, so nobody may be opening the file while it is being created.
pub(crate) static OPENING: Mutex<()> = Mutex::new(());

/// Makes an empty file that only its owner can read, unless there is one.
pub(crate) fn create(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => file.sync_all().map_err(unavailable)?,
        Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(e) => return Err(unavailable(e)),
    }
    // The entry in the folder must survive a power cut too.
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(unavailable)
}

/// A connection that writes.
pub(crate) fn writer(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(|e| store_error(&e))?;
    let set = || {
        common(&db, options, options.writer_cache_kib)?;
        // Before the first page is written, or it has no effect.
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        let mode = with_log(&db, options.busy_timeout)?;
        // Every commit is on the disk before it is acknowledged.
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "wal_autocheckpoint", 0)?;
        db.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
        if let Some(pages) = options.max_pages {
            db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        }
        Ok(mode)
    };
    match set().map_err(|e| store_error(&e))?.as_str() {
        "wal" => Ok(db),
        _ => Err(StoreError::unavailable(
            "the database cannot have a write-ahead log where it lies",
        )),
    }
}

/// Gives the database a write-ahead log, unless it has one. That needs the file alone for a moment, and is not waited for as
/// other locks are: of two processes that make a database at once one would be told that it is busy.
fn with_log(db: &Connection, patience: Duration) -> rusqlite::Result<String> {
    let until = Instant::now().checked_add(patience);
    loop {
        let mode = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0));
        let busy = mode.as_ref().is_err_and(|error: &rusqlite::Error| {
            error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
        });
        if !busy || until.is_none_or(|until| Instant::now() >= until) {
            return mode;
        }
        std::thread::sleep(AGAIN);
    }
}

/// A connection that cannot write.
pub(crate) fn reader(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(|e| store_error(&e))?;
    let set = || {
        common(&db, options, options.reader_cache_kib)?;
        db.pragma_update(None, "query_only", true)
    };
    set().map_err(|e| store_error(&e))?;
    Ok(db)
}

fn common(db: &Connection, options: &Options, cache_kib: u32) -> rusqlite::Result<()> {
    db.busy_timeout(options.busy_timeout)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    db.pragma_update(None, "cache_size", i64::from(cache_kib).saturating_neg())?;
    // A stray write of the process must not reach the file.
    db.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(()))
        .or_else(ignore_no_row)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "cell_size_check", true)
}

fn ignore_no_row(error: rusqlite::Error) -> rusqlite::Result<()> {
    if matches!(error, rusqlite::Error::QueryReturnedNoRows) {
        return Ok(());
    }
    Err(error)
}

pub(crate) fn unavailable(error: std::io::Error) -> StoreError {
    StoreError::Unavailable(error.into())
}

/// How soon a log is asked for again.
const AGAIN: Duration = Duration::from_millis(5);
/// More than there are statements.
const STATEMENTS: usize = 64;
/// The log's file is cut to this size when it starts again.
const WAL_KEPT_BYTES: u32 = 32 << 20;
