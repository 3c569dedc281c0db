//! Our keys and their life: next, active, retiring.
//!
//! Keys for signatures are published in every phase, since tokens live on after their key has retired. A key that opens
//! what others encrypt is published while it is active, so that nobody encrypts to one that is about to go; every node
//! holds the next one already, and the retiring one opens what is still on its way.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use hallpass_jose::{DecryptionKey, JweAlgorithm, Jwks, JwsAlgorithm, SigningKey, VerifyingKey};
use hallpass_store::{KeyPhase, KeyRecord, StoreError};
use hallpass_types::Timestamp;

use crate::{endpoints::discovery::Document, secrets::Secrets};

/// What a key of ours is for. Its name is what the store keeps beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// It signs.
    Sign(JwsAlgorithm),
    /// It decrypts, by every algorithm that uses a key of the same kind as this one.
    Decrypt(JweAlgorithm),
}

impl KeyAlgorithm {
    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sign(algorithm) => algorithm.name(),
            Self::Decrypt(algorithm) => algorithm.name(),
        }
    }

    /// Reads a name of an algorithm for which there can be a key of ours.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let signs = JwsAlgorithm::parse(name).filter(|a| !a.is_symmetric());
        signs
            .map(Self::Sign)
            .or_else(|| JweAlgorithm::parse(name).and_then(Self::decrypting))
    }

    /// The one kind of key that serves an encryption algorithm; none for symmetric ones.
    #[must_use]
    pub const fn decrypting(algorithm: JweAlgorithm) -> Option<Self> {
        match algorithm {
            JweAlgorithm::RsaOaep | JweAlgorithm::RsaOaep256 => {
                Some(Self::Decrypt(JweAlgorithm::RsaOaep256))
            }
            JweAlgorithm::EcdhEs
            | JweAlgorithm::EcdhEsA128Kw
            | JweAlgorithm::EcdhEsA192Kw
            | JweAlgorithm::EcdhEsA256Kw => Some(Self::Decrypt(JweAlgorithm::EcdhEs)),
            JweAlgorithm::A128Kw
            | JweAlgorithm::A192Kw
            | JweAlgorithm::A256Kw
            | JweAlgorithm::A128GcmKw
            | JweAlgorithm::A192GcmKw
            | JweAlgorithm::A256GcmKw
            | JweAlgorithm::Dir => None,
        }
    }
}

/// One key for decryption in memory.
#[derive(Clone, Debug)]
pub struct HeldDecryptionKey {
    /// The parsed key.
    pub key: DecryptionKey,
    /// Its identifier.
    pub kid: String,
    /// The algorithm that names its kind.
    pub algorithm: JweAlgorithm,
    /// Where it stands.
    pub phase: KeyPhase,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it entered its phase.
    pub phase_since: Timestamp,
}

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
    decryption: Vec<HeldDecryptionKey>,
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
        let mut decryption = Vec::new();
        for record in records {
            match open_one(record, secrets).ok_or_else(|| {
                StoreError::Corrupt(
                    format!("key {} cannot be opened with this master key", record.kid).into(),
                )
            })? {
                Opened::Signs(held) => keys.push(*held),
                Opened::Decrypts(held) => decryption.push(held),
            }
        }
        decryption.sort_by(|a, b| {
            let order = |k: &HeldDecryptionKey| (k.algorithm.name(), k.created_at);
            order(a).cmp(&order(b)).then_with(|| a.kid.cmp(&b.kid))
        });
        keys.sort_by_key(|k: &HeldKey| {
            (
                k.key.algorithm().name(),
                k.created_at,
                k.key.kid().to_owned(),
            )
        });
        let mut active = HashMap::new();
        // Should there be several, every process takes the oldest.
        for (index, held) in keys.iter().enumerate() {
            if held.phase == KeyPhase::Active {
                active.entry(held.key.algorithm()).or_insert(index);
            }
        }
        let encrypting = decryption
            .iter()
            .filter(|k| k.phase == KeyPhase::Active)
            .filter_map(|k| k.key.public_jwk());
        let published = keys.iter().map(|k| k.key.public_jwk()).chain(encrypting);
        let document = Document::new(Jwks::from_keys(published).to_json());
        Ok(Self {
            keys,
            decryption,
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

    /// All keys for decryption, whatever their phase.
    pub fn decryption(&self) -> impl Iterator<Item = &HeldDecryptionKey> {
        self.decryption.iter()
    }

    /// All keys that sign, whatever their phase.
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

enum Opened {
    Signs(Box<HeldKey>),
    Decrypts(HeldDecryptionKey),
}

fn open_one(record: &KeyRecord, secrets: &Secrets) -> Option<Opened> {
    let pkcs8 = secrets.open_signing_key(&record.kid, &record.sealed)?;
    let algorithm = match KeyAlgorithm::parse(&record.alg)? {
        KeyAlgorithm::Sign(algorithm) => algorithm,
        KeyAlgorithm::Decrypt(algorithm) => {
            let key = DecryptionKey::from_pkcs8_shared(algorithm, &pkcs8).ok()?;
            let kid = key.kid().filter(|kid| *kid == record.kid)?.to_owned();
            return Some(Opened::Decrypts(HeldDecryptionKey {
                key,
                kid,
                algorithm,
                phase: record.phase,
                created_at: record.created_at,
                phase_since: record.phase_since,
            }));
        }
    };
    let key = SigningKey::from_pkcs8(algorithm, &pkcs8).ok()?;
    if key.kid() != record.kid {
        return None;
    }
    let public = key.verifying_key().ok()?;
    Some(Opened::Signs(Box::new(HeldKey {
        public,
        key,
        phase: record.phase,
        created_at: record.created_at,
        phase_since: record.phase_since,
    })))
}

/// Makes a key and seals it for the store.
///
/// # Errors
/// [`StoreError::Unavailable`] when the backend cannot make one.
pub fn generate(
    algorithm: KeyAlgorithm,
    phase: KeyPhase,
    secrets: &Secrets,
    now: Timestamp,
) -> Result<KeyRecord, StoreError> {
    let failed = |e| StoreError::Unavailable(Box::new(e));
    let (kid, pkcs8) = match algorithm {
        KeyAlgorithm::Sign(algorithm) => {
            let key = SigningKey::generate(algorithm).map_err(failed)?;
            (key.kid().to_owned(), key.to_pkcs8().map_err(failed)?)
        }
        KeyAlgorithm::Decrypt(algorithm) => {
            let key = DecryptionKey::generate_shared(algorithm).map_err(failed)?;
            let kid = key.kid().unwrap_or_default().to_owned();
            (kid, key.to_pkcs8().map_err(failed)?)
        }
    };
    Ok(KeyRecord {
        alg: algorithm.name().to_owned(),
        phase,
        sealed: secrets.seal_signing_key(&kid, &pkcs8),
        kid,
        created_at: now,
        phase_since: now,
        keep_until: None,
    })
}

/// A next key signs no sooner than this after it was published (seconds): whoever fetched the key set just before may
/// use it for the 300 seconds of its `Cache-Control`, and nodes look for new keys every other second.
pub const RIPE: i64 = 310;

/// When a key is to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotate {
    /// When it has signed for so many seconds, and its successor is ripe.
    Older(i64),
    /// When its successor is ripe.
    Ripe,
    /// At once, even by a key that nobody has seen yet.
    Forced,
}

/// What became of a rotation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// These algorithms have a new key.
    pub done: Vec<KeyAlgorithm>,
    /// The successors of these are not ripe, and will be after so many seconds.
    pub waiting: Vec<(KeyAlgorithm, i64)>,
    /// Another process changed the keys at the same moment: nothing was done.
    pub overtaken: bool,
}

/// Adds the writes of one rotation of an algorithm: the oldest next key signs from now on, the active ones retire, and
/// a new next key is made.
///
/// # Errors
/// As [`generate`].
pub(crate) fn rotation(
    records: &[KeyRecord],
    algorithm: KeyAlgorithm,
    when: Rotate,
    secrets: &Secrets,
    now: Timestamp,
) -> Result<(Vec<KeyRecord>, Rotation), StoreError> {
    let of = |phase| {
        records
            .iter()
            .filter(move |r| r.alg == algorithm.name() && r.phase == phase)
    };
    if let Rotate::Older(period) = when
        && of(KeyPhase::Active)
            .next()
            .is_some_and(|_| of(KeyPhase::Active).all(|r| now.since(r.phase_since) < period))
    {
        return Ok((Vec::new(), Rotation::Young));
    }
    let next = of(KeyPhase::Next).min_by_key(|r| (r.phase_since, &r.kid));
    if when != Rotate::Forced {
        match next {
            Some(next) => {
                let left = RIPE.saturating_sub(now.since(next.phase_since));
                if left > 0 {
                    return Ok((Vec::new(), Rotation::Waits(left)));
                }
            }
            None => {
                let next = generate(algorithm, KeyPhase::Next, secrets, now)?;
                return Ok((vec![next], Rotation::Waits(RIPE)));
            }
        }
    }
    let moved = |record: &KeyRecord, phase| KeyRecord {
        phase,
        phase_since: now,
        ..record.clone()
    };
    let mut writes: Vec<_> = of(KeyPhase::Active)
        .map(|old| moved(old, KeyPhase::Retiring))
        .collect();
    writes.push(match next {
        Some(next) => moved(next, KeyPhase::Active),
        None => generate(algorithm, KeyPhase::Active, secrets, now)?,
    });
    if of(KeyPhase::Next).count() < 2 {
        writes.push(generate(algorithm, KeyPhase::Next, secrets, now)?);
    }
    Ok((writes, Rotation::Done))
}

/// What a rotation of one algorithm comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    Done,
    Waits(i64),
    Young,
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
