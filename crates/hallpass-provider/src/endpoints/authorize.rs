//! The authorization endpoint, [RFC 6749 §3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1).

use hallpass_core::{
    access::Directory,
    authorize::{
        AuthorizationResponse, Reason, Received, Unidentified, Valid,
        granted::{By, FrontToken, Granted, Made},
        hint,
    },
    client::Client,
    interaction::{self, Consented, Done, Facts, Next, Prompt, Standing, wish_is_open},
    issue::TokenType,
    record::{ConsentRecord, SessionRecord},
    sign_in::Strength,
};
use hallpass_jose::{Claims, HmacKey, UnverifiedJws};
use hallpass_store::{Commit, Committed, Spend, StoreError, Write};
use hallpass_types::{Bucket, ClientId, Code, Key, Once, Opaque, Params, Session, Timestamp};
use std::sync::Arc;

use super::{Proved, answering::Held, par::spend_of, resolve::Unresolved};
use crate::{
    Failure, Provider, Refusal,
    browser::{Browser, Pending, PendingDevice, SetCookies, binding_digest, is_binding},
    issue::{self, NoToken},
    ports::{Account, Event, PageKind, page_for},
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
    /// An error page of a request that anybody could have made up. From it a person may go on to the client.
    Held(Held),
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
        let client = match self.who_asks(&received).await? {
            Ok(client) => client,
            Err(reason) => return Ok(self.page_error(reason.into())),
        };
        let identified = match self.resolve(received, client).await? {
            Ok(identified) => identified,
            Err(Unresolved::Redirect(identified, reason)) => {
                let held = identified.is_held(&inner.policy, browser.framed);
                return self.refused(&identified.reject(reason), held).await;
            }
            Err(Unresolved::Page(refusal)) => return Ok(self.page_error(refusal)),
        };
        let hint = match identified.id_token_hint() {
            Some(text) => Some(self.open_hint(text, Some(identified.client())).await),
            None => None,
        };
        let held = identified.is_held(&inner.policy, browser.framed);
        let mut valid = match identified.validate(&inner.policy) {
            Ok(valid) => valid,
            Err(redirect) => return self.refused(&redirect, held).await,
        };
        if let Some(claims) = hint {
            let checked = claims
                .ok_or(Reason::IdTokenHintInvalid)
                .and_then(|claims| hint::check(&claims, valid.client(), &inner.policy));
            match checked {
                Ok(subject) => valid.require_subject(subject),
                Err(reason) => return self.refused(&valid.reject(reason), held).await,
            }
        }
        self.emit(&Event::RequestAccepted {
            client: &valid.client().id,
        });
        let now = self.now();
        let flow = Flow {
            valid,
            asked: None,
            done: Done::default(),
            started_at: now,
            consented: None,
            handle: None,
            device: None,
            own: None,
            proved: None,
            anew: false,
            adding: false,
            changes: false,
            held,
        };
        self.proceed(flow, browser, SetCookies::default()).await
    }

    /// The client that a request names. None: there is none of that name.
    pub(crate) async fn who_asks(
        &self,
        received: &Received,
    ) -> Result<Result<Option<Arc<Client>>, Unidentified>, StoreError> {
        let id = match received.client_id() {
            Ok(id) => id,
            Err(reason) => return Ok(Err(reason)),
        };
        let client = self.client_now(&id).await?;
        let documents = &self.inner.policy.client_documents;
        if client.is_none() && documents.admits(&id).is_some() {
            return Ok(Err(Unidentified::ClientDocument));
        }
        Ok(Ok(client))
    }

    /// Goes on with a request: asks, refuses, or grants.
    pub(crate) async fn proceed(
        &self,
        mut flow: Flow,
        browser: &Browser,
        mut cookies: SetCookies,
    ) -> Result<Answered, Failure> {
        self.told_of_answer(&mut flow);
        let presented = browser.session.as_ref().map(Opaque::key);
        // Once more when something was too late: the facts are looked up again, and the answer that was already
        // used does not count.
        for _ in 0..2 {
            let fresh = cookies.session.as_ref().map(|(s, _)| s.key());
            let person = self.person(&flow, fresh.or(presented)).await?;
            if let Some(path) = &flow.own {
                let url = self.inner.policy.issuer.url(path);
                let next = interaction::next(&flow.valid, &person.facts(&flow, self));
                let prompt = match next {
                    Next::Ask(ask) if ask.prompt != Prompt::Consent => Some(ask.prompt),
                    _ if flow.changes && self.owes(person.signed_in.as_ref()).await? => {
                        Some(Prompt::Login)
                    }
                    Next::Ask(_) | Next::Ready | Next::Refuse(_) => None,
                };
                let answer = match prompt {
                    Some(prompt) => {
                        let prompt = (prompt, None);
                        let url = self.ask(flow, prompt, &person, browser, &mut cookies)?;
                        Answer::Page(url)
                    }
                    // Nothing is granted: once somebody is signed in, they go where they wanted to.
                    None => Answer::Page(url),
                };
                return Ok(Answered { answer, cookies });
            }
            let next = interaction::next(&flow.valid, &person.facts(&flow, self));
            let (next, own) = self.with_own_prompt(next, &flow, &person).await?;
            match next {
                Next::Refuse(_) if let Some(device) = &flow.device => {
                    let answer = self.refuse_device(&flow, device, browser).await?;
                    return Ok(Answered { answer, cookies });
                }
                Next::Refuse(reason) => {
                    // Whom the person let in before is no stranger to them.
                    let held = flow.held && person.consent.is_none();
                    let mut answered = self.refuse(flow.valid, reason, held).await?;
                    answered.cookies = cookies;
                    return Ok(answered);
                }
                Next::Ask(ask) => {
                    let prompt = (ask.prompt, own);
                    let url = self.ask(flow, prompt, &person, browser, &mut cookies)?;
                    return Ok(Answered {
                        answer: Answer::Page(url),
                        cookies,
                    });
                }
                Next::Ready if let Some(device) = &flow.device => {
                    if let Some(answer) = self.allow_device(&flow, device, &person).await? {
                        return Ok(Answered { answer, cookies });
                    }
                    flow.consented = None;
                    flow.handle = None;
                }
                Next::Ready => {
                    match self.grant(&flow, &person).await? {
                        Outcome::Granted(mut response) => {
                            self.add_session_state(
                                &mut response,
                                &flow.valid,
                                &person,
                                browser,
                                &mut cookies,
                            );
                            let response = self.travelling(response, flow.valid.client()).await?;
                            let answer = Answer::Respond(Box::new(response));
                            return Ok(Answered { answer, cookies });
                        }
                        Outcome::Refused(reason) => {
                            let held = flow.held && person.consent.is_none();
                            let mut answered = self.refuse(flow.valid, reason, held).await?;
                            answered.cookies = cookies;
                            return Ok(answered);
                        }
                        Outcome::TooLate => {}
                    }
                    flow.consented = None;
                    flow.handle = None;
                }
            }
        }
        Err(Failure::Unavailable { retry_after: 1 })
    }

    /// Looks up who sits before the browser and what they allowed this client earlier.
    pub(crate) async fn person(
        &self,
        flow: &Flow,
        session: Option<Key<Session>>,
    ) -> Result<Person, StoreError> {
        let inner = &self.inner;
        let client = flow.valid.client();
        let (signed_in, consent) = self.signed_in_with(session, Some(&client.id)).await?;
        let consent = consent.filter(|consent| client.was_there(consent.at));
        let consent = self.allowed_elsewhere(flow, &signed_in, consent).await?;
        let directory = match &signed_in {
            Some(_) => self.directory().await?,
            None => None,
        };
        let subject = signed_in
            .as_ref()
            .map(|s| client.subject(&inner.policy, &s.account.subject));
        // Looked up only where the request wishes for more than the session has.
        let can_reach = match &signed_in {
            Some(s) if wish_is_open(&inner.policy, flow.valid.request(), &s.session) => {
                let enrolled = self.enrolled(&s.account.subject).await?;
                Some(enrolled.reachable(&inner.policy.sign_in))
            }
            Some(_) | None => None,
        };
        Ok(Person {
            signed_in,
            subject,
            consent,
            can_reach,
            directory,
        })
    }

    /// Seals the request into the URL of a page that asks the person.
    fn ask(
        &self,
        flow: Flow,
        (prompt, own_prompt): (Prompt, Option<String>),
        person: &Person,
        browser: &Browser,
        cookies: &mut SetCookies,
    ) -> Result<String, Failure> {
        let inner = &self.inner;
        let page = page_for(prompt);
        let pending = Pending {
            binding: binding_digest(&self.binding(browser, cookies)),
            started_at: flow.started_at,
            expires_at: flow.started_at.plus(inner.policy.lifetimes.interaction),
            done: flow.done,
            own_prompt,
            page,
            shown_to: person.signed_in.as_ref().map(|s| s.session.sid.clone()),
            request: flow.valid.to_record().clone(),
            device: flow.device,
            own: flow.own,
            proved: flow.proved,
            anew: flow.anew,
            adding: flow.adding,
            changes: flow.changes,
            remember: false,
        };
        let url = inner.interaction.url(page, &self.seal_pending(&pending)?);
        self.emit(&Event::Asked {
            page,
            client: &pending.request.client_id,
        });
        Ok(url)
    }

    /// Tells listeners, once, that the page was answered from which a request goes on.
    pub(crate) fn told_of_answer(&self, flow: &mut Flow) {
        if let Some(page) = flow.asked.take() {
            self.emit(&Event::Answered {
                page,
                client: &flow.valid.client().id,
            });
        }
    }

    /// The browser's binding, made when it has none.
    pub(crate) fn binding(&self, browser: &Browser, cookies: &mut SetCookies) -> String {
        match (&cookies.binding, &browser.binding) {
            (Some(new), _) => new.clone(),
            (None, Some(held)) if is_binding(held) => held.clone(),
            (None, _) => {
                let made = hallpass_jose::base64url::encode(self.random::<16>());
                cookies.binding = Some(made.clone());
                made
            }
        }
    }

    /// Refuses a request that may have been pushed, which consumes it: this is its answer. `held`: a person reads it first.
    pub(crate) async fn refuse(
        &self,
        valid: Valid,
        reason: Reason,
        held: bool,
    ) -> Result<Answered, Failure> {
        let pushed = valid.request().pushed;
        self.finish_pushed(valid.client(), pushed).await?;
        self.refused(&valid.reject(reason), held).await
    }

    /// Makes what the answer holds and commits it, together with what was allowed.
    async fn grant(&self, flow: &Flow, person: &Person) -> Result<Outcome, Failure> {
        let inner = &self.inner;
        let Some(signed_in) = &person.signed_in else {
            return Err(Failure::Internal(
                "a request was ready without a session".to_owned(),
            ));
        };
        let by = By {
            session: &signed_in.session,
            session_key: signed_in.key,
            consented: flow.consented.as_ref(),
            remembered: person.consent.as_ref(),
            redeem_within: inner.policy.lifetimes.code,
        };
        let client = flow.valid.client();
        let now = self.now();
        let granted = Granted::new(
            &flow.valid,
            by,
            &inner.policy,
            now,
            self.random_in_order::<12>(),
        );
        let mut writes = Vec::with_capacity(2);
        let mut made = Made::default();
        if let Some(record) = granted.code_record() {
            // The code stays known after its end, so that a late replay still finds what to revoke.
            let keep = record.expires_at.plus(inner.policy.lifetimes.access_token);
            let code = Opaque::<Code>::from_random(Bucket::holding(keep), &self.random_in_order());
            writes.push(Write::Code(code.key(), Box::new(record)));
            made.code = Some(code);
        }
        // Signed before it is committed, as at the token endpoint.
        match granted.access_token(client, &inner.policy, now) {
            Ok(None) => {}
            Ok(Some(access)) => {
                let token = issue::make_access_token(self, client, access, now);
                let (token, text) = match token.await {
                    Ok(made) => made,
                    Err(NoToken::TooLarge) => {
                        return Ok(Outcome::Refused(Reason::AccessTokenTooLarge));
                    }
                    Err(NoToken::Failed(failure)) => return Err(failure),
                };
                made.access_token = Some(FrontToken {
                    text,
                    expires_in: token.expires_at.since(now),
                    token_type: TokenType::of(token.confirmation),
                    scope: token.scope,
                });
            }
            Err(reason) => return Ok(Outcome::Refused(reason)),
        }
        if let Some(request) = granted.id_token(&made, client, &inner.policy) {
            made.id_token = Some(issue::sign_id_token(self, client, &request, now).await?);
        }
        writes.extend(granted.standing_grant().map(|g| Write::Grant(Box::new(g))));
        if let Some(consent) = granted.consent_record() {
            let account = signed_in.account.subject.clone();
            writes.push(Write::Consent(
                account,
                client.id.clone(),
                Box::new(consent),
            ));
        }
        let grant = granted.session_bound();
        writes.extend(Self::participation(flow.valid.client(), signed_in, grant));
        if now.since(signed_in.session.seen_at) >= SEEN_AGAIN {
            writes.push(Write::SessionSeen(signed_in.key, now));
        }
        // The session must still be there at the moment of the commit, not only when it was read.
        let mut spends = vec![Spend::Session(signed_in.key)];
        spends.extend(flow.handle.map(Spend::Once));
        let pushed = flow.valid.request().pushed;
        let place = pushed.map(|pushed| {
            spends.push(spend_of(pushed));
            spends.len().saturating_sub(1)
        });
        match self.commit(Commit { spends, writes }).await? {
            Committed::Done => {
                self.emit(&Event::Authorized {
                    client: &client.id,
                    account: &signed_in.account.subject,
                    response_type: flow.valid.request().response_type.as_str(),
                });
                self.client_used(client).await;
                if let Some(pushed) = pushed {
                    inner
                        .outstanding
                        .remove((&**client).into(), pushed.key.bucket);
                }
                Ok(Outcome::Granted(granted.respond(made, &inner.policy)))
            }
            // Somebody was faster with the same pushed request.
            Committed::TooLate(at) if Some(at) == place => {
                Ok(Outcome::Refused(Reason::RequestUriInvalid))
            }
            Committed::TooLate(_) => Ok(Outcome::TooLate),
        }
    }

    /// The person whose session this is, if the session, the account and its epoch still stand.
    pub(crate) async fn signed_in(
        &self,
        key: Option<Key<Session>>,
    ) -> Result<Option<SignedIn>, StoreError> {
        let (signed_in, _) = self.signed_in_with(key, None).await?;
        Ok(signed_in)
    }

    /// The same, with what the person allowed a client earlier.
    async fn signed_in_with(
        &self,
        key: Option<Key<Session>>,
        client: Option<&ClientId>,
    ) -> Result<(Option<SignedIn>, Option<ConsentRecord>), StoreError> {
        let Some(key) = key else {
            return Ok((None, None));
        };
        let Some(known) = self.known_session(key, client).await? else {
            return Ok((None, None));
        };
        let session = known.session;
        if session.superseded || session.is_over(&self.inner.policy.lifetimes, self.now()) {
            return Ok((None, None));
        }
        // A process that did not know of the end of everything may have begun it.
        if session.created_at < self.inner.policy.keys.valid_from {
            return Ok((None, None));
        }
        let Some(account) = known.account else {
            return Ok((None, None));
        };
        if account.epoch != session.account_epoch {
            return Ok((None, None));
        }
        let signed_in = SignedIn {
            key,
            session,
            account,
        };
        Ok((Some(signed_in), known.consent))
    }

    /// Verifies an ID token of ours that came back as a hint. Expiry does not matter (OpenID Connect Core §3.1.2.1).
    /// One that is signed with a secret can only be checked for the client that has it.
    //= OIDC-CORE#3.1.2.1 MAY: a client encrypts the ID token to the provider before it sends it as a hint
    pub(crate) async fn open_hint(&self, text: &str, client: Option<&Client>) -> Option<Claims> {
        let text = self.opened(text, client)?;
        let opened = self.open_hint_now(&text, client);
        if opened.is_some() || !self.learn_key_of(&text).await {
            return opened;
        }
        self.open_hint_now(&text, client)
    }

    /// Verifies a hint with the keys that are known.
    fn open_hint_now(&self, text: &str, client: Option<&Client>) -> Option<Claims> {
        let jws = UnverifiedJws::parse(text).ok()?;
        let algorithm = jws.algorithm();
        // An access token is no hint: only ID tokens have no typ or "JWT".
        if jws.typ().is_some_and(|t| !t.eq_ignore_ascii_case("jwt")) {
            return None;
        }
        let verified = if algorithm.is_symmetric() {
            let client = client.filter(|c| c.id_token_signed_response_alg == algorithm)?;
            // A secret that is over proves nothing, however genuine the hint was once.
            let secret = client.secret.as_ref();
            let secret = secret.filter(|secret| secret.works_at(self.now()))?;
            let key = HmacKey::new(algorithm, secret.plain.as_ref()?.expose().as_bytes()).ok()?;
            jws.verify_hmac(&[algorithm], &key).ok()?
        } else {
            let keys = self.inner.keys.load();
            let kid = jws.kid().map(str::to_owned);
            let known = keys.public_of(kid.as_deref());
            jws.verify(&[algorithm], known).ok()?
        };
        let claims = verified.claims().ok()?;
        (claims.str("iss").ok()? == Some(self.inner.policy.issuer.as_str())).then_some(claims)
    }

    pub(crate) fn seal_pending(&self, pending: &Pending) -> Result<String, Failure> {
        let plain = serde_json::to_vec(pending).map_err(|e| Failure::Internal(e.to_string()))?;
        Ok(self.inner.secrets.seal_browser("pending", &plain))
    }
}

/// The use of a session is noted again after this many seconds.
pub(super) const SEEN_AGAIN: i64 = 3600;

/// How a request that was ready ended.
enum Outcome {
    /// Everything is written; this is the answer.
    Granted(AuthorizationResponse),
    /// What it asks for cannot be made.
    Refused(Reason),
    /// The answer of a page was used before, or the session ended in this very moment.
    TooLate,
}

/// An authorization request on its way, and what was done for it.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) valid: Valid,
    /// The page whose answer this is, until listeners were told of it.
    pub(crate) asked: Option<PageKind>,
    pub(crate) done: Done,
    pub(crate) started_at: Timestamp,
    pub(crate) consented: Option<Consented>,
    /// Names the page whose answer this is; it counts once.
    pub(crate) handle: Option<Key<Once>>,
    /// The device that asks, when it is one.
    pub(crate) device: Option<PendingDevice>,
    /// The page of our own where the person goes on, when it is none of a client.
    pub(crate) own: Option<String>,
    /// What was proved so far of who the person is.
    pub(crate) proved: Option<Proved>,
    /// The person wants to sign in anew.
    pub(crate) anew: bool,
    /// The person adds an account.
    pub(crate) adding: bool,
    /// The person wants to change how they sign in.
    pub(crate) changes: bool,
    /// Nobody has acted yet, and anybody could have made the client: a person reads its errors first.
    pub(crate) held: bool,
}

/// Who sits before the browser, and what they allowed the client earlier.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) signed_in: Option<SignedIn>,
    subject: Option<String>,
    pub(crate) consent: Option<ConsentRecord>,
    can_reach: Option<Strength>,
    pub(crate) directory: Option<Directory>,
}

impl Person {
    /// What the person is a member of, where the issuer knows memberships.
    pub(crate) fn standing(&self) -> Option<Standing<'_>> {
        Some(Standing {
            memberships: &self.signed_in.as_ref()?.account.memberships,
            directory: self.directory.as_ref()?,
        })
    }

    pub(crate) fn facts<'a>(&'a self, flow: &'a Flow, provider: &'a Provider) -> Facts<'a> {
        Facts {
            now: provider.now(),
            session: self.signed_in.as_ref().map(|s| &s.session),
            subject: self.subject.as_deref(),
            consent: self.consent.as_ref(),
            consented: flow.consented.as_ref(),
            done: &flow.done,
            can_reach: self.can_reach,
            standing: self.standing(),
            policy: &provider.inner.policy,
        }
    }
}
