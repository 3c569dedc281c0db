//! `hallpass restore` and `hallpass invalidate`

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hallpass_provider::ports::{Clock, SystemClock};
use hallpass_provider::roots;
use hallpass_provider::secrets::MasterKey;
use hallpass_store::Store;
use hallpass_store_sqlite::{Options, SqliteStore};
use hallpass_types::Timestamp;
use serde_json::json;

use super::backup::{put_in_place, with_suffix};
use super::only_sqlite;
use crate::cli::{self, Moment};
use crate::config::{Config, StoreKind};
use crate::data_folder::{Purpose, copy_private};
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::{Ground, database_path, open_any_store};

pub(super) fn restore(
    config: &Config,
    options: &cli::Restore,
    output: Output,
) -> Result<(), Failure> {
    only_sqlite(
        config,
        "PostgreSQL is restored with its own tools, and made safe with hallpass invalidate: see docs/guide/backup.md",
    )?;
    // The lock of the folder: no server runs on it until this is over.
    let ground = Ground::open(config, Purpose::Serve)?;
    let file = &options.file;
    let doing = |error| Failure::doing(&format!("restore {}", file.display()), &error);
    let found = SqliteStore::inspect(file).map_err(doing)?;
    if !found.problems.is_empty() {
        return Err(Failure::new(format!(
            "{} is damaged, and nothing was changed: {}",
            file.display(),
            found.problems.join("; ")
        )));
    }
    let now = SystemClock.now();
    let after = options.after.map(|after| checked(after, now)).transpose()?;
    let database = database_path(config);
    let new = with_suffix(&database, ".restoring");
    for suffix in ["", "-wal", "-shm"] {
        drop(fs::remove_file(with_suffix(&new, suffix)));
    }
    copy_private(file, &new)?;
    let prepared = prepare(&new, &ground.master_key(), after, now);
    let ended = match prepared {
        Ok(ended) => ended,
        Err(failure) => {
            for suffix in ["", "-wal", "-shm"] {
                drop(fs::remove_file(with_suffix(&new, suffix)));
            }
            return Err(failure);
        }
    };
    let aside = free_name(&database, now);
    put_in_place(&new, &database, &aside)?;
    let kept = aside.exists().then(|| aside.display().to_string());
    let mut text = format!("{} is in place", file.display());
    if let Some(kept) = &kept {
        text.push_str(&format!("; what was there before is {kept}"));
    }
    match ended {
        Some(ended) => text.push_str(&format!(".\n{}", told(ended))),
        None => text.push_str(
            ".\nWARNING: what was used, revoked or ended since the backup was made works again. Unless the backup is of \
             this very moment, run: hallpass invalidate",
        ),
    }
    output.say(
        &json!({ "restored": file, "kept": kept, "ended": ended }),
        text,
    )
}

/// A name for what was there before.
fn free_name(database: &Path, now: Timestamp) -> PathBuf {
    let mut at = now;
    loop {
        let name = with_suffix(database, &format!(".before-restore-{}", at.0));
        if !name.exists() {
            return name;
        }
        at = at.plus(1);
    }
}

/// The moment that was asked for. Much later than now, nothing would work until then.
fn checked(after: Moment, now: Timestamp) -> Result<Timestamp, Failure> {
    let at = after.at(now);
    if at.since(now) > DAY {
        return Err(Failure::new(
            "--after: lies more than a day ahead, and nothing that is made before would be good",
        ));
    }
    Ok(at)
}

/// Brings the copy to this version, looks whether the master key opens it, and ends what was handed out. Answers how many
/// records that were, where it was asked for. Nothing of it is left in a log afterwards.
fn prepare(
    new: &Path,
    master: &MasterKey,
    after: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<u64>, Failure> {
    let opened = SqliteStore::open(new, Options::default());
    let store = opened.map_err(|error| Failure::doing("the backup cannot be opened", &error))?;
    let store: Arc<dyn Store> = Arc::new(store);
    let ended = block_on(async {
        for issuer in roots::known(&*store).await? {
            roots::open(&*store, issuer, master, now).await?;
        }
        match after {
            None => Ok(None),
            Some(after) => end_all(&store, master, after, now).await.map(Some),
        }
    })?
    .map_err(|error| Failure::doing("the backup", &error))?;
    drop(store);
    SqliteStore::settle(new).map_err(|error| Failure::doing("the backup", &error))?;
    Ok(ended)
}

pub(super) fn invalidate(
    config: &Config,
    options: &cli::Invalidate,
    output: Output,
) -> Result<(), Failure> {
    if config.store.kind == StoreKind::Memory {
        return Err(Failure::new(
            "store.kind: there is nothing to end in \"memory\"",
        ));
    }
    // Where a server has the folder, it must be stopped: it would go on with what it holds.
    let ground = Ground::open(config, Purpose::Serve)?;
    let now = SystemClock.now();
    let after = checked(options.after.unwrap_or(Moment::Now), now)?;
    let master = ground.master_key();
    let ended = block_on(async {
        let store = open_any_store(config, &ground).await?;
        end_all(&store, &master, after, now)
            .await
            .map_err(|error| Failure::doing("store", &error))
    })??;
    output.say(&json!({ "ended": ended }), told(ended))
}

async fn end_all(
    store: &Arc<dyn Store>,
    master: &MasterKey,
    valid_from: Timestamp,
    now: Timestamp,
) -> Result<u64, hallpass_store::StoreError> {
    let mut ended: u64 = 0;
    for issuer in roots::known(&**store).await? {
        let gone = roots::invalidate(&**store, issuer, master, valid_from, now).await?;
        ended = ended.saturating_add(gone);
    }
    Ok(ended)
}

fn told(ended: u64) -> String {
    format!(
        "Everything that was handed out is over: codes, tokens, sessions, what waited for an answer ({ended} records). \
         People sign in again. Accounts, clients, consents and keys are as they are in the database: what was changed in \
         them since the backup is lost, such as passwords, disabled accounts and revoked consents"
    )
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::doing("cannot start", &error))?;
    Ok(runtime.block_on(work))
}

const DAY: i64 = 86_400;
