//! What becomes of backchannel authentication requests when their people answer, CIBA Core §10.

use std::sync::Arc;

use hallpass_core::{
    authorize::{
        Reason as Refusal, Valid,
        granted::{By as Leave, Granted},
    },
    backchannel::BackchannelRecord,
    client_auth::AuthenticatedClient,
    client_request::ClientRequest,
    device::MAX_LIFETIME,
    interaction::{self, Consented, Next},
    policy::DeliveryMode,
    polling::{Polled, Verdict},
    record::{Authentication, GrantRecord, SealedRequest, SessionRecord, WaitingRecord},
    token::{Context, Grant as _, ciba, waiting_key},
};
use hallpass_store::{Commit, Committed, Spend, Write};
use hallpass_types::{
    AuthReqId, Bucket, ClientId, Delivery, Key, Opaque, Params, Sid, Timestamp, Waiting, sha256,
};
use serde::{Deserialize, Serialize};

use super::SignedIn;
use crate::{
    Call, Failure, Provider, issue,
    outbox::Outgoing,
    ports::{Account, Event},
    unspent::Unspent,
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
        /// Single claims that are allowed; none means all that were asked for.
        claims: Option<Vec<String>>,
    },
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackchannelOutcome {
    /// It counts.
    Done,
    /// The request was answered before, has expired, or never was.
    Over,
    /// Nothing happened: the person must prove again who they are before they can say yes.
    SignInAgain,
}

/// What is needed to tell a client, sealed into the record.
#[derive(Serialize, Deserialize)]
pub(super) struct Notification {
    pub(super) auth_req_id: String,
    pub(super) token: String,
}

/// How often something is tried again when others are faster.
const ATTEMPTS: usize = 8;

impl Provider {
    /// Where a request waits that a client knows by this `auth_req_id`, for channels that get to know it.
    #[must_use]
    pub fn backchannel_key(auth_req_id: &str) -> Option<Key<Waiting>> {
        Opaque::<AuthReqId>::parse(auth_req_id)
            .as_ref()
            .map(waiting_key)
    }

    /// A person answered. Whoever calls this has made sure that it was the person of the request
    /// ([`BackchannelNotice::subject`](crate::ports::BackchannelNotice::subject)).
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

    /// As [`Self::backchannel_decided`], where the person answers in a session: what they proved in it counts, and it must be there at
    /// the moment of the commit.
    pub(crate) async fn decide_backchannel(
        &self,
        key: Key<Waiting>,
        answer: &BackchannelAnswer,
        here: Option<&SignedIn>,
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
                    claims,
                } => {
                    if !record.is_recent(authentication.auth_time, now) {
                        return Ok(BackchannelOutcome::SignInAgain);
                    }
                    let account = inner
                        .accounts
                        .account(inner.issuer_id, &record.subject)
                        .await?;
                    let Some(account) = account else {
                        return Ok(BackchannelOutcome::Over);
                    };
                    let ticked = (only.as_deref(), claims.as_deref());
                    let proved = (authentication, here.map(|here| &here.session));
                    let grant =
                        self.backchannel_grant(&valid, &record, &account, proved, ticked)?;
                    // A client that is not for this person is told that they did not allow it.
                    match grant {
                        Some(grant) if self.stays_admitted(&account, &grant).await? => Some(grant),
                        Some(_) | None => None,
                    }
                }
            };
            let expiry = record.expiry_is_told.then(|| expiry_key(key, &record));
            let allowed = granted.is_some();
            let (mut commit, pushed) = self
                .answer_of(&valid, key, (record, revision), granted)
                .await?;
            // Who is told of the answer is not told that there was none.
            commit.spends.extend(expiry.map(|key| Spend::Delivery {
                key,
                attempts: 0,
                next_at: None,
            }));
            commit
                .spends
                .extend(here.map(|here| Spend::Session(here.key)));
            match self.commit(commit).await? {
                Committed::Done => {
                    inner.outbox.notify_one();
                    let client = &valid.client().id;
                    self.emit(&Event::Decided {
                        grant_type,
                        client,
                        allowed,
                    });
                    if let Some(jwt) = pushed {
                        self.emit(&Event::TokensIssued {
                            grant_type,
                            jwt,
                            client,
                        });
                    }
                    return Ok(BackchannelOutcome::Done);
                }
                // The client polled in this very moment.
                Committed::TooLate(0) => {}
                Committed::TooLate(_) => return Ok(BackchannelOutcome::Over),
            }
        }
        Err(Failure::Unavailable { retry_after: 1 })
    }

    /// What the person allowed, as a grant. It belongs to no session: nobody sits before a browser of the client's. None
    /// when the person, or the way in which they signed in, is not what the request demands.
    fn backchannel_grant(
        &self,
        valid: &Valid,
        record: &BackchannelRecord,
        account: &Account,
        (authentication, here): (&Authentication, Option<&SessionRecord>),
        (only, claims): (Option<&[String]>, Option<&[String]>),
    ) -> Result<Option<GrantRecord>, Failure> {
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
            proofs: here.map(|here| here.proofs.clone()).unwrap_or_default(),
            earlier: Vec::new(),
            visit: None,
            seen_at: now,
            fleeting: false,
            lowered: here.is_some_and(|here| here.lowered),
        };
        let consented = Consented::ticked(valid, &inner.policy, only, claims);
        //= OIDC-CORE#5.5.1.1 MUST: an essential acr that was not reached fails the authentication
        let subject = valid.client().subject(&inner.policy, &account.subject);
        let facts = interaction::Facts {
            now,
            session: Some(&session),
            subject: Some(&subject),
            consent: None,
            consented: Some(&consented),
            done: &interaction::Done {
                login: Some(session.sid.clone()),
                ..interaction::Done::default()
            },
            can_reach: None,
            standing: None,
            policy: &inner.policy,
        };
        if let Next::Refuse(Refusal::AcrNotReached | Refusal::AnotherSubject) =
            interaction::next(valid, &facts)
        {
            return Ok(None);
        }
        let by = Leave {
            session: &session,
            session_key: Key::from_parts(Bucket::holding(far), [0; 32]),
            consented: Some(&consented),
            remembered: None,
            redeem_within: record.polled.expires_at.since(now),
        };
        let granted = Granted::new(valid, by, &inner.policy, now, self.random_in_order::<12>());
        Ok(Some(GrantRecord {
            session: None,
            sid: None,
            session_bound: false,
            ..granted.grant().clone()
        }))
    }

    /// The commit that writes an answer and what the client is told of it. The change of the request stands first. With
    /// whether the access token is a JWT, where tokens are pushed.
    async fn answer_of(
        &self,
        valid: &Valid,
        key: Key<Waiting>,
        (record, revision): (BackchannelRecord, u32),
        granted: Option<GrantRecord>,
    ) -> Result<(Commit, Option<bool>), Failure> {
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
                        let told = (&told, endpoint);
                        let made = self.push_tokens(valid, (key, revision), &record, grant, told);
                        return made.await.map(|(commit, jwt)| (commit, Some(jwt)));
                    }
                };
                let write = self.tell(
                    valid,
                    "backchannel_push",
                    &told,
                    (endpoint, body),
                    expires_at,
                )?;
                let spends = vec![Spend::Waiting {
                    key,
                    revision,
                    next: None,
                }];
                let writes = vec![write];
                Ok((Commit { spends, writes }, None))
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
                let spends = vec![Spend::Waiting {
                    key,
                    revision,
                    next: Some(Box::new(WaitingRecord::Backchannel(Box::new(next)))),
                }];
                Ok((Commit { spends, writes }, None))
            }
        }
    }

    /// What tells a client to which tokens are pushed that nobody answered in time. It waits in the outbox until then.
    //= CIBA#12 MUST: a client to which tokens are pushed is told when its request expires
    pub(super) fn tell_of_expiry(
        &self,
        valid: &Valid,
        key: Key<Waiting>,
        record: &BackchannelRecord,
        told: &Notification,
    ) -> Result<Option<Write>, Failure> {
        let client = valid.client();
        let url = match (record.mode, &client.backchannel.endpoint) {
            (DeliveryMode::Push, Some(url)) => url.as_str(),
            (DeliveryMode::Push | DeliveryMode::Ping | DeliveryMode::Poll, _) => return Ok(None),
        };
        let body = serde_json::json!({
            "auth_req_id": told.auth_req_id,
            "error": "expired_token",
            "error_description": "nobody answered the request in time",
        });
        let expires_at = record.polled.expires_at;
        let outgoing = notice(
            "backchannel_push",
            &client.id,
            told,
            (url, body.to_string()),
            given_up_at(expires_at),
        );
        let write = self.outgoing_at(&outgoing, expiry_key(key, record), expires_at)?;
        Ok(Some(write))
    }

    /// Makes the tokens and puts them into the outbox. With whether the access token is a JWT.
    async fn push_tokens(
        &self,
        valid: &Valid,
        (key, revision): (Key<Waiting>, u32),
        record: &BackchannelRecord,
        grant: GrantRecord,
        (told, endpoint): (&Notification, &str),
    ) -> Result<(Commit, bool), Failure> {
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
        let unspent = Unspent::default();
        let call = Call {
            client: &client,
            params: &nothing,
            proved: None,
            request: &request,
            unspent: &unspent,
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
        Ok((commit, issued.jwt))
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
        self.outgoing(&notice(
            kind,
            &valid.client().id,
            told,
            (url, body),
            expires_at,
        ))
    }
}

fn notice<'a>(
    kind: &'static str,
    client: &'a ClientId,
    told: &Notification,
    (url, body): (&'a str, String),
    expires_at: Timestamp,
) -> Outgoing<'a> {
    Outgoing {
        kind,
        client,
        url,
        request: SealedRequest {
            content_type: "application/json".to_owned(),
            authorization: Some(format!("Bearer {}", told.token)),
            body,
        },
        expires_at,
    }
}

/// Where the notice of a request's expiry waits.
fn expiry_key(key: Key<Waiting>, record: &BackchannelRecord) -> Key<Delivery> {
    let bucket = Bucket::holding(given_up_at(record.polled.expires_at));
    let name = [b"backchannel expiry\0", key.digest.as_slice()].concat();
    Key::from_parts(bucket, sha256(&name))
}

/// A client that is down is told for a while after the end of its request.
const fn given_up_at(expires_at: Timestamp) -> Timestamp {
    expires_at.plus(600)
}
