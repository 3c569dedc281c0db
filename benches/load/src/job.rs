//! What to do, as it is read from standard input.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::browser::{Cookie, User};
use crate::http::{Authority, Connection, Failure, Template};
use crate::key::ClientKey;

/// One measurement.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// What is repeated.
    pub work: Work,
    /// Where.
    pub server: Server,
    /// The client that asks for tokens; needed by all work but reading documents.
    pub client: Option<Client>,
    /// The client that introspects.
    pub resource_server: Option<Client>,
    /// What access tokens for no named resource are; nothing stands for opaque ones.
    #[serde(default)]
    pub access_token: Option<TokenKind>,
    /// Who is signed in; needed by work that has a user in it.
    pub visitor: Option<Visitor>,
    /// Open connections, each with one request at a time.
    pub concurrency: usize,
    /// Seconds before counting begins.
    pub warmup_seconds: f64,
    /// Seconds that are counted.
    pub seconds: f64,
    /// The server's process, to watch its time and memory.
    pub server_pid: Option<u32>,
}

/// A kind of work.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "the program that writes jobs names all kinds"
)]
pub enum Work {
    /// Reading the discovery document.
    Discovery,
    /// Reading the key set.
    Jwks,
    /// A token for the client itself (RFC 6749 §4.4).
    ClientCredentials {
        /// The resource to ask for (RFC 8707).
        resource: Option<String>,
        /// What the token must turn out to be.
        token: TokenKind,
    },
    /// Introspection of a live token (RFC 7662).
    Introspection,
    /// Claims for a user's access token (OpenID Connect Core §5.3).
    Userinfo,
    /// Refreshing with rotation, each connection with a chain of its own (RFC 6749 §6).
    Refresh,
    /// Authorization request with a live session, then code for tokens (RFC 6749 §4.1).
    Code,
    /// The same with a pushed request (RFC 9126), assertions of the client (RFC 7523) and tokens bound to a key (RFC 9449).
    CodeParDpopPrivateKeyJwt,
    /// The same with the thumbprint of the key in place of the proof when the request is pushed (RFC 9449 §10.1).
    CodeParDpopJkt,
}

impl Job {
    /// What access tokens for no named resource must be.
    pub(crate) fn plain_token(&self) -> TokenKind {
        self.access_token.unwrap_or(TokenKind::Opaque)
    }
}

/// What an access token or ID token looks like.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "the program that writes jobs names all kinds"
)]
pub enum TokenKind {
    /// A JWT signed with ES256.
    Es256,
    /// A JWT signed with RS256.
    Rs256,
    /// Anything that is not a JWT.
    Opaque,
}

impl TokenKind {
    /// Whether a token is of this kind; the signature is not looked at.
    #[must_use]
    pub fn fits(self, token: &str) -> bool {
        let header = token.split('.').next().unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD.decode(header).unwrap_or_default();
        let header: Option<JwtHeader<'_>> = serde_json::from_slice(&bytes).ok();
        let alg = header.map(|header| header.alg);
        match self {
            Self::Es256 => alg == Some("ES256"),
            Self::Rs256 => alg == Some("RS256"),
            Self::Opaque => alg.is_none() && !token.is_empty(),
        }
    }
}

#[derive(Deserialize)]
struct JwtHeader<'a> {
    alg: &'a str,
}

/// Where the work is done.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "the program that writes jobs names all kinds"
)]
pub enum Server {
    /// A provider with a discovery document.
    Issuer(String),
    /// Something smaller, by its addresses.
    Endpoints(Box<Endpoints>),
}

impl Server {
    /// The addresses, from the discovery document where the server has one.
    ///
    /// # Errors
    /// Whatever keeps the document from being read.
    pub async fn endpoints(&self) -> Result<Endpoints, Failure> {
        let issuer = match self {
            Self::Endpoints(endpoints) => return Ok(Endpoints::clone(endpoints)),
            Self::Issuer(issuer) => issuer,
        };
        let discovery = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        let url = parse(&discovery)?;
        let mut connection = Connection::new(Authority::of(&url)?);
        let mut request = Template::get(&url, &[]);
        let response = connection.exchange(request.bare()).await?;
        let read: Result<Endpoints, _> = serde_json::from_slice(response.body);
        match (response.status, read) {
            (200, Ok(endpoints)) => Ok(Endpoints {
                discovery,
                ..endpoints
            }),
            _ => Err(Failure::unexpected("discovery", &response)),
        }
    }
}

/// The addresses of a server, with the names of OpenID Connect Discovery §3.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Endpoints {
    /// Of the discovery document itself.
    pub discovery: String,
    /// Whom assertions are for.
    pub issuer: String,
    /// Of the key set.
    pub jwks_uri: String,
    /// Where authorization requests go.
    pub authorization_endpoint: String,
    /// Where they are left beforehand.
    pub pushed_authorization_request_endpoint: String,
    /// Where tokens come from.
    pub token_endpoint: String,
    /// Where tokens are looked into.
    pub introspection_endpoint: String,
    /// Where claims come from.
    pub userinfo_endpoint: String,
}

/// A client as `hallpass serve --demo --json` prints it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Client {
    /// Its identifier.
    pub client_id: String,
    /// Its secret; a public client has none.
    pub client_secret: Option<String>,
    /// Its key, for work that signs in the client's place; `hallpass serve` prints none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ClientKey>,
    /// Where it may send people back to.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// What it may ask the token endpoint for.
    #[serde(default)]
    pub grant_types: Vec<String>,
}

/// A user with browsers that are, or will be, signed in.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Visitor {
    /// Who it is.
    pub user: User,
    /// The cookies of each browser; connections take them in turn.
    pub browsers: Vec<Vec<Cookie>>,
}

/// A URL out of a job or a document.
pub(crate) fn parse(text: &str) -> Result<Url, Failure> {
    Url::parse(text).map_err(|_| Failure::Address(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_header() {
        let es256 = format!("{}.e30.sig", URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#));
        assert!(TokenKind::Es256.fits(&es256));
        assert!(!TokenKind::Rs256.fits(&es256));
        assert!(!TokenKind::Opaque.fits(&es256));
        assert!(TokenKind::Opaque.fits("hp_at_abc"));
        assert!(!TokenKind::Opaque.fits(""));
    }

    #[test]
    fn a_job_with_an_unknown_field_is_refused() {
        let text = r#"{"work":"jwks","server":{"issuer":"http://localhost"},"concurrency":1,
            "warmup_seconds":0.1,"seconds":1,"extra":1}"#;
        assert!(serde_json::from_str::<Job>(text).is_err());
    }

    #[test]
    fn a_job_needs_no_more_than_its_work_asks_for() {
        let text = r#"{"work":"jwks","server":{"issuer":"http://localhost"},"concurrency":1,
            "warmup_seconds":0.1,"seconds":1}"#;
        let job: Job = serde_json::from_str(text).unwrap();
        assert_eq!(job.work, Work::Jwks);
    }
}
