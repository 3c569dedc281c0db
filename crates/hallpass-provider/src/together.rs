//! Questions to the store that bring the account with them where the accounts are the store's users.

use hallpass_core::{
    record::{ConsentRecord, FoundCode, GrantRecord, SessionRecord},
    token::AccountFacts,
};
use hallpass_store::{Standing, StoreError, UserRecord};
use hallpass_types::{ClientId, Code, GrantId, Key, Session, Subject, Timestamp, TokenId};

use crate::{Provider, ports::Account};

/// A code and those who decide about it.
pub(crate) struct KnownCode {
    pub(crate) code: FoundCode,
    pub(crate) account: Option<AccountFacts>,
    pub(crate) session_alive: bool,
}

/// A session and those who decide about it.
pub(crate) struct KnownSession {
    pub(crate) session: SessionRecord,
    pub(crate) account: Option<Account>,
    pub(crate) consent: Option<ConsentRecord>,
}

impl Provider {
    pub(crate) async fn known_code(&self, key: Key<Code>) -> Result<Option<KnownCode>, StoreError> {
        let inner = &self.inner;
        if inner.accounts.are_users() {
            let found = inner.store.code_with_user(inner.issuer_id, key).await?;
            let Some(found) = found else { return Ok(None) };
            let grant = &found.code.record.grant;
            let account = self.admitted(self.of_user(found.user), grant).await?;
            return Ok(Some(KnownCode {
                account: facts(account, grant),
                code: found.code,
                session_alive: found.session_alive,
            }));
        }
        let Some(code) = inner.store.code(inner.issuer_id, key).await? else {
            return Ok(None);
        };
        let grant = &code.record.grant;
        let account = self.account(&grant.subject).await?;
        let account = facts(self.admitted(account, grant).await?, grant);
        let session_alive = match grant.session {
            Some(session) if grant.session_bound => inner
                .store
                .session(inner.issuer_id, session)
                .await?
                .is_some(),
            Some(_) | None => true,
        };
        Ok(Some(KnownCode {
            code,
            account,
            session_alive,
        }))
    }

    pub(crate) async fn known_standing(
        &self,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Result<(Standing, Option<Account>), StoreError> {
        let inner = &self.inner;
        let issuer = inner.issuer_id;
        if inner.accounts.are_users() {
            let asked = inner
                .store
                .standing_with_user(issuer, grant, token, expires_at);
            let (standing, user) = asked.await?;
            let account = match &standing.grant {
                Some(found) => self.admitted(self.of_user(user), &found.record).await?,
                None => None,
            };
            return Ok((standing, account));
        }
        let standing = inner
            .store
            .standing(issuer, grant, token, expires_at)
            .await?;
        let account = match &standing.grant {
            Some(found) => {
                let account = self.account(&found.record.subject).await?;
                self.admitted(account, &found.record).await?
            }
            None => None,
        };
        Ok((standing, account))
    }

    pub(crate) async fn known_session(
        &self,
        key: Key<Session>,
        client: Option<&ClientId>,
    ) -> Result<Option<KnownSession>, StoreError> {
        let inner = &self.inner;
        let issuer = inner.issuer_id;
        if inner.accounts.are_users() {
            let found = inner.store.session_with_user(issuer, key, client).await?;
            return Ok(found.map(|found| KnownSession {
                session: found.session,
                account: self.of_user(found.user),
                consent: found.consent,
            }));
        }
        let Some(session) = inner.store.session(issuer, key).await? else {
            return Ok(None);
        };
        let account = self.account(&session.subject).await?;
        let consent = match client {
            Some(client) => {
                inner
                    .store
                    .consent(issuer, &session.subject, client)
                    .await?
            }
            None => None,
        };
        Ok(Some(KnownSession {
            session,
            account,
            consent,
        }))
    }

    /// The account, unless its person may not have what they were granted any more.
    async fn admitted(
        &self,
        account: Option<Account>,
        grant: &GrantRecord,
    ) -> Result<Option<Account>, StoreError> {
        Ok(match account {
            Some(account) if self.stays_admitted(&account, grant).await? => Some(account),
            Some(_) | None => None,
        })
    }

    fn of_user(&self, user: Option<UserRecord>) -> Option<Account> {
        user.and_then(|user| self.inner.accounts.of_user(user))
    }

    async fn account(&self, subject: &Subject) -> Result<Option<Account>, StoreError> {
        let inner = &self.inner;
        inner.accounts.account(inner.issuer_id, subject).await
    }
}

/// What the rules must know of the account that made a grant. None: it is gone, or its person took the grant back.
pub(crate) fn facts(account: Option<Account>, grant: &GrantRecord) -> Option<AccountFacts> {
    let account = account?;
    if account.took_back(&grant.client_id, grant.issued_at) {
        return None;
    }
    Some(AccountFacts {
        epoch: account.epoch,
    })
}
