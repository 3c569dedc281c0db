//! What an issuer, and within it a client, demands of sign-ins.

use serde::{Deserialize, Serialize};

use super::{Method, Proof, Strength, strength_of};
use crate::{policy::Policy, record::SessionRecord};

/// When a second factor is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Only where a client demands it.
    Off,
    /// From everybody who has set one up.
    #[default]
    WhenEnrolled,
    /// From everybody. Who has none sets one up before anything else.
    Required,
}

impl SecondFactor {
    /// Its name in configuration and client metadata.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::WhenEnrolled => "when_enrolled",
            Self::Required => "required",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Off, Self::WhenEnrolled, Self::Required]
            .into_iter()
            .find(|one| one.as_str() == name)
    }
}

/// Whether a browser keeps a session when it is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remember {
    /// Until the session ends.
    Always,
    /// When the person says so at sign-in.
    #[default]
    Ask,
    /// Never.
    Never,
}

/// Which ways there are, and what is demanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInPolicy {
    /// Ways to begin, in the order in which they are offered.
    pub methods: Vec<Method>,
    /// Ways to go on, where one is not enough.
    pub second: Vec<Method>,
    /// When a second factor is asked for.
    pub second_factor: SecondFactor,
    /// Whether who has set up more than one way is asked for another one in a browser that was not seen before.
    pub confirm_new_device: bool,
    /// Whether a browser keeps a session when it is closed.
    pub remember: Remember,
    /// How long a session lasts that the browser does not keep, in seconds; none: as long as another.
    pub unremembered_lifetime: Option<i64>,
    /// What each authentication context class demands, beside [`Policy::acr_values`]. Where there is none, the first class
    /// demands one factor, the second two, and every further one a passkey.
    pub demands: Vec<Strength>,
    /// For so many seconds a browser has tries of its own after somebody signed in there. 0: it never has.
    pub known_browser: i64,
}

impl Default for SignInPolicy {
    fn default() -> Self {
        Self {
            methods: vec![Method::Password, Method::Passkey, Method::Upstream],
            second: vec![Method::Passkey, Method::Totp, Method::RecoveryCode],
            second_factor: SecondFactor::default(),
            confirm_new_device: true,
            remember: Remember::default(),
            unremembered_lifetime: None,
            demands: Vec::new(),
            known_browser: 90 * 86_400,
        }
    }
}

impl SignInPolicy {
    /// Whether a sign-in can begin so.
    #[must_use]
    pub fn begins_with(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }

    /// Ways to begin a sign-in for a client: those that it names, in its order, of those that the issuer has.
    #[must_use]
    pub fn methods_for(&self, client: Option<&ClientSignIn>) -> Vec<Method> {
        match client.map(|client| &client.methods) {
            Some(named) if !named.is_empty() => {
                let offered = named.iter().copied();
                offered.filter(|method| self.begins_with(*method)).collect()
            }
            Some(_) | None => self.methods.clone(),
        }
    }

    /// When a second factor is asked for at sign-in for a client.
    #[must_use]
    pub fn second_factor_for(&self, client: Option<&ClientSignIn>) -> SecondFactor {
        let of_client = client.and_then(|client| client.second_factor);
        of_client.unwrap_or(self.second_factor)
    }

    /// Whether the browser keeps a session whose person says this.
    #[must_use]
    pub const fn keeps(&self, wanted: bool) -> bool {
        match self.remember {
            Remember::Always => true,
            Remember::Ask => wanted,
            Remember::Never => false,
        }
    }

    /// Whether a sign-in can go on so.
    #[must_use]
    pub fn goes_on_with(&self, method: Method) -> bool {
        self.second.contains(&method)
    }
}

/// What a client demands of everybody's sign-in. Only an operator says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSignIn {
    /// Ways to begin (`sign_in_methods`); empty: those of the issuer.
    pub methods: Vec<Method>,
    /// When a second factor is asked for (`second_factor`); none: as the issuer says.
    pub second_factor: Option<SecondFactor>,
}

impl ClientSignIn {
    /// Whether a session came about by a way that the client takes.
    #[must_use]
    pub fn takes(&self, session: &SessionRecord) -> bool {
        self.methods.is_empty() || lets_in(Some(self), &session.proved())
    }

    /// Whether a session is as strong as the client, or for it the issuer, demands of everybody.
    #[must_use]
    pub fn is_content(&self, policy: &Policy, session: &SessionRecord) -> bool {
        // One that began where less is asked opens nothing but such places.
        if session.lowered && self.second_factor != Some(SecondFactor::Off) {
            return false;
        }
        policy.sign_in.second_factor_for(Some(self)) != SecondFactor::Required
            || strength_of(policy, &session.proved()) >= Some(Strength::Multi)
    }
}

/// Whether one of these proofs is by a way that the client takes.
pub(super) fn lets_in(client: Option<&ClientSignIn>, proofs: &[Proof]) -> bool {
    let named = client.map(|client| &client.methods);
    named.is_none_or(|named| {
        named.is_empty() || proofs.iter().any(|proof| named.contains(&proof.method))
    })
}
