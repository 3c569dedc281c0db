//! Answers that come from another device.

/// The device grant ([RFC 8628](https://www.rfc-editor.org/rfc/rfc8628)). Times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevicePolicy {
    /// Whether it is offered.
    pub enabled: bool,
    /// How long both codes stand; at most [`device::MAX_LIFETIME`](crate::device::MAX_LIFETIME).
    pub lifetime: i64,
    /// Between two polls, at first.
    pub interval: i64,
    /// Requests that one client may begin within a minute.
    pub per_client_per_minute: u32,
    /// Requests that one network (an IPv4 address, the /64 of an IPv6 address) may begin within a minute for clients that
    /// anybody can speak for: public ones and those of client documents.
    pub per_network_per_minute: u32,
    /// Wrong codes that one address, and one browser, may type within a quarter of an hour.
    pub wrong_codes: u32,
}

impl Default for DevicePolicy {
    fn default() -> Self {
        Self {
            enabled: false,
            lifetime: 600,
            interval: 5,
            per_client_per_minute: 600,
            per_network_per_minute: 60,
            wrong_codes: 10,
        }
    }
}

/// Client-initiated backchannel authentication (CIBA Core). Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackchannelPolicy {
    /// Whether it is offered.
    pub enabled: bool,
    /// How a client may learn of the answer.
    pub delivery_modes: Vec<DeliveryMode>,
    /// How long a request stands, when the client does not ask for less.
    pub lifetime: i64,
    /// Between two polls, at first.
    pub interval: i64,
    /// Requests that may wait for one person at a time.
    pub pending_per_person: u32,
    /// Whether people have a secret code that a request may have to carry (`user_code`). The port for their devices
    /// checks it.
    pub user_code: bool,
    /// Whether codes of a person's authenticator app (RFC 6238) are such codes. Each works once, here or at a sign-in.
    pub app_codes: bool,
    /// Wrong user codes that one client may send for one person within a quarter of an hour.
    pub wrong_user_codes: u32,
    /// Hints that name nobody which one client may send within a quarter of an hour.
    pub unknown_people: u32,
    /// Answers requests at a call of whoever knows their `auth_req_id`, for tests: nobody is asked.
    pub automatic_approval: bool,
}

impl Default for BackchannelPolicy {
    fn default() -> Self {
        Self {
            enabled: false,
            delivery_modes: vec![DeliveryMode::Poll, DeliveryMode::Ping],
            lifetime: 600,
            interval: 5,
            pending_per_person: 3,
            user_code: false,
            app_codes: false,
            wrong_user_codes: 5,
            unknown_people: 100,
            automatic_approval: false,
        }
    }
}

/// How a client learns of the answer (CIBA Core §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryMode {
    /// It asks again and again.
    Poll,
    /// It is told that there is an answer, and fetches it.
    Ping,
    /// The tokens are sent to it.
    Push,
}

impl DeliveryMode {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Poll, Self::Ping, Self::Push];

    /// Its name in metadata.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Ping => "ping",
            Self::Push => "push",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mode| mode.as_str() == text)
    }
}
