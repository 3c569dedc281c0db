//! `query.jwt`, `fragment.jwt`, `form_post.jwt`: the parameters inside a signed JWT,
//! [JARM §2](https://openid.net/specs/oauth-v2-jarm.html).

use hallpass_types::Timestamp;

use super::{AuthorizationResponse, json_object};
use crate::{client::Client, issue::json, policy::Policy};

/// Seconds for which an answer is good; nobody has a reason to keep it.
//= JARM#2.1 SHOULD: an answer lives ten minutes at most
pub const LIFETIME: i64 = 300;

/// The claims to sign for an answer.
#[must_use]
pub fn claims(
    response: &AuthorizationResponse,
    client: &Client,
    policy: &Policy,
    now: Timestamp,
) -> String {
    let mut out = String::with_capacity(512);
    out.push('{');
    //= JARM#2.1 MUST: iss, aud and exp are there
    json::text(&mut out, "iss", policy.issuer.as_str());
    json::text(&mut out, "aud", client.id.as_str());
    json::number(&mut out, "exp", now.plus(LIFETIME).0);
    //= RFC9207#2.4 MUST: where the answer is a JWT its own iss claim is enough
    let rest = response.params.iter().filter(|(name, _)| *name != "iss");
    json_object(&mut out, rest);
    out.push('}');
    out
}

impl AuthorizationResponse {
    /// The answer whose parameters are inside this JWT.
    //= JARM#2.3 MUST: the JWT is the parameter response, and no other parameter is there
    #[must_use]
    pub fn sealed(self, jwt: String) -> Self {
        Self {
            params: vec![("response", jwt)],
            ..self
        }
    }
}
