//! The rules of an authorization request: the grammar of each parameter, and the table of what relates parameters to each
//! other, to the client and to the issuer's policy.
//!
//! Grammar is a type or function with `parse` in the file of its parameter; [`RULES`] has a row for everything else.
//! The first broken rule is the answer.

mod appearance;
mod claims;
mod delivery;
mod details;
mod dpop_jkt;
mod max_age;
mod pkce;
mod profile;
mod prompt;
mod resource;
mod response_mode;
mod response_type;
pub mod scope;
pub(crate) mod text;
mod unsupported;

use std::{collections::BTreeMap, fmt};

use hallpass_types::{Params, Scope, Thumbprint};

use super::{Reason, RequestRecord, ResponseMode, Via};
use crate::{
    access,
    authorization_details::Detail,
    claims_request::{self, Requested},
    client::Client,
    interaction::acr,
    policy::Policy,
    record::ClaimsRequest,
};

pub use appearance::Display;
pub(crate) use appearance::ui_locales;
pub use prompt::Prompts;
pub use response_type::ResponseType;
pub(crate) use response_type::{IMPLICIT, default_mode};

use pkce::{CodeChallenge, Method};

/// The endpoint that took the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// The authorization endpoint.
    Authorization,
    /// The pushed authorization request endpoint (RFC 9126).
    PushedAuthorization,
    /// The device authorization endpoint (RFC 8628).
    DeviceAuthorization,
    /// The backchannel authentication endpoint (CIBA Core §7).
    BackchannelAuthentication,
}

impl Endpoint {
    const fn bit(self) -> u8 {
        match self {
            Self::Authorization => A,
            Self::PushedAuthorization => PAR,
            Self::DeviceAuthorization => DA,
            Self::BackchannelAuthentication => BC,
        }
    }

    /// The parameters that mean nothing here: those of a request that comes through a browser and goes back there.
    const fn foreign(self) -> &'static [&'static str] {
        match self {
            Self::Authorization | Self::PushedAuthorization => &[],
            Self::DeviceAuthorization | Self::BackchannelAuthentication => &[
                "code_challenge",
                "code_challenge_method",
                "display",
                "id_token_hint",
                "login_hint",
                "nonce",
                "prompt",
                "redirect_uri",
                "response_mode",
                "response_type",
                "state",
            ],
        }
    }
}

const A: u8 = 1;
const PAR: u8 = 2;
const DA: u8 = 4;
const BC: u8 = 8;

/// One row of [`RULES`].
#[derive(Clone, Copy)]
pub struct Rule {
    check: fn(&Draft, &Context<'_>) -> Result<(), Reason>,
    applies_at: u8,
}

impl Rule {
    /// Whether it holds at this endpoint.
    #[must_use]
    pub const fn applies_at(&self, endpoint: Endpoint) -> bool {
        self.applies_at & endpoint.bit() != 0
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({:#b})", self.applies_at)
    }
}

const fn rule(check: fn(&Draft, &Context<'_>) -> Result<(), Reason>, applies_at: u8) -> Rule {
    Rule { check, applies_at }
}

/// Every rule that is more than grammar, in the order in which they are checked.
#[rustfmt::skip]
pub static RULES: &[Rule] = &[
    //   rule                                    applies at
    rule(delivery::is_signed_where_required,     A | PAR),
    rule(delivery::is_pushed_where_required,     A      ),
    rule(profile::answer_is_signed,              A | PAR),
    rule(response_type::client_may_use_it,       A | PAR),
    rule(response_mode::client_may_use_it,       A | PAR),
    rule(profile::names_its_scope,               A | PAR),
    rule(profile::is_tied_to_its_session,        A | PAR),
    rule(profile::pushed_has_challenge,              PAR),
    rule(response_type::nonce_is_present,        A | PAR),
    rule(response_type::token_can_be_bound,      A | PAR),
    rule(prompt::none_is_alone,                  A | PAR),
    rule(prompt::create_is_offered,              A | PAR),
    rule(pkce::challenge_comes_with_its_method,  A | PAR),
    rule(pkce::challenge_is_present,             A | PAR),
    rule(details::came_from_the_client,          A      ),
    rule(details::are_known,                     A | PAR | DA | BC),
    rule(details::client_may_ask_for_them,       A | PAR | DA | BC),
    rule(resource::is_known,                     A | PAR | DA | BC),
    rule(resource::client_may_use_it,            A | PAR | DA | BC),
    rule(scope::client_may_use_it,               A | PAR | DA | BC),
    rule(scope::is_not_empty,                    A | PAR | DA | BC),
    rule(resource::one_token_serves,             A | PAR),
    rule(response_type::scope_has_openid,        A | PAR),
    rule(claims::essential_acr_is_reachable,     A | PAR | DA | BC),
];

/// Every parameter that is read or refused. Others are ignored, even when they are repeated.
//= RFC6749#3.1 MUST: parameters that are not known are ignored
pub const PARAMETERS: &[&str] = &[
    "acr_values",
    "authorization_details",
    "claims",
    "claims_locales",
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "display",
    "dpop_jkt",
    "id_token_hint",
    "login_hint",
    "max_age",
    "nonce",
    "organization",
    "prompt",
    "redirect_uri",
    "registration",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "ui_locales",
];

/// Parameters whose grammar is right; what they mean together is not checked yet.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    response_type: ResponseType,
    response_mode: ResponseMode,
    scope: Option<Scope>,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<CodeChallenge>,
    code_challenge_method: Option<Method>,
    dpop_jkt: Option<Thumbprint>,
    prompts: Prompts,
    max_age: Option<i64>,
    login_hint: Option<String>,
    acr_values: Vec<String>,
    requested: Requested,
    ui_locales: Vec<String>,
    display: Display,
    resources: Vec<String>,
    details: Vec<Detail>,
    organization: Option<String>,
    own: BTreeMap<String, String>,
}

/// What a rule may look at beside the parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) client: &'a Client,
    pub(super) policy: &'a Policy,
    pub(super) via: Via,
}

/// Grammar first, then the table.
pub(super) fn check(
    params: &Params,
    context: &Context<'_>,
    endpoint: Endpoint,
) -> Result<Draft, Reason> {
    //= RFC6749#3.1 MUST: a repeated parameter makes the request invalid
    let known = context.policy.requests.parameters();
    let repeated = |name: &String| known.contains(&name.as_str());
    if params.duplicated().iter().any(repeated) {
        return Err(Reason::ParameterRepeated);
    }
    unsupported::refuse(params)?;
    let foreign = endpoint.foreign();
    let mut draft = if foreign.is_empty() {
        Draft::parse(params, context.policy)?
    } else {
        let own = params.iter().filter(|(name, _)| !foreign.contains(name));
        let own = own.chain([("response_type", ResponseType::default().as_str())]);
        Draft::parse(&Params::from_pairs(own), context.policy)?
    };
    for rule in RULES.iter().filter(|rule| rule.applies_at(endpoint)) {
        (rule.check)(&draft, context)?;
    }
    draft.own = own(params, context.policy)?;
    Ok(draft)
}

/// The parameters that the embedding program added.
fn own(params: &Params, policy: &Policy) -> Result<BTreeMap<String, String>, Reason> {
    let mut own = BTreeMap::new();
    for parameter in policy.requests.additional() {
        let Some(value) = params.get(parameter.name()) else {
            continue;
        };
        if !parameter.takes(value) {
            return Err(Reason::OwnParameter);
        }
        own.insert(parameter.name().to_owned(), value.to_owned());
    }
    Ok(own)
}

/// Whether a request that waited would still be taken, from a client or by an issuer that may have changed meanwhile. What
/// can be left out of an answer, such as a scope, is left out elsewhere.
pub(super) fn still_hold(request: &RequestRecord, client: &Client, policy: &Policy) -> bool {
    let (response_type, mode) = (request.response_type, request.response_mode);
    let pushed = policy.requests.require_pushed || client.requests.require_pushed;
    policy.response_types.contains(&response_type)
        && response_type::is_allowed(client, response_type)
        && response_type::can_be_bound(client, response_type, request.dpop_jkt.is_some())
        && mode.is_offered(policy)
        && response_mode::is_allowed(client, mode)
        && client.fapi.is_none_or(|p| p.answers(response_type, mode))
        && (!pushed || request.pushed.is_some())
        && (!pkce::is_demanded(client, response_type) || request.code_challenge.is_some())
}

/// The mode in which an error travels: the requested one where it may be used, else the default of the response type.
/// Whether the issuer offers it is looked at when the answer is made ([`Redirect::respond`](super::Redirect::respond)).
pub(super) fn error_mode(params: &Params, client: &Client) -> ResponseMode {
    response_mode::wanted(params)
        .filter(|mode| response_mode::is_allowed(client, *mode))
        .unwrap_or_else(|| default_mode(params))
}

/// The organization for which the client wants the person to act. Where there are none the parameter means nothing.
fn organization(params: &Params, policy: &Policy) -> Result<Option<String>, Reason> {
    let wanted = params.get("organization").filter(|_| policy.access.enabled);
    match wanted {
        Some(id) if !access::is_name(id) => Err(Reason::OrganizationInvalid),
        wanted => Ok(wanted.map(str::to_owned)),
    }
}

impl Draft {
    fn parse(params: &Params, policy: &Policy) -> Result<Self, Reason> {
        Ok(Self {
            response_type: response_type::parse(params, policy)?,
            response_mode: response_mode::parse(params, policy)?,
            scope: scope::parse(params)?,
            state: text::state(params)?,
            nonce: text::nonce(params)?,
            code_challenge: pkce::challenge(params)?,
            code_challenge_method: pkce::method(params)?,
            dpop_jkt: dpop_jkt::parse(params)?,
            prompts: prompt::parse(params)?,
            max_age: max_age::parse(params)?,
            login_hint: text::login_hint(params)?,
            acr_values: claims::acr_values(params)?,
            requested: claims::parse(params, policy)?,
            ui_locales: ui_locales(params),
            display: appearance::display(params),
            resources: resource::parse(params)?,
            details: details::parse(params)?,
            organization: organization(params, policy)?,
            own: BTreeMap::new(),
        })
    }

    /// Fills in what the client registered and what the policy says, and drops what means nothing here.
    pub(super) fn settle(self, context: &Context<'_>, redirect_uri: String) -> RequestRecord {
        let Context {
            client,
            policy,
            via,
        } = *context;
        let scope = scope::effective(&self, context);
        let resources = resource::identifiers(&self, policy);
        let openid = scope.contains("openid");
        //= OIDC-REG#2 MUST: default_max_age holds where the request has no max_age
        let max_age = self.max_age.or(client.default_max_age);
        let mut claims = self.requested.claims;
        claims_request::retain_offered(&mut claims, policy);
        if !openid {
            claims = ClaimsRequest::default();
        }
        //= OIDC-REG#2 MUST: acr_values and the claims parameter override default_acr_values
        let acr_values = [
            self.acr_values,
            self.requested.acr_values,
            client.default_acr_values.clone(),
        ]
        .into_iter()
        .find(|values| !values.is_empty())
        .unwrap_or_default();
        RequestRecord {
            client_id: client.id.clone(),
            redirect_uri,
            response_type: self.response_type,
            response_mode: self.response_mode,
            state: self.state,
            nonce: self.nonce.filter(|_| openid),
            code_challenge: self.code_challenge.map(CodeChallenge::into_string),
            dpop_jkt: self.dpop_jkt,
            prompts: self.prompts,
            max_age,
            login_hint: self.login_hint,
            acr_values,
            essential_acr: acr::raised(
                policy,
                self.requested.essential_acr,
                client.required_acr.as_deref(),
            ),
            claims,
            required_subjects: self.requested.subject.into_iter().collect(),
            ui_locales: self.ui_locales,
            display: self.display,
            resources,
            authorization_details: self.details,
            organization: self.organization,
            own: self.own,
            pushed: via.pushed,
            scope,
        }
    }
}
