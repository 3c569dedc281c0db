//! RP-initiated logout, [OpenID Connect RP-Initiated Logout §2](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout).

use hallpass_core::logout::rp_initiated::{Facts, Hint, Request, Step, decide};
use hallpass_jose::UnverifiedJws;
use hallpass_store::Commit;
use hallpass_types::{Opaque, Params};

use super::{
    authorize::SignedIn,
    interaction::{ClientView, client_view, end_of},
};
use crate::{
    Failure, Provider, Refusal,
    browser::{Browser, PendingLogout, Reason, SetCookies, binding_digest},
    endpoints::PageError,
    ports::{Event, PageKind},
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
        let hint = request
            .id_token_hint()
            .map(|text| self.open_hint(text, client.as_deref()));
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
                self.end(browser, &mut cookies).await?;
                let target =
                    redirect.unwrap_or_else(|| inner.interaction.url(PageKind::SignedOut, ""));
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
        Ok(LogoutDetails {
            client: client
                .map(|c| client_view(&c, pending.redirect.as_deref().unwrap_or_default())),
            account: signed_in.map(|s| s.account.display_name),
        })
    }

    /// The person decided. Whether they sign out or stay, they go where the client asked to be told; nowhere, when it
    /// did not ask.
    ///
    /// # Errors
    /// The handle is not valid in this browser, or the store fails.
    pub async fn logout_decided(
        &self,
        handle: &str,
        browser: &Browser,
        sign_out: bool,
    ) -> Result<(Option<String>, SetCookies), Failure> {
        let (pending, _) = self.open_logout(handle, browser).await?;
        let mut cookies = SetCookies::default();
        if sign_out {
            self.end(browser, &mut cookies).await?;
        }
        Ok((pending.redirect, cookies))
    }

    async fn end(&self, browser: &Browser, cookies: &mut SetCookies) -> Result<(), Failure> {
        if let Some(presented) = &browser.session {
            let key = presented.key();
            if let Some(session) = self.inner.store.session(self.inner.issuer_id, key).await? {
                let writes = end_of(key, &session);
                self.commit(Commit {
                    spends: Vec::new(),
                    writes,
                })
                .await?;
                self.emit(&Event::SignedOut);
            }
        }
        cookies.end_session = true;
        Ok(())
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
