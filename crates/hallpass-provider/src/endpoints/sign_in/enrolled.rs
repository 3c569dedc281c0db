//! What a person has set up.

use hallpass_core::sign_in::{Demand, Enrolled, Step, step};
use hallpass_store::{CredentialData, CredentialRecord, StoreError};
use hallpass_types::Subject;

use crate::{Provider, endpoints::SignedIn};

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
}
