//! What a backchannel authentication request says, CIBA Core §7.1.

use std::fmt;

use hallpass_types::{Params, Secret};

use super::Reason;
use crate::{client::Client, policy::DeliveryMode};

/// Every parameter that is read; a signed request holds them as claims.
pub const PARAMETERS: &[&str] = &[
    "acr_values",
    "binding_message",
    "claims",
    "client_id",
    "client_notification_token",
    "id_token_hint",
    "login_hint",
    "login_hint_token",
    "max_age",
    "requested_expiry",
    "resource",
    "authorization_details",
    "scope",
    "user_code",
];

/// Whether a parameter belongs to client authentication, or carries the signed request: these stand beside it.
#[must_use]
pub fn is_authentication(name: &str) -> bool {
    matches!(
        name,
        "client_id" | "client_secret" | "client_assertion" | "client_assertion_type" | "request"
    )
}

/// Who is meant.
#[derive(Clone, PartialEq, Eq)]
pub enum Hint {
    /// A name, address or number.
    Login(String),
    /// A token of somebody whom this server trusts.
    LoginToken(String),
    /// An ID token that this client got.
    IdToken(String),
}

/// Hints name people and are not printed.
impl fmt::Debug for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login(_) => "Login(..)",
            Self::LoginToken(_) => "LoginToken(..)",
            Self::IdToken(_) => "IdToken(..)",
        })
    }
}

/// With what this server authenticates when it calls the client.
#[derive(Clone, Debug)]
pub struct NotificationToken(Secret);

impl NotificationToken {
    /// Reads a token of the form of RFC 6750 §2.1.
    //= CIBA#7.1 MUST: client_notification_token has the syntax of a bearer token and at most 1024 characters
    fn parse(text: &str) -> Option<Self> {
        let body = text.trim_end_matches('=');
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
        let long_enough = text.len() >= MIN_TOKEN && text.len() <= MAX_TOKEN;
        (long_enough && !body.is_empty() && body.bytes().all(fits))
            .then(|| Self(Secret::new(text.to_owned())))
    }

    /// The token, for the one header that carries it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// What a request says about the flow itself. Scope and what else it asks for is checked like that of any other request
/// ([`direct::validate`](crate::authorize::direct::validate)).
#[derive(Clone, Debug)]
pub struct Request {
    /// Who is meant.
    pub hint: Hint,
    /// What client and person compare.
    pub binding_message: Option<String>,
    /// Seconds for which the client wants to wait.
    pub requested_expiry: Option<i64>,
    /// With what the client is told.
    pub notification_token: Option<NotificationToken>,
    /// The person's secret code.
    pub user_code: Option<Secret>,
}

impl Request {
    /// Reads the parameters, of a signed request where there was one.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn read(params: &Params, client: &Client) -> Result<Self, Reason> {
        if !params.duplicated().is_empty() {
            return Err(Reason::ParameterRepeated);
        }
        //= CIBA#7.1 MUST: scope holds openid
        let scope = params.get("scope").unwrap_or_default();
        if !scope.split(' ').any(|token| token == "openid") {
            return Err(Reason::ScopeWithoutOpenid);
        }
        Ok(Self {
            hint: hint(params)?,
            binding_message: params
                .get("binding_message")
                .map(binding_message)
                .transpose()?,
            requested_expiry: params
                .get("requested_expiry")
                .map(requested_expiry)
                .transpose()?,
            notification_token: notification_token(params, client)?,
            user_code: params
                .get("user_code")
                .map(|code| Secret::new(code.to_owned())),
        })
    }

    /// How long the request stands: what the client asks for, never longer than usual.
    #[must_use]
    pub fn lifetime(&self, usual: i64) -> i64 {
        self.requested_expiry
            .map_or(usual, |wanted| wanted.min(usual))
    }
}

//= CIBA#7.1 MUST: exactly one of the hints is there
fn hint(params: &Params) -> Result<Hint, Reason> {
    let named = |name: &str| params.get(name).map(str::to_owned);
    let mut hints = [
        named("login_hint").map(Hint::Login),
        named("login_hint_token").map(Hint::LoginToken),
        named("id_token_hint").map(Hint::IdToken),
    ]
    .into_iter()
    .flatten();
    match (hints.next(), hints.next()) {
        (None, _) => Err(Reason::HintMissing),
        (Some(hint), None) => Ok(hint),
        (Some(_), Some(_)) => Err(Reason::HintsSeveral),
    }
}

/// Short and plain, so that it looks the same on every screen and is no markup, link or page of text anywhere.
//= CIBA#7.1 SHOULD: binding_message is short and of plain text
fn binding_message(text: &str) -> Result<String, Reason> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b" -._,:+/!?#".contains(&b);
    let fits = text.len() <= MAX_MESSAGE
        && text.bytes().all(plain)
        && text.bytes().any(|b| b.is_ascii_alphanumeric())
        && !text.contains("//");
    fits.then(|| text.to_owned())
        .ok_or(Reason::BindingMessageMalformed)
}

//= CIBA#7.1 MUST: requested_expiry is a positive integer
fn requested_expiry(text: &str) -> Result<i64, Reason> {
    let digits = !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|seconds| digits && *seconds > 0)
        .ok_or(Reason::RequestedExpiryMalformed)
}

//= CIBA#7.1 MUST: a client that is told carries a token for it
fn notification_token(
    params: &Params,
    client: &Client,
) -> Result<Option<NotificationToken>, Reason> {
    let told = match client.backchannel.mode {
        DeliveryMode::Poll => false,
        DeliveryMode::Ping | DeliveryMode::Push => true,
    };
    match params.get("client_notification_token") {
        None if told => Err(Reason::NotificationTokenMissing),
        None => Ok(None),
        Some(text) => NotificationToken::parse(text)
            .map(|token| Some(token).filter(|_| told))
            .ok_or(Reason::NotificationTokenMalformed),
    }
}

/// 128 bits of entropy need so many characters of base64.
const MIN_TOKEN: usize = 22;
const MAX_TOKEN: usize = 1024;
const MAX_MESSAGE: usize = 64;
