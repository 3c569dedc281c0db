//! Links and codes that are mailed: asked for without telling who has an account, used once.
//!
//! Asking writes what waits behind the link and the order of the mail in one commit, the same for every address. Whether
//! there is an account is looked up when the mail is written. Looking at a link uses nothing up, since programs do that.

use std::net::IpAddr;

use hallpass_core::{
    reasons,
    record::{Activity, ActivityRecord, MailedPurpose, MailedRecord, Visit, WaitingRecord},
    sign_in::{Demand, Enrolled, Method, Proof, Step, step},
};
use hallpass_store::{Commit, Committed, Spend, StoreError, Write};
use hallpass_types::{Bucket, ClientId, EmailAddress, Key, Opaque, Secret, Subject, Waiting};

use super::{Answered, Proven, SignedIn};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason as BrowserReason, SetCookies, binding_digest},
    mail::{About, Order},
    ports::{Account, Change, MailCode, MailLink, Message, PageKind, People, Prepared, Unfit},
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

/// What the page behind a link shows.
#[derive(Clone, Debug)]
pub struct LinkDetails {
    /// What the link is good for.
    pub purpose: MailedPurpose,
    /// The address that it was sent to.
    pub address: EmailAddress,
    /// Whether it was asked for in this browser, so that the person goes on where they were.
    pub here: bool,
}

/// What a person answers on the page behind a link.
#[derive(Debug, Default)]
pub struct LinkAnswer {
    /// The password that they want.
    pub password: Option<Secret>,
    /// The name that they want to be called by.
    pub name: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub enum LinkUsed {
    /// The person is signed in and goes on where they were.
    Answered(Box<Answered>),
    /// The person is signed in and goes to their account.
    Account(SetCookies),
    /// It is done; there is nothing to go on with here. Where they were, when that is known: a page to sign in.
    Done(Option<String>),
    /// What they want cannot be; the link still works.
    Unfit(Unfit),
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

const LINK: &str = "/link";

impl Provider {
    /// The accounts, where people can change them by themselves.
    pub(crate) fn people(&self) -> Result<&dyn People, Failure> {
        let people = self.inner.people.as_deref();
        people.ok_or_else(|| Reason::NotOffered.into())
    }

    /// Counts a mail that a stranger wants to be sent. To one address too often: none is sent, and nobody is told.
    fn count_mail(&self, wanted: &Wanted<'_>) -> Result<bool, u32> {
        let policy = &self.inner.policy.people;
        let now = self.now();
        let binding = wanted.browser.and_then(|b| b.binding.as_deref());
        let from: Vec<By<'_>> = wanted
            .peer
            .map(By::network)
            .into_iter()
            .chain(binding.map(By::Browser))
            .collect();
        let mails = &self.inner.mails;
        mails.count(&from, policy.mails_per_network, now)?;
        let key = wanted.address.key();
        let to = [By::Address(&key)];
        Ok(mails.count(&to, policy.mails_per_address, now).is_ok())
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
        match self.count_mail(&wanted) {
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
            request: wanted.request.map(str::to_owned),
            code: digest,
            tries: 0,
            issued_at: now,
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

    async fn mailed(&self, key: Key<Waiting>) -> Result<Option<(MailedRecord, u32)>, StoreError> {
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
                // From here on it is about this account as it is now. Written again when the mail is sent once more.
                record.subject = Some(person.account.subject);
                record.epoch = Some(person.account.epoch);
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
                let writes = Vec::new();
                match self.commit(Commit { spends, writes }).await? {
                    Committed::Done => Some(message),
                    Committed::TooLate(_) => None,
                }
            }
            (_, _) => None,
        })
    }

    /// Opens a link that was mailed. That uses nothing up.
    async fn open_link(&self, token: &str) -> Result<(Key<Waiting>, MailedRecord, u32), Failure> {
        let key = Opaque::<Waiting>::parse(token)
            .ok_or(Reason::LinkOver)?
            .key();
        let (record, revision) = self.mailed(key).await?.ok_or(Reason::LinkOver)?;
        if record.code.is_some() {
            return Err(Reason::LinkOver.into());
        }
        Ok((key, record, revision))
    }

    /// What the page behind a link shows.
    ///
    /// # Errors
    /// The link does not work any more.
    pub async fn link_details(
        &self,
        token: &str,
        browser: &Browser,
    ) -> Result<LinkDetails, Failure> {
        let (_, record, _) = self.open_link(token).await?;
        Ok(LinkDetails {
            here: is_here(&record, browser),
            purpose: record.purpose,
            address: record.address,
        })
    }

    /// The person pressed the button behind a link.
    ///
    /// # Errors
    /// The link does not work any more, or not for whoever is signed in.
    pub async fn link_used(
        &self,
        token: &str,
        browser: &Browser,
        answer: LinkAnswer,
    ) -> Result<LinkUsed, Failure> {
        let (key, record, revision) = self.open_link(token).await?;
        let spend = Spend::Waiting {
            key,
            revision,
            next: None,
        };
        let password = answer
            .password
            .unwrap_or_else(|| Secret::new(String::new()));
        match record.purpose {
            MailedPurpose::SignUp | MailedPurpose::Invitation => {
                self.make_account(&record, spend, browser, &password, answer.name)
                    .await
            }
            MailedPurpose::Recover => self.recover(&record, spend, browser, &password).await,
            MailedPurpose::SignIn => self.sign_in_by_link(&record, spend, browser).await,
            MailedPurpose::NewAddress => self.confirm_address(&record, spend, browser).await,
            _ => Err(Reason::LinkOver.into()),
        }
    }

    async fn make_account(
        &self,
        record: &MailedRecord,
        spend: Spend,
        browser: &Browser,
        password: &Secret,
        name: Option<String>,
    ) -> Result<LinkUsed, Failure> {
        let inner = &self.inner;
        let name = name.as_deref().map(str::trim).filter(|n| !n.is_empty());
        let change = Change::New {
            address: &record.address,
            password,
            name,
        };
        let prepared = match self.people()?.prepare(inner.issuer_id, change).await? {
            Ok(prepared) => prepared,
            // Somebody made an account with the address meanwhile: it is theirs, and the link is over.
            Err(Unfit::Taken) => return Err(Reason::LinkOver.into()),
            Err(unfit) => return Ok(LinkUsed::Unfit(unfit)),
        };
        let account = prepared.account.clone();
        let happened = self.happened(&account.subject, Activity::SignedUp, browser, None);
        self.change(vec![spend], prepared, vec![happened]).await?;
        // A link alone signs nobody in who did not begin here: another's link would put them into another's account.
        if !is_here(record, browser) {
            return Ok(LinkUsed::Done(None));
        }
        let proof = Proof::new(Method::Password, self.now());
        if let Some(handle) = &record.request {
            let proven = Proven {
                account: account.clone(),
                proof: proof.clone(),
                must_change: false,
            };
            match self.sign_in_proved(handle, browser, proven).await {
                Ok(answered) => return Ok(LinkUsed::Answered(Box::new(answered))),
                // The request is over; the account is there all the same.
                Err(Failure::Refused(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        let proofs = vec![proof];
        let step = step(
            &inner.policy,
            Demand::default(),
            &proofs,
            Enrolled::default(),
        );
        let begun = match step {
            Step::Done => {
                self.begin_session(browser, &account, proofs, Vec::new())
                    .await?
            }
            Step::First(_) | Step::Second(_) | Step::Enrol | Step::Unreachable => None,
        };
        // More is demanded of everybody than a password: they sign in as everybody does.
        let Some((session, lifetime, _)) = begun else {
            return Ok(LinkUsed::Done(None));
        };
        Ok(LinkUsed::Account(SetCookies {
            state: self.browser_state(&session.key(), lifetime),
            session: Some((session, lifetime)),
            ..SetCookies::default()
        }))
    }

    /// Sets a new password. Nobody is signed in by it: other factors are still asked.
    async fn recover(
        &self,
        record: &MailedRecord,
        spend: Spend,
        browser: &Browser,
        password: &Secret,
    ) -> Result<LinkUsed, Failure> {
        let account = self.still(record).await?;
        let change = Change::Password(&account.subject, password);
        let prepared = self.people()?.prepare(self.inner.issuer_id, change).await?;
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(unfit) => return Ok(LinkUsed::Unfit(unfit)),
        };
        let mut writes = self.end_sessions(self.sessions_of(&account.subject).await?);
        writes.push(self.happened(&account.subject, Activity::Recovered, browser, None));
        writes.push(self.tell_of_password(&record.address)?);
        self.change(vec![spend], prepared, writes).await?;
        let back = record
            .request
            .as_deref()
            .filter(|_| is_here(record, browser))
            .map(|handle| self.inner.interaction.url(PageKind::Login, handle));
        Ok(LinkUsed::Done(back))
    }

    async fn sign_in_by_link(
        &self,
        record: &MailedRecord,
        spend: Spend,
        browser: &Browser,
    ) -> Result<LinkUsed, Failure> {
        // In another browser it is worth nothing.
        if !is_here(record, browser) {
            return Err(BrowserReason::OtherBrowser.into());
        }
        let account = self.still(record).await?;
        let handle = record.request.as_deref().ok_or(Reason::LinkOver)?;
        // Looked at before the link is used up.
        self.interaction_details(handle, browser).await?;
        self.spend_link(spend).await?;
        let proven = Proven {
            account,
            proof: Proof::new(Method::MagicLink, self.now()),
            must_change: false,
        };
        let answered = self.sign_in_proved(handle, browser, proven).await?;
        Ok(LinkUsed::Answered(Box::new(answered)))
    }

    async fn confirm_address(
        &self,
        record: &MailedRecord,
        spend: Spend,
        browser: &Browser,
    ) -> Result<LinkUsed, Failure> {
        let account = self.still(record).await?;
        let session = browser.session.as_ref().map(Opaque::key);
        let signed_in = self.signed_in(session).await?;
        let signed_in = signed_in.ok_or(BrowserReason::NotSignedIn)?;
        if signed_in.account.subject != account.subject {
            return Err(Reason::OtherAccount.into());
        }
        let people = self.people()?;
        let issuer = self.inner.issuer_id;
        let before = people.person(issuer, &account.subject).await?;
        let change = Change::Address(&account.subject, &record.address);
        let prepared = match people.prepare(issuer, change).await? {
            Ok(prepared) => prepared,
            Err(Unfit::Taken) => return Err(Reason::LinkOver.into()),
            Err(unfit) => return Ok(LinkUsed::Unfit(unfit)),
        };
        let mut writes =
            vec![self.happened(&account.subject, Activity::AddressChanged, browser, None)];
        if let Some(old) = before.and_then(|person| person.address)
            && old.key() != record.address.key()
        {
            let message = Message::AddressChanged {
                to: record.address.masked(),
                account: self.inner.policy.issuer.url("/account"),
            };
            writes.push(self.mail(&old, message, self.now().plus(NOTICE))?);
        }
        self.change(vec![spend], prepared, writes).await?;
        Ok(LinkUsed::Account(SetCookies::default()))
    }

    /// The account that a link is about, if nothing about its credentials changed since.
    async fn still(&self, record: &MailedRecord) -> Result<Account, Failure> {
        let inner = &self.inner;
        let subject = record.subject.as_ref().ok_or(Reason::LinkOver)?;
        let account = inner.accounts.account(inner.issuer_id, subject).await?;
        let account = account.filter(|account| Some(account.epoch) == record.epoch);
        Ok(account.ok_or(Reason::LinkOver)?)
    }

    async fn spend_link(&self, spend: Spend) -> Result<(), Failure> {
        let commit = Commit {
            spends: vec![spend],
            writes: Vec::new(),
        };
        match self.commit(commit).await? {
            Committed::Done => Ok(()),
            Committed::TooLate(_) => Err(Reason::LinkOver.into()),
        }
    }

    /// Commits a change, beside what must be in time before it.
    pub(crate) async fn change(
        &self,
        mut spends: Vec<Spend>,
        prepared: Prepared,
        mut writes: Vec<Write>,
    ) -> Result<(), Failure> {
        let first = spends.len();
        spends.extend(prepared.spends);
        writes.extend(prepared.writes);
        match self.commit(Commit { spends, writes }).await? {
            Committed::Done => Ok(()),
            Committed::TooLate(at) if at < first => Err(Reason::LinkOver.into()),
            // Somebody changed the account in this very moment.
            Committed::TooLate(_) => Err(Failure::Unavailable { retry_after: 1 }),
        }
    }

    /// The note that something happened with an account.
    pub(crate) fn happened(
        &self,
        subject: &Subject,
        what: Activity,
        browser: &Browser,
        client: Option<&ClientId>,
    ) -> Write {
        let now = self.now();
        let kept = now.plus(self.inner.policy.people.activity_kept);
        let record = ActivityRecord {
            subject: subject.clone(),
            at: now,
            what,
            visit: browser.visit.as_deref().cloned(),
            client: client.cloned(),
        };
        Write::Activity(Bucket::holding(kept), self.random(), Box::new(record))
    }

    pub(crate) fn tell_of_password(&self, to: &EmailAddress) -> Result<Write, Failure> {
        let recover = self.inner.policy.issuer.url("/recover");
        let message = Message::PasswordChanged { recover };
        self.mail(to, message, self.now().plus(NOTICE))
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

    /// Checks a code that was mailed. Every wrong one is counted in the same commit that refuses it, so that many at
    /// once are no more tries than one after the other; the fifth uses the code up.
    ///
    /// # Errors
    /// The code is over: used, too old, tried too often, or of another browser.
    pub async fn sign_in_code_entered(
        &self,
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

    /// Invites somebody to make an account. Limits do not hold: it is the operator who invites.
    ///
    /// # Errors
    /// The store fails, or there is no mail.
    pub async fn invite(&self, address: &EmailAddress) -> Result<(), Failure> {
        if self.inner.post.is_none() {
            return Err(Reason::NotOffered.into());
        }
        let wanted = Wanted {
            purpose: MailedPurpose::Invitation,
            address,
            browser: None,
            request: None,
            about: None,
            peer: None,
        };
        match self.ask_by_mail(wanted, false).await? {
            Ok(_) => Ok(()),
            Err(retry_after) => Err(Failure::Throttled { retry_after }),
        }
    }

    /// Every session of a person that is still good for anything.
    pub(crate) async fn sessions_of(
        &self,
        subject: &Subject,
    ) -> Result<Vec<Key<hallpass_types::Session>>, StoreError> {
        let inner = &self.inner;
        let all = inner
            .store
            .account_sessions(inner.issuer_id, subject)
            .await?;
        let mut keys: Vec<_> = all.into_iter().map(|(key, _)| key).collect();
        // Those of before sessions were listed are found by the clients that take part in them.
        for key in inner.store.sessions_of(inner.issuer_id, subject).await? {
            if !keys.contains(&key) && inner.store.session(inner.issuer_id, key).await?.is_some() {
                keys.push(key);
            }
        }
        Ok(keys)
    }

    /// What a sign-in from a device that was not seen before adds: the note of it, and the mail that tells of it.
    pub(crate) async fn noted_sign_in(
        &self,
        account: &Account,
        browser: &Browser,
    ) -> Result<Vec<Write>, Failure> {
        let inner = &self.inner;
        let Some(visit) = browser.visit.as_deref() else {
            return Ok(Vec::new());
        };
        let mut writes = vec![self.happened(&account.subject, Activity::SignedIn, browser, None)];
        if !inner.policy.people.new_device_mail || self.inner.post.is_none() {
            return Ok(writes);
        }
        let Some(people) = inner.people.as_deref() else {
            return Ok(writes);
        };
        let history = inner
            .store
            .activity_of(inner.issuer_id, &account.subject, HISTORY)
            .await?;
        let signed_in: Vec<&Visit> = history
            .iter()
            .filter(|a| matches!(a.what, Activity::SignedIn | Activity::SignedUp))
            .filter_map(|a| a.visit.as_ref())
            .collect();
        let known =
            visit.known_by.is_some() && signed_in.iter().any(|v| v.known_by == visit.known_by);
        // Of the very first sign-in nobody needs to be told.
        if known || signed_in.is_empty() {
            return Ok(writes);
        }
        let person = people.person(inner.issuer_id, &account.subject).await?;
        if let Some(person) = person.filter(|p| p.address_verified)
            && let Some(address) = &person.address
        {
            let message = Message::NewDevice {
                device: visit.device.clone(),
                address: visit.address.clone(),
                at: self.now(),
                account: inner.policy.issuer.url("/account/sessions"),
            };
            writes.push(self.mail(address, message, self.now().plus(NOTICE))?);
        }
        Ok(writes)
    }

    pub(crate) fn is_recent(&self, signed_in: &SignedIn) -> bool {
        self.is_within(signed_in, self.inner.policy.people.recent_sign_in)
    }

    /// Whether the person signed in not longer ago than so many seconds.
    pub(crate) fn is_within(&self, signed_in: &SignedIn, seconds: i64) -> bool {
        let at = signed_in.session.authentication.auth_time;
        self.now().since(at) <= seconds
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

fn is_here(record: &MailedRecord, browser: &Browser) -> bool {
    let bound = browser.binding.as_deref().map(binding_digest);
    record.binding.is_some() && bound == record.binding
}

/// Eight digits. What the remainder favours is less than one in four billion.
fn digits(random: [u8; 8]) -> String {
    let number = u64::from_be_bytes(random).checked_rem(100_000_000);
    format!("{:08}", number.unwrap_or_default())
}

/// Wrong codes that use a code up.
const MOST_TRIES: u32 = 5;
/// So often a try is made again when others are faster.
const ROUNDS: u32 = 8;
/// So much of what happened is looked at to know a device again.
const HISTORY: usize = 100;
/// A notice that could not be sent for a day is of no use any more.
const NOTICE: i64 = 86_400;

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
            request: None,
            code: None,
            tries: 0,
            issued_at: Timestamp(0),
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
