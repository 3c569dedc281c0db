//! Many issuers in one process: where a request goes, what is held in memory of them, and how they are made and changed.
//!
//! Every process knows the places of all issuers, which is about a hundred bytes for each, and follows their changes. So
//! an unknown place costs nothing, neither a read of the store nor memory. An issuer's keys and settings are read when
//! the first request for it comes, and are let go when none has come for a while.

mod directory;
mod held;
pub mod jobs;
pub mod manage;
pub mod platform;
mod site;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hallpass_store::{IssuerState, MAX_PAGE, Store, StoreError};
use hallpass_types::{Issuer, IssuerId, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::app::Hallpass;
use crate::config::{Config, Issuers as Settings};
use crate::failure::Failure;
use crate::wiring::Engine;
use directory::Directory;
use held::Held;

pub use directory::{Known, Where};
pub use held::{Busy, Loaded};
pub use site::Site;

/// The issuers that were made at run time, beside the one of the configuration. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Issuers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Engine,
    config: Config,
    /// The issuer of the configuration.
    default: Hallpass,
    directory: RwLock<Directory>,
    /// When the directory was last known to be up to date, by a clock that only runs on and by that of the wall: the first
    /// stands still while the machine sleeps.
    current: RwLock<(Instant, Timestamp)>,
    /// Whose turn it is to look for changes.
    looking: tokio::sync::Mutex<()>,
    held: Held,
    spread: AtomicU32,
    /// Keys of the configuration's issuer may have changed.
    keys_hinted: Arc<Notify>,
}

impl Issuers {
    /// Knows none yet; [`Self::look`] finds them.
    #[must_use]
    pub fn new(engine: Engine, config: Config, default: Hallpass) -> Self {
        let own = &engine.provider.policy().issuer;
        let directory = Directory::new(own, config.issuers.unknown_hosts);
        let held = Held::new(most(&config.issuers));
        let current = RwLock::new((Instant::now(), engine.provider.now()));
        Self(Arc::new(Inner {
            engine,
            config,
            default,
            directory: RwLock::new(directory),
            current,
            looking: tokio::sync::Mutex::default(),
            held,
            spread: AtomicU32::new(0),
            keys_hinted: Arc::default(),
        }))
    }

    /// The issuer of the configuration.
    #[must_use]
    pub fn default_issuer(&self) -> &Hallpass {
        &self.0.default
    }

    /// Told when keys of the configuration's issuer may have changed.
    #[must_use]
    pub fn keys_hinted(&self) -> Arc<Notify> {
        Arc::clone(&self.0.keys_hinted)
    }

    /// How many there are beside it, and how many of these are in memory.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        (self.directory(Directory::len), self.0.held.len())
    }

    /// Reads what has changed since the last look.
    ///
    /// # Errors
    /// The store fails.
    pub async fn look(&self) -> Result<(), StoreError> {
        let asked = Instant::now();
        let _turn = self.0.looking.lock().await;
        // Who waited for somebody else's look that began after this one was asked for has its answer.
        if self.updated().0 > asked {
            return Ok(());
        }
        let began = (Instant::now(), self.0.engine.provider.now());
        // After so long a pause somebody may have come and gone for good.
        if self.age() > FORGETS {
            self.look_anew().await?;
        } else {
            let mut first = true;
            loop {
                let (seen, last) = self.directory(|directory| (directory.seen(), directory.last()));
                // With the last one that is known. Where that is gone, so may others be, and changes that were seen: it
                // was erased, or a replica has taken over that has not heard of everything.
                let from = seen.saturating_sub(u64::from(first));
                let changed = self.store().issuers_changed(from, MAX_PAGE).await?;
                if first && last.is_some_and(|last| changed.iter().all(|record| record.id != last))
                {
                    self.look_anew().await?;
                    break;
                }
                first = false;
                let news: Vec<_> = changed.iter().filter(|r| r.change > seen).collect();
                if news.is_empty() {
                    break;
                }
                let mut directory = self.write();
                for record in news {
                    directory.apply(record);
                }
            }
        }
        *self
            .0
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner) = began;
        Ok(())
    }

    /// Believes nothing that was known.
    async fn look_anew(&self) -> Result<(), StoreError> {
        let fresh = self.directory(Directory::emptied);
        *self.write() = self.followed(fresh).await?;
        Ok(())
    }

    async fn followed(&self, mut directory: Directory) -> Result<Directory, StoreError> {
        loop {
            let seen = directory.seen();
            let changed = self.store().issuers_changed(seen, MAX_PAGE).await?;
            if changed.is_empty() {
                return Ok(directory);
            }
            for record in &changed {
                directory.apply(record);
            }
        }
    }

    /// The issuer, from memory or from the store.
    ///
    /// # Errors
    /// It cannot be had now.
    pub async fn get(&self, known: Known) -> Result<Loaded, Busy> {
        if let Some(loaded) = self.0.held.get(known) {
            return Ok(loaded);
        }
        let this = self.clone();
        let load = move || async move { this.load(known).await };
        self.0.held.load(known, load).await
    }

    /// One that is enabled, by its number.
    #[must_use]
    pub fn by_number(&self, id: IssuerId) -> Option<Known> {
        self.directory(|directory| directory.by_number(id))
    }

    /// Builds one out of what the store says now.
    async fn load(&self, known: Known) -> Result<Option<Hallpass>, Failure> {
        let failed = |error: StoreError| Failure::doing("issuer", &error);
        let Some(place) = self.directory(|directory| directory.place(known.id)) else {
            return Ok(None);
        };
        let record = self.store().issuer_at(&place).await.map_err(failed)?;
        let Some(record) =
            record.filter(|record| record.id == known.id && record.state == IssuerState::Enabled)
        else {
            return Ok(None);
        };
        let issuer = Issuer::parse(&record.identifier)
            .map_err(|_| Failure::new(format!("issuer {}: malformed identifier", record.name)))?;
        let config = self
            .0
            .config
            .of_issuer(&record.identifier, &record.settings)
            .map_err(|problems| Failure::doing(&format!("issuer {}", record.name), &problems))?;
        if config.compatibility.loginid {
            tracing::warn!(%issuer, "compatibility.loginid: this issuer puts up with weak habits of clients");
        }
        let part = self.0.engine.beside(&config, issuer, record.id).await;
        let part = part.map_err(failed)?;
        let Config {
            rate_limits,
            registration,
            ..
        } = &config;
        Ok(Some(self.0.default.beside(
            &part,
            rate_limits,
            registration,
        )))
    }

    /// Lets go of those that nobody has asked for during the configured time.
    pub fn unload_idle(&self) {
        self.0
            .held
            .unload_idle(self.0.config.issuers.idle.duration());
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.0.engine.provider.store()
    }

    fn directory<T>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        let directory = self.0.directory.read();
        look(&directory.unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Directory> {
        self.0
            .directory
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn updated(&self) -> (Instant, Timestamp) {
        *self
            .0
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How old the answers of the directory are.
    fn age(&self) -> Duration {
        age(
            self.updated(),
            (Instant::now(), self.0.engine.provider.now()),
        )
    }

    /// Seconds after which to come back, spread over the callers.
    fn later(&self) -> u32 {
        let count = self.0.spread.fetch_add(1, Ordering::Relaxed);
        count
            .wrapping_mul(0x9E37_79B9)
            .wrapping_shr(30)
            .saturating_add(1)
    }
}

/// The longer of what two clocks say: that which only runs on stands still while the machine sleeps, the other may be set.
fn age(then: (Instant, Timestamp), now: (Instant, Timestamp)) -> Duration {
    let by_wall = u64::try_from(now.1.since(then.1)).unwrap_or(0);
    let passed = now.0.saturating_duration_since(then.0);
    passed.max(Duration::from_secs(by_wall))
}

fn most(settings: &Settings) -> usize {
    usize::try_from(settings.max_loaded).unwrap_or(usize::MAX)
}

/// After so long without a look nothing that is known of issuers is believed any more. A deleted one keeps its record for
/// longer ([`jobs::GRACE`]), so that everybody who is believed has seen that it goes.
const FORGETS: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_machine_that_slept_knows_that_it_is_late() {
        let then = (Instant::now(), Timestamp(1000));
        let soon = then.0 + Duration::from_secs(1);
        assert_eq!(age(then, (soon, Timestamp(1001))), Duration::from_secs(1));
        assert!(age(then, (soon, Timestamp(4600))) > FORGETS);
        // A clock that was set back makes nobody young.
        let late = then.0 + Duration::from_secs(40);
        assert!(age(then, (late, Timestamp(0))) > FORGETS);
    }
}
