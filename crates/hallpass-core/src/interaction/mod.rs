//! What the person must be asked before a request is granted.
//!
//! [OpenID Connect Core §3.1.2.3](https://openid.net/specs/openid-connect-core-1_0.html#Authenticates) and
//! [§3.1.2.4](https://openid.net/specs/openid-connect-core-1_0.html#Consent).
//!
//! Each prompt has a table of causes; the first prompt that has a cause is shown, with all of its causes. The engine asks
//! [`next`] again after every answer, with fresh facts, so no step can be skipped by calling a later URL.

pub(crate) mod acr;
mod consent;
mod create;
mod login;
mod organization;
mod select_account;

use std::collections::BTreeMap;

use hallpass_types::{Scope, Sid, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    access::{Directory, Membership},
    authorize::{
        Reason, RequestRecord, Valid,
        granted::{Allowed, shown_claims, shown_scope},
    },
    client::Client,
    policy::Policy,
    record::{ConsentRecord, SessionRecord},
    sign_in::Strength,
};

pub(crate) use acr::reaches;
pub use acr::{acr_of, wish_is_open};

/// A question to the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Prompt {
    /// Make an account.
    Create,
    /// Prove who you are.
    Login,
    /// Choose an account.
    SelectAccount,
    /// Choose for which organization to act.
    Organization,
    /// A question of the embedding program.
    Own,
    /// Allow or deny.
    Consent,
}

impl Prompt {
    /// Its name, as in the `prompt` parameter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Login => "login",
            Self::SelectAccount => "select_account",
            Self::Organization => "organization",
            Self::Own => "own",
            Self::Consent => "consent",
        }
    }
}

/// Why a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// The client wants the person to make an account.
    RegistrationRequested,
    /// Nobody is signed in.
    NoSession,
    /// The client wants the person to sign in again.
    LoginRequested,
    /// The last sign-in is too long ago for the client.
    TooLongAgo,
    /// Somebody else is signed in than the client asked for.
    AnotherSubject,
    /// The sign-in was weaker than the client needs.
    AcrTooWeak,
    /// The client lets people in by other ways than the one by which this one came.
    OtherWay,
    /// The client wants the person to choose an account.
    SelectionRequested,
    /// The person can act for organizations, and has not said for which.
    OrganizationOpen,
    /// The client wants the person to consent again.
    ConsentRequested,
    /// The issuer asks each time.
    AskedEachTime,
    /// The person has never allowed this client anything.
    NothingRemembered,
    /// Scopes that the person has not seen.
    WiderScope,
    /// Claims that the person has not seen.
    WiderClaims,
    /// Resources that the person has not seen.
    WiderResources,
    /// Authorization details, which are asked about each time.
    Details,
    /// Access that lasts after signing out, which the person has not seen.
    OfflineAccess,
    /// The client's redirect URIs changed since.
    ClientChanged,
    /// An application on the device whose identity nothing assures.
    NativeClient,
    /// The embedding program wants something answered.
    OwnPromptOpen,
}

impl Cause {
    /// The answer when nothing may be asked.
    //= OIDC-CORE#3.1.2.1 MUST: prompt=none is answered with an error where something must be asked
    const fn refusal(self) -> Reason {
        match self {
            Self::RegistrationRequested
            | Self::NoSession
            | Self::LoginRequested
            | Self::TooLongAgo
            | Self::AnotherSubject
            | Self::AcrTooWeak
            | Self::OtherWay => Reason::LoginRequired,
            Self::SelectionRequested => Reason::AccountSelectionRequired,
            Self::ConsentRequested
            | Self::AskedEachTime
            | Self::NothingRemembered
            | Self::WiderScope
            | Self::WiderClaims
            | Self::WiderResources
            | Self::Details
            | Self::OfflineAccess
            | Self::ClientChanged => Reason::ConsentRequired,
            Self::NativeClient | Self::OrganizationOpen | Self::OwnPromptOpen => {
                Reason::InteractionRequired
            }
        }
    }
}

/// A question and all that causes it, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ask {
    /// The question.
    pub prompt: Prompt,
    /// Why.
    pub reasons: Vec<Cause>,
}

impl Ask {
    /// The question of the embedding program.
    #[must_use]
    pub fn own() -> Self {
        Self {
            prompt: Prompt::Own,
            reasons: vec![Cause::OwnPromptOpen],
        }
    }
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The person must be asked.
    Ask(Ask),
    /// Nothing the person may be asked would help.
    Refuse(Reason),
    /// The request can be granted.
    Ready,
}

/// What the person did within this very request. Each deed names the session in which it was done, so that neither an old
/// session nor one that another tab made in the same second counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Done {
    /// Signed in; this session came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<Sid>,
    /// Chose to go on with this session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected: Option<Sid>,
    /// Questions of the embedding program that were answered, each in the session that stands with it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub own: BTreeMap<String, Sid>,
}

/// What is known when it is decided what to ask.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The time.
    pub now: Timestamp,
    /// The browser's session, alive and of a living account.
    pub session: Option<&'a SessionRecord>,
    /// The subject by which this client knows the person of the session.
    pub subject: Option<&'a str>,
    /// What the person allowed this client earlier.
    pub consent: Option<&'a ConsentRecord>,
    /// What the person answered on the consent page in this very step.
    pub consented: Option<&'a Consented>,
    /// What was done within this request.
    pub done: &'a Done,
    /// How strong a sign-in of this person could become. Looked up where the request wishes for a class that the session
    /// does not have.
    pub can_reach: Option<Strength>,
    /// What the person is a member of; none where the issuer has no roles, groups and organizations.
    pub standing: Option<Standing<'a>>,
    /// The issuer's policy.
    pub policy: &'a Policy,
}

/// What a person is a member of.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Their memberships.
    pub memberships: &'a [Membership],
    /// The issuer's roles, groups and organizations.
    pub directory: &'a Directory,
}

impl Standing<'_> {
    /// The organizations that the person can act for: identifier and name.
    #[must_use]
    pub fn choices(&self) -> Vec<(&str, &str)> {
        self.directory.choices(self.memberships)
    }
}

/// What the person allowed when asked for consent. Only what the request asks for counts, whatever stands here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Consented {
    /// Scopes that were shown and allowed.
    pub scope: Scope,
    /// Scopes that were shown and left out.
    pub refused: Scope,
    /// Claims that were shown and allowed.
    pub claims: Vec<String>,
    /// Claims that were shown and left out.
    pub refused_claims: Vec<String>,
    /// Resources that were shown and allowed.
    pub resources: Vec<String>,
    /// Whether the authorization details of the request were shown and allowed.
    pub details: bool,
}

impl Consented {
    /// The answer "allow". `only` are the scopes of [`shown_scope`] that stayed ticked, none means all; `openid`,
    /// without which the request would be another one, cannot be left out.
    #[must_use]
    pub fn of(valid: &Valid, only: Option<&[String]>) -> Self {
        let request = valid.request();
        let shown = shown_scope(valid.client(), request);
        let ticked = |token: &str| {
            token == "openid" || only.is_none_or(|only| only.iter().any(|name| name == token))
        };
        Self {
            scope: shown.filtered(ticked),
            refused: shown.filtered(|token| !ticked(token)),
            claims: crate::claims_request::personal(&request.claims)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            refused_claims: Vec::new(),
            resources: request.resources.clone(),
            details: true,
        }
    }

    /// The answer "allow" of a form with boxes. What cannot be left out counts as ticked, and what was not asked for does
    /// not count. None of a list means all of it.
    //= OIDC-CORE#3.1.2.4 MUST: nothing is released that the person has not allowed
    #[must_use]
    pub fn ticked(
        valid: &Valid,
        policy: &Policy,
        scopes: Option<&[String]>,
        claims: Option<&[String]>,
    ) -> Self {
        let required = policy.scopes.iter().filter(|scope| scope.required);
        let scopes = scopes.map(|scopes| {
            let required = required.map(|scope| scope.name.clone());
            scopes.iter().cloned().chain(required).collect::<Vec<_>>()
        });
        let mut answer = Self::of(valid, scopes.as_deref());
        if let Some(claims) = claims {
            answer.claims.retain(|name| claims.contains(name));
            answer.refused_claims = shown_claims(valid.client(), valid.request(), policy)
                .into_iter()
                .filter(|name| !claims.iter().any(|claim| claim == name))
                .map(str::to_owned)
                .collect();
        }
        answer
    }
}

/// Decides what to ask.
#[must_use]
pub fn next(valid: &Valid, facts: &Facts<'_>) -> Next {
    let case = Case {
        allowed: Allowed::settle(valid, facts.consented, facts.consent, facts.policy),
        request: valid.request(),
        client: valid.client(),
        facts,
    };
    if let Some(reason) = login::is_futile(&case) {
        return Next::Refuse(reason);
    }
    for (prompt, checks) in PROMPTS {
        if *prompt != Prompt::Login
            && let Some(reason) = organization::refused(&case)
        {
            return Next::Refuse(reason);
        }
        let reasons: Vec<Cause> = checks
            .iter()
            .filter(|check| (check.holds)(&case))
            .map(|check| check.cause)
            .collect();
        let Some(first) = reasons.first() else {
            continue;
        };
        if case.request.prompts.none {
            return Next::Refuse(first.refusal());
        }
        return Next::Ask(Ask {
            prompt: *prompt,
            reasons,
        });
    }
    //= RFC6749#4.1.2.1 MUST: when the person leaves nothing that could be granted, access is denied
    if case.allowed.is_useless(case.request) {
        return Next::Refuse(Reason::NothingGranted);
    }
    Next::Ready
}

/// Every prompt, in the order in which they are shown.
const PROMPTS: &[(Prompt, &[Check])] = &[
    (Prompt::Create, create::CHECKS),
    (Prompt::Login, login::CHECKS),
    (Prompt::SelectAccount, select_account::CHECKS),
    (Prompt::Organization, organization::CHECKS),
    (Prompt::Consent, consent::CHECKS),
];

/// One row: a cause and when it holds.
struct Check {
    cause: Cause,
    holds: fn(&Case<'_>) -> bool,
}

const fn check(cause: Cause, holds: fn(&Case<'_>) -> bool) -> Check {
    Check { cause, holds }
}

/// The request and the facts about it.
struct Case<'a> {
    allowed: Allowed,
    request: &'a RequestRecord,
    client: &'a Client,
    facts: &'a Facts<'a>,
}

impl Case<'_> {
    /// Whether the session came of a sign-in within this request.
    fn signed_in_here(&self) -> bool {
        self.is_current(self.facts.done.login.as_ref())
    }

    fn is_current(&self, sid: Option<&Sid>) -> bool {
        sid.is_some() && self.facts.session.map(|session| &session.sid) == sid
    }
}

#[cfg(test)]
mod tests;
