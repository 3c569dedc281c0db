//! Keys as the engine keeps, uses and replaces them.

use std::time::{Duration, Instant};

use hallpass_core::policy::TokenFormat;
use hallpass_jose::{JwsAlgorithm, UnverifiedJws};
use hallpass_store::{Commit, Committed, KeyPhase, KeyRecord, Spend, StoreError, Write};

use hallpass_types::Timestamp;

use crate::{
    Failure, Provider,
    keys::{self, Active, KeyAlgorithm, KeySet, Opening, Outside, Rotate, Rotated, Rotation, Turn},
    ports::SignError,
};

/// So often keys are made anew when another process changes them at the same moment.
const ATTEMPTS: u32 = 5;
/// No more next keys are made than this.
const MOST_NEXT: usize = 64;
/// Keys are published so many seconds longer than the last thing that they signed can be good, for clocks.
const GRACE: i64 = 300;
/// Retired keys are known so many seconds longer than the last session in which they signed, for clocks.
const KNOWN: i64 = 3600;
/// How long a key elsewhere may take, with the time that waiting for a turn takes.
const SIGN_TIMEOUT: Duration = Duration::from_secs(3);
/// Keys are read no more often than this because of one that is not known.
const LEARN: Duration = Duration::from_millis(20);

impl Provider {
    pub(crate) async fn sign(
        &self,
        algorithm: JwsAlgorithm,
        typ: Option<&str>,
        claims: &str,
    ) -> Result<String, Failure> {
        let keys = self.inner.keys.load();
        match keys.signer(algorithm) {
            Some(Active::Held(key)) => key
                .sign_compact(typ, claims.as_bytes())
                .map_err(|e| Failure::Internal(format!("signing failed: {e}"))),
            Some(Active::Outside(key)) => sign_outside(key, typ, claims).await,
            None => Err(Failure::Internal(format!(
                "there is no active {} key",
                algorithm.name()
            ))),
        }
    }

    fn open_keys(&self, records: &[KeyRecord]) -> Result<KeySet, StoreError> {
        let inner = &self.inner;
        let with = Opening {
            secrets: &inner.secrets,
            outside: &inner.outside,
            now: self.now(),
            max_age: inner.policy.keys.max_age,
        };
        KeySet::open(records, with)
    }

    fn turn(&self) -> Turn<'_> {
        Turn {
            secrets: &self.inner.secrets,
            now: self.now(),
            ripe: self.inner.policy.keys.ripe(),
            keep: self.longest_token().saturating_add(GRACE),
        }
    }

    /// How long something lives that relying parties and resource servers verify with a published key (seconds).
    fn longest_token(&self) -> i64 {
        let policy = &self.inner.policy;
        let of_resources = policy.resources.iter();
        of_resources
            .filter_map(|r| r.access_token_lifetime)
            .chain([policy.lifetimes.access_token, policy.lifetimes.id_token])
            .max()
            .unwrap_or_default()
    }

    /// Makes sure that every algorithm of the policy has an active key, and loads all keys. Several nodes may do it at
    /// once: one of them makes the keys, all read them back.
    ///
    /// # Errors
    /// The store fails, or a key cannot be opened with this master key.
    pub async fn load_keys(&self) -> Result<(), StoreError> {
        self.add_keys(KeyPhase::Active, None).await?;
        let records = self.inner.store.signing_keys(self.inner.issuer_id).await?;
        self.inner.keys.store(self.open_keys(&records)?);
        Ok(())
    }

    /// Makes a key in that phase for every algorithm that has none, or none that is younger than `every` seconds. Whether
    /// any was made.
    async fn add_keys(&self, phase: KeyPhase, every: Option<i64>) -> Result<bool, StoreError> {
        let inner = &self.inner;
        for _ in 0..ATTEMPTS {
            let records = inner.store.signing_keys(inner.issuer_id).await?;
            // Everybody who runs has keys that sign. These were erased together with the issuer.
            if phase != KeyPhase::Active && records.is_empty() {
                return Ok(false);
            }
            let now = self.now();
            let lacks = |a: &KeyAlgorithm| {
                let held = records
                    .iter()
                    .filter(|r| r.alg == a.name() && r.phase == phase);
                match held.clone().map(|r| r.phase_since).max() {
                    None => true,
                    Some(newest) => {
                        held.count() < MOST_NEXT
                            && every.is_some_and(|every| now.since(newest) >= every)
                    }
                }
            };
            let mut made = Vec::new();
            for algorithm in self.key_algorithms().into_iter().filter(lacks) {
                made.push(keys::generate(algorithm, phase, &inner.secrets, now)?);
            }
            if made.is_empty() {
                return Ok(false);
            }
            if self.change_keys(records, put(made)).await? {
                return Ok(true);
            }
        }
        Err(StoreError::unavailable("the signing keys keep changing"))
    }

    /// Changes keys, unless others than `expected` are there by now. Whether they were changed.
    async fn change_keys(
        &self,
        expected: Vec<KeyRecord>,
        writes: Vec<Write>,
    ) -> Result<bool, StoreError> {
        let commit = Commit {
            spends: vec![Spend::SigningKeys(expected)],
            writes,
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
            self.inner.keys.store(self.open_keys(&records)?);
        }
        Ok(())
    }

    /// Publishes a next key for every algorithm that has none, so that a rotation never signs with a key that nobody
    /// has seen.
    ///
    /// # Errors
    /// As [`Self::load_keys`].
    pub async fn prepare_next_keys(&self) -> Result<(), StoreError> {
        if self.add_keys(KeyPhase::Next, None).await? {
            self.reload_keys().await?;
        }
        Ok(())
    }

    /// Publishes next keys for a rotation every so many seconds: each time another one, so that one is ripe each time even
    /// where keys are replaced more often than they become ripe.
    ///
    /// # Errors
    /// As [`Self::load_keys`].
    pub async fn keep_next_keys(&self, every: i64) -> Result<(), StoreError> {
        if self.add_keys(KeyPhase::Next, Some(every)).await? {
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
        let (mut rotated, commit) = self.rotating_keys(only, when).await?;
        if !commit.writes.is_empty() && self.commit(commit).await? != Committed::Done {
            rotated = Rotated {
                overtaken: true,
                ..Rotated::default()
            };
        }
        self.reload_keys().await?;
        Ok(rotated)
    }

    /// What [`Self::rotate_keys`] would do, ready to be committed together with something else. [`Self::reload_keys`] follows.
    ///
    /// # Errors
    /// As [`Self::load_keys`].
    pub async fn rotating_keys(
        &self,
        only: Option<KeyAlgorithm>,
        when: Rotate,
    ) -> Result<(Rotated, Commit), StoreError> {
        let inner = &self.inner;
        let records = inner.store.signing_keys(inner.issuer_id).await?;
        let mut rotated = Rotated::default();
        let mut changed = Vec::new();
        for algorithm in self.key_algorithms() {
            // Where there are none they were erased together with the issuer.
            if !records.is_empty() && only.is_none_or(|o| o == algorithm) {
                let (writes, became) = keys::rotation(&records, algorithm, when, self.turn())?;
                changed.extend(writes);
                match became {
                    Rotation::Done => rotated.done.push(algorithm),
                    Rotation::Waits(seconds) => rotated.waiting.push((algorithm, seconds)),
                    Rotation::Young => {}
                }
            }
        }
        let commit = Commit {
            spends: vec![Spend::SigningKeys(records)],
            writes: put(changed),
        };
        Ok((rotated, commit))
    }

    /// What [`Self::retire_key`] would do, ready to be committed together with something else. [`Self::reload_keys`] follows.
    /// None: there is no such key.
    ///
    /// # Errors
    /// As [`Self::load_keys`].
    pub async fn retiring_key(&self, kid: &str) -> Result<Option<Commit>, StoreError> {
        let inner = &self.inner;
        let records = inner.store.signing_keys(inner.issuer_id).await?;
        let in_use = self.key_algorithms();
        let writes = keys::retirement(&records, kid, |a| in_use.contains(&a), self.turn())?;
        Ok(writes.map(|writes| Commit {
            spends: vec![Spend::SigningKeys(records)],
            writes,
        }))
    }

    /// Makes a key unknown at once: for one that has leaked. Nothing that it signed is taken here any more, and others
    /// learn of it when they fetch the published keys. Where it signed, its successor does from now on. Whether there was
    /// such a key.
    ///
    /// # Errors
    /// As [`Self::load_keys`].
    pub async fn retire_key(&self, kid: &str) -> Result<bool, StoreError> {
        let inner = &self.inner;
        for _ in 0..ATTEMPTS {
            let records = inner.store.signing_keys(inner.issuer_id).await?;
            let in_use = self.key_algorithms();
            let writes = keys::retirement(&records, kid, |a| in_use.contains(&a), self.turn())?;
            let Some(writes) = writes else {
                return Ok(false);
            };
            if self.change_keys(records, writes).await? {
                self.reload_keys().await?;
                return Ok(true);
            }
        }
        Err(StoreError::unavailable("the signing keys keep changing"))
    }

    /// Deletes retired keys of which no hint can be left.
    pub(crate) async fn purge_keys(&self, now: Timestamp) -> Result<(), StoreError> {
        let inner = &self.inner;
        // An ID token is a hint (`id_token_hint`) as long as the session that it was issued in.
        let longest = self.longest_token().max(inner.policy.lifetimes.session);
        let keep = longest.saturating_add(KNOWN);
        let records = inner.store.signing_keys(inner.issuer_id).await?;
        let over = |r: &&KeyRecord| {
            r.phase == KeyPhase::Retiring
                && now.since(r.phase_since) > keep
                && r.keep_until.is_none_or(|until| until.is_over(now))
        };
        let gone: Vec<Write> = records
            .iter()
            .filter(over)
            .map(|r| Write::DeleteSigningKey(r.kid.clone()))
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        let commit = Commit {
            spends: Vec::new(),
            writes: gone,
        };
        self.commit(commit).await?;
        self.reload_keys().await
    }

    /// Reads the keys again if a signed object of ours names one that is not known here: another process may have made it
    /// a moment ago. Whether it is known now.
    ///
    /// Whoever makes up keys makes the store be asked fifty times a second and no more; everybody else waits as long.
    pub(crate) async fn learn_key_of(&self, text: &str) -> bool {
        let Ok(jws) = UnverifiedJws::parse(text) else {
            return false;
        };
        let Some(kid) = jws.kid() else { return false };
        if jws.algorithm().is_symmetric() || self.inner.keys.load().has(kid) {
            return false;
        }
        let arrived = Instant::now();
        let mut last = self.inner.learned.lock().await;
        // Somebody who came later has read them already.
        if last.is_none_or(|last| last < arrived) {
            if let Some(last) = *last {
                tokio::time::sleep(LEARN.saturating_sub(last.elapsed())).await;
            }
            *last = Some(Instant::now());
            if let Err(error) = self.reload_keys().await {
                tracing::warn!(%error, "signing keys cannot be read");
            }
        }
        self.inner.keys.load().has(kid)
    }

    /// Every algorithm for which the policy wants a key of ours: first those that it signs with.
    fn key_algorithms(&self) -> Vec<KeyAlgorithm> {
        let inner = &self.inner;
        let mut all = inner.policy.signing_algs.clone();
        for resource in &inner.policy.resources {
            if let TokenFormat::Jwt(algorithm) = resource.format
                && !all.contains(&algorithm)
            {
                all.push(algorithm);
            }
        }
        let elsewhere = |a: &JwsAlgorithm| {
            let mut outside = inner.outside.iter();
            outside.any(|o: &Outside| o.signer().key().algorithm() == *a)
        };
        all.retain(|a| !a.is_symmetric() && !elsewhere(a));
        let mut keys: Vec<_> = all.into_iter().map(KeyAlgorithm::Sign).collect();
        for algorithm in &inner.policy.encryption.own {
            if let Some(key) = KeyAlgorithm::decrypting(*algorithm)
                && !keys.contains(&key)
            {
                keys.push(key);
            }
        }
        keys
    }
}

fn put(records: Vec<KeyRecord>) -> Vec<Write> {
    let records = records.into_iter();
    records.map(|r| Write::SigningKey(Box::new(r))).collect()
}

/// Has something signed elsewhere. Nothing that is not that key's signature leaves.
async fn sign_outside(key: &Outside, typ: Option<&str>, claims: &str) -> Result<String, Failure> {
    let signer = key.signer();
    let public = signer.key();
    let input = public.signing_input(typ, claims.as_bytes());
    let Some(place) = key.queue() else {
        tracing::warn!(kid = public.kid(), "a key elsewhere has too much to sign");
        return Err(Failure::Unavailable { retry_after: 2 });
    };
    let in_turn = async {
        let _turn = place.turn().await;
        signer.sign(input.as_bytes()).await
    };
    let signed = tokio::time::timeout(SIGN_TIMEOUT, in_turn).await;
    let failed = |error: SignError| {
        tracing::error!(%error, kid = public.kid(), "a key elsewhere does not sign");
        Failure::Unavailable { retry_after: 2 }
    };
    let signature = match signed {
        Ok(Ok(signature)) => signature,
        Ok(Err(error)) => return Err(failed(error)),
        Err(_) => return Err(failed(SignError::Timeout)),
    };
    public.complete(input, &signature).map_err(|_| {
        let text = "what came back is not its signature".to_owned();
        failed(SignError::Failed(text))
    })
}
