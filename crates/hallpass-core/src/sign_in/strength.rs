//! How strong a sign-in is, and what authentication context classes demand.

use serde::{Deserialize, Serialize};

use super::{Method, Proof};
use crate::{authorize::RequestRecord, policy::Policy};

/// How strong a sign-in is, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// One factor.
    Single,
    /// Two factors of different kinds.
    Multi,
    /// A passkey whose authenticator verified the person: a page that looks like ours gets nothing out of it.
    PhishingResistant,
}

/// What kind of factor a method is. Two of one kind are one factor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Something that the person knows.
    Knowledge,
    /// Something that the person has.
    Possession,
    /// The person's mailbox, or another provider: whoever has it is believed to be the person, and that is all.
    Elsewhere,
}

const fn kind(method: Method) -> Option<Kind> {
    match method {
        Method::Password => Some(Kind::Knowledge),
        Method::Totp | Method::RecoveryCode | Method::Sms => Some(Kind::Possession),
        Method::EmailCode | Method::MagicLink | Method::Upstream => Some(Kind::Elsewhere),
        // A passkey is two by itself, and of the last one only its words are known.
        Method::Passkey | Method::Other => None,
    }
}

/// Whether these are factors of one kind.
pub(super) fn is_alike(one: Method, other: Method) -> bool {
    one == other || (kind(one).is_some() && kind(one) == kind(other))
}

/// How strong these proofs are together; none where nothing is proved.
#[must_use]
pub fn strength_of(policy: &Policy, proofs: &[Proof]) -> Option<Strength> {
    if proofs.iter().any(|proof| proof.method == Method::Passkey) {
        return Some(Strength::PhishingResistant);
    }
    let has = |wanted: Kind| {
        proofs
            .iter()
            .any(|proof| kind(proof.method) == Some(wanted))
    };
    let of_words = proofs
        .iter()
        .filter(|proof| proof.method == Method::Other)
        .filter_map(|proof| strength_of_words(&proof.amr))
        .max();
    // A mailbox beside a password is a second factor only where the issuer takes it for one.
    let mailed = policy.sign_in.goes_on_with(Method::EmailCode)
        && proofs.iter().any(|proof| proof.method == Method::EmailCode);
    let possession = has(Kind::Possession) || (mailed && has(Kind::Knowledge));
    let other = has(Kind::Knowledge) || has(Kind::Elsewhere) || of_words.is_some();
    let of_methods = match (possession, other) {
        (true, true) => Some(Strength::Multi),
        (true, false) | (false, true) => Some(Strength::Single),
        (false, false) => None,
    };
    of_methods.max(of_words)
}

/// How strong a sign-in is of which only the words of RFC 8176 are known.
#[must_use]
pub fn strength_of_words(amr: &[String]) -> Option<Strength> {
    let used = |kind: &[&str]| amr.iter().any(|method| kind.contains(&method.as_str()));
    let kinds = [KNOWLEDGE, POSSESSION, INHERENCE]
        .iter()
        .filter(|kind| used(kind))
        .count();
    match kinds {
        _ if used(KEYS) && used(&["mfa"]) => Some(Strength::PhishingResistant),
        _ if used(&["mfa"]) => Some(Strength::Multi),
        0 => None,
        1 => Some(Strength::Single),
        _ => Some(Strength::Multi),
    }
}

/// How strong a sign-in was that was told in our own words, as [`amr_of`](super::amr_of) makes them. They say `mfa` wherever two factors
/// were proved, so that without it there was one: a mailbox beside a password is `otp` beside `pwd`, and no second factor.
#[must_use]
pub(crate) fn strength_told(amr: &[String]) -> Option<Strength> {
    let of_words = strength_of_words(amr)?;
    let several = amr.iter().any(|word| word == "mfa");
    Some(if several { of_words } else { Strength::Single })
}

const KNOWLEDGE: &[&str] = &["kba", "pin", "pwd"];
const POSSESSION: &[&str] = &["hwk", "otp", "pop", "sc", "sms", "swk", "tel"];
const INHERENCE: &[&str] = &["face", "fpt", "iris", "retina", "vbm"];
const KEYS: &[&str] = &["hwk", "sc", "swk"];

/// What a class demands; none for one that the issuer does not list.
fn demand_of(policy: &Policy, acr: &str) -> Option<Strength> {
    let place = policy.acr_values.iter().position(|value| value == acr)?;
    let usual = match place {
        0 => Strength::Single,
        1 => Strength::Multi,
        _ => Strength::PhishingResistant,
    };
    Some(policy.sign_in.demands.get(place).copied().unwrap_or(usual))
}

/// The classes that nobody reaches who signed in with less.
pub fn classes_of(policy: &Policy, least: Strength) -> impl Iterator<Item = &str> {
    let classes = policy.acr_values.iter().map(String::as_str);
    classes.filter(move |acr| demand_of(policy, acr) >= Some(least))
}

/// The class that a sign-in of this strength reaches: the strongest whose demand it meets.
#[must_use]
pub fn acr_of(policy: &Policy, strength: Option<Strength>) -> Option<String> {
    let strength = strength?;
    let mut classes = policy.acr_values.iter().rev();
    classes
        .find(|acr| demand_of(policy, acr).is_some_and(|demand| demand <= strength))
        .cloned()
}

/// What a request demands: the weakest of the classes that it calls essential.
//= OIDC-CORE#5.5.1.1 MUST: an essential acr is one of the listed values, any of them
#[must_use]
pub fn required_by(policy: &Policy, request: &RequestRecord) -> Option<Strength> {
    let demands = request.essential_acr.iter();
    demands.filter_map(|acr| demand_of(policy, acr)).min()
}

/// What a request wishes: the class that it likes best among those that the person can reach.
//= OIDC-CORE#3.1.2.1 implication: acr_values are in order of preference
#[must_use]
pub fn wished_by(
    policy: &Policy,
    request: &RequestRecord,
    can_reach: Strength,
) -> Option<Strength> {
    let mut demands = request.acr_values.iter();
    demands.find_map(|acr| demand_of(policy, acr).filter(|demand| *demand <= can_reach))
}
