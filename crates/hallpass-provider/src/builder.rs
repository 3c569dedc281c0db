//! Building a provider: what must be chosen is asked for by the compiler, the rest has defaults.

use std::sync::Arc;

use hallpass_core::policy::Policy;
use hallpass_store::{Store, StoreError};
use hallpass_types::{Issuer, IssuerId};

use crate::{
    Provider,
    clients::{ClientCache, FRESH},
    documents::Documents,
    keys::{CurrentKeys, Outside},
    logos::Logos,
    mail::Post,
    outstanding::Outstanding,
    ports::{
        Accounts, BackchannelDevice, ClientSpec, Clients, Clock, Consents, Entropy, Events,
        Fetcher, Interaction, Letters, Mailer, NoDevice, NoFetcher, OwnClients, OwnPrompts, People,
        Signer, SystemClock, SystemEntropy, TokenClaims, UnfitClient,
    },
    provider::Inner,
    referenced::Referenced,
    registry::Grants,
    remote_keys::RemoteKeys,
    roots,
    secrets::{MasterKey, Secrets},
    sending::Sending,
    texts::TextHook,
    tries::Limits,
    upstream_metadata::UpstreamMetadata,
    webhooks::Wanted,
};

/// A provider could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The store fails, or what it holds does not open with this master key.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A client of the program cannot be one.
    #[error(transparent)]
    Client(#[from] UnfitClient),
}

/// First step: where state lives.
#[derive(Debug)]
pub struct WantsStore {
    issuer: Issuer,
}

/// Second step: the master key.
pub struct WantsMasterKey {
    issuer: Issuer,
    store: Arc<dyn Store>,
}

/// Third step: who the people are.
pub struct WantsAccounts {
    issuer: Issuer,
    store: Arc<dyn Store>,
    master: MasterKey,
}

/// Fourth step: where they are asked.
pub struct WantsInteraction {
    issuer: Issuer,
    store: Arc<dyn Store>,
    master: MasterKey,
    accounts: Arc<dyn Accounts>,
}

/// Last step: everything optional.
pub struct Builder {
    store: Arc<dyn Store>,
    accounts: Arc<dyn Accounts>,
    interaction: Arc<dyn Interaction>,
    fetcher: Arc<dyn Fetcher>,
    token_claims: Option<Arc<dyn TokenClaims>>,
    post: Option<Post>,
    text_hook: Option<TextHook>,
    people: Option<Arc<dyn People>>,
    backchannel_device: Arc<dyn BackchannelDevice>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    events: Vec<Arc<dyn Events>>,
    grants: Grants,
    secrets: Secrets,
    outside: Vec<Outside>,
    issuer_id: IssuerId,
    policy: Policy,
    limits: Limits,
    outbox: Arc<tokio::sync::Notify>,
    cache_bound: i64,
    own_clients: Vec<ClientSpec>,
    own_prompts: Option<Arc<dyn OwnPrompts>>,
    consents: Option<Arc<dyn Consents>>,
    asked_clients: Option<Arc<dyn Clients>>,
}

macro_rules! opaque_debug {
    ($($name:ident),+) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )+};
}
opaque_debug!(WantsMasterKey, WantsAccounts, WantsInteraction, Builder);

impl Provider {
    /// Begins to build a provider.
    #[must_use]
    pub fn builder(issuer: Issuer) -> WantsStore {
        WantsStore { issuer }
    }
}

impl WantsStore {
    /// Where state lives.
    #[must_use]
    pub fn store(self, store: Arc<dyn Store>) -> WantsMasterKey {
        WantsMasterKey {
            issuer: self.issuer,
            store,
        }
    }
}

impl WantsMasterKey {
    /// The key under which the root of all others is kept. Losing it ends every session and token; leaking it together
    /// with the database leaks them.
    #[must_use]
    pub fn master_key(self, master: MasterKey) -> WantsAccounts {
        WantsAccounts {
            issuer: self.issuer,
            store: self.store,
            master,
        }
    }
}

impl WantsAccounts {
    /// Who the people are.
    #[must_use]
    pub fn accounts(self, accounts: Arc<dyn Accounts>) -> WantsInteraction {
        WantsInteraction {
            issuer: self.issuer,
            store: self.store,
            master: self.master,
            accounts,
        }
    }
}

impl WantsInteraction {
    /// Where people are asked. `name` is the issuer's name in the store: it stays when the issuer's URL changes.
    ///
    /// # Errors
    /// The store cannot tell the issuer's number, or its secrets are under another master key.
    pub async fn interaction(
        self,
        interaction: Arc<dyn Interaction>,
        name: &str,
    ) -> Result<Builder, StoreError> {
        let number = self.store.issuer(name).await?;
        self.interaction_of(interaction, number).await
    }

    /// As [`Self::interaction`], for an issuer whose number in the store is known.
    ///
    /// # Errors
    /// As [`Self::interaction`].
    pub async fn interaction_of(
        self,
        interaction: Arc<dyn Interaction>,
        issuer_id: IssuerId,
    ) -> Result<Builder, StoreError> {
        let root = roots::open(&*self.store, issuer_id, &self.master, SystemClock.now()).await?;
        let secrets = Secrets::new(root, issuer_id);
        let salt = Arc::new(secrets.pairwise_salt());
        Ok(Builder {
            store: self.store,
            accounts: self.accounts,
            interaction,
            fetcher: Arc::new(NoFetcher),
            token_claims: None,
            post: None,
            text_hook: None,
            people: None,
            backchannel_device: Arc::new(NoDevice),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            events: Vec::new(),
            grants: Grants::builtin(),
            policy: Policy::new(self.issuer, salt),
            outside: Vec::new(),
            secrets,
            issuer_id,
            limits: Limits::default(),
            outbox: Arc::default(),
            cache_bound: FRESH,
            own_clients: Vec::new(),
            own_prompts: None,
            consents: None,
            asked_clients: None,
        })
    }
}

impl Builder {
    /// Changes the policy. The issuer, the pairwise salt and the moment from which things are good stay as they are.
    #[must_use]
    pub fn policy(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        let (issuer, salt) = (
            self.policy.issuer.clone(),
            self.policy.pairwise_salt.clone(),
        );
        change(&mut self.policy);
        self.policy.issuer = issuer;
        self.policy.pairwise_salt = salt;
        self.policy.keys.valid_from = self.secrets.valid_from();
        self
    }

    /// A key that signs elsewhere. The first of an algorithm signs with it, in the place of the engine's own; more of the
    /// same are published, so that one can take over later or go.
    #[must_use]
    pub fn signer(mut self, signer: Arc<dyn Signer>) -> Self {
        self.outside.push(Outside::new(signer));
        self
    }

    /// What is derived from the master key, for digests of configured secrets.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// A channel to people's own devices, for CIBA; without it they look at the page at `/approvals`.
    #[must_use]
    pub fn backchannel_device(mut self, device: Arc<dyn BackchannelDevice>) -> Self {
        self.backchannel_device = device;
        self
    }

    /// The way out for documents that clients name. Without it nothing is fetched.
    #[must_use]
    pub fn fetcher(mut self, fetcher: Arc<dyn Fetcher>) -> Self {
        self.fetcher = fetcher;
        self
    }

    /// Who knows further claims of access tokens.
    #[must_use]
    pub fn token_claims(mut self, claims: Arc<dyn TokenClaims>) -> Self {
        self.token_claims = Some(claims);
        self
    }

    /// How mail to people is written and sent. Without it there is none, and nothing that needs it is offered.
    #[must_use]
    pub fn mail(mut self, mailer: Arc<dyn Mailer>, letters: Arc<dyn Letters>) -> Self {
        self.post = Some(Post { mailer, letters });
        self
    }

    /// Where codes for telephones are handed over to be sent. Without it none are, whatever the policy says.
    #[must_use]
    pub fn texts(mut self, hook: TextHook) -> Self {
        self.text_hook = Some(hook);
        self
    }

    /// Accounts that people change by themselves. Without them there is no signing up, no recovery, and no page at
    /// `/account`.
    #[must_use]
    pub fn people(mut self, people: Arc<dyn People>) -> Self {
        self.people = Some(people);
        self
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Other randomness, for tests.
    #[must_use]
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Who listens to events. Called more than once, each of them is told everything, in this order.
    #[must_use]
    pub fn events(mut self, events: Arc<dyn Events>) -> Self {
        self.events.push(events);
        self
    }

    /// For how many seconds a client is held that another process may have changed meanwhile: one, if this is not called.
    /// With 0 every request reads it from the store.
    #[must_use]
    pub fn cache_bound(mut self, seconds: u32) -> Self {
        self.cache_bound = seconds.into();
        self
    }

    /// Counts in the same tables as another provider, each issuer for itself, and rings the same bell when something is to
    /// be delivered. Whoever runs many issuers has one bound for all of them, and none forgets what it has counted when it
    /// is built anew.
    #[must_use]
    pub fn beside(mut self, other: &Provider) -> Self {
        self.limits = other.inner.limits.clone();
        self.outbox = Arc::clone(&other.inner.outbox);
        self
    }

    /// A client of the program's own. It is in no store, and comes before one of the same identifier that is.
    #[must_use]
    pub fn client(mut self, client: ClientSpec) -> Self {
        self.own_clients.push(client);
        self
    }

    /// Who has questions of their own to the person.
    #[must_use]
    pub fn own_prompts(mut self, prompts: Arc<dyn OwnPrompts>) -> Self {
        self.own_prompts = Some(prompts);
        self
    }

    /// Who knows what people allowed before.
    #[must_use]
    pub fn consents(mut self, consents: Arc<dyn Consents>) -> Self {
        self.consents = Some(consents);
        self
    }

    /// Who knows further clients.
    #[must_use]
    pub fn clients(mut self, clients: Arc<dyn Clients>) -> Self {
        self.asked_clients = Some(clients);
        self
    }

    /// Other grants than the built-in ones.
    #[must_use]
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Makes keys where they are missing, and the provider.
    ///
    /// # Errors
    /// The store fails, stored keys do not open with this master key, or a client of the program cannot be one.
    pub async fn build(mut self) -> Result<Provider, BuildError> {
        self.grants.retain_offered(&self.policy);
        self.policy.grant_types = self.grants.names().map(str::to_owned).collect();
        if let Some(profile) = self.policy.fapi_profile {
            profile.narrow(&mut self.policy);
        }
        self.policy.keys.valid_from = self.secrets.valid_from();
        if self.post.is_none() || self.people.is_none() {
            self.policy.people = self.policy.people.nothing();
        }
        if self.text_hook.is_none() {
            self.policy.people.texts = None;
        }
        let own = crate::endpoints::own_client(&self.policy).map(Arc::new);
        let metadata = crate::endpoints::discovery::document(&self.policy);
        let own_clients = OwnClients {
            named: OwnClients::named(self.own_clients, &self.policy, &self.secrets)?,
            asked: self.asked_clients,
        };
        let provider = Provider {
            inner: Arc::new(Inner {
                issuer_id: self.issuer_id,
                urls: crate::endpoints::Urls::new(&self.policy),
                policy: self.policy,
                secrets: self.secrets,
                keys: CurrentKeys::default(),
                outside: self.outside,
                learned: tokio::sync::Mutex::default(),
                store: self.store,
                accounts: self.accounts,
                interaction: self.interaction,
                fetcher: self.fetcher,
                token_claims: self.token_claims,
                post: self.post,
                people: self.people,
                own,
                mails: self.limits.mails.of(self.issuer_id),
                texts: self.limits.texts.of(self.issuer_id),
                text_hook: self.text_hook,
                newcomers: self.limits.newcomers.of(self.issuer_id),
                backchannel_device: self.backchannel_device,
                clock: self.clock,
                entropy: self.entropy,
                events: self.events,
                tallies: crate::tallies::Tallies::default(),
                grants: self.grants,
                clients: ClientCache::default(),
                own_clients,
                own_prompts: self.own_prompts,
                consents: self.consents,
                cache_bound: self.cache_bound,
                documents: Documents::default(),
                lookups: tokio::sync::Semaphore::new(16),
                remote_keys: RemoteKeys::default(),
                upstream_metadata: UpstreamMetadata::default(),
                logos: Logos::default(),
                outbox: self.outbox,
                sending: Sending::default(),
                wanted: Wanted::default(),
                pushes: self.limits.pushes.of(self.issuer_id),
                device_requests: self.limits.device_requests.of(self.issuer_id),
                wrong_codes: self.limits.wrong_codes.of(self.issuer_id),
                user_codes: self.limits.user_codes.of(self.issuer_id),
                wrong_second: self.limits.wrong_second.of(self.issuer_id),
                answers: self.limits.answers.of(self.issuer_id),
                hashes: self.limits.hashes.of(self.issuer_id),
                limits: self.limits,
                registering: tokio::sync::Mutex::default(),
                audit_turn: tokio::sync::Mutex::default(),
                referenced: Referenced::default(),
                outstanding: Outstanding::default(),
                metadata,
            }),
        };
        provider.load_keys().await?;
        Ok(provider)
    }
}

/// For those who know no other error: what a client of the program lacks is there from the first start.
impl From<BuildError> for StoreError {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Store(error) => error,
            BuildError::Client(error) => Self::Corrupt(error.into()),
        }
    }
}
