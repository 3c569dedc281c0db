//! The backchannel authentication endpoint, CIBA Core §7, and what becomes of its requests.

use std::sync::Arc;

use hallpass_core::{
    authorize::{
        Endpoint as Rules, Valid, direct,
        granted::{By as Leave, Granted},
        hint,
    },
    backchannel::{
        Acknowledgement, BackchannelRecord, Hint, InboxEntry, InboxRecord, PARAMETERS, Reason,
        Request, is_authentication,
    },
    client::Client,
    client_auth::AuthenticatedClient,
    client_request::ClientRequest,
    device::{MAX_LIFETIME, pointer_bucket, pointer_buckets},
    interaction::Consented,
    policy::DeliveryMode,
    polling::{Polled, Verdict},
    record::{
        Authentication, FoundWaiting, GrantRecord, SealedRequest, SessionRecord, WaitingRecord,
    },
    request_object::Demands,
    token::{Context, Grant as _, ciba},
};
use hallpass_store::{Commit, Committed, Spend, Write};
use hallpass_types::{
    AuthReqId, Bucket, Key, Opaque, Params, Sid, Subject, Timestamp, Waiting, sha256,
};
use serde::{Deserialize, Serialize};

use super::Endpoint;
use crate::{
    Call, Failure, Provider, issue,
    outbox::Outgoing,
    ports::{Account, BackchannelNotice, Event, HintedPerson},
};

/// What a person said to a request.
#[derive(Clone, Debug)]
pub enum BackchannelAnswer {
    /// No.
    Deny,
    /// Yes.
    Allow {
        /// How the person proved who they are.
        authentication: Authentication,
        /// Scopes that are allowed; none means all that were asked for.
        only: Option<Vec<String>>,
    },
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackchannelOutcome {
    /// It counts.
    Done,
    /// The request was answered before, has expired, or never was.
    Over,
}

/// What is needed to tell a client, sealed into the record.
#[derive(Serialize, Deserialize)]
struct Notification {
    auth_req_id: String,
    token: String,
}

/// How often something is tried again when others are faster.
const ATTEMPTS: usize = 8;

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
        self.check_user_code(&asked, client.client(), &person.subject)
            .await?;
        let (auth_req_id, entry) = self.wait_for_answer(&valid, &asked, &person, once).await?;
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
        let name = format!("backchannel\0{}\0{jti}", client.id.as_str());
        let once = Key::from_parts(Bucket::holding(expires_at), sha256(name.as_bytes()));
        Ok((params, Some(Spend::Once(once))))
    }

    /// Who is meant.
    async fn hinted(&self, asked: &Request, client: &Arc<Client>) -> Result<Account, Failure> {
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
                let claims = self.open_hint(text, Some(client));
                let named =
                    claims.and_then(|claims| hint::check(&claims, client, &inner.policy).ok());
                let named = named.ok_or(Reason::IdTokenHintInvalid)?;
                // A pairwise subject cannot be turned back into its account.
                Subject::parse(&named).ok()
            }
        };
        let Some(subject) = subject else {
            return Err(Reason::PersonUnknown.into());
        };
        let account = inner.accounts.account(inner.issuer_id, &subject).await?;
        account.ok_or_else(|| Reason::PersonUnknown.into())
    }

    async fn check_user_code(
        &self,
        asked: &Request,
        client: &Client,
        subject: &Subject,
    ) -> Result<(), Failure> {
        let inner = &self.inner;
        //= CIBA#7.2 MUST: a client that registered for user codes sends one, and it is right
        if !inner.policy.backchannel.user_code || !client.backchannel.user_code {
            return Ok(());
        }
        let code = asked.user_code.as_ref().ok_or(Reason::UserCodeMissing)?;
        let device = &inner.backchannel_device;
        if device
            .user_code_fits(inner.issuer_id, subject, code)
            .await?
        {
            Ok(())
        } else {
            Err(Reason::UserCodeWrong.into())
        }
    }

    /// Writes the request, and puts it into the inbox of its person.
    async fn wait_for_answer(
        &self,
        valid: &Valid,
        asked: &Request,
        person: &Account,
        once: Option<Spend>,
    ) -> Result<(Opaque<AuthReqId>, InboxEntry), Failure> {
        let inner = &self.inner;
        let policy = &inner.policy.backchannel;
        let now = self.now();
        let lifetime = asked.lifetime(policy.lifetime.min(MAX_LIFETIME));
        let polled = Polled::new(valid.to_record().clone(), now, lifetime, policy.interval);
        let expires_at = polled.expires_at;
        // It stays known for a while after its end, so that the client learns that it is over.
        let keep = expires_at.plus(policy.lifetime);
        let auth_req_id = Opaque::<AuthReqId>::from_random(Bucket::holding(keep), &self.random());
        let key = ciba::waiting_key(&auth_req_id);
        let notification = asked
            .notification_token
            .as_ref()
            .map(|token| {
                let sealed = Notification {
                    auth_req_id: auth_req_id.expose().to_owned(),
                    token: token.expose().to_owned(),
                };
                let plain =
                    serde_json::to_vec(&sealed).map_err(|e| Failure::Internal(e.to_string()))?;
                Ok::<_, Failure>(inner.secrets.seal_notification(key, &plain))
            })
            .transpose()?;
        let record = WaitingRecord::Backchannel(Box::new(BackchannelRecord {
            polled,
            subject: person.subject.clone(),
            binding_message: asked.binding_message.clone(),
            mode: valid.client().backchannel.mode,
            notification,
        }));
        let entry = InboxEntry {
            key,
            at: now,
            expires_at,
        };
        for _ in 0..ATTEMPTS {
            let inboxes = self.inboxes(&person.subject).await?;
            //= CIBA#13 MAY: a person who is asked too much already is not asked once more
            if let Some(retry_after) = self.too_many(&inboxes, now).await? {
                return Err(Failure::Throttled { retry_after });
            }
            let place = self.inbox_key(&person.subject, pointer_bucket(expires_at));
            let held = inboxes.into_iter().find(|(at, ..)| *at == place);
            let inbox = match held {
                Some((_, inbox, revision)) => Spend::Waiting {
                    key: place,
                    revision,
                    next: Some(Box::new(WaitingRecord::Inbox(inbox.with(entry, now)))),
                },
                None => {
                    let inbox = InboxRecord::default().with(entry, now);
                    Spend::NewWaiting(place, Box::new(WaitingRecord::Inbox(inbox)))
                }
            };
            let mut spends = vec![inbox, Spend::NewWaiting(key, Box::new(record.clone()))];
            spends.extend(once.clone());
            let commit = Commit {
                spends,
                writes: Vec::new(),
            };
            match self.commit(commit).await? {
                Committed::Done => return Ok((auth_req_id, entry)),
                // Another request for the same person was faster.
                Committed::TooLate(0) => {}
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

    /// Seconds to wait when the person has as many open requests as they may have.
    async fn too_many(
        &self,
        inboxes: &[(Key<Waiting>, InboxRecord, u32)],
        now: Timestamp,
    ) -> Result<Option<u32>, Failure> {
        let most = usize::try_from(self.inner.policy.backchannel.pending_per_person);
        let most = most.unwrap_or(usize::MAX);
        let mut soonest: Option<i64> = None;
        let mut open = 0_usize;
        for entry in inboxes.iter().flat_map(|(_, inbox, _)| &inbox.entries) {
            if !entry.counts(now) {
                continue;
            }
            // What was answered does not count any more.
            let answered = match self.backchannel_record(entry.key).await? {
                Some((record, _)) => record.polled.verdict != Verdict::Open,
                None => true,
            };
            if !answered {
                open = open.saturating_add(1);
                let left = entry.expires_at.since(now).max(1);
                soonest = Some(soonest.map_or(left, |least| least.min(left)));
            }
        }
        Ok((open >= most).then(|| u32::try_from(soonest.unwrap_or(60)).unwrap_or(60)))
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

    /// Where a request waits that a client knows by this `auth_req_id`, for channels that get to know it.
    #[must_use]
    pub fn backchannel_key(auth_req_id: &str) -> Option<Key<Waiting>> {
        Opaque::<AuthReqId>::parse(auth_req_id)
            .as_ref()
            .map(ciba::waiting_key)
    }

    /// A person answered. Whoever calls this has made sure that it was the person of the request
    /// ([`BackchannelNotice::subject`]).
    ///
    /// # Errors
    /// Only failures of ours.
    pub async fn backchannel_decided(
        &self,
        key: Key<Waiting>,
        answer: &BackchannelAnswer,
    ) -> Result<BackchannelOutcome, Failure> {
        self.decide_backchannel(key, answer, None).await
    }

    /// As [`Self::backchannel_decided`]; `guard` must hold at the moment of the commit.
    pub(crate) async fn decide_backchannel(
        &self,
        key: Key<Waiting>,
        answer: &BackchannelAnswer,
        guard: Option<Spend>,
    ) -> Result<BackchannelOutcome, Failure> {
        let inner = &self.inner;
        for _ in 0..ATTEMPTS {
            let now = self.now();
            let open = self.backchannel_record(key).await?;
            let Some((record, revision)) = open.filter(|(r, _)| r.polled.is_open(now)) else {
                return Ok(BackchannelOutcome::Over);
            };
            let request = record.polled.request.clone();
            let client = self.client(&request.client_id).await?;
            let client = client.filter(|c| c.was_there(record.polled.issued_at));
            let grant_type = ciba::Ciba::TYPE;
            let Ok(valid) = Valid::resume_direct(request, client, grant_type, &inner.policy) else {
                return Ok(BackchannelOutcome::Over);
            };
            let granted = match answer {
                BackchannelAnswer::Deny => None,
                BackchannelAnswer::Allow {
                    authentication,
                    only,
                } => {
                    let account = inner
                        .accounts
                        .account(inner.issuer_id, &record.subject)
                        .await?;
                    let Some(account) = account else {
                        return Ok(BackchannelOutcome::Over);
                    };
                    let only = only.as_deref();
                    Some(self.backchannel_grant(&valid, &record, &account, authentication, only)?)
                }
            };
            let mut commit = self
                .answer_of(&valid, key, (record, revision), granted)
                .await?;
            commit.spends.extend(guard.clone());
            match self.commit(commit).await? {
                Committed::Done => {
                    inner.outbox.notify_one();
                    return Ok(BackchannelOutcome::Done);
                }
                // The client polled in this very moment.
                Committed::TooLate(0) => {}
                Committed::TooLate(_) => return Ok(BackchannelOutcome::Over),
            }
        }
        Err(Failure::Unavailable { retry_after: 1 })
    }

    /// What the person allowed, as a grant. It belongs to no session: nobody sits before a browser of the client's.
    fn backchannel_grant(
        &self,
        valid: &Valid,
        record: &BackchannelRecord,
        account: &Account,
        authentication: &Authentication,
        only: Option<&[String]>,
    ) -> Result<GrantRecord, Failure> {
        let inner = &self.inner;
        let now = self.now();
        let far = now
            .plus(inner.policy.lifetimes.refresh_absolute)
            .plus(MAX_LIFETIME);
        let sid = Sid::parse(&hallpass_jose::base64url::encode(self.random::<16>()))
            .map_err(|_| Failure::Internal("a session could not be named".to_owned()))?;
        // A session that is never written: the rules of granting speak of one.
        let session = SessionRecord {
            subject: account.subject.clone(),
            account_epoch: account.epoch,
            authentication: authentication.clone(),
            sid,
            created_at: now,
            expires_at: far,
            superseded: false,
            earlier: Vec::new(),
        };
        let consented = Consented::of(valid, only);
        let by = Leave {
            session: &session,
            session_key: Key::from_parts(Bucket::holding(far), [0; 32]),
            consented: Some(&consented),
            remembered: None,
            redeem_within: record.polled.expires_at.since(now),
        };
        let granted = Granted::new(valid, by, &inner.policy, now, self.random::<12>());
        Ok(GrantRecord {
            session: None,
            sid: None,
            session_bound: false,
            ..granted.grant().clone()
        })
    }

    /// The commit that writes an answer and what the client is told of it. The change of the request stands first.
    async fn answer_of(
        &self,
        valid: &Valid,
        key: Key<Waiting>,
        (record, revision): (BackchannelRecord, u32),
        granted: Option<GrantRecord>,
    ) -> Result<Commit, Failure> {
        let inner = &self.inner;
        let told = match (&record.notification, &valid.client().backchannel.endpoint) {
            (Some(sealed), Some(endpoint)) => {
                let plain = inner.secrets.open_notification(key, sealed);
                let told: Option<Notification> =
                    plain.and_then(|plain| serde_json::from_slice(&plain).ok());
                told.map(|told| (told, endpoint.as_str()))
            }
            (Some(_) | None, _) => None,
        };
        let expires_at = record.polled.expires_at;
        match (record.mode, told) {
            (DeliveryMode::Push, Some((told, endpoint))) => {
                let body = match granted {
                    //= CIBA#12 MUST: a client to which tokens are pushed is told of a denial, too
                    None => serde_json::json!({
                        "auth_req_id": told.auth_req_id,
                        "error": "access_denied",
                        "error_description": "the person denied the request",
                    })
                    .to_string(),
                    Some(grant) => {
                        return self
                            .push_tokens(valid, (key, revision), &record, grant, (&told, endpoint))
                            .await;
                    }
                };
                let write = self.tell(
                    valid,
                    "backchannel_push",
                    &told,
                    (endpoint, body),
                    expires_at,
                )?;
                Ok(Commit {
                    spends: vec![Spend::Waiting {
                        key,
                        revision,
                        next: None,
                    }],
                    writes: vec![write],
                })
            }
            (DeliveryMode::Push | DeliveryMode::Ping | DeliveryMode::Poll, told) => {
                let verdict =
                    granted.map_or(Verdict::Denied, |grant| Verdict::Allowed(Box::new(grant)));
                let mut writes = Vec::new();
                if let Some((told, endpoint)) = told {
                    //= CIBA#10.2 MUST: the ping names the request by its auth_req_id
                    let body = serde_json::json!({"auth_req_id": told.auth_req_id}).to_string();
                    let kind = "backchannel_ping";
                    writes.push(self.tell(valid, kind, &told, (endpoint, body), expires_at)?);
                }
                let next = BackchannelRecord {
                    polled: Polled {
                        verdict,
                        ..record.polled
                    },
                    ..record
                };
                Ok(Commit {
                    spends: vec![Spend::Waiting {
                        key,
                        revision,
                        next: Some(Box::new(WaitingRecord::Backchannel(Box::new(next)))),
                    }],
                    writes,
                })
            }
        }
    }

    /// Makes the tokens and puts them into the outbox.
    async fn push_tokens(
        &self,
        valid: &Valid,
        (key, revision): (Key<Waiting>, u32),
        record: &BackchannelRecord,
        grant: GrantRecord,
        (told, endpoint): (&Notification, &str),
    ) -> Result<Commit, Failure> {
        let now = self.now();
        let client = AuthenticatedClient::of_backchannel(Arc::clone(valid.client()), record)
            .ok_or_else(|| Failure::Internal("a request of another client".to_owned()))?;
        let cx = Context {
            now,
            policy: &self.inner.policy,
            client: &client,
            binding: None,
        };
        let issuance = ciba::push(&cx, grant, (key, revision), &told.auth_req_id)?;
        let nothing = Params::default();
        let request = ClientRequest::new(&nothing, None);
        let call = Call {
            client: &client,
            params: &nothing,
            proved: None,
            request: &request,
        };
        let (issued, mut commit) = issue::prepare(self, &call, issuance, now).await?;
        //= CIBA#10.3.1 MUST: what is pushed is a token response with the auth_req_id
        let mut body: serde_json::Value = serde_json::from_str(&issued.response.to_json())
            .map_err(|e| Failure::Internal(e.to_string()))?;
        if let Some(body) = body.as_object_mut() {
            body.insert("auth_req_id".to_owned(), told.auth_req_id.clone().into());
        }
        let expires_at = record.polled.expires_at;
        let body = (endpoint, body.to_string());
        commit
            .writes
            .push(self.tell(valid, "backchannel_push", told, body, expires_at)?);
        self.emit(&Event::TokensIssued {
            grant_type: ciba::Ciba::TYPE,
            jwt: issued.jwt,
            client: &valid.client().id,
        });
        Ok(commit)
    }

    //= CIBA#10.2 MUST: the client_notification_token authenticates the notification, sent to the registered endpoint
    fn tell(
        &self,
        valid: &Valid,
        kind: &'static str,
        told: &Notification,
        (url, body): (&str, String),
        expires_at: Timestamp,
    ) -> Result<Write, Failure> {
        self.outgoing(&Outgoing {
            kind,
            client: &valid.client().id,
            url,
            request: SealedRequest {
                content_type: "application/json".to_owned(),
                authorization: Some(format!("Bearer {}", told.token)),
                body,
            },
            expires_at,
        })
    }
}
