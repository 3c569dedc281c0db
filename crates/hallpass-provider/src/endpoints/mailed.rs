//! Links and codes that are mailed: asked for without telling who has an account, used once.
//!
//! Asking writes what waits behind the link and the order of the mail in one commit, the same for every address. Whether
//! there is an account is looked up when the mail is written. Looking at a link uses nothing up, since programs do that.

use std::net::IpAddr;

use hallpass_core::{
    reasons,
    record::{Activity, ActivityRecord, MailedPurpose, MailedRecord, WaitingRecord},
};
use hallpass_store::{Commit, Committed, Spend, StoreError, Write};
use hallpass_types::{Bucket, EmailAddress, Key, Opaque, Subject, Timestamp, Waiting};

use super::link::LATELY;
use crate::{
    Failure, Provider,
    browser::{Browser, Reason as BrowserReason, binding_digest},
    mail::{About, Order},
    ports::{Account, MailCode, MailLink, Message, People},
    tries::By,
};

reasons! {
    /// Why a link, a code or a page that people change their account with is refused.
    pub enum Reason {
        /// It was used, is too old, or was never one.
        LinkOver => InvalidRequest, "link_over", "this link does not work any more";
        /// People cannot do this by themselves here.
        NotOffered => AccessDenied, "not_offered", "this service does not offer that";
        /// Something of that name is not the person's.
        NotYours => InvalidRequest, "not_yours", "there is no such thing in your account";
        /// The link is about another account than the one that is signed in.
        OtherAccount => AccessDenied, "link_other_account", "this link belongs to another account";
    }
}

/// What came of asking for a mail. It never depends on whether there is an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailAsked {
    /// If there is something to be sent, it is on its way.
    Accepted,
    /// Too much was asked for from here.
    Throttled {
        /// Seconds to wait.
        retry_after: u32,
    },
}

/// Something to be mailed.
pub(crate) struct Wanted<'a> {
    pub(crate) purpose: MailedPurpose,
    pub(crate) address: &'a EmailAddress,
    pub(crate) browser: Option<&'a Browser>,
    pub(crate) request: Option<&'a str>,
    pub(crate) about: Option<&'a Account>,
    pub(crate) peer: Option<IpAddr>,
}

pub(super) const LINK: &str = "/link";

impl Provider {
    /// The accounts, where people can change them by themselves.
    pub(crate) fn people(&self) -> Result<&dyn People, Failure> {
        let people = self.inner.people.as_deref();
        people.ok_or_else(|| Reason::NotOffered.into())
    }

    /// Counts a mail that a stranger wants to be sent. To one address too often: none is sent, and nobody is told.
    /// What is counted in the store is counted by the writing of mails as well: whoever is stopped here writes nothing.
    async fn count_mail(&self, wanted: &Wanted<'_>) -> Result<Result<bool, u32>, StoreError> {
        // It is the operator who invites, and who is told that it is on its way.
        if wanted.purpose == MailedPurpose::Invitation {
            return Ok(Ok(true));
        }
        let inner = &self.inner;
        let policy = &inner.policy.people;
        let now = self.now();
        let own = wanted
            .browser
            .and_then(|browser| self.browser_of_address(browser, wanted.address));
        if let Some(name) = own {
            return self.count_own_mail(wanted, name).await;
        }
        let binding = wanted.browser.and_then(|b| b.binding.as_deref());
        let (store, secret) = (&*inner.store, inner.secrets.attempts());
        let mails = &inner.mails;
        let networks = wanted.peer.into_iter().flat_map(By::networks);
        let (network, mut here): (Vec<_>, Vec<_>) =
            networks.partition(|by| matches!(by, By::Network(_)));
        here.extend(binding.map(By::Browser));
        if let Err(wait) = mails.count(&here, policy.mails_per_network, now) {
            return Ok(Err(wait));
        }
        for network in network {
            let most = policy.mails_per_network;
            let counted = mails.count_everywhere(store, secret, &network, most, now);
            if let Err(wait) = counted.await? {
                return Ok(Err(wait));
            }
        }
        // Each purpose for itself: whoever uses up one keeps nobody from the others.
        let key = format!("{} {}", wanted.purpose.as_str(), wanted.address.key());
        let most = policy.mails_per_address;
        let to = By::Address(&key);
        let counted = mails.count_everywhere(store, secret, &to, most, now);
        Ok(Ok(counted.await?.is_ok()))
    }

    /// Where the owner of the address signed in before, what strangers had sent to it does not count: they could keep somebody out
    /// who signs in by mail, or wants to recover.
    async fn count_own_mail(
        &self,
        wanted: &Wanted<'_>,
        name: [u8; 16],
    ) -> Result<Result<bool, u32>, StoreError> {
        let inner = &self.inner;
        let name = u128::from_be_bytes(name);
        let key = format!(
            "{} {} {name:x}",
            wanted.purpose.as_str(),
            wanted.address.key()
        );
        let most = inner.policy.people.mails_per_address;
        let (store, secret) = (&*inner.store, inner.secrets.attempts());
        let to = By::Address(&key);
        let mails = &inner.mails;
        let counted = mails.count_everywhere(store, secret, &to, most, self.now());
        Ok(Ok(counted.await?.is_ok()))
    }

    /// Asks for a mail with a link, or with a code to type in this browser. Answers where the code waits.
    pub(crate) async fn ask_by_mail(
        &self,
        wanted: Wanted<'_>,
        with_code: bool,
    ) -> Result<Result<Opaque<Waiting>, u32>, Failure> {
        let policy = &self.inner.policy.people;
        let now = self.now();
        let lifetime = match wanted.purpose {
            MailedPurpose::SignIn if with_code => policy.code_lifetime,
            MailedPurpose::Invitation => policy.invitation_lifetime,
            MailedPurpose::SignUp
            | MailedPurpose::Recover
            | MailedPurpose::SignIn
            | MailedPurpose::NewAddress
            | _ => policy.link_lifetime,
        };
        let expires_at = now.plus(lifetime);
        let token = Opaque::<Waiting>::from_random(Bucket::holding(expires_at), &self.random());
        match self.count_mail(&wanted).await? {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(token)),
            Err(retry_after) => return Ok(Err(retry_after)),
        }
        let code = with_code.then(|| digits(self.random()));
        let digest = code.as_ref().map(|code| {
            let secrets = &self.inner.secrets;
            secrets.mail_code_digest(token.key(), code)
        });
        let record = MailedRecord {
            purpose: wanted.purpose,
            address: wanted.address.clone(),
            binding: wanted
                .browser
                .and_then(|browser| browser.binding.as_deref())
                .map(binding_digest),
            subject: wanted.about.map(|account| account.subject.clone()),
            epoch: wanted.about.map(|account| account.epoch),
            replaces: match wanted.about {
                Some(account) if wanted.purpose == MailedPurpose::NewAddress => {
                    self.address_of(&account.subject).await?
                }
                Some(_) | None => None,
            },
            handed_over: false,
            for_operators: false,
            request: wanted.request.map(str::to_owned),
            code: digest,
            tries: 0,
            issued_at: now,
            turn: 0,
            expires_at,
        };
        let order = Order {
            to: wanted.address.clone(),
            about: About::Asked {
                token: token.expose().to_owned(),
                code,
            },
        };
        let write = self.order(wanted.purpose.as_str(), &order, expires_at)?;
        let waiting = WaitingRecord::Mailed(Box::new(record));
        let commit = Commit {
            spends: vec![Spend::NewWaiting(token.key(), Box::new(waiting))],
            writes: vec![write],
        };
        match self.commit(commit).await? {
            Committed::Done => Ok(Ok(token)),
            Committed::TooLate(_) => Err(Failure::Internal("a handle is taken".to_owned())),
        }
    }

    /// The mail address of an account, whether it was proved or not.
    pub(super) async fn address_of(
        &self,
        subject: &Subject,
    ) -> Result<Option<EmailAddress>, Failure> {
        let person = self.people()?.person(self.inner.issuer_id, subject).await?;
        Ok(person.and_then(|person| person.address))
    }

    pub(super) async fn mailed(
        &self,
        key: Key<Waiting>,
    ) -> Result<Option<(MailedRecord, u32)>, StoreError> {
        let inner = &self.inner;
        let found = inner.store.waiting(inner.issuer_id, key).await?;
        let Some(found) = found else {
            return Ok(None);
        };
        let WaitingRecord::Mailed(record) = found.record else {
            return Ok(None);
        };
        let over = record.expires_at.is_over(self.now());
        Ok((!over).then_some((*record, found.revision)))
    }

    /// What is mailed to whoever asked. None: nothing, since there is no account.
    pub(crate) async fn answer_to(
        &self,
        token: &Opaque<Waiting>,
        code: Option<String>,
    ) -> Result<Option<Message>, StoreError> {
        let key = token.key();
        let Some((mut record, revision)) = self.mailed(key).await? else {
            return Ok(None);
        };
        let Some(people) = self.inner.people.as_deref() else {
            return Ok(None);
        };
        let inner = &self.inner;
        let lifetime = record.expires_at.since(record.issued_at);
        let url = format!("{LINK}?token={}", token.expose());
        let link = MailLink {
            url: inner.policy.issuer.url(&url),
            lifetime,
        };
        let recover = inner.policy.issuer.url("/recover");
        let holder = people.by_address(inner.issuer_id, &record.address).await?;
        let registered = Message::AlreadyRegistered { recover };
        Ok(match (record.purpose, holder) {
            (MailedPurpose::SignUp | MailedPurpose::NewAddress, Some(_)) => Some(registered),
            (MailedPurpose::SignUp, None) => Some(Message::SignUp { link }),
            (MailedPurpose::Invitation, None) => Some(Message::Invitation { link }),
            (MailedPurpose::NewAddress, None) => Some(Message::ConfirmAddress { link }),
            (MailedPurpose::Recover | MailedPurpose::SignIn, None)
            | (MailedPurpose::Invitation, Some(_)) => None,
            (MailedPurpose::Recover | MailedPurpose::SignIn, Some(person)) => {
                // From here on it is about this account as it is now. When the mail is sent once more, it is about no other: the
                // first copy may lie where somebody reads it whom a change of credentials was to keep out.
                let now = (Some(person.account.subject), Some(person.account.epoch));
                let before = (record.subject.take(), record.epoch.take());
                if before.0.is_some() && before != now {
                    return Ok(None);
                }
                (record.subject, record.epoch) = now;
                // It ends the links that were asked for before. Written when the mail is, once, and of the moment in which it was
                // asked for.
                let first = before.0.is_none() && record.purpose == MailedPurpose::Recover;
                let line = self.random();
                if let Some(subject) = record.subject.as_ref().filter(|_| first) {
                    record.turn = self.turn_of(subject, record.issued_at, &line).await?;
                }
                let asked = record.subject.as_ref().filter(|_| first).map(|subject| {
                    let kept = record.issued_at.plus(inner.policy.people.activity_kept);
                    let kept = kept.max(record.expires_at);
                    let activity = ActivityRecord {
                        subject: subject.clone(),
                        at: record.issued_at,
                        what: Activity::RecoveryAsked,
                        visit: None,
                        client: None,
                        turn: record.turn,
                    };
                    Write::Activity(Bucket::holding(kept), line, Box::new(activity))
                });
                let message = match (record.purpose, code) {
                    (MailedPurpose::Recover, _) => Message::Recover { link },
                    (_, Some(digits)) => Message::SignInCode {
                        code: MailCode { digits, lifetime },
                    },
                    (_, None) => Message::SignInLink { link },
                };
                let next = Some(Box::new(WaitingRecord::Mailed(Box::new(record))));
                let spends = vec![Spend::Waiting {
                    key,
                    revision,
                    next,
                }];
                let writes = asked.into_iter().collect();
                match self.commit(Commit { spends, writes }).await? {
                    Committed::Done => Some(message),
                    Committed::TooLate(_) => None,
                }
            }
            (_, _) => None,
        })
    }

    /// Which of the links that were asked for at this moment comes now: later than those whose mail was written before. Of two that
    /// are written in the same instant one is later all the same.
    async fn turn_of(
        &self,
        subject: &Subject,
        at: Timestamp,
        line: &[u8; 16],
    ) -> Result<u64, StoreError> {
        let inner = &self.inner;
        let happened = inner.store.activity_of(inner.issuer_id, subject, LATELY);
        let turns = happened.await?.into_iter().filter_map(|activity| {
            let is_one = activity.what == Activity::RecoveryAsked && activity.at == at;
            is_one.then_some(activity.turn >> 32)
        });
        let before = turns.max().unwrap_or(0);
        let [a, b, c, d, ..] = *line;
        let chance = u64::from(u32::from_be_bytes([a, b, c, d]));
        Ok((before.saturating_add(1) << 32) | chance)
    }

    /// Asks for a code to sign in with, to be typed in this browser within ten minutes. Answers the handle that comes
    /// back with the code; it is the same whether or not there is an account.
    ///
    /// # Errors
    /// The handle of the request is not valid in this browser, or the store fails.
    pub async fn sign_in_code_asked(
        &self,
        handle: &str,
        browser: &Browser,
        address: &EmailAddress,
        peer: Option<IpAddr>,
    ) -> Result<Result<String, u32>, Failure> {
        self.interaction_details(handle, browser).await?;
        let wanted = Wanted {
            purpose: MailedPurpose::SignIn,
            address,
            browser: Some(browser),
            request: Some(handle),
            about: None,
            peer,
        };
        let asked = self.ask_by_mail(wanted, true).await?;
        Ok(asked.map(|token| token.expose().to_owned()))
    }

    /// Asks for a link to sign in with, to be opened in this browser.
    ///
    /// # Errors
    /// As [`Self::sign_in_code_asked`].
    pub async fn sign_in_link_asked(
        &self,
        handle: &str,
        browser: &Browser,
        address: &EmailAddress,
        peer: Option<IpAddr>,
    ) -> Result<MailAsked, Failure> {
        self.interaction_details(handle, browser).await?;
        let handle = &self.remembering(handle, browser).await?;
        let wanted = Wanted {
            purpose: MailedPurpose::SignIn,
            address,
            browser: Some(browser),
            request: Some(handle),
            about: None,
            peer,
        };
        Ok(self.ask_by_mail(wanted, false).await?.into())
    }

    /// Checks a code that was mailed for the request of that handle. Every wrong one is counted in the same commit that refuses it, so that many at
    /// once are no more tries than one after the other; the fifth uses the code up.
    ///
    /// # Errors
    /// The code is over: used, too old, tried too often, or of another browser or request.
    pub async fn sign_in_code_entered(
        &self,
        handle: &str,
        waiting: &str,
        browser: &Browser,
        typed: &str,
    ) -> Result<Option<Account>, Failure> {
        let key = Opaque::<Waiting>::parse(waiting)
            .ok_or(Reason::LinkOver)?
            .key();
        for _ in 0..ROUNDS {
            let (mut record, revision) = self.mailed(key).await?.ok_or(Reason::LinkOver)?;
            if !is_here(&record, browser) {
                return Err(BrowserReason::OtherBrowser.into());
            }
            if record.request.as_deref() != Some(handle) {
                return Err(Reason::LinkOver.into());
            }
            let typed: String = typed.chars().filter(char::is_ascii_digit).collect();
            let digest = self.inner.secrets.mail_code_digest(key, &typed);
            let right = record
                .code
                .is_some_and(|code| hallpass_types::constant_time_eq(&code, &digest));
            let account = match (right, &record.subject) {
                (true, Some(_)) => Some(self.still(&record).await?),
                (true, None) | (false, _) => None,
            };
            let next = if account.is_some() || record.tries.saturating_add(1) >= MOST_TRIES {
                None
            } else {
                record.tries = record.tries.saturating_add(1);
                Some(Box::new(WaitingRecord::Mailed(Box::new(record))))
            };
            let spends = vec![Spend::Waiting {
                key,
                revision,
                next,
            }];
            let writes = Vec::new();
            match self.commit(Commit { spends, writes }).await? {
                Committed::Done => return Ok(account),
                // Another try was faster: this one has not been counted yet.
                Committed::TooLate(_) => {}
            }
        }
        Err(Failure::Unavailable { retry_after: 1 })
    }
}

impl From<Result<Opaque<Waiting>, u32>> for MailAsked {
    fn from(asked: Result<Opaque<Waiting>, u32>) -> Self {
        match asked {
            Ok(_) => Self::Accepted,
            Err(retry_after) => Self::Throttled { retry_after },
        }
    }
}

pub(super) fn is_here(record: &MailedRecord, browser: &Browser) -> bool {
    let bound = browser.binding.as_deref().map(binding_digest);
    record.binding.is_some() && bound == record.binding
}

/// Eight digits. What the remainder favours is less than one in four billion.
pub(super) fn digits(random: [u8; 8]) -> String {
    let number = u64::from_be_bytes(random).checked_rem(100_000_000);
    format!("{:08}", number.unwrap_or_default())
}

/// Wrong codes that use a code up.
const MOST_TRIES: u32 = 5;
/// So often a try is made again when others are faster.
const ROUNDS: u32 = 8;

#[cfg(test)]
mod tests {
    use hallpass_types::Timestamp;

    use super::*;

    #[test]
    fn a_code_has_eight_digits() {
        assert_eq!(digits([0; 8]), "00000000");
        assert_eq!(digits([255; 8]).len(), 8);
        assert!(digits([7; 8]).bytes().all(|b| b.is_ascii_digit()));
    }

    #[test]
    fn only_the_browser_that_asked_is_here() {
        let mut record = MailedRecord {
            purpose: MailedPurpose::SignUp,
            address: EmailAddress::parse("a@b.test").unwrap(),
            binding: None,
            subject: None,
            epoch: None,
            replaces: None,
            handed_over: false,
            for_operators: false,
            request: None,
            code: None,
            tries: 0,
            issued_at: Timestamp(0),
            turn: 0,
            expires_at: Timestamp(1),
        };
        let browser = |binding: Option<&str>| Browser {
            binding: binding.map(str::to_owned),
            ..Browser::default()
        };
        assert!(!is_here(&record, &browser(None)), "nobody's link");
        assert!(!is_here(&record, &browser(Some("x"))));
        record.binding = Some(binding_digest("x"));
        assert!(is_here(&record, &browser(Some("x"))));
        assert!(!is_here(&record, &browser(Some("y"))));
        assert!(!is_here(&record, &browser(None)));
    }
}
