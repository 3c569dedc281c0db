//! Codes that are sent to telephones: to confirm a number, and as a second step.
//!
//! A code waits sealed in the page that it was asked for on; nothing about it is in the store but that it was used. Tries are
//! counted with those of all other codes of the account, and sending is counted by number, account, network, browser, and for
//! everybody together, since messages cost money.

use std::net::IpAddr;

use hallpass_core::{
    record::Activity,
    sign_in::{Method, Proof},
};
use hallpass_store::{
    Commit, CredentialData, CredentialRecord, Phone, Spend, StoreError, attempts::Counted,
};
use hallpass_types::{
    Bucket, Key, Once, PhoneNumber, Subject, Timestamp, constant_time_eq, sha256,
};
use serde::{Deserialize, Serialize};

use super::{
    Answered, CodeRefused, Proven, Visitor,
    credentials::{only, record},
    mailed::{Reason, digits},
    sign_in::{SigningIn, used},
};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason as BrowserReason, SetCookies},
    ports::{Account, Change, MailCode},
    tries::By,
};

/// A code on its way to a telephone.
#[derive(Debug)]
pub struct Texted {
    /// Comes back with the code.
    pub sealed: String,
    /// Where it was sent, as far as its owner needs to know it by.
    pub to: String,
}

/// Why no code was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTexted {
    /// That is no number, or none that codes are sent to.
    Number,
    /// Too many were sent; again after so many seconds.
    Throttled {
        /// Seconds.
        retry_after: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct SealedText {
    #[serde(rename = "s")]
    subject: Subject,
    #[serde(rename = "e")]
    epoch: u32,
    #[serde(rename = "n")]
    number: PhoneNumber,
    #[serde(rename = "c")]
    digits: String,
    /// Names it: it is used once.
    #[serde(rename = "o")]
    name: [u8; 16],
    /// Digest of the page or session that it was made for.
    #[serde(rename = "b")]
    bound_to: [u8; 32],
    #[serde(rename = "x")]
    expires_at: Timestamp,
}

impl SealedText {
    fn once(&self) -> Key<Once> {
        let named = [b"text".as_slice(), &self.name].concat();
        Key::from_parts(Bucket::holding(self.expires_at), sha256(&named))
    }
}

/// What a right code uses up, and the number that it was sent to.
struct Right {
    number: PhoneNumber,
    once: Spend,
    counted: Option<Counted>,
}

impl Provider {
    /// Whether people confirm telephone numbers here.
    #[must_use]
    pub fn has_texts(&self) -> bool {
        self.inner.policy.people.texts.is_some()
    }

    /// Counts a message; the error is how many seconds to wait.
    async fn count_text(
        &self,
        (number, subject): (&PhoneNumber, &Subject),
        browser: &Browser,
        peer: Option<IpAddr>,
    ) -> Result<Result<(), u32>, Failure> {
        let inner = &self.inner;
        let Some(texts) = &inner.policy.people.texts else {
            return Err(Reason::NotOffered.into());
        };
        let now = self.now();
        let (store, secret) = (&*inner.store, inner.secrets.attempts());
        let mut here: Vec<_> = peer.into_iter().flat_map(By::networks).collect();
        here.extend(browser.binding.as_deref().map(By::Browser));
        let most = inner.policy.people.mails_per_network;
        if let Err(wait) = inner.mails.count(&here, most, now) {
            return Ok(Err(wait));
        }
        let whose = [By::Account(subject.as_str()), By::Address(number.as_str())];
        for by in &whose {
            let counted = inner
                .mails
                .count_everywhere(store, secret, by, texts.per_number, now);
            if let Err(wait) = counted.await? {
                return Ok(Err(wait));
            }
        }
        // What all of them cost together.
        let all = inner
            .texts
            .count_everywhere(store, secret, &By::Anybody, texts.per_day, now);
        if let Err(wait) = all.await? {
            tracing::warn!("no more codes are sent to telephones today: sms.per_day is reached");
            return Ok(Err(wait));
        }
        Ok(Ok(()))
    }

    async fn send_text(
        &self,
        account: &Account,
        number: PhoneNumber,
        bound_to: &str,
        (browser, peer): (&Browser, Option<IpAddr>),
    ) -> Result<Result<Texted, NotTexted>, Failure> {
        if !self.reaches(&number) {
            return Ok(Err(NotTexted::Number));
        }
        let whose = (&number, &account.subject);
        if let Err(retry_after) = self.count_text(whose, browser, peer).await? {
            return Ok(Err(NotTexted::Throttled { retry_after }));
        }
        let lifetime = self.inner.policy.people.code_lifetime;
        let expires_at = self.now().plus(lifetime);
        let digits = digits(self.random());
        let code = MailCode {
            digits: digits.clone(),
            lifetime,
        };
        let write = self.text(&number, &code, expires_at)?;
        let writes = vec![write.ok_or(Reason::NotOffered)?];
        let spends = Vec::new();
        self.commit(Commit { spends, writes }).await?;
        let to = number.masked();
        let sealed = SealedText {
            subject: account.subject.clone(),
            epoch: account.epoch,
            number,
            digits,
            name: self.random(),
            bound_to: sha256(bound_to.as_bytes()),
            expires_at,
        };
        let plain = serde_json::to_vec(&sealed).map_err(|e| Failure::Internal(e.to_string()))?;
        let sealed = self.inner.secrets.seal_browser("text", &plain);
        Ok(Ok(Texted { sealed, to }))
    }

    fn open_text(&self, account: &Account, bound_to: &str, sealed: &str) -> Option<SealedText> {
        let plain = self.inner.secrets.open_browser("text", sealed)?;
        let text: SealedText = serde_json::from_slice(&plain).ok()?;
        let stands = text.subject == account.subject
            && text.epoch == account.epoch
            && text.bound_to == sha256(bound_to.as_bytes())
            && !text.expires_at.is_over(self.now());
        stands.then_some(text)
    }

    /// Where the code was sent that this waits for, to show it again after a wrong one.
    #[must_use]
    pub fn texted_to(&self, visitor: &Visitor, sealed: &str) -> Option<String> {
        let text = self.open_text(visitor.account(), visitor.session_name(), sealed)?;
        Some(text.number.masked())
    }

    /// Looks at a code. Counted before it is looked at.
    async fn check_text(
        &self,
        account: &Account,
        bound_to: &str,
        (sealed, typed): (&str, &str),
    ) -> Result<Result<Right, CodeRefused>, Failure> {
        let text = self.open_text(account, bound_to, sealed);
        let text = text.ok_or(Reason::LinkOver)?;
        let counted = match self.count_code(&account.subject).await? {
            Ok(counted) => counted,
            Err(retry_after) => return Ok(Err(CodeRefused::Throttled { retry_after })),
        };
        let typed: String = typed
            .chars()
            .filter(char::is_ascii_digit)
            .take(16)
            .collect();
        if !constant_time_eq(text.digits.as_bytes(), typed.as_bytes()) {
            return Ok(Err(CodeRefused::Wrong));
        }
        Ok(Ok(Right {
            once: Spend::Once(text.once()),
            number: text.number,
            counted,
        }))
    }

    /// The number that a person confirmed, as far as its owner needs to know it by.
    ///
    /// # Errors
    /// The store fails.
    pub async fn phone_of(&self, subject: &Subject) -> Result<Option<String>, StoreError> {
        let held = self.credentials_of(subject).await?;
        Ok(phone(&held).map(|(_, phone)| phone.number.masked()))
    }

    /// Sends a code to a number that somebody wants to confirm.
    ///
    /// # Errors
    /// There are no codes by telephone, or the store fails.
    pub async fn phone_asked(
        &self,
        visitor: &Visitor,
        typed: &str,
        around: (&Browser, Option<IpAddr>),
    ) -> Result<Result<Texted, NotTexted>, Failure> {
        if !self.has_texts() {
            return Err(Reason::NotOffered.into());
        }
        self.may_change(&visitor.signed_in).await?;
        let Ok(number) = PhoneNumber::parse(typed) else {
            return Ok(Err(NotTexted::Number));
        };
        let bound_to = visitor.session_name();
        self.send_text(visitor.account(), number, bound_to, around)
            .await
    }

    /// The code that was sent to a number came back: the number is the account's, in the place of an earlier one. Where it is a
    /// second factor, the other sessions end, and this one goes on as one in which it was shown.
    ///
    /// # Errors
    /// The code is over, or the store fails.
    pub async fn add_phone(
        &self,
        visitor: &Visitor,
        given: (&str, &str),
        browser: &Browser,
    ) -> Result<Result<SetCookies, CodeRefused>, Failure> {
        self.may_change(&visitor.signed_in).await?;
        let account = visitor.account();
        let checked = self.check_text(account, visitor.session_name(), given);
        let right = match checked.await? {
            Ok(right) => right,
            Err(refused) => return Ok(Err(refused)),
        };
        let held = self.credentials_of(&account.subject).await?;
        let now = self.now();
        let id = only("phone");
        let data = CredentialData::Phone(Phone {
            number: right.number.clone(),
            verified_at: now,
        });
        let fresh = record(&account.subject, id, data, now);
        let credential = match phone(&held) {
            None => Spend::NewCredential(Box::new(fresh)),
            Some((held, _)) => Spend::Credential {
                subject: account.subject.clone(),
                id,
                revision: held.revision,
                next: Some(Box::new(CredentialRecord {
                    revision: held.revision.saturating_add(1),
                    ..fresh
                })),
            },
        };
        let change = Change::Phone(account, Some(&right.number));
        let Ok(prepared) = self.prepared(change).await? else {
            return Err(Failure::Unavailable { retry_after: 1 });
        };
        let mut spends = vec![right.once, credential];
        spends.extend(prepared.spends);
        let mut writes = prepared.writes;
        let added = Activity::PhoneAdded;
        let done = if self.inner.policy.sign_in.goes_on_with(Method::Sms) {
            writes.extend(self.second_added(&account.subject, added, browser).await?);
            let proof = Proof::new(Method::Sms, now);
            self.session_with(visitor, browser, proof, (spends, writes))
                .await?
        } else {
            writes.extend(self.ways_changed(&account.subject, added, browser).await?);
            let session = visitor.signed_in.key;
            let done = self.changed_in(session, spends, writes).await?;
            done.then(SetCookies::default)
        };
        if done.is_some() {
            self.give_back_code(&account.subject, right.counted).await;
        }
        Ok(done.ok_or(CodeRefused::Wrong))
    }

    /// Takes the number away, also from what is told about the person.
    ///
    /// # Errors
    /// The store fails.
    pub async fn remove_phone(&self, visitor: &Visitor, browser: &Browser) -> Result<(), Failure> {
        self.may_change(&visitor.signed_in).await?;
        let account = visitor.account();
        let held = self.credentials_of(&account.subject).await?;
        let Some((gone, _)) = phone(&held) else {
            return Ok(());
        };
        let Ok(prepared) = self.prepared(Change::Phone(account, None)).await? else {
            return Err(Failure::Unavailable { retry_after: 1 });
        };
        let mut spends = vec![Spend::Credential {
            subject: account.subject.clone(),
            id: gone.id,
            revision: gone.revision,
            next: None,
        }];
        spends.extend(prepared.spends);
        let mut writes = prepared.writes;
        let removed = Activity::PhoneRemoved;
        writes.extend(
            self.ways_changed(&account.subject, removed, browser)
                .await?,
        );
        if self
            .changed_in(visitor.signed_in.key, spends, writes)
            .await?
        {
            Ok(())
        } else {
            Err(Failure::Unavailable { retry_after: 1 })
        }
    }

    /// The person wants a code on their telephone as the second step.
    ///
    /// # Errors
    /// The handle is not valid in this browser, the page takes no such code, or the store fails.
    pub async fn second_text_asked(
        &self,
        handle: &str,
        around: (&Browser, Option<IpAddr>),
    ) -> Result<Result<Texted, NotTexted>, Failure> {
        let signing_in = self.open_sign_in(handle, around.0).await?;
        let (account, (_, phone)) = self.takes_text(&signing_in).await?;
        self.send_text(&account, phone.number, handle, around).await
    }

    /// A code from the telephone was typed as the second step.
    ///
    /// # Errors
    /// The handle is not valid in this browser, the code is over, or the store fails.
    pub async fn second_text_entered(
        &self,
        handle: &str,
        browser: &Browser,
        given: (&str, &str),
    ) -> Result<Result<Answered, CodeRefused>, Failure> {
        let signing_in = self.open_sign_in(handle, browser).await?;
        let (account, (held, phone)) = self.takes_text(&signing_in).await?;
        let right = match self.check_text(&account, handle, given).await? {
            Ok(right) => right,
            Err(refused) => return Ok(Err(refused)),
        };
        // It may have been another number when the code was sent.
        if right.number != phone.number {
            return Err(Reason::LinkOver.into());
        }
        let now = self.now();
        let spends = vec![right.once, used(held, CredentialData::Phone(phone), now)];
        let subject = account.subject.clone();
        let proven = Proven {
            account,
            proof: Proof::new(Method::Sms, now),
            must_change: false,
        };
        let proceeds = (spends, Vec::new());
        match self.advance(signing_in, browser, proven, proceeds).await? {
            Some(answered) => {
                self.give_back_code(&subject, right.counted).await;
                Ok(Ok(answered))
            }
            // Somebody was faster with the same code.
            None => Ok(Err(CodeRefused::Wrong)),
        }
    }

    /// Whose sign-in it is that takes a code from a telephone now, and which.
    async fn takes_text(
        &self,
        signing_in: &SigningIn,
    ) -> Result<(Account, (CredentialRecord, Phone)), Failure> {
        let account = self.second_takes(signing_in, Method::Sms)?.clone();
        let held = self.credentials_of(&account.subject).await?;
        let phone = phone(&held).ok_or(BrowserReason::StateUnknown)?;
        Ok((account, phone))
    }
}

fn phone(held: &[CredentialRecord]) -> Option<(CredentialRecord, Phone)> {
    held.iter().find_map(|record| {
        let CredentialData::Phone(phone) = &record.data else {
            return None;
        };
        (record.id == only("phone")).then(|| (record.clone(), phone.clone()))
    })
}
