//! Visits to pages of the provider's own: people sign in there by the same steps as for a client, and nothing is granted.

use std::sync::Arc;

use hallpass_core::{
    authorize::Valid,
    client::{Client, ClientOrigin, ClientRecord, metadata},
    interaction::Done,
    policy::Policy,
    sign_in::{Strength, strength_of},
};
use hallpass_store::{Commit, Write};
use hallpass_types::{ClientId, Opaque, Sid, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Answered, SignedIn,
    authorize::{Flow, SEEN_AGAIN},
    mailed::Reason,
};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason as BrowserReason, SetCookies, binding_digest},
    ports::Account,
};

/// Somebody who looks at a page of their own account.
#[derive(Debug)]
pub struct Visitor {
    pub(crate) signed_in: SignedIn,
    /// Comes back with every form of the page: made for this browser and this session.
    pub form: String,
}

impl Visitor {
    /// Whose session it is.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.signed_in.account
    }

    /// The session's name, for what is made for it alone.
    #[must_use]
    pub fn session_name(&self) -> &str {
        self.signed_in.session.sid.as_str()
    }

    /// When they signed in.
    #[must_use]
    pub fn signed_in_at(&self) -> Timestamp {
        self.signed_in.session.authentication.auth_time
    }

    /// How strong what they proved is.
    #[must_use]
    pub fn strength(&self, policy: &Policy) -> Option<Strength> {
        strength_of(policy, &self.signed_in.session.proved())
    }
}

/// Who is before a page of the provider's own.
#[derive(Debug)]
pub enum Visited {
    /// Somebody who is signed in, recently enough.
    Here(Box<Visitor>),
    /// They must sign in first, and come back then.
    SignIn(Box<Answered>),
}

/// What stands in a form of such a page.
#[derive(Serialize, Deserialize)]
struct SealedForm {
    #[serde(rename = "b")]
    binding: [u8; 16],
    #[serde(rename = "e")]
    expires_at: Timestamp,
    #[serde(rename = "w")]
    shown_to: Sid,
}

/// The provider itself, as the client of its own pages. It is in no store, and no endpoint knows it.
pub(crate) fn own_client(policy: &Policy) -> Option<Client> {
    let metadata = json!({
        "redirect_uris": [policy.issuer.url("/account")],
        "token_endpoint_auth_method": "none",
        "skip_consent": true,
    });
    let origin = ClientOrigin::Configuration;
    let metadata = metadata::normalize(metadata.as_object()?, origin, policy).ok()?;
    let record = ClientRecord {
        client_id: ClientId::parse("urn:hallpass:own").ok()?,
        metadata,
        secret: None,
        secret_sealed: None,
        secret_expires_at: None,
        vouched: false,
        decided: serde_json::Map::new(),
        registration_token: None,
        origin,
        policies: Vec::new(),
        disabled: false,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    };
    Client::without_profile(&record, policy, None).ok()
}

impl Provider {
    pub(crate) fn own(&self) -> Result<&Arc<Client>, Failure> {
        let own = self.inner.own.as_ref();
        own.ok_or_else(|| Reason::NotOffered.into())
    }

    /// Who is before a page of the provider's own at `path` (under the issuer, with its query). Whoever is not signed in
    /// is sent to sign in, and comes back; so is, where `recent` says so, who signed in too long ago.
    ///
    /// # Errors
    /// People cannot look after their accounts here, or the store fails.
    pub async fn visit(
        &self,
        browser: &Browser,
        path: &str,
        recent: bool,
    ) -> Result<(Visited, SetCookies), Failure> {
        if !self.inner.policy.people.account_page {
            return Err(Reason::NotOffered.into());
        }
        let age = recent.then_some(self.inner.policy.people.recent_sign_in);
        self.visit_page(browser, path, age).await
    }

    /// As [`Self::visit`] with `recent`, for a page where people change how they sign in. Who has set up more than a password
    /// shows some of it first ([`owed`](hallpass_core::sign_in::owed)).
    ///
    /// # Errors
    /// People cannot look after their accounts here, or the store fails.
    pub async fn visit_to_change(
        &self,
        browser: &Browser,
        path: &str,
    ) -> Result<(Visited, SetCookies), Failure> {
        if !self.inner.policy.people.account_page {
            return Err(Reason::NotOffered.into());
        }
        self.visit_page_to_change(browser, path).await
    }

    /// As [`Self::visit_to_change`], for a page that is there even where people do not look after their accounts.
    ///
    /// # Errors
    /// The store fails.
    pub async fn visit_page_to_change(
        &self,
        browser: &Browser,
        path: &str,
    ) -> Result<(Visited, SetCookies), Failure> {
        let age = self.inner.policy.people.recent_sign_in;
        self.visited(browser, path, (Some(age), true)).await
    }

    /// As [`Self::visit`], for a page that is there even where people do not look after their accounts. Who signed in longer
    /// ago than `age` seconds does so again; with 0 everybody does.
    ///
    /// # Errors
    /// The store fails.
    pub async fn visit_page(
        &self,
        browser: &Browser,
        path: &str,
        age: Option<i64>,
    ) -> Result<(Visited, SetCookies), Failure> {
        self.visited(browser, path, (age, false)).await
    }

    async fn visited(
        &self,
        browser: &Browser,
        path: &str,
        (age, changes): (Option<i64>, bool),
    ) -> Result<(Visited, SetCookies), Failure> {
        let policy = &self.inner.policy;
        let session = browser.session.as_ref().map(Opaque::key);
        let signed_in = self.signed_in(session).await?;
        let mut cookies = SetCookies::default();
        // Somebody may have set up a second factor since: then the session shows too little.
        let enough = match &signed_in {
            Some(signed_in) => self.is_enough(signed_in).await?,
            None => false,
        };
        let owes = changes && self.owes(signed_in.as_ref()).await?;
        if let Some(signed_in) = signed_in
            && enough
            && !owes
            && age.is_none_or(|age| age > 0 && self.is_within(&signed_in, age))
        {
            self.note_use(&signed_in).await?;
            let form = SealedForm {
                binding: binding_digest(&self.binding(browser, &mut cookies)),
                expires_at: self.now().plus(policy.lifetimes.interaction),
                shown_to: signed_in.session.sid.clone(),
            };
            let plain = serde_json::to_vec(&form).map_err(|e| Failure::Internal(e.to_string()))?;
            let visitor = Visitor {
                signed_in,
                form: self.inner.secrets.seal_browser("account", &plain),
            };
            return Ok((Visited::Here(Box::new(visitor)), cookies));
        }
        let age = if enough { age } else { Some(0) };
        let flow = Flow {
            valid: Valid::own(Arc::clone(self.own()?), age),
            asked: None,
            done: Done::default(),
            started_at: self.now(),
            consented: None,
            handle: None,
            device: None,
            own: Some(path.to_owned()),
            proved: None,
            anew: false,
            adding: false,
            changes,
            held: false,
        };
        let answered = self.proceed(flow, browser, cookies).await?;
        Ok((Visited::SignIn(Box::new(answered)), SetCookies::default()))
    }

    /// Notes that a session is used, where the last note is old.
    async fn note_use(&self, signed_in: &SignedIn) -> Result<(), Failure> {
        let now = self.now();
        if now.since(signed_in.session.last_used()) >= SEEN_AGAIN {
            let spends = Vec::new();
            let writes = vec![Write::SessionSeen(signed_in.key, now)];
            self.commit(Commit { spends, writes }).await?;
        }
        Ok(())
    }

    /// Whether a form of such a page was made for this browser and for whoever is signed in now.
    ///
    /// # Errors
    /// It was not, or the store fails.
    pub async fn own_form(&self, form: &str, browser: &Browser) -> Result<(), Failure> {
        self.open_own_form(form, browser).await.map(|_| ())
    }

    /// Opens a form of such a page: made for this browser and for whoever is signed in now, and not too old.
    pub(crate) async fn open_own_form(
        &self,
        form: &str,
        browser: &Browser,
    ) -> Result<SignedIn, Failure> {
        let opened = self.inner.secrets.open_browser("account", form);
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
        let signed_in = signed_in.ok_or(BrowserReason::NotSignedIn)?;
        if signed_in.session.sid != form.shown_to {
            return Err(BrowserReason::OtherSession.into());
        }
        // A second factor may have been set up since the page was shown.
        if !self.is_enough(&signed_in).await? {
            return Err(BrowserReason::TooLittle.into());
        }
        Ok(signed_in)
    }
}
