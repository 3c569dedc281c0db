//! Pairwise subject identifiers,
//! [OpenID Connect Core §8.1](https://openid.net/specs/openid-connect-core-1_0.html#PairwiseAlg).

use hallpass_jose::{base64url, mac::HmacSha256Key};
use hallpass_types::Subject;

use super::{Client, SubjectType};
use crate::policy::Policy;

/// The subject as one sector knows it: 43 characters that say nothing about the account.
//= OIDC-CORE#8.1 MUST: the subject cannot be reversed by anybody but the provider
//= OIDC-CORE#8.1 MUST: distinct sectors get distinct subjects, and the same one always gets the same
#[must_use]
pub fn subject(salt: &[u8; 32], sector: &str, subject: &str) -> String {
    let key = HmacSha256Key::new(salt);
    let length = u64::try_from(sector.len())
        .unwrap_or(u64::MAX)
        .to_be_bytes();
    base64url::encode(key.sign_parts(&[&length, sector.as_bytes(), subject.as_bytes()]))
}

impl Client {
    /// The subject as this client knows it.
    #[must_use]
    pub fn subject(&self, policy: &Policy, account: &Subject) -> String {
        match self.subject_type {
            SubjectType::Public => account.as_str().to_owned(),
            SubjectType::Pairwise => {
                // Every pairwise client has a sector; the identifier of the client is the narrowest one.
                let sector = self.sector.as_deref().unwrap_or_else(|| self.id.as_str());
                let own = policy.choices.pairwise(sector, account);
                own.unwrap_or_else(|| subject(&policy.pairwise_salt, sector, account.as_str()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sector_always_sees_the_same_subject_and_another_sector_another() {
        //= test OIDC-CORE#8.1 distinct sectors get distinct subjects, and the same one always gets the same
        let salt = [7; 32];
        let one = subject(&salt, "rp.test", "alice");
        assert_eq!(one, subject(&salt, "rp.test", "alice"));
        assert_ne!(one, subject(&salt, "rp2.test", "alice"));
        assert_ne!(one, subject(&salt, "rp.test", "bob"));
        assert_ne!(one, subject(&[8; 32], "rp.test", "alice"));
        //= test OIDC-CORE#8.1 the subject cannot be reversed by anybody but the provider
        assert_eq!(one.len(), 43);
        assert!(Subject::parse(&one).is_ok());
    }

    #[test]
    fn the_border_between_sector_and_subject_cannot_be_moved() {
        let salt = [7; 32];
        assert_ne!(
            subject(&salt, "rp.tes", "talice"),
            subject(&salt, "rp.test", "alice")
        );
    }
}
