//! A client asks that its person be signed out,
//! [OpenID Connect RP-Initiated Logout 1.0](https://openid.net/specs/openid-connect-rpinitiated-1_0.html).
//!
//! - The person is asked, unless an ID token of this issuer proves that the client means the person who is signed in. Where
//!   nobody is signed in they are asked only before they go to a client that anybody could have made.
//! - A redirect goes only to a URI that an identified client registered for this purpose.
//! - A hint that proves nothing (broken, foreign, of somebody else, of a client that is gone) is not an error: the person who
//!   is signed in is asked, and stays here afterwards.

use hallpass_jose::Claims;
use hallpass_types::{ClientId, Params};

use crate::{
    authorize::{hint, respond, rules},
    client::{Client, redirect_uri},
    policy::Policy,
    reasons,
    record::SessionRecord,
};

reasons! {
    /// Why a logout request gets an error page. Nobody is signed out.
    pub enum Reason {
        /// RFC 6749 §3.1.
        ParameterRepeated => InvalidRequest, "logout_parameter_repeated", "a parameter is repeated";
        /// Longer than is kept.
        StateTooLong => InvalidRequest, "logout_state_too_long", "state is too long";
        /// `client_id` names nobody.
        ClientUnknown => InvalidRequest, "logout_client_unknown", "the client is unknown";
        /// RP-Initiated Logout §2: `client_id` and `id_token_hint` contradict each other.
        HintForAnotherClient => InvalidRequest, "logout_hint_for_another_client",
            "id_token_hint was not issued to this client";
        /// RP-Initiated Logout §3.
        RedirectUriNotRegistered => InvalidRequest, "post_logout_redirect_uri_not_registered",
            "post_logout_redirect_uri is not registered for this client";
    }
}

/// A logout request as it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    id_token_hint: Option<String>,
    client_id: Option<ClientId>,
    post_logout_redirect_uri: Option<String>,
    state: Option<String>,
    ui_locales: Vec<String>,
}

/// What became of `id_token_hint`. The engine verifies it with our own keys; expired tokens are genuine.
#[derive(Clone, Copy, Debug)]
pub enum Hint<'a> {
    /// There was none.
    Absent,
    /// It was not signed by our keys, or is no token at all.
    Broken,
    /// Its claims.
    Verified(&'a Claims),
}

impl<'a> Hint<'a> {
    /// From whether there was a hint, and what it said if it was genuine.
    #[must_use]
    pub const fn new(presented: bool, claims: Option<&'a Claims>) -> Self {
        match (presented, claims) {
            (_, Some(claims)) => Self::Verified(claims),
            (true, None) => Self::Broken,
            (false, None) => Self::Absent,
        }
    }
}

/// What is known when it is decided what happens.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The hint.
    pub hint: Hint<'a>,
    /// What the look-up of [`Request::client_id`] found.
    pub client: Option<&'a Client>,
    /// The browser's session, alive.
    pub session: Option<&'a SessionRecord>,
    /// The subject by which that client knows the person of the session.
    pub subject: Option<&'a str>,
    /// The issuer's policy.
    pub policy: &'a Policy,
}

/// What happens next. `redirect` is where the person goes once signed out: a URI that the client registered, with `state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The person is asked first.
    Confirm {
        /// Where to, after a yes.
        redirect: Option<String>,
    },
    /// The session ends at once; or there is none.
    Proceed {
        /// Where to.
        redirect: Option<String>,
    },
}

impl Request {
    /// Every parameter that is read. `logout_hint` is known and not used: who is signed in is known better.
    pub const PARAMETERS: &'static [&'static str] = &[
        "client_id",
        "id_token_hint",
        "logout_hint",
        "post_logout_redirect_uri",
        "state",
        "ui_locales",
    ];

    /// Reads the parameters.
    ///
    /// # Errors
    /// A known parameter is repeated, `client_id` cannot be one, or `state` is longer than 8 KiB.
    pub fn parse(params: &Params) -> Result<Self, Reason> {
        let known = |name: &String| Self::PARAMETERS.contains(&name.as_str());
        if params.duplicated().iter().any(known) {
            return Err(Reason::ParameterRepeated);
        }
        let text = |name: &str| params.get(name).map(str::to_owned);
        Ok(Self {
            id_token_hint: text("id_token_hint"),
            client_id: params
                .get("client_id")
                .map(ClientId::parse)
                .transpose()
                .map_err(|_| Reason::ClientUnknown)?,
            post_logout_redirect_uri: text("post_logout_redirect_uri"),
            state: rules::text::state(params).map_err(|_| Reason::StateTooLong)?,
            ui_locales: rules::ui_locales(params),
        })
    }

    /// The hint to verify.
    #[must_use]
    pub fn id_token_hint(&self) -> Option<&str> {
        self.id_token_hint.as_deref()
    }

    /// Languages that the person prefers (BCP 47), best first.
    #[must_use]
    pub fn ui_locales(&self) -> &[String] {
        &self.ui_locales
    }

    /// The client to look up: the one that is named, or the one to which the hint was issued.
    #[must_use]
    pub fn client_id(&self, hint: Option<&Claims>) -> Option<ClientId> {
        self.client_id.clone().or_else(|| {
            let hint = hint?;
            let audience = hint.audience().ok()?;
            let id = match audience.as_slice() {
                [only] => only,
                several => hint
                    .str("azp")
                    .ok()
                    .flatten()
                    .filter(|party| several.contains(party))?,
            };
            ClientId::parse(id).ok()
        })
    }
}

/// Decides what happens.
///
/// # Errors
/// [`Reason`]: an error page; the session stays.
pub fn decide(request: &Request, facts: &Facts<'_>) -> Result<Step, Reason> {
    let hint = Genuine::read(facts.hint, facts.policy);
    let issued_to = |id: &ClientId| {
        hint.as_ref()
            .is_none_or(|hint| hint.audience.contains(&id.as_str()))
    };
    //= OIDC-RPINITIATED#2 MUST: with client_id and a hint, the hint was issued to that client
    if request.client_id.as_ref().is_some_and(|id| !issued_to(id)) {
        return Err(Reason::HintForAnotherClient);
    }
    let client = facts.client.filter(|found| match &request.client_id {
        Some(named) => *named == found.id,
        None => hint.is_some() && issued_to(&found.id),
    });
    if client.is_none() && hint.is_none() && request.client_id.is_some() {
        return Err(Reason::ClientUnknown);
    }
    let trust = Trust::of(facts, hint.as_ref());
    let redirect = match (client, request.post_logout_redirect_uri.as_deref()) {
        //= OIDC-RPINITIATED#3 MUST: without an identified client there is no redirect
        (None, _) | (Some(_), None) => None,
        //= OIDC-RPINITIATED#3 MUST: only a URI that the client registered is redirected to
        (Some(client), Some(uri)) => Some(
            location(client, uri, request.state.as_deref())
                .ok_or(Reason::RedirectUriNotRegistered)?,
        ),
    };
    //= OIDC-RPINITIATED#4 MUST: what failed validation is not used, nor anything that needs it
    let redirect = redirect.filter(|_| trust != Trust::Misplaced);
    //= OIDC-RPINITIATED#2 MUST: the person is asked when there is no hint, or it is about somebody else
    // Where nobody is signed in there is nothing to ask about, unless the link only leads to somebody whom nobody knows: a
    // hint proves nothing then, since whoever made the client can have one of their own.
    //= RFC9700#4.11.2 SHOULD: nobody is sent on by itself to where a client that is not trusted wants them
    let unseen = client
        .zip(redirect.as_deref())
        .is_some_and(|(client, to)| client.leads_unseen(to, facts.policy));
    let proven = match facts.session {
        None => !unseen,
        Some(_) => trust == Trust::Proven && client.is_some(),
    };
    Ok(if proven {
        Step::Proceed { redirect }
    } else {
        Step::Confirm { redirect }
    })
}

/// Where the person goes once signed out; none when the client has not registered the URI.
#[must_use]
pub fn location(client: &Client, uri: &str, state: Option<&str>) -> Option<String> {
    //= OIDC-RPINITIATED#2 MUST: state is passed back when the request had one
    let state = state.map(|state| ("state", state.to_owned()));
    redirect_uri::matches_post_logout(client, uri)
        .then(|| respond::with_query(uri, state.as_slice()))
}

/// What a hint is worth.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// There is no hint.
    None,
    /// It is broken, of another kind, or about somebody else than the person who is signed in.
    Misplaced,
    /// It is about the person who is signed in, or nobody is.
    Proven,
}

impl Trust {
    fn of(facts: &Facts<'_>, hint: Option<&Genuine<'_>>) -> Self {
        // Whoever holds the secret of a client can sign hints of it. Where anybody could have made that client, a subject that
        // they heard of somewhere says nothing; the name of the session was told to those alone who took part in it.
        let own_word = facts
            .client
            .is_some_and(|c| c.stranger && c.id_token_signed_response_alg.is_symmetric());
        let subject = facts.subject.filter(|_| !own_word);
        match (facts.hint, hint) {
            (Hint::Absent, _) => Self::None,
            (Hint::Broken | Hint::Verified(_), None) => Self::Misplaced,
            (Hint::Broken | Hint::Verified(_), Some(hint)) => match facts.session {
                Some(session) if !hint.is_about(session, subject) => Self::Misplaced,
                Some(_) | None => Self::Proven,
            },
        }
    }
}

/// An ID token of this issuer.
struct Genuine<'a> {
    subject: &'a str,
    sid: Option<&'a str>,
    audience: Vec<&'a str>,
}

impl<'a> Genuine<'a> {
    fn read(hint: Hint<'a>, policy: &Policy) -> Option<Self> {
        let Hint::Verified(claims) = hint else {
            return None;
        };
        Some(Self {
            subject: hint::subject(claims, policy)?,
            sid: claims.str("sid").ok()?,
            audience: claims.audience().ok()?,
        })
    }

    fn is_about(&self, session: &SessionRecord, subject: Option<&str>) -> bool {
        self.sid == Some(session.sid.as_str()) || subject == Some(self.subject)
    }
}

#[cfg(test)]
mod tests;
