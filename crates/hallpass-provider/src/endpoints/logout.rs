//! RP-initiated logout, [OpenID Connect RP-Initiated Logout §2](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout).

use hallpass_core::{
    client::Client,
    logout::{
        front_channel,
        rp_initiated::{Facts, Hint, Request, Step, decide},
    },
    record::{Activity, SessionRecord},
};
use hallpass_jose::UnverifiedJws;
use hallpass_store::{Commit, Committed, MAX_PAGE, Spend};
use hallpass_types::{ClientId, Key, Opaque, Params, Session, Sid};

use super::{
    authorize::SignedIn,
    interaction::{ClientView, client_view},
};
use crate::{
    Failure, Provider, Refusal,
    browser::{Browser, PendingFrames, PendingLogout, Reason, SetCookies, binding_digest},
    endpoints::PageError,
    ports::{Event, PageKind},
    sessions::with_earlier,
};

/// What the browser gets.
#[derive(Debug)]
pub enum LogoutAnswer {
    /// Go there: a page of ours, or the client's post-logout redirect URI.
    Redirect(String),
    /// An error page.
    Error(PageError),
}

/// What the confirmation page shows.
#[derive(Clone, Debug)]
pub struct LogoutDetails {
    /// Who asks.
    pub client: Option<ClientView>,
    /// Who is signed in.
    pub account: Option<String>,
    /// Whether the person can sign out of that client alone.
    pub client_alone: bool,
}

/// What a person answers to the confirmation page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutDecision {
    /// The session ends, and with it what every client got in it.
    Everywhere,
    /// The session goes on; the client that asks is signed out.
    ClientAlone,
    /// Nothing ends.
    Stay,
}

/// What the page shows to somebody who has signed out.
#[derive(Clone, Debug, Default)]
pub struct SignedOutDetails {
    /// Pages of clients to load in hidden frames (OpenID Connect Front-Channel Logout §3).
    pub frames: Vec<String>,
    /// Their origins, for the `Content-Security-Policy`.
    pub frame_origins: Vec<String>,
    /// Where to go on to when they are loaded: a URI that the client registered.
    pub redirect: Option<String>,
    /// The client that asked.
    pub client: Option<ClientView>,
    /// The person is still signed in.
    pub kept: bool,
    /// They signed out of that client alone.
    pub left: bool,
}

impl Provider {
    /// Answers a logout request.
    ///
    /// # Errors
    /// Only failures of ours.
    pub async fn end_session(
        &self,
        params: &Params,
        browser: &Browser,
    ) -> Result<(LogoutAnswer, SetCookies), Failure> {
        let inner = &self.inner;
        let request = match Request::parse(params) {
            Ok(request) => request,
            Err(reason) => return Ok(self.logout_error(reason.into())),
        };
        // Who the hint claims to be for decides whose secret might have signed it; nothing else follows from it.
        let named = match request.client_id(None) {
            Some(id) => self.client(&id).await?,
            None => None,
        };
        let unverified = request.id_token_hint().and_then(|text| {
            let text = self.opened(text, named.as_deref())?;
            UnverifiedJws::parse(&text).ok()?.claims_unverified().ok()
        });
        let client = match request.client_id(unverified.as_ref()) {
            Some(id) => self.client(&id).await?,
            None => None,
        };
        let hint = match request.id_token_hint() {
            Some(text) => Some(self.open_hint(text, client.as_deref()).await),
            None => None,
        };
        let id = request.client_id(hint.as_ref().and_then(Option::as_ref));
        let client = client.filter(|c| id.as_ref() == Some(&c.id));
        let signed_in = self
            .signed_in(browser.session.as_ref().map(Opaque::key))
            .await?;
        let subject = match (&signed_in, &client) {
            (Some(s), Some(c)) => Some(c.subject(&inner.policy, &s.account.subject)),
            (Some(_) | None, _) => None,
        };
        let facts = Facts {
            hint: Hint::new(hint.is_some(), hint.as_ref().and_then(Option::as_ref)),
            client: client.as_deref(),
            session: signed_in.as_ref().map(|s| &s.session),
            subject: subject.as_deref(),
            policy: &inner.policy,
        };
        let step = match decide(&request, &facts) {
            Ok(step) => step,
            Err(reason) => return Ok(self.logout_error(reason.into())),
        };
        match step {
            Step::Proceed { redirect } => {
                let mut cookies = SetCookies::default();
                let ended = self.end(browser, &mut cookies).await?;
                let after = After {
                    sessions: ended,
                    only: Vec::new(),
                    client_id: id,
                    redirect,
                };
                let target = self.after_logout(after, browser, &mut cookies).await?;
                let target =
                    target.unwrap_or_else(|| inner.interaction.url(PageKind::SignedOut, ""));
                Ok((LogoutAnswer::Redirect(target), cookies))
            }
            Step::Confirm { redirect } => {
                let mut cookies = SetCookies::default();
                let binding = self.binding(browser, &mut cookies);
                let pending = PendingLogout {
                    binding: binding_digest(&binding),
                    expires_at: self.now().plus(inner.policy.lifetimes.interaction),
                    shown_to: signed_in.map(|s| s.session.sid),
                    client_id: id,
                    redirect,
                    locales: request.ui_locales().to_vec(),
                };
                let plain =
                    serde_json::to_vec(&pending).map_err(|e| Failure::Internal(e.to_string()))?;
                let handle = inner.secrets.seal_browser("logout", &plain);
                Ok((
                    LogoutAnswer::Redirect(inner.interaction.url(PageKind::Logout, &handle)),
                    cookies,
                ))
            }
        }
    }

    /// Opens the handle of a confirmation page. With it comes whom the page was made for, while they are signed in.
    async fn open_logout(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<(PendingLogout, Option<SignedIn>), Failure> {
        let plain = self
            .inner
            .secrets
            .open_browser("logout", handle)
            .ok_or(Reason::StateUnknown)?;
        let pending: PendingLogout =
            serde_json::from_slice(&plain).map_err(|_| Reason::StateUnknown)?;
        if pending.expires_at.is_over(self.now()) {
            return Err(Reason::StateExpired.into());
        }
        if browser.binding.as_deref().map(binding_digest) != Some(pending.binding) {
            return Err(Reason::OtherBrowser.into());
        }
        let signed_in = self
            .signed_in(browser.session.as_ref().map(Opaque::key))
            .await?;
        // An answer is about one session: sent again, it does not end a later one.
        let sid = signed_in.as_ref().map(|s| &s.session.sid);
        if sid.is_some() && sid != pending.shown_to.as_ref() {
            return Err(Reason::OtherSession.into());
        }
        Ok((pending, signed_in))
    }

    /// What the confirmation page shows.
    ///
    /// # Errors
    /// The handle is not valid in this browser.
    pub async fn logout_details(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<LogoutDetails, Failure> {
        let (pending, signed_in) = self.open_logout(handle, browser).await?;
        let client = match &pending.client_id {
            Some(id) => self.client(id).await?,
            None => None,
        };
        let client_alone = match (&client, &signed_in) {
            (Some(client), Some(person)) => self.takes_part(client, person).await?,
            (Some(_) | None, _) => false,
        };
        Ok(LogoutDetails {
            client_alone,
            client: client
                .map(|c| client_view(&c, pending.redirect.as_deref().unwrap_or_default())),
            account: signed_in.map(|s| s.account.display_name),
        })
    }

    /// Whether a client that is to be told of sign-outs got anything in this session, or one that it superseded.
    async fn takes_part(&self, client: &Client, person: &SignedIn) -> Result<bool, Failure> {
        if !client.is_told_of_logout() {
            return Ok(false);
        }
        let inner = &self.inner;
        for session in with_earlier(person.key, &person.session) {
            let own = inner
                .store
                .participants(inner.issuer_id, session, &client.id);
            if !own.await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The person decided. Whatever they decided, they go where the client asked to be told; nowhere, when it did not
    /// ask and no client is to be told by the browser.
    ///
    /// # Errors
    /// The handle is not valid in this browser, or the store fails.
    pub async fn logout_decided(
        &self,
        handle: &str,
        browser: &Browser,
        decision: LogoutDecision,
    ) -> Result<(Option<String>, SetCookies), Failure> {
        let (pending, signed_in) = self.open_logout(handle, browser).await?;
        let mut cookies = SetCookies::default();
        let mut after = After {
            sessions: Vec::new(),
            only: Vec::new(),
            client_id: pending.client_id,
            redirect: pending.redirect,
        };
        match decision {
            LogoutDecision::Everywhere => after.sessions = self.end(browser, &mut cookies).await?,
            LogoutDecision::ClientAlone => {
                let client = match &after.client_id {
                    Some(id) => self.client(id).await?,
                    None => None,
                };
                if let (Some(client), Some(person)) = (client, signed_in) {
                    let sessions = with_earlier(person.key, &person.session);
                    let left = self.end_participation(&client, &sessions).await?;
                    after.only = left.into_iter().map(|p| p.sid).collect();
                }
            }
            LogoutDecision::Stay => {}
        }
        let target = self.after_logout(after, browser, &mut cookies).await?;
        Ok((target, cookies))
    }

    /// Ends the browser's session, and those that wait beside it; answers which ones ended.
    async fn end(
        &self,
        browser: &Browser,
        cookies: &mut SetCookies,
    ) -> Result<Vec<Key<Session>>, Failure> {
        let (store, issuer) = (&self.inner.store, self.inner.issuer_id);
        let mut ended = Vec::new();
        let here = browser.session.iter().chain(&browser.others);
        let mut next: Vec<_> = here.map(Opaque::key).collect();
        while let Some(key) = next.pop() {
            let Some(session) = store.session(issuer, key).await? else {
                continue;
            };
            let with_it = with_earlier(key, &session);
            // Of two sign-outs at once one tells the clients.
            let mut writes = self.end_sessions(with_it.clone());
            writes.push(self.happened(&session.subject, Activity::SignedOut, browser, None));
            let commit = Commit {
                spends: vec![Spend::Session(key)],
                writes,
            };
            if self.commit(commit).await? != Committed::Done {
                continue;
            }
            ended.extend(with_it);
            // The person may have proved themselves once more in another window at this moment. From now on nobody goes on
            // with a session that has ended, so whoever did is there.
            let living = store.account_sessions(issuer, &session.subject).await?;
            let goes_on = |(_, record): &&(_, SessionRecord)| {
                record.earlier.iter().any(|earlier| ended.contains(earlier))
            };
            next.extend(living.iter().filter(goes_on).map(|(key, _)| *key));
        }
        if !ended.is_empty() {
            self.emit(&Event::SignedOut);
        }
        let SetCookies {
            end_session,
            state,
            others,
            ..
        } = self.without_session(browser);
        cookies.end_session = end_session;
        cookies.others = others;
        if state.is_some() {
            cookies.state = state;
        }
        Ok(ended)
    }

    /// Where the browser goes: to the page with the frames, when some client is told by frame, else where the client
    /// asked to be told.
    async fn after_logout(
        &self,
        after: After,
        browser: &Browser,
        cookies: &mut SetCookies,
    ) -> Result<Option<String>, Failure> {
        let inner = &self.inner;
        let pending = PendingFrames {
            binding: binding_digest(&self.binding(browser, cookies)),
            expires_at: self.now().plus(inner.policy.lifetimes.interaction),
            sessions: after.sessions,
            only: after.only,
            client_id: after.client_id,
            redirect: after.redirect,
        };
        if self.frames(&pending).await?.is_empty() {
            return Ok(pending.redirect);
        }
        let plain = serde_json::to_vec(&pending).map_err(|e| Failure::Internal(e.to_string()))?;
        let handle = inner.secrets.seal_browser("signed_out", &plain);
        Ok(Some(inner.interaction.url(PageKind::SignedOut, &handle)))
    }

    /// The frames that tell clients, each once. A browser loads so many and no more: whoever has to know is told by the back
    /// channel, which leaves nobody out.
    async fn frames(&self, pending: &PendingFrames) -> Result<Vec<String>, Failure> {
        let inner = &self.inner;
        let mut frames = Vec::new();
        if !inner.policy.logout.front_channel {
            return Ok(frames);
        }
        if let Some(id) = &pending.client_id {
            for sid in &pending.only {
                self.add_frame(id, sid, &mut frames).await?;
            }
        }
        let mut looked_at = 0_usize;
        for session in &pending.sessions {
            let mut after = None;
            loop {
                let page = inner
                    .store
                    .participating(inner.issuer_id, *session, after.as_ref());
                let page = page.await?;
                for participant in &page {
                    if frames.len() >= MOST_FRAMES || looked_at >= MOST_LOOKED_AT {
                        tracing::warn!(
                            frames = frames.len(),
                            "a session has reached more clients than a browser is made to tell"
                        );
                        return Ok(frames);
                    }
                    looked_at = looked_at.saturating_add(1);
                    let (id, sid) = (&participant.client_id, &participant.sid);
                    self.add_frame(id, sid, &mut frames).await?;
                }
                if page.len() < MAX_PAGE {
                    break;
                }
                after = page.last().map(|participant| participant.client_id.clone());
            }
        }
        Ok(frames)
    }

    async fn add_frame(
        &self,
        client: &ClientId,
        sid: &Sid,
        frames: &mut Vec<String>,
    ) -> Result<(), Failure> {
        if let Some(client) = self.client(client).await?
            && let Some(frame) = front_channel::frame(&client, &self.inner.policy.issuer, sid)
            && !frames.contains(&frame)
        {
            frames.push(frame);
        }
        Ok(())
    }

    /// What the page for those who have signed out shows.
    ///
    /// # Errors
    /// The handle is not valid in this browser, or the store fails.
    pub async fn signed_out_details(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<SignedOutDetails, Failure> {
        let plain = self
            .inner
            .secrets
            .open_browser("signed_out", handle)
            .ok_or(Reason::StateUnknown)?;
        let pending: PendingFrames =
            serde_json::from_slice(&plain).map_err(|_| Reason::StateUnknown)?;
        if pending.expires_at.is_over(self.now()) {
            return Err(Reason::StateExpired.into());
        }
        if browser.binding.as_deref().map(binding_digest) != Some(pending.binding) {
            return Err(Reason::OtherBrowser.into());
        }
        let client = match &pending.client_id {
            Some(id) => self.client(id).await?,
            None => None,
        };
        let frames = self.frames(&pending).await?;
        Ok(SignedOutDetails {
            frame_origins: frames
                .iter()
                .filter_map(|frame| front_channel::origin(frame))
                .collect(),
            frames,
            client: client
                .map(|c| client_view(&c, pending.redirect.as_deref().unwrap_or_default())),
            kept: pending.sessions.is_empty(),
            left: !pending.only.is_empty(),
            redirect: pending.redirect,
        })
    }

    fn logout_error(&self, refusal: Refusal) -> (LogoutAnswer, SetCookies) {
        self.emit(&Event::Refused {
            endpoint: "logout",
            reason: refusal.id,
            client: None,
        });
        (
            LogoutAnswer::Error(PageError(refusal)),
            SetCookies::default(),
        )
    }
}

/// So many frames the page has at most, each with its origin in the page's policy.
const MOST_FRAMES: usize = 100;
/// So many clients are looked at for it.
const MOST_LOOKED_AT: usize = 2000;

/// What follows a sign-out.
struct After {
    sessions: Vec<Key<Session>>,
    only: Vec<Sid>,
    client_id: Option<ClientId>,
    redirect: Option<String>,
}
