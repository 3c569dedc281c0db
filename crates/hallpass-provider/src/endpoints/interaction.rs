//! What pages ask the engine while a person acts, and what they report.

use std::{collections::BTreeMap, sync::Arc};

use hallpass_core::{
    access::is_name,
    authorize::Valid,
    client::{Client, ClientOrigin, document::DocumentId},
    interaction::{Ask, Consented, Next, Prompt, next},
    record::SessionRecord,
    sign_in::{Method, Proof},
};
use hallpass_store::{Commit, Committed, Spend, Write};
use hallpass_types::{Bucket, Key, Opaque, Session, Sid, sha256};

use super::asked::{ResourceView, ScopeView};
use super::authorize::{Answer, Answered, Flow};
use super::details::DetailView;
use crate::{
    Failure, Provider,
    browser::{Browser, Pending, PendingLogout, Reason, SetCookies, binding_digest},
    ports::{Account, Event, PageKind},
    sessions::with_earlier,
};

/// A client as pages show it.
#[derive(Clone, Debug, Default)]
pub struct ClientView {
    /// Its name, or its identifier.
    pub name: String,
    /// `client_uri`.
    pub client_uri: Option<String>,
    /// The host of the document that describes it, where that is what it is known by.
    pub document_host: Option<String>,
    /// Its picture as a `data:` URI, where consent is asked.
    pub logo: Option<Arc<str>>,
    /// `policy_uri`.
    pub policy_uri: Option<String>,
    /// `tos_uri`.
    pub tos_uri: Option<String>,
    /// Host (or scheme) of the redirect URI.
    pub redirect_host: String,
    /// Origin of the redirect URI, for `form-action`; none for a private-use scheme.
    pub redirect_origin: Option<String>,
    /// It registered itself: nobody checked its name.
    pub unverified: bool,
    /// It answers on this computer only.
    pub loopback_only: bool,
}

/// What a page needs to know about a waiting request.
#[derive(Clone, Debug)]
pub struct InteractionDetails {
    /// Who asks.
    pub client: ClientView,
    /// What must be asked next; none when nothing is missing any more.
    pub ask: Option<Ask>,
    /// Prefill for the name.
    pub login_hint: Option<String>,
    /// Wanted languages.
    pub ui_locales: Vec<String>,
    /// Who is signed in.
    pub account: Option<String>,
    /// What is asked for.
    pub scopes: Vec<ScopeView>,
    /// Claims asked for one by one.
    pub claims: Vec<String>,
    /// Organizations that the person can act for: identifier and name.
    pub organizations: Vec<(String, String)>,
    /// Resources.
    pub resources: Vec<ResourceView>,
    /// Authorization details.
    pub details: Vec<DetailView>,
    /// The code that the device shows, when it is a device that asks.
    pub user_code: Option<String>,
    /// No client asks: the person goes on with a page of ours.
    pub own: bool,
    /// The question of the embedding program that must be answered next.
    pub own_prompt: Option<String>,
    /// Parameters of the request that the embedding program added.
    pub own_parameters: BTreeMap<String, String>,
}

/// What a person decided on the consent page.
#[derive(Clone, Debug)]
pub enum ConsentDecision {
    /// Allow what was shown, without what is left out. More than was shown is never allowed.
    Allow {
        /// Scopes that stayed ticked; none means all.
        only: Option<Vec<String>>,
        /// Claims that stayed ticked; none means all.
        claims: Option<Vec<String>>,
    },
    /// Deny.
    Deny,
}

/// How a session begins.
#[derive(Clone)]
pub(crate) struct Beginning {
    /// What was proved.
    pub(crate) proofs: Vec<Proof>,
    /// The browser forgets it when it is closed.
    pub(crate) fleeting: bool,
    /// See [`SessionRecord::lowered`].
    pub(crate) lowered: bool,
    /// What must be in time.
    pub(crate) spends: Vec<Spend>,
    /// What is written with it.
    pub(crate) writes: Vec<Write>,
}

/// What came of beginning a session.
enum Begun {
    Session(Opaque<Session>, i64, Sid),
    /// One of what must be in time was not.
    TooLate,
    /// The old session of the browser ended meanwhile.
    OldEnded,
}

/// Tries to begin a session while sign-outs end the one before.
const ROUNDS: usize = 3;

impl Beginning {
    pub(crate) const fn of(proofs: Vec<Proof>) -> Self {
        Self {
            proofs,
            fleeting: false,
            lowered: false,
            spends: Vec::new(),
            writes: Vec::new(),
        }
    }
}

impl Provider {
    /// Opens the handle that a page was given.
    pub(crate) async fn open(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<(Flow, Pending), Failure> {
        let plain = self
            .inner
            .secrets
            .open_browser("pending", handle)
            .ok_or(Reason::StateUnknown)?;
        let pending: Pending = serde_json::from_slice(&plain).map_err(|_| Reason::StateUnknown)?;
        if pending.expires_at.is_over(self.now()) {
            return Err(Reason::StateExpired.into());
        }
        let bound = browser.binding.as_deref().map(binding_digest);
        if bound != Some(pending.binding) {
            return Err(Reason::OtherBrowser.into());
        }
        let request = pending.request.clone();
        let valid = if pending.own.is_some() {
            Valid::own(Arc::clone(self.own()?), request.max_age)
        } else {
            let client = self.client(&request.client_id).await?;
            match &pending.device {
                None => Valid::resume(request, client, &self.inner.policy)?,
                Some(_) => self.resume_device(request, client)?,
            }
        };
        let flow = Flow {
            valid,
            asked: Some(pending.page),
            done: pending.done.clone(),
            started_at: pending.started_at,
            consented: None,
            device: pending.device.clone(),
            own: pending.own.clone(),
            proved: pending.proved.clone(),
            anew: pending.anew,
            adding: pending.adding,
            changes: pending.changes,
            held: false,
            handle: Some(Key::from_parts(
                Bucket::holding(pending.expires_at),
                sha256(handle.as_bytes()),
            )),
        };
        Ok((flow, pending))
    }

    /// The languages that a request asked for which waits behind a handle, most wanted first. Says nothing of whether the
    /// handle is of use in this browser.
    #[must_use]
    pub fn wanted_languages(&self, handle: &str) -> Vec<String> {
        let secrets = &self.inner.secrets;
        if let Some(plain) = secrets.open_browser("pending", handle) {
            let pending = serde_json::from_slice::<Pending>(&plain);
            return pending.map_or_else(|_| Vec::new(), |pending| pending.request.ui_locales);
        }
        let plain = secrets.open_browser("logout", handle).unwrap_or_default();
        let pending = serde_json::from_slice::<PendingLogout>(&plain);
        pending.map_or_else(|_| Vec::new(), |pending| pending.locales)
    }

    /// What a page shows.
    ///
    /// # Errors
    /// The handle is not valid in this browser, or the store fails.
    pub async fn interaction_details(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<InteractionDetails, Failure> {
        let (flow, _) = self.open(handle, browser).await?;
        let person = self
            .person(&flow, browser.session.as_ref().map(Opaque::key))
            .await?;
        let decided = next(&flow.valid, &person.facts(&flow, self));
        let (decided, own_prompt) = self.with_own_prompt(decided, &flow, &person).await?;
        let ask = match decided {
            Next::Ask(ask) => Some(ask),
            Next::Ready | Next::Refuse(_) => None,
        };
        let standing = person.standing();
        let choices = standing.as_ref().map(|standing| standing.choices());
        let own = |(id, name): (&str, &str)| (id.to_owned(), name.to_owned());
        let organizations = choices.into_iter().flatten().map(own).collect();
        let remembered = person.consent.map(|c| c.scope).unwrap_or_default();
        let request = flow.valid.to_record();
        let asking = flow.valid.client();
        let scopes = self.scope_views(asking, request, &remembered);
        let claims = self.claim_views(asking, request);
        let mut client = client_view(flow.valid.client(), &request.redirect_uri);
        if ask
            .as_ref()
            .is_some_and(|ask| ask.prompt == Prompt::Consent)
        {
            client.logo = self.logo(flow.valid.client()).await;
        }
        Ok(InteractionDetails {
            client,
            ask,
            login_hint: request.login_hint.clone(),
            ui_locales: request.ui_locales.clone(),
            account: person.signed_in.map(|s| s.account.display_name),
            scopes,
            claims,
            organizations,
            resources: self.resource_views(request),
            details: request
                .authorization_details
                .iter()
                .map(|detail| DetailView::of(detail, &self.inner.policy))
                .collect(),
            user_code: flow.device.as_ref().map(|device| device.user_code.clone()),
            own: flow.own.is_some(),
            own_prompt,
            own_parameters: request.own.clone(),
        })
    }

    /// The embedding program made sure of who somebody is: a new session begins, an old one of this browser ends. The
    /// built-in pages report single proofs instead ([`Self::sign_in_proved`]).
    ///
    /// # Errors
    /// The handle is not valid in this browser, or the store fails.
    pub async fn signed_in_as(
        &self,
        handle: &str,
        browser: &Browser,
        account: &Account,
        amr: Vec<String>,
    ) -> Result<Answered, Failure> {
        let (mut flow, _) = self.open(handle, browser).await?;
        let proof = Proof {
            method: Method::Other,
            amr,
            at: self.now(),
            since: None,
        };
        // Whether they want to be remembered is for that program to ask.
        let beginning = Beginning {
            fleeting: !self.inner.policy.sign_in.keeps(true),
            ..Beginning::of(vec![proof])
        };
        let fleeting = beginning.fleeting;
        let begun = self.begin_session(browser, account, beginning).await?;
        let Some((session, lifetime, sid)) = begun else {
            return Err(Failure::Unavailable { retry_after: 1 });
        };
        flow.done.login = Some(sid);
        flow.proved = None;
        let mut cookies = SetCookies {
            state: self.browser_state(&session.key(), lifetime),
            session: Some((session, lifetime)),
            fleeting,
            ..SetCookies::default()
        };
        self.make_known(browser, account, &mut cookies);
        self.proceed(flow, browser, cookies).await
    }

    /// Writes a new session and puts the browser's old one out of use in the same commit. When the same person signed
    /// in again, what was granted in the old session goes on with the new one; otherwise it ends. None when
    /// one of `spends` was too late.
    ///
    /// The old session can end in this very moment, by a sign-out in another window. Nothing is written then, and the new one begins
    /// without it: who has just proved who they are is signed in.
    pub(crate) async fn begin_session(
        &self,
        browser: &Browser,
        account: &Account,
        beginning: Beginning,
    ) -> Result<Option<(Opaque<Session>, i64, Sid)>, Failure> {
        for _ in 0..ROUNDS {
            match self
                .try_session(browser, account, beginning.clone())
                .await?
            {
                Begun::Session(session, lifetime, sid) => {
                    return Ok(Some((session, lifetime, sid)));
                }
                Begun::TooLate => return Ok(None),
                Begun::OldEnded => {}
            }
        }
        Err(Failure::Unavailable { retry_after: 1 })
    }

    async fn try_session(
        &self,
        browser: &Browser,
        account: &Account,
        beginning: Beginning,
    ) -> Result<Begun, Failure> {
        let inner = &self.inner;
        let now = self.now();
        let Beginning {
            proofs,
            fleeting,
            lowered,
            spends,
            writes,
        } = beginning;
        let longest = inner.policy.lifetimes.session;
        let shorter = inner.policy.sign_in.unremembered_lifetime;
        let shorter = shorter.filter(|_| fleeting);
        let lifetime = shorter.map_or(longest, |shorter| shorter.min(longest));
        let expires_at = now.plus(lifetime);
        let sid = Sid::parse(&hallpass_jose::base64url::encode(self.random::<16>()))
            .map_err(|_| Failure::Internal("a session could not be named".to_owned()))?;
        let session = Opaque::<Session>::from_random(Bucket::holding(expires_at), &self.random());
        let mut record = SessionRecord {
            subject: account.subject.clone(),
            account_epoch: account.epoch,
            authentication: self.authentication_of(&proofs),
            sid: sid.clone(),
            created_at: now,
            expires_at,
            superseded: false,
            proofs,
            earlier: Vec::new(),
            visit: browser.visit.clone(),
            seen_at: now,
            fleeting,
            lowered,
        };
        let given = spends.len();
        let mut commit = Commit { spends, writes };
        let old = self
            .signed_in(browser.session.as_ref().map(Opaque::key))
            .await?;
        match old {
            Some(old) if old.account.subject == account.subject => {
                record.earlier = old.session.earlier.clone();
                record.earlier.push(old.key);
                let surplus = record.earlier.len().saturating_sub(MAX_EARLIER);
                let surplus = record.earlier.drain(..surplus).collect();
                commit.writes.extend(self.end_sessions(surplus));
                let kept = SessionRecord {
                    superseded: true,
                    earlier: Vec::new(),
                    ..old.session
                };
                let asserted =
                    |spend: &Spend| matches!(spend, Spend::Session(key) if *key == old.key);
                if !commit.spends.iter().any(asserted) {
                    commit.spends.push(Spend::Session(old.key));
                }
                commit.writes.push(Write::Session(old.key, Box::new(kept)));
            }
            Some(old) => {
                let ended = with_earlier(old.key, &old.session);
                commit.writes.extend(self.end_sessions(ended));
            }
            None => {}
        }
        commit
            .writes
            .push(Write::Session(session.key(), Box::new(record)));
        commit
            .writes
            .extend(self.noted_sign_in(account, browser).await?);
        match self.commit(commit).await? {
            Committed::Done => {
                self.emit(&Event::SessionBegan {
                    account: &account.subject,
                });
                Ok(Begun::Session(session, lifetime, sid))
            }
            Committed::TooLate(at) if at < given => Ok(Begun::TooLate),
            Committed::TooLate(_) => Ok(Begun::OldEnded),
        }
    }

    /// The signed-in account was chosen for this request. When it is another one than the page showed, the choice does
    /// not count and the person is asked again.
    ///
    /// # Errors
    /// The handle is not valid in this browser, nobody is signed in, or the store fails.
    pub async fn account_selected(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<Answered, Failure> {
        let (mut flow, pending) = self.open(handle, browser).await?;
        let signed_in = self
            .signed_in(browser.session.as_ref().map(Opaque::key))
            .await?;
        let sid = Some(signed_in.ok_or(Reason::NotSignedIn)?.session.sid);
        if sid == pending.shown_to {
            flow.done.selected = sid;
        }
        self.proceed(flow, browser, SetCookies::default()).await
    }

    /// The person chose for which organization to act.
    ///
    /// # Errors
    /// The handle is not valid in this browser, nobody is signed in, or the store fails.
    pub async fn organization_chosen(
        &self,
        handle: &str,
        browser: &Browser,
        organization: &str,
    ) -> Result<Answered, Failure> {
        let (mut flow, pending) = self.open(handle, browser).await?;
        let signed_in = self
            .signed_in(browser.session.as_ref().map(Opaque::key))
            .await?;
        let sid = Some(signed_in.ok_or(Reason::NotSignedIn)?.session.sid);
        // Whether the person is a member is asked of the store in the next step, like for one that the client names.
        if pending.page == PageKind::Organization
            && sid == pending.shown_to
            && is_name(organization)
        {
            flow.valid.act_for(organization);
        }
        self.proceed(flow, browser, SetCookies::default()).await
    }

    /// A person decided on the consent page.
    ///
    /// # Errors
    /// The handle is not valid in this browser, nobody is signed in, or the store fails.
    pub async fn consent_decided(
        &self,
        handle: &str,
        browser: &Browser,
        decision: ConsentDecision,
    ) -> Result<Answered, Failure> {
        let (mut flow, pending) = self.open(handle, browser).await?;
        let (only, claims) = match decision {
            ConsentDecision::Deny => return self.denied(flow, browser).await,
            ConsentDecision::Allow { only, claims } => (only, claims),
        };
        let signed_in = self
            .signed_in(browser.session.as_ref().map(Opaque::key))
            .await?;
        // The answer counts on the consent page alone, and for the person to whom it was shown.
        let sid = signed_in.map(|s| s.session.sid);
        if pending.page == PageKind::Consent && sid.is_some() && sid == pending.shown_to {
            let policy = &self.inner.policy;
            let (only, claims) = (only.as_deref(), claims.as_deref());
            flow.consented = Some(Consented::ticked(&flow.valid, policy, only, claims));
        }
        self.proceed(flow, browser, SetCookies::default()).await
    }

    /// The person said no. Once somebody is signed in, the page that was answered cannot be answered again.
    async fn denied(&self, mut flow: Flow, browser: &Browser) -> Result<Answered, Failure> {
        self.told_of_answer(&mut flow);
        if flow.own.is_some() {
            return Ok(Answered {
                answer: Answer::Page(self.inner.policy.issuer.url("/")),
                cookies: SetCookies::default(),
            });
        }
        if let Some(device) = &flow.device {
            return Ok(Answered {
                answer: self.refuse_device(&flow, device, browser).await?,
                cookies: SetCookies::default(),
            });
        }
        let signed_in = self
            .signed_in(browser.session.as_ref().map(Opaque::key))
            .await?;
        if let (Some(_), Some(handle)) = (signed_in, flow.handle) {
            let spends = vec![Spend::Once(handle)];
            self.commit(Commit {
                spends,
                writes: Vec::new(),
            })
            .await?;
        }
        self.refuse(flow.valid, hallpass_core::authorize::Reason::Denied, false)
            .await
    }

    /// A person left the sign-in page.
    ///
    /// # Errors
    /// The handle is not valid in this browser.
    pub async fn interaction_cancelled(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<Answered, Failure> {
        if self.open(handle, browser).await?.0.own.is_some() {
            return Ok(Answered {
                answer: Answer::Page(self.inner.policy.issuer.url("/")),
                cookies: SetCookies::default(),
            });
        }
        self.consent_decided(handle, browser, ConsentDecision::Deny)
            .await
    }
}

/// So many earlier sessions of one person in one browser go on with the newest.
const MAX_EARLIER: usize = 16;

//= CIMD#8.5 SHOULD: the host of the client's identifier is shown where the person decides
fn document_host(client: &Client) -> Option<String> {
    (client.origin == ClientOrigin::Document)
        .then(|| DocumentId::parse(&client.id))
        .flatten()
        .map(|id| id.host().to_owned())
}

pub(crate) fn client_view(client: &Client, redirect_uri: &str) -> ClientView {
    let url = url::Url::parse(redirect_uri).ok();
    let host = url.as_ref().and_then(|u| u.host_str().map(str::to_owned));
    // A request without redirect URI answers its client directly; then its identifier says who it is.
    let direct = redirect_uri.is_empty().then(|| {
        let own = url::Url::parse(client.id.as_str()).ok();
        let own = own.and_then(|u| u.host_str().map(str::to_owned));
        own.unwrap_or_else(|| client.id.as_str().to_owned())
    });
    let web = url
        .as_ref()
        .is_some_and(|u| matches!(u.scheme(), "http" | "https"));
    let loopback = |u: &String| {
        url::Url::parse(u)
            .is_ok_and(|u| matches!(u.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")))
    };
    ClientView {
        name: client
            .name
            .clone()
            .unwrap_or_else(|| client.id.as_str().to_owned()),
        client_uri: client.links.client_uri.clone(),
        document_host: document_host(client),
        logo: None,
        policy_uri: client.links.policy_uri.clone(),
        tos_uri: client.links.tos_uri.clone(),
        redirect_host: host
            .or_else(|| url.as_ref().map(|u| format!("{}:", u.scheme())))
            .or(direct)
            .unwrap_or_default(),
        redirect_origin: url
            .filter(|_| web)
            .map(|u| u.origin().ascii_serialization()),
        unverified: matches!(
            client.origin,
            ClientOrigin::Registration | ClientOrigin::Document
        ),
        loopback_only: !redirect_uri.is_empty()
            && !client.redirect_uris.is_empty()
            && client.redirect_uris.iter().all(loopback),
    }
}
