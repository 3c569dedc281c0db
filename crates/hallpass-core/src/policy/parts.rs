//! Parts of the protocol that are there by themselves, and that an issuer can do without.

/// What an issuer offers beside the flows that it is there for. What is left out is not there: its endpoint is none, the metadata
/// document does not tell of it, and no client registers for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Introspection of tokens (RFC 7662).
    pub introspection: bool,
    /// Revocation of tokens by clients (RFC 7009).
    pub revocation: bool,
    /// Subjects that one sector of clients alone sees (OpenID Connect Core §8.1). Clients that have them already keep them.
    pub pairwise_subjects: bool,
    /// Applications on people's machines (RFC 8252): `application_type` native. Those that are there already stay.
    pub native_apps: bool,
    /// Sign-in that begins somewhere else (OpenID Connect Core §4).
    pub initiated_login: bool,
    /// Registered names of the ways in which clients may authenticate. None: all that there are.
    pub auth_methods: Option<Vec<String>>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            introspection: true,
            revocation: true,
            pairwise_subjects: true,
            native_apps: true,
            initiated_login: true,
            auth_methods: None,
        }
    }
}

impl Parts {
    /// Whether clients may authenticate so.
    #[must_use]
    pub fn takes(&self, method: &str) -> bool {
        let named = self.auth_methods.as_ref();
        named.is_none_or(|methods| methods.iter().any(|name| name == method))
    }

    /// Whether clients may have subjects of that type.
    #[must_use]
    pub fn has_subjects(&self, subject_type: &str) -> bool {
        subject_type != "pairwise" || self.pairwise_subjects
    }
}

/// Finding the issuer of a person by WebFinger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebFingerPolicy {
    /// Whether it is answered.
    pub enabled: bool,
    /// Hosts beside the issuer's own whose people sign in here, such as the domain of their mail addresses.
    pub hosts: Vec<String>,
}

impl Default for WebFingerPolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            hosts: Vec::new(),
        }
    }
}
