//! The backchannel authentication endpoint, CIBA Core §7, and what becomes of its requests.

use std::sync::Arc;

use hallpass_core::{
    authorize::{Endpoint as Rules, Valid, direct, hint},
    backchannel::{
        Acknowledgement, BackchannelRecord, Hint, InboxEntry, InboxRecord, PARAMETERS, Reason,
        Request, is_authentication,
    },
    client::Client,
    client_auth::AuthenticatedClient,
    client_request::ClientRequest,
    device::{MAX_LIFETIME, pointer_bucket, pointer_buckets},
    policy::DeliveryMode,
    polling::{Polled, Verdict},
    record::{FoundWaiting, WaitingRecord},
    request_object::Demands,
    sign_in::Method,
    token::{Grant as _, ciba, waiting_key},
};
use hallpass_store::{Commit, Committed, Spend};
use hallpass_types::{
    AuthReqId, Bucket, Key, Opaque, Params, Subject, Thumbprint, Timestamp, Waiting, sha256,
};

use super::{Endpoint, backchannel_answer::Notification};
use crate::{
    Failure, Provider,
    ports::{Account, BackchannelNotice, Event, HintedPerson},
    tries::By,
};

/// How often something is tried again when others are faster.
const ATTEMPTS: usize = 8;

/// What came with a request and works once.
struct Shown {
    /// The signed request itself.
    request: Option<Spend>,
    /// A code of the person.
    code: Option<Spend>,
    /// Which instance of the client asks, where that was shown.
    instance: Option<Thumbprint>,
}

impl Provider {
    /// Answers a backchannel authentication request.
    ///
    /// # Errors
    /// The client did not authenticate, may not use the flow, the request breaks a rule or names nobody, or the person is
    /// asked too much already.
    pub async fn backchannel_authentication(
        &self,
        request: &ClientRequest<'_>,
    ) -> Result<Acknowledgement, Failure> {
        self.begin_backchannel(request)
            .await
            .map_err(|failure| self.failed("backchannel_authentication", None, failure))
    }

    async fn begin_backchannel(
        &self,
        request: &ClientRequest<'_>,
    ) -> Result<Acknowledgement, Failure> {
        let inner = &self.inner;
        if !request.params.duplicated().is_empty() {
            return Err(Reason::ParameterRepeated.into());
        }
        let client = self
            .authenticate(Endpoint::BackchannelAuthentication, request)
            .await?;
        //= RFC6749#5.2 MUST: a client uses only the grant types that it is authorized for
        if !client.client().may_use(ciba::Ciba::TYPE) || !client.is_confidential() {
            return Err(Reason::NotAllowed.into());
        }
        let (params, once) = self.backchannel_params(request.params, &client).await?;
        let asked = Request::read(&params, client.client())?;
        let valid = direct::validate(
            &params,
            Arc::clone(client.client()),
            &inner.policy,
            Rules::BackchannelAuthentication,
        )?;
        let person = self.hinted(&asked, client.client()).await?;
        //= CIBA#13 MAY: a client that a person does not want to hear from is denied before anybody is asked
        if self
            .is_refused(&person.subject, &client.client().id)
            .await?
        {
            return Err(Reason::PersonRefuses.into());
        }
        let code = self
            .check_user_code(&asked, client.client(), &person.subject)
            .await?;
        let once = Shown {
            request: once,
            code,
            instance: client.instance(),
        };
        let (auth_req_id, entry) = self.wait_for_answer(&valid, &asked, &person, once).await?;
        self.emit(&Event::Waiting {
            grant_type: ciba::Ciba::TYPE,
            client: &client.client().id,
        });
        let name = client.client().name.as_deref();
        let notice = BackchannelNotice {
            issuer: inner.issuer_id,
            subject: &person.subject,
            key: entry.key,
            client_name: name.unwrap_or(client.client().id.as_str()),
            binding_message: asked.binding_message.as_deref(),
            expires_at: entry.expires_at,
        };
        inner.backchannel_device.ask(notice).await;
        Ok(Acknowledgement {
            auth_req_id: auth_req_id.expose().to_owned(),
            expires_in: entry.expires_at.since(entry.at),
            interval: match client.client().backchannel.mode {
                DeliveryMode::Poll | DeliveryMode::Ping => Some(inner.policy.backchannel.interval),
                DeliveryMode::Push => None,
            },
        })
    }

    /// The parameters: of the signed request where there is one, with what makes that one work only once.
    async fn backchannel_params(
        &self,
        params: &Params,
        client: &AuthenticatedClient,
    ) -> Result<(Params, Option<Spend>), Failure> {
        let signed = client.client().backchannel.signing_alg;
        let Some(text) = params.get("request") else {
            //= CIBA#7.1.1 MUST: a client that registered an algorithm signs its requests
            if signed.is_some() {
                return Err(Reason::RequestUnsigned.into());
            }
            return Ok((params.only(PARAMETERS), None));
        };
        //= CIBA#7.1.1 MUST: beside a signed request there is nothing but client authentication
        if params.iter().any(|(name, _)| !is_authentication(name)) {
            return Err(Reason::RequestMixed.into());
        }
        // Nobody looks at such a request in between, so that nothing speaks for objects that last.
        //= CIBA#7.1.1 MUST: the signed request has iss, aud, exp, iat, nbf and jti
        let demands = Demands {
            iat: true,
            jti: true,
            ..Demands::FAPI
        };
        let client = client.client();
        let verified = self
            .verify_request_object(text, client, signed, demands)
            .await?;
        let object = verified.map_err(|reason| {
            tracing::debug!(reason = reason.id(), "a signed request is refused");
            Reason::RequestInvalid
        })?;
        let params = object
            .params(PARAMETERS)
            .map_err(|_| Reason::RequestInvalid)?;
        let (Some(jti), Some(expires_at)) = (object.jti(), object.expires_at()) else {
            return Err(Reason::RequestInvalid.into());
        };
        let longest = demands.longest.unwrap_or(i64::MAX);
        let keys = &self.inner.policy.keys;
        if keys.may_be_used(object.issued_at(), expires_at, longest) {
            return Err(Reason::RequestInvalid.into());
        }
        let name = format!("backchannel\0{}\0{jti}", client.id.as_str());
        let once = Key::once(expires_at, sha256(name.as_bytes()));
        Ok((params, Some(Spend::Once(once))))
    }

    /// Who is meant. A client that names many who are nobody is told to wait: it may be looking for those who are somebody.
    async fn hinted(&self, asked: &Request, client: &Arc<Client>) -> Result<Account, Failure> {
        let inner = &self.inner;
        // Beside those of wrong user codes, which are about somebody.
        let (tries, by) = (&inner.user_codes, [(client.id.as_str(), "")]);
        let most = inner.policy.backchannel.unknown_people;
        tries
            .count(&by, most, self.now())
            .map_err(|retry_after| Failure::Throttled { retry_after })?;
        let named = self.named(asked, client).await;
        let unknown = matches!(&named, Ok(None));
        if !unknown {
            tries.give_back(&by);
        }
        named?.ok_or_else(|| Reason::PersonUnknown.into())
    }

    async fn named(
        &self,
        asked: &Request,
        client: &Arc<Client>,
    ) -> Result<Option<Account>, Failure> {
        let inner = &self.inner;
        let subject = match &asked.hint {
            Hint::Login(name) => inner.accounts.find(inner.issuer_id, name).await?,
            Hint::LoginToken(token) => {
                match inner
                    .backchannel_device
                    .person_of_token(inner.issuer_id, token)
                    .await?
                {
                    HintedPerson::Known(subject) => Some(subject),
                    HintedPerson::Unknown => None,
                    HintedPerson::Expired => return Err(Reason::HintExpired.into()),
                }
            }
            Hint::IdToken(text) => {
                let claims = self.open_hint(text, Some(client)).await;
                let named =
                    claims.and_then(|claims| hint::check(&claims, client, &inner.policy).ok());
                let named = named.ok_or(Reason::IdTokenHintInvalid)?;
                // A pairwise subject cannot be turned back into its account.
                Subject::parse(&named).ok()
            }
        };
        let Some(subject) = subject else {
            return Ok(None);
        };
        Ok(inner.accounts.account(inner.issuer_id, &subject).await?)
    }

    async fn check_user_code(
        &self,
        asked: &Request,
        client: &Client,
        subject: &Subject,
    ) -> Result<Option<Spend>, Failure> {
        let inner = &self.inner;
        //= CIBA#7.2 MUST: a client that registered for user codes sends one, and it is right
        if !inner.policy.backchannel.user_code || !client.backchannel.user_code {
            return Ok(None);
        }
        let code = asked.user_code.as_ref().ok_or(Reason::UserCodeMissing)?;
        // Counted before the code is looked at, so that many at once are not more than one after the other.
        //= CIBA#15 SHOULD: guesses at user codes are limited
        let tries = &inner.user_codes;
        let by = By::Coded(client.id.as_str(), subject.as_str());
        let most = inner.policy.backchannel.wrong_user_codes;
        let (store, secret) = (&*inner.store, inner.secrets.attempts());
        let counted = tries
            .count_everywhere(store, secret, &by, most, self.now())
            .await?
            .map_err(|retry_after| Failure::Throttled { retry_after })?;
        let device = &inner.backchannel_device;
        if device
            .user_code_fits(inner.issuer_id, subject, code)
            .await?
        {
            tries.give_back_everywhere(store, &by, counted).await;
            return Ok(None);
        }
        if inner.policy.backchannel.app_codes {
            // Wrong ones are counted above, apart from those at sign-ins: no client locks a person out there.
            let spend = self.code_spend(subject, Method::Totp, code.expose());
            if let Some(spend) = spend.await? {
                tries.give_back_everywhere(store, &by, counted).await;
                return Ok(Some(spend));
            }
        }
        Err(Reason::UserCodeWrong.into())
    }

    /// Writes the request, and puts it into the inbox of its person.
    async fn wait_for_answer(
        &self,
        valid: &Valid,
        asked: &Request,
        person: &Account,
        once: Shown,
    ) -> Result<(Opaque<AuthReqId>, InboxEntry), Failure> {
        let inner = &self.inner;
        let policy = &inner.policy.backchannel;
        let now = self.now();
        let lifetime = asked.lifetime(policy.lifetime.min(MAX_LIFETIME));
        let polled = Polled::new(valid.to_record().clone(), now, lifetime, policy.interval)
            .of_instance(once.instance);
        let expires_at = polled.expires_at;
        // It stays known for a while after its end, so that the client learns that it is over.
        let keep = expires_at.plus(policy.lifetime);
        let auth_req_id =
            Opaque::<AuthReqId>::from_random(Bucket::holding(keep), &self.random_in_order());
        let key = waiting_key(&auth_req_id);
        let told = asked.notification_token.as_ref().map(|token| Notification {
            auth_req_id: auth_req_id.expose().to_owned(),
            token: token.expose().to_owned(),
        });
        let seal = |told: &Notification| {
            let plain = serde_json::to_vec(told).map_err(|e| Failure::Internal(e.to_string()))?;
            Ok::<_, Failure>(inner.secrets.seal_notification(key, &plain))
        };
        let mut record = BackchannelRecord {
            polled,
            subject: person.subject.clone(),
            binding_message: asked.binding_message.clone(),
            mode: valid.client().backchannel.mode,
            notification: told.as_ref().map(seal).transpose()?,
            expiry_is_told: false,
        };
        let expiry = match &told {
            Some(told) => self.tell_of_expiry(valid, key, &record, told)?,
            None => None,
        };
        record.expiry_is_told = expiry.is_some();
        let record = WaitingRecord::Backchannel(Box::new(record));
        let entry = InboxEntry {
            key,
            at: now,
            expires_at,
        };
        for _ in 0..ATTEMPTS {
            let inboxes = self.inboxes(&person.subject).await?;
            //= CIBA#13 MAY: a person who is asked too much already is not asked once more
            let (too_many, answered) = self.too_many(&inboxes, now).await?;
            if let Some(retry_after) = too_many {
                return Err(Failure::Throttled { retry_after });
            }
            let place = self.inbox_key(&person.subject, pointer_bucket(expires_at));
            let held = inboxes.into_iter().find(|(at, ..)| *at == place);
            let inbox = match held {
                Some((_, inbox, revision)) => {
                    let inbox = inbox.without(&answered).with(entry, now);
                    Spend::Waiting {
                        key: place,
                        revision,
                        next: Some(Box::new(WaitingRecord::Inbox(inbox))),
                    }
                }
                None => {
                    let inbox = InboxRecord::default().with(entry, now);
                    Spend::NewWaiting(place, Box::new(WaitingRecord::Inbox(inbox)))
                }
            };
            let mut spends = vec![inbox, Spend::NewWaiting(key, Box::new(record.clone()))];
            spends.extend(once.request.clone());
            let before_code = spends.len();
            spends.extend(once.code.clone());
            let commit = Commit {
                spends,
                writes: expiry.iter().cloned().collect(),
            };
            match self.commit(commit).await? {
                Committed::Done => return Ok((auth_req_id, entry)),
                // Another request for the same person was faster.
                Committed::TooLate(0) => {}
                Committed::TooLate(index) if index >= before_code => {
                    return Err(Reason::UserCodeWrong.into());
                }
                Committed::TooLate(_) => return Err(Reason::RequestReplayed.into()),
            }
        }
        Err(Failure::Unavailable { retry_after: 1 })
    }

    fn inbox_key(&self, subject: &Subject, bucket: Bucket) -> Key<Waiting> {
        Key::from_parts(bucket, self.inner.secrets.inbox_digest(subject))
    }

    async fn inboxes(
        &self,
        subject: &Subject,
    ) -> Result<Vec<(Key<Waiting>, InboxRecord, u32)>, Failure> {
        let inner = &self.inner;
        let mut found = Vec::new();
        for bucket in pointer_buckets(self.now()) {
            let key = self.inbox_key(subject, bucket);
            if let Some(FoundWaiting {
                record: WaitingRecord::Inbox(inbox),
                revision,
            }) = inner.store.waiting(inner.issuer_id, key).await?
            {
                found.push((key, inbox, revision));
            }
        }
        Ok(found)
    }

    /// Seconds to wait when the person has as many open requests as they may have; and those that were answered, or are gone.
    async fn too_many(
        &self,
        inboxes: &[(Key<Waiting>, InboxRecord, u32)],
        now: Timestamp,
    ) -> Result<(Option<u32>, Vec<Key<Waiting>>), Failure> {
        let most = usize::try_from(self.inner.policy.backchannel.pending_per_person);
        let most = most.unwrap_or(usize::MAX);
        let mut soonest: Option<i64> = None;
        let mut open = 0_usize;
        let mut over = Vec::new();
        for entry in inboxes.iter().flat_map(|(_, inbox, _)| &inbox.entries) {
            if !entry.counts(now) {
                continue;
            }
            // What was answered does not count any more.
            let answered = match self.backchannel_record(entry.key).await? {
                Some((record, _)) => record.polled.verdict != Verdict::Open,
                None => true,
            };
            if answered {
                over.push(entry.key);
            } else {
                open = open.saturating_add(1);
                let left = entry.expires_at.since(now).max(1);
                soonest = Some(soonest.map_or(left, |least| least.min(left)));
            }
        }
        let wait = (open >= most).then(|| u32::try_from(soonest.unwrap_or(60)).unwrap_or(60));
        Ok((wait, over))
    }

    pub(crate) async fn backchannel_record(
        &self,
        key: Key<Waiting>,
    ) -> Result<Option<(BackchannelRecord, u32)>, Failure> {
        let inner = &self.inner;
        Ok(match inner.store.waiting(inner.issuer_id, key).await? {
            Some(FoundWaiting {
                record: WaitingRecord::Backchannel(record),
                revision,
            }) => Some((*record, revision)),
            Some(_) | None => None,
        })
    }

    /// The requests that a person can answer now, oldest first.
    pub(crate) async fn open_backchannel(
        &self,
        subject: &Subject,
    ) -> Result<Vec<(Key<Waiting>, BackchannelRecord)>, Failure> {
        let now = self.now();
        let inboxes = self.inboxes(subject).await?;
        let mut open = Vec::new();
        for entry in inboxes.iter().flat_map(|(_, inbox, _)| &inbox.entries) {
            if let Some((record, _)) = self.backchannel_record(entry.key).await?
                && record.polled.is_open(now)
                && record.subject == *subject
            {
                open.push((entry.key, record));
            }
        }
        open.sort_by_key(|(_, record)| record.polled.issued_at);
        Ok(open)
    }
}
