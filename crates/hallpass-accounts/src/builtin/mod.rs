//! Accounts that live in the provider's own store.

mod arrive;
mod attempts;
mod by_operator;
mod change;
mod identity;
mod name;
mod people;
mod sign_in;

use std::{sync::Arc, time::Duration};

use hallpass_provider::ports::{
    Account, Accounts, ByEmail, Clock, Entropy, NewPerson, SystemClock, SystemEntropy,
};
use hallpass_store::{BoxFuture, Store, StoreError, UserRecord};
use hallpass_types::{IssuerId, Subject};
use serde_json::Value;

use crate::{
    hash::{HashPool, Options},
    throttle::{Elsewhere, Limits, Throttle},
};

pub use arrive::Arriving;
pub use change::{AccountError, NewUser};
pub use name::username_key;

/// What the accounts stand on.
#[derive(Clone)]
pub struct Surroundings {
    /// Where they are kept.
    pub store: Arc<dyn Store>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes subjects and salts.
    pub entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

/// The built-in accounts.
#[derive(Debug)]
pub struct BuiltinAccounts {
    around: Surroundings,
    pool: Arc<HashPool>,
    throttle: Throttle,
    everywhere: Option<attempts::Everywhere>,
    min_length: usize,
    refusal: Duration,
}

impl BuiltinAccounts {
    /// A password is refused after this time at the earliest, by default: a third of a second is longer than most hashes take that
    /// come from elsewhere, and nobody minds.
    pub const REFUSAL: Duration = Duration::from_millis(300);

    /// Shortest password that may be set by default, in characters.
    pub const MIN_LENGTH: usize = 8;

    /// Accounts in a store, with default limits.
    pub fn new(around: Surroundings, pool: Arc<HashPool>) -> Self {
        Self {
            around,
            pool,
            throttle: Throttle::new(Limits::default()),
            everywhere: None,
            min_length: Self::MIN_LENGTH,
            refusal: Self::REFUSAL,
        }
    }

    /// Accounts in a store, with the clock and the randomness of the system, default limits and a hashing pool of their own.
    ///
    /// # Errors
    /// The threads of the pool could not be started.
    pub fn in_store(store: Arc<dyn Store>) -> std::io::Result<Self> {
        let around = Surroundings {
            store,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let pool = HashPool::start(Options::default())?;
        Ok(Self::new(around, Arc::new(pool)))
    }

    /// With other limits on sign-in attempts.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self {
            throttle: self.throttle.anew(limits),
            ..self
        }
    }

    /// With other limits, counted in the same tables as those of another issuer's accounts.
    #[must_use]
    pub fn with_limits_beside(self, other: &Self, limits: Limits) -> Self {
        Self {
            throttle: other.throttle.sharing(limits),
            ..self
        }
    }

    /// Attempts of one network are counted by other processes, too.
    #[must_use]
    pub fn with_networks_elsewhere(self, elsewhere: Option<Arc<dyn Elsewhere>>) -> Self {
        Self {
            throttle: self.throttle.with_elsewhere(elsewhere),
            ..self
        }
    }

    /// With another shortest password, in characters; never below [`Self::MIN_LENGTH`].
    #[must_use]
    pub fn with_min_length(self, characters: usize) -> Self {
        Self {
            min_length: characters.max(Self::MIN_LENGTH),
            ..self
        }
    }

    /// With another time after which a password is refused at the earliest; zero for as soon as it is known to be wrong. Until then
    /// the answer waits, so that its time does not tell whose hash was looked at: nobody's, one of today's, or one that another
    /// system made. Where a hash is seen that takes longer than half of it, the time becomes twice of what that took, up to
    /// three seconds.
    #[must_use]
    pub fn with_refusal(self, refusal: Duration) -> Self {
        Self { refusal, ..self }
    }

    /// The pool that hashes for these accounts.
    pub fn pool(&self) -> &HashPool {
        &self.pool
    }
}

impl Accounts for BuiltinAccounts {
    fn account<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Option<Account>, StoreError>> {
        Box::pin(async move {
            let user = self.around.store.user(issuer, subject).await?;
            Ok(user.and_then(|user| self.of_user(user)))
        })
    }

    fn are_users(&self) -> bool {
        true
    }

    fn of_user(&self, user: UserRecord) -> Option<Account> {
        (!user.disabled).then(|| account(user))
    }

    fn by_verified_email<'a>(
        &'a self,
        issuer: IssuerId,
        email: &'a str,
    ) -> BoxFuture<'a, Result<ByEmail, StoreError>> {
        Box::pin(async move {
            Ok(match self.by_confirmed_address(issuer, email).await? {
                None => ByEmail::Nobody,
                Some(user) if user.disabled => ByEmail::Disabled,
                Some(user) => ByEmail::Account(account(user)),
            })
        })
    }

    fn create(
        &self,
        issuer: IssuerId,
        person: NewPerson,
    ) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        Box::pin(self.create_for_identity(issuer, person))
    }

    fn has_password<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let user = self.around.store.user(issuer, subject).await?;
            Ok(user.is_some_and(|user| user.password.is_some()))
        })
    }

    fn find<'a>(
        &'a self,
        issuer: IssuerId,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Subject>, StoreError>> {
        Box::pin(async move {
            let key = username_key(name);
            if !name::is_possible(&key) {
                return Ok(None);
            }
            let user = self.around.store.user_by_name(issuer, &key).await?;
            Ok(user.filter(|user| !user.disabled).map(|user| user.subject))
        })
    }
}

/// The account that a record describes. What the record implies is among the claims unless it says otherwise itself.
fn account(user: UserRecord) -> Account {
    let mut claims = user.claims;
    claims
        .entry("preferred_username")
        .or_insert_with(|| Value::from(user.username.as_str()));
    claims
        .entry("updated_at")
        .or_insert_with(|| Value::from(user.updated_at.0));
    Account {
        subject: user.subject,
        epoch: user.epoch,
        display_name: user.username,
        claims: Arc::new(claims),
        disconnected: user.disconnected,
        memberships: user.memberships.into(),
    }
}

#[cfg(test)]
mod changes;
#[cfg(test)]
mod tests;
