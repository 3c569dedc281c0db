//! Administration: who may do what, and whose access tokens are taken for it.

use hallpass_types::{Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    client::{Client, ClientOrigin},
    reasons,
    record::AccessToken,
    sign_in::{Strength, strength_told},
    token::standing,
    userinfo::Facts,
};

reasons! {
    /// Why an access token was not taken for administration.
    pub enum Reason {
        /// RFC 6750 §3.1.
        TokenUnknown => InvalidToken, "admin_token_unknown", "the access token is not valid";
        /// RFC 6750 §3.1.
        TokenExpired => InvalidToken, "admin_token_expired", "the access token is not valid";
        /// RFC 6750 §3.1.
        TokenRevoked => InvalidToken, "admin_token_revoked", "the access token is not valid";
        /// The token is for somebody else.
        WrongAudience => InvalidToken, "admin_token_wrong_audience",
            "the access token is not for administration: it was asked for without this resource";
        /// The client was not made by an operator, or not for this.
        ClientNotMeant => InsufficientScope, "admin_client_not_meant",
            "the client is not one that operators have made for administration";
        /// RFC 6750 §3.1.
        ScopeMissing => InsufficientScope, "admin_scope_missing", "the access token lacks the scope for this";
    }
}

/// The scope of tokens that may do everything that their holder may.
pub const SCOPE: &str = "hallpass:admin";
/// The scope of tokens that may only look.
pub const READ_SCOPE: &str = "hallpass:admin:read";

/// Whether a scope is about administration. Only clients that operators made for it can have such a scope, so that it is not
/// advertised.
#[must_use]
pub fn is_scope(token: &str) -> bool {
    matches!(token, SCOPE | READ_SCOPE)
}

/// Whether a client may ask for a scope, as far as administration is concerned: one that operators made, with that scope.
#[must_use]
pub fn may_ask(client: &Client, token: &str) -> bool {
    let by_operators = match client.origin {
        ClientOrigin::Configuration | ClientOrigin::Administration => true,
        ClientOrigin::Registration | ClientOrigin::Document => false,
    };
    let listed = client.scope.as_ref().is_some_and(|s| s.contains(token));
    !is_scope(token) || (by_operators && listed)
}

/// Who holds an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third kind of holder")]
pub enum Holder {
    /// A person, by the subject of their account, and how strongly they had signed in.
    Person(Subject, Option<Strength>),
    /// The client itself.
    Client,
}

/// Who holds the token, if it is one for administration at `resource` and stands.
///
/// # Errors
/// It does not stand, or is for something else.
pub fn holder(
    token: &AccessToken,
    facts: &Facts<'_>,
    client: &Client,
    resource: &str,
    now: Timestamp,
) -> Result<Holder, Reason> {
    if token.expires_at.is_over(now) {
        return Err(Reason::TokenExpired);
    }
    //= RFC9068#4 MUST: a token whose audience is another resource is refused
    if token.audience != [resource] {
        return Err(Reason::WrongAudience);
    }
    //= RFC7009#2.1 MUST: a revoked token does not work any more
    let own = token.client_id == client.id && client.was_there(token.issued_at);
    if facts.token_denied || !own {
        return Err(Reason::TokenRevoked);
    }
    if !token.scope.iter().all(|scope| may_ask(client, scope)) {
        return Err(Reason::ClientNotMeant);
    }
    if !token.scope.iter().any(is_scope) {
        return Err(Reason::ScopeMissing);
    }
    if token.grant.is_none() {
        return Ok(Holder::Client);
    }
    let found = facts.grant.ok_or(Reason::TokenUnknown)?;
    // A token that was exchanged stands for somebody in a way that nobody has agreed to here.
    if found.record.client_id != client.id {
        return Err(Reason::ClientNotMeant);
    }
    standing(
        &found.record,
        found.revoked_at,
        facts.account,
        facts.session_alive,
        now,
    )
    .map_err(|_| Reason::TokenRevoked)?;
    let strength = strength_told(&found.record.authentication.amr);
    Ok(Holder::Person(found.record.subject.clone(), strength))
}

/// What operators are to a project, or to all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever decides by a role looks at every one"
)]
pub enum Role {
    /// Looks at everything that is not secret.
    ReadOnly,
    /// Helps people: looks at them, ends their sessions, takes lost credentials away. No secrets, no keys.
    Support,
    /// Does everything but to say who else may, and to delete the project.
    Administrator,
    /// Does everything.
    Owner,
}

/// Something that one may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a permission that no role is asked about would be nobody's or everybody's"
)]
pub enum Permission {
    /// To look at a project.
    ReadProject,
    /// To make projects. Only whoever has a role for all projects can have it.
    CreateProject,
    /// To change a project's settings, and to switch it off and on.
    ChangeProject,
    /// To delete a project.
    DeleteProject,
    /// To look at applications.
    ReadClients,
    /// To make, change and delete applications, secrets included.
    ChangeClients,
    /// To look at people.
    ReadUsers,
    /// To end sessions, to take credentials away, to switch accounts off and on.
    HelpUsers,
    /// To make, change and delete accounts, passwords included.
    ChangeUsers,
    /// To look at signing keys, of which only public parts are shown.
    ReadKeys,
    /// To rotate and retire signing keys.
    ChangeKeys,
    /// To look at roles, groups and organizations.
    ReadAccess,
    /// To change them.
    ChangeAccess,
    /// To look at who changed what.
    ReadAudit,
    /// To look at numbers.
    ReadStatistics,
    /// To look at who may administer.
    ReadOperators,
    /// To say who may administer.
    ChangeOperators,
    /// To look at webhooks.
    ReadWebhooks,
    /// To change them.
    ChangeWebhooks,
}

impl Role {
    /// Every role, the weakest first.
    pub const ALL: &'static [Self] = &[
        Self::ReadOnly,
        Self::Support,
        Self::Administrator,
        Self::Owner,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::Support => "support",
            Self::Administrator => "administrator",
            Self::Owner => "owner",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.as_str() == text)
    }

    /// Whether it includes something.
    #[must_use]
    pub const fn may(self, permission: Permission) -> bool {
        match permission {
            Permission::ReadProject
            | Permission::ReadClients
            | Permission::ReadUsers
            | Permission::ReadAccess
            | Permission::ReadAudit
            | Permission::ReadStatistics => true,
            Permission::HelpUsers => !matches!(self, Self::ReadOnly),
            Permission::ReadKeys | Permission::ReadOperators | Permission::ReadWebhooks => {
                !matches!(self, Self::Support)
            }
            Permission::CreateProject
            | Permission::ChangeProject
            | Permission::ChangeClients
            | Permission::ChangeUsers
            | Permission::ChangeKeys
            | Permission::ChangeAccess
            | Permission::ChangeWebhooks => matches!(self, Self::Administrator | Self::Owner),
            Permission::DeleteProject | Permission::ChangeOperators => matches!(self, Self::Owner),
        }
    }
}

impl Permission {
    /// Whether it only looks.
    #[must_use]
    pub const fn only_looks(self) -> bool {
        match self {
            Self::ReadProject
            | Self::ReadClients
            | Self::ReadUsers
            | Self::ReadKeys
            | Self::ReadAccess
            | Self::ReadAudit
            | Self::ReadStatistics
            | Self::ReadOperators
            | Self::ReadWebhooks => true,
            Self::CreateProject
            | Self::ChangeProject
            | Self::DeleteProject
            | Self::ChangeClients
            | Self::HelpUsers
            | Self::ChangeUsers
            | Self::ChangeKeys
            | Self::ChangeAccess
            | Self::ChangeOperators
            | Self::ChangeWebhooks => false,
        }
    }
}

#[cfg(test)]
mod tests;
