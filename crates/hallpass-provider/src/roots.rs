//! The root of an issuer's secrets: random bytes that are kept wrapped under the master key.
//!
//! Everything that seals or authenticates is derived from the root, so that another master key changes nothing: it wraps
//! the same root anew. The root has two halves. What must never change (pairwise subjects, digests of client secrets,
//! sealed signing keys) is derived from the lasting one; what is only handed out (tokens, state in browsers) from the
//! passing one, which [`invalidate`] replaces.

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

/// The issuers that have anything to seal: those with a root, or with keys from before there were roots.
///
/// # Errors
/// What the store runs into.
pub async fn known(store: &dyn Store) -> Result<Vec<IssuerId>, StoreError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = store.issuer_numbers(after, PAGE).await?;
        let Some((last, _)) = page.last() else {
            return Ok(found);
        };
        after = Some(*last);
        for (issuer, _) in page {
            if store.root(issuer).await?.is_some() || !store.signing_keys(issuer).await?.is_empty()
            {
                found.push(issuer);
            }
        }
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

/// Ends everything that an issuer ever handed out: what was issued before `valid_from` is not good any more, whatever
/// the store says about it. For a database that was restored from a backup, which does not know what was revoked or used
/// since. Accounts, clients, consent and signing keys stay.
///
/// Every process that has the issuer loaded must load it anew. Answers how many records went.
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
    let mut done = false;
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
            done = true;
            break;
        }
    }
    if !done {
        return Err(StoreError::unavailable(
            "the root of secrets keeps changing",
        ));
    }
    let mut gone: u64 = 0;
    loop {
        let some = store.forget_issued(issuer, BITE).await?;
        gone = gone.saturating_add(some);
        if some < BITE as u64 {
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
const PAGE: usize = 500;

#[cfg(test)]
mod tests {
    use hallpass_jose::JwsAlgorithm;
    use hallpass_store::{KeyPhase, MemoryStore, Write};

    use super::*;
    use crate::keys::{KeyAlgorithm, generate};

    const NOW: Timestamp = Timestamp(1_790_000_000);

    fn master(byte: u8) -> MasterKey {
        MasterKey::new([byte; 32])
    }

    async fn salt(store: &MemoryStore, issuer: IssuerId, master: &MasterKey) -> [u8; 32] {
        let root = open(store, issuer, master, NOW).await.unwrap();
        Secrets::new(root, issuer).pairwise_salt()
    }

    #[tokio::test]
    async fn a_root_is_made_once_is_random_and_differs_between_issuers() {
        let (store, issuer) = (MemoryStore::new(), IssuerId(1));
        let first = salt(&store, issuer, &master(7)).await;
        assert_eq!(salt(&store, issuer, &master(7)).await, first);
        assert_ne!(salt(&store, IssuerId(2), &master(7)).await, first);
        let elsewhere = MemoryStore::new();
        assert_ne!(salt(&elsewhere, issuer, &master(7)).await, first);
    }

    #[tokio::test]
    async fn an_issuer_from_before_there_were_roots_keeps_what_was_derived_from_its_master_key() {
        let (store, issuer) = (MemoryStore::new(), IssuerId(1));
        let before = Secrets::new(Root::of_master(&master(7)), issuer);
        let algorithm = KeyAlgorithm::Sign(JwsAlgorithm::ES256);
        let key = generate(algorithm, KeyPhase::Active, &before, NOW).unwrap();
        let commit = Commit {
            spends: Vec::new(),
            writes: vec![Write::SigningKey(Box::new(key.clone()))],
        };
        store.commit(issuer, commit).await.unwrap();
        let wrong = open(&store, issuer, &master(8), NOW).await;
        assert!(matches!(wrong, Err(StoreError::Corrupt(_))));
        assert_eq!(store.root(issuer).await.unwrap(), None, "nothing is made");
        // The first that knows roots may already have another master key.
        let both = master(9).with_previous([7; 32]);
        assert_eq!(
            salt(&store, issuer, &both).await,
            before.pairwise_salt(),
            "the same subjects"
        );
        let root = open(&store, issuer, &both, NOW).await.unwrap();
        let after = Secrets::new(root, issuer);
        assert!(after.open_signing_key(&key.kid, &key.sealed).is_some());
    }

    #[tokio::test]
    async fn another_master_key_changes_nothing_and_the_old_one_opens_nothing_in_the_end() {
        let (store, issuer) = (MemoryStore::new(), IssuerId(1));
        let first = salt(&store, issuer, &master(7)).await;
        let stranger = open(&store, issuer, &master(8), NOW).await.unwrap_err();
        let text = std::error::Error::source(&stranger).unwrap().to_string();
        assert!(
            text.contains(&master(7).name()) && text.contains(&master(8).name()),
            "{text}"
        );
        let both = master(8).with_previous([7; 32]);
        assert_eq!(salt(&store, issuer, &both).await, first);
        for one in [master(7), master(8)] {
            assert_eq!(salt(&store, issuer, &one).await, first, "meanwhile");
        }
        wrap_under(&store, issuer, &both, &[&master(8)], NOW)
            .await
            .unwrap();
        assert_eq!(salt(&store, issuer, &master(8)).await, first);
        assert!(open(&store, issuer, &master(7), NOW).await.is_err());
    }

    #[tokio::test]
    async fn nodes_that_meet_an_issuer_at_the_same_moment_agree() {
        let store = std::sync::Arc::new(MemoryStore::new());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let store = store.clone();
            tasks.spawn(async move { salt(&store, IssuerId(1), &master(7)).await });
        }
        let mut salts = tasks.join_all().await;
        salts.dedup();
        assert_eq!(salts.len(), 1);
    }

    #[tokio::test]
    async fn what_was_handed_out_is_over_after_an_invalidation_and_what_lasts_stays() {
        let (store, issuer) = (MemoryStore::new(), IssuerId(1));
        let root = open(&store, issuer, &master(7), NOW).await.unwrap();
        let before = Secrets::new(root, issuer);
        let sealed = before.seal_browser("x", b"y");
        let digest = before.client_digest("secret");
        invalidate(&store, issuer, &master(7), NOW.plus(5), NOW)
            .await
            .unwrap();
        let root = open(&store, issuer, &master(7), NOW).await.unwrap();
        assert_eq!(root.valid_from, NOW.plus(5));
        // An earlier moment than one that was set already lets nothing back in.
        invalidate(&store, issuer, &master(7), NOW, NOW)
            .await
            .unwrap();
        let root = open(&store, issuer, &master(7), NOW).await.unwrap();
        assert_eq!(root.valid_from, NOW.plus(5));
        let after = Secrets::new(root, issuer);
        assert_eq!(after.open_browser("x", &sealed), None);
        assert_eq!(after.client_digest("secret"), digest);
        assert_eq!(after.pairwise_salt(), before.pairwise_salt());
    }

    #[tokio::test]
    async fn nothing_of_a_root_is_printed_and_damage_is_noticed() {
        let (store, issuer) = (MemoryStore::new(), IssuerId(1));
        let root = open(&store, issuer, &master(7), NOW).await.unwrap();
        let printed = format!("{root:?} {:?}", master(7));
        assert!(
            printed.starts_with("Root {") && !printed.contains("lasting"),
            "{printed}"
        );
        let record = store.root(issuer).await.unwrap().unwrap();
        for index in 0..record.wraps[0].sealed.len() {
            let mut damaged = record.clone();
            damaged.wraps[0].sealed[index] ^= 1;
            assert!(Root::unwrap(&damaged, issuer, &master(7)).is_none());
        }
        assert!(Root::unwrap(&record, IssuerId(2), &master(7)).is_none());
    }
}
