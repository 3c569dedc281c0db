//! `[dpop]`: tokens that are bound to a client's key, RFC 9449.

use hallpass_core::policy::{self, Policy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tokens that are bound to a client's key by proofs in its requests (RFC 9449).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dpop {
    /// Whether proofs are looked at.
    pub enabled: bool,
    /// Whether a proof needs a nonce of this server, which keeps out proofs that were made in advance. It costs a client
    /// one more request now and then.
    pub nonce: Nonce,
}

/// Whether a proof needs a nonce of this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Nonce {
    /// The time in the proof is enough.
    Never,
    /// In every proof.
    Always,
}

impl Default for Dpop {
    fn default() -> Self {
        Self {
            enabled: true,
            nonce: Nonce::Never,
        }
    }
}

impl Dpop {
    /// Says it to the policy.
    pub(crate) fn apply(&self, policy: &mut Policy) {
        policy.dpop = policy::DpopPolicy {
            enabled: self.enabled,
            nonce: match self.nonce {
                Nonce::Never => policy::DpopNonce::Never,
                Nonce::Always => policy::DpopNonce::Always,
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_that_of_the_library() {
        let issuer = hallpass_types::Issuer::parse("https://localhost").unwrap();
        let mut policy = Policy::new(issuer, std::sync::Arc::new([0; 32]));
        let library = policy.dpop;
        Dpop::default().apply(&mut policy);
        assert_eq!(policy.dpop, library);
    }
}
