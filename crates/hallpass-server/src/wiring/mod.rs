//! Everything together: from the configuration to the provider with its accounts and pages. Adapters are named here and
//! nowhere else.

mod clients;
mod mail;
mod users;

use std::num::NonZeroUsize;
use std::sync::Arc;

use hallpass_accounts::hash::{Cost, HashPool, Options};
use hallpass_accounts::throttle::Limits;
use hallpass_accounts::{BuiltinAccounts, Surroundings};
use hallpass_fetch::{Guard, Settings};
use hallpass_pages::BuiltinPages;
use hallpass_provider::Provider;
use hallpass_provider::ports::{Clock, Entropy, Events, SystemClock, SystemEntropy};
use hallpass_provider::secrets::MasterKey;
use hallpass_store::{MemoryStore, Store};
use hallpass_store_sqlite::SqliteStore;
use hallpass_types::Issuer;
use zeroize::Zeroizing;

use crate::config::{AuthorizationDetails, Config, Danger, Passwords, RateLimits, StoreKind};
use crate::data_folder::{DataFolder, Purpose, check_database};
use crate::failure::Failure;

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
    pub database: Option<Arc<hallpass_store_sqlite::Stats>>,
    /// Held as long as the engine, and let go after everything else.
    _folder: Option<DataFolder>,
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
            StoreKind::Memory => None,
        };
        let fresh = || {
            let mut key = [0; 32];
            SystemEntropy.fill(&mut key);
            key
        };
        let master = match (&config.keys.master_key, &folder) {
            (Some(key), _) => key.clone(),
            (None, Some(folder)) => folder.master_key(fresh)?,
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

    /// A secret for a purpose outside of the provider: as random as the master key, and the same at every start.
    #[must_use]
    pub fn secret(&self, purpose: &str) -> String {
        let info = format!("hallpass-server/1/{purpose}");
        let key = hallpass_jose::kdf::hkdf_sha256(self.master.as_slice(), info.as_bytes());
        hallpass_jose::base64url::encode(key.as_slice())
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
        let Ground {
            folder, purpose, ..
        } = ground;
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (store, database) = open_store(config, folder.as_ref())?;
        let pool = Arc::new(hash_pool(&config.passwords, purpose)?);
        let around = Surroundings {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
        };
        let least = usize::try_from(config.passwords.min_length).unwrap_or(usize::MAX);
        let accounts = BuiltinAccounts::new(around, pool)
            .with_limits(limits(&config.rate_limits))
            .with_min_length(least);
        let accounts = Arc::new(accounts);
        let pages = pages(&config.pages, &issuer)?;
        let ui_locales = pages.language_tags();
        let builder = Provider::builder(issuer)
            .store(store)
            .master_key(master)
            .accounts(Arc::clone(&accounts) as _)
            .interaction(Arc::new(pages.clone()), ISSUER_NAME)
            .await
            .map_err(|error| Failure::doing("store", &error))?;
        let digests = config
            .registration
            .initial_access_tokens
            .iter()
            .map(|token| builder.secrets().client_digest(token.expose()))
            .collect();
        let provider = builder
            .policy(|policy| {
                crate::config::policy::apply(
                    &config.lifetimes,
                    &config.protocol,
                    &config.registration,
                    policy,
                );
                policy.backchannel.automatic_approval =
                    config.danger.backchannel_automatic_approval;
                policy.ui_locales = ui_locales;
                config.client_documents.apply(policy);
                config.dpop.apply(policy);
                config
                    .request_objects
                    .apply(&config.pushed_requests, policy);
                policy.logout = config.logout.policy();
                policy.webfinger = config.webfinger.policy();
                config.mtls.apply(policy);
                policy.attesters.clone_from(&config.attesters);
                AuthorizationDetails::apply(&config.authorization_details, policy);
                policy.registration.initial_access_tokens = digests;
            })
            .clock(clock)
            .entropy(entropy)
            .events(events)
            .fetcher(Arc::new(guard(&config.danger)?))
            .mail(mail::mailer(config, pages.name())?, Arc::new(pages.clone()))
            .build()
            .await
            .map_err(|error| Failure::doing("store", &error))?;
        Ok(Self {
            provider,
            accounts,
            pages,
            database,
            _folder: folder,
        })
    }
}

fn pages(config: &crate::config::Pages, issuer: &Issuer) -> Result<BuiltinPages, Failure> {
    let pages = config.build().map_err(Failure::new)?;
    Ok(BuiltinPages::new(issuer.clone(), Arc::new(pages))
        .with_name(&config.name)
        .with_languages(&config.languages()))
}

type Opened = (Arc<dyn Store>, Option<Arc<hallpass_store_sqlite::Stats>>);

fn open_store(config: &Config, folder: Option<&DataFolder>) -> Result<Opened, Failure> {
    let Some(folder) = folder else {
        return Ok((Arc::new(MemoryStore::new()), None));
    };
    let path = config
        .store
        .path
        .clone()
        .unwrap_or_else(|| folder.file(DATABASE));
    check_database(&path).map_err(|error| Failure::new(format!("store.path: {error}")))?;
    let store = SqliteStore::open(&path, hallpass_store_sqlite::Options::default())
        .map_err(|error| Failure::doing(&format!("store.path: {}", path.display()), &error))?;
    let stats = store.stats();
    Ok((Arc::new(store), Some(stats)))
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

/// The issuer's name in the store. There is one so far; it stays when the issuer's URL changes.
const ISSUER_NAME: &str = "default";

const DATABASE: &str = "hallpass.sqlite";
