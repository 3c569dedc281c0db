//! `hallpass restore` and `hallpass invalidate`

mod since;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hallpass_provider::ports::{Clock, SystemClock};
use hallpass_provider::roots;
use hallpass_provider::secrets::MasterKey;
use hallpass_store::{Store, StoreError};
use hallpass_store_sqlite::{Options, SqliteStore};
use hallpass_types::{IssuerId, Timestamp};
use serde_json::json;

use self::since::{Before, Carried, Known};
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
    let before = Replaced::open(&database);
    let prepared = prepare(&new, &ground.master_key(), (after, &before), now);
    drop(before);
    let (ended, since) = match prepared {
        Ok(prepared) => prepared,
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
    match ended.records {
        Some(records) => text.push_str(&format!(".\n{}{}", told(records), since.told())),
        None => text.push_str(
            ".\nWARNING: what was used, revoked or ended since the backup was made works again. Unless the backup is of \
             this very moment, run: hallpass invalidate",
        ),
    }
    text.push_str(&passed_over(&ended.unreadable));
    output.say(
        &json!({
            "restored": file,
            "kept": kept,
            "ended": ended.records,
            "carried": since.carried,
            "unknown": since.unknown,
            "unreadable": ended.unreadable,
        }),
        text,
    )
}

/// Behind the name of a database that a backup has taken the place of, before the moment.
const BEFORE: &str = ".before-restore-";

/// A name for what was there before.
fn free_name(database: &Path, now: Timestamp) -> PathBuf {
    let mut at = now;
    loop {
        let name = with_suffix(database, &format!("{BEFORE}{}", at.0));
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

/// The database whose place a backup takes, or why it tells nothing.
struct Replaced {
    store: Result<SqliteStore, String>,
    /// Whether a backup has been put in place before.
    restored: bool,
}

impl Replaced {
    fn open(database: &Path) -> Self {
        Self {
            store: Self::sound(database),
            restored: was_restored(database),
        }
    }

    /// It is only read. One that is damaged may lack anything.
    fn sound(database: &Path) -> Result<SqliteStore, String> {
        if !database.exists() {
            return Err("there was none".to_owned());
        }
        let found = SqliteStore::inspect(database).map_err(|error| error.to_string())?;
        if !found.problems.is_empty() {
            return Err("it is damaged".to_owned());
        }
        let options = Options {
            migrate: false,
            ..Options::default()
        };
        SqliteStore::open(database, options).map_err(|error| error.to_string())
    }
}

/// Whether there is a database that an earlier backup has taken the place of.
fn was_restored(database: &Path) -> bool {
    let aside = with_suffix(database, BEFORE);
    let (Some(folder), Some(name)) = (aside.parent(), aside.file_name()) else {
        return true;
    };
    let Ok(entries) = fs::read_dir(folder) else {
        return true;
    };
    let name = name.as_encoded_bytes();
    entries
        .flatten()
        .any(|entry| entry.file_name().as_encoded_bytes().starts_with(name))
}

/// What ended since the backup was made.
#[derive(Debug, Default)]
struct Since {
    carried: Carried,
    /// Why the database before does not tell all of it.
    unknown: Vec<String>,
}

impl Since {
    /// Carries over what the database before knows. What nobody can say anything about is over, or told.
    async fn carry(
        store: &dyn Store,
        before: &Replaced,
        (master, now): (&MasterKey, Timestamp),
    ) -> Result<Self, StoreError> {
        let mut since = Self::default();
        let last = match &before.store {
            Ok(last) => last,
            Err(why) => {
                since.unknown.push(why.clone());
                for issuer in roots::known(store).await? {
                    since::without_recovery_codes(store, issuer, &mut since.carried).await?;
                }
                return Ok(since);
            }
        };
        let before = Before {
            store: last,
            restored: before.restored,
        };
        let mut known = Vec::new();
        for issuer in roots::known(store).await? {
            let with = (master, now);
            let carried = since::carry(&before, store, issuer, with, &mut since.carried).await;
            known.push((issuer, carried));
        }
        let same = known
            .iter()
            .any(|(_, carried)| matches!(carried, Ok(Known::Same)));
        for (issuer, carried) in known {
            let why = match carried {
                Ok(Known::Same) => continue,
                // Deleted since, where others are the same; it is disabled below.
                Ok(Known::Gone) if same => continue,
                Ok(Known::Gone) => format!("it has no issuer {}", issuer.0),
                Ok(Known::Other) => format!("its issuer {} is another one", issuer.0),
                Err(error) => format!("issuer {}: {error}", issuer.0),
            };
            since.unknown.push(why);
            since::without_recovery_codes(store, issuer, &mut since.carried).await?;
        }
        if same {
            since::issuers(&before, store, now, &mut since.carried).await?;
        }
        Ok(since)
    }

    fn told(&self) -> String {
        let mut text = format!(". {}", self.carried.told());
        if !self.unknown.is_empty() {
            text.push_str(&format!(
                ".\nWARNING: the database before does not tell all that ended since the backup ({}). Recovery codes of {} \
                 people are over. Look again at accounts that were disabled or deleted, passwords and secrets that were replaced, \
                 and consents that were taken back",
                self.unknown.join("; "),
                self.carried.recovery_codes()
            ));
        }
        text
    }
}

/// Brings the copy to this version, looks whether the master key opens it, and ends what was handed out and what has ended
/// since, where it was asked for. Nothing of it is left in a log afterwards.
fn prepare(
    new: &Path,
    master: &MasterKey,
    (after, before): (Option<Timestamp>, &Replaced),
    now: Timestamp,
) -> Result<(Ended, Since), Failure> {
    let opened = SqliteStore::open(new, Options::default());
    let store = opened.map_err(|error| Failure::doing("the backup cannot be opened", &error))?;
    let store: Arc<dyn Store> = Arc::new(store);
    let ended = block_on(async {
        let unreadable = opens(&*store, master, now).await?;
        match after {
            None => {
                let records = None;
                let ended = Ended {
                    records,
                    unreadable,
                };
                Ok::<_, Failure>((ended, Since::default()))
            }
            Some(after) => {
                let since = Since::carry(&*store, before, (master, now)).await;
                let since = since.map_err(of_store)?;
                let ended = end_all(&*store, master, after, now).await?;
                Ok((ended, since))
            }
        }
    })??;
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
    let (ended, without) = block_on(async {
        let store = open_any_store(config, &ground).await?;
        let ended = end_all(&*store, &master, after, now).await?;
        let mut carried = Carried::default();
        if options.recovery_codes {
            for issuer in roots::known(&*store).await.map_err(of_store)? {
                let done = since::without_recovery_codes(&*store, issuer, &mut carried).await;
                done.map_err(of_store)?;
            }
        }
        Ok::<_, Failure>((ended, carried.recovery_codes()))
    })??;
    let records = ended.records.unwrap_or_default();
    output.say(
        &json!({
            "ended": records,
            "recovery_codes": without,
            "unreadable": ended.unreadable,
        }),
        format!(
            "{}. Recovery codes of {without} people are over. {AS_IN_THE_DATABASE}",
            told(records)
        ),
    )?;
    match &*passed_over(&ended.unreadable) {
        "" => Ok(()),
        text => Err(Failure::new(text.trim_start())),
    }
}

/// Opens the secrets of every issuer, and answers which cannot be opened. That all cannot is another master key.
async fn opens(
    store: &dyn Store,
    master: &MasterKey,
    now: Timestamp,
) -> Result<Vec<String>, Failure> {
    let mut unreadable = Vec::new();
    let known = roots::known(store).await.map_err(of_store)?;
    for issuer in &known {
        let opened = roots::open(store, *issuer, master, now).await;
        unreadable.extend(damage(*issuer, opened.map(drop))?);
    }
    some_are_left(&known, &unreadable)?;
    Ok(unreadable)
}

/// What is wrong with the secrets of an issuer, where it is that and not the store.
pub(super) fn damage(
    issuer: IssuerId,
    done: Result<(), StoreError>,
) -> Result<Option<String>, Failure> {
    match done {
        Ok(()) => Ok(None),
        Err(StoreError::Corrupt(why)) => Ok(Some(format!("issuer {}: {why}", issuer.0))),
        Err(error) => Err(of_store(error)),
    }
}

/// Where no issuer can be opened, the master key is not theirs.
pub(super) fn some_are_left(known: &[IssuerId], unreadable: &[String]) -> Result<(), Failure> {
    if !known.is_empty() && unreadable.len() == known.len() {
        return Err(Failure::new(unreadable.join("\n")));
    }
    Ok(())
}

/// What was done to everybody.
#[derive(Debug)]
struct Ended {
    /// So many records went; none where nothing was to be ended.
    records: Option<u64>,
    /// Issuers whose secrets cannot be opened with this master key.
    unreadable: Vec<String>,
}

/// Ends what every issuer has handed out. First of all nothing is good any more, of the configuration's issuer last, since
/// that is what processes look at; then come the records. One issuer that is damaged does not stand in the way of the
/// others.
async fn end_all(
    store: &dyn Store,
    master: &MasterKey,
    valid_from: Timestamp,
    now: Timestamp,
) -> Result<Ended, Failure> {
    let mut unreadable = Vec::new();
    let known = roots::known(store).await.map_err(of_store)?;
    for issuer in &known {
        let done = roots::end(store, *issuer, master, valid_from, now).await;
        unreadable.extend(damage(*issuer, done)?);
    }
    some_are_left(&known, &unreadable)?;
    let mut records: u64 = 0;
    for issuer in &known {
        let gone = roots::forget(store, *issuer).await.map_err(of_store)?;
        records = records.saturating_add(gone);
    }
    Ok(Ended {
        records: Some(records),
        unreadable,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn of_store(error: StoreError) -> Failure {
    Failure::doing("store", &error)
}

fn told(records: u64) -> String {
    format!(
        "Everything that was handed out is over: codes, tokens, sessions, what waited for an answer ({records} records). \
         People sign in again"
    )
}

const AS_IN_THE_DATABASE: &str = "Accounts, clients, consents and keys are as they are in the database: where that is from a backup, what was \
     changed in them since is lost, such as passwords, used recovery codes, disabled accounts and revoked consents";

/// Says which issuers were passed over.
pub(super) fn passed_over(unreadable: &[String]) -> String {
    let named = unreadable.iter().map(|one| {
        format!("\nWARNING: passed over, since the master key does not open it, is {one}")
    });
    named.collect()
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::doing("cannot start", &error))?;
    Ok(runtime.block_on(work))
}

const DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use hallpass_store::{MemoryStore, NewIssuer};

    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000);

    async fn made(store: &MemoryStore, name: &str) -> IssuerId {
        let new = NewIssuer {
            name: name.to_owned(),
            identifier: format!("https://op.example/p/{name}"),
            settings: serde_json::Map::new(),
            at: NOW,
        };
        store.create_issuer(new).await.unwrap().unwrap().id
    }

    async fn epoch(store: &MemoryStore, issuer: IssuerId) -> u32 {
        store.root(issuer).await.unwrap().unwrap().epoch
    }

    #[tokio::test]
    async fn an_issuer_that_cannot_be_opened_is_told_and_the_others_are_ended() {
        let store = MemoryStore::new();
        let own = store.issuer("https://op.example").await.unwrap();
        let (broken, sound) = (made(&store, "a").await, made(&store, "b").await);
        let (master, other) = (MasterKey::new([7; 32]), MasterKey::new([8; 32]));
        for (issuer, master) in [(own, &master), (sound, &master), (broken, &other)] {
            roots::open(&store, issuer, master, NOW).await.unwrap();
        }
        let named = format!("issuer {}: ", broken.0);
        let unreadable = opens(&store, &master, NOW).await.unwrap();
        assert!(unreadable.len() == 1 && unreadable[0].starts_with(&named));
        let ended = end_all(&store, &master, NOW, NOW).await.unwrap();
        assert_eq!(ended.unreadable, unreadable);
        assert_eq!(epoch(&store, own).await, 1);
        assert_eq!(epoch(&store, sound).await, 1);
        assert_eq!(epoch(&store, broken).await, 0);
        let said = passed_over(&ended.unreadable);
        assert!(said.contains("WARNING") && said.contains(&named), "{said}");
    }

    #[tokio::test]
    async fn a_master_key_that_opens_nothing_is_a_mistake() {
        let store = MemoryStore::new();
        let own = store.issuer("https://op.example").await.unwrap();
        let (master, other) = (MasterKey::new([7; 32]), MasterKey::new([8; 32]));
        roots::open(&store, own, &master, NOW).await.unwrap();
        let refused = opens(&store, &other, NOW).await.unwrap_err().to_string();
        assert!(refused.contains("sealed under master key"), "{refused}");
        assert!(end_all(&store, &other, NOW, NOW).await.is_err());
        assert_eq!(epoch(&store, own).await, 0);
    }
}
