//! Signing in at somebody else's provider: what is asked of it, and when its answer is believed.
//!
//! Every provider has a redirect URI of its own, the state is bound to browser and request, and what comes back is held
//! against the one provider that was asked: an answer of another one is never taken for it (RFC 9700 §4.4).

mod answer;
mod claims;
mod identity;

use std::{collections::BTreeMap, fmt};

use hallpass_jose::JwsAlgorithm;
use hallpass_types::{Secret, sha256};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::reasons;
pub use answer::{Answer, read_answer};
pub use claims::{ClaimSource, mapped, verified_email};
pub use identity::{Expected, check_id_token, sign_in_time};

/// A provider at which people can sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its name in addresses and in what is stored: never changed, never used for another provider.
    pub id: String,
    /// What people read on its button.
    pub name: String,
    /// Where it is.
    pub endpoints: Endpoints,
    /// How it knows us.
    pub client_id: String,
    /// How we prove to be that client.
    pub authentication: ClientAuthentication,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Further parameters of the request.
    pub parameters: Vec<(String, String)>,
    /// Where the person's identifier at this provider stands.
    pub subject_claim: String,
    /// Claims of ours, and which of theirs they come from.
    pub claims: Vec<ClaimSource>,
    /// What happens to somebody who comes for the first time.
    pub first_time: FirstTime,
    /// Its `email_verified` is to be believed: somebody who comes for the first time gets the account that has this mail address
    /// verified.
    pub link_by_email: bool,
}

/// Where a provider is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoints {
    /// It says so itself (OpenID Connect Discovery), and vouches by ID token.
    OpenId {
        /// Its issuer identifier.
        issuer: String,
        /// Algorithms in which its ID tokens may be signed.
        algs: Vec<JwsAlgorithm>,
        /// UserInfo is asked too.
        userinfo: bool,
    },
    /// Plain OAuth 2.0: who the person is stands in a document that the token opens.
    OAuth {
        /// Authorization endpoint.
        authorization: String,
        /// Token endpoint.
        token: String,
        /// The document.
        userinfo: String,
    },
}

/// How we prove to be a client there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// A secret in the `Authorization` header.
    Basic(UpstreamSecret),
    /// A secret in the form.
    Post(UpstreamSecret),
    /// An assertion that a key of ours signs (RFC 7523): the newest of this algorithm.
    PrivateKeyJwt(JwsAlgorithm),
    /// Nothing but PKCE.
    None,
}

/// A secret that is not printed.
#[derive(Clone)]
pub struct UpstreamSecret(pub Secret);

impl fmt::Debug for UpstreamSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl PartialEq for UpstreamSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }
}

impl Eq for UpstreamSecret {}

/// What a sealed secret belongs to: all that an issuer's settings say of a provider, but for the secret. Whoever changes where
/// the provider is does not get the secret sent there.
#[must_use]
pub fn secret_is_for(entry: &Map<String, Value>) -> [u8; 32] {
    let others: BTreeMap<&String, &Value> = entry
        .iter()
        .filter(|(name, _)| *name != SEALED_SECRET)
        .collect();
    sha256(&serde_json::to_vec(&others).unwrap_or_default())
}

/// The member of an issuer's settings in which a provider's secret stands sealed.
pub const SEALED_SECRET: &str = "client_secret_sealed";

/// What happens to somebody who comes for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstTime {
    /// They are turned away: an account that they own must be linked first.
    #[default]
    Refuse,
    /// They get an account.
    Create,
}

/// What a provider says about itself, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Authorization endpoint.
    pub authorization: String,
    /// Token endpoint.
    pub token: String,
    /// Key set.
    pub jwks: String,
    /// UserInfo endpoint.
    pub userinfo: Option<String>,
    /// Its answers name it (RFC 9207).
    pub names_itself: bool,
}

/// Where the metadata of an issuer is (OpenID Connect Discovery §4).
#[must_use]
pub fn metadata_url(issuer: &str) -> String {
    let base = issuer.trim_end_matches('/');
    format!("{base}/.well-known/openid-configuration")
}

/// Reads the metadata of an issuer.
///
/// # Errors
/// They are of another issuer, or lack something.
//= OIDC-DISCOVERY#4.3 MUST: the issuer in the metadata is exactly the one that was asked
pub fn read_metadata(body: &[u8], issuer: &str) -> Result<Metadata, Reason> {
    #[derive(Deserialize)]
    struct Raw {
        issuer: String,
        authorization_endpoint: String,
        token_endpoint: String,
        jwks_uri: String,
        userinfo_endpoint: Option<String>,
        #[serde(default)]
        authorization_response_iss_parameter_supported: bool,
    }
    let raw: Raw = serde_json::from_slice(body).map_err(|_| Reason::Metadata)?;
    if raw.issuer != issuer {
        return Err(Reason::Metadata);
    }
    let is_url = |url: &String| {
        url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
            && !url.contains('#')
    };
    let urls = [
        &raw.authorization_endpoint,
        &raw.token_endpoint,
        &raw.jwks_uri,
    ];
    if !urls.into_iter().chain(&raw.userinfo_endpoint).all(is_url) {
        return Err(Reason::Metadata);
    }
    Ok(Metadata {
        authorization: raw.authorization_endpoint,
        token: raw.token_endpoint,
        jwks: raw.jwks_uri,
        userinfo: raw.userinfo_endpoint,
        names_itself: raw.authorization_response_iss_parameter_supported,
    })
}

/// The address to which the person is sent.
#[must_use]
pub fn authorization_url(upstream: &Upstream, endpoint: &str, sent: &Sent<'_>) -> String {
    let scope = upstream.scopes.join(" ");
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let is_ours = |name: &str| {
        OURS.contains(&name)
            || (name == "max_age" && sent.max_age.is_some())
            || (name == "prompt" && sent.asks_again())
    };
    for (name, value) in &upstream.parameters {
        // Nothing that the operator adds replaces what keeps the answer apart from others.
        if !is_ours(name) {
            query.append_pair(name, value);
        }
    }
    query.append_pair("response_type", "code");
    query.append_pair("client_id", &upstream.client_id);
    query.append_pair("redirect_uri", sent.redirect_uri);
    if !scope.is_empty() {
        query.append_pair("scope", &scope);
    }
    query.append_pair("state", sent.state);
    //= RFC9700#2.1.1 MUST: codes are protected by PKCE or, for OpenID Connect, by nonce; here by both
    query.append_pair("code_challenge", sent.code_challenge);
    query.append_pair("code_challenge_method", "S256");
    if matches!(upstream.endpoints, Endpoints::OpenId { .. }) {
        query.append_pair("nonce", sent.nonce);
        //= OIDC-CORE#3.1.2.1 MUST: who wants a sign-in of late says so, and gets to know when it was
        if let Some(age) = sent.max_age {
            query.append_pair("max_age", &age.to_string());
        }
        if sent.asks_again() {
            query.append_pair("prompt", "login");
        }
    }
    let query = query.finish();
    let joint = if endpoint.contains('?') { '&' } else { '?' };
    format!("{endpoint}{joint}{query}")
}

const OURS: &[&str] = &[
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "request",
    "request_uri",
];

/// What is sent with the person.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// Where they come back.
    pub redirect_uri: &'a str,
    /// Comes back with them.
    pub state: &'a str,
    /// Comes back in the ID token.
    pub nonce: &'a str,
    /// Whose verifier goes to the token endpoint.
    pub code_challenge: &'a str,
    /// The person must have signed in there not longer ago than so many seconds.
    pub max_age: Option<i64>,
}

impl Sent<'_> {
    /// Whether the person is to sign in there again, whatever happened before.
    fn asks_again(&self) -> bool {
        self.max_age.is_some_and(|age| age <= 0)
    }
}

reasons! {
    /// Why somebody could not sign in at another provider. Always shown as a page; what the other provider wrote is not.
    pub enum Reason {
        /// There is no such provider, or not any more.
        Unknown => InvalidRequest, "upstream_unknown", "there is no such provider";
        /// OpenID Connect Discovery §4.3.
        Metadata => TemporarilyUnavailable, "upstream_metadata", "the other provider cannot be used";
        /// The state is not ours, or is too old.
        State => InvalidRequest, "upstream_state", "this sign-in has expired";
        /// The state was made for another browser (RFC 9700 §4.7).
        OtherBrowser => AccessDenied, "upstream_other_browser", "this sign-in belongs to another browser";
        /// The answer came to the address of another provider (RFC 9700 §4.4).
        OtherProvider => InvalidRequest, "upstream_other_provider", "the answer is of another provider";
        /// The answer names another issuer, or none where it must (RFC 9207 §2.4).
        Issuer => InvalidRequest, "upstream_issuer", "the answer is of another provider";
        /// The state was used before.
        Used => InvalidRequest, "upstream_used", "this sign-in was used before";
        /// The other provider answered with an error, such as the person's no.
        Refused => AccessDenied, "upstream_refused", "the other provider did not sign you in";
        /// There is no code in the answer, or more than one.
        NoCode => InvalidRequest, "upstream_no_code", "the answer is incomplete";
        /// No usable answer of the token endpoint.
        Token => AccessDenied, "upstream_token", "the other provider did not answer as it should";
        /// The ID token is not one for us and for this sign-in.
        IdToken => AccessDenied, "upstream_id_token", "the other provider did not answer as it should";
        /// A sign-in of late was asked for, and this one was earlier, or nobody says when it was.
        NotFresh => LoginRequired, "upstream_not_fresh", "the other provider did not make sure that it is still you";
        /// No usable answer of the UserInfo endpoint, or one about somebody else.
        UserInfo => AccessDenied, "upstream_userinfo", "the other provider did not answer as it should";
        /// Nobody here has this identity, and nobody gets an account by it.
        NoAccount => AccessDenied, "upstream_no_account", "no account here is linked with that one";
        /// The identity belongs to another account.
        Taken => AccessDenied, "upstream_taken", "that one is linked with another account";
        /// The account is disabled.
        Disabled => AccessDenied, "upstream_disabled", "this account cannot be used";
        /// Linking needs a sign-in that is not long ago.
        NotRecent => LoginRequired, "upstream_not_recent", "sign in again before you change how you sign in";
        /// The last way to sign in cannot be taken away.
        LastWay => InvalidRequest, "upstream_last_way", "you would have no way left to sign in";
        /// The form is not of this browser and session.
        Form => AccessDenied, "upstream_form", "this form cannot be used any more";
    }
}

#[cfg(test)]
mod tests;
