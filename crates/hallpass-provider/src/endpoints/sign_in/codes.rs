//! Codes of authenticator apps and recovery codes, as a second step.

use std::net::IpAddr;

use hallpass_core::{
    record::{Activity, MailedPurpose},
    sign_in::{Method, Proof, recovery, totp},
};
use hallpass_store::{CredentialData, CredentialRecord, Spend, StoreError, attempts::Counted};
use hallpass_types::{Subject, Timestamp};

use super::{Proven, SignInStep, SigningIn};
use crate::{
    Failure, Provider,
    browser::Browser,
    endpoints::{Answered, mailed::Wanted},
    ports::Account,
    tries::By,
};

/// Tries of codes per account within the window of [`Provider`]'s counter.
const TRIES: u32 = 5;
/// Tries of recovery codes as the first proof per network within that window, whosever they are.
const PER_NETWORK: u32 = 100;

/// A code that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeRefused {
    /// It is wrong, or was used before.
    Wrong,
    /// Too many tries for this account; again after so many seconds.
    Throttled {
        /// Seconds.
        retry_after: u32,
    },
}

impl Provider {
    /// A code was typed on the sign-in page. Counted before it is looked at.
    ///
    /// # Errors
    /// The handle is not valid in this browser, the page asks for no code, or the store fails.
    pub async fn code_given(
        &self,
        handle: &str,
        browser: &Browser,
        method: Method,
        typed: &str,
    ) -> Result<Result<Answered, CodeRefused>, Failure> {
        let signing_in = self.open_sign_in(handle, browser).await?;
        let asked = match signing_in.step(self)? {
            Some(SignInStep::Second(methods)) => methods.contains(&method),
            Some(SignInStep::First(_) | SignInStep::Enrol | SignInStep::NewPassword) | None => {
                false
            }
        };
        let Some(account) = signing_in.account.clone().filter(|_| asked) else {
            return Err(crate::browser::Reason::StateUnknown.into());
        };
        let counted = match self.count_code(&account.subject).await? {
            Ok(counted) => counted,
            Err(retry_after) => return Ok(Err(CodeRefused::Throttled { retry_after })),
        };
        let now = self.now();
        let Some(spend) = self.code_spend(&account.subject, method, typed).await? else {
            return Ok(Err(CodeRefused::Wrong));
        };
        let happened = if method == Method::RecoveryCode {
            let used = Activity::RecoveryCodeUsed;
            self.ways_changed(&account.subject, used, browser).await?
        } else {
            Vec::new()
        };
        let proven = Proven {
            account: account.clone(),
            proof: Proof::new(method, now),
            must_change: false,
        };
        match self
            .advance(signing_in, browser, proven, (vec![spend], happened))
            .await?
        {
            Some(answered) => {
                self.give_back_code(&account.subject, counted).await;
                Ok(Ok(answered))
            }
            // Somebody was faster with the same code.
            None => Ok(Err(CodeRefused::Wrong)),
        }
    }

    /// A recovery code was typed as the first proof, with the name of an account. Counted before it is looked at, and as much is
    /// looked up for a name that nobody has. `peer` is the address of their computer: what one network may try is bounded before
    /// anything is written down, and where nobody says where people come from nothing is, and each process counts for itself.
    ///
    /// # Errors
    /// The handle is not valid in this browser, the page takes no such code, or the store fails.
    pub async fn recovery_given(
        &self,
        handle: &str,
        browser: &Browser,
        (name, typed): (&str, &str),
        peer: Option<IpAddr>,
    ) -> Result<Result<(Subject, Answered), CodeRefused>, Failure> {
        let signing_in = self.open_sign_in(handle, browser).await?;
        let method = Method::RecoveryCode;
        let rules = &self.inner.policy.sign_in;
        if !rules
            .methods_for(Some(signing_in.client()))
            .contains(&method)
        {
            return Err(crate::browser::Reason::StateUnknown.into());
        }
        let inner = &self.inner;
        let found = inner.accounts.find(inner.issuer_id, name).await?;
        let nobody = hallpass_types::sha256(name.trim().to_lowercase().as_bytes());
        let nobody = Subject::parse(&hallpass_jose::base64url::encode(nobody))
            .map_err(|_| Failure::Internal("a digest is no subject".to_owned()))?;
        let subject = found.as_ref().unwrap_or(&nobody);
        let account = inner.accounts.account(inner.issuer_id, subject).await?;
        // The person's own browsers have tries of their own, or strangers would use up theirs.
        let known = self.known_browsers(browser);
        let mut known = known.iter().filter(|known| known.subject == *subject);
        let epoch = account.as_ref().map(|account| account.epoch);
        let by = match known.find(|known| Some(known.epoch) == epoch) {
            Some(known) => By::Known(subject.as_str(), known.name),
            None => By::Recovered(subject.as_str()),
        };
        let counted = match self.count_first_code(&by, peer).await? {
            Ok(counted) => counted,
            Err(retry_after) => return Ok(Err(CodeRefused::Throttled { retry_after })),
        };
        let spend = self.code_spend(subject, method, typed).await?;
        let (Some(spend), Some(account)) = (spend, account) else {
            return Ok(Err(CodeRefused::Wrong));
        };
        let subject = subject.clone();
        let used = Activity::RecoveryCodeUsed;
        let writes = self.ways_changed(&subject, used, browser).await?;
        let proven = Proven {
            account,
            proof: Proof::new(method, self.now()),
            must_change: false,
        };
        let proceeds = (vec![spend], writes);
        match self.advance(signing_in, browser, proven, proceeds).await? {
            Some(answered) => {
                let tries = &inner.wrong_second;
                tries.give_back(&peer.into_iter().flat_map(By::networks).collect::<Vec<_>>());
                tries
                    .give_back_everywhere(&*inner.store, &by, counted)
                    .await;
                Ok(Ok((subject, answered)))
            }
            None => Ok(Err(CodeRefused::Wrong)),
        }
    }

    /// Counts a try of somebody who has proved nothing; the error is how many seconds to wait.
    async fn count_first_code(
        &self,
        by: &By<'_>,
        peer: Option<IpAddr>,
    ) -> Result<Result<Option<Counted>, u32>, Failure> {
        let inner = &self.inner;
        let (tries, now) = (&inner.wrong_second, self.now());
        let Some(peer) = peer else {
            let counted = tries.count(std::slice::from_ref(by), TRIES, now);
            return Ok(counted.map(|()| None));
        };
        let networks: Vec<_> = By::networks(peer).collect();
        if let Err(retry_after) = tries.count(&networks, PER_NETWORK, now) {
            return Ok(Err(retry_after));
        }
        let (store, secret) = (&*inner.store, inner.secrets.attempts());
        let counted = tries.count_everywhere(store, secret, by, TRIES, now).await;
        if !matches!(counted, Ok(Ok(_))) {
            tries.give_back(&networks);
        }
        Ok(counted?)
    }

    /// The person wants a code by mail as their second step. Answers the handle that comes back with it; the error is how many
    /// seconds to wait.
    ///
    /// # Errors
    /// The handle is not valid in this browser, the page takes no such code, or the store fails.
    pub async fn second_code_asked(
        &self,
        handle: &str,
        browser: &Browser,
        peer: Option<IpAddr>,
    ) -> Result<Result<String, u32>, Failure> {
        let signing_in = self.open_sign_in(handle, browser).await?;
        let account = self.takes_mailed_code(&signing_in)?;
        let people = self.people()?;
        let person = people
            .person(self.inner.issuer_id, &account.subject)
            .await?;
        let person = person.filter(|person| person.address_verified);
        let address = person.and_then(|person| person.address);
        let address = address.ok_or(crate::browser::Reason::StateUnknown)?;
        let wanted = Wanted {
            purpose: MailedPurpose::SignIn,
            address: &address,
            browser: Some(browser),
            request: Some(handle),
            about: Some(account),
            peer,
        };
        let asked = self.ask_by_mail(wanted, true).await?;
        Ok(asked.map(|token| token.expose().to_owned()))
    }

    /// A mailed code was typed as the second step.
    ///
    /// # Errors
    /// The handle is not valid in this browser, the code is over, or the store fails.
    pub async fn second_code_entered(
        &self,
        handle: &str,
        browser: &Browser,
        waiting: &str,
        typed: &str,
    ) -> Result<Option<Answered>, Failure> {
        let signing_in = self.open_sign_in(handle, browser).await?;
        let account = self.takes_mailed_code(&signing_in)?.clone();
        let mailed_to = self
            .sign_in_code_entered(handle, waiting, browser, typed)
            .await?;
        let theirs = mailed_to.filter(|to| to.subject == account.subject);
        if theirs.is_none() {
            return Ok(None);
        }
        let proven = Proven {
            account,
            proof: Proof::new(Method::EmailCode, self.now()),
            must_change: false,
        };
        let nothing = (Vec::new(), Vec::new());
        self.advance(signing_in, browser, proven, nothing).await
    }

    /// Whose sign-in it is that takes a mailed code now.
    fn takes_mailed_code<'s>(&self, signing_in: &'s SigningIn) -> Result<&'s Account, Failure> {
        self.second_takes(signing_in, Method::EmailCode)
    }

    /// Whose sign-in it is whose second step takes this method now.
    pub(crate) fn second_takes<'s>(
        &self,
        signing_in: &'s SigningIn,
        method: Method,
    ) -> Result<&'s Account, Failure> {
        let taken = match signing_in.step(self)? {
            Some(SignInStep::Second(methods)) => methods.contains(&method),
            Some(SignInStep::First(_) | SignInStep::Enrol | SignInStep::NewPassword) | None => {
                false
            }
        };
        let account = signing_in.account.as_ref().filter(|_| taken);
        account.ok_or_else(|| crate::browser::Reason::StateUnknown.into())
    }

    /// Counts a try of a code; the error is how many seconds to wait.
    pub(crate) async fn count_code(
        &self,
        subject: &Subject,
    ) -> Result<Result<Option<Counted>, u32>, StoreError> {
        let inner = &self.inner;
        let by = By::Account(subject.as_str());
        let secret = inner.secrets.attempts();
        inner
            .wrong_second
            .count_everywhere(&*inner.store, secret, &by, TRIES, self.now())
            .await
    }

    /// The code was right.
    pub(crate) async fn give_back_code(&self, subject: &Subject, counted: Option<Counted>) {
        let inner = &self.inner;
        let by = By::Account(subject.as_str());
        inner
            .wrong_second
            .give_back_everywhere(&*inner.store, &by, counted)
            .await;
    }

    /// What uses the code up; none when it is not one of the person's.
    pub(crate) async fn code_spend(
        &self,
        subject: &Subject,
        method: Method,
        typed: &str,
    ) -> Result<Option<Spend>, Failure> {
        let now = self.now();
        for record in self.credentials_of(subject).await? {
            let data = match (&record.data, method) {
                (CredentialData::Totp(held), Method::Totp) => {
                    let secret = self
                        .inner
                        .secrets
                        .open_totp(subject, record.id, &held.sealed)
                        .ok_or_else(|| {
                            Failure::Internal("the secret of a code does not open".to_owned())
                        })?;
                    let step = totp::matching_step(&secret, typed, Some(held.last_step), now);
                    step.map(|last_step| {
                        CredentialData::Totp(hallpass_store::Totp {
                            last_step,
                            ..held.clone()
                        })
                    })
                }
                (CredentialData::RecoveryCodes(held), Method::RecoveryCode) => {
                    recovery::canonical(typed).and_then(|code| {
                        let digest = self.inner.secrets.recovery_digest(subject, &code);
                        let mut left = held.clone();
                        left.left.retain(|one| *one != digest);
                        let taken = left.left.len() < held.left.len();
                        taken.then_some(CredentialData::RecoveryCodes(left))
                    })
                }
                _ => None,
            };
            if let Some(data) = data {
                return Ok(Some(used(record, data, now)));
            }
        }
        Ok(None)
    }
}

/// The change that says that a credential was used.
pub(crate) fn used(record: CredentialRecord, data: CredentialData, now: Timestamp) -> Spend {
    let next = CredentialRecord {
        data,
        last_used_at: Some(now),
        revision: record.revision.saturating_add(1),
        ..record.clone()
    };
    Spend::Credential {
        subject: record.subject,
        id: record.id,
        revision: record.revision,
        next: Some(Box::new(next)),
    }
}
