//! What is spoken of drafts, and of what few others know yet.

use hallpass_jose::JwsAlgorithm;

use super::Policy;
use crate::client_auth::attestation;

/// A feature that changes with its draft, at any release.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Experiment {
    /// The name by which an operator acknowledges it.
    pub name: &'static str,
    /// The version that is spoken.
    pub version: &'static str,
    /// What it is a version of.
    pub document: &'static str,
    is_on: fn(&Policy) -> bool,
}

impl Experiment {
    /// Whether an issuer with this policy has it.
    #[must_use]
    pub fn is_on(&self, policy: &Policy) -> bool {
        (self.is_on)(policy)
    }
}

/// Every one.
pub static EXPERIMENTS: &[Experiment] = &[
    Experiment {
        name: "client_attestation",
        version: "draft-10",
        document: "draft-ietf-oauth-attestation-based-client-auth",
        is_on: attestation::is_looked_at,
    },
    Experiment {
        name: "client_documents",
        version: "draft-03",
        document: "draft-ietf-oauth-client-id-metadata-document",
        is_on: |policy| policy.client_documents.enabled,
    },
    Experiment {
        name: "ml_dsa",
        version: "rfc9964",
        document: "RFC 9964, ML-DSA for JOSE, which few clients know yet",
        is_on: |policy| policy.signing_algs.iter().any(is_ml_dsa),
    },
    Experiment {
        name: "web_message",
        version: "draft-00",
        document: "draft-sakimura-oauth-wmrm",
        is_on: |policy| policy.web_message,
    },
];

const fn is_ml_dsa(alg: &JwsAlgorithm) -> bool {
    matches!(
        alg,
        JwsAlgorithm::MlDsa44 | JwsAlgorithm::MlDsa65 | JwsAlgorithm::MlDsa87
    )
}
