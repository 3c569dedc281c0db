//! What goes into tokens: claims to sign or to seal. Signing itself is the engine's work.

pub mod access_token;
pub mod id_token;
mod json;

pub use id_token::IdTokenRequest;

/// A successful token response, [RFC 6749 §5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1).
#[derive(Clone, Debug)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// Its lifetime in seconds.
    pub expires_in: i64,
    /// The granted scope.
    pub scope: String,
    /// The ID token.
    pub id_token: Option<String>,
    /// The refresh token.
    pub refresh_token: Option<String>,
}

impl TokenResponse {
    /// The JSON body. Tokens are base64url and dots, so they need no escaping; the scope does not either, by its grammar.
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
        json::text(&mut out, "access_token", &self.access_token);
        json::text(&mut out, "token_type", "Bearer");
        json::number(&mut out, "expires_in", self.expires_in);
        if let Some(token) = &self.refresh_token {
            json::text(&mut out, "refresh_token", token);
        }
        if let Some(token) = &self.id_token {
            json::text(&mut out, "id_token", token);
        }
        if !self.scope.is_empty() {
            json::text(&mut out, "scope", &self.scope);
        }
        out.push('}');
        out
    }
}
