//! Requests whose person is asked elsewhere while the client polls: by the device grant
//! ([RFC 8628 §3.5](https://www.rfc-editor.org/rfc/rfc8628#section-3.5)) and by CIBA (Core §10.1, §11).

use hallpass_types::{Thumbprint, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{authorize::RequestRecord, client::Client, record::GrantRecord, token::Reason};

/// Seconds by which the interval grows with every poll that comes too soon.
//= RFC8628#3.5 MUST: slow_down raises the interval by 5 seconds for this and all later requests
const SLOWER: i64 = 5;
/// A poll may come so many seconds early: clients count from when they sent, we from when it arrived.
const EARLY: i64 = 1;

/// What is asked for, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Polled {
    /// What is asked for.
    pub request: RequestRecord,
    /// When it was asked.
    pub issued_at: Timestamp,
    /// Until when it can be answered, and the answer fetched.
    pub expires_at: Timestamp,
    /// Seconds between two polls, now.
    pub interval: i64,
    /// The last poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polled_at: Option<Timestamp>,
    /// What the person said.
    #[serde(default)]
    pub verdict: Verdict,
    /// The instance of the client that asked, where an attestation showed it: nobody else gets the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Thumbprint>,
}

/// What the person said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing yet.
    #[default]
    Open,
    /// No.
    Denied,
    /// Yes. The grant begins to exist when the client fetches its tokens.
    Allowed(Box<GrantRecord>),
}

/// Why a poll yields no tokens.
#[derive(Debug, PartialEq)]
pub struct NoTokens {
    /// The answer.
    pub reason: Reason,
    /// What has to be remembered of this poll.
    pub next: Option<Box<Polled>>,
}

impl From<Reason> for NoTokens {
    fn from(reason: Reason) -> Self {
        Self { reason, next: None }
    }
}

impl Polled {
    /// A request that nobody has answered yet.
    #[must_use]
    pub const fn new(request: RequestRecord, now: Timestamp, lifetime: i64, interval: i64) -> Self {
        Self {
            request,
            issued_at: now,
            expires_at: now.plus(lifetime),
            interval,
            polled_at: None,
            verdict: Verdict::Open,
            instance: None,
        }
    }

    /// The same, of this instance of the client.
    #[must_use]
    pub const fn of_instance(mut self, instance: Option<Thumbprint>) -> Self {
        self.instance = instance;
        self
    }

    /// Whether the person can still answer.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.verdict == Verdict::Open && !self.expires_at.is_over(now)
    }

    /// Whether the client is the one that asked.
    #[must_use]
    pub fn is_of(&self, client: &Client) -> bool {
        self.request.client_id == client.id && client.was_there(self.issued_at)
    }

    /// The client polls: the grant, if the person allowed it.
    ///
    /// # Errors
    /// Why there is none, with what is to be remembered of the poll.
    pub fn poll(
        &self,
        client: &Client,
        instance: Option<Thumbprint>,
        now: Timestamp,
    ) -> Result<GrantRecord, NoTokens> {
        // Whoever finds the handle of somebody else learns nothing and changes nothing.
        //= RFC8628#3.4 MUST: the device code was issued to the client that presents it
        //= CIBA#11 MUST: an auth_req_id that was issued to another client is invalid_grant
        //= ATTESTATION#9.4 SHOULD: what an instance asked for is given to that instance alone
        let other = self.instance.is_some() && self.instance != instance;
        if other || !self.is_of(client) {
            return Err(Reason::PolledByAnotherClient.into());
        }
        //= RFC8628#3.5 MUST: an expired device code is answered with expired_token
        if self.expires_at.is_over(now) {
            return Err(Reason::PolledTooLate.into());
        }
        match &self.verdict {
            Verdict::Denied => Err(Reason::PersonDenied.into()),
            // Whether this poll comes too soon does not matter any more: there is nothing to wait for.
            Verdict::Allowed(grant) => Ok((**grant).clone()),
            Verdict::Open => Err(self.waiting(now)),
        }
    }

    fn waiting(&self, now: Timestamp) -> NoTokens {
        let since = self.polled_at.map(|at| now.since(at));
        let early = since.is_some_and(|since| since < self.interval.saturating_sub(EARLY));
        if !early {
            return NoTokens {
                reason: Reason::AuthorizationPending,
                next: Some(Box::new(Self {
                    polled_at: Some(now),
                    ..self.clone()
                })),
            };
        }
        // Once a second is enough to remember. Otherwise a client that polls without pause would keep its person's
        // answer from being written.
        let remembered = since == Some(0);
        NoTokens {
            reason: Reason::PolledTooSoon,
            next: (!remembered).then(|| {
                Box::new(Self {
                    polled_at: Some(now),
                    interval: self.interval.saturating_add(SLOWER).min(MAX_INTERVAL),
                    ..self.clone()
                })
            }),
        }
    }
}

/// The interval does not grow beyond this, in seconds: no request lives longer.
const MAX_INTERVAL: i64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        authorize::{Endpoint, direct},
        token::fixture::{NOW, grant, other, params, policy, web},
    };

    fn polled() -> Polled {
        let client = Client {
            grant_types: vec![
                "urn:ietf:params:oauth:grant-type:device_code".to_owned(),
                "refresh_token".to_owned(),
            ],
            ..web()
        };
        let sent = params(&[("scope", "openid email")]);
        let valid = direct::validate(
            &sent,
            std::sync::Arc::new(client),
            &policy(),
            Endpoint::DeviceAuthorization,
        )
        .unwrap();
        Polled::new(valid.request().clone(), NOW, 600, 5)
    }

    fn refused(polled: &Polled, now: Timestamp) -> (Reason, Option<Polled>) {
        let NoTokens { reason, next } = polled.poll(&web(), None, now).unwrap_err();
        (reason, next.map(|next| *next))
    }

    #[test]
    fn a_poll_in_time_is_pending_and_remembered() {
        let polled = polled();
        let (reason, next) = refused(&polled, NOW);
        assert_eq!(reason, Reason::AuthorizationPending);
        let next = next.unwrap();
        assert_eq!((next.polled_at, next.interval), (Some(NOW), 5));
        let (reason, _) = refused(&next, NOW.plus(5));
        assert_eq!(reason, Reason::AuthorizationPending);
        // What the network does to a client that counts right.
        assert_eq!(refused(&next, NOW.plus(4)).0, Reason::AuthorizationPending);
    }

    #[test]
    fn a_poll_too_soon_slows_down_by_five_seconds_each_time() {
        // DV-03
        //= test RFC8628#3.5 slow_down raises the interval by 5 seconds for this and all later requests
        let mut current = Polled {
            polled_at: Some(NOW),
            ..polled()
        };
        for (at, interval) in [(1, 10), (2, 15), (3, 20)] {
            let (reason, next) = refused(&current, NOW.plus(at));
            assert_eq!(reason, Reason::PolledTooSoon);
            current = next.unwrap();
            assert_eq!(current.interval, interval);
        }
        // Five seconds, as once was allowed, is too soon now.
        assert_eq!(refused(&current, NOW.plus(8)).0, Reason::PolledTooSoon);
        assert_eq!(
            refused(&current, NOW.plus(23)).0,
            Reason::AuthorizationPending
        );
    }

    #[test]
    fn a_burst_within_a_second_is_remembered_once() {
        let current = Polled {
            polled_at: Some(NOW),
            ..polled()
        };
        assert_eq!(refused(&current, NOW), (Reason::PolledTooSoon, None));
    }

    #[test]
    fn the_answer_counts_for_the_client_that_asked_and_in_time() {
        // DV-02, DV-09
        //= test RFC8628#3.4 the device code was issued to the client that presents it
        //= test RFC8628#3.5 an expired device code is answered with expired_token
        //= test CIBA#11 an auth_req_id that was issued to another client is invalid_grant
        let grant = grant(&web());
        let allowed = Polled {
            verdict: Verdict::Allowed(Box::new(grant.clone())),
            polled_at: Some(NOW),
            ..polled()
        };
        assert_eq!(
            allowed.poll(&web(), None, NOW),
            Ok(grant),
            "no need to wait"
        );
        let end = NOW.plus(600);
        assert_eq!(refused(&allowed, end), (Reason::PolledTooLate, None));
        let refusal = allowed.poll(&other("web2"), None, NOW).unwrap_err();
        assert_eq!(refusal, Reason::PolledByAnotherClient.into());
        let reborn = Client {
            created_at: NOW.plus(1),
            ..web()
        };
        let refusal = allowed.poll(&reborn, None, NOW).unwrap_err();
        assert_eq!(refusal, Reason::PolledByAnotherClient.into());
        //= test ATTESTATION#9.4 what an instance asked for is given to that instance alone
        let (instance, another) = (Some(Thumbprint([1; 32])), Some(Thumbprint([2; 32])));
        let bound = allowed.clone().of_instance(instance);
        assert!(bound.poll(&web(), instance, NOW).is_ok());
        for wrong in [None, another] {
            let refusal = bound.poll(&web(), wrong, NOW).unwrap_err();
            assert_eq!(refusal, Reason::PolledByAnotherClient.into());
        }
        assert!(allowed.poll(&web(), instance, NOW).is_ok(), "of the client");
        let denied = Polled {
            verdict: Verdict::Denied,
            ..allowed
        };
        assert_eq!(refused(&denied, NOW), (Reason::PersonDenied, None));
        assert_eq!(refused(&denied, end), (Reason::PolledTooLate, None));
        assert!(!denied.is_open(NOW) && polled().is_open(NOW) && !polled().is_open(end));
    }
}
