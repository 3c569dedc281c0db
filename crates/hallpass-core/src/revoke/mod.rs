//! Revocation, [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009#section-2.1).

use hallpass_types::{GrantId, Timestamp, TokenId};

use crate::{
    client_auth::AuthenticatedClient,
    policy::Compatibility,
    reasons,
    record::{AccessToken, FoundGrant},
    userinfo::Facts,
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

/// Decides for an access token: only the token ends, its grant stands. Clients of LoginID expect that the grant ends too.
#[must_use]
pub fn access_token(
    client: &AuthenticatedClient,
    token: &AccessToken,
    now: Timestamp,
    compatibility: Compatibility,
) -> Revocation {
    //= RFC7009#2.1 MUST: only the client that holds a token can revoke it
    if token.client_id != client.client().id || token.expires_at.is_over(now) {
        return Revocation::Nothing;
    }
    match token.grant {
        //= RFC7009#2.1 MAY: with an access token its grant ends too
        Some(grant) if compatibility.loginid => Revocation::Grant(grant),
        Some(_) | None => Revocation::Token(token.id, token.expires_at),
    }
}

/// Decides for an access token that somebody holds who says nothing else: an issuer that puts up with LoginID's habits ends
/// its grant. What has ended already ends no second time, so that a token costs one write however often it is shown.
#[must_use]
pub fn access_token_of_holder(
    token: &AccessToken,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Revocation {
    if token.expires_at.is_over(now) || facts.token_denied {
        return Revocation::Nothing;
    }
    match token.grant {
        Some(_) => refresh_token_of_holder(facts.grant),
        None => Revocation::Token(token.id, token.expires_at),
    }
}

/// The same for a refresh token.
#[must_use]
pub fn refresh_token_of_holder(found: Option<&FoundGrant>) -> Revocation {
    match found {
        Some(found) if found.revoked_at.is_none() => Revocation::Grant(found.record.id),
        Some(_) | None => Revocation::Nothing,
    }
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
