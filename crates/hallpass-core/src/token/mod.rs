//! The token endpoint's rules, [RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2): one file per grant.
//!
//! A grant parses its parameters, names what must be known, and decides. Looking up, signing and committing are the
//! engine's work.

pub mod authorization_code;
pub mod ciba;
pub mod client_credentials;
pub mod device_code;
pub mod exchange;
pub mod jwt_bearer;
mod polled;
pub mod refresh_token;
mod target;

pub use polled::{PollRequest, PolledFound, PolledKey, waiting_key};
pub use target::Target;

use hallpass_types::{Code, GrantId, Key, Once, Params, Scope, Subject, Timestamp, Waiting};

use crate::{
    authorization_details::{self, Detail},
    authorize::rules::scope,
    client::Client,
    client_auth::AuthenticatedClient,
    issue::IdTokenRequest,
    policy::{Policy, TokenFormat},
    reasons,
    record::{Authentication, Confirmation, GrantRecord, WaitingRecord},
};

reasons! {
    /// Why a token request was refused.
    pub enum Reason {
        /// RFC 6749 §5.2.
        GrantTypeMissing => InvalidRequest, "grant_type_missing", "grant_type is missing";
        /// RFC 6749 §5.2.
        GrantTypeUnsupported => UnsupportedGrantType, "grant_type_unsupported", "this grant type is not offered";
        /// RFC 6749 §5.2.
        GrantTypeNotAllowed => UnauthorizedClient, "grant_type_not_allowed", "the client may not use this grant type";
        /// RFC 6749 §3.2.
        ParameterRepeated => InvalidRequest, "token_parameter_repeated", "a parameter stands more than once";
        /// RFC 6749 §4.1.3.
        CodeMissing => InvalidRequest, "code_missing", "code is missing";
        /// RFC 6749 §5.2. One text for every bad code, so that nothing is told about it.
        CodeUnknown => InvalidGrant, "code_unknown", "the grant is not valid";
        /// RFC 6749 §4.1.2.
        CodeSpent => InvalidGrant, "code_spent", "the grant is not valid";
        /// RFC 6749 §4.1.2.
        CodeExpired => InvalidGrant, "code_expired", "the grant is not valid";
        /// RFC 6749 §4.1.3.
        CodeOfAnotherClient => InvalidGrant, "code_of_another_client", "the grant is not valid";
        /// RFC 6749 §4.1.3.
        RedirectUriMismatch => InvalidGrant, "redirect_uri_mismatch", "the grant is not valid";
        /// RFC 7636 §4.6.
        VerifierMissing => InvalidGrant, "code_verifier_missing", "the grant is not valid";
        /// RFC 7636 §4.6.
        VerifierWrong => InvalidGrant, "code_verifier_wrong", "the grant is not valid";
        /// RFC 9700 §2.1.1: a verifier without a challenge is a downgrade.
        VerifierUnexpected => InvalidGrant, "code_verifier_unexpected", "the grant is not valid";
        /// RFC 6749 §6.
        RefreshTokenMissing => InvalidRequest, "refresh_token_missing", "refresh_token is missing";
        /// RFC 6749 §5.2.
        RefreshTokenUnknown => InvalidGrant, "refresh_token_unknown", "the grant is not valid";
        /// RFC 6749 §5.2.
        RefreshTokenOfAnotherClient => InvalidGrant, "refresh_token_of_another_client", "the grant is not valid";
        /// RFC 6749 §5.2.
        RefreshTokenExpired => InvalidGrant, "refresh_token_expired", "the grant is not valid";
        /// RFC 9700 §4.14.2.
        RefreshTokenReused => InvalidGrant, "refresh_token_reused", "the grant is not valid";
        /// The grant is over.
        GrantExpired => InvalidGrant, "grant_expired", "the grant is not valid";
        /// The grant was revoked.
        GrantRevoked => InvalidGrant, "grant_revoked", "the grant is not valid";
        /// The account is gone, disabled, or its credentials changed.
        AccountGone => InvalidGrant, "account_gone", "the grant is not valid";
        /// The session that the grant depends on has ended.
        SessionEnded => InvalidGrant, "session_ended", "the grant is not valid";
        /// The client may not have `offline_access` any more.
        OfflineAccessWithdrawn => InvalidGrant, "offline_access_withdrawn", "the grant is not valid";
        /// RFC 8628 §3.4.
        DeviceCodeMissing => InvalidRequest, "device_code_missing", "device_code is missing";
        /// CIBA Core §10.1.
        AuthReqIdMissing => InvalidRequest, "auth_req_id_missing", "auth_req_id is missing";
        /// CIBA Core §11.
        PushClientPolls => UnauthorizedClient, "push_client_polls", "the tokens are pushed to this client";
        /// RFC 8628 §3.5, CIBA Core §11. One text for every handle that leads to nothing.
        PolledUnknown => InvalidGrant, "polled_unknown", "the grant is not valid";
        /// RFC 8628 §3.4, CIBA Core §11.
        PolledByAnotherClient => InvalidGrant, "polled_by_another_client", "the grant is not valid";
        /// RFC 8628 §3.5, CIBA Core §11.
        AuthorizationPending => AuthorizationPending, "authorization_pending", "the person has not answered yet";
        /// RFC 8628 §3.5, CIBA Core §11.
        PolledTooSoon => SlowDown, "polled_too_soon", "wait longer between two requests";
        /// RFC 8628 §3.5, CIBA Core §11.
        PolledTooLate => ExpiredToken, "polled_too_late", "the request has expired";
        /// RFC 8628 §3.5, CIBA Core §11.
        PersonDenied => AccessDenied, "person_denied", "the person denied the request";
        /// RFC 6749 §3.3.
        ScopeMalformed => InvalidScope, "token_scope_malformed", "scope is malformed";
        /// RFC 6749 §6, §3.3.
        ScopeNotGranted => InvalidScope, "scope_not_granted", "the scope exceeds what is granted";
        /// RFC 8707 §2.
        TargetUnknown => InvalidTarget, "target_unknown", "the resource is unknown or not allowed";
        /// RFC 8707 §2.
        TargetsDisagree => InvalidTarget, "targets_disagree", "the resources cannot share one token";
        /// RFC 9396 §2.
        DetailsMalformed => InvalidAuthorizationDetails, "token_details_malformed",
            "authorization_details is not an array of objects with a type";
        /// RFC 9396 §6.
        DetailsNotGranted => InvalidAuthorizationDetails, "token_details_not_granted",
            "authorization_details exceeds what is granted";
        /// RFC 9396 §6: this grant has none.
        DetailsNotTaken => InvalidAuthorizationDetails, "token_details_not_taken",
            "authorization_details is not taken with this grant";
        /// What is granted makes a token that is too long to be of use.
        AccessTokenTooLarge => InvalidRequest, "access_token_too_large",
            "the access token would be too large: ask for less";
        /// RFC 8693 §2.1.
        SubjectTokenMissing => InvalidRequest, "subject_token_missing", "subject_token or subject_token_type is missing";
        /// RFC 8693 §2.1.
        ActorTokenType => InvalidRequest, "actor_token_type", "actor_token and actor_token_type stand together";
        /// RFC 8693 §3.
        TokenTypeUnsupported => InvalidRequest, "token_type_unsupported", "this token type is not exchanged or not issued here";
        /// RFC 8693 §2.2.2.
        SubjectTokenInvalid => InvalidRequest, "subject_token_invalid", "subject_token is not valid";
        /// RFC 8693 §2.2.2.
        ActorTokenInvalid => InvalidRequest, "actor_token_invalid", "actor_token is not valid";
        /// RFC 8693 §4.4.
        MayNotAct => InvalidRequest, "may_not_act", "the actor may not act for the subject";
        /// A bound of this server.
        ActorsTooMany => InvalidRequest, "actors_too_many", "the chain of actors is too long";
        /// No rule lets the client exchange tokens.
        ExchangeNotAllowed => UnauthorizedClient, "exchange_not_allowed", "the client may not exchange tokens";
        /// RFC 7523 §2.1.
        AssertionMissing => InvalidRequest, "assertion_missing", "assertion is missing";
        /// RFC 7523 §3.1. One text for every bad assertion, so that nothing is told about it.
        AssertionInvalid => InvalidGrant, "assertion_invalid", "the grant is not valid";
        /// RFC 7523 §3.
        AssertionAudience => InvalidGrant, "assertion_audience", "the grant is not valid";
        /// RFC 7523 §3.
        AssertionTime => InvalidGrant, "assertion_time", "the grant is not valid";
        /// RFC 7523 §3.
        AssertionReplayed => InvalidGrant, "assertion_replayed", "the grant is not valid";
        /// The operator's entry for the issuer does not name the client.
        AssertionNotForClient => UnauthorizedClient, "assertion_not_for_client", "the client may not use this grant type";
        /// RFC 9449 §10.
        CodeOfAnotherKey => InvalidGrant, "code_of_another_key", "the grant is not valid";
        /// For grants of an embedding program: a parameter is not there.
        OwnParameterMissing => InvalidRequest, "own_grant_parameter_missing", "a parameter of this grant type is missing";
        /// For grants of an embedding program: one text for everything that is worth nothing, so that nothing is told about it.
        OwnGrantInvalid => InvalidGrant, "own_grant_invalid", "the grant is not valid";
        /// For grants of an embedding program: this client does not get this.
        OwnGrantNotForClient => UnauthorizedClient, "own_grant_not_for_client", "the client may not use this grant";
        /// RFC 9449 §5, RFC 8705 §4.
        RefreshTokenOfAnotherKey => InvalidGrant, "refresh_token_of_another_key", "the grant is not valid";
    }
}

/// What a grant may look at beside what it asked for.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Now.
    pub now: Timestamp,
    /// The issuer's policy.
    pub policy: &'a Policy,
    /// Who asks, authenticated.
    pub client: &'a AuthenticatedClient,
    /// The key that the client has proved to hold, to which tokens are bound.
    pub binding: Option<Confirmation>,
}

impl Context<'_> {
    /// The key that refresh tokens of a new grant are bound to.
    //= RFC9449#5 MUST: refresh tokens of public clients are bound to the key of the proof
    //= RFC8705#4 MUST: refresh tokens of public clients are bound to the certificate
    //= ATTESTATION#9.3 MUST: refresh tokens of a client that authenticates by attestation are bound to its instance's key
    fn holder(&self) -> Option<Confirmation> {
        match self.client.instance() {
            Some(key) => Some(Confirmation::Jkt(key)),
            None => self.binding.filter(|_| self.client.client().is_public()),
        }
    }

    /// The key that is held against the one that a refresh token is bound to.
    fn shown(&self) -> Option<Confirmation> {
        match self.client.instance() {
            Some(key) => Some(Confirmation::Jkt(key)),
            None => self.binding,
        }
    }

    /// What of a granted scope the issuer still has and the client may still use. A grant outlives configuration; a
    /// token never does.
    fn permitted(&self, granted: &Scope) -> Scope {
        let client = self.client.client();
        granted
            .filtered(|token| scope::exists(self.policy, token) && scope::is_allowed(client, token))
    }
}

/// What must be known about the account of a grant. None stands for unknown, disabled or deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountFacts {
    /// The account's epoch now.
    pub epoch: u32,
}

/// A refresh token whose authenticity the engine has checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its grant.
    pub grant: GrantId,
    /// Its generation.
    pub generation: u32,
}

/// The `authorization_details` of a token request.
fn read_details(params: &Params) -> Result<Option<Vec<Detail>>, Reason> {
    params
        .get("authorization_details")
        .map(|text| authorization_details::parse(text).map_err(|_| Reason::DetailsMalformed))
        .transpose()
}

/// Something that may happen once, as part of an [`Issuance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spend {
    /// Redeem a code.
    Code(Key<Code>),
    /// Fetch what a person allowed to a client that polls: consumes it.
    Waiting {
        /// Where it waits.
        key: Key<Waiting>,
        /// The revision that was looked at.
        revision: u32,
    },
    /// Redeem a code whose grant stands since tokens came with it.
    CodeOf {
        /// The code.
        code: Key<Code>,
        /// Its grant, which must still stand.
        grant: GrantId,
    },
    /// Rotate a refresh family.
    Refresh {
        /// The grant.
        grant: GrantId,
        /// The generation that is replaced.
        from: u32,
        /// The new idle limit.
        idle_expires_at: Timestamp,
    },
    /// The grant must stand.
    Standing(GrantId),
    /// Use something that works once: an assertion.
    Once(Key<Once>),
}

/// The access token to make.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessGrant {
    /// The grant it belongs to.
    pub grant: Option<GrantId>,
    /// The subject as the client knows it.
    pub subject: String,
    /// What it allows.
    pub scope: Scope,
    /// For whom, and how it looks.
    pub target: Target,
    /// The key that it is bound to.
    pub confirmation: Option<Confirmation>,
    /// Further claims: the text of a JSON object. Those with a place of their own are not taken from it.
    pub extra: Option<String>,
    /// Authorization details (RFC 9396).
    pub details: Vec<Detail>,
    /// How the person authenticated, where the token itself tells it.
    pub authentication: Option<Authentication>,
    /// `issued_token_type` of the response (RFC 8693 §2.2.1).
    pub issued_as: Option<&'static str>,
    /// Whose it is, and for which organization they act, where the token says what they are and may do.
    pub person: Option<(Subject, Option<String>)>,
}

/// What of a grant a token request asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// Resource indicators; none means all granted ones.
    pub resources: &'a [String],
    /// Authorization details; none means all granted ones.
    pub details: Option<&'a [Detail]>,
}

impl AccessGrant {
    /// A token of no grant, bound to nothing.
    #[must_use]
    pub const fn plain(subject: String, scope: Scope, target: Target) -> Self {
        Self {
            grant: None,
            subject,
            scope,
            target,
            confirmation: None,
            extra: None,
            details: Vec::new(),
            authentication: None,
            issued_as: None,
            person: None,
        }
    }

    /// The token of a person's grant, for that part of its scope, at those of its resources that were asked for.
    fn of_grant(
        cx: &Context<'_>,
        grant: &GrantRecord,
        scope: &Scope,
        asked: Asked<'_>,
    ) -> Result<Self, Reason> {
        let client = cx.client.client();
        Ok(Self {
            confirmation: cx.binding,
            ..Self::of((cx.policy, client, cx.now), grant, scope, asked)?
        })
    }

    /// The token that the authorization endpoint itself issues for a grant, for all of it.
    ///
    /// # Errors
    /// The resources cannot share one token.
    pub fn at_authorization(
        (policy, client, now): (&Policy, &Client, Timestamp),
        grant: &GrantRecord,
    ) -> Result<Self, Reason> {
        Self::of((policy, client, now), grant, &grant.scope, Asked::default())
    }

    fn of(
        (policy, client, now): (&Policy, &Client, Timestamp),
        grant: &GrantRecord,
        scope: &Scope,
        asked: Asked<'_>,
    ) -> Result<Self, Reason> {
        let mut target = Target::choose(policy, client, asked.resources, Some(&grant.resources))?;
        // An access token does not outlive its grant, and expires_in tells the truth about it.
        target.lifetime = target.lifetime.min(grant.expires_at.since(now));
        let format = target.format;
        //= RFC9068#2.2.3.1 SHOULD: groups and roles of the person are told under the names of SCIM
        let told = policy.access.is_told(&target.audience);
        let person = told.then(|| (grant.subject.clone(), grant.organization.clone()));
        let details = if grant.authorization_details.is_empty() && asked.details.is_none() {
            Vec::new()
        } else {
            authorization_details::narrowed(
                &grant.authorization_details,
                asked.details,
                (policy, client),
                &target.audience,
            )
            .map_err(|_| Reason::DetailsNotGranted)?
        };
        Ok(Self {
            grant: Some(grant.id),
            subject: client.subject(policy, &grant.subject),
            scope: target.scope(policy, scope)?,
            target,
            confirmation: None,
            extra: None,
            details,
            //= RFC9470#6.1 MUST: a JWT access token tells acr and auth_time
            authentication: match format {
                TokenFormat::Jwt(_) => Some(grant.authentication.clone()),
                TokenFormat::Sealed => None,
            },
            issued_as: None,
            person,
        })
    }

    /// How the token looks.
    #[must_use]
    pub const fn format(&self) -> TokenFormat {
        self.target.format
    }
}

/// A decision to issue: what to spend, what to write, what to sign.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuance {
    /// What may happen once.
    pub spend: Option<Spend>,
    /// A grant to insert.
    pub new_grant: Option<Box<GrantRecord>>,
    /// An idle limit to move without a rotation.
    pub touch_idle: Option<(GrantId, Timestamp)>,
    /// The access token.
    pub access: AccessGrant,
    /// The ID token, when `openid` was granted.
    pub id_token: Option<IdTokenRequest>,
    /// The refresh token to hand out.
    pub refresh: Option<RefreshToken>,
    /// What to revoke when the spend comes too late because somebody else redeemed the same code.
    pub replay_revokes: Option<GrantId>,
}

impl Issuance {
    /// An access token and nothing else.
    #[must_use]
    pub const fn of(access: AccessGrant) -> Self {
        Self {
            spend: None,
            new_grant: None,
            touch_idle: None,
            access,
            id_token: None,
            refresh: None,
            replay_revokes: None,
        }
    }
}

/// A refusal and what it does to the grant.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// What must be written all the same.
    pub effect: Option<Effect>,
}

/// What a refused request leaves behind.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Revoke the whole grant: a spent credential was shown again.
    RevokeGrant(GrantId),
    /// Remember when a client polled, unless somebody else changed what waits meanwhile.
    Polled {
        /// Where it waits.
        key: Key<Waiting>,
        /// The revision that was looked at.
        revision: u32,
        /// What waits from now on.
        next: Box<WaitingRecord>,
    },
    /// Burn the code: its holder does not have the verifier.
    BurnCode(Key<Code>),
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            effect: None,
        }
    }
}

/// One `grant_type`: parse, say what to look up, decide. No I/O.
pub trait Grant: Send + Sync + 'static {
    /// The value of `grant_type`.
    const TYPE: &'static str;
    /// Parameters that this grant reads; all others are dropped before [`Self::parse`].
    const PARAMS: &'static [&'static str];
    /// What a request says.
    type Request: Send;
    /// What must be looked up.
    type Key: Lookup + Send;

    /// Reads the parameters.
    ///
    /// # Errors
    /// A parameter is missing or malformed.
    fn parse(params: &Params) -> Result<Self::Request, Reason>;
    /// Refuses what needs no look at anything, before anybody is asked for it.
    ///
    /// # Errors
    /// This client may not ask for this.
    fn admit(_cx: &Context<'_>, _request: &Self::Request) -> Result<(), Reason> {
        Ok(())
    }
    /// Names what must be known.
    fn key(request: &Self::Request) -> Self::Key;
    /// Decides.
    ///
    /// # Errors
    /// The request is refused, possibly with an effect on the grant.
    fn decide(
        cx: &Context<'_>,
        request: Self::Request,
        found: <Self::Key as Lookup>::Found,
    ) -> Result<Issuance, Refused>;
}

/// A key and what the engine answers for it.
pub trait Lookup {
    /// The answer.
    type Found: Send;
}

/// Nothing has to be looked up.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Lookup for Nothing {
    type Found = ();
}

/// Checks that hold for every use of a grant: not revoked, not over, its account as it was, its session alive.
///
/// # Errors
/// The reason for which the grant no longer stands.
pub fn standing(
    grant: &GrantRecord,
    revoked_at: Option<Timestamp>,
    account: Option<AccountFacts>,
    session_alive: bool,
    now: Timestamp,
) -> Result<(), Reason> {
    if revoked_at.is_some() {
        return Err(Reason::GrantRevoked);
    }
    if grant.expires_at.is_over(now) {
        return Err(Reason::GrantExpired);
    }
    if account.is_none_or(|a| a.epoch != grant.account_epoch) {
        return Err(Reason::AccountGone);
    }
    if grant.session_bound && grant.session.is_some() && !session_alive {
        return Err(Reason::SessionEnded);
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
