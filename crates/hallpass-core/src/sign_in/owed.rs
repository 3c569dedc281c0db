//! What a person must show before they change how they sign in.

use super::{Enrolled, Method, Proof, Strength, strength_told};
use crate::policy::Policy;

/// By what the person can still show that they are the one who set their account up; empty where they have shown it, or
/// never set up more than a password.
///
/// Whoever adds or takes away a way to sign in, or changes the password or the address, shows one of these first. A password
/// alone would otherwise become a second factor by setting one up, although the owner's own was never shown. A mailbox is
/// none of these, even where it is taken for a second factor: nobody set it up as one. What nobody can show here, since it is
/// not offered, is not owed.
#[must_use]
pub fn owed(policy: &Policy, proofs: &[Proof], enrolled: Enrolled) -> Vec<Method> {
    if proofs.iter().any(is_own) {
        return Vec::new();
    }
    let rules = &policy.sign_in;
    let mut ways: Vec<Method> = Vec::new();
    for method in rules.second.iter().chain(&rules.methods).copied() {
        if OWN.contains(&method) && enrolled.has(method) && !ways.contains(&method) {
            ways.push(method);
        }
    }
    // An app that was set up while it was offered, as at sign-in.
    let lasts = ways.iter().any(|method| *method != Method::RecoveryCode);
    if !lasts && enrolled.totp {
        ways.insert(0, Method::Totp);
    }
    ways
}

/// What people set up for themselves beside a password.
const OWN: &[Method] = &[
    Method::Passkey,
    Method::Totp,
    Method::RecoveryCode,
    Method::Sms,
];

/// Whether it shows something of that, or the embedding program says that it was more than one factor.
fn is_own(proof: &Proof) -> bool {
    OWN.contains(&proof.method)
        || (proof.method == Method::Other && strength_told(&proof.amr) >= Some(Strength::Multi))
}
