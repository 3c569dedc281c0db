//! The requests of a client.

use std::time::Duration;

use hallpass_load::browser::{Browser, User};
use hallpass_load::http::{Authority, Connection, Failure, Response, Template, basic, encode_form};
use hallpass_load::{Client, Endpoints};
use serde_json::Value;
use url::Url;

use crate::Failed;
use crate::history::{Outcome, Tokens};
use crate::server::Demo;

/// The endpoints of a server and its demo clients.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) endpoints: Endpoints,
    pub(crate) demo: Demo,
    /// Where to connect to: the issuer itself, or one of its nodes.
    pub(crate) node: Authority,
}

impl Place {
    /// Reads the discovery document.
    pub(crate) async fn of(demo: &Demo) -> Result<Self, Failed> {
        let issuer = hallpass_load::Server::Issuer(demo.issuer.clone());
        let endpoints = issuer.endpoints().await?;
        Ok(Self {
            node: Authority::of(&parse(&endpoints.token_endpoint)?)?,
            endpoints,
            demo: demo.clone(),
        })
    }

    /// The same through the node at that port.
    pub(crate) fn through(&self, port: u16) -> Self {
        let host = self.node.host.clone();
        Self {
            node: Authority { host, port },
            ..self.clone()
        }
    }

    /// A browser that talks to this node.
    pub(crate) fn browser(&self) -> Result<Browser, Failed> {
        let mut browser =
            Browser::new(&parse(&self.endpoints.authorization_endpoint)?, Vec::new())?;
        browser.go_through(self.node.clone());
        Ok(browser)
    }

    /// The client with every grant.
    pub(crate) fn confidential(&self) -> Result<&Client, Failed> {
        self.find(|client| client.client_secret.is_some() && !client.redirect_uris.is_empty())
    }

    /// A client without a secret.
    pub(crate) fn public(&self) -> Result<&Client, Failed> {
        self.find(|client| client.client_secret.is_none())
    }

    /// The client that introspects.
    pub(crate) fn resource_server(&self) -> Result<&Client, Failed> {
        self.find(|client| client.client_secret.is_some() && client.redirect_uris.is_empty())
    }

    fn find(&self, wanted: impl Fn(&Client) -> bool) -> Result<&Client, Failed> {
        let mut clients = self.demo.clients.iter();
        clients
            .find(|client| wanted(client))
            .ok_or_else(|| Failed::new("the demo lacks a client"))
    }
}

/// One client on one connection.
#[derive(Debug)]
pub(crate) struct Caller {
    client_id: String,
    redirect_uri: String,
    authorize: Url,
    token: Template,
    revoke: Template,
    introspect: Template,
    connection: Connection,
    /// What the server said when it last answered 429, 500 or 503.
    complaint: String,
    /// Where the last answer was such a one: when to come back.
    retry_after: Option<Duration>,
}

impl Caller {
    pub(crate) fn new(place: &Place, client: &Client) -> Result<Self, Failed> {
        let endpoints = &place.endpoints;
        Ok(Self {
            client_id: client.client_id.clone(),
            redirect_uri: client.redirect_uris.first().cloned().unwrap_or_default(),
            authorize: parse(&endpoints.authorization_endpoint)?,
            token: post(&endpoints.token_endpoint, client)?,
            revoke: post(
                &endpoints.token_endpoint.replace("/token", "/revoke"),
                client,
            )?,
            introspect: post(&endpoints.introspection_endpoint, place.resource_server()?)?,
            connection: Connection::new(place.node.clone()),
            complaint: String::new(),
            retry_after: None,
        })
    }

    /// What the server said when it last answered 429, 500 or 503.
    pub(crate) fn complaint(&self) -> &str {
        &self.complaint
    }

    /// When the server wants to be asked again, if it said so in its last answer.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Forgets the open connection.
    pub(crate) fn reset(&mut self) {
        self.connection.reset();
    }

    /// A new code for the person in the browser.
    pub(crate) async fn code(
        &self,
        browser: &mut Browser,
        user: &User,
        scope: &str,
    ) -> (Outcome, Option<String>) {
        let mut url = self.authorize.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", scope)
            .append_pair("code_challenge", CHALLENGE)
            .append_pair("code_challenge_method", "S256");
        if scope.contains("offline_access") {
            url.query_pairs_mut().append_pair("prompt", "consent");
        }
        match browser.walk(url, user, &self.redirect_uri).await {
            Ok(end) => {
                let code = end.query_pairs().find(|(name, _)| name == "code");
                match code {
                    Some((_, code)) => (Outcome::Ok, Some(code.into_owned())),
                    None => (Outcome::Unavailable, None),
                }
            }
            Err(failure) => {
                browser.reconnect();
                (outcome_of(&failure), None)
            }
        }
    }

    pub(crate) async fn exchange(&mut self, code: &str) -> (Outcome, Option<Tokens>) {
        let body = encode_form([
            ("grant_type", "authorization_code"),
            ("client_id", &self.client_id),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", VERIFIER),
        ]);
        self.tokens(&body).await
    }

    /// A token of the client's own for a resource.
    pub(crate) async fn machine(&mut self, resource: &str) -> (Outcome, Option<Tokens>) {
        let body = encode_form([("grant_type", "client_credentials"), ("resource", resource)]);
        self.tokens(&body).await
    }

    pub(crate) async fn refresh(&mut self, token: &str) -> (Outcome, Option<Tokens>) {
        let body = encode_form([
            ("grant_type", "refresh_token"),
            ("client_id", &self.client_id),
            ("refresh_token", token),
        ]);
        self.tokens(&body).await
    }

    pub(crate) async fn revoke(&mut self, token: &str) -> Outcome {
        let body = encode_form([("client_id", self.client_id.as_str()), ("token", token)]);
        let request = self.revoke.with_body(&body);
        match self.connection.exchange(request).await {
            Ok(response) => outcome(&response),
            Err(failure) => self.broken(&failure),
        }
    }

    pub(crate) async fn introspect(&mut self, token: &str) -> (Outcome, Option<bool>) {
        let request = self.introspect.with_body(&encode_form([("token", token)]));
        match self.connection.exchange(request).await {
            Ok(response) => {
                self.retry_after = retry_after(&response);
                let active = json(&response).pointer("/active").and_then(Value::as_bool);
                (outcome(&response), active)
            }
            Err(failure) => (self.broken(&failure), None),
        }
    }

    /// Whose a token is; none where it is not active.
    pub(crate) async fn subject(&mut self, token: &str) -> Result<Option<String>, Failed> {
        let request = self.introspect.with_body(&encode_form([("token", token)]));
        let response = self.connection.exchange(request).await?;
        let answer = json(&response);
        Ok(answer.get("sub").and_then(Value::as_str).map(str::to_owned))
    }

    async fn tokens(&mut self, body: &str) -> (Outcome, Option<Tokens>) {
        let request = self.token.with_body(body);
        match self.connection.exchange(request).await {
            Ok(response) => {
                let answer = json(&response);
                let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
                let tokens = text("access_token").map(|access| Tokens {
                    access,
                    refresh: text("refresh_token"),
                });
                let outcome = outcome(&response);
                self.retry_after = retry_after(&response);
                if outcome == Outcome::Unavailable {
                    self.complaint = format!("{} {answer}", response.status);
                }
                (outcome, tokens)
            }
            Err(failure) => (self.broken(&failure), None),
        }
    }

    fn broken(&mut self, failure: &Failure) -> Outcome {
        self.retry_after = None;
        self.connection.reset();
        outcome_of(failure)
    }
}

fn outcome(response: &Response<'_>) -> Outcome {
    match response.status {
        200..=399 => Outcome::Ok,
        429 | 500..=599 => Outcome::Unavailable,
        _ => Outcome::Refused,
    }
}

fn retry_after(response: &Response<'_>) -> Option<Duration> {
    let seconds = response.header("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn outcome_of(failure: &Failure) -> Outcome {
    match failure {
        Failure::Unexpected { what, .. } if what.starts_with('4') && !what.starts_with("429") => {
            Outcome::Refused
        }
        Failure::Unexpected { .. } => Outcome::Unavailable,
        Failure::Io(_) | Failure::Closed | Failure::Malformed(_) | Failure::Address(_) | _ => {
            Outcome::Unknown
        }
    }
}

fn json(response: &Response<'_>) -> Value {
    serde_json::from_slice(response.body).unwrap_or_default()
}

fn post(endpoint: &str, client: &Client) -> Result<Template, Failed> {
    let url = parse(endpoint)?;
    Ok(match &client.client_secret {
        Some(secret) => {
            let authorization = basic(&client.client_id, secret);
            Template::post_form(&url, &[("Authorization", &authorization)])
        }
        None => Template::post_form(&url, &[]),
    })
}

pub(crate) fn parse(text: &str) -> Result<Url, Failed> {
    Url::parse(text).map_err(|error| Failed::new(format!("{text}: {error}")))
}

/// RFC 7636, Appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
