//! Revocation, [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009#section-2.1).

use hallpass_types::{GrantId, Timestamp, TokenId};

use crate::{
    client_auth::AuthenticatedClient,
    reasons,
    record::{AccessToken, FoundGrant},
};

reasons! {
    /// Why a revocation request was refused.
    pub enum Reason {
        /// RFC 7009 §2.1.
        TokenMissing => InvalidRequest, "revocation_token_missing", "token is missing";
        /// RFC 7009 §2.1.
        ParameterRepeated => InvalidRequest, "revocation_parameter_repeated", "a parameter stands more than once";
    }
}

/// What revoking means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Nothing: unknown, somebody else's, or over already. The answer is 200 all the same.
    Nothing,
    /// The grant ends, and with it every token of it.
    Grant(GrantId),
    /// This one access token ends; it would have expired then.
    Token(TokenId, Timestamp),
}

/// Decides for an access token: only the token ends, its grant stands.
#[must_use]
pub fn access_token(
    client: &AuthenticatedClient,
    token: &AccessToken,
    now: Timestamp,
) -> Revocation {
    //= RFC7009#2.1 MUST: only the client that holds a token can revoke it
    if token.client_id != client.client().id || token.expires_at.is_over(now) {
        return Revocation::Nothing;
    }
    Revocation::Token(token.id, token.expires_at)
}

/// Decides for a refresh token: the whole grant ends.
#[must_use]
pub fn refresh_token(client: &AuthenticatedClient, found: Option<&FoundGrant>) -> Revocation {
    //= RFC7009#2.1 MUST: with a refresh token the access tokens of its grant end too
    match found {
        Some(found) if found.record.client_id == client.client().id => {
            Revocation::Grant(found.record.id)
        }
        Some(_) | None => Revocation::Nothing,
    }
}

#[cfg(test)]
mod tests;
