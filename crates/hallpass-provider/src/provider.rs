//! The engine itself.

use std::sync::Arc;

use hallpass_core::{
    client::Client,
    policy::Policy,
    record::{ActivityRecord, GrantRecord},
};
use hallpass_store::{Commit, Committed, Spend, Store, StoreError, Write};
use hallpass_types::{Bucket, Code, GrantId, IssuerId, Key, ORDER_LEN, Timestamp};

use crate::{
    Failure,
    clients::ClientCache,
    documents::Documents,
    endpoints::{Urls, discovery::Document},
    keys::{CurrentKeys, KeySet, Outside},
    logos::Logos,
    mail::Post,
    outstanding::Outstanding,
    ports::{
        Accounts, BackchannelDevice, Clock, Consents, Entropy, Event, Events, Fetcher, Interaction,
        OwnClients, OwnPrompts, People, TokenClaims,
    },
    referenced::Referenced,
    registry::Grants,
    remote_keys::RemoteKeys,
    secrets::Secrets,
    sending::Sending,
    tallies::Tallies,
    texts::TextHook,
    tries::{Limits, Tries},
    upstream_metadata::UpstreamMetadata,
    webhooks::Wanted,
};

/// An OpenID Provider for one issuer. Cheap to clone.
#[derive(Clone)]
pub struct Provider {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) issuer_id: IssuerId,
    pub(crate) policy: Policy,
    pub(crate) urls: Urls,
    pub(crate) secrets: Secrets,
    pub(crate) keys: CurrentKeys,
    pub(crate) outside: Vec<Outside>,
    /// When keys were last read because of one that was not known.
    pub(crate) learned: tokio::sync::Mutex<Option<std::time::Instant>>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) backchannel_device: Arc<dyn BackchannelDevice>,
    pub(crate) interaction: Arc<dyn Interaction>,
    pub(crate) fetcher: Arc<dyn Fetcher>,
    pub(crate) token_claims: Option<Arc<dyn TokenClaims>>,
    /// None: nothing is mailed.
    pub(crate) post: Option<Post>,
    /// None: people cannot change their accounts by themselves.
    pub(crate) people: Option<Arc<dyn People>>,
    /// The provider as the client of its own pages.
    pub(crate) own: Option<Arc<Client>>,
    /// Mails that strangers wanted to be sent, by address and by where they were.
    pub(crate) mails: Tries,
    pub(crate) texts: Tries,
    pub(crate) text_hook: Option<TextHook>,
    /// Accounts that were made without mail, by where that was.
    pub(crate) newcomers: Tries,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) events: Vec<Arc<dyn Events>>,
    pub(crate) tallies: Tallies,
    pub(crate) grants: Grants,
    pub(crate) clients: ClientCache,
    pub(crate) own_clients: OwnClients,
    pub(crate) own_prompts: Option<Arc<dyn OwnPrompts>>,
    pub(crate) consents: Option<Arc<dyn Consents>>,
    /// For so many seconds a client is believed to be what it was.
    pub(crate) cache_bound: i64,
    pub(crate) documents: Documents,
    /// So many names of a registration are looked for at once.
    pub(crate) lookups: tokio::sync::Semaphore,
    pub(crate) remote_keys: RemoteKeys,
    pub(crate) upstream_metadata: UpstreamMetadata,
    pub(crate) logos: Logos,
    /// Rings when something was put into the outbox.
    pub(crate) outbox: Arc<tokio::sync::Notify>,
    pub(crate) limits: Limits,
    pub(crate) sending: Sending,
    pub(crate) wanted: Wanted,
    /// Pushed requests of clients that anybody can speak for, by network.
    pub(crate) pushes: Tries,
    /// Requests of devices, by client and network.
    pub(crate) device_requests: Tries,
    /// Wrong codes of devices, by address and browser.
    pub(crate) wrong_codes: Tries,
    /// Wrong user codes of backchannel authentication, by client and person.
    pub(crate) user_codes: Tries,
    /// Whose turn it is to count registered clients and add one.
    pub(crate) registering: tokio::sync::Mutex<()>,
    /// Whose turn it is to add a line to the audit log.
    pub(crate) audit_turn: tokio::sync::Mutex<()>,
    /// Codes of second steps, by account.
    pub(crate) wrong_second: Tries,
    pub(crate) answers: Tries,
    pub(crate) hashes: Tries,
    pub(crate) referenced: Referenced,
    pub(crate) outstanding: Outstanding,
    pub(crate) metadata: Document,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider")
            .field("issuer", &self.inner.policy.issuer.as_str())
            .finish_non_exhaustive()
    }
}

impl Provider {
    /// The issuer's policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// The issuer's number in the store.
    #[must_use]
    pub fn issuer_id(&self) -> IssuerId {
        self.inner.issuer_id
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    /// What is derived from the master key.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }

    /// How accounts are changed; none where that is not possible.
    #[must_use]
    pub fn account_changes(&self) -> Option<&Arc<dyn People>> {
        self.inner.people.as_ref()
    }

    /// Where pages are.
    #[must_use]
    pub fn interaction(&self) -> &Arc<dyn Interaction> {
        &self.inner.interaction
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Fresh random bytes.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.inner.entropy.fill(&mut out);
        out
    }

    /// Whether requests may be sent to a URL, as far as can be said without connecting: asked when an operator names it, so that
    /// one that leads inside is refused at once. Every request decides again.
    pub async fn may_call(&self, url: &str) -> bool {
        self.inner.fetcher.permits(url).await
    }

    /// Fresh random bytes, of which the first two rise with time.
    pub(crate) fn random_in_order<const N: usize>(&self) -> [u8; N] {
        let mut out = self.random();
        let [.., high, low] = self.inner.clock.millis().to_be_bytes();
        if let Some(first) = out.first_chunk_mut::<ORDER_LEN>() {
            *first = [high, low];
        }
        out
    }

    /// Tells listeners.
    pub fn emit(&self, event: &Event<'_>) {
        self.inner.tallies.hear(event);
        for listener in &self.inner.events {
            listener.on(event);
        }
    }

    /// The signing keys as they are held, with the published key set (RFC 7517 §5).
    #[must_use]
    pub fn signing_keys(&self) -> Arc<KeySet> {
        self.inner.keys.load()
    }

    /// The metadata document (OpenID Connect Discovery §4.2, RFC 8414 §3.2) as JSON.
    #[must_use]
    pub fn metadata(&self) -> &Document {
        &self.inner.metadata
    }

    pub(crate) async fn revoke_grant(
        &self,
        grant: GrantId,
        reason: &'static str,
    ) -> Result<(), Failure> {
        let writes = vec![Write::RevokeGrant(grant, self.now())];
        self.commit(Commit {
            spends: Vec::new(),
            writes,
        })
        .await?;
        self.emit(&Event::GrantRevoked { grant, reason });
        Ok(())
    }

    pub(crate) async fn burn_code(&self, key: Key<Code>) -> Result<(), Failure> {
        self.commit(Commit {
            spends: vec![Spend::Code(key)],
            writes: Vec::new(),
        })
        .await?;
        Ok(())
    }

    pub(crate) async fn commit(&self, mut commit: Commit) -> Result<Committed, StoreError> {
        let happened: Vec<_> = commit.writes.iter().filter_map(noted).cloned().collect();
        if !happened.is_empty() {
            let told = self.told_of_accounts(&happened).await?;
            commit.writes.extend(told);
        }
        let delivery = |write: &Write| matches!(write, Write::Delivery(..));
        let rings = commit.writes.iter().any(delivery);
        let committed = self.inner.store.commit(self.inner.issuer_id, commit).await;
        if matches!(committed, Ok(Committed::Done)) {
            for record in happened {
                self.emit(&Event::Account {
                    what: record.what.as_str(),
                    account: &record.subject,
                    client: record.client.as_ref(),
                    address: record.visit.as_ref().and_then(|v| v.address.as_deref()),
                });
            }
        }
        if rings && matches!(committed, Ok(Committed::Done)) {
            self.inner.outbox.notify_one();
        }
        committed
    }

    /// What the rules must know of the account that made a grant. None: it is gone, or its person took the grant back.
    pub(crate) async fn grantor_facts(
        &self,
        grant: &GrantRecord,
    ) -> Result<Option<hallpass_core::token::AccountFacts>, StoreError> {
        let accounts = &self.inner.accounts;
        let account = accounts.account(self.inner.issuer_id, &grant.subject);
        let account = account.await?;
        let account = account.filter(|a| !a.took_back(&grant.client_id, grant.issued_at));
        let account = match account {
            Some(account) if self.stays_admitted(&account, grant).await? => Some(account),
            Some(_) | None => None,
        };
        Ok(account.map(|a| hallpass_core::token::AccountFacts { epoch: a.epoch }))
    }

    pub(crate) async fn account_facts(
        &self,
        subject: &hallpass_types::Subject,
    ) -> Result<Option<hallpass_core::token::AccountFacts>, StoreError> {
        let account = self
            .inner
            .accounts
            .account(self.inner.issuer_id, subject)
            .await?;
        Ok(account.map(|a| hallpass_core::token::AccountFacts { epoch: a.epoch }))
    }

    /// [Tidies](Self::tidy), and deletes records of all issuers that have been over for an hour. Answers how many records
    /// went.
    ///
    /// # Errors
    /// The store fails.
    pub async fn purge(&self) -> Result<u64, StoreError> {
        self.purge_at(self.now()).await
    }

    /// The same for who doubts the clock: what is deleted cannot be brought back by setting it right. The earliest of
    /// `at`, the clock and the [database's](hallpass_store::Store::clock) is believed.
    ///
    /// # Errors
    /// The store fails.
    pub async fn purge_at(&self, at: Timestamp) -> Result<u64, StoreError> {
        let idle = self.tidy_at(at).await?;
        let at = self.doubted(at).await?;
        let below = Bucket::purgeable_below(at.plus(DOUBT.saturating_neg()));
        let gone = self.inner.store.purge(below, PIECE).await?;
        Ok(gone.saturating_add(idle))
    }

    /// Deletes retired keys of this issuer whose last token is over, and clients of it that nobody uses any more. Answers
    /// how many clients went.
    ///
    /// # Errors
    /// The store fails.
    pub async fn tidy(&self) -> Result<u64, StoreError> {
        self.tidy_at(self.now()).await
    }

    /// The same, as [`Self::purge_at`] is.
    ///
    /// # Errors
    /// The store fails.
    pub async fn tidy_at(&self, at: Timestamp) -> Result<u64, StoreError> {
        self.purge_keys(at.min(self.now())).await?;
        let at = self.doubted(at).await?;
        self.forget_idle_clients(at).await
    }

    async fn doubted(&self, at: Timestamp) -> Result<Timestamp, StoreError> {
        let own = at.min(self.now());
        let theirs = self.inner.store.clock().await?;
        Ok(theirs.map_or(own, |theirs| theirs.min(own)))
    }
}

/// So many records are deleted in one call at most. What goes with each call is looked at once for all of them.
const PIECE: usize = 5000;

/// What is noted of an account, where a write does that.
fn noted(write: &Write) -> Option<&ActivityRecord> {
    if let Write::Activity(_, _, record) = write {
        Some(record)
    } else {
        None
    }
}

/// Clocks differ, and one may be wrong for a while: records are kept for so long after they are over (seconds).
const DOUBT: i64 = 3600;
