//! Roles, groups and organizations: looked up where a request needs them, and only there.

use std::borrow::Cow;

use hallpass_core::{access::Directory, client::Client, policy::Policy, record::GrantRecord};
use hallpass_store::StoreError;
use hallpass_types::{Scope, Subject};
use serde_json::{Map, Value};

use crate::{Provider, ports::Account};

/// Whether a scope releases a claim about roles, groups, permissions or organizations.
fn releases(policy: &Policy, scope: &Scope) -> bool {
    let names = policy.access.claims.names();
    scope
        .iter()
        .filter_map(|token| policy.scope(token))
        .flat_map(|spec| &spec.claims)
        .any(|claim| names.contains(&claim.as_str()))
}

impl Provider {
    /// The issuer's roles, groups and organizations, where it has any.
    pub(crate) async fn directory(&self) -> Result<Option<Directory>, StoreError> {
        let inner = &self.inner;
        if !inner.policy.access.enabled {
            return Ok(None);
        }
        inner.store.directory(inner.issuer_id).await.map(Some)
    }

    /// The claims of an account, with what its person is and may do where the scope releases that. Nothing that stands in the
    /// account under one of these names counts.
    pub(crate) async fn claims_with_access<'a>(
        &self,
        account: &'a Account,
        organization: Option<&str>,
        scope: &Scope,
    ) -> Result<Cow<'a, Map<String, Value>>, StoreError> {
        let policy = &self.inner.policy;
        if !policy.access.enabled {
            return Ok(Cow::Borrowed(&account.claims));
        }
        let names = &policy.access.claims;
        let mut claims = Map::clone(&account.claims);
        for name in names.names() {
            claims.remove(name);
        }
        if releases(policy, scope)
            && let Some(directory) = self.directory().await?
            && let Some(member) = directory.effective(&account.memberships, organization)
        {
            claims.extend(names.of(&member, &directory));
        }
        Ok(Cow::Owned(claims))
    }

    /// What somebody is and may do, as access tokens for resources tell it that want to know.
    pub(crate) async fn access_of(
        &self,
        subject: &Subject,
        organization: Option<&str>,
    ) -> Result<Map<String, Value>, StoreError> {
        let inner = &self.inner;
        let account = inner.accounts.account(inner.issuer_id, subject).await?;
        let (Some(account), Some(directory)) = (account, self.directory().await?) else {
            return Ok(Map::new());
        };
        let member = directory.effective(&account.memberships, organization);
        let names = &inner.policy.access.claims;
        Ok(member
            .map(|member| names.of(&member, &directory))
            .unwrap_or_default())
    }

    /// Whether the person of a grant may still have it.
    pub(crate) async fn stays_admitted(
        &self,
        account: &Account,
        grant: &GrantRecord,
    ) -> Result<bool, StoreError> {
        if !self.inner.policy.access.enabled {
            return Ok(true);
        }
        let Some(client) = self.client(&grant.client_id).await? else {
            return Ok(false);
        };
        let organization = grant.organization.as_deref();
        if organization.is_none() && client.restriction.is_open() {
            return Ok(true);
        }
        let Some(directory) = self.directory().await? else {
            return Ok(true);
        };
        let member = directory.effective(&account.memberships, organization);
        Ok(member.is_some_and(|member| client.restriction.admits(&member)))
    }

    /// Whether a client is for the person of a grant that begins now. Nobody looked them up before: they are asked for where
    /// that matters.
    pub(crate) async fn admits(
        &self,
        client: &Client,
        grant: &GrantRecord,
    ) -> Result<bool, StoreError> {
        let inner = &self.inner;
        let open = client.restriction.is_open() && grant.organization.is_none();
        if !inner.policy.access.enabled || open {
            return Ok(true);
        }
        let account = inner.accounts.account(inner.issuer_id, &grant.subject);
        match account.await? {
            Some(account) => self.stays_admitted(&account, grant).await,
            None => Ok(false),
        }
    }

    /// Whether ID tokens of this scope carry what the person is and may do.
    pub(crate) fn access_in_id_token(&self, scope: &Scope) -> bool {
        let policy = &self.inner.policy;
        policy.access.enabled && policy.access.in_id_token && releases(policy, scope)
    }
}
