//! What pages ask the engine while a person acts, and what they report.

use hallpass_core::{
    authorize::Valid,
    interaction::{Ask, Consented, Facts, Next, next},
    record::{Authentication, SessionRecord},
};
use hallpass_store::{Commit, Write};
use hallpass_types::{Bucket, Opaque, Session, Sid};

use super::authorize::{Answered, Flow, SignedIn};
use crate::{
    Failure, Provider,
    browser::{Browser, Pending, Reason, SetCookies, binding_digest},
    ports::Account,
};

/// A client as pages show it.
#[derive(Clone, Debug, Default)]
pub struct ClientView {
    /// Its name, or its identifier.
    pub name: String,
    /// `client_uri`.
    pub client_uri: Option<String>,
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

/// A scope as pages show it.
#[derive(Clone, Debug)]
pub struct ScopeView {
    /// The token.
    pub name: String,
    /// The operator's description.
    pub description: Option<String>,
    /// It was allowed before.
    pub already_allowed: bool,
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
    /// Claims of the `claims` parameter.
    pub claims: Vec<String>,
    /// Resources.
    pub resources: Vec<String>,
}

/// What a person decided on the consent page.
#[derive(Clone, Debug)]
pub enum ConsentDecision {
    /// Allow what was shown; `only` leaves out every scope that is not in it.
    Allow {
        /// Scopes that stayed ticked; none means all.
        only: Option<Vec<String>>,
    },
    /// Deny.
    Deny,
}

impl Provider {
    /// Opens the handle that a page was given.
    async fn open(&self, handle: &str, browser: &Browser) -> Result<(Flow, Pending), Failure> {
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
        let client = self.client(&pending.request.client_id).await?;
        let valid = Valid::resume(pending.request.clone(), client, &self.inner.policy)?;
        let flow = Flow {
            valid,
            done: pending.done.clone(),
            started_at: pending.started_at,
            consented: None,
        };
        Ok((flow, pending))
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
        let signed_in = self
            .signed_in(browser.session.as_ref().map(Opaque::key))
            .await?;
        let (ask, remembered) = self.next_step(&flow, signed_in.as_ref()).await?;
        let request = flow.valid.to_record();
        let scopes = request
            .scope
            .iter()
            .map(|name| ScopeView {
                name: name.to_owned(),
                description: self
                    .inner
                    .policy
                    .scope(name)
                    .and_then(|s| s.description.clone()),
                already_allowed: remembered.contains(name),
            })
            .collect();
        let mut claims: Vec<String> = request
            .claims
            .userinfo
            .keys()
            .chain(request.claims.id_token.keys())
            .cloned()
            .collect();
        claims.sort();
        claims.dedup();
        Ok(InteractionDetails {
            client: client_view(flow.valid.client(), &request.redirect_uri),
            ask,
            login_hint: request.login_hint.clone(),
            ui_locales: request.ui_locales.clone(),
            account: signed_in.map(|s| s.account.display_name),
            scopes,
            claims,
            resources: request.resources.clone(),
        })
    }

    async fn next_step(
        &self,
        flow: &Flow,
        signed_in: Option<&SignedIn>,
    ) -> Result<(Option<Ask>, hallpass_types::Scope), Failure> {
        let inner = &self.inner;
        let client = flow.valid.client();
        let consent = match signed_in {
            Some(s) => {
                inner
                    .store
                    .consent(inner.issuer_id, &s.account.subject, &client.id)
                    .await?
            }
            None => None,
        };
        let subject = signed_in.map(|s| client.subject(&inner.policy, &s.account.subject));
        let facts = Facts {
            now: self.now(),
            session: signed_in.map(|s| &s.session),
            subject: subject.as_deref(),
            consent: consent.as_ref(),
            consented: None,
            done: &flow.done,
            policy: &inner.policy,
        };
        let ask = match next(&flow.valid, &facts) {
            Next::Ask(ask) => Some(ask),
            Next::Ready | Next::Refuse(_) => None,
        };
        Ok((ask, consent.map(|c| c.scope).unwrap_or_default()))
    }

    /// Somebody proved who they are: a new session begins, an old one of this browser ends.
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
        let (session, lifetime, sid) = self.begin_session(browser, account, amr).await?;
        flow.done.login = Some(sid);
        let cookies = SetCookies {
            session: Some((session, lifetime)),
            ..SetCookies::default()
        };
        self.proceed(flow, browser, cookies).await
    }

    /// Writes a new session and ends the browser's old one in the same commit.
    async fn begin_session(
        &self,
        browser: &Browser,
        account: &Account,
        amr: Vec<String>,
    ) -> Result<(Opaque<Session>, i64, Sid), Failure> {
        let now = self.now();
        let lifetime = self.inner.policy.lifetimes.session;
        let expires_at = now.plus(lifetime);
        let sid = Sid::parse(&hallpass_jose::base64url::encode(self.random::<16>()))
            .map_err(|_| Failure::Internal("a session could not be named".to_owned()))?;
        let session = Opaque::<Session>::from_random(Bucket::holding(expires_at), &self.random());
        let record = SessionRecord {
            subject: account.subject.clone(),
            account_epoch: account.epoch,
            authentication: Authentication {
                auth_time: now,
                acr: hallpass_core::interaction::acr_of(&self.inner.policy, &amr),
                amr,
            },
            sid: sid.clone(),
            created_at: now,
            expires_at,
        };
        let mut writes = vec![Write::Session(session.key(), Box::new(record))];
        if let Some(old) = &browser.session {
            writes.push(Write::EndSession(old.key()));
        }
        self.commit(Commit {
            spends: Vec::new(),
            writes,
        })
        .await?;
        Ok((session, lifetime, sid))
    }

    /// The signed-in account was chosen for this request.
    ///
    /// # Errors
    /// The handle is not valid in this browser, nobody is signed in, or the store fails.
    pub async fn account_selected(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<Answered, Failure> {
        let (mut flow, _) = self.open(handle, browser).await?;
        let signed_in = self
            .signed_in(browser.session.as_ref().map(Opaque::key))
            .await?;
        flow.done.selected = Some(signed_in.ok_or(Reason::NotSignedIn)?.session.sid);
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
        let (mut flow, _) = self.open(handle, browser).await?;
        let only = match decision {
            ConsentDecision::Deny => {
                let redirect = flow.valid.reject(hallpass_core::authorize::Reason::Denied);
                return Ok(self.respond_error(&redirect));
            }
            ConsentDecision::Allow { only } => only,
        };
        let signed_in = self
            .signed_in(browser.session.as_ref().map(Opaque::key))
            .await?;
        if signed_in.is_none() {
            return self.proceed(flow, browser, SetCookies::default()).await;
        }
        flow.consented = Some(Consented::of(flow.valid.to_record(), only.as_deref()));
        self.proceed(flow, browser, SetCookies::default()).await
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
        self.consent_decided(handle, browser, ConsentDecision::Deny)
            .await
    }
}

pub(crate) fn client_view(
    client: &hallpass_core::client::Client,
    redirect_uri: &str,
) -> ClientView {
    let url = url::Url::parse(redirect_uri).ok();
    let host = url.as_ref().and_then(|u| u.host_str().map(str::to_owned));
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
        policy_uri: client.links.policy_uri.clone(),
        tos_uri: client.links.tos_uri.clone(),
        redirect_host: host
            .or_else(|| url.as_ref().map(|u| format!("{}:", u.scheme())))
            .unwrap_or_default(),
        redirect_origin: url
            .filter(|_| web)
            .map(|u| u.origin().ascii_serialization()),
        unverified: client.origin == hallpass_core::client::ClientOrigin::Registration,
        loopback_only: !client.redirect_uris.is_empty()
            && client.redirect_uris.iter().all(loopback),
    }
}
