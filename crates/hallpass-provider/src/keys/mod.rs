//! Our keys and their life: next, active, retiring, retired.
//!
//! A key for signatures is published before it signs, and as long as something that it signed can be good. After that it
//! is retired: it signs nothing and nobody is told of it, but hints that it signed (`id_token_hint`) are still known. A key
//! that opens what others encrypt is published while it is active, so that nobody encrypts to one that is about to go; every node
//! holds the next one already, and the retiring one opens what is still on its way.

mod rotation;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use hallpass_jose::{DecryptionKey, JweAlgorithm, Jwks, JwsAlgorithm, SigningKey, VerifyingKey};
use hallpass_store::{KeyPhase, KeyRecord, StoreError};
use hallpass_types::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{endpoints::discovery::Document, ports::Signer, secrets::Secrets};
pub use rotation::{Rotate, Rotated};
pub(crate) use rotation::{Rotation, Turn, retirement, rotation};

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
    /// Until when it is published, for a retiring key.
    pub published_until: Option<Timestamp>,
    /// Whether it is published. A retiring key that is not has retired.
    pub published: bool,
}

/// A key that signs elsewhere.
#[derive(Clone)]
pub struct Outside {
    signer: Arc<dyn Signer>,
    turns: Arc<Turns>,
}

impl Outside {
    pub(crate) fn new(signer: Arc<dyn Signer>) -> Self {
        let turns = Arc::new(Turns {
            under_way: Semaphore::new(AT_ONCE),
            there: AtomicUsize::new(0),
        });
        Self { signer, turns }
    }

    /// A place among those that sign or wait for that; none where too many do already.
    pub(crate) fn queue(&self) -> Option<Place<'_>> {
        let there = &self.turns.there;
        // Back again by the drop, also where it is one too many.
        let place = Place { turns: &self.turns };
        (there.fetch_add(1, Ordering::Relaxed) < AT_ONCE.saturating_add(WAITING)).then_some(place)
    }

    /// What signs.
    #[must_use]
    pub fn signer(&self) -> &dyn Signer {
        &*self.signer
    }
}

/// Who may ask a key that signs elsewhere. It knows one pace: whoever comes when it is behind is told at once.
struct Turns {
    under_way: Semaphore,
    /// Those that ask or wait.
    there: AtomicUsize,
}

/// A place in the queue, for as long as it is held.
pub(crate) struct Place<'k> {
    turns: &'k Turns,
}

impl<'k> Place<'k> {
    /// Waits for the turn, which is over when what is answered is dropped.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'k>> {
        self.turns.under_way.acquire().await.ok()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.turns.there.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Signatures that one key elsewhere is asked for at a time.
const AT_ONCE: usize = 32;
/// Requests that wait for their turn.
const WAITING: usize = 256;

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outside({})", self.signer.key().kid())
    }
}

/// What signs with an algorithm now.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Active<'k> {
    /// In this process.
    Held(&'k SigningKey),
    /// Elsewhere.
    Outside(&'k Outside),
}

/// The keys of an issuer at one moment.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<HeldKey>,
    outside: Vec<Outside>,
    decryption: Vec<HeldDecryptionKey>,
    active: HashMap<JwsAlgorithm, usize>,
    document: Document,
}

/// What keys are opened with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) secrets: &'a Secrets,
    /// Keys that sign elsewhere, in the order of preference.
    pub(crate) outside: &'a [Outside],
    pub(crate) now: Timestamp,
    /// `max-age` of the published set.
    pub(crate) max_age: i64,
}

impl KeySet {
    /// Opens and parses stored keys.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when a key cannot be opened: another master key, or damage.
    pub(crate) fn open(records: &[KeyRecord], with: Opening<'_>) -> Result<Self, StoreError> {
        let mut keys = Vec::with_capacity(records.len());
        let mut decryption = Vec::new();
        for record in records {
            match open_one(record, with).ok_or_else(|| {
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
        let signing = keys.iter().filter(|k| k.published);
        let published = signing
            .map(|k| k.key.public_jwk())
            .chain(with.outside.iter().map(|o| o.signer().key().public_jwk()))
            .chain(encrypting);
        let document = Document::new(Jwks::from_keys(published).to_json(), with.max_age);
        Ok(Self {
            keys,
            outside: with.outside.to_vec(),
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

    /// What signs with an algorithm now: a key elsewhere, if there is one, else one of ours.
    pub(crate) fn signer(&self, algorithm: JwsAlgorithm) -> Option<Active<'_>> {
        let outside = self.outside.iter();
        outside
            .into_iter()
            .find(|o| o.signer().key().algorithm() == algorithm)
            .map(Active::Outside)
            .or_else(|| self.active(algorithm).map(Active::Held))
    }

    /// Keys that sign elsewhere; the first of an algorithm signs, the others are published alone.
    pub fn outside(&self) -> impl Iterator<Item = &Outside> {
        self.outside.iter()
    }

    /// Whether there is a key of that identifier.
    pub(crate) fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|k| k.key.kid() == kid)
            || self.outside.iter().any(|o| o.signer().key().kid() == kid)
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
        let held = self.keys.iter().map(|k| &k.public);
        held.chain(
            self.outside
                .iter()
                .map(|o| o.signer().key().verifying_key()),
        )
    }

    /// The public keys that a signed object of ours can be checked with: the one that it names.
    pub fn public_of<'k>(&'k self, kid: Option<&'k str>) -> impl Iterator<Item = &'k VerifyingKey> {
        // Every key of ours has an identifier, and every object that one signed names it.
        let held = self.keys.iter().filter(move |k| Some(k.key.kid()) == kid);
        let outside = self.outside.iter().map(|o| o.signer().key());
        held.map(|k| &k.public).chain(
            outside
                .filter(move |key| Some(key.kid()) == kid)
                .map(hallpass_jose::OutsideKey::verifying_key),
        )
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

fn open_one(record: &KeyRecord, with: Opening<'_>) -> Option<Opened> {
    let pkcs8 = with.secrets.open_signing_key(&record.kid, &record.sealed)?;
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
    // A key from another system keeps the name that it had there, and signs nothing here.
    let key = match record.phase {
        _ if key.kid() == record.kid => key,
        KeyPhase::Retiring => key.with_kid(&record.kid).ok()?,
        KeyPhase::Next | KeyPhase::Active => return None,
    };
    let public = key.verifying_key().ok()?;
    Some(Opened::Signs(Box::new(HeldKey {
        public,
        key,
        phase: record.phase,
        created_at: record.created_at,
        phase_since: record.phase_since,
        published_until: record.keep_until,
        published: is_published(record, with.now),
    })))
}

/// Whether a stored key can be opened and is what it says.
#[must_use]
pub fn can_open(record: &KeyRecord, secrets: &Secrets) -> bool {
    let with = Opening {
        secrets,
        outside: &[],
        now: Timestamp(0),
        max_age: 0,
    };
    open_one(record, with).is_some()
}

/// Whether a key that signs is published.
#[must_use]
pub fn is_published(record: &KeyRecord, now: Timestamp) -> bool {
    match record.phase {
        KeyPhase::Next | KeyPhase::Active => true,
        KeyPhase::Retiring => record.keep_until.is_none_or(|until| !until.is_over(now)),
    }
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

/// A key of another system, sealed for the store under the name that it had there: it verifies and is published until
/// `until`, and signs nothing.
///
/// # Errors
/// [`StoreError::Unavailable`] when the backend cannot write it.
pub fn from_elsewhere(
    key: &SigningKey,
    secrets: &Secrets,
    now: Timestamp,
    until: Timestamp,
) -> Result<KeyRecord, StoreError> {
    let failed = |e| StoreError::Unavailable(Box::new(e));
    let pkcs8 = key.to_pkcs8().map_err(failed)?;
    Ok(KeyRecord {
        kid: key.kid().to_owned(),
        alg: key.algorithm().name().to_owned(),
        phase: KeyPhase::Retiring,
        sealed: secrets.seal_signing_key(key.kid(), &pkcs8),
        created_at: now,
        phase_since: now,
        keep_until: Some(until),
    })
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

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use hallpass_jose::OutsideKey;
    use hallpass_store::BoxFuture;

    use super::*;
    use crate::ports::SignError;

    struct Nothing(OutsideKey);

    impl Signer for Nothing {
        fn key(&self) -> &OutsideKey {
            &self.0
        }

        fn sign<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignError>> {
            Box::pin(pending())
        }
    }

    fn polled<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn a_key_elsewhere_is_asked_by_so_many_and_waited_for_by_so_many() {
        let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
        let public = OutsideKey::new(&key.public_jwk()).unwrap();
        let outside = Outside::new(Arc::new(Nothing(public)));
        let mut places: Vec<_> = std::iter::from_fn(|| outside.queue())
            .take(AT_ONCE + WAITING + 1)
            .collect();
        assert_eq!(
            places.len(),
            AT_ONCE + WAITING,
            "all others are told at once"
        );
        let mut turns = Vec::new();
        for place in places.iter().take(AT_ONCE) {
            turns.push(place.turn().await.unwrap());
        }
        {
            let waits = places.last().unwrap().turn();
            tokio::pin!(waits);
            assert!(polled(waits.as_mut()).is_none());
            drop(turns.pop());
            assert!(polled(waits.as_mut()).is_some());
        }
        // Whoever goes makes room, however it went; keys that are read again share it.
        assert!(outside.clone().queue().is_none());
        drop(places.pop());
        assert!(outside.clone().queue().is_some());
    }
}
