//! Challenges, [RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3),
//! [RFC 9449 §7.1](https://www.rfc-editor.org/rfc/rfc9449#section-7.1),
//! [RFC 9470 §3](https://www.rfc-editor.org/rfc/rfc9470#section-3).

use std::fmt::Write as _;

use hallpass_types::Scope;
use http::{HeaderMap, HeaderValue, StatusCode, header::WWW_AUTHENTICATE};

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It came without a token. Not an error that a client made: it learns where to get one.
    NoToken,
    /// It cannot be read: two tokens, two proofs, or a header of another form.
    Malformed,
    /// The token is not good: unknown, over, for somebody else, or without the proof that it is bound to.
    InvalidToken,
    /// The proof of possession is not good.
    InvalidProof,
    /// The token does not allow this; the scopes that one has to have, with those that it has.
    InsufficientScope(Scope),
    /// The person has to sign in again, or in a stronger way.
    StepUp {
        /// One of these authentication context classes.
        acr_values: Vec<String>,
        /// At most so many seconds ago.
        max_age: Option<i64>,
    },
    /// Whether the token is good cannot be found out now.
    Unavailable,
}

/// A refused request: its status and headers. The body is the service's to choose.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The status.
    pub status: StatusCode,
    /// `WWW-Authenticate`, and whatever else the client has to see.
    pub headers: HeaderMap,
    /// Why, for logs.
    pub refusal: Refusal,
}

/// What every challenge of a resource says.
#[derive(Clone, Debug)]
pub(crate) struct Challenges {
    /// URL of the resource's metadata.
    pub(crate) metadata: String,
    /// Scopes that a client without a token should ask for.
    pub(crate) scope: String,
    /// Algorithms of proofs, separated by spaces.
    pub(crate) algs: String,
    /// Whether tokens without a proof are taken.
    pub(crate) bearer: bool,
}

impl Refusal {
    const fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::InvalidToken | Self::InvalidProof | Self::StepUp { .. } => {
                StatusCode::UNAUTHORIZED
            }
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::InsufficientScope(_) => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    //= RFC6750#3.1 SHOULD NOT: a request without a token is not told an error code
    const fn error(&self) -> Option<&'static str> {
        match self {
            Self::NoToken | Self::Unavailable => None,
            Self::Malformed => Some("invalid_request"),
            Self::InvalidToken => Some("invalid_token"),
            Self::InvalidProof => Some("invalid_dpop_proof"),
            Self::InsufficientScope(_) => Some("insufficient_scope"),
            Self::StepUp { .. } => Some("insufficient_user_authentication"),
        }
    }
}

impl Challenges {
    pub(crate) fn reject(&self, refusal: Refusal) -> Rejected {
        let mut headers = HeaderMap::new();
        if refusal != Refusal::Unavailable {
            let schemes: &[(&str, bool)] = &[("Bearer", self.bearer), ("DPoP", true)];
            for (scheme, _) in schemes.iter().filter(|(_, offered)| *offered) {
                let text = self.challenge(scheme, &refusal);
                if let Ok(value) = HeaderValue::from_str(&text) {
                    headers.append(WWW_AUTHENTICATE, value);
                }
            }
        }
        Rejected {
            status: refusal.status(),
            headers,
            refusal,
        }
    }

    fn challenge(&self, scheme: &str, refusal: &Refusal) -> String {
        let mut parameters: Vec<(&str, String)> = Vec::new();
        if let Some(error) = refusal.error() {
            parameters.push(("error", error.to_owned()));
        }
        match refusal {
            Refusal::NoToken if !self.scope.is_empty() => {
                parameters.push(("scope", self.scope.clone()));
            }
            Refusal::InsufficientScope(scope) => parameters.push(("scope", scope.to_string())),
            Refusal::StepUp {
                acr_values,
                max_age,
            } => {
                if !acr_values.is_empty() {
                    parameters.push(("acr_values", acr_values.join(" ")));
                }
                if let Some(seconds) = max_age {
                    parameters.push(("max_age", seconds.to_string()));
                }
            }
            Refusal::NoToken
            | Refusal::Malformed
            | Refusal::InvalidToken
            | Refusal::InvalidProof
            | Refusal::Unavailable => {}
        }
        if scheme == "DPoP" {
            parameters.push(("algs", self.algs.clone()));
        }
        //= RFC9728#5.1 MUST: resource_metadata is the URL of the resource's metadata
        parameters.push(("resource_metadata", self.metadata.clone()));
        let mut text = scheme.to_owned();
        for (index, (name, value)) in parameters.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let value: String = value.chars().filter(|c| !matches!(c, '"' | '\\')).collect();
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma} {name}=\"{value}\"");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenges() -> Challenges {
        Challenges {
            metadata: "https://api.test/.well-known/oauth-protected-resource".to_owned(),
            scope: "a b".to_owned(),
            algs: "ES256".to_owned(),
            bearer: true,
        }
    }

    fn lines(refusal: Refusal) -> (u16, Vec<String>) {
        let rejected = challenges().reject(refusal);
        let lines = rejected.headers.get_all(WWW_AUTHENTICATE).iter();
        let lines = lines
            .map(|line| line.to_str().unwrap().to_owned())
            .collect();
        (rejected.status.as_u16(), lines)
    }

    //= test RFC6750#3.1 a request without a token is not told an error code
    //= test RFC9728#5.1 resource_metadata is the URL of the resource's metadata
    #[test]
    fn every_refusal_says_what_is_missing_and_where_the_metadata_is() {
        const META: &str =
            "resource_metadata=\"https://api.test/.well-known/oauth-protected-resource\"";
        let scope = Scope::parse("a").unwrap();
        let step_up = Refusal::StepUp {
            acr_values: vec!["gold".to_owned(), "sil\"ver".to_owned()],
            max_age: Some(5),
        };
        for (refusal, status, middle) in [
            (Refusal::NoToken, 401, "scope=\"a b\", "),
            (Refusal::InvalidToken, 401, "error=\"invalid_token\", "),
            (Refusal::InvalidProof, 401, "error=\"invalid_dpop_proof\", "),
            (Refusal::Malformed, 400, "error=\"invalid_request\", "),
            (
                Refusal::InsufficientScope(scope),
                403,
                "error=\"insufficient_scope\", scope=\"a\", ",
            ),
            (
                step_up,
                401,
                "error=\"insufficient_user_authentication\", acr_values=\"gold silver\", max_age=\"5\", ",
            ),
        ] {
            let (found, lines) = lines(refusal);
            assert_eq!(found, status);
            assert_eq!(
                lines,
                [
                    format!("Bearer {middle}{META}"),
                    format!("DPoP {middle}algs=\"ES256\", {META}"),
                ]
            );
        }
        assert_eq!(lines(Refusal::Unavailable), (503, Vec::new()));
    }
}
