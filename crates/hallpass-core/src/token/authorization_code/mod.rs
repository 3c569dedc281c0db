//! Authorization code, [RFC 6749 §4.1.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3), with PKCE,
//! [RFC 7636 §4.5](https://www.rfc-editor.org/rfc/rfc7636#section-4.5).

use std::fmt;

use hallpass_types::{Code, Key, Opaque, Params};

use super::{
    AccessGrant, AccountFacts, Asked, Context, Effect, Grant, Issuance, Lookup, Reason,
    RefreshToken, Refused, Spend, read_details, refresh_token::Refresh, standing, target,
};
use crate::{
    authorization_details::Detail,
    issue::IdTokenRequest,
    pkce,
    record::{Confirmation, FoundCode},
};

/// The grant.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizationCode;

/// What a request says.
pub struct Request {
    code: Option<Key<Code>>,
    redirect_uri: Option<String>,
    verifier: Option<String>,
    resources: Vec<String>,
    details: Option<Vec<Detail>>,
}

/// The verifier is a secret and is not printed.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("code", &self.code)
            .field("redirect_uri", &self.redirect_uri)
            .field("resources", &self.resources)
            .finish_non_exhaustive()
    }
}

/// What must be known about a code: itself, then its account and session. None when the code is not even well formed.
#[derive(Clone, Copy, Debug)]
pub struct CodeKey(pub Option<Key<Code>>);

/// What the engine found.
#[derive(Debug)]
pub struct CodeFound {
    /// The code, spent or not.
    pub code: Option<FoundCode>,
    /// The account of its grant.
    pub account: Option<AccountFacts>,
    /// Whether the session of its grant is there.
    pub session_alive: bool,
}

impl Lookup for CodeKey {
    type Found = CodeFound;
}

impl Grant for AuthorizationCode {
    const TYPE: &'static str = "authorization_code";
    const PARAMS: &'static [&'static str] = &[
        "code",
        "redirect_uri",
        "code_verifier",
        "resource",
        "authorization_details",
    ];
    type Request = Request;
    type Key = CodeKey;

    fn parse(params: &Params) -> Result<Request, Reason> {
        let code = params.get("code").ok_or(Reason::CodeMissing)?;
        Ok(Request {
            code: Opaque::<Code>::parse(code).map(|c| c.key()),
            redirect_uri: params.get("redirect_uri").map(str::to_owned),
            verifier: params.get("code_verifier").map(str::to_owned),
            resources: target::read(params)?,
            details: read_details(params)?,
        })
    }

    fn key(request: &Request) -> CodeKey {
        CodeKey(request.code)
    }

    fn decide(cx: &Context<'_>, request: Request, found: CodeFound) -> Result<Issuance, Refused> {
        let (Some(key), Some(FoundCode { record, spent })) = (request.code, found.code) else {
            return Err(Reason::CodeUnknown.into());
        };
        let client = cx.client.client();
        //= RFC6749#4.1.3 MUST: the code was issued to the client that presents it
        if record.grant.client_id != client.id || !client.was_there(record.issued_at) {
            return Err(Reason::CodeOfAnotherClient.into());
        }
        //= RFC6749#4.1.3 MUST: the redirect_uri sent here is the one the authorization request used
        if request.redirect_uri.as_deref() != Some(&record.redirect_uri) {
            return Err(Reason::RedirectUriMismatch.into());
        }
        if let Err(reason) = check_verifier(
            record.code_challenge.as_deref(),
            request.verifier.as_deref(),
        ) {
            let alive = !spent && !record.expires_at.is_over(cx.now);
            return Err(Refused {
                reason,
                effect: alive.then_some(Effect::BurnCode(key)),
            });
        }
        //= RFC9449#10 MUST: a code that is bound to a key is redeemed with a proof of that key
        if let Some(key) = record.dpop_jkt
            && cx.binding != Some(Confirmation::Jkt(key))
        {
            return Err(Reason::CodeOfAnotherKey.into());
        }
        //= ATTESTATION#9.4 SHOULD: a code of a request that an instance has pushed is that instance's
        if record.grant.confirmation.is_some() && record.grant.confirmation != cx.shown() {
            return Err(Reason::CodeOfAnotherKey.into());
        }
        // Only a request that is right in all else counts as a second use. Codes stand in histories and logs: who
        // merely finds an old one must not be able to end what it was good for.
        //= RFC6749#4.1.2 MUST: a second use of a code is refused; SHOULD: what it had produced is revoked
        if spent {
            return Err(Refused {
                reason: Reason::CodeSpent,
                effect: Some(Effect::RevokeGrant(record.grant.id)),
            });
        }
        //= RFC6749#4.1.2 MUST: a code expires shortly after it was issued
        // Once refused it stays refused, also when the clock is set back afterwards.
        if record.expires_at.is_over(cx.now) {
            return Err(Refused {
                reason: Reason::CodeExpired,
                effect: Some(Effect::BurnCode(key)),
            });
        }
        let mut grant = record.grant;
        standing(&grant, None, found.account, found.session_alive, cx.now)?;
        grant.refresh = grant.refresh.filter(|_| client.may_use(Refresh::TYPE));
        let binding = cx.holder();
        //= RFC9449#5 MUST: a refresh token of a public client that shows a proof is bound to its key
        // A grant that stands already is bound to what the authorization request named, or to nothing: then none is issued.
        if record.grant_stands && grant.confirmation != binding {
            grant.refresh = None;
        }
        grant.confirmation = binding;
        let scope = cx.permitted(&grant.scope);
        let access = AccessGrant::of_grant(
            cx,
            &grant,
            &scope,
            Asked {
                resources: &request.resources,
                details: request.details.as_deref(),
            },
        )?;
        let id_token = IdTokenRequest::of_grant(&grant, access.subject.clone(), record.nonce)
            .filter(|_| scope.contains("openid"));
        let refresh = grant.refresh.map(|state| RefreshToken {
            grant: grant.id,
            generation: state.generation,
        });
        let (id, stands) = (grant.id, record.grant_stands);
        Ok(Issuance {
            spend: Some(if stands {
                Spend::CodeOf {
                    code: key,
                    grant: id,
                }
            } else {
                Spend::Code(key)
            }),
            replay_revokes: Some(id),
            new_grant: (!stands).then(|| Box::new(grant)),
            touch_idle: None,
            access,
            id_token,
            refresh,
        })
    }
}

fn check_verifier(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), Reason> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        //= RFC7636#4.6 MUST: without the right verifier there is no token
        (Some(_), None) => Err(Reason::VerifierMissing),
        (Some(challenge), Some(verifier)) if pkce::verify_s256(verifier, challenge) => Ok(()),
        (Some(_), Some(_)) => Err(Reason::VerifierWrong),
        //= RFC9700#2.1.1 MUST: a verifier is refused where the authorization request had no challenge
        (None, Some(_)) => Err(Reason::VerifierUnexpected),
    }
}

#[cfg(test)]
mod tests;
