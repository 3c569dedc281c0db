//! What the methods with a client secret have in common.

use hallpass_types::{ContentDigest, Secret, Timestamp};

use super::{Credential, Facts, PresentedSecret, Reason};
use crate::client::{Client, ClientSecret};

/// A presented secret is at most so long; no registered one is longer.
const MAX_LEN: usize = 1024;

impl PresentedSecret {
    /// Takes a secret as it was presented, and as it stands in the header where that differs.
    pub(super) fn new(text: &str, literal: Option<&str>) -> Result<Self, Reason> {
        //= RFC6749#A.2 MUST: a client secret consists of visible ASCII characters and spaces
        let sound = |text: &str| {
            !text.is_empty()
                && text.len() <= MAX_LEN
                && text.bytes().all(|b| matches!(b, 0x20..=0x7E))
        };
        if !sound(text) {
            return Err(Reason::Malformed);
        }
        Ok(Self {
            text: Secret::new(text.to_owned()),
            literal: literal
                .filter(|literal| *literal != text && sound(literal))
                .map(|literal| Secret::new(literal.to_owned())),
        })
    }

    /// Compares digests in constant time; what is presented alone decides how much is computed.
    fn is(&self, digest: ContentDigest, facts: &Facts<'_>) -> bool {
        let as_read = (facts.secret_digest)(self.text.expose()) == digest;
        let as_written = self
            .literal
            .as_ref()
            .is_some_and(|literal| (facts.secret_digest)(literal.expose()) == digest);
        as_read | as_written
    }
}

/// Checks a presented secret against the client's.
pub(super) fn verify(
    credential: &Credential<'_>,
    client: &Client,
    facts: &Facts<'_>,
) -> Result<(), Reason> {
    let presented = match credential {
        Credential::Secret(presented) => presented,
        Credential::None
        | Credential::Assertion(_)
        | Credential::Certificate(_)
        | Credential::Attested(_) => {
            return Err(Reason::Malformed);
        }
    };
    let Some(secret) = &client.secret else {
        pretend(credential, facts);
        return Err(Reason::WrongSecret);
    };
    if !presented.is(secret.digest, facts) {
        return Err(Reason::WrongSecret);
    }
    still_valid(secret, facts.now)
}

pub(super) fn still_valid(secret: &ClientSecret, now: Timestamp) -> Result<(), Reason> {
    let works = secret.works_at(now);
    works.then_some(()).ok_or(Reason::SecretExpired)
}

/// Does the work of a comparison whose outcome does not matter, so that an unknown client costs what a wrong
/// secret costs.
pub(super) fn pretend(credential: &Credential<'_>, facts: &Facts<'_>) {
    match credential {
        Credential::Secret(presented) => {
            let _ = std::hint::black_box(presented.is(ContentDigest([0; 32]), facts));
        }
        Credential::None
        | Credential::Assertion(_)
        | Credential::Certificate(_)
        | Credential::Attested(_) => {}
    }
}
