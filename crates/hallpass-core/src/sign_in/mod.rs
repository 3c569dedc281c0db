//! How people prove who they are, and when that is enough.
//!
//! A sign-in is a list of [`Proof`]s. [`step`] says what is missing: the engine asks it again after every proof, and no
//! session exists before it answers [`Step::Done`].

mod owed;
pub mod recovery;
mod rules;
mod strength;
pub mod totp;

use hallpass_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
pub use owed::owed;
pub use rules::{ClientSignIn, Remember, SecondFactor, SignInPolicy};
use strength::is_alike;
pub(crate) use strength::strength_told;
pub use strength::{
    Strength, acr_of, classes_of, required_by, strength_of, strength_of_words, wished_by,
};

/// A way to prove who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// A password.
    Password,
    /// A passkey whose authenticator verified the person.
    Passkey,
    /// A code of an authenticator app.
    Totp,
    /// A recovery code.
    RecoveryCode,
    /// A code that was sent to a telephone as a short message.
    Sms,
    /// A code that was sent by mail.
    EmailCode,
    /// A link that was sent by mail.
    MagicLink,
    /// Another provider vouches.
    Upstream,
    /// Something that the embedding program checked.
    Other,
}

impl Method {
    /// Its name in configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::Sms => "sms",
            Self::EmailCode => "email_code",
            Self::MagicLink => "magic_link",
            Self::Upstream => "upstream",
            Self::Other => "other",
        }
    }

    /// The method of that name in configuration; none for what only a program of its own can vouch for.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMED
            .iter()
            .copied()
            .find(|method| method.as_str() == name)
    }

    /// Those that can be named in configuration.
    pub const NAMED: &[Self] = &[
        Self::Password,
        Self::Passkey,
        Self::Totp,
        Self::RecoveryCode,
        Self::Sms,
        Self::EmailCode,
        Self::MagicLink,
        Self::Upstream,
    ];

    /// What it says in `amr` (RFC 8176 §2), where nothing more is known of it.
    //= RFC8176#2 MUST: values of amr are those of the registry, so that clients can read them
    #[must_use]
    pub const fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Password => &["pwd"],
            // Where the key lies, `hwk` or `swk`, depends on the passkey.
            Self::Passkey => &["user", "mfa"],
            Self::Totp | Self::RecoveryCode | Self::EmailCode | Self::MagicLink => &["otp"],
            Self::Sms => &["sms"],
            Self::Upstream | Self::Other => &[],
        }
    }
}

/// One thing that a person proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// How.
    #[serde(rename = "m")]
    pub method: Method,
    /// In the words of RFC 8176.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// When.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// When the person really signed in, where they did so elsewhere and that is known: a provider that still knew them lets
    /// them through without a question.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl Proof {
    /// A proof by a method of which nothing more is to say.
    #[must_use]
    pub fn new(method: Method, at: Timestamp) -> Self {
        Self {
            method,
            amr: method.amr().iter().map(|m| (*m).to_owned()).collect(),
            at,
            since: None,
        }
    }

    /// A proof by passkey; `synced` is one that can be copied to other devices.
    #[must_use]
    pub fn passkey(synced: bool, at: Timestamp) -> Self {
        let mut proof = Self::new(Method::Passkey, at);
        let key = if synced { "swk" } else { "hwk" };
        proof.amr.insert(0, key.to_owned());
        proof
    }
}

/// All methods of these proofs in the words of RFC 8176, each once, with `mfa` where there is more than one factor.
#[must_use]
pub fn amr_of(policy: &Policy, proofs: &[Proof]) -> Vec<String> {
    let mut amr: Vec<String> = Vec::new();
    for method in proofs.iter().flat_map(|proof| &proof.amr) {
        if !amr.contains(method) {
            amr.push(method.clone());
        }
    }
    let mfa = "mfa".to_owned();
    if strength_of(policy, proofs) >= Some(Strength::Multi) && !amr.contains(&mfa) {
        amr.push(mfa);
    }
    amr
}

/// When the person authenticated: as long ago as the oldest proof that counts.
#[must_use]
pub fn time_of(proofs: &[Proof]) -> Option<Timestamp> {
    let times = proofs.iter();
    times.map(|proof| proof.since.unwrap_or(proof.at)).min()
}

/// What a person has set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enrolled {
    /// Passkeys that can be used.
    pub passkeys: usize,
    /// An authenticator app.
    pub totp: bool,
    /// Recovery codes that are left.
    pub recovery_codes: usize,
    /// A verified mail address.
    pub email: bool,
    /// A telephone number that was confirmed.
    pub phone: bool,
}

impl Enrolled {
    fn has(self, method: Method) -> bool {
        match method {
            Method::Passkey => self.passkeys > 0,
            Method::Totp => self.totp,
            Method::RecoveryCode => self.recovery_codes > 0,
            Method::Sms => self.phone,
            Method::EmailCode | Method::MagicLink => self.email,
            Method::Password | Method::Upstream | Method::Other => false,
        }
    }

    /// Whether the person asked to be asked for a second factor. Recovery codes stand in for another one, and passkeys
    /// alone are a way to sign in, not a demand.
    #[must_use]
    pub fn wants_second(self, policy: &SignInPolicy) -> bool {
        self.totp || (self.phone && policy.goes_on_with(Method::Sms))
    }

    /// Whether the person has set up more than a password.
    #[must_use]
    pub const fn has_second(self) -> bool {
        self.passkeys > 0 || self.totp || self.recovery_codes > 0 || self.phone
    }

    /// How strong a sign-in of this person can become.
    #[must_use]
    pub fn reachable(self, policy: &SignInPolicy) -> Strength {
        // Beside a password, where one may be had.
        let by_mail = policy.begins_with(Method::Password)
            && policy.goes_on_with(Method::EmailCode)
            && self.has(Method::EmailCode);
        let mailed = if by_mail {
            Strength::Multi
        } else {
            Strength::Single
        };
        self.holds(policy).max(mailed)
    }

    /// The same by what the person holds, without their mailbox.
    fn holds(self, policy: &SignInPolicy) -> Strength {
        let offered = |method| policy.begins_with(method) || policy.goes_on_with(method);
        if self.has(Method::Passkey) && offered(Method::Passkey) {
            return Strength::PhishingResistant;
        }
        let second = [Method::RecoveryCode, Method::Sms];
        if self.totp
            || second
                .iter()
                .any(|m| policy.goes_on_with(*m) && self.has(*m))
        {
            return Strength::Multi;
        }
        Strength::Single
    }
}

/// What a request demands of a sign-in, beyond the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand<'a> {
    /// Less does not do.
    pub required: Option<Strength>,
    /// As far as the person can.
    pub wished: Option<Strength>,
    /// What the client demands of everybody's sign-in.
    pub client: Option<&'a ClientSignIn>,
    /// Something about the sign-in is unusual: who has set up more than one way is asked for another one, or for a code by mail.
    pub confirm: bool,
    /// The account was made on this very way: who made it may set up what is missing. Of an older one nobody does with a password
    /// alone what its owner never did.
    pub newcomer: bool,
    /// How the person signs in is about to change: who has set up more than a password shows some of it, whatever else is
    /// demanded ([`owed`]).
    pub changes: bool,
}

/// What comes next in a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is proved: any of these.
    First(Vec<Method>),
    /// More is needed: any of these, all of which the person has set up.
    Second(Vec<Method>),
    /// More is demanded of everybody, and the person has nothing: something must be set up now.
    Enrol,
    /// The person cannot reach what the request demands.
    Unreachable,
    /// It is enough.
    Done,
}

/// What is missing. `enrolled` is asked for only when something was proved: before that it is nobody's.
#[must_use]
pub fn step(policy: &Policy, demand: Demand<'_>, proofs: &[Proof], enrolled: Enrolled) -> Step {
    let rules = &policy.sign_in;
    let ways_in = rules.methods_for(demand.client);
    let Some(reached) =
        strength_of(policy, proofs).filter(|_| rules::lets_in(demand.client, proofs))
    else {
        return Step::First(ways_in);
    };
    let owed = owed(policy, proofs, enrolled);
    if demand.changes && !owed.is_empty() {
        return Step::Second(owed);
    }
    let second_factor = rules.second_factor_for(demand.client);
    let by_policy = match second_factor {
        SecondFactor::Required => Some(Strength::Multi),
        SecondFactor::WhenEnrolled if enrolled.wants_second(rules) => Some(Strength::Multi),
        SecondFactor::WhenEnrolled | SecondFactor::Off => None,
    };
    let must = demand.required.max(by_policy);
    // A wish that the person cannot fulfil is no reason to ask.
    let wish = demand
        .wished
        .filter(|wished| *wished <= enrolled.reachable(rules));
    let knows = proofs.iter().any(|proof| proof.method == Method::Password);
    let Some(target) = must.max(wish).filter(|target| reached < *target) else {
        let ways = confirmations(rules, demand, proofs, enrolled);
        return if ways.is_empty() {
            Step::Done
        } else {
            Step::Second(ways)
        };
    };
    let helps = |method: Method| match method {
        Method::Passkey => true,
        Method::Totp | Method::RecoveryCode | Method::Sms => target <= Strength::Multi,
        // Beside another proof of the mailbox it is the same one twice.
        Method::EmailCode => target <= Strength::Multi && knows,
        Method::Password | Method::MagicLink | Method::Upstream | Method::Other => false,
    };
    let mut ways: Vec<Method> = rules
        .second
        .iter()
        .copied()
        .filter(|method| enrolled.has(*method) && helps(*method))
        .collect();
    // An app that was set up while it was offered is not dropped when it no longer is, and does not lock its person out: it is
    // asked for where there is nothing else but codes that are used up.
    let lasts = ways.iter().any(|method| *method != Method::RecoveryCode);
    if !lasts && enrolled.totp && !rules.goes_on_with(Method::Totp) && helps(Method::Totp) {
        ways.insert(0, Method::Totp);
    }
    if !ways.is_empty() {
        return Step::Second(ways);
    }
    if must.is_none_or(|must| must <= reached) {
        return Step::Done;
    }
    let has_nothing = enrolled.holds(rules) < Strength::Multi && owed.is_empty();
    let by_newcomer =
        demand.newcomer && target <= Strength::Multi && rules.goes_on_with(Method::Totp);
    if has_nothing && (second_factor == SecondFactor::Required || by_newcomer) {
        Step::Enrol
    } else {
        Step::Unreachable
    }
}

/// By what somebody can confirm an unusual sign-in; nothing where that is not asked, or was done.
fn confirmations(
    rules: &SignInPolicy,
    demand: Demand<'_>,
    proofs: &[Proof],
    enrolled: Enrolled,
) -> Vec<Method> {
    let Some(first) = proofs.first() else {
        return Vec::new();
    };
    // Two of one kind are one: whoever reads the mail of an account elsewhere signs in at both.
    let is_one = proofs
        .iter()
        .all(|proof| is_alike(proof.method, first.method));
    let off = rules.second_factor_for(demand.client) == SecondFactor::Off;
    let shown = |method| proofs.iter().any(|proof| proof.method == method);
    // A recovery code is for those who have lost the rest.
    let enough = shown(Method::Passkey) || shown(Method::RecoveryCode);
    if !demand.confirm || !is_one || off || enough || !enrolled.has_second() {
        return Vec::new();
    }
    let offered = rules.second.iter().copied();
    let mut ways: Vec<Method> = offered
        .filter(|method| enrolled.has(*method) && !shown(*method))
        .collect();
    // Whoever lost the rest reads mail; but not whoever came by it.
    let by_mail = shown(Method::Password) && enrolled.email;
    ways.retain(|method| *method != Method::EmailCode);
    if by_mail {
        ways.push(Method::EmailCode);
    }
    // A passkey may be lost; who has nothing else to show is let in by what does without it.
    if ways == [Method::Passkey] {
        ways.clear();
    }
    ways
}

#[cfg(test)]
mod tests;
