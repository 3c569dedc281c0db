//! Questions of the embedding program.

use hallpass_core::{
    authorize::Reason as Refusal,
    interaction::{Ask, Next, Prompt},
    record::ConsentRecord,
};
use hallpass_store::StoreError;
use hallpass_types::{Opaque, Scope};

use super::authorize::{Answered, Flow, Person, SignedIn};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason, SetCookies},
    ports::{ConsentAbout, PageKind, PromptAbout},
};

impl Provider {
    /// What comes next when the program's own questions are among it: they come behind those about who the person is, and
    /// before consent. With the name of the question, when it is one.
    pub(super) async fn with_own_prompt(
        &self,
        next: Next,
        flow: &Flow,
        person: &Person,
    ) -> Result<(Next, Option<String>), Failure> {
        let Some(port) = &self.inner.own_prompts else {
            return Ok((next, None));
        };
        let late = match &next {
            Next::Ready => true,
            Next::Ask(ask) => ask.prompt == Prompt::Consent,
            Next::Refuse(_) => false,
        };
        let signed_in = person.signed_in.as_ref();
        let Some(signed_in) = signed_in.filter(|_| late && flow.own.is_none()) else {
            return Ok((next, None));
        };
        let open = port.open(PromptAbout {
            issuer: self.inner.issuer_id,
            client: flow.valid.client(),
            account: &signed_in.account,
            request: flow.valid.request(),
        });
        let sid = &signed_in.session.sid;
        let mut open = open.await?.into_iter();
        let first = open.find(|name| flow.done.own.get(name) != Some(sid));
        Ok(match first {
            None => (next, None),
            //= OIDC-CORE#3.1.2.1 MUST: prompt=none is answered with an error where something must be asked
            Some(_) if flow.valid.request().prompts.none => {
                (Next::Refuse(Refusal::InteractionRequired), None)
            }
            Some(name) => (Next::Ask(Ask::own()), Some(name)),
        })
    }

    /// What the person allowed the client, when the program knows better than what was remembered here.
    pub(super) async fn allowed_elsewhere(
        &self,
        flow: &Flow,
        signed_in: &Option<SignedIn>,
        remembered: Option<ConsentRecord>,
    ) -> Result<Option<ConsentRecord>, StoreError> {
        let client = flow.valid.client();
        let (Some(port), Some(signed_in), None) = (&self.inner.consents, signed_in, &flow.own)
        else {
            return Ok(remembered);
        };
        let known = port.allowed(ConsentAbout {
            issuer: self.inner.issuer_id,
            client,
            account: &signed_in.account,
            request: flow.valid.request(),
        });
        Ok(match known.await? {
            None => remembered,
            Some(allowed) => Some(ConsentRecord {
                scope: allowed.scope,
                refused: Scope::default(),
                claims: allowed.claims,
                refused_claims: Vec::new(),
                resources: allowed.resources,
                redirect_uris: Some(client.redirect_uris_digest),
                at: self.now(),
            }),
        })
    }

    /// The person answered the question of the embedding program for which the page was made. It counts for the session that
    /// the page was shown to.
    ///
    /// # Errors
    /// The handle is not valid in this browser, nobody is signed in, or the store fails.
    pub async fn own_prompt_answered(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<Answered, Failure> {
        let (mut flow, pending) = self.open(handle, browser).await?;
        let key = browser.session.as_ref().map(Opaque::key);
        let signed_in = self.signed_in(key).await?;
        let sid = signed_in.ok_or(Reason::NotSignedIn)?.session.sid;
        if pending.page == PageKind::Own
            && pending.shown_to.as_ref() == Some(&sid)
            && let Some(name) = pending.own_prompt
        {
            flow.done.own.insert(name, sid);
        }
        self.proceed(flow, browser, SetCookies::default()).await
    }
}
