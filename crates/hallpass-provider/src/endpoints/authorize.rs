//! The authorization endpoint, [RFC 6749 §3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1).

use hallpass_core::{
    authorize::{AuthorizationResponse, Received, Valid, granted::Granted, hint},
    interaction::{self, Consented, Done, Facts, Next, Prompt},
    record::SessionRecord,
};
use hallpass_jose::{Claims, UnverifiedJws};
use hallpass_store::{Commit, Committed, StoreError, Write};
use hallpass_types::{Bucket, Code, Key, Opaque, Params, Session, Timestamp};

use crate::{
    Failure, Provider, Refusal,
    browser::{Browser, Pending, SetCookies, binding_digest, is_binding},
    ports::{Account, Event, PageKind},
};

/// What the browser gets.
#[derive(Debug)]
pub enum Answer {
    /// A response for the client, in its response mode.
    Respond(Box<AuthorizationResponse>),
    /// A page where the person must do something.
    Page(String),
    /// An error page: it is not safe to send anything anywhere.
    Error(PageError),
}

/// An error that is shown to the person.
#[derive(Clone, Copy, Debug)]
pub struct PageError(pub Refusal);

/// An answer and the cookies that go with it.
#[derive(Debug)]
pub struct Answered {
    /// What the browser gets.
    pub answer: Answer,
    /// Cookies to set.
    pub cookies: SetCookies,
}

/// The person behind a browser.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) key: Key<Session>,
    pub(crate) session: SessionRecord,
    pub(crate) account: Account,
}

impl Provider {
    /// Answers an authorization request.
    ///
    /// # Errors
    /// Only failures of ours; everything that the caller did wrong is an [`Answer`].
    pub async fn authorize(&self, params: Params, browser: &Browser) -> Result<Answered, Failure> {
        let inner = &self.inner;
        let received = Received::new(params);
        let id = match received.client_id() {
            Ok(id) => id,
            Err(reason) => return Ok(self.page_error(reason.into())),
        };
        let client = self.client(&id).await?;
        let identified = match received.identify(client) {
            Ok(identified) => identified,
            Err(reason) => return Ok(self.page_error(reason.into())),
        };
        let hint = identified.id_token_hint().map(|text| self.open_hint(text));
        let mut valid = match identified.validate(&inner.policy) {
            Ok(valid) => valid,
            Err(redirect) => return Ok(self.respond_error(&redirect)),
        };
        if let Some(claims) = hint {
            let checked = claims
                .ok_or(hallpass_core::authorize::Reason::IdTokenHintInvalid)
                .and_then(|claims| hint::check(&claims, valid.client(), &inner.policy));
            match checked {
                Ok(subject) => valid.require_subject(subject),
                Err(reason) => return Ok(self.respond_error(&valid.reject(reason))),
            }
        }
        let now = self.now();
        let flow = Flow {
            valid,
            done: Done::default(),
            started_at: now,
            consented: None,
        };
        self.proceed(flow, browser, SetCookies::default()).await
    }

    /// Goes on with a request: asks, refuses, or grants.
    pub(crate) async fn proceed(
        &self,
        flow: Flow,
        browser: &Browser,
        mut cookies: SetCookies,
    ) -> Result<Answered, Failure> {
        let inner = &self.inner;
        let now = self.now();
        let Flow {
            valid,
            done,
            started_at,
            consented,
        } = flow;
        let fresh = cookies.session.as_ref().map(|(s, _)| s.key());
        let signed_in = self
            .signed_in(fresh.or_else(|| browser.session.as_ref().map(Opaque::key)))
            .await?;
        let subject = signed_in
            .as_ref()
            .map(|s| valid.client().subject(&inner.policy, &s.account.subject));
        let consent = match &signed_in {
            Some(s) => {
                inner
                    .store
                    .consent(inner.issuer_id, &s.account.subject, &valid.client().id)
                    .await?
            }
            None => None,
        };
        let facts = Facts {
            now,
            session: signed_in.as_ref().map(|s| &s.session),
            subject: subject.as_deref(),
            consent: consent.as_ref(),
            consented: consented.as_ref(),
            done: &done,
            policy: &inner.policy,
        };
        match interaction::next(&valid, &facts) {
            Next::Refuse(reason) => {
                let mut answered = self.respond_error(&valid.reject(reason));
                answered.cookies = cookies;
                Ok(answered)
            }
            Next::Ask(ask) => {
                let binding = match (&cookies.binding, &browser.binding) {
                    (Some(new), _) => new.clone(),
                    (None, Some(held)) if is_binding(held) => held.clone(),
                    (None, _) => {
                        let made = hallpass_jose::base64url::encode(self.random::<16>());
                        cookies.binding = Some(made.clone());
                        made
                    }
                };
                let pending = Pending {
                    binding: binding_digest(&binding),
                    started_at,
                    expires_at: started_at.plus(inner.policy.lifetimes.interaction),
                    done,
                    request: valid.to_record().clone(),
                };
                let handle = self.seal_pending(&pending)?;
                let page = page_for(ask.prompt);
                Ok(Answered {
                    answer: Answer::Page(inner.interaction.url(page, &handle)),
                    cookies,
                })
            }
            Next::Ready => {
                let Some(signed_in) = signed_in else {
                    return Err(Failure::Internal(
                        "a request was ready without a session".to_owned(),
                    ));
                };
                let response = self
                    .grant(&valid, &signed_in, consented, consent.as_ref(), now)
                    .await?;
                Ok(Answered {
                    answer: Answer::Respond(Box::new(response)),
                    cookies,
                })
            }
        }
    }

    /// Makes a code and commits it, together with what was allowed.
    async fn grant(
        &self,
        valid: &Valid,
        signed_in: &SignedIn,
        consented: Option<Consented>,
        remembered: Option<&hallpass_core::record::ConsentRecord>,
        now: Timestamp,
    ) -> Result<AuthorizationResponse, Failure> {
        let inner = &self.inner;
        let granted = Granted::new(
            valid,
            hallpass_core::authorize::granted::By {
                session: &signed_in.session,
                session_key: signed_in.key,
                consented: consented.as_ref(),
                remembered,
            },
            &inner.policy,
            now,
            self.random::<12>(),
        );
        let record = granted.code_record();
        // The code stays known after its end, so that a late replay still finds what to revoke.
        let keep = record.expires_at.plus(inner.policy.lifetimes.access_token);
        let code = Opaque::<Code>::from_random(Bucket::holding(keep), &self.random());
        let mut writes = vec![Write::Code(code.key(), Box::new(record))];
        if let Some(consent) = granted.consent_record() {
            let account = signed_in.account.subject.clone();
            writes.push(Write::Consent(
                account,
                valid.client().id.clone(),
                Box::new(consent),
            ));
        }
        match self
            .commit(Commit {
                spends: Vec::new(),
                writes,
            })
            .await?
        {
            Committed::Done => Ok(granted.respond(&code, &inner.policy)),
            Committed::TooLate(_) => Err(Failure::Internal(
                "a commit without spends was too late".to_owned(),
            )),
        }
    }

    /// The person whose session this is, if the session, the account and its epoch still stand.
    pub(crate) async fn signed_in(
        &self,
        key: Option<Key<Session>>,
    ) -> Result<Option<SignedIn>, StoreError> {
        let Some(key) = key else { return Ok(None) };
        let inner = &self.inner;
        let Some(session) = inner.store.session(inner.issuer_id, key).await? else {
            return Ok(None);
        };
        if session.expires_at.is_over(self.now()) {
            return Ok(None);
        }
        let Some(account) = inner
            .accounts
            .account(inner.issuer_id, &session.subject)
            .await?
        else {
            return Ok(None);
        };
        if account.epoch != session.account_epoch {
            return Ok(None);
        }
        Ok(Some(SignedIn {
            key,
            session,
            account,
        }))
    }

    /// Verifies an ID token of ours that came back as a hint. Expiry does not matter (OpenID Connect Core §3.1.2.1).
    pub(crate) fn open_hint(&self, text: &str) -> Option<Claims> {
        let jws = UnverifiedJws::parse(text).ok()?;
        let algorithm = jws.algorithm();
        if algorithm.is_symmetric() {
            return None;
        }
        // An access token is no hint: only ID tokens have no typ or "JWT".
        if jws.typ().is_some_and(|t| !t.eq_ignore_ascii_case("jwt")) {
            return None;
        }
        let keys = self.inner.keys.load();
        let claims = jws
            .verify(&[algorithm], keys.public())
            .ok()?
            .claims()
            .ok()?;
        (claims.str("iss").ok()? == Some(self.inner.policy.issuer.as_str())).then_some(claims)
    }

    pub(crate) fn seal_pending(&self, pending: &Pending) -> Result<String, Failure> {
        let plain = serde_json::to_vec(pending).map_err(|e| Failure::Internal(e.to_string()))?;
        Ok(self.inner.secrets.seal_browser("pending", &plain))
    }

    pub(crate) fn page_error(&self, refusal: Refusal) -> Answered {
        self.emit(&Event::Refused {
            endpoint: "authorize",
            reason: refusal.id,
            client: None,
        });
        Answered {
            answer: Answer::Error(PageError(refusal)),
            cookies: SetCookies::default(),
        }
    }

    pub(crate) fn respond_error(&self, redirect: &hallpass_core::authorize::Redirect) -> Answered {
        self.emit(&Event::Refused {
            endpoint: "authorize",
            reason: redirect.reason().id(),
            client: None,
        });
        let response = redirect.respond(&self.inner.policy);
        Answered {
            answer: Answer::Respond(Box::new(response)),
            cookies: SetCookies::default(),
        }
    }
}

/// An authorization request on its way, and what was done for it.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) valid: Valid,
    pub(crate) done: Done,
    pub(crate) started_at: Timestamp,
    pub(crate) consented: Option<Consented>,
}

/// The page that asks a question.
#[must_use]
pub fn page_for(prompt: Prompt) -> PageKind {
    match prompt {
        Prompt::Consent => PageKind::Consent,
        Prompt::SelectAccount => PageKind::SelectAccount,
        // Proving who you are answers every question that pages do not know yet.
        Prompt::Login | _ => PageKind::Login,
    }
}
