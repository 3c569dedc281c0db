//! What stands behind links that were mailed: looking at one uses nothing up, its button does, once.

use std::net::IpAddr;

use hallpass_core::{
    record::{Activity, MailedPurpose, MailedRecord},
    sign_in::{Demand, Enrolled, Method, Proof, Step, step},
};
use hallpass_store::{AdminKind, Commit, Committed, CredentialData, CredentialRecord, Spend};
use hallpass_types::{EmailAddress, Key, Opaque, Secret, Subject, Timestamp, Waiting};

use super::{
    Answered, NewcomerOffer, Proven,
    interaction::Beginning,
    mailed::{Reason, is_here},
    noted::NOTICE,
    passkeys::proof_by,
};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason as BrowserReason, SetCookies},
    ports::{Account, Change, Message, NewAccount, PageKind, Unfit},
};

/// What the page behind a link shows.
#[derive(Debug)]
pub struct LinkDetails {
    /// What the link is good for.
    pub purpose: MailedPurpose,
    /// The address that it was sent to.
    pub address: EmailAddress,
    /// Whether it was asked for in this browser, so that the person goes on where they were.
    pub here: bool,
    /// Whether it takes a password.
    pub password: bool,
    /// What an authenticator is asked for, where the link takes a passkey.
    pub passkey: Option<NewcomerOffer>,
    /// For a browser that was never here.
    pub cookies: SetCookies,
}

/// What a person answers on the page behind a link.
#[derive(Debug, Default)]
pub struct LinkAnswer {
    /// The password that they want.
    pub password: Option<Secret>,
    /// What an authenticator made, in the place of a password, and what was sealed for it.
    pub passkey: Option<(String, String)>,
    /// The name that they want to be called by.
    pub name: Option<String>,
    /// Where the request came from.
    pub peer: Option<IpAddr>,
}

/// What came of it.
#[derive(Debug)]
pub enum LinkUsed {
    /// The person is signed in and goes on where they were.
    Answered(Box<Answered>),
    /// The person is signed in and goes to their account.
    Account(SetCookies),
    /// It is done; there is nothing to go on with here.
    Done {
        /// Where they were, when that is known: a page to sign in.
        back: Option<String>,
        /// Who got back into an account: what else opens it, or is asked for beside it.
        ways: Vec<WayLeft>,
    },
    /// What they want cannot be; the link still works.
    Unfit(Unfit),
    /// The passkey cannot be used; the link still works.
    PasskeyRefused,
}

/// Something that an account can still be signed in with, after its person got back in. Who did so by a mailbox alone learns what
/// kinds there are, and not what they are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WayLeft {
    /// Which kind.
    pub method: Method,
    /// How many there are of it: keys, codes that are left, identities.
    pub count: usize,
    /// When the newest was added.
    pub added: Timestamp,
}

impl LinkUsed {
    const fn done() -> Self {
        Self::Done {
            back: None,
            ways: Vec::new(),
        }
    }
}

/// The same for each kind, in the order in which they were added first.
fn ways_left(records: &[CredentialRecord]) -> Vec<WayLeft> {
    let mut ways: Vec<WayLeft> = Vec::new();
    for record in records {
        let (method, count) = match &record.data {
            CredentialData::Passkey(key) if key.cloned_at.is_none() => (Method::Passkey, 1),
            CredentialData::Totp(_) => (Method::Totp, 1),
            CredentialData::Phone(_) => (Method::Sms, 1),
            CredentialData::RecoveryCodes(codes) => (Method::RecoveryCode, codes.left.len()),
            CredentialData::Upstream(_) => (Method::Upstream, 1),
            // The address is what the link came by.
            CredentialData::Email(_) | CredentialData::Passkey(_) | _ => continue,
        };
        let added = record.created_at;
        match ways.iter_mut().find(|way| way.method == method) {
            Some(way) => {
                way.count = way.count.saturating_add(count);
                way.added = way.added.max(added);
            }
            None if count == 0 => {}
            None => ways.push(WayLeft {
                method,
                count,
                added,
            }),
        }
    }
    ways
}

/// With what somebody wants to sign in from now on.
enum Chosen {
    Password(Secret),
    Passkey(Box<(Subject, CredentialRecord, Spend)>),
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
        service: &str,
        browser: &Browser,
    ) -> Result<LinkDetails, Failure> {
        let (_, record, _) = self.open_link(token).await?;
        let mut cookies = SetCookies::default();
        let bound = Browser {
            binding: Some(self.binding(browser, &mut cookies)),
            ..Browser::default()
        };
        let address = record.address.as_str();
        let passkey = match record.purpose {
            MailedPurpose::SignUp | MailedPurpose::Invitation => {
                self.newcomer_offer(token, address, service, &bound)?
            }
            MailedPurpose::Recover => {
                let account = self.still(&record).await?;
                let takes = self.recovers_by_passkey(&account).await?;
                let options = match takes {
                    true => self.passkey_offer(&account, token, service, &bound).await?,
                    false => None,
                };
                options.map(|options| NewcomerOffer {
                    options,
                    sealed: String::new(),
                })
            }
            MailedPurpose::SignIn | MailedPurpose::NewAddress | _ => None,
        };
        Ok(LinkDetails {
            here: is_here(&record, browser),
            purpose: record.purpose,
            address: record.address,
            password: self.inner.policy.sign_in.begins_with(Method::Password),
            passkey,
            cookies,
        })
    }

    /// Whether a mailed link may add a passkey. A passkey is two factors, and the mailbox is but one: not where the person has
    /// set up a second one.
    async fn recovers_by_passkey(&self, account: &Account) -> Result<bool, Failure> {
        let enrolled = self.enrolled(&account.subject).await?;
        let policy = &self.inner.policy.sign_in;
        Ok(policy.begins_with(Method::Passkey) && !enrolled.wants_second(policy))
    }

    /// What the person chose to sign in with; none where it cannot be used.
    async fn chosen(
        &self,
        token: &str,
        record: &MailedRecord,
        browser: &Browser,
        answer: &mut LinkAnswer,
    ) -> Result<Option<Chosen>, Failure> {
        let begins = |method| self.inner.policy.sign_in.begins_with(method);
        let Some((given, sealed)) = answer.passkey.take() else {
            let password = answer.password.take();
            let password = password.filter(|_| begins(Method::Password));
            return Ok(password.map(Chosen::Password));
        };
        if record.purpose == MailedPurpose::Recover {
            let account = self.still(record).await?;
            if !self.recovers_by_passkey(&account).await? {
                return Ok(None);
            }
            let made = self.new_passkey(&account, token, browser, &given).await?;
            return Ok(
                made.map(|(key, once)| Chosen::Passkey(Box::new((account.subject, key, once))))
            );
        }
        if !begins(Method::Passkey) {
            return Ok(None);
        }
        let newcomer = self.newcomer(token, browser, (&sealed, &given));
        Ok(newcomer.map(|newcomer| {
            Chosen::Passkey(Box::new((newcomer.subject, newcomer.record, newcomer.once)))
        }))
    }

    /// The person pressed the button behind a link.
    ///
    /// # Errors
    /// The link does not work any more, or not for whoever is signed in.
    pub async fn link_used(
        &self,
        token: &str,
        browser: &Browser,
        mut answer: LinkAnswer,
    ) -> Result<LinkUsed, Failure> {
        let (key, record, revision) = self.open_link(token).await?;
        let spend = Spend::Waiting {
            key,
            revision,
            next: None,
        };
        match record.purpose {
            MailedPurpose::SignUp | MailedPurpose::Invitation | MailedPurpose::Recover => {
                self.count_hash(&key.digest)?;
                let chosen = self.chosen(token, &record, browser, &mut answer).await?;
                let Some(chosen) = chosen else {
                    return Ok(LinkUsed::PasskeyRefused);
                };
                if record.purpose == MailedPurpose::Recover {
                    let chosen = (chosen, answer.peer);
                    return self.recover(&record, spend, browser, chosen).await;
                }
                self.make_account(&record, spend, browser, (chosen, answer))
                    .await
            }
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
        (chosen, answer): (Chosen, LinkAnswer),
    ) -> Result<LinkUsed, Failure> {
        let inner = &self.inner;
        let name = answer.name.as_deref().map(str::trim);
        let mut new = NewAccount {
            address: Some(&record.address),
            unproved: record.handed_over,
            name: name.filter(|name| !name.is_empty()),
            peer: answer.peer,
            ..NewAccount::default()
        };
        match &chosen {
            Chosen::Password(password) => new.password = Some(password),
            Chosen::Passkey(made) => new.subject = Some(&made.0),
        }
        let change = Change::New(new);
        let mut prepared = match self.people()?.prepare(inner.issuer_id, change).await? {
            Ok(prepared) => prepared,
            // Somebody made an account with the address meanwhile: it is theirs, and the link is over.
            Err(Unfit::Taken) => return Err(Reason::LinkOver.into()),
            Err(unfit) => return Ok(LinkUsed::Unfit(unfit)),
        };
        let account = prepared.account.clone();
        let happened = self.happened(&account.subject, Activity::SignedUp, browser, None);
        let proof = self.proof_of(&chosen);
        let mut spends = vec![spend];
        if let Chosen::Passkey(made) = chosen {
            let (_, key, once) = *made;
            spends.push(once);
            prepared.spends.push(Spend::NewCredential(Box::new(key)));
        }
        self.change(spends, prepared, vec![happened]).await?;
        // A link alone signs nobody in who did not begin here: another's link would put them into another's account.
        if !is_here(record, browser) {
            return Ok(LinkUsed::done());
        }
        if let Some(handle) = &record.request {
            let proven = Proven {
                account: account.clone(),
                proof: proof.clone(),
                must_change: false,
            };
            match self.newcomer_proved(handle, browser, proven).await {
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
            return Ok(LinkUsed::done());
        };
        let mut cookies = SetCookies {
            state: self.browser_state(&session.key(), lifetime),
            session: Some((session, lifetime)),
            fleeting,
            ..SetCookies::default()
        };
        self.make_known(browser, &account, &mut cookies);
        Ok(LinkUsed::Account(cookies))
    }

    fn proof_of(&self, chosen: &Chosen) -> Proof {
        match chosen {
            Chosen::Passkey(made) => proof_by(&made.1, self.now()),
            Chosen::Password(_) => Proof::new(Method::Password, self.now()),
        }
    }

    /// Sets a new password, or adds a passkey. Nobody is signed in by it: other factors are still asked.
    async fn recover(
        &self,
        record: &MailedRecord,
        spend: Spend,
        browser: &Browser,
        (chosen, peer): (Chosen, Option<IpAddr>),
    ) -> Result<LinkUsed, Failure> {
        let account = self.still(record).await?;
        let change = match &chosen {
            Chosen::Password(password) => Change::Password {
                account: &account,
                password,
                peer,
            },
            Chosen::Passkey(_) => Change::EndAll(&account),
        };
        let prepared = self.people()?.prepare(self.inner.issuer_id, change).await?;
        let mut prepared = match prepared {
            Ok(prepared) => prepared,
            Err(Unfit::Changed | Unfit::Unknown) => return Err(Reason::LinkOver.into()),
            Err(unfit) => return Ok(LinkUsed::Unfit(unfit)),
        };
        // Hashing takes its time. If the address is another one by now, this is over; if it becomes another one from here on,
        // the commit is too late.
        self.still(record).await?;
        let mut writes = self.end_sessions(self.sessions_of(&account.subject).await?);
        writes.push(self.happened(&account.subject, Activity::Recovered, browser, None));
        let mut spends = vec![spend];
        match chosen {
            Chosen::Password(_) => {
                writes.extend(self.told(&account.subject, self.password_notice()).await?);
            }
            Chosen::Passkey(made) => {
                let (_, key, once) = *made;
                spends.push(once);
                prepared.spends.push(Spend::NewCredential(Box::new(key)));
                let added = Activity::PasskeyAdded;
                writes.extend(self.ways_changed(&account.subject, added, browser).await?);
            }
        }
        self.change(spends, prepared, writes).await?;
        let back = record
            .request
            .as_deref()
            .filter(|_| is_here(record, browser))
            .map(|handle| self.inner.interaction.url(PageKind::Login, handle));
        let ways = ways_left(&self.credentials(&account.subject).await?);
        Ok(LinkUsed::Done { back, ways })
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
        let change = Change::Address(&account, &record.address);
        let prepared = match people.prepare(issuer, change).await? {
            Ok(prepared) => prepared,
            Err(Unfit::Taken | Unfit::Changed) => return Err(Reason::LinkOver.into()),
            Err(unfit) => return Ok(LinkUsed::Unfit(unfit)),
        };
        // If the address is another one by now, this is over; if it becomes another one from here on, the commit is too late.
        self.still(record).await?;
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

    /// The account that a link is about, if nothing about its credentials changed since. Where reading mail is what opens it,
    /// the mail still has to be the account's: whoever reads the address from before reads on.
    pub(super) async fn still(&self, record: &MailedRecord) -> Result<Account, Failure> {
        let inner = &self.inner;
        let subject = record.subject.as_ref().ok_or(Reason::LinkOver)?;
        let account = match record.purpose {
            MailedPurpose::Recover | MailedPurpose::SignIn if !record.handed_over => {
                let people = self.people()?;
                let found = people.by_address(inner.issuer_id, &record.address).await?;
                let account = found.map(|person| person.account);
                account.filter(|account| account.subject == *subject)
            }
            MailedPurpose::Recover
            | MailedPurpose::SignIn
            | MailedPurpose::SignUp
            | MailedPurpose::Invitation
            | MailedPurpose::NewAddress
            | _ => inner.accounts.account(inner.issuer_id, subject).await?,
        };
        let account = account.filter(|account| Some(account.epoch) == record.epoch);
        let account = account.ok_or(Reason::LinkOver)?;
        if self.is_overtaken(record, subject).await? {
            return Err(Reason::LinkOver.into());
        }
        Ok(account)
    }

    /// Whether something happened since it was made that leaves an account's epoch alone and ends the link all the same.
    async fn is_overtaken(
        &self,
        record: &MailedRecord,
        subject: &Subject,
    ) -> Result<bool, Failure> {
        let (store, issuer) = (&self.inner.store, self.inner.issuer_id);
        match record.purpose {
            // The address was changed: what was asked for before that is not what is wanted now.
            MailedPurpose::NewAddress => {
                let now = self.address_of(subject).await?;
                let key = |address: &Option<EmailAddress>| address.as_ref().map(EmailAddress::key);
                Ok(key(&now) != key(&record.replaces))
            }
            // Whose account it is may say by now who may do what: that is the owners' alone.
            MailedPurpose::Recover if record.handed_over => {
                if record.for_operators {
                    return Ok(false);
                }
                let operator = format!("user:{}", subject.as_str());
                let kind = AdminKind::Operator;
                let found = store.admin_record(issuer, kind, &operator).await?;
                Ok(found.is_some())
            }
            // Of several that were asked for the newest is good.
            MailedPurpose::Recover => {
                let happened = store.activity_of(issuer, subject, LATELY).await?;
                Ok(happened.iter().any(|activity| {
                    activity.what == Activity::RecoveryAsked
                        && (activity.at, activity.turn) > (record.issued_at, record.turn)
                }))
            }
            MailedPurpose::SignIn | MailedPurpose::SignUp | MailedPurpose::Invitation | _ => {
                Ok(false)
            }
        }
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

/// Of what happened of late, so much is looked at.
pub(super) const LATELY: usize = 100;
