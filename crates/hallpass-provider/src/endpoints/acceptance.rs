//! What a registration has to pass: a token, the operator's rules, a software statement, quotas.

use std::time::Duration;

use hallpass_core::client::{
    ClientOrigin, metadata, needs_secret,
    registration::{
        self, choices,
        rules::{self, Rules},
        statement::{self, StatementIssuer},
    },
    sector,
};
use hallpass_jose::{Jwks, JwksPolicy};
use hallpass_store::{Commit, Committed, Day, Spend, StoreError, Write};
use hallpass_types::{ContentDigest, InitialAccess, Opaque, Timestamp, sha256};
use serde_json::{Map, Value};

use super::register::{Reason, Registered, RegistrationFailure};
use crate::{
    Failure, Provider,
    documents::Whose,
    ports::{Event, FetchRequest},
    remote_keys,
};

/// No more clients can be registered, until some are deleted or expire.
const FULL: Failure = Failure::Throttled { retry_after: 3600 };

/// Whether the host of an origin is an address, and no name.
fn is_address(origin: &str) -> bool {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    host.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok()
}

/// What lets a registration in.
#[derive(Debug, Default)]
pub(super) struct Access {
    /// The token of the store that it uses up.
    pub(super) token: Option<ContentDigest>,
    /// Names of the rules that come with it.
    pub(super) policies: Vec<String>,
}

/// Members whose URLs the server calls.
const CALLED: &[&str] = &[
    "jwks_uri",
    "sector_identifier_uri",
    "backchannel_logout_uri",
    "backchannel_client_notification_endpoint",
];

impl Provider {
    /// Looks at the initial access token. Where anybody may register one counts all the same: it brings its rules.
    pub(super) async fn initial_access(&self, bearer: Option<&str>) -> Result<Access, Failure> {
        let (inner, policy) = (&self.inner, &self.inner.policy.registration);
        let Some(token) = bearer else {
            return if policy.open {
                Ok(Access::default())
            } else {
                //= RFC7591#3 MAY: the endpoint is protected by an initial access token
                Err(Reason::NoInitialAccess.into())
            };
        };
        // An operator may have chosen it in any form.
        let digest = inner.secrets.client_digest(token);
        // Every token is compared, so that the time does not tell which one came close.
        let known = policy
            .initial_access_tokens
            .iter()
            .filter(|t| **t == digest)
            .count();
        if known > 0 {
            return Ok(Access::default());
        }
        if Opaque::<InitialAccess>::parse(token).is_some()
            && let Some(found) = inner.store.initial_access(inner.issuer_id, digest).await?
        {
            let over = found.expires_at.is_some_and(|at| at.is_over(self.now()));
            let used_up = found.max_uses.is_some_and(|max| found.uses >= max);
            if !over && !used_up {
                return Ok(Access {
                    token: Some(digest),
                    policies: found.policies,
                });
            }
        }
        Err(Reason::NoInitialAccess.into())
    }

    /// What is stored of a request: completed, vouched for, held to the rules.
    pub(super) async fn accepted(
        &self,
        mut input: Map<String, Value>,
        names: &[String],
        decided: &Map<String, Value>,
    ) -> Result<Map<String, Value>, RegistrationFailure> {
        let policy = &self.inner.policy;
        let rules = self.rules(names)?;
        rules::complete(&rules, &mut input);
        let stated = statement::read(&input, &policy.registration.statement_issuers)
            .map_err(RegistrationFailure::Metadata)?
            .map(|(text, issuer)| (text.to_owned(), issuer));
        if let Some((text, issuer)) = &stated {
            self.apply_statement(text, issuer, &mut input).await?;
        } else if policy.registration.require_statement {
            return Err(RegistrationFailure::Metadata(statement::missing()));
        }
        rules::force(&rules, &mut input);
        rules::bound(&rules, &mut input).map_err(RegistrationFailure::Metadata)?;
        registration::keep_decided(decided, &mut input);
        let origin = ClientOrigin::Registration;
        let input =
            choices::choose(input, origin, policy).map_err(RegistrationFailure::Metadata)?;
        let mut metadata =
            metadata::normalize(&input, origin, policy).map_err(RegistrationFailure::Metadata)?;
        if let Some((text, _)) = stated {
            //= RFC7591#3.2.1 MUST: a software statement stands in the response as it was sent
            metadata.insert(statement::MEMBER.to_owned(), text.into());
        }
        rules::check(&rules, &metadata).map_err(RegistrationFailure::Metadata)?;
        Ok(metadata)
    }

    fn rules(&self, names: &[String]) -> Result<Vec<&Rules>, Failure> {
        let policy = &self.inner.policy.registration;
        policy
            .rules_for_all
            .iter()
            .chain(names)
            .map(|name| policy.rules.get(name))
            .collect::<Option<_>>()
            .ok_or_else(|| Reason::RulesGone.into())
    }

    async fn apply_statement(
        &self,
        text: &str,
        issuer: &StatementIssuer,
        input: &mut Map<String, Value>,
    ) -> Result<(), RegistrationFailure> {
        let audience = self.inner.policy.issuer.as_str();
        let mut again = false;
        loop {
            let keys = self.keys_of(issuer, again).await?;
            let applied = statement::apply(text, issuer, &keys, audience, self.now(), input);
            match applied {
                Ok(()) => return Ok(()),
                Err(_) if issuer.jwks_uri.is_some() && !again => again = true,
                Err(error) => return Err(RegistrationFailure::Metadata(error)),
            }
        }
    }

    async fn keys_of(&self, issuer: &StatementIssuer, again: bool) -> Result<Jwks, Failure> {
        let unreadable = || Failure::Internal("the keys of a statement issuer".to_owned());
        match (&issuer.jwks, &issuer.jwks_uri) {
            (Some(keys), _) => Jwks::from_value(keys, JwksPolicy::Client).map_err(|_| unreadable()),
            (None, Some(uri)) => match self.remote_keys(Whose::Ours, uri, again).await {
                Some(keys) => Ok((*keys).clone()),
                None => Err(Failure::Unavailable { retry_after: 5 }),
            },
            (None, None) => Err(unreadable()),
        }
    }

    /// The digest under which everybody gets the same client. Only a client that has no secret can be shared, and what was
    /// registered under other rules is another client.
    pub(super) fn fold(
        &self,
        metadata: &Map<String, Value>,
        policies: &[String],
    ) -> Option<[u8; 32]> {
        let shared = self.inner.policy.registration.fold_identical
            && metadata.get("token_endpoint_auth_method") == Some(&Value::from("none"))
            && !needs_secret(metadata)
            && !metadata::needs_plain_secret(metadata);
        shared.then(|| {
            let all = Value::from_iter([
                Value::Object(metadata.clone()),
                Value::from(policies.to_vec()),
            ]);
            sha256(all.to_string().as_bytes())
        })
    }

    /// The client that is there already for this metadata.
    pub(super) async fn folded(
        &self,
        digest: [u8; 32],
        access: &Access,
    ) -> Result<Option<Registered>, RegistrationFailure> {
        let inner = &self.inner;
        let found = inner.store.folded_client(inner.issuer_id, digest).await?;
        let Some(id) = found else { return Ok(None) };
        let Some(record) = inner.store.client(inner.issuer_id, &id).await? else {
            return Ok(None);
        };
        if record.disabled {
            return Err(Reason::SwitchedOff.into());
        }
        // Who is given it anew is about to use it. It may be deleted for idleness, or changed, in this very moment.
        let unchanged = Spend::Client {
            expected: Box::new(record.clone()),
            record: Box::new(record.clone()),
        };
        let token = access.token.map(Spend::InitialAccess);
        let commit = Commit {
            spends: [unchanged].into_iter().chain(token).collect(),
            writes: vec![Write::ClientUsed(id, Day::of(self.now()))],
        };
        match self.commit(commit).await? {
            Committed::Done => Ok(Some(self.registered(&record, None, None))),
            Committed::TooLate(0) => Ok(None),
            Committed::TooLate(_) => Err(Reason::NoInitialAccess.into()),
        }
    }

    /// Waits for the turn to count and register; nobody waits where nothing is counted.
    pub(super) async fn quota_turn(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let policy = &self.inner.policy.registration;
        if policy.max_clients == 0 && policy.max_per_software == 0 {
            return None;
        }
        Some(self.inner.registering.lock().await)
    }

    pub(super) async fn check_quotas(&self, software: Option<[u8; 32]>) -> Result<(), Failure> {
        let (inner, policy) = (&self.inner, &self.inner.policy.registration);
        if policy.max_clients > 0 {
            let count = inner
                .store
                .count_registered_clients(inner.issuer_id)
                .await?;
            if count >= u64::from(policy.max_clients) {
                return Err(FULL);
            }
        }
        if policy.max_per_software > 0
            && let Some(software) = software
        {
            let store = &inner.store;
            let count = store.count_clients_of_software(inner.issuer_id, software);
            if count.await? >= u64::from(policy.max_per_software) {
                return Err(FULL);
            }
        }
        Ok(())
    }

    /// Refuses URLs that we would call later and that lead inside our own network.
    pub(super) async fn check_addresses(
        &self,
        metadata: &Map<String, Value>,
        whose: Whose,
    ) -> Result<(), Failure> {
        let documents = &self.inner.documents;
        for name in CALLED {
            let Some(url) = metadata.get(*name).and_then(Value::as_str) else {
                continue;
            };
            // To look for a name is to ask somebody's server. An address has nobody to ask.
            let origin = remote_keys::origin(url);
            let named = !is_address(&origin);
            if named && !documents.ration(whose, &origin, self.now()) {
                return Err(Failure::Throttled { retry_after: 60 });
            }
            let permitted = match self.inner.lookups.try_acquire() {
                Ok(_place) => self.inner.fetcher.permits(url).await,
                Err(_) => {
                    // Nobody was asked.
                    if named {
                        documents.give_back(whose, &origin);
                    }
                    return Err(Failure::Unavailable { retry_after: 1 });
                }
            };
            if !permitted {
                return Err(Reason::AddressBlocked.into());
            }
            if named {
                documents.give_back(whose, &origin);
            }
        }
        Ok(())
    }

    /// Fetches and checks `sector_identifier_uri` (OpenID Connect Registration §5).
    pub(super) async fn check_sector(
        &self,
        metadata: &Map<String, Value>,
        whose: Whose,
    ) -> Result<(), RegistrationFailure> {
        let Some(uri) = sector::needed(metadata) else {
            return Ok(());
        };
        let (documents, origin) = (&self.inner.documents, remote_keys::origin(uri));
        if !documents.ration(whose, &origin, self.now()) {
            return Err(Failure::Throttled { retry_after: 60 }.into());
        }
        let request = FetchRequest {
            url: uri,
            accept: "application/json",
            max_bytes: sector::MAX_DOCUMENT,
            timeout: Duration::from_secs(5),
        };
        let fetched = self
            .inner
            .fetcher
            .fetch(request)
            .await
            .map_err(|_| Reason::SectorUnavailable)?;
        sector::check_metadata(metadata, &fetched.body).map_err(RegistrationFailure::Metadata)?;
        documents.give_back(whose, &origin);
        Ok(())
    }

    /// Deletes clients that registered themselves and were not used for as long as the policy says. Answers how many went.
    ///
    /// # Errors
    /// The store fails.
    pub(crate) async fn forget_idle_clients(&self, now: Timestamp) -> Result<u64, StoreError> {
        let inner = &self.inner;
        let days = inner.policy.registration.unused_days;
        if days == 0 {
            return Ok(0);
        }
        let before = Day::of(now).minus(days);
        let idle = inner
            .store
            .idle_clients(inner.issuer_id, before, 100)
            .await?;
        let mut gone = 0_u64;
        for client in idle {
            // It may be used in this very moment.
            let commit = Commit {
                spends: vec![Spend::IdleClient {
                    client: client.clone(),
                    before,
                }],
                writes: vec![Write::DeleteClient(client.clone())],
            };
            if self.commit(commit).await? == Committed::Done {
                gone = gone.saturating_add(1);
                inner.clients.forget(&client);
                self.emit(&Event::ClientChanged {
                    action: "expired",
                    client: &client,
                });
            }
        }
        Ok(gone)
    }
}

/// The digest under which registrations of one software are counted.
pub(super) fn software_of(metadata: &Map<String, Value>) -> Option<[u8; 32]> {
    let id = metadata.get("software_id").and_then(Value::as_str)?;
    Some(sha256(id.as_bytes()))
}
