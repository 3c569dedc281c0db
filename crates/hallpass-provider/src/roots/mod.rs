//! The root of an issuer's secrets: random bytes that are kept wrapped under the master key.
//!
//! Everything that seals or authenticates is derived from the root, so that another master key changes nothing: it wraps
//! the same root anew. The root has two halves. What must never change (pairwise subjects, digests of client secrets,
//! sealed signing keys) is derived from the lasting one; what is only handed out (tokens, state in browsers) from the
//! passing one, which [`invalidate`] replaces.

use std::collections::HashSet;

use hallpass_jose::{aead::SealKey, kdf, random};
use hallpass_store::{
    Commit, Committed, KeyRecord, RootRecord, Spend, Store, StoreError, WrappedRoot,
};
use hallpass_types::{IssuerId, Timestamp};
use zeroize::Zeroizing;

use crate::{
    keys::{KeySet, Opening},
    secrets::{MasterKey, Secrets},
};

/// So often a root is tried to be changed when another process changes it at the same moment.
const ATTEMPTS: u32 = 8;
const VERSION: u8 = 1;
const PLAIN: usize = 65;

/// The root of one issuer's secrets, opened.
#[derive(Clone)]
pub struct Root {
    lasting: Zeroizing<[u8; 32]>,
    passing: Zeroizing<[u8; 32]>,
    /// How often everything that was handed out was ended.
    pub epoch: u32,
    /// Nothing that was issued before this moment is good.
    pub valid_from: Timestamp,
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Root")
            .field("epoch", &self.epoch)
            .field("valid_from", &self.valid_from)
            .finish_non_exhaustive()
    }
}

impl Root {
    /// The root of an issuer from before there were any: the master key itself.
    #[must_use]
    pub fn of_master(master: &MasterKey) -> Self {
        Self {
            lasting: master.bytes(),
            passing: master.bytes(),
            epoch: 0,
            valid_from: Timestamp(0),
        }
    }

    fn fresh() -> Self {
        Self {
            lasting: Zeroizing::new(random::bytes()),
            passing: Zeroizing::new(random::bytes()),
            epoch: 0,
            valid_from: Timestamp(0),
        }
    }

    /// A key of a purpose that lasts as long as the issuer.
    #[must_use]
    pub(crate) fn lasting(&self, issuer: IssuerId, purpose: &str) -> Zeroizing<[u8; 32]> {
        derive(&self.lasting, issuer, purpose, 0)
    }

    /// A key of a purpose that may end at any time.
    #[must_use]
    pub(crate) fn passing(
        &self,
        issuer: IssuerId,
        purpose: &str,
        index: u32,
    ) -> Zeroizing<[u8; 32]> {
        derive(&self.passing, issuer, purpose, index)
    }

    fn wrap(&self, issuer: IssuerId, master: &MasterKey) -> WrappedRoot {
        let mut plain = Zeroizing::new(Vec::with_capacity(PLAIN));
        plain.push(VERSION);
        plain.extend_from_slice(self.lasting.as_slice());
        plain.extend_from_slice(self.passing.as_slice());
        WrappedRoot {
            master: master.name(),
            sealed: wrapping_key(master, issuer).seal(&context(issuer), &plain),
        }
    }

    fn unwrap(record: &RootRecord, issuer: IssuerId, master: &MasterKey) -> Option<Self> {
        let name = master.name();
        let wrapped = record.wraps.iter().find(|wrap| wrap.master == name)?;
        let plain = wrapping_key(master, issuer).open(&context(issuer), &wrapped.sealed)?;
        let plain = Zeroizing::new(plain);
        let (&version, keys) = plain.split_first()?;
        let (lasting, passing) = keys.split_at_checked(32)?;
        if version != VERSION {
            return None;
        }
        Some(Self {
            lasting: Zeroizing::new(lasting.try_into().ok()?),
            passing: Zeroizing::new(passing.try_into().ok()?),
            epoch: record.epoch,
            valid_from: record.valid_from,
        })
    }
}

fn wrapping_key(master: &MasterKey, issuer: IssuerId) -> SealKey {
    SealKey::new(&derive(&master.bytes(), issuer, "root", 0))
}

fn context(issuer: IssuerId) -> [u8; 8] {
    let mut out = *b"root\0\0\0\0";
    let (_, number) = out.split_at_mut(4);
    number.copy_from_slice(&issuer.0.to_be_bytes());
    out
}

pub(crate) fn derive(
    from: &[u8; 32],
    issuer: IssuerId,
    purpose: &str,
    index: u32,
) -> Zeroizing<[u8; 32]> {
    let info = format!("hallpass/1/{}/{purpose}/{index}", issuer.0);
    kdf::hkdf_sha256(from, info.as_bytes())
}

/// Opens the root of an issuer, making one on first sight. Several nodes may do it at once: all get the same. A root that
/// is wrapped under a previous master key alone is wrapped under the current one, too.
///
/// # Errors
/// [`StoreError::Corrupt`] when the root is under another master key, and what the store itself runs into.
pub async fn open(
    store: &dyn Store,
    issuer: IssuerId,
    master: &MasterKey,
    now: Timestamp,
) -> Result<Root, StoreError> {
    for _ in 0..ATTEMPTS {
        let Some(record) = store.root(issuer).await? else {
            let keys = store.signing_keys(issuer).await?;
            let (root, under) = first(&keys, issuer, master)?;
            let record = RootRecord {
                revision: 0,
                epoch: root.epoch,
                wraps: vec![root.wrap(issuer, under)],
                valid_from: root.valid_from,
                created_at: now,
                changed_at: now,
            };
            // The keys are those on which it was decided what the root is.
            let spends = vec![root_spend(None, record), Spend::SigningKeys(keys)];
            if committed(store, issuer, spends).await? {
                return Ok(root);
            }
            continue;
        };
        if let Some(root) = Root::unwrap(&record, issuer, master) {
            return Ok(root);
        }
        let (root, _) = unwrap_any(&record, issuer, master)?;
        let mut wraps = record.wraps.clone();
        wraps.push(root.wrap(issuer, master));
        if let Some(root) = change(store, issuer, &record, root, wraps, now).await? {
            return Ok(root);
        }
    }
    Err(StoreError::unavailable(
        "the root of secrets keeps changing",
    ))
}

/// The root of an issuer that has none: fresh where there is nothing yet, else the master key that opens what is there.
fn first<'m>(
    keys: &[KeyRecord],
    issuer: IssuerId,
    master: &'m MasterKey,
) -> Result<(Root, &'m MasterKey), StoreError> {
    if keys.is_empty() {
        return Ok((Root::fresh(), master));
    }
    let mut failure = None;
    for candidate in master.all() {
        let root = Root::of_master(candidate);
        let secrets = Secrets::new(root.clone(), issuer);
        let with = Opening {
            secrets: &secrets,
            outside: &[],
            now: Timestamp(0),
            max_age: 0,
        };
        match KeySet::open(keys, with) {
            Ok(_) => return Ok((root, candidate)),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| StoreError::corrupt("there is no master key")))
}

fn unwrap_any<'m>(
    record: &RootRecord,
    issuer: IssuerId,
    master: &'m MasterKey,
) -> Result<(Root, &'m MasterKey), StoreError> {
    let found = master
        .all()
        .find_map(|candidate| Some((Root::unwrap(record, issuer, candidate)?, candidate)));
    found.ok_or_else(|| {
        let held = |w: &WrappedRoot| master.all().any(|m| m.name() == w.master);
        if record.wraps.iter().any(held) {
            return StoreError::corrupt("the root of an issuer's secrets is damaged");
        }
        let names: Vec<&str> = record.wraps.iter().map(|w| w.master.as_str()).collect();
        let text = format!(
            "the secrets of issuer {} are sealed under master key {}, and this is master key {}",
            issuer.0,
            names.join(" or "),
            master.name()
        );
        StoreError::Corrupt(text.into())
    })
}

/// The issuers that have anything to seal: those with a root, or with keys from before there were roots. Those that were
/// made at run time come before those of a configuration, so that whoever takes the latter for a sign that all is done is
/// right. What a process has left of one that is deleted is nobody's.
///
/// # Errors
/// What the store runs into.
pub async fn known(store: &dyn Store) -> Result<Vec<IssuerId>, StoreError> {
    let (mut made, mut configured) = (Vec::new(), Vec::new());
    let mut after = None;
    loop {
        let page = store.issuer_numbers(after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for (issuer, name) in page {
            if store.root(issuer).await?.is_some() || !store.signing_keys(issuer).await?.is_empty()
            {
                let at_run_time = name.starts_with(MADE_AT_RUN_TIME);
                let of = if at_run_time {
                    &mut made
                } else {
                    &mut configured
                };
                of.push(issuer);
            }
        }
    }
    // Read after the numbers: a record comes with its number, and goes last of all.
    let recorded = recorded(store).await?;
    made.retain(|issuer| recorded.contains(issuer));
    made.append(&mut configured);
    Ok(made)
}

/// Those that were made at run time and are there.
async fn recorded(store: &dyn Store) -> Result<HashSet<IssuerId>, StoreError> {
    let mut found = HashSet::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.issuers(after.as_deref(), PAGE).await?;
        found.extend(page.items.iter().map(|record| record.id));
        let Some(next) = page.next else {
            return Ok(found);
        };
        after = Some(next);
    }
}

/// Opens the root of an issuer as it is stored, and writes nothing.
///
/// # Errors
/// As [`open`].
pub fn look(
    record: Option<&RootRecord>,
    keys: &[KeyRecord],
    issuer: IssuerId,
    master: &MasterKey,
) -> Result<Root, StoreError> {
    match record {
        Some(record) => unwrap_any(record, issuer, master).map(|(root, _)| root),
        None => first(keys, issuer, master).map(|(root, _)| root),
    }
}

/// Wraps the root of an issuer under exactly these master keys. `master` opens it.
///
/// # Errors
/// As [`open`].
pub async fn wrap_under(
    store: &dyn Store,
    issuer: IssuerId,
    master: &MasterKey,
    under: &[&MasterKey],
    now: Timestamp,
) -> Result<(), StoreError> {
    for _ in 0..ATTEMPTS {
        open(store, issuer, master, now).await?;
        let Some(record) = store.root(issuer).await? else {
            continue;
        };
        let has = |m: &&MasterKey| record.wraps.iter().any(|w| w.master == m.name());
        if under.len() == record.wraps.len() && under.iter().all(has) {
            return Ok(());
        }
        let (root, _) = unwrap_any(&record, issuer, master)?;
        let wraps = under.iter().map(|m| root.wrap(issuer, m)).collect();
        if change(store, issuer, &record, root, wraps, now)
            .await?
            .is_some()
        {
            return Ok(());
        }
    }
    Err(StoreError::unavailable(
        "the root of secrets keeps changing",
    ))
}

/// Ends everything that an issuer ever handed out: [`end`], and then [`forget`]. Answers how many records went.
///
/// # Errors
/// As [`open`]. What was done until then stays; doing it again does the rest.
pub async fn invalidate(
    store: &dyn Store,
    issuer: IssuerId,
    master: &MasterKey,
    valid_from: Timestamp,
    now: Timestamp,
) -> Result<u64, StoreError> {
    end(store, issuer, master, valid_from, now).await?;
    forget(store, issuer).await
}

/// Makes everything that an issuer ever handed out worthless: what was issued before `valid_from` is not good any more,
/// whatever the store says about it. For a database that was restored from a backup, which does not know what was revoked or
/// used since. Accounts, clients, consent and signing keys stay.
///
/// Every process that has the issuer loaded must load it anew.
///
/// # Errors
/// As [`open`].
pub async fn end(
    store: &dyn Store,
    issuer: IssuerId,
    master: &MasterKey,
    valid_from: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    for _ in 0..ATTEMPTS {
        open(store, issuer, master, now).await?;
        let Some(record) = store.root(issuer).await? else {
            continue;
        };
        let (old, _) = unwrap_any(&record, issuer, master)?;
        let root = Root {
            passing: Zeroizing::new(random::bytes()),
            epoch: old.epoch.saturating_add(1),
            valid_from: old.valid_from.max(valid_from),
            ..old
        };
        // A wrap under a key that is not at hand would open the old root.
        let known = master
            .all()
            .filter(|m| record.wraps.iter().any(|w| w.master == m.name()));
        let wraps = known.map(|m| root.wrap(issuer, m)).collect();
        if change(store, issuer, &record, root, wraps, now)
            .await?
            .is_some()
        {
            return Ok(());
        }
    }
    Err(StoreError::unavailable(
        "the root of secrets keeps changing",
    ))
}

/// Deletes the records of what an issuer has handed out, after [`end`]. Answers how many went.
///
/// # Errors
/// What the store runs into. What was done until then stays; doing it again does the rest.
pub async fn forget(store: &dyn Store, issuer: IssuerId) -> Result<u64, StoreError> {
    let (mut gone, mut short) = (0_u64, 0_u32);
    loop {
        let some = store.forget_issued(issuer, BITE).await?;
        gone = gone.saturating_add(some);
        // A process that has not ended yet may put something behind what is gone already; one that has begun anew does so
        // for ever, and rightly.
        if some < BITE as u64 {
            short = short.saturating_add(1);
        }
        if some == 0 || short >= AGAIN {
            return Ok(gone);
        }
    }
}

async fn change(
    store: &dyn Store,
    issuer: IssuerId,
    before: &RootRecord,
    root: Root,
    wraps: Vec<WrappedRoot>,
    now: Timestamp,
) -> Result<Option<Root>, StoreError> {
    let Some(revision) = before.revision.checked_add(1) else {
        return Err(StoreError::corrupt("the root has changed too often"));
    };
    let record = RootRecord {
        revision,
        epoch: root.epoch,
        wraps,
        valid_from: root.valid_from,
        created_at: before.created_at,
        changed_at: now,
    };
    let spends = vec![root_spend(Some(before.revision), record)];
    Ok(committed(store, issuer, spends).await?.then_some(root))
}

fn root_spend(from: Option<u32>, record: RootRecord) -> Spend {
    Spend::Root {
        from,
        record: Box::new(record),
    }
}

async fn committed(
    store: &dyn Store,
    issuer: IssuerId,
    spends: Vec<Spend>,
) -> Result<bool, StoreError> {
    let commit = Commit {
        spends,
        writes: Vec::new(),
    };
    Ok(store.commit(issuer, commit).await? == Committed::Done)
}

const BITE: usize = 5000;
/// So often it is looked whether anything came after the end.
const AGAIN: u32 = 3;
const PAGE: usize = 500;
/// How names in the store begin of issuers that were made at run time.
const MADE_AT_RUN_TIME: char = '#';

#[cfg(test)]
mod tests;
