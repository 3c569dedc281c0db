//! Signing keys and their life: next, active, retiring.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey, VerifyingKey};
use hallpass_store::{KeyPhase, KeyRecord, StoreError};
use hallpass_types::Timestamp;

use crate::{endpoints::discovery::Document, secrets::Secrets};

/// One key in memory.
#[derive(Clone, Debug)]
pub struct HeldKey {
    /// The parsed key.
    pub key: SigningKey,
    /// Its public half.
    pub public: VerifyingKey,
    /// Where it stands.
    pub phase: KeyPhase,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it entered its phase.
    pub phase_since: Timestamp,
}

/// The keys of an issuer at one moment.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<HeldKey>,
    active: HashMap<JwsAlgorithm, usize>,
    document: Document,
}

impl KeySet {
    /// Opens and parses stored keys.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when a key cannot be opened: another master key, or damage.
    pub fn open(records: &[KeyRecord], secrets: &Secrets) -> Result<Self, StoreError> {
        let mut keys = Vec::with_capacity(records.len());
        for record in records {
            keys.push(open_one(record, secrets).ok_or_else(|| {
                StoreError::Corrupt(
                    format!(
                        "signing key {} cannot be opened with this master key",
                        record.kid
                    )
                    .into(),
                )
            })?);
        }
        keys.sort_by_key(|k: &HeldKey| {
            (
                k.key.algorithm().name(),
                k.created_at,
                k.key.kid().to_owned(),
            )
        });
        let mut active = HashMap::new();
        for (index, held) in keys.iter().enumerate() {
            if held.phase == KeyPhase::Active {
                active.insert(held.key.algorithm(), index);
            }
        }
        let document =
            Document::new(Jwks::from_keys(keys.iter().map(|k| k.key.public_jwk())).to_json());
        Ok(Self {
            keys,
            active,
            document,
        })
    }

    /// The key that signs with an algorithm now.
    #[must_use]
    pub fn active(&self, algorithm: JwsAlgorithm) -> Option<&SigningKey> {
        self.active
            .get(&algorithm)
            .and_then(|i| self.keys.get(*i))
            .map(|k| &k.key)
    }

    /// All keys, whatever their phase.
    pub fn iter(&self) -> impl Iterator<Item = &HeldKey> {
        self.keys.iter()
    }

    /// Public keys for checking our own tokens.
    pub fn public(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter().map(|k| &k.public)
    }

    /// The published key set (RFC 7517 §5).
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }
}

fn open_one(record: &KeyRecord, secrets: &Secrets) -> Option<HeldKey> {
    let algorithm = JwsAlgorithm::parse(&record.alg)?;
    let pkcs8 = secrets.open_signing_key(&record.kid, &record.sealed)?;
    let key = SigningKey::from_pkcs8(algorithm, &pkcs8).ok()?;
    if key.kid() != record.kid {
        return None;
    }
    let public = key.verifying_key().ok()?;
    Some(HeldKey {
        public,
        key,
        phase: record.phase,
        created_at: record.created_at,
        phase_since: record.phase_since,
    })
}

/// Makes a key and seals it for the store.
///
/// # Errors
/// [`StoreError::Unavailable`] when the backend cannot make one.
pub fn generate(
    algorithm: JwsAlgorithm,
    phase: KeyPhase,
    secrets: &Secrets,
    now: Timestamp,
) -> Result<KeyRecord, StoreError> {
    let failed = |e| StoreError::Unavailable(Box::new(e));
    let key = SigningKey::generate(algorithm).map_err(failed)?;
    let pkcs8 = key.to_pkcs8().map_err(failed)?;
    Ok(KeyRecord {
        kid: key.kid().to_owned(),
        alg: algorithm.name().to_owned(),
        phase,
        sealed: secrets.seal_signing_key(key.kid(), &pkcs8),
        created_at: now,
        phase_since: now,
    })
}

/// The writes of one rotation of an algorithm: the next key signs from now on, the active one retires, and a new next
/// key is published. Without a next key a fresh one signs at once.
///
/// # Errors
/// As [`generate`].
pub fn rotation(
    records: &[KeyRecord],
    algorithm: JwsAlgorithm,
    secrets: &Secrets,
    now: Timestamp,
) -> Result<Vec<KeyRecord>, StoreError> {
    let mut writes = Vec::new();
    let of_algorithm = || records.iter().filter(|r| r.alg == algorithm.name());
    for old in of_algorithm().filter(|r| r.phase == KeyPhase::Active) {
        writes.push(KeyRecord {
            phase: KeyPhase::Retiring,
            phase_since: now,
            ..old.clone()
        });
    }
    match of_algorithm().find(|r| r.phase == KeyPhase::Next) {
        Some(next) => writes.push(KeyRecord {
            phase: KeyPhase::Active,
            phase_since: now,
            ..next.clone()
        }),
        None => writes.push(generate(algorithm, KeyPhase::Active, secrets, now)?),
    }
    writes.push(generate(algorithm, KeyPhase::Next, secrets, now)?);
    Ok(writes)
}

/// The key set that is in use, replaced as a whole.
#[derive(Debug, Default)]
pub struct CurrentKeys(RwLock<Arc<KeySet>>);

impl CurrentKeys {
    /// The set as it is now.
    #[must_use]
    pub fn load(&self) -> Arc<KeySet> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Replaces the set.
    pub fn store(&self, set: KeySet) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
    }
}
