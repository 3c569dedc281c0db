//! The device authorization grant, [RFC 8628](https://www.rfc-editor.org/rfc/rfc8628): the endpoint for the device, and what
//! the pages ask and report while its person answers elsewhere.

use std::{net::IpAddr, sync::Arc};

use hallpass_core::{
    authorize::{
        Endpoint as Rules, Valid, direct,
        granted::{By as Leave, Granted},
    },
    client::ClientOrigin,
    client_request::ClientRequest,
    device::{self, DeviceAuthorization, DeviceRecord, Reason, UserCode},
    interaction::Done,
    polling::{Polled, Verdict},
    record::{FoundWaiting, UserCodePointer, WaitingRecord},
    token::{Grant as _, device_code, waiting_key},
};
use hallpass_store::{Commit, Committed, Spend, Write};
use hallpass_types::{Bucket, DeviceCode, Key, Opaque, Waiting};
use serde::{Deserialize, Serialize};

use super::{
    Endpoint,
    authorize::{Answer, Answered, Flow, PageError, Person},
    discovery,
    interaction::{ClientView, client_view},
};
use crate::{
    Failure, Provider,
    browser::{Browser, PendingDevice, Reason as BrowserReason, SetCookies},
    ports::{Event, PageKind},
    tries::By,
};

/// What came of a code that a person typed.
#[derive(Debug)]
pub enum CodeEntered {
    /// A device waits under it: what the browser gets next.
    Known(Box<Answered>),
    /// No device waits under it.
    Unknown,
    /// Too many wrong codes from here; the code was not looked at.
    Throttled {
        /// Seconds to wait.
        retry_after: u32,
    },
}

/// How a device's request ended for its person.
#[derive(Clone, Debug)]
pub struct DeviceDone {
    /// Whose device it is.
    pub client: ClientView,
    /// Whether the person allowed it.
    pub allowed: bool,
}

/// What the last page is about, sealed into its address.
#[derive(Serialize, Deserialize)]
struct SealedDone {
    #[serde(rename = "c")]
    client_id: hallpass_types::ClientId,
    #[serde(rename = "a")]
    allowed: bool,
}

/// How often something is tried again when others are faster, or a code is taken.
const ATTEMPTS: usize = 8;

/// So many times the wrong codes of one browser are taken from all people together whose address is not known.
const ANYBODY: u32 = 20;

impl Provider {
    /// Answers a device that wants to be connected.
    ///
    /// # Errors
    /// The client did not authenticate, may not use the grant, asks for too much, or too often.
    pub async fn device_authorization(
        &self,
        request: &ClientRequest<'_>,
    ) -> Result<DeviceAuthorization, Failure> {
        self.begin_device(request)
            .await
            .map_err(|failure| self.failed("device_authorization", None, failure))
    }

    async fn begin_device(
        &self,
        request: &ClientRequest<'_>,
    ) -> Result<DeviceAuthorization, Failure> {
        let inner = &self.inner;
        let params = request.params;
        let client = self
            .authenticate(Endpoint::DeviceAuthorization, request)
            .await?;
        device::admit(params, client.client(), &inner.policy)?;
        let policy = &inner.policy.device;
        let now = self.now();
        let most = policy.per_network_per_minute;
        self.count_strangers(&inner.device_requests, &client, request.peer, most)?;
        // Whoever publishes documents has as many clients as they like: all of these are one.
        let by = [if client.client().origin == ClientOrigin::Document {
            By::Documents
        } else {
            By::Client(client.client().id.as_str())
        }];
        inner
            .device_requests
            .count(&by, policy.per_client_per_minute, now)
            .map_err(|retry_after| Failure::Throttled { retry_after })?;
        let valid = direct::validate(
            params,
            Arc::clone(client.client()),
            &inner.policy,
            Rules::DeviceAuthorization,
        )?;
        let lifetime = policy.lifetime.min(device::MAX_LIFETIME);
        let polled = Polled::new(valid.to_record().clone(), now, lifetime, policy.interval)
            .of_instance(client.instance());
        let (device_code, user_code) = self.wait_for_person(polled).await?;
        self.emit(&Event::Waiting {
            grant_type: device_code::DeviceCode::TYPE,
            client: &client.client().id,
        });
        Ok(DeviceAuthorization {
            device_code: device_code.expose().to_owned(),
            user_code: user_code.shown(),
            verification_uri: inner.policy.issuer.url(discovery::DEVICE),
            expires_in: lifetime,
            interval: policy.interval,
        })
    }

    /// Writes the request under both of its codes.
    async fn wait_for_person(
        &self,
        polled: Polled,
    ) -> Result<(Opaque<DeviceCode>, UserCode), Failure> {
        let expires_at = polled.expires_at;
        // It stays known for a while after its end, so that the device learns that it is over.
        let keep = expires_at.plus(expires_at.since(polled.issued_at));
        let record = WaitingRecord::Device(Box::new(DeviceRecord { polled }));
        for _ in 0..ATTEMPTS {
            let Some(user_code) = UserCode::from_random(&self.random()) else {
                continue;
            };
            // The commit sees a code that is taken in the same hour; one of the hour before is looked for here.
            if self.device_of(&user_code).await?.is_some() {
                continue;
            }
            let device_code = Opaque::from_random(Bucket::holding(keep), &self.random_in_order());
            let key = waiting_key(&device_code);
            let pointer = WaitingRecord::UserCode(UserCodePointer {
                device: key,
                expires_at,
            });
            let place = self.user_code_key(&user_code, device::pointer_bucket(expires_at));
            let spends = vec![
                Spend::NewWaiting(key, Box::new(record.clone())),
                Spend::NewWaiting(place, Box::new(pointer)),
            ];
            let commit = Commit {
                spends,
                writes: Vec::new(),
            };
            if self.commit(commit).await? == Committed::Done {
                return Ok((device_code, user_code));
            }
        }
        Err(Failure::Unavailable { retry_after: 1 })
    }

    /// Where the pointer of a code is kept. The digest has a key: so short a code could be guessed from a bare one.
    fn user_code_key(&self, code: &UserCode, bucket: Bucket) -> Key<Waiting> {
        Key::from_parts(bucket, self.inner.secrets.user_code_digest(code))
    }

    /// Where the request waits that a code names, as long as it has not expired.
    async fn device_of(&self, code: &UserCode) -> Result<Option<Key<Waiting>>, Failure> {
        let inner = &self.inner;
        let now = self.now();
        let mut found = None;
        for bucket in device::pointer_buckets(now) {
            let place = self.user_code_key(code, bucket);
            let pointer = inner.store.waiting(inner.issuer_id, place).await?;
            if let Some(FoundWaiting {
                record: WaitingRecord::UserCode(pointer),
                ..
            }) = pointer
                && !pointer.expires_at.is_over(now)
                && found.replace(pointer.device).is_some()
            {
                // Two devices, one code: whoever typed it may mean either.
                return Ok(None);
            }
        }
        Ok(found)
    }

    async fn device_record(
        &self,
        key: Key<Waiting>,
    ) -> Result<Option<(DeviceRecord, u32)>, Failure> {
        let inner = &self.inner;
        Ok(match inner.store.waiting(inner.issuer_id, key).await? {
            Some(FoundWaiting {
                record: WaitingRecord::Device(record),
                revision,
            }) => Some((*record, revision)),
            Some(_) | None => None,
        })
    }

    /// A person typed a code. `peer` is the address of their computer. Wrong codes are counted for the address and for
    /// the browser.
    ///
    /// # Errors
    /// Only failures of ours.
    pub async fn device_code_entered(
        &self,
        typed: &str,
        browser: &Browser,
        peer: Option<IpAddr>,
    ) -> Result<CodeEntered, Failure> {
        let inner = &self.inner;
        let (now, most) = (self.now(), inner.policy.device.wrong_codes);
        let (store, secret) = (&*inner.store, inner.secrets.attempts());
        let networks = peer.into_iter().flat_map(By::networks);
        // All nodes count the networks together; a site and a cookie are counted by each.
        let (network, mut here): (Vec<_>, Vec<_>) =
            networks.partition(|by| matches!(by, By::Network(_)));
        here.extend(browser.binding.as_deref().map(By::Browser));
        let network = network.into_iter().next();
        // Counted before it is looked at, so that many at once try no more than one after the other.
        //= RFC8628#5.1 SHOULD: tries of user codes are limited
        let tries = &inner.wrong_codes;
        let mut counted = tries.count(&here, most, now).map(|()| None);
        match &network {
            Some(network) if counted.is_ok() => {
                counted = tries
                    .count_everywhere(store, secret, network, most, now)
                    .await?;
                if counted.is_err() {
                    tries.give_back(&here);
                }
            }
            // Whoever tries may be without a cookie, or with a new one each time. Where nobody says where they come from, all
            // of them share a bound.
            None if counted.is_ok() => {
                let most = most.saturating_mul(ANYBODY);
                counted = tries.count(&[By::Anybody], most, now).map(|()| None);
            }
            Some(_) | None => {}
        }
        let counted = match counted {
            Ok(counted) => counted,
            Err(retry_after) => {
                self.refused_code("device_throttled");
                return Ok(CodeEntered::Throttled { retry_after });
            }
        };
        let Some(flow) = self.flow_of_code(typed).await? else {
            self.refused_code(Reason::CodeUnknown.id());
            return Ok(CodeEntered::Unknown);
        };
        tries.give_back(&here);
        let network = network.unwrap_or(By::Anybody);
        tries.give_back_everywhere(store, &network, counted).await;
        let answered = self.proceed(flow, browser, SetCookies::default()).await?;
        Ok(CodeEntered::Known(Box::new(answered)))
    }

    fn refused_code(&self, reason: &'static str) {
        self.emit(&Event::Refused {
            endpoint: "device",
            reason,
            client: None,
        });
    }

    async fn flow_of_code(&self, typed: &str) -> Result<Option<Flow>, Failure> {
        let now = self.now();
        let Some(code) = UserCode::parse(typed) else {
            return Ok(None);
        };
        let Some(key) = self.device_of(&code).await? else {
            return Ok(None);
        };
        let Some((record, _)) = self.device_record(key).await? else {
            return Ok(None);
        };
        if !record.polled.is_open(now) {
            return Ok(None);
        }
        let request = record.polled.request;
        let client = self.client(&request.client_id).await?;
        let client = client.filter(|c| c.was_there(record.polled.issued_at));
        Ok(self.resume_device(request, client).ok().map(|valid| Flow {
            valid,
            asked: None,
            done: Done::default(),
            started_at: now,
            consented: None,
            handle: None,
            device: Some(PendingDevice {
                key,
                user_code: code.shown(),
            }),
            own: None,
            proved: None,
            anew: false,
            adding: false,
            changes: false,
            held: false,
        }))
    }

    /// Brings a device's request back.
    pub(crate) fn resume_device(
        &self,
        request: hallpass_core::authorize::RequestRecord,
        client: Option<Arc<hallpass_core::client::Client>>,
    ) -> Result<Valid, hallpass_core::authorize::Unidentified> {
        let grant = device_code::DeviceCode::TYPE;
        Valid::resume_direct(request, client, grant, &self.inner.policy)
    }

    /// The person allowed it. None when the answer of a page was used before, or the session ended in this very moment.
    pub(crate) async fn allow_device(
        &self,
        flow: &Flow,
        device: &PendingDevice,
        person: &Person,
    ) -> Result<Option<Answer>, Failure> {
        let inner = &self.inner;
        let Some(signed_in) = &person.signed_in else {
            return Err(Failure::Internal(
                "a request was ready without a session".to_owned(),
            ));
        };
        for _ in 0..ATTEMPTS {
            let now = self.now();
            let open = self.device_record(device.key).await?;
            let Some((record, revision)) = open.filter(|(r, _)| r.polled.is_open(now)) else {
                return Ok(Some(over()));
            };
            let by = Leave {
                session: &signed_in.session,
                session_key: signed_in.key,
                consented: flow.consented.as_ref(),
                remembered: person.consent.as_ref(),
                redeem_within: record.polled.expires_at.since(now),
            };
            let granted = Granted::new(
                &flow.valid,
                by,
                &inner.policy,
                now,
                self.random_in_order::<12>(),
            );
            let grant = granted.grant().clone();
            let next = Polled {
                verdict: Verdict::Allowed(Box::new(grant)),
                ..record.polled
            };
            let mut writes = Vec::new();
            if let Some(consent) = granted.consent_record() {
                let account = signed_in.account.subject.clone();
                let client = flow.valid.client().id.clone();
                writes.push(Write::Consent(account, client, Box::new(consent)));
            }
            let mut spends = vec![answer_of(device.key, revision, next)];
            spends.push(Spend::Session(signed_in.key));
            spends.extend(flow.handle.map(Spend::Once));
            match self.commit(Commit { spends, writes }).await? {
                Committed::Done => {
                    self.device_decided(flow, true);
                    return self.device_ended(flow, true).map(Some);
                }
                // The device polled in this very moment.
                Committed::TooLate(0) => {}
                Committed::TooLate(_) => return Ok(None),
            }
        }
        Err(Failure::Unavailable { retry_after: 1 })
    }

    /// The person said no. Somebody who is not signed in only leaves: the device goes on waiting.
    pub(crate) async fn refuse_device(
        &self,
        flow: &Flow,
        device: &PendingDevice,
        browser: &Browser,
    ) -> Result<Answer, Failure> {
        let session = browser.session.as_ref().map(Opaque::key);
        let Some(signed_in) = self.signed_in(session).await? else {
            return self.device_ended(flow, false);
        };
        for _ in 0..ATTEMPTS {
            let now = self.now();
            let open = self.device_record(device.key).await?;
            let Some((record, revision)) = open.filter(|(r, _)| r.polled.is_open(now)) else {
                return Ok(over());
            };
            let next = Polled {
                verdict: Verdict::Denied,
                ..record.polled
            };
            let spends = vec![
                answer_of(device.key, revision, next),
                Spend::Session(signed_in.key),
            ];
            let commit = Commit {
                spends,
                writes: Vec::new(),
            };
            match self.commit(commit).await? {
                Committed::Done => {
                    self.device_decided(flow, false);
                    return self.device_ended(flow, false);
                }
                Committed::TooLate(0) => {}
                Committed::TooLate(_) => break,
            }
        }
        Err(Failure::Unavailable { retry_after: 1 })
    }

    fn device_decided(&self, flow: &Flow, allowed: bool) {
        self.emit(&Event::Decided {
            grant_type: device_code::DeviceCode::TYPE,
            client: &flow.valid.client().id,
            allowed,
        });
    }

    /// The page that says how it ended.
    fn device_ended(&self, flow: &Flow, allowed: bool) -> Result<Answer, Failure> {
        let sealed = SealedDone {
            client_id: flow.valid.client().id.clone(),
            allowed,
        };
        let plain = serde_json::to_vec(&sealed).map_err(|e| Failure::Internal(e.to_string()))?;
        let handle = self.inner.secrets.seal_browser("device-done", &plain);
        let url = self.inner.interaction.url(PageKind::DeviceDone, &handle);
        Ok(Answer::Page(url))
    }

    /// What the last page shows.
    ///
    /// # Errors
    /// The handle is not one of ours, or the store fails.
    pub async fn device_done(&self, handle: &str) -> Result<DeviceDone, Failure> {
        let opened = self.inner.secrets.open_browser("device-done", handle);
        let plain = opened.ok_or(BrowserReason::StateUnknown)?;
        let sealed: SealedDone =
            serde_json::from_slice(&plain).map_err(|_| BrowserReason::StateUnknown)?;
        let client = self.client(&sealed.client_id).await?;
        let client = client.ok_or(BrowserReason::StateUnknown)?;
        Ok(DeviceDone {
            client: client_view(&client, ""),
            allowed: sealed.allowed,
        })
    }
}

fn over() -> Answer {
    Answer::Error(PageError(Reason::RequestOver.into()))
}

fn answer_of(key: Key<Waiting>, revision: u32, polled: Polled) -> Spend {
    let next = WaitingRecord::Device(Box::new(DeviceRecord { polled }));
    Spend::Waiting {
        key,
        revision,
        next: Some(Box::new(next)),
    }
}
