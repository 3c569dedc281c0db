//! The engine itself.

use std::sync::Arc;

use hallpass_core::policy::Policy;
use hallpass_jose::JwsAlgorithm;
use hallpass_store::{Commit, Committed, KeyPhase, KeyRecord, Spend, Store, StoreError, Write};
use hallpass_types::{Bucket, Code, GrantId, IssuerId, Key, Timestamp};

use crate::{
    Failure,
    clients::ClientCache,
    documents::Documents,
    endpoints::discovery::Document,
    keys::{self, CurrentKeys, KeyAlgorithm, KeySet, Rotate, Rotated, Rotation},
    logos::Logos,
    mail::Post,
    outstanding::Outstanding,
    ports::{Accounts, BackchannelDevice, Clock, Entropy, Event, Events, Fetcher, Interaction},
    referenced::Referenced,
    registry::Grants,
    remote_keys::RemoteKeys,
    secrets::Secrets,
    tries::{Limits, Tries},
};

/// So often keys are made anew when another process changes them at the same moment.
const ATTEMPTS: u32 = 5;

/// An OpenID Provider for one issuer. Cheap to clone.
#[derive(Clone)]
pub struct Provider {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) issuer_id: IssuerId,
    pub(crate) policy: Policy,
    pub(crate) secrets: Secrets,
    pub(crate) keys: CurrentKeys,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) backchannel_device: Arc<dyn BackchannelDevice>,
    pub(crate) interaction: Arc<dyn Interaction>,
    pub(crate) fetcher: Arc<dyn Fetcher>,
    /// None: nothing is mailed.
    pub(crate) post: Option<Post>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) events: Arc<dyn Events>,
    pub(crate) grants: Grants,
    pub(crate) clients: ClientCache,
    /// For so many seconds a client is believed to be what it was.
    pub(crate) cache_bound: i64,
    pub(crate) documents: Documents,
    pub(crate) remote_keys: RemoteKeys,
    pub(crate) logos: Logos,
    /// Rings when something was put into the outbox.
    pub(crate) outbox: Arc<tokio::sync::Notify>,
    pub(crate) limits: Limits,
    /// Requests of devices, by client.
    pub(crate) device_requests: Tries,
    /// Wrong codes of devices, by address and browser.
    pub(crate) wrong_codes: Tries,
    pub(crate) referenced: Referenced,
    pub(crate) outstanding: Outstanding,
    pub(crate) metadata: Document,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider")
            .field("issuer", &self.inner.policy.issuer.as_str())
            .finish_non_exhaustive()
    }
}

impl Provider {
    /// The issuer's policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// The issuer's number in the store.
    #[must_use]
    pub fn issuer_id(&self) -> IssuerId {
        self.inner.issuer_id
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    /// What is derived from the master key.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }

    /// Where pages are.
    #[must_use]
    pub fn interaction(&self) -> &Arc<dyn Interaction> {
        &self.inner.interaction
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Fresh random bytes.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.inner.entropy.fill(&mut out);
        out
    }

    /// Tells listeners.
    pub fn emit(&self, event: &Event<'_>) {
        self.inner.events.on(event);
    }

    /// The signing keys as they are held, with the published key set (RFC 7517 §5).
    #[must_use]
    pub fn signing_keys(&self) -> Arc<KeySet> {
        self.inner.keys.load()
    }

    /// The metadata document (OpenID Connect Discovery §4.2, RFC 8414 §3.2) as JSON.
    #[must_use]
    pub fn metadata(&self) -> &Document {
        &self.inner.metadata
    }

    pub(crate) fn sign(
        &self,
        algorithm: JwsAlgorithm,
        typ: Option<&str>,
        claims: &str,
    ) -> Result<String, Failure> {
        let keys = self.inner.keys.load();
        let key = keys.active(algorithm).ok_or_else(|| {
            Failure::Internal(format!("there is no active {} key", algorithm.name()))
        })?;
        key.sign_compact(typ, claims.as_bytes())
            .map_err(|e| Failure::Internal(format!("signing failed: {e}")))
    }

    pub(crate) async fn revoke_grant(
        &self,
        grant: GrantId,
        reason: &'static str,
    ) -> Result<(), Failure> {
        let writes = vec![Write::RevokeGrant(grant, self.now())];
        self.commit(Commit {
            spends: Vec::new(),
            writes,
        })
        .await?;
        self.emit(&Event::GrantRevoked { grant, reason });
        Ok(())
    }

    pub(crate) async fn burn_code(&self, key: Key<Code>) -> Result<(), Failure> {
        self.commit(Commit {
            spends: vec![Spend::Code(key)],
            writes: Vec::new(),
        })
        .await?;
        Ok(())
    }

    pub(crate) async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let delivery = |write: &Write| matches!(write, Write::Delivery(..));
        let rings = commit.writes.iter().any(delivery);
        let committed = self.inner.store.commit(self.inner.issuer_id, commit).await;
        if rings && matches!(committed, Ok(Committed::Done)) {
            self.inner.outbox.notify_one();
        }
        committed
    }

    pub(crate) async fn account_facts(
        &self,
        subject: &hallpass_types::Subject,
    ) -> Result<Option<hallpass_core::token::AccountFacts>, StoreError> {
        let account = self
            .inner
            .accounts
            .account(self.inner.issuer_id, subject)
            .await?;
        Ok(account.map(|a| hallpass_core::token::AccountFacts { epoch: a.epoch }))
    }

    /// Makes sure that every algorithm of the policy has an active key, and loads all keys. Several nodes may do it at
    /// once: one of them makes the keys, all read them back.
    ///
    /// # Errors
    /// The store fails, or a key cannot be opened with this master key.
    pub async fn load_keys(&self) -> Result<(), StoreError> {
        self.add_keys(KeyPhase::Active).await?;
        let records = self.inner.store.signing_keys(self.inner.issuer_id).await?;
        self.inner
            .keys
            .store(KeySet::open(&records, &self.inner.secrets)?);
        Ok(())
    }

    /// Makes a key in that phase for every algorithm that has none. Whether any was made.
    async fn add_keys(&self, phase: KeyPhase) -> Result<bool, StoreError> {
        let inner = &self.inner;
        for _ in 0..ATTEMPTS {
            let records = inner.store.signing_keys(inner.issuer_id).await?;
            let lacks = |a: &KeyAlgorithm| {
                !records
                    .iter()
                    .any(|r| r.alg == a.name() && r.phase == phase)
            };
            let mut made = Vec::new();
            for algorithm in self.key_algorithms().into_iter().filter(lacks) {
                made.push(keys::generate(
                    algorithm,
                    phase,
                    &inner.secrets,
                    self.now(),
                )?);
            }
            if made.is_empty() {
                return Ok(false);
            }
            if self.change_keys(records, made).await? {
                return Ok(true);
            }
        }
        Err(StoreError::unavailable("the signing keys keep changing"))
    }

    /// Writes keys, unless others than `expected` are there by now. Whether they were written.
    async fn change_keys(
        &self,
        expected: Vec<KeyRecord>,
        changed: Vec<KeyRecord>,
    ) -> Result<bool, StoreError> {
        let writes = changed.into_iter();
        let commit = Commit {
            spends: vec![Spend::SigningKeys(expected)],
            writes: writes.map(|r| Write::SigningKey(Box::new(r))).collect(),
        };
        Ok(self.commit(commit).await? == Committed::Done)
    }

    /// Reads the keys again: another process may have rotated them.
    ///
    /// # Errors
    /// As [`Self::load_keys`].
    pub async fn reload_keys(&self) -> Result<(), StoreError> {
        let records = self.inner.store.signing_keys(self.inner.issuer_id).await?;
        if !records.is_empty() {
            self.inner
                .keys
                .store(KeySet::open(&records, &self.inner.secrets)?);
        }
        Ok(())
    }

    /// Publishes a next key for every algorithm that has none, so that a rotation never signs with a key that nobody
    /// has seen.
    ///
    /// # Errors
    /// As [`Self::load_keys`].
    pub async fn prepare_next_keys(&self) -> Result<(), StoreError> {
        if self.add_keys(KeyPhase::Next).await? {
            self.reload_keys().await?;
        }
        Ok(())
    }

    /// Rotates the keys of one algorithm, or of all. What is stored now decides, and of several processes that do it at
    /// once one succeeds.
    ///
    /// # Errors
    /// As [`Self::load_keys`].
    pub async fn rotate_keys(
        &self,
        only: Option<KeyAlgorithm>,
        when: Rotate,
    ) -> Result<Rotated, StoreError> {
        let inner = &self.inner;
        let records = inner.store.signing_keys(inner.issuer_id).await?;
        let mut rotated = Rotated::default();
        let mut changed = Vec::new();
        for algorithm in self.key_algorithms() {
            if only.is_none_or(|o| o == algorithm) {
                let now = self.now();
                let (writes, became) =
                    keys::rotation(&records, algorithm, when, &inner.secrets, now)?;
                changed.extend(writes);
                match became {
                    Rotation::Done => rotated.done.push(algorithm),
                    Rotation::Waits(seconds) => rotated.waiting.push((algorithm, seconds)),
                    Rotation::Young => {}
                }
            }
        }
        if !changed.is_empty() && !self.change_keys(records, changed).await? {
            rotated = Rotated {
                overtaken: true,
                ..Rotated::default()
            };
        }
        self.reload_keys().await?;
        Ok(rotated)
    }

    /// [Tidies](Self::tidy), and deletes expired records of all issuers. Answers how many records went.
    ///
    /// # Errors
    /// The store fails.
    pub async fn purge(&self) -> Result<u64, StoreError> {
        let idle = self.tidy().await?;
        let below = Bucket::purgeable_below(self.now());
        let gone = self.inner.store.purge(below, 1000).await?;
        Ok(gone.saturating_add(idle))
    }

    /// Deletes retired keys of this issuer whose last token is over, and clients of it that nobody uses any more. Answers
    /// how many clients went.
    ///
    /// # Errors
    /// The store fails.
    pub async fn tidy(&self) -> Result<u64, StoreError> {
        let inner = &self.inner;
        let now = self.now();
        let longest = inner
            .policy
            .resources
            .iter()
            .filter_map(|r| r.access_token_lifetime)
            .chain([
                inner.policy.lifetimes.access_token,
                inner.policy.lifetimes.id_token,
                // An ID token is a hint (`id_token_hint`) as long as the session that it was issued in.
                inner.policy.lifetimes.session,
            ])
            .max()
            .unwrap_or_default();
        // An hour more than the longest token, for clocks and caches.
        let keep = longest.saturating_add(3600);
        let records = inner.store.signing_keys(inner.issuer_id).await?;
        let retired: Vec<Write> = records
            .iter()
            .filter(|r| r.phase == KeyPhase::Retiring && now.since(r.phase_since) > keep)
            .map(|r| Write::DeleteSigningKey(r.kid.clone()))
            .collect();
        if !retired.is_empty() {
            self.commit(Commit {
                spends: Vec::new(),
                writes: retired,
            })
            .await?;
            self.reload_keys().await?;
        }
        self.forget_idle_clients().await
    }

    /// Every algorithm for which the policy wants a key: first those that it signs with.
    fn key_algorithms(&self) -> Vec<KeyAlgorithm> {
        let mut all = self.inner.policy.signing_algs.clone();
        for resource in &self.inner.policy.resources {
            if let hallpass_core::policy::TokenFormat::Jwt(algorithm) = resource.format
                && !all.contains(&algorithm)
            {
                all.push(algorithm);
            }
        }
        all.retain(|a| !a.is_symmetric());
        let mut keys: Vec<_> = all.into_iter().map(KeyAlgorithm::Sign).collect();
        for algorithm in &self.inner.policy.encryption.own {
            if let Some(key) = KeyAlgorithm::decrypting(*algorithm)
                && !keys.contains(&key)
            {
                keys.push(key);
            }
        }
        keys
    }
}
