//! What stands behind links that were mailed: looking at one uses nothing up, its button does, once.

use hallpass_core::{
    record::{Activity, MailedPurpose, MailedRecord},
    sign_in::{Demand, Enrolled, Method, Proof, Step, step},
};
use hallpass_store::{Commit, Committed, Spend};
use hallpass_types::{EmailAddress, Key, Opaque, Secret, Waiting};

use super::{
    Answered, Proven,
    interaction::Beginning,
    mailed::{Reason, is_here},
    noted::NOTICE,
};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason as BrowserReason, SetCookies},
    ports::{Account, Change, Message, PageKind, Unfit},
};

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

impl Provider {
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
        let fleeting = !inner.policy.sign_in.keeps(browser.remember);
        let begun = match step {
            Step::Done => {
                let beginning = Beginning {
                    fleeting,
                    ..Beginning::of(proofs)
                };
                self.begin_session(browser, &account, beginning).await?
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
            fleeting,
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
    pub(super) async fn still(&self, record: &MailedRecord) -> Result<Account, Failure> {
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
}
