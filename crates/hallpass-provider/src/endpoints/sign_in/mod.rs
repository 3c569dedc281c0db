//! Signing in, one proof after another.
//!
//! What was proved is sealed into the address of the page that asks for the rest, together with the browser that it
//! belongs to. No session exists before [`step`] says that nothing is missing, so no later address skips anything; and the
//! commit that begins the session spends the name of the sign-in, so that an address in somebody's history begins none.

mod codes;
mod enrolled;
mod onward;
mod password;

use hallpass_core::{
    authorize::Reason as Refusal,
    interaction::{Cause, Next, Prompt, next},
    record::Activity,
    sign_in::{
        ClientSignIn, Demand, Enrolled, Method, Proof, SecondFactor, Step, amr_of, required_by,
        step, time_of, wished_by,
    },
};
use hallpass_store::{Commit, Committed, CredentialRecord, Spend, StoreError, Write};
use hallpass_types::{Bucket, Key, Once, Opaque, Subject, Timestamp, sha256};
use serde::{Deserialize, Serialize};

use super::{
    Answer, Answered, ClientView, SignedIn,
    authorize::Flow,
    interaction::{Beginning, client_view},
};
use crate::{
    Failure, Provider,
    browser::{Browser, Pending, Reason, SetCookies},
    ports::{Account, PageKind},
};

pub use codes::CodeRefused;
pub(crate) use codes::used;

/// So long a proof counts that no session came of.
const PROOF_AGE: i64 = 600;

/// What was proved so far, and for whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Proved {
    #[serde(rename = "s")]
    subject: Subject,
    /// The account's epoch then: when credentials change, nothing of it counts.
    #[serde(rename = "e")]
    epoch: u32,
    #[serde(rename = "p")]
    proofs: Vec<Proof>,
    /// Names this sign-in. It begins one session.
    #[serde(rename = "c")]
    name: [u8; 16],
    /// The person must choose a new password before anything else.
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    must_change: bool,
    /// The person wants to stay signed in.
    #[serde(rename = "k", default, skip_serializing_if = "std::ops::Not::not")]
    remember: bool,
    /// An identity elsewhere that becomes theirs when all is proved.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    link: Option<Box<CredentialRecord>>,
    /// The browser is one that was not seen before.
    #[serde(rename = "u", default, skip_serializing_if = "std::ops::Not::not")]
    unusual: bool,
    /// The account was made on this way.
    #[serde(rename = "w", default, skip_serializing_if = "std::ops::Not::not")]
    newcomer: bool,
}

impl Proved {
    fn once(&self, expires_at: Timestamp) -> Key<Once> {
        let mut bytes = b"sign-in".to_vec();
        bytes.extend_from_slice(&self.name);
        Key::from_parts(Bucket::holding(expires_at), sha256(&bytes))
    }
}

/// What somebody proved just now.
#[derive(Clone, Debug)]
pub struct Proven {
    /// Who they are.
    pub account: Account,
    /// What they proved.
    pub proof: Proof,
    /// They must choose a new password before anything else.
    pub must_change: bool,
}

/// What the sign-in page asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInStep {
    /// Who are you? Any of these ways.
    First(Vec<Method>),
    /// One thing more, any of these.
    Second(Vec<Method>),
    /// Set up a second factor.
    Enrol,
    /// Choose a new password.
    NewPassword,
}

/// What the sign-in page shows.
#[derive(Clone, Debug)]
pub struct SignInDetails {
    /// What it asks for.
    pub step: SignInStep,
    /// Who wants to know, where it is a client.
    pub client: Option<ClientView>,
    /// Prefill for the name.
    pub login_hint: Option<String>,
    /// Whose account it is; only when the person proved something.
    pub account: Option<Account>,
    /// Wanted languages.
    pub ui_locales: Vec<String>,
    /// What a passkey is asked for, as JSON; none where none is taken.
    pub passkey: Option<String>,
}

/// A sign-in on its way.
pub(crate) struct SigningIn {
    flow: Box<Flow>,
    pending: Box<Pending>,
    /// Who the browser's session belongs to.
    session: Option<SignedIn>,
    /// The session's proofs count: only its strength is too little.
    builds_on_session: bool,
    proved: Option<Proved>,
    /// Whose account the proofs are about, if it still stands.
    pub(crate) account: Option<Account>,
    pub(crate) enrolled: Enrolled,
    /// What becomes the account's by the proof that comes now.
    pub(crate) link: Option<Box<CredentialRecord>>,
    /// The account was made just now, by whoever proves it.
    pub(crate) newcomer: bool,
}

impl SigningIn {
    /// Whether it is for a page of our own.
    pub(crate) fn is_own(&self) -> bool {
        self.flow.own.is_some()
    }

    /// How long ago the person may have signed in at most (seconds), where the request says so.
    pub(crate) fn max_age(&self) -> Option<i64> {
        let request = self.flow.valid.request();
        if request.prompts.login {
            return Some(0);
        }
        request.max_age
    }

    pub(crate) fn expires_at(&self) -> Timestamp {
        self.pending.expires_at
    }

    /// Everything that counts now, the newest of each method.
    fn proofs(&self, now: Timestamp) -> Vec<Proof> {
        let Some(account) = &self.account else {
            return Vec::new();
        };
        let fresh = |proof: &&Proof| now.since(proof.at) <= PROOF_AGE;
        let newly: Vec<Proof> = match &self.proved {
            Some(proved) if proved.subject == account.subject => {
                proved.proofs.iter().filter(fresh).cloned().collect()
            }
            Some(_) | None => Vec::new(),
        };
        let mut all: Vec<Proof> = Vec::new();
        if self.builds_on_session
            && let Some(session) = self.session.as_ref().map(|s| &s.session)
            && session.subject == account.subject
        {
            all = session.proved();
            all.retain(|held| !newly.iter().any(|proof| proof.method == held.method));
        }
        all.extend(newly);
        all
    }

    /// What the client demands of everybody.
    pub(crate) fn client(&self) -> &ClientSignIn {
        &self.flow.valid.client().sign_in
    }

    fn demand(&self, provider: &Provider) -> Demand<'_> {
        let policy = &provider.inner.policy;
        let request = self.flow.valid.request();
        let can_reach = self.enrolled.reachable(&policy.sign_in);
        Demand {
            required: required_by(policy, request),
            wished: wished_by(policy, request, can_reach),
            client: Some(self.client()),
            confirm: self.proved.as_ref().is_some_and(|proved| proved.unusual),
            newcomer: self.proved.as_ref().is_some_and(|proved| proved.newcomer),
            // Another provider's identity that becomes theirs is another way in.
            changes: self.flow.changes || self.proved.as_ref().is_some_and(|p| p.link.is_some()),
        }
    }

    /// Whether these proofs are enough for the client, and less than the issuer demands elsewhere.
    fn is_lowered(&self, provider: &Provider, proofs: &[Proof]) -> bool {
        let off = Some(SecondFactor::Off);
        let policy = &provider.inner.policy;
        self.client().second_factor == off
            && step(policy, Demand::default(), proofs, self.enrolled) != Step::Done
    }

    /// Whether something was proved lately.
    fn is_late(&self, proof: &Proof, provider: &Provider) -> bool {
        provider.now().since(proof.at) <= PROOF_AGE
    }

    pub(crate) fn step(&self, provider: &Provider) -> Result<Option<SignInStep>, Failure> {
        let proofs = self.proofs(provider.now());
        let demand = self.demand(provider);
        Ok(
            match step(&provider.inner.policy, demand, &proofs, self.enrolled) {
                Step::First(methods) => Some(SignInStep::First(methods)),
                Step::Second(methods) => Some(SignInStep::Second(methods)),
                // Whoever sits at a browser that somebody signed in to long ago sets nothing up.
                Step::Enrol if !proofs.iter().any(|proof| self.is_late(proof, provider)) => {
                    let rules = &provider.inner.policy.sign_in;
                    Some(SignInStep::First(rules.methods_for(Some(self.client()))))
                }
                Step::Enrol => Some(SignInStep::Enrol),
                Step::Unreachable => return Err(Reason::Unreachable.into()),
                Step::Done if self.proved.as_ref().is_some_and(|p| p.must_change) => {
                    Some(SignInStep::NewPassword)
                }
                Step::Done => None,
            },
        )
    }
}

impl Provider {
    /// Opens the handle that the sign-in page was given.
    pub(crate) async fn open_sign_in(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<SigningIn, Failure> {
        let session = self
            .signed_in(browser.session.as_ref().map(Opaque::key))
            .await?;
        let (flow, pending) = self.open(handle, browser).await?;
        let person = self
            .person(&flow, browser.session.as_ref().map(Opaque::key))
            .await?;
        let only_too_weak = match next(&flow.valid, &person.facts(&flow, self)) {
            // Who changes how they sign in lacks nothing but what they owe for that; consent is no matter of our own pages.
            Next::Ask(ask) if flow.changes && ask.prompt == Prompt::Consent => true,
            Next::Ask(ask) => {
                ask.prompt == Prompt::Login && ask.reasons.iter().all(|r| *r == Cause::AcrTooWeak)
            }
            Next::Ready => flow.changes,
            Next::Refuse(_) => false,
        };
        let builds_on_session = only_too_weak && !pending.anew;
        let mut proved = pending.proved.clone();
        let account = match (&proved, &session) {
            (Some(held), _) => self.living(&held.subject, held.epoch).await?,
            (None, Some(session)) if builds_on_session => Some(session.account.clone()),
            (None, _) => None,
        };
        if account.is_none() {
            proved = None;
        }
        let enrolled = match &account {
            Some(account) => self.enrolled(&account.subject).await?,
            None => Enrolled::default(),
        };
        Ok(SigningIn {
            flow: Box::new(flow),
            pending: Box::new(pending),
            session,
            builds_on_session,
            proved,
            account,
            enrolled,
            link: None,
            newcomer: false,
        })
    }

    /// The account, if it is alive and its credentials are still those of that epoch.
    async fn living(&self, subject: &Subject, epoch: u32) -> Result<Option<Account>, StoreError> {
        let inner = &self.inner;
        let account = inner.accounts.account(inner.issuer_id, subject).await?;
        Ok(account.filter(|account| account.epoch == epoch))
    }

    /// What the sign-in page shows; or an answer for the client, where the person cannot reach what it demands.
    ///
    /// # Errors
    /// The handle is not valid in this browser, or the store fails.
    pub async fn sign_in_details(
        &self,
        handle: &str,
        browser: &Browser,
    ) -> Result<Result<SignInDetails, Answered>, Failure> {
        let signing_in = self.open_sign_in(handle, browser).await?;
        let rules = &self.inner.policy.sign_in;
        let step = match signing_in.step(self) {
            Ok(Some(step)) => step,
            // Somebody comes back to an answered page: they may still sign in anew.
            Ok(None) => SignInStep::First(rules.methods_for(Some(signing_in.client()))),
            Err(failure) => {
                let answered = self.cannot_go_on(signing_in, failure).await?;
                return Ok(Err(answered));
            }
        };
        let begins = matches!(step, SignInStep::First(_));
        let flow = &signing_in.flow;
        let request = flow.valid.request();
        let client = flow.own.is_none();
        let client = client.then(|| client_view(flow.valid.client(), &request.redirect_uri));
        let login_hint = request.login_hint.clone();
        let ui_locales = request.ui_locales.clone();
        // Before anything is proved nobody's keys are looked up.
        let keys = match &signing_in.account {
            Some(account) if !begins => self.credentials_of(&account.subject).await?,
            Some(_) | None => Vec::new(),
        };
        Ok(Ok(SignInDetails {
            passkey: self.passkey_request(handle, browser, &step, &keys),
            step,
            client,
            login_hint,
            account: signing_in.account.filter(|_| !begins),
            ui_locales,
        }))
    }

    /// Somebody proved something on the sign-in page. Whatever is still missing is asked for; otherwise a session begins,
    /// an old one of this browser ends, and the request goes on.
    ///
    /// # Errors
    /// The handle is not valid in this browser, or the store fails.
    pub async fn sign_in_proved(
        &self,
        handle: &str,
        browser: &Browser,
        proven: Proven,
    ) -> Result<Answered, Failure> {
        let signing_in = self.open_sign_in(handle, browser).await?;
        self.proved_on(signing_in, browser, proven).await
    }

    /// The same for somebody who has made the account just now.
    pub(crate) async fn newcomer_proved(
        &self,
        handle: &str,
        browser: &Browser,
        proven: Proven,
    ) -> Result<Answered, Failure> {
        let mut signing_in = self.open_sign_in(handle, browser).await?;
        signing_in.newcomer = true;
        self.proved_on(signing_in, browser, proven).await
    }

    async fn proved_on(
        &self,
        signing_in: SigningIn,
        browser: &Browser,
        proven: Proven,
    ) -> Result<Answered, Failure> {
        match self
            .advance(signing_in, browser, proven, (Vec::new(), Vec::new()))
            .await?
        {
            Some(answered) => Ok(answered),
            // The sign-in of this address has begun its session.
            None => Err(Reason::StateExpired.into()),
        }
    }

    /// Goes on after a proof. What it spends is committed with the session, or alone where something is still missing.
    /// None when one of the spends, or the sign-in itself, came too late.
    pub(crate) async fn advance(
        &self,
        mut signing_in: SigningIn,
        browser: &Browser,
        proven: Proven,
        (mut spends, mut writes): (Vec<Spend>, Vec<Write>),
    ) -> Result<Option<Answered>, Failure> {
        let Proven {
            account,
            proof,
            must_change,
        } = proven;
        let same = |held: &Account| held.subject == account.subject && held.epoch == account.epoch;
        if !signing_in.account.as_ref().is_some_and(same) {
            // Somebody else than before: nothing of what was proved is theirs.
            signing_in.proved = None;
            signing_in.enrolled = self.enrolled(&account.subject).await?;
        }
        let proved = signing_in.proved.get_or_insert_with(|| Proved {
            subject: account.subject.clone(),
            epoch: account.epoch,
            proofs: Vec::new(),
            name: self.random(),
            must_change: false,
            remember: false,
            link: None,
            unusual: false,
            newcomer: signing_in.newcomer,
        });
        let begins = proved.proofs.is_empty();
        proved.proofs.retain(|held| held.method != proof.method);
        proved.proofs.push(proof);
        proved.must_change |= must_change;
        proved.remember |= browser.remember || signing_in.pending.remember;
        if let Some(link) = signing_in.link.take() {
            proved.link = Some(link);
        }
        if begins {
            signing_in.account = Some(account.clone());
            let unusual = self.is_unusual(&signing_in, browser).await?;
            if let Some(proved) = &mut signing_in.proved {
                proved.unusual = unusual;
            }
        }
        signing_in.account = Some(account.clone());
        let missing = match signing_in.step(self) {
            Ok(missing) => missing,
            Err(failure) => return self.cannot_go_on(signing_in, failure).await.map(Some),
        };
        let Some(proved) = signing_in.proved.clone() else {
            return Err(Reason::StateUnknown.into());
        };
        if missing.is_some() {
            if !spends.is_empty() && !self.changed(spends, writes).await? {
                return Ok(None);
            }
            let page = self.ask_on(*signing_in.pending, Some(proved), false)?;
            return Ok(Some(page));
        }
        spends.push(Spend::Once(proved.once(signing_in.expires_at())));
        let proofs = signing_in.proofs(self.now());
        let vouched = proofs.iter().any(|proof| proof.method == Method::Upstream);
        if let Some(link) = proved
            .link
            .clone()
            .filter(|link| vouched && link.subject == account.subject)
        {
            spends.push(Spend::NewCredential(link));
            let linked = Activity::IdentityLinked;
            writes.extend(self.ways_changed(&account.subject, linked, browser).await?);
        }
        let kept = signing_in
            .session
            .as_ref()
            .is_some_and(|held| held.account.subject == account.subject && !held.session.fleeting);
        let beginning = Beginning {
            fleeting: !self.inner.policy.sign_in.keeps(proved.remember || kept),
            lowered: signing_in.is_lowered(self, &proofs),
            proofs,
            spends,
            writes,
        };
        let fleeting = beginning.fleeting;
        // Another account beside the one that is used: that one's session goes on, and waits.
        let mut others = None;
        let guest = signing_in
            .session
            .as_ref()
            .filter(|held| signing_in.flow.adding && held.account.subject != account.subject)
            .map(|_| {
                let waiting: Vec<_> = browser.others.iter().chain(&browser.session).collect();
                others = Some(self.waiting_cookie(&waiting));
                browser.without_session()
            });
        let begun = self
            .begin_session(guest.as_ref().unwrap_or(browser), &account, beginning)
            .await?;
        let Some((session, lifetime, sid)) = begun else {
            return Ok(None);
        };
        let mut cookies = SetCookies {
            state: self.browser_state(&session.key(), lifetime),
            session: Some((session, lifetime)),
            others,
            fleeting,
            ..SetCookies::default()
        };
        self.make_known(browser, &account, &mut cookies);
        let mut flow = signing_in.flow;
        flow.done.login = Some(sid);
        flow.adding = false;
        flow.proved = None;
        flow.anew = false;
        self.proceed(*flow, browser, cookies).await.map(Some)
    }

    /// Whether somebody who has set up more than a password comes from a browser that was not seen before.
    async fn is_unusual(
        &self,
        signing_in: &SigningIn,
        browser: &Browser,
    ) -> Result<bool, StoreError> {
        let looks = self.inner.policy.sign_in.confirm_new_device
            && !signing_in.builds_on_session
            && signing_in.enrolled.has_second();
        match &signing_in.account {
            Some(account) if looks => self.is_new_device(&account.subject, browser).await,
            Some(_) | None => Ok(false),
        }
    }

    /// The person cannot prove what is demanded. A client hears of it; on our own pages the person does.
    async fn cannot_go_on(
        &self,
        signing_in: SigningIn,
        failure: Failure,
    ) -> Result<Answered, Failure> {
        let flow = signing_in.flow;
        if flow.device.is_some() || flow.own.is_some() {
            return Err(failure);
        }
        self.refuse(flow.valid, Refusal::AcrNotReached, false).await
    }

    /// The page that asks for what is missing.
    fn ask_on(
        &self,
        mut pending: Pending,
        proved: Option<Proved>,
        anew: bool,
    ) -> Result<Answered, Failure> {
        pending.proved = proved;
        pending.anew |= anew;
        let handle = self.seal_pending(&pending)?;
        Ok(Answered {
            answer: Answer::Page(self.inner.interaction.url(PageKind::Login, &handle)),
            cookies: SetCookies::default(),
        })
    }

    /// Whether all of these were in time.
    pub(crate) async fn spent(&self, spends: Vec<Spend>) -> Result<bool, StoreError> {
        self.changed(spends, Vec::new()).await
    }

    /// The same, with what is written then.
    pub(crate) async fn changed(
        &self,
        spends: Vec<Spend>,
        writes: Vec<Write>,
    ) -> Result<bool, StoreError> {
        let commit = Commit { spends, writes };
        Ok(self.commit(commit).await? == Committed::Done)
    }

    /// How these proofs are told to clients.
    pub(crate) fn authentication_of(
        &self,
        proofs: &[Proof],
    ) -> hallpass_core::record::Authentication {
        let policy = &self.inner.policy;
        let strength = hallpass_core::sign_in::strength_of(policy, proofs);
        hallpass_core::record::Authentication {
            auth_time: time_of(proofs).unwrap_or_else(|| self.now()),
            acr: hallpass_core::sign_in::acr_of(policy, strength),
            amr: amr_of(policy, proofs),
        }
    }
}
