//! What the flows with a user share: authorization requests, their answers, the token request.

use std::borrow::Cow;

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use url::Url;

use crate::browser::{Browser, User};
use crate::http::{Authority, Connection, Failure, Response, Template, basic, encode_form};
use crate::job::{Client, Endpoints, Job, parse};

/// What a browser asks for when it signs in.
pub const SIGN_IN_SCOPE: &str = "openid profile email";

/// Authorization requests of one client with one scope.
#[derive(Clone, Debug)]
pub struct Request {
    authorization_endpoint: String,
    token_endpoint: String,
    client: Client,
    redirect_uri: String,
    /// The parameters that do not change, encoded.
    fixed: String,
}

impl Request {
    /// Requests of the job's client.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] for a job without a client, or a client without a redirect URI.
    pub fn new(endpoints: &Endpoints, job: &Job, scope: &str) -> Result<Self, Failure> {
        let client = client(job.client.as_ref())?.clone();
        let Some(redirect_uri) = client.redirect_uris.first().cloned() else {
            return Err(Failure::step("job", "the client has no redirect_uri"));
        };
        let fixed = encode_form([
            ("response_type", "code"),
            ("client_id", &client.client_id),
            ("redirect_uri", &redirect_uri),
            ("scope", scope),
            ("code_challenge_method", "S256"),
        ]);
        Ok(Self {
            authorization_endpoint: endpoints.authorization_endpoint.clone(),
            token_endpoint: endpoints.token_endpoint.clone(),
            client,
            redirect_uri,
            fixed,
        })
    }

    /// A new request, with `state`, `nonce` and PKCE (RFC 7636) of its own.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] where the system gives no random numbers.
    pub fn ticket(&self, prompt: Option<&str>) -> Result<Ticket, Failure> {
        let mut random = [0; 64];
        rand::fill(&mut random).map_err(|_| Failure::step("job", "no random numbers"))?;
        let (verifier, rest) = random.split_at(32);
        let (state, nonce) = rest.split_at(16);
        let verifier = URL_SAFE_NO_PAD.encode(verifier);
        let state = URL_SAFE_NO_PAD.encode(state);
        let nonce = URL_SAFE_NO_PAD.encode(nonce);
        let challenge = digest::digest(&digest::SHA256, verifier.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(challenge);
        // base64url needs no further encoding.
        let mut query = format!(
            "{}&state={state}&nonce={nonce}&code_challenge={challenge}",
            self.fixed
        );
        if let Some(prompt) = prompt {
            query.push_str("&prompt=");
            query.push_str(prompt);
        }
        Ok(Ticket {
            query,
            redirect_uri: self.redirect_uri.clone(),
            state,
            verifier,
        })
    }

    /// The second step of the flow.
    ///
    /// # Errors
    /// [`Failure::Address`].
    pub fn token_step(&self) -> Result<TokenStep, Failure> {
        Ok(TokenStep {
            request: token_request(&self.token_endpoint, &self.client)?,
            client_id: self.client.client_id.clone(),
        })
    }

    /// The whole flow in a browser, pages included.
    ///
    /// # Errors
    /// Whatever stands in the way.
    pub async fn tokens(
        &self,
        browser: &mut Browser,
        user: &User,
        prompt: Option<&str>,
    ) -> Result<Tokens<'static>, Failure> {
        let ticket = self.ticket(prompt)?;
        let mut url = parse(&self.authorization_endpoint)?;
        url.set_query(Some(&ticket.query));
        let end = browser.walk(url, user, &self.redirect_uri).await?;
        let code = ticket
            .code(end.as_str())
            .ok_or_else(|| Failure::step("authorize", end.as_str()))?;
        let server = parse(&self.token_endpoint)?;
        let mut connection = Connection::new(Authority::of(&server)?);
        let mut step = self.token_step()?;
        let response = connection.exchange(step.request(&code, &ticket)).await?;
        Ok(Tokens::parse("token", &response)?.into_owned())
    }
}

/// One authorization request and what its answer must match.
#[derive(Debug)]
pub struct Ticket {
    /// The request's parameters, encoded.
    pub query: String,
    redirect_uri: String,
    state: String,
    verifier: String,
}

impl Ticket {
    /// The code in the address that the server sent the browser to, if it answers this request.
    #[must_use]
    pub fn code(&self, location: &str) -> Option<String> {
        let query = location.strip_prefix(self.redirect_uri.as_str())?;
        let (mut code, mut state) = (None, None);
        for (name, value) in form_urlencoded::parse(query.strip_prefix('?')?.as_bytes()) {
            match name.as_ref() {
                "code" => code = Some(value.into_owned()),
                "state" => state = Some(value),
                _ => {}
            }
        }
        code.filter(|_| state.as_deref() == Some(self.state.as_str()))
    }

    /// The code out of the answer to this request. A server that leaves the people to another program, or to another page of its
    /// own, sends the browser there first, session or not.
    pub(crate) async fn code_behind(
        &self,
        response: &Response<'_>,
        browser: &mut Browser,
    ) -> Result<String, Failure> {
        let unexpected = || Failure::unexpected("authorize", response);
        let location = response.header("location").ok_or_else(unexpected)?;
        if let Some(code) = self.code(location) {
            return Ok(code);
        }
        let next = Url::parse(location).map_err(|_| unexpected())?;
        browser.take(response);
        let end = browser.follow(next, &self.redirect_uri).await?;
        self.code(end.as_str())
            .ok_or_else(|| Failure::step("authorize", end.as_str()))
    }

    /// Where its answer goes.
    pub(crate) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The parameters that exchange its code.
    pub(crate) fn exchange<'a>(&'a self, code: &'a str) -> [(&'static str, &'a str); 4] {
        [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", &self.verifier),
        ]
    }
}

/// The request that exchanges a code.
#[derive(Clone, Debug)]
pub struct TokenStep {
    request: Template,
    client_id: String,
}

impl TokenStep {
    /// The bytes of the request for this code.
    pub fn request(&mut self, code: &str, ticket: &Ticket) -> &[u8] {
        let client = [("client_id", self.client_id.as_str())];
        let fields = ticket.exchange(code).into_iter().chain(client);
        self.request.with_body(&encode_form(fields))
    }
}

/// A successful answer of the token endpoint.
#[derive(Debug, Deserialize)]
pub struct Tokens<'a> {
    /// The access token.
    #[serde(borrow)]
    pub access_token: Cow<'a, str>,
    /// How the access token is used (RFC 6749 §7.1).
    #[serde(borrow)]
    pub token_type: Option<Cow<'a, str>>,
    /// The refresh token, if there is one.
    #[serde(borrow)]
    pub refresh_token: Option<Cow<'a, str>>,
    /// The ID token, if there is one.
    #[serde(borrow)]
    pub id_token: Option<Cow<'a, str>>,
}

impl<'a> Tokens<'a> {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] for anything but status 200 and tokens.
    pub fn parse(step: &'static str, response: &Response<'a>) -> Result<Self, Failure> {
        match (response.status, serde_json::from_slice(response.body)) {
            (200, Ok(tokens)) => Ok(tokens),
            _ => Err(Failure::unexpected(step, response)),
        }
    }

    fn into_owned(self) -> Tokens<'static> {
        let own = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        Tokens {
            access_token: own(self.access_token),
            token_type: self.token_type.map(own),
            refresh_token: self.refresh_token.map(own),
            id_token: self.id_token.map(own),
        }
    }
}

/// A request with a form, authenticated as the client where it has a secret. A public client names itself in the form.
pub(crate) fn token_request(endpoint: &str, client: &Client) -> Result<Template, Failure> {
    let url = parse(endpoint)?;
    let accept = ("Accept", "application/json");
    Ok(match client.client_secret.as_deref() {
        Some(secret) => {
            let authorization = basic(&client.client_id, secret);
            Template::post_form(&url, &[("Authorization", authorization.as_str()), accept])
        }
        None => Template::post_form(&url, &[accept]),
    })
}

/// The client that the work cannot do without.
pub(crate) fn client(client: Option<&Client>) -> Result<&Client, Failure> {
    client.ok_or_else(|| Failure::step("job", "a client is needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        Ticket {
            query: String::new(),
            redirect_uri: "http://127.0.0.1:9/callback".to_owned(),
            state: "s".to_owned(),
            verifier: String::new(),
        }
    }

    #[test]
    fn the_code_is_read_from_an_answer_to_this_request() {
        let location = "http://127.0.0.1:9/callback?code=a%2Bb&state=s&iss=x";
        assert_eq!(ticket().code(location).as_deref(), Some("a+b"));
    }

    #[test]
    fn an_answer_to_another_request_gives_no_code() {
        for location in [
            "http://127.0.0.1:9/callback?code=a&state=other",
            "http://127.0.0.1:9/callback?code=a",
            "http://127.0.0.1:9/callback?error=login_required&state=s",
            "http://127.0.0.1:8/callback?code=a&state=s",
            "/sign-in?code=a&state=s",
        ] {
            assert_eq!(ticket().code(location), None, "{location}");
        }
    }
}
