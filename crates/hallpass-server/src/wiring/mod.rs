//! Everything together: from the configuration to the provider with its accounts and pages. Adapters are named here and
//! nowhere else.

mod clients;
mod mail;
pub(crate) mod policy;
pub(crate) mod postgres;
mod users;

use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hallpass_accounts::hash::{Cost, HashPool, Options};
use hallpass_accounts::throttle::Limits;
use hallpass_accounts::{BuiltinAccounts, Surroundings};
use hallpass_fetch::{Guard, Settings};
use hallpass_pages::{BuiltinPages, Pages};
use hallpass_provider::Provider;
use hallpass_provider::ports::{
    Clock, Entropy, Events, Fetcher, Mailer, Signer, SystemClock, SystemEntropy,
};
use hallpass_provider::secrets::MasterKey;
use hallpass_store::{MemoryStore, Store, StoreError};
use hallpass_store_postgres::PostgresStore;
use hallpass_store_sqlite::SqliteStore;
use hallpass_types::{Issuer, IssuerId};
use zeroize::Zeroizing;

use crate::admission::{Admission, Counted};
use crate::config::{Config, Danger, Passwords, RateLimits, StoreKind};
use crate::data_folder::{DataFolder, Purpose, check_database};
use crate::failure::Failure;
use crate::shared_limits::SharedLimits;
use crate::signers;

pub use clients::{forget_clients, sync_clients};
pub use users::make_users;

/// The provider with what it stands on.
#[derive(Debug)]
pub struct Engine {
    /// The provider.
    pub provider: Provider,
    /// The built-in accounts.
    pub accounts: Arc<BuiltinAccounts>,
    /// The built-in pages.
    pub pages: BuiltinPages,
    /// How the database does, where there is one.
    pub database: Option<Database>,
    common: Arc<Common>,
    /// Held as long as the engine, and let go after everything else.
    folder: Option<DataFolder>,
}

/// One issuer: its provider with its accounts and pages. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Part {
    /// The provider.
    pub provider: Provider,
    /// Its accounts.
    pub accounts: Arc<BuiltinAccounts>,
    /// Its pages.
    pub pages: BuiltinPages,
    /// Who is let in.
    pub admission: Admission,
    /// What other processes have counted, where they are asked.
    pub shared_limits: Option<SharedLimits>,
}

/// What all issuers of a process share.
struct Common {
    store: Arc<dyn Store>,
    master: RwLock<MasterKey>,
    /// Whether the master key is that of the data folder.
    key_in_folder: bool,
    /// For digests of names to which somebody tried to sign in.
    attempts: Zeroizing<[u8; 32]>,
    pool: Arc<HashPool>,
    pages: Arc<Pages>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    events: Arc<dyn Events>,
    fetcher: Arc<dyn Fetcher>,
    mailer: Arc<dyn Mailer>,
    /// For the issuer of the file.
    signers: Vec<Arc<dyn Signer>>,
    admission: Admission,
    shared_limits: Option<SharedLimits>,
}

impl std::fmt::Debug for Common {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Common").finish_non_exhaustive()
    }
}

/// How a database does.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file.
    Sqlite(Arc<hallpass_store_sqlite::Stats>),
    /// A server.
    Postgres(Arc<hallpass_store_postgres::Stats>),
}

/// What an engine is built on: the data folder, if there is one, and the master key.
pub struct Ground {
    folder: Option<DataFolder>,
    master: Zeroizing<[u8; 32]>,
    previous: Vec<Zeroizing<[u8; 32]>>,
    purpose: Purpose,
}

impl Ground {
    /// Opens the data folder and reads the master key, making what is missing.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn open(config: &Config, purpose: Purpose) -> Result<Self, Failure> {
        let folder = match config.store.kind {
            StoreKind::Sqlite => Some(DataFolder::open(&config.server.data_dir, purpose)?),
            StoreKind::Postgres | StoreKind::Memory => None,
        };
        let fresh = || {
            let mut key = [0; 32];
            SystemEntropy.fill(&mut key);
            key
        };
        let master = match (&config.keys.master_key, &folder) {
            (Some(key), _) => key.clone(),
            (None, Some(folder)) => folder.master_key(fresh)?,
            // Each node would make one of its own.
            (None, None) if config.store.kind == StoreKind::Postgres => {
                return Err(Failure::new(
                    "keys.master_key: is missing. With store.kind \"postgres\" every node needs the same, \
                     so it must be given, here or by keys.master_key_file: 32 random bytes in base64url \
                     (openssl rand -base64 32 | tr '+/' '-_' | tr -d =)",
                ));
            }
            (None, None) => Zeroizing::new(fresh()),
        };
        let mut previous: Vec<_> = config.keys.master_key_previous.iter().cloned().collect();
        if let Some(folder) = &folder {
            previous.extend(folder.previous_master_key()?);
        }
        previous.retain(|key| *key != master);
        Ok(Self {
            folder,
            master,
            previous,
            purpose,
        })
    }

    /// The master key, with those from before.
    #[must_use]
    pub fn master_key(&self) -> MasterKey {
        let previous = self.previous.iter();
        previous.fold(MasterKey::new(*self.master), |key, old| {
            key.with_previous(**old)
        })
    }

    /// The data folder, where there is one.
    #[must_use]
    pub fn folder(&self) -> Option<&DataFolder> {
        self.folder.as_ref()
    }

    /// The master key in its written form.
    #[must_use]
    pub fn master_key_text(&self) -> Zeroizing<String> {
        let text = hallpass_jose::base64url::encode(self.master.as_slice());
        Zeroizing::new(format!("{}\n", text.as_str()))
    }

    /// A secret for a purpose outside of the provider: as random as the master key, and the same at every start.
    #[must_use]
    pub fn secret(&self, purpose: &str) -> String {
        hallpass_jose::base64url::encode(self.key(purpose).as_slice())
    }

    fn key(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let info = format!("hallpass-server/1/{purpose}");
        hallpass_jose::kdf::hkdf_sha256(self.master.as_slice(), info.as_bytes())
    }
}

impl std::fmt::Debug for Ground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ground")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// What an engine is made of.
pub struct Setup<'a> {
    /// Data folder and master key.
    pub ground: Ground,
    /// The configuration.
    pub config: &'a Config,
    /// The issuer.
    pub issuer: Issuer,
    /// Who is told what happens.
    pub events: Arc<dyn Events>,
}

impl std::fmt::Debug for Setup<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens the store and makes the keys that are missing there.
    ///
    /// # Errors
    /// The store, its keys or a setting cannot be used.
    pub async fn build(setup: Setup<'_>) -> Result<Self, Failure> {
        let Setup {
            ground,
            config,
            issuer,
            events,
        } = setup;
        let master = ground.master_key();
        let attempts = ground.key("attempts to sign in");
        let shared = ground.key("limits of several processes");
        let shared_limits = config
            .cache
            .redis
            .as_ref()
            .map(|_| SharedLimits::new(shared));
        let Ground {
            folder, purpose, ..
        } = ground;
        let (store, database) = open_store(config, folder.as_ref()).await?;
        let admission = Admission::default();
        let common = Common {
            store: Arc::new(Counted::new(store, admission.clone())),
            admission,
            master: RwLock::new(master),
            key_in_folder: config.keys.master_key.is_none(),
            attempts,
            shared_limits,
            pool: Arc::new(hash_pool(&config.passwords, purpose)?),
            pages: Arc::new(config.pages.build().map_err(Failure::new)?),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            events,
            fetcher: Arc::new(guard(&config.danger)?),
            mailer: mail::mailer(config, &config.pages.name)?,
            signers: signers::connect(&config.signers).await?,
        };
        let accounts = common.accounts(config);
        let accounts = accounts.with_limits(limits(&config.rate_limits));
        let number = common.store.issuer(ISSUER_NAME).await;
        let number = number.map_err(|error| Failure::doing("store", &error))?;
        let part = common
            .part(config, issuer, number, (accounts, None))
            .await
            .map_err(|error| Failure::doing("store", &error))?;
        Ok(Self {
            provider: part.provider,
            accounts: part.accounts,
            pages: part.pages,
            database,
            common: Arc::new(common),
            folder,
        })
    }

    /// The issuer of the configuration.
    #[must_use]
    pub fn part(&self) -> Part {
        Part {
            provider: self.provider.clone(),
            accounts: Arc::clone(&self.accounts),
            pages: self.pages.clone(),
            admission: self.common.admission.clone(),
            shared_limits: self.common.shared_limits.clone(),
        }
    }

    /// Another issuer beside it, with the keys that are missing in the store made.
    ///
    /// # Errors
    /// The store fails, or its keys do not open with the master key.
    pub async fn beside(
        &self,
        config: &Config,
        issuer: Issuer,
        number: IssuerId,
    ) -> Result<Part, StoreError> {
        self.look_at_master_key();
        let limits = limits(&config.rate_limits);
        let accounts = self.common.accounts(config);
        let accounts = accounts.with_limits_beside(&self.accounts, limits);
        let beside = (accounts, Some(&self.provider));
        self.common.part(config, issuer, number, beside).await
    }

    /// The master key of the data folder may have been replaced meanwhile (`hallpass key rotate-master`). Issuers that are
    /// loaded notice nothing of that; those that come are under the new one.
    fn look_at_master_key(&self) {
        let Some(folder) = self.folder.as_ref().filter(|_| self.common.key_in_folder) else {
            return;
        };
        let read = || {
            let current = folder.current_master_key()?;
            Ok::<_, Failure>((current, folder.previous_master_key()?))
        };
        match read() {
            Ok((Some(current), previous)) => {
                let current = MasterKey::new(*current);
                let held = self.common.master.write();
                let mut held = held.unwrap_or_else(PoisonError::into_inner);
                if held.name() != current.name() {
                    *held = match previous {
                        Some(previous) => current.with_previous(*previous),
                        None => current,
                    };
                }
            }
            Ok((None, _)) => {}
            Err(error) => tracing::warn!(%error, "the master key cannot be read"),
        }
    }

    /// The same engine with another issuer in the place of its own.
    #[must_use]
    pub fn with_part(self, part: Part) -> Self {
        Self {
            provider: part.provider,
            accounts: part.accounts,
            pages: part.pages,
            ..self
        }
    }
}

impl Common {
    fn master(&self) -> MasterKey {
        let held = self.master.read();
        held.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn accounts(&self, config: &Config) -> BuiltinAccounts {
        let around = Surroundings {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
        };
        let least = usize::try_from(config.passwords.min_length).unwrap_or(usize::MAX);
        let elsewhere = self.shared_limits.clone();
        BuiltinAccounts::new(around, Arc::clone(&self.pool))
            .with_min_length(least)
            .with_refusal(Duration::from_millis(config.passwords.refusal_ms.into()))
            .with_attempts_everywhere(*self.attempts)
            .with_networks_elsewhere(elsewhere.map(|limits| Arc::new(limits) as _))
    }

    /// Templates are shared by all issuers that do not look otherwise.
    fn pages(&self, config: &Config, issuer: &Issuer) -> Result<BuiltinPages, StoreError> {
        let templates = if config.has_own_look {
            let own = config.pages.build();
            Arc::new(own.map_err(|error| StoreError::Unavailable(error.into()))?)
        } else {
            Arc::clone(&self.pages)
        };
        Ok(BuiltinPages::new(issuer.clone(), templates)
            .with_name(&config.pages.name)
            .with_languages(&config.pages.languages()))
    }

    /// One issuer: what is its own is made, the rest is shared.
    async fn part(
        &self,
        config: &Config,
        issuer: Issuer,
        number: IssuerId,
        (accounts, beside): (BuiltinAccounts, Option<&Provider>),
    ) -> Result<Part, StoreError> {
        let accounts = Arc::new(accounts);
        let pages = self.pages(config, &issuer)?;
        let ui_locales = pages.language_tags();
        let mut builder = Provider::builder(issuer)
            .store(Arc::clone(&self.store))
            .master_key(self.master())
            .accounts(Arc::clone(&accounts) as _)
            .interaction_of(Arc::new(pages.clone()), number)
            .await?;
        // Operators are people and clients of the issuer of the configuration.
        let administers = beside.is_none();
        // Keys that sign elsewhere are those of one issuer: a token must not be as good for another one.
        builder = match beside {
            Some(other) => builder.beside(other),
            None => self.signers.iter().fold(builder, |builder, signer| {
                builder.signer(Arc::clone(signer))
            }),
        };
        let digests = config
            .registration
            .initial_access_tokens
            .iter()
            .map(|token| builder.secrets().client_digest(token.expose()))
            .collect();
        let upstreams = config.opened_upstreams(builder.secrets());
        let provider = builder
            .policy(|policy| {
                policy::apply(config, ui_locales, administers, policy);
                policy.upstreams = upstreams;
                policy.registration.initial_access_tokens = digests;
            })
            .cache_bound(u32::try_from(config.cache.bound.0).unwrap_or(1))
            .clock(Arc::clone(&self.clock))
            .entropy(Arc::clone(&self.entropy))
            .events(Arc::clone(&self.events))
            .fetcher(Arc::clone(&self.fetcher))
            .mail(Arc::clone(&self.mailer), Arc::new(pages.clone()))
            .people(Arc::clone(&accounts) as _);
        let provider = mail::with_texts(provider, config).build().await?;
        Ok(Part {
            provider,
            accounts,
            pages,
            admission: self.admission.clone(),
            shared_limits: self.shared_limits.clone(),
        })
    }
}

/// The store of a configuration, for a command that needs nothing else.
///
/// # Errors
/// It cannot be opened.
pub async fn open_any_store(config: &Config, ground: &Ground) -> Result<Arc<dyn Store>, Failure> {
    let (store, _) = open_store(config, ground.folder.as_ref()).await?;
    Ok(store)
}

/// The store of a configuration as it is: it is not brought to the schema of this version.
///
/// # Errors
/// It cannot be opened.
pub async fn open_to_look(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    match config.store.kind {
        StoreKind::Memory => Ok(Arc::new(MemoryStore::new())),
        StoreKind::Postgres => {
            let (address, mut options) = postgres::settings(config)?;
            options.migrate = false;
            let opened = PostgresStore::open(address, options).await;
            let store = opened.map_err(|error| Failure::doing("store.postgres", &error))?;
            Ok(Arc::new(store))
        }
        StoreKind::Sqlite => {
            let path = database_path(config);
            let options = hallpass_store_sqlite::Options {
                migrate: false,
                ..hallpass_store_sqlite::Options::default()
            };
            let opened = SqliteStore::open(&path, options);
            let store = opened.map_err(|error| {
                Failure::doing(&format!("store.path: {}", path.display()), &error)
            })?;
            Ok(Arc::new(store))
        }
    }
}

type Opened = (Arc<dyn Store>, Option<Database>);

async fn open_store(config: &Config, folder: Option<&DataFolder>) -> Result<Opened, Failure> {
    if config.store.kind == StoreKind::Postgres {
        let (address, options) = postgres::settings(config)?;
        let store = PostgresStore::open(address, options)
            .await
            .map_err(|error| Failure::doing("store.postgres", &error))?;
        let stats = store.stats();
        return Ok((Arc::new(store), Some(Database::Postgres(stats))));
    }
    let Some(folder) = folder else {
        return Ok((Arc::new(MemoryStore::new()), None));
    };
    let path = config
        .store
        .path
        .clone()
        .unwrap_or_else(|| folder.file(DATABASE));
    check_database(&path).map_err(|error| Failure::new(format!("store.path: {error}")))?;
    let options = hallpass_store_sqlite::Options {
        migrate: config.store.migrate,
        ..hallpass_store_sqlite::Options::default()
    };
    let store = SqliteStore::open(&path, options)
        .map_err(|error| Failure::doing(&format!("store.path: {}", path.display()), &error))?;
    let stats = store.stats();
    Ok((Arc::new(store), Some(Database::Sqlite(stats))))
}

/// The database file of a configuration.
#[must_use]
pub fn database_path(config: &Config) -> std::path::PathBuf {
    config
        .store
        .path
        .clone()
        .unwrap_or_else(|| config.server.data_dir.join(DATABASE))
}

fn hash_pool(passwords: &Passwords, purpose: Purpose) -> Result<HashPool, Failure> {
    let threads = match purpose {
        Purpose::Serve => passwords.threads.map(usize::from),
        Purpose::Command => Some(1),
    };
    let options = Options {
        threads: threads.and_then(NonZeroUsize::new),
        queue: passwords
            .queue
            .and_then(|queue| usize::try_from(queue).ok()),
        cost: Cost {
            memory_kib: passwords.memory_kib,
            iterations: passwords.iterations,
            lanes: passwords.parallelism,
        },
        ..Options::default()
    };
    HashPool::start(options).map_err(|error| Failure::doing("passwords", &error))
}

fn limits(limits: &RateLimits) -> Limits {
    let number = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
    Limits {
        per_account: number(limits.sign_in_per_account),
        per_network: number(limits.sign_in_per_address),
        window: i64::try_from(limits.window.0).unwrap_or(i64::MAX),
        ..Limits::default()
    }
}

fn guard(danger: &Danger) -> Result<Guard, Failure> {
    let setting = "danger.fetch_extra_roots_file";
    let extra_roots = match &danger.fetch_extra_roots_file {
        None => Vec::new(),
        Some(path) => {
            Settings::extra_roots_from(path).map_err(|error| Failure::doing(setting, &error))?
        }
    };
    let private_addresses = danger
        .fetch_private_addresses
        .iter()
        .map(|range| range.0)
        .collect();
    Guard::new(Settings {
        private_addresses,
        extra_roots,
    })
    .map_err(|error| Failure::doing(setting, &error))
}

/// The name in the store of the configuration's issuer; it stays when the issuer's URL changes.
const ISSUER_NAME: &str = "default";

const DATABASE: &str = "hallpass.sqlite";
