//! The code flow with a live session: authorization request, then code for tokens.

use super::authorization::{Request, TokenStep};
use super::{Flow, Laps, Prepared};
use crate::browser::Browser;
use crate::http::{Connection, Failure, Template};
use crate::job::{Endpoints, Job, TokenKind, parse};

/// One user's browser and the application, on one connection.
#[derive(Debug)]
pub struct Code {
    request: Request,
    browser: Browser,
    authorize: Template,
    token: TokenStep,
    seen: bool,
}

/// Makes the flows of a job from browsers that are signed in.
///
/// # Errors
/// [`Failure::Address`], or [`Failure::Unexpected`] for a job without a client.
pub fn prepare(endpoints: &Endpoints, job: &Job) -> Result<Prepared<Code>, Failure> {
    let visitor = job.visitor.clone().unwrap_or_default();
    let url = parse(&endpoints.authorization_endpoint)?;
    let request = Request::new(endpoints, job, SCOPE)?;
    let mut flows = Vec::with_capacity(job.concurrency);
    for cookies in visitor.browsers.iter().cycle().take(job.concurrency) {
        let browser = Browser::new(&url, cookies.clone())?;
        let cookies = browser.cookie_header(url.path());
        let headers = [("Accept", "text/html"), ("Cookie", cookies.as_str())];
        flows.push(Code {
            authorize: Template::get(&url, &headers),
            token: request.token_step()?,
            request: request.clone(),
            browser,
            seen: false,
        });
    }
    Ok(Prepared {
        server: endpoints.token_endpoint.clone(),
        flows,
        browsers: Vec::new(),
    })
}

impl Flow for Code {
    const STEPS: &'static [&'static str] = &["authorize", "token"];

    async fn once(&mut self, connection: &mut Connection, laps: &mut Laps) -> Result<(), Failure> {
        let ticket = self.request.ticket(None)?;
        let request = self.authorize.with_query(&ticket.query);
        let response = connection.exchange(request).await?;
        let code = ticket.code_behind(&response, &mut self.browser).await?;
        laps.mark();

        let request = self.token.request(&code, &ticket);
        let response = connection.exchange(request).await?;
        laps.mark();
        let tokens = super::authorization::Tokens::parse("token", &response)?;
        let id_token = tokens.id_token.unwrap_or_default();
        if id_token.is_empty() || (!self.seen && !TokenKind::Es256.fits(&id_token)) {
            return Err(Failure::unexpected("no ES256 ID token", &response));
        }
        self.seen = true;
        Ok(())
    }
}

const SCOPE: &str = "openid";
