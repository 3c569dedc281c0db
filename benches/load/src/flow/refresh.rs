//! Refreshing with rotation (RFC 6749 §6): each connection follows a chain of its own.

use std::collections::VecDeque;

use super::authorization::{Request, Tokens, client, token_request};
use super::{Flow, Laps, Prepared};
use crate::browser::Browser;
use crate::http::{Authority, Connection, Failure, Template, encode_form};
use crate::job::{Endpoints, Job, parse};

/// Exchanges its refresh token for the next one.
#[derive(Clone, Debug)]
pub struct Refresh {
    request: Template,
    refresh_token: String,
    client_id: String,
}

/// Gets a refresh token for each connection through the code flow.
///
/// # Errors
/// Whatever keeps the tokens from being issued.
pub async fn prepare(endpoints: &Endpoints, job: &Job) -> Result<Prepared<Refresh>, Failure> {
    if endpoints.authorization_endpoint.is_empty() {
        return prepare_bare(endpoints, job).await;
    }
    let visitor = job.visitor.clone().unwrap_or_default();
    let server = parse(&endpoints.authorization_endpoint)?;
    let authorization = Request::new(endpoints, job, SCOPE)?;
    let client = client(job.client.as_ref())?;
    let mut flows = Vec::with_capacity(job.concurrency);
    let mut browsers = VecDeque::new();
    for cookies in visitor.browsers {
        browsers.push_back(Browser::new(&server, cookies)?);
    }
    for _ in 0..job.concurrency {
        let Some(mut browser) = browsers.pop_front() else {
            return Err(Failure::step("job", "no browser is signed in"));
        };
        // OpenID Connect Core §11: offline access is asked for with a consent prompt.
        let prompt = Some("consent");
        let tokens = authorization
            .tokens(&mut browser, &visitor.user, prompt)
            .await?;
        browsers.push_back(browser);
        let Some(refresh_token) = tokens.refresh_token else {
            return Err(Failure::step("token", "no refresh token"));
        };
        flows.push(Refresh {
            request: token_request(&endpoints.token_endpoint, client)?,
            refresh_token: refresh_token.into_owned(),
            client_id: client.client_id.clone(),
        });
    }
    let browsers = browsers.iter().map(|browser| browser.cookies().to_vec());
    Ok(Prepared {
        server: endpoints.token_endpoint.clone(),
        flows,
        browsers: browsers.collect(),
    })
}

/// The same from a handler that gives the first token to whoever asks.
async fn prepare_bare(endpoints: &Endpoints, job: &Job) -> Result<Prepared<Refresh>, Failure> {
    let client = client(job.client.as_ref())?;
    let request = token_request(&endpoints.token_endpoint, client)?;
    let mut connection = Connection::new(Authority::of(&parse(&endpoints.token_endpoint)?)?);
    let mut flows = Vec::with_capacity(job.concurrency);
    for _ in 0..job.concurrency {
        let mut first = request.clone();
        let body = encode_form([("grant_type", "authorization_code")]);
        let response = connection.exchange(first.with_body(&body)).await?;
        let tokens = Tokens::parse("token", &response)?;
        let Some(refresh_token) = tokens.refresh_token else {
            return Err(Failure::step("token", "no refresh token"));
        };
        flows.push(Refresh {
            request: request.clone(),
            refresh_token: refresh_token.into_owned(),
            client_id: client.client_id.clone(),
        });
    }
    Ok(Prepared {
        server: endpoints.token_endpoint.clone(),
        flows,
        browsers: Vec::new(),
    })
}

impl Flow for Refresh {
    const STEPS: &'static [&'static str] = &["refresh"];

    async fn once(&mut self, connection: &mut Connection, laps: &mut Laps) -> Result<(), Failure> {
        let body = encode_form([
            ("grant_type", "refresh_token"),
            ("refresh_token", &self.refresh_token),
            ("client_id", &self.client_id),
        ]);
        let response = connection.exchange(self.request.with_body(&body)).await?;
        laps.mark();
        let tokens = Tokens::parse("refresh", &response)?;
        match tokens.refresh_token {
            Some(next) if next != self.refresh_token => {
                next.as_ref().clone_into(&mut self.refresh_token);
                Ok(())
            }
            _ => Err(Failure::unexpected("refresh without rotation", &response)),
        }
    }
}

const SCOPE: &str = "openid offline_access";
