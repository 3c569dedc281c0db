//! Signing in with user name and password.
//!
//! Whatever is wrong (the name, the password, the account is disabled or has no password), the answer is the same and
//! takes the same time: every attempt that is not throttled computes one hash, through one queue, and is refused after the same
//! time, which is longer than any hash takes.

use std::{net::IpAddr, time::Duration};

use hallpass_provider::ports::{
    KnownBrowser, PasswordChoice, PasswordRefused, PasswordSignIn, Prepared, SignInAttempt,
    SignInOutcome,
};
use hallpass_store::{BoxFuture, Commit, Spend, StoreError, UserRecord};
use hallpass_types::{IssuerId, Secret};

use super::{
    BuiltinAccounts, account,
    name::{is_possible, username_key},
};
use crate::{
    hash::{HashError, Lane, MAX_PASSWORD_LEN, Stored},
    throttle::Target,
};

/// No refusal waits longer because of a dear hash.
const LONGEST: Duration = Duration::from_secs(3);
/// Seconds to come back after when hashing itself fails.
const RETRY: u32 = 5;

impl PasswordSignIn for BuiltinAccounts {
    fn sign_in<'a>(
        &'a self,
        attempt: SignInAttempt<'a>,
    ) -> BoxFuture<'a, Result<SignInOutcome, StoreError>> {
        Box::pin(async move {
            let began = tokio::time::Instant::now();
            let outcome = self.decide(attempt).await?;
            if matches!(outcome, SignInOutcome::Refused) {
                let left = self.refused_after().saturating_sub(began.elapsed());
                tokio::time::sleep(left).await;
            }
            Ok(outcome)
        })
    }

    fn choose_password<'a>(
        &'a self,
        choice: PasswordChoice<'a>,
    ) -> BoxFuture<'a, Result<Result<Prepared, PasswordRefused>, StoreError>> {
        Box::pin(self.choose(choice))
    }
}

impl BuiltinAccounts {
    async fn decide(&self, given: SignInAttempt<'_>) -> Result<SignInOutcome, StoreError> {
        let SignInAttempt {
            issuer,
            username,
            password,
            peer,
            known,
        } = given;
        // No account has such a password, so this tells nothing about the name.
        if password.expose().len() > MAX_PASSWORD_LEN {
            return Ok(SignInOutcome::Refused);
        }
        let key = username_key(username);
        let user = if is_possible(&key) {
            self.by_name_or_address(issuer, &key).await?
        } else {
            None
        };
        let target = match &user {
            Some(user) => own_browser(user, known).unwrap_or(Target::Account(&user.subject)),
            None => Target::Nobody(&key),
        };
        let now = self.around.clock.now();
        let counted = match self.attempt(issuer, target, peer, now).await? {
            Ok(counted) => counted,
            Err(throttled) => {
                return Ok(SignInOutcome::Throttled {
                    retry_after: throttled.retry_after,
                });
            }
        };
        let stored = user.as_ref().and_then(usable_hash);
        let lane = match target {
            Target::Browser(_, name) => own_lane(name),
            Target::Account(_) | Target::Nobody(_) => lane(peer),
        };
        let verdict = match self
            .pool
            .verify_stored(lane, password, stored.as_ref())
            .await
        {
            Ok(verdict) => verdict,
            Err(error) => {
                counted.give_back().await;
                return Ok(unanswered(error));
            }
        };
        match user {
            Some(user) if verdict.matched => {
                counted.give_back().await;
                if verdict.needs_rehash {
                    self.renew(issuer, &user, password, lane).await;
                }
                Ok(SignInOutcome::SignedIn {
                    must_change: user.must_change_password,
                    account: account(user),
                    amr: vec!["pwd".to_owned()],
                })
            }
            Some(_) | None => {
                counted.failed();
                Ok(SignInOutcome::Refused)
            }
        }
    }

    /// How long after its beginning an attempt is refused. The time of the dearest hash that was seen is doubled, for what else runs.
    pub(super) fn refused_after(&self) -> Duration {
        if self.refusal.is_zero() {
            return Duration::ZERO;
        }
        let dearest = self.pool.dearest().saturating_mul(2).min(LONGEST);
        self.refusal.max(dearest)
    }

    /// Replaces a hash that was made with other parameters. Failing to do so is no reason to refuse the person; the next
    /// sign-in tries again. The epoch stays, since the password does.
    async fn renew(&self, issuer: IssuerId, user: &UserRecord, password: &Secret, lane: Lane) {
        let Ok(phc) = self.pool.hash(lane, password, self.salt()).await else {
            return;
        };
        let Ok(text) = phc.expose() else { return };
        let record = UserRecord {
            password: Some(text),
            revision: user.revision.saturating_add(1),
            ..user.clone()
        };
        let commit = Commit {
            spends: vec![Spend::User {
                revision: user.revision,
                record: Box::new(record),
            }],
            writes: Vec::new(),
        };
        if let Err(error) = self.around.store.commit(issuer, commit).await {
            tracing::warn!(error = %error, "a password hash could not be renewed");
        }
    }
}

/// A browser that is known for this account, with the credentials that it has now.
fn own_browser<'a>(user: &'a UserRecord, known: &'a [KnownBrowser]) -> Option<Target<'a>> {
    let own = known
        .iter()
        .find(|known| known.subject == user.subject && known.epoch == user.epoch)?;
    Some(Target::Browser(&user.subject, &own.name))
}

/// The hash to verify against; none for an account that may not sign in with a password.
fn usable_hash(user: &UserRecord) -> Option<Stored> {
    let text = user.password.as_deref().filter(|_| !user.disabled)?;
    Stored::parse(text)
        .inspect_err(|error| {
            tracing::error!(user.subject = %user.subject, error = %error, "a stored password hash cannot be used");
        })
        .ok()
}

/// The password was not looked at.
fn unanswered(error: HashError) -> SignInOutcome {
    match error {
        HashError::TooLong => SignInOutcome::Refused,
        HashError::Busy { retry_after } => SignInOutcome::Busy { retry_after },
        HashError::Failed | HashError::Ended => {
            tracing::error!(error = %error, "a password could not be verified");
            SignInOutcome::Busy { retry_after: RETRY }
        }
    }
}

/// A browser that is known goes before strangers, so that those do not keep its person waiting, or out.
fn own_lane(name: &[u8; 16]) -> Lane {
    let [a, b, c, d, e, f, g, h, ..] = *name;
    Lane::trusted(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}

/// Callers of one network share a lane: an IPv4 address, or the /64 of an IPv6 address.
pub(super) fn lane(peer: Option<IpAddr>) -> Lane {
    let key = match peer.map(|peer| peer.to_canonical()) {
        None => 0,
        Some(IpAddr::V4(address)) => u64::from(address.to_bits()),
        Some(IpAddr::V6(address)) => u64::try_from(address.to_bits() >> 64).unwrap_or(0),
    };
    Lane::anonymous(key)
}
