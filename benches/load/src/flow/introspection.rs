//! Introspection of a live token (RFC 7662).

use serde::Deserialize;

use super::authorization::{Tokens, client, token_request};
use super::{Flow, Laps, Prepared};
use crate::http::{Authority, Connection, Failure, Template, encode_form};
use crate::job::{Endpoints, Job, parse};

/// Looks into one token.
#[derive(Clone, Debug)]
pub struct Introspection {
    request: Template,
    body: String,
}

/// Gets a token for no named resource and makes the flows of a job.
///
/// # Errors
/// Whatever keeps the token from being issued.
pub async fn prepare(endpoints: &Endpoints, job: &Job) -> Result<Prepared<Introspection>, Failure> {
    let url = parse(&endpoints.token_endpoint)?;
    let mut connection = Connection::new(Authority::of(&url)?);
    let mut request = token_request(&endpoints.token_endpoint, client(job.client.as_ref())?)?;
    let body = encode_form([("grant_type", "client_credentials")]);
    let response = connection.exchange(request.with_body(&body)).await?;
    let tokens = Tokens::parse("token", &response)?;
    if !job.plain_token().fits(&tokens.access_token) {
        return Err(Failure::unexpected("token of another kind", &response));
    }

    let resource_server = client(job.resource_server.as_ref())?;
    let flow = Introspection {
        request: token_request(&endpoints.introspection_endpoint, resource_server)?,
        body: encode_form([("token", tokens.access_token.as_ref())]),
    };
    Ok(Prepared {
        server: endpoints.introspection_endpoint.clone(),
        flows: vec![flow; job.concurrency],
        browsers: Vec::new(),
    })
}

impl Flow for Introspection {
    const STEPS: &'static [&'static str] = &["introspect"];

    async fn once(&mut self, connection: &mut Connection, laps: &mut Laps) -> Result<(), Failure> {
        let request = self.request.with_body(&self.body);
        let response = connection.exchange(request).await?;
        laps.mark();
        let answer: Result<Answer, _> = serde_json::from_slice(response.body);
        match (response.status, answer) {
            (200, Ok(Answer { active: true })) => Ok(()),
            _ => Err(Failure::unexpected("introspect", &response)),
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    active: bool,
}
