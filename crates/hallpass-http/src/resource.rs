//! Who calls an API of the provider's own, by an access token in the header.

use hallpass_core::issue::TokenType;
use hallpass_provider::{Failure, Provider, endpoints::Caller};
use hallpass_types::{ErrorCode, Params};
use http::{HeaderValue, request::Parts};

use crate::{
    bearer::{self, Bearer},
    client_request::client_request,
    protocol::algs,
};

/// Why nobody calls.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "each is answered in its own way")]
pub enum NoCaller {
    /// There is no token.
    Missing,
    /// The header cannot be read.
    Malformed,
    /// The token is not taken; how it was presented.
    Refused(Failure, TokenType),
}

/// The caller of an API whose access tokens are for `resource`. `path` is that of the request, under the issuer.
///
/// # Errors
/// [`NoCaller`]
pub async fn caller(
    provider: &Provider,
    parts: &Parts,
    path: &str,
    resource: &str,
) -> Result<Caller, NoCaller> {
    let (presented, token) = match bearer::of(&parts.headers) {
        Bearer::None => return Err(NoCaller::Missing),
        Bearer::Malformed => return Err(NoCaller::Malformed),
        Bearer::Token(presented, token) => (presented, token),
    };
    let none = Params::default();
    let request = client_request(parts, &none, None);
    let called = provider.caller((token, presented), path, &request, resource);
    called
        .await
        .map_err(|failure| NoCaller::Refused(failure, presented))
}

impl NoCaller {
    /// The `WWW-Authenticate` header that belongs to the answer.
    #[must_use]
    pub fn challenge(&self, scope: &str) -> HeaderValue {
        let text = match self {
            //= RFC6750#3.1 SHOULD: without any token the challenge carries no error code
            Self::Missing => "Bearer realm=\"hallpass\"".to_owned(),
            Self::Malformed => "Bearer realm=\"hallpass\", error=\"invalid_request\"".to_owned(),
            Self::Refused(failure, presented) => {
                let code = match failure {
                    Failure::Refused(refusal) => refusal.code,
                    Failure::Unavailable { .. }
                    | Failure::Throttled { .. }
                    | Failure::Internal(_) => ErrorCode::InvalidToken,
                };
                let mut more = if code == ErrorCode::InsufficientScope {
                    format!(", scope=\"{scope}\"")
                } else {
                    String::new()
                };
                //= RFC9449#7.1 MUST: the challenge for a token with a proof is of the scheme DPoP and tells the algorithms
                if *presented == TokenType::DPoP {
                    more.push_str(&format!(", algs=\"{}\"", algs()));
                }
                let scheme = presented.as_str();
                format!(
                    "{scheme} realm=\"hallpass\", error=\"{}\"{more}",
                    code.as_str()
                )
            }
        };
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}
