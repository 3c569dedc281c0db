//! Access tokens for administration, and what administration needs of the engine.

use hallpass_core::{
    admin::{self, Holder, Reason},
    binding::{self, dpop},
    client::Client,
    client_request::ClientRequest,
    issue::TokenType,
    record::Activity,
};
use hallpass_store::{
    Commit, Committed, CredentialData, CredentialRecord, IssuerDone, IssuerWork, Spend, StoreError,
    Write,
};
use hallpass_types::{ClientId, Key, Scope, Session, Subject};
use std::sync::Arc;

use crate::{
    Failure, Provider,
    browser::Browser,
    ports::{ByOperator, Change},
    sessions::with_earlier,
};

/// Who calls, by an access token that stands.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client that sent it.
    pub client: Arc<Client>,
    /// Who holds it.
    pub holder: Holder,
    /// What it covers.
    pub scope: Scope,
}

impl Provider {
    /// The holder of an access token for the administration at `resource`, presented in a request to `path` under the issuer.
    ///
    /// # Errors
    /// It does not stand, is for something else, or is bound to a key that the request does not show.
    pub async fn caller(
        &self,
        (token, presented): (&str, TokenType),
        path: &str,
        request: &ClientRequest<'_>,
        resource: &str,
    ) -> Result<Caller, Failure> {
        self.holder_of((token, presented), path, request, resource)
            .await
            .map_err(|failure| self.failed("admin", None, failure))
    }

    async fn holder_of(
        &self,
        (text, presented): (&str, TokenType),
        path: &str,
        request: &ClientRequest<'_>,
        resource: &str,
    ) -> Result<Caller, Failure> {
        let now = self.now();
        let token = self.open_access(text, now).await;
        let token = token.ok_or(Reason::TokenUnknown)?;
        let client = self.client(&token.client_id).await?;
        let client = client.ok_or(Reason::TokenRevoked)?;
        let known = self.known(&token).await?;
        let holder = admin::holder(&token, &known.facts(), &client, resource, now)?;
        let proof = match presented {
            TokenType::DPoP => {
                let policy = &self.inner.policy;
                let with_certificates = policy.mtls.alias(path);
                let urls: Vec<String> = std::iter::once(policy.issuer.url(path))
                    .chain(with_certificates)
                    .collect();
                self.proof_at(&urls, request, &client, Some(text))?
            }
            TokenType::Bearer => None,
        };
        //= RFC9449#7.1 MUST: without a proof a DPoP-bound token is refused
        if presented == TokenType::DPoP && proof.is_none() {
            return Err(dpop::Reason::Missing.into());
        }
        binding::may_use(token.confirmation, presented, proof, request.certificate)?;
        if let Some(once) = proof.and_then(|proof| proof.once) {
            let spends = vec![Spend::Once(once.key)];
            let writes = Vec::new();
            if self.commit(Commit { spends, writes }).await? != Committed::Done {
                return Err(dpop::Reason::Replayed.into());
            }
        }
        Ok(Caller {
            client,
            holder,
            scope: token.scope,
        })
    }

    /// Commits, and rings where something is to be delivered.
    ///
    /// # Errors
    /// The store fails.
    pub async fn commit_change(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.commit(commit).await
    }

    /// As [`Self::commit_change`], together with the making or changing of another issuer.
    ///
    /// # Errors
    /// The store fails.
    pub(crate) async fn commit_issuer(
        &self,
        work: IssuerWork,
        commit: Commit,
    ) -> Result<IssuerDone, StoreError> {
        let rings = commit
            .writes
            .iter()
            .any(|write| matches!(write, Write::Delivery(..)));
        let done = self
            .inner
            .store
            .commit_issuer(work, self.inner.issuer_id, commit);
        let done = done.await?;
        if rings && matches!(done, IssuerDone::Done(_)) {
            self.inner.outbox.notify_one();
        }
        Ok(done)
    }

    /// A client was changed by this process: what is held of it is over.
    pub fn client_changed(&self, id: &ClientId) {
        self.inner.clients.forget(id);
    }

    /// The writes that end all sessions of a person, or one of them by its name, and tell clients about it. None: there is none
    /// of that name.
    ///
    /// # Errors
    /// The store fails.
    pub async fn ending_sessions(
        &self,
        subject: &Subject,
        only: Option<&str>,
    ) -> Result<Option<Vec<Write>>, StoreError> {
        let (store, issuer) = (&self.inner.store, self.inner.issuer_id);
        let mut keys: Vec<Key<Session>> = Vec::new();
        for (key, record) in store.account_sessions(issuer, subject).await? {
            if only.is_none_or(|sid| record.sid.as_str() == sid) {
                keys.extend(with_earlier(key, &record));
            }
        }
        if only.is_some() && keys.is_empty() {
            return Ok(None);
        }
        if only.is_none() {
            // Those of before sessions were listed by their person.
            for key in store.sessions_of(issuer, subject).await? {
                if !keys.contains(&key) && store.session(issuer, key).await?.is_some() {
                    keys.push(key);
                }
            }
        }
        Ok(Some(self.end_sessions(keys)))
    }

    /// What takes a credential away from a person by an operator's word. Whoever holds it may be signed in by it, or be on the
    /// way to it, so every session of the person ends in the same commit, their account has another epoch, and their history
    /// says what happened.
    ///
    /// # Errors
    /// The store fails.
    pub async fn removing_credential(
        &self,
        record: &CredentialRecord,
    ) -> Result<(Vec<Spend>, Vec<Write>), StoreError> {
        let subject = &record.subject;
        let ended = self.ending_sessions(subject, None).await?;
        let mut writes = ended.unwrap_or_default();
        let what = if matches!(record.data, CredentialData::Totp(_)) {
            Activity::TotpRemoved
        } else if matches!(record.data, CredentialData::Upstream(_)) {
            Activity::IdentityUnlinked
        } else if matches!(record.data, CredentialData::Phone(_)) {
            Activity::PhoneRemoved
        } else {
            Activity::PasskeyRemoved
        };
        writes.push(self.happened(subject, what, &Browser::default(), None));
        let mut spends = vec![Spend::Credential {
            subject: subject.clone(),
            id: record.id,
            revision: record.revision,
            next: None,
        }];
        if let Some(people) = self.account_changes() {
            let change = Change::ByOperator(ByOperator::EndAll(subject));
            // Whoever has no account here has no epoch either.
            if let Ok(over) = people.prepare(self.inner.issuer_id, change).await? {
                spends.extend(over.spends);
                writes.extend(over.writes);
            }
        }
        Ok((spends, writes))
    }

    /// Seals what was answered to a request, for who sends it again.
    #[must_use]
    pub fn seal_answer(&self, plain: &[u8]) -> String {
        self.inner.secrets.seal_browser(ANSWER, plain)
    }

    /// Opens what [`Self::seal_answer`] sealed.
    #[must_use]
    pub fn open_answer(&self, sealed: &str) -> Option<Vec<u8>> {
        self.inner.secrets.open_browser(ANSWER, sealed)
    }
}

const ANSWER: &str = "admin answer";
