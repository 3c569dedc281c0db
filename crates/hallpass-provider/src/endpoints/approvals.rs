//! The page where a signed-in person answers backchannel authentication requests.

use hallpass_core::backchannel::Reason;
use hallpass_store::Spend;
use hallpass_types::{ClientId, Key, Opaque, Scope, Sid, Timestamp, Waiting};
use serde::{Deserialize, Serialize};

use super::{
    Visitor,
    asked::{ResourceView, ScopeView},
    authorize::SignedIn,
    backchannel_answer::{BackchannelAnswer, BackchannelOutcome},
    details::DetailView,
    interaction::{ClientView, ConsentDecision, client_view},
    refusing::RefusedClient,
};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason as BrowserReason, SetCookies, binding_digest},
};

/// What the page shows.
#[derive(Debug)]
pub struct Approvals {
    /// Who is signed in.
    pub account: String,
    /// What waits for this person, oldest first.
    pub requests: Vec<Approval>,
    /// Clients that the person does not want to be asked by, the latest first.
    pub refused: Vec<RefusedClient>,
}

/// A request that waits for its person.
#[derive(Debug)]
pub struct Approval {
    /// Comes back with the answer.
    pub handle: String,
    /// Who asks.
    pub client: ClientView,
    /// What the person compares.
    pub binding_message: Option<String>,
    /// What is asked for.
    pub scopes: Vec<ScopeView>,
    /// Claims asked for one by one.
    pub claims: Vec<String>,
    /// Resources.
    pub resources: Vec<ResourceView>,
    /// Authorization details.
    pub details: Vec<DetailView>,
    /// Whether the person must sign in once more before they can allow it.
    pub sign_in_again: bool,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
}

/// What stands in a form of the page.
#[derive(Serialize, Deserialize)]
struct SealedForm {
    #[serde(rename = "b")]
    binding: [u8; 16],
    #[serde(rename = "e")]
    expires_at: Timestamp,
    /// Whose form it is.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    shown_to: Option<Sid>,
    /// The request that it answers.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    key: Option<Key<Waiting>>,
    /// Who asks.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    client: Option<ClientId>,
}

impl Provider {
    /// What the page shows in this browser, to a person whom [`Self::visit`] let in.
    ///
    /// # Errors
    /// Only failures of ours.
    pub async fn approvals(
        &self,
        browser: &Browser,
        visitor: &Visitor,
    ) -> Result<(Approvals, SetCookies), Failure> {
        let mut cookies = SetCookies::default();
        let mut form = SealedForm {
            binding: binding_digest(&self.binding(browser, &mut cookies)),
            expires_at: self.now().plus(self.inner.policy.lifetimes.interaction),
            shown_to: Some(visitor.signed_in.session.sid.clone()),
            key: None,
            client: None,
        };
        let mut requests = Vec::new();
        let subject = &visitor.signed_in.account.subject;
        let (refusals, _) = self.refusals(subject).await?;
        for (key, record) in self.open_backchannel(subject).await? {
            // It asked in the very moment in which the person refused it.
            if refusals.holds(&record.polled.request.client_id, self.now()) {
                continue;
            }
            let Some(client) = self.client(&record.polled.request.client_id).await? else {
                continue;
            };
            form.key = Some(key);
            form.client = Some(client.id.clone());
            let signed_in_at = visitor.signed_in.session.authentication.auth_time;
            let sign_in_again = !record.is_recent(signed_in_at, self.now());
            let request = &record.polled.request;
            requests.push(Approval {
                handle: self.seal_form(&form)?,
                client: client_view(&client, ""),
                binding_message: record.binding_message,
                scopes: self.scope_views(&client, request, &Scope::default()),
                claims: self.claim_views(&client, request),
                resources: self.resource_views(request),
                details: request
                    .authorization_details
                    .iter()
                    .map(|detail| DetailView::of(detail, &self.inner.policy))
                    .collect(),
                sign_in_again,
                asked_at: record.polled.issued_at,
                expires_at: record.polled.expires_at,
            });
        }
        let approvals = Approvals {
            account: visitor.signed_in.account.display_name.clone(),
            requests,
            refused: self.refused_clients(subject).await?,
        };
        Ok((approvals, cookies))
    }

    fn seal_form(&self, form: &SealedForm) -> Result<String, Failure> {
        let plain = serde_json::to_vec(form).map_err(|e| Failure::Internal(e.to_string()))?;
        Ok(self.inner.secrets.seal_browser("approvals", &plain))
    }

    /// Opens a form of the page: made for this browser, for whoever is signed in now, and not too old.
    async fn open_form(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<(SealedForm, Option<SignedIn>), Failure> {
        let opened = self.inner.secrets.open_browser("approvals", handle);
        let plain = opened.ok_or(BrowserReason::StateUnknown)?;
        let form: SealedForm =
            serde_json::from_slice(&plain).map_err(|_| BrowserReason::StateUnknown)?;
        if form.expires_at.is_over(self.now()) {
            return Err(BrowserReason::StateExpired.into());
        }
        if browser.binding.as_deref().map(binding_digest) != Some(form.binding) {
            return Err(BrowserReason::OtherBrowser.into());
        }
        let session = browser.session.as_ref().map(Opaque::key);
        let signed_in = self.signed_in(session).await?;
        let sid = signed_in.as_ref().map(|s| &s.session.sid);
        if sid != form.shown_to.as_ref() {
            return Err(BrowserReason::OtherSession.into());
        }
        Ok((form, signed_in))
    }

    /// The person answered a request on the page.
    ///
    /// # Errors
    /// The form was not made for this browser and session, the request is over, or the store fails.
    pub async fn approval_decided(
        &self,
        handle: &str,
        browser: &Browser,
        decision: ConsentDecision,
    ) -> Result<BackchannelOutcome, Failure> {
        let (form, signed_in) = self.open_form(handle, browser).await?;
        let signed_in = signed_in.ok_or(BrowserReason::NotSignedIn)?;
        let key = form.key.ok_or(BrowserReason::StateUnknown)?;
        let record = self.backchannel_record(key).await?;
        // The form was sealed for this person; the record is asked once more.
        if record.is_none_or(|(record, _)| record.subject != signed_in.account.subject) {
            return Err(Reason::RequestOver.into());
        }
        let answer = match decision {
            ConsentDecision::Deny => BackchannelAnswer::Deny,
            ConsentDecision::Allow { only, claims } => BackchannelAnswer::Allow {
                authentication: signed_in.session.authentication.clone(),
                only,
                claims,
            },
        };
        match self
            .decide_backchannel(key, &answer, Some(&signed_in))
            .await?
        {
            outcome @ (BackchannelOutcome::Done | BackchannelOutcome::SignInAgain) => Ok(outcome),
            BackchannelOutcome::Over => Err(Reason::RequestOver.into()),
        }
    }

    /// The person does not want to be asked by the client of a request, until that time or for good: this request and others
    /// of the same client are denied, and further ones without asking. It does not matter whether the request is over.
    ///
    /// # Errors
    /// The form was not made for this browser and session, or the store fails.
    pub async fn approval_refused(
        &self,
        handle: &str,
        browser: &Browser,
        until: Option<Timestamp>,
    ) -> Result<(), Failure> {
        let (form, signed_in) = self.open_form(handle, browser).await?;
        let signed_in = signed_in.ok_or(BrowserReason::NotSignedIn)?;
        let client = form.client.ok_or(BrowserReason::StateUnknown)?;
        let guard = Some(Spend::Session(signed_in.key));
        self.refusing(&signed_in.account.subject, &client, until, guard)
            .await
    }

    /// Answers a request at the call of whoever knows its `auth_req_id`. For tests: only where the policy has switched it
    /// on, and nobody is asked.
    ///
    /// # Errors
    /// It is switched off, the action is neither `allow` nor `deny`, or the request is over.
    pub async fn backchannel_answered_automatically(
        &self,
        auth_req_id: &str,
        action: &str,
    ) -> Result<(), Failure> {
        if !self.inner.policy.backchannel.automatic_approval {
            return Err(Reason::NotAllowed.into());
        }
        let key = Self::backchannel_key(auth_req_id).ok_or(Reason::RequestOver)?;
        let record = self.backchannel_record(key).await?;
        let (record, _) = record.ok_or(Reason::RequestOver)?;
        let mut wanted = record.polled.request.acr_values.iter();
        let acr = wanted
            .find(|acr| self.inner.policy.acr_values.contains(acr))
            .cloned();
        let answer = match action {
            "allow" => BackchannelAnswer::Allow {
                authentication: hallpass_core::record::Authentication {
                    auth_time: self.now(),
                    acr,
                    amr: Vec::new(),
                },
                only: None,
                claims: None,
            },
            "deny" => BackchannelAnswer::Deny,
            _ => return Err(Reason::RequestOver.into()),
        };
        match self.decide_backchannel(key, &answer, None).await? {
            BackchannelOutcome::Done => Ok(()),
            BackchannelOutcome::Over | BackchannelOutcome::SignInAgain => {
                Err(Reason::RequestOver.into())
            }
        }
    }
}
