//! What people see of their account, and what they do with it.
//!
//! Every form is sealed for one browser and one session ([`Visitor`]). What somebody else could use against the person
//! needs a sign-in that is not long ago: without one, nothing is done.

use std::net::IpAddr;

use hallpass_core::{
    client::Client,
    record::{Activity, ActivityRecord, MailedPurpose, SessionRecord},
};
use hallpass_store::{Commit, Committed, Spend, Write};
use hallpass_types::{
    Bucket, ClientId, EmailAddress, Key, Opaque, Secret, Session, Sid, Timestamp, sha256,
};
use serde_json::{Map, Value};

use super::{
    SignedIn,
    asked::ScopeView,
    interaction::{ClientView, client_view},
    mailed::{MailAsked, Reason, Wanted},
    own::Visitor,
};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason as BrowserReason, SetCookies},
    ports::{Account, Change, Event, PersonalAccount, Prepared, Unfit},
};

/// A session as its person sees it.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Names it in forms.
    pub id: String,
    /// Browser and system.
    pub device: Option<String>,
    /// The network address at sign-in.
    pub address: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the hour.
    pub seen_at: Timestamp,
    /// Until when it lasts.
    pub expires_at: Timestamp,
    /// It is the one that looks.
    pub current: bool,
}

/// An application as the person sees it whose account it uses.
#[derive(Clone, Debug)]
pub struct ConnectionView {
    /// Names it in forms.
    pub id: String,
    /// What is known about it.
    pub client: ClientView,
    /// What it may do.
    pub scopes: Vec<ScopeView>,
    /// When that was allowed last.
    pub since: Timestamp,
}

/// How something that a person wants to do with their account ended.
#[derive(Debug)]
pub enum Done {
    /// It is done.
    Done(SetCookies),
    /// They signed in too long ago, or with too little for this; nothing was done.
    SignInAgain,
    /// What they want cannot be.
    Unfit(Unfit),
}

impl Provider {
    /// The visitor's account.
    ///
    /// # Errors
    /// It went away in this very moment, or the store fails.
    pub async fn personal_account(&self, visitor: &Visitor) -> Result<PersonalAccount, Failure> {
        self.personal(&visitor.signed_in.account).await
    }

    pub(super) async fn personal(&self, account: &Account) -> Result<PersonalAccount, Failure> {
        let people = self.people()?;
        let found = people
            .person(self.inner.issuer_id, &account.subject)
            .await?;
        Ok(found.ok_or(Reason::NotYours)?)
    }

    /// The visitor's sessions, the one that looks first, then by last use.
    ///
    /// # Errors
    /// The store fails.
    pub async fn sessions(&self, visitor: &Visitor) -> Result<Vec<SessionView>, Failure> {
        let current = &visitor.signed_in;
        let mut views: Vec<SessionView> = self
            .living_sessions(&current.account)
            .await?
            .into_iter()
            .map(|(key, record)| SessionView {
                id: record.sid.as_str().to_owned(),
                device: record.visit.as_ref().map(|visit| visit.device.clone()),
                address: record
                    .visit
                    .as_ref()
                    .and_then(|visit| visit.address.clone()),
                created_at: record.created_at,
                seen_at: record.last_used(),
                expires_at: record.expires_at,
                current: key == current.key,
            })
            .collect();
        views.sort_by_key(|view| (!view.current, std::cmp::Reverse(view.seen_at)));
        Ok(views)
    }

    /// Sessions of an account that open something.
    pub(super) async fn living_sessions(
        &self,
        account: &Account,
    ) -> Result<Vec<(Key<Session>, SessionRecord)>, Failure> {
        let inner = &self.inner;
        let now = self.now();
        let all = inner
            .store
            .account_sessions(inner.issuer_id, &account.subject)
            .await?;
        Ok(all
            .into_iter()
            .filter(|(_, record)| {
                !record.superseded
                    && !record.is_over(&inner.policy.lifetimes, now)
                    && record.account_epoch == account.epoch
            })
            .collect())
    }

    /// Applications that the visitor allowed something.
    ///
    /// # Errors
    /// The store fails.
    pub async fn connections(&self, visitor: &Visitor) -> Result<Vec<ConnectionView>, Failure> {
        let inner = &self.inner;
        let subject = &visitor.signed_in.account.subject;
        let mut views = Vec::new();
        for (id, consent) in inner.store.consents_of(inner.issuer_id, subject).await? {
            let client = self.client(&id).await?;
            let client = client.filter(|client| client.was_there(consent.at));
            let view = client.map_or_else(
                || ClientView {
                    name: id.as_str().to_owned(),
                    redirect_host: id.as_str().to_owned(),
                    ..ClientView::default()
                },
                |client| {
                    let uri = client.redirect_uris.first();
                    client_view(&client, uri.map_or("", String::as_str))
                },
            );
            views.push(ConnectionView {
                id: id.as_str().to_owned(),
                client: view,
                scopes: consent
                    .scope
                    .iter()
                    .map(|s| self.allowed_scope(s))
                    .collect(),
                since: consent.at,
            });
        }
        views.sort_by_key(|view| std::cmp::Reverse(view.since));
        Ok(views)
    }

    fn allowed_scope(&self, name: &str) -> ScopeView {
        let spec = self.inner.policy.scope(name);
        ScopeView {
            name: name.to_owned(),
            title: spec.and_then(|spec| spec.title.clone()),
            description: spec.and_then(|spec| spec.description.clone()),
            already_allowed: false,
            required: true,
            resource: None,
        }
    }

    /// What happened with the visitor's account, the newest first.
    ///
    /// # Errors
    /// The store fails.
    pub async fn activity(&self, visitor: &Visitor) -> Result<Vec<ActivityRecord>, Failure> {
        let inner = &self.inner;
        let subject = &visitor.signed_in.account.subject;
        let shown = inner
            .store
            .activity_of(inner.issuer_id, subject, SHOWN)
            .await?;
        Ok(shown)
    }

    /// The name of a client, for reading.
    ///
    /// # Errors
    /// The store fails.
    pub async fn client_name(&self, id: &ClientId) -> Result<String, Failure> {
        let client = self.client(id).await?;
        let name = client.and_then(|client| client.name.clone());
        Ok(name.unwrap_or_else(|| id.as_str().to_owned()))
    }

    /// Changes what is told about the person. Only claims of the policy; an empty text takes one away.
    ///
    /// # Errors
    /// The form is not this browser's, or the store fails.
    pub async fn profile_changed(
        &self,
        form: &str,
        browser: &Browser,
        wanted: &[(String, String)],
    ) -> Result<Done, Failure> {
        let signed_in = self.open_own_form(form, browser).await?;
        let account = &signed_in.account;
        let editable = &self.inner.policy.people.editable_claims;
        let mut claims = Map::new();
        for (name, text) in wanted.iter().filter(|(name, _)| editable.contains(name)) {
            let Some(value) = claim(name, text) else {
                return Ok(Done::Unfit(Unfit::Claim));
            };
            claims.insert(name.clone(), value);
        }
        let change = Change::Claims(account, &claims);
        let prepared = match self.prepared(change).await? {
            Ok(prepared) => prepared,
            Err(unfit) => return Ok(Done::Unfit(unfit)),
        };
        let happened = self.happened(&account.subject, Activity::ProfileChanged, browser, None);
        let session = vec![Spend::Session(signed_in.key)];
        self.change(session, prepared, vec![happened]).await?;
        Ok(Done::Done(SetCookies::default()))
    }

    /// Sets another password. Every other session ends, and what applications were granted; this one goes on under a new
    /// name.
    ///
    /// # Errors
    /// The form is not this browser's, or the store fails.
    pub async fn password_changed(
        &self,
        form: &str,
        browser: &Browser,
        password: &Secret,
        peer: Option<IpAddr>,
    ) -> Result<Done, Failure> {
        let signed_in = self.open_own_form(form, browser).await?;
        if !self.is_recent(&signed_in) || self.owes(Some(&signed_in)).await? {
            return Ok(Done::SignInAgain);
        }
        let account = signed_in.account.clone();
        self.count_hash(&sha256(account.subject.as_str().as_bytes()))?;
        let change = Change::Password {
            account: &account,
            password,
            peer,
        };
        let prepared = match self.prepared(change).await? {
            Ok(prepared) => prepared,
            Err(unfit) => return Ok(Done::Unfit(unfit)),
        };
        let subject = &account.subject;
        let mut writes = vec![self.happened(subject, Activity::PasswordChanged, browser, None)];
        writes.extend(self.told(subject, self.password_notice()).await?);
        let cookies = self.go_on(signed_in, browser, prepared, writes).await?;
        Ok(Done::Done(cookies))
    }

    /// Commits a change that ends every session, and goes on with this one in the same commit.
    async fn go_on(
        &self,
        signed_in: SignedIn,
        browser: &Browser,
        prepared: Prepared,
        mut writes: Vec<Write>,
    ) -> Result<SetCookies, Failure> {
        let now = self.now();
        let SignedIn {
            key, mut session, ..
        } = signed_in;
        writes.extend(self.end_sessions(self.sessions_of(&session.subject).await?));
        let lifetime = session.expires_at.since(now);
        let fleeting = session.fleeting;
        let fresh =
            Opaque::<Session>::from_random(Bucket::holding(session.expires_at), &self.random());
        session.account_epoch = prepared.account.epoch;
        session.earlier = Vec::new();
        session.sid = Sid::parse(&hallpass_jose::base64url::encode(self.random::<16>()))
            .map_err(|_| Failure::Internal("a session could not be named".to_owned()))?;
        writes.push(Write::Session(fresh.key(), Box::new(session)));
        let account = prepared.account.clone();
        self.change(vec![Spend::Session(key)], prepared, writes)
            .await?;
        let mut cookies = SetCookies {
            state: self.browser_state(&fresh.key(), lifetime),
            session: Some((fresh, lifetime)),
            fleeting,
            ..SetCookies::default()
        };
        self.make_known(browser, &account, &mut cookies);
        Ok(cookies)
    }

    /// Asks to have another mail address: a link goes to it, and nothing is changed until it is used.
    ///
    /// # Errors
    /// The form is not this browser's, or the store fails.
    pub async fn address_asked(
        &self,
        form: &str,
        browser: &Browser,
        address: &EmailAddress,
        peer: Option<IpAddr>,
    ) -> Result<Option<MailAsked>, Failure> {
        let signed_in = self.open_own_form(form, browser).await?;
        if !self.is_recent(&signed_in) || self.owes(Some(&signed_in)).await? {
            return Ok(None);
        }
        let wanted = Wanted {
            purpose: MailedPurpose::NewAddress,
            address,
            browser: Some(browser),
            request: None,
            about: Some(&signed_in.account),
            peer,
        };
        Ok(Some(self.ask_by_mail(wanted, false).await?.into()))
    }

    /// Ends one session of the person, or all but this one.
    ///
    /// # Errors
    /// The form is not this browser's, the session is not the person's, or the store fails.
    pub async fn session_ended(
        &self,
        form: &str,
        browser: &Browser,
        only: Option<&str>,
    ) -> Result<Done, Failure> {
        let signed_in = self.open_own_form(form, browser).await?;
        let account = &signed_in.account;
        let mut ended = Vec::new();
        if let Some(id) = only {
            for (key, record) in self.living_sessions(account).await? {
                if record.sid.as_str() == id {
                    ended.extend(crate::sessions::with_earlier(key, &record));
                }
            }
        } else {
            ended = self.other_sessions(&account.subject, browser).await?;
        }
        if ended.is_empty() {
            return match only {
                Some(_) => Err(Reason::NotYours.into()),
                None => Ok(Done::Done(SetCookies::default())),
            };
        }
        let own = ended.contains(&signed_in.key);
        if own {
            ended.extend(self.waiting_sessions(browser).await?);
        }
        let mut writes = self.end_sessions(ended);
        writes.push(self.happened(&account.subject, Activity::SessionEnded, browser, None));
        let spends = vec![Spend::Session(signed_in.key)];
        match self.commit(Commit { spends, writes }).await? {
            Committed::Done => {}
            // Nothing ended: this session did, in this very moment.
            Committed::TooLate(_) => return Err(BrowserReason::NotSignedIn.into()),
        }
        self.emit(&Event::SignedOut);
        Ok(Done::Done(if own {
            self.without_session(browser)
        } else {
            SetCookies::default()
        }))
    }

    /// Signs the person out everywhere: every session ends, and where the policy says so, everything that applications
    /// were granted.
    ///
    /// # Errors
    /// The form is not this browser's, or the store fails.
    pub async fn signed_out_everywhere(
        &self,
        form: &str,
        browser: &Browser,
    ) -> Result<Done, Failure> {
        let signed_in = self.open_own_form(form, browser).await?;
        let subject = &signed_in.account.subject;
        let mut ended = self.sessions_of(subject).await?;
        ended.extend(self.waiting_sessions(browser).await?);
        let mut writes = self.end_sessions(ended);
        writes.push(self.happened(subject, Activity::SignedOutEverywhere, browser, None));
        if self.inner.policy.people.sign_out_ends_grants {
            match self.prepared(Change::EndAll(&signed_in.account)).await? {
                Ok(prepared) => self.change(Vec::new(), prepared, writes).await?,
                Err(unfit) => return Ok(Done::Unfit(unfit)),
            }
        } else {
            let spends = Vec::new();
            self.commit(Commit { spends, writes }).await?;
        }
        // Those that were more than are read at a time, and those that began meanwhile.
        self.end_sessions_of(&signed_in.account.subject).await?;
        self.emit(&Event::SignedOut);
        Ok(Done::Done(self.without_session(browser)))
    }

    /// Whoever uses the browser next finds nobody's account in it.
    pub(crate) fn without_session(&self, browser: &Browser) -> SetCookies {
        let watched = self.inner.policy.logout.session_management;
        SetCookies {
            end_session: true,
            state: watched.then(|| (String::new(), 0)),
            others: (!browser.others.is_empty()).then(|| (String::new(), 0)),
            ..SetCookies::default()
        }
    }

    /// Takes everything back that the person allowed a client: its tokens and grants are over at once.
    ///
    /// # Errors
    /// The form is not this browser's, the client was allowed nothing, or the store fails.
    pub async fn disconnected(
        &self,
        form: &str,
        browser: &Browser,
        client: &str,
    ) -> Result<Done, Failure> {
        let inner = &self.inner;
        let signed_in = self.open_own_form(form, browser).await?;
        let subject = signed_in.account.subject.clone();
        let id = ClientId::parse(client).map_err(|_| Reason::NotYours)?;
        let allowed = inner.store.consent(inner.issuer_id, &subject, &id).await?;
        if allowed.is_none() {
            return Err(Reason::NotYours.into());
        }
        let change = Change::Disconnect(&signed_in.account, &id, self.now());
        let prepared = match self.prepared(change).await? {
            Ok(prepared) => prepared,
            Err(unfit) => return Ok(Done::Unfit(unfit)),
        };
        let writes = vec![
            Write::ForgetConsent(subject.clone(), id.clone()),
            self.happened(&subject, Activity::Disconnected, browser, Some(&id)),
        ];
        self.change(vec![Spend::Session(signed_in.key)], prepared, writes)
            .await?;
        if let Some(client) = self.client(&id).await? {
            self.sign_out_of(&client, &signed_in.account).await?;
        }
        Ok(Done::Done(SetCookies::default()))
    }

    /// Tells a client that the person's sessions mean nothing to it any more.
    async fn sign_out_of(&self, client: &Client, account: &Account) -> Result<(), Failure> {
        if client.is_told_of_logout() {
            let sessions = self.sessions_of(&account.subject).await?;
            self.end_participation(client, &sessions).await?;
        }
        Ok(())
    }

    /// Deletes the person's account and everything about them. The subject is random and never made again.
    ///
    /// # Errors
    /// The form is not this browser's, or the store fails.
    pub async fn account_deleted(&self, form: &str, browser: &Browser) -> Result<Done, Failure> {
        let signed_in = self.open_own_form(form, browser).await?;
        if !self.is_recent(&signed_in) {
            return Ok(Done::SignInAgain);
        }
        let subject = &signed_in.account.subject;
        let prepared = match self.prepared(Change::Delete(&signed_in.account)).await? {
            Ok(prepared) => prepared,
            Err(unfit) => return Ok(Done::Unfit(unfit)),
        };
        let mut ended = self.sessions_of(subject).await?;
        ended.extend(self.waiting_sessions(browser).await?);
        let mut writes = self.end_sessions(ended);
        writes.push(Write::ForgetPerson(subject.clone()));
        self.change(vec![Spend::Session(signed_in.key)], prepared, writes)
            .await?;
        Ok(Done::Done(self.without_session(browser)))
    }

    /// Makes a change of the account of a session ready. A session from before its credentials changed is over.
    pub(super) async fn prepared(
        &self,
        change: Change<'_>,
    ) -> Result<Result<Prepared, Unfit>, Failure> {
        match self.people()?.prepare(self.inner.issuer_id, change).await? {
            Err(Unfit::Changed) => Err(BrowserReason::NotSignedIn.into()),
            prepared => Ok(prepared),
        }
    }
}

/// The value of a claim as a person typed it; null for nothing. None when the claim cannot have it.
fn claim(name: &str, typed: &str) -> Option<Value> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Some(Value::Null);
    }
    let fits = typed.len() <= LONGEST
        && !typed.chars().any(char::is_control)
        && match name {
            "website" | "profile" | "picture" => {
                url::Url::parse(typed).is_ok_and(|url| url.scheme() == "https")
            }
            "birthdate" => is_date(typed),
            "zoneinfo" | "locale" => typed
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/' | b'+')),
            _ => true,
        };
    fits.then(|| Value::from(typed))
}

/// `YYYY-MM-DD` (OpenID Connect Core §5.1).
fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut part = |length: usize, most: u32| {
        parts.next().is_some_and(|part| {
            part.len() == length
                && part.bytes().all(|b| b.is_ascii_digit())
                && part.parse().is_ok_and(|n: u32| n <= most)
        })
    };
    part(4, 9999) && part(2, 12) && part(2, 31) && parts.next().is_none()
}

/// So much of what happened is shown.
const SHOWN: usize = 50;
/// Longest value of a claim, in bytes.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_what_they_should_be() {
        assert_eq!(claim("name", " Ada "), Some(Value::from("Ada")));
        assert_eq!(claim("name", "  "), Some(Value::Null));
        for (name, bad) in [
            ("name", "a\nb"),
            ("name", &"a".repeat(201)),
            ("website", "http://a.example"),
            ("website", "javascript:alert(1)"),
            ("birthdate", "1999-13-01"),
            ("birthdate", "99-1-1"),
            ("birthdate", "1999-01-01x"),
            ("zoneinfo", "Europe/<b>"),
            ("locale", "de de"),
        ] {
            assert_eq!(claim(name, bad), None, "{name} {bad:?}");
        }
        for (name, good) in [
            ("website", "https://a.example/x"),
            ("birthdate", "1999-12-31"),
            ("birthdate", "0000-12-31"),
            ("zoneinfo", "America/Port-au-Prince"),
            ("locale", "de-AT"),
        ] {
            assert_eq!(claim(name, good), Some(Value::from(good)));
        }
    }
}
