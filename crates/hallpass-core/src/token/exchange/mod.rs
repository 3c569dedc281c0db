//! Token exchange, [RFC 8693](https://www.rfc-editor.org/rfc/rfc8693): a token for another audience, for the same person and
//! never for more than the one that was shown.
//!
//! Nobody is asked here, so everything follows from the operator's rules ([`ExchangeRule`]): which client, for which
//! resources, whose tokens. What is issued belongs to the grant of the token that was shown and ends with it.

mod act;
#[cfg(test)]
mod tests;

use hallpass_types::{Params, Scope, Subject};

use super::{
    AccessGrant, AccountFacts, Context, Grant, Issuance, Lookup, Reason, Refused, Target, standing,
    target,
};
use crate::{
    client::Client,
    policy::{ExchangeRule, TokenFormat, canonical},
    record::{AccessToken, FoundGrant},
};

/// The grant.
#[derive(Clone, Copy, Debug)]
pub struct TokenExchange;

/// An access token, whatever its form (RFC 8693 §3).
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// A JWT (RFC 8693 §3); here, an access token that is one.
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// What a request says. The tokens are secrets and are not printed.
pub struct Request {
    subject: String,
    actor: Option<String>,
    resources: Vec<String>,
    scope: Option<Scope>,
    issued_as: &'static str,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("resources", &self.resources)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// The tokens that were shown, as text. They are secrets and are not printed.
pub struct ExchangeKey {
    /// `subject_token`.
    pub subject: String,
    /// `actor_token`.
    pub actor: Option<String>,
}

impl std::fmt::Debug for ExchangeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExchangeKey").finish_non_exhaustive()
    }
}

/// What the engine found. None stands for a token that is not ours.
#[derive(Debug)]
pub struct ExchangeFound {
    /// The subject token.
    pub subject: Option<Shown>,
    /// The actor token.
    pub actor: Option<Shown>,
}

/// An access token of ours and what is known about it.
#[derive(Debug)]
pub struct Shown {
    /// The token, whose authenticity was checked.
    pub token: AccessToken,
    /// Its grant.
    pub grant: Option<FoundGrant>,
    /// Whether the token itself was revoked.
    pub denied: bool,
    /// Whether its grant's session is there.
    pub session_alive: bool,
    /// Its grant's account.
    pub account: Option<AccountFacts>,
    /// Whether the client that it was issued to is still there.
    pub holder_stands: bool,
}

impl Lookup for ExchangeKey {
    type Found = ExchangeFound;
}

impl Grant for TokenExchange {
    const TYPE: &'static str = "urn:ietf:params:oauth:grant-type:token-exchange";
    const PARAMS: &'static [&'static str] = &[
        "subject_token",
        "subject_token_type",
        "actor_token",
        "actor_token_type",
        "requested_token_type",
        "resource",
        "audience",
        "scope",
    ];
    type Request = Request;
    type Key = ExchangeKey;

    fn parse(params: &Params) -> Result<Request, Reason> {
        let is_access_token = |name| match params.get(name) {
            Some(ACCESS_TOKEN | JWT) => Ok(true),
            Some(_) => Err(Reason::TokenTypeUnsupported),
            None => Ok(false),
        };
        //= RFC8693#2.1 MUST: subject_token and subject_token_type are there
        let subject = params
            .get("subject_token")
            .ok_or(Reason::SubjectTokenMissing)?;
        if !is_access_token("subject_token_type")? {
            return Err(Reason::SubjectTokenMissing);
        }
        let actor = params.get("actor_token");
        //= RFC8693#2.1 MUST: actor_token_type stands beside an actor_token, and nowhere else
        if is_access_token("actor_token_type")? != actor.is_some() {
            return Err(Reason::ActorTokenType);
        }
        let issued_as = match params.get("requested_token_type") {
            None | Some(ACCESS_TOKEN) => ACCESS_TOKEN,
            Some(JWT) => JWT,
            Some(_) => return Err(Reason::TokenTypeUnsupported),
        };
        let scope = params
            .get("scope")
            .map(|text| Scope::parse(text).map_err(|_| Reason::ScopeMalformed))
            .transpose()?;
        Ok(Request {
            subject: subject.to_owned(),
            actor: actor.map(str::to_owned),
            resources: target::read_all(params, &["resource", "audience"])?,
            scope,
            issued_as,
        })
    }

    fn key(request: &Request) -> ExchangeKey {
        ExchangeKey {
            subject: request.subject.clone(),
            actor: request.actor.clone(),
        }
    }

    fn decide(
        cx: &Context<'_>,
        request: Request,
        found: ExchangeFound,
    ) -> Result<Issuance, Refused> {
        let client = cx.client.client();
        if client.is_public() {
            return Err(Reason::GrantTypeNotAllowed.into());
        }
        //= RFC8693#2.2.2 MUST: a token that is invalid for any reason is refused with invalid_request
        let subject = found.subject.ok_or(Reason::SubjectTokenInvalid)?;
        stands(cx, &subject).map_err(|()| Reason::SubjectTokenInvalid)?;
        let actor = match (request.actor.is_some(), found.actor) {
            (false, _) => None,
            // A token that was shown and cannot be read is an error: nothing stands in for it.
            (true, None) => return Err(Reason::ActorTokenInvalid.into()),
            (true, Some(actor)) => {
                stands(cx, &actor).map_err(|()| Reason::ActorTokenInvalid)?;
                if actor.token.client_id != client.id {
                    return Err(Reason::ActorTokenInvalid.into());
                }
                Some(actor)
            }
        };
        let rule = rule(cx, &subject.token, &request.resources)?;
        let target = Target::among(cx.policy, &request.resources, |resource| {
            named(rule, &resource.identifier)
        })?
        .of(client);
        let jwt = match target.format {
            TokenFormat::Jwt(_) => true,
            TokenFormat::Sealed => false,
        };
        if request.issued_as == JWT && !jwt {
            return Err(Reason::TokenTypeUnsupported.into());
        }
        let scope = scope(cx, rule, &subject.token, &target, request.scope.as_ref())?;
        let extra = act::claims(client, rule, &subject.token, actor.as_ref())?;
        let access = AccessGrant {
            grant: subject.token.grant,
            subject: subject_for(cx, client, &subject),
            scope,
            target: lives_no_longer(cx, target, &subject, actor.as_ref()),
            confirmation: cx.binding,
            extra,
            details: Vec::new(),
            authentication: subject
                .grant
                .filter(|_| jwt)
                .map(|found| found.record.authentication),
            issued_as: Some(request.issued_as),
            person: None,
        };
        //= RFC8693#2.2.1 SHOULD NOT: there is no refresh token
        Ok(Issuance::of(access))
    }
}

/// Whether a token is good now and in the hands of somebody who may show it.
fn stands(cx: &Context<'_>, shown: &Shown) -> Result<(), ()> {
    let token = &shown.token;
    if token.expires_at.is_over(cx.now) || shown.denied || !shown.holder_stands {
        return Err(());
    }
    // A bound token is worth nothing without its key, here as everywhere.
    //= RFC9449#7.1 MUST: the key of the proof is the one that the token is bound to
    if token.confirmation.is_some() && token.confirmation != cx.binding {
        return Err(());
    }
    if token.grant.is_none() {
        return Ok(());
    }
    let found = shown.grant.as_ref().ok_or(())?;
    standing(
        &found.record,
        found.revoked_at,
        shown.account,
        shown.session_alive,
        cx.now,
    )
    .map_err(|_| ())
}

/// The first rule that lets this client exchange this token for those resources.
fn rule<'p>(
    cx: &Context<'p>,
    token: &AccessToken,
    resources: &[String],
) -> Result<&'p ExchangeRule, Reason> {
    let client = cx.client.client();
    let mut refused = Reason::ExchangeNotAllowed;
    let own = cx
        .policy
        .token_exchange
        .iter()
        .filter(|rule| rule.clients.iter().any(|id| *id == client.id.as_str()));
    for rule in own {
        //= RFC8693#2.2.2 SHOULD: a target for which no token is issued is refused with invalid_target
        let for_all = if resources.is_empty() {
            named(rule, cx.policy.issuer.as_str())
        } else {
            resources.iter().all(|asked| named(rule, asked))
        };
        if !for_all {
            refused = Reason::TargetUnknown;
        } else if may_show(cx, client, rule, token) {
            return Ok(rule);
        } else if refused == Reason::ExchangeNotAllowed {
            refused = Reason::SubjectTokenInvalid;
        }
    }
    Err(refused)
}

/// Whether a rule speaks of a resource.
fn named(rule: &ExchangeRule, indicator: &str) -> bool {
    let wanted = canonical(indicator);
    wanted.is_some() && rule.resources.iter().any(|r| canonical(r) == wanted)
}

/// Whether a token is in the right hands: its holder's, those of somebody that it was made for, or of whom the rule trusts
/// with the tokens of its holder.
fn may_show(cx: &Context<'_>, client: &Client, rule: &ExchangeRule, token: &AccessToken) -> bool {
    let holder = token.client_id.as_str();
    if !rule.subject_clients.is_empty() {
        return rule.subject_clients.iter().any(|id| id == holder);
    }
    let serves = |indicator: &str| client.introspects.iter().any(|own| own == indicator);
    let audience = if token.audience.is_empty() {
        serves(cx.policy.issuer.as_str())
    } else {
        token.audience.iter().any(|a| serves(a))
    };
    token.client_id == client.id || audience
}

/// What is granted: what was asked for, within what the shown token allows. Without a wish, all of that which means something
/// to the target.
fn scope(
    cx: &Context<'_>,
    rule: &ExchangeRule,
    token: &AccessToken,
    target: &Target,
    asked: Option<&Scope>,
) -> Result<Scope, Reason> {
    let allowed = |name: &str| {
        let listed = rule.scopes.as_ref();
        listed.is_none_or(|list| list.iter().any(|s| s == name))
    };
    let most = target.scope(cx.policy, &token.scope.filtered(allowed))?;
    match asked {
        None => Ok(most),
        Some(asked) if asked.iter().all(|name| most.contains(name)) => Ok(asked.clone()),
        Some(_) => Err(Reason::ScopeNotGranted),
    }
}

/// The same person (or client), as the client that asks knows them.
fn subject_for(cx: &Context<'_>, client: &Client, shown: &Shown) -> String {
    match &shown.grant {
        Some(found) => client.subject(cx.policy, &found.record.subject),
        None => shown.token.subject.clone(),
    }
}

/// The new token ends with the tokens that were shown at the latest, and with their grants.
fn lives_no_longer(
    cx: &Context<'_>,
    mut target: Target,
    subject: &Shown,
    actor: Option<&Shown>,
) -> Target {
    for shown in std::iter::once(subject).chain(actor) {
        let mut left = shown.token.expires_at.since(cx.now);
        if let Some(found) = &shown.grant {
            left = left.min(found.record.expires_at.since(cx.now));
        }
        target.lifetime = target.lifetime.min(left);
    }
    target
}

/// The subject of a client that acts for itself.
fn itself(client: &Client) -> String {
    Subject::of_client(&client.id)
}
