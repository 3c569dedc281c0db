//! What ended after a backup was made, as far as the database knows it whose place the backup takes.
//!
//! A backup does not know which accounts were disabled since, which passwords and secrets were replaced, which recovery codes
//! were used and who may not administer any more. What it would bring back of that is carried over before it is put in place.
//! Absence says something only where the database before is the same one at a later time: where another backup had been put
//! in place meanwhile, only what has a higher revision counts.

use hallpass_core::access::Directory;
use hallpass_core::client::{ClientOrigin, ClientRecord};
use hallpass_provider::roots;
use hallpass_provider::secrets::{MasterKey, Secrets};
use hallpass_store::{
    AdminKind, AdminRecord, Commit, Committed, CredentialData, CredentialRecord, IssuerRecord,
    IssuerState, MAX_PAGE, RootRecord, Spend, Store, StoreError, UserRecord, Write, same_client,
    same_signing_keys,
};
use hallpass_types::{IssuerId, Subject, Timestamp};
use serde::Serialize;

/// The database before, and what is known of it.
pub(super) struct Before<'a> {
    /// What it holds.
    pub(super) store: &'a dyn Store,
    /// Whether a backup had been put in place before, so that it may have gone another way than the one that this backup is of.
    pub(super) restored: bool,
}

/// How much was carried over.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Carried {
    /// Accounts that were disabled or deleted (they come back disabled), or had another password or other memberships.
    accounts: u64,
    /// Passkeys, apps, recovery codes, addresses and telephones that were used, changed, added or taken away.
    credentials: u64,
    /// Consents that were changed or taken back.
    consents: u64,
    /// Clients that were changed, disabled or deleted (they come back disabled).
    clients: u64,
    /// Operators and webhooks that were changed or taken away.
    operators: u64,
    /// Issuers whose roles or signing keys had changed, or that were disabled or deleted (they come back disabled).
    issuers: u64,
    /// People whose recovery codes are over, since nobody can say which of them were used.
    recovery_codes: u64,
}

impl Carried {
    /// How many recovery codes are over.
    pub(super) const fn recovery_codes(&self) -> u64 {
        self.recovery_codes
    }

    /// In words.
    pub(super) fn told(&self) -> String {
        format!(
            "As they were in the database before: {} accounts, {} credentials, {} consents, {} clients, {} operators and \
             webhooks, {} issuers (roles, signing keys, disabled ones)",
            self.accounts,
            self.credentials,
            self.consents,
            self.clients,
            self.operators,
            self.issuers,
        )
    }
}

/// What the database before says of an issuer of the backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It has the same one, and what it knows was carried over.
    Same,
    /// It has none of that number.
    Gone,
    /// It has another one: its secrets are others.
    Other,
}

/// Carries over what the database before knows of one issuer.
pub(super) async fn carry(
    before: &Before<'_>,
    backup: &dyn Store,
    issuer: IssuerId,
    (master, now): (&MasterKey, Timestamp),
    carried: &mut Carried,
) -> Result<Known, StoreError> {
    let Some(then) = backup.root(issuer).await? else {
        return Ok(Known::Other);
    };
    let Some(last) = before.store.root(issuer).await? else {
        return Ok(Known::Gone);
    };
    let salt = |root: &RootRecord| {
        let root = roots::look(Some(root), &[], issuer, master).ok()?;
        Some(Secrets::new(root, issuer).pairwise_salt())
    };
    if salt(&then).is_none() || salt(&then) != salt(&last) {
        return Ok(Known::Other);
    }
    let work = Work {
        last: before.store,
        backup,
        issuer,
        later: !before.restored && last.epoch >= then.epoch,
        now,
    };
    work.accounts(carried).await?;
    work.clients(carried).await?;
    for kind in [AdminKind::Operator, AdminKind::Webhook] {
        work.administration(kind, carried).await?;
    }
    let roles = work.directory().await?;
    let keys = work.later && work.signing_keys().await?;
    carried.issuers = carried.issuers.saturating_add((roles || keys).into());
    Ok(Known::Same)
}

/// Issuers that were made at run time and were disabled or deleted since are not to answer again. Only where the database before
/// has one of the backup's issuers.
pub(super) async fn issuers(
    before: &Before<'_>,
    backup: &dyn Store,
    now: Timestamp,
    carried: &mut Carried,
) -> Result<(), StoreError> {
    let mut after: Option<String> = None;
    loop {
        let page = backup.issuers(after.as_deref(), MAX_PAGE).await?;
        for record in page.items {
            let last = before.store.issuer_named(&record.name).await?;
            let last = last.filter(|last| last.id == record.id && last.change >= record.change);
            let ended = match &last {
                Some(last) => last.state != IssuerState::Enabled,
                None => !before.restored,
            };
            if ended && record.state == IssuerState::Enabled {
                let revision = record.revision;
                let disabled = IssuerRecord {
                    state: IssuerState::Disabled,
                    updated_at: now,
                    ..record
                };
                let done = backup.change_issuer(revision, disabled).await?;
                carried.issuers = carried.issuers.saturating_add(done.into());
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// Ends all recovery codes of an issuer: nobody can say which were used since the backup.
pub(super) async fn without_recovery_codes(
    backup: &dyn Store,
    issuer: IssuerId,
    carried: &mut Carried,
) -> Result<(), StoreError> {
    let mut after: Option<String> = None;
    loop {
        let page = backup.users(issuer, after.as_deref(), MAX_PAGE).await?;
        for user in page.items {
            for held in backup.credentials(issuer, &user.subject).await? {
                if matches!(held.data, CredentialData::RecoveryCodes(_)) {
                    let done = done(backup, issuer, vec![changed(&held, None)], Vec::new()).await?;
                    carried.recovery_codes = carried.recovery_codes.saturating_add(done.into());
                }
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// One issuer in both databases.
struct Work<'a> {
    last: &'a dyn Store,
    backup: &'a dyn Store,
    issuer: IssuerId,
    /// The database before is the backup's at a later time: what is not in it any more was deleted.
    later: bool,
    now: Timestamp,
}

impl Work<'_> {
    async fn accounts(&self, carried: &mut Carried) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = self
                .backup
                .users(self.issuer, after.as_deref(), MAX_PAGE)
                .await?;
            for user in page.items {
                let last = self.last.user(self.issuer, &user.subject).await?;
                let gone = last.is_none();
                if let Some(record) = account(&user, last, self.later, self.now) {
                    let spend = Spend::User {
                        revision: user.revision,
                        record: Box::new(record),
                    };
                    let done = self.done(vec![spend], Vec::new()).await?;
                    carried.accounts = carried.accounts.saturating_add(done.into());
                }
                if !gone {
                    self.credentials(&user.subject, carried).await?;
                    self.consents(&user.subject, carried).await?;
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn credentials(
        &self,
        subject: &Subject,
        carried: &mut Carried,
    ) -> Result<(), StoreError> {
        let last = self.last.credentials(self.issuer, subject).await?;
        let then = self.backup.credentials(self.issuer, subject).await?;
        for held in &then {
            let now = last.iter().find(|now| now.id == held.id);
            let next = match now {
                Some(now) if now.revision > held.revision => Some(now.clone()),
                Some(_) => continue,
                None if self.later => None,
                None => continue,
            };
            let mut done = self
                .done(vec![changed(held, next.clone())], Vec::new())
                .await?;
            if !done && next.is_some() {
                // Somebody else in the backup is found by what it says: then it opens nothing.
                done = self.done(vec![changed(held, None)], Vec::new()).await?;
            }
            carried.credentials = carried.credentials.saturating_add(done.into());
        }
        if self.later {
            // Whoever took one away for another is not to be left without any.
            for new in last {
                if !then.iter().any(|held| held.id == new.id) {
                    let spend = Spend::NewCredential(Box::new(new));
                    let done = self.done(vec![spend], Vec::new()).await?;
                    carried.credentials = carried.credentials.saturating_add(done.into());
                }
            }
        }
        Ok(())
    }

    async fn consents(&self, subject: &Subject, carried: &mut Carried) -> Result<(), StoreError> {
        if !self.later {
            return Ok(());
        }
        for (client, then) in self.backup.consents_of(self.issuer, subject).await? {
            let write = match self.last.consent(self.issuer, subject, &client).await? {
                None => Write::ForgetConsent(subject.clone(), client),
                Some(last) if last != then => {
                    Write::Consent(subject.clone(), client, Box::new(last))
                }
                Some(_) => continue,
            };
            let done = self.done(Vec::new(), vec![write]).await?;
            carried.consents = carried.consents.saturating_add(done.into());
        }
        Ok(())
    }

    async fn clients(&self, carried: &mut Carried) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = self
                .backup
                .clients(self.issuer, after.as_deref(), MAX_PAGE)
                .await?;
            for then in page.items {
                let last = self.last.client(self.issuer, &then.client_id).await?;
                if let Some(record) = client(&then, last, self.later, self.now) {
                    let spend = Spend::Client {
                        expected: Box::new(then),
                        record: Box::new(record),
                    };
                    let done = self.done(vec![spend], Vec::new()).await?;
                    carried.clients = carried.clients.saturating_add(done.into());
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn administration(
        &self,
        kind: AdminKind,
        carried: &mut Carried,
    ) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = self
                .backup
                .admin_records(self.issuer, kind, after.as_deref(), MAX_PAGE)
                .await?;
            for then in page.items {
                let last = self.last.admin_record(self.issuer, kind, &then.id).await?;
                let next = match last {
                    Some(last) if last.revision > then.revision => Some(Box::new(AdminRecord {
                        revision: then.revision.saturating_add(1),
                        ..last
                    })),
                    Some(_) => continue,
                    None if self.later => None,
                    None => continue,
                };
                let spend = Spend::Admin {
                    kind,
                    id: then.id,
                    from: Some(then.revision),
                    next,
                };
                let done = self.done(vec![spend], Vec::new()).await?;
                carried.operators = carried.operators.saturating_add(done.into());
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// What roles allow.
    async fn directory(&self) -> Result<bool, StoreError> {
        let then = self.backup.directory(self.issuer).await?;
        let last = self.last.directory(self.issuer).await?;
        if last.revision <= then.revision {
            return Ok(false);
        }
        let record = Box::new(Directory {
            revision: then.revision.saturating_add(1),
            ..last
        });
        let from = then.revision;
        self.done(vec![Spend::Directory { from, record }], Vec::new())
            .await
    }

    /// A key that was taken out of use does not sign again.
    async fn signing_keys(&self) -> Result<bool, StoreError> {
        let then = self.backup.signing_keys(self.issuer).await?;
        let last = self.last.signing_keys(self.issuer).await?;
        if last.is_empty() || same_signing_keys(&then, &last) {
            return Ok(false);
        }
        let gone = then
            .iter()
            .map(|key| Write::DeleteSigningKey(key.kid.clone()));
        let mut writes: Vec<Write> = gone.collect();
        writes.extend(last.into_iter().map(|key| Write::SigningKey(Box::new(key))));
        self.done(vec![Spend::SigningKeys(then)], writes).await
    }

    async fn done(&self, spends: Vec<Spend>, writes: Vec<Write>) -> Result<bool, StoreError> {
        done(self.backup, self.issuer, spends, writes).await
    }
}

async fn done(
    store: &dyn Store,
    issuer: IssuerId,
    spends: Vec<Spend>,
    writes: Vec<Write>,
) -> Result<bool, StoreError> {
    let done = store.commit(issuer, Commit { spends, writes }).await?;
    Ok(done == Committed::Done)
}

/// The change of a credential of the backup to what it was last; none takes it away.
fn changed(held: &CredentialRecord, next: Option<CredentialRecord>) -> Spend {
    Spend::Credential {
        subject: held.subject.clone(),
        id: held.id,
        revision: held.revision,
        next: next.map(|next| {
            Box::new(CredentialRecord {
                revision: held.revision.saturating_add(1),
                ..next
            })
        }),
    }
}

/// An account of the backup with what had ended of it: it was disabled or deleted, or has another password, other
/// memberships, other addresses.
fn account(
    then: &UserRecord,
    last: Option<UserRecord>,
    later: bool,
    now: Timestamp,
) -> Option<UserRecord> {
    let mut record = then.clone();
    match last {
        Some(last) if last.revision > then.revision => {
            record.disabled = last.disabled;
            record.password = last.password;
            record.must_change_password = last.must_change_password;
            record.memberships = last.memberships;
            record.epoch = last.epoch.max(then.epoch);
            for (client, at) in last.disconnected {
                let known = record.disconnected.entry(client).or_insert(at);
                *known = at.max(*known);
            }
            for name in ADDRESSES {
                match last.claims.get(*name) {
                    Some(value) => record.claims.insert((*name).to_owned(), value.clone()),
                    None => record.claims.remove(*name),
                };
            }
        }
        Some(_) => return None,
        None => record.disabled |= later,
    }
    if record == *then {
        return None;
    }
    record.revision = then.revision.saturating_add(1);
    record.updated_at = now;
    Some(record)
}

/// Where a person is reached, also by whoever wants to be let in again.
const ADDRESSES: &[&str] = &[
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
];

/// A client of the backup as it was last; disabled where it was deleted. Those of the configuration are what that says.
fn client(
    then: &ClientRecord,
    last: Option<ClientRecord>,
    later: bool,
    now: Timestamp,
) -> Option<ClientRecord> {
    if then.origin == ClientOrigin::Configuration {
        return None;
    }
    let record = match last {
        Some(last) if later || last.updated_at > then.updated_at => last,
        None if later && !then.disabled => ClientRecord {
            disabled: true,
            updated_at: now,
            ..then.clone()
        },
        Some(_) | None => return None,
    };
    (!same_client(&record, then)).then_some(record)
}

#[cfg(test)]
mod tests;
