//! Tokens for the client itself (RFC 6749 §4.4).

use super::authorization::{Tokens, client, token_request};
use super::{Flow, Laps, Prepared};
use crate::http::{Connection, Failure, Template, encode_form};
use crate::job::{Endpoints, Job, TokenKind};

/// Asks for one token.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    request: Template,
    body: String,
    wanted: TokenKind,
    seen: bool,
}

/// Makes the flows of a job, for that resource and kind of token.
///
/// # Errors
/// [`Failure::Address`], or [`Failure::Unexpected`] for a job without a client.
pub fn prepare(
    endpoints: &Endpoints,
    job: &Job,
    (resource, wanted): (Option<&str>, TokenKind),
) -> Result<Prepared<ClientCredentials>, Failure> {
    let client = client(job.client.as_ref())?;
    let mut fields = vec![("grant_type", "client_credentials")];
    fields.extend(resource.map(|resource| ("resource", resource)));
    let flow = ClientCredentials {
        request: token_request(&endpoints.token_endpoint, client)?,
        body: encode_form(fields),
        wanted,
        seen: false,
    };
    Ok(Prepared {
        server: endpoints.token_endpoint.clone(),
        flows: vec![flow; job.concurrency],
        browsers: Vec::new(),
    })
}

impl Flow for ClientCredentials {
    const STEPS: &'static [&'static str] = &["token"];

    async fn once(&mut self, connection: &mut Connection, laps: &mut Laps) -> Result<(), Failure> {
        let request = self.request.with_body(&self.body);
        let response = connection.exchange(request).await?;
        laps.mark();
        let tokens = Tokens::parse("token", &response)?;
        // The kind cannot change between two answers to the same request, so once is enough.
        if !self.seen && !self.wanted.fits(&tokens.access_token) {
            return Err(Failure::unexpected("token of another kind", &response));
        }
        self.seen = true;
        Ok(())
    }
}
