//! Accounts that come from another system as a whole.

use hallpass_core::{access::Membership, issue::id_token::is_reserved};
use hallpass_store::{Commit, Committed, CredentialRecord, Spend, UserRecord, Write};
use hallpass_types::{IssuerId, Subject};

use super::{
    AccountError, BuiltinAccounts, NewUser,
    name::{self, username_key},
};
use crate::hash::Stored;

/// An account with all that another system knew of it.
#[derive(Debug)]
pub struct Arriving {
    /// Who the person is to clients, where that is to stay as it was.
    pub subject: Option<Subject>,
    /// Name and claims. A password is not taken from here.
    pub user: NewUser,
    /// The hash of the password, as the other system made it.
    pub password_hash: Option<String>,
    /// Nobody can sign in to it.
    pub disabled: bool,
    /// What the person is and may do.
    pub memberships: Vec<Membership>,
}

impl BuiltinAccounts {
    /// Makes an account from another system together with what its person signs in with, in one commit. A credential that
    /// leads to somebody else already is left out; the second part of the answer counts them.
    ///
    /// # Errors
    /// [`AccountError`]; [`AccountError::NameTaken`] when name or subject belong to an account.
    pub async fn arrive(
        &self,
        issuer: IssuerId,
        arriving: Arriving,
        beside: impl FnOnce(&Subject) -> (Vec<CredentialRecord>, Vec<Write>) + Send,
    ) -> Result<(UserRecord, usize), AccountError> {
        let Arriving {
            subject,
            user: new,
            password_hash,
            disabled,
            memberships,
        } = arriving;
        name::check(&new.username)?;
        if new.claims.keys().any(|name| is_reserved(name)) {
            return Err(AccountError::ReservedClaim);
        }
        if password_hash
            .as_deref()
            .is_some_and(|hash| Stored::parse(hash).is_err())
        {
            return Err(AccountError::UnusableHash);
        }
        let now = self.around.clock.now();
        let subject = match subject {
            Some(subject) => subject,
            None => self.subject()?,
        };
        let user = UserRecord {
            username_key: username_key(&new.username),
            username: new.username,
            subject,
            password: password_hash,
            must_change_password: new.must_change,
            claims: new.claims,
            disconnected: std::collections::BTreeMap::new(),
            memberships,
            disabled,
            epoch: 0,
            revision: 0,
            created_at: now,
            updated_at: now,
        };
        let (credentials, writes) = beside(&user.subject);
        let mut spends = vec![Spend::NewUser(Box::new(user.clone()))];
        let all = self.address_of(&user).into_iter().chain(credentials);
        spends.extend(all.map(|credential| Spend::NewCredential(Box::new(credential))));
        let mut left_out = 0_usize;
        loop {
            let commit = Commit {
                spends: spends.clone(),
                writes: writes.clone(),
            };
            match self.around.store.commit(issuer, commit).await? {
                Committed::Done => return Ok((user, left_out)),
                Committed::TooLate(place) if place > 0 && place < spends.len() => {
                    spends.remove(place);
                    left_out = left_out.saturating_add(1);
                }
                Committed::TooLate(_) => return Err(AccountError::NameTaken),
            }
        }
    }
}
