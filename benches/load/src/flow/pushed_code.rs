//! The code flow with a live session, where the client signs: it pushes the request (RFC 9126), authenticates by assertions
//! (`private_key_jwt`) and binds its tokens to a key by proofs (RFC 9449).

use std::borrow::Cow;

use serde::Deserialize;

use super::authorization::{Request, Ticket, Tokens, client};
use super::{Flow, Laps, Prepared};
use crate::browser::Browser;
use crate::http::{Authority, Connection, Failure, Template, encode_form};
use crate::job::{Client, Endpoints, Job, TokenKind, parse};
use crate::key::{Assertions, ClientKey, Proofs};
use crate::limit::Unsigned;

/// One user's browser and the application with a key for its tokens, on one connection.
#[derive(Debug)]
pub struct PushedCode {
    request: Request,
    browser: Browser,
    client_id: String,
    assertions: Assertions,
    push: Template,
    push_proofs: PushProofs,
    authorize: Template,
    token: Template,
    token_proofs: Proofs,
    seen: bool,
}

/// How a pushed request says which key its tokens will be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9449 §10.1 knows these two")]
pub enum Named {
    /// By a proof that the key is held.
    ByProof,
    /// By its thumbprint, as a parameter.
    ByThumbprint,
}

#[derive(Clone, Debug)]
enum PushProofs {
    Proofs(Proofs),
    /// The encoded parameter with its `&`.
    Thumbprint(String),
}

/// Makes the flows of a job. Each browser goes through the flow once with its pages, so that nothing is left to consent to.
///
/// # Errors
/// Whatever keeps the browsers from getting tokens, such as a job whose client has no key.
pub async fn prepare(
    endpoints: &Endpoints,
    job: &Job,
    named: Named,
) -> Result<Prepared<PushedCode>, Failure> {
    let visitor = job.visitor.clone().unwrap_or_default();
    let url = parse(&endpoints.authorization_endpoint)?;
    let mut browsers = Vec::with_capacity(visitor.browsers.len());
    for cookies in visitor.browsers {
        let mut browser = Browser::new(&url, cookies)?;
        let elsewhere = Browser::new(&url, Vec::new())?;
        let mut flow = PushedCode::new(endpoints, job, elsewhere, named)?;
        let mut connection = Connection::new(Authority::of(&url)?);
        let ticket = flow.request.ticket(None)?;
        let mut start = url.clone();
        start.set_query(Some(&flow.push(&mut connection, &ticket).await?));
        let end = browser
            .walk(start, &visitor.user, ticket.redirect_uri())
            .await?;
        let code = ticket
            .code(end.as_str())
            .ok_or_else(|| Failure::step("authorize", end.as_str()))?;
        flow.redeem(&mut connection, &ticket, &code).await?;
        browsers.push(browser);
    }
    let mut flows: Vec<PushedCode> = Vec::with_capacity(job.concurrency);
    for browser in browsers.iter().cycle().take(job.concurrency) {
        let browser = Browser::new(&url, browser.cookies().to_vec())?;
        let mut flow = PushedCode::new(endpoints, job, browser, named)?;
        match flows.first() {
            Some(first) => flow.assertions.clone_from(&first.assertions),
            None => flow.assertions.sign_ahead(ahead(job))?,
        }
        flows.push(flow);
    }
    let browsers = browsers.iter().map(|browser| browser.cookies().to_vec());
    Ok(Prepared {
        server: endpoints.token_endpoint.clone(),
        flows,
        browsers: browsers.collect(),
    })
}

impl PushedCode {
    fn new(
        endpoints: &Endpoints,
        job: &Job,
        browser: Browser,
        named: Named,
    ) -> Result<Self, Failure> {
        let Client { client_id, key, .. } = client(job.client.as_ref())?;
        let Some(key) = key.clone() else {
            return Err(Failure::step("job", "the client has no key"));
        };
        let accept = [("Accept", "application/json")];
        let push = &endpoints.pushed_authorization_request_endpoint;
        let token = &endpoints.token_endpoint;
        let binding = ClientKey::generate()?;
        let url = parse(&endpoints.authorization_endpoint)?;
        let cookies = browser.cookie_header(url.path());
        Ok(Self {
            request: Request::new(endpoints, job, SCOPE)?,
            client_id: client_id.clone(),
            assertions: Assertions::new(key, client_id.clone(), endpoints.issuer.clone()),
            push: Template::post_form(&parse(push)?, &accept),
            push_proofs: match named {
                Named::ByProof => PushProofs::Proofs(Proofs::new(binding.clone(), push.clone())),
                Named::ByThumbprint => {
                    PushProofs::Thumbprint(format!("&dpop_jkt={}", binding.thumbprint()))
                }
            },
            authorize: Template::get(
                &url,
                &[("Accept", "text/html"), ("Cookie", cookies.as_str())],
            ),
            browser,
            token: Template::post_form(&parse(token)?, &accept),
            token_proofs: Proofs::new(binding, token.clone()),
            seen: false,
        })
    }

    /// Pushes the request; answers the query that stands for it.
    async fn push(
        &mut self,
        connection: &mut Connection,
        ticket: &Ticket,
    ) -> Result<String, Failure> {
        let assertion = self.assertions.next()?;
        let mut body = format!("{}&{}", ticket.query, encode_form(signed(&assertion)));
        let request = match &self.push_proofs {
            PushProofs::Proofs(proofs) => {
                let proof = proofs.next()?;
                self.push.with_header_and_body((DPOP, &proof), &body)
            }
            PushProofs::Thumbprint(parameter) => {
                body.push_str(parameter);
                self.push.with_body(&body)
            }
        };
        let response = connection.exchange(request).await?;
        let pushed: Option<Pushed<'_>> = serde_json::from_slice(response.body).ok();
        match (response.status, pushed) {
            (201, Some(Pushed { request_uri })) => Ok(encode_form([
                ("client_id", self.client_id.as_str()),
                ("request_uri", &request_uri),
            ])),
            _ => Err(Failure::unexpected("push", &response)),
        }
    }

    /// Exchanges the code for tokens that are bound to the key.
    async fn redeem(
        &mut self,
        connection: &mut Connection,
        ticket: &Ticket,
        code: &str,
    ) -> Result<(), Failure> {
        let assertion = self.assertions.next()?;
        let proof = self.token_proofs.next()?;
        let body = encode_form(ticket.exchange(code).into_iter().chain(signed(&assertion)));
        let request = self.token.with_header_and_body((DPOP, &proof), &body);
        let response = connection.exchange(request).await?;
        let tokens = Tokens::parse("token", &response)?;
        if tokens.token_type.as_deref() != Some(DPOP) {
            return Err(Failure::unexpected("token that is not bound", &response));
        }
        let id_token = tokens.id_token.unwrap_or_default();
        if id_token.is_empty() || (!self.seen && !TokenKind::Es256.fits(&id_token)) {
            return Err(Failure::unexpected("no ES256 ID token", &response));
        }
        self.seen = true;
        Ok(())
    }
}

impl Flow for PushedCode {
    const STEPS: &'static [&'static str] = &["push", "authorize", "token"];

    async fn once(&mut self, connection: &mut Connection, laps: &mut Laps) -> Result<(), Failure> {
        let ticket = self.request.ticket(None)?;
        let query = self.push(connection, &ticket).await?;
        laps.mark();

        let response = connection
            .exchange(self.authorize.with_query(&query))
            .await?;
        let code = ticket.code_behind(&response, &mut self.browser).await?;
        laps.mark();

        self.redeem(connection, &ticket, &code).await?;
        laps.mark();
        Ok(())
    }
}

/// How many assertions a job can need: two for each flow.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of assertions, and no more than fit a minute"
)]
fn ahead(job: &Job) -> usize {
    ((job.warmup_seconds + job.seconds) * MOST_PER_SECOND).clamp(0.0, MOST_AHEAD) as usize
}

/// The parameters that authenticate the client.
fn signed(assertion: &str) -> [(&'static str, &str); 2] {
    [
        ("client_assertion_type", Assertions::TYPE),
        ("client_assertion", assertion),
    ]
}

impl From<Unsigned> for Failure {
    fn from(error: Unsigned) -> Self {
        Self::step("sign", error.to_string())
    }
}

#[derive(Deserialize)]
struct Pushed<'a> {
    #[serde(borrow)]
    request_uri: Cow<'a, str>,
}

const SCOPE: &str = "openid";
/// More assertions than one core can take in a second.
const MOST_PER_SECOND: f64 = 7_000.0;
/// More are signed when they are needed: the first ones must still be good then.
const MOST_AHEAD: f64 = 40_000.0;
/// The header of proofs, and the type of tokens that are bound (RFC 9449 §5).
const DPOP: &str = "DPoP";
