//! What a person has set up.

use hallpass_core::sign_in::{Demand, Enrolled, Step, owed, step};
use hallpass_store::{CredentialData, CredentialRecord, StoreError};
use hallpass_types::Subject;

use crate::{Failure, Provider, browser::Reason, endpoints::SignedIn};

/// Counts what can be used.
pub(crate) fn enrolled_of(records: &[CredentialRecord]) -> Enrolled {
    let mut enrolled = Enrolled::default();
    for record in records {
        match &record.data {
            CredentialData::Passkey(key) if key.cloned_at.is_none() => {
                enrolled.passkeys = enrolled.passkeys.saturating_add(1);
            }
            CredentialData::Totp(_) => enrolled.totp = true,
            CredentialData::Phone(_) => enrolled.phone = true,
            CredentialData::RecoveryCodes(codes) => {
                enrolled.recovery_codes = enrolled.recovery_codes.saturating_add(codes.left.len());
            }
            CredentialData::Email(email) => enrolled.email |= email.verified_at.is_some(),
            CredentialData::Passkey(_) | _ => {}
        }
    }
    enrolled
}

impl Provider {
    pub(crate) async fn credentials_of(
        &self,
        subject: &Subject,
    ) -> Result<Vec<CredentialRecord>, StoreError> {
        let inner = &self.inner;
        inner.store.credentials(inner.issuer_id, subject).await
    }

    pub(crate) async fn enrolled(&self, subject: &Subject) -> Result<Enrolled, StoreError> {
        Ok(enrolled_of(&self.credentials_of(subject).await?))
    }
}

impl Provider {
    /// Whether what the person of a session proved is as much as the policy demands of them by now.
    pub(crate) async fn is_enough(&self, signed_in: &SignedIn) -> Result<bool, StoreError> {
        let enrolled = self.enrolled(&signed_in.account.subject).await?;
        let proofs = signed_in.session.proved();
        let step = step(&self.inner.policy, Demand::default(), &proofs, enrolled);
        Ok(step == Step::Done)
    }

    /// Whether the person of a session has set up more than a password, and has shown nothing of it in the session.
    pub(crate) async fn owes(&self, signed_in: Option<&SignedIn>) -> Result<bool, StoreError> {
        let Some(signed_in) = signed_in else {
            return Ok(false);
        };
        let enrolled = self.enrolled(&signed_in.account.subject).await?;
        let proofs = signed_in.session.proved();
        Ok(!owed(&self.inner.policy, &proofs, enrolled).is_empty())
    }

    /// Lets nobody on who wants to change how the account is signed in to, and owes something first. Pages ask for it before
    /// ([`Provider::visit_to_change`]); here it holds whatever they do.
    pub(crate) async fn may_change(&self, signed_in: &SignedIn) -> Result<(), Failure> {
        if self.owes(Some(signed_in)).await? {
            return Err(Reason::TooLittle.into());
        }
        Ok(())
    }
}
