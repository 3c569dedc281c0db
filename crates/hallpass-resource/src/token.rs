//! A verified access token.

use hallpass_jose::{ClaimError, Claims};
use hallpass_types::{Scope, Timestamp};
use serde_json::{Map, Value};

/// An access token that is for this resource and good at the moment. A service finds it among the extensions of a request.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// Whom it stands for: a person, or the client itself.
    pub subject: String,
    /// The client that holds it.
    pub client_id: String,
    /// What it allows.
    pub scope: Scope,
    /// Until when.
    pub expires_at: Timestamp,
    /// When the person signed in, where that is said.
    pub auth_time: Option<Timestamp>,
    /// How the person signed in (`acr`).
    pub acr: Option<String>,
    /// Every claim of the token, or every member of the introspection response.
    pub claims: Map<String, Value>,
}

/// To what a token is bound (`cnf`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// Nobody in particular.
    None,
    /// The key with this thumbprint (RFC 9449 §6.1).
    Key(String),
    /// The certificate with this SHA-256 (RFC 8705 §3.1).
    Certificate(String),
}

/// What the claims of a token do not say as they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadClaims;

impl From<ClaimError> for BadClaims {
    fn from(_: ClaimError) -> Self {
        Self
    }
}

impl AccessToken {
    /// Reads the claims that RFC 9068 §2.2 and RFC 7662 §2.2 share.
    pub(crate) fn of(claims: Claims) -> Result<(Self, Confirmation), BadClaims> {
        let text = |name: &str| -> Result<Option<String>, BadClaims> {
            Ok(claims.str(name)?.map(str::to_owned))
        };
        let scope = match claims.str("scope")? {
            Some(text) if !text.is_empty() => Scope::parse(text).map_err(|_| BadClaims)?,
            Some(_) | None => Scope::default(),
        };
        let confirmation = match claims.object("cnf")? {
            None => Confirmation::None,
            Some(cnf) => confirmation(cnf)?,
        };
        let token = Self {
            subject: text("sub")?.ok_or(BadClaims)?,
            client_id: text("client_id")?.ok_or(BadClaims)?,
            scope,
            expires_at: Timestamp(claims.int_seconds("exp")?.ok_or(BadClaims)?),
            auth_time: claims.int_seconds("auth_time")?.map(Timestamp),
            acr: text("acr")?,
            claims: claims.into_map(),
        };
        Ok((token, confirmation))
    }
}

/// A way of binding that is not known here cannot be checked, so the token is of no use.
//= RFC7800#3.1 MUST: a confirmation that is not understood is not taken for none
fn confirmation(cnf: &Map<String, Value>) -> Result<Confirmation, BadClaims> {
    let mut members = cnf.iter();
    let (Some((name, value)), None) = (members.next(), members.next()) else {
        return Err(BadClaims);
    };
    let value = value.as_str().ok_or(BadClaims)?.to_owned();
    match name.as_str() {
        "jkt" => Ok(Confirmation::Key(value)),
        "x5t#S256" => Ok(Confirmation::Certificate(value)),
        _ => Err(BadClaims),
    }
}
