//! What goes into tokens: claims to sign or to seal. Signing itself is the engine's work.

pub mod access_token;
pub mod external;
pub mod id_token;
pub(crate) mod json;

use std::fmt;

pub use id_token::IdTokenRequest;

use crate::record::Confirmation;

/// A successful token response, [RFC 6749 §5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1).
#[derive(Clone)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// How the access token is used.
    pub token_type: TokenType,
    /// Its lifetime in seconds.
    pub expires_in: i64,
    /// The granted scope.
    pub scope: String,
    /// Granted authorization details (RFC 9396 §7): the text of a JSON array.
    pub authorization_details: Option<String>,
    /// The ID token.
    pub id_token: Option<String>,
    /// The refresh token.
    pub refresh_token: Option<String>,
    /// What an exchange yielded (RFC 8693 §2.2.1).
    pub issued_token_type: Option<&'static str>,
}

/// How an access token is used, [RFC 6749 §7.1](https://www.rfc-editor.org/rfc/rfc6749#section-7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a third way concerns everybody who reads tokens"
)]
pub enum TokenType {
    /// RFC 6750. A token that is bound to a certificate is used in this way, too.
    Bearer,
    /// With a proof in every request (RFC 9449 §5).
    DPoP,
}

impl TokenType {
    /// That of a token which is bound to this key.
    //= RFC9449#5 MUST: the type of a token that is bound to the key of a proof is DPoP
    //= RFC8705#3 MUST: a token that is bound to a certificate is of type Bearer
    #[must_use]
    pub const fn of(confirmation: Option<Confirmation>) -> Self {
        match confirmation {
            Some(Confirmation::Jkt(_)) => Self::DPoP,
            Some(Confirmation::X5tS256(_)) | None => Self::Bearer,
        }
    }

    /// Its registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::DPoP => "DPoP",
        }
    }
}

/// The tokens are secrets and are not printed.
impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .field("has_id_token", &self.id_token.is_some())
            .field("has_refresh_token", &self.refresh_token.is_some())
            .finish_non_exhaustive()
    }
}

impl TokenResponse {
    /// The JSON body. A token without scope has no member for it, since an empty scope is none by its grammar.
    #[must_use]
    pub fn to_json(&self) -> String {
        let id_len = self.id_token.as_ref().map_or(0, String::len);
        let mut out = String::with_capacity(
            self.access_token
                .len()
                .saturating_add(id_len)
                .saturating_add(320),
        );
        out.push('{');
        //= RFC6749#5.1 MUST: access_token and token_type are there
        json::text(&mut out, "access_token", &self.access_token);
        json::text(&mut out, "token_type", self.token_type.as_str());
        json::number(&mut out, "expires_in", self.expires_in);
        if let Some(token) = &self.refresh_token {
            json::text(&mut out, "refresh_token", token);
        }
        if let Some(token) = &self.id_token {
            json::text(&mut out, "id_token", token);
        }
        //= RFC9396#7 MUST: the details that the token carries are in the response
        if let Some(details) = &self.authorization_details {
            json::raw(&mut out, "authorization_details", details);
        }
        //= RFC8693#2.2.1 MUST: issued_token_type is there after an exchange
        if let Some(kind) = self.issued_token_type {
            json::text(&mut out, "issued_token_type", kind);
        }
        //= RFC6749#5.1 MUST: scope is there when it differs from what was asked for; here, always
        if !self.scope.is_empty() {
            json::text(&mut out, "scope", &self.scope);
        }
        out.push('}');
        out
    }
}

#[cfg(test)]
mod tests;
